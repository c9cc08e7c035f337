"""Predefined systems: what they contain, and that they are the same wherever they are made."""

import json
import subprocess
import sys

import numpy as np
import pytest

from livn.errors import InvalidValue, UnknownName
from livn.system.catalog import RECIPES, generate, recipe_hash
from livn.system.files import content_hash, read_graph, write_graph
from livn.system.generate import electrode_array, generate_2d

NAMES = ["EI1", "EI2", "EI3", "EI4"]


@pytest.fixture(scope="module")
def directories(tmp_path_factory):
    folder = tmp_path_factory.mktemp("catalog")
    return {name: generate(name, folder / name) for name in NAMES}


def test_catalog_lists_its_recipes():
    assert list(RECIPES) == NAMES
    assert all(RECIPES[name].name == name for name in NAMES)
    assert all(RECIPES[name].description and RECIPES[name].reason for name in NAMES)


@pytest.mark.parametrize(
    ("name", "excitatory", "inhibitory", "electrodes", "side", "degree"),
    [
        ("EI1", 8, 2, 1, 40, 4),
        ("EI2", 80, 20, 16, 400, 20),
        ("EI3", 800, 200, 64, 1000, 50),
        ("EI4", 8000, 2000, 1024, 4000, 100),
    ],
)
def test_system_has_the_published_size(
    directories, name, excitatory, inhibitory, electrodes, side, degree
):
    graph = read_graph(directories[name])
    array = json.loads((directories[name] / "mea.json").read_text())

    n_cells = excitatory + inhibitory
    n_edges = sum(map(len, graph.projections.values()))
    assert graph.population_ranges == {"EXC": (0, excitatory), "INH": (excitatory, inhibitory)}
    assert graph.layer_extents == {"2D": [[0, 0, 0], [side, side, 10]]}
    assert len(array["electrode_coordinates"]) == electrodes
    assert n_edges / n_cells == pytest.approx(degree, abs=4 * np.sqrt(degree / n_cells))
    assert set(graph.projections) == {(a, b) for a in ("EXC", "INH") for b in ("EXC", "INH")}
    assert {config["kernel"]["sigma"] for config in graph.synapses.values()} == {200.0}
    assert all(config["kernel"]["amplitude"] < 1 for config in graph.synapses.values())


@pytest.mark.parametrize("name", NAMES)
def test_system_is_the_one_every_machine_makes(directories, name):
    assert content_hash(directories[name]) == recipe_hash(name)


def test_every_cell_of_the_smallest_system_has_excitatory_input(directories):
    graph = read_graph(directories["EI1"])

    for post in ("EXC", "INH"):
        assert np.diff(graph.projections[post, "EXC"].pointer).min() >= 1


def test_parameters_do_not_change_what_the_system_is(tmp_path):
    recipe = RECIPES["EI1"]
    params = {"Izhikevich": {"default": {"params": {"EXC_EXC-dend-AMPA-weight": 2.0}}}}

    written = write_graph(
        generate_2d(recipe.culture),
        tmp_path / "EI1",
        mea=electrode_array(recipe.culture.area, **recipe.mea),
        params=params,
    )

    assert content_hash(written) == recipe_hash("EI1")


def test_recipe_parameters_lie_in_the_system(directories):
    for name, directory in directories.items():
        file = directory / "params" / "default.json"
        written = json.loads(file.read_text()) if file.exists() else {}
        assert written == RECIPES[name].params


def test_processes_that_generate_one_system_at_once_all_succeed(tmp_path):
    target = tmp_path / "EI2"
    command = [
        sys.executable, "-c",
        "import sys; from livn.system.catalog import generate; generate('EI2', sys.argv[1])",
        str(target),
    ]  # fmt: skip

    processes = [subprocess.Popen(command) for _ in range(3)]

    assert [process.wait() for process in processes] == [0, 0, 0]
    assert content_hash(target) == recipe_hash("EI2")
    assert [path.name for path in tmp_path.iterdir()] == ["EI2"]


def test_generating_again_gives_the_same_bytes(directories, tmp_path):
    again = generate("EI2", tmp_path / "EI2")

    for file in ("cells.h5", "connections.h5", "graph.json", "mea.json", "provenance.json"):
        assert (again / file).read_bytes() == (directories["EI2"] / file).read_bytes()


def test_another_system_in_the_place_is_left_alone(tmp_path):
    generate("EI1", tmp_path / "mine")

    with pytest.raises(InvalidValue, match="directory is taken"):
        generate("EI2", tmp_path / "mine")

    assert content_hash(tmp_path / "mine") == recipe_hash("EI1")


def test_unknown_system_is_refused_with_the_nearest_name(tmp_path):
    with pytest.raises(UnknownName, match="got 'EI5'.*known: EI1, EI2, EI3, EI4"):
        generate("EI5", tmp_path / "EI5")

    assert "EI5" not in RECIPES
