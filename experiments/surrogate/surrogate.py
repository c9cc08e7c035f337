"""The surrogate: what features will be is learnt, and where they would be best is asked next."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import inf, isfinite, log1p, nan
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from experiments.surrogate.base import Floats, Optimiser, sobol_points
from experiments.surrogate.features import FEWEST, Feasibility, FeatureModel, Prediction, checkpoint
from experiments.targets.goals import Goal, missed

EVEN = 1024  # points an even cover offers to choose from
NEAR = 3072  # points offered around the best
BEST = 4  # evaluations of each kind that is looked around
MISSED = 10.0  # what a band counts for by turns that the best evaluation misses
STEPS = (0.01, 0.5)  # shortest and longest step from them, in sides of the cube
APART = 0.08  # least distance from all points so far along one side of the cube at least
AUGMENT = 0.05  # share of the sum in a scalarisation (Knowles 2006, IEEE Trans Evol Comput 10:50)
CROWDED = 100.0  # what it costs to be next to one of them
FAILURE = 3.0  # what certain failure costs, as log(1 + half widths)

Weights = Mapping[str, float]  # of features


class Surrogate(Optimiser):
    """Models for each measured feature; objectives and bands follow from what they predict.

    The distance of a rate from its target has a kink at the target, which is hard to learn; the
    rate itself is smooth. Proposals of a round go in turn where least is expected outside the
    bands, and where the weighted worst distance is smallest if one guess of the models is true,
    with guess and weights of the goals drawn anew (ParEGO, Knowles 2006). Two are made with all
    bands alike, the next two with those counting more that the best evaluation misses: a search
    that is all but there is often in a region where no culture gets there. How likely a
    simulation fails is learnt from those that did.
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
        weightings = self._weightings()
        centres = points[self._centres(_seen(points, models, feasible), weightings)]
        offered = np.concatenate([np.array(even), moved(centres, NEAR, rng)])
        seen, crowded = _seen(offered, models, feasible), _near(offered, points)
        chosen: list[Floats] = []
        for k in range(n):
            weights = weightings[k // 2 % 2]
            cost = seen.drawn(rng, weights) if k % 2 else seen.outside(weights)
            chosen.append(offered[np.argmin(cost + CROWDED * crowded)])
            crowded |= _near(offered, chosen[-1:])
        return chosen

    def _weightings(self) -> tuple[Weights, Weights]:
        """Return what each feature counts for, by turns."""
        best = self.best()
        lacking = {} if best is None else missed(self.goals, self.told[best].features)
        alike = {goal.feature: 1.0 for goal in self.goals}
        return alike, {name: MISSED if name in lacking else 1.0 for name in alike}

    def _centres(self, seen: "_Seen", weightings: Iterable[Weights]) -> list[int]:
        """Return the evaluations to look around: those that were best, and those that should be.

        What was best was also lucky; what the models make of all evaluations is less so.
        """
        found: list[int] = []
        for weights in weightings:
            keys = [(self._outside(k, weights), *self.rank(k), k) for k in range(len(self.told))]
            found += [key[-1] for key in sorted(keys)[:BEST]]
            found += np.argsort(seen.outside(weights), kind="stable")[:BEST].tolist()
        return list(dict.fromkeys(found))

    def _outside(self, k: int, weights: Weights) -> float:
        """Return how far outside the bands an evaluation was in all."""
        told = self.told[k]
        if told.status != "ok":
            return inf
        misses = missed(self.goals, told.features)
        return sum(weights[name] * log1p(miss) for name, miss in misses.items())


@dataclass(frozen=True, eq=False)
class _Seen:
    """What the models say of some points: of each goal, and the chance of success."""

    predicted: tuple[Prediction, ...]
    success: Floats

    def outside(self, weights: Weights) -> Floats:
        """Return how far outside the bands in all, (n_points,)."""
        far = [weights[p.goal.feature] * p.outside() for p in self.predicted]
        return np.asarray(np.sum(far, axis=0) + self._failing())

    def drawn(self, rng: np.random.Generator, weights: Weights) -> Floats:
        """Return the scalarised distance from all goals if one guess of the models is true."""
        far = np.array([p.drawn(rng).distance() for p in self.predicted])
        shares = rng.dirichlet(np.ones(len(far))) * [
            weights[p.goal.feature] for p in self.predicted
        ]
        return scalar(far, shares / shares.sum()) + self._failing()

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


def _near(x: Floats, taken: Iterable[Floats]) -> npt.NDArray[np.bool_]:
    """Return which points are next to one that is taken, where a search is not to stay."""
    near = np.zeros(len(x), bool)
    for other in taken:
        near |= np.abs(x - other).max(axis=1) < APART
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
