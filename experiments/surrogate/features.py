"""Models of measured features, with scikit-optimize: a committee of two for each."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import nan
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import norm
from sklearn.exceptions import ConvergenceWarning
from skopt.learning import ExtraTreesRegressor, GaussianProcessRegressor
from skopt.learning.gaussian_process.kernels import ConstantKernel, Matern

from experiments.targets.goals import Goal

Floats = npt.NDArray[np.float64]

FEWEST = 5  # measured values a model is made of
SCALES = (
    0.05,
    20.0,
)  # of a length scale, in sides of the unit cube; at 20 the side does not matter
NOISE = 1e-3  # least variance of a value, of that of all: a culture never does the same twice
TREES = 100
QUANTILES = norm.ppf((np.arange(8) + 0.5) / 8)  # equally likely values of a normal distribution


class FeatureModel:
    """What a feature will be: a Gaussian process and randomised trees, each with half the say.

    Cultures fall silent or into seizure within a short step, which trees learn sooner than a
    smooth process; along slopes the process is better. Values that could not be measured are
    no values: how likely there is one is learnt beside.

    Args:
        goal: the feature, its scale and its band.
        x: points, shape (n_points, n_parameters).
        y: values on the scale of the goal, nan where there is none, shape (n_points,).
        seed: of the trees.
        found: of another model of the same first values.
    """

    def __init__(self, goal: Goal, x: Floats, y: Floats, seed: int, found: Any = None):
        known = np.isfinite(y)
        x_known, y_known = x[known], y[known]
        self.goal = goal
        self.process = Process(x_known, y_known, checkpoint(len(y_known)), found)
        self._trees = ExtraTreesRegressor(n_estimators=TREES, random_state=seed)
        self._trees.fit(x_known, y_known)
        self._measured = Feasibility(x, known, seed)

    def predict(self, x: Floats) -> "Prediction":
        """Return what the feature will be at points, shape (n_points, n_parameters)."""
        mean, deviation = self.process.predict(x)
        smooth = mean + QUANTILES[:, None] * deviation
        single = x.astype(np.float32)  # what trees compare
        grown = [tree.predict(single) for tree in self._trees.estimators_]
        return Prediction(self.goal, (smooth, np.array(grown)), self._measured.probability(x))


@dataclass(frozen=True, eq=False)
class Prediction:
    """What models say of a feature at some points.

    Attributes:
        goal: of the feature.
        voices: of each model equally likely values, on the scale of the goal, shape
            (n_values, n_points).
        measured: probability that the feature can be measured at all, shape (n_points,).
    """

    goal: Goal
    voices: tuple[Floats, ...]
    measured: Floats

    def outside(self) -> Floats:
        """Return the mean of log(1 + how far outside the band), in half widths, (n_points,).

        The mean of distances, not the distance of a mean: of a culture that is either silent or in
        seizure the mean rate may lie in the band, and it never will. The logarithm keeps a far
        feature from drowning the others, and leaves a slope to follow.
        """
        low, high = self.goal.edges
        return self._mean(lambda y: np.maximum(np.maximum(low - y, y - high), 0.0))

    def distance(self) -> Floats:
        """Return the mean of log(1 + distance from the target), (n_points,).

        From the band where there is no target.
        """
        if self.goal.target is None:
            return self.outside()
        target = self.goal.scaled(self.goal.target)
        return self._mean(lambda y: np.abs(y - target))

    def drawn(self, rng: np.random.Generator) -> "Prediction":
        """Return one of the values of each model instead of all: what may well be true."""
        one = tuple(y[[rng.integers(len(y))]] for y in self.voices)
        return replace(self, voices=one)

    def _mean(self, away: Callable[[Floats], Floats]) -> Floats:
        far = [np.log1p(away(y) / self.goal.width).mean(axis=0) for y in self.voices]
        unmeasured = np.log1p(max(0.0, -self.goal.margin(nan)))
        found = self.measured * np.mean(far, axis=0) + (1 - self.measured) * unmeasured
        return np.asarray(found)


class Process:
    """A Gaussian process over the unit cube.

    Finding length scales costs most, so they are found of the first `n_scales` values only and
    kept while more come in; all values are conditioned on.

    Attributes:
        kernel: with the scales found.
        noise: variance of a value over that of all values.
    """

    def __init__(self, x: Floats, y: Floats, n_scales: int, found: Any = None):
        self.kernel: Any
        self.noise: float
        self.kernel, self.noise = found or _scales(x[:n_scales], y[:n_scales])
        self._process = GaussianProcessRegressor(
            self.kernel, alpha=self.noise, optimizer=None, normalize_y=True, noise=None
        ).fit(x, y)
        self._floor = float(np.sqrt(self.noise) * np.std(y))

    @property
    def found(self) -> tuple[Any, float]:
        """What another model of the same first values can take over."""
        return self.kernel, self.noise

    def predict(self, x: Floats) -> tuple[Floats, Floats]:
        """Return mean and standard deviation of a value at points, each of shape (n_points,)."""
        mean, deviation = self._process.predict(x, return_std=True)
        return np.asarray(mean), np.hypot(deviation, self._floor)

    def relevance(self) -> Floats:
        """Return how much each parameter matters, 1 / length scale, shape (n_parameters,)."""
        scales = np.asarray(self.kernel.k2.length_scale)
        return np.where(scales >= 0.99 * SCALES[1], 0.0, 1 / scales)


class Feasibility:
    """The probability that something succeeds, by extremely randomised trees.

    Constant where all did or none did.
    """

    def __init__(self, x: Floats, ok: npt.NDArray[np.bool_], seed: int):
        self._share = float(np.mean(ok))
        self._trees = None
        if 0 < self._share < 1:
            self._trees = ExtraTreesRegressor(
                n_estimators=100, min_samples_leaf=2, random_state=seed
            ).fit(x, ok.astype(float))

    def probability(self, x: Floats) -> Floats:
        """Return the probability at points, shape (n_points,)."""
        if self._trees is None:
            return np.full(len(x), self._share)
        return np.asarray(self._trees.predict(x))


def checkpoint(n: int) -> int:
    """Return of how many values scales are found when there are n: 8, 12, 16, 24, 32, 48, ..."""
    size = 1 << max(3, n.bit_length() - 1)
    return min(n, size + size // 2 if n >= size + size // 2 else size)


def _scales(x: Floats, y: Floats) -> tuple[Any, float]:
    """Return the kernel, with scales of the largest likelihood, and the noise."""
    width = x.shape[1]
    kernel = ConstantKernel(1.0, (0.05, 20.0)) * Matern(
        length_scale=np.ones(width), length_scale_bounds=[SCALES] * width, nu=2.5
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a scale at a bound is an answer
        fitted = GaussianProcessRegressor(
            kernel, normalize_y=True, noise="gaussian", n_restarts_optimizer=0, random_state=0
        ).fit(x, y)
    return fitted.kernel_.k1, max(NOISE, float(fitted.noise_))
