"""Which cell and section each column of a stimulus is played to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livn.arrays import is_jax, namespace
from livn.backend.network import Network
from livn.errors import InvalidValue, NotSupported
from livn.models.model import Model
from livn.stimulus import Stimulus

Columns = tuple[NDArray[np.int64], NDArray[np.str_]]


@dataclass(frozen=True)
class Part:
    """The columns that act on one section of the cells of a population.

    Attributes:
        columns: positions in the stimulus, a slice where they are all cells in order.
        cells: cell of each.
        n_cells: cells of the population.
        apart: whether no cell has two columns.
    """

    columns: NDArray[np.int64] | slice
    cells: NDArray[np.int64]
    n_cells: int
    apart: bool

    def place(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return rows of a stimulus as [n_rows, n_cells], the columns of one cell added up."""
        if isinstance(self.columns, slice):
            return rows[:, self.columns]
        if is_jax(rows):
            zeros = namespace(rows).zeros((len(rows), self.n_cells), dtype=rows.dtype)
            summed: NDArray[np.float64] = zeros.at[:, self.cells].add(rows[:, self.columns])
            return summed
        out = np.zeros((len(rows), self.n_cells))
        if self.apart:
            out[:, self.cells] = rows[:, self.columns]
        else:
            where: Any = (slice(None), self.cells)
            np.add.at(out, where, rows[:, self.columns])
        return out


@dataclass(frozen=True)
class Site:
    """The columns that act on the cells of one population, by section."""

    population: str
    parts: Mapping[str, Part]


class InvalidStimulusMode(NotSupported, InvalidValue):
    """The cells of a model do not respond to this kind of stimulus."""


class Cells:
    """The cells of a network as columns of stimuli find them; told once, asked at every layout.

    Args:
        network: whose cells.
        model: of them.
    """

    def __init__(self, network: Network, model: Model):
        self.network, self.model, self.gids = network, model, network.gids
        populations = list(network.populations.values())
        self.modes = sorted(set().union(*(model.input_modes(p.kind) for p in populations)))
        sizes = [len(p) for p in populations]
        self._owner = np.repeat(np.arange(len(sizes)), sizes)
        self._cell = np.concatenate([np.arange(n) for n in sizes])

    def sites(self, stimulus: Stimulus) -> list[Site]:
        """Return the populations a stimulus acts on, and through which columns.

        Raises:
            InvalidStimulusMode: for a mode the cells do not respond to.
            InvalidValue: if there are columns of other cells or sections, or not one per cell.
        """
        self._check_mode(stimulus)
        gids, sections = _columns(stimulus, self.network)
        place = np.minimum(np.searchsorted(self.gids, gids), len(self.gids) - 1)
        _check_gids(gids[self.gids[place] != gids], self.gids)
        owner, cell = self._owner[place], self._cell[place]
        found = []
        for k, (name, population) in enumerate(self.network.populations.items()):
            mine = np.flatnonzero(owner == k)
            if mine.size:
                own = sections[mine]
                _check_sections(name, own, population.equations.sections)
                known = sorted(population.equations.sections)
                columns = {s: mine[own == s] for s in known}
                n = len(population)
                parts = {s: _part(c, cell[c], n) for s, c in columns.items() if c.size}
                found.append(Site(name, parts))
        return found

    def _check_mode(self, stimulus: Stimulus) -> None:
        if stimulus.input_mode not in self.modes:
            raise InvalidStimulusMode(
                f"model {self.model.params_key()} takes no {stimulus.input_mode} stimulus: "
                f"got {stimulus.input_mode!r}; its cells respond to {', '.join(self.modes)}.",
                got=stimulus.input_mode,
                allowed=self.modes,
            )


def _part(columns: NDArray[np.int64], cells: NDArray[np.int64], n_cells: int) -> Part:
    apart = bool(np.bincount(cells).max() == 1)
    in_order = len(cells) == n_cells and np.array_equal(cells, np.arange(n_cells))
    if in_order and np.all(np.diff(columns) == 1):
        return Part(slice(int(columns[0]), int(columns[-1]) + 1), cells, n_cells, apart)
    return Part(columns, cells, n_cells, apart)


def _columns(stimulus: Stimulus, network: Network) -> Columns:
    """Return gid and section of each column."""
    simulated = network.gids
    gids, sections = stimulus.columns()
    extracellular = stimulus.input_mode == "extracellular"
    if gids is None:
        per_row = [(g, s) for p in network.populations.values() for g in p.gids
                   for s in p.equations.sections]  # fmt: skip
        if stimulus.width == len(per_row) and (extracellular or stimulus.width != len(simulated)):
            return np.array([g for g, _ in per_row]), np.array([s for _, s in per_row])
        if stimulus.width != len(simulated):
            raise InvalidValue(
                f"stimulus has {stimulus.width} columns, the culture {len(simulated)} cells: got "
                f"no gids; need {len(simulated)} columns, or {len(per_row)} for every compartment.",
                got=stimulus.width,
                allowed=(len(simulated), len(per_row)),
            )
        gids = simulated
    gids = np.asarray(gids).astype(np.int64)
    if sections is None:
        if extracellular:
            raise InvalidValue(
                "extracellular stimulus has no sections: got one potential per cell, which moves "
                "no charge; need one column per compartment. Use env.cell_stimulus, or give "
                "sections and gids.",
            )
        sections = np.full(len(gids), "soma")
    return gids, np.asarray(sections)


def _check_gids(unknown: NDArray[np.int64], simulated: NDArray[np.int64]) -> None:
    if len(unknown):
        unknown = np.unique(unknown)
        raise InvalidValue(
            f"stimulus reaches cells that are not simulated: got gids {unknown[:10].tolist()}; "
            f"simulated: {simulated[0]} to {simulated[-1]} ({len(simulated)} cells).",
            got=unknown.tolist(),
        )


def _check_sections(population: str, sections: NDArray[np.str_], known: Sequence[str]) -> None:
    unknown = sorted(set(sections.tolist()) - set(known))
    if unknown:
        raise InvalidValue(
            f"stimulus names sections that cells of {population} do not have: got {unknown}; "
            f"known: {', '.join(known)}.",
            got=unknown,
            allowed=known,
        )
