"""Series: rows, windows, joining."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livn.errors import InvalidType, InvalidValue
from livn.run import Series


def ramp(ids, n_samples=10, dt=0.1, **kw) -> Series:
    values = np.arange(len(ids) * n_samples, dtype=np.float32).reshape(len(ids), n_samples)
    return Series(ids, values, dt, **kw)


def test_series_times_and_duration():
    series = ramp([3, 4], t0=0.05)
    assert series.times[:3].tolist() == [0.05, 0.15, 0.25]
    assert series.duration == 1.0
    assert series.values.dtype == np.float32


def test_series_refuses_what_does_not_fit():
    with pytest.raises(InvalidValue, match=r"got shape \(2, 5\) for 3 ids; need \(3, T\)"):
        Series([1, 2, 3], np.zeros((2, 5)), 0.1)
    with pytest.raises(InvalidValue, match=r"sections do not match the rows: got 1; need 2"):
        Series([1, 2], np.zeros((2, 5)), 0.1, sections=("soma",))
    with pytest.raises(InvalidValue, match=r"grid is not valid: got dt=0.1, t0=0.1; need"):
        Series([1], np.zeros((1, 5)), 0.1, t0=0.1)
    with pytest.raises(InvalidType, match="ids are not integers: got <U1; need gids"):
        Series(["a"], np.zeros((1, 5)), 0.1)


def test_window_keeps_samples_from_start_up_to_stop():
    values = np.arange(1000.0)[None]
    window = Series([0], values, 0.1).window(10.1, 20.3)
    assert window.values[0, [0, -1]].tolist() == [101.0, 202.0]


def test_window_with_a_bound_between_samples_is_refused():
    with pytest.raises(InvalidValue) as error:
        ramp([0]).window(0.0, 0.25)
    assert str(error.value) == (
        "series window stop is not on a sample: got 0.25 ms; need a multiple of dt=0.1 ms, "
        "nearest 0.2 ms."
    )


def test_select_keeps_all_rows_of_a_cell():
    series = ramp([1, 1, 2], sections=("soma", "dend", "soma")).select([1])
    assert series.ids.tolist() == [1, 1]
    assert series.sections == ("soma", "dend")


def test_merge_puts_rows_in_order_of_gid():
    a, b = ramp([1, 4], sections=("soma",) * 2), ramp([2, 2], sections=("soma", "dend"))
    merged = a.merge(b)
    assert merged.ids.tolist() == [1, 2, 2, 4]
    assert merged.sections == ("soma", "soma", "dend", "soma")
    assert np.array_equal(merged.values[1], b.values[0])


@given(cut=st.lists(st.integers(0, 10), max_size=4))
def test_windows_concatenated_equal_the_whole(cut):
    whole = ramp([0, 1, 2])
    bounds = [0, *sorted(cut), 10]
    parts = [whole.window(a * 0.1, b * 0.1) for a, b in zip(bounds, bounds[1:], strict=False)]
    assert parts[0].concat(*parts[1:]) == whole


def test_concat_and_merge_refuse_what_differs():
    with pytest.raises(InvalidValue, match=r"series steps differ: got dt=0.2 ms; need 0.1 ms"):
        ramp([0]).concat(ramp([0], dt=0.2))
    with pytest.raises(InvalidValue, match=r"series rows differ: got gids \[1\] after \[0\]"):
        ramp([0]).concat(ramp([1]))
    with pytest.raises(InvalidValue, match=r"grids differ: got dt=0.1, t0=0 ms, 9 samples; need"):
        ramp([0]).merge(ramp([1], n_samples=9))
    with pytest.raises(InvalidValue, match=r"cells occur on both sides: got gids \[0\] twice"):
        ramp([0]).merge(ramp([0]))
    with pytest.raises(
        InvalidValue, match="series sections differ: got some with and some without"
    ):
        ramp([0]).merge(ramp([1], sections=("soma",)))
