"""Spike trains of all units, silent ones included, as two flat arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import floor

import numpy as np
import numpy.typing as npt

from livn.errors import InvalidValue

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class SpikeTrains:
    """Spikes of known units over one window of time.

    Attributes:
        units: id of every unit, ascending, shape (n_units,); units without spikes are there too.
        index: for each spike the position of its unit in `units`, shape (n_spikes,).
        times: ms from the start of the window, ascending, shape (n_spikes,).
        duration: length of the window, ms.
        groups: positions of the units of each population; empty where units are not cells.
    """

    units: Ints
    index: Ints
    times: Floats
    duration: float
    groups: Mapping[str, Ints] = field(default_factory=dict)

    @property
    def n_units(self) -> int:
        """Number of units."""
        return len(self.units)

    @property
    def n_spikes(self) -> int:
        """Number of spikes."""
        return len(self.times)

    @property
    def seconds(self) -> float:
        """Length of the window, s."""
        return self.duration / 1000

    @cached_property
    def counts(self) -> Ints:
        """Number of spikes of each unit, shape (n_units,)."""
        return np.bincount(self.index, minlength=self.n_units)

    @property
    def n_active(self) -> int:
        """Number of units that fire at all."""
        return int(np.count_nonzero(self.counts))

    @cached_property
    def ends(self) -> Ints:
        """End of each unit's spikes in `by_unit`, shape (n_units,)."""
        return np.cumsum(self.counts)

    @cached_property
    def by_unit(self) -> tuple[Ints, Floats]:
        """The spikes unit by unit, in time within each: index of the unit and time, ms."""
        small = self.index.astype(np.min_scalar_type(max(1, self.n_units)))  # numpy sorts by radix
        order = np.argsort(small, kind="stable")
        return self.index[order], self.times[order]

    @cached_property
    def intervals(self) -> tuple[Ints, Floats]:
        """Interspike intervals unit by unit: index of the unit and length, ms."""
        index, times = self.by_unit
        within = index[1:] == index[:-1]
        return index[1:][within], np.diff(times)[within]

    def bins(self, bin_size: float) -> int:
        """Return how many whole bins of `bin_size` ms the window holds, at least 1."""
        return whole_bins(self.duration, bin_size)

    def binned(self, bin_size: float, n_bins: int) -> tuple[Ints, npt.NDArray[np.bool_]]:
        """Return the bin of each spike and whether it lies within the first `n_bins`."""
        which = np.floor(self.times / bin_size + _EDGE).astype(np.int64)
        return which, which < n_bins

    def population_counts(self, bin_size: float, n_bins: int) -> Ints:
        """Return the spikes of all units in each bin, shape (n_bins,)."""
        which, inside = self.binned(bin_size, n_bins)
        return np.bincount(which[inside], minlength=n_bins)

    def active_counts(self, bin_size: float, n_bins: int) -> dict[str, Ints]:
        """Return the units of each population that fire in each bin, shape (n_bins,)."""
        index, times = self.by_unit
        which = np.floor(times / bin_size + _EDGE).astype(np.int64)
        first = np.append(True, (np.diff(index) != 0) | (np.diff(which) != 0))[: len(index)]
        first &= which < n_bins
        which, member = which[first], self.membership()[index[first]]
        return {
            name: np.bincount(which[member == k], minlength=n_bins)
            for k, name in enumerate(self.groups)
        }

    def membership(self) -> Ints:
        """Return for each unit the position of its population in `groups`, -1 for none."""
        member = np.full(self.n_units, -1)
        for k, positions in enumerate(self.groups.values()):
            member[positions] = k
        return member


_EDGE = 1e-9  # of a bin: a spike on an edge opens the bin, however its time was rounded


def whole_bins(duration: float, bin_size: float) -> int:
    """Return how many whole bins of `bin_size` ms fit in `duration` ms, at least 1."""
    return max(1, floor(duration / bin_size + _EDGE))


def spike_trains(
    units: npt.ArrayLike,
    ids: npt.ArrayLike,
    times: npt.ArrayLike,
    duration: float,
    groups: Mapping[str, npt.ArrayLike] | None = None,
) -> SpikeTrains:
    """Return the spike trains of these units.

    Args:
        units: id of every unit, also of silent ones.
        ids: unit of each spike.
        times: of each spike, ms, in any order, 0 <= t < duration.
        duration: ms.
        groups: ids of the units of each population.

    Raises:
        InvalidValue: if a spike is of no unit, lies outside the window, or lengths differ.
    """
    known = np.unique(np.asarray(units, dtype=np.int64))
    ids, times = np.asarray(ids, dtype=np.int64), np.asarray(times, dtype=np.float64)
    if ids.shape != times.shape or ids.ndim != 1:
        raise InvalidValue(
            f"spike times do not match their units: got {times.shape} times, {ids.shape} ids; "
            "need one id per time."
        )
    index = np.searchsorted(known, ids)
    strange = ids[known[np.minimum(index, len(known) - 1)] != ids] if len(known) else ids
    if strange.size:
        strangers = np.unique(strange).tolist()
        raise InvalidValue(
            f"spikes are of cells that are not simulated: got gids {strangers[:5]}; "
            f"known are {len(known)} units. Decode with the env that ran.",
            got=strangers,
        )
    if times.size and not (times.min() >= 0 and times.max() < duration):  # nan fails too
        raise InvalidValue(
            f"spike times are outside the window: got {times.min():g} to {times.max():g} ms; "
            f"need 0 <= t < {duration:g} ms.",
            got=(times.min(), times.max()),
        )
    if np.any(np.diff(times) < 0):
        order = np.argsort(times, kind="stable")
        index, times = index[order], times[order]
    named = {k: np.searchsorted(known, np.sort(np.asarray(v))) for k, v in (groups or {}).items()}
    return SpikeTrains(known, index, times, float(duration), named)


def together(parts: Sequence[SpikeTrains]) -> SpikeTrains:
    """Return the trains of several ranks as one; a channel heard on several has all its spikes."""
    if len(parts) == 1:
        return parts[0]
    names = dict.fromkeys(n for p in parts for n in p.groups)
    return spike_trains(
        np.concatenate([p.units for p in parts]),
        np.concatenate([p.units[p.index] for p in parts]),
        np.concatenate([p.times for p in parts]),
        parts[0].duration,
        {n: np.concatenate([p.units[p.groups[n]] for p in parts if n in p.groups]) for n in names},
    )
