"""Values at steps, kept as they were given and rendered where they are asked for."""

from collections.abc import Callable

import numpy as np

from livn.arrays import Array, n_steps, namespace
from livn.stimulus.layout import pad, weighted
from livn.stimulus.limits import check_size

Source = Callable[[float, float], Array]


class Samples:
    """The part of a Stimulus that is its values.

    Attributes:
        dt: step, ms.
        n_steps: number of samples.
        gids: gid of each column, None where not given.
        gain: what a unit of each column that was given is in each column of the values.
    """

    dt: float
    n_steps: int
    gids: Array
    gain: Array | None
    _array: Array | None
    _source: Source | None

    @property
    def array(self) -> Array:
        """The values, shape (n_steps, n_columns), read-only; source and gain are rendered anew.

        Raises:
            InvalidValue: if rendering takes more than LIVN_MAX_STIMULUS_GB.
        """
        whole = self._array is not None and self.gain is None
        return self._array if whole else self.window(0.0, self.duration)

    @property
    def given(self) -> Array | None:
        """The array it was made of, before any gain; None where a source renders it."""
        return self._array

    @property
    def duration(self) -> float:
        """Time from the first sample to the end of the last, ms."""
        return self.n_steps * self.dt

    @property
    def width(self) -> int:
        """Number of columns."""
        values = self._array if self.gain is None else self.gain
        return int(self.gids.size if values is None else values.shape[-1])

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """Shape of the axes in front of steps and columns, () for one stimulus."""
        return () if self._array is None else self._array.shape[:-2]

    def window(self, start: float, stop: float) -> Array:
        """Return the values of [start, stop) ms, shape (n_rows, n_columns); zero after the end.

        Raises:
            InvalidValue: if a bound is not a multiple of dt, or the window is too large.
        """
        first = n_steps(start, self.dt, "window start")
        last = max(first, n_steps(stop, self.dt, "window stop"))
        if self._source is not None or self.gain is not None:
            check_size((*self.batch_shape, last - first, self.width), np.float64)
        rows = pad(self.inputs(first, last), last - first)
        return rows if self.gain is None else weighted(rows, self.gain)

    def inputs(self, first: int, last: int) -> Array:
        """Return samples [first, last) as given, before any gain, none after the end.

        Args:
            first, last: numbers of samples.
        """
        if self._array is not None:
            return self._array[..., first:last, :]
        end = max(first, min(last, self.n_steps))
        assert self._source is not None  # one of the two is there
        return self._source(first * self.dt, end * self.dt)

    def to_array(self, duration: float, dt: float) -> Array:
        """Return the value at every step of a run, shape (n_steps, n_columns), zero after the end.

        Args:
            duration: of the run, ms.
            dt: step of the run, ms; the stimulus dt is a multiple of it.

        Raises:
            InvalidValue: if the steps do not fit, or the array is too large.
        """
        steps = n_steps(duration, dt, "duration")
        hold = n_steps(self.dt, dt, "stimulus dt")
        check_size((steps, self.width), np.float64)
        rows = self.window(0.0, -(-steps // hold) * self.dt)
        return namespace(rows).repeat(rows, hold, axis=-2)[..., :steps, :]
