"""The surrogate: what features will be is learnt, and where they would be best is asked next."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import isfinite, nan
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from experiments.surrogate.base import Floats, Optimiser, sobol_points
from experiments.surrogate.features import FEWEST, Feasibility, FeatureModel, Prediction, checkpoint
from experiments.targets.goals import Goal

EVEN = 1024  # points an even cover offers to choose from
NEAR = 3072  # points offered around the best
BEST = 4  # evaluations of each kind that is looked around
STEPS = (0.01, 0.5)  # shortest and longest step from them, in sides of the cube
APART = 0.08  # least distance from all points so far along one side of the cube at least
ELSEWHERE = 0.25  # the same from the best evaluation, to count as another region
AUGMENT = 0.05  # share of the sum in a scalarisation (Knowles 2006, IEEE Trans Evol Comput 10:50)
CROWDED = 100.0  # what it costs to be next to one of them
FAILURE = 3.0  # what certain failure costs, as log(1 + half widths)


class Surrogate(Optimiser):
    """Models for each measured feature; objectives and bands follow from what they predict.

    The distance of a rate from its target has a kink at the target, which is hard to learn; the
    rate itself is smooth. Every other proposal of a round goes where the weighted worst distance is
    smallest if one guess of the models is true, with guess and weights of the goals drawn anew
    (ParEGO, Knowles 2006). The others go where least is expected outside the bands, by turns
    anywhere and away from the best evaluation: a search that is all but there may be in a region
    where no culture gets there. How likely a simulation fails is learnt from those that did.
    """

    def __init__(self, *arguments: Any, **options: Any):
        super().__init__(*arguments, **options)
        self._found: dict[tuple[str, int], Any] = {}

    def ask(self, n: int) -> list[Floats]:
        """Return the next n points: a Sobol sequence first, then by the models."""
        done = len(self.told)
        n_start = min(n, max(0, self.initial - done))
        models = self.models() if n_start < n else {}
        if not models:
            return sobol_points(len(self.space), done, n, self.seed)
        start = sobol_points(len(self.space), done, n_start, self.seed)
        with threadpool_limits(1):
            return start + self._proposed(n - n_start, models)

    def models(self) -> dict[str, FeatureModel]:
        """Return the model of each feature that was measured often enough and varies."""
        found = {}
        with threadpool_limits(1):  # sums in one order give one answer, whatever the machine
            for goal in self.goals:
                x, y = self._measured(goal)
                known = y[np.isfinite(y)]
                if len(known) >= FEWEST and np.ptp(known) > 0:
                    key = goal.feature, checkpoint(len(known))
                    model = FeatureModel(goal, x, y, self.seed, self._found.get(key))
                    found[goal.feature], self._found[key] = model, model.process.found
        return found

    def sensitivity(self) -> dict[str, dict[str, float]]:
        """Return feature -> parameter -> share of what moves it, 0 to 1, sums to 1.

        From the inverse length scales of the processes: how fast a feature changes along a
        parameter.
        """
        shares = {}
        for feature, model in self.models().items():
            relevance = model.process.relevance()
            total = float(relevance.sum()) or 1.0
            names = self.space.names
            shares[feature] = dict(zip(names, (relevance / total).tolist(), strict=True))
        return shares

    def _measured(self, goal: Goal) -> tuple[Floats, Floats]:
        """Return the points at which a feature was looked for, and what it was, nan if not told."""
        told = [t for t in self.told if goal.feature in t.features]
        values = [t.features[goal.feature] for t in told]
        scaled = [goal.scaled(v) if isfinite(v) else nan for v in values]
        return np.array([t.x for t in told]).reshape(-1, len(self.space)), np.array(scaled)

    def _proposed(self, n: int, models: dict[str, FeatureModel]) -> list[Floats]:
        rng = np.random.default_rng([self.seed, len(self.told)])
        points = np.array([t.x for t in self.told])
        feasible = Feasibility(points, np.array([t.status == "ok" for t in self.told]), self.seed)
        even = sobol_points(len(self.space), 0, EVEN, int(rng.integers(2**31)))
        centres = points[self._centres(points, _seen(points, models, feasible))]
        offered = np.concatenate([np.array(even), moved(centres, NEAR, rng)])
        seen = _seen(offered, models, feasible)
        crowded, known = _near(offered, points, APART), _near(offered, centres[:1], ELSEWHERE)
        chosen: list[Floats] = []
        for k in range(n):
            cost = seen.drawn(rng) if k % 2 else seen.outside()
            refused = crowded | known if k % 4 == 2 else crowded
            chosen.append(offered[np.argmin(cost + CROWDED * refused)])
            crowded |= _near(offered, chosen[-1:], APART)
        return chosen

    def _centres(self, points: Floats, seen: "_Seen") -> list[int]:
        """Return the evaluations to look around, the best first.

        Those that were best, those that were where no better one is near, and those that should
        be: what was best was also lucky; what the models make of all evaluations is less so.
        """
        order = sorted(range(len(self.told)), key=lambda k: (*self.rank(k), k))
        regions: list[int] = []
        for k in order:
            if len(regions) < BEST and not _near(points[[k]], points[regions], ELSEWHERE)[0]:
                regions.append(k)
        expected = np.argsort(seen.outside(), kind="stable")[:BEST].tolist()
        return list(dict.fromkeys(regions + order[:BEST] + expected))


@dataclass(frozen=True, eq=False)
class _Seen:
    """What the models say of some points: of each goal, and the chance of success."""

    predicted: tuple[Prediction, ...]
    success: Floats

    def outside(self) -> Floats:
        """Return how far outside the bands in all, (n_points,)."""
        return np.asarray(np.sum([p.outside() for p in self.predicted], axis=0) + self._failing())

    def drawn(self, rng: np.random.Generator) -> Floats:
        """Return the scalarised distance from all goals if one guess of the models is true."""
        far = np.array([p.drawn(rng).distance() for p in self.predicted])
        return scalar(far, rng.dirichlet(np.ones(len(far)))) + self._failing()

    def _failing(self) -> Floats:
        return FAILURE * (1 - self.success)


def _seen(x: Floats, models: dict[str, FeatureModel], feasible: Feasibility) -> _Seen:
    predicted = tuple(model.predict(x) for model in models.values())
    return _Seen(predicted, feasible.probability(x))


def moved(centres: Floats, n: int, rng: np.random.Generator) -> Floats:
    """Return n points around centres, each moved along some sides, from one to all, by some step.

    Many move along one side only: a pulse that is too weak needs a stronger pulse and nothing else.
    """
    width = centres.shape[1]
    share = np.exp(rng.uniform(-np.log(width), 0.0, size=(n, 1)))
    along = rng.random((n, width)) < share
    along[np.arange(n), rng.integers(width, size=n)] = True
    short, long = np.log(STEPS)
    step = np.exp(rng.uniform(short, long, size=(n, 1))) * rng.standard_normal((n, width))
    return np.clip(centres[rng.integers(len(centres), size=n)] + along * step, 0.0, 1.0)


def _near(x: Floats, others: Iterable[Floats], within: float) -> npt.NDArray[np.bool_]:
    """Return which points are within a distance of another along every side."""
    near = np.zeros(len(x), bool)
    for other in others:
        near |= np.abs(x - other).max(axis=1) < within
    return near


def scalar(misses: Floats, weights: Floats) -> Floats:
    """Return one number for several distances, shape (n_points,): the weighted worst, and a bit
    of the weighted sum so that none is forgotten.

    Args:
        misses: shape (n_goals, n_points).
        weights: shape (n_goals,), sum 1.
    """
    weighted: npt.NDArray[np.float64] = len(weights) * weights[:, None] * misses
    return np.asarray(weighted.max(axis=0) + AUGMENT * weighted.sum(axis=0))
