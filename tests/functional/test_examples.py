"""The examples of gradient descent, with few steps: they run, descend and draw."""

import importlib.util
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def example(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_cell_parameters_are_fitted_to_a_trace(tmp_path):
    found = example("fit_trace").main(str(tmp_path / "trace.png"), 150)
    assert found["cells-EXC:soma.E_L"] == pytest.approx(-64.0, abs=2.0)  # 500 steps come to -64.1
    assert (tmp_path / "trace.png").stat().st_size > 10_000


@pytest.mark.slow
def test_pulses_are_learned(tmp_path):
    before, after = example("learn_pulses").main(str(tmp_path / "pulses.png"), 12)
    assert after < before
    assert (tmp_path / "pulses.png").stat().st_size > 10_000
