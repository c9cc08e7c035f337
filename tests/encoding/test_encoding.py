"""Encodings: policies on whatever array there is, and spike trains from files."""

import numpy as np
import pytest

from livn.encoding import ElectrodeStimulus, Encoding, H5Inputs
from livn.env import Env
from livn.errors import InvalidValue, NotSupported
from livn.io import MEA
from livn.stimulus import BiphasicPulsePolicy, PulseSweepPolicy, Stimulus
from livn.types import Encoding as Base


@pytest.fixture(scope="module")
def three():
    """Three cells in a row at 0, 1 and 2 um; electrode 1 is the nearest."""
    electrodes = [[7, 150.0, 0, 10], [8, 1.0, 0, 10], [9, 200, 0, 10]]
    return Env(3, model="LIF", io=MEA(electrodes), backend="native")


def test_base_class_is_the_one_of_the_types():
    assert Encoding is Base


def test_policy_is_sized_to_the_array_and_drives_the_nearest_electrode(three):
    encoding = ElectrodeStimulus(policy=BiphasicPulsePolicy(amplitude=2.0, pulse_times=(1.0,)))
    assert encoding.resolved is None
    played = encoding(three, 10.0, None)
    assert played is encoding.resolved
    assert (played.n_channels, played.channels, played.amplitude) == (3, (1,), 2.0)
    assert Stimulus.from_arg(played, three, 10.0) is not None


def test_electrode_and_policy_can_be_told(three):
    played = ElectrodeStimulus(channel=2)(three, 10.0, BiphasicPulsePolicy())
    assert played.channels == (2,)
    commands = played()
    assert np.all(commands[:, :2] == 0)
    assert commands[:, 2].min() == -1.5


def test_sweep_lasts_as_long_as_the_run(three):
    sweep = PulseSweepPolicy(amplitudes=(1.0,), repeats=2, trial_ms=20, onset_ms=5)
    encoding = ElectrodeStimulus(policy=sweep)
    assert encoding(three, 100, None).total_ms == 100.0
    assert encoding.resolved.extent_ms == 100.0
    with pytest.raises(InvalidValue, match="sweep does not fit: got total_ms=30"):
        encoding(three, 30, None)


def test_missing_policy_array_and_electrode_are_refused(three):
    with pytest.raises(
        InvalidValue, match="electrode stimulus has no policy: got None; need an El"
    ):
        ElectrodeStimulus()(three, 10, None)
    policy = BiphasicPulsePolicy()
    with pytest.raises(
        InvalidValue, match="electrode stimulus has no array: got .*IO.* need an io"
    ):
        ElectrodeStimulus(policy=policy)(Env(2, model="LIF", backend="native"), 10, None)
    with pytest.raises(
        InvalidValue, match="electrode is not on the array: got channel=3; need 0 to"
    ):
        ElectrodeStimulus(policy=policy, channel=3)(three, 10, None)
    with pytest.raises(ValueError, match="channel"):
        ElectrodeStimulus(channel=-1)


def test_played_policy_does_not_count_as_configuration(three):
    used, fresh = ElectrodeStimulus(channel=0), ElectrodeStimulus(channel=0)
    used(three, 10, BiphasicPulsePolicy())
    assert used == fresh
    assert hash(used) == hash(fresh)


class Files:
    """What H5Inputs needs of an Env."""

    def apply_stimulus_from_h5(self, **arguments):
        self.arguments = arguments


def test_spike_trains_come_from_the_file_or_the_inputs():
    env = Files()
    assert H5Inputs(filepath="a.h5", namespace="Input", onset=5)(env, 100.0, "b.h5") is None
    assert env.arguments == {
        "filepath": "a.h5",
        "namespace": "Input",
        "attribute": "Spike Train",
        "onset": 5.0,
        "io_size": 1,
        "microcircuit_inputs": True,
        "n_trials": 1,
        "equilibration_duration": 250.0,
    }
    H5Inputs()(env, 100.0, "b.h5")
    assert env.arguments["filepath"] == "b.h5"
    with pytest.raises(InvalidValue, match="input spike trains have no file: got None; give filep"):
        H5Inputs()(env, 100.0, None)


def test_env_that_plays_no_spike_trains_says_so():
    with pytest.raises(NotSupported, match="env plays no spike trains from a file: got object"):
        H5Inputs(filepath="a.h5")(object(), 100.0, None)
