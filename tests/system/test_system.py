"""System: what a culture in a directory answers."""

import json
from dataclasses import replace

import numpy as np
import pytest

from livn import system as public
from livn.errors import CorruptFile, UnknownName
from livn.io import IO, MEA
from livn.models.lif import LIF
from livn.models.model import Model
from livn.system import System, readers, write_graph


@pytest.fixture
def system(directory):
    return System(directory)


def write(directory, name, content):
    path = directory / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))


def test_name_is_the_last_component_without_slash(directory):
    assert System(f"{directory}/").name == "tiny"
    assert System(directory, comm="world").comm == "world"


def test_cells_are_numbered_by_population(system):
    assert system.num_neurons == 5
    assert system.populations == ["EXC", "INH"]
    assert system.population_ranges == {"EXC": (0, 3), "INH": (3, 2)}
    assert system.population_count("INH") == 2
    assert system.gids.tolist() == [0, 1, 2, 3, 4]
    assert system.population_kind("INH") == "inhibitory"


def test_summary_counts_edges(system):
    assert system.summary() == {
        "num_neurons": 5,
        "num_projections": 6,
        "population_counts": {"EXC": 3, "INH": 2},
    }


def test_coordinates_come_by_gid_in_um(system):
    np.testing.assert_array_equal(system.neuron_coordinates[3], [3, 40, 40, 5])
    np.testing.assert_array_equal(system.coordinate_array("INH")[1], [4, 20, 20, 5])
    gid, position = list(system.coordinates("EXC"))[1]
    assert gid == 1
    assert position.tolist() == [40, 0, 5]


def test_coordinates_given_out_cannot_change_the_system(system):
    system.coordinate_array("EXC")[:] = 0
    assert system.coordinate_array("EXC")[1, 1] == 40
    with pytest.raises(ValueError, match="read-only"):
        system.neuron_coordinates[0, 1] = 3.0


def test_transform_coordinates_stacks_populations(system):
    def heights(coordinates, population):
        return coordinates[:, 3:] * (2 if population == "INH" else 1)

    assert system.transform_coordinates(heights).ravel().tolist() == [5, 5, 5, 10, 10]
    assert system.transform_coordinates(heights, ["INH"]).ravel().tolist() == [10, 10]


def test_bounding_box_spans_the_layers(directory):
    document = json.loads((directory / "graph.json").read_text())
    extents = {"a": [[10, 0, 0], [20, 30, 5]], "b": [[15, 10, 5], [40, 20, 9]]}
    document["architecture"]["config"]["layer_extents"] = extents
    write(directory, "graph.json", document)
    system = System(directory)
    assert system.bounding_box.tolist() == [[10, 0, 0], [40, 30, 9]]
    assert system.center_point.tolist() == [25, 15, 4.5]


def test_bounding_box_without_layers_is_refused(directory):
    document = json.loads((directory / "graph.json").read_text())
    document["architecture"]["config"]["layer_extents"] = {}
    write(directory, "graph.json", document)
    with pytest.raises(CorruptFile, match=r"graph\.json has no layer_extents"):
        _ = System(directory).bounding_box


def test_projections_come_by_target(system):
    (first, second) = system.projection_array("EXC", "INH")
    gid, (sources, attributes) = first
    assert gid == 3
    assert sources.dtype == np.uint32
    assert sources.tolist() == [0, 2]
    assert attributes["Synapses"]["syn_id"].tolist() == [0, 1]
    assert attributes["Connections"]["distance"].tolist() == [0.5, 1.5]
    assert second[0] == 4
    # Cells without input are left out, presynaptic gids are absolute.
    assert [(g, s.tolist()) for g, (s, _) in system.projections("INH", "EXC")] == [(0, [3])]


def test_missing_projection_names_the_transposed(graph, tmp_path):
    only = {("INH", "EXC"): graph.projections["INH", "EXC"]}
    system = System(write_graph(replace(graph, projections=only), tmp_path / "only"))
    with pytest.raises(KeyError, match=r"got 'EXC_INH' \(did you mean 'INH_EXC'\?\)"):
        system.projections("INH", "EXC")


def test_edges_are_read_once(system):
    assert system.edges("INH", "EXC") is system.edges("INH", "EXC")
    with pytest.raises(UnknownName, match="known: EXC_EXC, EXC_INH, INH_EXC"):
        system.edges("INH", "INH")


def test_synapses_come_by_gid(system):
    cells = dict(system.synapses("EXC"))
    assert cells[0]["syn_ids"].tolist() == [0, 1]
    assert cells[0]["syn_types"].tolist() == [0, 1]
    assert cells[1]["syn_ids"].tolist() == []
    assert sorted(cells[2]) == sorted(
        ["syn_ids", "syn_locs", "syn_secs", "syn_layers", "syn_types", "swc_types"]
    )
    assert list(dict(system.synapses("INH", [4]))) == [4]


def test_weight_names_start_with_the_postsynaptic_population(system):
    assert system.weight_names == [
        "EXC_EXC-dend-AMPA-weight",
        "EXC_EXC-dend-NMDA-weight",
        "EXC_INH-soma-GABA_A-weight",
        "INH_EXC-soma-AMPA-weight",
        "INH_EXC-soma-NMDA-weight",
    ]
    assert ("EXC", "INH", "soma", "GABA_A", "inhibitory") in system.synapse_projections()


def test_mechanisms_by_section_win_and_those_without_decay_are_inactive():
    config = {
        "type": "excitatory",
        "sections": ["hillock", "soma"],
        "mechanisms": {
            "default": {"AMPA": {"tau_decay": 3}, "NMDA": {}},
            "4": {"X": {"tau_decay": 1}},
        },
    }
    assert sorted(public.receptors(config)) == [("dend", "X"), ("soma", "AMPA")]


def test_connectivity_matrix_has_pre_in_rows(system):
    matrix = system.connectivity_matrix()
    assert matrix.dtype == np.float32
    edges = {(0, 3), (2, 3), (1, 4), (1, 0), (0, 2), (3, 0)}
    assert {(int(i), int(j)) for i, j in np.argwhere(matrix)} == edges
    assert -1 < matrix[3, 0] < 0
    assert all(0 < matrix[i, j] < 1 for i, j in edges - {(3, 0)})
    assert len(np.unique(matrix)) == 7


def test_connectivity_matrix_depends_on_seed_and_edge_only(system):
    whole = system.connectivity_matrix()
    np.testing.assert_array_equal(whole, system.connectivity_matrix(seed=123))
    assert not np.array_equal(whole, system.connectivity_matrix(seed=124))
    subset = [4, 0, 3]
    np.testing.assert_array_equal(
        system.connectivity_matrix(gids=subset), whole[np.ix_(subset, subset)]
    )
    # The number of one edge, so that it stays the same from release to release.
    assert whole[0, 3] == np.float32(0.42763036)


def test_connectivity_matrix_scales_by_projection(system):
    whole, scaled = system.connectivity_matrix(), system.connectivity_matrix({"INH_EXC": 3.0})
    assert scaled[0, 3] == np.float32(3) * whole[0, 3]
    assert scaled[1, 0] == whole[1, 0]


def test_connectivity_matrix_refuses_unknown_weights_and_gids(system):
    with pytest.raises(KeyError, match="unknown weight: got 'EXC_IHN'"):
        system.connectivity_matrix({"EXC_IHN": 1.0})
    for gids in ([0, 0], [5], []):
        with pytest.raises(ValueError, match="gids repeat or are not there"):
            system.connectivity_matrix(gids=gids)


def test_unknown_population_names_the_nearest(system):
    for ask in (system.coordinate_array, system.population_count, system.synapses):
        with pytest.raises(KeyError, match=r"'EXZ' \(did you mean 'EXC'\?\)"):
            ask("EXZ")


def test_default_io_is_the_array_of_the_culture(system, directory):
    io = system.default_io()
    assert isinstance(io, MEA)
    assert io.num_channels == 1
    assert io.input_radius == 100
    (directory / "mea.json").write_text("{")
    with pytest.raises(CorruptFile):
        system.default_io()
    (directory / "mea.json").unlink()
    assert type(system.default_io()) is IO


def test_default_model_is_that_of_model_json(system, directory):
    assert system.default_model().params_key() == "ReducedCalciumSomaDendrite"
    write(directory, "model.json", {"cls": "livn.models.lif.LIF", "kwargs": {}})
    assert isinstance(system.default_model(), LIF)
    write(directory, "model.json", {})
    assert isinstance(system.default_model(), Model)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"cls": "subprocess.Popen", "kwargs": {"args": "false"}}, "need a subclass"),
        ({"cls": "livn.models.lif.LFI"}, "need a subclass"),
        ({"cls": "no_such_package.Cell"}, "No module named 'no_such_package'"),
        ({"cls": "LIF"}, "got 'LIF'"),
        (["LIF"], r"got \['LIF'\]"),
        ({"cls": "livn.models.lif.LIF", "kwargs": {"levle": 3}}, "unexpected keyword"),
    ],
)
def test_model_json_that_names_no_model_is_refused(system, directory, document, message):
    write(directory, "model.json", document)
    with pytest.raises(CorruptFile, match=message):
        system.default_model()


def test_default_params_are_those_of_the_model(system, directory):
    assert system.default_params() is None
    document = {
        "LIF": {"default": {"params": {"noise-level": 2.0}, "meta": {"date": "today"}}},
        "ReducedCalciumSomaDendrite": {"EXC_EXC-dend-AMPA-weight": 0.5},
    }
    write(directory, "params/default.json", document)
    assert system.default_params() == {"EXC_EXC-dend-AMPA-weight": 0.5}
    assert system.default_params(model=LIF()) == {"noise-level": 2.0}
    assert system.params_document() == ("params/default.json", document)
    assert system.params_document("patch") == (None, None)


def test_default_params_of_an_unlisted_model_are_none(system, directory):
    write(directory, "params/default.json", {"GLIF": {"default": {"params": {}}}})
    assert system.default_params(model=LIF()) is None


def test_unusable_parameter_documents_are_refused(system, directory):
    write(directory, "params/default.json", {"LIF": {"tuned": {"params": {"a": 1.0}}}})
    with pytest.raises(KeyError, match="unknown parameter group of LIF: got 'default'"):
        system.default_params(model=LIF())
    write(directory, "params/default.json", {"LIF": {"default": {"params": {"a": "x"}}}})
    with pytest.raises(CorruptFile, match=r"LIF are not numbers: got \['a'\]"):
        system.default_params(model=LIF())
    write(directory, "params/default.json", [])
    with pytest.raises(
        CorruptFile, match=r"default\.json is foreign: got list; need a JSON object"
    ):
        system.default_params()


def test_parameters_of_version_1_become_todays_keys(system, directory):
    flat = {
        "EXC_EXC-hillock-AMPA-weight": 1.0,
        "EXC_INH-hillock-AMPA-weight": 2.0,  # 1.0 ended on the dendrite, this graph on the soma
        "INH_EXC-soma-GABA_A-weight": 3.0,
        "noise-g_e0": 4.0,
    }
    write(directory, "params.json", flat)
    assert system.default_params() == {
        "EXC_EXC-dend-AMPA-weight": 1.0,
        "INH_EXC-soma-AMPA-weight": 2.0,
        "EXC_INH-soma-GABA_A-weight": 3.0,
        "noise-g_e0": 4.0,
    }


def test_load_file_reads_by_suffix(system, directory):
    write(directory, "notes.txt", "dish 7")
    np.save(directory / "trace.npy", np.arange(3))
    assert system.load_file("notes.txt") == "dish 7"
    assert system.load_file(["trace.npy"]).tolist() == [0, 1, 2]
    assert system.load_file("mea.json")["input_radius"] == 100
    assert system.local_directory("params", "a.json") == str(directory / "params" / "a.json")


def test_load_file_default_is_for_missing_files_only(system, directory):
    assert system.load_file("none.json", default=3) == 3
    with pytest.raises(FileNotFoundError):
        system.load_file("none.json")
    write(directory, "bad.json", "{")
    with pytest.raises(CorruptFile, match=r"bad\.json is not JSON"):
        system.load_file("bad.json", default=3)
    write(directory, "bad.npy", "x")
    with pytest.raises(CorruptFile, match=r"bad\.npy cannot be read as an array"):
        system.load_file("bad.npy", default=3)


def test_meta_data_lists_namespaces(system):
    meta = system.cells_meta_data
    assert meta.population_names == ["EXC", "INH"]
    assert meta.cell_count() == 5
    assert meta.population_count("EXC") == 3
    assert meta.has("EXC", "Synapse Attributes")
    assert not meta.has("EXC", "Trees")
    assert "X Coordinate" in meta.cell_attribute_info["INH"]["Generated Coordinates"]
    assert type(meta).model_validate_json(meta.model_dump_json()) == meta


def test_readers_work_on_single_files(directory):
    cells, connections = directory / "cells.h5", directory / "connections.h5"
    assert readers.read_cells_meta_data(cells).cell_count() == 5
    assert [gid for gid, _ in readers.read_coordinates(cells, "INH")] == [3, 4]
    assert list(readers.read_trees(cells, "EXC")) == []
    assert [gid for gid, _ in readers.read_projections(connections, "EXC", "INH")] == [3, 4]
    assert len(readers.projection_array(connections, "INH", "EXC")) == 1
    with pytest.raises(KeyError, match="unknown population: got 'X'"):
        readers.coordinate_array(cells, "X")
    with pytest.raises(KeyError, match="unknown projection"):
        readers.read_projections(connections, "INH", "INH")


def test_trees_are_read(directory, edit):
    def plant(f):
        for name, values in (("X Coordinate", [0.0, 1.0, 2.0]), ("SWC Type", [1, 4, 1])):
            group = f.create_group(f"Populations/INH/Trees/{name}")
            group["Cell Index"] = np.array([0, 1], "<u4")
            group["Attribute Pointer"] = np.array([0, 2, 3], "<u8")
            group["Attribute Value"] = np.array(values)

    edit(directory / "cells.h5", plant)
    trees = dict(readers.read_trees(directory / "cells.h5", "INH"))
    assert trees[3]["SWC Type"].tolist() == [1, 4]
    assert trees[4]["X Coordinate"].tolist() == [2.0]


def test_public_names_are_there():
    for name in public.__all__:
        assert name in vars(public)
