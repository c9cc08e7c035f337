"""Gradients through stimulation and recording equal central differences."""

import numpy as np
import pytest

from livn.io import MEA

jax = pytest.importorskip("jax")

ELECTRODES = np.array([[0.0, 0, 0, 10], [1.0, 80, 20, 10], [2.0, 30, 90, 10]])
CELLS = np.array([[0.0, 5, 5, 0], [1.0, 60, 40, 5], [2.0, 20, 70, 0], [3.0, 600, 0, 0]])
INPUTS = np.array([[1.0, -0.5, 0.2], [0.3, 0.8, -1.0]])
CURRENTS = np.array([[1e-3, 2e-3], [-1e-3, 1e-3], [2e-3, 0.0], [1e-3, 1e-3]])


def stimulated(inputs, electrodes, cells=CELLS):
    return (MEA(electrodes).cell_stimulus(cells, inputs).array ** 2).sum()


def recorded(currents, electrodes, cells=CELLS):
    mea = MEA(electrodes)
    return (mea.potential_recording(mea.distances(cells), currents) ** 2).sum()


def central_differences(function, point, step):
    gradient = np.zeros_like(point)
    for index in np.ndindex(point.shape):
        moved = np.zeros_like(point)
        moved[index] = step
        gradient[index] = (function(point + moved) - function(point - moved)) / (2 * step)
    return gradient


def place(positions):
    """Electrodes with fixed ids at traced positions."""
    ids = jax.numpy.asarray(ELECTRODES[:, :1])
    return jax.numpy.concatenate([ids, positions], axis=1)


@pytest.mark.parametrize(
    ("function", "drive", "step"), [(stimulated, INPUTS, 1e-5), (recorded, CURRENTS, 1e-7)]
)
def test_gradients_equal_central_differences(function, drive, step):
    positions = ELECTRODES[:, 1:]

    with jax.enable_x64(True):
        by_drive, by_position = jax.jit(
            jax.grad(lambda d, p: function(d, place(p)), argnums=(0, 1))
        )(jax.numpy.asarray(drive), jax.numpy.asarray(positions))

    np.testing.assert_allclose(
        by_drive, central_differences(lambda d: function(d, ELECTRODES), drive, step), rtol=1e-6
    )
    moved = central_differences(
        lambda p: function(drive, np.column_stack([ELECTRODES[:, 0], p])), positions, 1e-4
    )
    np.testing.assert_allclose(by_position, moved, rtol=1e-6)
    assert np.abs(by_position).min() > 0


def test_gradient_on_the_electrode_is_finite():
    for function, drive in ((stimulated, INPUTS), (recorded, CURRENTS[:3])):
        gradient = jax.grad(lambda p, f=function, d=drive: f(d, place(p), ELECTRODES))(
            jax.numpy.asarray(ELECTRODES[:, 1:])
        )
        assert np.isfinite(gradient).all()


def test_jax_arrays_stay_in_jax_and_numpy_arrays_in_numpy():
    numpy_mea, jax_mea = MEA(ELECTRODES), MEA(jax.numpy.asarray(ELECTRODES))

    assert isinstance(numpy_mea.reach(CELLS), np.ndarray)
    assert isinstance(numpy_mea.cell_stimulus(CELLS, INPUTS).array, np.ndarray)
    assert isinstance(jax_mea.reach(CELLS), jax.Array)
    assert isinstance(jax_mea.distances(CELLS), jax.Array)
    assert isinstance(numpy_mea.cell_stimulus(CELLS, jax.numpy.asarray(INPUTS)).array, jax.Array)
    np.testing.assert_allclose(jax_mea.reach(CELLS), numpy_mea.reach(CELLS), rtol=1e-5)


def test_every_cell_has_a_column_while_traced():
    shape = jax.eval_shape(
        lambda inputs: MEA(ELECTRODES).cell_stimulus(CELLS, inputs).array, jax.numpy.asarray(INPUTS)
    ).shape

    assert shape == (2, 4)
    assert MEA(ELECTRODES).cell_stimulus(CELLS, jax.numpy.asarray(INPUTS)).width == 3


def test_batches_of_commands_can_be_mapped():
    batch = jax.numpy.stack([jax.numpy.asarray(INPUTS)] * 3)

    mapped = jax.vmap(lambda inputs: MEA(ELECTRODES).cell_stimulus(CELLS, inputs).array)(batch)

    np.testing.assert_allclose(mapped[..., :3], MEA(ELECTRODES).cell_stimulus(CELLS, batch).array)


def test_gains_of_the_volume_conductor_have_gradients():
    mea = MEA(ELECTRODES)

    gradient = jax.grad(
        lambda gain: mea.with_params({"volume_conductor-stimulation_gain": gain}).reach(CELLS).sum()
    )(2.0)

    shape = mea.reach(CELLS).sum() / mea.volume_conductor.stimulation_gain
    assert gradient == pytest.approx(shape, rel=1e-5)
