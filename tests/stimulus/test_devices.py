"""What devices allow, told with value, limit and fix."""

import numpy as np
import pytest

from livn.errors import InvalidType, InvalidValue, UnknownName
from livn.io import MEA, Platform, electrode_array_coordinates
from livn.stimulus import (
    DEVICES,
    BiphasicPulsePolicy,
    BurstPolicy,
    ChannelSet,
    Device,
    MonophasicPulsePolicy,
    Stimulus,
    device,
    net_charge,
)
from livn.stimulus.phases import phases_of

CELLS = np.array([[0, 500.0, 500.0, 175.0], [1, 560.0, 500.0, 175.0]])


def burst(**fields):
    return BurstPolicy(**{"n_channels": 64, "channels": (1,), **fields})


def test_channel_sets_are_sets():
    a, b = ChannelSet([3, 1], 4), ChannelSet([1, 2], 4)
    assert list(a | b) == [1, 2, 3]
    assert list(a & b) == [1]
    assert list(a - b) == [3]
    assert list(a ^ b) == [2, 3]
    assert list(~a) == [0, 2]
    assert ~~a == a == ChannelSet((1, 3), 4)
    assert hash(a) == hash(ChannelSet((1, 3), 4))
    assert ~ChannelSet([], 4) == ChannelSet.all(4)
    assert 3 in a
    assert repr(a) == "ChannelSet([1, 3], n_channels=4)"


def test_policies_take_channel_sets():
    policy = BiphasicPulsePolicy(n_channels=4, channels=ChannelSet([3, 1], 4))
    assert policy.channels == (1, 3)


@pytest.mark.parametrize(
    ("channels", "error", "message"),
    [
        ([4, -1], InvalidValue, r"channels are not on the array: got \[-1, 4\]; need 0 to 3"),
        ([1.5], InvalidType, r"channels are no integers: got \{1\.5\}"),
        ([True], InvalidType, r"channels are no integers: got \{True\}"),
    ],
)
def test_what_is_no_channel_is_refused(channels, error, message):
    with pytest.raises(error, match=message):
        ChannelSet(channels, 4)


def test_phases_are_in_us_and_ua():
    policy = BurstPolicy(phases=((160, -2), (40, 0), (80, 3), (80, 1)))
    column = policy()[:, 0]
    assert column.tolist() == [-2] * 8 + [0] * 2 + [3] * 4 + [1] * 4
    assert net_charge(policy(), policy.dt) == pytest.approx(0.0, abs=1e-6)  # float32


def test_burst_is_on_the_least_array_that_has_its_channels():
    assert BurstPolicy(channels=(3, 1)).n_channels == 4
    assert BurstPolicy(channels=ChannelSet((3, 1), 16)).n_channels == 16
    assert BurstPolicy(channels=(3, 1), n_channels=64)().shape[1] == 64
    with pytest.raises(
        InvalidValue, match=r"channels are not on the array: got \[-1\]; need 0 to 0"
    ):
        BurstPolicy(channels=(-1,))


def test_amplitude_alone_is_the_usual_pulse():
    assert BurstPolicy(phases=1.5).phases == ((160.0, -1.5), (160.0, 1.5))


def test_bursts_make_trains():
    policy = BurstPolicy(start_ms=2.0, pulses=3, pulse_hz=100, bursts=2, burst_hz=5)
    assert policy.pulse_times == pytest.approx((2, 12, 22, 202, 212, 222))
    onsets = np.flatnonzero(np.diff(policy()[:, 0] < 0, prepend=False) & (policy()[:, 0] < 0))
    assert onsets * policy.dt == pytest.approx(policy.pulse_times)


def test_rates_are_rounded_to_the_grid():
    policy = BurstPolicy(pulses=3, pulse_hz=130, dt=0.02)
    assert policy.pulse_times == pytest.approx((0.0, 7.7, 15.38))  # 7.692, 15.385 ms


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"phases": ((160, 0),)}, r"pulse has no current: got phases \(\(160\.0, 0\.0\),\)"),
        ({"phases": ((165, -1), (165, 1))}, "pulse phase is not a multiple of dt: got 0.165 ms"),
        ({"pulses": 2, "pulse_hz": 5000}, "pulse 0 does not end before the next starts"),
        ({"pulses": 0}, "BurstPolicy pulses is not accepted: got 0"),
        ({"start_ms": 0.01}, "pulse time is not a multiple of dt: got 0.01"),
    ],
)
def test_bursts_that_are_none_are_refused(fields, message):
    with pytest.raises(InvalidValue, match=message):
        BurstPolicy(**fields)


def test_phases_of_commands_are_found():
    commands = np.zeros((2, 12, 3))
    commands[1, 1:4, 2] = [-2, -2, 3]
    commands[1, 4, 2] = 1
    commands[1, 8:10, 2] = [-1, 1]
    commands[0, 11, 0] = 5
    found = phases_of(commands, 0.5)
    assert found.batch.tolist() == [0, 1, 1, 1, 1, 1]
    assert found.channel.tolist() == [0, 2, 2, 2, 2, 2]
    assert found.start.tolist() == [5.5, 0.5, 1.5, 2.0, 4.0, 4.5]
    assert found.duration.tolist() == [0.5, 1.0, 0.5, 0.5, 0.5, 0.5]
    assert found.charge.tolist() == [2.5, -2.0, 1.5, 0.5, -0.5, 0.5]
    assert found.held.tolist() == [2.5, -2.0, -0.5, 0.0, -0.5, 0.0]
    assert found.settled.tolist() == [False, False, False, True, False, True]
    assert found.position.tolist() == [0, 0, 1, 2, 0, 1]
    assert found.last.tolist() == [True, False, False, False, False, True]
    assert found.same_sign.tolist() == [False, False, False, True, False, False]
    assert found.since_last_pulse.tolist() == [np.inf, np.inf, np.inf, np.inf, 3.5, np.inf]
    assert phases_of(np.zeros((1, 5, 2)), 1.0).channel.size == 0


@pytest.mark.parametrize(
    "policy",
    [
        burst(phases=3.0),
        burst(phases=((1000, -3), (1000, 3))),
        burst(phases=((100, -1), (200, 1), (100, -1))),
        burst(pulses=5, pulse_hz=200, bursts=3, burst_hz=2),
        burst(channels=~ChannelSet((0, 4, 7, 56, 63), 64)),
        burst(phases=((160, 0), (160, -1), (40, 0), (160, 1))),
    ],
)
def test_cl1_takes_what_its_api_takes(policy):
    DEVICES["cl1"].check(policy(), policy.dt)


@pytest.mark.parametrize(
    ("name", "policy", "message"),
    [
        ("cl1", burst(phases=3.2), r"current is above the limit of cl1: got -3\.2 uA on channel 1 "
         r"at 0 ms; at most 3 uA\. Lower the amplitude"),
        ("cl1", burst(phases=((1200, -3), (1200, 3))), r"charge is above the limit of cl1: got "
         r"3\.6 nC \(-3 uA for 1200 us\) on channel 1 at 0 ms; at most 3 nC\. Shorten the phase to "
         r"1000 us or lower the current to 2\.5 uA"),
        ("cl1", burst(phases=((160, -1), (100, 1))), r"pulse is not charge balanced, as cl1 asks: "
         r"got -0\.06 nC left on channel 1 at 0\.16 ms; need 0\. Add a phase of 0\.06 nC"),
        ("cl1", burst(phases=((170, -1), (170, 1)), dt=0.01), r"phase is not on the time grid of "
         r"cl1: got 170 us on channel 1 at 0 ms; need a multiple of 20 us, such as 160 us"),
        ("cl1", burst(start_ms=0.03, dt=0.01), r"pulse time is not on the time grid of cl1: got"),
        ("cl1", burst(pulses=2, pulse_hz=250), r"pulses are faster than cl1 allows: got 250 Hz on "
         r"channel 1 at 4 ms; at most 200 Hz\. Space them by 5 ms"),
        ("cl1", burst(phases=((80, -1), (80, 0.5), (80, -0.5), (80, 1))), r"pulse has too many "
         r"phases for cl1: got 4 on channel 1 at 0\.24 ms; at most 3"),
        ("cl1", burst(phases=((80, -1), (80, -0.5), (120, 1))), r"phases do not alternate in sign, "
         r"as cl1 asks: got -1 and -0\.5 uA on channel 1 at 0\.08 ms; need opposite signs"),
        ("cl1", burst(channels=(3, 4, 7)), r"channels are ground or reference on cl1: got "
         r"\[4, 7\]; reserved are \[0, 4, 7, 56, 63\]\. Drive one of the other 59"),
        ("cl1", burst(n_channels=65), r"array is larger than that of cl1: got 65 channels; at "
         r"most 64\. Use a smaller array"),
        ("finalspark", MonophasicPulsePolicy(), r"pulse is not charge balanced, as finalspark"),
        ("finalspark", BurstPolicy(phases=2600), r"got -2600 uA on channel 0 at 0 ms; at most 25"),
        ("maxone", burst(channels=tuple(range(33))), r"drives too many channels for maxone: got "
         r"33; at most 32\. Drive fewer"),
        ("maxone", burst(), r"phase is not on the time grid of maxone: got 160 us"),
    ],
)  # fmt: skip
def test_what_a_device_does_not_allow_is_refused_with_value_limit_and_fix(name, policy, message):
    with pytest.raises(InvalidValue, match=message):
        DEVICES[name].check(policy(), policy.dt)
    DEVICES["unlimited"].check(policy(), policy.dt)


@pytest.mark.parametrize(("name", "most"), [("cl1", 64), ("finalspark", 128), ("maxone", 1024)])
def test_array_may_be_as_large_as_that_of_the_device(name, most):
    DEVICES[name].check(np.zeros((2, most)), 0.1)
    with pytest.raises(InvalidValue, match=f"array is larger than that of {name}: got {most + 1} "):
        DEVICES[name].check(np.zeros((2, most + 1)), 0.1)


def test_reserved_channels_are_those_of_an_array_of_that_size_only():
    assert len(DEVICES["cl1"].usable(64)) == 59
    assert len(DEVICES["cl1"].usable(16)) == 16


def test_one_wrong_stimulus_of_a_batch_is_found():
    commands = np.stack([burst(phases=v)() for v in (1.0, 2.0, 4.0)])
    with pytest.raises(InvalidValue, match=r"got -4 uA on channel 1"):
        DEVICES["cl1"].check(commands, 0.02)


def test_unknown_devices_are_refused_with_the_nearest():
    assert device("cl1") is device(DEVICES["cl1"])
    assert device("intan") is device("finalspark")
    known = "known: cl1, finalspark, intan, maxone, unlimited"
    with pytest.raises(UnknownName, match=rf"got 'inten' \(did you mean 'intan'\?\); {known}"):
        device("inten")
    with pytest.raises(UnknownName, match=r"unknown device: got 'cl2' \(did you mean 'cl1'\?\)"):
        device("cl2")


@pytest.fixture
def platform():
    return Platform(MEA(electrode_array_coordinates()), "cl1")


def test_platform_stimulates_as_its_array_within_the_limits(platform):
    policy = BurstPolicy(n_channels=16, phases=2.0)
    found = platform.cell_stimulus(CELLS, policy)
    expected = platform.io.cell_stimulus(CELLS, policy)
    assert np.array_equal(found.array, expected.array)
    assert found.dt == expected.dt
    with pytest.raises(InvalidValue, match="current is above the limit of cl1: got -5 uA"):
        platform.cell_stimulus(CELLS, BurstPolicy(n_channels=16, phases=5.0))
    commands = Stimulus.biphasic_pulse(16, [0], amplitude=5.0, dt=0.05)
    with pytest.raises(InvalidValue, match="current is above the limit of cl1: got -5 uA"):
        platform.cell_stimulus(CELLS, commands)
    with pytest.raises(InvalidValue, match="stimulus has 15 channels, the array has 16"):
        platform.cell_stimulus(CELLS, np.zeros((3, 15)))


def test_platform_hears_as_its_array(platform):
    array = platform.io
    rows = array.distances(CELLS)
    currents = np.ones((2, 3))
    assert np.array_equal(platform.distances(CELLS), rows)
    assert np.array_equal(platform.reach(CELLS), array.reach(CELLS))
    assert np.array_equal(platform.source_gain(rows), array.source_gain(rows))
    assert np.array_equal(platform.sensitivity(CELLS), array.sensitivity(CELLS))
    assert np.array_equal(
        platform.potential_recording(rows, currents), array.potential_recording(rows, currents)
    )
    heard, expected = platform.channel_recording(CELLS, None), array.channel_recording(CELLS, None)
    assert {c: g.tolist() for c, g in heard.items()} == {c: g.tolist() for c, g in expected.items()}
    assert platform.num_channels == 16
    np.testing.assert_array_equal(platform.electrode_coordinates, array.electrode_coordinates)
    assert (platform.input_radius, platform.output_radius) == (250.0, 250.0)
    assert platform.input_space == array.input_space


def test_platform_is_saved_and_changed_as_its_array(platform):
    again = platform.clone()
    assert again.device == platform.device
    assert again.serialize() == platform.serialize()
    platform.set_params({"input_radius": 100.0})
    assert platform.io.input_radius == 100.0
    assert platform.params() == platform.io.params()
    custom = Platform(MEA(), Device("mine", max_current_ua=1.0))
    assert custom.clone().device == custom.device
