"""What events and series share: gids, rounding of times, refusals."""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from livn.arrays import is_jax
from livn.errors import InvalidType, InvalidValue, unknown_names

Ids = npt.NDArray[np.int64]
Array = TypeVar("Array", bound=npt.NDArray[Any])

_TICK = 1e-9  # ms, the grid on which times are kept
SAME_MOMENT = 1e-6  # ms, two ways to compute one moment differ by less


def on_grid(times: Any) -> Any:
    """Return times, ms, rounded to 1e-9 ms: `np.round(times, 9)` in a third of the time."""
    return np.rint(np.multiply(times, 1e9)) / 1e9


def moment(time: float) -> float:
    """Return one time, ms, rounded as `on_grid` rounds many, without the cost of an array."""
    ticks = float(time) * 1e9
    return round(ticks) / 1e9 if isfinite(ticks) else float(time)


def ends_of(durations: Sequence[float]) -> list[float]:
    """Return when windows laid end to end are over, ms; sums of whole 1e-9 ms, so no rounding."""
    ticks = np.rint(np.asarray(durations) / _TICK).astype(np.int64)
    ends: list[float] = on_grid(np.cumsum(ticks) * _TICK).tolist()
    return ends


def as_ids(ids: npt.ArrayLike) -> Ids:
    """Return gids as a list of 64-bit integers.

    Raises:
        InvalidType: if they are not integers.
        InvalidValue: if they are not a list.
    """
    array = np.asarray(ids)
    if array.ndim != 1:
        raise InvalidValue(f"ids are not a list: got shape {array.shape}; need (n,).")
    if array.dtype.kind not in "iu" and array.size:
        raise InvalidType(f"ids are not integers: got {array.dtype}; need gids.", got=array.dtype)
    return array.astype(np.int64, copy=False)


def as_values(values: Any) -> npt.NDArray[Any]:
    """Return values as a numpy array, those of jax as they are, so that gradients flow."""
    array: npt.NDArray[Any] = values if is_jax(values) else np.asarray(values)
    return array


def frozen(array: Array) -> Array:
    """Return a read-only view; the array itself stays as it is."""
    if type(array) is not np.ndarray and is_jax(array):  # can never be written to
        return array
    view = array.view()
    view.setflags(write=False)
    return view


def refuse_shared_cells(parts: Sequence[Ids]) -> None:
    """Raise if a gid occurs in more than one of the parts."""
    gids, counts = np.unique(np.concatenate([np.unique(p) for p in parts]), return_counts=True)
    shared = gids[counts > 1].tolist()
    if shared:
        raise InvalidValue(
            f"cells occur on both sides: got gids {shared[:5]} twice ({len(shared)} in all); "
            "need disjoint cells. Use concat for windows that follow in time.",
            got=shared,
        )


def same_duration(durations: Sequence[float | None]) -> float | None:
    """Return the duration the parts have in common, or raise."""
    if len(set(durations)) > 1:
        raise InvalidValue(
            f"windows differ: got durations {list(durations)} ms; need the same to merge.",
            got=list(durations),
        )
    return durations[0]


def gids_of(population: str | Sequence[str], ranges: Mapping[str, tuple[int, int]] | None) -> Ids:
    """Return the gids of one or more populations, or raise if they cannot be found."""
    names = [population] if isinstance(population, str) else list(population)
    if ranges is None:
        raise InvalidValue(
            f"populations {names} cannot be found: got population_ranges=None; "
            "need the population_ranges of the system.",
            got=names,
        )
    unknown = [n for n in names if n not in ranges]
    if unknown:
        raise unknown_names("population", unknown, ranges)
    spans = [np.arange(start, start + count) for start, count in (ranges[n] for n in names)]
    return np.concatenate([np.empty(0, np.int64), *spans])
