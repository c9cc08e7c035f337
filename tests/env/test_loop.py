"""The tick loop against plain runs, and its file against a kill."""

import signal
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest

import livn
from livn.env.loop import Recording, read_recording
from livn.errors import (
    CorruptFile,
    InvalidState,
    InvalidType,
    InvalidValue,
    NotSupported,
    UnknownName,
)
from livn.io import Platform
from livn.io.amplifier import Amplifier
from livn.io.detection import Detector, agreement
from livn.stimulus import BurstPolicy

TIMEOUT = 120  # s, after which something that hangs is taken to do so


@pytest.fixture(scope="module")
def culture():
    env = livn.make("EI1", backend="native")
    env.io = Platform(env.io, "cl1")
    return env


@pytest.fixture
def env(culture):
    culture.recorder.channels = {}
    return culture.clear().reseed_noise(0).record_spikes()


def spikes_of(ticks):
    return np.concatenate([t.run.spike_times + t.run.t0 for t in ticks])


def test_loop_does_what_one_run_does(env):
    ticks = list(env.loop(100, stop_after_seconds=0.2))
    env.clear()
    whole = env.run(200, dt=0.02)
    assert spikes_of(ticks) == pytest.approx(whole.spike_times, abs=1e-9)  # 2 sums of the times
    assert np.array_equal(np.concatenate([t.run.spike_ids for t in ticks]), whole.spike_ids)
    assert len(whole.spike_ids) > 3
    assert len(ticks) == 20


def test_timestamps_are_frames(env):
    ticks = list(env.loop(50, stop_after_ticks=3))
    assert [t.iteration for t in ticks] == [0, 1, 2]
    assert [t.iteration_timestamp for t in ticks] == [500, 1000, 1500]
    assert [t.iteration_next_timestamp for t in ticks] == [1000, 1500, 2000]
    assert [(t.analysis.start_timestamp, t.analysis.stop_timestamp) for t in ticks] == [
        (0, 500), (500, 1000), (1000, 1500)]  # fmt: skip
    assert ticks[0].frames is None
    again = list(env.loop(50, stop_after_ticks=1))
    assert again[0].analysis.start_timestamp == 1500


def test_spikes_are_those_heard_by_the_electrodes(env):
    ticks = list(env.loop(100, stop_after_seconds=0.2))
    found = [s for t in ticks for s in t.analysis.spikes]
    env.clear()
    run = env.run(200, dt=0.02)
    _, heard = env.channel_recording(run.spike_ids, run.spike_times)
    expected = sorted(
        (int(time / 0.04 + 1e-6), k) for k, times in enumerate(heard.values()) for time in times
    )
    assert found == expected
    assert all(
        t.analysis.start_timestamp <= s.timestamp < t.analysis.stop_timestamp
        for t in ticks
        for s in t.analysis.spikes
    )


def test_stimulus_comes_after_the_lead_and_does_what_commands_do(env):
    policy = BurstPolicy(channels=(0,), phases=3.0, pulses=3, pulse_hz=125)
    ticks, begin = [], []
    for tick in env.loop(100, stop_after_ticks=6):
        ticks.append(tick)
        if tick.iteration == 1:
            begin.append(tick.stimulate(policy))
    assert begin == [502]  # 20 ms and 80 us
    stims = [(s.timestamp, s.channel) for t in ticks for s in t.analysis.stims]
    assert stims == [(502, 0), (702, 0), (902, 0)]
    assert [len(t.analysis.stims) for t in ticks] == [0, 0, 2, 1, 0, 0]

    commands = np.zeros((3000, 1))
    pulses = policy()
    commands[1004 : 1004 + len(pulses)] = pulses
    env.clear()
    whole = env.run(60, env.cell_stimulus(commands, dt=0.02), dt=0.02)
    env.clear()
    silent = env.run(60, dt=0.02)
    assert spikes_of(ticks) == pytest.approx(whole.spike_times, abs=1e-9)
    assert not np.array_equal(whole.spike_times, silent.spike_times)


def test_pulse_across_the_end_of_a_tick_is_played_whole(env):
    ticks = []
    for tick in env.loop(1000, stop_after_ticks=5, frames=True, amplifier=Amplifier(artefact_uv=1)):
        ticks.append(tick)
        if tick.iteration == 0:
            # from 1.08 + 0.8 = 1.88 ms to 2.2 ms
            tick.stimulate(BurstPolicy(channels=(0,), phases=3.0, start_ms=0.8))
    assert [s.timestamp for t in ticks for s in t.analysis.stims] == [47]
    commands = np.zeros((250, 1))
    commands[94:110, 0] = np.repeat([-3.0, 3.0], 8)
    env.clear().record_membrane_current(dt=0.04)
    whole = env.run(5, env.cell_stimulus(commands, dt=0.02), dt=0.02)
    voltage = [t.run.current for t in ticks]
    assert np.concatenate(voltage, axis=1) == pytest.approx(whole.current, rel=1e-6, abs=1e-9)


def test_pulses_of_a_busy_electrode_wait(env):
    policy = BurstPolicy(channels=(0,), phases=1.0)
    for tick in env.loop(100, stop_after_ticks=1):
        assert [tick.stimulate(policy) for _ in range(3)] == [252, 260, 268]  # 8 frames each


def test_latency_delays_and_its_jitter_is_keyed_by_the_frame(env):
    policy = BurstPolicy(channels=(0,), phases=1.0)

    def begins(**options):
        env.clear()
        loop = env.loop(100, stop_after_ticks=40, **options)
        return np.array([t.stimulate(policy) - t.iteration_timestamp for t in loop])

    assert set(begins(latency_ms=5.0)) == {125}
    drawn = begins(latency_ms=5.0, latency_jitter_ms=1.0)
    assert np.array_equal(drawn, begins(latency_ms=5.0, latency_jitter_ms=1.0))
    assert drawn.min() >= 125
    assert len(set(drawn)) > 10
    # mean of a half-normal: sqrt(2/pi) ms = 20 frames, deviation 15 frames, 40 draws, rounded up
    assert drawn.mean() - 125 == pytest.approx(20, abs=4 * 15 / np.sqrt(40) + 0.5)


def test_frames_are_the_potential_in_units(env):
    ticks = list(env.loop(100, stop_after_ticks=4, frames=True))
    frames = np.concatenate([t.frames for t in ticks])
    env.clear().record_membrane_current(dt=0.04)
    run = env.run(40, dt=0.02)
    potential = env.potential_recording(run.current, run.current_ids)
    assert frames.dtype == np.int16
    assert frames.shape == (1000, 1)
    assert np.abs(frames.T * 0.195 - potential).max() <= 0.195 / 2 + 1e-9


def test_frames_of_many_ticks_are_those_of_one(env):
    amplifier = Amplifier(noise_uv=5.0, artefact_uv=200.0, blanking_ms=1.0)

    def frames(ticks_per_second):
        env.clear()
        found = []
        for tick in env.loop(
            ticks_per_second, stop_after_seconds=0.1, frames=True, amplifier=amplifier
        ):
            found.append(tick.frames)
            if tick.iteration_timestamp == 1250:
                tick.stimulate(BurstPolicy(channels=(0,), phases=3.0, pulses=2, pulse_hz=90))
        return np.concatenate(found)

    few, many = frames(20), frames(500)
    assert np.array_equal(few, many)
    assert not few[1252:1285].any()
    assert few[:1252].any()


def test_detection_against_the_ground_truth(env):
    amplifier = Amplifier(noise_uv=5.0)
    quiet = [t.frames for t in env.loop(10, stop_after_seconds=1, frames=True, amplifier=amplifier)]
    detector = Detector.calibrated(np.concatenate(quiet).T * 0.195, 0.04, n_sigma=5.0)
    detected, true = [], []
    for tick in env.loop(10, stop_after_seconds=2, amplifier=amplifier, detector=detector):
        detected += tick.analysis.spikes
        _, heard = env.channel_recording(tick.run.spike_ids, tick.run.spike_times)
        true += [tick.run.t0 + time for time in heard[0]]
    times = np.array([0.04 * s.timestamp for s in detected])
    score = agreement(
        (times, np.zeros(len(times), int)), (np.array(true), np.zeros(len(true), int)), 1.5
    )
    # One-compartment interneurons make no field and coincident spikes are one crossing: of all
    # spikes within reach about 7 in 10 are seen, and what is seen is a spike.
    assert len(true) > 25
    assert score.precision > 0.95
    assert 0.5 < score.recall < 0.9


def test_loop_leaves_what_is_recorded_as_it_was(env):
    before = env.recorder
    list(env.loop(100, stop_after_ticks=1, frames=True))
    assert env.recorder is before
    assert env.run(10, dt=0.02).current is None


def test_loop_forgets_what_is_over(env):
    loop = env.loop(100, stop_after_ticks=30)
    for tick in loop:
        tick.stimulate(BurstPolicy(channels=(0,), phases=1.0))
    kept = vars(loop._schedule)
    assert max(len(kept[name]) for name in ("_queued", "_coming", "_played", "_known")) <= 2


def test_loop_ends_when_it_is_told(env):
    loop = env.loop(100)
    for tick in loop:
        if tick.iteration == 2:
            loop.stop()
    assert tick.iteration == 2
    with pytest.raises(InvalidState, match="loop has ended: got a stimulus"):
        tick.stimulate(BurstPolicy())


def test_pace_is_kept_and_lateness_reported(env):
    loop = env.loop(100, stop_after_seconds=0.2, paced=True)
    begin = time.perf_counter()
    ticks = list(loop)
    assert time.perf_counter() - begin >= 0.2
    assert [t.jitter_ms for t in ticks] == loop.lateness
    assert loop.jitter.worst >= loop.jitter.mean >= 0.0
    assert env.loop(100).jitter == (0.0, 0.0, 0)


def test_device_has_its_say_before_anything_is_queued(env):
    loop = env.loop(100, stop_after_ticks=2)
    for tick in loop:
        with pytest.raises(InvalidValue, match="current is above the limit of cl1: got -4 uA"):
            tick.stimulate(BurstPolicy(channels=(0,), phases=4.0))
        with pytest.raises(InvalidValue, match=r"channels are not on the array: got \[5\]"):
            tick.stimulate(BurstPolicy(channels=(5,), phases=1.0))
        with pytest.raises(InvalidType, match="stimulus of a loop is no policy of pulses: got 3"):
            tick.stimulate(3)
        assert tick.analysis.stims == []


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((30,), {}, r"ticks do not consist of whole frames: got 30 ticks per second of 833\.333 "
         r"frames of 0\.04 ms; nearest is 30\.012"),
        ((0,), {}, "ticks_per_second is not positive: got 0"),
        ((100,), {"stop_after_seconds": 1, "stop_after_ticks": 3}, "loop has two ends: got stop"),
        ((100,), {"stop_after_seconds": 0.015}, "loop is not a multiple of dt: got 15"),
        ((100,), {"stop_after_ticks": 0}, "loop has no ticks: got 0; need 1 or more"),
        ((100,), {"latency_ms": -1}, "latency_ms is negative: got -1"),
        ((100,), {"latency_jitter_ms": -1}, "latency_jitter_ms is negative: got -1"),
    ],
)  # fmt: skip
def test_loops_that_are_none_are_refused(env, arguments, options, message):
    with pytest.raises(InvalidValue, match=message):
        env.loop(*arguments, **options)
    assert env.t == 0.0


def test_env_on_several_ranks_has_no_loop(env):
    class Ranks:
        def Get_size(self):
            return 2

    env.comm = Ranks()
    try:
        with pytest.raises(NotSupported, match="loop runs in one process: got an env on 2 ranks"):
            env.loop(100)
    finally:
        env.comm = None


def test_closed_env_has_no_loop():
    env = livn.Env(2, "Izhikevich", backend="native").close()
    with pytest.raises(InvalidState, match="env is closed"):
        env.loop(100)


def test_recording_has_what_the_ticks_had(env, tmp_path):
    path = tmp_path / "loop.h5"
    recording = Recording(path)
    scores = recording.stream("score")
    ticks = []
    for tick in env.loop(100, stop_after_ticks=5, frames=True, recording=recording):
        ticks.append(tick)
        scores.append(tick.iteration_timestamp, {"n": np.int64(3), "at": np.arange(2)})
        if tick.iteration == 1:
            tick.stimulate(BurstPolicy(channels=(0,), phases=2.0))
    found = read_recording(path)
    assert found.spikes.tolist() == [tuple(s) for t in ticks for s in t.analysis.spikes]
    assert found.stims.tolist() == [(502, 0)]
    assert found.times_ms("stims").tolist() == pytest.approx([20.08])
    assert np.array_equal(found.samples, np.concatenate([t.frames for t in ticks]))
    assert found.streams == {"score": [(250 * k, {"n": 3, "at": [0, 1]}) for k in range(1, 6)]}
    assert found.attributes["frames_per_second"] == 25_000
    assert found.attributes["uV_per_sample_unit"] == 0.195
    with h5py.File(path) as file:  # by anyone's reader
        assert set(file) == {"spikes", "stims", "samples", "data_stream"}
        assert file["spikes"].dtype.names == ("timestamp", "channel")
    with pytest.raises(UnknownName, match="unknown events: got 'spike'"):
        found.times_ms("spike")


def test_recording_is_closed_whatever_the_program_raises(env, tmp_path):
    path = tmp_path / "loop.h5"
    loop = iter(env.loop(100, recording=Recording(path)))
    next(loop)
    with pytest.raises(ZeroDivisionError):
        loop.throw(ZeroDivisionError)
    with h5py.File(path) as file:
        assert file.attrs["device"] == "cl1"


def test_wrong_recordings_and_streams_are_refused(env, tmp_path):
    path = tmp_path / "loop.h5"
    with Recording(path) as recording:
        for name in ("", "a/b", ".", 3):
            with pytest.raises(InvalidValue, match="data stream has no name: got"):
                recording.stream(name)
        stream = recording.stream("a")
        assert recording.stream("a") is stream
        with pytest.raises(InvalidType, match="value of a data stream cannot be written: got"):
            stream.append(0, {1, 2})
        for _ in env.loop(100, stop_after_ticks=1, recording=recording):
            with pytest.raises(
                InvalidState, match=r"data stream comes too late: got 'b'; there are \['a'\]"
            ):
                recording.stream("b")
    with pytest.raises(InvalidValue, match="recording is there already: got"):
        Recording(path)
    (tmp_path / "text").write_text("no")
    with pytest.raises(CorruptFile, match="recording cannot be read: got"):
        read_recording(tmp_path / "text")
    with pytest.raises(FileNotFoundError, match="there is no recording at"):
        read_recording(tmp_path / "nothing")


KILLED = """
import sys, livn
from livn.env.loop import Recording
env = livn.make("EI1", backend="native")
recording = Recording(sys.argv[1])
stream = recording.stream("count")
for tick in env.loop(1000, frames=True, recording=recording):
    stream.append(tick.iteration_timestamp, tick.iteration)
    print(tick.iteration, flush=True)
"""


@pytest.mark.parametrize("n_ticks", [1, 57, 200])
def test_recording_of_a_loop_that_is_killed_can_be_read(tmp_path, n_ticks):
    path = tmp_path / "loop.h5"
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED, path], stdout=subprocess.PIPE, text=True
    )
    for _ in range(n_ticks):
        seen = int(child.stdout.readline())
    child.send_signal(signal.SIGKILL)
    child.communicate()
    found = read_recording(path)
    assert len(found.samples) % 25 == 0  # 1 ms
    assert len(found.samples) // 25 > seen
    counts = [value for _, value in found.streams["count"]]
    assert counts == list(range(len(counts)))
    assert len(counts) >= seen  # the last one may not have been flushed
