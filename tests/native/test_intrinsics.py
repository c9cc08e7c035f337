"""Branch-free functions against the C library and against 40 digits."""

import math

import mpmath
import numpy as np
import pytest
from numba import njit
from scipy import special

from livn.backend.native import double, single

BOTH = [(double, np.float64, 4e-16), (single, np.float32, 2.5e-7)]


def apply(function, x, *more):
    @njit(error_model="numpy")
    def over(values, out):
        for i in range(len(values)):
            out[i] = function(values[i], *more)

    out = np.empty_like(x)
    over(x, out)
    return out


def relative_error(found, expected):
    return np.max(np.abs(found.astype(np.float64) - expected) / np.abs(expected))


@pytest.mark.parametrize(("module", "real", "tolerance"), BOTH)
def test_exp_is_accurate_to_about_one_unit_in_the_last_place(module, real, tolerance):
    x = np.linspace(-80, 80, 100_001).astype(real)
    assert relative_error(apply(module.exp, x), np.exp(x.astype(np.float64))) < tolerance


@pytest.mark.parametrize(("module", "real", "tolerance"), BOTH)
def test_exp_saturates_and_passes_nan_on(module, real, tolerance):
    low, high, nan = apply(module.exp, np.array([-1e4, 1e4, np.nan], real))
    assert 0 <= low < 1e-37
    assert 1e38 < high < np.inf
    assert np.isnan(nan)


@pytest.mark.parametrize(("module", "real", "tolerance"), BOTH)
def test_log_is_accurate_around_one_too(module, real, tolerance):
    x = np.concatenate([np.geomspace(1e-30, 1e30, 50_001), 1 + np.geomspace(1e-5, 1, 999)])
    x = x.astype(real)
    x = x[x != 1]
    assert relative_error(apply(module.log, x), np.log(x.astype(np.float64))) < 2 * tolerance


def test_log_of_what_is_not_positive_is_nan():
    assert np.all(np.isnan(apply(double.log, np.array([0.0, -1.0, np.nan]))))


@pytest.mark.parametrize(("module", "real", "tolerance"), BOTH)
def test_exprel_and_its_inverse_are_accurate_through_zero(module, real, tolerance):
    near = np.geomspace(1e-12, 30, 20_001)
    x = np.concatenate([-near, [0.0], near]).astype(real)
    expected = special.exprel(x.astype(np.float64))
    assert relative_error(apply(module.exprel, x), expected) < 2 * tolerance
    assert relative_error(apply(module.inverse_exprel, x), 1 / expected) < 2 * tolerance


@pytest.mark.parametrize(("module", "real", "tolerance"), BOTH)
def test_slope_of_exprel_is_accurate_through_zero(module, real, tolerance):
    x = np.array([-20.0, -3.0, -0.31, -0.1, 0.0, 1e-3, 0.29, 0.31, 5.0], real)
    with mpmath.workdps(40):
        exact = [
            float((mpmath.exp(v) * (v - 1) + 1) / v**2) if v else 0.5
            for v in map(mpmath.mpf, x.tolist())
        ]
    assert relative_error(apply(module.dexprel, x), np.array(exact)) < 40 * tolerance


@pytest.mark.parametrize(("module", "real", "tolerance"), BOTH)
def test_tanh_and_power_agree_with_numpy(module, real, tolerance):
    x = np.linspace(-30, 30, 1001).astype(real)
    x = x[x != 0]
    assert relative_error(apply(module.tanh, x), np.tanh(x.astype(np.float64))) < 8 * tolerance
    positive = np.linspace(0.1, 5, 1001).astype(real)
    powers = apply(module.power, positive, real(2.5))
    assert relative_error(powers, positive.astype(np.float64) ** 2.5) < 8 * tolerance


def test_coefficients_interpolate_at_chebyshev_nodes():
    with mpmath.workdps(40):
        half = mpmath.log(2) / 2
        largest = ((mpmath.sqrt(2) - 1) / (mpmath.sqrt(2) + 1)) ** 2
        tail = interpolated(lambda r: (mpmath.exp(r) - 1 - r) / r**2, -half, half, 10)
        series = interpolated(
            lambda z: 2 * (mpmath.atanh(mpmath.sqrt(z)) / mpmath.sqrt(z) - 1) / z, 0, largest, 7
        )
    assert tail == list(double.TAIL)
    assert series == list(double.SERIES)


def interpolated(function, low, high, n):
    """Coefficients, lowest first, of the polynomial through n Chebyshev nodes."""
    nodes = [
        (low + high) / 2 + (high - low) / 2 * mpmath.cos(mpmath.pi * (2 * k + 1) / (2 * n))
        for k in range(n)
    ]
    powers = mpmath.matrix(n, n)
    for i, node in enumerate(nodes):
        for k in range(n):
            powers[i, k] = node**k
    values = mpmath.matrix([function(node) for node in nodes])
    return [float(c) for c in mpmath.lu_solve(powers, values)]


def test_select_functions_follow_their_definition():
    x = np.array([-2.0, 0.0, 3.0, math.nan])
    np.testing.assert_array_equal(apply(double.relu, x), [0.0, 0.0, 3.0, math.nan])
    np.testing.assert_array_equal(apply(double.step, x), [0.0, 0.0, 1.0, 0.0])
