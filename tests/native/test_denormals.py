"""Numbers below the normal ones are zero in compiled code, and only there."""

import numpy as np
import pytest
from numba import njit

from livn.backend.native.denormals import flush_denormals, keep_denormals

TINY = 1e-310  # below the smallest normal float64


@njit
def product(x, y):
    mode = flush_denormals()
    z = x * y
    keep_denormals(mode)
    return z


def test_products_too_small_to_be_normal_are_zero_inside():
    assert product(1e-200, 1e-110) == 0.0
    assert product(1e-200, 1e-100) == pytest.approx(1e-300)


def test_the_mode_of_the_caller_comes_back():
    product(1.0, 1.0)
    assert np.array([TINY]).sum() == TINY
    assert (np.array([1e-200]) * 1e-110)[0] > 0.0
