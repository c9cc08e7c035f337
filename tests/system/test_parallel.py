"""ParallelSystem: cells that are connected to nothing."""

import numpy as np
import pytest

from livn.io import IO
from livn.system import ParallelSystem, resolve


def test_number_means_excitatory_cells():
    system = ParallelSystem(3)
    assert system.population_ranges == {"EXC": (0, 3)}
    assert system.num_neurons == 3
    assert system.name == "ParallelSystem"
    assert system.population_kind("EXC") == "excitatory"


def test_populations_are_numbered_by_name():
    system = ParallelSystem({"INH": 2, "EXC": 3}, name="pair", comm="world")
    assert system.population_ranges == {"EXC": (0, 3), "INH": (3, 2)}
    assert system.population_kind("INH") == "inhibitory"
    assert (system.name, system.uri, system.comm) == ("pair", "pair", "world")


def test_nothing_is_connected():
    system = ParallelSystem({"EXC": 2, "INH": 1})
    assert system.summary()["num_projections"] == 0
    assert system.weight_names == []
    assert system.synapse_projections() == []
    np.testing.assert_array_equal(system.connectivity_matrix(), np.zeros((3, 3)))
    with pytest.raises(KeyError, match="unknown projection"):
        system.edges("EXC", "INH")


def test_coordinates_may_be_a_spacing():
    system = ParallelSystem(3, coordinates=20.0)
    assert system.neuron_coordinates.tolist() == [[0, 0, 0, 0], [1, 20, 0, 0], [2, 40, 0, 0]]
    assert system.bounding_box.tolist() == [[-100, -100, -100], [140, 100, 100]]
    assert system.center_point.tolist() == [20, 0, 0]


def test_coordinates_may_be_arrays_or_a_function():
    xyz = [[1.0, 2, 3], [4, 5, 6]]
    expected = [[0, 1, 2, 3], [1, 4, 5, 6]]
    shuffled = [[1, 4, 5, 6], [0, 1, 2, 3]]
    for coordinates in (xyz, shuffled, lambda n: np.array(xyz[:n])):
        assert ParallelSystem(2, coordinates).neuron_coordinates.tolist() == expected


def test_array_passed_in_is_copied():
    xyz = np.zeros((2, 3))
    system = ParallelSystem(2, xyz)
    xyz[:] = 9
    assert not system.coordinate_array("EXC")[:, 1:].any()


@pytest.mark.parametrize(
    ("coordinates", "message"),
    [
        (np.zeros((3, 3)), r"got shape \(3, 3\)"),
        (np.zeros((2, 2)), r"got shape \(2, 2\)"),
        ([[0, 0, np.nan], [0, 0, 0]], "need finite"),
        ([[0, 0, 0, 0], [0, 1, 1, 1]], "gids of the coordinates"),
        ([[0, 0, 0, 0], [1.5, 1, 1, 1]], "gids of the coordinates"),
        (np.inf, "spacing of the cells is not finite"),
    ],
)
def test_coordinates_that_do_not_fit_are_refused(coordinates, message):
    with pytest.raises(ValueError, match=message):
        ParallelSystem(2, coordinates)


def test_counts_are_checked():
    for counts in (True, 2.0, {"EXC": "3"}):
        with pytest.raises(TypeError, match="number of EXC cells is not an integer"):
            ParallelSystem(counts)
    for counts in (0, {"EXC": 0}, {}):
        with pytest.raises(ValueError, match="need (1 or more|at least 1)"):
            ParallelSystem(counts)
    with pytest.raises(ValueError, match=r"cannot be used in weight keys: got \['E_X'\]"):
        ParallelSystem({"E_X": 1})


def test_files_and_parameters_are_absent():
    system = ParallelSystem()
    assert system.load_file("mea.json", default=7) == 7
    with pytest.raises(FileNotFoundError, match="has no files"):
        system.load_file("mea.json")
    assert system.default_params() is None
    assert system.params_document() == (None, None)
    assert type(system.default_io()) is IO
    assert system.default_model().params_key() == "ReducedCalciumSomaDendrite"
    assert system.selections() == []


def test_resolve_takes_counts_paths_and_systems(directory):
    assert resolve(4).num_neurons == 4
    assert resolve({"INH": 2}, comm="world").comm == "world"
    assert resolve(directory).name == "tiny"
    assert resolve(str(directory)).name == "tiny"
    system = ParallelSystem()
    assert resolve(system) is system


@pytest.mark.parametrize("spec", [True, 2.5, None, object()])
def test_resolve_refuses_other_kinds(spec):
    with pytest.raises(TypeError, match="system is unreadable: got"):
        resolve(spec)
