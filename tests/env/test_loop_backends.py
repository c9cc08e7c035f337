"""A loop does what one long run does, on every backend."""

import numpy as np
import pytest

import livn
from livn.backend import BACKENDS, available
from livn.io import Platform
from livn.stimulus import BurstPolicy

DT = 0.02  # ms, of a loop on a CL1: half a frame
OPTIONS = {"brian2": {"target": "numpy"}}  # compiles nothing


@pytest.fixture(scope="module", params=list(BACKENDS))
def env(request):
    if reason := available()[request.param]:
        pytest.skip(reason)
    made = livn.make("EI1", backend=request.param, **OPTIONS.get(request.param, {}))
    made.io = Platform(made.io, "cl1")
    return made.record_spikes().record_voltage(dt=0.2)


def ticked(env, n_ticks, policy=None):
    """Step and gid of every spike, and voltages, of ticks of 5 ms, stimulated after the first."""
    runs = []
    for tick in env.clear().loop(200, stop_after_ticks=n_ticks):
        runs.append(tick.run)
        if policy is not None and tick.iteration == 0:
            assert tick.stimulate(policy) == 127  # 5 ms and 80 us
    return seen(runs)


def seen(runs):
    spikes = [
        (round((run.t0 + time) / DT), gid)
        for run in runs
        for time, gid in zip(run.spike_times.tolist(), run.spike_ids.tolist(), strict=True)
    ]
    return spikes, np.concatenate([run.voltage for run in runs], axis=1)


def test_loop_without_stimuli_is_one_run_bit_for_bit(env):
    spikes, voltage = ticked(env, 10)
    expected = seen([env.clear().run(50, dt=DT)])
    assert spikes == expected[0]
    assert np.array_equal(voltage, expected[1])
    assert len(spikes) > 3


def test_stimulated_loop_is_the_run_of_its_commands(env):
    policy = BurstPolicy(channels=(0,), phases=3.0, start_ms=4.8)
    spikes, voltage = ticked(env, 3, policy)
    commands = np.zeros((750, 1))
    commands[494:510, 0] = np.repeat([-3.0, 3.0], 8)  # 9.88 to 10.2 ms: across the end of a tick
    expected = seen([env.clear().run(15, env.cell_stimulus(commands, dt=DT), dt=DT)])
    assert spikes == expected[0]
    # The current of a compartment is command times gain, added up in another order: float32.
    assert voltage == pytest.approx(expected[1], abs=1e-4)
    quiet = seen([env.clear().run(15, dt=DT)])[1]
    assert np.abs(voltage - quiet).max() > 0.1
