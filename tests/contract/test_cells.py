"""A cell is what it is whoever else is there, and hears others after the delay of the distance."""

import numpy as np
import pytest

from livn.stimulus import Stimulus


def test_a_cell_alone_equals_the_same_cell_among_others(new_env, case):
    runs = []
    for chosen in (None, {"EXC": [3], "INH": [6, 7]}):
        env = new_env({"EXC": 5, "INH": 3}, case.model, selection=chosen).set_noise(case.noise)
        gids = env.simulated_gids()
        given = Stimulus.from_current(case.current * (1 + 0.1 * gids[None]), dt=2.0)
        runs.append(env.record_spikes().record_voltage().run(5, given, dt=case.dt))

    everyone, few = runs

    assert np.array_equal(few.voltage, everyone.voltage[[3, 6, 7]])
    assert few.spikes == everyone.select([3, 6, 7]).spikes
    assert not np.array_equal(everyone.voltage[3], everyone.voltage[4])


@pytest.mark.parametrize(("model", "current"), [("LIF", 1.0), ("PinskyRinzel", 2.0)])
def test_a_selection_keeps_the_synapses_among_its_cells(new_env, model, current):
    gids = [1, 2, 5, 8]
    part = new_env("EI1", model, selection={"EXC": gids[:3], "INH": gids[3:]})
    whole = new_env("EI1", model)
    given = Stimulus.from_current(np.full((1, 4), current), dt=2.0, gids=gids)

    selected = part.record_spikes().record_voltage().run(5, given, dt=0.05)
    among_all = whole.record_spikes().record_voltage(gids=gids).run(5, given, dt=0.05)

    assert set(among_all.spike_ids) == set(gids)  # so nothing else can have reached them
    assert selected.spikes == among_all.spikes
    assert np.array_equal(selected.voltage, among_all.voltage)
    assert part.weight_names == whole.weight_names
    assert part.set_weights(dict.fromkeys(part.weight_names, 0.0)).clear().run(
        5, given, dt=0.05
    ).voltage[1, -1] != pytest.approx(selected.voltage[1, -1], abs=1e-6)


def test_psp_starts_after_the_delay_of_the_distance(new_env):
    dt = 0.01
    env = new_env("EI1").record_spikes().record("B_AMPA", "EXC", dt=dt)
    source = 3
    kick = Stimulus.from_current([[20.0]], dt=0.1, gids=[source])  # nA, to threshold in 0.1 ms

    run = env.run(1, kick, dt=dt)

    assert run.spike_ids.tolist() == [source]
    spike = round(run.spike_times[0] / dt)
    edges = env.system.edges("EXC", "EXC")
    reached = edges.sources == source
    conductance = run["B_AMPA"].values
    assert reached.sum() >= 2
    for target, distance in zip(edges.targets[reached], edges.distances[reached], strict=True):
        first = np.flatnonzero(conductance[target])[0]
        delay = max(2, round(distance / 250.0 / dt))  # 250 um/ms, at least 2 steps
        # the spike is at the end of its step, and an event acts on the step it arrives in
        assert first == spike + 1 + delay
    others = np.setdiff1d(np.arange(8), edges.targets[reached])
    assert not conductance[others].any()


def test_psp_grows_with_the_weight_and_peaks_at_the_unit_conductance(new_env):
    env = new_env("EI1").record("A_AMPA", "EXC", dt=0.1).record("B_AMPA", "EXC", dt=0.1)
    kick = Stimulus.from_current([[20.0]], dt=0.1, gids=[3])
    peaks = []
    for weight in (1.0, 2.5):
        env.clear().set_weights({"EXC_EXC-dend-AMPA-weight": weight})
        run = env.run(10, kick, dt=0.05)
        peaks.append((run["B_AMPA"].values - run["A_AMPA"].values).max(axis=1))

    target = env.network_plan.targets["EXC", "EXC"][0]
    reached = peaks[0] > 0
    assert peaks[1] == pytest.approx(2.5 * peaks[0], rel=1e-12)
    assert peaks[0][reached] == pytest.approx(target.receptor.g_unit, rel=0.02)  # sampled peak


def test_events_reach_both_kinds_of_receptor(new_env):
    env = new_env("EI1").record("B_AMPA").record("B_NMDA").record("B_GABA_A")
    everyone = Stimulus.from_current(np.full((1, 10), 20.0), dt=0.1)

    run = env.run(2, everyone)

    for name in ("B_AMPA", "B_NMDA", "B_GABA_A"):
        assert run[name].values[:, -1].max() > 0
        assert run[name].values.min() == 0
