"""What an io does to the same rows again and again, computed once."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from livn.arrays import Array, is_lasting, is_traced
from livn.io.geometry import placed
from livn.io.jsonable import Jsonable
from livn.stimulus.layout import check_sections

_MOST = 2**22  # numbers kept of all gains onto the same rows, 32 MiB
_FEW = 0.25  # share of channels, below which a gain is cut to the rows that they reach
_PLAIN = frozenset((float, int, str, bool, type(None)))
ALL = slice(None)

Names = NDArray[np.str_] | None
Driven = NDArray[np.int64] | slice  # positions of channels, or ALL
Effect = tuple[Array, Array, Names]  # gain (channels, columns), gid and section of each column


class Reaching(Protocol):
    """An io, as far as it stimulates."""

    @property
    def num_channels(self) -> int:
        """Number of channels."""

    def reach(self, coordinates: Array, channels: Any = None) -> Array:
        """Return what a unit command of each channel does at each row, shape (channels, rows)."""


@dataclass
class Coupling:
    """The gains of an io onto some rows, by the channels that are driven; the latest are kept.

    Attributes:
        state: of the io, see `_state`.
        rows, names: what the gains are onto.
        found: by the channels that are driven.
        n_kept: numbers in all gains found.
        whole: effect of all channels, where there is room for it.
    """

    state: Any
    rows: NDArray[np.float64]
    names: Names
    found: dict[bytes, Effect] = field(default_factory=dict)
    n_kept: int = 0
    whole: Effect | None = None

    def fits(self, state: Any, rows: Any, names: Names) -> bool:
        """Return whether io and rows are still what the gains were computed for."""
        return self.state == state and _same(self.rows, rows) and _same(self.names, names)

    def effect(self, io: Reaching, driven: Driven) -> Effect:
        """Return the gain of the driven channels.

        Of many channels it has all rows that any channel reaches: zeros cost less than rows which
        are others for every choice of channels, and have to be found again wherever they act.
        """
        if isinstance(driven, slice):
            return self._all(io) or _reached(io.reach(self.rows), self.rows[:, 0], self.names)
        key = driven.tobytes()
        if key in self.found:
            return self.found[key]
        new = self._new(io, driven)
        while self.found and self.n_kept + new[0].size > _MOST:
            self.n_kept -= self.found.pop(next(iter(self.found)))[0].size
        if new[0].size <= _MOST:
            self.found[key] = new
            self.n_kept += new[0].size
        return new

    def _all(self, io: Reaching) -> Effect | None:
        """Return the effect of all channels, None where there is no room for it."""
        if self.whole is None and io.num_channels * len(self.rows) <= _MOST:
            self.whole = _reached(io.reach(self.rows), self.rows[:, 0], self.names)
        return self.whole

    def _new(self, io: Reaching, driven: NDArray[np.int64]) -> Effect:
        whole = self._all(io)
        if whole is None:
            return _reached(io.reach(self.rows, driven), self.rows[:, 0], self.names)
        gain, gids, names = whole
        if len(driven) < _FEW * io.num_channels:
            return _reached(gain[driven], gids, names)
        return _fixed(gain[driven]), gids, names


_KEPT: WeakKeyDictionary[Reaching, Coupling] = WeakKeyDictionary()


def effect_of(
    io: Reaching,
    coordinates: Array,
    sections: Sequence[str] | NDArray[np.str_] | None,
    driven: Driven | None,
) -> Effect:
    """Return the gain of the driven channels, and gid and section of its columns.

    Rows that no channel reaches have no column, nor those that only others than a few driven ones
    reach, except inside a jax transformation. A gain is computed again unless every attribute of
    the io and all rows are equal to what they were.

    Args:
        io: whose attributes alone decide its reach.
        coordinates: rows (gid, x, y, z), um.
        sections: section name of each row; None where a row is a whole cell.
        driven: positions of the channels, or ALL; None for all of them and all rows.

    Raises:
        InvalidValue: if rows or sections do not fit together.
    """
    names = None if sections is None else np.asarray(sections, str)
    state = _state(io)
    if driven is None or state is None or not isinstance(coordinates, np.ndarray):
        rows = placed(coordinates, "coordinates")
        check_sections(names, rows[:, 0])
        return _effect(io, rows, names, driven)
    kept = _KEPT.get(io)
    if kept is None or not kept.fits(state, coordinates, names):
        check_sections(names, placed(coordinates, "coordinates")[:, 0])
        kept = _KEPT[io] = Coupling(state, _lasting(coordinates), _lasting(names))
    return kept.effect(io, driven)


def _effect(io: Reaching, rows: Array, names: Names, driven: Any) -> Effect:
    gain = io.reach(rows, None if isinstance(driven, slice) else driven)
    if is_traced(gain) or driven is None:
        return gain, rows[:, 0], names
    return _reached(gain, rows[:, 0], names)


def _reached(gain: Array, gids: Array, names: Names) -> Effect:
    """Return what driven channels do to the rows that they reach."""
    reached = np.flatnonzero(np.asarray(gain).any(axis=0))
    names = None if names is None else names[reached]
    return _fixed(gain[:, reached]), _fixed(gids[reached].astype(np.int64)), _fixed(names)


def _fixed(array: Any) -> Any:
    """Return an array that nobody can write to, if it is numpy's."""
    if isinstance(array, np.ndarray):
        array.flags.writeable = False
    return array


def _state(io: Any) -> list[Any] | None:
    """Return the attributes of an io as they are now, None if one may change unseen."""
    if type(io).__hash__ is None:
        return None
    found: list[Any] = [type(io)]
    for item in vars(io).items():
        name, value = item
        if type(value) not in _PLAIN:
            held = _held(value)
            if held is None:
                return None
            item = (name, held)
        found.append(item)
    return found


def _held(value: Any) -> Any:
    """Return what tells whether an attribute has changed, None if nothing does."""
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, Jsonable):
        return _state(value)
    return value if isinstance(value, np.generic) else None


def _lasting(array: Any) -> Any:
    """Return an array that stays as it is: itself where nobody can write to it."""
    return array if array is None or is_lasting(array) else array.copy()


def _same(kept: Any, array: Any) -> bool:
    return kept is array or (kept is not None and array is not None and np.array_equal(kept, array))
