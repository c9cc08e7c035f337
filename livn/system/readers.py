"""Readers of single files in the NeuroH5 layout, for people who need no System."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from livn.errors import unknown_names
from livn.system.graph import Projection
from livn.system.neuroh5 import (
    COORDINATES,
    SYNAPSES,
    list_projections,
    open_file,
    read_attribute,
    read_populations,
    read_projection,
)

Coordinate = tuple[int, NDArray[np.float64]]
CellAttributes = tuple[int, dict[str, NDArray[Any]]]
Incoming = tuple[int, tuple[NDArray[np.uint32], dict[str, dict[str, NDArray[Any]]]]]

_SYNAPSE_ATTRIBUTES = ("syn_ids", "syn_locs", "syn_secs", "syn_layers", "syn_types", "swc_types")


class CellsMetaData(BaseModel):
    """What a cells file holds.

    Attributes:
        population_names: in gid order.
        population_ranges: population -> (first gid, number of cells).
        cell_attribute_info: population -> namespace -> names of its attributes.
    """

    population_names: list[str]
    population_ranges: dict[str, tuple[int, int]]
    cell_attribute_info: dict[str, dict[str, list[str]]]

    def has(self, population: str, namespace: str) -> bool:
        """Return whether the cells of `population` have attributes in `namespace`."""
        return namespace in self.cell_attribute_info.get(population, {})

    def population_count(self, population: str) -> int:
        """Return the number of cells of `population`.

        Raises:
            UnknownName: if there is no such population.
        """
        if population not in self.population_ranges:
            raise unknown_names("population", [population], self.population_ranges)
        return self.population_ranges[population][1]

    def cell_count(self) -> int:
        """Return the number of cells of all populations."""
        return sum(count for _, count in self.population_ranges.values())


def read_cells_meta_data(path: str | Path) -> CellsMetaData:
    """Return which populations and attributes a cells file holds.

    Raises:
        CorruptFile: if the file is truncated or foreign.
    """
    with open_file(Path(path)) as file:
        ranges = read_populations(file)
        info = {
            name: {
                namespace: sorted(attributes)
                for namespace, attributes in file.get(f"Populations/{name}", {}).items()
            }
            for name in ranges
        }
    return CellsMetaData(
        population_names=list(ranges), population_ranges=ranges, cell_attribute_info=info
    )


def read_coordinates(path: str | Path, population: str) -> Iterator[Coordinate]:
    """Yield (gid, [x, y, z] um) for the cells of a population, by gid."""
    for row in coordinate_array(path, population):
        yield int(row[0]), row[1:]


def coordinate_array(path: str | Path, population: str) -> NDArray[np.float64]:
    """Return gid, x, y, z (um) of the cells of a population, shape [n, 4], by gid.

    Raises:
        UnknownName: if there is no such population.
        CorruptFile: if the file is truncated or foreign.
    """
    with open_file(Path(path)) as file:
        start = _start(file, population)
        axes = [read_attribute(file, population, COORDINATES, f"{a} Coordinate") for a in "XYZ"]
    return np.column_stack([start + axes[0].cells, *(axis.values for axis in axes)])


def read_trees(path: str | Path, population: str) -> Iterator[CellAttributes]:
    """Yield (gid, morphology as attribute -> values) for the cells of a population, by gid."""
    return _read_cells(path, population, "Trees", None)


def read_synapses(
    path: str | Path, population: str, node_allocation: Sequence[int] | None = None
) -> Iterator[CellAttributes]:
    """Yield (gid, synapse attribute -> values) for the cells of a population, by gid.

    Args:
        path: cells file.
        population: postsynaptic population.
        node_allocation: gids to read, None for all.
    """
    return _read_cells(path, population, SYNAPSES, _SYNAPSE_ATTRIBUTES, node_allocation)


def read_projections(path: str | Path, pre: str, post: str) -> Iterator[Incoming]:
    """Yield (post gid, (pre gids, attributes)) for the cells with input from `pre`, by gid.

    Raises:
        UnknownName: if there is no such projection.
        CorruptFile: if the file is truncated or foreign.
    """
    with open_file(Path(path)) as file:
        ranges = read_populations(file)
        known = list_projections(file)
        if (post, pre) not in known:
            raise unknown_projection(pre, post, known)
        edges = read_projection(file, post, pre, ranges)
    return incoming(edges, ranges[pre][0], ranges[post][0])


def projection_array(path: str | Path, pre: str, post: str) -> list[Incoming]:
    """Return what `read_projections` yields, as a list."""
    return list(read_projections(path, pre, post))


def incoming(edges: Projection, pre_start: int, post_start: int) -> Iterator[Incoming]:
    """Yield (post gid, (pre gids, attributes)) for the cells that have input."""
    gids = (edges.sources + pre_start).astype(np.uint32)
    for cell in np.flatnonzero(np.diff(edges.pointer)):
        own = slice(edges.pointer[cell], edges.pointer[cell + 1])
        attributes: dict[str, dict[str, NDArray[Any]]] = {
            "Synapses": {"syn_id": edges.syn_ids[own]},
            "Connections": {"distance": edges.distances[own]},
        }
        yield post_start + int(cell), (gids[own], attributes)


def unknown_projection(pre: str, post: str, known: Any) -> Exception:
    """Return the error for a projection that is not there."""
    names = {f"{b}_{a}": f"{b}_{a}" for b, a in known}
    swapped = f"{pre}_{post}"
    hints = {f"{post}_{pre}": swapped} if swapped in names else None
    return unknown_names("projection (post_pre)", [f"{post}_{pre}"], names, hints=hints)


def _start(file: h5py.File, population: str) -> int:
    """Return the first gid of a population."""
    ranges = read_populations(file)
    if population not in ranges:
        raise unknown_names("population", [population], ranges)
    return ranges[population][0]


def _read_cells(
    path: str | Path,
    population: str,
    namespace: str,
    names: Sequence[str] | None,
    gids: Sequence[int] | None = None,
) -> Iterator[CellAttributes]:
    """Yield (gid, attribute -> values) of a namespace; nothing where it does not exist."""
    with open_file(Path(path)) as file:
        start = _start(file, population)
        group = file.get(f"Populations/{population}/{namespace}")
        if group is None:
            return
        present = sorted(group) if names is None else [name for name in names if name in group]
        cells = None if gids is None else [gid - start for gid in gids]
        table = {name: read_attribute(file, population, namespace, name, cells) for name in present}
    first = next(iter(table.values()))
    for k, cell in enumerate(first.cells):
        yield (
            start + int(cell),
            {name: a.values[a.pointer[k] : a.pointer[k + 1]] for name, a in table.items()},
        )
