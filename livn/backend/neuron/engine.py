"""The NEURON engine: sections and mechanisms of one rank's cells, stepped together.

NEURON has one clock and one list of sections per process, and a step advances them all. Several
engines in a process therefore take turns: one is live, the others keep their state in arrays until
they are. Spikes travel as counts in a ring of steps to come rather than through NEURON's queue of
events, which cannot be told apart by engine, copied or put back.
"""

import weakref
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from neuron import h

from livn.backend.contract import (
    NO_SPIKES,
    Drive,
    Engine,
    InputSpikes,
    Output,
    Probe,
    check_finite,
)
from livn.backend.feed import NoiseFeed
from livn.backend.network import Network
from livn.backend.neuron.cells import Cells, Column, Floats
from livn.backend.neuron.ranks import Integers, share
from livn.backend.neuron.tissue import find_tissue
from livn.errors import Diverged, InvalidValue
from livn.models.values import Value

_CRANK_NICOLSON = 2  # h.secondorder
_NONE = np.empty((2, 0), np.int64)  # spikes

_variable_step = h.CVode()  # one for all: NEURON keeps what it makes for each
_live: weakref.ref["NeuronEngine"] | None = None  # whose state is in NEURON

State = dict[str, dict[str, Floats]]  # population -> variable -> value of each cell


class NeuronEngine(Engine):
    """A network in NEURON, of which this rank computes its share."""

    def __init__(
        self,
        network: Network,
        dt: float,
        seed: int,
        values: Mapping[str, Mapping[str, Value]],
        increments: Mapping[str, float],
        comm: Any = None,
    ):
        self.network, self.dt, self.seed = network, dt, seed
        self.share = share(comm, network.n_cells)
        self._parked: State | None = None
        self._values: dict[str, dict[str, Value]] = {}
        self._noise: dict[str, NoiseFeed] = {}
        self._increments = dict(increments)
        _park_the_live_one()
        self._tissue = find_tissue(network, dt, self.share)
        self._events = self._tissue.events.twin()
        self._interval = self.share.least(self._events.shortest)
        for name in network.populations:
            self.load_parameters(name, values[name])
        self.reset()

    # numbers

    def load_parameters(self, population: str, values: Mapping[str, Value]) -> None:
        """Take new parameter values; the state is kept."""
        cells = self._tissue.cells.get(population)
        if cells is None:
            return
        own = self._tissue.own[population]
        local = {n: v[own] if isinstance(v, np.ndarray) else v for n, v in values.items()}
        self._values[population] = local
        self._noise[population] = NoiseFeed(cells.population, local, self.dt, self.seed)
        if self._is_live():
            cells.set_parameters(local, self.dt)

    def load_weights(self, increments: Mapping[str, float]) -> None:
        """Take new weights; events in flight arrive with them."""
        self._increments |= increments
        if self._is_live():
            self._set_increments()

    def _set_increments(self) -> None:
        numbers = {
            (p, k): self._increments[target.key]
            for p, projection in enumerate(self.network.projections)
            for k, target in enumerate(projection.receptors)
        }
        for cells in self._tissue.cells.values():
            cells.set_increments(numbers)

    # time

    def advance(
        self,
        n_steps: int,
        drives: Mapping[str, Drive],
        probes: Sequence[Probe],
        played: InputSpikes = NO_SPIKES,
    ) -> Output:
        """Simulate `n_steps`; spikes and series are those of this rank's cells."""
        self._become_live()
        plays = [_Play(self._tissue.cells[n].inputs, d, self._tissue.own[n])
                 for n, d in drives.items() if n in self._tissue.cells]  # fmt: skip
        samples = [self._sampler(p, n_steps) for p in probes]
        spikes, told, start = [_NONE], 0, self.step
        try:
            for k in range(n_steps):
                for sample in samples:
                    sample.take(k)
                for play in plays:
                    play.write(k)
                cells = played.at(k)
                if len(cells):  # known on every rank
                    self._events.send(cells, np.full(len(cells), self.step))
                self._step_once()
                spikes += self._collect()
                if (k + 1) % self._interval == 0 or k == n_steps - 1:
                    self._send(spikes[told:])
                    told = len(spikes)
        finally:
            for play in plays:
                play.silence()
        self.share.agree(self._problem())
        found = np.concatenate(spikes, axis=1)
        return Output(self.network.gids[found[0]], found[1] - start, [s.out for s in samples])

    def _step_once(self) -> None:
        for name, feed in self._noise.items():
            for variable, numbers in feed.at(self.step, self.stream):
                self._tissue.cells[name].state[variable].write(numbers)
        for p, counts in self._events.take(self.step).items():
            for column in self._tissue.cells[self.network.projections[p].post].arrived[p]:
                column.write(counts)
        for _ in range(self._tissue.solves):
            h.fadvance()

    def _collect(self) -> list[Integers]:
        """Return place and step of the spikes of the last step, if any, and count the step."""
        cells = self._tissue.places[np.flatnonzero(self._tissue.fired.read())]
        found = [np.stack([cells, np.full(len(cells), self.step)])] if len(cells) else []
        self.step += 1
        return found

    def _send(self, spikes: list[Integers]) -> None:
        everything = self.share.exchange(np.concatenate([_NONE, *spikes], axis=1))
        if everything.size:
            self._events.send(everything[0], everything[1])

    def _sampler(self, probe: Probe, n_steps: int) -> "_Sampler":
        n_samples = -(-n_steps // probe.every)
        if probe.population not in self._tissue.cells:
            return _Sampler(None, probe.every, np.empty(0, np.int64), n_samples)
        own = self._tissue.own[probe.population]
        wanted = own if probe.cells is None else probe.cells
        rows = np.searchsorted(own, wanted[np.isin(wanted, own)])
        column = self._tissue.cells[probe.population].state[probe.variable]
        return _Sampler(column, probe.every, rows, n_samples)

    def _problem(self) -> Diverged | None:
        try:
            for cells in self._tissue.cells.values():
                voltages = [cells.state[v].read() for v in cells.population.equations.voltages]
                check_finite(cells.population, voltages, self.step * self.dt)
        except Diverged as problem:
            return problem
        return None

    # state

    def _is_live(self) -> bool:
        return _live is not None and _live() is self

    def _become_live(self) -> None:
        """Take over NEURON's clock and settings, and put the own state where steps act on it."""
        global _live
        if not self._is_live():
            _park_the_live_one()
            _live = weakref.ref(self)
            for name, cells in self._tissue.cells.items():
                cells.set_parameters(self._values[name], self.dt)
            self._set_increments()
            if self._parked is not None:
                self._write(self._parked)
                self._parked = None
        _variable_step.active(False)
        h.dt, h.t = self.dt / self._tissue.solves, self.step * self.dt
        h.secondorder = _CRANK_NICOLSON
        for values in self._values.values():  # for what people add; mechanisms have their own
            if "celsius" in values:
                h.celsius = float(np.mean(values["celsius"]))

    def park(self) -> None:
        """Keep the state in arrays while another engine steps."""
        self._parked = self._read()

    def _read(self) -> State:
        return {name: cells.read() for name, cells in self._tissue.cells.items()}

    def _write(self, state: Mapping[str, Mapping[str, Floats]]) -> None:
        for name, cells in self._tissue.cells.items():
            cells.write(state[name])

    def reset(self) -> None:
        """Go back to step 0: states and events in flight."""
        self._become_live()
        h.finitialize()
        self.step = 0
        self._write({n: c.start(self._values[n]) for n, c in self._tissue.cells.items()})
        self._events.ring[:] = 0

    def snapshot(self) -> Any:
        """Return states and events in flight of this rank's cells, and the step."""
        self._become_live()
        whose = (self.share.rank, self.share.size)
        events = self._events.ring.copy()
        return {"rank": whose, "step": self.step, "states": self._read(), "events": events}

    def restore(self, snapshot: Any) -> None:
        """Continue from a snapshot of this rank.

        Raises:
            InvalidValue: if it is of another rank, or of another number of ranks.
        """
        whose = (self.share.rank, self.share.size)
        if snapshot["rank"] != whose:
            raise InvalidValue(
                f"snapshot is of other cells: got rank {snapshot['rank'][0]} of "
                f"{snapshot['rank'][1]}; this is rank {whose[0]} of {whose[1]}. Restore on each "
                "rank what it took.",
                got=snapshot["rank"],
                allowed=whose,
            )
        self.step = snapshot["step"]
        self._become_live()
        self._write(snapshot["states"])
        self._events.ring[:] = snapshot["events"]

    def close(self) -> None:
        """Delete the sections and mechanisms made here, unless another engine shares them."""
        global _live
        if self._is_live():
            _live = None
        self._noise, self._values = {}, {}
        del self._tissue, self._events

    def native(self) -> dict[str, Cells]:
        """Return the cells of this rank by population; `sections` of each holds NEURON's."""
        return self._tissue.cells

    def describe(self) -> str:
        """Return the version of NEURON and the number of ranks."""
        return f"neuron {h.nrnversion(0).split()[-1]}, ranks={self.share.size}"


def _park_the_live_one() -> None:
    """Let the live engine keep its state, before others act on NEURON."""
    global _live
    engine = _live() if _live is not None else None
    if engine is not None:
        engine.park()
    _live = None


class _Play:
    """Writes the samples of a drive to the cells of this rank, when they change."""

    def __init__(self, inputs: Mapping[str, Column], drive: Drive, own: Integers):
        self.drive, self.last = drive, 0
        self.rows = [(inputs[name], rows[:, own]) for name, rows in drive.rows.items()]

    def write(self, k: int) -> None:
        """Write the sample of step `k` of the call."""
        row = self.drive.row(k)
        if row != self.last:
            self.last = row
            for column, rows in self.rows:
                column.write(rows[row])

    def silence(self) -> None:
        """Leave no input behind."""
        for column, _ in self.rows:
            column.write(0.0)


class _Sampler:
    """Samples some rows of a column; without a column there are no rows."""

    def __init__(self, column: Column | None, every: int, rows: Integers, n_samples: int):
        self.column, self.every, self.rows = column, every, rows
        self.out = np.empty((len(rows), n_samples))

    def take(self, k: int) -> None:
        """Take the sample of step `k` of the call, if one is due."""
        sample, rest = divmod(k, self.every)
        if self.column is not None and not rest:
            self.out[:, sample] = self.column.read()[self.rows]
