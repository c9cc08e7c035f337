"""Where the cells of an Env are, and how its io reaches and hears them."""

import numpy as np
import pytest

from livn.env import Env
from livn.errors import InvalidValue, NotSupported
from livn.io import MEA, ComposedIO, PointSourceModel
from livn.stimulus import Stimulus


@pytest.fixture(scope="module")
def env():
    """EI1: 8 cells of two compartments, 2 of one, one electrode."""
    return Env("EI1")


def test_compartments_of_a_cell_stand_together_in_gid_order(env):
    rows = env.stimulus_coordinates()

    assert rows.shape == (18, 4)
    assert rows[:, 0].tolist() == [g for g in range(8) for _ in "sd"] + [8, 9]
    assert np.array_equal(rows, env.recording_coordinates())
    assert np.array_equal(rows[::2][:8], env.simulated_coordinates()[:8])


def test_dendrites_are_60_um_away_in_the_plane(env):
    rows = env.stimulus_coordinates()[:16].reshape(8, 2, 4)

    away = rows[:, 1, 1:] - rows[:, 0, 1:]
    assert np.linalg.norm(away, axis=1) == pytest.approx(60.0)
    assert np.array_equal(away[:, 2], np.zeros(8))
    assert len(np.unique(np.arctan2(away[:, 1], away[:, 0]).round(6))) == 8


def test_places_do_not_depend_on_seed_or_selection(env):
    few = Env("EI1", seed=5).selection({"EXC": [2, 6], "INH": [9]})

    rows = env.stimulus_coordinates()
    assert np.array_equal(few.stimulus_coordinates(), rows[[4, 5, 12, 13, 17]])


def test_cell_stimulus_is_commands_times_reach(env):
    commands = np.array([[-2.0], [0.0]])

    stimulus = env.cell_stimulus(commands, dt=0.5)

    assert (stimulus.input_mode, stimulus.units, stimulus.dt) == ("extracellular", "mV", 0.5)
    reach = env.channel_reach()
    assert reach.shape == (1, 18)
    assert stimulus.array == pytest.approx(commands @ reach)
    assert stimulus.sections.tolist() == ["soma", "dend"] * 8 + ["soma"] * 2


def test_potential_is_gain_times_current(env):
    currents = np.random.default_rng(0).normal(size=(18, 5))  # uA

    potential = env.potential_recording(currents)

    assert potential.shape == (1, 5)
    assert potential == pytest.approx(env.source_gain() @ currents)
    by_distance = env.io.potential_recording(env.recording_distances(), currents)
    assert potential == pytest.approx(by_distance)


def test_rows_of_some_cells_are_found_by_their_gids(env):
    currents = np.random.default_rng(0).normal(size=(18, 5))
    rows = [17, 4, 5, 12, 13]  # gid 9, then 2 and 6, soma before dendrite
    kept = np.zeros((18, 5))
    kept[rows] = currents[rows]

    some = env.potential_recording(currents[rows], gids=[9, 2, 2, 6, 6])

    assert some == pytest.approx(env.potential_recording(kept))


@pytest.mark.parametrize(
    ("rows", "gids", "message"),
    [
        (3, None, r"got shape \(3, 5\); need \(18, n_steps\)"),
        (2, [0, 0, 1], r"gids do not match the compartments: got 3 rows; need 4"),
        (2, [0, 99], r"gids do not match the compartments: got 2 rows; need 2"),
        (3, [0, 0], r"got shape \(3, 5\); need \(2, n_steps\)"),
    ],
)
def test_currents_that_do_not_fit_are_refused(env, rows, gids, message):
    with pytest.raises(InvalidValue, match=message):
        env.potential_recording(np.zeros((rows, 5)), gids=gids)


def test_composed_io_records_through_its_outputs(env):
    near, far = MEA(input_radius=10.0), MEA()
    composed = Env("EI1", io=ComposedIO(near, far))

    assert composed.source_gain() == pytest.approx(Env("EI1", io=far).source_gain())
    assert composed.neuron_gain().shape == (16, 10)


def test_channels_hear_the_spikes_in_their_reach(env):
    ids, times = env.channel_recording([0, 9, 0], [1.0, 2.0, 3.0])

    heard = env.io.distances(env.simulated_coordinates())
    near = heard[heard[:, 2] <= env.io.output_radius][:, 1]
    expected = [(g, t) for g, t in zip([0, 9, 0], [1.0, 2.0, 3.0], strict=True) if g in near]
    assert list(zip(ids[0].tolist(), times[0].tolist(), strict=True)) == expected


def test_what_is_simulated(env):
    few = Env("EI1").selection({"EXC": [1, 5]})

    assert few.active_populations() == ["EXC"]
    assert few.active_gids().tolist() == few.simulated_gids().tolist() == [1, 5]
    assert few.active_neuron_coordinates()[:, 0].tolist() == [1, 5]
    assert few.simulated_coordinates(lambda rows: rows[:, :1]).tolist() == [[1], [5]]
    assert env.recording_sections_per_cell("EXC") == 2
    assert env.recording_sections_per_cell("INH") == 1
    assert env.destination_sections() == {"EXC": ("dend", "soma"), "INH": ("soma",)}


def test_culture_without_electrodes_says_so():
    env = Env(2)

    for call in (
        lambda: env.cell_stimulus(np.zeros((1, 1))),
        lambda: env.potential_recording(np.zeros((4, 1))),
        lambda: env.channel_recording([0], [1.0]),
        lambda: env.init().run(1, Stimulus.biphasic_pulse(1, [0])),
    ):
        with pytest.raises(NotSupported, match="IO has no .* Please specify an IO"):
            call()


def _change_electrode(env):
    env.io.electrode_coordinates[0, 1] += 30.0


def _change_conductor(env):
    env.io.volume_conductor = PointSourceModel(stimulation_gain=1.0)


CHANGES = {
    "io parameter": lambda env: env.set_params({"io-input_radius": 25.0}),
    "io in place": lambda env: env.io.set_params({"volume_conductor-stimulation_gain": 1.0}),
    "attribute of the io": lambda env: setattr(env.io, "input_radius", 25.0),
    "electrode moved in place": _change_electrode,
    "volume conductor": _change_conductor,
    "another io": lambda env: setattr(env, "io", MEA(input_radius=90.0)),
    "cell parameter": lambda env: env.set_params({"cells-dendrite_offset": 20.0}),
    "cell parameter of one cell": lambda env: env.cells[3].set_params({"dendrite_offset": 5.0}),
}


@pytest.mark.parametrize("what", CHANGES)
def test_electrodes_act_as_io_and_cells_are_now(what):
    env = Env("EI1", io=MEA([[0, 20, 20, 0]], input_radius=200.0))
    before = env.cell_stimulus([[1.0]]).array

    CHANGES[what](env)

    commands = np.ones((1, env.io.num_channels))
    stimulus = env.cell_stimulus(commands)
    reach = (commands @ env.io.clone().reach(env.stimulus_coordinates()))[0]
    assert stimulus.array[0] == pytest.approx(reach[reach != 0], rel=1e-12)
    assert not np.array_equal(stimulus.array, before)


def test_places_are_given_away_as_copies(env):
    env.stimulus_coordinates()[:] = 0
    assert env.stimulus_coordinates()[:, 1].any()


def test_io_whose_state_cannot_be_compared_is_asked_every_time():
    class Fading(MEA):
        def __init__(self, *arguments, **named):
            super().__init__(*arguments, **named)
            self.factors = [1.0]

        def reach(self, coordinates, channels=None):
            return self.factors[0] * super().reach(coordinates, channels)

    env = Env("EI1", io=Fading([[0, 20, 20, 0]]))
    before = env.cell_stimulus([[1.0]]).array
    env.io.factors[0] = 2.0
    assert np.array_equal(env.cell_stimulus([[1.0]]).array, 2 * before)
