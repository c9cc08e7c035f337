"""Events: order, windows, rasters, joining; and their padded form."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livn.errors import InvalidState, InvalidType, InvalidValue
from livn.run import Events, PaddedEvents
from livn.run.checks import moment, on_grid

INF = np.inf


def test_events_are_sorted_by_time_then_gid():
    events = Events(np.array([5, 9, 2, 1]), np.array([3.0, 1.0, 3.0, 0.0]), 10.0)
    assert events.ids.tolist() == [1, 9, 2, 5]
    assert events.times.tolist() == [0.0, 1.0, 3.0, 3.0]


def test_events_without_any_are_allowed():
    events = Events([], [], 10.0)
    assert len(events) == 0
    assert events.ids.dtype == np.int64
    assert events.raster(1.0, n_cells=2).shape == (2, 11)


def test_events_are_read_only_but_the_arrays_passed_in_stay_writable():
    ids = np.array([1, 2])
    events = Events(ids, np.array([0.0, 1.0]))
    with pytest.raises(ValueError, match="read-only"):
        events.times[0] = 5.0
    ids[0] = 7


def test_times_that_round_up_to_the_end_stay_inside():
    events = Events([0], [np.nextafter(100.0, 0.0)], 100.0)
    assert events.times[0] == pytest.approx(100.0 - 1e-9, abs=1e-12)
    assert events.times[0] < 100.0


def test_times_a_rounding_error_before_the_start_become_zero():
    assert Events([0], [-1e-14], 100.0).times.tolist() == [0.0]


@pytest.mark.parametrize("time", [100.0, -0.1, np.nan, np.inf])
def test_events_refuse_times_outside_the_window(time):
    with pytest.raises(
        InvalidValue, match=r"event times are outside the window: got .*0 <= t < 100"
    ):
        Events([0], [time], 100.0)


def test_events_refuse_ids_that_do_not_fit():
    with pytest.raises(InvalidValue, match=r"got \(2,\) times, \(3,\) ids; need one time per id"):
        Events([1, 2, 3], [0.0, 1.0])
    with pytest.raises(InvalidType, match="ids are not integers: got float64; need gids"):
        Events([1.5], [0.0])
    with pytest.raises(InvalidValue, match=r"ids are not a list: got shape \(1, 1\)"):
        Events([[1]], [[0.0]])


def test_raster_marks_the_nearest_sample():
    events = Events([0, 2, 2], [0.0, 0.1 + 0.2, 1.0], 2.0)
    grid = events.raster(0.1)
    assert grid.shape == (3, 21)
    assert list(zip(*np.nonzero(grid), strict=True)) == [(0, 0), (2, 3), (2, 10)]
    assert events.raster(0.1, n_cells=5, steps=4).sum() == 2


def test_raster_refuses_what_it_cannot_draw():
    events = Events([4], [1.0])
    with pytest.raises(InvalidValue, match=r"no row for gid 4: got n_cells=4; need 5\."):
        events.raster(0.1, n_cells=4, steps=5)
    with pytest.raises(InvalidValue, match=r"raster dt is not positive: got 0"):
        events.raster(0)
    with pytest.raises(InvalidState, match="cannot be rastered without a duration"):
        events.raster(0.1)


def test_window_is_half_open_and_counts_from_its_start():
    events = Events([0, 1, 2], [1.0, 2.0, 3.0], 10.0).window(1.0, 3.0)
    assert events.ids.tolist() == [0, 1]
    assert events.times.tolist() == [0.0, 1.0]
    assert events.duration == 2.0


def test_concat_without_a_duration_is_refused():
    with pytest.raises(InvalidState, match="events cannot be concatenated without a duration"):
        Events([0], [1.0]).concat(Events([0], [1.0]))


def test_merge_refuses_a_cell_on_both_sides_and_other_windows():
    with pytest.raises(InvalidValue, match=r"got gids \[3\] twice \(1 in all\); need disjoint"):
        Events([3, 4], [0.0, 1.0]).merge(Events([3], [5.0]))
    with pytest.raises(InvalidValue, match=r"got durations \[5.0, 6.0\] ms; need the same"):
        Events([3], [0.0], 5.0).merge(Events([4], [5.0], 6.0))


steps = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3999)), max_size=30)


@given(spikes=steps, cuts=st.lists(st.integers(1, 3999), max_size=4, unique=True))
def test_windows_concatenated_equal_the_whole_bit_for_bit(spikes, cuts):
    dt = 0.025
    ids, k = np.array(spikes, dtype=int).reshape(-1, 2).T
    whole = Events(ids, k * dt, 4000 * dt)
    bounds = [0, *sorted(cuts), 4000]
    parts = [
        Events(ids[inside], (k[inside] - low) * dt, (high - low) * dt)
        for low, high in zip(bounds, bounds[1:], strict=False)
        for inside in [(k >= low) & (k < high)]
    ]
    assert parts[0].concat(*parts[1:]) == whole
    cut = [whole.window(a * dt, b * dt) for a, b in zip(bounds, bounds[1:], strict=False)]
    assert cut == parts


@given(spikes=steps, n_ranks=st.integers(1, 4))
def test_merge_does_not_depend_on_how_cells_are_dealt_out(spikes, n_ranks):
    ids, k = np.array(spikes, dtype=int).reshape(-1, 2).T
    whole = Events(ids, k * 0.1, 400.0)
    parts = [whole.select([g for g in range(6) if g % n_ranks == r]) for r in range(n_ranks)]
    assert parts[0].merge(*parts[1:]) == whole


def padded() -> PaddedEvents:
    return PaddedEvents([4, 7], np.array([[1.0, INF, 3.0], [2.0, np.nan, INF]]), 10.0)


def test_padded_events_compact_to_events():
    assert padded().compact() == Events([4, 7, 4], [1.0, 2.0, 3.0], 10.0)


def test_padded_events_do_the_same_as_events():
    events = padded().compact()
    assert padded().window(1.5, 3.0).compact() == events.window(1.5, 3.0)
    assert padded().select([7]).compact() == events.select([7])
    assert padded().concat(padded()).compact() == events.concat(events)
    other = PaddedEvents([5], np.array([[0.5]]), 10.0)
    assert padded().merge(other).compact() == events.merge(other.compact())
    assert np.array_equal(padded().raster(1.0), events.raster(1.0))


def test_padded_events_in_a_batch_have_rasters_but_no_flat_form():
    batch = PaddedEvents([0, 1], np.full((3, 2, 1), 1.0), 2.0)
    assert batch.raster(1.0).shape == (3, 2, 3)
    with pytest.raises(InvalidState, match=r"no flat form: got shape \(3, 2, 1\); need"):
        batch.compact()


def test_padded_events_refuse_other_rows():
    with pytest.raises(InvalidValue, match=r"got shape \(3, 1\) for 2 ids; need \(\.\.\., 2, k\)"):
        PaddedEvents([0, 1], np.zeros((3, 1)))
    with pytest.raises(InvalidValue, match=r"padded events have other rows: got gids \[1\]"):
        padded().concat(PaddedEvents([1], np.zeros((1, 1)), 1.0))


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 399))),
    st.sampled_from([0.025, 0.05, 0.1, 1 / 3]),
)
def test_events_on_steps_are_those_at_their_times(events, dt):
    ids, steps = np.array(events, np.int64).reshape(-1, 2).T

    found = Events.of_steps(ids, steps, dt, 400 * dt)

    assert found == Events(ids, steps * dt, 400 * dt)
    assert not found.ids.flags.writeable
    assert not found.times.flags.writeable


@given(st.floats(0, 1e9))
def test_moments_and_grids_are_rounded_as_numpy_rounds(time):
    assert moment(time) == on_grid(time) == np.round(time, 9)
    assert on_grid(np.array([time])).tolist() == np.round([time], 9).tolist()
