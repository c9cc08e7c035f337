"""What a stimulus becomes on its way to the cells: its distinct rows, whatever it is made of."""

import numpy as np
import pytest

from livn.env import Env
from livn.errors import InvalidValue
from livn.stimulus import BiphasicPulsePolicy, ScaledPulses, Stimulus


@pytest.fixture(scope="module")
def env():
    """EI1: 8 cells of two compartments, 2 of one, one electrode."""
    return Env("EI1")


def drives(env, stimulus, n_steps=4000, dt=0.025):
    values = {n: env.parameters.values(n) for n in env.network_plan.populations}
    return env.inputs.drives(stimulus, values, n_steps, dt)


def dense(stimulus):
    gids, sections = stimulus.columns()
    return Stimulus(stimulus.array, stimulus.dt, gids, stimulus.input_mode, sections=sections)


def test_train_of_pulses_is_a_row_per_phase(env):
    times = tuple(range(0, 90, 1))
    pulse = Stimulus.biphasic_pulse(1, [0], 2.0, pulse_times=times, dt=0.05)

    found = drives(env, env.cell_stimulus(pulse))

    assert list(found) == ["EXC"]  # cells of one compartment feel no field
    drive = found["EXC"]
    assert drive.rows["I_dend"].shape == (3, 8)
    assert not drive.rows["I_dend"][0].any()
    assert np.array_equal(drive.rows["I_dend"], -drive.rows["I_soma"])
    assert np.count_nonzero(drive.index) == 90 * 8  # two phases of 0.2 ms


def test_commands_give_the_bits_of_what_they_do_to_the_cells(env):
    commands = np.random.default_rng(0).uniform(-3, 3, (100, 1))
    commands[20:60] = 0
    stimulus = env.cell_stimulus(commands, dt=0.1)

    by_commands, by_values = drives(env, stimulus), drives(env, dense(stimulus))

    for k in range(100):
        for name in ("I_soma", "I_dend"):
            rows = [d["EXC"].rows[name][d["EXC"].index[k]] for d in (by_commands, by_values)]
            assert np.array_equal(*rows)


@pytest.mark.parametrize("repeated", [1, 40])
def test_stimulus_is_the_same_whole_and_in_pieces(env, repeated, monkeypatch):
    policy = BiphasicPulsePolicy(
        n_channels=1, channels=(0,), pulse_times=tuple(2.0 * k for k in range(repeated)), dt=0.05
    )
    stimulus = Stimulus.from_policy(policy, env, 100.0)
    whole = drives(env, stimulus)["EXC"]
    monkeypatch.setattr("livn.env.drive._CHUNK", 16 * 7)

    pieces = drives(env, stimulus)["EXC"]

    for name in ("I_soma", "I_dend"):
        assert np.array_equal(whole.rows[name][whole.index], pieces.rows[name][pieces.index])


def test_columns_keep_their_place_when_layouts_alternate(env):
    swapped = [3, 1]
    for gids in (swapped, swapped[::-1], [0, 9], swapped):
        drive = drives(env, Stimulus.from_current([[1.0, 2.0]], dt=1.0, gids=gids))
        given = {n: drive[n].rows["I_soma"][1].tolist() for n in drive}
        everyone = given["EXC"] + given.get("INH", [0.0, 0.0])
        assert [everyone[g] for g in gids] == [1.0, 2.0]
        assert sum(everyone) == 3.0


def test_current_into_all_cells_is_not_copied(env):
    drive = drives(env, Stimulus.from_current(np.ones((3, 10)), dt=1.0))
    assert drive["EXC"].rows["I_soma"].base is drive["INH"].rows["I_soma"].base
    assert drive["EXC"].index.tolist() == [1, 2, 3]


def test_current_into_one_population_in_order_is_not_copied(env):
    stimulus = Stimulus.from_current([[1.0, 2.0]], dt=1.0, gids=[8, 9])
    drive = drives(env, stimulus)
    assert list(drive) == ["INH"]
    assert drive["INH"].rows["I_soma"].tolist() == [[0.0, 0.0], [1.0, 2.0]]
    assert drive["INH"].rows["I_soma"].base.shape == (2, 2)  # the silence and the values


def test_columns_of_one_cell_add_up(env):
    drive = drives(env, Stimulus.from_current([[1.0, 2.0, 4.0]], dt=1.0, gids=[3, 1, 3]))
    assert drive["EXC"].rows["I_soma"][1].tolist() == [0.0, 2.0, 0.0, 5.0, 0.0, 0.0, 0.0, 0.0]


def test_potential_at_one_section_is_against_none_at_the_other(env):
    stimulus = Stimulus([[2.0]], 1.0, [0], "extracellular", sections=["dend"])
    rows = drives(env, stimulus)["EXC"].rows
    coupling = env.parameters.values("EXC")["coupling_soma_dend"]
    assert rows["I_soma"][1, 0] == 2.0 * np.broadcast_to(coupling, 8)[0]
    assert np.array_equal(rows["I_dend"], -rows["I_soma"])


def test_sections_that_cells_do_not_have_are_refused(env):
    stimulus = Stimulus([[1.0, 1.0]], 1.0, [0, 8], "current", sections=["dend", "dend"])
    with pytest.raises(
        InvalidValue, match=r"cells of INH do not have: got \['dend'\]; known: soma"
    ):
        drives(env, stimulus)


def test_long_stimulus_is_its_distinct_rows(env):
    values = np.repeat(np.arange(3.0), 5000)[:, None] * np.ones(10)
    drive = drives(env, Stimulus.from_current(values, dt=0.1), 60000)
    assert drive["EXC"].rows["I_soma"][:, 0].tolist() == [0.0, 1.0, 2.0]
    assert np.array_equal(drive["EXC"].rows["I_soma"][drive["EXC"].index], values[:, :8])


def test_values_outside_the_bounds_are_refused_also_behind_a_gain(env):
    strong = Stimulus.biphasic_pulse(1, [0], 1e4, dt=0.05)
    with pytest.raises(InvalidValue, match="extracellular takes -1000 to 1000 mV"):
        drives(env, env.cell_stimulus(strong))


def test_waveform_is_its_distinct_rows_whatever_was_played_before(env):
    """Also where it is changed in place, which nobody can do to those that are remembered."""
    first, second = np.repeat([[-1.0], [0.0], [1.0]], 4, 0), np.array([[0.5], [1.0]])
    open_to_all = second.copy()
    first.flags.writeable = second.flags.writeable = False
    for waveform, n_rows in ((first, 3), (second, 3), (first, 3), (open_to_all, 3)):
        for scale in (2.0, 3.0):
            if waveform is open_to_all:
                waveform[0] = scale / 10
            pulses = ScaledPulses(waveform, np.array([scale]), 0.05)
            played = drives(env, env.cell_stimulus(pulses))["EXC"]
            expected = drives(env, env.cell_stimulus(pulses.commands, dt=0.05))["EXC"]
            assert len(played.rows["I_soma"]) == n_rows
            for name in ("I_soma", "I_dend"):
                found = [d.rows[name][d.index] for d in (played, expected)]
                np.testing.assert_allclose(*found, rtol=1e-12)  # a product rounds first
