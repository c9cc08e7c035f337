"""What came of a search: the ranking on new noise, what moves what, why a target was missed."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, nan
from statistics import stdev
from typing import Any

from experiments.surrogate import Surrogate
from experiments.targets import Goal
from experiments.targets.goals import missed
from experiments.targets.target import pooled
from experiments.tuning.search import FINAL, Search


@dataclass(frozen=True)
class Candidate:
    """An evaluation that was repeated on fresh noise.

    Attributes:
        index: of the evaluation.
        values: parameter -> value.
        once: feature -> value as first measured; among many such, the best was lucky.
        mean, sd: feature -> over the repetitions.
        repeats: number of them that succeeded.
        outside: features whose mean lies outside their band.
        rank: what candidates are sorted by.
    """

    index: int
    values: Mapping[str, float]
    once: Mapping[str, float]
    mean: Mapping[str, float]
    sd: Mapping[str, float]
    repeats: int
    outside: tuple[str, ...]
    rank: tuple[float, ...]

    @property
    def inside(self) -> bool:
        """Whether every feature lies in its band, on average."""
        return self.repeats > 0 and not self.outside


def candidates(search: Search) -> list[Candidate]:
    """Return the finalists, best first by their means on fresh noise."""
    repeated: dict[int, list[dict[str, Any]]] = {}
    for row in search.rows.rows():
        if row["stage"] == FINAL:
            repeated.setdefault(row["of"], []).append(row)
    known = {row["index"]: row for row in search.known}
    found = [_candidate(search, known[index], rows) for index, rows in repeated.items()]
    return sorted(found, key=lambda c: (c.rank, c.index))


def _candidate(
    search: Search, row: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]
) -> Candidate:
    ok = [r["features"] for r in rows if r["status"] == "ok"]
    mean = pooled(ok) if ok else {}
    goals = search.target.goals()
    outside = tuple(g.feature for g in goals if not g.contains(mean.get(g.feature, nan)))
    failed = len(rows) - len(ok)
    rank = (failed, *search.target.rank(mean)) if ok else (failed, float("inf"))
    spread = {name: _sd([f[name] for f in ok]) for name in mean}
    return Candidate(
        row["index"], row["values"], row["features"], mean, spread, len(ok), outside, rank
    )


def _sd(values: Sequence[float]) -> float:
    known = [v for v in values if isfinite(v)]
    return stdev(known) if len(known) > 1 else nan


def statuses(search: Search) -> dict[str, int]:
    """Return status -> number of evaluations, the most frequent first."""
    return dict(Counter(row["status"] for row in search.known).most_common())


def sensitivity(search: Search) -> dict[str, dict[str, float]]:
    """Return feature -> parameter -> share of what moves it; see `Surrogate.sensitivity`.

    It is learnt of all evaluations, whichever method proposed them.
    """
    model = Surrogate(search.space, search.target.goals(), search.seed)
    for row in search.known:
        model.tell(row["x"], row["features"], row["status"])
    return model.sensitivity()


def first_inside(search: Search) -> int | None:
    """Return how many evaluations it took until one was inside every band; None if none was."""
    hits = [row["index"] for row in search.known if row["inside"]]
    return hits[0] + 1 if hits else None


def diagnosis(search: Search, best: Candidate | None) -> list[str]:
    """Return why the target was missed: which feature, how near any came, which bound is hit.

    Empty where the best candidate is inside every band.
    """
    if best is not None and best.inside:
        return []
    ok = [row for row in search.known if row["status"] == "ok"]
    if not ok:
        return [f"no simulation succeeded: {statuses(search)}. Move the bounds of the target."]
    goals = search.target.goals()
    means = best.mean if best is not None else ok[0]["features"]
    outside = [g for g in goals if not g.contains(means.get(g.feature, nan))]
    said = [_missed(search, goal, means.get(goal.feature, nan), ok) for goal in outside]
    values = best.values if best is not None else ok[0]["values"]
    hit = search.space.at_bound(values)
    if hit:
        listed = ", ".join(f"{name} ({side})" for name, side in hit.items())
        said.append(f"the best lies at bounds that may be too narrow: {listed}")
    return said


def _missed(search: Search, goal: Goal, value: float, ok: Sequence[Mapping[str, Any]]) -> str:
    margins = [(goal.margin(row["features"].get(goal.feature, nan)), k) for k, row in enumerate(ok)]
    margin, k = max(margins)
    nearest = ok[k]["features"].get(goal.feature, nan)
    said = f"{goal.feature} is {value:.3g}, the band {goal.text()}; "
    if margin < 0:
        return said + f"no evaluation reaches it, the nearest {nearest:.3g}"
    goals = search.target.goals()
    others = [len(missed(goals, ok[j]["features"])) for m, j in margins if m >= 0]
    return said + f"of {len(others)} inside it, each misses {min(others)} or more other bands"


def summary(search: Search) -> dict[str, Any]:
    """Return the numbers by which a search is compared with others; features are on new noise."""
    ranked = candidates(search)
    best = ranked[0] if ranked else None
    return {
        "evaluations": len(search.known),
        "first_inside": first_inside(search),
        "inside": sum(row["inside"] for row in search.known),
        "outside_best": len(best.outside) if best else None,
        **(best.mean if best else {}),
    }


def table(search: Search) -> str:
    """Return what came of a search as text: ranking, parameters, sensitivity, diagnosis."""
    ranked = candidates(search)
    lines = [_headline(search, ranked), ""]
    if ranked:
        lines += [*_features(search, ranked), "", *_values(search, ranked[0]), ""]
    moved = sensitivity(search)
    if moved:
        lines += ["what moves what (share of the sensitivity):", *_moves(moved), ""]
    said = diagnosis(search, ranked[0] if ranked else None)
    lines += ["not inside every band:", *(f"  {text}." for text in said)] if said else []
    return "\n".join(lines).rstrip()


def _headline(search: Search, ranked: Sequence[Candidate]) -> str:
    counts = ", ".join(f"{n} {status}" for status, n in statuses(search).items()) or "none"
    first = first_inside(search)
    hit = "none inside every band" if first is None else f"evaluation {first} the first inside"
    return f"{len(search.known)} evaluations ({counts}), {hit}; {len(ranked)} repeated on new noise"


def _features(search: Search, ranked: Sequence[Candidate]) -> list[str]:
    """Return a row for each goal: band, then mean and deviation of each candidate."""
    heads = [f"#{c.index}" + ("" if c.inside else " *") for c in ranked]
    rows = [["feature", "band", "target", *heads]]
    for goal in search.target.goals():
        cells = [f"{c.mean.get(goal.feature, nan):.3g} +- {c.sd.get(goal.feature, nan):.1g}"
                 + (" *" if goal.feature in c.outside else "") for c in ranked]  # fmt: skip
        aim = "" if goal.target is None else f"{goal.target:g}"
        rows.append([goal.feature, goal.text(), aim, *cells])
    note = [f"  mean +- sd of {ranked[0].repeats} simulations; * outside the band"]
    return aligned(rows) + note


def _values(search: Search, best: Candidate) -> list[str]:
    rows = [["parameter of the best", "value", "bounds"]]
    hit = search.space.at_bound(best.values)
    for p in search.space:
        side = f"  at the {hit[p.name]} bound" if p.name in hit else ""
        rows.append([p.name, f"{best.values[p.name]:.4g}", f"{p.low:g} to {p.high:g}{side}"])
    return aligned(rows)


def _moves(moved: Mapping[str, Mapping[str, float]]) -> list[str]:
    rows = []
    for feature, shares in moved.items():
        top = sorted(shares.items(), key=lambda item: -item[1])[:3]
        rows.append([feature, ", ".join(f"{n} {100 * s:.0f} %" for n, s in top if s >= 0.05)])
    return aligned(rows)


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows of text as lines whose columns are aligned."""
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    return [
        ("  " + "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True))).rstrip()
        for row in rows
    ]
