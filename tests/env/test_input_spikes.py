"""Spike trains from arrays and files: when they arrive, and what is refused."""

import h5py
import numpy as np
import pytest

from livn.encoding import H5Inputs
from livn.env import Env
from livn.errors import (
    CorruptFile,
    InvalidState,
    InvalidType,
    InvalidValue,
    NotSupported,
    UnknownName,
)


@pytest.fixture(scope="module")
def kept():
    return Env("EI1", "LIF", backend="native").record_spikes().record("B_AMPA", dt=0.1)


@pytest.fixture
def env(kept):
    return kept.clear()


def arrivals(run):
    """Times at which the first of the events arrive, ms."""
    return np.flatnonzero(np.diff(run["B_AMPA"].values.max(axis=0)) > 0) * 0.1


def write(path, trains, population="EXC", **others):
    """Write the trains of cells, ms, in the layout of NeuroH5."""
    with h5py.File(path, "a") as file:
        for name, given in {"Spike Train": trains, **others}.items():
            own = file.create_group(f"Populations/{population}/Input/{name}")
            own["Cell Index"] = np.array(list(given), np.uint32)
            own["Attribute Pointer"] = np.cumsum([0, *map(len, given.values())]).astype(np.uint64)
            own["Attribute Value"] = np.concatenate([np.empty(0), *given.values()])
    return path


def test_times_count_from_now(env):
    first = env.play_input_spikes({3: [2.0]}).run(10)
    later = env.play_input_spikes({3: [2.0]}).run(10)

    assert arrivals(first)[0] == arrivals(later)[0] > 2.0
    assert env.input_gids.tolist() == list(range(10))


def test_a_time_within_a_step_belongs_to_the_step(env):
    at = [env.clear().play_input_spikes({3: [t]}).run(10, dt=0.1) for t in (2.0, 2.09, 2.1)]

    assert np.array_equal(at[0]["B_AMPA"].values, at[1]["B_AMPA"].values)
    assert np.array_equal(at[0]["B_AMPA"].values[:, :-1], at[2]["B_AMPA"].values[:, 1:])
    single = np.float32(2.1)  # lies 2e-8 ms before the step that is meant
    run = env.clear().play_input_spikes({3: [single]}).run(10, dt=0.1)
    assert np.array_equal(run["B_AMPA"].values, at[2]["B_AMPA"].values)


def test_threads_tell_all_synapses(env):
    trains = {3: [1.0, 4.0], 5: [2.0], 9: [0.5]}
    two = Env("EI1", "LIF", backend="native", threads=2).record_spikes().record("B_AMPA", dt=0.1)

    assert two.play_input_spikes(trains).run(10) == env.play_input_spikes(trains).run(10)


def test_trains_of_a_file_are_shifted(env, tmp_path):
    path = write(tmp_path / "in.h5", {3: [1.0, 4.0]})
    write(path, {0: [2.5]}, "INH")

    env.apply_stimulus_from_h5(path, "Input", onset=1.0, equilibration_duration=2.0)
    found = env.run(15)

    by_hand = env.clear().play_input_spikes({3: [4.0, 7.0], 8: [5.5]}).run(15)
    assert found == by_hand
    assert arrivals(by_hand).size


def test_encoding_plays_a_file(env, tmp_path):
    path = write(tmp_path / "in.h5", {3: [1.0, 4.0]})

    run = env(15, str(path), H5Inputs(namespace="Input", equilibration_duration=0.0))

    assert run == env.clear().play_input_spikes({3: [1.0, 4.0]}).run(15)


def test_trials_follow_each_other(env, tmp_path):
    path = write(
        tmp_path / "in.h5", {3: [1.0, 4.0, 2.0]}, **{"Trial Index": {3: [0, 0, 1]}},
        **{"Trial Duration": {3: [5.0, 5.0]}},
    )  # fmt: skip
    options = {"namespace": "Input", "equilibration_duration": 0.0}

    for n, trains in ((1, [1.0, 4.0]), (2, [1.0, 4.0, 7.0])):
        found = env.clear().apply_stimulus_from_h5(path, n_trials=n, **options).run(15)
        assert found == env.clear().play_input_spikes({3: trains}).run(15)
    with pytest.raises(InvalidValue, match=r"trials of cell 3 are too few: got 2.* need 3"):
        env.apply_stimulus_from_h5(path, n_trials=3, **options)


@pytest.mark.parametrize(
    ("spikes", "error", "message"),
    [
        ({99: [1.0]}, InvalidValue, r"not simulated: got gids \[99\]; simulated: 0 to 9"),
        (
            {3: [2.0, 1.0]},
            InvalidValue,
            "train of gid 3 is not a list of times: .*ascending",
        ),
        ({3: [-1.0]}, InvalidValue, "spike train of gid 3 is not a list of times"),
        ({3: [[1.0]]}, InvalidValue, "spike train of gid 3 is not a list of times"),
        ({3: [np.nan]}, InvalidValue, "spike train of gid 3 has values that are not finite"),
        ({3: ["a"]}, InvalidValue, "spike train of gid 3 is not an array of numbers"),
        ([1.0], InvalidType, r"input spikes are not trains by gid: got \[1.0\]"),
        ({"EXC": [1.0]}, InvalidType, "input spikes are not trains by gid"),
    ],
)
def test_what_cannot_be_played_is_refused(env, spikes, error, message):
    with pytest.raises(error, match=message):
        env.play_input_spikes(spikes)
    with pytest.raises(error, match=message):  # and nothing of it is played
        env.play_input_spikes({3: [1.0], **spikes} if isinstance(spikes, dict) else spikes)
    assert not env.run(5)["B_AMPA"].values.any()


def test_files_without_trains_are_refused(env, tmp_path):
    path = write(tmp_path / "in.h5", {3: [1.0]})
    for name in ("Inputs", "input"):
        with pytest.raises(UnknownName, match=rf"{name}/Spike Train.*Input/Spike Train"):
            env.apply_stimulus_from_h5(path, name)
    with pytest.raises(FileNotFoundError):
        env.apply_stimulus_from_h5(tmp_path / "none.h5", "Input")
    (tmp_path / "text.h5").write_text("no HDF5")
    with pytest.raises(CorruptFile, match="cannot be read as HDF5"):
        env.apply_stimulus_from_h5(tmp_path / "text.h5", "Input")
    with pytest.raises(InvalidValue, match=r"has no trials of EXC: got n_trials=2"):
        env.apply_stimulus_from_h5(path, "Input", n_trials=2)
    with pytest.raises(InvalidValue, match="onset"):
        env.apply_stimulus_from_h5(path, "Input", onset=-1.0)
    write(path, {0: [1.0]}, "CA3")
    with pytest.raises(UnknownName, match="population.*CA3"):
        env.apply_stimulus_from_h5(path, "Input")
    assert not env.run(5)["B_AMPA"].values.any()


def test_batches_and_selections_refuse_trains(env):
    env.run(1)
    batch = env.batch(2)
    env.play_input_spikes({3: [1.0]})
    with pytest.raises(NotSupported, match="batch plays no spike trains: got 1 spikes"):
        env.batch(2)
    with pytest.raises(NotSupported, match="batch plays no spike trains"):
        batch.restore(env.snapshot())
    fresh = Env("EI1", "LIF", backend="native").play_input_spikes({3: [1.0]})
    with pytest.raises(InvalidState, match="Select first"):
        fresh.selection(3)
