"""How fast a culture is tuned to inside every band: the surrogate against random, Sobol, Optuna.

python benchmarks/tuning.py --workers 16 --json tuning.json --out docs/tuning-convergence.png

Every method has the same budget, seeds and noise, and ends with the first evaluation that is inside
every band of the default target. Searches compute in single precision; then that evaluation, or
the nearest, is simulated again in double precision on noise that no evaluation had. Each search is
one task of one process. Per system and method, over the seeds:

- inside: searches that came inside every band within the budget,
- evaluations: made until then, median (a search that did not counts as the budget) and all,
- nearest: how far outside its bands the best evaluation was, half widths in all, median,
- cpu s: processor time of a search, mean; ask s: of that, spent on proposals,
- holds: searches whose find is inside every band also on average over new noise,
- distance: how far the find is outside its bands on new noise, half widths in all, median.

The rows are kept with --json, from which --draw makes the table and the pictures again: convergence
and, beside it, what the best find of the surrogate does in each system.
"""

import argparse
import importlib.util
import json
import sys
import time
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from rich import box
from rich.console import Console
from rich.table import Table
from stopwatch import Stopwatch

sys.path.insert(0, str(Path(__file__).parents[1]))

from experiments.targets.goals import missed
from experiments.tuning.evaluation import Question
from experiments.tuning.figures import play, rasters
from experiments.tuning.results import candidates, first_inside
from experiments.tuning.search import Budget, Memory, Search
from livn.plots.style import PALETTE, bare
from livn.system import make
from livn.workers import Here, start

# As short as still tells the statistics apart: EI1 has few spikes, EI2 costs five times as much.
OPTIONS = {
    "EI1": {"duration": 20000.0, "stimulation": 3000.0},
    "EI2": {"duration": 10000.0, "stimulation": 2000.0},
}
BUDGET = {"EI1": 256, "EI2": 256}  # evaluations of a search
QUICK = {"precision": "float32"}  # of the search; what it finds is judged in float64
INSIDE, NEAREST = 0.01, 0.02  # half widths at which no miss, and the smallest, are drawn


def search(task: tuple[str, str, int], evaluations: int | None, repeats: int) -> dict[str, Any]:
    """Return what one search came to: of (system, method, seed)."""
    system, method, seed = task
    evaluations = evaluations or BUDGET[system]
    judge = Question(system, "Culture", OPTIONS.get(system, {}), backend="native")
    question = replace(judge, backend_options=QUICK)
    run = Search(question, Memory(), method, Budget(evaluations, enough=1, give_up=0), seed)
    asked = Stopwatch(run.optimiser, "ask")
    began = time.process_time()
    with Here(question) as pool:
        for _ in run.run(pool):
            pass
    took = time.process_time() - began
    with Here(judge) as pool:
        for _ in run.confirm(pool, 1, repeats):
            pass
    goals = run.target.goals()
    ranked = candidates(run)
    return {
        "system": system, "method": method, "seed": seed, "evaluations": len(run.known),
        "first_inside": first_inside(run), "cpu": took, "budget": evaluations,
        "ask": asked.seconds,
        "misses": [sum(missed(goals, row["features"]).values()) for row in run.known],
        "statuses": [row["status"] for row in run.known],
        "values": dict(ranked[0].values) if ranked else {},
        "features": dict(ranked[0].mean) if ranked else {},
        "holds": bool(ranked and ranked[0].inside),
        "distance": sum(missed(goals, ranked[0].mean).values()) if ranked else float("inf"),
    }  # fmt: skip


def answer(comm: Any, evaluations: int | None, repeats: int) -> Any:
    """Return what a worker does with a task."""
    return partial(search, evaluations=evaluations, repeats=repeats)


def table(found: list[dict[str, Any]]) -> Table:
    """Return the table of the module's text."""
    out = Table("system", "method", "inside", "evaluations", "each", "nearest", "cpu s", "ask s",
                "holds", "distance", box=box.MARKDOWN)  # fmt: skip
    for system, method in unique((f["system"], f["method"]) for f in found):
        own = [f for f in found if (f["system"], f["method"]) == (system, method)]
        needed = [f["first_inside"] or f["budget"] for f in own]
        each = ", ".join(
            f"{f['first_inside']}" if f["first_inside"] else f">{f['budget']}" for f in own
        )
        out.add_row(
            system, method, f"{sum(bool(f['first_inside']) for f in own)}/{len(own)}",
            f"{median(needed):.0f}", each, f"{median(min(f['misses']) for f in own):.2f}",
            f"{fmean(f['cpu'] for f in own):.0f}",
            f"{fmean(f['ask'] for f in own):.0f}", f"{sum(f['holds'] for f in own)}/{len(own)}",
            f"{median(f['distance'] for f in own):.2f}",
        )  # fmt: skip
    return out


def draw(found: list[dict[str, Any]], path: str) -> None:
    """Draw the distance of the best so far against evaluations, median and each seed."""
    systems = unique(f["system"] for f in found)
    methods = unique(f["method"] for f in found)
    figure = Figure((4.6 * len(systems), 3.4), layout="constrained")
    panels = np.atleast_1d(figure.subplots(1, len(systems), sharey=True))
    for ax, system in zip(panels, systems, strict=True):
        for colour, method in zip(PALETTE, methods, strict=False):
            own = [f for f in found if (f["system"], f["method"]) == (system, method)]
            lines = np.array([best_so_far(f["misses"], f["budget"]) for f in own])
            count = np.arange(1, lines.shape[1] + 1)
            for line in lines:
                ax.step(count, line, color=colour, linewidth=0.5, alpha=0.4, where="post")
            middle = np.median(lines, axis=0)
            ax.step(count, middle, color=colour, linewidth=2, label=method, where="post")
        ax.set_yscale("log")
        ax.set_ylim(INSIDE * 0.8, None)
        ax.set_title(system, fontsize=10)
        ax.set_xlabel("evaluations")
        bare(ax)
    panels[0].set_ylabel("best so far: outside the bands, half widths")
    panels[0].legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=150)


def show(found: list[dict[str, Any]], path: str) -> None:
    """Draw what the best find of the surrogate does, a picture for each system."""
    for system in unique(f["system"] for f in found):
        own = [f for f in found if f["system"] == system and f["method"] == "surrogate"]
        best = min(own, key=lambda f: f["distance"], default=None)
        if best is None or not best["values"]:
            continue
        question = Question(system, "Culture", OPTIONS.get(system, {}), backend="native")
        runs = play(question, best["values"], 1)
        figure = Figure((9.0, 5.4), layout="constrained")
        rasters(list(figure.subfigures(2, 1)), runs, make(system))
        place = Path(path)
        figure.savefig(place.with_name(f"{place.stem}-{system}{place.suffix}"), dpi=150)


def best_so_far(misses: list[float], budget: int) -> np.ndarray:
    """Return the smallest distance after each evaluation; where a search ended it stays."""
    best = np.minimum.accumulate(misses)
    line = np.where(best > 0, np.maximum(NEAREST, best), INSIDE)
    return np.pad(line, (0, budget - len(line)), mode="edge")


def unique(names: Iterable[Any]) -> list[Any]:
    """Return each name once, in order."""
    return list(dict.fromkeys(names))


def main() -> None:
    """Run every search, print the table and draw the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=0, help="processes; 0 for this one")
    parser.add_argument("--systems", nargs="+", default=["EI2", "EI1"])
    known = ["surrogate", "sobol", "random"]
    known += ["optuna"] * (importlib.util.find_spec("optuna") is not None)
    parser.add_argument("--methods", nargs="+", default=known)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--evaluations", type=int, default=None, help="of each search")
    parser.add_argument("--repeats", type=int, default=5, help="of the find, on new noise")
    parser.add_argument("--json", default="tuning.json", help="where the rows go")
    parser.add_argument("--out", default="tuning-convergence.png", help="where the picture goes")
    parser.add_argument("--draw", action="store_true", help="only draw what is in --json")
    asked = parser.parse_args()
    if asked.draw:
        found = json.loads(Path(asked.json).read_text())
    else:
        began = time.perf_counter()
        tasks = [
            (s, m, k) for s in asked.systems for k in range(asked.seeds) for m in asked.methods
        ]
        factory = partial(answer, evaluations=asked.evaluations, repeats=asked.repeats)
        pool = start(factory, asked.workers)
        assert pool is not None
        found = []
        with pool:
            for task in tasks:
                pool.submit(task)
            for done in pool.answers():
                found.append(done.result())
                last = found[-1]
                print(f"{time.perf_counter() - began:5.0f} s  {last['system']} {last['method']} "
                      f"seed {last['seed']}: inside at {last['first_inside']} of "
                      f"{last['evaluations']}, holds {last['holds']}", flush=True)  # fmt: skip
                found.sort(key=lambda f: (f["system"], asked.methods.index(f["method"]), f["seed"]))
                Path(asked.json).write_text(json.dumps(found) + "\n")
        print(f"{time.perf_counter() - began:.0f} s wall, {asked.workers} workers")
    Console(width=150).print(table(found))
    draw(found, asked.out)
    show(found, asked.out)


if __name__ == "__main__":
    main()
