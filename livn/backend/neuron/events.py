"""Spikes on their way to synapses: how many arrive, per step to come, cell and projection."""

from collections.abc import Mapping
from copy import copy

import numpy as np
from numpy.typing import NDArray

from livn.backend.network import Network
from livn.backend.neuron.ranks import Integers


class Events:
    """The synapses of one rank's cells, and the events that have not arrived.

    Attributes:
        ring: [steps, slots]: numbers of events; a slot is a cell of a projection.
        shortest: delay in steps, of these synapses; a large number without any.
    """

    def __init__(self, network: Network, own: Mapping[str, Integers], dt: float):
        first, n_cells = {}, 0
        for name, population in network.populations.items():
            first[name], n_cells = n_cells, n_cells + len(population)
        self._slots: dict[int, slice] = {}
        sources, targets, delays = [], [], []
        n_slots = 0
        for p, projection in enumerate(network.projections):
            local = np.full(len(network.populations[projection.post]), -1)
            local[own[projection.post]] = np.arange(len(own[projection.post]))
            mine = local[projection.targets] >= 0
            sources.append(first[projection.pre] + projection.sources[mine])
            targets.append(n_slots + local[projection.targets[mine]])
            delays.append(projection.delay_steps(dt)[mine])
            self._slots[p] = slice(n_slots, n_slots + len(own[projection.post]))
            n_slots = self._slots[p].stop
        empty = np.empty(0, np.int64)
        source, target, delay = (np.concatenate([*x, empty]) for x in (sources, targets, delays))
        order = np.argsort(source, kind="stable")
        self._targets, self._delays = target[order].astype(np.int32), delay[order].astype(np.int32)
        counts = np.bincount(source, minlength=n_cells)
        self._outgoing = np.concatenate([[0], np.cumsum(counts)])
        self.shortest = int(delay.min(initial=np.iinfo(np.int32).max))
        self.ring = np.zeros((int(delay.max(initial=0)) + 1, n_slots), np.int32)

    def twin(self) -> "Events":
        """Return the same synapses with no event on its way."""
        other = copy(self)
        other.ring = np.zeros_like(self.ring)
        return other

    def send(self, cells: Integers, steps: Integers) -> None:
        """Enter the events of spikes of `cells`, counted over all populations, at `steps`."""
        starts = self._outgoing[cells]
        counts = self._outgoing[cells + 1] - starts
        ends = np.cumsum(counts)
        edges = np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - ends + counts, counts)
        arrivals = (np.repeat(steps, counts) + self._delays[edges]) % len(self.ring)
        np.add.at(self.ring, (arrivals, self._targets[edges]), 1)

    def take(self, step: int) -> dict[int, NDArray[np.int32]]:
        """Return and remove the events that arrive in `step`, per projection with any."""
        row = self.ring[step % len(self.ring)]
        if not row.any():
            return {}
        arriving = {p: row[slots].copy() for p, slots in self._slots.items() if row[slots].any()}
        row[:] = 0
        return arriving
