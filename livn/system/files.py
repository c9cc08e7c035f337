"""A system directory: a Graph written to files, and read back."""

import filecmp
import json
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import ArrayLike

from livn.errors import CorruptFile, InvalidValue, NotSupported
from livn.system.document import (
    SWC_TYPES,
    GraphDocument,
    config_problem,
    graph_document,
    read_document,
    read_json,
    read_object,
    sections,
)
from livn.system.graph import Graph, Projection, check_population_names, projection_problem
from livn.system.neuroh5 import (
    COORDINATES,
    SYNAPSES,
    Ranges,
    corrupt,
    list_projections,
    open_file,
    read_attribute,
    read_populations,
    read_projection,
    write_attribute,
    write_projection,
    write_types,
)
from livn.system.publish import publish, staging
from livn.system.synapses import write_synapses

AXES = ("X Coordinate", "Y Coordinate", "Z Coordinate")
HASHED_DOCUMENTS = ("mea.json", "lightarray.json", "model.json")

_COPIES = ("U Coordinate", "V Coordinate", "L Coordinate")
_HASH = "content_hash"


def write_graph(
    graph: Graph,
    directory: str | Path,
    *,
    mea: Mapping[str, Any] | None = None,
    params: Mapping[str, Any] | None = None,
    model: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a system directory that livn and published livn can load, whole or not at all.

    The layout is NeuroH5. The same arguments give the same bytes; several processes may write
    the same system to the same place at once. Configurations of projections without edges are
    left out, as readers expect.

    Args:
        graph: cells and edges.
        directory: where to; its name is the name of the system.
        mea: electrode array, the content of mea.json.
        params: parameters by model class name and group, the content of params/default.json.
        model: default model `{"cls": dotted path, "kwargs": {...}}`, the content of model.json.
        overwrite: replace another system that is there.

    Returns:
        The directory.

    Raises:
        InvalidValue: if the graph contradicts itself, or another system is there.
        NotSupported: if a projection ends on several sections.
    """
    _check(graph)
    connected = {pair: graph.synapses[pair] for pair in sorted(graph.projections)}
    graph = replace(graph, synapses=connected)
    documents = {"mea.json": mea, "model.json": model}
    documents = {name: content for name, content in documents.items() if content is not None}
    content = _hash(graph, documents)
    documents["graph.json"] = graph_document(graph, content)
    documents["provenance.json"] = {**graph.provenance, _HASH: content}
    if params is not None:
        documents["params/default.json"] = params

    target = Path(directory)
    with staging(target) as fresh:
        for name, document in documents.items():
            (fresh / name).parent.mkdir(exist_ok=True)
            text = json.dumps(document, indent=1, sort_keys=True, allow_nan=False)
            (fresh / name).write_text(text + "\n", encoding="utf-8")
        _write_arrays(graph, fresh)
        written = [*documents, "cells.h5", "connections.h5"]
        there = not publish(fresh, target, replace=overwrite)
        if there and filecmp.cmpfiles(fresh, target, written, shallow=False)[0] != written:
            raise InvalidValue(
                f"directory is taken: got {str(target)!r}, which holds something else. "
                "Choose another one, or pass overwrite=True.",
                got=str(target),
            )
    return target


def read_graph(directory: str | Path) -> Graph:
    """Return the cells and edges of a system directory, livn's own or a published one.

    Gids of the graph run through its populations by name, whatever their order in the files.

    Raises:
        CorruptFile: if a file is truncated, foreign, of a newer format, or contradicts another.
    """
    directory = Path(directory)
    files = system_files(directory)
    document = read_document(directory / "graph.json")
    ranges, sizes = read_index(files, document)
    provenance = directory / "provenance.json"
    made = read_object(provenance) if provenance.exists() else {}
    return Graph(
        coordinates={name: read_positions(files, name, ranges) for name in sorted(ranges)},
        projections={pair: read_edges(files, *pair, ranges) for pair in sorted(sizes)},
        synapses=document.synapses,
        layer_extents=document.layer_extents,
        provenance={key: value for key, value in made.items() if key != _HASH},
    )


def content_hash(directory: str | Path) -> str:
    """Return the sha256 of what a system is: cells, edges, synapses, electrodes, default model.

    It does not depend on the machine or the HDF5 library, nor on provenance, parameters and
    selections, which do not change the culture and may be added later.

    Raises:
        CorruptFile: as `read_graph`.
    """
    directory = Path(directory)
    present = [name for name in HASHED_DOCUMENTS if (directory / name).exists()]
    return _hash(read_graph(directory), {name: read_json(directory / name) for name in present})


def verify(directory: str | Path) -> str:
    """Return the content hash of a system that is what it was when it was written.

    Loading does not check this, because it means reading everything.

    Raises:
        CorruptFile: if the content differs from the hash in provenance.json, or that has none.
    """
    path = Path(directory) / "provenance.json"
    stated = read_object(path).get(_HASH) if path.exists() else None
    if stated is None:
        raise corrupt(path, f"has no {_HASH} to compare with")
    found = content_hash(directory)
    if found != stated:
        raise corrupt(path, f"belongs to other content: got {found}; need {stated}")
    return found


def system_files(directory: Path) -> dict[str, Path]:
    """Return {"cells", "connections"} -> file; graph.h5 serves both where it exists.

    Raises:
        CorruptFile: if the directory or a required file is missing.
    """
    if not directory.is_dir():
        raise CorruptFile(
            f"system directory is missing: got {str(directory)!r}. "
            "Check the path, or generate or fetch the system.",
            got=str(directory),
        )
    both = directory / "graph.h5"
    files = {"cells": directory / "cells.h5", "connections": directory / "connections.h5"}
    if both.exists():
        files = {"cells": both, "connections": both}
    required = (directory / "graph.json", *files.values())
    missing = [path.name for path in required if not path.exists()]
    if missing:
        raise corrupt(directory, f"is not a complete system: {', '.join(missing)} missing")
    return files


def is_complete(directory: Path) -> bool:
    """Return whether a loadable system is there, as far as its indices tell."""
    try:
        read_index(system_files(directory), read_document(directory / "graph.json"))
    except CorruptFile:
        return False
    return True


def read_index(
    files: Mapping[str, Path], document: GraphDocument
) -> tuple[Ranges, dict[tuple[str, str], int]]:
    """Return the ranges of the populations and the number of edges of each projection.

    Raises:
        CorruptFile: if the two HDF5 files and graph.json disagree.
    """
    with open_file(files["cells"]) as cells, open_file(files["connections"]) as connections:
        ranges = read_populations(cells)
        other = read_populations(connections)
        sizes = list_projections(connections)
    path = files["connections"]
    if ranges != other:
        raise corrupt(path, f"has other populations than the cells: got {other}; need {ranges}")
    listed, present = set(document.synapses), set(sizes)
    if listed != present:
        only = [f"{post}_{pre}" for post, pre in sorted(listed ^ present)]
        problem = "and graph.json list different projections: got"
        raise corrupt(path, f"{problem} {', '.join(only)} in one of them only")
    strangers = sorted({name for pair in present for name in pair} - set(ranges))
    if strangers:
        raise corrupt(path, f"has projections of unknown populations: got {strangers}")
    return ranges, sizes


def read_positions(files: Mapping[str, Path], population: str, ranges: Ranges) -> np.ndarray:
    """Return float32 [n, 3] x, y, z in um of a population.

    Raises:
        CorruptFile: if a cell has no coordinates, or more than one.
    """
    n_cells = ranges[population][1]
    with open_file(files["cells"]) as file:
        axes = [read_attribute(file, population, COORDINATES, axis) for axis in AXES]
    one_each = np.arange(n_cells + 1)
    for axis in axes:
        if not np.array_equal(axis.pointer, one_each) or not np.array_equal(
            axis.cells, one_each[:-1]
        ):
            problem = f"does not give every cell of {population!r} one position"
            raise corrupt(files["cells"], problem)
    return np.stack([axis.values for axis in axes], axis=1).astype(np.float32)


def read_edges(
    files: Mapping[str, Path],
    post: str,
    pre: str,
    ranges: Ranges,
    cells: ArrayLike | None = None,
) -> Projection:
    """Return the edges of one projection, each of which ends on a synapse of its cell.

    Args:
        cells: relative index of the postsynaptic cells whose edges are read, None for all.

    Raises:
        CorruptFile: if the datasets are inconsistent or a synapse is missing.
    """
    with open_file(files["connections"]) as file:
        edges = read_projection(file, post, pre, ranges, cells)
    with open_file(files["cells"]) as file:
        synapses = read_attribute(file, post, SYNAPSES, "syn_ids", cells)
    owners = np.repeat(synapses.cells, np.diff(synapses.pointer))
    present = np.sort(_join(owners, synapses.values), kind="stable")
    if np.any(present[1:] == present[:-1]):
        raise corrupt(files["cells"], f"has cells of {post!r} with two synapses of the same syn_id")
    wanted = _join(edges.targets, edges.syn_ids)
    place = np.minimum(np.searchsorted(present, wanted), max(len(present) - 1, 0))
    missing = present[place] != wanted if len(present) else np.ones(len(wanted), bool)
    if np.any(missing):
        first = int(np.argmax(missing))
        problem = (
            f"has {missing.sum()} edges {pre}->{post} onto synapses the cell does not have: got "
            f"syn_id {edges.syn_ids[first]} on cell {edges.targets[first]}"
        )
        raise corrupt(files["connections"], problem)
    return edges


def _join(cells: np.ndarray, syn_ids: np.ndarray) -> np.ndarray:
    """Return one number per (cell, synapse)."""
    return (cells.astype(np.uint64) << np.uint64(32)) | syn_ids.astype(np.uint64)


def _check(graph: Graph) -> None:
    """Raise unless the graph can be written and read back."""
    check_population_names(graph.coordinates, error=InvalidValue)
    ranges = graph.population_ranges
    for name, positions in graph.coordinates.items():
        if positions.ndim != 2 or positions.shape[1] != 3 or not np.all(np.isfinite(positions)):
            raise InvalidValue(
                f"coordinates of {name!r} are unusable: got shape {positions.shape}; "
                "need finite x, y, z per cell.",
                got=positions.shape,
            )
    for pair, edges in graph.projections.items():
        where = "projection {}_{}".format(*pair)
        problem: str | None
        if pair != (edges.post, edges.pre) or not set(pair) <= set(ranges) or not len(edges):
            problem = f"is empty or misplaced: got {len(edges)} edges {edges.pre}->{edges.post}"
        elif pair not in graph.synapses:
            problem = f"has no synapse configuration: got {sorted(graph.synapses)}"
        else:
            problem = projection_problem(edges, ranges[pair[0]][1], ranges[pair[1]][1])
            problem = problem or config_problem(graph.synapses[pair])
        if problem:
            raise InvalidValue(f"{where} {problem}.", got=pair)
        sites = sections(graph.synapses[pair])
        if len(set(sites)) != 1 or sites[0] not in SWC_TYPES:
            raise NotSupported(
                f"{where} cannot be written: got sections {sites}; "
                f"need one of {', '.join(sorted(SWC_TYPES))}.",
                got=sites,
                allowed=sorted(SWC_TYPES),
            )


def _write_arrays(graph: Graph, directory: Path) -> None:
    ranges, pairs = graph.population_ranges, sorted(graph.projections)
    with h5py.File(directory / "cells.h5", "w") as file:
        write_types(file, ranges, pairs)
        for name in sorted(ranges):
            path = f"Populations/{name}/{COORDINATES}"
            for column, names in enumerate(zip(AXES, _COPIES, strict=True)):
                for axis in names:
                    values = np.ascontiguousarray(graph.coordinates[name][:, column], "<f4")
                    write_attribute(file, f"{path}/{axis}", values)
            write_synapses(file, name, ranges[name][1], graph)
    with h5py.File(directory / "connections.h5", "w") as file:
        write_types(file, ranges, pairs)
        for pair in pairs:
            write_projection(file, graph.projections[pair])


def _hash(graph: Graph, documents: Mapping[str, Any]) -> str:
    """Return the sha256 of the arrays and the configuration, each array with its name and size."""
    digest = sha256(b"livn system 1\n")

    def add(name: str, values: np.ndarray, dtype: str) -> None:
        digest.update(f"{name} {dtype} {values.shape}\n".encode())
        digest.update(np.ascontiguousarray(values, dtype).tobytes())

    for name in sorted(graph.coordinates):
        add(name, graph.coordinates[name], "<f4")
    for (post, pre), edges in sorted(graph.projections.items()):
        add(f"{post}_{pre} pointer", edges.pointer, "<i8")
        add("sources", edges.sources, "<u4")
        add("distances", edges.distances, "<f4")
        add("syn_ids", edges.syn_ids, "<u4")
    configuration = {
        "synapses": {f"{post}_{pre}": config for (post, pre), config in graph.synapses.items()},
        "layer_extents": graph.layer_extents,
        "documents": documents,
    }
    plain = json.loads(json.dumps(configuration))  # as files hold it: keys are text
    digest.update(json.dumps(plain, sort_keys=True, separators=(",", ":")).encode())
    return digest.hexdigest()
