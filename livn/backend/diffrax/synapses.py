"""Synapses as tables: by target, and by delay and source."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from livn.arrays import Array
from livn.backend.network import Network

_STEPS, _SYNAPSES = 16, 8  # multiples in which steps and synapses of a cell come


class Synapses(NamedTuple):
    """The synapses of one projection by target cell, padded with sources that never spike.

    Attributes:
        sources: slot among those of the whole network, int32 [n_post, k].
        delays: steps, int32 [n_post, k].
        targets: the same synapses by delay and source, for derivatives, int32 [n_steps, n_pre, k];
            None where they are not needed.
        first: slot of the first source.
    """

    sources: Array
    delays: Array
    targets: Array | None = None
    first: int = 0


def gather_synapses(
    network: Network, dt: float, lanes: int, derivatives: bool = False
) -> tuple[tuple[Synapses, ...], int]:
    """Return the synapses of each projection, and the number of steps that must be remembered.

    Sizes are rounded up, so that cultures of about the same size share code.

    Args:
        lanes: slots of a population come in multiples of this.
        derivatives: whether what comes back along the synapses is asked for too.
    """
    first, n_slots = {}, 0
    for name, population in network.populations.items():
        first[name], n_slots = n_slots, n_slots + rounded_up(len(population), lanes)
    found: list[Synapses] = []
    longest = 1
    for p in network.projections:
        delays = p.delay_steps(dt)
        longest = max(longest, int(delays.max(initial=1)))
        n_post = rounded_up(len(network.populations[p.post]), lanes)
        found.append(
            Synapses(
                _by_target(p.targets, first[p.pre] + p.sources, n_post, n_slots),
                _by_target(p.targets, delays, n_post, 1),
            )
        )
    n_steps = rounded_up(longest, _STEPS)
    if derivatives:
        for k, p in enumerate(network.projections):
            n_pre = rounded_up(len(network.populations[p.pre]), lanes)
            targets = _by_source(found[k], first[p.pre], n_pre, n_steps)
            found[k] = found[k]._replace(targets=targets, first=first[p.pre])
    return tuple(found), n_steps


def rounded_up(n: int, multiple: int) -> int:
    """Return the smallest multiple that is not below `n`."""
    return -(-n // multiple) * multiple


def _by_target(
    targets: NDArray[np.int64], values: NDArray[np.int64], n_post: int, fill: int
) -> NDArray[np.int32]:
    """Return the values of each target side by side, [n_post, k]."""
    counts = np.bincount(targets, minlength=n_post)
    order = np.argsort(targets, kind="stable")
    place = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    width = rounded_up(int(counts.max(initial=0)), _SYNAPSES)
    table = np.full((n_post, width), fill, np.int32)
    table[targets[order], place] = values[order]
    return table


def _by_source(synapses: Synapses, first: int, n_pre: int, n_steps: int) -> NDArray[np.int32]:
    """Return the targets by delay and source, [n_steps, n_pre, k]."""
    sources, delays = np.asarray(synapses.sources) - first, np.asarray(synapses.delays)
    n_post = len(sources)
    target, place = np.nonzero((sources >= 0) & (sources < n_pre))
    row = (delays[target, place] - 1) * n_pre + sources[target, place]
    table = _by_target(row, target, n_steps * n_pre, n_post)
    return table.reshape(n_steps, n_pre, -1)
