"""Pictures of a search: how it converged, where the finalists lie, what the best one does."""

from collections.abc import Mapping, Sequence
from math import nan
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.targets import Goal
from experiments.targets.goals import missed
from experiments.targets.space import split
from experiments.tuning.evaluation import Question
from experiments.tuning.results import Candidate
from experiments.tuning.search import Search
from livn.plots import raster
from livn.plots.style import FAINT, INK, PALETTE, SMALL, Canvas, bare
from livn.run import Run

WARM_UP = "warm_up"  # the stage that is not shown
SHOWN = 5000.0  # ms of the raster
INSIDE, NEAREST = 0.01, 0.02  # half widths at which no miss, and the smallest, are drawn
STATUS = {"ok": FAINT, "silent": PALETTE[4], "runaway": PALETTE[5], "diverged": PALETTE[3],
          "failed": PALETTE[1]}  # fmt: skip


def draw(
    search: Search, ranked: Sequence[Candidate], runs: Mapping[str, Run], system: Any
) -> Figure:
    """Return the picture of a search.

    Args:
        search: at its end.
        ranked: the finalists, best first.
        runs: of the best one by stage, those of `play`; empty for no raster.
        system: whose populations the raster names.
    """
    shown = [name for name in runs if name != WARM_UP]
    figure = Figure((9.0, 3.2 + 2.6 * len(shown)), layout="constrained")
    heights = [3.2] + [2.6] * len(shown)
    rows = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
    left, right = rows[0].subplots(1, 2)
    convergence(left, search.known, search.target.goals())
    finalists(right, ranked, search.target.goals())
    rasters(list(rows[1:]), runs, system)
    return figure


def convergence(ax: Axes, rows: Sequence[Mapping[str, Any]], goals: Sequence[Goal]) -> None:
    """Draw how far every evaluation and the best so far are outside the bands."""
    missed = np.array([total_miss(row, goals) for row in rows])
    count = np.arange(1, len(rows) + 1)
    for status, colour in STATUS.items():
        own = np.array([row["status"] == status for row in rows], bool)
        if own.any():
            ax.plot(count[own], missed[own], ".", color=colour, markersize=4, label=status)
    best = np.minimum.accumulate(missed)
    ax.step(count, best, color=PALETTE[0], linewidth=1.6, label="best", where="post")
    ax.set_yscale("log")
    ax.axhline(INSIDE, color=PALETTE[2], linewidth=0.8, linestyle=":")
    ax.text(
        1, INSIDE, "inside all", fontsize=SMALL, color=PALETTE[2], va="bottom", ha="right",
        transform=ax.get_yaxis_transform(),
    )  # fmt: skip
    ax.set_xlabel("evaluations")
    ax.set_ylabel("outside the bands, half widths in all")
    ax.legend(fontsize=SMALL, frameon=False, ncols=4, loc="lower left", bbox_to_anchor=(0, 1))
    bare(ax)


def total_miss(row: Mapping[str, Any], goals: Sequence[Goal]) -> float:
    """Return the sum over features of the distance outside the band, half widths, as drawn."""
    misses = missed(goals, row["features"])
    return max(NEAREST, sum(misses.values())) if misses else INSIDE


def finalists(ax: Axes, ranked: Sequence[Candidate], goals: Sequence[Goal]) -> None:
    """Draw where the features of each finalist lie in their bands: -1 and 1 are the edges."""
    ax.axvspan(-1, 1, color=PALETTE[2], alpha=0.15, linewidth=0)
    for k, candidate in enumerate(ranked):
        for y, goal in enumerate(goals):
            at = [candidate.mean.get(goal.feature, nan)] * 2
            spread = candidate.sd.get(goal.feature, nan)
            if spread == spread:
                at = [at[0] - spread, at[0] + spread]
            low, high = (np.clip(position(goal, v), -3, 3) for v in at)
            height = y + 0.12 * (k - (len(ranked) - 1) / 2)
            colour = PALETTE[0] if k == 0 else "#999999"
            ax.plot([low, high], [height, height], color=colour, linewidth=2.0 if k == 0 else 1.0)
            middle = np.clip(position(goal, candidate.mean.get(goal.feature, nan)), -3, 3)
            ax.plot([middle], [height], "o", color=colour, markersize=4 if k == 0 else 2.5)
    ax.set_yticks(range(len(goals)), [f"{g.feature}\n{g.text()}" for g in goals])
    ax.set_xlim(-3.2, 3.2)
    ax.set_xlabel("band, half widths (mean +- sd on new noise)")
    ax.invert_yaxis()
    bare(ax)


def position(goal: Goal, value: float) -> float:
    """Return where a value lies: -1 at the lower edge of the band, 1 at the upper."""
    if goal.low is None or goal.high is None:
        edge = goal.margin(value)
        return 1 - edge if goal.low is None else edge - 1
    middle = (goal.scaled(goal.low) + goal.scaled(goal.high)) / 2
    return (goal.scaled(value) - middle) / goal.width


def play(question: Question, values: Mapping[str, float], stream: int) -> dict[str, Run]:
    """Return the runs of one simulation by stage.

    Args:
        question: culture and target.
        values: parameter -> value, of what is free.
        stream: of the noise.
    """
    env, target = question.make_env(), question.make_target()
    target.init(env)
    own, protocol = split(values)
    env.set_params(own).clear().reseed_noise(stream)
    runs = {}
    for stage in target.stages():
        played = stage.stimulus(env, protocol) if stage.stimulus else None
        runs[stage.name] = env.run(stage.duration, played)
    env.close()
    return runs


def rasters(parts: Sequence[Canvas], runs: Mapping[str, Run], system: Any) -> None:
    """Draw what a culture does, one stage to a part; of long ones the end."""
    shown = [name for name in runs if name != WARM_UP]
    for part, name in zip(parts, shown, strict=True):
        run = runs[name]
        assert run.duration is not None
        if run.duration > SHOWN:
            run = run.slice(run.duration - SHOWN)
        part.suptitle(f"the best, {name}", fontsize=SMALL + 1, color=INK, x=0.02, ha="left")
        raster(run, system, figure=part)
