"""Cells side by side, connected to nothing."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from livn.errors import InvalidValue, unknown_names
from livn.system.base import REQUIRED, BaseSystem
from livn.system.checks import finite, whole
from livn.system.document import SynapseConfig
from livn.system.graph import Projection, check_population_names
from livn.system.neuroh5 import Ranges

PADDING = 100.0  # um around the cells
Placement = float | ArrayLike | Callable[[int], ArrayLike]


class ParallelSystem(BaseSystem):
    """Unconnected cells, for single-cell work and for many cells at once.

    Args:
        num_neurons: how many, all of population "EXC"; or population -> how many.
        coordinates: spacing along x, um; or [n, 3] x, y, z; or [n, 4] gid, x, y, z with each of
            0 … n - 1 once; or a function of n that returns one of these arrays.
        name: keys a model's default weights and noise.
        comm: kept as an attribute.

    Raises:
        InvalidType: if a count is not an integer.
        InvalidValue: if a count is below 1, or coordinates do not fit the cells.
    """

    def __init__(
        self,
        num_neurons: int | Mapping[str, int] = 1,
        coordinates: Placement = 0.0,
        name: str = "ParallelSystem",
        comm: Any = None,
    ):
        counts = num_neurons if isinstance(num_neurons, Mapping) else {"EXC": num_neurons}
        check_population_names(counts, error=InvalidValue)
        if not counts:
            raise InvalidValue("culture has no cells: got {}; need at least 1 population.")
        self.uri = self.name = name
        self.comm = comm
        self.uuid: str | None = None
        self.files: Mapping[str, Path] = {}
        self.synapse_config: Mapping[tuple[str, str], SynapseConfig] = {}
        self.edge_counts: Mapping[tuple[str, str], int] = {}
        self.population_ranges: Ranges = {}
        start = 0
        for population in sorted(counts):
            size = whole(f"number of {population} cells", counts[population], at_least=1)
            self.population_ranges[population] = (start, size)
            start += size
        self._coordinates = _positions(coordinates, start)

    def coordinate_array(self, population: str) -> NDArray[np.float64]:
        """Return gid, x, y, z (um) of the cells of a population, [n, 4], by gid."""
        self._check_populations([population])
        start, count = self.population_ranges[population]
        return self._coordinates[start : start + count].copy()

    def edges(self, post: str, pre: str, gids: ArrayLike | None = None) -> Projection:
        """Raise UnknownName: there are no projections."""
        raise unknown_names("projection (post_pre)", [f"{post}_{pre}"], [])

    @property
    def bounding_box(self) -> NDArray[np.float64]:
        """Lowest and highest x, y, z of the cells, 100 um padded, [2, 3]."""
        xyz = self._coordinates[:, 1:]
        return np.array([xyz.min(axis=0) - PADDING, xyz.max(axis=0) + PADDING])

    def load_file(self, path: str | Sequence[str], default: Any = REQUIRED) -> Any:
        """Return `default`; there are no files."""
        if default is REQUIRED:
            raise FileNotFoundError(f"{self.name} has no files: got {path!r}; pass a default.")
        return default

    def params_document(
        self, selection_name: str | None = None
    ) -> tuple[str | None, dict[str, Any] | None]:
        """Return (None, None): parameters come with files."""
        return None, None

    def default_params(self, comm: Any = None, model: Any = None) -> dict[str, Any] | None:
        """Return None: parameters come with files."""
        return None


def _positions(given: Placement, n_cells: int) -> NDArray[np.float64]:
    """Return gid, x, y, z, [n, 4], by gid."""
    if callable(given):
        given = given(n_cells)
    if np.ndim(given) == 0:
        spacing = finite("spacing of the cells", given)
        along = np.outer(np.arange(n_cells), [spacing, 0.0, 0.0])
        return np.column_stack([np.arange(n_cells), along])
    rows = np.array(given, float)
    if rows.shape not in ((n_cells, 3), (n_cells, 4)) or not np.all(np.isfinite(rows)):
        raise InvalidValue(
            f"coordinates do not fit the cells: got shape {rows.shape}; "
            f"need finite ({n_cells}, 3) or ({n_cells}, 4).",
            got=rows.shape,
        )
    if rows.shape[1] == 3:
        return np.column_stack([np.arange(n_cells), rows])
    rows = rows[np.argsort(rows[:, 0], kind="stable")]
    if not np.array_equal(rows[:, 0], np.arange(n_cells)):
        raise InvalidValue(
            f"gids of the coordinates are not 0 to {n_cells - 1}: got {rows[:, 0].tolist()}; "
            "need each once.",
            got=rows[:, 0].tolist(),
        )
    return rows
