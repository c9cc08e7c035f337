"""Layered tissues: who is where, who connects to whom, and what is refused."""

import tracemalloc
import warnings
from pathlib import Path

import h5py
import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from livn.env import make
from livn.errors import InvalidType, InvalidValue, UnknownName
from livn.system import System, Tissue, generate_3d, read_graph, verify, write_graph
from livn.system.kernel import near_pairs

SLAB = Path(__file__).parents[2] / "experiments" / "recipes" / "slab.yaml"


def slab(**changes):
    return {**yaml.safe_load(SLAB.read_text()), **changes}


def projection(**changes):
    return {"in_degree": 5.0, "section": "soma", "layers": {"SP": 1.0}, **changes}


def population(**changes):
    return {"type": "excitatory", "cells": {"SP": 3}, "axon": [500, 500], **changes}


@pytest.fixture(scope="module")
def tissue():
    return Tissue.from_dict(slab())


@pytest.fixture(scope="module")
def graph(tissue):
    return generate_3d(tissue)


@pytest.fixture(scope="module")
def directory(graph, tmp_path_factory):
    return write_graph(graph, tmp_path_factory.mktemp("systems") / "slab")


# who is where


def test_cells_lie_in_their_layers_and_areas(tissue, graph):
    for name, population in tissue.populations.items():
        xyz = graph.coordinates[name]
        for layer, (low, high) in tissue.heights.items():
            inside = (xyz[:, 2] >= low) & (xyz[:, 2] < high)
            assert inside.sum() == population.cells.get(layer, 0)
        assert (xyz[:, 0] >= 0).all() & (xyz[:, 0] <= 600).all()
        assert (xyz[:, 1] >= 0).all() & (xyz[:, 1] <= 300).all()


def test_somata_keep_to_a_part_of_a_layer():
    populations = slab()["populations"]
    populations["PYR"]["z"] = {"SP": [120, 130]}
    z = generate_3d(Tissue.from_dict(slab(populations=populations))).coordinates["PYR"][:, 2]
    assert (z >= 120).all() & (z < 130).all()
    # 240 uniform heights in 10 um: mean 125, 4 sd of the mean
    assert abs(z.mean() - 125) < 4 * 10 / np.sqrt(12 * 240)


# who connects to whom


def expected(tissue, graph, post, pre):
    """Connection probability of every (post, pre) pair, by comparing all with all."""
    a, b = (graph.coordinates[name][:, :2].astype(float) for name in (post, pre))
    sigma = np.array(tissue.populations[pre].axon) / 6
    squared = (((a[:, None] - b[None]) / sigma) ** 2).sum(axis=-1)
    amplitude = graph.synapses[post, pre]["kernel"]["amplitude"]
    p = np.minimum(1, amplitude * np.where(squared <= 16, np.exp(-squared / 2), 0))
    if post == pre:
        np.fill_diagonal(p, 0)
    return p, a, b


def test_expected_in_degree_is_the_one_asked_for(tissue, graph):
    for (post, pre), asked in tissue.pairs.items():
        p, _, _ = expected(tissue, graph, post, pre)
        # the sum of 28-bit masses, and Newton's iteration to 1e-9
        assert p.sum() / len(p) == pytest.approx(asked.in_degree, rel=1e-6)


def test_realised_in_degree_is_within_chance_of_it(tissue, graph):
    for (post, pre), asked in tissue.pairs.items():
        p, _, _ = expected(tissue, graph, post, pre)
        connected = len(graph.projections[post, pre]) / asked.contacts
        assert abs(connected - p.sum()) < 4 * np.sqrt((p * (1 - p)).sum())  # 4 sd of Bernoullis


def test_connections_fall_with_the_distance_along_each_axis():
    populations = slab()["populations"]
    populations["PYR"]["axon"] = [1200, 240]  # sigma 200 and 40 um
    tissue = Tissue.from_dict(slab(populations=populations))
    graph = generate_3d(tissue)
    p, a, b = expected(tissue, graph, "PYR", "PYR")
    edges = graph.projections["PYR", "PYR"]
    for axis in (0, 1):
        gaps = np.abs(a[:, None, axis] - b[None, :, axis])
        mean = (p * gaps).sum() / p.sum()
        sd = np.sqrt((p * gaps**2).sum() / p.sum() - mean**2)
        found = np.abs(a[edges.targets, axis] - b[edges.sources.astype(int), axis])
        assert abs(found.mean() - mean) < 4 * sd / np.sqrt(len(found))
    along = [np.abs(a[edges.targets, k] - b[edges.sources.astype(int), k]).mean() for k in (0, 1)]
    assert along[0] > 2 * along[1]


def test_connected_pairs_have_their_contacts_and_no_cell_itself(tissue, graph):
    edges = graph.projections["PYR", "PVBC"]
    pairs, counts = np.unique(np.stack([edges.targets, edges.sources]), axis=1, return_counts=True)
    assert set(counts) == {3}
    own = graph.projections["PYR", "PYR"]
    assert not (own.targets == own.sources).any()


def test_distances_are_planar(graph):
    edges = graph.projections["PVBC", "PYR"]
    a = graph.coordinates["PVBC"][edges.targets]
    b = graph.coordinates["PYR"][edges.sources.astype(int)]
    assert np.allclose(edges.distances, np.hypot(*(a - b)[:, :2].T), atol=1e-3)


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(-30, 30)), min_size=1, max_size=30),
    st.lists(st.tuples(st.integers(-20, 90), st.integers(-60, 30)), min_size=1, max_size=30),
    st.floats(0.5, 50),
)
def test_pairs_between_two_sets_are_those_that_comparing_all_gives(first, second, reach):
    a, b = np.array(first, float), np.array(second, float)
    found = [
        (i, j)
        for block in near_pairs(a, reach, b)
        for i, j in zip(block[0].tolist(), block[1].tolist(), strict=True)
    ]
    squared = ((a[:, None] - b[None]) ** 2).sum(axis=-1)
    assert sorted(found) == sorted(map(tuple, np.argwhere(squared <= reach * reach).tolist()))


def test_memory_grows_with_edges_not_with_pairs():
    populations = {"A": {"type": "excitatory", "cells": {"L": 20_000}, "axon": [300, 300]}}
    tissue = Tissue.from_dict(
        {
            "area": {"x_range": [0, 5000], "y_range": [0, 5000]},
            "layers": [{"name": "L", "thickness": 50}],
            "populations": populations,
            "projections": {"A->A": projection(in_degree=2.0, layers={"L": 1.0})},
        }
    )
    tracemalloc.start()
    graph = generate_3d(tissue)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert abs(len(graph.projections["A", "A"]) - 40_000) < 4 * np.sqrt(40_000)
    assert peak < 60e6  # one byte for each of the 4e8 pairs were 400 MB


# files


def test_same_description_gives_the_same_bytes(tissue, directory, tmp_path):
    again = write_graph(generate_3d(tissue), tmp_path / "slab")
    for file in directory.iterdir():
        assert (again / file.name).read_bytes() == file.read_bytes()
    other = Tissue.from_dict(slab(seed=5))
    assert (generate_3d(other).coordinates["PYR"] != read_graph(again).coordinates["PYR"]).any()


def test_bytes_are_the_same_on_every_machine(directory):
    assert verify(directory)[:16] == "568e62d8ec36d80b"


def test_description_survives_json(tissue):
    assert Tissue.from_dict(tissue.to_dict()) == tissue


def test_system_reads_what_was_written(tissue, graph, directory):
    system = System(directory)
    assert verify(directory)
    assert system.bounding_box.tolist() == [[0, 0, 0], [600, 300, 350]]
    assert system.edge_counts == {pair: len(p) for pair, p in graph.projections.items()}
    document = system.load_file("graph.json")
    architecture = document["architecture"]["config"]
    assert architecture["cell_distributions"]["PVBC"] == {"SO": 10, "SP": 30}
    assert system.connections_config["layer_definitions"] == {"SO": 0, "SP": 1, "SR": 2}
    assert read_graph(directory).projections.keys() == graph.projections.keys()


def test_synapses_lie_in_their_layers(directory):
    with h5py.File(directory / "cells.h5") as file:
        group = file["Populations/PYR/Synapse Attributes"]
        layers = group["syn_layers/Attribute Value"][:]
        types = group["syn_types/Attribute Value"][:]
        sections = group["syn_secs/Attribute Value"][:]
    dendritic = layers[sections == 1]
    assert set(dendritic) == {0, 2}  # SO and SR
    # shares 0.4 and 0.6 are dealt out evenly: off by a few synapses at most
    assert abs((dendritic == 0).mean() - 0.4) < 5 / len(dendritic)
    assert set(layers[(sections == 0) & (types == 1)]) == {1, 2}  # PVBC in SP, OLM in SR


@pytest.mark.slow
def test_slab_is_simulated_alike_by_native_and_neuron(directory):
    counts = []
    for backend in ("native", "neuron"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # no parameters are tuned for it
            env = make(directory, backend=backend).record_spikes()
        env.set_noise({"g_e0": 0.002, "std_e": 0.001})
        run = env.run(100.0)
        env.close()
        ranges = System(directory).population_ranges.values()
        counts.append([np.isin(run.spike_ids, range(s, s + n)).sum() for s, n in ranges])
    native, neuron = np.array(counts)
    assert (native > 0).all()
    # same noise, but tiny differences grow until spikes differ: by chance, 4 sd of Poisson counts
    assert (abs(native - neuron) < 4 * np.sqrt(native + neuron)).all()


# refusals


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"layer": []}, UnknownName, "did you mean 'layers'"),
        ({"layers": {"SO": 100}}, InvalidType, "layers are not a list"),
        ({"layers": []}, InvalidValue, "tissue is incomplete"),
        ({"layers": [{"name": "SO", "thicknes": 3}]}, UnknownName, "did you mean 'thickness'"),
        ({"layers": [{"name": "SO", "thickness": 0}]}, InvalidValue, "thickness of layer 'SO'"),
        ({"layers": [{"name": "SO", "thickness": 5}]}, UnknownName, "unknown layers: got 'SP'"),
        ({"populations": {"PYR": {"type": "excitatory"}}}, InvalidValue, "axon, cells missing"),
        ({"populations": {"A": population(cells=5)}}, InvalidType, "cells is not a mapping: got 5"),
        ({"populations": {"A": population(cells={})}}, InvalidValue, "has no cells"),
        ({"populations": {"A": population(z=[1, 2])}}, InvalidType, "z is not a mapping"),
        ({"populations": {"A": population(axon=[5, 0])}}, InvalidValue, "along y"),
        ({"projections": {"PYR->PYR": projection(layers=["SP"])}}, InvalidType, "not a mapping"),
        ({"projections": {"PYR-PYR": projection()}}, InvalidValue, "need 'PRE->POST'"),
        ({"projections": {"PYR->PYT": projection()}}, UnknownName, "did you mean 'PYR'"),
        ({"projections": {"PYR->PYR": projection(section="axon")}}, UnknownName, "section"),
        ({"projections": {"PYR->PYR": projection(contacts=0)}}, InvalidValue, "contacts"),
        ({"projections": {"PYR->PYR": projection(layers={"SP": 0.5})}}, InvalidValue, "sum to 1"),
        ({"projections": {"PYR->PYR": projection(layers={"ST": 1})}}, UnknownName, "'ST'"),
    ],
)
def test_wrong_description_is_refused(changes, error, said):
    with pytest.raises(error, match=said):
        Tissue.from_dict(slab(**changes))


def test_depth_outside_of_the_layer_is_refused():
    populations = slab()["populations"]
    populations["PYR"]["z"] = {"SP": [90, 130]}
    with pytest.raises(InvalidValue, match=r"got \(90, 130\) um in SP; need within 100 to 150"):
        Tissue.from_dict(slab(populations=populations))


def test_in_degree_out_of_reach_is_refused_with_what_can_be():
    tissue = Tissue.from_dict(slab(projections={"OLM->PYR": projection(in_degree=30.0)}))
    with pytest.raises(InvalidValue, match=r"got OLM->PYR 30; within 560 x 333.333 um .* 19.57"):
        generate_3d(tissue)
