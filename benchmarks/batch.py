"""How many cultures a processor simulates at once: copies of `env.batch(n)` in turns of 10 ms.

python benchmarks/batch.py --systems EI1 EI2 --models Izhikevich --threads 1 2

Per system, model, number of copies and of threads, stimulated in every turn by one array for all
copies (currents into all cells, or commands for all electrodes where the cells feel them):

- sim s / cpu s: simulated seconds of all copies per second of processor time, higher is better,
- sim s / wall s: the same per second of the wall clock,
- us / copy: processor time of one copy and turn, µs,
- loop: the same as the first, of `env.run(10)` of one Env, called for one copy after the other.
"""

import argparse
import itertools
import time
import warnings
from collections.abc import Callable
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from livn import Env, Stimulus

STEP = 10.0  # ms of one turn
CURRENT = 0.002  # nA
AMPLITUDE = 1.5  # uA


@dataclass(frozen=True)
class Rate:
    """One row of the table; see the module."""

    system: str
    model: str
    copies: int
    threads: int
    per_cpu: float
    per_wall: float
    us_per_copy: float
    loop: float


def stimuli(source: Any, env: Env, shape: tuple[int, ...]) -> Stimulus:
    """Return what is played in a turn, with `shape` in front of steps and columns."""
    rng = np.random.default_rng(0)
    if "extracellular" in env.model.input_modes():
        commands = AMPLITUDE * rng.uniform(-1, 1, (*shape, 10, env.io.num_channels))
        made: Stimulus = source.cell_stimulus(commands, dt=1.0)
        return made
    return Stimulus.from_current(
        CURRENT * rng.uniform(0, 1, (*shape, 10, env.system.num_neurons)), dt=1.0
    )


def timed(turn: Callable[[], object], seconds: float) -> tuple[float, float]:
    """Return seconds by the processor and by the wall clock of one turn, the best of three."""
    turn()
    best, n = (float("inf"), float("inf")), 1
    for _ in range(3):
        cpu, wall, turns = time.process_time(), time.perf_counter(), 0
        while turns < n or time.perf_counter() - wall < seconds / 3:
            turn()
            turns += 1
        took = time.process_time() - cpu, time.perf_counter() - wall
        best = min(best, (took[0] / turns, took[1] / turns))
    return best


def measure(
    system: str, model: str, copies: int, threads: int, backend: str, seconds: float
) -> Rate:
    """Return the rate of one combination."""
    options = {"threads": threads} if backend == "native" else {}
    env = Env(system, model, backend=backend, **options).init().apply_model_defaults()
    env.record_spikes()
    batch = env.batch(copies)
    cpu, wall = timed(lambda: batch.run(STEP, stimuli(batch, env, (copies,))).spike_ids, seconds)
    batch.close()
    one, _ = timed(lambda: env.run(STEP, stimuli(env, env, ())).spike_ids, seconds / 4)
    simulated = copies * STEP / 1e3
    env.close()
    return Rate(system, model, copies, threads, simulated / cpu, simulated / wall,
                1e6 * cpu / copies, STEP / 1e3 / one)  # fmt: skip


def main() -> None:
    """Measure every combination and print a table."""
    parser = argparse.ArgumentParser(description="How many cultures a processor simulates at once.")
    parser.add_argument("--systems", nargs="+", default=["EI1", "EI2"])
    parser.add_argument("--models", nargs="+", default=["Izhikevich", "ReducedCalciumSomaDendrite"])
    parser.add_argument("--copies", nargs="+", type=int, default=[1, 8, 64, 512])
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--backend", default="native")
    parser.add_argument("--seconds", type=float, default=1.0, help="of one measurement")
    asked = parser.parse_args()
    table = Table("system", "model", "copies", "threads", "sim s / cpu s", "sim s / wall s",
                  "us / copy", "loop", box=box.MARKDOWN)  # fmt: skip
    warnings.simplefilter("ignore")  # systems without parameters say so
    for combination in itertools.product(asked.systems, asked.models, asked.copies, asked.threads):
        rate = measure(*combination, asked.backend, asked.seconds)
        table.add_row(*(f"{v:.4g}" if isinstance(v, float) else str(v) for v in astuple(rate)))
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
