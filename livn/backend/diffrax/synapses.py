"""Events between cells: who is reached, how much later, and how many arrive now.

What cells did in the last steps is kept in rows, one per step, that are used again when no synapse
can reach back to them. Each cell gathers what its synapses bring from the rows of their delays, so
a step costs the same however many cells spike, and its derivative is a gathering too.
"""

from typing import NamedTuple

import jax.numpy as jnp
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
    """

    sources: Array
    delays: Array


def gather_synapses(network: Network, dt: float, lanes: int) -> tuple[tuple[Synapses, ...], int]:
    """Return the synapses of each projection, and the number of steps that must be remembered.

    Sizes are rounded up, so that cultures of about the same size share code.

    Args:
        lanes: slots of a population come in multiples of this.
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
    return tuple(found), rounded_up(longest, _STEPS)


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


def arriving(history: Array, slot: Array, synapses: Synapses) -> Array:
    """Return how many events arrive at each target now.

    Args:
        history: spikes of the last steps, [n_steps, n_slots + 1], zero in the last column.
        slot: row that the present step will be written to.
    """
    n_steps, width = history.shape
    row = slot - synapses.delays
    row = jnp.where(row < 0, row + n_steps, row)
    return jnp.sum(history.reshape(-1)[row * width + synapses.sources], axis=-1)
