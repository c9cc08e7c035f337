"""What every culture answers, whether it lies in files or not."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from livn import random
from livn.errors import InvalidValue, unknown_names
from livn.io import IO
from livn.system.document import SynapseConfig, population_kind, receptors
from livn.system.graph import Projection
from livn.system.model import DEFAULT_MODEL, create_model
from livn.system.readers import Incoming, incoming, unknown_projection
from livn.system.selection import Selection, Spec, resolve_selection

_WEIGHTS = 4  # site of the random numbers; generation has 1 to 3
REQUIRED: Any = object()


class BaseSystem(ABC):
    """A culture: populations of cells in space, and who is connected to whom.

    Attributes:
        uri: where it lies; for a culture without files, its name.
        name: last component of `uri`; keys a model's default weights and noise.
        comm: MPI communicator it was made with, or None.
        uuid: identity of the graph, None where there is none.
        files: {"cells", "connections"} -> path; empty for a culture without files.
        population_ranges: population -> (first gid, number of cells), in gid order.
        synapse_config: (post, pre) -> synapse configuration of graph.json.
        edge_counts: (post, pre) -> number of edges.
    """

    uri: str
    name: str
    comm: Any
    uuid: str | None
    files: Mapping[str, Path]
    population_ranges: dict[str, tuple[int, int]]
    synapse_config: Mapping[tuple[str, str], SynapseConfig]
    edge_counts: Mapping[tuple[str, str], int]

    @abstractmethod
    def coordinate_array(self, population: str) -> NDArray[np.float64]:
        """Return gid, x, y, z (um) of the cells of a population, [n, 4], by gid.

        Raises:
            UnknownName: if there is no such population.
        """

    @abstractmethod
    def edges(self, post: str, pre: str, gids: ArrayLike | None = None) -> Projection:
        """Return the edges from `pre` onto `post` as arrays; all of them are read once.

        Args:
            gids: cells of `post` whose edges are read, and not kept; None for all.

        Raises:
            UnknownName: if there is no such projection.
        """

    @property
    @abstractmethod
    def bounding_box(self) -> NDArray[np.float64]:
        """Lowest and highest x, y, z of the culture, um, [2, 3]."""

    @abstractmethod
    def load_file(self, path: str | Sequence[str], default: Any = REQUIRED) -> Any:
        """Return the content of a file of the system: .json, .npy, anything else as text.

        Args:
            path: relative to the system, or its parts.
            default: returned where there is no such file, and only then.

        Raises:
            FileNotFoundError: if there is no such file and no default.
            CorruptFile: if the file cannot be read.
        """

    @abstractmethod
    def params_document(
        self, selection_name: str | None = None
    ) -> tuple[str | None, dict[str, Any] | None]:
        """Return (relative path, content) of a parameter document, (None, None) without one.

        Args:
            selection_name: the stored selection it was tuned for, None for the whole system.
        """

    @abstractmethod
    def default_params(self, comm: Any = None, model: Any = None) -> dict[str, Any] | None:
        """Return the parameters that ship with the system, as `set_params` takes them.

        Args:
            comm: ignored; kept for scripts.
            model: the model they are for, None for the default model.

        Returns:
            Key -> value, or None where the system ships none for this model.
        """

    def selections(self) -> list[str]:
        """Return the names of the stored selections."""
        return []

    def selection_document(self, name: str) -> dict[str, Any]:
        """Return a stored selection: gids by population, and how it was made.

        Raises:
            UnknownName: if there is no such selection.
        """
        raise unknown_names("selection", [name], self.selections())

    def default_io(self, comm: Any = None) -> IO:
        """Return the electrode array of the culture; an IO that reaches nothing without one."""
        return IO()

    def default_model(self, comm: Any = None) -> Any:
        """Return the model the system asks for, ReducedCalciumSomaDendrite unless it says."""
        return create_model(self.load_file("model.json", default=DEFAULT_MODEL))

    @property
    def populations(self) -> list[str]:
        """Names of the populations, in gid order."""
        return list(self.population_ranges)

    @property
    def num_neurons(self) -> int:
        """Number of cells."""
        return sum(count for _, count in self.population_ranges.values())

    def population_count(self, population: str) -> int:
        """Return the number of cells of a population.

        Raises:
            UnknownName: if there is no such population.
        """
        self._check_populations([population])
        return self.population_ranges[population][1]

    def population_kind(self, population: str) -> str:
        """Return "excitatory" or "inhibitory": what the cells of a population do to others.

        Raises:
            UnknownName: if there is no such population.
        """
        self._check_populations([population])
        return population_kind(population, self.synapse_config)

    @property
    def gids(self) -> NDArray[np.int64]:
        """All gids, ascending."""
        return np.arange(self.num_neurons)

    @cached_property
    def neuron_coordinates(self) -> NDArray[np.float64]:
        """Gid, x, y, z (um) of all cells, [n, 4], by gid; read-only."""
        rows = np.vstack([self.coordinate_array(name) for name in self.populations])
        rows.setflags(write=False)
        return rows

    def coordinates(self, population: str) -> Iterator[tuple[int, NDArray[np.float64]]]:
        """Yield (gid, [x, y, z] um) for the cells of a population, by gid."""
        for row in self.coordinate_array(population):
            yield int(row[0]), row[1:]

    def transform_coordinates(
        self, fn: Callable[..., NDArray[Any]], populations: Sequence[str] | None = None
    ) -> NDArray[Any]:
        """Return `fn(coordinates, population=name)` of each population, one below the other.

        Args:
            fn: takes [n, 4] gid, x, y, z (um) and the name of the population.
            populations: which, None for all.

        Raises:
            UnknownName: if there is no such population.
        """
        names = self.populations if populations is None else populations
        self._check_populations(names)
        return np.vstack([fn(self.coordinate_array(name), population=name) for name in names])

    @property
    def center_point(self) -> NDArray[np.float64]:
        """Centre of the bounding box, um, [3]."""
        return self.bounding_box.mean(axis=0)

    def projections(self, pre: str, post: str) -> Iterator[Incoming]:
        """Yield (post gid, (pre gids, attributes)) for the cells with input, by gid.

        Attributes are {"Synapses": {"syn_id"}, "Connections": {"distance"}}, distance in um.

        Raises:
            UnknownName: if there is no such projection.
        """
        starts = [self.population_ranges.get(name, (0, 0))[0] for name in (pre, post)]
        return incoming(self.edges(post, pre), *starts)

    def projection_array(self, pre: str, post: str, all: bool = True) -> list[Incoming]:
        """Return what `projections` yields, as a list; `all` is kept for scripts."""
        return list(self.projections(pre, post))

    def synapse_projections(self) -> list[tuple[str, str, str, str, str]]:
        """Return (post, pre, section, mechanism, type) of every active receptor, sorted."""
        return sorted(
            (post, pre, section, mechanism, config["type"])
            for (post, pre), config in self.synapse_config.items()
            for section, mechanism in receptors(config)
        )

    @property
    def weight_names(self) -> list[str]:
        """Keys of the weights, `{post}_{pre}-{section}-{mechanism}-weight`, sorted."""
        return sorted(
            f"{post}_{pre}-{section}-{mechanism}-weight"
            for post, pre, section, mechanism, _ in self.synapse_projections()
        )

    def summary(self) -> dict[str, Any]:
        """Return the number of cells and edges; `num_projections` counts edges."""
        return {
            "num_neurons": self.num_neurons,
            "num_projections": sum(self.edge_counts.values()),
            "population_counts": {name: n for name, (_, n) in self.population_ranges.items()},
        }

    def connectivity_matrix(
        self,
        weights: Mapping[str, float] | None = None,
        seed: int = 123,
        gids: ArrayLike | None = None,
    ) -> NDArray[np.float32]:
        """Return sign · U(0, 1) · weight of every connection, 0 where there is none.

        U depends on (seed, pre gid, post gid) only, so a subset of cells has the entries of the
        whole. The matrix is dense: 4 bytes per pair of cells.

        Args:
            weights: factor by `{post}_{pre}`, 1 where not given.
            seed: of U.
            gids: rows and columns, None for all cells.

        Returns:
            Entry [pre, post], shape [n, n]; the sign is -1 for inhibitory projections.

        Raises:
            UnknownName: if a weight names no projection.
            InvalidValue: if gids repeat or are not there.
        """
        factors = dict(weights or {})
        known = {f"{post}_{pre}": f"{pre}_{post}" for post, pre in self.edge_counts}
        unknown = sorted(set(factors) - set(known))
        if unknown:
            swapped = {pair: key for key, pair in known.items()}
            raise unknown_names("weight", unknown, known, hints=swapped)
        rows = self._rows(gids)
        n_rows = int(rows.max()) + 1
        matrix = np.zeros((n_rows, n_rows), np.float32)
        key = random.key(seed, site=_WEIGHTS)
        for post, pre in self.edge_counts:
            edges = self.edges(post, pre)
            pre_gids = (edges.sources + self.population_ranges[pre][0]).astype(np.uint32)
            post_gids = (edges.targets + self.population_ranges[post][0]).astype(np.uint32)
            i, j = rows[pre_gids], rows[post_gids]
            inside = (i >= 0) & (j >= 0)
            sign = -1.0 if self.synapse_config[post, pre]["type"] == "inhibitory" else 1.0
            factor = sign * factors.get(f"{post}_{pre}", 1.0)
            matrix[i[inside], j[inside]] = factor * _uniform(
                key, pre_gids[inside], post_gids[inside]
            )
        return matrix

    def selection(
        self,
        select: Spec = None,
        method: str = "first",
        bounds: ArrayLike | None = None,
        seed: int = 123,
    ) -> Selection:
        """Return population -> gids of a subset; see `resolve_selection`."""
        return resolve_selection(self, select, method, bounds, seed)

    def _rows(self, gids: ArrayLike | None) -> NDArray[np.int64]:
        """Return the row of each gid in a matrix of `gids`, -1 where it has none."""
        wanted = self.gids if gids is None else np.asarray(gids, np.int64)
        rows = np.full(self.num_neurons, -1, np.int64)
        inside = (wanted >= 0) & (wanted < self.num_neurons)
        if not len(wanted) or not np.all(inside) or len(np.unique(wanted)) < len(wanted):
            raise InvalidValue(
                f"gids repeat or are not there: got {wanted.tolist()}; "
                f"need 0 to {self.num_neurons - 1}, each once.",
                got=wanted.tolist(),
            )
        rows[wanted] = np.arange(len(wanted))
        return rows

    def _check_populations(self, names: Sequence[str]) -> None:
        unknown = [name for name in names if name not in self.population_ranges]
        if unknown:
            raise unknown_names("population", unknown, self.populations)

    def _check_projection(self, post: str, pre: str) -> None:
        if (post, pre) not in self.edge_counts:
            raise unknown_projection(pre, post, self.edge_counts)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.uri!r})"


def _uniform(key: random.Key, a: NDArray[np.uint32], b: NDArray[np.uint32]) -> NDArray[np.float32]:
    """Return one number in (0, 1) per pair; 23 random bits, so that float32 holds it exactly."""
    random.threefry(key, a, b)
    return ((a >> np.uint32(9)).astype(np.float32) + np.float32(0.5)) * np.float32(2.0**-23)
