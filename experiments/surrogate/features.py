"""Models of measured features: one Gaussian process each, with scikit-optimize."""

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning
from skopt.learning import ExtraTreesRegressor, GaussianProcessRegressor
from skopt.learning.gaussian_process.kernels import ConstantKernel, Matern

Floats = npt.NDArray[np.float64]

FEWEST = 5  # measured values a model is made of
SCALES = (
    0.05,
    20.0,
)  # of a length scale, in sides of the unit cube; at 20 the side does not matter
NOISE = 1e-6  # least variance of a value, of that of all


class FeatureModel:
    """A Gaussian process of one feature over the unit cube.

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

    @property
    def found(self) -> tuple[Any, float]:
        """What another model of the same first values can take over."""
        return self.kernel, self.noise

    def predict(self, x: Floats) -> tuple[Floats, Floats]:
        """Return mean and standard deviation at points, each of shape (n_points,)."""
        mean, deviation = self._process.predict(x, return_std=True)
        return np.asarray(mean), np.asarray(deviation)

    def relevance(self) -> Floats:
        """Return how much each parameter matters, 1 / length scale, shape (n_parameters,)."""
        scales = np.asarray(self.kernel.k2.length_scale)
        return np.where(scales >= 0.99 * SCALES[1], 0.0, 1 / scales)


class Feasibility:
    """The probability that a simulation succeeds, by extremely randomised trees.

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
