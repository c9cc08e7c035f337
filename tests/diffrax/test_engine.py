"""What the diffrax engine promises beyond the contract: native's spikes, numbers, precision."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from livn import Env, Stimulus, random
from livn.backend.diffrax import engine
from livn.backend.diffrax.noise import normals, threefry
from livn.errors import UnknownName


def culture(backend, model="Izhikevich", **options):
    env = Env("EI1", model, backend=backend, **options).init()
    return env.apply_model_defaults().record_spikes().record_voltage(dt=1.0)


@pytest.mark.parametrize("model", ["Izhikevich", "ReducedCalciumSomaDendrite"])
def test_network_with_noise_follows_native(model):
    currents = np.random.default_rng(0).uniform(
        0.0, 0.03 if model == "Izhikevich" else 0.3, (40, 10)
    )
    runs = [culture(b, model).run(40, Stimulus.from_current(currents, dt=1.0))
            for b in ("native", "diffrax")]  # fmt: skip

    assert len(runs[0].spike_ids) > 20
    assert runs[0].spikes == runs[1].spikes
    np.testing.assert_allclose(runs[0].voltage, runs[1].voltage, atol=1e-6)  # rounding, amplified


def test_random_numbers_are_those_of_livn():
    key, gids = random.key(7, 3, 2), np.array([0, 5, 99, 2**32 - 1], np.uint32)
    a, b = gids.copy(), np.full(4, 12345, np.uint32)
    words_of_key = tuple(np.array(key, np.uint32))
    expected = random.normals(key, gids, 12345, 1)[:, 0]

    with jax.enable_x64(True):
        words = threefry(words_of_key, jnp.asarray(a), jnp.asarray(b))
        found = normals(words_of_key, gids, b, np.dtype(np.float64))
    random.threefry(key, a, b)

    assert np.array_equal(words[0], a)
    assert np.array_equal(words[1], b)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13)  # accurate to 1e-14 each


def test_number_held_across_the_end_of_its_key_is_the_same():
    """Keys change after 2**32 numbers; a call is cut there."""
    cells = engine.structure(Env(1, "LIF", backend="diffrax").network_plan, 0.1)
    (draw,) = cells[0].draws
    assert draw.every == 10  # held for 1 ms
    last = (1 << 32) * 10 - 3

    before, until = engine.clock(cells, 0, 0, last, 16)
    after, _ = engine.clock(cells, 0, 0, last + until, 16)

    assert until == 3
    assert (before.numbers[0], before.phases[0]) == (2**32 - 1, 7)
    assert (after.numbers[0], after.phases[0]) == (0, 0)
    assert not np.array_equal(before.keys, after.keys)


def test_single_precision_is_close_for_a_while_and_leaves_the_default_alone():
    x64 = jax.config.jax_enable_x64
    double, single = (culture("diffrax", precision=p).run(20) for p in ("float64", "float32"))

    assert not np.array_equal(double.voltage, single.voltage)
    np.testing.assert_allclose(double.voltage, single.voltage, atol=1e-2)  # mV, of 1e-7 relative
    assert jax.config.jax_enable_x64 == x64


def test_unknown_precision_is_refused():
    with pytest.raises(UnknownName, match="unknown diffrax precision: got 'float16'"):
        Env(1, "LIF", backend="diffrax", precision="float16").init()


def test_description_names_precision_and_device():
    assert "diffrax, float64, cpu" in culture("diffrax").describe()
