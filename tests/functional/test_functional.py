"""A culture as a pure function: what an Env computes, under jit, vmap, grad and jvp."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from livn import Env, Stimulus
from livn.backend.diffrax.surrogate import Surrogate
from livn.env.functional import functional
from livn.errors import InvalidState, InvalidValue, UnknownName
from livn.io import MEA
from livn.run import Run

WEIGHT = "EXC_EXC-dend-AMPA-weight"
SILENT = Surrogate(damping=1e-30)  # so that only what is smooth has a derivative


def mean_voltage(dish, stimulus, **options):
    """Return a loss of noise level and weight."""

    def loss(level, weight):
        mine = dish.set_noise({"level": level}).set_weights({WEIGHT: weight})
        return mine.run(10, stimulus, **options).voltage.mean()

    return loss


@pytest.fixture(scope="module")
def ten(culture):
    return Stimulus.from_current(culture[1].array[:10], dt=1.0)


def test_jitted_run_is_that_of_the_env(culture, dish):
    env, stimulus = culture
    expected = env.clear().run(20, stimulus)

    run = jax.jit(lambda env: env.run(20, stimulus))(env)

    assert isinstance(run, Run)
    assert len(expected.spike_ids) > 50
    assert run.spikes.compact() == expected.spikes
    np.testing.assert_allclose(run.voltage, expected.voltage, atol=1e-10)  # rounding
    np.testing.assert_allclose(run.current, expected.current, atol=1e-9)  # float32 of the Env
    assert np.array_equal(run.voltage_ids, expected.voltage_ids)
    train = run["spike_train"].values
    assert train.sum() == len(expected.spike_ids)


@pytest.mark.slow
def test_two_calls_continue_one_another(dish, culture):
    stimulus = culture[1]
    halves = [Stimulus.from_current(stimulus.array[k : k + 10], dt=1.0) for k in (0, 10)]

    @jax.jit
    def both():
        first, there = dish.advance(10, halves[0])
        second, end = dish.advance(10, halves[1], moment=there)
        return first, second, end

    first, second, end = both()
    whole = dish.run(20, stimulus)

    assert end.step == 200
    assert second.t0 == 10.0
    assert first.spikes.compact().concat(second.spikes.compact()) == whole.spikes.compact()
    np.testing.assert_allclose(
        np.hstack([first.voltage, second.voltage]), whole.voltage, atol=1e-10
    )


def test_keys_can_be_mapped_over_and_give_the_noise_of_their_stream(culture, dish, ten):
    env = culture[0]
    keys = jnp.stack([dish.noise_key(k) for k in (0, 3)])

    runs = jax.jit(jax.vmap(lambda key: dish.run(10, ten, key=key)))(keys)

    for k, stream in enumerate((0, 3)):
        expected = env.clear().reseed_noise(stream).run(10, ten)
        one = jax.tree.map(lambda x, k=k: x[k], runs)
        assert one.spikes.compact() == expected.spikes
    env.reseed_noise(0)


@pytest.fixture(scope="module")
def slopes(dish, ten):
    """Derivatives of a smooth loss in reverse mode, with checkpoints."""
    with jax.enable_x64(True):
        loss = mean_voltage(dish, ten, surrogate=SILENT)
        return loss, jax.jit(jax.grad(loss, (0, 1)))(100.0, 1.0)


def test_reverse_mode_agrees_with_central_differences(slopes):
    loss, found = slopes
    value = jax.jit(loss)
    h = 1e-4
    by_level = (value(100 + h, 1.0) - value(100 - h, 1.0)) / (2 * h)
    by_weight = (value(100.0, 1 + h) - value(100.0, 1 - h)) / (2 * h)

    assert abs(by_weight) > 1e-3
    np.testing.assert_allclose(found[1], by_weight, rtol=1e-6)
    np.testing.assert_allclose(found[0], by_level, rtol=1e-6, atol=1e-9)  # eps/h


def test_forward_mode_and_no_checkpoints_give_the_same(slopes, dish, ten):
    loss, found = slopes

    forward = jax.jit(jax.jacfwd(loss, (0, 1)))(100.0, 1.0)
    kept = mean_voltage(dish, ten, surrogate=SILENT, checkpoint=False)
    without = jax.jit(jax.grad(kept, (0, 1)))(100.0, 1.0)

    np.testing.assert_allclose(forward, found, rtol=1e-10)
    np.testing.assert_allclose(without, found, rtol=1e-10)


@pytest.mark.slow
def test_surrogate_reaches_back_through_synapses_and_truncation_cuts_it(dish, ten):
    def inhibitory_spikes(weight, **options):
        mine = dish.set_weights({"INH_EXC-soma-AMPA-weight": weight})
        return mine.run(10, ten, **options)["spike_train"].values[8:].sum()

    whole, cut = jax.jit(
        lambda w: (
            jax.grad(inhibitory_spikes)(w),
            jax.grad(lambda w: inhibitory_spikes(w, truncate=0.1))(w),
        )
    )(1.0)

    assert whole > 0
    assert cut == 0  # a weight acts on a state, and that on spikes of the next step


@pytest.mark.slow
def test_memory_of_a_gradient_grows_slower_than_time_with_checkpoints(dish):
    def needed(duration, checkpoint):
        loss = mean_voltage_of(dish, duration, checkpoint)
        made = jax.jit(jax.grad(loss)).lower(1.0).compile()
        return made.memory_analysis().temp_size_in_bytes

    def mean_voltage_of(dish, duration, checkpoint):
        return lambda w: dish.set_weights({WEIGHT: w}).run(
            duration, checkpoint=checkpoint
        ).voltage.mean()  # fmt: skip

    assert needed(160, True) < needed(160, False) / 5


@pytest.mark.slow
def test_electrodes_cells_and_gains_have_derivatives():
    contacts = np.array([[0.0, 20.0, 10.0, 50.0], [1.0, 90.0, 0.0, 50.0]])
    env = Env({"EXC": 2}, "PinskyRinzel", MEA(contacts), backend="diffrax").init()
    dish = functional(env.record_membrane_current(dt=0.5))
    commands = np.array([[-5.0, 1.0], [0.0, 0.0]])  # uA

    def loss(x, y, gain, amplitude):
        electrodes = jnp.asarray(contacts).at[0, 1].add(x)
        cells = dish.coordinates + y * np.array([0.0, 1.0, 0.0, 0.0])
        moved = dish.with_io(MEA(electrodes)).with_coordinates(cells)
        moved = moved.set_params({"io-volume_conductor-stimulation_gain": gain})
        run = moved.run(1.0, moved.cell_stimulus(commands * amplitude, dt=0.5))
        return 1e3 * jnp.mean(moved.potential_recording(run.current) ** 2)

    at = (3.0, 1.0, 5.0, 1.0)
    found = jax.jit(jax.grad(loss, (0, 1, 2, 3)))(*at)
    value, h = jax.jit(loss), 1e-4
    for k in range(4):
        up, down = ([*at[:k], at[k] + s, *at[k + 1 :]] for s in (h, -h))
        middle = (value(*up) - value(*down)) / (2 * h)
        assert abs(middle) > 1e-9
        np.testing.assert_allclose(found[k], middle, rtol=1e-5)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda d: d.set_params({"nois-level": 1.0}), UnknownName, "unknown parameter key"),
        (lambda d: d.set_noise({"level": -1.0}), InvalidValue, "got -1"),
        (lambda d: d.set_params({"cells-V_init": np.zeros(3)}), InvalidValue, "V_init"),
        (lambda d: d.run(10, spikes="exakt"), UnknownName, "did you mean 'exact'"),
        (lambda d: d.run(10, max_spikes=0), InvalidValue, "max_spikes leaves no place: got 0"),
        (lambda d: d.run(10, key=np.zeros((1, 2))), InvalidValue, r"noise key .* got shape \(1, 2"),
        (lambda d: d.run(10, truncate=0.33), InvalidValue, "got 0.33 ms"),
        (lambda d: d.with_coordinates(np.zeros((2, 4))), InvalidValue, r"got shape \(2, 4\)"),
        (lambda d: Surrogate(width=0.0), InvalidValue, "surrogate width is not positive: got 0.0"),
    ],
)
def test_wrong_input_is_refused(dish, call, error, message):
    with pytest.raises(error, match=message):
        call(dish)


def test_traced_value_of_the_wrong_shape_is_refused(dish):
    with pytest.raises(InvalidValue, match=r"got \(3,\); need one value or \(8,\)"):
        jax.jit(lambda v: dish.set_params({"cells-EXC:V_init": v}))(jnp.zeros(3))


def test_compacting_inside_a_transformation_says_what_to_do_instead(dish, ten):
    with pytest.raises(InvalidState, match="inside a jax transformation: got.*spikes.times"):
        jax.jit(lambda w: dish.set_weights({WEIGHT: w}).run(1).spike_times)(1.0)


def test_more_spikes_than_places_are_an_error(dish, culture):
    few = jax.jit(lambda: dish.run(20, culture[1], max_spikes=2).spikes.times)
    with pytest.raises(Exception, match="more spikes than max_spikes=2"):
        jax.block_until_ready(few())
