"""Planar cultures: cells placed and wired as a Culture2D describes them."""

from typing import Any

import numpy as np

from livn.io import electrode_array_coordinates_for_area
from livn.system.checks import non_negative
from livn.system.culture import DEFAULT_DEGREE, Culture2D
from livn.system.graph import Graph, Projection
from livn.system.kernel import Floats, Indices, Wiring, amplitudes, draw_edges
from livn.system.placement import Area, place_cells

# Gressmann et al. 2025 (bioRxiv 2025.12.16.694706), cultures: e mV, g_unit uS, tau ms.
MECHANISMS: dict[str, dict[str, dict[str, float]]] = {
    "excitatory": {
        "AMPA": {"e": 0.0, "g_unit": 0.0005, "tau_rise": 0.5, "tau_decay": 3.0, "weight": 1.0},
        "NMDA": {"e": 0.0, "g_unit": 0.0005, "tau_rise": 0.5, "tau_decay": 80.0, "weight": 1.0},
    },
    "inhibitory": {
        "GABA_A": {"e": -60.0, "g_unit": 0.001, "tau_rise": 0.3, "tau_decay": 6.0, "weight": 1.0},
    },
}


def generate_2d(culture: Culture2D) -> Graph:
    """Return the cells and connections of a culture.

    Each ordered pair of different cells is connected with probability min(1, A k(d)), d the
    planar distance, k the kernel, and A solved on the actual positions so that the expected mean
    in-degree is the one asked for: sigma changes reach, not degree. Excitatory synapses (AMPA and
    NMDA) sit on the dendrite of excitatory and the soma of inhibitory cells, GABA_A on somata.
    The same description gives the same graph on every machine (see livn.system.kernel).

    Raises:
        InvalidValue: if the mean in-degree or the minimum soma distance cannot be reached; the
            message says what can.
    """
    names = list(culture.populations)
    counts = np.array([culture.cell_counts[name] for name in names])
    xyz = place_cells(
        culture.area, int(counts.sum()), culture.z_range, culture.min_soma_distance, culture.seed
    )
    wiring = _wiring(culture, names, counts, xyz[:, :2].astype(np.float64))
    amplitude = amplitudes(wiring)
    edges = draw_edges(wiring, amplitude, culture.seed)
    projections = _projections(names, counts, wiring, edges)
    synapses = {
        (post, pre): _synapses(
            culture, post, pre, amplitude[wiring.group[names.index(post), names.index(pre)]]
        )
        for post, pre in projections
    }
    (x0, y0), (x1, y1) = culture.area.bounds
    z0, z1 = culture.z_range
    return Graph(
        coordinates=dict(zip(names, np.split(xyz, np.cumsum(counts)[:-1]), strict=True)),
        projections=projections,
        synapses=synapses,
        layer_extents={"2D": [[x0, y0, z0], [x1, y1, z1]]},
        provenance={"generator": "livn.system.generate_2d", "config": culture.to_dict()},
    )


def _wiring(culture: Culture2D, names: list[str], counts: Indices, xy: Floats) -> Wiring:
    """Return who may connect to whom and how often; group 0 never connects."""
    asked = culture.mean_in_degree
    group = np.zeros((len(names), len(names)), np.int64)
    labels, degrees, n_post = [""], [0.0], [1]
    if isinstance(asked, float):
        group[:] = 1
        labels, degrees, n_post = ["", ""], [0.0, asked], [1, int(counts.sum())]
    else:
        for i, post in enumerate(names):
            for j, pre in enumerate(names):
                degree = asked.get(f"{pre}->{post}", asked.get(DEFAULT_DEGREE, 0.0))
                if degree:
                    group[i, j] = len(labels)
                    labels.append(f"{pre}->{post}")
                    degrees.append(degree)
                    n_post.append(int(counts[i]))
    return Wiring(
        xy=xy,
        population=np.repeat(np.arange(len(names)), counts),
        group=group,
        expected=np.array(degrees) * np.array(n_post),
        names=tuple(labels),
        n_post=np.array(n_post),
        kernel=culture.kernel,
    )


def _projections(
    names: list[str], counts: Indices, wiring: Wiring, edges: tuple[Indices, Indices]
) -> dict[tuple[str, str], Projection]:
    """Return the edges, sorted by post and pre, as one Projection per pair of populations."""
    post, pre = edges
    dx, dy = (wiring.xy[post] - wiring.xy[pre]).T
    distances = np.sqrt(dx * dx + dy * dy).astype(np.float32)
    first_edge = np.searchsorted(post, np.arange(counts.sum() + 1))
    syn_ids = np.arange(len(post)) - first_edge[post]
    start = np.cumsum(counts) - counts
    projections = {}
    for i, post_name in enumerate(names):
        block = slice(first_edge[start[i]], first_edge[start[i] + counts[i]])
        of = wiring.population[pre[block]]
        for j, pre_name in enumerate(names):
            mine = np.flatnonzero(of == j) + block.start
            if mine.size:
                n_edges = np.bincount(post[mine] - start[i], minlength=counts[i])
                projections[post_name, pre_name] = Projection(
                    post=post_name,
                    pre=pre_name,
                    pointer=np.concatenate([[0], np.cumsum(n_edges)]).astype(np.int64),
                    sources=(pre[mine] - start[j]).astype(np.uint32),
                    distances=distances[mine],
                    syn_ids=syn_ids[mine].astype(np.uint32),
                )
    return projections


def _synapses(culture: Culture2D, post: str, pre: str, amplitude: float) -> dict[str, Any]:
    """Return the synapse configuration of one projection, as graph.json holds it."""
    kind = culture.populations[pre].type
    on_dendrite = kind == "excitatory" and culture.populations[post].type == "excitatory"
    return {
        "type": kind,
        "contacts": 1,
        "layers": ["2d"],
        "sections": ["dend" if on_dendrite else "soma"],
        "proportions": [1.0],
        "mechanisms": {"default": {name: dict(p) for name, p in MECHANISMS[kind].items()}},
        "kernel": {
            "kernel": culture.kernel.shape,
            "amplitude": float(amplitude),
            "sigma": culture.kernel.sigma,
            "reach": culture.kernel.reach,
            "allow_self_connections": False,
        },
    }


def electrode_array(
    area: Area, pitch: float = 100.0, input_radius: float = 100.0, output_radius: float = 50.0
) -> dict[str, Any]:
    """Return the content of mea.json: a square grid of electrodes on the glass under an area.

    Args:
        area: what the array covers; it is centred on the bounds.
        pitch: distance of neighbouring electrodes, um.
        input_radius: how far from an electrode cells are stimulated, um.
        output_radius: how far from an electrode cells are heard, um.
    """
    rows = electrode_array_coordinates_for_area(pitch, area.bounds, z=0.0)
    return {
        "electrode_coordinates": [[int(i), *map(float, xyz)] for i, *xyz in rows],
        "input_radius": non_negative("input_radius", input_radius),
        "output_radius": non_negative("output_radius", output_radius),
    }
