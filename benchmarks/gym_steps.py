"""How many environment steps a second, and what passes outside the simulator.

python benchmarks/gym_steps.py --systems EI1 EI2 EI3 --copies 1 8 64 --processes 2

Random actions in RateControl. Per system, length of a step and number of copies: "single" is one
environment, "vector" copies in one `Env.batch`, "processes" a Gymnasium AsyncVectorEnv of single
environments, one in each, "distributed" environments over one DistributedEnv, a step of each in
flight. Steps of all copies per second of the wall clock and, where it is all in this process, of
processor time, with the share of it that passes outside the engine.
"""

import argparse
import itertools
import time
import warnings
from functools import partial
from typing import Any

import numpy as np
from gymnasium.vector import AsyncVectorEnv
from gymnasium.vector.utils import batch_space
from rich import box
from rich.console import Console
from rich.table import Table
from stopwatch import Stopwatch

from livn.env.distributed import DistributedEnv
from livn.env.gymnasium import GymnasiumEnv
from livn.tasks import RateControl, single, vector

WARM = 2  # steps before the clock starts
ACTIONS = 1000  # drawn before it, and played in turn


class Together:
    """Environments over one DistributedEnv, of as many workers, that step side by side."""

    def __init__(self, system: str, task: dict[str, Any], n: int):
        self.many = DistributedEnv(system, backend="native", workers=n).init()
        encoding = single("RateControl", system).encoding
        self.envs = [GymnasiumEnv(self.many, encoding, RateControl(**task)) for _ in range(n)]
        self.action_space = batch_space(self.envs[0].action_space, n)

    def reset(self, seed: int) -> None:
        """Begin an episode of each."""
        for k, env in enumerate(self.envs):
            env.reset(seed=seed + k)

    def step(self, actions: Any) -> None:
        """Let each take its step."""
        steps = [env.submit_step(one) for env, one in zip(self.envs, actions, strict=True)]
        for env, step in zip(self.envs, steps, strict=True):
            env.get_step(step)

    def close(self) -> None:
        """End the workers."""
        self.many.shutdown()


def made(system: str, task: dict[str, Any], kind: str, copies: int) -> tuple[Any, Any]:
    """Return an environment and the stopwatch of its engine, None in other processes."""
    if kind == "single":
        env: Any = single("RateControl", system, **task)
        return env, Stopwatch(env.env.engine, "advance")
    if kind == "vector":
        env = vector("RateControl", system, copies, **task)
        return env, Stopwatch(env.batch.copies, "advance")
    if kind == "distributed":
        return Together(system, task, copies), None
    each = [partial(single, "RateControl", system, **task)] * copies
    return AsyncVectorEnv(each, context="spawn"), None


def measure(
    system: str, duration: int, kind: str, copies: int, seconds: float
) -> tuple[float, float, float]:
    """Return steps per second by wall and by processor, and the share outside the engine."""
    env, watch = made(system, {"duration": duration, "max_steps": 10**6}, kind, copies)
    env.reset(seed=0)
    env.action_space.seed(0)
    actions = [env.action_space.sample() for _ in range(ACTIONS)]
    for action in actions[:WARM]:
        env.step(action)
    if watch is not None:
        watch.seconds = 0.0
    n, start, cpu = 0, time.perf_counter(), time.process_time()
    while (wall := time.perf_counter() - start) < seconds or n < WARM:
        env.step(actions[n % ACTIONS])
        n += 1
    cpu = time.process_time() - cpu
    env.close()
    if watch is None:
        return copies * n / wall, np.nan, np.nan
    return copies * n / wall, copies * n / cpu, 1 - watch.seconds / cpu


def main() -> None:
    """Measure every combination and print a table."""
    parser = argparse.ArgumentParser(description="Environment steps per second.")
    parser.add_argument("--systems", nargs="+", default=["EI1", "EI2"])
    parser.add_argument("--durations", nargs="+", type=int, default=[10, 50])
    parser.add_argument("--copies", nargs="+", type=int, default=[1, 8, 64], help="1 for single")
    parser.add_argument("--processes", nargs="*", type=int, default=[2])
    parser.add_argument("--seconds", type=float, default=3.0)
    asked = parser.parse_args()
    kinds = [("single" if n == 1 else "vector", n) for n in asked.copies]
    kinds += [(kind, n) for n in asked.processes for kind in ("processes", "distributed")]
    table = Table("system", "step ms", "kind", "copies", "steps/s", "steps/cpu s", "outside %",
                  box=box.MARKDOWN)  # fmt: skip
    warnings.simplefilter("ignore")  # systems without parameters say so
    for system, duration, kind in itertools.product(asked.systems, asked.durations, kinds):
        wall, cpu, outside = measure(system, duration, *kind, asked.seconds)
        told = ["-" if np.isnan(x) else f"{x:.{d}f}" for x, d in ((cpu, 0), (100 * outside, 1))]
        table.add_row(system, str(duration), kind[0], str(kind[1]), f"{wall:.0f}", *told)
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
