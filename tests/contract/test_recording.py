"""What was not recorded is absent; what was has the promised shape, order and meaning."""

import numpy as np
import pytest

from livn.errors import InvalidType, InvalidValue, UnknownName, UnknownRecordable
from livn.stimulus import Stimulus

TWO_KINDS = {"EXC": 2, "INH": 1}  # of RCSD cells: two compartments, one compartment


@pytest.fixture
def pair(new_env):
    """Two excitatory cells of two compartments and an inhibitory one of one."""
    return new_env(TWO_KINDS, "ReducedCalciumSomaDendrite")


@pytest.fixture
def lif(new_env):
    return new_env(TWO_KINDS)


def test_nothing_recorded_gives_an_empty_run(lif):
    run = lif.run(1)

    assert tuple(run) == (None,) * 6
    assert (run.t0, run.duration) == (0, 1)


def test_recording_does_not_change_what_happens(culture, new_env, stimulus, case):
    everything = culture.run(5, Stimulus.from_current(stimulus.array[:10], dt=0.5), dt=case.dt)
    few = new_env("EI1", case.model).set_noise(case.noise).record_spikes("INH")

    run = few.run(5, Stimulus.from_current(stimulus.array[:10], dt=0.5), dt=case.dt)

    assert list(run.channels) == ["spikes"]
    assert np.array_equal(run.spike_times, everything.spike_times[everything.spike_ids >= 8])
    assert set(run.spike_ids) == {8, 9}


def test_six_tuple_has_the_promised_shapes(pair):
    pair.record_spikes().record_voltage(dt=0.5).record_membrane_current(dt=0.25)
    pair.run(1)

    it, tt, iv, vv, im, mp = pair.run(2)

    assert it.shape == tt.shape
    assert it.dtype == np.int64
    assert iv.tolist() == [0, 1, 2]
    assert vv.shape == (3, 4)
    assert im.tolist() == [0, 0, 1, 1, 2]
    assert mp.shape == (5, 8)
    assert mp.dtype == np.float32
    assert (pair.voltage_recording_dt, pair.membrane_current_recording_dt) == (0.5, 0.25)


def test_first_sample_is_the_state_at_the_start_of_the_run(lif):
    lif.record_voltage(dt=0.1)
    fine = lif.run(2).voltage
    rest = lif.clear().set_params({"cells-V_init": -60.0}).run(1, dt=0.1).voltage

    assert np.all(fine[:, 0] == -70)
    assert np.all(rest[:, 0] == -60)
    assert np.array_equal(lif.run(1).voltage[:, 0] < rest[:, -1], [True] * 3)


def test_samples_are_taken_from_the_start_of_the_run(lif):
    lif.set_params({"cells-V_init": -60.0}).run(0.5)
    late = lif.record_voltage(dt=0.2).run(2).voltage
    fine = lif.clear().record_voltage(dt=0.1).run(2.5).voltage

    assert np.array_equal(late, fine[:, 5::2])


def test_rows_are_in_gid_order_whatever_was_asked_first(lif):
    lif.record_voltage("INH").record_voltage("EXC")

    assert lif.run(1).voltage_ids.tolist() == [0, 1, 2]


def test_voltage_of_some_cells_and_sections(pair):
    pair.record_voltage(gids=[2, 0, 0], sections=["soma", "dend"])

    run = pair.run(1)

    assert run.voltage_ids.tolist() == [0, 0, 2]
    assert run.voltage_sections == ("soma", "dend", "soma")


def test_states_are_channels_of_their_own(pair):
    pair.record("h_Na", dt=0.5).record("dend.Ca", "EXC", dt=0.5)

    run = pair.run(1)

    assert run["h_Na"].ids.tolist() == [0, 1, 2]
    assert run["dend.Ca"].ids.tolist() == [0, 1]
    assert run["dend.Ca"].sections == ("dend", "dend")
    assert run.voltage is None


def test_membrane_current_sums_to_what_was_injected(pair):
    pair.record_membrane_current(dt=0.1).set_noise({"g_e0": 1e-3, "std_e": 5e-4})
    current = np.array([[0.2, -0.1, 0.3], [0.0, 0.4, 0.0]])  # nA, 1 ms each

    silent = pair.run(2).current
    driven = pair.run(3, Stimulus.from_current(current, dt=1.0)).current

    per_cell = np.add.reduceat(driven, [0, 2, 4])
    given = 1e-3 * np.repeat(np.vstack([current, np.zeros(3)]), 10, axis=0).T
    assert np.abs(silent).max() > 1e-6  # uA: soma and dendrite exchange current
    assert np.add.reduceat(silent, [0, 2, 4]) == pytest.approx(0, abs=1e-10)
    assert silent[4] == pytest.approx(0, abs=1e-12)
    assert per_cell == pytest.approx(given, abs=1e-9)


def test_membrane_current_counts_a_conductance_stimulus(pair):
    pair.record_membrane_current(dt=0.1).record_voltage(dt=0.1)
    g = 0.01  # uS, from 0 mV

    run = pair.run(1, Stimulus.from_conductance(np.full((1, 3), g), dt=1.0))

    injected = -g * run.voltage * 1e-3  # uA
    assert np.add.reduceat(run.current, [0, 2, 4]) == pytest.approx(injected, rel=1e-5)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda e: e.record_voltage("EXE"), UnknownName, r"'EXE' \(did you mean 'EXC'\?\)"),
        (lambda e: e.record_spikes(["EXC", "inh"]), UnknownName, "unknown population: got 'inh'"),
        (lambda e: e.record("h_na"), UnknownRecordable, r"'h_na' \(did you mean 'h_Na'\?\)"),
        (lambda e: e.record("h_na"), AttributeError, "h_na"),
        (lambda e: e.record("h-Na"), InvalidValue, "what to record is not a name: got 'h-Na'"),
        (lambda e: e.record_voltage(dt=0), InvalidValue, "recording dt of voltage .* got 0"),
        (lambda e: e.record_voltage(dt=np.inf), InvalidValue, "got inf"),
        (lambda e: e.record_voltage(dt=np.nan), InvalidValue, "got nan"),
        (lambda e: e.record_voltage(gids=[0, 7]), InvalidValue, r"not simulated: got \[7\]"),
        (lambda e: e.record_voltage(gids=[]), InvalidValue, r"not simulated: got \[\]"),
        (lambda e: e.record_voltage("INH", gids=[0]), InvalidValue, r"not simulated: got \[0\]"),
        (lambda e: e.record_voltage(sections=["axon"]), InvalidValue, r"got sections \['axon'\]"),
        (lambda e: e.record_voltage("INH", sections=["dend"]), InvalidValue, r"\['dend'\] in INH"),
        (lambda e: e.record("Ca", "INH", sections=["dend"]), InvalidValue, "'Ca' there"),
        (lambda e: e.record("m_CaL", "INH"), InvalidValue, "no recorded cell has 'm_CaL'"),
        (
            lambda e: e.record("membrane_current", sections=["soma"]),
            InvalidValue,
            r"every compartment: got sections \['soma'\]",
        ),
        (lambda e: e.record("spikes", dt=0.1), InvalidType, r"no samples to choose: got \['dt'\]"),
    ],
)
def test_refused_recordings_leave_nothing_behind(pair, call, error, message):
    with pytest.raises(error, match=message):
        call(pair)

    assert tuple(pair.run(0.1)) == (None,) * 6


def test_recording_step_cannot_change_during_a_simulation(lif):
    lif.record_voltage(dt=0.1).run(1)

    with pytest.raises(InvalidValue, match="got 0.2 ms after 0.1 ms"):
        lif.record_voltage(dt=0.2)
    assert lif.run(1).voltage_dt == 0.1
    assert lif.clear().record_voltage(dt=0.2).run(1).voltage_dt == 0.2


def test_finest_step_is_in_force_where_populations_differ(lif):
    lif.record_voltage("EXC", dt=0.2).record_voltage("INH", dt=0.1)

    assert lif.run(1).voltage.shape == (3, 10)
