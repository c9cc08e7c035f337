"""A network as the arrays that compiled code works on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livn.backend.native.kernels import NetworkArrays
from livn.backend.native.lower import LANES, REFRACTORY, Lowered, lower
from livn.backend.network import Network, Population, Projection
from livn.errors import NotSupported
from livn.models.values import Value, refractory_steps, step_constants

PRECISIONS: dict[str, np.dtype[Any]] = {n: np.dtype(n) for n in ("float64", "float32")}
_MODULES = {"float64": "double", "float32": "single"}  # with the intrinsics

_MOST_EVENTS = 2**31 - 1  # elements of the ring that a synapse can point to

Constants = dict[str, Value]  # of the time step, and what an event adds


@dataclass(frozen=True)
class Place:
    """Where one population lies in the arrays.

    Attributes:
        at, shared_at: first element in `cells` and in `shared`.
        slot: first cell, counted with the empty lanes of blocks before.
        n_arrivals: number of projections that end on it.
    """

    population: Population
    lowered: Lowered
    at: int
    shared_at: int
    slot: int
    n_arrivals: int

    @property
    def n_blocks(self) -> int:
        """Number of blocks."""
        return -(-len(self.population) // LANES)

    @property
    def size(self) -> int:
        """Number of elements in `cells`."""
        return self.n_blocks * len(self.lowered.rows) * LANES

    def row(self, name: str) -> int:
        """Return which row of a block holds a variable."""
        return self.lowered.rows.index(name)

    def blocks(self, cells: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return its part of `cells` as [block, row, lane]."""
        part = cells[self.at : self.at + self.size]
        return part.reshape(self.n_blocks, len(self.lowered.rows), LANES)

    def element(self, name: str, cells: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return where a variable of some cells is in `cells`."""
        block, lane = np.divmod(cells, LANES)
        return self.at + (block * len(self.lowered.rows) + self.row(name)) * LANES + lane

    def arrival(self, number: int, cells: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return which of its elements of the ring are events of a projection onto some cells."""
        block, lane = np.divmod(cells, LANES)
        return (block * self.n_arrivals + number) * LANES + lane

    def spread(self, value: Value) -> NDArray[np.float64]:
        """Return values as [block, lane]; empty lanes repeat the last cell, so they stay finite."""
        full = np.broadcast_to(value, len(self.population))
        padded = np.pad(full, (0, self.n_blocks * LANES - len(full)), mode="edge")
        return padded.reshape(self.n_blocks, LANES)


def constants(population: Population, values: Mapping[str, Value], dt: float) -> Constants:
    """Return the constants of the time step, and the refractory period in steps."""
    found = step_constants(population.step, values, dt)
    found[REFRACTORY] = refractory_steps(population.equations, values, dt)
    return found


def place_populations(
    network: Network, known: Mapping[str, Constants], precision: str
) -> dict[str, Place]:
    """Return where each population lies, one after the other."""
    places: dict[str, Place] = {}
    at = shared_at = slot = 0
    for name, population in network.populations.items():
        arrivals = tuple(tuple(t.states for t in p.receptors) for p in onto(network, name))
        per_cell = frozenset(n for n, v in known[name].items() if np.ndim(v))
        lowered = lower(population.step, arrivals, per_cell, _MODULES[precision])
        place = places[name] = Place(population, lowered, at, shared_at, slot, len(arrivals))
        at, shared_at = at + place.size, shared_at + len(lowered.shared)
        slot += place.n_blocks * LANES
    return places


def network_arrays(
    network: Network, places: Mapping[str, Place], dt: float, precision: str, n_parts: int
) -> NetworkArrays:
    """Return the arrays of a network, computed by `n_parts` threads; no numbers in them yet."""
    placed = list(places.values())
    real = PRECISIONS[precision]
    cells = _aligned(sum(p.size for p in placed), real)
    slots = sum(p.n_blocks for p in placed) * LANES
    gids, filled = np.zeros(slots, np.uint32), np.zeros(slots, np.uint8)
    for p in placed:
        gids[p.slot : p.slot + len(p.population)] = p.population.gids
        filled[p.slot : p.slot + len(p.population)] = 1
    ranges = np.array(
        [[(p.n_blocks * k // n_parts, p.n_blocks * (k + 1) // n_parts) for p in placed]
         for k in range(n_parts)], np.int64
    )  # fmt: skip
    begins = np.cumsum([0, *(p.n_blocks * p.n_arrivals * LANES for p in placed)])
    outgoing, targets, delays = _synapses(network, places, begins, ranges, dt, slots)
    steps, width = int(delays.max(initial=0)) + 1, int(begins[-1])
    if steps * width > _MOST_EVENTS:
        raise NotSupported(
            f"native cannot hold the events of so many cells and steps: got {steps} steps of "
            f"{width} lanes; at most {_MOST_EVENTS} together. Use a longer step or brian2."
        )
    return NetworkArrays(
        functions=np.zeros(len(placed), np.int64),
        cells=cells,
        bits=cells.view(np.int64 if real.itemsize == 8 else np.int32),
        shared=np.zeros(sum(len(p.lowered.shared) for p in placed), real),
        places=np.array(
            [(p.at, p.shared_at, len(p.lowered.rows), p.row("fired"), p.slot, begin,
              p.n_arrivals * LANES)
             for p, begin in zip(placed, begins, strict=False)],
            np.int64,
        ),
        ranges=ranges, gids=gids, filled=filled,
        ring=_aligned(steps * width, real).reshape(steps, width),
        outgoing=outgoing, landings=(delays * width + targets).astype(np.int32),
        barrier=np.zeros(1, np.int64),
    )  # fmt: skip


def _aligned(size: int, kind: np.dtype[Any]) -> NDArray[Any]:
    """Return zeros that begin with a cache line, so that no vector lies across two of them."""
    line = 64  # bytes
    memory = np.zeros(size * kind.itemsize + line, np.uint8)
    begin = -memory.ctypes.data % line
    return memory[begin : begin + size * kind.itemsize].view(kind)


def write_constants(arrays: NetworkArrays, place: Place, known: Constants) -> None:
    """Write the constants of a population."""
    blocks = place.blocks(arrays.cells)
    for name, value in known.items():
        if name in place.lowered.shared:
            arrays.shared[place.shared_at + place.lowered.shared.index(name)] = value
        else:
            blocks[:, place.row(name)] = place.spread(value)


def onto(network: Network, post: str) -> list[Projection]:
    """Return the projections that end on a population, in the order of the network."""
    return [p for p in network.projections if p.post == post]


def _synapses(
    network: Network,
    places: Mapping[str, Place],
    begins: NDArray[np.int64],
    ranges: NDArray[np.int64],
    dt: float,
    slots: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return all synapses by (presynaptic slot, thread): first synapse of each, target, delay."""
    rows, targets, delays = [], [], []
    n_parts = len(ranges)
    for k, (name, place) in enumerate(places.items()):
        for number, projection in enumerate(onto(network, name)):
            part = np.searchsorted(ranges[:, k, 1], projection.targets // LANES, side="right")
            rows.append((places[projection.pre].slot + projection.sources) * n_parts + part)
            targets.append(begins[k] + place.arrival(number, projection.targets))
            delays.append(projection.delay_steps(dt))
    empty = np.empty(0, np.int64)
    row, target, delay = (np.concatenate([*x, empty]) for x in (rows, targets, delays))
    order = np.lexsort((target, delay, row))
    counts = np.bincount(row, minlength=slots * n_parts)
    outgoing = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return outgoing, target[order], delay[order]
