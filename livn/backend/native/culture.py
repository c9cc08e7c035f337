"""Copies of a network side by side in the arrays of one compiled function."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livn.backend.contract import NO_SPIKES, Changes, InputSpikes, Probe
from livn.backend.native.arrays import (
    Place,
    network_arrays,
    place_populations,
    write_constants,
)
from livn.backend.native.cache import compile_advance, compile_cells
from livn.backend.native.calls import (
    STEP,
    draw_keys,
    draw_table,
    drawn_pairs,
    empty_call,
    play_tables,
    record_tables,
)
from livn.backend.native.kernels import RING_AT, CallArrays
from livn.backend.native.lower import LANES
from livn.backend.native.numbers import Loaded
from livn.backend.network import Network

_SPIKES = 1 << 18  # slots in a list of spikes: so many cells times steps are computed at once
_EPOCH = 1 << 32  # steps after which random numbers take another key

Integers = NDArray[np.int64]


class Culture:
    """Copies of a network, none of which knows of the others.

    Attributes:
        n_copies: how many.
        seeds, streams: of their random numbers.
        steps: that each has taken since its start.
        loaded: their numbers.
        compiled: the functions that advance them.
        chunk: most steps computed at once.
    """

    def __init__(
        self, network: Network, n_copies: int, dt: float, loaded: Loaded, seeds: Sequence[int],
        precision: str, threads: int,
    ):  # fmt: skip
        self.n_copies, self.dt, self.seeds = n_copies, dt, list(seeds)
        self.streams, self.steps = [0] * n_copies, [0] * n_copies
        self._network = network.repeated(n_copies)
        self._precision, self._threads = precision, threads
        self._pool = ThreadPoolExecutor(threads - 1) if threads > 1 else None
        self._clock = 0
        self._lay_out(loaded)
        self.reset(range(n_copies))

    def _lay_out(self, loaded: Loaded) -> None:
        self.loaded = loaded
        known = loaded.constants
        self._places = place_populations(self._network, known, self._precision)
        self._arrays = network_arrays(
            self._network, self._places, self.dt, self._precision, self._threads
        )
        n_slots = len(self._arrays.gids)
        self.chunk = max(1, _SPIKES // n_slots)
        self._call = empty_call(self._threads, self.chunk * n_slots, self.chunk)
        functions = [compile_cells(p.lowered.text) for p in self._places.values()]
        self._arrays.functions[:] = [f.advance.address for f in functions]
        driver = compile_advance(self._precision, self._compile)
        self._advance_by, self.compiled = driver.advance, [*functions, driver]
        for name, place in self._places.items():
            write_constants(self._arrays, place, known[name])
        self._index()
        self.rekey()

    def _compile(self, advance: Any) -> None:
        advance(self._arrays, self._call, 0, 0, 0, 0)

    def _index(self) -> None:
        """Note where in the arrays what is asked for at every call lies."""
        self._gids = self._arrays.gids.astype(np.int64)
        self._copies = np.zeros(len(self._gids), np.int64)
        self._inputs: dict[tuple[str, str], NDArray[np.floating]] = {}
        elements = []
        for name, place in self._places.items():
            cells = np.arange(len(place.population))
            own = slice(place.slot, place.slot + len(cells))
            self._copies[own] = cells // (len(cells) // self.n_copies)
            elements += [place.element(v, cells) for v in place.population.equations.voltages]
            blocks = place.blocks(self._arrays.cells)
            for variable in place.population.step.inputs:
                self._inputs[name, variable] = blocks[:, place.row(variable)]
        self._voltages = np.concatenate(elements)
        self._slots = np.flatnonzero(self._arrays.filled)  # of each cell

    # numbers

    def load(self, loaded: Loaded) -> None:
        """Take other numbers; states and events in flight are kept."""
        shared = {name: place.lowered.shared for name, place in self._places.items()}
        if loaded.spread_where_shared(shared):
            held = [self._dynamic(place).copy() for place in self._places.values()]
            ring = self._arrays.ring
            self._lay_out(loaded.at_least_as_spread(shared))
            self._arrays.ring[:] = ring
            for place, states in zip(self._places.values(), held, strict=True):
                self._dynamic(place)[:] = states
            return
        self.loaded = loaded
        for name, place in self._places.items():
            write_constants(self._arrays, place, loaded.constants[name])
        self.rekey()

    def rekey(self) -> None:
        """Have the random numbers looked up anew: a seed, a stream or a time has changed."""
        self._until = 0

    def _renew(self) -> None:
        """Write the tables of random numbers, valid for the next `_until` steps."""
        pairs = drawn_pairs(self._places, self.loaded.drawn)
        ends = [k for k, (a, b) in enumerate(pairwise(self.steps), 1) if a != b]
        stretches = list(pairwise([0, *ends, self.n_copies]))
        self._leaders = [first for first, _ in stretches] * len(pairs)
        copies = list(zip(self.seeds, self.streams, self.steps, strict=True))
        self._call = self._call._replace(
            draws=draw_table(pairs, stretches, self.n_copies, self.dt),
            keys=draw_keys(pairs, copies, self.dt),
        )
        self._until = min(_EPOCH - step % _EPOCH for step in self.steps)

    # time

    def advance(
        self,
        n_steps: int,
        inputs: Mapping[str, Changes],
        probes: Sequence[Probe],
        played: InputSpikes = NO_SPIKES,
    ) -> tuple[Integers, Integers, Integers, list[NDArray[np.float64]]]:
        """Return copies, gids and steps of the spikes by step, and a series a probe.

        A series is of shape [n_copies * n_cells, n_samples].
        """
        given: dict[str, Any] = {}
        if inputs:
            given |= play_tables(self._places, inputs, self.n_copies)
        if probes:
            given |= record_tables(self._places, probes, n_steps, self.n_copies)
        if len(played):
            given["played"] = np.stack([played.steps, self._slots[played.cells]], axis=1)
        spikes, done = [], 0
        try:
            while done < n_steps:
                if not self._until:
                    self._renew()
                self._call.draws[:, STEP] = [self.steps[k] for k in self._leaders]
                n = min(self.chunk, n_steps - done, self._until)
                call = self._call._replace(**given) if given else self._call
                self._compute(call, n, done)
                spikes.append(self._spikes(call, n))
                done += n
        finally:
            self._silence(inputs)
        slots, steps = spikes[0] if len(spikes) == 1 else _joined(spikes)
        series = _series(given["probes"], given["out"]) if probes else []
        return self._copies[slots], self._gids[slots], steps, series

    def _compute(self, call: CallArrays, n_steps: int, done: int) -> None:
        """Take some steps; clocks go first, so that an interrupt finds them where the cells are."""
        advance, clock = self._advance_by, self._clock
        self._clock += n_steps
        self._until -= n_steps
        self.steps = [step + n_steps for step in self.steps]
        others = [
            self._pool.submit(advance, self._arrays, call, k, n_steps, done, clock)
            for k in range(1, self._threads)
            if self._pool is not None
        ]
        try:
            advance(self._arrays, call, 0, n_steps, done, clock)
        finally:
            for other in others:
                other.result()

    def _spikes(self, call: CallArrays, n_steps: int) -> tuple[Integers, Integers]:
        """Return slots and steps of the spikes of a chunk, by step and then by slot."""
        if self._threads == 1:
            n = call.counts[0, n_steps]
            return call.spikes[0, :n].astype(np.int64), call.moments[0, :n].astype(np.int64)
        lists = zip(call.spikes, call.moments, call.counts, strict=True)
        slots, steps = _joined([(s[: c[n_steps]], m[: c[n_steps]]) for s, m, c in lists])
        order = np.lexsort((slots, steps))
        return slots[order].astype(np.int64), steps[order].astype(np.int64)

    def _silence(self, inputs: Mapping[str, Changes]) -> None:
        for name, changes in inputs.items():
            for variable in changes.rows:
                self._inputs[name, variable][:] = 0.0

    def finite(self) -> bool:
        """Return whether all voltages are numbers."""
        return bool(np.isfinite(self._arrays.cells[self._voltages]).all())

    def voltages(self, copy: int) -> dict[str, list[NDArray[np.floating]]]:
        """Return the voltages of each population of a copy, [n_cells] a section."""
        cells = self._arrays.cells
        return {
            name: [cells[place.element(v, self._cells(place, [copy]))]
                   for v in place.population.equations.voltages]
            for name, place in self._places.items()
        }  # fmt: skip

    # state

    def reset(self, copies: Sequence[int]) -> None:
        """Let some copies go back to step 0: states and events in flight."""
        for name, place in self._places.items():
            start = self.loaded.start(name, copies)
            if len(copies) == self.n_copies:
                for variable in place.lowered.dynamic:
                    spread = place.spread(start[variable])
                    place.blocks(self._arrays.cells)[:, place.row(variable)] = spread
            else:
                there = self._elements(place, copies)
                self._arrays.cells[there] = [start[v] for v in place.lowered.dynamic]
        for slots in self._arrivals(copies):
            self._arrays.ring[:, slots] = 0
        for k in copies:
            self.steps[k] = 0
        self.rekey()

    def snapshot(self, copy: int) -> dict[str, Any]:
        """Return step, states and events in flight of a copy, as numpy arrays.

        The events of a projection are counted from the present step on, [n_steps, n_cells].
        """
        states = {n: self._arrays.cells[self._elements(p, [copy])] for n, p in self._places.items()}
        events = [self._arrays.ring[self._rows(), slots] for slots in self._arrivals([copy])]
        return {"step": self.steps[copy], "states": states, "events": events}

    def restore(self, copy: int, snapshot: Mapping[str, Any]) -> None:
        """Let a copy continue from a snapshot."""
        for name, states in snapshot["states"].items():
            self._arrays.cells[self._elements(self._places[name], [copy])] = states
        for slots, events in zip(self._arrivals([copy]), snapshot["events"], strict=True):
            self._arrays.ring[self._rows(), slots] = events
        self.steps[copy] = snapshot["step"]
        self.rekey()

    def _rows(self) -> Integers:
        """Return the rows of the ring from the present step on, [n_steps, 1]."""
        n_steps = len(self._arrays.ring)
        return (self._clock + np.arange(n_steps)[:, None]) % n_steps

    def _cells(self, place: Place, copies: Sequence[int]) -> Integers:
        """Return the indices of the cells of some copies of a population."""
        n_cells = len(place.population) // self.n_copies
        return (np.arange(n_cells) + n_cells * np.array(copies, np.int64)[:, None]).ravel()

    def _elements(self, place: Place, copies: Sequence[int]) -> Integers:
        """Return where what decides the future of some copies lies, [n_variables, n_cells]."""
        cells = self._cells(place, copies)
        return (
            place.element(place.lowered.rows[0], cells)
            + LANES * np.arange(len(place.lowered.dynamic))[:, None]
        )

    def _arrivals(self, copies: Sequence[int]) -> list[Integers]:
        """Return the elements in a step of the ring of some copies, by projection."""
        begins = self._arrays.places[:, RING_AT]
        return [
            begin + place.arrival(number, self._cells(place, copies))
            for begin, place in zip(begins, self._places.values(), strict=True)
            for number in range(place.n_arrivals)
        ]

    def _dynamic(self, place: Place) -> NDArray[np.floating]:
        """Return a view of the rows that decide the future, [block, row, lane]."""
        return place.blocks(self._arrays.cells)[:, : len(place.lowered.dynamic)]

    def close(self) -> None:
        """Drop all arrays and threads."""
        if self._pool is not None:
            self._pool.shutdown()
        del self._arrays, self._call, self._places, self._pool, self._inputs, self.loaded


def _series(table: Integers, out: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Return [cells, n_samples] of each probe."""
    ends = [*table[1:, 3], len(out)]
    return [
        np.ascontiguousarray(out[begin:end].reshape(-1, stop - start).T)
        for (_, start, stop, begin), end in zip(table, ends, strict=True)
    ]


def _joined(parts: Sequence[tuple[NDArray[Any], NDArray[Any]]]) -> tuple[Any, Any]:
    first, second = (np.concatenate(x) for x in zip(*parts, strict=True))
    return first, second
