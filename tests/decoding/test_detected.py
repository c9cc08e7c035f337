"""Threshold detection in a culture, against the spikes that its cells fired."""

import numpy as np
import pytest

import livn
from livn.decoding import DetectedSpikes, Pipe, Slice
from livn.errors import InvalidState
from livn.io.amplifier import Amplifier
from livn.io.detection import agreement
from livn.stimulus import BurstPolicy


@pytest.fixture(scope="module")
def culture():
    return livn.make("EI1", backend="native")


@pytest.fixture
def env(culture):
    culture.recorder.spikes, culture.recorder.channels = set(), {}
    return culture.clear().reseed_noise(0)


def detected(env, **fields):
    return env.clear()(DetectedSpikes(duration=2000, **fields))


def test_what_is_detected_is_true(env):
    env.record_spikes()
    run = env.run(2000)
    _, heard = env.channel_recording(run.spike_ids, run.spike_times)
    true = np.sort(heard[0]), np.zeros(len(heard[0]), int)
    found = detected(env, amplifier=Amplifier(noise_uv=5.0))
    score = agreement((found["times"], found["channels"]), true, 1.5)
    # as in tests/env/test_loop.py: interneurons make no field, coincident spikes are one crossing
    assert score.precision > 0.95
    assert 0.5 < score.recall < 0.9


def test_noise_and_threshold_are_those_asked_for(env):
    found = detected(env, amplifier=Amplifier(noise_uv=20.0), n_sigma=4.0)
    # the field of the culture itself adds less than 1 uV in the median
    assert found["noise_uv"] == pytest.approx(20.0, rel=0.03)
    assert found["threshold_uv"] == pytest.approx(-4 * found["noise_uv"])
    fixed = detected(env, threshold_uv=-50.0)
    assert fixed["threshold_uv"].tolist() == [-50.0]
    assert detected(env, threshold_uv=-5000.0)["times"].size == 0


def test_noise_follows_seed_and_stream(env):
    amplifier = Amplifier(noise_uv=20.0)
    first = detected(env, amplifier=amplifier)
    again = detected(env, amplifier=amplifier)
    assert np.array_equal(first["times"], again["times"])
    assert first["noise_uv"] == again["noise_uv"]
    env.reseed_noise(1)
    assert first["noise_uv"] != detected(env, amplifier=amplifier)["noise_uv"]


def test_window_is_detected_as_in_the_whole(env):
    amplifier = Amplifier(noise_uv=5.0)
    whole = detected(env, amplifier=amplifier, threshold_uv=-40.0)
    env.clear()
    stage = DetectedSpikes(duration=2000, amplifier=amplifier, threshold_uv=-40.0)
    part = env(Pipe(duration=2000, stages=[Slice(start=1000, stop=2000), stage]))
    late = whole["times"][whole["times"] >= 1000]
    assert part["times"] + 1000 == pytest.approx(late)


def test_pulses_are_seen_and_blanked(env):
    pulses = BurstPolicy(channels=(0,), phases=((200, -2), (200, 2)), start_ms=100.0, dt=0.05)
    options = {"pulses": pulses, "threshold_uv": -90.0}

    def near(amplifier):
        times = detected(env, amplifier=amplifier, **options)["times"]
        return [t for t in times if 99.9 < t < 101.0]

    assert near(Amplifier()) == []
    assert near(Amplifier(artefact_uv=1000.0)) == pytest.approx([100.0])
    assert near(Amplifier(artefact_uv=1000.0, blanking_ms=5.0)) == []


def test_dead_electrodes_detect_nothing(env):
    found = detected(env, amplifier=Amplifier(noise_uv=5.0, dropout=1.0))
    assert found["times"].size == 0
    assert found["noise_uv"].tolist() == [0.0]


def test_equality_is_of_the_configuration():
    one = DetectedSpikes(duration=10, amplifier=Amplifier(noise_uv=5.0))
    assert one == DetectedSpikes(duration=10, amplifier=Amplifier(noise_uv=5.0))
    assert one != DetectedSpikes(duration=10, amplifier=Amplifier(noise_uv=6.0))


def test_missing_currents_are_told(env):
    env.record_spikes()
    with pytest.raises(InvalidState, match="run has no membrane current"):
        DetectedSpikes(duration=10)(env.run(10), env)
