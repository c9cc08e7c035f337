"""How many environment steps a second: single and vector, and what passes outside the simulator.

python benchmarks/gym_steps.py --systems EI1 EI2 --copies 1 8 64

Random actions in RateControl. Per system, length of a step and number of copies (1 is the single
environment): steps of all copies per second of processor time and of the wall clock, and the
share of the processor time that passes outside the engine.
"""

import argparse
import itertools
import time
import warnings
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from livn.tasks import single, vector

WARM = 2  # steps before the clock starts


class Stopwatch:
    """Stands before an engine and adds up the processor time of its calls, s."""

    def __init__(self, engine: Any):
        self._advance, self.seconds = engine.advance, 0.0
        engine.advance = self

    def __call__(self, *arguments: Any) -> Any:
        start = time.process_time()
        output = self._advance(*arguments)
        self.seconds += time.process_time() - start
        return output


def measure(system: str, duration: int, copies: int, seconds: float) -> tuple[float, float, float]:
    """Return steps per second by processor and by wall, and the share outside the engine."""
    task = {"duration": duration, "max_steps": 200}
    if copies == 1:
        env: Any = single("RateControl", system, **task)
        watch = Stopwatch(env.env.engine)
    else:
        env = vector("RateControl", system, copies, **task)
        watch = Stopwatch(env.batch.copies)
    env.reset(seed=0)
    env.action_space.seed(0)
    for _ in range(WARM):
        env.step(env.action_space.sample())
    watch.seconds, n = 0.0, 0
    start, cpu = time.perf_counter(), time.process_time()
    while (wall := time.perf_counter() - start) < seconds or n < WARM:
        *_, truncated, _ = env.step(env.action_space.sample())
        if copies == 1 and truncated:
            env.reset()
        n += 1
    cpu = time.process_time() - cpu
    env.close()
    return copies * n / cpu, copies * n / wall, 1 - watch.seconds / cpu


def main() -> None:
    """Measure every combination and print a table."""
    parser = argparse.ArgumentParser(description="Environment steps per second.")
    parser.add_argument("--systems", nargs="+", default=["EI1", "EI2"])
    parser.add_argument("--durations", nargs="+", type=int, default=[10, 50])
    parser.add_argument("--copies", nargs="+", type=int, default=[1, 8, 64])
    parser.add_argument("--seconds", type=float, default=3.0)
    asked = parser.parse_args()
    table = Table("system", "step ms", "copies", "steps/cpu s", "steps/s", "outside %",
                  box=box.MARKDOWN)  # fmt: skip
    warnings.simplefilter("ignore")  # systems without parameters say so
    for case in itertools.product(asked.systems, asked.durations, asked.copies):
        cpu, wall, outside = measure(*case, asked.seconds)
        table.add_row(*map(str, case), f"{cpu:.0f}", f"{wall:.0f}", f"{100 * outside:.1f}")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
