"""Same inputs same bits; halves equal the whole; snapshots continue; clear is as good as new."""

import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

from livn.errors import InvalidState, InvalidValue
from livn.stimulus import Stimulus


def window(stimulus, start, stop):
    """The samples of [start, stop) ms as a stimulus of their own."""
    return Stimulus.from_current(np.array(stimulus.window(start, stop)), dt=stimulus.dt)


PROGRAM = """
import hashlib, numpy as np
from livn.env import Env
from livn.stimulus import Stimulus
found = ""
for model, level in (("Izhikevich", 0.05), ("ReducedCalciumSomaDendrite", 1.0)):
    env = Env("EI1", model, backend=%r).set_params(
        {"noise-level": 1.0} if model == "Izhikevich" else {"noise-g_e0": 1e-3, "noise-std_e": 1e-3}
    )
    env.record_spikes().record_voltage()
    run = env.run(5, Stimulus.from_current(np.full((5, 10), level), dt=1.0))
    found += hashlib.sha256(run.spike_times.tobytes() + run.voltage.tobytes()).hexdigest()
"""


def test_another_process_gives_the_same_bits(backend):
    here = {}
    exec(PROGRAM % backend, here)

    there = subprocess.check_output(
        [sys.executable, "-c", PROGRAM % backend + "print(found)"],
        env={**os.environ, "PYTHONHASHSEED": "7"},
        text=True,
    )
    assert there.strip() == here["found"]


def test_two_runs_equal_one(culture, stimulus, digest, case):
    whole = culture.run(10, stimulus, dt=case.dt)
    culture.clear()

    first = culture.run(4.5, window(stimulus, 0, 4.5), dt=case.dt)
    second = culture.run(5.5, window(stimulus, 4.5, 10), dt=case.dt)

    assert (first.t0, second.t0, culture.t) == (0, 4.5, pytest.approx(10))
    assert second.spike_times.max(initial=0) < 5.5  # times start at 0 again
    assert digest(first.concat(second)) == digest(whole)


def test_many_short_runs_equal_one(culture, stimulus, digest, case):
    whole = culture.run(5, window(stimulus, 0, 5), dt=case.dt)
    culture.clear()

    parts = [culture.run(0.5, window(stimulus, t / 2, t / 2 + 0.5), dt=case.dt) for t in range(10)]

    assert digest(parts[0].concat(*parts[1:])) == digest(whole)


def test_spikes_lie_in_the_window_in_order(culture, stimulus, case):
    culture.run(2, dt=case.dt)
    run = culture.run(10, stimulus)

    assert np.all(np.diff(run.spike_times) >= 0)
    assert run.spike_times.min() >= 0
    assert run.spike_times.max() < 10
    assert set(run.spike_ids) <= set(range(10))


def test_snapshot_continues_bit_for_bit_and_can_be_branched(culture, stimulus, digest, case):
    culture.run(4.5, window(stimulus, 0, 4.5), dt=case.dt)
    there = culture.snapshot()
    rest = window(stimulus, 4.5, 10)

    first = culture.run(5.5, rest)
    again = culture.restore(there).run(5.5, rest)
    without = culture.restore(there).run(5.5)
    other_noise = culture.restore(there).reseed_noise(5).run(5.5, rest)
    last = culture.restore(there).run(5.5, rest)

    assert again.t0 == 4.5
    assert digest(first) == digest(again) == digest(last)
    assert len({digest(first), digest(without), digest(other_noise)}) == 3
    assert np.array_equal(first.voltage[:, 0], other_noise.voltage[:, 0])


def test_snapshot_continues_in_another_env(culture, twin, stimulus, digest, case):
    culture.run(4.5, window(stimulus, 0, 4.5), dt=case.dt)
    culture.set_params({"cells-V_init": -71.0})
    sent = pickle.dumps(culture.snapshot())
    rest = window(stimulus, 4.5, 10)
    here = culture.run(5.5, rest)

    twin.restore(pickle.loads(sent))

    assert twin.t == pytest.approx(4.5)
    assert digest(twin.run(5.5, rest)) == digest(here)
    assert digest(twin.clear().run(3, dt=case.dt)) == digest(culture.clear().run(3, dt=case.dt))


def test_snapshot_brings_its_parameters_back(culture, stimulus, digest, case):
    culture.run(2, dt=case.dt)
    there, params = culture.snapshot(), culture.params()
    first = culture.run(5, window(stimulus, 0, 5))
    culture.set_noise({n: 2 * v for n, v in case.noise.items()})
    culture.set_weights(dict.fromkeys(culture.weight_names, 3.0))
    culture.set_params({"cells-V_init": -60.0})

    culture.restore(there)

    assert str(culture.params()) == str(params)
    assert digest(culture.run(5, window(stimulus, 0, 5))) == digest(first)


def test_snapshot_of_another_culture_is_refused(culture, new_env, case):
    foreign = new_env({"EXC": 3, "INH": 1}, case.model).snapshot()
    before = culture.t

    with pytest.raises(InvalidValue, match=r"snapshot is of another culture: got .*3 EXC"):
        culture.restore(foreign)
    assert culture.t == before


def test_clear_is_as_good_as_new(culture, new_culture, stimulus, digest, case):
    changed = {"cells-V_init": -68.0, **dict.fromkeys(culture.weight_names, 2.0)}
    n_early = len(culture.run(2.5, window(stimulus, 0, 2.5), dt=case.dt).spike_times)
    culture.set_params(changed)
    culture.run(1.5, window(stimulus, 2.5, 4))  # spikes whose events are in flight

    cleared = culture.clear().run(10, stimulus, dt=case.dt)

    fresh = new_culture().set_params(changed).run(10, stimulus, dt=case.dt)
    assert n_early > 0
    assert cleared.t0 == 0
    assert digest(cleared) == digest(fresh)


def test_clear_forgets_events_in_flight(culture, stimulus, digest, case):
    culture.set_noise(dict.fromkeys(case.noise, 0.0))
    silent = culture.run(3, dt=case.dt)
    culture.clear()
    spikes = culture.run(5, window(stimulus, 0, 5), dt=case.dt).spike_times

    assert len(spikes) > 0
    assert digest(culture.clear().run(3, dt=case.dt)) == digest(silent)


@pytest.mark.parametrize("model", ["LIF", "ReducedCalciumSomaDendrite"])
def test_step_is_that_of_the_model_again_after_clear(new_env, model):
    env = new_env("EI1", model).record_voltage()
    at_start = env.run(1).voltage
    env.clear().run(1, dt=0.05)

    assert np.array_equal(env.clear().run(1).voltage, at_start)


def test_reseeding_moves_to_another_noise_and_back(culture, digest, case):
    first = culture.run(3, dt=case.dt)
    second = culture.clear(reseed=True).run(3, dt=case.dt)
    third = culture.clear(reseed=True).run(3, dt=case.dt)

    assert len({digest(first), digest(second), digest(third)}) == 3
    assert digest(culture.clear().reseed_noise(1).run(3, dt=case.dt)) == digest(second)
    assert digest(culture.clear().reseed_noise(0).run(3, dt=case.dt)) == digest(first)


@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_seeds_differ_in_noise_and_in_cells(new_env, noise):
    envs = [new_env({"INH": 3}, "Izhikevich", seed=s).record_voltage() for s in (123, 124)]
    first, second = (env.set_noise({"level": noise}).run(5).voltage for env in envs)

    assert not np.array_equal(first, second)


def test_envs_side_by_side_do_not_disturb_each_other(culture, twin, stimulus, digest, case):
    whole = culture.run(5, window(stimulus, 0, 5), dt=case.dt)
    culture.clear()

    parts = []
    for start in (0, 2.5):
        parts.append(culture.run(2.5, window(stimulus, start, start + 2.5), dt=case.dt))
        twin.set_params({"cells-V_init": -60.0 - start}).reseed_noise().run(1, dt=case.dt)

    assert digest(parts[0].concat(parts[1])) == digest(whole)


def test_changes_during_a_run_keep_the_state(culture, stimulus, digest, case):
    culture.run(4.5, window(stimulus, 0, 4.5), dt=case.dt)
    there = culture.snapshot()
    rest = window(stimulus, 4.5, 6)
    unchanged = culture.run(1.5, rest)
    threshold = "V_threshold_base" if case.model == "GLIF" else "V_threshold"
    changes = [
        {f"noise-{n}": 2 * v for n, v in case.noise.items()},
        dict.fromkeys(culture.weight_names, 5.0),
        {f"cells-EXC:{threshold}": np.linspace(-45.0, -44.0, 8)},  # one per cell from now on
    ]
    for change in changes:
        culture.restore(there).set_params(change)
        changed = culture.run(1.5, rest)

        assert changed.t0 == 4.5
        for name in set(changed.channels) - {"spikes"}:
            assert np.array_equal(changed[name].values[:, 0], unchanged[name].values[:, 0])
    assert digest(culture.restore(there).run(1.5, rest)) == digest(unchanged)


def test_setting_what_is_in_force_changes_nothing(culture, stimulus, digest, case):
    whole = culture.run(5, window(stimulus, 0, 5), dt=case.dt)
    culture.clear().run(2.5, window(stimulus, 0, 2.5), dt=case.dt)
    params = culture.params()

    rest = culture.set_params(params).run(2.5, window(stimulus, 2.5, 5))

    assert str(culture.params()) == str(params)
    assert digest(rest) == digest(whole.slice(2.5))


def test_closed_env_refuses(new_env):
    env = new_env(2)
    env.close()
    env.close()
    for call in (env.init, env.clear, env.snapshot, env.reseed_noise, lambda: env.run(1)):
        with pytest.raises(InvalidState, match="env is closed"):
            call()
