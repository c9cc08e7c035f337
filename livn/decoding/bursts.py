"""Bursts: of single units or channels, and of the network."""

from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field
from scipy.special import gammaincinv

from livn.decoding.measure import NotNegative, Positive, SpikeMeasure, mean, ratio, spread
from livn.decoding.trains import SpikeTrains

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

MAD_TO_STD = 1.4826  # of a normal distribution
CHANCE = 0.01  # runs of Poisson spikes in which a burst is seen


@dataclass(frozen=True, eq=False)
class Bursts:
    """Bursts in order of unit and time.

    Attributes:
        unit: position of the unit of each; 0 for bursts of the network.
        first, last: positions of its first and last spike among the spikes searched.
        start, stop: time of its first and last spike, ms.
    """

    unit: Ints
    first: Ints
    last: Ints
    start: Floats
    stop: Floats

    @property
    def n_spikes(self) -> Ints:
        """Number of spikes of each."""
        return self.last - self.first + 1

    def gaps(self) -> Floats:
        """Return the times from the end of a burst to the next one of the same unit, ms."""
        return (self.start[1:] - self.stop[:-1])[self.unit[1:] == self.unit[:-1]]

    def keep(self, which: Bools) -> "Bursts":
        """Return some of them."""
        return Bursts(
            self.unit[which],
            self.first[which],
            self.last[which],
            self.start[which],
            self.stop[which],
        )

    def summary(self, n_spikes_in_all: int) -> dict[str, Any]:
        """Return what all burst detectors report."""
        length, gaps = self.stop - self.start, self.gaps()
        lasts = length > 0
        return {
            "n_bursts": len(self.unit),
            "mean_duration_ms": mean(length),
            "mean_spikes": mean(self.n_spikes),
            "mean_rate_in_burst_hz": mean(1000 * (self.n_spikes - 1)[lasts] / length[lasts]),
            "fraction_spikes_in_bursts": ratio(int(self.n_spikes.sum()), n_spikes_in_all),
            "interburst_interval_ms": mean(gaps),
            "interburst_cv": spread(gaps),
            "onsets_ms": self.start,
            "durations_ms": length,
        }


class BurstRate(SpikeMeasure):
    """Bursts of the network as runs of bins in which the count of all units is high.

    The threshold is max(median + mad_k 1.4826 MAD, min_floor, min_floor_fraction x active units),
    with MAD the median absolute deviation of the counts, 1 if it is 0. A run of bins is one burst.

    Keys: `burst_rate_hz`, `n_bursts`, `threshold` (spikes per bin), `onsets` (ms).

    Attributes:
        bin_size: ms; a run shorter than a bin is one bin.
        mad_k: standard deviations above the median.
        min_floor_fraction: of the units that fire at all.
        min_floor: spikes.
    """

    bin_size: Positive = 50.0
    mad_k: NotNegative = 5.0
    min_floor_fraction: NotNegative = 0.15
    min_floor: NotNegative = 3.0

    def measure(self, spikes: SpikeTrains) -> dict[str, Any]:
        """Return the bursts and the threshold."""
        counts = spikes.population_counts(self.bin_size, spikes.bins(self.bin_size))
        middle = float(np.median(counts))
        deviation = float(np.median(np.abs(counts - middle))) or 1.0
        floor = max(self.min_floor, self.min_floor_fraction * spikes.n_active)
        threshold = max(middle + self.mad_k * MAD_TO_STD * deviation, floor)
        starts, _ = runs_of(counts >= threshold)
        return {
            "burst_rate_hz": len(starts) / spikes.seconds,
            "n_bursts": len(starts),
            "threshold": float(threshold),
            "onsets": starts * self.bin_size,
        }


class UnitBursts(SpikeMeasure):
    """Bursts of each cell, or with units="channels" of each channel, by the max interval method.

    A burst starts with an interval of at most `max_start_isi`, goes on while intervals are at most
    `max_isi`; bursts closer than `min_interburst` are joined, then short ones are dropped (Nex
    Technologies, NeuroExplorer; among the best detectors compared by Cotterill et al. 2016, J
    Neurophysiol 116:306). The defaults are those in use for cultures.

    Keys: `burst_rate_hz` (mean over all units, silent ones count as 0), `n_bursting_units`,
    `n_units`, `n_bursts`, `mean_duration_ms`, `mean_spikes`, `mean_rate_in_burst_hz`,
    `fraction_spikes_in_bursts`, `interburst_interval_ms`, `interburst_cv` (nan where there is
    nothing to average), and of each burst `unit_ids`, `onsets_ms`, `durations_ms`, `spike_counts`.

    Attributes:
        max_start_isi: ms.
        max_isi: ms.
        min_interburst: ms.
        min_duration: ms.
        min_spikes: number.
    """

    max_start_isi: Positive = 170.0
    max_isi: Positive = 300.0
    min_interburst: NotNegative = 200.0
    min_duration: NotNegative = 10.0
    min_spikes: int = Field(default=3, ge=2)

    def measure(self, spikes: SpikeTrains) -> dict[str, Any]:
        """Return the bursts and what they have in common."""
        bursts = max_interval_bursts(
            *spikes.by_unit, max_start_isi=self.max_start_isi, max_isi=self.max_isi,
            min_interburst=self.min_interburst, min_duration=self.min_duration,
            min_spikes=self.min_spikes,
        )  # fmt: skip
        return {
            "burst_rate_hz": ratio(len(bursts.unit), spikes.n_units * spikes.seconds),
            "n_bursting_units": len(np.unique(bursts.unit)),
            "n_units": spikes.n_units,
            **bursts.summary(spikes.n_spikes),
            "unit_ids": spikes.units[bursts.unit],
            "spike_counts": bursts.n_spikes,
        }


class NetworkBursts(SpikeMeasure):
    """Bursts of the network: many spikes, of many units, in a short time.

    ISI_N is the time that N spikes in a row take, of whatever unit; where it is at most a
    threshold, the N are in a burst (Bakkum et al. 2014, Front Comput Neurosci 7:193). They read
    the threshold off a histogram with two peaks; as not every culture has two, here it is the time
    in which N spikes are `min_rate_ratio` times as fast as on average, or less if Poisson spikes
    of that rate would do so once in a hundred runs. A burst must also recruit `min_participation`
    of the units that fire at all.

    Keys: `burst_rate_hz`, `n_bursts`, `mean_duration_ms`, `mean_spikes`, `mean_rate_in_burst_hz`
    (of all units together), `fraction_spikes_in_bursts`, `interburst_interval_ms`,
    `interburst_cv`, `mean_participation` (nan where there is nothing to average), `isi_n_ms`
    (threshold, nan without spikes), `n`, and of each burst `onsets_ms`, `durations_ms`,
    `participation`.

    Attributes:
        n: N; None for `min_participation` of the active units, at least 10.
        max_isi_n: threshold, ms; None for the rule above.
        min_rate_ratio: rate in a burst over the mean rate, our choice.
        min_participation: share of the active units.
    """

    n: int | None = Field(default=None, ge=2)
    max_isi_n: Positive | None = None
    min_rate_ratio: float = Field(default=3.0, gt=1, allow_inf_nan=False)
    min_participation: float = Field(default=0.2, ge=0, le=1)

    def measure(self, spikes: SpikeTrains) -> dict[str, Any]:
        """Return the bursts and what they have in common."""
        n = self.n or max(10, ceil(self.min_participation * spikes.n_active))
        limit = self.max_isi_n or isi_n_threshold(spikes, n, self.min_rate_ratio)
        found = isi_n_bursts(spikes.times, n, limit)
        recruited = participants(spikes, found) / max(1, spikes.n_active)
        enough = recruited >= self.min_participation
        bursts = found.keep(enough)
        return {
            "burst_rate_hz": len(bursts.unit) / spikes.seconds,
            **bursts.summary(spikes.n_spikes),
            "mean_participation": mean(recruited[enough]),
            "participation": recruited[enough],
            "isi_n_ms": limit,
            "n": n,
        }


def isi_n_threshold(spikes: SpikeTrains, n: int, min_rate_ratio: float) -> float:
    """Return in how little time, ms, n spikes are a burst; nan without spikes.

    Args:
        spikes: the trains, whose mean rate is compared with.
        n: spikes in a row.
        min_rate_ratio: so many times faster than on average.
    """
    if not spikes.n_spikes:
        return float("nan")
    interval = spikes.duration / spikes.n_spikes
    by_chance = float(gammaincinv(n - 1, CHANCE / spikes.n_spikes))  # in mean intervals
    return interval * min((n - 1) / min_rate_ratio, by_chance)


def max_interval_bursts(
    unit: Ints,
    times: Floats,
    *,
    max_start_isi: float,
    max_isi: float,
    min_interburst: float,
    min_duration: float,
    min_spikes: int,
) -> Bursts:
    """Return the bursts by the max interval method.

    Args:
        unit: of each spike, unit by unit, shape (n_spikes,).
        times: of each spike, ms, ascending within a unit.
        max_start_isi, max_isi, min_interburst, min_duration, min_spikes: as in `UnitBursts`.
    """
    same = unit[1:] == unit[:-1]
    gap = np.where(same, np.diff(times), np.inf)
    first, last = runs_of(gap <= max_isi)  # chains: intervals first to last - 1
    openings = np.append(np.flatnonzero(gap <= max_start_isi), len(gap))
    begin = openings[np.searchsorted(openings, first)]  # first short interval of each chain
    opened = begin < last
    begin, last = begin[opened], last[opened]
    wait = np.where(unit[begin[1:]] == unit[last[:-1]], times[begin[1:]] - times[last[:-1]], np.inf)
    apart = wait >= min_interburst
    begin = begin[np.append(True, apart)] if begin.size else begin
    last = last[np.append(apart, True)] if last.size else last
    bursts = Bursts(unit[begin], begin, last, times[begin], times[last])
    length = bursts.stop - bursts.start
    return bursts.keep((length >= min_duration) & (bursts.n_spikes >= min_spikes))


def isi_n_bursts(times: Floats, n: int, limit: float) -> Bursts:
    """Return the runs of spikes each of which is one of n spikes in a row within `limit` ms.

    Args:
        times: of all spikes, ms, ascending, shape (n_spikes,).
        n: spikes in a row.
        limit: ms; nan for no burst.
    """
    taken = times[n - 1 :] - times[: max(0, len(times) - n + 1)]
    first, end = runs_of(taken <= limit)
    last = end + n - 2
    apart = first[1:] > last[:-1]  # rows that share a spike are one burst
    first = first[np.append(True, apart)] if first.size else first
    last = last[np.append(apart, True)] if last.size else last
    return Bursts(np.zeros(len(first), np.int64), first, last, times[first], times[last])


def participants(spikes: SpikeTrains, bursts: Bursts) -> Ints:
    """Return how many units fire in each burst of the network."""
    burst = np.repeat(np.arange(len(bursts.first)), bursts.n_spikes)
    offset = np.arange(len(burst)) - np.repeat(
        np.cumsum(bursts.n_spikes) - bursts.n_spikes, bursts.n_spikes
    )
    pairs = burst * max(1, spikes.n_units) + spikes.index[bursts.first[burst] + offset]
    return np.bincount(np.unique(pairs) // max(1, spikes.n_units), minlength=len(bursts.first))


def runs_of(flags: Bools) -> tuple[Ints, Ints]:
    """Return where each run of true values starts, and one past where it ends."""
    edges = np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8))
    return np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
