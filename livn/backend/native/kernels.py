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
from livn.backend.native.denormals import flush_denormals, keep_denormals
from livn.backend.native.lower import LANES
from livn.backend.native.noise import normal_pair
from livn.backend.native.threads import arrive_and_wait

_kernel: Callable[..., Any] = njit(error_model="numpy", nogil=True, forceinline=True, **called)

Integers = NDArray[np.int64]

AT, SHARED_AT, N_ROWS, FIRED, SLOT, RING_AT, ARRIVING = range(7)  # columns of `places`


class NetworkArrays(NamedTuple):
    """What is simulated.

    Attributes:
        functions: addresses of what takes a step with the cells of each population.
        cells: blocks of all populations, float64 or float32.
        bits: `cells` as integers of the same width.
        shared: constants of all populations.
        places: per population: AT first element in `cells`, SHARED_AT first constant in `shared`,
            N_ROWS of a block, row FIRED, first SLOT (cells counted with the empty lanes), RING_AT
            first element in a step of the ring, elements of it ARRIVING at a block.
        ranges: [part, population, 2]: the blocks a thread computes.
        gids: of every slot.
        filled: of every slot, 1 where there is a cell.
        ring: [steps, elements]: events that arrive in a step to come; a block of cells has as many
            lanes of them as projections end on its population.
        outgoing: [slots * parts + 1]: the synapses of each slot onto the cells of each thread.
        landings: of every synapse: how many elements of the ring ahead its event arrives.
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
    ring: Any
    outgoing: Integers
    landings: NDArray[np.int32]
    barrier: Integers


class CallArrays(NamedTuple):
    """What one call plays, records and draws, and where its spikes go.

    Attributes:
        draws: per pair of random numbers and stretch of cells that have taken equally many steps:
            population, steps between renewals, row of the first number, first in `keys`, number of
            keys, first and last cell, steps taken before the call.
        keys: of each pair the first words of all cells, then the second.
        plays: changes of inputs in the order of time: step of the call, row of the drive, copy
            whose input changes, drive.
        played: step of the call and slot of spikes that only synapses know of, in that order.
        inputs: of all drives: drive, population, row, its first value in `rows`, cells of a copy.
        rows: of all drives.
        probes: per probe: steps between samples, first and last entry in `sources`, first in `out`.
        sources: elements of `cells` that are recorded.
        out: samples of all probes.
        spikes, moments: per part: slots that spiked, and the step of the call at which.
        counts: per part: how many spiked until each step.
    """

    draws: Integers
    keys: NDArray[np.uint32]
    plays: Integers
    played: Integers
    inputs: Integers
    rows: NDArray[np.float64]
    probes: Integers
    sources: Integers
    out: NDArray[np.float64]
    spikes: NDArray[np.int32]
    moments: NDArray[np.int32]
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
        step: steps taken before, of the clock of the events.
    """
    n_parts, barrier = len(network.ranges), pointer_to(network.barrier)
    cells, shared = pointer_to(network.cells), pointer_to(network.shared)
    ring, (ring_steps, width) = pointer_to(network.ring), network.ring.shape
    play = told = 0
    while play < len(call.plays) and call.plays[play, 0] < done:
        play += 1
    while told < len(call.played) and call.played[told, 0] < done:
        told += 1
    mode = flush_denormals()
    for k in range(n_steps):
        if _record(network, call, part, done + k) and n_parts > 1:
            arrive_and_wait(barrier, n_parts)
        play = _play(network, call, part, done + k, play)
        _draw(network, call, part, k)
        now = (step + k) % ring_steps * width
        for population in range(len(network.places)):
            first, last = network.ranges[part, population, 0], network.ranges[part, population, 1]
            here = now + network.places[population, RING_AT]
            call_blocks(
                network.functions[population], cells, shared, ring,
                network.places[population, AT], network.places[population, SHARED_AT],
                here, first, last,
            )  # fmt: skip
            arriving = network.places[population, ARRIVING]
            for j in range(here + first * arriving, here + last * arriving):
                ring[j] = 0.0
        _collect(network, call, part, k, done)
        if n_parts > 1:
            arrive_and_wait(barrier, n_parts)
        _send(network, call, part, k, step + k)
        told = _tell(network, call, part, done + k, step + k, told)
    keep_denormals(mode)


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
def _play(network: Any, call: Any, part: int, k: int, play: int) -> int:
    """Write what changes now and return which change comes next."""
    while play < len(call.plays) and call.plays[play, 0] == k:
        which, copy, drive = call.plays[play, 1], call.plays[play, 2], call.plays[play, 3]
        for i in range(len(call.inputs)):
            if call.inputs[i, 0] == drive:
                n_cells = call.inputs[i, 4]
                rows_at = call.inputs[i, 3] + (which - copy) * n_cells
                begin, end = copy * n_cells, (copy + 1) * n_cells
                _write_row(network, call, part, i, rows_at, begin, end)
        play += 1
    return play


@_kernel
def _write_row(
    network: Any, call: Any, part: int, i: int, rows_at: int, begin: int, end: int
) -> None:
    cells, rows = pointer_to(network.cells), pointer_to(call.rows)
    population, row = call.inputs[i, 1], call.inputs[i, 2]
    at, n_rows = network.places[population, AT], network.places[population, N_ROWS]
    first, last = network.ranges[part, population, 0], network.ranges[part, population, 1]
    for cell in range(max(first * LANES, begin), min(last * LANES, end)):
        cells[at + (cell // LANES * n_rows + row) * LANES + cell % LANES] = rows[rows_at + cell]


@_kernel
def _draw(network: Any, call: Any, part: int, k: int) -> None:
    """Renew the random numbers that are due; all of them in the first step of a call."""
    for d in range(len(call.draws)):
        every, step = call.draws[d, 1], call.draws[d, 7] + k
        if k == 0 or step % every == 0:
            _normals(network, call, part, d, np.uint32(step // every))


@_kernel
def _normals(network: Any, call: Any, part: int, d: int, number: int) -> None:
    population, row = call.draws[d, 0], call.draws[d, 2]
    cells, gids, keys = (
        pointer_to(network.cells), pointer_to(network.gids), pointer_to(call.keys)
    )  # fmt: skip
    at, n_rows = network.places[population, AT], network.places[population, N_ROWS]
    slot, first, last = network.places[population, SLOT], call.draws[d, 5], call.draws[d, 6]
    first = max(first, network.ranges[part, population, 0] * LANES)
    last = min(last, network.ranges[part, population, 1] * LANES)
    for block in range(first // LANES, (last + LANES - 1) // LANES):
        here, own = at + (block * n_rows + row) * LANES, slot + block * LANES
        k0 = call.draws[d, 3] + block * LANES
        k1 = k0 + call.draws[d, 4]
        begin, end = first - block * LANES, last - block * LANES
        if begin <= 0 and end >= LANES:
            for lane in range(LANES):
                x, y = normal_pair(keys[k0 + lane], keys[k1 + lane], gids[own + lane], number)
                cells[here + lane] = x
                cells[here + LANES + lane] = y
        else:
            for lane in range(max(begin, 0), min(end, LANES)):
                x, y = normal_pair(keys[k0 + lane], keys[k1 + lane], gids[own + lane], number)
                cells[here + lane] = x
                cells[here + LANES + lane] = y


@_kernel
def _collect(network: Any, call: Any, part: int, k: int, done: int) -> None:
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
                        call.moments[part, n] = done + k
                        n += 1
    call.counts[part, k + 1] = n


@_kernel
def _send(network: Any, call: Any, part: int, k: int, step: int) -> None:
    """Enter the events of this step's spikes onto the cells of this thread into the ring."""
    for other in range(len(network.ranges)):
        for e in range(call.counts[other, k], call.counts[other, k + 1]):
            _enter(network, part, call.spikes[other, e], step)


@_kernel
def _tell(network: Any, call: Any, part: int, k: int, step: int, told: int) -> int:
    """Enter the events of spikes that are played in this step and return which comes next."""
    while told < len(call.played) and call.played[told, 0] == k:
        _enter(network, part, call.played[told, 1], step)
        told += 1
    return told


@_kernel
def _enter(network: Any, part: int, slot: int, step: int) -> None:
    """Enter the events of one spike onto the cells of this thread."""
    ring, landings = pointer_to(network.ring), pointer_to(network.landings)
    outgoing, n_parts = pointer_to(network.outgoing), len(network.ranges)
    n_steps, width = network.ring.shape
    now, size = step % n_steps * width, n_steps * width
    row = slot * n_parts + part
    for j in range(outgoing[row], outgoing[row + 1]):
        there = now + landings[j]
        ring[there - size if there >= size else there] += 1.0
