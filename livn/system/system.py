"""A culture that lies in a directory."""

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from livn.errors import unknown_names
from livn.io import IO, MEA
from livn.system.base import REQUIRED, BaseSystem
from livn.system.document import read_document, read_json, read_object
from livn.system.files import read_edges, read_index, read_positions, system_files
from livn.system.graph import Projection
from livn.system.neuroh5 import corrupt
from livn.system.parameters import convert_published, group_parameters
from livn.system.readers import (
    CellAttributes,
    CellsMetaData,
    read_cells_meta_data,
    read_synapses,
)


class System(BaseSystem):
    """A culture read from a directory in the NeuroH5 layout, livn's own or a published one.

    Indices are read and compared at once, cells and edges when first asked for. The content hash
    is not checked; `livn.system.verify` does that.

    Args:
        uri: the directory; its last component is the name of the system.
        comm: kept as an attribute.

    Raises:
        CorruptFile: if a file is missing, truncated, foreign, newer, or contradicts another.
    """

    def __init__(self, uri: str | os.PathLike[str], comm: Any = None):
        self.uri = os.fspath(uri)
        self.comm = comm
        self._directory = Path(uri)
        self.name = self._directory.resolve().name
        self.files: Mapping[str, Path] = system_files(self._directory)
        self._document = read_document(self._directory / "graph.json")
        self.uuid = self._document.uuid
        self.synapse_config = self._document.synapses
        self.population_ranges, self.edge_counts = read_index(self.files, self._document)
        self._edges: dict[tuple[str, str], Projection] = {}

    @property
    def connections_config(self) -> Mapping[str, Any]:
        """Configuration of the connections in graph.json."""
        return self._document.connections

    @property
    def layer_extents(self) -> Mapping[str, Any]:
        """Layer -> [[x0, y0, z0], [x1, y1, z1]], um."""
        return self._document.layer_extents

    @cached_property
    def cells_meta_data(self) -> CellsMetaData:
        """What the cells file holds."""
        return read_cells_meta_data(self.files["cells"])

    @cached_property
    def _positions(self) -> dict[str, NDArray[np.float32]]:
        ranges = self.population_ranges
        return {name: read_positions(self.files, name, ranges) for name in ranges}

    def coordinate_array(self, population: str) -> NDArray[np.float64]:
        """Return gid, x, y, z (um) of the cells of a population, [n, 4], by gid."""
        self._check_populations([population])
        start, count = self.population_ranges[population]
        return np.column_stack([np.arange(start, start + count), self._positions[population]])

    def edges(self, post: str, pre: str, gids: ArrayLike | None = None) -> Projection:
        """Return the edges from `pre` onto `post` as arrays, checked; see BaseSystem."""
        self._check_projection(post, pre)
        ranges = self.population_ranges
        if gids is not None:
            return read_edges(self.files, post, pre, ranges, np.asarray(gids) - ranges[post][0])
        if (post, pre) not in self._edges:
            self._edges[post, pre] = read_edges(self.files, post, pre, ranges)
        return self._edges[post, pre]

    def synapses(
        self, population: str, node_allocation: Sequence[int] | None = None
    ) -> Iterator[CellAttributes]:
        """Yield (gid, synapse attribute -> values) for the cells of a population, by gid.

        Args:
            population: postsynaptic population.
            node_allocation: gids to read, None for all.

        Raises:
            UnknownName: if there is no such population.
        """
        self._check_populations([population])
        return read_synapses(self.files["cells"], population, node_allocation)

    @property
    def bounding_box(self) -> NDArray[np.float64]:
        """Lowest and highest x, y, z of the layer extents, um, [2, 3]."""
        corners = [corner for box in self._document.layer_extents.values() for corner in box]
        if not corners:
            raise corrupt(self._directory / "graph.json", "has no layer_extents: need at least one")
        points = np.array(corners, float)
        return np.array([points.min(axis=0), points.max(axis=0)])

    def local_directory(self, *parts: str) -> str:
        """Return the path of something in the system directory."""
        return os.fspath(self._directory.joinpath(*parts))

    def load_file(self, path: str | Sequence[str], default: Any = REQUIRED) -> Any:
        """Return the content of a file of the directory; see BaseSystem."""
        parts = [path] if isinstance(path, str) else path
        file = self._directory.joinpath(*parts)
        if not file.exists() and default is not REQUIRED:
            return default
        if file.suffix == ".json":
            return read_json(file)
        if file.suffix == ".npy":
            try:
                return np.load(file, allow_pickle=False)
            except ValueError as problem:
                raise corrupt(file, f"cannot be read as an array: got {problem}") from problem
        return file.read_text(encoding="utf-8")

    def params_document(
        self, selection_name: str | None = None
    ) -> tuple[str | None, dict[str, Any] | None]:
        """Return (relative path, content) of `params/<selection or default>.json`."""
        path = f"params/{selection_name or 'default'}.json"
        file = self._directory / path
        return (path, read_object(file)) if file.exists() else (None, None)

    def default_params(self, comm: Any = None, model: Any = None) -> dict[str, Any] | None:
        """Return what params/default.json has for the model, else the flat params.json of 1.0."""
        _, document = self.params_document()
        if document is not None:
            chosen = self.default_model() if model is None else model
            return group_parameters(document, chosen.params_key())
        flat = self._directory / "params.json"
        return convert_published(read_object(flat), self.weight_names) if flat.exists() else None

    def selections(self) -> list[str]:
        """Return the names of the files in selection/."""
        return sorted(path.stem for path in (self._directory / "selection").glob("*.json"))

    def selection_document(self, name: str) -> dict[str, Any]:
        """Return `selection/<name>.json`."""
        if name not in self.selections():
            raise unknown_names("selection", [name], self.selections())
        file = self._directory / "selection" / f"{name}.json"
        document = read_object(file)
        if not isinstance(document.get("gids"), dict):
            raise corrupt(file, "has no gids")
        return document

    def default_io(self, comm: Any = None) -> IO:
        """Return the electrode array of mea.json; an IO that reaches nothing without one."""
        path = self._directory / "mea.json"
        return MEA.from_json(str(path)) if path.exists() else IO()
