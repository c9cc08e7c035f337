"""The NeuroH5 layout inside one HDF5 file: population types, cell attributes, projections.

Everything in the files is relative to a population; gid = first gid of the population + index.
Reading takes any number of destination blocks; writing makes exactly one, which published
readers need. Writing is deterministic: the same arrays give the same bytes.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from livn.errors import CorruptFile
from livn.system.graph import Projection, check_population_names, projection_problem

LABELS = "H5Types/Population labels"
FIRST_LABEL = 10
COORDINATES = "Generated Coordinates"
SYNAPSES = "Synapse Attributes"

_CHUNK = 1 << 16
_COLUMNS = ("Edges/Source Index", "Connections/distance", "Synapses/syn_id")
Ranges = dict[str, tuple[int, int]]


@dataclass(frozen=True)
class Attribute:
    """One attribute of the cells of a population, as it lies in the file.

    Attributes:
        cells: int64 [n], relative index of the cells that have it, ascending.
        pointer: int64 [n + 1]; cell `cells[k]` owns `values[pointer[k]:pointer[k + 1]]`.
        values: what the cells own, one after the other.
    """

    cells: NDArray[np.int64]
    pointer: NDArray[np.int64]
    values: NDArray[Any]


@contextmanager
def open_file(path: Path) -> Iterator[h5py.File]:
    """Open an HDF5 file for reading; what HDF5 cannot read is a CorruptFile."""
    try:
        with h5py.File(path, "r") as file:
            yield file
    except (FileNotFoundError, PermissionError):
        raise
    except OSError as problem:
        reason = f"got {problem}; it is truncated or foreign"
        raise corrupt(path, f"cannot be read as HDF5: {reason}") from problem


def corrupt(path: Any, problem: str) -> CorruptFile:
    """Return the error for a system file, with what to do about it."""
    return CorruptFile(f"{path} {problem}. Generate or fetch the system again.", got=str(path))


def dataset(parent: h5py.Group, path: str) -> NDArray[Any]:
    """Return a whole 1-D dataset.

    Raises:
        CorruptFile: if there is none of that name.
    """
    return np.asarray(_find(parent, path)[:])


def _find(parent: h5py.Group, path: str) -> h5py.Dataset:
    """Return a 1-D dataset, not read yet."""
    item = parent.get(path)
    where = f"{parent.name.rstrip('/')}/{path}"
    if not isinstance(item, h5py.Dataset):
        raise corrupt(parent.file.filename, f"has no dataset {where!r}: it is truncated or foreign")
    if item.ndim != 1:
        problem = f"holds a foreign dataset {where!r}: got shape {item.shape}; need one axis"
        raise corrupt(parent.file.filename, problem)
    return item


def read_populations(file: h5py.File) -> Ranges:
    """Return population -> (first gid, number of cells), in gid order.

    Names come from the enum of the file, never from the order of its groups.

    Raises:
        CorruptFile: if the types are missing, a label is unknown, or gids overlap or leave gaps.
    """
    rows = dataset(file, "H5Types/Populations")
    if not {"Start", "Count", "Population"} <= set(rows.dtype.names or ()):
        raise corrupt(file.filename, f"has foreign populations: got {rows.dtype}")
    labels = h5py.check_enum_dtype(rows.dtype["Population"])
    if labels is None and isinstance(file.get(LABELS), h5py.Datatype):
        labels = h5py.check_enum_dtype(file[LABELS].dtype)
    names = {number: name for name, number in (labels or {}).items()}

    ranges: Ranges = {}
    expected = 0
    for start, count, number in sorted(
        (int(row["Start"]), int(row["Count"]), int(row["Population"])) for row in rows
    ):
        if number not in names:
            raise corrupt(file.filename, f"has a population without a label: got id {number}")
        if start != expected:
            problem = f"has populations whose gids overlap or leave a gap: got {rows.tolist()}"
            raise corrupt(file.filename, problem)
        ranges[names[number]] = (start, count)
        expected += count
    check_population_names(ranges, error=CorruptFile)
    return ranges


def read_attribute(
    file: h5py.File, population: str, namespace: str, name: str, cells: ArrayLike | None = None
) -> Attribute:
    """Return one attribute of the cells of a population.

    Args:
        cells: relative index of the cells it is read of, None for all.

    Raises:
        CorruptFile: if it is missing or its three datasets contradict each other.
    """
    path = f"Populations/{population}/{namespace}/{name}"
    group = file.get(path)
    if not isinstance(group, h5py.Group):
        raise corrupt(file.filename, f"has no group {path!r}: it is truncated or foreign")
    index = dataset(group, "Cell Index").astype(np.int64)
    pointer = dataset(group, "Attribute Pointer").astype(np.int64)
    values = _find(group, "Attribute Value")
    fits = (
        len(pointer) == len(index) + 1
        and pointer[0] == 0
        and pointer[-1] == len(values)
        and bool(np.all(np.diff(pointer) >= 0))
        and bool(np.all(np.diff(index) > 0))
    )
    if not fits:
        raise corrupt(file.filename, f"has pointers that do not fit their values in {path!r}")
    kept = _among(index, cells)
    ends = np.cumsum(np.diff(pointer)[kept])
    return Attribute(index[kept], np.concatenate([[0], ends]), _take(values, pointer, kept))


def list_projections(file: h5py.File) -> dict[tuple[str, str], int]:
    """Return (post, pre) -> number of edges, for the projections that have any."""
    sizes: dict[tuple[str, str], int] = {}
    for post, group in file.get("Projections", {}).items():
        for pre, projection in group.items():
            sources = projection.get("Edges/Source Index")
            if not isinstance(sources, h5py.Dataset):
                problem = f"has no dataset '{projection.name}/Edges/Source Index'"
                raise corrupt(file.filename, f"{problem}: it is truncated or foreign")
            if len(sources):
                sizes[post, pre] = len(sources)
    return sizes


def read_projection(
    file: h5py.File, post: str, pre: str, ranges: Ranges, cells: ArrayLike | None = None
) -> Projection:
    """Return the edges of one projection, whatever the number and order of its blocks.

    Args:
        cells: relative index of the postsynaptic cells whose edges are read, None for all. Those
            of others are never held, and not checked.

    Raises:
        CorruptFile: if datasets are missing, contradict each other or leave the populations.
    """
    group = file[f"Projections/{post}/{pre}"]
    n_post, n_pre = ranges[post][1], ranges[pre][1]
    columns = [_find(group, name) for name in _COLUMNS]
    destinations, offsets = _destinations(group, [len(column) for column in columns])
    n_edges = np.diff(offsets)
    present = destinations[n_edges > 0]
    if len(present) and not 0 <= present.min() <= present.max() < n_post:
        problem = f"has edges onto cells that are not there in {group.name!r}"
        raise corrupt(file.filename, f"{problem}: got {present.max()}; {post} has {n_post} cells")

    kept = _among(destinations, cells)
    sources, distances, syn_ids = (_take(column, offsets, kept) for column in columns)
    targets = np.repeat(destinations[kept], n_edges[kept])
    order = np.lexsort((sources, targets))
    pointer = np.zeros(n_post + 1, np.int64)
    np.cumsum(np.bincount(targets, minlength=n_post), out=pointer[1:])
    edges = Projection(
        post,
        pre,
        pointer,
        sources[order].astype(np.uint32),
        distances[order].astype(np.float32),
        syn_ids[order].astype(np.uint32),
    )
    inconsistent = projection_problem(edges, n_post, n_pre)
    if inconsistent:
        raise corrupt(file.filename, f"projection {group.name!r} {inconsistent}")
    return edges


def _destinations(
    group: h5py.Group, lengths: Sequence[int]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the cell of each slot, [D], and where in the columns its edges start, [D + 1]."""
    firsts = dataset(group, "Edges/Destination Block Index").astype(np.int64)
    blocks = dataset(group, "Edges/Destination Block Pointer").astype(np.int64)
    offsets = dataset(group, "Edges/Destination Pointer").astype(np.int64)
    slots = np.diff(blocks)
    slots[-1:] -= 1  # the last block also counts the end of the offsets
    n_edges = np.diff(offsets)
    fits = (
        len(slots) == len(firsts) > 0
        and bool(np.all(slots >= 0))
        and len(n_edges) == slots.sum()
        and bool(np.all(n_edges >= 0))
        and offsets[0] == 0
        and all(n == offsets[-1] for n in lengths)
    )
    if not fits:
        problem = f"has pointers that do not fit the edges in {group.name!r}"
        raise corrupt(group.file.filename, problem)
    starts = np.cumsum(slots) - slots
    return np.repeat(firsts - starts, slots) + np.arange(len(n_edges)), offsets


def _among(index: NDArray[np.int64], cells: ArrayLike | None) -> NDArray[np.bool_]:
    """Return which of the cells `index` are wanted."""
    return np.ones(len(index), bool) if cells is None else np.isin(index, cells)


def _take(
    values: h5py.Dataset, pointer: NDArray[np.int64], kept: NDArray[np.bool_]
) -> NDArray[Any]:
    """Return what the kept cells own, one after the other, reading about a chunk at a time."""
    sizes = np.diff(pointer)
    out = np.empty(sizes[kept].sum(), values.dtype)
    cuts = np.searchsorted(pointer, np.arange(0, pointer[-1], _CHUNK))
    n_out = 0
    for first, last in pairwise(np.unique([*cuts, len(kept)])):
        mine = np.repeat(kept[first:last], sizes[first:last])
        if mine.any():
            found = values[pointer[first] : pointer[last]][mine]
            out[n_out : n_out + len(found)] = found
            n_out += len(found)
    return out


def write_types(
    file: h5py.File, ranges: Mapping[str, tuple[int, int]], projections: Sequence[tuple[str, str]]
) -> None:
    """Write `/H5Types`: populations numbered from 10 by name, and who projects to whom."""
    ids = labels(ranges)
    file[LABELS] = h5py.enum_dtype(ids, basetype=np.dtype("<u2"))
    label = file[LABELS].dtype
    row = np.dtype([("Start", "<u8"), ("Count", "<u4"), ("Population", label)])
    file["H5Types/Population range"] = row
    rows = [(*ranges[name], number) for name, number in ids.items()]
    _write(file, "H5Types/Populations", np.array(rows, row))

    pair = np.dtype([("Source", label), ("Destination", label)])
    file["H5Types/Population projections"] = pair
    pairs = np.array([(ids[pre], ids[post]) for post, pre in projections], pair)
    _write(file, "H5Types/Valid population projections", pairs)


def labels(populations: Mapping[str, Any]) -> dict[str, int]:
    """Return the enum population -> id, ascending with the name as published readers need."""
    return {name: FIRST_LABEL + i for i, name in enumerate(sorted(populations))}


def write_attribute(
    file: h5py.File,
    path: str,
    values: NDArray[Any],
    pointer: NDArray[np.int64] | None = None,
) -> None:
    """Write one attribute of all cells of a population; without `pointer`, one value per cell."""
    if pointer is None:
        pointer = np.arange(len(values) + 1)
    _write(file, f"{path}/Cell Index", np.arange(len(pointer) - 1, dtype="<u4"))
    _write(file, f"{path}/Attribute Pointer", pointer.astype("<u8"))
    _write(file, f"{path}/Attribute Value", values)


def write_projection(file: h5py.File, edges: Projection) -> None:
    """Write one projection as one block from the first cell to the last."""
    path = f"Projections/{edges.post}/{edges.pre}"
    n_slots = len(edges.pointer) - 1
    _write(file, f"{path}/Edges/Destination Block Index", np.array([0], "<u4"))
    _write(file, f"{path}/Edges/Destination Block Pointer", np.array([0, n_slots + 1], "<u8"))
    _write(file, f"{path}/Edges/Destination Pointer", edges.pointer.astype("<u8"))
    _write(file, f"{path}/Edges/Source Index", edges.sources.astype("<u4"))
    _write(file, f"{path}/Connections/distance", edges.distances.astype("<f4"))
    _write(file, f"{path}/Synapses/syn_id", edges.syn_ids.astype("<u4"))


def _write(file: h5py.File, path: str, values: NDArray[Any]) -> None:
    """Write a chunked, growable, compressed dataset without a timestamp."""
    file.create_dataset(
        path,
        data=values,
        chunks=(max(1, min(len(values), _CHUNK)),),
        maxshape=(None,),
        compression="gzip",
        compression_opts=1,
        shuffle=True,
        track_times=False,
    )
