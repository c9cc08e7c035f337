"""Namespaces, finiteness and time grids."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livn.arrays import as_floats, is_array, is_jax, is_traced, n_steps, namespace, positive
from livn.errors import InvalidValue


def test_numpy_and_lists_are_computed_with_numpy():
    assert namespace([1.0], np.ones(2), 3.0) is np
    assert is_array(np.ones(2))
    assert not is_array([1.0])
    assert as_floats([1, 2], "values").dtype == np.float64
    assert as_floats(np.float32([1]), "values").dtype == np.float32


def test_jax_wins_over_numpy():
    jnp = pytest.importorskip("jax.numpy")

    assert namespace(np.ones(2), jnp.ones(2)) is jnp
    assert is_jax(1.0, jnp.ones(2))
    assert not is_traced(jnp.ones(2))
    with pytest.raises(InvalidValue, match="values has values that are not finite: got 1 of 2"):
        as_floats(jnp.array([jnp.nan, 1.0]), "values")


def test_traced_arrays_are_not_looked_at():
    jax = pytest.importorskip("jax")
    seen = []

    def function(x):
        seen.append((is_traced(x), is_array(x), positive(x, "gain", "") is x))
        return as_floats(x, "values")

    assert np.isnan(jax.jit(function)(jax.numpy.nan))
    assert seen == [(True, True, True)]


@given(st.integers(0, 10**9), st.sampled_from([0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 1.0]))
def test_multiples_of_dt_are_exact(steps, dt):
    assert n_steps(steps * dt, dt, "time") == steps


@pytest.mark.parametrize("time", [0.01, 0.0249, 0.0251, 1000.0125])
def test_other_times_are_refused(time):
    with pytest.raises(InvalidValue, match=f"duration is not a multiple of dt: got {time} ms"):
        n_steps(time, 0.025, "duration")


@pytest.mark.parametrize("time", [-1.0, float("nan"), float("inf")])
def test_what_is_no_time_is_refused(time):
    with pytest.raises(InvalidValue, match="duration is not a time: got"):
        n_steps(time, 0.025, "duration")


@pytest.mark.parametrize("value", [0, -1.5, True, "1", None, float("inf"), np.ones(2)])
def test_what_is_not_positive_is_refused(value):
    with pytest.raises(InvalidValue, match="pitch is not positive: got .* above 0 um"):
        positive(value, "pitch", "um")
