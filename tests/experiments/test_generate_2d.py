"""The component `generate_2d`: a system directory that is found again and put anywhere."""

import filecmp
import json
from pathlib import Path

import pytest

from livn.errors import InvalidState, InvalidValue, UnknownName
from livn.experiments import get, storage
from livn.system import Culture2D, Kernel, Rectangle, System, content_hash, generate_2d, verify

GENERATE = "experiments.generate_2d"
SMALL = {"total_cells": 30, "connectivity": {"mean_degree": 6.0}}


@pytest.fixture
def root(tmp_path):
    with storage(tmp_path / "storage") as directory:
        yield directory


def test_record_holds_the_culture_asked_for(root):
    made = get(GENERATE, SMALL).launch()
    system = made.system()
    area = Rectangle((0.0, 400.0), (0.0, 400.0))
    wanted = generate_2d(
        Culture2D(area=area, total_cells=30, kernel=Kernel(sigma=200.0), mean_in_degree=6.0)
    )
    assert made.metrics()["connections"] == sum(map(len, wanted.projections.values()))
    assert system.summary()["population_counts"] == {"EXC": 24, "INH": 6}
    assert (system.coordinate_array("EXC")[:, 1:] == wanted.coordinates["EXC"]).all()
    assert verify(made.system_directory).startswith(made.metrics()["content_hash"])
    provenance = json.loads((made.system_directory / "provenance.json").read_text())
    assert provenance["record"] == made.hash


def test_same_configuration_gives_the_same_bytes(root, tmp_path):
    first = get(GENERATE, {**SMALL, "output_directory": str(tmp_path / "a" / "mine")}).launch()
    with storage(tmp_path / "other"):
        second = get(GENERATE, {**SMALL, "output_directory": str(tmp_path / "b" / "mine")}).launch()
    names = sorted(path.name for path in (tmp_path / "a" / "mine").iterdir())
    assert names == ["cells.h5", "connections.h5", "graph.json", "provenance.json"]
    assert first.hash == second.hash
    assert (
        filecmp.cmpfiles(tmp_path / "a/mine", tmp_path / "b/mine", names, shallow=False)[0] == names
    )


def test_finished_record_is_put_into_another_directory(root, tmp_path):
    first = get(GENERATE, SMALL).launch()
    again = get(GENERATE, {**SMALL, "output_directory": str(tmp_path / "mine")}).launch()
    assert len(again.executions) == 1
    assert content_hash(tmp_path / "mine") == content_hash(first.system_directory)
    assert System(tmp_path / "mine").name == "mine"


def test_array_is_put_under_the_culture(root, tmp_path):
    made = get(GENERATE, {**SMALL, "output_directory": str(tmp_path / "mine")}).launch()
    for directory in (tmp_path / "mine", made.system_directory):
        (directory / "params").mkdir()
        (directory / "params" / "default.json").write_text("{}")
    assert made.mea(pitch=200.0) == str(tmp_path / "mine" / "mea.json")
    assert System(tmp_path / "mine").default_io().num_channels == 4
    assert made.system().default_io().num_channels == 4
    assert verify(tmp_path / "mine") == verify(made.system_directory)
    assert (tmp_path / "mine" / "params" / "default.json").exists()
    assert (made.system_directory / "params" / "default.json").exists()
    assert Path(made.plot()).read_bytes()[:4] == b"\x89PNG"


def test_what_a_kill_left_half_written_is_not_the_system(root):
    made = get(GENERATE, SMALL).launch()
    (made.directory / "system" / ".culture.x.partial").mkdir()
    assert made.system().num_neurons == 30


def test_export_goes_where_systems_are_looked_for(root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = get(GENERATE, SMALL).launch()
    exported = made.export()
    assert exported == f"systems/graphs/culture-{made.hash[:8]}"
    assert System(exported).num_neurons == 30
    assert made.export(str(tmp_path / "named")) == str(tmp_path / "named")


def test_directory_of_another_system_is_left_alone(root, tmp_path):
    taken = tmp_path / "mine"
    get(GENERATE, {**SMALL, "output_directory": str(taken)}).launch()
    before = content_hash(taken)
    with pytest.raises(InvalidValue, match="directory is taken"):
        get(GENERATE, {**SMALL, "seed": 5, "output_directory": str(taken)}).launch()
    assert content_hash(taken) == before


def test_nothing_is_done_with_what_is_not_generated(root):
    with pytest.raises(InvalidState, match="generate_2d .* is not finished. Run it: livn systems"):
        get(GENERATE, SMALL).mea()


def test_disks_and_named_degrees(root):
    degrees = {"EXC->EXC": 4.0, "EXC->INH": 3.0, "INH->EXC": 2.0}
    options = {"total_cells": 60, "connectivity": {"mean_degree": degrees}}
    system = get(GENERATE, [options, "~disk"]).launch().system()
    assert set(system.edge_counts) == {("EXC", "EXC"), ("INH", "EXC"), ("EXC", "INH")}
    assert (system.neuron_coordinates[:, 1:3] ** 2).sum(axis=1).max() <= 500.0**2


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"total_cell": 3}, UnknownName, "did you mean 'total_cells'"),
        (
            {"connectivity": {"mean_degre": 3}},
            UnknownName,
            "'connectivity.mean_degree'",
        ),
        ({"populations": {"A": {"typ": "excitatory"}}}, UnknownName, "did you mean 'type'"),
        ({"populations": {"A": {"type": "excitatory"}}}, InvalidValue, "either a count or a ratio"),
        ({"area": {"shape": "square"}}, InvalidValue, "area.shape"),
        ({"connectivity": {"mean_degree": 500.0}}, InvalidValue, "mean in-degree is out of reach"),
    ],
)
def test_wrong_options_are_refused(root, options, error, said):
    with pytest.raises(error, match=said):
        get(GENERATE, options).launch()
