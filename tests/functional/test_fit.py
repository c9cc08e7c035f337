"""Losses against their definitions, and a fit that finds what made the data."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from livn import Env, Stimulus
from livn.env.functional import functional
from livn.errors import Diverged, InvalidValue
from livn.fit import first_spike, fit, rate, spectrum, trace, van_rossum


def train(*steps, n=1000):
    row = np.zeros((1, n))
    row[0, list(steps)] = 1.0
    return jnp.asarray(row)


def test_van_rossum_distance_is_its_integral():
    tau, dt = 10.0, 0.1
    one, two = train(100), train(100, 300)

    assert van_rossum(one, one, dt, tau) == 0
    np.testing.assert_allclose(van_rossum(one, two, dt, tau), 0.5, rtol=1e-12)  # one spike more
    shifted = van_rossum(train(100), train(150), dt, tau)
    np.testing.assert_allclose(shifted, 1 - np.exp(-5.0 / tau), rtol=1e-12)  # 5 ms apart


def test_first_spikes_that_are_not_there_do_not_count():
    times = jnp.array([[3.0, 9.0], [jnp.inf, jnp.inf], [4.0, jnp.inf]])
    wanted = jnp.array([5.0, 5.0, jnp.inf])

    value, slope = jax.value_and_grad(first_spike)(times, wanted)

    assert value == 4.0
    np.testing.assert_array_equal(slope, [[-4.0, 0.0], [0.0, 0.0], [0.0, 0.0]])


def test_rate_and_trace_are_squared_errors():
    assert rate(train(1, 2, 3), 28.0, dt=0.1) == pytest.approx(4.0)  # 30 Hz in 100 ms
    assert trace(jnp.ones((2, 3)), jnp.zeros((2, 3)), scale=2.0) == 0.25


def test_spectra_of_other_phase_are_alike_and_of_other_size_are_not():
    t = np.arange(2000) * 0.5  # ms
    noise = np.random.default_rng(0).normal(size=(2, 2000))
    wave = np.sin(2 * np.pi * 0.02 * t)[None] + 0.1 * noise
    later = np.roll(wave, 37, axis=1)

    same = spectrum(jnp.asarray(wave), jnp.asarray(later), 0.5)
    louder = spectrum(jnp.asarray(wave), jnp.asarray(10 * wave), 0.5)

    assert same < 0.05
    np.testing.assert_allclose(louder, 4.0, rtol=1e-9)  # 100 times the power is 2 bels


def test_arrays_that_do_not_match_are_refused():
    with pytest.raises(InvalidValue, match=r"do not match: got shape \(1, 10\) and \(1, 11\)"):
        trace(jnp.zeros((1, 10)), jnp.zeros((1, 11)))


@pytest.fixture(scope="module")
def leaky():
    env = Env(1, "LIF", backend="diffrax").init().record_voltage(dt=0.5)
    currents = np.random.default_rng(0).uniform(-0.1, 0.15, (10, 1))  # one alone tells too little
    return functional(env), Stimulus.from_current(currents, dt=1.0)


def test_fit_finds_the_cell_that_made_the_trace(leaky):
    dish, current = leaky
    true = {"cells-EXC:soma.g_L": 14.0, "cells-EXC:soma.E_L": -68.0}
    wanted = dish.set_params(true).run(10, current).voltage
    told = []

    found, history = fit(
        dish,
        lambda dish, p: trace(dish.set_params(p).run(10, current).voltage, wanted),
        {"cells-EXC:soma.g_L": 10.0, "cells-EXC:soma.E_L": -70.0},
        optax.adam(0.3),
        steps=150,
        progress=lambda k, loss: told.append(loss),
    )

    assert told == history.loss
    assert len(history.params) == 151
    assert history.loss[history.best] < 1e-4 * history.loss[0]
    for key, value in true.items():
        np.testing.assert_allclose(found[key], value, rtol=1e-2)


def test_fit_stays_within_bounds_and_refuses_what_leads_nowhere(leaky):
    dish, current = leaky

    def loss(dish, p):
        return trace(dish.set_params({"cells-EXC:soma.E_L": p}).run(10, current).voltage, 0.0)

    with pytest.raises(InvalidValue, match="takes no such steps: got 0"):
        fit(dish, loss, -70.0, steps=0)
    with pytest.raises(InvalidValue, match="do not match"):
        fit(dish, loss, -70.0, steps=1)
    with pytest.raises(Diverged, match="is no number: got nan at step 0"):
        fit(dish, lambda dish, p: p * jnp.nan, 1.0, steps=1)
    found, _ = fit(
        dish, lambda dish, p: p**2, 5.0, optax.sgd(0.1), 20, bound=lambda p: jnp.maximum(p, 2.0)
    )
    assert found == 2.0
