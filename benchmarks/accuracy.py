"""How well spike times converge: every model on every backend against the converged solution.

python benchmarks/accuracy.py --models LIF ReducedCalciumSomaDendrite --json here.json
python benchmarks/accuracy.py --backends native native:precision=float32

Isolated cells without noise get a current step of `--duration` ms into the soma, one cell per
current. Reference is `livn.models.reference.solve`: LSODA at a relative tolerance of 1e-8 with
events, which is exact for cells with a reset as well. Per model, kind of cell and step size:

- spikes: of all cells together, and of the reference,
- crossing: largest and first-spike error, ms, of the interpolated threshold crossing; cells with a
  reset have none, because their voltage is gone after it,
- reported: largest error, ms, of the times in the Run, which lie on the grid.

Where the number of spikes differs, the first ones of each cell are compared.
"""

import argparse
import json
import time
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray
from rich import box
from rich.console import Console
from rich.table import Table
from run import PLAIN_WIDTH, machine

from livn import Env, Stimulus
from livn.backend import BACKENDS
from livn.errors import NotSupported
from livn.models import MODELS, make_model
from livn.models.assembly import Equations
from livn.models.description import Kind
from livn.models.reference import solve
from livn.system import ParallelSystem

Floats = NDArray[np.float64]

POPULATIONS: dict[str, Kind] = {"EXC": "excitatory", "INH": "inhibitory"}
STEPS = (0.1, 0.05, 0.025, 0.0125)  # ms
ONSET = 50.0  # ms
# nA; weak, middle and strong for each cell
CURRENTS = {
    "GLIF": (0.15, 0.3, 0.5),
    "HodgkinHuxley": (0.1, 0.2, 0.3),
    "Izhikevich": (0.005, 0.01, 0.02),
    "LIF": (0.16, 0.2, 0.5),
    "PinskyRinzel": (0.045, 0.3, 0.45),  # between them it is chaotic
    "ReducedCalciumSomaDendrite": (0.05, 0.1, 0.2),
}
SAME = {"cells-EXC:soma.r": 0.5, "cells-INH:soma.r": 0.5}  # Izhikevich: the reference's middle


@dataclass
class Accuracy:
    """One row of the table."""

    backend: str
    model: str
    kind: str
    dt: float
    spikes: int
    expected: int
    crossing: float
    first: float
    reported: float
    seconds: float


def measure(backend: str, model: str, dt: float, references: dict[str, list[Floats]],
            duration: float) -> list[Accuracy]:  # fmt: skip
    """Return one row per kind of cell."""
    currents = CURRENTS[model]
    n = len(currents)
    start = time.perf_counter()
    system = ParallelSystem(dict.fromkeys(references, n))
    name, _, text = backend.partition(":")
    settings = dict(pair.split("=") for pair in text.split(",") if pair)
    env = Env(system, make_model(model), backend=name, **settings).init()
    if model == "Izhikevich":
        env.set_params(SAME)
    env.record_spikes()
    env.record_voltage(dt=dt)
    step = np.zeros((round((ONSET + duration) / 5), n * len(references)))
    step[round(ONSET / 5) :] = np.tile(currents, len(references))
    stimulus = Stimulus(step, dt=5.0, input_mode="current")
    gids, times, _, voltage, *_ = env.run(ONSET + duration, stimulus, dt=dt)
    seconds = time.perf_counter() - start
    env.close()
    rows = []
    for k, (name, expected) in enumerate(references.items()):
        equations = make_model(model).equations(POPULATIONS[name])
        reported = [times[gids == k * n + c] for c in range(n)]
        crossed = None if equations.reset else [
            crossings(voltage[k * n + c], reported[c], dt, equations) for c in range(n)
        ]  # fmt: skip
        rows.append(
            Accuracy(
                backend, model, POPULATIONS[name], dt, sum(map(len, reported)),
                sum(map(len, expected)),
                max(errors(crossed, expected)) if crossed else float("nan"),
                max(errors([x[:1] for x in crossed], expected)) if crossed else float("nan"),
                max(errors(reported, expected)), seconds,
            )
        )  # fmt: skip
    return rows


def crossings(voltage: Floats, times: Floats, dt: float, equations: Equations) -> Floats:
    """Return where the voltage crosses the threshold in the steps that begin at `times`."""
    level = cast(float, equations.parameters["V_threshold"].value)
    k = np.rint(times / dt).astype(int)
    before, after = voltage[k], voltage[np.minimum(k + 1, len(voltage) - 1)]
    return times + dt * (level - before) / (after - before)


def errors(times: list[Floats], expected: list[Floats]) -> list[float]:
    """Return the largest error of each cell over the spikes that both have."""
    pairs = [(t[: len(e)], e[: len(t)]) for t, e in zip(times, expected, strict=True)]
    return [float(np.abs(t - e).max()) if len(t) else float("nan") for t, e in pairs]


def reference(model: str, name: str, duration: float) -> list[Floats]:
    """Return the converged spikes of each current."""
    equations = make_model(model).equations(POPULATIONS[name])
    stop = ONSET + duration
    return [solve(equations, i, ONSET, stop, stop).spikes for i in CURRENTS[model]]


def table(rows: list[Accuracy]) -> Table:
    """Return the rows as people read them, and as Markdown takes them."""
    shown = Table(box=box.MARKDOWN)
    for column in ("backend", "model", "cells"):
        shown.add_column(column)
    for column in ("dt ms", "spikes", "ref", "crossing ms", "first ms", "reported ms", "wall s"):
        shown.add_column(column, justify="right")
    for row in rows:
        *names, dt, spikes, expected, crossing, first, reported, seconds = astuple(row)
        numbers = ("–" if np.isnan(x) else f"{x:.4f}" for x in (crossing, first, reported))
        shown.add_row(*names, f"{dt:g}", str(spikes), str(expected), *numbers, f"{seconds:.1f}")
    return shown


def options() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(description="How well spike times converge.")
    parser.add_argument("--backends", nargs="+", default=list(BACKENDS),
                        help="name, or name:option=value,...")  # fmt: skip
    parser.add_argument("--models", nargs="+", default=list(CURRENTS), choices=MODELS)
    parser.add_argument("--steps", nargs="+", type=float, default=STEPS, help="ms")
    parser.add_argument("--duration", type=float, default=200.0, help="of the current step, ms")
    parser.add_argument("--json", type=Path, help="where to write the numbers as well")
    return parser.parse_args()


def main() -> None:
    """Measure every combination, print the table, write the numbers."""
    asked = options()
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = PLAIN_WIDTH
    rows: list[Accuracy] = []
    for model in asked.models:
        made = make_model(model)
        both = made.cell("excitatory") != made.cell("inhibitory")
        names = list(POPULATIONS) if both else ["EXC"]
        references = {name: reference(model, name, asked.duration) for name in names}
        for backend in asked.backends:
            for dt in asked.steps:
                console.print(backend, model, dt, "...")
                try:
                    rows += measure(backend, model, dt, references, asked.duration)
                except NotSupported as refusal:
                    console.print(f"  {refusal}")
    console.print(", ".join(f"{what} {value}" for what, value in machine().items()))
    console.print(table(rows))
    if asked.json:
        document = {"machine": machine(), "rows": [asdict(row) for row in rows]}
        asked.json.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
