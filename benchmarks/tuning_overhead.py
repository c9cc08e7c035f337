"""What tuning costs beside simulating: evaluations a second against a bare loop over `env.run`.

python benchmarks/tuning_overhead.py --systems EI1 EI2 --models ReducedCalciumSomaDendrite

All make the same evaluations of the default target (of point cells, which feel no electrode, the
spontaneous one), in processor time of one process:

- bare: `env.set_params`, `env.clear`, `env.run` in a loop, nothing measured,
- alone: the same with the statistics of the target,
- together: eight copies advance in one call, as `tune` does on the native backend,
- sobol, surrogate: a whole search, with proposals and rows.
"""

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1]))

from experiments.surrogate import make_optimiser
from experiments.targets.space import split
from experiments.tuning.evaluation import COPIES, Evaluator, Job, Question
from experiments.tuning.search import Budget, Memory, Search, answered
from livn.workers import Here


def bare(evaluator: Evaluator, jobs: list[Job]) -> None:
    """Simulate the jobs one after the other and measure nothing."""
    env = evaluator.env
    for job in jobs:
        own, protocol = split(job.values)
        env.set_params(own).clear().reseed_noise(job.streams[0])
        for stage in evaluator.target.stages():
            env.run(stage.duration, stage.stimulus(env, protocol) if stage.stimulus else None)


def alone(evaluator: Evaluator, jobs: list[Job]) -> None:
    """Evaluate the jobs one after the other."""
    for job in jobs:
        evaluator._row(job, evaluator._alone(job))


def together(evaluator: Evaluator, jobs: list[Job]) -> None:
    """Evaluate the jobs in batches."""
    for k in range(0, len(jobs), COPIES):
        evaluator(jobs[k : k + COPIES])


def searched(question: Question, method: str, n: int) -> float:
    """Return the processor time of a search of n evaluations, s, its set-up left out."""
    search = Search(question, Memory(), method, Budget(n, give_up=0))
    with Here(question) as pool:
        first = search.next_round()
        assert first is not None
        list(answered(pool, [first[0][0]], 1))  # made and compiled
        began = time.process_time()
        for _ in search.run(pool):
            pass
        return time.process_time() - began


def measure(system: str, model: str, n: int, duration: float) -> dict[str, float]:
    """Return evaluations per second of processor time, by way of making them."""
    point = model == "Izhikevich"
    options: dict[str, Any] = {"duration": duration}
    question = Question(system, "Spontaneous" if point else "Culture", options, model, "native")
    evaluator = question()
    space = evaluator.target.search_space(evaluator.env)
    points = make_optimiser("sobol", space, evaluator.target.goals()).ask(n)
    jobs = [Job(k, space.values(x), [1 + k]) for k, x in enumerate(points)]
    found = {}
    for way in (bare, alone, together):
        way(evaluator, jobs[:COPIES])
        began = time.process_time()
        way(evaluator, jobs)
        found[way.__name__] = n / (time.process_time() - began)
    for method in ("sobol", "surrogate"):
        found[method] = n / searched(question, method, n)
    return found


def main() -> None:
    """Measure every combination and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--systems", nargs="+", default=["EI1", "EI2"])
    parser.add_argument("--models", nargs="+", default=["Izhikevich", "ReducedCalciumSomaDendrite"])
    parser.add_argument("--evaluations", type=int, default=64)
    parser.add_argument("--duration", type=float, default=10000.0, help="measured at rest, ms")
    asked = parser.parse_args()
    ways = ("bare", "alone", "together", "sobol", "surrogate")
    table = Table("system", "model", *ways, title="evaluations / cpu s", box=box.MARKDOWN)
    for system in asked.systems:
        for model in asked.models:
            found = measure(system, model, asked.evaluations, asked.duration)
            table.add_row(system, model, *(f"{found[way]:.3g}" for way in ways))
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
