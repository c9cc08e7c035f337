"""Cultures: positions, connection probabilities, in-degree, and what is refused."""

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livn.errors import InvalidValue
from livn.system import kernel as kernel_module
from livn.system.culture import Culture2D, Population
from livn.system.generate import electrode_array, generate_2d
from livn.system.kernel import Kernel, exp_minus, near_pairs
from livn.system.placement import Disk, Placement, Rectangle

SQUARE = Rectangle((0, 400), (0, 400))


def culture(**settings):
    return Culture2D(**{"area": SQUARE, "total_cells": 100, "mean_in_degree": 20, **settings})


def positions(graph):
    return np.concatenate([graph.coordinates[name] for name in sorted(graph.coordinates)])


def edges(graph):
    """All edges as (post gid, pre gid, distance)."""
    start = {name: first for name, (first, _) in graph.population_ranges.items()}
    return [
        np.concatenate(columns)
        for columns in zip(
            *(
                (p.targets + start[p.post], p.sources + start[p.pre], p.distances)
                for p in graph.projections.values()
            ),
            strict=True,
        )
    ]


def mean_in_degree(graph):
    return sum(map(len, graph.projections.values())) / len(positions(graph))


def expected_in_degree(graph, kernel):
    """Mean in-degree by the dense formula, from the positions and the amplitudes."""
    xy = positions(graph)[:, :2].astype(float)
    d = np.linalg.norm(xy[:, None] - xy[None], axis=-1)
    names = np.repeat(sorted(graph.coordinates), [n for _, n in graph.population_ranges.values()])
    amplitude = np.array(
        [[graph.synapses[post, pre]["kernel"]["amplitude"] for pre in names] for post in names]
    )
    exponent = d**2 / (2 * kernel.sigma**2) if kernel.shape == "gaussian" else d / kernel.sigma
    p = np.minimum(1, amplitude * np.exp(-exponent)) * (exponent <= 8)
    np.fill_diagonal(p, 0)
    return p.sum() / len(xy)


# connectivity


@settings(max_examples=20, deadline=None)
@given(
    sigma=st.floats(60, 2000),
    shape=st.sampled_from(["gaussian", "exponential"]),
    seed=st.integers(0, 2**70),
)
def test_in_degree_is_the_one_asked_for_whatever_sigma(sigma, shape, seed):
    kernel = Kernel(shape, sigma)

    graph = generate_2d(culture(kernel=kernel, seed=seed))

    assert expected_in_degree(graph, kernel) == pytest.approx(20, rel=1e-6)
    assert mean_in_degree(graph) == pytest.approx(20, abs=5 * math.sqrt(20 / 100))


def test_in_degree_holds_where_probabilities_saturate_at_one():
    kernel = Kernel("gaussian", 100)

    graph = generate_2d(culture(kernel=kernel, mean_in_degree=40))

    assert graph.synapses["EXC", "EXC"]["kernel"]["amplitude"] > 1
    assert expected_in_degree(graph, kernel) == pytest.approx(40, rel=1e-6)


def test_larger_sigma_gives_longer_edges():
    means = [
        edges(generate_2d(culture(kernel=Kernel(sigma=sigma))))[2].mean()
        for sigma in (60, 100, 300)
    ]

    assert means == sorted(means)
    assert means[2] > 1.5 * means[0]


@pytest.mark.parametrize("shape", ["gaussian", "exponential"])
def test_connected_fraction_at_each_distance_follows_the_kernel(shape):
    graph = generate_2d(
        culture(area=Rectangle((0, 1000), (0, 1000)), total_cells=1500, kernel=Kernel(shape, 120))
    )
    amplitude = graph.synapses["EXC", "EXC"]["kernel"]["amplitude"]
    xy = positions(graph)[:, :2].astype(float)
    apart = np.linalg.norm(xy[:, None] - xy[None], axis=-1)[~np.eye(1500, dtype=bool)]
    bins = np.arange(0, 481, 20)

    pairs = np.histogram(apart, bins)[0]
    connected = np.histogram(edges(graph)[2], bins)[0]

    x = apart / 120
    weight = np.exp(-(x**2) / 2 if shape == "gaussian" else -x)
    expected = amplitude * np.histogram(apart, bins, weights=weight)[0]
    assert (np.abs(connected - expected) < 5 * np.sqrt(expected + 1)).all()
    assert connected[0] / pairs[0] > 20 * connected[-1] / pairs[-1]


def test_every_possible_edge_is_made_and_none_onto_oneself():
    graph = generate_2d(culture(area=Rectangle((0, 40), (0, 40)), total_cells=10, mean_in_degree=9))

    post, pre, _ = edges(graph)

    assert set(zip(post.tolist(), pre.tolist(), strict=True)) == {
        (i, j) for i in range(10) for j in range(10) if i != j
    }


def test_projections_are_grouped_sorted_and_numbered_per_postsynaptic_cell():
    graph = generate_2d(culture())
    xy = positions(graph)[:, :2].astype(float)
    post, pre, distances = edges(graph)

    assert np.array_equal(distances, np.float32(np.linalg.norm(xy[post] - xy[pre], axis=1)))
    assert (post != pre).all()
    syn_ids = {}
    for projection in graph.projections.values():
        assert projection.pointer[-1] == len(projection)
        for cell, source, syn_id in zip(
            projection.targets, projection.sources, projection.syn_ids, strict=True
        ):
            syn_ids.setdefault((projection.post, cell), []).append((syn_id, source))
        steps = np.diff(projection.sources.astype(int))
        assert (steps[np.diff(projection.targets) == 0] > 0).all()
    for numbered in syn_ids.values():
        assert sorted(syn_id for syn_id, _ in numbered) == list(range(len(numbered)))


def test_synapses_sit_where_the_types_of_the_populations_say():
    swapped = {
        "EXC": Population("inhibitory", count=30),
        "INH": Population("excitatory", count=30),
    }

    graph = generate_2d(culture(populations=swapped, total_cells=None))

    synapses = graph.synapses
    assert {pair: config["sections"] for pair, config in synapses.items()} == {
        ("INH", "INH"): ["dend"],
        ("EXC", "INH"): ["soma"],
        ("INH", "EXC"): ["soma"],
        ("EXC", "EXC"): ["soma"],
    }
    assert synapses["EXC", "INH"]["type"] == "excitatory"
    assert synapses["EXC", "INH"]["mechanisms"]["default"] == {
        "AMPA": {"e": 0.0, "g_unit": 0.0005, "tau_rise": 0.5, "tau_decay": 3.0, "weight": 1.0},
        "NMDA": {"e": 0.0, "g_unit": 0.0005, "tau_rise": 0.5, "tau_decay": 80.0, "weight": 1.0},
    }
    assert synapses["INH", "EXC"]["type"] == "inhibitory"
    assert synapses["INH", "EXC"]["mechanisms"]["default"] == {
        "GABA_A": {"e": -60.0, "g_unit": 0.001, "tau_rise": 0.3, "tau_decay": 6.0, "weight": 1.0}
    }


def test_in_degree_per_projection_counts_partners_in_that_population():
    asked = {"EXC->EXC": 20, "EXC->INH": 4, "INH->EXC": 40}

    graph = generate_2d(culture(total_cells=500, mean_in_degree=asked))

    means = {f"{pre}->{post}": len(p) / (len(p.pointer) - 1) for (post, pre), p in
             graph.projections.items()}  # fmt: skip
    assert means == {
        "EXC->EXC": pytest.approx(20, abs=1.2),
        "EXC->INH": pytest.approx(4, abs=1.0),
        "INH->EXC": pytest.approx(40, abs=1.6),
    }
    assert set(graph.synapses) == {("EXC", "EXC"), ("INH", "EXC"), ("EXC", "INH")}


def test_default_in_degree_serves_the_projections_not_named():
    graph = generate_2d(culture(mean_in_degree={"default": 5, "INH->INH": 0}))

    assert set(graph.projections) == {("EXC", "EXC"), ("INH", "EXC"), ("EXC", "INH")}


def test_in_degree_zero_gives_cells_without_edges():
    graph = generate_2d(culture(mean_in_degree=0))

    assert graph.projections == {}
    assert len(positions(graph)) == 100


# the same everywhere


def test_the_same_seed_gives_the_same_graph_and_another_seed_another():
    first, again, other = (generate_2d(culture(seed=seed)) for seed in (1, 1, 2))

    assert all(map(np.array_equal, edges(first), edges(again)))
    assert np.array_equal(positions(first), positions(again))
    assert not np.array_equal(positions(first), positions(other))


def test_edges_do_not_depend_on_how_pairs_are_divided_into_blocks(monkeypatch):
    config = culture(kernel=Kernel(sigma=30), mean_in_degree=5)
    whole = generate_2d(config)
    monkeypatch.setattr(kernel_module, "_BLOCK", 100)
    monkeypatch.setattr(kernel_module, "_CELLS_PER_TILE", 1)

    divided = generate_2d(config)

    assert divided.synapses == whole.synapses
    assert all(map(np.array_equal, edges(divided), edges(whole)))


def test_kernel_is_accurate_and_the_same_bits_everywhere():
    x = np.linspace(0, 8, 10_001)

    assert exp_minus(x) == pytest.approx(np.exp(-x), rel=1e-13)
    assert [v.hex() for v in exp_minus(np.array([0.0, 0.1, 1.0, 8.0])).tolist()] == [
        "0x1.0000000000000p+0",
        "0x1.cf46d99d52b35p-1",
        "0x1.78b56362cef46p-2",
        "0x1.5fc21041027d1p-12",
    ]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(-30, 30)), min_size=1, max_size=40),
    st.floats(0.5, 50),
)
def test_near_pairs_are_those_that_comparing_all_gives(points, reach):
    xy = np.array(points, float)

    found = [
        (i, j, d)
        for block in near_pairs(xy, reach)
        for i, j, d in zip(*(part.tolist() for part in block), strict=True)
    ]

    squared = ((xy[:, None] - xy[None]) ** 2).sum(axis=-1)
    assert sorted(found) == [
        (i, j, squared[i, j])
        for i in range(len(xy))
        for j in range(len(xy))
        if i != j and squared[i, j] <= reach * reach
    ]


def test_ten_thousand_cells_need_little_memory():
    config = culture(area=Rectangle((0, 4000), (0, 4000)), total_cells=10_000, mean_in_degree=100)
    tracemalloc.start()

    graph = generate_2d(config)

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert mean_in_degree(graph) == pytest.approx(100, abs=0.5)
    assert peak < 150 * 2**20


# populations and positions


def test_gids_run_through_the_populations_by_name():
    populations = {
        "Z": Population("excitatory", count=3),
        "A": Population("inhibitory", count=2),
    }

    graph = generate_2d(culture(populations=populations, total_cells=None, mean_in_degree=1))

    assert list(graph.coordinates) == ["A", "Z"]
    assert graph.population_ranges == {"A": (0, 2), "Z": (2, 3)}


def test_rectangle_is_filled_evenly():
    area = Rectangle((-100, 300), (1000, 1200))

    xyz = positions(generate_2d(culture(area=area, total_cells=4000, mean_in_degree=1)))

    assert xyz.dtype == np.float32
    assert xyz.min(axis=0) == pytest.approx([-100, 1000, 0], abs=1)
    assert xyz.max(axis=0) == pytest.approx([300, 1200, 10], abs=1)
    assert np.histogram2d(*xyz[:, :2].T, bins=4)[0] == pytest.approx(250, abs=5 * math.sqrt(250))


@pytest.mark.parametrize("inner", [0, 300, 495])
def test_disk_and_ring_are_filled_evenly_per_area(inner):
    area = Disk((1000, -200), 500, inner)

    xyz = positions(generate_2d(culture(area=area, total_cells=4000, mean_in_degree=1)))

    dx, dy = (xyz[:, :2].astype(float) - [1000, -200]).T
    r = np.hypot(dx, dy)
    assert r.min() >= inner - 0.001
    assert r.max() <= 500.001
    half = math.sqrt((inner**2 + 500**2) / 2)
    assert (r < half).sum() == pytest.approx(2000, abs=5 * math.sqrt(1000))
    octants = np.histogram(np.arctan2(dy, dx), 8, (-math.pi, math.pi))[0]
    assert octants == pytest.approx(500, abs=5 * math.sqrt(500))


def test_placement_function_puts_the_cells():
    def two_clusters(n, rng):
        centres = np.array([[100, 100], [900, 100]])[rng.integers(0, 2, n)]
        return centres + rng.uniform(-20, 20, (n, 2))

    config = culture(area=Placement(two_clusters, ((0, 0), (1000, 200))), kernel=Kernel(sigma=50))
    graph = generate_2d(config)

    x = positions(graph)[:, 0]
    assert (np.abs(np.abs(x - 500) - 400) <= 20.001).all()
    assert np.array_equal(positions(graph), positions(generate_2d(config)))
    assert edges(graph)[2].max() < 60
    assert graph.layer_extents == {"2D": [[0, 0, 0], [1000, 200, 10]]}


def test_positions_are_multiples_of_the_stored_grid():
    xyz = positions(generate_2d(culture()))

    assert np.array_equal(xyz * 1024, np.rint(xyz * 1024))


def test_minimum_soma_distance_is_kept():
    config = culture(total_cells=500, min_soma_distance=10)

    xy = positions(generate_2d(config))[:, :2].astype(float)

    apart = np.linalg.norm(xy[:, None] - xy[None], axis=-1) + 1000 * np.eye(500)
    assert apart.min() >= 10


# what surrounds the cells, and what cannot be


def test_electrode_array_lies_on_the_glass_under_the_area():
    array = electrode_array(Rectangle((0, 400), (0, 400)))

    assert len(array["electrode_coordinates"]) == 16
    assert array["electrode_coordinates"][0] == [0, 50.0, 50.0, 0.0]
    assert array["electrode_coordinates"][15] == [15, 350.0, 350.0, 0.0]
    assert (array["input_radius"], array["output_radius"]) == (100.0, 50.0)


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: culture(mean_in_degree=100), InvalidValue, "got 100;"),
        (lambda: culture(mean_in_degree={"EXC->INH": 81}), InvalidValue, "got EXC->INH 81;"),
        (lambda: culture(min_soma_distance=60), InvalidValue, "got 60 um;"),
        (lambda: culture(area=Placement(lambda n, rng: np.zeros((3, 2)), ((0, 0), (1, 1)))),
         InvalidValue, "got (3, 2); need (100, 2)"),
        (lambda: culture(area=Placement(lambda n, rng: np.full((n, 2), 7.0), ((0, 0), (1, 1)))),
         InvalidValue, "got [7.0, 7.0] for cell 0 (100 of 100 cells)"),
    ],
)  # fmt: skip
def test_what_cannot_be_generated_says_what_can(make, error, text):
    with pytest.raises(error) as raised:
        generate_2d(make())

    assert text in str(raised.value)


def test_unreachable_in_degree_names_the_largest_possible():
    with pytest.raises(InvalidValue, match=r"within 800 um of a cell there are on average 99\."):
        generate_2d(culture(mean_in_degree=100))
