"""The native engine: all steps of a run inside one compiled function."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livn.backend.contract import Drive, Engine, Output, Probe, check_finite
from livn.backend.native.arrays import (
    constants,
    network_arrays,
    place_populations,
    write_constants,
    write_increments,
    write_start,
)
from livn.backend.native.cache import compile_advance, compile_cells
from livn.backend.native.calls import draws, empty_call, plays, recordings, renewals
from livn.backend.native.kernels import CallArrays
from livn.backend.network import Network
from livn.models.values import Value

_SPIKES = 1 << 18  # slots in a list of spikes: so many cells times steps are computed at once
_EPOCH = 1 << 32  # steps after which random numbers take another key


class NativeEngine(Engine):
    """A network in arrays, advanced by code made for its equations."""

    def __init__(
        self,
        network: Network,
        dt: float,
        seed: int,
        values: Mapping[str, Mapping[str, Value]],
        increments: Mapping[str, float],
        precision: str,
        threads: int,
    ):
        self.network, self.dt, self.seed = network, dt, seed
        self.precision, self.threads = precision, threads
        self._values = {n: dict(v) for n, v in values.items()}
        self._increments = dict(increments)
        self._pool = ThreadPoolExecutor(threads - 1) if threads > 1 else None
        self._lay_out()
        self.reset()

    def _lay_out(self) -> None:
        known = {
            n: constants(p, self._values[n], self.dt) for n, p in self.network.populations.items()
        }
        self._places = place_populations(self.network, known, self.precision)
        self._arrays = network_arrays(
            self.network, self._places, self.dt, self.precision, self.threads
        )
        self._chunk = max(1, _SPIKES // len(self._arrays.gids))
        self._call = empty_call(self.threads, self._chunk * len(self._arrays.gids), self._chunk)
        functions = [compile_cells(p.lowered.text) for p in self._places.values()]
        self._arrays.functions[:] = [f.advance.address for f in functions]
        driver = compile_advance(self.precision, self._compile)
        self._advance_by, self._compiled = driver.advance, [*functions, driver]
        for name, place in self._places.items():
            write_constants(self._arrays, place, known[name])
        self.load_weights({})
        self._renewals = renewals(self._places, self._values, self.dt)

    def _compile(self, advance: Any) -> None:
        advance(self._arrays, self._call, 0, 0, 0, 0)

    # numbers

    def load_parameters(self, population: str, values: Mapping[str, Value]) -> None:
        """Take new parameter values; the state is kept."""
        self._values[population] = dict(values)
        place = self._places[population]
        known = constants(place.population, values, self.dt)
        if any(np.ndim(v) and n in place.lowered.shared for n, v in known.items()):
            held = self.snapshot()
            self._lay_out()
            self.restore(held)
            return
        write_constants(self._arrays, place, known)
        self._renewals = renewals(self._places, self._values, self.dt)

    def load_weights(self, increments: Mapping[str, float]) -> None:
        """Take new weights; events in flight arrive with them."""
        self._increments |= increments
        for place in self._places.values():
            write_increments(self._arrays, self.network, place, self._increments)

    # time

    def advance(self, n_steps: int, drives: Mapping[str, Drive], probes: Sequence[Probe]) -> Output:
        """Simulate `n_steps`."""
        table, samples, rows = plays(self._places, drives)
        recorded, sources, begins = recordings(self._places, probes, n_steps)
        call = self._call._replace(
            plays=table, samples=samples, rows=rows, probes=recorded, sources=sources,
            out=np.empty(begins[-1]),
        )  # fmt: skip
        spikes = []
        done = 0
        while done < n_steps:
            n = min(self._chunk, n_steps - done, _EPOCH - self.step % _EPOCH)
            call = call._replace(draws=draws(self._renewals, self.seed, self.stream, self.step))
            self._advance(call, n, done)
            spikes.append(self._spikes(call, n, done))
            done += n
        self._silence(drives)
        for name, place in self._places.items():
            population = self.network.populations[name]
            where = [place.row(v) for v in population.equations.voltages]
            voltages = place.blocks(self._arrays.cells)[:, where].swapaxes(0, 1)
            cells = voltages.reshape(len(where), -1)[:, : len(population)]
            check_finite(population, list(cells), self.step * self.dt)
        return Output(
            np.concatenate([g for g, _ in spikes]),
            np.concatenate([s for _, s in spikes]),
            _series(probes, recorded, call.out, begins),
        )

    def _advance(self, call: CallArrays, n_steps: int, done: int) -> None:
        advance = self._advance_by
        others = [
            self._pool.submit(advance, self._arrays, call, k, n_steps, done, self.step)
            for k in range(1, self.threads)
            if self._pool is not None
        ]
        advance(self._arrays, call, 0, n_steps, done, self.step)
        for other in others:
            other.result()
        self.step += n_steps

    def _spikes(
        self, call: CallArrays, n_steps: int, done: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return gids and steps of the spikes of a chunk, by step and then by gid."""
        gids, steps = [], []
        for slots, counts in zip(call.spikes, call.counts, strict=True):
            gids.append(self._arrays.gids[slots[: counts[n_steps]]].astype(np.int64))
            steps.append(np.repeat(np.arange(n_steps), np.diff(counts[: n_steps + 1])) + done)
        gid, step = np.concatenate(gids), np.concatenate(steps)
        if self.threads > 1:
            order = np.lexsort((gid, step))
            gid, step = gid[order], step[order]
        return gid, step

    def _silence(self, drives: Mapping[str, Drive]) -> None:
        for name, drive in drives.items():
            place = self._places[name]
            for variable in drive.rows:
                place.blocks(self._arrays.cells)[:, place.row(variable)] = 0.0

    # state

    def reset(self) -> None:
        """Go back to step 0: states and events in flight."""
        for name, place in self._places.items():
            write_start(self._arrays, place, self._values[name])
        self._arrays.ring[:] = 0
        self.step = 0

    def snapshot(self) -> Any:
        """Return states, events in flight and the step, as numpy arrays."""
        states = {n: self._dynamic(n).copy() for n in self._places}
        return {"step": self.step, "states": states, "events": self._arrays.ring.copy()}

    def restore(self, snapshot: Any) -> None:
        """Continue from a snapshot."""
        for name, states in snapshot["states"].items():
            self._dynamic(name)[:] = states
        self._arrays.ring[:] = snapshot["events"]
        self.step = snapshot["step"]

    def _dynamic(self, name: str) -> NDArray[np.floating]:
        """Return a view of the rows that decide the future, [block, row, lane]."""
        place = self._places[name]
        return place.blocks(self._arrays.cells)[:, : len(place.lowered.dynamic)]

    def close(self) -> None:
        """Drop all arrays and threads."""
        if self._pool is not None:
            self._pool.shutdown()
        del self._arrays, self._call, self._places, self._pool

    def describe(self) -> str:
        """Return the precision, the number of threads, and what was compiled or loaded."""
        told = []
        for origin in ("compiled", "loaded"):
            seconds = [c.seconds for c in self._compiled if c.origin == origin]
            if seconds:
                told.append(f"{len(seconds)} functions {origin} in {sum(seconds):.1f} s")
        told += sorted({f"not kept: {c.unkept}" for c in self._compiled if c.unkept})
        code = ", ".join(told) or "code in memory"
        return f"native, {self.precision}, threads={self.threads} ({code})"


def _series(
    probes: Sequence[Probe],
    table: NDArray[np.int64],
    out: NDArray[np.float64],
    begins: list[int],
) -> list[NDArray[np.float64]]:
    """Return [n_cells, n_samples] of each probe."""
    return [
        np.ascontiguousarray(out[begins[k] : begins[k + 1]].reshape(-1, stop - start).T)
        for k, (_, start, stop, _) in enumerate(table)
    ]
