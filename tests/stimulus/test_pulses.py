"""Pulses and policies: exact sample counts, zero net charge, refusals."""

import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livn.errors import InvalidValue
from livn.stimulus import (
    BiphasicPulsePolicy,
    ElectrodePolicy,
    MonophasicPulsePolicy,
    Policy,
    PulseSweepPolicy,
    Stimulus,
    net_charge,
)


def test_biphasic_pulse_is_cathodic_then_anodic_with_a_gap():
    pulse = Stimulus.biphasic_pulse(3, [1])

    assert (pulse.array.dtype, pulse.units, pulse.dt) == (np.float32, "uA", 0.05)
    assert pulse.array[:, 1].tolist() == [-1.5] * 4 + [0.0] + [1.5] * 4
    assert not pulse.array[:, [0, 2]].any()
    assert pulse.extra["kind"] == "biphasic"
    assert pulse.extra["channels"] == (1,)
    assert pulse.extra["phase_duration"] == 0.2


def test_biphasic_pulse_repeats_at_pulse_times_with_one_amplitude_per_channel():
    pulse = Stimulus.biphasic_pulse(
        2, [0, 1], [1.0, 2.0], 0.1, 0.0, [0.1, 0.5], 0.1, cathodic_first=False
    )

    assert pulse.array[:, 0].tolist() == [0, 1, -1, 0, 0, 1, -1]
    assert pulse.array[:, 1].tolist() == [0, 2, -2, 0, 0, 2, -2]


def test_monophasic_pulse_writes_negative_amplitudes():
    pulse = Stimulus.monophasic_pulse(2, [1], -2.0, pulse_width=2.0, pulse_times=[1.0])

    assert pulse.array[:, 1].tolist() == [0, -2, -2]
    assert pulse.extra["kind"] == "monophasic"
    assert net_charge(pulse.array, pulse.dt).tolist() == [0.0, -4.0]


@given(
    phase=st.integers(1, 40),
    gap=st.integers(0, 20),
    onsets=st.lists(st.integers(0, 5000), max_size=5, unique=True),
    dt=st.sampled_from([0.01, 0.02, 0.025, 0.05, 0.1, 0.3]),
    amplitude=st.floats(1e-3, 1e3),
)
def test_biphasic_pulses_have_exact_counts_and_no_net_charge(phase, gap, onsets, dt, amplitude):
    length = 2 * phase + gap
    starts = [k * length + onset for k, onset in enumerate(sorted(onsets))] or [0]

    pulse = Stimulus.biphasic_pulse(
        2, [1], amplitude, phase * dt, gap * dt, [k * dt for k in starts], dt
    )

    series = pulse.array[:, 1]
    assert pulse.array.shape == (starts[-1] + length, 2)
    assert (series < 0).sum() == (series > 0).sum() == phase * len(starts)
    assert math.fsum(series.tolist()) == 0.0
    assert math.fsum((series[: starts[0] + length]).tolist()) == 0.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"channels": [0, 4]}, r"channels are not on the array: got \[4\]; need 0 to 3"),
        ({"channels": [-1]}, r"channels are not on the array: got \[-1\]"),
        ({"channels": [1, 1]}, r"channels are not distinct: got \[1, 1\]"),
        ({"channels": []}, r"channels are not distinct: got \[\]"),
        ({"phase_duration": 0.12}, r"pulse phase is not a multiple of dt: got 0\.12 ms"),
        ({"phase_duration": 0.0}, r"pulse phase has no duration: got \[0\.0, 0\.05, 0\.0\] ms"),
        ({"interphase_gap": -0.05}, r"pulse phase is not a time: got -0\.05 ms"),
        ({"pulse_times": [0.01]}, r"pulse time is not a multiple of dt: got 0\.01 ms"),
        ({"pulse_times": [0.0, 0.4]}, r"pulse 0 does not end before .* at least 0\.45 ms apart"),
        ({"pulse_times": [1.0, 0.0]}, "need ascending onsets"),
        ({"amplitude": [1.0, 2.0]}, "amplitude does not match the channels: got .* or 1, one"),
        ({"amplitude": math.inf}, "amplitude does not match the channels"),
    ],
)
def test_pulses_that_cannot_be_played_are_refused(arguments, message):
    with pytest.raises(InvalidValue, match=message):
        Stimulus.biphasic_pulse(4, **{"channels": [0], **arguments})


def test_policy_renders_once_read_only_and_whatever_the_observation():
    policy = BiphasicPulsePolicy(n_channels=3, channels=(1,))

    assert policy.render() is policy({"rate": 3.0})
    assert policy().shape == (9, 3)
    with pytest.raises(ValueError, match="read-only"):
        policy()[0] = 1.0
    assert pickle.loads(pickle.dumps(policy)) == policy
    assert policy.extent_ms == pytest.approx(0.45)


def test_policy_window_agrees_with_the_whole_and_is_zero_after_it():
    policy = MonophasicPulsePolicy(n_channels=2, pulse_times=(1.0, 4.0), pulse_width=2.0)

    assert policy().shape == (6, 2)
    np.testing.assert_array_equal(policy.window(2.0, 5.0, 1.0), policy()[2:5])
    assert policy.window(5.0, 8.0, 0.5)[:, 0].tolist() == [1.5] * 2 + [0.0] * 4
    with pytest.raises(InvalidValue, match=r"window stop is not a multiple of dt: got 2\.5 ms"):
        policy.window(0.0, 2.5, 1.0)


def test_for_array_resizes_and_overrides():
    policy = BiphasicPulsePolicy().for_array(16, [3, 4], amplitude=2.0)

    assert (policy.n_channels, policy.channels, policy.amplitude) == (16, (3, 4), 2.0)
    assert policy.driven == (3, 4)
    with pytest.raises(InvalidValue, match=r"got \[16\]; need 0 to 15"):
        policy.for_array(16, [16])
    with pytest.raises(InvalidValue, match="Extra inputs are not permitted"):
        policy.for_array(16, [1], total_ms=3.0)


def test_policy_refuses_other_units():
    policy = MonophasicPulsePolicy()

    assert policy.as_input_units("uA") is policy
    with pytest.raises(InvalidValue, match="policy commands uA, the io takes mW"):
        policy.as_input_units("mW")


def test_own_policy_needs_extent_and_window_only():
    class Ramp(Policy):
        @property
        def extent_ms(self):
            return 3.0

        def window(self, start, stop, dt):
            return np.tile(np.arange(start, stop, dt)[:, None], (1, self.n_channels))

    assert Ramp(n_channels=2)().tolist() == [[0, 0], [1, 1], [2, 2]]
    assert Ramp(n_channels=2).driven == (0, 1)


def test_abstract_policies_cannot_be_made():
    with pytest.raises(TypeError, match="abstract"):
        ElectrodePolicy()


def test_sweep_plays_amplitudes_in_turn_each_minus_then_plus():
    sweep = PulseSweepPolicy(amplitudes=(1.0, 2.0), repeats=2, trial_ms=10.0, onset_ms=4.0)

    assert (sweep.n_trials, sweep.duration_ms, sweep.extent_ms) == (4, 40.0, 40.0)
    assert sweep.schedule() == [(4.0, 1.0), (14.0, 2.0), (24.0, 1.0), (34.0, 2.0)]
    assert sweep.schedule(100.0)[0] == (104.0, 1.0)
    assert sweep.window(14.0, 14.5, 0.1)[:, 0].tolist() == [-2, -2, 2, 2, 0]
    assert net_charge(sweep(), 0.1).tolist() == [0.0]


def test_sweep_defaults_are_32_trials_of_2_s():
    sweep = PulseSweepPolicy()

    assert (sweep.n_trials, sweep.extent_ms) == (32, 64000.0)
    assert sweep.schedule()[:2] == [(1000.0, 300.0), (3000.0, 400.0)]


def test_sweep_takes_an_order_and_a_total():
    sweep = PulseSweepPolicy(
        amplitudes=(1.0, 2.0), repeats=1, order=(1, 0), start_ms=5.0, total_ms=5000.0
    )

    assert sweep.schedule() == [(1005.0, 2.0), (3005.0, 1.0)]
    assert sweep.extent_ms == 5000.0


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"order": (0, 1)}, r"does not play every amplitude 8 times: got \(0, 1\)"),
        ({"order": (9,) * 32}, "does not play every amplitude 8 times"),
        ({"total_ms": 10.0}, r"sweep does not fit: got total_ms=10\.0 .* end at 64000\.0 ms"),
        (
            {"onset_ms": 2000.0, "trial_ms": 2000.0},
            "last pulse does not fit: got an end at 64000.4",
        ),
        ({"trial_ms": 0.2, "onset_ms": 0.0}, "pulse 0 does not end before the next starts"),
    ],
)
def test_sweep_that_does_not_fit_is_refused(fields, message):
    with pytest.raises(InvalidValue, match=message):
        PulseSweepPolicy(**fields)


def test_unknown_field_is_refused():
    with pytest.raises(InvalidValue, match="Extra inputs are not permitted"):
        BiphasicPulsePolicy(amplitud=1.0)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"channels": [1.5]}, "BiphasicPulsePolicy channels.0 is not accepted: got 1.5; "),
        ({"channels": [1], "dt": 0.0}, "BiphasicPulsePolicy dt is not accepted: got 0.0;"),
        ({"channels": [1], "pulse_times": []}, r"pulse times are missing: got \[\]; need at least"),
    ],
)
def test_pulse_that_cannot_be_is_refused(fields, message):
    with pytest.raises(InvalidValue, match=message):
        Stimulus.biphasic_pulse(4, **fields)
