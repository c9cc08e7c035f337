"""The generated source: golden text, no line twice, vectors in the machine code.

python tests/native/test_lower.py    write the files anew, after a wanted change of model or scheme
"""

import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
from numba import cfunc, types

from livn.backend.native.lower import LANES, Lowered, lower
from livn.models import MODELS, make_model
from livn.models.assembly import assemble
from livn.models.description import Cell, Compartment, Mechanism, Parameter, Spike
from livn.models.receptors import Receptor
from livn.models.scheme import derive_step

GOLDEN = Path(__file__).parent / "golden"


def lowered(name: str, **options) -> Lowered:
    """Return the source for excitatory cells without synapses."""
    return lower(derive_step(make_model(name).equations("excitatory")), **options)


@pytest.mark.parametrize("name", ["LIF", "HodgkinHuxley"])
def test_source_is_the_golden_file(name):
    golden = (GOLDEN / f"{name}.txt").read_text("utf-8")
    assert lowered(name).text == golden, "run python tests/native/test_lower.py if that is meant"


@pytest.mark.parametrize("name", MODELS)
def test_nothing_is_computed_twice(name):
    lines = [line.split(" = ") for line in lowered(name).text.splitlines() if " = " in line]
    values = [value for given, value in lines if "__way" not in given]
    assert len(values) == len(set(values))


@pytest.mark.parametrize("precision", ["double", "single"])
@pytest.mark.parametrize("name", ["LIF", "Izhikevich", "HodgkinHuxley"])
def test_cells_are_computed_in_vectors(name, precision, tmp_path):
    """Also with events from two projections, which come from another array than the cells."""
    source = tmp_path / "source.py"
    receptors = [Receptor(n, 0.0, 1e-3, 0.5, 3.0) for n in ("AMPA", "NMDA")]
    cell = make_model(name).cell("excitatory")
    for receptor in receptors:
        cell = cell.with_mechanisms("soma", receptor.mechanism())
    pairs = [(f"A_{r.name}_soma", f"B_{r.name}_soma") for r in receptors]
    text = lower(derive_step(assemble(cell)), ((pairs[0],), (pairs[1],)), precision=precision).text
    source.write_text(text.replace("@cells_function\n", ""), encoding="utf-8")
    spec = spec_from_file_location("source", source)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    real = types.float64 if precision == "double" else types.float32
    pointer, whole = types.CPointer(real), types.int64
    compiled = cfunc(
        types.void(*(pointer,) * 3, *(whole,) * 5),
        fastmath={"contract"}, error_model="numpy",
    )(module.advance)  # fmt: skip
    ir = compiled.inspect_llvm()
    scalar = "double" if precision == "double" else "float"
    assert re.search(rf"fmul contract <\d+ x {scalar}>", ir)
    assert not re.search(rf"(fmul|fadd|fdiv|fsub) contract {scalar}", ir)


def test_constants_of_single_cells_are_rows_and_others_are_shared():
    per_cell = lowered("Izhikevich", per_cell=frozenset({"V_threshold"}))
    assert "V_threshold" in per_cell.rows
    assert "V_threshold" not in per_cell.shared
    assert "V_threshold" in lowered("Izhikevich").shared


def test_rows_that_decide_the_future_come_first():
    made = lowered("HodgkinHuxley")
    assert made.rows[: len(made.dynamic)] == made.dynamic
    assert made.dynamic[-1] == "wait"


def test_names_of_a_model_may_be_those_of_the_source():
    cell = Cell(
        "odd",
        (Compartment("soma", (Mechanism("leak", "exp * V", parameters=()),), "cells"),),
        Spike("lane", "1", {"V": "first"}),
        "made up",
        parameters=tuple(
            Parameter(n, v) for n, v in
            [("exp", 0.1), ("cells", 1.0), ("lane", -40.0), ("first", -70.0), ("V_init", -70.0)]
        ),
    )  # fmt: skip
    text = lower(derive_step(assemble(cell))).text
    assert "first_ = shared[shared_at" in text
    assert f"for lane in range({LANES // 2}):" in text
    compile(text, "odd", "exec")


if __name__ == "__main__":
    for model in ("LIF", "HodgkinHuxley"):
        (GOLDEN / f"{model}.txt").write_text(lowered(model).text, encoding="utf-8")
