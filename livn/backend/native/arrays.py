"""A network as the arrays that compiled code works on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livn.backend.native.kernels import NetworkArrays
from livn.backend.native.lower import LANES, REFRACTORY, WAIT, Lowered, lower
from livn.backend.network import Network, Population, Projection
from livn.models.values import Value, initial_state, refractory_steps, step_constants

PRECISIONS: dict[str, np.dtype[Any]] = {n: np.dtype(n) for n in ("float64", "float32")}
_MODULES = {"float64": "double", "float32": "single"}  # with the intrinsics

Constants = dict[str, Value]


@dataclass(frozen=True)
class Place:
    """Where one population lies in the arrays.

    Attributes:
        at, shared_at: first element in `cells` and in `shared`.
        slot: first cell, counted with the empty lanes of blocks before.
    """

    population: Population
    lowered: Lowered
    at: int
    shared_at: int
    slot: int

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
        arrivals = tuple(tuple(t.states for t in p.receptors) for p in _onto(network, name))
        per_cell = frozenset(n for n, v in known[name].items() if np.ndim(v))
        lowered = lower(population.step, arrivals, per_cell, _MODULES[precision])
        place = places[name] = Place(population, lowered, at, shared_at, slot)
        at, shared_at = at + place.size, shared_at + len(lowered.shared)
        slot += place.n_blocks * LANES
    return places


def network_arrays(
    network: Network, places: Mapping[str, Place], dt: float, precision: str, n_parts: int
) -> NetworkArrays:
    """Return the arrays of a network, computed by `n_parts` threads; no numbers in them yet."""
    placed = list(places.values())
    real = PRECISIONS[precision]
    cells = np.zeros(sum(p.size for p in placed), real)
    slots = sum(p.n_blocks for p in placed) * LANES
    gids, filled = np.zeros(slots, np.uint32), np.zeros(slots, np.uint8)
    for p in placed:
        gids[p.slot : p.slot + len(p.population)] = p.population.gids
        filled[p.slot : p.slot + len(p.population)] = 1
    ranges = np.array(
        [[(p.n_blocks * k // n_parts, p.n_blocks * (k + 1) // n_parts) for p in placed]
         for k in range(n_parts)], np.int64
    )  # fmt: skip
    arrivals, width = _arrivals(network, places)
    outgoing, targets, delays = _synapses(network, places, arrivals, ranges, dt, slots)
    steps = int(delays.max(initial=0)) + 1
    return NetworkArrays(
        functions=np.zeros(len(placed), np.int64),
        cells=cells,
        bits=cells.view(np.int64 if real.itemsize == 8 else np.int32),
        shared=np.zeros(sum(len(p.lowered.shared) for p in placed), real),
        places=np.array(
            [(p.at, p.shared_at, len(p.lowered.rows), p.row("fired"), p.slot) for p in placed],
            np.int64,
        ),
        ranges=ranges, gids=gids, filled=filled,
        ring=np.zeros((steps, width), np.int32),
        arrivals=arrivals, outgoing=outgoing, targets=targets, delays=delays,
        barrier=np.zeros(1, np.int64),
    )  # fmt: skip


def write_constants(arrays: NetworkArrays, place: Place, known: Constants) -> None:
    """Write the constants of a population."""
    blocks = place.blocks(arrays.cells)
    for name, value in known.items():
        if name in place.lowered.shared:
            arrays.shared[place.shared_at + place.lowered.shared.index(name)] = value
        else:
            blocks[:, place.row(name)] = place.spread(value)


def write_increments(
    arrays: NetworkArrays, network: Network, place: Place, increments: Mapping[str, float]
) -> None:
    """Write what one event adds, for every projection that ends on a population."""
    for p, projection in enumerate(_onto(network, place.population.name)):
        for k, target in enumerate(projection.receptors):
            at = place.lowered.shared.index(f"increment_{p}_{k}")
            arrays.shared[place.shared_at + at] = increments[target.key]


def write_start(arrays: NetworkArrays, place: Place, values: Mapping[str, Value]) -> None:
    """Write the initial state of a population."""
    start = initial_state(place.population.equations, values, len(place.population))
    blocks = place.blocks(arrays.cells)
    blocks[:, place.row(WAIT)] = 0.0
    for name, value in start.items():
        blocks[:, place.row(name)] = place.spread(value)


def _onto(network: Network, post: str) -> list[Projection]:
    return [p for p in network.projections if p.post == post]


def _arrivals(network: Network, places: Mapping[str, Place]) -> tuple[NDArray[np.int64], int]:
    """Return the table of arrivals, in the order of `_onto`, and how many slots they take."""
    rows, at = [], 0
    for k, (name, place) in enumerate(places.items()):
        for p in range(len(_onto(network, name))):
            rows.append((k, place.row(f"arrived_{p}"), at))
            at += place.n_blocks * LANES
    return np.array(rows, np.int64).reshape(-1, 3), at


def _synapses(
    network: Network,
    places: Mapping[str, Place],
    arrivals: NDArray[np.int64],
    ranges: NDArray[np.int64],
    dt: float,
    slots: int,
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int32]]:
    """Return all synapses by (presynaptic slot, thread): first synapse of each, target, delay."""
    rows, targets, delays = [], [], []
    n_parts = len(ranges)
    arrival = iter(arrivals)
    for k, name in enumerate(places):
        for projection in _onto(network, name):
            ring_at = next(arrival)[2]
            part = np.searchsorted(ranges[:, k, 1], projection.targets // LANES, side="right")
            rows.append((places[projection.pre].slot + projection.sources) * n_parts + part)
            targets.append(ring_at + projection.targets)
            delays.append(projection.delay_steps(dt))
    empty = np.empty(0, np.int64)
    row, target, delay = (np.concatenate([*x, empty]) for x in (rows, targets, delays))
    order = np.lexsort((target, delay, row))
    counts = np.bincount(row, minlength=slots * n_parts)
    outgoing = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return outgoing, target[order].astype(np.int32), delay[order].astype(np.int32)
