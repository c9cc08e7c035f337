"""Sampled values of one channel: one row per recorded place, one column per sample."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from livn.arrays import namespace
from livn.errors import InvalidValue
from livn.run.checks import Ids, as_ids, as_values, frozen, on_grid, refuse_shared_cells


@dataclass(frozen=True, eq=False, repr=False)
class Series:
    """Rows of samples on the grid t0 + k·dt.

    Attributes:
        ids: gid of each row, shape (n_rows,); a gid may have several rows.
        values: samples, shape (n_rows, T, ...), the unit is that of what was recorded.
        dt: time between samples, ms.
        t0: time of the first sample from the start of the window, ms, 0 <= t0 < dt.
        sections: section of each row, or None for one unnamed place per row.

    Raises:
        InvalidValue: if rows, ids and sections differ in number, or dt or t0 is out of range.
        InvalidType: if the ids are not integers.
    """

    ids: Ids
    values: npt.NDArray[Any]
    dt: float
    t0: float = 0.0
    sections: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        ids, values = as_ids(self.ids), as_values(self.values)
        if values.ndim < 2 or values.shape[0] != len(ids):
            raise InvalidValue(
                f"series values do not match the ids: got shape {values.shape} for {len(ids)} "
                f"ids; need ({len(ids)}, T)."
            )
        if self.sections is not None and len(self.sections) != len(ids):
            raise InvalidValue(
                f"series sections do not match the rows: got {len(self.sections)}; "
                f"need {len(ids)}.",
                got=self.sections,
            )
        if not (self.dt > 0 and 0 <= self.t0 < self.dt):
            raise InvalidValue(
                f"series grid is not valid: got dt={self.dt}, t0={self.t0}; "
                "need dt > 0 and 0 <= t0 < dt.",
                got=(self.dt, self.t0),
            )
        object.__setattr__(self, "ids", frozen(ids))
        object.__setattr__(self, "values", frozen(values))
        if self.sections is not None:
            object.__setattr__(self, "sections", tuple(self.sections))

    @property
    def n_samples(self) -> int:
        """Number of samples T."""
        return int(self.values.shape[1])

    @property
    def times(self) -> npt.NDArray[np.float64]:
        """Time of each sample from the start of the window, ms, shape (T,)."""
        return np.asarray(on_grid(self.t0 + self.dt * np.arange(self.n_samples)))

    @property
    def duration(self) -> float:
        """Length of the window if it ends one dt after the last sample, ms."""
        return float(on_grid(self.n_samples * self.dt))

    def __len__(self) -> int:
        return len(self.ids)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Series):
            return NotImplemented
        return (
            (self.dt, self.t0, self.sections) == (other.dt, other.t0, other.sections)
            and np.array_equal(self.ids, other.ids)
            and np.array_equal(self.values, other.values, equal_nan=self.values.dtype.kind == "f")
        )

    def __repr__(self) -> str:
        return f"Series({' x '.join(map(str, self.values.shape))} every {self.dt:g} ms)"

    def window(
        self, start: float = 0.0, stop: float | None = None, *, name: str = "series"
    ) -> "Series":
        """Return the samples with start <= t < stop; `name` is what messages call the series.

        Raises:
            InvalidValue: if a bound is not a multiple of dt.
        """
        low = self._sample(f"{name} window start", start)
        high = self.n_samples if stop is None else self._sample(f"{name} window stop", stop)
        return replace(self, values=self.values[:, low:high])

    def select(self, gids: npt.ArrayLike) -> "Series":
        """Return the rows of these cells."""
        return self._rows(np.flatnonzero(np.isin(self.ids, as_ids(gids))))

    def concat(self, *others: "Series") -> "Series":
        """Return these samples and after them those of each of the others, one dt apart.

        Raises:
            InvalidValue: if dt or rows differ.
        """
        for other in others:
            if other.dt != self.dt:
                raise InvalidValue(
                    f"series steps differ: got dt={other.dt:g} ms; need {self.dt:g} ms.",
                    got=other.dt,
                )
            if not np.array_equal(self.ids, other.ids) or self.sections != other.sections:
                raise InvalidValue(
                    f"series rows differ: got gids {other.ids[:5].tolist()} after "
                    f"{self.ids[:5].tolist()} ({len(other)} rows after {len(self)}); need the "
                    "same gids and sections in the same order.",
                    got=other.ids,
                )
        values = [self.values, *(o.values for o in others)]
        return replace(self, values=namespace(*values).concatenate(values, 1))

    def merge(self, *others: "Series") -> "Series":
        """Return the rows of all, in order of gid.

        Raises:
            InvalidValue: if dt, t0 or number of samples differ, a cell occurs twice, or only
                some have sections.
        """
        parts = (self, *others)
        grid = (self.dt, self.t0, self.n_samples)
        for other in others:
            if (other.dt, other.t0, other.n_samples) != grid:
                raise InvalidValue(
                    f"series grids differ: got dt={other.dt:g}, t0={other.t0:g} ms, "
                    f"{other.n_samples} samples; need dt={self.dt:g}, t0={self.t0:g} ms, "
                    f"{self.n_samples} samples to merge.",
                    got=(other.dt, other.t0, other.n_samples),
                )
        refuse_shared_cells([p.ids for p in parts])
        named = [p.sections for p in parts if p.sections is not None]
        if named and len(named) < len(parts):
            raise InvalidValue("series sections differ: got some with and some without; need both.")
        together = Series(
            np.concatenate([p.ids for p in parts]),
            namespace(*(p.values for p in parts)).concatenate([p.values for p in parts]),
            self.dt,
            self.t0,
            tuple(s for sections in named for s in sections) if named else None,
        )
        order = np.argsort(together.ids, kind="stable")
        return together if np.all(np.diff(order) == 1) else together._rows(order)

    def _rows(self, rows: npt.NDArray[np.int64]) -> "Series":
        """Return these rows in this order."""
        sections = None if self.sections is None else tuple(self.sections[r] for r in rows)
        return replace(self, ids=self.ids[rows], values=self.values[rows], sections=sections)

    def _sample(self, bound: str, time: float) -> int:
        """Return the number of samples before `time`, which must be a multiple of dt."""
        sample = round(time / self.dt)
        if abs(sample * self.dt - time) > 1e-9:
            raise InvalidValue(
                f"{bound} is not on a sample: got {time:g} ms; need a multiple "
                f"of dt={self.dt:g} ms, nearest {sample * self.dt:g} ms.",
                got=time,
            )
        return sample
