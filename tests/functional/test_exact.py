"""Exact spike times against closed forms, and crossings of conductance models."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from livn import Env, Stimulus
from livn.env.functional import functional
from livn.errors import InvalidValue, NotSupported
from livn.models import make_model
from livn.models.reference import solve

# LIF: 10 nS, 10 ms
G, TAU, E_L, RESET = 0.01, 10.0, -70.0, -75.0


def closed_form(current, threshold, n):
    """Spike times of a leaky cell under a constant current, nA."""
    high = E_L + current / G
    first = TAU * jnp.log((high - E_L) / (high - threshold))
    interval = TAU * jnp.log((high - RESET) / (high - threshold))
    return first + interval * jnp.arange(n)


@pytest.fixture(scope="module")
def leaky():
    dish = functional(Env(1, "LIF", backend="diffrax").init().record_spikes())

    def times(current, threshold):
        mine = dish.set_params({"cells-EXC:V_threshold": threshold})
        given = Stimulus.from_current(jnp.full((10, 1), current), dt=5.0)
        return mine.run(50, given, spikes="exact", max_spikes=5).spikes.times[0]

    return times


@pytest.mark.slow
def test_times_and_derivatives_of_a_leaky_cell_are_those_of_the_closed_form(leaky):
    at = 0.3, -52.0
    expected = closed_form(*at, 4)

    both = jax.jacrev(lambda *a: (leaky(*a),) * 2, (0, 1), has_aux=True)
    slopes, found = jax.jit(both)(*at)

    assert np.isinf(found[4])
    np.testing.assert_allclose(found[:4], expected, atol=2e-7)  # solver at 1e-9 a step
    for one, other in zip(
        slopes, jax.jacrev(lambda *a: closed_form(*a, 4), (0, 1))(*at), strict=True
    ):
        np.testing.assert_allclose(one[:4], other, rtol=1e-4)  # steps are chosen for values


def test_crossings_between_steps_of_a_conductance_model_have_derivatives():
    env = Env(1, "HodgkinHuxley", backend="diffrax").init().record_spikes()
    dish = functional(env, dt=0.005)

    def first(current):
        given = Stimulus.from_current(jnp.full((2, 1), current), dt=1.0)
        return dish.run(2, given, spikes="exact", max_spikes=4).spikes.times[0, 0]

    time, slope = jax.jit(jax.value_and_grad(first))(0.2)

    equations = make_model("HodgkinHuxley").equations("excitatory")
    up, at, down = (solve(equations, c, 0.0, 10.0, 10.0).spikes[0] for c in (0.201, 0.2, 0.199))
    assert float(time) == pytest.approx(at, abs=5e-4)  # a tenth of the step
    # times are second order in the step, their derivatives first: 4 % at 0.025 ms
    assert float(slope) == pytest.approx((up - down) / 2e-3, rel=1.5e-2)


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (lambda: Env("EI1", "LIF", backend="diffrax"), {}, "are of cells alone: got 40 synapses"),
        (lambda: Env(1, "LIF", backend="diffrax").set_noise({"level": 1.0}), {}, "level_soma"),
        (lambda: Env(1, "LIF", backend="diffrax").record_voltage(), {}, "got voltage"),
    ],
)
def test_what_has_no_exact_times_is_refused(make, options, message):
    dish = functional(make().init().record_spikes())
    with pytest.raises(NotSupported, match=message):
        dish.run(5, spikes="exact", max_spikes=2)


def test_exact_times_need_to_know_how_many_and_start_at_zero():
    dish = functional(Env(1, "LIF", backend="diffrax").init().record_spikes())
    with pytest.raises(InvalidValue, match="need max_spikes: got None"):
        dish.run(5, spikes="exact")
    with pytest.raises(NotSupported, match="start at t = 0: got a moment"):
        dish.advance(5, spikes="exact", max_spikes=2, moment=dish.start())
