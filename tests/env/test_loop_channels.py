"""The tick loop on an array of many electrodes: what happens on which, and on which device."""

import numpy as np
import pytest

import livn
from livn.env.loop import Recording, read_recording
from livn.errors import InvalidValue
from livn.io import MEA, Platform
from livn.io.amplifier import Amplifier
from livn.io.detection import Detector
from livn.stimulus import BurstPolicy

UNIT = 0.195  # uV
PHASE = ((200, -2.0), (200, 2.0))  # us, uA: whole frames of every device


@pytest.fixture(scope="module")
def culture():
    return livn.make("EI2", backend="native").record_spikes()


@pytest.fixture(scope="module")
def array(culture):
    return culture.io


@pytest.fixture
def on(culture, array):
    """Return the culture at t = 0 on the array of a device."""

    def put(device):
        culture.io = Platform(array, device)
        return culture.clear()

    yield put
    culture.io = array


def burst(channel, phases=PHASE, **fields):
    return BurstPolicy(n_channels=16, channels=(channel,), phases=phases, **fields)


def played(env, when, n_ticks=6, **options):
    """Ticks of 10 ms, and the frames in which the policies begin that `when` has by iteration."""
    ticks, begins = [], []
    for tick in env.loop(100, stop_after_ticks=n_ticks, **options):
        ticks.append(tick)
        begins += [tick.stimulate(policy) for policy in when.get(tick.iteration, [])]
    return ticks, begins


def joined(ticks):
    return UNIT * np.concatenate([tick.frames for tick in ticks])


def stims(ticks):
    return [tuple(stim) for tick in ticks for stim in tick.analysis.stims]


def test_spike_is_heard_by_the_electrodes_within_reach_of_its_cell(on, array):
    env = on("cl1")
    places = np.asarray(array.electrode_coordinates)[:, 1:]
    cells = env.system.neuron_coordinates[:, 1:]
    near = np.linalg.norm(cells[:, None] - places, axis=2) <= array.output_radius
    ticks, _ = played(env, {}, n_ticks=20)
    found = [tuple(s) for tick in ticks for s in tick.analysis.spikes]
    expected = sorted(
        (round((tick.run.t0 + time) / 0.02) // 2, channel)
        for tick in ticks
        for time, gid in zip(tick.run.spike_times, tick.run.spike_ids, strict=True)
        for channel in np.flatnonzero(near[gid])
    )
    assert found == expected
    assert len({channel for _, channel in found}) > 5


def test_cells_get_what_each_electrode_plays_and_when(on, array):
    env = on("cl1").record_voltage(dt=0.2)
    policies = {0: [burst(3), burst(11), burst(3)], 2: [burst(7, ((160, 2.5), (160, -2.5)))]}
    ticks, begins = played(env, policies)
    assert begins == [252, 252, 262, 752]  # the second on 3 waits for the first
    assert stims(ticks) == [(252, 3), (252, 11), (262, 3), (752, 7)]
    commands = np.zeros((3000, 16))
    for step, channel in ((504, 3), (504, 11), (524, 3)):
        commands[step : step + 20, channel] = np.repeat([-2.0, 2.0], 10)
    commands[1504:1520, 7] = np.repeat([2.5, -2.5], 8)
    whole = env.clear().run(60, env.cell_stimulus(commands, dt=0.02, io=array), dt=0.02)
    voltage = np.concatenate([tick.run.voltage for tick in ticks], axis=1)
    env.recorder.channels = {}
    # the sum over electrodes is taken in another order, and is float32
    assert voltage == pytest.approx(whole.voltage, abs=1e-3)


def test_artefact_is_on_its_electrode_and_blanking_on_all(on):
    quiet = joined(played(on("cl1"), {}, 3, frames=True)[0])
    amplifier = Amplifier(artefact_uv=1000.0, artefact_tau_ms=0.01, artefact_spread=0.25)
    ticks, _ = played(
        on("cl1"), {0: [burst(3)], 1: [burst(11)]}, 3, frames=True, amplifier=amplifier
    )
    frames = joined(ticks)
    assert np.array_equal(frames[:252], quiet[:252])
    for stim, channel in stims(ticks):
        phase = frames[stim : stim + 5]  # -2 uA; the culture adds less than 200 uV
        assert phase[:, channel] == pytest.approx(-2000, abs=200)
        others = np.delete(phase, channel, axis=1)
        assert others == pytest.approx(-500, abs=200)
    blanked = Amplifier(noise_uv=5.0, artefact_uv=1000.0, blanking_ms=1.0)
    ticks, _ = played(on("cl1"), {0: [burst(3)]}, 3, frames=True, amplifier=blanked)
    silent = ~joined(ticks).any(axis=1)
    assert np.flatnonzero(silent).tolist() == [*range(252, 252 + 10 + 25)]  # 0.4 and 1 ms


def test_detector_finds_spikes_on_the_electrodes_where_they_are(on):
    amplifier = Amplifier(noise_uv=5.0)
    frames = joined(played(on("cl1"), {}, 20, frames=True, amplifier=amplifier)[0]).T
    detector = Detector.calibrated(frames, 0.04)
    ticks, _ = played(on("cl1"), {}, 20, amplifier=amplifier, detector=detector)
    found = [tuple(spike) for tick in ticks for spike in tick.analysis.spikes]
    assert len({channel for _, channel in found}) > 5
    for timestamp, channel in found:  # frames are rounded to units, what is detected is not
        assert frames[channel, timestamp] < detector.threshold_uv[channel] + UNIT


def test_file_has_the_channels_of_the_ticks(on, tmp_path):
    path = tmp_path / "loop.h5"
    options = {"frames": True, "recording": Recording(path)}
    ticks, _ = played(on("finalspark"), {0: [burst(3), burst(15)]}, 4, **options)
    found = read_recording(path)
    assert found.stims.tolist() == stims(ticks) == [(300, 3), (300, 15)]
    assert found.spikes.tolist() == [tuple(s) for t in ticks for s in t.analysis.spikes]
    assert len(set(found.spikes["channel"].tolist())) > 5
    assert np.array_equal(found.samples, np.concatenate([tick.frames for tick in ticks]))
    assert found.samples.shape == (1200, 16)
    assert found.attributes["frames_per_second"] == pytest.approx(30_000)
    assert found.times_ms("stims").tolist() == pytest.approx([10.0, 10.0])
    assert (found.attributes["device"], found.attributes["channel_count"]) == ("finalspark", 16)


def test_dead_electrodes_pass_nothing_and_hear_nothing(on):
    amplifier = Amplifier(noise_uv=5.0, artefact_uv=1000.0, blanking_ms=0.2, dropout=0.3)
    env = on("cl1").record_voltage(dt=0.2)
    dead = np.flatnonzero(amplifier.dead(16, env.seed)).tolist()
    assert 2 < len(dead) < 12
    alive = next(k for k in range(16) if k not in dead)

    def voltage_and_ticks(channels):
        env.clear()
        options = {"frames": True, "amplifier": amplifier}
        ticks, _ = played(env, {0: [burst(k) for k in channels]}, 4, **options)
        return np.concatenate([tick.run.voltage for tick in ticks], axis=1), ticks

    quiet, heard = voltage_and_ticks([])
    stimulated, ticks = voltage_and_ticks(dead)
    driven, _ = voltage_and_ticks([alive])
    env.recorder.channels = {}
    assert np.array_equal(stimulated, quiet)
    assert np.abs(driven - quiet).max() > 1.0
    assert stims(ticks) == [(252, k) for k in dead]  # nobody tells the program
    frames, before = joined(ticks), joined(heard)
    assert not frames[:, dead].any()
    assert not frames[252:267].any()  # the device blanks: 0.4 and 0.2 ms
    frames[252:267] = before[252:267]
    assert np.array_equal(frames, before)
    spikes = {spike.channel for tick in ticks for spike in tick.analysis.spikes}
    assert spikes
    assert not spikes & set(dead)


def test_dropout_is_of_the_seed_and_off_by_default(on):
    def frames(**fields):
        options = {"frames": True, "amplifier": Amplifier(noise_uv=5.0, **fields)}
        return joined(played(on("cl1"), {}, 1, **options)[0])

    whole, broken = frames(), frames(dropout=0.3)
    silent = ~broken.any(axis=0)
    assert np.array_equal(silent, Amplifier(dropout=0.3).dead(16, on("cl1").seed))
    assert np.array_equal(broken[:, ~silent], whole[:, ~silent])
    assert whole.any(axis=0).all()


@pytest.mark.parametrize(
    ("device", "dt", "n_frames", "begin"),
    [("cl1", 1 / 50, 250, 252), ("finalspark", 1 / 60, 300, 300), ("maxone", 1 / 40, 200, 200)],
)
def test_loop_keeps_the_time_of_its_device(on, device, dt, n_frames, begin):
    env = on(device)
    loop = env.loop(100, stop_after_ticks=6, frames=True)
    assert (loop.dt, loop.frames_per_tick) == (pytest.approx(dt, rel=1e-12), n_frames)
    ticks = list(loop)
    assert [t.iteration_timestamp for t in ticks] == [n_frames * k for k in range(1, 7)]
    assert all(t.frames.shape == (n_frames, 16) for t in ticks)
    env.clear().record_membrane_current(dt=loop.frame_ms)
    whole = env.run(60, dt=loop.dt)
    env.recorder.channels = {}
    steps = [np.rint((t.run.t0 + t.run.spike_times) / loop.dt) for t in ticks]
    assert np.array_equal(np.concatenate(steps), np.rint(whole.spike_times / loop.dt))
    assert np.array_equal(np.concatenate([t.run.spike_ids for t in ticks]), whole.spike_ids)
    assert len(whole.spike_ids) > 10
    potential = env.potential_recording(whole.current, whole.current_ids)
    assert np.abs(joined(ticks).T - potential).max() <= UNIT / 2 + 1e-9
    ticks, begins = played(on(device), {0: [burst(3), burst(3)]}, 2)
    frames = n_frames // 25  # of a pulse of 0.4 ms
    assert begins == [begin, begin + frames]
    assert stims(ticks) == [(begin, 3), (begin + frames, 3)]


@pytest.mark.parametrize(
    ("device", "fastest", "refused"),
    [("cl1", 25_000, 30), ("finalspark", 30_000, 70), ("maxone", 20_000, 30)],
)
def test_ticks_may_be_as_short_as_a_frame_of_the_device(on, device, fastest, refused):
    env = on(device)
    assert env.loop(fastest).frames_per_tick == 1
    with pytest.raises(InvalidValue, match="ticks do not consist of whole frames: got "):
        env.loop(refused)
    with pytest.raises(InvalidValue, match=rf"Choose a divisor of {fastest}\."):
        env.loop(1.5 * fastest)


@pytest.mark.parametrize(
    ("device", "policy", "message"),
    [
        ("finalspark", burst(3, 2.0), "pulse phase is not a multiple of dt: got 0.16 ms"),
        ("finalspark", burst(3, ((100, -2600), (100, 2600))), "current is above the limit of"),
        ("finalspark", burst(3, ((200, -1), (100, 1))), "pulse is not charge balanced, as"),
        ("maxone", burst(3, ((100, -1), (125, 1)), dt=0.025), "phase is not on the time grid"),
        ("maxone", burst(3, start_ms=0.125, dt=0.025), "pulse time is not on the time grid"),
    ],
)
def test_device_refuses_what_it_does_not_allow(on, device, policy, message):
    for tick in on(device).loop(100, stop_after_ticks=1):
        with pytest.raises(InvalidValue, match=message):
            tick.stimulate(policy)
        assert tick.loop._schedule._queued == []


def test_pulse_that_waited_is_on_the_time_grid_again(on):
    off = burst(3, ((100, -1), (100, 1), (25, 0)), dt=0.025)  # ends between two times of the grid
    _, begins = played(on("maxone"), {0: [off, burst(3)]}, 2)
    assert begins == [200, 205]


@pytest.fixture(scope="module")
def wide():
    """Four cells under 64 electrodes."""
    io = MEA(np.array([[k, 20.0 * k, 0.0, 10.0] for k in range(64)]))
    return livn.Env(4, "ReducedCalciumSomaDendrite", io, backend="native")


def many(channels, **fields):
    return BurstPolicy(n_channels=64, channels=tuple(channels), phases=PHASE, **fields)


def test_electrodes_of_pulses_that_overlap_are_counted_together(wide):
    wide.io = Platform(getattr(wide.io, "io", wide.io), "maxone")
    for tick in wide.clear().loop(100, stop_after_ticks=1):
        assert tick.stimulate(many(range(20))) == 200
        assert tick.stimulate(many(range(20, 32))) == 200
        with pytest.raises(InvalidValue, match="too many channels for maxone: got 33; at most 32"):
            tick.stimulate(many([40]))
        assert tick.stimulate(many(range(12, 44), start_ms=1.0)) == 208  # after the others


def test_reserved_electrodes_of_a_whole_array_hear_nothing(on, culture):
    low, high = culture.system.bounding_box
    x, y = (axis.ravel() for axis in np.meshgrid(*np.linspace(low[:2], high[:2], 8).T))
    whole = MEA(np.c_[np.arange(64), x, y, 0 * x], output_radius=100.0)
    heard = {}
    for device in ("unlimited", "cl1"):
        culture.io = Platform(whole, device)
        loop = culture.clear().loop(
            10, stop_after_ticks=3, frames=True, amplifier=Amplifier(noise_uv=5.0)
        )
        ticks = list(loop)
        heard[device] = {s.channel for tick in ticks for s in tick.analysis.spikes}
        silent = np.flatnonzero(~joined(ticks).any(axis=0)).tolist()
        assert silent == ([0, 4, 7, 56, 63] if device == "cl1" else [])
    assert heard["cl1"] == heard["unlimited"] - {0, 4, 7, 56, 63} != heard["unlimited"]


def test_reserved_electrodes_of_a_whole_array_are_not_driven(wide):
    wide.io = Platform(getattr(wide.io, "io", wide.io), "cl1")
    for tick in wide.clear().loop(100, stop_after_ticks=1):
        with pytest.raises(InvalidValue, match=r"ground or reference on cl1: got \[4, 63\]"):
            tick.stimulate(many([3, 4, 63]))
        assert tick.stimulate(many([3, 62])) == 252
