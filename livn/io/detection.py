"""Spikes as a recording system sees them: crossings of a threshold on each channel."""

from dataclasses import dataclass, field
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from livn.arrays import positive
from livn.errors import InvalidValue

GAUSSIAN_MEDIAN = 0.6745  # of |x| for a standard normal x

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class Crossings(NamedTuple):
    """Threshold crossings in order of time.

    Attributes:
        samples: number of the sample at which each begins.
        channels: position of the electrode.
    """

    samples: Integers
    channels: Integers


def noise_level(potential: Floats) -> Floats:
    """Return the standard deviation of the noise of each channel, uV, shape (n_channels,).

    median(|x|) / 0.6745, which spikes hardly raise (Quiroga, Nadasdy, Ben-Shaul 2004, Neural
    Computation 16:1661). The potential is taken relative to the median of its channel.

    Args:
        potential: uV, shape (n_channels, n_samples).
    """
    centred = potential - np.median(potential, axis=1, keepdims=True)
    return np.asarray(np.median(np.abs(centred), axis=1) / GAUSSIAN_MEDIAN)


@dataclass
class Detector:
    """Finds negative crossings, window after window.

    Attributes:
        threshold_uv: of each channel, < 0, uV, shape (n_channels,); a channel whose threshold is 0
            finds nothing.
        refractory: samples after a crossing in which its channel finds no other.
    """

    threshold_uv: Floats
    refractory: int
    _next: int = field(init=False, default=-1)
    _below: NDArray[np.bool_] = field(init=False)
    _last: Integers = field(init=False)

    @classmethod
    def calibrated(
        cls, potential: Floats, dt: float, n_sigma: float = 5.0, refractory_ms: float = 1.0
    ) -> Self:
        """Return a detector whose thresholds are `n_sigma` times the noise of a recording.

        Args:
            potential: uV, shape (n_channels, n_samples).
            dt: between its samples, ms.
            n_sigma: 4 to 6 are usual.
            refractory_ms: in which a channel detects no other spike, ms.

        Raises:
            InvalidValue: if a number is not positive or nothing was recorded.
        """
        sigma = positive(n_sigma, "detection threshold", "standard deviations")
        if potential.ndim != 2 or potential.shape[1] == 0:
            raise InvalidValue(
                f"nothing to calibrate on: got shape {potential.shape}; need (n_channels, "
                "n_samples) with at least one sample.",
                got=potential.shape,
            )
        refractory = round(positive(refractory_ms, "refractory_ms", "ms") / dt)
        return cls(-sigma * noise_level(potential), refractory)

    def detect(self, potential: Floats, start: int = 0) -> Crossings:
        """Return the crossings of a window; one that does not follow the last one begins anew.

        Args:
            potential: uV, shape (n_channels, n_samples).
            start: number of its first sample.
        """
        if start != self._next:
            self._below = np.zeros(len(potential), bool)
            self._last = np.full(len(potential), start - self.refractory - 1, np.int64)
        self._next = start + potential.shape[1]
        below = (potential < self.threshold_uv[:, None]) & (self.threshold_uv[:, None] < 0)
        before = np.concatenate([self._below[:, None], below[:, :-1]], axis=1)
        channels, samples = np.nonzero(below & ~before)
        self._below = below[:, -1].copy() if below.shape[1] else self._below
        kept = np.zeros(channels.size, bool)
        for k, (channel, sample) in enumerate(zip(channels, samples + start, strict=True)):
            if sample - self._last[channel] > self.refractory:
                kept[k], self._last[channel] = True, sample
        channels, samples = channels[kept], samples[kept] + start
        order = np.lexsort((channels, samples))
        return Crossings(samples[order].astype(np.int64), channels[order].astype(np.int64))


class Agreement(NamedTuple):
    """How well detected spikes match true ones.

    Attributes:
        precision: share of the detected that are true; nan if none is detected.
        recall: share of the true that are detected; nan if there is none.
    """

    precision: float
    recall: float


def agreement(
    detected: tuple[Floats, Integers], true: tuple[Floats, Integers], tolerance_ms: float = 1.0
) -> Agreement:
    """Return precision and recall of detected spikes.

    A detected spike is true if a true one of its channel is within the tolerance of it; each true
    spike counts for one detected, the earliest.

    Args:
        detected, true: times, ms, and channels, each shape (n,).
        tolerance_ms: ms.
    """
    hits = 0
    for channel in np.unique(detected[1]):
        found = np.sort(detected[0][detected[1] == channel])
        left = np.sort(true[0][true[1] == channel])
        k = 0
        for time in found:
            while k < left.size and left[k] < time - tolerance_ms:
                k += 1
            if k < left.size and left[k] <= time + tolerance_ms:
                hits, k = hits + 1, k + 1
    n_found, n_true = len(detected[0]), len(true[0])
    return Agreement(hits / n_found if n_found else np.nan, hits / n_true if n_true else np.nan)
