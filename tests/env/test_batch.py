"""Copies of a batch are what single Envs are, bit for bit, whatever happens to their neighbours."""

import pickle

import numpy as np
import pytest

from livn.env import Env
from livn.env.runs import CopiesDiverged
from livn.errors import Diverged, InvalidState, InvalidType, InvalidValue, NotSupported, UnknownName
from livn.stimulus import BiphasicPulsePolicy, Stimulus

WEIGHT = "EXC_EXC-dend-AMPA-weight"
TWO_COMPARTMENTS = "ReducedCalciumSomaDendrite"
NOISE = {"Izhikevich": {"level": 3.0}, TWO_COMPARTMENTS: {"std_e": 1e-3, "g_e0": 2e-3}}  # uS


def culture(model="Izhikevich", seed=1, system="EI1", backend="native", **options):
    env = Env(system, model, backend=backend, seed=seed, **options).init()
    return env.set_noise(NOISE[model]).record_spikes()


def currents(n, n_steps=20, n_cells=10, size=0.02):
    """Return currents, nA, of 0.5 ms, none in the first half of copy 0."""
    values = np.random.default_rng(0).uniform(0, size, (n, n_steps, n_cells))
    values[0, : n_steps // 2] = 0
    return Stimulus.from_current(values, dt=0.5)


def of_copy(stimuli, k):
    return Stimulus.from_current(stimuli.array[k], dt=stimuli.dt)


@pytest.mark.parametrize("backend", ["native", "brian2"])
def test_copies_equal_single_envs_of_their_seed_and_stream(backend):
    seeds, streams, stimuli = [1, 1, 7], [0, 4, 0], currents(3)
    batch = culture(seed=9, backend=backend).record_voltage(dt=0.5).batch(3, seeds, streams)

    first, second = batch.run(20, stimuli), batch.run(5.5)

    for k, (seed, stream) in enumerate(zip(seeds, streams, strict=True)):
        env = culture(seed=seed, backend=backend).record_voltage(dt=0.5).reseed_noise(stream)
        assert env.run(20, of_copy(stimuli, k)) == first[k]
        assert env.run(5.5) == second[k]
        assert len(first[k].spike_ids) > 5
    assert first[1] != first[0]
    assert batch.t.tolist() == [25.5] * 3


@pytest.mark.parametrize("threads", [1, 2])
def test_copies_in_several_groups_equal_single_envs(threads, monkeypatch):
    monkeypatch.setattr("livn.backend.native.copies._GROUP", 200)
    batch = culture(system="EI2", threads=threads).batch(5)

    runs = batch.run(30, currents(5, 60, 100))

    for k in range(5):
        env = culture(system="EI2").reseed_noise(k)
        assert env.run(30, of_copy(currents(5, 60, 100), k)) == runs[k]
        assert len(runs[k].spike_ids) > 50


def test_stimuli_of_any_kind_act_as_in_single_envs():
    stimuli = currents(4)
    lists = [None, of_copy(stimuli, 1), of_copy(stimuli, 1), of_copy(stimuli, 3)]
    together = culture().batch(4)
    listed = together.run(10, lists)
    together.clear()
    one = together.run(10, lists[1])

    for k in range(4):
        env = culture().reseed_noise(k)
        assert env.run(10, lists[k]) == listed[k]
        assert env.clear().run(10, lists[1]) == one[k]


def test_electrodes_act_as_in_single_envs():
    env = culture(TWO_COMPARTMENTS).record_membrane_current(dt=0.5)
    batch = env.batch(3)
    commands = np.random.default_rng(0).uniform(-3, 3, (3, 8, 1))  # uA
    commands[1, 2:6] = 0
    pulse = Stimulus.biphasic_pulse(1, [0], 2.0, dt=0.05)
    policy = BiphasicPulsePolicy(n_channels=1, channels=(0,), amplitude=1.0)

    by_array = batch.run(5, batch.cell_stimulus(commands, dt=0.5))
    batch.clear()
    by_list = batch.run(5, [pulse, None, policy])

    for k, given in enumerate((pulse, None, policy)):
        env.reseed_noise(k).clear()
        assert env.run(5, env.cell_stimulus(commands[k], dt=0.5)) == by_array[k]
        assert env.clear().run(5, given) == by_list[k]


@pytest.mark.parametrize("model", ["Izhikevich", TWO_COMPARTMENTS])
def test_parameters_differ_by_copy(model):
    level = next(iter(NOISE[model]))
    params = [{}, {WEIGHT: 20.0}, {"cells-V_init": -60.0, WEIGHT: 3.0, f"noise-{level}": 0}]
    batch = culture(model).batch(3).set_params(params)
    stimulus = currents(1, 40, size=0.05 if model == "Izhikevich" else 1.0)

    runs = batch.run(20, of_copy(stimulus, 0))
    batch[1].set_params({WEIGHT: 1.0})
    later = batch.run(20)

    for k in range(3):
        env = culture(model).set_params(params[k]).reseed_noise(k)
        assert batch.params(k)[WEIGHT] == (1.0 if k == 1 else env.params()[WEIGHT])
        assert env.run(20, of_copy(stimulus, 0)) == runs[k]
        if k == 1:
            env.set_params({WEIGHT: 1.0})
        assert env.run(20) == later[k]


def test_one_copy_is_cleared_while_the_others_go_on():
    stimuli = currents(3)
    batch = culture().batch(3)
    batch.run(7.3, of_copy(currents(3, 14), 1))  # not a multiple of the 1 ms that noise is held
    batch.clear(1)
    assert batch.t.tolist() == pytest.approx([7.3, 0.0, 7.3])

    runs, later = batch.run(10, stimuli), batch.run(40)

    for k in (0, 1, 2):
        env = culture().reseed_noise(k)
        if k != 1:
            env.run(7.3, of_copy(currents(3, 14), 1))
        assert env.run(10, of_copy(stimuli, k)) == runs[k]
        assert env.run(40) == later[k]


def test_reseeding_takes_streams_that_no_copy_had():
    batch = culture().batch(3)
    batch.clear(reseed=True)
    batch.clear([0, 2], reseed=True)
    assert batch.streams == [6, 4, 8]
    assert batch.run(20)[2] == culture().reseed_noise(8).run(20)
    batch.reseed_noise([0], 2).clear()
    assert batch.run(20)[2] == culture().run(20)


def test_batch_starts_where_the_env_is():
    env = culture()
    env.run(15)
    batch = env.set_params({"cells-EXC:V_threshold": 29.0}).batch(2, streams=[0, 3])
    onward = env.run(20)
    assert batch.t.tolist() == [15.0, 15.0]
    runs = batch.run(20)
    assert runs[0] == onward
    assert runs[1] != onward


def test_snapshots_go_to_and_fro_between_copies_and_envs():
    batch = culture(seed=3).batch(3)
    batch.set_params({"cells-EXC:V_threshold": 29.0}, 1)
    batch.run(12.5)
    snapshots = pickle.loads(pickle.dumps(batch.snapshot()))
    onward = batch.run(20)

    env = culture(seed=3).restore(snapshots[1])
    assert (env.t, env.params()["cells-EXC:V_threshold"]) == (12.5, 29.0)
    assert env.run(20) == onward[1]

    batch.clear().restore(snapshots[1], [0, 2])
    again = batch.run(20)
    assert (again[0], again[2]) == (onward[1], onward[1])
    assert batch.params(0)["cells-EXC:V_threshold"] == 29.0
    batch.restore(env.snapshot(), 1)
    assert batch.t.tolist() == [32.5] * 3
    assert batch.run(5)[1] == env.run(5)


def test_runs_have_all_spikes_as_arrays():
    batch = culture().record_spikes("EXC").batch(3)
    batch.recorder.spikes = {"EXC"}

    runs = batch.run(30, currents(3, 60))

    assert np.all(np.diff(runs.copies) >= 0)
    assert set(runs.spike_ids) <= set(range(8))
    for k, run in enumerate(runs):
        assert runs.spike_ids[runs.copies == k].tolist() == run.spike_ids.tolist()
        assert runs.spike_times[runs.copies == k].tolist() == run.spike_times.tolist()
    assert [r.t0 for r in runs[1:]] == [0.0, 0.0]
    assert runs[-1] == runs[2]
    with pytest.raises(IndexError):
        runs[3]


def test_nothing_recorded_is_absent():
    env = Env("EI1", "Izhikevich", backend="native").init()
    runs = env.batch(2).run(1)
    assert (runs.copies, runs.spike_ids, runs.spike_times, runs[0].spike_ids) == (None,) * 4


@pytest.mark.parametrize("backend", ["native", "brian2"])
def test_a_copy_that_diverges_is_named_and_the_others_are_kept(backend):
    def new():
        return culture(TWO_COMPARTMENTS, backend=backend).record_voltage(dt=0.5)

    batch = new().batch(3).set_params({"cells-EXC:dend.e_pas": 1e300}, 1)  # mV

    with pytest.raises(CopiesDiverged, match=r"copies \[1\] of 3 .* EXC .*batch\.clear") as caught:
        batch.run(5)

    assert caught.value.got == [1]
    runs = caught.value.runs
    assert runs.diverged == (1,)
    assert runs[2] == new().reseed_noise(2).run(5)
    with pytest.raises(Diverged, match="voltage of EXC is not finite"):
        runs[1]
    batch.set_params({"cells-EXC:dend.e_pas": -60.0}, 1).clear(1)
    assert batch.run(5).diverged == ()


STIMULUS = Stimulus.from_current(np.zeros((1, 10)), dt=0.5)
REFUSED = {
    "no copy": (lambda b: culture().batch(0), InvalidValue, "number of copies .* got 0"),
    "seeds": (lambda b: culture().batch(2, [1]), InvalidValue, "one seed for each copy: got 1"),
    "seed": (
        lambda b: culture().batch(2, 5),
        InvalidType,
        "one seed .* got 5; need",
    ),
    "streams of one": (
        lambda b: culture().batch(2, streams=3),
        InvalidType,
        "stream for each copy: got 3",
    ),
    "negative seed": (lambda b: culture().batch(1, [-1]), InvalidValue, "seed .*got -1"),
    "streams": (lambda b: culture().batch(1, None, [0, 1]), InvalidValue, "one noise stream .*2"),
    "stimuli": (lambda b: b.run(1, [STIMULUS]), InvalidValue, "one stimulus .*: got 1; need 2"),
    "batch": (lambda b: b.run(1, currents(3, 2)), InvalidValue, r"got a batch of shape \(3,\)"),
    "later stimulus": (
        lambda b: b.run(1, [STIMULUS, Stimulus.from_current(np.zeros((1, 9)), dt=0.5)]),
        InvalidValue,
        "9 columns",
    ),
    "stimulus in a batch": (
        lambda b: b.run(1, Stimulus.from_current(np.full((2, 1, 10), 2e3), dt=0.5)),
        InvalidValue,
        "got 2000 nA",
    ),
    "stimulus step": (
        lambda b: b.run(1, Stimulus.from_current(np.zeros((1, 10)), dt=1.0)),
        InvalidValue,
        "got 1.0 ms after 0.5 ms",
    ),
    "duration": (lambda b: b.run(0.25), InvalidValue, "got 0.25 ms"),
    "copy": (lambda b: b.clear(2), InvalidValue, "got 2; need numbers from 0 to 1"),
    "copy twice": (lambda b: b.clear([1, 1]), InvalidValue, r"got \[1, 1\]"),
    "index": (lambda b: b[5], IndexError, "range"),
    "parameter": (
        lambda b: b.set_params([{WEIGHT.replace("dend", "soma"): 2.0}, {"x": 1}]),
        UnknownName,
        "'x'",
    ),
    "parameters": (lambda b: b.set_params([{}]), InvalidValue, "one mapping .*: got 1; need 2"),
    "io": (lambda b: b.set_params({"io-input_radius": 9.0}), NotSupported, "io-input_radius"),
    "snapshot": (lambda b: b.restore([1, 2]), InvalidType, "no snapshot: got 1"),
    "other culture": (
        lambda b: b.restore(culture(system="EI2").snapshot()),
        InvalidValue,
        "another culture",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_does_not_fit_is_refused_and_changes_nothing(what):
    call, error, message = REFUSED[what]
    batch, twin = culture().batch(2), culture().batch(2)
    for b in (batch, twin):
        b.run(1, STIMULUS)
    with pytest.raises(error, match=message):
        call(batch)
    assert list(batch.run(5, STIMULUS)) == list(twin.run(5, STIMULUS))


def test_electrodes_act_on_copies_in_the_same_places_only():
    batch = culture(TWO_COMPARTMENTS).batch(2).set_params({"cells-dendrite_offset": 9.0}, 1)
    with pytest.raises(NotSupported, match="compartments lie in different places"):
        batch.cell_stimulus(np.ones((2, 1, 1)))


def test_closed_batch_says_so_and_leaves_the_env():
    env = culture()
    batch = env.batch(2)
    assert (len(batch), [c.seed for c in batch], batch[1].stream, batch[1].t) == (2, [1, 1], 1, 0.0)
    batch.close().close()
    with pytest.raises(InvalidState, match="batch is closed"):
        batch.run(1)
    assert env.run(1).duration == 1.0
