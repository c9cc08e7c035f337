"""What happens around the equations in a step: recording, inputs, events, noise, spikes.

All of it is the same for every model, so nothing here is generated. Numbers that decide where
things lie come in tables; their columns are named where the table is read.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from livn.backend.native.bits import call_blocks, called, pointer_to
from livn.backend.native.lower import LANES
from livn.backend.native.noise import normal_pair
from livn.backend.native.threads import arrive_and_wait

_kernel: Callable[..., Any] = njit(error_model="numpy", nogil=True, forceinline=True, **called)

Integers = NDArray[np.int64]

AT, SHARED_AT, N_ROWS, FIRED, SLOT = range(5)  # columns of `places`


class NetworkArrays(NamedTuple):
    """What is simulated.

    Attributes:
        functions: addresses of what takes a step with the cells of each population.
        cells: blocks of all populations, float64 or float32.
        bits: `cells` as integers of the same width.
        shared: constants of all populations.
        places: per population: AT first element in `cells`, SHARED_AT first constant in `shared`,
            N_ROWS of a block, row FIRED, first SLOT (cells counted with the empty lanes).
        ranges: [part, population, 2]: the blocks a thread computes.
        gids: of every slot.
        filled: of every slot, 1 where there is a cell.
        ring: [steps, slots of arrivals]: events that arrive in a step to come, per cell and
            projection.
        arrivals: per projection: population, row of the block, first slot in the ring.
        outgoing: [slots * parts + 1]: the synapses of each slot onto the cells of each thread.
        targets, delays: of every synapse: slot in the ring, steps.
        barrier: where threads wait for each other.
    """

    functions: Integers
    cells: Any
    bits: Any
    shared: Any
    places: Integers
    ranges: Integers
    gids: NDArray[np.uint32]
    filled: NDArray[np.uint8]
    ring: NDArray[np.int32]
    arrivals: Integers
    outgoing: Integers
    targets: NDArray[np.int32]
    delays: NDArray[np.int32]
    barrier: Integers


class CallArrays(NamedTuple):
    """What one call plays, records and draws, and where its spikes go.

    Attributes:
        draws: per pair of random numbers: population, steps between renewals, row of the first,
            two key words.
        plays: per input that is driven: population, row, steps per sample, first row in `rows`,
            number of cells, first in `samples`, number of samples.
        samples, rows: of all drives.
        probes: per probe: steps between samples, first and last entry in `sources`, first in `out`.
        sources: elements of `cells` that are recorded.
        out: samples of all probes.
        spikes, counts: per part: slots that spiked, and how many until each step.
    """

    draws: Integers
    plays: Integers
    samples: Integers
    rows: NDArray[np.float64]
    probes: Integers
    sources: Integers
    out: NDArray[np.float64]
    spikes: NDArray[np.int32]
    counts: NDArray[np.int32]


@_kernel
def advance_by(network: Any, call: Any, part: int, n_steps: int, done: int, step: int) -> None:
    """Compute the share of one thread in some steps.

    Args:
        network: NetworkArrays.
        call: CallArrays.
        part: number of the thread.
        n_steps: steps to take.
        done: steps of the call that were taken before.
        step: steps taken since the start.
    """
    n_parts, barrier = len(network.ranges), pointer_to(network.barrier)
    cells, shared = pointer_to(network.cells), pointer_to(network.shared)
    for k in range(n_steps):
        if _record(network, call, part, done + k) and n_parts > 1:
            arrive_and_wait(barrier, n_parts)
        _play(network, call, part, done + k)
        _draw(network, call, part, step + k, k == 0)
        _arrive(network, part, step + k)
        for population in range(len(network.places)):
            call_blocks(
                network.functions[population], cells, shared,
                network.places[population, AT], network.places[population, SHARED_AT],
                network.ranges[part, population, 0], network.ranges[part, population, 1],
            )  # fmt: skip
        _collect(network, call, part, k)
        if n_parts > 1:
            arrive_and_wait(barrier, n_parts)
        _send(network, call, part, k, step + k)


@_kernel
def _record(network: Any, call: Any, part: int, k: int) -> bool:
    """Sample the state before the step and return whether a sample was due.

    The first thread does it while the others wait.
    """
    cells, sources, out = (
        pointer_to(network.cells), pointer_to(call.sources), pointer_to(call.out)
    )  # fmt: skip
    due = False
    for p in range(len(call.probes)):
        every, start, stop = call.probes[p, 0], call.probes[p, 1], call.probes[p, 2]
        if k % every == 0:
            due = True
            if part == 0:
                here = call.probes[p, 3] + k // every * (stop - start)
                for j in range(stop - start):
                    out[here + j] = cells[sources[start + j]]
    return due


@_kernel
def _play(network: Any, call: Any, part: int, k: int) -> None:
    """Write the sample of every drive that begins now and differs from the one before."""
    for p in range(len(call.plays)):
        hold, index_at, n_samples = call.plays[p, 2], call.plays[p, 5], call.plays[p, 6]
        sample = k // hold
        if k % hold or sample > n_samples:
            continue
        now = call.samples[index_at + sample] if sample < n_samples else 0
        before = call.samples[index_at + sample - 1] if sample else 0
        if now != before:
            rows_at, n_cells = call.plays[p, 3] + now * call.plays[p, 4], call.plays[p, 4]
            _write_row(network, call, part, call.plays[p, 0], call.plays[p, 1], rows_at, n_cells)


@_kernel
def _write_row(
    network: Any, call: Any, part: int, population: int, row: int, rows_at: int, n_cells: int
) -> None:
    cells, rows = pointer_to(network.cells), pointer_to(call.rows)
    at, n_rows = network.places[population, AT], network.places[population, N_ROWS]
    first, last = network.ranges[part, population, 0], network.ranges[part, population, 1]
    for cell in range(first * LANES, min(last * LANES, n_cells)):
        cells[at + (cell // LANES * n_rows + row) * LANES + cell % LANES] = rows[rows_at + cell]


@_kernel
def _draw(network: Any, call: Any, part: int, step: int, first: bool) -> None:
    """Renew the random numbers that are due; all of them in the first step of a call."""
    for d in range(len(call.draws)):
        every = call.draws[d, 1]
        if first or step % every == 0:
            _normals(network, call, part, d, np.uint32(step // every))


@_kernel
def _normals(network: Any, call: Any, part: int, d: int, number: int) -> None:
    population, row = call.draws[d, 0], call.draws[d, 2]
    k0, k1 = np.uint32(call.draws[d, 3]), np.uint32(call.draws[d, 4])
    cells, gids = pointer_to(network.cells), pointer_to(network.gids)
    at, n_rows = network.places[population, AT], network.places[population, N_ROWS]
    slot = network.places[population, SLOT]
    for block in range(network.ranges[part, population, 0], network.ranges[part, population, 1]):
        here, own = at + (block * n_rows + row) * LANES, slot + block * LANES
        for lane in range(LANES):
            x, y = normal_pair(k0, k1, gids[own + lane], number)
            cells[here + lane] = x
            cells[here + LANES + lane] = y


@_kernel
def _arrive(network: Any, part: int, step: int) -> None:
    """Hand the events that arrive in this step to the cells."""
    cells, ring = pointer_to(network.cells), pointer_to(network.ring)
    now = step % network.ring.shape[0] * network.ring.shape[1]
    for p in range(len(network.arrivals)):
        population, row = network.arrivals[p, 0], network.arrivals[p, 1]
        at, n_rows = network.places[population, AT], network.places[population, N_ROWS]
        first, last = network.ranges[part, population, 0], network.ranges[part, population, 1]
        for block in range(first, last):
            here = at + (block * n_rows + row) * LANES
            there = now + network.arrivals[p, 2] + block * LANES
            for lane in range(LANES):
                cells[here + lane] = ring[there + lane]
                ring[there + lane] = 0


@_kernel
def _collect(network: Any, call: Any, part: int, k: int) -> None:
    """Append the slots that spiked to the list of this thread."""
    bits = pointer_to(network.bits)
    n = call.counts[part, k]
    for population in range(len(network.places)):
        at, n_rows = network.places[population, AT], network.places[population, N_ROWS]
        row, slot = network.places[population, FIRED], network.places[population, SLOT]
        first, last = network.ranges[part, population, 0], network.ranges[part, population, 1]
        for block in range(first, last):
            here = at + (block * n_rows + row) * LANES
            spiked = bits[here]
            for lane in range(1, LANES):
                spiked |= bits[here + lane]
            if spiked:
                for lane in range(LANES):
                    own = slot + block * LANES + lane
                    if bits[here + lane] and network.filled[own]:
                        call.spikes[part, n] = own
                        n += 1
    call.counts[part, k + 1] = n


@_kernel
def _send(network: Any, call: Any, part: int, k: int, step: int) -> None:
    """Enter the events of this step's spikes onto the cells of this thread into the ring."""
    ring, targets = pointer_to(network.ring), pointer_to(network.targets)
    delays, outgoing = pointer_to(network.delays), pointer_to(network.outgoing)
    n_parts, n_steps, width = len(network.ranges), network.ring.shape[0], network.ring.shape[1]
    now = step % n_steps
    for other in range(n_parts):
        for e in range(call.counts[other, k], call.counts[other, k + 1]):
            row = call.spikes[other, e] * n_parts + part
            for j in range(outgoing[row], outgoing[row + 1]):
                arrival = now + delays[j]
                arrival -= n_steps if arrival >= n_steps else 0
                ring[arrival * width + targets[j]] += 1
