"""Stimulus: construction, refusals, windows and rearrangement of columns."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livn.errors import InvalidValue, UnknownName
from livn.stimulus import MODES, BiphasicPulsePolicy, Stimulus
from livn.stimulus.layout import weighted


class Dish:
    """Two electrodes over three cells; the second cell is out of reach."""

    class io:
        input_units = "uA"

    gain = np.array([[2.0, 0.0], [1.0, 4.0]])

    def cell_stimulus(self, channel_inputs, dt=1.0):
        return Stimulus(channel_inputs @ self.gain, dt, gids=[0, 2])


def test_stimulus_without_a_mode_is_extracellular_mv():
    stimulus = Stimulus([[1.0, 2.0], [3.0, 4.0]])

    assert (stimulus.input_mode, stimulus.units, stimulus.dt) == ("extracellular", "mV", 1.0)
    assert (stimulus.n_steps, stimulus.width, len(stimulus), stimulus.duration) == (2, 2, 2, 2.0)


@pytest.mark.parametrize(
    ("constructor", "mode", "units"),
    [
        (Stimulus.from_conductance, "conductance", "uS"),
        (Stimulus.from_current, "current", "nA"),
        (Stimulus.from_current_density, "current_density", "mA/cm2"),
        (Stimulus.from_extracellular, "extracellular", "mV"),
        (Stimulus.from_irradiance, "irradiance", "mW/mm2"),
    ],
)
def test_named_constructors_set_mode_units_and_a_step_of_100_us(constructor, mode, units):
    stimulus = constructor([[1.0]], gids=[4], note="x")

    assert (stimulus.input_mode, stimulus.units, stimulus.dt) == (mode, units, 0.1)
    assert stimulus.extra == stimulus.meta_data == {"note": "x"}


def test_iteration_yields_gid_section_series():
    stimulus = Stimulus.from_current([[1.0, 2.0], [3.0, 4.0]], gids=[7, 3], sections=["a", "b"])

    (gid, section, series), (second, *_) = stimulus

    assert (gid, section, second) == (7, "a", 3)
    np.testing.assert_array_equal(series, [1.0, 3.0])


def test_columns_are_none_where_not_given():
    assert Stimulus([[1.0]]).columns() == (None, None)
    assert [column[:2] for column in Stimulus([[1.0]])] == [(None, None)]


def test_stimulus_is_immutable_and_leaves_the_array_writeable():
    array = np.ones((2, 1))
    stimulus = Stimulus(array)

    array[0] = 5.0
    with pytest.raises(ValueError, match="read-only"):
        stimulus.array[0] = 1.0
    with pytest.raises(AttributeError):
        stimulus.dt = 2.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "stimulus has no values, or two sets: got none"),
        ({"array": [[1.0]], "source": abs, "extent": 1.0}, "got array, source, extent"),
        ({"source": abs, "gids": [0]}, "got source, gids; need an array"),
        ({"source": abs, "extent": 1.0}, "got source, extent; need an array"),
        ({"array": [[1.0]], "extent": 1.0}, "got array, extent"),
        ({"array": [[1.0]], "dt": 0.0}, r"stimulus dt is not positive: got 0\.0"),
        ({"array": [[1.0]], "dt": True}, "stimulus dt is not positive: got True"),
        ({"array": [1.0, 2.0]}, r"no steps and columns: got shape \(2,\)"),
        ({"array": np.empty((0, 3))}, r"no steps and columns: got shape \(0, 3\)"),
        ({"array": [[1.0, np.nan]]}, "not finite: got 1 of 2"),
        ({"array": [["a"]]}, "is not an array of numbers: got list"),
        ({"array": [[1j]]}, "is not an array of numbers: got list"),
        ({"array": [[1.0], [1.0, 2.0]]}, "is not an array of numbers: got list"),
        ({"array": [[1.0]], "gids": [0, 1]}, "has 1 columns, gids name others: got 2 gids"),
        ({"array": [[1.0]], "gids": [0.5]}, r"gids are not integers from 0: got \[0\.5\]"),
        ({"array": [[1.0]], "gids": [-1]}, r"gids are not integers from 0: got \[-1\]"),
        ({"array": [[1.0]], "gids": ["0"]}, "gids are not integers from 0: got"),
        ({"array": [[1.0]], "sections": ["soma"]}, r"got shape \(1,\) for no gids"),
        ({"array": [[1.0]], "gids": [0], "sections": []}, r"got shape \(0,\) for 1 gids"),
        ({"array": [[1.0]], "units": "V"}, "do not fit the mode 'extracellular': got 'V'; need mV"),
        ({"source": abs, "gids": [0], "extent": 1.5}, "stimulus extent is not a multiple of dt"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(arguments, message):
    with pytest.raises(InvalidValue, match=message):
        Stimulus(**arguments)


def test_unknown_mode_names_the_nearest():
    with pytest.raises(UnknownName, match="'curent' .did you mean 'current'"):
        Stimulus([[1.0]], input_mode="curent")
    assert set(MODES) >= {"conductance", "current", "extracellular", "irradiance"}


def test_from_arg_takes_what_run_takes():
    array = np.ones((2, 1))
    stimulus = Stimulus(array)

    assert Stimulus.from_arg(None) is None
    assert Stimulus.from_arg(stimulus) is stimulus
    assert Stimulus.from_arg(array).width == 1
    assert Stimulus.from_arg((array, 0.5, [3])).dt == 0.5
    assert Stimulus.from_arg({"array": array, "input_mode": "current"}).units == "nA"
    with pytest.raises(InvalidValue, match="cannot be made from str: got 'noise'"):
        Stimulus.from_arg("noise")
    with pytest.raises(InvalidValue, match="needs an env and a duration: got BiphasicPulsePolicy"):
        Stimulus.from_arg(BiphasicPulsePolicy())


def test_from_policy_renders_windows_of_what_reaches_the_cells():
    policy = BiphasicPulsePolicy(n_channels=2, channels=(1,), amplitude=3.0, pulse_times=(1.0,))

    stimulus = Stimulus.from_arg(policy, Dish(), 10.0)

    assert (stimulus.dt, stimulus.duration, stimulus.input_mode) == (0.05, 10.0, "extracellular")
    np.testing.assert_array_equal(stimulus.gids, [0, 2])
    np.testing.assert_array_equal(stimulus.window(1.15, 1.3), [[-3, -12], [0, 0], [3, 12]])
    np.testing.assert_array_equal(stimulus.window(1.0, 1.05), stimulus.array[20:21])
    assert stimulus.array.shape == (200, 2)


def test_from_policy_refuses_a_run_that_is_too_short():
    policy = BiphasicPulsePolicy(n_channels=2, pulse_times=(1.0,))

    with pytest.raises(InvalidValue, match=r"got duration=1\.0 ms; need at least 1\.45 ms"):
        Stimulus.from_policy(policy, Dish(), 1.0)


def test_from_policy_refuses_other_units():
    class Lamp(Dish):
        class io:
            input_units = "mW"

    with pytest.raises(InvalidValue, match="policy commands uA, the io takes mW"):
        Stimulus.from_policy(BiphasicPulsePolicy(n_channels=2), Lamp(), 1.0)


def test_source_is_asked_for_its_extent_only():
    asked = []

    def source(start, stop):
        asked.append((start, stop))
        return np.ones((round(stop - start), 2))

    stimulus = Stimulus(source=source, gids=[0, 1], extent=3.0)

    np.testing.assert_array_equal(stimulus.window(2.0, 5.0)[:, 0], [1, 0, 0])
    np.testing.assert_array_equal(stimulus.window(7.0, 8.0)[:, 0], [0])
    assert asked == [(2.0, 3.0), (7.0, 7.0)]
    assert stimulus.align_gids([1, 2, 0]).array.tolist() == [[1, 0, 1]] * 3


def test_window_bounds_are_multiples_of_dt():
    with pytest.raises(InvalidValue, match=r"window start is not a multiple of dt: got 0\.25 ms"):
        Stimulus([[1.0]], dt=0.1).window(0.25, 0.3)


def test_to_array_holds_samples_and_is_zero_after_the_end():
    stimulus = Stimulus.from_current([[1.0], [2.0]], dt=0.5)

    np.testing.assert_array_equal(stimulus.to_array(1.5, 0.25)[:, 0], [1, 1, 2, 2, 0, 0])
    np.testing.assert_array_equal(stimulus.to_array(0.75, 0.25)[:, 0], [1, 1, 2])


def test_to_array_refuses_steps_that_do_not_fit():
    stimulus = Stimulus.from_current([[1.0]], dt=0.5)

    with pytest.raises(InvalidValue, match=r"stimulus dt is not a multiple of dt: got 0\.5 ms"):
        stimulus.to_array(3.0, 0.3)
    with pytest.raises(InvalidValue, match="duration is not a multiple of dt"):
        stimulus.to_array(0.6, 0.25)


def test_dense_stimulus_above_the_cap_is_refused(monkeypatch):
    monkeypatch.setenv("LIVN_MAX_STIMULUS_GB", "1e-6")
    stimulus = Stimulus(source=lambda a, b: np.zeros((round(b - a), 1)), gids=[0], extent=1000.0)

    with pytest.raises(InvalidValue, match="dense stimulus is too large: got .* GiB for shape"):
        _ = stimulus.array
    assert stimulus.window(0.0, 10.0).shape == (10, 1)


def test_resample_is_linear_and_holds_the_last_sample():
    stimulus = Stimulus.from_current([[0.0], [2.0]], dt=1.0).resample(0.5)

    assert stimulus.dt == 0.5
    np.testing.assert_allclose(stimulus.array[:, 0], [0.0, 1.0, 2.0, 2.0])
    with pytest.raises(InvalidValue, match="stimulus duration is not a multiple of dt"):
        stimulus.resample(0.3)


def test_one_mw_per_mm2_at_470_nm_is_2_37e15_photons():
    light = Stimulus.from_irradiance([[1.0]], gids=[0], wavelength_nm=470.0)

    photons = light.convert_to("photon_flux")

    assert photons.array[0, 0] == pytest.approx(2.37e15, rel=3e-3)
    assert photons.convert_to("mW/mm2").array[0, 0] == pytest.approx(1.0)
    assert light.convert_to("mW/mm2") is light
    with pytest.raises(InvalidValue, match="do not fit the mode 'current': got 'photon_flux'"):
        Stimulus.from_current([[1.0]]).convert_to("photon_flux")


def test_align_gids_orders_columns_and_fills_with_zero():
    stimulus = Stimulus.from_current([[1.0, 2.0]], gids=[7, 3])

    aligned = stimulus.align_gids([3, 5, 7])

    np.testing.assert_array_equal(aligned.array, [[2.0, 0.0, 1.0]])
    np.testing.assert_array_equal(aligned.gids, [3, 5, 7])
    assert Stimulus([[1.0, 2.0]]).align_gids([4, 9]).gids.tolist() == [4, 9]


def test_align_gids_refuses_what_it_would_lose():
    with pytest.raises(InvalidValue, match=r"are not among the targets: got .* \[\(7, None\)\]"):
        Stimulus([[1.0, 2.0]], gids=[7, 3]).align_gids([3])
    with pytest.raises(InvalidValue, match=r"are given twice: got .* \[\(3, None\)\]"):
        Stimulus([[1.0, 2.0]], gids=[3, 3]).align_gids([3])
    with pytest.raises(InvalidValue, match=r"has sections: got \['soma'\]; .* Use expand"):
        Stimulus([[1.0]], gids=[3], sections=["soma"]).align_gids([3])


def test_expand_copies_a_cell_to_its_sections_and_matches_named_ones():
    targets = ([3, 3, 4, 4], ["soma", "dend", "soma", "dend"])

    cell = Stimulus([[1.0]], gids=[4]).expand(*targets)
    dendrite = Stimulus([[1.0]], gids=[4], sections=["dend"]).expand(*targets)

    np.testing.assert_array_equal(cell.array, [[0, 0, 1, 1]])
    np.testing.assert_array_equal(dendrite.array, [[0, 0, 0, 1]])
    assert dendrite.sections.tolist() == targets[1]
    assert dendrite.sections_per_cell == 2
    with pytest.raises(InvalidValue, match=r"not among the targets: got .* \[\(4, 'axon'\)\]"):
        Stimulus([[1.0]], gids=[4], sections=["axon"]).expand(*targets)
    with pytest.raises(InvalidValue, match="stimulus has no gids"):
        Stimulus([[1.0]]).expand(*targets)


def test_sections_per_cell_refuses_cells_that_differ():
    assert Stimulus([[1.0, 2.0]]).sections_per_cell == 1
    assert Stimulus(np.empty((2, 0)), gids=[]).sections_per_cell == 1
    with pytest.raises(InvalidValue, match="different numbers of columns: got 1 to 2"):
        _ = Stimulus([[1.0, 2.0, 3.0]], gids=[1, 1, 2]).sections_per_cell


@given(
    st.lists(st.integers(0, 50), min_size=1, unique=True),
    st.lists(st.integers(0, 50), unique=True),
    st.randoms(use_true_random=False),
)
def test_align_gids_loses_nothing_and_adds_zeros(own, others, random):
    wanted = list({*own, *others})
    random.shuffle(wanted)
    values = {gid: float(gid + 1) for gid in own}

    aligned = Stimulus([[values[gid] for gid in own]], gids=own).align_gids(wanted)

    assert aligned.array[0].tolist() == [values.get(gid, 0.0) for gid in wanted]


@given(st.integers(1, 8), st.integers(1, 6), st.integers(1, 40))
def test_to_array_equals_the_sample_in_force_at_every_step(hold, samples, steps):
    values = np.arange(1.0, samples + 1)[:, None]

    dense = Stimulus(values, dt=hold * 0.025).to_array(steps * 0.025, 0.025)

    assert dense[:, 0].tolist() == [
        k // hold + 1 if k < hold * samples else 0 for k in range(steps)
    ]


def test_jax_values_stay_in_jax_and_carry_gradients():
    jax = pytest.importorskip("jax")

    def total(values):
        stimulus = Stimulus.from_current(values, dt=0.1, gids=[4, 2]).align_gids([1, 2, 4])
        return (stimulus.to_array(0.4, 0.05) * jax.numpy.arange(3.0)).sum()

    gradient = jax.grad(total)(jax.numpy.ones((3, 2)))

    np.testing.assert_allclose(gradient, [[4.0, 2.0]] * 3)
    assert isinstance(Stimulus.from_current(jax.numpy.ones((3, 2))).resample(0.05).array, jax.Array)
    with pytest.raises(InvalidValue, match="not finite: got 1 of 1"):
        Stimulus(jax.numpy.array([[jax.numpy.nan]]))


GAIN = np.array([[1.0, 10.0, 0.5], [2.0, 20.0, 0.25]])


def test_gain_turns_inputs_into_columns():
    inputs = np.array([[1.0, 0.0], [1.0, -1.0]])

    stimulus = Stimulus(inputs, 0.5, [4, 5, 6], gain=GAIN)

    assert (stimulus.width, stimulus.n_steps, len(stimulus)) == (3, 2, 3)
    assert stimulus.array.tolist() == [[1.0, 10.0, 0.5], [-1.0, -10.0, 0.25]]
    assert stimulus.window(0.5, 1.5).tolist() == [[-1.0, -10.0, 0.25], [0.0, 0.0, 0.0]]
    assert stimulus.inputs(1, 9).tolist() == [[1.0, -1.0]]
    assert stimulus.resample(0.25).array[1].tolist() == [0.0, 0.0, 0.375]
    assert stimulus.align_gids([6, 4, 5, 7]).array[0].tolist() == [0.5, 1.0, 10.0, 0.0]
    with pytest.raises(ValueError, match="3 columns, gids name others: got 2 gids"):
        Stimulus(inputs, 0.5, [4, 5], gain=GAIN)


@given(st.integers(1, 9), st.integers(1, 20), st.integers(0, 30), st.integers(1, 12))
def test_a_row_behind_a_gain_does_not_depend_on_its_neighbours(n_inputs, n_columns, first, n_rows):
    rng = np.random.default_rng(n_inputs)
    rows, gain = rng.normal(size=(50, n_inputs)), rng.normal(size=(n_inputs, n_columns))

    some = Stimulus(rows[first : first + n_rows], gain=gain).array

    assert np.array_equal(some, Stimulus(rows, gain=gain).array[first : first + n_rows])
    assert np.array_equal(some, Stimulus(rows[None], gain=gain).array[0, first : first + n_rows])


@pytest.mark.parametrize("order", ["C", "F"])
def test_field_of_some_electrodes_does_not_depend_on_which_others_are_named(order):
    """Undriven channels between driven ones change no bit, so a run may be cut anywhere."""
    draw = np.random.default_rng(0)
    for _ in range(20):
        gain = np.asarray(draw.normal(size=(16, 40)), order=order)
        rows = draw.normal(size=(5, 16)) * (draw.random(16) < 0.6)
        driven = np.flatnonzero(rows.any(axis=0))
        few = weighted(rows[:, driven], np.asarray(gain[driven], order=order))
        assert np.array_equal(weighted(rows, gain), few)
        assert np.array_equal(weighted(rows[:2], gain), weighted(rows, gain)[:2])
