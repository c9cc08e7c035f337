"""The phases that commands consist of, electrode by electrode."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

SETTLED = 1e-4  # of the charge of a phase: less than this is none, commands being float32


@dataclass(frozen=True)
class Phases:
    """Times of constant current, not 0, of one electrode after the other, each in order of time.

    Attributes:
        batch, channel: which electrode, of which stimulus.
        start, duration: ms.
        current: uA.
        charge: that it passes, nC.
        held: charge that the electrode has passed when it ends, nC.
        settled: whether that is none.
        position: of the phase in its pulse, which begins where no charge is held.
        last: whether it is the last of its electrode.
        same_sign: whether it follows a phase of the same sign in the same pulse.
        since_last_pulse: from the start of the last pulse to that of this one, ms; infinite for
            phases that begin no pulse, and for the first pulse.
    """

    batch: NDArray[np.int64]
    channel: NDArray[np.int64]
    start: Floats
    duration: Floats
    current: Floats
    charge: Floats
    held: Floats
    settled: Bools
    position: NDArray[np.int64]
    last: Bools
    same_sign: Bools
    since_last_pulse: Floats

    @classmethod
    def joined(cls, parts: "Sequence[Phases]") -> Self:
        """Return the phases of all parts, of which there is one or more."""
        names = [f.name for f in fields(cls)]
        return cls(**{n: np.concatenate([getattr(p, n) for p in parts]) for n in names})

    @property
    def end(self) -> float:
        """When the last of them ends, ms."""
        return float((self.start + self.duration).max(initial=-np.inf))

    def first(self, which: Bools) -> int | None:
        """Return the first phase of which this is true, None if there is none."""
        return int(np.argmax(which)) if which.any() else None

    def where(self, k: int) -> str:
        """Return where and when a phase is, in words."""
        return f"on channel {self.channel[k]} at {self.start[k]:g} ms"


def phases_of(commands: NDArray[Any], dt: float) -> Phases:
    """Return the phases of commands.

    Args:
        commands: uA, shape (n_batches, n_steps, n_channels).
        dt: step, ms.
    """
    batches, channels = np.nonzero(np.any(commands != 0, axis=1))
    traces = np.zeros((len(batches), commands.shape[1] + 2))
    traces[:, 1:-1] = commands[batches, :, channels]
    trace, step = np.nonzero(traces[:, 1:] != traces[:, :-1])
    current = traces[trace, step + 1]
    lasting = np.diff(step, append=0)
    kept = current != 0  # what follows the last change of a trace is 0, so each has its end
    trace, step, current, lasting = (a[kept] for a in (trace, step, current, lasting))
    charge = current * lasting * dt
    new = np.diff(trace, prepend=-1) != 0
    total = np.cumsum(charge)
    held = total - np.repeat(
        (total - charge)[new], np.diff(np.append(np.flatnonzero(new), new.size))
    )
    settled = np.abs(held) <= SETTLED * np.abs(charge)
    begins = new | np.append(True, settled[:-1])[: new.size]
    pulse = np.flatnonzero(begins)
    position = np.arange(new.size) - np.repeat(pulse, np.diff(np.append(pulse, new.size)))
    start = step * dt
    since = np.full(new.size, np.inf)
    since[pulse[1:]] = np.where(new[pulse[1:]], np.inf, np.diff(start[pulse]))
    return Phases(
        batch=batches[trace],
        channel=channels[trace],
        start=start,
        duration=lasting * dt,
        current=current,
        charge=charge,
        held=held,
        settled=settled,
        position=position,
        last=np.append(new[1:], True)[: new.size],
        same_sign=~begins & (np.sign(current) == np.sign(np.append(0.0, current[:-1])[: new.size])),
        since_last_pulse=since,
    )
