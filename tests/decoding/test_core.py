"""Windows, merged runs and channels."""

import numpy as np
import pytest
from pydantic import ValidationError

from livn.decoding import ChannelRecording, GatherAndMerge, Slice
from livn.errors import InvalidState, InvalidType, InvalidValue
from livn.run import Run

from .conftest import spiking


def recorded():
    return (
        spiking({0: [1.0, 5.0], 3: [7.5]}, 10.0)
        .add_voltage([0, 3], np.arange(40.0).reshape(2, 20), dt=0.5)
        .add_current([0, 3], np.ones((2, 20), np.float32), dt=0.5)
    )


def test_slice_starts_at_zero_and_keeps_the_absolute_time():
    found = Slice(start=5, stop=8)(recorded(), None)
    assert (found.t0, found.duration) == (5.0, 3.0)
    assert found.spike_times.tolist() == [0.0, 2.5]
    assert found.voltage[0].tolist() == [10, 11, 12, 13, 14, 15]
    assert Slice(start=5, duration=8) == Slice(start=5.0, stop=8)
    assert Slice(duration=10)(recorded(), None).spike_times.tolist() == [1.0, 5.0, 7.5]


def test_slice_refuses_bounds_between_samples_and_out_of_order():
    with pytest.raises(InvalidValue, match="voltage window start is not on a sample: got 0.3 ms"):
        Slice(start=0.3, stop=8)(recorded(), None)
    with pytest.raises(ValidationError, match="slice is empty: got start=8, stop=8 ms; need start"):
        Slice(start=8, stop=8)
    with pytest.raises(ValidationError, match="slice has two ends: got stop and duration"):
        Slice(stop=8, duration=8)
    with pytest.raises(ValidationError, match="start"):
        Slice(start=-1, stop=8)
    with pytest.raises(InvalidValue, match="slice is not a window of the run"):
        Slice(start=1, stop=20)(recorded(), None)
    with pytest.raises(InvalidType, match="Slice needs a Run: got int"):
        Slice(stop=8)(3, None)


def test_gather_keeps_what_was_asked_for(pair):
    merged = GatherAndMerge(duration=10, membrane_currents=False)(recorded(), pair)
    assert merged == recorded().drop_current()
    assert (
        GatherAndMerge(duration=10, spikes=False, voltages=False)(recorded(), pair).spikes is None
    )


def test_gather_records_what_it_asks_for_at_the_step_in_force():
    from livn.env import Env

    env = Env({"EXC": 2}, backend="native").record_voltage(dt=0.5)
    GatherAndMerge(duration=10, spikes=False, membrane_currents=False).setup(env)
    assert (env.recorder.spikes, env.voltage_recording_dt) == (set(), 0.5)
    GatherAndMerge(duration=10, voltage_dt=0.2, voltage_gids=[1]).setup(env)
    assert (env.recorder.spikes, env.voltage_recording_dt) == ({"EXC"}, 0.2)
    assert env.membrane_current_recording_dt == 0.1


def test_channel_recording_is_what_each_electrode_hears(ei2):
    gids = ei2.recording_coordinates()[:, 0].astype(int)
    currents = np.random.default_rng(0).normal(size=(len(gids), 20)).astype(np.float32)
    run = spiking({g: [g / 20] for g in range(100)}, 10.0).add_current(gids, currents, dt=0.5)
    run = run.add_voltage([0, 99], np.zeros((2, 20)), dt=0.5)
    ids, times, iv, voltage, channels, potential = ChannelRecording(duration=10)(run, ei2)
    heard = ei2.channel_recording(run.spike_ids, run.spike_times)
    for found, expected in zip((ids, times), heard, strict=True):
        assert found.keys() == expected.keys()
        assert all(np.array_equal(found[c], expected[c]) for c in found)
    assert iv.tolist() == [0, 99]
    assert voltage.shape == (2, 20)
    assert channels.tolist() == list(range(16))
    assert np.array_equal(potential, ei2.potential_recording(run.current, run.current_ids))


def test_channel_recording_gives_none_for_what_was_not_asked_for(ei2):
    quiet = {"spikes": False, "voltages": False, "membrane_currents": False}
    found = ChannelRecording(duration=10, **quiet)(spiking({0: [1.0]}, 10.0), ei2)
    assert [found[k] for k in (0, 1, 2, 3, 5)] == [None] * 5
    assert len(found[4]) == 16


def test_what_was_not_recorded_is_missed(ei2):
    with pytest.raises(InvalidState, match=r"run has no membrane current: .*record_membrane_curr"):
        ChannelRecording(duration=10)(spiking({}, 10.0), ei2)
    with pytest.raises(InvalidState, match="run has no spikes"):
        ChannelRecording(duration=10, membrane_currents=False)(Run(duration=10.0), ei2)
