"""What a step of the native engine costs, part by part, and what a run costs around it.

python benchmarks/native_cells.py --systems EI2 EI3 --models Izhikevich RCSD

Per system, model, precision and number of threads, the least of some repeats:

- cpu s / s and wall s / s: seconds per simulated second, spikes recorded, noise on;
- ns / cell-step: cpu seconds over cells and steps;
- loop us: one `env.run(10)` with spikes back, its median, and of it what the Env spends.
"""

import argparse
import itertools
import statistics
import time
from dataclasses import astuple, dataclass

from rich.console import Console
from rich.table import Table

from livn import Env

MODELS = {"RCSD": "ReducedCalciumSomaDendrite"}
LOOP = 10.0  # ms


@dataclass(frozen=True)
class Cost:
    """One row; see the module."""

    system: str
    model: str
    precision: str
    threads: int
    cpu: float
    wall: float
    per_cell_step: float
    loop: float
    loop_env: float


def measure(
    system: str, model: str, precision: str, threads: int, duration: float, repeats: int
) -> Cost:
    """Return the costs of one combination; `duration` in ms is one repeat."""
    env = Env(system, MODELS.get(model, model), backend="native", precision=precision,
              threads=threads).init()  # fmt: skip
    env.apply_model_defaults().record_spikes().run(LOOP)
    cpus, walls = [], []
    for _ in range(repeats):
        cpu, wall = time.process_time(), time.perf_counter()
        env.run(duration)
        cpus.append(time.process_time() - cpu)
        walls.append(time.perf_counter() - wall)
    loop = statistics.median(_seconds(env.run, LOOP) for _ in range(20 * repeats))
    n = round(LOOP / env.engine.dt)
    inner = statistics.median(_seconds(env.engine.advance, n, {}, []) for _ in range(20 * repeats))
    cell_steps = env.system.num_neurons * duration / env.engine.dt
    per_second = 1e3 / duration
    return Cost(
        system, model, precision, threads, min(cpus) * per_second, min(walls) * per_second,
        1e9 * min(cpus) / cell_steps, 1e6 * loop, 1e6 * (loop - inner),
    )  # fmt: skip


def _seconds(action, *arguments: object) -> float:  # type: ignore[no-untyped-def]
    start = time.perf_counter()
    action(*arguments)
    return time.perf_counter() - start


def main() -> None:
    """Measure every combination and print a table."""
    parser = argparse.ArgumentParser(description="What the native engine costs.")
    parser.add_argument("--systems", nargs="+", default=["EI1", "EI2"])
    parser.add_argument("--models", nargs="+", default=["LIF", "Izhikevich", "RCSD"])
    parser.add_argument("--precisions", nargs="+", default=["float64", "float32"])
    parser.add_argument("--threads", nargs="+", type=int, default=[1])
    parser.add_argument("--duration", type=float, default=200.0, help="ms of one repeat")
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    table = Table("system", "model", "precision", "threads", "cpu s / s", "wall s / s",
                  "ns / cell-step", "loop us", "of it Env us")  # fmt: skip
    for combination in itertools.product(
        asked.systems, asked.models, asked.precisions, asked.threads
    ):
        cost = measure(*combination, asked.duration, asked.repeats)
        table.add_row(*(f"{v:.3g}" if isinstance(v, float) else str(v) for v in astuple(cost)))
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
