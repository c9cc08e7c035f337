"""A culture in memory: what generation makes, files hold and System serves."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livn.errors import InvalidValue


@dataclass(frozen=True)
class Projection:
    """The edges from population `pre` onto population `post`, grouped by postsynaptic cell.

    Attributes:
        post, pre: population names.
        pointer: int64 [n_post + 1]; edges of postsynaptic cell k are `pointer[k]:pointer[k+1]`.
        sources: uint32 [E], presynaptic cell relative to its population, ascending within a cell.
        distances: float32 [E], planar distance between the somata, um.
        syn_ids: uint32 [E], unique within the postsynaptic cell over all presynaptic populations.
    """

    post: str
    pre: str
    pointer: NDArray[np.int64]
    sources: NDArray[np.uint32]
    distances: NDArray[np.float32]
    syn_ids: NDArray[np.uint32]

    @property
    def targets(self) -> NDArray[np.int64]:
        """Postsynaptic cell of each edge, relative to its population, int64 [E]."""
        return np.repeat(np.arange(len(self.pointer) - 1), np.diff(self.pointer))

    def __len__(self) -> int:
        return len(self.sources)


@dataclass(frozen=True)
class Graph:
    """Who is there and who is connected to whom.

    Attributes:
        coordinates: population -> float32 [n, 3] x, y, z in um. Populations are ordered by
            name and gids run through them in that order.
        projections: (post, pre) -> Projection; only those that have edges.
        synapses: (post, pre) -> the synapse configuration of graph.json (FORMATS.md: type,
            sections, mechanisms with e, g_unit, tau_rise, tau_decay, weight, and the kernel).
        layer_extents: layer -> [[x0, y0, z0], [x1, y1, z1]] um.
        provenance: how it was made; written to provenance.json, never needed to load.
    """

    coordinates: Mapping[str, NDArray[np.float32]]
    projections: Mapping[tuple[str, str], Projection]
    synapses: Mapping[tuple[str, str], Mapping[str, Any]]
    layer_extents: Mapping[str, Any]
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def population_ranges(self) -> dict[str, tuple[int, int]]:
        """Population -> (first gid, number of cells)."""
        ranges, start = {}, 0
        for name in sorted(self.coordinates):
            ranges[name] = (start, len(self.coordinates[name]))
            start += ranges[name][1]
        return ranges


def check_population_names(names: Iterable[str], *, error: type[InvalidValue]) -> None:
    """Raise unless every name can stand in a weight key `{post}_{pre}-{section}-...`."""
    bad = sorted(name for name in names if not name or set(name) & set("_-/"))
    if bad:
        raise error(
            f"population names cannot be used in weight keys: got {bad}; "
            "need names without '_', '-' and '/'. Rename the populations.",
            got=bad,
        )


def projection_problem(edges: Projection, n_post: int, n_pre: int) -> str | None:
    """Return what is wrong with a projection between populations of these sizes, or None."""
    pointer, n_edges = edges.pointer, len(edges.sources)
    if len(pointer) != n_post + 1 or pointer[0] != 0 or pointer[-1] != n_edges:
        return f"has a pointer that does not fit: got {len(pointer)} offsets for {n_post} cells"
    lengths = n_edges, len(edges.distances), len(edges.syn_ids)
    if len(set(lengths)) > 1:
        return f"has sources, distances and syn_ids of different lengths: got {lengths}"
    if np.any(np.diff(pointer) < 0):
        return "has a pointer that runs backwards"
    if n_edges and edges.sources.max() >= n_pre:
        problem = f"has a source that is not there: got {edges.sources.max()}"
        return f"{problem}; {edges.pre} has {n_pre} cells"
    falls = np.diff(edges.sources.astype(np.int64)) < 0
    falls[pointer[(pointer > 0) & (pointer < n_edges)] - 1] = False
    if np.any(falls):
        return "has sources that do not ascend within a cell"
    if not np.all(edges.distances >= 0):
        return "has distances that are negative or not a number"
    return None
