"""Events of one channel: which cell, when."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from livn.arrays import is_traced, namespace
from livn.errors import InvalidState, InvalidValue
from livn.run.checks import (
    Ids,
    as_ids,
    as_values,
    ends_of,
    frozen,
    moment,
    on_grid,
    refuse_shared_cells,
    same_duration,
)

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class Events:
    """Events sorted by time, those at the same time by gid.

    Times are rounded to 1e-9 ms, so that shifting a window in time and back changes no bit.

    Attributes:
        ids: gid of each event, shape (n_events,).
        times: ms from the start of the window, 0 <= t < duration, shape (n_events,).
        duration: length of the window, ms; None if it is not known.

    Raises:
        InvalidValue: if lengths differ or a time is not finite or outside the window.
        InvalidType: if the ids are not integers.
    """

    ids: Ids
    times: Floats
    duration: float | None = None

    def __post_init__(self) -> None:
        ids, times = as_ids(self.ids), np.asarray(self.times, dtype=np.float64)
        if times.shape != ids.shape:
            raise InvalidValue(
                f"event times do not match the ids: got {times.shape} times, {ids.shape} ids; "
                "need one time per id."
            )
        duration = None if self.duration is None else moment(self.duration)
        _refuse_outside(times, duration)
        times = _rounded_into(times, duration)
        if not _is_sorted(ids, times):
            order = np.lexsort((ids, times))
            ids, times = ids[order], times[order]
        object.__setattr__(self, "ids", frozen(ids))
        object.__setattr__(self, "times", frozen(times))
        object.__setattr__(self, "duration", duration)

    @classmethod
    def of_steps(cls, ids: Ids, steps: Ids, dt: float, duration: float) -> "Events":
        """Return events that lie on the steps of a simulation; nothing else is checked.

        Args:
            ids: gid of each event.
            steps: of `dt` ms, of each event, from 0 to before the end.
            dt: ms.
            duration: length of the window, ms.
        """
        order = (steps << 32) + ids
        if (order[1:] < order[:-1]).any():
            sorting = np.argsort(order, kind="stable")
            ids, steps = ids[sorting], steps[sorting]
        events = object.__new__(cls)
        times = frozen(on_grid(steps * dt))
        vars(events).update(ids=frozen(ids), times=times, duration=moment(duration))
        return events

    def __len__(self) -> int:
        return len(self.ids)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Events):
            return NotImplemented
        return (
            self.duration == other.duration
            and np.array_equal(self.ids, other.ids)
            and np.array_equal(self.times, other.times)
        )

    def __repr__(self) -> str:
        return f"Events({len(self)} of {len(np.unique(self.ids))} cells)"

    def raster(self, dt: float, n_cells: int | None = None, steps: int | None = None) -> Bools:
        """Return where the events lie on the grid k·dt: each marks the sample nearest to it.

        Args:
            dt: step of the grid, ms.
            n_cells: number of rows, row = gid; None for the highest gid + 1.
            steps: number of samples; None for round(duration / dt) + 1. Later events are left out.

        Returns:
            Grid, shape (n_cells, steps).

        Raises:
            InvalidValue: if dt <= 0, or a gid has no row.
            InvalidState: if `steps` is None and the duration is not known.
        """
        steps = _grid_steps(dt, steps, self.duration)
        highest = int(self.ids.max(initial=-1))
        n_cells = highest + 1 if n_cells is None else n_cells
        if highest >= n_cells:
            raise InvalidValue(
                f"raster has no row for gid {highest}: got n_cells={n_cells}; need {highest + 1}.",
                got=n_cells,
            )
        grid = np.zeros((n_cells, steps), dtype=bool)
        sample = np.rint(self.times / dt).astype(np.int64)
        inside = sample < steps
        grid[self.ids[inside], sample[inside]] = True
        return grid

    def window(self, start: float = 0.0, stop: float | None = None) -> "Events":
        """Return the events with start <= t < stop, times counted from `start`."""
        stop = self.duration if stop is None else stop
        low = np.searchsorted(self.times, on_grid(start))
        high = len(self) if stop is None else np.searchsorted(self.times, on_grid(stop))
        length = None if stop is None else stop - start
        return Events(self.ids[low:high], self.times[low:high] - start, length)

    def select(self, gids: npt.ArrayLike) -> "Events":
        """Return the events of these cells."""
        keep = np.isin(self.ids, as_ids(gids))
        return replace(self, ids=self.ids[keep], times=self.times[keep])

    def concat(self, *others: "Events") -> "Events":
        """Return these events and after them, in time, those of each of the others.

        Raises:
            InvalidState: if a duration is not known.
        """
        parts = (self, *others)
        ends = ends_of([_known(p.duration, "be concatenated") for p in parts])
        times = [p.times + start for p, start in zip(parts, (0.0, *ends), strict=False)]
        return Events(np.concatenate([p.ids for p in parts]), np.concatenate(times), ends[-1])

    def merge(self, *others: "Events") -> "Events":
        """Return the events of all, which must cover the same window and no cell twice.

        Raises:
            InvalidValue: if durations differ or a cell has events in more than one of them.
        """
        parts = (self, *others)
        refuse_shared_cells([p.ids for p in parts])
        return Events(
            np.concatenate([p.ids for p in parts]),
            np.concatenate([p.times for p in parts]),
            same_duration([p.duration for p in parts]),
        )


@dataclass(frozen=True, eq=False, repr=False)
class PaddedEvents:
    """Events as one padded row of times per cell, the form that gradients flow through.

    Attributes:
        ids: gid of each row, shape (n_cells,).
        times: ms from the start of the window, shape (..., n_cells, k); not finite = no event.
        duration: length of the window, ms; None if it is not known.

    Raises:
        InvalidValue: if the rows do not match the ids.
        InvalidType: if the ids are not integers.
    """

    ids: Ids
    times: Floats
    duration: float | None = None

    def __post_init__(self) -> None:
        ids, times = as_ids(self.ids), as_values(self.times)
        if times.ndim < 2 or times.shape[-2] != len(ids):
            raise InvalidValue(
                f"padded times do not match the ids: got shape {times.shape} for {len(ids)} ids; "
                f"need (..., {len(ids)}, k)."
            )
        object.__setattr__(self, "ids", frozen(ids))
        object.__setattr__(self, "times", frozen(times))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PaddedEvents):
            return NotImplemented
        return (
            self.duration == other.duration
            and np.array_equal(self.ids, other.ids)
            and np.array_equal(self.times, other.times)
        )

    def __repr__(self) -> str:
        return f"PaddedEvents{self.times.shape}"

    def compact(self) -> Events:
        """Return the events without padding.

        Raises:
            InvalidState: if there are batch dimensions, or inside a jax transformation, where the
                number of events is not known.
        """
        if is_traced(self.times):
            raise InvalidState(
                "padded events have no flat form inside a jax transformation: got traced times of "
                f"shape {self.times.shape}. Use run.spikes.times and run.spikes.ids, not finite "
                "where there is no event, or leave the transformation first."
            )
        if self.times.ndim != 2:
            raise InvalidState(
                f"batch of events has no flat form: got shape {self.times.shape}; need "
                "(n_cells, k). Index the batch first."
            )
        times = np.asarray(self.times)
        rows, columns = np.nonzero(np.isfinite(times))
        return Events(self.ids[rows], times[rows, columns], self.duration)

    def raster(self, dt: float, n_cells: int | None = None, steps: int | None = None) -> Bools:
        """Return where the events lie on the grid k·dt, shape (..., n_cells, steps)."""
        steps = _grid_steps(dt, steps, self.duration)
        flat = self.times.reshape(-1, *self.times.shape[-2:])
        n_cells = int(self.ids.max(initial=-1)) + 1 if n_cells is None else n_cells
        grids = [replace(self, times=times).compact().raster(dt, n_cells, steps) for times in flat]
        return np.array(grids, dtype=bool).reshape(*self.times.shape[:-2], n_cells, steps)

    def window(self, start: float = 0.0, stop: float | None = None) -> Self:
        """Return the events with start <= t < stop, times counted from `start`."""
        stop = self.duration if stop is None else stop
        limit = np.inf if stop is None else stop
        inside = (self.times >= start) & (self.times < limit)
        length = None if stop is None else float(on_grid(stop - start))
        shifted = namespace(self.times).where(inside, self.times - start, np.inf)
        return replace(self, times=shifted, duration=length)

    def select(self, gids: npt.ArrayLike) -> Self:
        """Return the rows of these cells."""
        keep = np.isin(self.ids, as_ids(gids))
        return replace(self, ids=self.ids[keep], times=self.times[..., keep, :])

    def concat(self, *others: "PaddedEvents") -> "PaddedEvents":
        """Return the events of each, one after the other in time; all have the same rows."""
        parts = (self, *others)
        for part in others:
            if not np.array_equal(part.ids, self.ids):
                raise InvalidValue(
                    f"padded events have other rows: got gids {part.ids[:5].tolist()}; need "
                    "the same gids in the same order.",
                    got=part.ids,
                )
        ends = ends_of([_known(p.duration, "be concatenated") for p in parts])
        times = [p.times + start for p, start in zip(parts, (0.0, *ends), strict=False)]
        return PaddedEvents(self.ids, namespace(*times).concatenate(times, axis=-1), ends[-1])

    def merge(self, *others: "PaddedEvents") -> "PaddedEvents":
        """Return the rows of all, which must cover the same window and no cell twice."""
        parts = (self, *others)
        refuse_shared_cells([p.ids for p in parts])
        width = max(p.times.shape[-1] for p in parts)
        xp = namespace(*(p.times for p in parts))
        return PaddedEvents(
            np.concatenate([p.ids for p in parts]),
            xp.concatenate([_widened(p.times, width) for p in parts], axis=-2),
            same_duration([p.duration for p in parts]),
        )


def _widened(times: Floats, width: int) -> Floats:
    """Return the times with padding up to `width` columns."""
    pad: list[tuple[int, int]] = [(0, 0)] * (times.ndim - 1) + [(0, width - times.shape[-1])]
    widened: Floats = namespace(times).pad(times, pad, constant_values=np.inf)
    return widened


def _is_sorted(ids: Ids, times: Floats) -> bool:
    """Whether the events are in order of time, then gid."""
    step = np.diff(times)
    return bool(np.all((step > 0) | ((step == 0) & (np.diff(ids) >= 0))))


def _refuse_outside(times: Floats, duration: float | None) -> None:
    """Raise if a time is not finite or not in [0, duration), up to rounding of a difference."""
    late = np.inf if duration is None else duration
    outside = times[~((times > -1e-9) & (times < late))]
    if outside.size:
        need = "finite and not negative" if duration is None else f"0 <= t < {duration:g} ms"
        got = outside[:3].tolist()
        raise InvalidValue(f"event times are outside the window: got {got}; need {need}.", got=got)


def _rounded_into(times: Floats, duration: float | None) -> Floats:
    """Return the times on the 1e-9 ms grid, those that round up to the end just before it."""
    last = np.inf if duration is None else on_grid(duration - 1e-9)
    rounded: Floats = np.clip(on_grid(times), 0.0, last)
    return rounded


def _known(duration: float | None, what: str) -> float:
    """Return the duration, or raise that it is needed."""
    if duration is None:
        raise InvalidState(
            f"events cannot {what} without a duration: got None; give the length of the window, ms."
        )
    return duration


def _grid_steps(dt: float, steps: int | None, duration: float | None) -> int:
    """Return the number of samples of a raster."""
    if not dt > 0:
        raise InvalidValue(f"raster dt is not positive: got {dt}; need ms above 0.", got=dt)
    return round(_known(duration, "be rastered") / dt) + 1 if steps is None else steps
