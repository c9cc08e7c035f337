"""Edges of some cells: what a process of several reads, and what it holds."""

import gc
import tracemalloc

import numpy as np
import pytest

from livn.env.plan import plan_network
from livn.errors import CorruptFile
from livn.models import make_model
from livn.system import ParallelSystem, System
from livn.system.files import write_graph
from livn.system.graph import Graph, Projection

MODEL = make_model("Izhikevich")
N_CELLS, N_EDGES = 2000, 300_000  # several chunks of 65536 edges


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A culture of 2000 excitatory cells; the last third of them has no input."""
    rng = np.random.default_rng(5)
    targets = np.sort(rng.integers(0, 2 * N_CELLS // 3, N_EDGES))
    sources = rng.integers(0, N_CELLS, N_EDGES)
    pointer = np.searchsorted(targets, np.arange(N_CELLS + 1))
    edges = Projection(
        "EXC",
        "EXC",
        pointer,
        sources[np.lexsort((sources, targets))].astype(np.uint32),
        rng.random(N_EDGES, np.float32),
        (np.arange(N_EDGES) - pointer[targets]).astype(np.uint32),
    )
    ampa = {"e": 0, "g_unit": 0.0005, "tau_rise": 0.5, "tau_decay": 3.0, "weight": 1.0}
    config = {"type": "excitatory", "sections": ["soma"], "mechanisms": {"default": {"AMPA": ampa}}}
    graph = Graph(
        {"EXC": np.zeros((N_CELLS, 3), np.float32)},
        {("EXC", "EXC"): edges},
        {("EXC", "EXC"): config},
        {"2D": [[0, 0, 0], [1, 1, 1]]},
    )
    return write_graph(graph, tmp_path_factory.mktemp("systems") / "large")


def rows(edges, cells):
    """Edges onto some cells, as rows of all columns in their order."""
    columns = (edges.targets, edges.sources, edges.distances, edges.syn_ids)
    mine = np.isin(edges.targets, cells)
    return [column[mine] for column in columns]


def synapses(projection):
    return np.stack([projection.targets, projection.sources, projection.distances])


@pytest.mark.parametrize(
    "cells", [[0], [1999], [], [3, 1, 700], range(0, 2000, 4), range(500, 900), range(2000)]
)
def test_edges_of_some_cells_are_those_among_all(large, cells):
    system = System(large)
    some = system.edges("EXC", "EXC", cells)
    for found, expected in zip(
        rows(some, range(N_CELLS)), rows(system.edges("EXC", "EXC"), cells), strict=True
    ):
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == expected.dtype


def test_cells_are_named_by_gid(directory):
    edges = System(directory).edges("INH", "EXC", [4])
    assert (edges.targets.tolist(), edges.sources.tolist()) == ([1], [1])
    assert edges.pointer.tolist() == [0, 0, 1]


def test_edges_of_other_blocks_are_left_out(directory, edit):
    def split(f):
        edges = f["Projections/INH/EXC/Edges"]
        for name, values in {
            "Destination Block Index": [1, 0],
            "Destination Block Pointer": [0, 1, 3],
            "Destination Pointer": [0, 1, 3],
        }.items():
            del edges[name]
            edges[name] = np.array(values)
        f["Projections/INH/EXC/Synapses/syn_id"][:] = [0, 0, 1]

    edit(directory / "connections.h5", split)
    system = System(directory)
    assert system.edges("INH", "EXC", [3]).sources.tolist() == [1, 2]
    assert system.edges("INH", "EXC", [4]).sources.tolist() == [0]


def test_edges_of_a_part_are_checked(directory, edit):
    def dangle(f):
        f["Projections/INH/EXC/Synapses/syn_id"][2] = 9

    edit(directory / "connections.h5", dangle)
    assert len(System(directory).edges("INH", "EXC", [3])) == 2
    with pytest.raises(CorruptFile, match="1 edges EXC->INH onto synapses.*got syn_id 9 on cell 1"):
        System(directory).edges("INH", "EXC", [4])


@pytest.mark.parametrize("n_parts", [2, 3, 4])
@pytest.mark.parametrize("selected", [None, [1, 2, 5, 600, 601, 1400]])
def test_parts_of_a_network_make_up_the_whole(large, n_parts, selected):
    selection = selected and {"EXC": np.array(selected)}
    (whole,) = plan_network(System(large), MODEL, selection).projections
    found = []
    for number in range(n_parts):
        network = plan_network(System(large), MODEL, selection, (number, n_parts))
        (part,) = network.projections
        mine = np.isin(whole.targets, network.own["EXC"])
        np.testing.assert_array_equal(synapses(part), synapses(whole)[:, mine])
        found.append(synapses(part))
    together = np.concatenate(found, axis=1)
    order = np.argsort(together[0], kind="stable")
    np.testing.assert_array_equal(together[:, order], synapses(whole))


@pytest.mark.parametrize(
    ("selection", "pairs"),
    [
        (None, ["EXC_EXC", "EXC_INH", "INH_EXC"]),
        ({"EXC": [0, 1], "INH": [3]}, ["EXC_EXC", "EXC_INH", "INH_EXC"]),
        ({"EXC": [1, 2], "INH": [3, 4]}, ["INH_EXC"]),
        ({"EXC": [1], "INH": [3]}, []),
    ],
)
@pytest.mark.parametrize("n_parts", [1, 2, 5])
def test_every_part_has_the_projections_of_the_whole(directory, selection, pairs, n_parts):
    selection = selection and {name: np.array(gids) for name, gids in selection.items()}
    for number in range(n_parts):
        network = plan_network(System(directory), MODEL, selection, (number, n_parts))
        assert [f"{p.post}_{p.pre}" for p in network.projections] == pairs
        for p in network.projections:
            assert set(p.targets) <= set(network.own[p.post])


def test_parts_of_unconnected_cells_have_no_projections():
    for number in range(2):
        network = plan_network(ParallelSystem(5), MODEL, None, (number, 2))
        assert network.projections == ()
        assert network.own["EXC"].tolist() == [[0, 2, 4], [1, 3]][number]


def memory(read):
    """Return the bytes that reading holds at most, and that remain when its answer is dropped."""
    gc.collect()
    tracemalloc.start()
    try:
        read()
        return tracemalloc.get_traced_memory()[::-1]
    finally:
        tracemalloc.stop()


def test_memory_falls_with_the_number_of_parts(large):
    peaks, remains = [], []
    for n_parts in (1, 2, 4):
        system = System(large)
        peak, remaining = memory(lambda n=n_parts, s=system: plan_network(s, MODEL, None, (0, n)))
        peaks.append(peak)
        remains.append(remaining)
    # In proportion to the edges, but for 0.7 MB of a chunk and what does not depend on edges.
    assert peaks[1] < 0.65 * peaks[0]
    assert peaks[2] < 0.4 * peaks[0]
    assert remains[0] > 12 * N_EDGES  # all edges are kept for the next time
    assert max(remains[1:]) < N_EDGES
