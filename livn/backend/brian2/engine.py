"""The Brian2 engine: one NeuronGroup per population, one Synapses per projection.

Every step Brian2 runs, in its own schedule: inputs and random numbers are written ("start"), the
lowered step is computed ("groups"), spikes are detected, events are delivered, resets are carried
out, spikes are collected ("end"). Inputs and random numbers are arrays, never literals, so nothing
is compiled again whatever a stimulus looks like.

After Brian2 has prepared the objects once, steps are taken by calling them in Brian2's order
without the preparation that `Network.run` repeats at every call, so a closed loop of short runs is
not dominated by it. `network.run` still works for people who want it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from brian2 import (
    Clock,
    Network,
    NetworkOperation,
    NeuronGroup,
    Synapses,
    get_device,
    ms,
    second,
)
from brian2.codegen.runtime.cython_rt import CythonCodeObject
from brian2.codegen.runtime.numpy_rt import NumpyCodeObject
from brian2.devices.device import RuntimeDevice
from numpy.typing import NDArray

from livn.backend.brian2.functions import FUNCTIONS
from livn.backend.brian2.lower import BELOW, REFRACTORY, WAIT, lower, lower_event
from livn.backend.brian2.target import Choice, choose
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
from livn.backend.network import Network as Plan
from livn.backend.network import Population, Projection
from livn.errors import InvalidState, NotSupported
from livn.models.scheme import HELD
from livn.models.values import Value, initial_state, refractory_steps, step_constants

_CODE = {"numpy": NumpyCodeObject, "cython": CythonCodeObject}


class Brian2Engine(Engine):
    """A network in Brian2. `network` of the Env is the `brian2.Network` made here."""

    def __init__(
        self,
        plan: Plan,
        dt: float,
        seed: int,
        values: Mapping[str, Mapping[str, Value]],
        increments: Mapping[str, float],
        target: str = "auto",
    ):
        if not isinstance(get_device(), RuntimeDevice):
            raise InvalidState(
                f"brian2 device is not the runtime device: got {type(get_device()).__name__}; "
                "livn steps the network itself. Call brian2.set_device('runtime')."
            )
        self.plan, self.dt, self.seed, self.stream = plan, dt, seed, 0
        self.choice: Choice | None = None if target == "auto" else Choice(target, "as asked")
        self._values = {n: dict(v) for n, v in values.items()}
        self._increments = dict(increments)
        self._build()

    # construction

    def _build(self) -> None:
        self._clock = Clock(self.dt * ms)  # one for all, so that steps are taken together
        self.groups = {n: self._group(p) for n, p in self.plan.populations.items()}
        self.synapses = [self._synapses(p) for p in self.plan.projections]
        self._arrays = {
            n: {v: g.variables[v].get_value() for v in _dynamic(self.plan.populations[n])}
            for n, g in self.groups.items()
        }
        self._drives: dict[str, Drive] = {}
        self._played = NO_SPIKES
        self._collect: _Collector | None = None
        self._from = 0
        self._objects: list[Any] = []
        feed = NetworkOperation(self._write_inputs, clock=self._clock, when="start")
        tap = NetworkOperation(self._collect_step, clock=self._clock, when="end")
        self.network: Any = Network(*self.groups.values(), *self.synapses, feed, tap)
        self._own = set(self.network.objects)
        self._prepared: set[Any] = set()
        for obj in self.network.objects:  # else brian2 warns when a network that never ran is freed
            obj._network = self.network.id
        self._noise: dict[str, NoiseFeed] = {}
        self._load_all()
        self._start_states()

    def _group(self, population: Population) -> NeuronGroup:
        constants = self._constants(population)
        text = lower(population.step, frozenset(n for n, v in constants.items() if np.ndim(v)))
        group = NeuronGroup(
            len(population), text.model, threshold=text.threshold, reset=text.reset,
            clock=self._clock, name=f"livn_{population.name}",
            namespace=FUNCTIONS, codeobj_class=NumpyCodeObject,
        )  # fmt: skip
        group.run_regularly(text.update, when="groups", name=f"{group.name}_step",
                            codeobj_class=NumpyCodeObject)  # fmt: skip
        return group

    def _synapses(self, projection: Projection) -> Synapses:
        pre, post = self.groups[projection.pre], self.groups[projection.post]
        names = [f"increment_{k}" for k in range(len(projection.receptors))]
        code = [lower_event(t.states, n) for t, n in zip(projection.receptors, names, strict=True)]
        synapses = Synapses(
            pre, post, "\n".join(f"{n} : 1 (shared, constant)" for n in names),
            on_pre="\n".join(code), clock=self._clock, codeobj_class=NumpyCodeObject,
            name=f"livn_{projection.pre}_{projection.post}",
        )  # fmt: skip
        synapses.connect(i=projection.sources, j=projection.targets)
        synapses.pre.variables["delay"].set_value(projection.delay_steps(self.dt) * self.dt * 1e-3)
        return synapses

    def _constants(self, population: Population) -> dict[str, Value]:
        values = self._values[population.name]
        constants = step_constants(population.step, values, self.dt)
        constants[REFRACTORY] = refractory_steps(population.equations, values, self.dt)
        return constants

    # numbers

    def load_parameters(self, population: str, values: Mapping[str, Value]) -> None:
        """Take new parameter values; the state is kept."""
        self._values[population] = dict(values)
        group = self.groups[population]
        constants = self._constants(self.plan.populations[population])
        if any(np.ndim(v) and group.variables[n].scalar for n, v in constants.items()):
            self._refuse_foreign()
            held = self.snapshot()
            self._build()
            self.restore(held)
            return
        self._load(population)

    def _refuse_foreign(self) -> None:
        """A network is built anew for the first per-cell value of a parameter; see who is in it."""
        foreign = sorted(o.name for o in set(self.network.objects) - self._own)
        if foreign:
            raise InvalidState(
                f"network has objects of yours: got {foreign} when a parameter became one value "
                "per cell, for which the network is built anew. Set it first, then add yours."
            )

    def load_weights(self, increments: Mapping[str, float]) -> None:
        """Take new weights; events in flight arrive with them."""
        self._increments |= increments
        for synapses, projection in zip(self.synapses, self.plan.projections, strict=True):
            for k, t in enumerate(projection.receptors):
                synapses.variables[f"increment_{k}"].set_value(self._increments[t.key])

    def _load_all(self) -> None:
        for name in self.groups:
            self._load(name)
        self.load_weights({})

    def _load(self, name: str) -> None:
        population, group = self.plan.populations[name], self.groups[name]
        for constant, value in self._constants(population).items():
            group.variables[constant].set_value(value)
        self._noise[name] = NoiseFeed(population, self._values[name], self.dt, self.seed)

    def _start_states(self) -> None:
        for name, population in self.plan.populations.items():
            start = initial_state(population.equations, self._values[name], len(population))
            for variable, array in self._arrays[name].items():
                array[:] = start.get(variable, 0.0)

    # time

    @property
    def step(self) -> int:  # type: ignore[override]
        """Steps taken since the start."""
        return int(self._clock.variables["timestep"].get_value()[0])

    def advance(
        self,
        n_steps: int,
        drives: Mapping[str, Drive],
        probes: Sequence[Probe],
        played: InputSpikes = NO_SPIKES,
    ) -> Output:
        """Simulate `n_steps`."""
        if self._prepared != set(self.network.objects):  # the first time, or people added theirs
            self._prepare(n_steps)
        self._drives, self._played, self._from = dict(drives), played, self.step
        collector = _Collector(self, probes, self.step, n_steps)
        self._collect = collector
        try:
            with np.errstate(all="ignore"):  # what does not stay finite, check_finite reports
                if all(o.clock is self._clock for o in self._objects):
                    self._take(n_steps)
                else:  # people added objects with a clock of their own
                    self.network.run(n_steps * self.dt * ms, namespace={})
        finally:
            self._collect = None
            self._drives, self._played = {}, NO_SPIKES
            self._clear_inputs()
        for name, population in self.plan.populations.items():
            voltages = [self._arrays[name][v] for v in population.equations.voltages]
            check_finite(population, voltages, self.step * self.dt)
        return collector.output()

    def _take(self, n_steps: int) -> None:
        """Do what `Network.run` does between its preparation and its report."""
        timestep = self._clock.variables["timestep"].get_value()
        t = self._clock.variables["t"].get_value()
        seconds = self.dt * 1e-3
        runs = [o.run for o in self._objects]
        for _ in range(n_steps):
            for run in runs:
                run()
            timestep[0] += 1
            t[0] = timestep[0] * seconds
            self.network.t_ = t[0]

    def _prepare(self, n_steps: int) -> None:
        """Let Brian2 generate code once, for the target that suits the first run."""
        if self.choice is None:
            self.choice = choose(self.plan, n_steps, CythonCodeObject.is_available)
        elif self.choice.target == "cython" and not CythonCodeObject.is_available():
            raise NotSupported(
                "brian2 target 'cython' does not work here: got no working C++ compiler; "
                "targets: auto, cython, numpy. Install a compiler or use target='numpy'."
            )
        code = _CODE[self.choice.target]
        first = not self._objects
        for top in self._own if first else ():
            for obj in (top, *top.contained_objects):
                if getattr(obj, "codeobj_class", None) is not None:
                    obj.codeobj_class = code
        start = self.step
        self.network.run(0 * second, namespace={})
        assert self.step == start
        self._objects = [o for o in self.network.sorted_objects if o.active]
        self._prepared = set(self.network.objects)
        if first:
            self._empty_queues = [s.pre.queue._full_state() for s in self.synapses]

    def _write_inputs(self) -> None:
        step = self.step
        for name, feed in self._noise.items():
            for variable, numbers in feed.at(step, self.stream):
                self._arrays[name][variable][:] = numbers
        for name, drive in self._drives.items():
            if (step - self._from) % drive.hold == 0:
                row = drive.row(step - self._from)
                for variable, rows in drive.rows.items():
                    self._arrays[name][variable][:] = rows[row]
        cells = self._played.at(step - self._from)
        if len(cells):
            self._tell(cells)
        if self._collect is not None:
            self._collect.sample(step)

    def _tell(self, cells: NDArray[np.int64]) -> None:
        """Let the synapses of cells have a spike in this step."""
        first, begin = {}, 0
        for name, population in self.plan.populations.items():
            first[name], begin = begin, begin + len(population)
        for synapses, projection in zip(self.synapses, self.plan.projections, strict=True):
            own = np.sort(cells - first[projection.pre])
            n_cells = len(self.plan.populations[projection.pre])
            own = own[(own >= 0) & (own < n_cells)]
            if len(own):
                synapses.pre.queue.push(own.astype(np.int32))

    def _clear_inputs(self) -> None:
        for name, population in self.plan.populations.items():
            for variable in population.step.inputs:
                self._arrays[name][variable][:] = 0.0

    def _collect_step(self) -> None:
        if self._collect is not None:
            self._collect.spikes(self.step)

    # state

    def reset(self) -> None:
        """Go back to step 0: states, clock and events in flight."""
        self._start_states()
        self._set_step(0)
        if self._objects:
            for synapses, queue in zip(self.synapses, self._empty_queues, strict=True):
                synapses.pre.queue._restore_from_full_state(queue)

    def _set_step(self, step: int) -> None:
        self._clock.variables["timestep"].get_value()[0] = step
        self._clock.variables["t"].get_value()[0] = step * self.dt * 1e-3
        self.network.t_ = step * self.dt * 1e-3

    def snapshot(self) -> Any:
        """Return states, events in flight and the clock."""
        states = {n: {k: a.copy() for k, a in v.items()} for n, v in self._arrays.items()}
        queues = [s.pre.queue._full_state() for s in self.synapses] if self._objects else None
        return {"step": self.step, "states": states, "queues": queues, "choice": self.choice}

    def restore(self, snapshot: Any) -> None:
        """Continue from a snapshot."""
        if snapshot["queues"] is not None and not self._objects:
            self.choice = self.choice or snapshot["choice"]  # the other target rounds differently
            self._prepare(max(1, snapshot["step"]))
        for name, states in snapshot["states"].items():
            for variable, array in states.items():
                self._arrays[name][variable][:] = array
        self._set_step(snapshot["step"])
        if self._objects:
            queues = snapshot["queues"] or self._empty_queues
            for synapses, queue in zip(self.synapses, queues, strict=True):
                synapses.pre.queue._restore_from_full_state(queue)

    def close(self) -> None:
        """Drop every Brian2 object."""
        self._objects, self._arrays, self._noise = [], {}, {}
        self.groups, self.synapses = {}, []
        self._own, self._prepared = set(), set()
        self.network = Network()

    def native(self) -> Network:
        """Return the `brian2.Network`."""
        return self.network

    def describe(self) -> str:
        """Return the code generation target and why it was chosen."""
        if self.choice is None:
            return "brian2, target chosen at the first run"
        return f"brian2, {self.choice.target} code ({self.choice.reason})"


def _dynamic(population: Population) -> list[str]:
    equations, step = population.equations, population.step
    names = [*equations.voltages, *equations.states, *step.inputs, HELD, WAIT]
    names += [r.name for r in equations.randoms]
    return names if equations.reset else [*names, BELOW]


class _Collector:
    """Gathers spikes and samples during one call of `advance`."""

    def __init__(self, engine: Brian2Engine, probes: Sequence[Probe], start: int, n_steps: int):
        self.start = start
        self.spaces = [
            (g.variables["_spikespace"].get_value(), engine.plan.populations[n].gids)
            for n, g in engine.groups.items()
        ]
        self.ids: list[NDArray[np.int64]] = []
        self.at: list[int] = []
        self.probes = []
        for p in probes:
            source = engine._arrays[p.population][p.variable]
            n_samples = -(-n_steps // p.every)
            n_cells = len(source) if p.cells is None else len(p.cells)
            self.probes.append((p, source, np.empty((n_samples, n_cells))))

    def sample(self, step: int) -> None:
        for p, source, out in self.probes:
            k, rest = divmod(step - self.start, p.every)
            if not rest:
                out[k] = source if p.cells is None else source[p.cells]

    def spikes(self, step: int) -> None:
        for space, gids in self.spaces:
            n = space[-1]
            if n:
                self.ids.append(gids[space[:n]].astype(np.int64))
                self.at.append(step - self.start)

    def output(self) -> Output:
        counts = [len(i) for i in self.ids]
        gids = np.concatenate(self.ids) if self.ids else np.empty(0, np.int64)
        steps = np.repeat(np.array(self.at, np.int64), counts)
        return Output(gids, steps, [np.ascontiguousarray(out.T) for _, _, out in self.probes])
