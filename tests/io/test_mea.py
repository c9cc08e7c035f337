"""MEA: gains in closed form, radii, stimuli, recordings."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livn.errors import InvalidValue, UnknownName
from livn.io import MEA, Platform, PointSourceModel
from livn.stimulus import BiphasicPulsePolicy, ScaledPulses, Stimulus

TWO = [[4, 0, 0, 0], [9, 100, 0, 0]]


def cells(*x):
    return np.array([[gid, position, 0, 0] for gid, position in enumerate(x)], float)


def test_one_ua_makes_5_3355_mv_on_the_electrode():
    reach = MEA([[0, 0, 0, 0]]).reach(cells(0, 52.2015325, 250, 250.1))

    assert reach[0, 0] == pytest.approx(5.3355, abs=5e-5)
    assert reach[0, 1] == pytest.approx(5.3355 / np.sqrt(2), abs=5e-5)
    assert reach[0, 2] == pytest.approx(5.3355 * 52.2015 / np.hypot(250, 52.2015), abs=5e-5)
    assert reach[0, 3] == 0


def test_one_na_at_50_um_makes_4_8_uv():
    mea = MEA([[0, 0, 0, 0]])
    distances = mea.distances(cells(50))

    potential = mea.potential_recording(distances, np.array([[1e-3, -2e-3]]))

    np.testing.assert_allclose(potential, [[4.823, -9.646]], atol=1e-3)


def test_recording_gain_is_53_051_65_on_the_electrode_and_0_beyond_the_radius():
    mea = MEA([[0, 0, 0, 0]], output_radius=80)

    gain = mea.source_gain(mea.distances(cells(0, 5, 80, 80.1)))

    np.testing.assert_allclose(gain, [[53051.65, 53051.65 / 2, 53051.65 * 5 / 85, 0]], rtol=1e-6)
    np.testing.assert_array_equal(mea.sensitivity(cells(0, 5, 80, 80.1)), gain)


def test_cell_stimulus_sums_channels_and_drops_cells_out_of_reach():
    mea = MEA(TWO, input_radius=60)
    coordinates = cells(0, 50, 300)
    before = coordinates.copy()

    stimulus = mea.cell_stimulus(coordinates, [[1.0, 0.0], [1.0, -1.0]], dt=0.5)

    near, far = mea.reach(coordinates)[:, :2]
    assert (stimulus.input_mode, stimulus.units, stimulus.dt) == ("extracellular", "mV", 0.5)
    assert stimulus.gids.tolist() == [0, 1]
    np.testing.assert_allclose(stimulus.array, [near, near - far])
    np.testing.assert_array_equal(coordinates, before)


WAVEFORM = np.array([[-1.0], [0.0], [1.0]], np.float32)


def test_scaled_pulses_give_the_bits_of_their_commands():
    pulses = ScaledPulses(WAVEFORM, np.array([0.3, 0.7]), 0.1)

    for mea in (MEA(TWO, input_radius=60), Platform(MEA(TWO, input_radius=60))):
        stimulus = mea.cell_stimulus(cells(0, 50, 300), pulses)
        expected = mea.cell_stimulus(cells(0, 50, 300), pulses.commands, dt=0.1)

        assert (stimulus.dt, stimulus.units) == (0.1, "mV")
        assert stimulus.gids.tolist() == expected.gids.tolist() == [0, 1]
        np.testing.assert_array_equal(stimulus.array, expected.array)
    np.testing.assert_array_equal(np.asarray(pulses), WAVEFORM * [0.3, 0.7])


@pytest.mark.parametrize(
    ("amplitudes", "message"),
    [
        ([1.0], r"stimulus has 1 channels, the array has 2: got shape \(1, 1\)"),
        ([1.0, np.nan], "amplitudes has values that are not finite: got 1 of 2"),
    ],
)
def test_scaled_pulses_of_other_electrodes_or_of_nan_are_refused(amplitudes, message):
    pulses = ScaledPulses(WAVEFORM, np.array(amplitudes), 0.1)
    with pytest.raises(InvalidValue, match=message):
        MEA(TWO).cell_stimulus(cells(0, 50), pulses)


def test_scaled_pulses_keep_to_the_limits_of_a_device():
    pulses = ScaledPulses(WAVEFORM, np.array([1.0, 9.0]), 0.1)
    with pytest.raises(InvalidValue, match=r"9(\.0)? uA"):
        Platform(MEA(TWO), "cl1").cell_stimulus(cells(0, 50), pulses)


def test_columns_are_the_same_whichever_of_many_channels_are_driven():
    mea = MEA([[k, 1000 * k, 0, 0] for k in range(8)], input_radius=60)
    coordinates = cells(*range(0, 8000, 1000), 8500)
    one, two, others = np.eye(8)[[0]], np.eye(8)[[0]] + np.eye(8)[[1]], np.eye(8)[[6]] * 2.0

    few = mea.cell_stimulus(coordinates, one)
    many = [mea.cell_stimulus(coordinates, c) for c in (two, others + one, np.ones((1, 8)))]

    assert few.gids.tolist() == [0]
    assert [s.gids.tolist() for s in many] == [list(range(8))] * 3
    for stimulus, commands in zip(many, (two, others + one, np.ones((1, 8))), strict=True):
        np.testing.assert_array_equal(stimulus.array, commands @ mea.reach(coordinates)[:, :8])


def test_cell_stimulus_keeps_sections_beside_their_gids():
    coordinates = np.array([[5, 300, 0, 0], [5, 0, 0, 0], [6, 10, 0, 0]])

    stimulus = MEA([[0, 0, 0, 0]]).cell_stimulus(
        coordinates, [[1.0]], sections=["soma", "dend", "soma"]
    )

    assert stimulus.gids.tolist() == [5, 6]
    assert stimulus.sections.tolist() == ["dend", "soma"]


def test_cell_stimulus_takes_batches_policies_and_electrode_stimuli():
    mea = MEA(TWO)
    pulse = Stimulus.biphasic_pulse(2, [1], 2.0)
    policy = BiphasicPulsePolicy(n_channels=2, channels=(1,), amplitude=2.0)

    batch = mea.cell_stimulus(cells(0, 50), np.ones((3, 4, 2)))

    assert batch.array.shape == (3, 4, 2)
    for given_as in (pulse, policy):
        stimulus = mea.cell_stimulus(cells(0, 50), given_as)
        assert stimulus.dt == 0.05
        np.testing.assert_allclose(stimulus.array, pulse.array @ mea.reach(cells(0, 50)), rtol=1e-6)


def test_silent_commands_make_an_empty_stimulus_of_their_duration():
    stimulus = MEA(TWO).cell_stimulus(cells(0, 50), np.zeros((7, 2)))

    assert (stimulus.width, stimulus.duration) == (0, 7.0)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (
            np.ones((10, 3)),
            r"stimulus has 3 channels, the array has 2: got shape \(10, 3\); need \(n_steps, 2\)",
        ),
        (np.ones(2), r"got shape \(2,\); need \(n_steps, 2\)"),
        ([[np.inf, 0.0]], "channel inputs has values that are not finite"),
        (Stimulus([[1.0, 2.0]]), "stimulus is in mV, the io takes uA"),
    ],
)
def test_cell_stimulus_refuses_other_commands(inputs, message):
    with pytest.raises(InvalidValue, match=message):
        MEA(TWO).cell_stimulus(cells(0), inputs)


def test_sections_that_are_not_one_per_row_are_refused():
    with pytest.raises(InvalidValue, match=r"sections .*: got shape \(1,\) for 2 gids"):
        MEA(TWO).cell_stimulus(cells(0, 50), [[1.0, 0.0]], sections=["soma"])


def test_stimulus_is_dense_when_asked_for_and_below_the_cap_only(monkeypatch):
    monkeypatch.setenv("LIVN_MAX_STIMULUS_GB", "1e-6")

    stimulus = MEA(TWO).cell_stimulus(cells(0, 50), np.ones((1000, 2)))

    assert stimulus.window(0.0, 1.0).shape == (1, 2)
    with pytest.raises(InvalidValue, match="dense stimulus is too large"):
        _ = stimulus.array


def test_rows_that_do_not_match_are_refused():
    mea = MEA(TWO)

    with pytest.raises(InvalidValue, match=r"currents .*: got shape \(2, 5\); need \(3, n_steps\)"):
        mea.potential_recording(mea.distances(cells(0, 1, 2)), np.ones((2, 5)))
    with pytest.raises(InvalidValue, match=r"distances are not rows .* multiple of 2 channels"):
        mea.source_gain(np.ones((3, 3)))


def test_channel_recording_repeats_spikes_over_channels_in_input_order():
    mea = MEA([[4, 0, 0, 0], [9, 100, 0, 0], [2, 900, 0, 0]], output_radius=60)

    ids, times = mea.channel_recording(
        cells(0, 50, 100), [1, 0, 2, 1, 7 - 7], np.array([0.1, 0.2, 0.3, 0.4, 0.5])
    )

    assert {c: v.tolist() for c, v in ids.items()} == {4: [1, 0, 1, 0], 9: [1, 2, 1], 2: []}
    assert {c: v.tolist() for c, v in times.items()} == {
        4: [0.1, 0.2, 0.4, 0.5],
        9: [0.1, 0.3, 0.4],
        2: [],
    }


def test_channel_recording_radius_is_inclusive():
    heard = MEA([[0, 0, 0, 0]], output_radius=50).channel_recording(cells(50, 50.001), None)

    assert heard[0].tolist() == [0]


def test_channel_recording_takes_traces_and_all_cells_without_ids():
    traces = np.arange(6.0).reshape(3, 2)

    ids, rows = MEA(TWO, output_radius=60).channel_recording(cells(0, 50, 100), None, traces)

    assert (ids[4].tolist(), ids[9].tolist()) == ([0, 1], [1, 2])
    np.testing.assert_array_equal(rows[9], traces[1:])


def test_channel_recording_hears_a_cell_through_any_section_once():
    rows = np.array([[3, 0, 0, 0], [3, 10, 0, 0], [3, 999, 0, 0]])

    assert MEA([[0, 0, 0, 0]]).channel_recording(rows, [3, 3])[0].tolist() == [3, 3]


def test_channel_recording_of_nothing_has_every_channel():
    ids, times = MEA(TWO).channel_recording(cells(0), [], [])

    assert [len(ids[c]) + len(times[c]) for c in (4, 9)] == [0, 0]


def test_channel_recording_refuses_what_does_not_match():
    with pytest.raises(InvalidValue, match="recording does not match its gids: got 1 values for 2"):
        MEA(TWO).channel_recording(cells(0, 1), [0, 1], [0.5])
    with pytest.raises(InvalidValue, match=r"cells have no coordinates: got gids \[5\]"):
        MEA(TWO).channel_recording(cells(0, 1), [0, 5])


@given(
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 400)), min_size=1, max_size=20),
    st.lists(st.integers(0, 19), max_size=40),
    st.integers(1, 300),
)
def test_channel_recording_equals_a_loop_over_spikes(places, spikes, radius):
    rows = np.array([[gid, x, y, 0] for gid, (x, y) in enumerate(places)], float)
    spikes = [gid % len(rows) for gid in spikes]
    mea = MEA([[k, 100 * k, 50, 0] for k in range(4)], output_radius=radius)

    ids, index = mea.channel_recording(rows, spikes, np.arange(len(spikes)))

    for channel in range(4):
        offset = rows[:, 1:] - mea.electrode_coordinates[channel, 1:]
        near = (offset**2).sum(axis=1) <= radius**2
        expected = [k for k, gid in enumerate(spikes) if near[gid]]
        assert index[channel].tolist() == expected
        assert ids[channel].tolist() == [spikes[k] for k in expected]


def test_channel_contribution_shares_the_gain_among_cells_in_reach():
    table = MEA(TWO, output_radius=60).channel_contribution(cells(10, 0, 300), 4)

    assert table["gid"].tolist() == [1, 0]
    assert table["distance_um"].tolist() == [0.0, 10.0]
    np.testing.assert_allclose(table["gain"], [53051.65, 53051.65 / 3], rtol=1e-6)
    np.testing.assert_allclose(table["contribution_pct"], [75.0, 25.0])
    with pytest.raises(InvalidValue, match=r"channel is not on the array: got 0; known: \[4, 9\]"):
        MEA(TWO).channel_contribution(cells(0), 0)


def test_channels_are_int32_ids():
    assert MEA(TWO).channel_ids.dtype == np.int32
    assert (MEA(TWO).channel_ids.tolist(), MEA(TWO).num_channels) == ([4, 9], 2)


def test_input_space_is_one_unit_interval_per_channel():
    pytest.importorskip("gymnasium")

    assert MEA(TWO).input_space.shape == (2,)
    assert (MEA(TWO).input_space.low == 0).all()
    assert (MEA(TWO).input_space.high == 1).all()


def test_set_params_changes_every_later_gain():
    mea = MEA([[0, 0, 0, 0]])
    before = mea.reach(cells(0, 100)), mea.sensitivity(cells(0))

    changed = mea.set_params(
        {"volume_conductor-stimulation_gain": 1.0, "input_radius": 50.0, "output_radius": 60}
    )

    assert changed is mea
    assert mea.reach(cells(0, 100)).tolist() == [[1.0, 0.0]]
    np.testing.assert_array_equal(mea.sensitivity(cells(0)), before[1])
    assert mea.params()["volume_conductor-stimulation_gain"] == 1.0


def test_set_params_changes_all_or_nothing():
    mea = MEA(TWO)
    before = mea.params()

    with pytest.raises(UnknownName, match="'volume_conductor-gain' .did you mean 'volume_cond"):
        mea.set_params({"input_radius": 5.0, "volume_conductor-gain": 1.0})
    with pytest.raises(InvalidValue, match=r"recording_gain is not positive: got -1\.0"):
        mea.set_params({"input_radius": 5.0, "volume_conductor-recording_gain": -1.0})

    assert mea.params() == before
    assert sorted(before) == [
        "input_radius",
        "output_radius",
        "volume_conductor-culture_height_um",
        "volume_conductor-electrode_radius_um",
        "volume_conductor-min_distance_um",
        "volume_conductor-recording_gain",
        "volume_conductor-stimulation_gain",
    ]


def test_radii_are_positive():
    with pytest.raises(InvalidValue, match="input_radius is not positive: got 0"):
        MEA(input_radius=0)
    with pytest.raises(InvalidValue, match="output_radius is not positive: got nan"):
        MEA(output_radius=float("nan"))
    with pytest.raises(InvalidValue, match="min_distance_um is not positive: got 'x'"):
        PointSourceModel(min_distance_um="x")


@given(st.floats(0.1, 10.0), st.floats(0.0, 200.0))
def test_gains_fall_with_distance_and_scale_with_the_command(scale, x):
    mea = MEA([[0, 0, 0, 0]])

    nearer, further = mea.reach(cells(x, x + 1.0))[0]
    single, scaled = (mea.cell_stimulus(cells(x), [[k]]).array[0, 0] for k in (1.0, scale))

    assert nearer > further > 0
    assert scaled == pytest.approx(scale * single)
