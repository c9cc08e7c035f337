"""What docs/tuning.md says is so."""

import re
from pathlib import Path

import pytest

from experiments.targets import Culture
from experiments.targets.target import WEIGHTS
from experiments.tune import Tune

PAGE = (Path(__file__).parents[2] / "docs" / "tuning.md").read_text("utf-8")


def test_the_example_runs(capsys):
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(example, "docs/tuning.md", "exec"), {})
    shown = capsys.readouterr().out
    assert shown.startswith("24 evaluations (")
    assert "'noise-EXC-level': " in shown


@pytest.mark.parametrize("goal", Culture().goals(), ids=lambda goal: goal.feature)
def test_the_table_has_the_bands_in_force(goal):
    (row,) = (line for line in PAGE.splitlines() if line.startswith(f"| `{goal.feature}` | ")
              and line.count("|") == 6)  # fmt: skip
    band, target = (cell.strip() for cell in row.split("|")[2:4])
    written = band.replace("1/60", f"{1 / 60}").replace("from", "").replace("to", " ").split()
    edges = [edge for edge in (goal.low, goal.high) if edge is not None]
    assert [float(edge) for edge in written] == pytest.approx(edges)
    assert target == ("" if goal.target is None else f"{goal.target:g}")


def test_bounds_durations_and_versions_are_those_in_force():
    culture = Culture()
    assert (culture.warm_up, culture.duration, culture.stimulation) == (1000.0, 20000.0, 3000.0)
    assert culture.amplitude == (1.0, 25.0)
    bounds = {name: given[:2] for name, given in WEIGHTS.items()}
    assert bounds == {"AMPA": (0.05, 10.0), "NMDA": (0.05, 30.0), "GABA_A": (0.05, 10.0)}
    own = {name for name in vars(Tune) if name.startswith("version_")}
    assert {f"version_{name}" for name in ("first", "quick", "spontaneous", "float32")} == own
