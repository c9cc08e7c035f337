"""How fast cultures run, and how fast a closed loop turns.

python benchmarks/run.py --systems EI1 EI2 --duration 1000 --json here.json

Per contestant (a simulator that can run a predefined system), system and model:

- rate: spikes per cell and second, to see that the same was asked of all,
- build: seconds from nothing to a culture that is ready to run,
- first: seconds of its first 10 ms, compilation included,
- wall s / s: wall seconds per simulated second of one uninterrupted run,
- loop: milliseconds of one `run(10)`, median over repeats, without and with a stimulus.
"""

import argparse
import itertools
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, astuple, dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from livn import Env, Stimulus
from livn.backend import BACKENDS
from livn.errors import LivnError
from livn.models import MODELS

T = TypeVar("T")
STEP = 10.0  # ms of one turn of the closed loop
AMPLITUDE = 1.5  # uA
CURRENT = 0.002  # nA
DEFAULT_MODELS = ["Izhikevich", "ReducedCalciumSomaDendrite"]
PLAIN_WIDTH = 160  # characters of a line that goes to a file


class Culture(Protocol):
    """What a contestant makes: cells that can be advanced together."""

    n_cells: int

    def run(self, duration: float, stimulated: bool) -> int:
        """Advance by `duration` ms and return the number of spikes."""


class LivnCulture:
    """A predefined system in livn."""

    def __init__(self, system: str, model: str, backend: str, **options: str):
        self.env = Env(system, model=model, backend=backend, **options)
        self.env.init()
        self.env.apply_model_defaults()
        self.env.record_spikes()
        self.n_cells = self.env.system.num_neurons
        self.stimulus = _stimulus(self.env)

    def run(self, duration: float, stimulated: bool) -> int:
        """Advance by `duration` ms and return the number of spikes."""
        return len(self.env.run(duration, self.stimulus if stimulated else None).spike_ids)


def _stimulus(env: Env) -> Stimulus:
    """A pulse of one electrode, or a current into every cell where cells do not feel electrodes."""
    if "extracellular" in env.model.input_modes():
        pulse = Stimulus.biphasic_pulse(
            env.io.num_channels, [0], amplitude=AMPLITUDE, interphase_gap=0.1, dt=0.1
        )
        return env.cell_stimulus(pulse)
    return Stimulus.from_current(np.full((5, env.system.num_neurons), CURRENT), dt=0.1)


# name -> (system, model) -> Culture. Another simulator joins with one line and its own class.
CONTESTANTS: dict[str, Callable[[str, str], Culture]] = {
    name: partial(LivnCulture, backend=name) for name in BACKENDS
}
CONTESTANTS["brian2-cython"] = partial(LivnCulture, backend="brian2", target="cython")

NUMBERS = ["rate Hz", "build s", "first s", "wall s / s", "loop ms", "stimulated loop ms"]


@dataclass(frozen=True)
class Timing:
    """One row of the table; see the module for what the seconds are."""

    contestant: str
    system: str
    model: str
    rate_hz: float
    build_s: float
    first_s: float
    wall_per_simulated: float
    loop_ms: float
    loop_stimulated_ms: float


def timed(action: Callable[..., T], *arguments: object) -> tuple[T, float]:
    """Return what `action` returns and the wall seconds it took."""
    start = time.perf_counter()
    return action(*arguments), time.perf_counter() - start


def measure(contestant: str, system: str, model: str, duration: float, repeats: int) -> Timing:
    """Return the timing of one combination; `duration` in ms is the uninterrupted run."""
    culture, build = timed(CONTESTANTS[contestant], system, model)
    _, first = timed(culture.run, STEP, False)
    n_spikes, wall = timed(culture.run, duration, False)
    loops = [
        1e3 * statistics.median(timed(culture.run, STEP, stimulated)[1] for _ in range(repeats))
        for stimulated in (False, True)
    ]
    rate = 1e3 * n_spikes / culture.n_cells / duration
    return Timing(contestant, system, model, rate, build, first, 1e3 * wall / duration, *loops)


def machine() -> dict[str, str]:
    """Return what the numbers depend on: processor, cores, system, versions."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.processor() or platform.machine(),
        "cores": str(os.cpu_count()),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        **{name: version(name) for name in ("livn", "numpy", "brian2")},
    }


def table(timings: list[Timing]) -> Table:
    """Return the timings as people read them, and as Markdown takes them."""
    shown = Table(box=box.MARKDOWN)
    for column in ("contestant", "system", "model"):
        shown.add_column(column)
    for column in NUMBERS:
        shown.add_column(column, justify="right")
    for timing in timings:
        names, numbers = astuple(timing)[:3], astuple(timing)[3:]
        shown.add_row(*names, *(f"{n:.3g}" if n < 1000 else f"{n:,.0f}" for n in numbers))
    return shown


def options() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(description="How fast cultures run.")
    parser.add_argument("--systems", nargs="+", default=["EI1", "EI2", "EI3"])
    parser.add_argument("--backends", nargs="+", default=list(BACKENDS), choices=CONTESTANTS)
    parser.add_argument("--models", nargs="+", default=DEFAULT_MODELS, choices=list(MODELS))
    parser.add_argument("--duration", type=float, default=1000.0, help="ms of the long run")
    parser.add_argument("--repeats", type=int, default=20, help="turns of the closed loop")
    parser.add_argument("--json", type=Path, help="where to write the numbers as well")
    return parser.parse_args()


def main() -> None:
    """Measure every combination, print the table, write the numbers."""
    asked = options()
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = PLAIN_WIDTH
    timings = []
    for combination in itertools.product(asked.backends, asked.systems, asked.models):
        console.print(*combination, "...")
        try:
            timings.append(measure(*combination, asked.duration, asked.repeats))
        except LivnError as refusal:
            console.print(f"  {refusal}")
    console.print(", ".join(f"{what} {value}" for what, value in machine().items()))
    console.print(table(timings))
    if asked.json:
        document = {"machine": machine(), "timings": [asdict(timing) for timing in timings]}
        asked.json.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
