"""What the native engine promises beyond the contract: brian2's numbers, threads, precision."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

from livn import Env, Stimulus
from livn.backend import native
from livn.errors import InvalidValue, NotSupported, UnknownName

NOISE = {"Izhikevich": {"level": 8.0}, "LIF": {"level": 300.0}}


def culture(system="EI1", model="Izhikevich", backend="native", **options):
    env = Env(system, model, backend=backend, **options).init()
    return env.set_noise(NOISE[model]).record_spikes()


def same_spikes(a, b):
    return np.array_equal(a.spike_ids, b.spike_ids) and np.array_equal(a.spike_times, b.spike_times)


@pytest.mark.parametrize("model", ["Izhikevich", "LIF"])
def test_network_with_noise_follows_brian2(model):
    native, brian2 = (
        culture(model=model, backend=b).record_voltage(dt=0.1) for b in ("native", "brian2")
    )
    pulse = Stimulus(np.full((20, 10), 0.02), dt=1.0, input_mode="current")
    a, b = (e.run(150, pulse) for e in (native, brian2))
    assert len(b.spike_ids) > 5
    assert same_spikes(a, b)
    np.testing.assert_allclose(a.voltage, b.voltage, atol=1e-7)


def test_psp_begins_in_the_same_step_as_in_brian2():
    traces, spikes = [], []
    for backend in ("native", "brian2"):
        env = culture("EI1", "LIF", backend).set_noise({"level": 0.0}).record("B_AMPA", dt=0.1)
        kick = np.zeros((4, 10))
        kick[:, 0] = 2.0  # nA, into one excitatory cell
        run = env.run(12, Stimulus(kick, dt=1.0, input_mode="current"))
        traces.append(run["B_AMPA"].values)
        spikes.append(run.spike_times)
    onset = [np.argmax(t > 0, axis=1) for t in traces]
    assert len(spikes[0])
    assert np.array_equal(*spikes)
    assert np.count_nonzero(onset[0])
    np.testing.assert_array_equal(*onset)
    np.testing.assert_allclose(*traces, rtol=1e-12, atol=1e-18)


@pytest.mark.parametrize("threads", [2, 3])
def test_any_number_of_threads_gives_the_same_bits(threads):
    pulse = Stimulus(np.full((20, 100), 0.02), dt=1.0, input_mode="current")
    runs = []
    for n in (1, threads):
        env = culture("EI2", threads=n).record_voltage(dt=0.2)
        runs.append([env.run(40, pulse), env.run(40)])
    for one, many in zip(*runs, strict=True):
        assert len(one.spike_ids) > 50
        assert same_spikes(one, many)
        assert one.voltage.tobytes() == many.voltage.tobytes()


def test_snapshot_of_one_thread_continues_on_two():
    one, two = culture("EI2"), culture("EI2", threads=2)
    one.run(30)
    two.restore(pickle.loads(pickle.dumps(one.snapshot())))
    assert same_spikes(one.run(30), two.run(30))


def test_long_runs_are_cut_into_chunks_without_a_trace(monkeypatch):
    whole = culture().record_voltage(dt=0.1).run(60)
    monkeypatch.setattr("livn.backend.native.culture._SPIKES", 32 * 7)
    pieces = culture().record_voltage(dt=0.1)
    assert pieces.engine.culture.chunk == 7
    parts = pieces.run(60)
    assert same_spikes(whole, parts)
    assert whole.voltage.tobytes() == parts.voltage.tobytes()


def test_single_precision_follows_double_until_the_first_spikes():
    runs = [culture(precision=p).record_voltage(dt=0.1).run(20) for p in ("float64", "float32")]
    double, single = runs
    assert np.max(np.abs(double.voltage[:, :50] - single.voltage[:, :50])) < 2e-3  # mV
    assert len(single.spike_ids) == pytest.approx(len(double.spike_ids), abs=2)


def test_parameters_and_weights_change_without_new_code():
    env = culture()
    before = env.engine.culture.compiled
    env.set_params({"cells-EXC:V_threshold": 29.0, "EXC_EXC-soma-AMPA-weight": 3.0})
    env.run(5)
    assert env.engine.culture.compiled is before


def test_values_per_cell_keep_state_and_events():
    scalar, spread = culture(), culture()
    for env in (scalar, spread):
        env.run(30)
    level = scalar.parameters.values("EXC")["V_threshold"]
    spread.set_params({"cells-EXC:V_threshold": np.full(8, level)})
    a, b = scalar.run(50), spread.run(50)
    assert len(a.spike_ids)
    assert same_spikes(a, b)


def test_random_numbers_take_another_key_every_four_billion_steps():
    env = culture()
    env.run(1)
    snapshot = env.engine.snapshot()
    snapshot["step"] = (1 << 32) * 10 - 5
    env.engine.restore(snapshot)
    assert env.engine.advance(30, {}, []).steps.max(initial=0) < 30
    assert env.engine.step == (1 << 32) * 10 + 25


def test_description_names_precision_threads_and_code():
    told = culture(threads=2).describe()
    assert "float64" in told
    assert "threads=2" in told
    assert "memory" in told or "compiled" in told or "loaded" in told


def test_unknown_precision_is_refused():
    with pytest.raises(UnknownName, match="'float16'.*float32, float64"):
        culture(precision="float16")


@pytest.mark.parametrize("threads", [0, 1.5, True])
def test_a_number_of_threads_that_is_none_is_refused(threads):
    with pytest.raises(InvalidValue, match=f"got {threads}; need 1 or more"):
        culture(threads=threads)


@pytest.mark.parametrize("model", ["LIF", "HodgkinHuxley"])
def test_the_place_of_a_cell_in_the_vectors_does_not_matter(model):
    env = Env(40, model, backend="native").init().record_voltage(dt=0.1)
    steps = np.linspace(0, 0.3, 50)[:, None] * np.ones(40)
    voltage = env.run(50, Stimulus(steps, dt=1.0, input_mode="current")).voltage
    assert np.ptp(voltage) > 1  # mV
    assert np.all(voltage == voltage[:1])


def test_an_interrupted_run_leaves_no_input_behind(monkeypatch):
    """Ctrl-C arrives between two pieces of a long run."""
    env = Env("EI1", "Izhikevich", backend="native").init().record_spikes()
    culture = env.engine.culture
    compute, pieces = culture._compute, []

    def interrupted(*arguments):
        compute(*arguments)
        pieces.append(1)
        raise KeyboardInterrupt

    monkeypatch.setattr(culture, "_compute", interrupted)
    with pytest.raises(KeyboardInterrupt):
        env.run(100.0, Stimulus.from_current(np.full((1, 10), 0.02), dt=100.0))
    monkeypatch.undo()
    assert pieces == [1]
    assert env.clear().run(100.0).spike_ids.size == 0


def test_a_ring_too_large_to_point_into_is_refused():
    env = Env("EI1", "Izhikevich", backend="native").init()
    far = [replace(p, distances=p.distances + 1e10) for p in env.network_plan.projections]
    network = replace(env.network_plan, projections=tuple(far))
    values = {n: env.parameters.values(n) for n in network.populations}
    with pytest.raises(NotSupported, match="native cannot hold the events of so many"):
        native.build(network, 0.1, 1, values, env.parameters.increments())
