"""The surrogate: what features will be is learnt, and where they would be best is asked next."""

from dataclasses import dataclass
from math import nan
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import norm
from threadpoolctl import threadpool_limits

from experiments.surrogate.base import Floats, Optimiser, sobol_points
from experiments.surrogate.features import FEWEST, Feasibility, FeatureModel, checkpoint
from experiments.targets.goals import Goal

CANDIDATES = 2048  # points an even cover offers to choose from, and as many near the best
REFINED = 256  # points around the best of those, of which one is proposed
NEAR = 8  # evaluations that are best, whose neighbourhoods are searched
STEPS = (0.02, 0.05, 0.1, 0.2)  # how far, in sides of the cube
KAPPAS = (None, 0.0, 0.5)  # in turn: by the chance of all bands, or so many deviations optimistic
UNLIKELY = 1e-6  # chance of success below which all are alike
APART = 0.05  # least distance between points of a round, per side of the cube
AUGMENT = 0.05  # share of the sum in a scalarisation (Knowles 2006, IEEE Trans Evol Comput 10:50)
FAILURE = 3.0  # what certain failure costs, in half widths


class Surrogate(Optimiser):
    """One model for each measured feature; objectives and bands follow from what it predicts.

    The distance of a rate from its target has a kink at the target, which is hard to learn; the
    rate itself is smooth. Of three proposals of a round one goes where all bands at once are most
    likely met; two weigh the goals anew at random (ParEGO, Knowles 2006) and go where the weighted
    worst distance is smallest, 0 or 0.5 standard deviations towards the target. How likely a
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
                if len(y) >= FEWEST and np.ptp(y) > 0:
                    key = goal.feature, checkpoint(len(y))
                    model = FeatureModel(x, y, key[1], self._found.get(key))
                    found[goal.feature], self._found[key] = model, model.found
        return found

    def sensitivity(self) -> dict[str, dict[str, float]]:
        """Return feature -> parameter -> share of what moves it, 0 to 1, sums to 1.

        From the inverse length scales of the models: how fast a feature changes along a parameter.
        """
        shares = {}
        for feature, model in self.models().items():
            relevance = model.relevance()
            total = float(relevance.sum()) or 1.0
            names = self.space.names
            shares[feature] = dict(zip(names, (relevance / total).tolist(), strict=True))
        return shares

    def _measured(self, goal: Goal) -> tuple[Floats, Floats]:
        values = np.array([goal.scaled(t.features.get(goal.feature, nan)) for t in self.told])
        unmeasured = np.array([goal.feature not in t.features for t in self.told], bool)
        known = np.isfinite(values) & ~unmeasured if len(values) else np.empty(0, bool)
        points = np.array([t.x for t in self.told]).reshape(-1, len(self.space))
        return points[known], values[known]

    def _proposed(self, n: int, models: dict[str, FeatureModel]) -> list[Floats]:
        rng = np.random.default_rng([self.seed, len(self.told)])
        points = np.array([t.x for t in self.told])
        ok = np.array([t.status == "ok" for t in self.told])
        feasible = Feasibility(points, ok, self.seed)
        offered = self._offered(rng)
        chosen: list[Floats] = []
        seen = self._seen(offered, models, feasible)
        for k in range(n):
            wish = self._wish(k, len(models), rng)
            best = offered[np.argmin(_score(seen, wish) + _crowded(offered, chosen))]
            near = _near(best[None], REFINED, rng)
            score = _score(self._seen(near, models, feasible), wish)
            chosen.append(near[np.argmin(score + _crowded(near, chosen))])
        return chosen

    def _wish(self, k: int, n_goals: int, rng: np.random.Generator) -> "_Wish":
        """Return what proposal k of a round is after."""
        return _Wish(rng.dirichlet(np.ones(n_goals)), KAPPAS[k % len(KAPPAS)])

    def _seen(self, x: Floats, models: dict[str, FeatureModel], feasible: Feasibility) -> "_Seen":
        goals = tuple(goal for goal in self.goals if goal.feature in models)
        predicted = tuple(models[goal.feature].predict(x) for goal in goals)
        return _Seen(goals, predicted, 1 - feasible.probability(x))

    def _offered(self, rng: np.random.Generator) -> Floats:
        """Return the points to choose from, shape (n_points, n_parameters)."""
        even = sobol_points(len(self.space), 0, CANDIDATES, int(rng.integers(2**31)))
        order = sorted(range(len(self.told)), key=lambda k: (*self.rank(k), k))[:NEAR]
        centres = np.array([self.told[k].x for k in order])
        near = _near(centres, CANDIDATES, rng)
        return np.concatenate([np.array(even), near])


@dataclass(frozen=True, eq=False)
class _Seen:
    """What the models say of some points: of each goal mean and deviation; chance of failure."""

    goals: tuple[Goal, ...]
    predicted: tuple[tuple[Floats, Floats], ...]
    failing: Floats


@dataclass(frozen=True, eq=False)
class _Wish:
    """Weights of the goals and optimism in deviations; None to be after all bands at once."""

    weights: Floats
    kappa: float | None


def _score(seen: _Seen, wish: _Wish) -> Floats:
    pairs = list(zip(seen.goals, seen.predicted, strict=True))
    if wish.kappa is None:
        chances = np.array([log_chance(goal, *found) for goal, found in pairs])
        return np.asarray(-chances.sum(axis=0) - np.log(np.maximum(UNLIKELY, 1 - seen.failing)))
    misses = np.array([distance(goal, *found, wish.kappa) for goal, found in pairs])
    return scalar(misses, wish.weights) + FAILURE * seen.failing


def _near(centres: Floats, n: int, rng: np.random.Generator) -> Floats:
    """Return n points around centres, moved along about half of the sides."""
    shape = n, centres.shape[1]
    step = rng.choice(STEPS, size=(n, 1)) * rng.standard_normal(shape) * (rng.random(shape) < 0.5)
    return np.clip(centres[rng.integers(len(centres), size=n)] + step, 0.0, 1.0)


def _crowded(x: Floats, chosen: list[Floats]) -> Floats:
    """Return infinity for points next to one that is chosen, else 0."""
    near = [np.abs(x - other).max(axis=1) < APART for other in chosen]
    return np.where(np.any(near, axis=0), np.inf, 0.0) if near else np.zeros(len(x))


def distance(goal: Goal, mean: Floats, deviation: Floats, kappa: float) -> Floats:
    """Return log(1 + how far predicted values are from a goal), in half widths of its band.

    From the target where there is one, else from the band; less `kappa` standard deviations. The
    logarithm keeps a far feature from drowning the others, and leaves a slope to follow.
    """
    if goal.target is not None:
        away = np.abs(mean - goal.scaled(goal.target))
    else:
        low, high = edges(goal)
        away = np.maximum(np.maximum(low - mean, mean - high), 0.0)
    return np.asarray(np.log1p(np.maximum(away - kappa * deviation, 0.0) / goal.width))


def log_chance(goal: Goal, mean: Floats, deviation: Floats) -> Floats:
    """Return the logarithm of the probability that a normal value lies in the band of a goal."""
    spread = np.maximum(deviation, 1e-3 * goal.width)
    low, high = ((edge - mean) / spread for edge in edges(goal))
    upper = low + high > 0  # from the tail in which both edges lie, where numbers are exact
    far = np.where(upper, -low, high)
    near = np.where(upper, -high, low)
    above, below = norm.logcdf(far), norm.logcdf(near)
    return np.asarray(above + np.log1p(-np.exp(np.minimum(below - above, -1e-12))))


def edges(goal: Goal) -> tuple[float, float]:
    """Return the edges of a band on its scale, infinite where there is none."""
    low = -np.inf if goal.low is None else goal.scaled(goal.low)
    return low, np.inf if goal.high is None else goal.scaled(goal.high)


def scalar(misses: Floats, weights: Floats) -> Floats:
    """Return one number for several distances, shape (n_points,): the weighted worst, and a bit
    of the weighted sum so that none is forgotten.

    Args:
        misses: shape (n_goals, n_points).
        weights: shape (n_goals,), sum 1.
    """
    weighted: npt.NDArray[np.float64] = len(weights) * weights[:, None] * misses
    return np.asarray(weighted.max(axis=0) + AUGMENT * weighted.sum(axis=0))
