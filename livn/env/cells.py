"""Cells of an Env and their parameters: `env.cells`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from livn.env.parameters import by_name
from livn.errors import InvalidValue, UnknownName, unknown_names

if TYPE_CHECKING:
    from livn.env.env import Env


@dataclass(frozen=True)
class Cell:
    """One simulated cell."""

    env: "Env"
    gid: int
    population: str

    def get_params(self) -> dict[str, float]:
        """Return its parameters, `<section>.<parameter>` -> value."""
        return {name: float(column[self._row]) for name, column in self._columns().items()}

    def set_params(self, params: Mapping[str, float]) -> "Env":
        """Set some of its parameters; its neighbours keep theirs."""
        columns = self._columns()
        unknown = [name for name in by_name(params) if name not in columns]
        if unknown:
            raise self.unknown_param(unknown[0], list(columns))
        for name, value in params.items():
            columns[name][self._row] = value
        return self.env.set_params({f"cells-{self.population}:{n}": columns[n] for n in params})

    def unknown_param(self, name: str, available: list[str]) -> UnknownName:
        """Return the error for a name that is not one of its parameters."""
        return unknown_names(f"parameter of cell {self.gid}", [name], available)

    @property
    def _row(self) -> int:
        gids = self.env.network_plan.populations[self.population].gids
        return int(np.searchsorted(gids, self.gid))

    def _columns(self) -> dict[str, NDArray[np.float64]]:
        """Return the parameters of its population, one value per cell."""
        n_cells = len(self.env.network_plan.populations[self.population])
        found = self.env.parameters.cell_parameters(self.population)
        return {name: np.broadcast_to(v, n_cells).astype(float) for name, v in found.items()}


class CellRegistry(Mapping[Any, Any]):
    """Population -> {gid: Cell}; an integer key is a gid."""

    def __init__(self, env: "Env"):
        self.env = env

    def __getitem__(self, key: str | int) -> Any:
        populations = self.env.network_plan.populations
        if isinstance(key, str):
            if key not in populations:
                raise unknown_names("population", [key], populations)
            return {int(g): Cell(self.env, int(g), key) for g in populations[key].gids}
        for name, population in populations.items():
            if key in population.gids:
                return Cell(self.env, int(key), name)
        raise UnknownName(
            f"gid is not simulated: got {key!r}; simulated: {self.gids[0]} to {self.gids[-1]} "
            f"({len(self.gids)} cells).",
            got=key,
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self.env.network_plan.populations)

    def __len__(self) -> int:
        return len(self.env.network_plan.populations)

    @property
    def gids(self) -> NDArray[np.int64]:
        """Gids of all simulated cells, ascending."""
        return self.env.network_plan.gids.copy()

    @property
    def local_gids(self) -> NDArray[np.int64]:
        """Gids of the cells on this rank."""
        populations, own = self.env.network_plan.populations, self.env.network_plan.own
        return np.concatenate([p.gids[own[n]] for n, p in populations.items()]).astype(np.int64)

    def get_params(self) -> dict[str, NDArray[np.float64]]:
        """Return name -> value of every cell in gid order, nan where a cell lacks it."""
        out: dict[str, NDArray[np.float64]] = {}
        for population, rows in self._rows().items():
            for name, value in self.env.parameters.cell_parameters(population).items():
                out.setdefault(name, np.full(len(self.gids), np.nan))[rows] = value
        return out

    def set_params(self, params: Mapping[str, Any]) -> "Env":
        """Set parameters of all cells that have them; returns the Env.

        Args:
            params: `<section>.<parameter>`, or `<POP>:<section>.<parameter>`, -> one value, or one
                value per cell in gid order (of that population where one is named).

        Raises:
            UnknownName: for a name no cell has.
            InvalidValue: for a wrong number of values.
        """
        change: dict[str, Any] = {}
        for name, value in by_name(params).items():
            if ":" in name or np.ndim(value) == 0:
                change[f"cells-{name}"] = value
            else:
                change |= self._split(name, np.asarray(value))
        return self.env.set_params(change)

    def _rows(self) -> dict[str, slice]:
        populations = self.env.network_plan.populations
        stops = np.cumsum([len(p) for p in populations.values()]).tolist()
        return {name: slice(stop - len(populations[name]), stop)
                for name, stop in zip(populations, stops, strict=True)}  # fmt: skip

    def _split(self, name: str, column: NDArray[Any]) -> dict[str, Any]:
        if column.shape != self.gids.shape:
            raise InvalidValue(
                f"parameter {name!r} has the wrong length: got shape {column.shape}; need one "
                f"value, or {len(self.gids)}, one per cell.",
                got=column.shape,
                allowed=len(self.gids),
            )
        having = {
            f"cells-{population}:{name}": column[rows]
            for population, rows in self._rows().items()
            if name in self.env.parameters.cell_parameters(population)
        }
        return having or {f"cells-{name}": column}
