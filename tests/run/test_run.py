"""Run: the six-tuple, names, builders, windows, ranks."""

import copy
import pickle
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livn.errors import InvalidState, InvalidType, InvalidValue, UnknownName
from livn.run import Events, PaddedEvents, Run, Series

RANGES = {"EXC": (0, 8), "INH": (8, 2)}


def recorded(first=0, n_steps=4000, t_first=0.0) -> Run:
    """A run of 10 cells at dt 0.025 ms whose recordings are functions of gid and absolute step."""
    rng = np.random.default_rng(5)
    spiking = rng.random((40_000, 10)) < 0.002
    step, gid = np.nonzero(spiking[first : first + n_steps])
    k = np.arange(first // 4, (first + n_steps) // 4)
    v = -65.0 + np.sin(np.arange(10)[:, None] + 0.01 * k)
    im = np.cos(np.repeat(np.arange(10), 2)[:, None] * 0.1 * k).astype(np.float32)
    run = Run(t0=t_first + first * 0.025, duration=n_steps * 0.025)
    run = run.add_spikes(gid, step * 0.025).add_voltage(np.arange(10), v)
    return run.add_current(np.repeat(np.arange(10), 2), im).add("g", [0], k[None], dt=0.1)


def test_run_unpacks_and_indexes_as_the_six_tuple():
    run = recorded()
    it, tt, iv, vv, im, mp = run
    assert len(run) == 6
    assert it is run.spike_ids
    assert tt is run[1]
    assert run[-1] is mp
    assert run[2:4] == (iv, vv)
    assert vv.shape == (10, 1000)
    assert im.tolist() == np.repeat(np.arange(10), 2).tolist()
    assert mp.dtype == np.float32
    assert np.all(np.diff(tt) >= 0)


def test_what_was_not_recorded_is_none():
    run = Run(duration=5.0)
    assert tuple(run) == (None,) * 6
    assert run.spikes is None
    assert run.voltage_dt is None
    assert run.voltage_sections is None
    assert run.current_dt is None


def test_properties_name_what_the_channels_hold():
    run = recorded().add_voltage([1, 1], np.zeros((2, 1000)), sections=["soma", "dend"])
    assert run.voltage_sections == ("soma", "dend")
    assert run.voltage_dt == 0.1
    assert run.current_dt == 0.1
    assert run.voltage_ids.tolist() == [1, 1]
    assert run.current_ids.size == 20
    assert run.current.shape == (20, 1000)
    assert run.t1 == 100.0


def test_any_further_channel_is_there_by_name():
    run = recorded()
    assert "g" in run
    assert "h" not in run
    assert isinstance(run["g"], Series)
    with pytest.raises(UnknownName, match=r"unknown channel: got 'voltag' \(did you mean 'voltage"):
        run["voltag"]


def test_run_is_immutable():
    run = recorded()
    with pytest.raises(FrozenInstanceError):
        run.t0 = 5.0
    with pytest.raises(TypeError):
        run.channels["x"] = run["g"]
    assert "spikes" in run
    assert "spikes" not in run.drop_spikes()
    assert "spikes" in run


def test_run_survives_pickle_and_copy():
    run = recorded()
    assert pickle.loads(pickle.dumps(run)) == run
    assert copy.deepcopy(run) == run
    assert replace(run, t0=3.0) != run


def test_run_repr_tells_what_is_in_it():
    run = Run(t0=5, duration=100).add_spikes([1, 1, 2], [0.0, 1.0, 2.0])
    run = run.add_voltage([0], np.zeros((1, 1000)))
    assert repr(run) == (
        "Run(from 5 ms, 100 ms, spikes=Events(3 of 2 cells), voltage=Series(1 x 1000 every 0.1 ms))"
    )


def test_duration_comes_from_the_channels():
    assert Run().add_voltage([0], np.zeros((1, 1000))).duration == 100.0
    assert Run({"spikes": Events([0], [1.0], 8.0)}).duration == 8.0
    run = Run().add("spikes", [0], [1.0], duration=20)
    assert (run.duration, run["spikes"].duration) == (20.0, 20.0)
    assert Run().add_spikes([0], [1.0]).t1 is None


def test_add_tells_events_from_series():
    run = Run(duration=1.0)
    assert isinstance(run.add("x", [0], [0.5])["x"], Events)
    assert isinstance(run.add("x", [0], [[0.5] * 10], dt=0.1)["x"], Series)
    assert isinstance(run.add("x", [0], [[0.5]], padded=True)["x"], PaddedEvents)
    assert run.add("x", [0], [[1] * 10], dt=0.1, t0=0.05)["x"].t0 == 0.05


def test_add_of_nothing_changes_nothing():
    run = recorded()
    assert run.add_spikes(None, None) is run
    assert run.add_voltage(None, None) is run


def test_padded_spikes_unpack_compact():
    run = Run(duration=9.0).add_spikes([4, 7], [[1.0, np.inf], [3.0, 0.5]], padded=True)
    assert run.spike_ids.tolist() == [7, 4, 7]
    assert run.spike_times.tolist() == [0.5, 1.0, 3.0]


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (("x", None, [1.0]), {}, r"channel 'x' lacks ids: got None; need both or neither"),
        (("x", [1]), {}, r"channel 'x' lacks values: got None; need both or neither"),
        (("x", [1], [[1.0]]), {}, r"series 'x' lacks dt: got None; need ms"),
        (("x", [1], [1.0]), {"sections": ["soma"]}, r"events 'x' take no dt, t0 or sections"),
        (("x", [1], [1.0]), {"duration": 5}, r"windows differ: got durations \[100.0, 5.0\] ms"),
        (("x", [1], [[1.0] * 7]), {"dt": 1.0}, r"'x' does not span the run: got 7 samples of 1 ms"),
    ],
)
def test_add_refuses_what_does_not_fit(arguments, options, message):
    with pytest.raises(InvalidValue, match=message):
        Run(duration=100).add(*arguments, **options)


@pytest.mark.parametrize("n_samples", [99, 101])
def test_a_sample_too_few_or_too_many_is_refused(n_samples):
    run = Run(duration=10.0)
    for add in (run.add_voltage, run.add_current):
        with pytest.raises(InvalidValue, match=f"got {n_samples} samples of 0.1 ms; need 100 for"):
            add([0], np.zeros((1, n_samples)))
        assert add([0], np.zeros((1, 100))).duration == 10.0


def test_named_slots_take_their_kind_only():
    with pytest.raises(
        InvalidType, match=r"'voltage' is of the wrong kind: got Events; need Series"
    ):
        Run({"voltage": Events([0], [1.0])})
    with pytest.raises(
        InvalidType, match=r"'x' is of the wrong kind: got dict; need Events or Pad"
    ):
        Run({"x": {}})


def test_drop_of_an_unknown_name_is_refused_and_of_an_absent_slot_is_not():
    run = Run(duration=1.0)
    assert run.drop_spikes().drop_voltage().drop_current() == run
    with pytest.raises(UnknownName, match="unknown channel: got 'x'"):
        run.drop("x")
    assert "g" not in recorded().drop("g")


def test_windows_concatenated_equal_one_longer_run():
    whole = recorded(0, 40_000)
    parts = [recorded(first, 4000) for first in range(0, 40_000, 4000)]
    assert parts[0].concat(*parts[1:]) == whole
    assert parts[0].concat(parts[1]).concat(parts[2]) == recorded(0, 12_000)


@given(cuts=st.lists(st.integers(1, 999), max_size=5, unique=True))
def test_slices_concatenated_equal_the_run(cuts):
    whole = recorded()
    bounds = [0, *sorted(cuts), 1000]
    parts = [whole.slice(a / 10, b / 10) for a, b in zip(bounds, bounds[1:], strict=False)]
    assert parts[0].concat(*parts[1:]) == whole


def test_slice_equals_a_run_over_that_window():
    assert recorded(0, 12_000).slice(100.0, 200.0) == recorded(4000, 4000)
    assert recorded(0, 8000).slice(100.0).t0 == 100.0


def test_slice_refuses_bounds_outside_and_between_samples():
    with pytest.raises(InvalidValue, match=r"got start=50, stop=101 ms; need 0 <= start < stop <="):
        recorded().slice(50, 101)
    with pytest.raises(InvalidValue, match="slice is not a window"):
        recorded().slice(50, 50)
    with pytest.raises(InvalidValue, match=r"voltage window start is not on a sample: got 0.05 ms"):
        recorded().slice(0.05)


def test_concat_refuses_windows_that_do_not_follow():
    with pytest.raises(InvalidValue, match=r"got start 0 ms after an end at 100 ms; need windows"):
        recorded().concat(recorded())
    with pytest.raises(InvalidValue, match=r"recordings differ: got \['current', 'g', 'spikes'\]"):
        recorded().concat(recorded(4000).drop_voltage())
    with pytest.raises(InvalidState, match="runs cannot be concatenated without a duration"):
        Run().concat(Run())


def test_concat_refuses_a_series_with_a_gap():
    first = Run(duration=0.15).add("x", [0], [[1, 2]], dt=0.1)
    later = Run(t0=0.15, duration=0.15)
    whole = first.concat(later.add("x", [0], [[3]], dt=0.1, t0=0.05))
    assert whole["x"].values.tolist() == [[1, 2, 3]]
    assert whole.duration == 0.3
    with pytest.raises(InvalidValue, match=r"'x' does not continue: got first sample at 0 ms of a"):
        first.concat(later.add("x", [0], [[3, 4]], dt=0.1))


def test_concat_refuses_two_kinds_in_one_channel():
    first = Run(duration=1.0).add("x", [0], [0.5])
    later = Run(t0=1.0, duration=1.0).add("x", [0], [[0.5]], dt=1.0)
    with pytest.raises(InvalidType, match=r"'x' is of several kinds: got \['Events', 'Series'\]"):
        first.concat(later)


@given(rank=st.lists(st.integers(0, 3), min_size=10, max_size=10))
def test_merge_of_ranks_equals_the_whole(rank):
    whole = recorded()
    parts = [whole.select([g for g in range(10) if rank[g] == r]) for r in range(4)]
    assert parts[0].merge(*parts[1:]) == whole


def test_merge_keeps_channels_that_only_some_have():
    a, b = recorded().select([1]).drop("g"), recorded().select([2]).drop_spikes()
    merged = a.merge(b)
    assert merged["g"] == b["g"]
    assert merged["spikes"] == a["spikes"]
    assert merged.voltage_ids.tolist() == [1, 2]


def test_merge_refuses_other_windows():
    with pytest.raises(InvalidValue, match=r"windows differ: got starts \[0.0, 100.0\] ms"):
        recorded().merge(recorded(4000))


class Ranks:
    """The part of an mpi4py communicator that gather uses, seen from one rank."""

    def __init__(self, rank, parts):
        self.rank, self.parts = rank, parts

    def gather(self, part, root=0):
        assert part == self.parts[self.rank]
        return self.parts if self.rank == root else None


def test_gather_merges_on_root_only():
    whole = recorded()
    parts = [whole.select(range(5, 10)), whole.select(range(5))]
    assert parts[0].gather(Ranks(0, parts)) == whole
    assert parts[1].gather(Ranks(1, parts)) is None
    assert parts[1].gather(Ranks(1, parts), root=1) == whole
    assert whole.gather() is whole


def test_select_by_population():
    run = recorded().select(population="INH", population_ranges=RANGES)
    assert set(run.spike_ids) == {8, 9}
    assert run.voltage_ids.tolist() == [8, 9]
    assert run == recorded().select(gids=[8, 9])
    both = recorded().select(population=["EXC", "INH"], population_ranges=RANGES)
    assert both == recorded()


def test_select_refuses_what_is_not_clear():
    run = recorded()
    with pytest.raises(UnknownName, match=r"unknown population: got 'INHH' \(did you mean 'INH'"):
        run.select(population="INHH", population_ranges=RANGES)
    with pytest.raises(InvalidValue, match=r"populations \['INH'\] cannot be found"):
        run.select(population="INH")
    with pytest.raises(InvalidValue, match="selection is not clear"):
        run.select()
    with pytest.raises(InvalidValue, match="selection is not clear"):
        run.select([1], "EXC", RANGES)
