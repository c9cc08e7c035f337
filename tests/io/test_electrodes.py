"""Electrode builders and distances."""

import numpy as np
import pytest

from livn.errors import InvalidValue
from livn.io import (
    MEA,
    calculate_distances,
    electrode_array_coordinates,
    electrode_array_coordinates_for_area,
    relative_distance,
)


def test_default_array_is_4_by_4_at_1_mm_with_x_fastest():
    rows = electrode_array_coordinates()

    assert rows.shape == (16, 4)
    assert rows[1].tolist() == [1, 1500, 500, 175]
    assert rows[4].tolist() == [4, 500, 1500, 175]
    np.testing.assert_array_equal(MEA().electrode_coordinates, rows)


@pytest.mark.parametrize(
    ("side", "n_channels"), [(40, 1), (400, 16), (1000, 64), (4000, 1024), (99, 1), (100, 4)]
)
def test_area_takes_the_largest_power_of_two_that_fits(side, n_channels):
    rows = electrode_array_coordinates_for_area(100, ((0, 0), (side, side)))

    assert len(rows) == n_channels
    np.testing.assert_allclose(rows[:, 1:].mean(axis=0), [side / 2, side / 2, 0])


def test_area_axes_are_independent_and_centred():
    rows = electrode_array_coordinates_for_area(50, ((-100, 0), (100, 60)), z=7)

    assert sorted(set(rows[:, 1])) == [-75, -25, 25, 75]
    assert sorted(set(rows[:, 2])) == [5, 55]
    assert set(rows[:, 3]) == {7}


def test_builders_refuse_what_is_no_array():
    with pytest.raises(InvalidValue, match="electrode pitch is not positive: got 0"):
        electrode_array_coordinates(pitch=0)
    with pytest.raises(InvalidValue, match="electrode array is empty: got xs=0, ys=4"):
        electrode_array_coordinates(xs=0)
    with pytest.raises(InvalidValue, match="corners the wrong way: got"):
        electrode_array_coordinates_for_area(10, ((5, 0), (0, 5)))


def test_distances_are_rows_channel_by_channel():
    electrodes = np.array([[3, 0, 0, 0], [8, 30, 40, 0]])
    cells = np.array([[7, 0, 0, 0], [5, 0, 0, 12], [6, 3, 4, 0]], float)
    before = cells.copy()

    rows = calculate_distances(electrodes, cells)

    assert rows[:, 0].tolist() == [3, 3, 3, 8, 8, 8]
    assert rows[:, 1].tolist() == [7, 5, 6] * 2
    np.testing.assert_allclose(rows[:, 2], [0, 12, 5, 50, np.hypot(50, 12), 45])
    np.testing.assert_array_equal(MEA(electrodes).distances(cells), rows)
    np.testing.assert_array_equal(cells, before)


def test_blocks_do_not_change_distances(monkeypatch):
    rng = np.random.default_rng(3)
    electrodes = np.column_stack([np.arange(7), rng.random((7, 3))])
    cells = np.column_stack([np.arange(11), rng.random((11, 3))])
    whole = relative_distance(electrodes, cells)

    monkeypatch.setattr("livn.io.geometry.BLOCK", 23)

    np.testing.assert_array_equal(relative_distance(electrodes, cells), whole)
    np.testing.assert_allclose(
        whole, np.linalg.norm(electrodes[:, None, 1:] - cells[None, :, 1:], axis=2)
    )


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[0, 1, 2]], r"electrode coordinates are not rows \(id, x, y, z\): got shape \(1, 3\)"),
        (np.empty((0, 4)), "electrode coordinates are none"),
        ([[0.5, 0, 0, 0]], r"ids that are not distinct integers from 0: got \[0\.5\]"),
        ([[1, 0, 0, 0], [1, 9, 0, 0]], r"ids that are not distinct integers from 0: got \[1"),
        ([[0, np.nan, 0, 0]], "electrode coordinates has values that are not finite"),
    ],
)
def test_electrodes_that_are_none_are_refused(rows, message):
    with pytest.raises(InvalidValue, match=message):
        MEA(rows)
