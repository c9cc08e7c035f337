"""The engine of an Env: many steps inside one compiled function, whose length is an argument.

One program takes runs of any length, so that halves give the bits of the whole.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from livn.backend.contract import (
    NO_SPIKES,
    Drive,
    Engine,
    InputSpikes,
    Output,
    Probe,
    check_finite,
)
from livn.backend.diffrax.culture import (
    Cells,
    State,
    clock,
    draw,
    filled,
    increments,
    structure,
    take_step,
    wiring,
)
from livn.backend.diffrax.lower import REFRACTORY, WAIT
from livn.backend.diffrax.surrogate import hard
from livn.backend.diffrax.synapses import rounded_up
from livn.backend.network import Network
from livn.models.values import Value, initial_state, refractory_steps, step_constants

_CHUNK = 64  # steps at most in one call of the compiled function
_LANES = 16  # populations come in multiples, so that all cells are computed by the same vectors


class DiffraxEngine(Engine):
    """A network in JAX arrays, advanced by the step that gradients flow through."""

    def __init__(
        self,
        network: Network,
        dt: float,
        seed: int,
        values: Mapping[str, Mapping[str, Value]],
        increments: Mapping[str, float],
        precision: str,
    ):
        self.network, self.dt, self.seed, self.stream, self.step = network, dt, seed, 0, 0
        self.precision = np.dtype(precision)
        self._values = {name: dict(own) for name, own in values.items()}
        self._increments = dict(increments)
        self._cells = structure(network, dt)
        self._wiring, self._n_rows = wiring(network, dt, _LANES)
        self._n_slots = {n: rounded_up(len(p), _LANES) for n, p in network.populations.items()}
        self._real = np.concatenate(
            [np.arange(self._n_slots[n]) < len(p) for n, p in network.populations.items()]
        )
        self._state: State
        self._load()
        self.reset()

    # numbers

    def load_parameters(self, population: str, values: Mapping[str, Value]) -> None:
        """Take new parameter values; the state is kept."""
        self._values[population] = dict(values)
        self._load()

    def load_weights(self, increments: Mapping[str, float]) -> None:
        """Take new weights; events in flight arrive with them."""
        self._increments |= increments
        self._load()

    def _load(self) -> None:
        found = []
        for (name, population), cells in zip(
            self.network.populations.items(), self._cells, strict=True
        ):
            values = self._values[name]
            known = step_constants(population.step, values, self.dt)
            known[REFRACTORY] = refractory_steps(population.equations, values, self.dt)
            plain = [known[n] for n in cells.lowered.constants if n in known]
            plain += increments(population, self.network, self._increments)
            found.append(tuple(self._spread(v, name) for v in plain))
        self._constants = tuple(found)

    def _spread(self, value: Value, population: str) -> NDArray[np.floating]:
        """Return one value as it is, one per cell with the empty slots filled."""
        array = np.asarray(value, self.precision)
        return filled(array, self._n_slots[population]) if array.ndim else array

    # time

    def advance(
        self,
        n_steps: int,
        drives: Mapping[str, Drive],
        probes: Sequence[Probe],
        played: InputSpikes = NO_SPIKES,
    ) -> Output:
        """Simulate `n_steps`."""
        gids, steps = [], []
        samples: list[list[NDArray[np.float64]]] = [[] for _ in probes]
        take, done = _program(self._cells, bool(probes), len(played) > 0), 0
        with jax.enable_x64(self.precision.itemsize == 8):
            while done < n_steps:
                now, until = clock(self._cells, self.seed, self.stream, self.step, self._n_rows)
                n = min(_CHUNK, n_steps - done, until)
                inputs, told = self._inputs(drives, done, n), self._told(played, done)
                state, fired, seen = take(
                    self._state, self._wiring, self._constants, now, inputs, told, np.int32(n)
                )
                self._state, self.step = state, self.step + n
                at, who = np.nonzero(np.asarray(fired)[:n, self._real])
                gids.append(self.network.gids[who])
                steps.append(at + done)
                for probe, found in zip(probes, samples, strict=True):
                    found.append(self._sampled(probe, seen, done, n))
                done += n
        self._check()
        return Output(
            np.concatenate(gids),
            np.concatenate(steps),
            [np.concatenate(s).T.copy() for s in samples],
        )

    def _inputs(self, drives: Mapping[str, Drive], done: int, n: int) -> tuple[Any, ...]:
        """Return what enters in the next steps, [n_steps, n_inputs, n_cells] of each population."""
        found: list[Any] = []
        for name, silence in self._silence.items():
            drive, population = drives.get(name), self.network.populations[name]
            if drive is None:
                found.append(silence)
                continue
            sample = np.arange(done, done + n) // drive.hold
            rows = np.append(drive.index, 0)[np.minimum(sample, len(drive.index))]
            given = np.zeros(silence.shape, self.precision)
            for k, variable in enumerate(population.step.inputs):
                if variable in drive.rows:
                    given[:n, k, : len(population)] = drive.rows[variable][rows]
            found.append(given)
        return tuple(found)

    def _told(self, played: InputSpikes, done: int) -> NDArray[np.floating]:
        """Return what is added to the history in the next steps, [n_steps, n_slots + 1]."""
        told = np.zeros((_CHUNK if len(played) else 0, len(self._real) + 1), self.precision)
        step = played.steps - done
        now = (step >= 0) & (step < _CHUNK)
        np.add.at(told, (step[now], np.flatnonzero(self._real)[played.cells[now]]), 1.0)
        return told

    def _sampled(self, probe: Probe, seen: Any, done: int, n: int) -> NDArray[np.float64]:
        """Return the samples of a chunk, [n_samples, n_cells]."""
        place = list(self.network.populations).index(probe.population)
        row = self._cells[place].lowered.states.index(probe.variable)
        values = np.asarray(seen[place][row], np.float64)[:n][-done % probe.every :: probe.every]
        cells = slice(len(self.network.populations[probe.population]))
        return values[:, cells if probe.cells is None else probe.cells]

    def _check(self) -> None:
        for population, own in zip(
            self.network.populations.values(), self._state.cells, strict=True
        ):
            voltages = own[: len(population.equations.voltages)]
            check_finite(
                population,
                [np.asarray(v)[: len(population)] for v in voltages],
                self.step * self.dt,
            )

    # state

    def reset(self) -> None:
        """Go back to step 0: states and events in flight."""
        self.step = 0
        cells, silence = [], {}
        for (name, population), c in zip(
            self.network.populations.items(), self._cells, strict=True
        ):
            start = initial_state(population.equations, self._values[name], len(population))
            start[WAIT] = np.zeros(len(population))
            cells.append(tuple(self._spread(start[n], name) for n in c.lowered.states))
            shape = (_CHUNK, len(population.step.inputs), self._n_slots[name])
            silence[name] = np.zeros(shape, self.precision)
        history = np.zeros((self._n_rows, len(self._real) + 1), self.precision)
        self._state = State(tuple(cells), history)
        with jax.enable_x64(self.precision.itemsize == 8):
            self._silence = {n: jnp.asarray(a) for n, a in silence.items()}

    def snapshot(self) -> Any:
        """Return states, events in flight and the step, as numpy arrays."""
        return {"step": self.step, "state": jax.tree.map(np.array, self._state)}

    def restore(self, snapshot: Any) -> None:
        """Continue from a snapshot."""
        self.step, self._state = snapshot["step"], snapshot["state"]

    def close(self) -> None:
        """Drop all arrays."""
        del self._state, self._wiring, self._constants, self._silence

    def describe(self) -> str:
        """Return the precision and the device."""
        return f"diffrax, {self.precision.name}, {jax.devices()[0].platform}"


@lru_cache(maxsize=64)
def _program(cells: tuple[Cells, ...], sampled: bool, played: bool) -> Callable[..., Any]:
    """Return the compiled function that takes up to `_CHUNK` steps.

    Args:
        cells: code of each population.
        sampled: whether all states before each step are returned.
        played: whether synapses are told of spikes besides those of their cells.
    """

    def advance(
        state: State, wiring: Any, constants: Any, clock: Any, inputs: Any, told: Any, n_steps: Any
    ) -> Any:
        real = state.history.dtype
        n_cells = state.history.shape[1] - 1
        fired = jnp.zeros((_CHUNK, n_cells), bool)
        seen = jax.tree.map(lambda x: jnp.zeros((_CHUNK, *x.shape), real), state.cells)

        def body(k: Any, carry: Any) -> Any:
            state, fired, seen = carry
            if sampled:
                seen = jax.tree.map(lambda out, x: out.at[k].set(x), seen, state.cells)
            given = tuple(i[k] for i in inputs)
            drawn = draw(cells, wiring, clock, k, real)
            slot = (clock.slot + k) % state.history.shape[0]
            state, taken = take_step(cells, hard, wiring, constants, slot, state, given, drawn)
            if played:
                state = state._replace(history=state.history.at[slot].add(told[k]))
            return state, fired.at[k].set(jnp.concatenate(taken.fired) > 0.0), seen

        carry = (state, fired, seen if sampled else ())
        return jax.lax.fori_loop(jnp.int32(0), n_steps, body, carry)

    return jax.jit(advance)
