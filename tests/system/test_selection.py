"""Selections: which cells a specification means."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livn.system import ParallelSystem, System, resolve_selection, selection_from_ranges

RANGES = {"EXC": (0, 8), "INH": (8, 2)}
GRID = [[x, y, 0.0] for y in (0.0, 10, 20, 30) for x in (0.0, 10, 20, 30)]


def listed(selection):
    return {name: gids.tolist() for name, gids in selection.items()}


def test_none_selects_all():
    assert listed(selection_from_ranges(RANGES)) == {"EXC": list(range(8)), "INH": [8, 9]}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (5, {"EXC": 4, "INH": 1}),
        (np.int64(10), {"EXC": 8, "INH": 2}),
        (1, {"EXC": 1, "INH": 0}),
        (0.5, {"EXC": 4, "INH": 1}),
        (0.01, {"EXC": 1, "INH": 1}),
        ({"EXC": 3}, {"EXC": 3, "INH": 0}),
        ({"EXC": 0.25, "INH": 2}, {"EXC": 2, "INH": 2}),
    ],
)
def test_counts_and_fractions_take_the_first_cells(spec, expected):
    chosen = selection_from_ranges(RANGES, spec)
    assert {name: len(gids) for name, gids in chosen.items()} == expected
    for name, gids in chosen.items():
        start = RANGES[name][0]
        assert gids.tolist() == list(range(start, start + expected[name]))


def test_gids_are_taken_as_given():
    assert listed(selection_from_ranges(RANGES, {"EXC": [5, 1], "INH": np.array([9])})) == {
        "EXC": [1, 5],
        "INH": [9],
    }


def test_random_is_a_function_of_the_seed():
    first = listed(selection_from_ranges(RANGES, 0.5, "random", seed=1))
    assert first == listed(selection_from_ranges(RANGES, 0.5, "random", seed=1))
    assert any(
        first != listed(selection_from_ranges(RANGES, 0.5, "random", seed=s)) for s in range(5)
    )
    assert first["EXC"] == sorted(set(first["EXC"]))


@given(st.integers(1, 10), st.sampled_from(["first", "random"]))
def test_number_of_cells_is_exact(n_cells, method):
    chosen = selection_from_ranges(RANGES, n_cells, method)
    assert sum(map(len, chosen.values())) == n_cells


@pytest.fixture
def grid():
    """16 cells 10 um apart; the box is 100 um wider on every side."""
    return ParallelSystem({"EXC": 12, "INH": 4}, GRID)


def test_patch_takes_the_nearest_to_the_centre(grid):
    assert listed(grid.selection(4, "patch")) == {"EXC": [5, 6, 9, 10], "INH": []}


def test_patch_fraction_is_of_the_area(grid):
    # The box is 230 um wide, so its hundredth is 23 um wide around (15, 15).
    assert listed(grid.selection(0.01, "patch")) == {"EXC": [5, 6, 9, 10], "INH": []}
    assert listed(grid.selection(1.0, "patch")) == listed(grid.selection())


def test_patch_bounds_hold_their_edges(grid):
    chosen = grid.selection(None, "patch", bounds=[[0, 20], [10, 30]])
    assert listed(chosen) == {"EXC": [8, 9], "INH": [12, 13]}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0,), "selection has no cells: got 0"),
        ((11,), "got 11 cells; there are 10"),
        ((-1,), "got -1 cells"),
        ((1.5,), "out of range: got 1.5"),
        ((float("nan"),), "out of range: got nan"),
        ((1000,), "selection of the culture does not fit: got 1000 cells; there are 10"),
        (({"EXC": 9},), "selection of EXC does not fit: got 9 cells; there are 8"),
        (({"EXC": [8]},), "gids of EXC repeat or are not its own"),
        (({"EXC": [1, 1]},), "gids of EXC repeat"),
        (({"EXC": []},), "selection has no cells"),
        ((None, "first", [[0, 0], [1, 1]]), "bounds already say which cells"),
        ((3, "patch", [[0, 0], [1, 1]]), "bounds already say which cells"),
        (({"EXC": 3}, "patch"), "patch takes no populations"),
        ((None, "patch", [[0, 0], [0, 1]]), "bounds are not a box"),
        ((None, "patch", [[5, 5], [6, 6]]), "selection has no cells"),
        ((3, "nearest"), "unknown selection method: got 'nearest'"),
        (({"EXZ": 3},), r"'EXZ' \(did you mean 'EXC'\?\)"),
    ],
)
def test_wrong_specifications_are_refused(arguments, message):
    system = ParallelSystem({"EXC": 8, "INH": 2}, coordinates=20.0)
    with pytest.raises((ValueError, KeyError), match=message):
        system.selection(*arguments)


@pytest.mark.parametrize("spec", [True, {"EXC": True}, {"EXC": [0.5]}, {"EXC": "all"}, b"x"])
def test_other_kinds_are_refused(spec):
    with pytest.raises(TypeError, match="unreadable: got"):
        selection_from_ranges(RANGES, spec)


@pytest.fixture
def stored(directory):
    """The small culture with a stored selection of itself."""
    (directory / "selection").mkdir()

    def write(name, graph):
        document = {"gids": {"EXC": [0, 2], "INH": [4]}, "meta": {"graph": graph}}
        (directory / "selection" / f"{name}.json").write_text(json.dumps(document))

    write("patch", System(directory).uuid)
    write("stranger", "00000000-0000-0000-0000-000000000000")
    return System(directory)


def test_stored_selection_is_found_by_name(stored):
    assert stored.selections() == ["patch", "stranger"]
    assert listed(resolve_selection(stored, "patch")) == {"EXC": [0, 2], "INH": [4]}


def test_stored_selection_of_another_graph_is_refused(stored):
    with pytest.raises(ValueError, match="'stranger' was made for another graph: got 0000"):
        stored.selection("stranger")


def test_stored_selection_takes_no_method_or_bounds(stored):
    for arguments in (("patch", "random"), ("patch", "first", [[0, 0], [1, 1]])):
        with pytest.raises(ValueError, match="takes no method or bounds: got 'patch'"):
            stored.selection(*arguments)


def test_unknown_stored_selection_names_the_nearest(stored):
    with pytest.raises(KeyError, match=r"'pathc' \(did you mean 'patch'\?\)"):
        stored.selection("pathc")
    with pytest.raises(KeyError, match="unknown selection"):
        ParallelSystem().selection("patch")


def test_stored_selection_without_gids_is_refused(stored, directory):
    (directory / "selection" / "empty.json").write_text("{}")
    with pytest.raises(ValueError, match=r"empty\.json has no gids"):
        stored.selection("empty")
