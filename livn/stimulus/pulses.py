"""Rectangular current pulses on a time grid, kept as phases and rendered window by window."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from livn.arrays import n_steps, positive
from livn.errors import InvalidValue
from livn.stimulus.limits import check_size


@dataclass(frozen=True)
class PulseTrain:
    """Constant phases on some electrodes, zero elsewhere and between.

    Attributes:
        bounds: first step of each phase and one past its last, shape (n_phases, 2), ascending.
        values: command during each phase, uA, float32, shape (n_phases, len(channels)).
        channels: positions of the driven electrodes.
        n_channels: number of electrodes of the array.
        n_steps: length of the whole train in steps.
        dt: step, ms.
    """

    bounds: NDArray[np.int64]
    values: NDArray[np.float32]
    channels: tuple[int, ...]
    n_channels: int
    n_steps: int
    dt: float

    def window(self, first: int, last: int) -> NDArray[np.float32]:
        """Return the commands of steps [first, last), uA, shape (last - first, n_channels).

        Steps after the end of the train are zero.

        Raises:
            InvalidValue: if the window is larger than LIVN_MAX_STIMULUS_GB.
        """
        check_size((last - first, self.n_channels), np.dtype(np.float32))
        commands = np.zeros((last - first, self.n_channels), np.float32)
        inside = (self.bounds[:, 0] < last) & (self.bounds[:, 1] > first)
        phases = np.clip(self.bounds[inside], first, last) - first
        for (start, stop), value in zip(phases, self.values[inside], strict=True):
            commands[start:stop, list(self.channels)] = value
        return commands


def pulse_train(
    *,
    n_channels: int,
    channels: Sequence[int],
    onsets: Sequence[float],
    amplitudes: float | Sequence[float] | NDArray[np.floating],
    phases: Sequence[tuple[float, float]],
    dt: float,
    extent: float | None = None,
) -> PulseTrain:
    """Return the train that plays the same phases at every onset.

    Args:
        n_channels: number of electrodes of the array.
        channels: positions of the driven electrodes, 0 to n_channels - 1.
        onsets: pulse times, ms, ascending; multiples of `dt` as are all times.
        amplitudes: uA, for all, one per driven electrode, or shape (n_onsets, 1).
        phases: (duration in ms, factor on the amplitude) in the order they are played; a factor
            of 0 is a gap.
        dt: step, ms.
        extent: length of the train, ms; None ends it with the last phase.

    Raises:
        InvalidValue: if there are no onsets, a channel is not on the array, a time is not a
            multiple of `dt`, or a pulse does not end before the next one starts or before `extent`.
    """
    positive(dt, "pulse dt", "ms")
    driven = _channels(channels, n_channels)
    if not len(onsets):
        raise InvalidValue("pulse times are missing: got []; need at least one, ms.", got=onsets)
    starts = np.array([n_steps(t, dt, "pulse time") for t in onsets], np.int64)
    lengths, factors = _phases(phases, dt)
    _check_no_overlap(starts, int(lengths.sum()), dt)
    end = int(starts[-1] + lengths.sum())
    total = end if extent is None else n_steps(extent, dt, "pulse extent")
    if end > total:
        raise InvalidValue(
            f"last pulse does not fit: got an end at {end * dt:.12g} ms; "
            f"the train ends at {extent!r} ms. Start it earlier or lengthen the train.",
            got=end * dt,
            allowed=extent,
        )
    ends = np.cumsum(lengths)
    bounds = starts[:, None, None] + np.stack([ends - lengths, ends], axis=1)
    active = factors != 0
    size = _amplitudes(amplitudes, len(starts), len(driven))
    return PulseTrain(
        bounds[:, active].reshape(-1, 2),
        (size[:, None] * factors[active, None]).reshape(-1, len(driven)).astype(np.float32),
        driven,
        n_channels,
        total,
        float(dt),
    )


def biphasic_phases(
    phase_duration: float, interphase_gap: float, cathodic_first: bool
) -> list[tuple[float, float]]:
    """Return (duration in ms, sign) of two opposite phases of equal length around a gap."""
    first = -1.0 if cathodic_first else 1.0
    return [(phase_duration, first), (interphase_gap, 0.0), (phase_duration, -first)]


def net_charge(commands: NDArray[np.floating], dt: float) -> NDArray[np.float64]:
    """Return the charge each electrode has passed at the end, nC, shape (n_channels,).

    An electrode is charge balanced, and its metal not corroded, when this is zero.

    Args:
        commands: electrode commands, uA, shape (n_steps, n_channels).
        dt: step, ms.
    """
    return np.asarray(np.sum(commands, axis=0, dtype=np.float64) * dt)


def _channels(channels: Sequence[int], n_channels: int) -> tuple[int, ...]:
    """Positions on the array, each once."""
    wrong = [c for c in channels if not 0 <= c < n_channels]
    if wrong:
        raise InvalidValue(
            f"channels are not on the array: got {wrong!r}; need 0 to {n_channels - 1}.",
            got=wrong,
            allowed=range(n_channels),
        )
    if len(set(channels)) != len(channels) or not channels:
        raise InvalidValue(
            f"channels are not distinct: got {list(channels)!r}; need each once, at least one.",
            got=list(channels),
        )
    return tuple(int(c) for c in channels)


def _phases(
    phases: Sequence[tuple[float, float]], dt: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Steps and factor of every phase."""
    lengths = np.array([n_steps(duration, dt, "pulse phase") for duration, _ in phases], np.int64)
    factors = np.array([factor for _, factor in phases], float)
    if np.any(lengths[factors != 0] == 0):
        raise InvalidValue(
            f"pulse phase has no duration: got {[d for d, _ in phases]!r} ms; "
            f"need at least dt={dt!r} ms.",
            got=phases,
            allowed=dt,
        )
    return lengths, factors


def _amplitudes(
    amplitudes: float | Sequence[float] | NDArray[np.floating], n_onsets: int, n_driven: int
) -> NDArray[np.float64]:
    """One amplitude per onset and driven electrode."""
    values = np.atleast_1d(np.asarray(amplitudes, float))
    if values.shape[-1:] not in {(n_driven,), (1,)} or not np.isfinite(values).all():
        raise InvalidValue(
            f"amplitude does not match the channels: got {values.tolist()!r}; "
            f"need one finite number, or {n_driven}, one per channel.",
            got=values,
            allowed=n_driven,
        )
    return np.broadcast_to(values, (n_onsets, n_driven))


def _check_no_overlap(starts: NDArray[np.int64], length: int, dt: float) -> None:
    gaps = np.diff(starts)
    if np.any(gaps < length):
        k = int(np.argmax(gaps < length))
        raise InvalidValue(
            f"pulse {k} does not end before the next starts: got onsets "
            f"{starts[k] * dt:.12g} and {starts[k + 1] * dt:.12g} ms; "
            f"need ascending onsets at least {length * dt:.12g} ms apart.",
            got=(starts[k] * dt, starts[k + 1] * dt),
            allowed=length * dt,
        )
