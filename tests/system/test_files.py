"""Graphs on disk: the layout, what is refused, and what stays the same."""

import json
import shutil
import threading
from dataclasses import replace
from uuid import uuid4

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from livn.errors import CorruptFile, InvalidValue, NotSupported
from livn.system.files import content_hash, read_graph, verify, write_graph
from livn.system.graph import Graph, Projection

# The reference writer of the format: h5py only.
IDS, RANGES = {"EXC": 10, "INH": 11}, {"EXC": (0, 3), "INH": (3, 2)}
EXAMPLE_CONFIG = {
    "type": "excitatory", "contacts": 1, "layers": ["2d"], "sections": ["soma"],
    "proportions": [1.0],
    "mechanisms": {"default": {"AMPA": {
        "e": 0, "g_unit": 0.0005, "tau_rise": 0.5, "tau_decay": 3.0, "weight": 1.0}}},
}  # fmt: skip


def write_types(f, projections, ids=IDS, ranges=RANGES):
    f["H5Types/Population labels"] = h5py.enum_dtype(ids, basetype=np.uint16)
    label = f["H5Types/Population labels"].dtype
    f["H5Types/Population range"] = np.dtype(
        [("Start", "<u8"), ("Count", "<u4"), ("Population", label)]
    )
    rows = [(start, count, ids[p]) for p, (start, count) in ranges.items()]
    f["H5Types"].create_dataset(
        "Populations", data=np.array(rows, f["H5Types/Population range"].dtype)
    )
    f["H5Types/Population projections"] = np.dtype([("Source", label), ("Destination", label)])
    rows = [(ids[pre], ids[post]) for pre, post in projections]
    f["H5Types"].create_dataset(
        "Valid population projections",
        data=np.array(rows, f["H5Types/Population projections"].dtype),
    )


def write_attribute(f, pop, namespace, name, per_cell, dtype):
    g = f.create_group(f"Populations/{pop}/{namespace}/{name}")
    g["Cell Index"] = np.arange(len(per_cell), dtype="<u4")
    g["Attribute Pointer"] = np.cumsum([0, *map(len, per_cell)]).astype("<u8")
    g["Attribute Value"] = np.concatenate([np.asarray(v, dtype) for v in per_cell])


def write_projection(f, post, pre, sources, distances, syn_ids):
    g = f.create_group(f"Projections/{post}/{pre}")
    n = len(sources)
    g["Edges/Destination Block Index"] = np.array([0], "<u4")
    g["Edges/Destination Block Pointer"] = np.array([0, n + 1], "<u8")
    g["Edges/Destination Pointer"] = np.cumsum([0, *map(len, sources)]).astype("<u8")
    g["Edges/Source Index"] = np.concatenate(sources).astype("<u4")
    g["Connections/distance"] = np.concatenate(distances).astype("<f4")
    g["Synapses/syn_id"] = np.concatenate(syn_ids).astype("<u4")


def write_json(directory, synapses):
    element = {"uuid": str(uuid4()), "config": {"layer_extents": {"2D": [[0, 0, 0], [9, 9, 9]]}}}
    connections = {"culture2d": {"uuid": str(uuid4()), "config": {"synapses": synapses}}}
    text = json.dumps({"architecture": element, "connections": connections})
    (directory / "graph.json").write_text(text)


@pytest.fixture
def example(tmp_path):
    """The worked example of the format, written by the reference code."""
    with h5py.File(tmp_path / "cells.h5", "w") as f:
        write_types(f, [("EXC", "INH")])
        for pop, (_, count) in RANGES.items():
            for axis in "XYZ":
                values = [[float(i)] for i in range(count)]
                write_attribute(f, pop, "Generated Coordinates", f"{axis} Coordinate", values, "f4")
        write_attribute(f, "INH", "Synapse Attributes", "syn_ids", [[0, 1], [0]], "u4")
    with h5py.File(tmp_path / "connections.h5", "w") as f:
        write_types(f, [("EXC", "INH")])
        write_projection(f, "INH", "EXC", [[0, 2], [1]], [[1.0, 2.0], [3.0]], [[0, 1], [0]])
    write_json(tmp_path, {"INH": {"EXC": EXAMPLE_CONFIG}})
    return tmp_path


def blocks(directory, firsts, pointer, offsets):
    """Give the projection of the example other destination blocks."""
    with h5py.File(directory / "connections.h5", "r+") as f:
        edges = f["Projections/INH/EXC/Edges"]
        for name, values, dtype in (
            ("Destination Block Index", firsts, "<u4"),
            ("Destination Block Pointer", pointer, "<u8"),
            ("Destination Pointer", offsets, "<u8"),
        ):
            del edges[name]
            edges[name] = np.array(values, dtype)


def same_projection(a, b):
    assert (a.post, a.pre) == (b.post, b.pre)
    for name in ("pointer", "sources", "distances", "syn_ids"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


def test_worked_example_of_the_format_is_read(example):
    graph = read_graph(example)
    assert graph.population_ranges == {"EXC": (0, 3), "INH": (3, 2)}
    edges = graph.projections["INH", "EXC"]
    assert edges.sources.tolist() == [0, 2, 1]
    assert edges.targets.tolist() == [0, 0, 1]
    assert edges.syn_ids.tolist() == [0, 1, 0]
    assert edges.distances.tolist() == [1.0, 2.0, 3.0]
    assert graph.synapses["INH", "EXC"] == EXAMPLE_CONFIG
    np.testing.assert_array_equal(graph.coordinates["INH"], [[0, 0, 0], [1, 1, 1]])


@pytest.mark.parametrize(
    ("firsts", "pointer", "offsets", "targets"),
    [
        ([0, 1], [0, 1, 3], [0, 2, 3], [0, 0, 1]),  # one block per destination
        ([1], [0, 2], [0, 3], [1, 1, 1]),  # only the second cell has input
        ([0], [0, 3], [0, 0, 3], [1, 1, 1]),  # the same with an empty slot
        ([1, 0], [0, 1, 3], [0, 1, 3], [0, 0, 1]),  # blocks of two ranks, out of order
    ],
)
def test_any_number_of_blocks_is_read(example, firsts, pointer, offsets, targets):
    blocks(example, firsts, pointer, offsets)
    with h5py.File(example / "cells.h5", "r+") as f:
        group = f["Populations/INH/Synapse Attributes/syn_ids"]
        del group["Attribute Pointer"], group["Attribute Value"]
        group["Attribute Pointer"] = np.array([0, 3, 6], "<u8")
        group["Attribute Value"] = np.array([0, 1, 2, 0, 1, 2], "<u4")
    with h5py.File(example / "connections.h5", "r+") as f:
        f["Projections/INH/EXC/Synapses/syn_id"][:] = [0, 1, 2]
    edges = read_graph(example).projections["INH", "EXC"]
    assert edges.targets.tolist() == targets


def test_population_names_come_from_the_enum(example):
    # Ids against the alphabet: the rows, not the sorted groups, say who is first.
    ids, ranges = {"EXC": 20, "INH": 10}, {"INH": (0, 2), "EXC": (2, 3)}
    for name in ("cells.h5", "connections.h5"):
        with h5py.File(example / name, "r+") as f:
            del f["H5Types"]
            write_types(f, [("EXC", "INH")], ids, ranges)
    assert len(read_graph(example).coordinates["EXC"]) == 3


def test_one_file_for_both_is_read(example):
    shutil.copy(example / "cells.h5", example / "graph.h5")
    with h5py.File(example / "graph.h5", "r+") as both, h5py.File(example / "connections.h5") as f:
        f.copy("Projections", both)
    (example / "cells.h5").unlink()
    (example / "connections.h5").unlink()
    assert len(read_graph(example).projections["INH", "EXC"]) == 3


def test_written_graph_is_read_back(graph, directory):
    read = read_graph(directory)
    assert read.population_ranges == graph.population_ranges
    assert read.synapses == graph.synapses
    assert read.layer_extents == graph.layer_extents
    assert read.provenance == graph.provenance
    for name, positions in graph.coordinates.items():
        np.testing.assert_array_equal(read.coordinates[name], positions)
    assert set(read.projections) == set(graph.projections)
    for pair, edges in graph.projections.items():
        same_projection(read.projections[pair], edges)


@st.composite
def graphs(draw):
    """Any graph of up to three populations of up to five cells."""
    names = draw(st.lists(st.sampled_from(["A", "EXC", "INH"]), min_size=1, unique=True))
    counts = {name: draw(st.integers(1, 5)) for name in names}
    position = st.floats(-1e4, 1e4, width=32)
    coordinates = {
        name: np.array(
            draw(st.lists(st.tuples(*[position] * 3), min_size=n, max_size=n)), np.float32
        )
        for name, n in counts.items()
    }
    used = {name: np.zeros(n, int) for name, n in counts.items()}
    projections, synapses = {}, {}
    for post in names:
        for pre in names:
            rows = [draw(st.sets(st.integers(0, counts[pre] - 1))) for _ in range(counts[post])]
            if not any(rows):
                continue
            n_edges = np.array([len(row) for row in rows])
            first = np.repeat(used[post], n_edges)
            used[post] += n_edges
            pointer = np.cumsum([0, *n_edges])
            within = np.arange(n_edges.sum()) - np.repeat(pointer[:-1], n_edges)
            projections[post, pre] = Projection(
                post,
                pre,
                pointer,
                np.array([s for row in rows for s in sorted(row)], np.uint32),
                np.arange(n_edges.sum(), dtype=np.float32),
                (first + within).astype(np.uint32),
            )
            synapses[post, pre] = EXAMPLE_CONFIG
    return Graph(coordinates, projections, synapses, {"2D": [[0, 0, 0], [1, 1, 1]]})


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(graph=graphs())
def test_write_then_read_is_identity(graph, tmp_path_factory):
    read = read_graph(write_graph(graph, tmp_path_factory.mktemp("any") / "culture"))
    assert set(read.projections) == set(graph.projections)
    assert read.synapses == graph.synapses
    for name, positions in graph.coordinates.items():
        np.testing.assert_array_equal(read.coordinates[name], positions)
    for pair, edges in graph.projections.items():
        same_projection(read.projections[pair], edges)


def test_layout_is_what_published_readers_need(directory):
    with h5py.File(directory / "connections.h5") as f:
        edges = f["Projections/EXC/INH/Edges"]
        assert edges["Destination Block Index"][:].tolist() == [0]
        assert edges["Destination Block Pointer"][:].tolist() == [0, 4]
        assert edges["Destination Pointer"][:].tolist() == [0, 1, 1, 1]
        assert edges["Source Index"].dtype == np.dtype("<u4")
    with h5py.File(directory / "cells.h5") as f:
        rows = f["H5Types/Populations"]
        assert h5py.check_enum_dtype(rows.dtype["Population"]) == {"EXC": 10, "INH": 11}
        assert [(int(r["Start"]), int(r["Count"])) for r in rows] == [(0, 3), (3, 2)]
        synapses = f["Populations/EXC/Synapse Attributes"]
        values = {name: group["Attribute Value"][:].tolist() for name, group in synapses.items()}
        # Cell 0 has EXC 1 on the dendrite and INH 0 on the soma, cell 2 has EXC 0.
        assert values["syn_ids"] == [0, 1, 0]
        assert values["syn_types"] == [0, 1, 0]
        assert values["swc_types"] == [4, 1, 4]
        assert values["syn_secs"] == [1, 0, 1]
        assert values["syn_locs"] == [0.5, 0.5, 0.5]
        pairs = f["H5Types/Valid population projections"][:]
        assert {(int(p["Source"]), int(p["Destination"])) for p in pairs} == {
            (10, 11), (11, 10), (10, 10),
        }  # fmt: skip


def test_graph_json_keeps_its_version_where_published_readers_ignore_it(directory):
    document = json.loads((directory / "graph.json").read_text())
    assert all(isinstance(value, dict) for value in document.values())
    assert document["architecture"]["config"]["format"] == 1


def test_same_graph_gives_the_same_bytes(graph, directory, tmp_path):
    again = write_graph(graph, tmp_path / "again")
    for name in ("graph.json", "cells.h5", "connections.h5"):
        if name != "graph.json":  # its identity includes the electrodes
            assert (again / name).read_bytes() == (directory / name).read_bytes()
    assert content_hash(again) != content_hash(directory)
    (again / "mea.json").write_bytes((directory / "mea.json").read_bytes())
    assert content_hash(again) == content_hash(directory)


def test_content_hash_is_that_of_the_content(directory):
    # A change of this number means that every dataset names another system: bump the format.
    expected = "0621903c740377f3d770af45317d82ad20edac295fb2193af9f825419b4a1cea"
    assert content_hash(directory) == expected
    assert json.loads((directory / "provenance.json").read_text())["content_hash"] == expected


def test_content_hash_ignores_hdf5_bytes_provenance_and_parameters(directory):
    before = content_hash(directory)
    with h5py.File(directory / "cells.h5", "r+") as f:
        values = f["Populations/EXC/Generated Coordinates/X Coordinate/Attribute Value"][:]
        del f["Populations/EXC/Generated Coordinates/X Coordinate/Attribute Value"]
        f["Populations/EXC/Generated Coordinates/X Coordinate/Attribute Value"] = values
    (directory / "provenance.json").unlink()
    (directory / "params").mkdir()
    (directory / "params" / "default.json").write_text("{}")
    assert content_hash(directory) == before


def test_content_hash_sees_a_moved_cell(directory, edit):
    before = content_hash(directory)

    def move(f):
        f["Populations/EXC/Generated Coordinates/X Coordinate/Attribute Value"][0] = 1.0

    edit(directory / "cells.h5", move)
    assert content_hash(directory) != before


def test_truncated_file_is_named(directory):
    path = directory / "connections.h5"
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(CorruptFile, match=r"connections\.h5 cannot be read as HDF5.*truncated"):
        read_graph(directory)


def test_file_that_is_no_hdf5_is_named(directory):
    (directory / "cells.h5").write_text("version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(CorruptFile, match=r"cells\.h5 cannot be read as HDF5"):
        read_graph(directory)


def test_foreign_hdf5_file_is_named(directory):
    with h5py.File(directory / "cells.h5", "w") as f:
        f["spikes"] = np.arange(3)
    with pytest.raises(CorruptFile, match=r"cells\.h5 has no dataset '/H5Types/Populations'"):
        read_graph(directory)


def test_graph_json_that_is_no_json_is_named(directory):
    (directory / "graph.json").write_text('{"architecture": ')
    with pytest.raises(CorruptFile, match=r"graph\.json is not JSON"):
        read_graph(directory)


@pytest.mark.parametrize("content", ["[]", "{}", '{"architecture": {"config": 3}}'])
def test_foreign_graph_json_is_named(directory, content):
    (directory / "graph.json").write_text(content)
    with pytest.raises(CorruptFile, match=r"graph\.json is foreign"):
        read_graph(directory)


def test_missing_file_is_named(directory):
    (directory / "connections.h5").unlink()
    with pytest.raises(CorruptFile, match=r"not a complete system: connections\.h5 missing"):
        read_graph(directory)


def test_missing_directory_is_named(tmp_path):
    with pytest.raises(CorruptFile, match="directory is missing: got '.*nowhere'"):
        read_graph(tmp_path / "nowhere")


def rewrite_json(directory, change):
    document = json.loads((directory / "graph.json").read_text())
    change(document)
    (directory / "graph.json").write_text(json.dumps(document))


def test_projection_that_graph_json_does_not_list_is_refused(directory):
    def drop(document):
        del document["connections"]["culture2d"]["config"]["synapses"]["INH"]

    rewrite_json(directory, drop)
    with pytest.raises(CorruptFile, match="different projections: got INH_EXC"):
        read_graph(directory)


def test_projection_that_the_file_lacks_is_refused(directory, edit):
    edit(directory / "connections.h5", lambda f: f.__delitem__("Projections/EXC/INH"))
    with pytest.raises(CorruptFile, match="different projections: got EXC_INH"):
        read_graph(directory)


@pytest.mark.parametrize("where", ["top", "architecture"])
def test_newer_format_is_refused(directory, where):
    def renew(document):
        if where == "top":
            document["version"] = 2
        else:
            document["architecture"]["config"]["format"] = 2

    rewrite_json(directory, renew)
    with pytest.raises(CorruptFile, match=r"newer format: got version 2.*Update livn"):
        read_graph(directory)


def test_edge_onto_a_missing_synapse_is_refused(directory, edit):
    def dangle(f):
        f["Projections/INH/EXC/Synapses/syn_id"][2] = 9

    edit(directory / "connections.h5", dangle)
    with pytest.raises(CorruptFile, match="1 edges EXC->INH onto synapses.*got syn_id 9 on cell 1"):
        read_graph(directory)


@pytest.mark.parametrize(
    ("dataset", "index", "value", "message"),
    [
        ("Edges/Source Index", 0, 3, "a source that is not there: got 3"),
        ("Edges/Destination Block Index", 0, 1, "onto cells that are not there"),
        ("Edges/Destination Block Pointer", 1, 7, "pointers that do not fit"),
        ("Edges/Destination Pointer", 2, 4, "pointers that do not fit"),
        ("Connections/distance", 1, np.nan, "distances that are negative or not a number"),
    ],
)
def test_inconsistent_projection_is_refused(directory, edit, dataset, index, value, message):
    def spoil(f):
        f[f"Projections/INH/EXC/{dataset}"][index] = value

    edit(directory / "connections.h5", spoil)
    with pytest.raises(CorruptFile, match=message):
        read_graph(directory)


def test_cell_without_position_is_refused(directory, edit):
    def lose(f):
        f["Populations/EXC/Generated Coordinates/X Coordinate/Cell Index"][2] = 7

    edit(directory / "cells.h5", lose)
    with pytest.raises(CorruptFile, match="does not give every cell of 'EXC' one position"):
        read_graph(directory)


def test_populations_that_differ_between_the_files_are_refused(directory, edit):
    def shrink(f):
        rows = f["H5Types/Populations"]
        first = rows[0]
        first["Count"] = 2
        rows[0] = first

    edit(directory / "connections.h5", shrink)
    with pytest.raises(CorruptFile, match="gids overlap or leave a gap|other populations"):
        read_graph(directory)


def test_writing_the_same_system_again_is_no_change(graph, directory):
    mea = json.loads((directory / "mea.json").read_text())
    assert write_graph(graph, directory, mea=mea) == directory


def test_writing_another_system_over_it_needs_consent(graph, directory):
    with pytest.raises(InvalidValue, match=r"directory is taken: got '.*tiny'"):
        write_graph(graph, directory, mea={"electrode_coordinates": [[0, 1.0, 1.0, 1.0]]})
    write_graph(graph, directory, overwrite=True)
    assert not (directory / "mea.json").exists()
    assert [p.name for p in directory.parent.iterdir()] == ["tiny"]


def test_threads_writing_the_same_system_leave_one(graph, tmp_path):
    writers = [
        threading.Thread(target=write_graph, args=(graph, tmp_path / "shared")) for _ in range(4)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [p.name for p in tmp_path.iterdir()] == ["shared"]
    assert len(read_graph(tmp_path / "shared").projections) == 3


def test_failed_write_leaves_nothing(graph, tmp_path):
    with pytest.raises(ValueError, match="Out of range float"):
        write_graph(graph, tmp_path / "culture", params={"LIF": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_unusable_graphs_are_refused(graph, tmp_path):
    for change, message in (
        ({"synapses": {}}, "has no synapse configuration"),
        ({"coordinates": {"E_X": np.zeros((1, 3), "f4")}, "projections": {}}, "got .*'E_X'"),
        ({"coordinates": {**graph.coordinates, "INH": np.zeros((2, 2))}}, r"got shape \(2, 2\)"),
        ({"coordinates": {**graph.coordinates, "INH": np.zeros((3, 3))}}, "does not fit"),
    ):
        with pytest.raises(InvalidValue, match=message):
            write_graph(replace(graph, **change), tmp_path / "culture")
    edges = graph.projections["INH", "EXC"]
    for change, message in (
        ({"sources": edges.sources[[1, 0, 2]]}, "sources that do not ascend"),
        ({"syn_ids": np.zeros(3, np.uint32)}, "two edges with the same syn_id"),
        ({"post": "EXC"}, "empty or misplaced"),
    ):
        projections = {**graph.projections, ("INH", "EXC"): replace(edges, **change)}
        with pytest.raises(InvalidValue, match=message):
            write_graph(replace(graph, projections=projections), tmp_path / "culture")


def test_synapses_on_several_sections_cannot_be_written(graph, tmp_path):
    both = {**graph.synapses["EXC", "EXC"], "sections": ["soma", "dend"]}
    synapses = {**graph.synapses, ("EXC", "EXC"): both}
    with pytest.raises(NotSupported, match=r"EXC_EXC cannot be written: got sections \['soma'"):
        write_graph(replace(graph, synapses=synapses), tmp_path / "culture")


def test_verify_gives_the_hash_of_what_was_written_and_refuses_what_was_changed(directory, edit):
    assert verify(directory) == content_hash(directory)

    def move(file):
        file["Populations/EXC/Generated Coordinates/X Coordinate/Attribute Value"][0] = 1.0

    edit(directory / "cells.h5", move)
    with pytest.raises(CorruptFile, match=r"provenance.json belongs to other content: got \w+;"):
        verify(directory)
    (directory / "provenance.json").unlink()
    with pytest.raises(CorruptFile, match="provenance.json has no content_hash to compare with"):
        verify(directory)
