"""Synchrony: whether units fire together."""

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field
from scipy.sparse import csr_array

from livn.decoding.measure import Positive, SpikeMeasure, mean, ratio
from livn.decoding.trains import SpikeTrains

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

TICK = 1e-6  # ms; times are compared as whole ticks, so that a difference of dt is at most dt


class PeakSynchrony(SpikeMeasure):
    """The most spikes in one bin, over the units that fire at all.

    Keys: `max_synchronous_peak` (nan without spikes), `max_bin_count`, `n_active_units`.

    Attributes:
        bin_size: ms.
    """

    bin_size: Positive = 2.0

    def measure(self, spikes: SpikeTrains) -> dict[str, float]:
        """Return the peak."""
        highest = int(spikes.population_counts(self.bin_size, spikes.bins(self.bin_size)).max())
        return {
            "max_synchronous_peak": ratio(highest, spikes.n_active),
            "max_bin_count": highest,
            "n_active_units": spikes.n_active,
        }


class PairwiseChannelCorrelation(SpikeMeasure):
    """The mean correlation of binned spike counts over pairs of channels (or cells).

    Pearson's coefficient, over pairs of units whose counts both vary; silent units have none.

    Keys: `mean_pairwise_correlation` (nan with fewer than `min_units` such units), `n_pairs`,
    `pairs` (unit ids, shape (n_pairs, 2)), `correlations`.

    Attributes:
        bin_size: ms; only whole bins count.
        min_units: fewest units for a mean.
        max_pairs: more pairs are not computed but a random sample of so many.
        seed: of the sample.
    """

    units: Literal["cells", "channels"] = "channels"
    bin_size: Positive = 20.0
    min_units: int = Field(default=2, ge=2)
    max_pairs: int = Field(default=1000, ge=1)
    seed: int = Field(default=0, ge=0)

    def measure(self, spikes: SpikeTrains) -> dict[str, Any]:
        """Return the mean and the coefficient of each pair."""
        counts = sparse_counts(spikes, self.bin_size)
        varying = np.flatnonzero(_variances(counts) > 0)
        enough = len(varying) >= self.min_units
        pairs = varying[sample_pairs(len(varying) if enough else 0, self.max_pairs, self.seed)]
        found = count_correlations(counts, pairs)
        return {
            "mean_pairwise_correlation": mean(found),
            "n_pairs": len(pairs),
            "pairs": spikes.units[pairs],
            "correlations": found,
        }


class SpikeTimeTiling(SpikeMeasure):
    """The spike time tiling coefficient, a correlation that does not depend on the rate.

    STTC = 1/2 ((PA - TB) / (1 - PA TB) + (PB - TA) / (1 - PB TA)), with PA the share of the
    spikes of A within `window` of one of B and TA the share of time within `window` of a spike
    of A (Cutts & Eglen 2014, J Neurosci 34:14288). 0 for independent trains, 1 for identical
    ones. Pairs of units that fire at all; a silent unit has no coefficient.

    Keys: `mean_sttc`, `median_sttc`, `std_sttc` over pairs (nan with fewer than 2 such units),
    `n_pairs`, `pairs` (unit ids, shape (n_pairs, 2)), `sttc`.

    Attributes:
        window: to either side of a spike, ms.
        max_pairs: more pairs are not computed but a random sample of so many.
        seed: of the sample.
    """

    window: Positive = 100.0
    max_pairs: int = Field(default=1000, ge=1)
    seed: int = Field(default=0, ge=0)

    def measure(self, spikes: SpikeTrains) -> dict[str, Any]:
        """Return mean, median and spread, and the coefficient of each pair."""
        firing = np.flatnonzero(spikes.counts)
        pairs = firing[sample_pairs(len(firing), self.max_pairs, self.seed)]
        found = spike_time_tiling(spikes, pairs, self.window)
        return {
            "mean_sttc": mean(found),
            "median_sttc": float(np.median(found)) if found.size else float("nan"),
            "std_sttc": float(np.std(found)) if found.size else float("nan"),
            "n_pairs": len(pairs),
            "pairs": spikes.units[pairs],
            "sttc": found,
        }


def sample_pairs(n: int, max_pairs: int, seed: int) -> Ints:
    """Return pairs i < j of n units, all or a random sample without repetition, (n_pairs, 2)."""
    total = n * (n - 1) // 2
    if total <= max_pairs:
        return np.stack(np.triu_indices(n, 1), axis=1).astype(np.int64)
    which = np.sort(np.random.default_rng(seed).choice(total, max_pairs, replace=False))
    # Pairs in order of j: j (j - 1) / 2 pairs come before those of j.
    j = np.floor((1 + np.sqrt(1 + 8 * which)) / 2).astype(np.int64)
    j += j * (j + 1) // 2 <= which  # whatever the root was rounded to
    j -= j * (j - 1) // 2 > which
    return np.stack([which - j * (j - 1) // 2, j], axis=1)


def sparse_counts(spikes: SpikeTrains, bin_size: float) -> csr_array:
    """Return the spikes of each unit in each whole bin, shape (n_units, n_bins)."""
    n_bins = spikes.bins(bin_size)
    which, inside = spikes.binned(bin_size, n_bins)
    ones = np.ones(np.count_nonzero(inside))
    return csr_array((ones, (spikes.index[inside], which[inside])), (spikes.n_units, n_bins))


def count_correlations(counts: csr_array, pairs: Ints) -> Floats:
    """Return Pearson's coefficient of the counts of each pair of units that vary.

    Args:
        counts: shape (n_units, n_bins).
        pairs: positions of the units, shape (n_pairs, 2).
    """
    a, b = pairs.T
    n_bins = counts.shape[1]
    together = np.asarray((counts[a] * counts[b]).sum(axis=1)).ravel()
    means = np.asarray(counts.sum(axis=1)).ravel() / n_bins
    variance = _variances(counts)
    covariance = together / n_bins - means[a] * means[b]
    found: Floats = covariance / np.sqrt(variance[a] * variance[b])
    return found


def spike_time_tiling(spikes: SpikeTrains, pairs: Ints, window: float) -> Floats:
    """Return the spike time tiling coefficient of each pair of units that fire.

    Args:
        spikes: the trains.
        pairs: positions of the units, shape (n_pairs, 2).
        window: to either side of a spike, ms.
    """
    tiled = tiled_share(spikes, window)
    a, b = pairs.T
    near_b, near_a = _near_share(spikes, a, b, window), _near_share(spikes, b, a, window)
    return 0.5 * (_tiling_term(near_b, tiled[b]) + _tiling_term(near_a, tiled[a]))


def tiled_share(spikes: SpikeTrains, window: float) -> Floats:
    """Return the share of time within `window` ms of a spike, of each unit; 0 for silent ones."""
    index, times = spikes.by_unit
    unit, interval = spikes.intervals
    shared = np.bincount(unit, np.minimum(interval, 2 * window), spikes.n_units)
    covered = shared.astype(np.float64)  # numpy counts nothing in whole numbers
    firing = np.flatnonzero(spikes.counts)
    first, last = (spikes.ends - spikes.counts)[firing], spikes.ends[firing] - 1
    covered[firing] += np.minimum(times[first], window)
    covered[firing] += np.minimum(spikes.duration - times[last], window)
    return covered / spikes.duration


def _near_share(spikes: SpikeTrains, of: Ints, other: Ints, window: float) -> Floats:
    """Return the share of the spikes of `of` within `window` ms of a spike of `other`."""
    index, times = spikes.by_unit
    reach = round(window / TICK)
    span = round(spikes.duration / TICK) + 2 * reach + 1  # trains end to end, out of reach
    ticks = index * span + np.rint(times / TICK).astype(np.int64)
    n = spikes.counts[of]
    pair = np.repeat(np.arange(len(of)), n)
    position = np.arange(n.sum()) + np.repeat(
        (spikes.ends - spikes.counts)[of] - np.cumsum(n) + n, n
    )
    asked = ticks[position] + (other - of)[pair] * span
    found = np.searchsorted(ticks, asked - reach) < np.searchsorted(ticks, asked + reach, "right")
    return np.bincount(pair, found, len(of)) / n


def _tiling_term(near: Floats, tiled: Floats) -> Floats:
    """Return (P - T) / (1 - P T), 1 where all of time is tiled and all spikes are near."""
    left = 1 - near * tiled
    return np.divide(near - tiled, left, out=np.ones_like(near), where=left > 0)


def _variances(counts: csr_array) -> Floats:
    """Return the variance of the counts of each unit over bins; exactly 0 where all are equal."""
    n_bins = counts.shape[1]
    sums = np.asarray(counts.sum(axis=1)).ravel()
    squares = np.asarray((counts * counts).sum(axis=1)).ravel()
    found: Floats = (n_bins * squares - sums**2) / n_bins**2  # whole numbers until here
    return found
