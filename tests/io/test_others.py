"""The bare IO, light, composition, and the formulas of volume conductors."""

import numpy as np
import pytest

from livn.errors import InvalidValue, NotSupported, UnknownName
from livn.io import (
    IO,
    MEA,
    ComposedIO,
    LightArray,
    calculate_cell_stimulus,
    disk_electrode_model,
    point_source_model,
)

CELLS = np.array([[0.0, 0, 0, 0], [1.0, 100, 0, 300]])
FIBER = [[0, 0, 0, 0]]


@pytest.mark.parametrize(
    "use",
    [
        lambda io: io.channel_ids,
        lambda io: io.num_channels,
        lambda io: io.input_units,
        lambda io: io.distances(CELLS),
        lambda io: io.reach(CELLS),
        lambda io: io.cell_stimulus(CELLS, [[1.0]]),
        lambda io: io.source_gain(CELLS),
        lambda io: io.potential_recording(CELLS, CELLS),
        lambda io: io.channel_recording(CELLS, [0]),
    ],
)
def test_bare_io_refuses_and_asks_for_another(use):
    with pytest.raises(NotSupported, match="IO has no .*: Please specify an IO"):
        use(IO())


def test_bare_io_has_no_params():
    assert IO().params() == {}
    with pytest.raises(UnknownName, match="'input_radius'; known: none"):
        IO().set_params({"input_radius": 3.0})


def test_point_source_is_55_7_mv_per_ua_at_5_um():
    np.testing.assert_allclose(point_source_model([0.0, 5.0]), [55.704, 27.852], rtol=1e-4)
    assert point_source_model(45.0, 7.0, 2.0) == pytest.approx(4 * 5.5704, rel=1e-4)


def test_disk_is_an_equipotential_that_looks_like_a_point_from_afar():
    on_disk = disk_electrode_model([0.0, 7.0, 15.0], 0.0)
    afar = disk_electrode_model(0.0, 5000.0)

    np.testing.assert_allclose(on_disk, 1e3 * 3.5 / (4 * 15))
    # All current flows into one half space: twice a point source in the infinite medium.
    assert afar == pytest.approx(2 * point_source_model(4995.0), rel=1e-4)


def test_light_falls_with_distance_as_published():
    light = LightArray(FIBER)
    z0 = 0.1 * 1.36 / 0.37
    spread = (0.37 / 1.36) ** 2 / (4 * np.pi)

    reach = light.reach(CELLS)

    np.testing.assert_allclose(
        reach,
        [
            [
                spread / z0**2,
                spread / (0.3 + z0) ** 2 * np.exp(-11.2 * np.hypot(0.1, 0.3)),
            ]
        ],
    )


def test_light_stimulus_is_irradiance_and_knows_its_wavelength():
    stimulus = LightArray(FIBER, wavelength_nm=590).cell_stimulus(CELLS, [[2.0]], dt=0.1)

    assert (stimulus.input_mode, stimulus.units) == ("irradiance", "mW/mm2")
    assert stimulus.extra == {"wavelength_nm": 590.0}
    np.testing.assert_allclose(stimulus.array, 2 * LightArray(FIBER).reach(CELLS))


def test_light_does_not_record_and_refuses_other_numbers():
    light = LightArray(FIBER)

    assert (light.input_units, light.num_channels) == ("mW", 1)
    with pytest.raises(NotSupported, match="LightArray has no recording"):
        light.channel_recording(CELLS, [0])
    with pytest.raises(InvalidValue, match=r"numerical_aperture is not positive: got 0\.0"):
        light.set_params({"numerical_aperture": 0.0})


def test_composed_io_stimulates_with_one_and_records_with_the_other():
    light, mea = LightArray(FIBER), MEA([[4, 0, 0, 0], [5, 9, 0, 0]])
    io = ComposedIO(light, mea)

    assert (io.input_units, io.num_channels, io.channel_ids.tolist()) == ("mW", 2, [4, 5])
    assert io.cell_stimulus(CELLS, [[1.0]]).input_mode == "irradiance"
    np.testing.assert_array_equal(io.reach(CELLS), light.reach(CELLS))
    distances = io.distances(CELLS)
    np.testing.assert_array_equal(distances, mea.distances(CELLS))
    np.testing.assert_array_equal(io.source_gain(distances), mea.source_gain(distances))
    assert io.potential_recording(distances, np.ones((2, 3))).shape == (2, 3)
    assert io.channel_recording(CELLS, [0])[4].tolist() == [0]


def test_composed_io_sets_params_of_its_parts():
    io = ComposedIO(LightArray(FIBER), MEA())

    io.set_params({"outputs-volume_conductor-recording_gain": 2.0, "inputs-wavelength_nm": 600})

    assert io.outputs.volume_conductor.recording_gain == 2.0
    assert io.params()["inputs-wavelength_nm"] == 600


def test_calculate_cell_stimulus_is_commands_times_gain():
    np.testing.assert_array_equal(
        calculate_cell_stimulus([[1.0, 2.0]], np.array([[1.0], [10.0]])), [[21.0]]
    )
    with pytest.raises(InvalidValue, match="stimulus has 2 channels, the array has 1"):
        calculate_cell_stimulus([[1.0, 2.0]], np.array([[1.0]]))
