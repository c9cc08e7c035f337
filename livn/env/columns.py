"""Which cell and section each column of a stimulus is played to."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livn.arrays import is_jax, namespace
from livn.backend.network import Network
from livn.errors import InvalidValue, NotSupported
from livn.models.model import Model
from livn.stimulus import Stimulus

Columns = tuple[NDArray[np.int64], NDArray[np.str_]]
Floats = NDArray[np.float64]

_NOWHERE = -1  # slot of a section that a cell does not have


@dataclass(frozen=True)
class Layout:
    """Where the columns of a stimulus act.

    A block is a section of all cells of a population, in their order.

    Attributes:
        blocks: population -> section -> where its block lies, of those with a column.
        slots: where each column lies in the blocks.
        n_slots: of all blocks.
        apart: whether no slot has two columns.
        in_order: whether the columns are the blocks as they are.
    """

    blocks: Mapping[str, Mapping[str, slice]]
    slots: NDArray[np.int64]
    n_slots: int
    apart: bool
    in_order: bool

    def place(self, rows: Floats) -> dict[str, dict[str, Floats]]:
        """Return rows of a stimulus as population -> section -> [n_rows, n_cells].

        The columns of one slot are added up.
        """
        placed = rows if self.in_order else self._placed(rows)
        return {
            population: {section: placed[:, block] for section, block in own.items()}
            for population, own in self.blocks.items()
        }

    def _placed(self, rows: Floats) -> Floats:
        where: Any = (slice(None), self.slots)
        if is_jax(rows):
            zeros = namespace(rows).zeros((len(rows), self.n_slots), dtype=rows.dtype)
            summed: Floats = zeros.at[where].add(rows)
            return summed
        placed = np.zeros((len(rows), self.n_slots))
        if self.apart:
            placed[where] = rows
        else:
            np.add.at(placed, where, rows)
        return placed


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
        self._ends = np.append(self.gids, -1)
        names = dict.fromkeys(s for p in populations for s in p.equations.sections)
        self._slots = {s: np.full(len(self.gids), _NOWHERE) for s in names}  # of each cell
        self._blocks: list[tuple[str, str, slice]] = []  # population, section, slots
        end = 0
        for section, p in product(names, populations):
            if section in p.equations.sections:
                start, end = end, end + len(p)
                self._slots[section][np.searchsorted(self.gids, p.gids)] = np.arange(start, end)
                self._blocks.append((p.name, section, slice(start, end)))
        self._n_slots, self._starts = end, [block.start for _, _, block in self._blocks]

    def layout(self, stimulus: Stimulus) -> Layout:
        """Return where the columns of a stimulus act.

        Raises:
            InvalidStimulusMode: for a mode the cells do not respond to.
            InvalidValue: if there are columns of other cells or sections, or not one per cell.
        """
        self._check_mode(stimulus)
        gids, sections = _columns(stimulus, self.network)
        cells = self.gids.searchsorted(gids)
        _check_gids(gids[self._ends[cells] != gids], self.gids)
        slots: Any = _NOWHERE
        for section, own in self._slots.items():
            slots = np.where(sections == section, own[cells], slots)
        if slots.min(initial=0) == _NOWHERE:
            self._refuse_sections(gids, sections, slots == _NOWHERE)
        columns = np.bincount(slots, minlength=self._n_slots)  # of each slot
        there = np.add.reduceat(columns, self._starts).tolist()
        found = [block for block, n in zip(self._blocks, there, strict=True) if n]
        full = len(slots) == sum(block.stop - block.start for _, _, block in found)
        in_order = full and bool(np.all(slots[1:] - slots[:-1] == 1))
        first = int(slots[0]) if in_order and found else 0
        blocks: dict[str, dict[str, slice]] = {}
        for name, section, block in found:
            place = slice(block.start - first, block.stop - first)
            blocks.setdefault(name, {})[section] = place
        return Layout(blocks, slots, self._n_slots, bool(columns.max() <= 1), in_order)

    def _refuse_sections(
        self, gids: NDArray[np.int64], sections: NDArray[np.str_], wrong: NDArray[np.bool_]
    ) -> None:
        name, population = next(
            item for item in self.network.populations.items()
            if np.isin(gids[wrong], item[1].gids).any()
        )  # fmt: skip
        known = population.equations.sections
        unknown = np.unique(sections[wrong & np.isin(gids, population.gids)]).tolist()
        raise InvalidValue(
            f"stimulus names sections that cells of {name} do not have: got {unknown}; "
            f"known: {', '.join(known)}.",
            got=unknown,
            allowed=known,
        )

    def _check_mode(self, stimulus: Stimulus) -> None:
        if stimulus.input_mode not in self.modes:
            raise InvalidStimulusMode(
                f"model {self.model.params_key()} takes no {stimulus.input_mode} stimulus: "
                f"got {stimulus.input_mode!r}; its cells respond to {', '.join(self.modes)}.",
                got=stimulus.input_mode,
                allowed=self.modes,
            )


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
