"""A spike train that is played is to other cells what the same spikes of the cell are."""

import numpy as np
import pytest

from livn.stimulus import Stimulus

SENDERS = [3, 8]  # EXC and INH of EI1
RECEIVERS = [g for g in range(10) if g not in SENDERS]


@pytest.fixture(scope="module")
def env(new_env):
    """EI1 of LIF cells; what senders are told arrives at all others that they reach."""
    env = new_env("EI1").record_spikes().record_voltage(gids=RECEIVERS)
    for name in ("B_AMPA", "B_NMDA", "B_GABA_A"):
        env.record(name, gids=RECEIVERS)
    return env


@pytest.fixture(scope="module")
def trains(env):
    """What the senders fire when they are kicked, ms, and what the others then do."""
    kicks = np.zeros((120, 2))
    kicks[[0, 40, 90]] = 20.0  # nA, to threshold in 0.1 ms
    kicks[[20, 25], 0] = 20.0
    run = env.clear().run(15, Stimulus.from_current(kicks, dt=0.1, gids=SENDERS), dt=0.05)
    fired = {g: run.spike_times[run.spike_ids == g] for g in SENDERS}
    assert [len(fired[g]) for g in SENDERS] >= [3, 2]
    return fired, run


def heard(run):
    return {name: run[name].values for name in run.channels if name != "spikes"}


def test_played_spikes_do_what_spikes_do(env, trains):
    fired, real = trains

    played = env.clear().play_input_spikes(fired).run(15, dt=0.05)

    assert not set(played.spike_ids) & set(SENDERS)  # they do not notice
    assert played.select(RECEIVERS).spikes == real.select(RECEIVERS).spikes
    for name, values in heard(real).items():
        assert values.any()
        assert np.array_equal(values, heard(played)[name]), name


def test_trains_go_on_in_the_next_run_and_from_a_snapshot(env, trains):
    fired, _ = trains
    whole = env.clear().play_input_spikes(fired).run(15, dt=0.05)

    first = env.clear().play_input_spikes(fired).run(5, dt=0.05)
    half = env.snapshot()
    second = env.run(10)
    again = env.clear().restore(half).run(10)

    assert first.concat(second) == whole
    assert again == second
    assert not np.array_equal(second.voltage, env.clear().run(10, dt=0.05).voltage)


def test_clear_forgets_what_was_to_be_played(env, trains):
    nothing = env.clear().run(15, dt=0.05)

    env.clear().play_input_spikes(trains[0]).clear()

    assert env.run(15, dt=0.05) == nothing
    assert not nothing["B_AMPA"].values.any()


def test_spikes_of_one_step_count_each(env):
    once = env.clear().play_input_spikes({3: [1.0]}).run(10, dt=0.05)
    twice = env.clear().play_input_spikes({3: [1.0, 1.02]}).run(10, dt=0.05)

    assert np.array_equal(twice["B_AMPA"].values, 2 * once["B_AMPA"].values)
    assert once["B_AMPA"].values.any()
