"""Golden lowered text of every model; a change is a readable diff.

python tests/test_lowering.py    write the files anew, after a wanted change of model or scheme
"""

import subprocess
import sys
from pathlib import Path

import pytest

from livn.backend.brian2.lower import lower, lower_event
from livn.models import MODELS, make_model
from livn.models.assembly import assemble
from livn.models.lif import LIF
from livn.models.receptors import Receptor
from livn.models.scheme import Step, derive_step

GOLDEN = Path(__file__).parent / "golden"
KINDS = ("excitatory", "inhibitory")
RECEPTORS = {
    "AMPA": {"e": 0.0, "g_unit": 5e-4, "tau_rise": 0.5, "tau_decay": 3.0},
    "NMDA": {"e": 0.0, "g_unit": 5e-4, "tau_rise": 0.5, "tau_decay": 80.0},
    "GABA_A": {"e": -60.0, "g_unit": 1e-3, "tau_rise": 0.3, "tau_decay": 6.0},
}


def steps() -> dict[str, Step]:
    """Return the steps whose text is kept: each model and kind, and a cell with every receptor."""
    out = {}
    for name in MODELS:
        model = make_model(name)
        same = model.cell("excitatory") == model.cell("inhibitory")
        for kind in KINDS[:1] if same else KINDS:
            out[name if same else f"{name}-{kind}"] = derive_step(model.equations(kind))
    cell = LIF().cell("excitatory")
    for name, config in RECEPTORS.items():
        cell = cell.with_mechanisms("soma", Receptor.from_config(name, config).mechanism())
    out["LIF-receptors"] = derive_step(assemble(cell))
    return out


STEPS = steps()


def brian2(step: Step) -> str:
    """Return everything the Brian2 lowering of a step says."""
    text = lower(step)
    constants = "\n".join(f"{n} = {e}" for n, e in step.constants.items())
    parts = {"constants": constants, "model": text.model, "update": text.update,
             "threshold": text.threshold, "reset": text.reset}  # fmt: skip
    return "\n".join(f"# {title}\n{part}\n" for title, part in parts.items())


@pytest.mark.parametrize("name", STEPS)
def test_lowered_text_is_the_golden_file(name):
    golden = (GOLDEN / f"brian2-{name}.txt").read_text("utf-8")
    assert brian2(STEPS[name]) == golden, "run python tests/test_lowering.py if the change is meant"


def test_every_golden_file_has_its_model():
    assert {f.stem for f in GOLDEN.glob("*.txt")} == {f"brian2-{n}" for n in STEPS}


@pytest.mark.parametrize("name", STEPS)
def test_text_declares_each_variable_once_and_all_states(name):
    step = STEPS[name]
    declared = [line.split(" : ")[0] for line in lower(step).model.splitlines()]
    assert len(declared) == len(set(declared))
    assert {*step.equations.states, *step.equations.voltages, *step.inputs} <= set(declared)


def test_constant_that_differs_between_cells_is_not_shared():
    model = lower(STEPS["Izhikevich-excitatory"], frozenset({"V_threshold"})).model
    assert "V_threshold : 1 (constant)" in model
    assert "V_threshold : 1 (shared, constant)" not in model


def test_crossing_is_an_upward_one_and_reset_cells_spike_by_level():
    crossing, level = lower(STEPS["HodgkinHuxley"]), lower(STEPS["LIF"])
    assert "below = int(V_soma < V_threshold)" in crossing.update
    assert crossing.threshold == "V_soma >= V_threshold and free > 0.5 and below > 0.5"
    assert level.threshold == "V_soma >= V_threshold and free > 0.5"
    assert "below" not in level.model


def test_event_opens_both_states_of_a_receptor():
    text = lower_event(("A_AMPA_dend", "B_AMPA_dend"), "increment_0")
    assert text == "A_AMPA_dend_post += increment_0\nB_AMPA_dend_post += increment_0"


@pytest.mark.parametrize("backend", ["brian2", "diffrax", "native", "neuron"])
def test_lowering_imports_no_simulator(backend):
    code = (
        "import sys, importlib.util as u;"
        f"s = u.spec_from_file_location('lower', 'livn/backend/{backend}/lower.py');"
        "m = u.module_from_spec(s); sys.modules['lower'] = m; s.loader.exec_module(m);"
        "print([n for n in ('brian2', 'jax', 'neuron', 'numba') if n in sys.modules])"
    )
    root = Path(__file__).parents[1]
    out = subprocess.check_output([sys.executable, "-c", code], text=True, cwd=root)
    assert out.strip() == "[]"


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for old in GOLDEN.glob("*.txt"):
        old.unlink()
    for name, step in STEPS.items():
        (GOLDEN / f"brian2-{name}.txt").write_text(brian2(step), "utf-8")
