"""Layered tissues: cells placed and wired as a Tissue describes them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from livn.system.generate import MECHANISMS
from livn.system.graph import Graph, Projection
from livn.system.kernel import Floats, Indices, Kernel, Pairs, amplitudes, draw_edges, near_pairs
from livn.system.placement import GRID, place_cells
from livn.system.tissue import LayeredProjection, Tissue

SIGMAS = 6.0  # in the full extent of an axon: 3 on each side (MiV-Simulator)


def generate_3d(tissue: Tissue) -> Graph:
    """Return the cells and connections of a layered tissue.

    Somata are uniform in the area and in the height of their layer. Cell j connects to cell i of
    another or its own population with probability min(1, A exp(-dx²/2 sx² - dy²/2 sy²)), dx and
    dy the distances in the plane, sx and sy a sixth of the extents of the axon of j, and A solved
    on the actual positions for each projection, so that the expected mean in-degree is the one
    asked for. A cell never connects to itself. Each connection has so many synapses, all on one
    section, dealt out over layers by their shares. Distances, and so delays, are planar.

    Pairs are looked at in blocks; memory grows with cells and edges, not with pairs. The same
    description gives the same graph on every machine (see livn.system.kernel).

    Raises:
        InvalidValue: if a mean in-degree cannot be reached; the message says what can.
    """
    coordinates = _place(tissue)
    starts = dict(zip(coordinates, np.cumsum([0, *map(len, coordinates.values())]), strict=False))
    projections: dict[tuple[str, str], Projection] = {}
    synapses = {}
    used = {name: np.zeros(len(xyz), np.int64) for name, xyz in coordinates.items()}
    for (post, pre), projection in tissue.pairs.items():
        between = _between(tissue, post, pre, projection, coordinates, starts)
        amplitude = amplitudes(between)
        found = draw_edges(between, amplitude, tissue.seed)
        edges = _projection(post, pre, projection.contacts, found, coordinates, starts, used[post])
        if len(edges):
            projections[post, pre] = edges
            synapses[post, pre] = _synapses(tissue, pre, projection, float(amplitude[1]))
    (x0, y0), (x1, y1) = tissue.area.bounds
    return Graph(
        coordinates=coordinates,
        projections=projections,
        synapses=synapses,
        layer_extents={n: [[x0, y0, a], [x1, y1, b]] for n, (a, b) in tissue.heights.items()},
        provenance={"generator": "livn.system.generate_3d", "config": tissue.to_dict()},
    )


def _place(tissue: Tissue) -> dict[str, npt.NDArray[np.float32]]:
    """Return x, y, z of the cells of each population, um, layer after layer from the bottom."""
    heights, counts, low, high = tissue.heights, {}, [], []
    for name, population in tissue.populations.items():
        counts[name] = sum(population.cells.values())
        for layer in (n for n in heights if n in population.cells):
            bottom, top = population.z.get(layer, heights[layer])
            low.append(np.full(population.cells[layer], bottom))
            high.append(np.full(population.cells[layer], top))
    z_range = np.concatenate(low), np.concatenate(high)
    xyz = place_cells(tissue.area, len(z_range[0]), z_range, 0.0, tissue.seed)
    xyz[:, 2] = np.minimum(xyz[:, 2], z_range[1] - GRID)  # the top belongs to the next layer
    bounds = np.cumsum(list(counts.values()))[:-1]
    return dict(zip(counts, np.split(xyz, bounds), strict=True))


@dataclass(frozen=True)
class Between(Pairs):
    """The pairs of one projection; positions are in sigmas of the axon of `pre`.

    Attributes:
        post_xy, pre_xy: positions; the same cells if `post_xy is pre_xy`.
        post_start, pre_start: gid of the first cell of either.
        others: of `Pairs`.
    """

    post_xy: Floats
    pre_xy: Floats
    post_start: int
    pre_start: int
    n_cells: int
    expected: Floats
    names: tuple[str, ...]
    n_post: Indices
    reach: str

    def blocks(self) -> Iterator[tuple[Indices, Indices, Indices, Floats]]:
        """Yield (post, pre, group, kernel) of all pairs within reach, block by block."""
        kernel = Kernel("gaussian", 1.0)
        others = None if self.post_xy is self.pre_xy else self.pre_xy
        for post, pre, squared in near_pairs(self.post_xy, kernel.reach, others):
            group = np.ones(len(post), np.int64)
            yield post + self.post_start, pre + self.pre_start, group, kernel(squared)


def _between(
    tissue: Tissue,
    post: str,
    pre: str,
    projection: LayeredProjection,
    coordinates: dict[str, npt.NDArray[np.float32]],
    starts: dict[str, int],
) -> Between:
    """Return the pairs of a projection."""
    sigma = np.array(tissue.populations[pre].axon) / SIGMAS
    scaled = {name: coordinates[name][:, :2].astype(np.float64) / sigma for name in {post, pre}}
    n_post = len(coordinates[post])
    reach = Kernel("gaussian", 1.0).reach * sigma
    return Between(
        post_xy=scaled[post],
        pre_xy=scaled[pre],
        post_start=int(starts[post]),
        pre_start=int(starts[pre]),
        n_cells=sum(map(len, coordinates.values())),
        expected=np.array([0.0, projection.in_degree * n_post]),
        names=("", f"{pre}->{post}"),
        n_post=np.array([1, n_post]),
        reach=f"{reach[0]:g} x {reach[1]:g} um",
    )


def _projection(
    post: str,
    pre: str,
    contacts: int,
    found: tuple[Indices, Indices],
    coordinates: dict[str, npt.NDArray[np.float32]],
    starts: dict[str, int],
    used: Indices,
) -> Projection:
    """Return the edges of a projection; `used` counts the synapses of each postsynaptic cell."""
    targets, sources = (np.repeat(cells, contacts) for cells in found)
    targets, sources = targets - starts[post], sources - starts[pre]
    difference = coordinates[post][targets, :2].astype(np.float64)
    difference -= coordinates[pre][sources, :2]
    dx, dy = difference.T
    n_edges = np.bincount(targets, minlength=len(used))
    pointer = np.concatenate([[0], np.cumsum(n_edges)])
    syn_ids = used[targets] + np.arange(len(targets)) - pointer[targets]
    used += n_edges
    return Projection(
        post=post,
        pre=pre,
        pointer=pointer.astype(np.int64),
        sources=sources.astype(np.uint32),
        distances=np.sqrt(dx * dx + dy * dy).astype(np.float32),
        syn_ids=syn_ids.astype(np.uint32),
    )


def _synapses(
    tissue: Tissue, pre: str, projection: LayeredProjection, amplitude: float
) -> dict[str, Any]:
    """Return the synapse configuration of one projection, as graph.json holds it."""
    kind = tissue.populations[pre].type
    mechanisms = MECHANISMS[kind] if projection.mechanisms is None else projection.mechanisms
    return {
        "type": kind,
        "contacts": projection.contacts,
        "layers": list(projection.layers),
        "sections": [projection.section] * len(projection.layers),
        "proportions": list(projection.layers.values()),
        "mechanisms": {"default": {name: dict(p) for name, p in mechanisms.items()}},
        "kernel": {
            "kernel": "gaussian",
            "amplitude": amplitude,
            "sigma": [extent / SIGMAS for extent in tissue.populations[pre].axon],
            "allow_self_connections": False,
        },
    }
