"""One step of a network as a pure function of its state and its numbers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from livn import random
from livn.arrays import Array
from livn.backend.diffrax.delivery import arriving
from livn.backend.diffrax.intrinsics import function
from livn.backend.diffrax.lower import Lowered, lower
from livn.backend.diffrax.noise import normals
from livn.backend.diffrax.synapses import Synapses, gather_synapses, rounded_up
from livn.backend.network import Network, Population
from livn.models.description import Random

Spike = Callable[[Array], Array]
Drawn = tuple[tuple[Array, Array], ...]  # of every draw, [..., n_slots] each


@dataclass(frozen=True)
class Draw:
    """Two random inputs that one draw gives.

    Attributes:
        site: of their key.
        every: steps for which a number is held.
        places: index among the inputs of the cell, or None, of both numbers.
    """

    site: int
    every: int
    places: tuple[int | None, int | None]


@dataclass(frozen=True)
class Cells:
    """A population as far as code is concerned.

    Attributes:
        arriving: number of each projection that ends here.
    """

    lowered: Lowered
    draws: tuple[Draw, ...]
    arriving: tuple[int, ...]


class Wiring(NamedTuple):
    """Who is there and who is connected to whom: `gids` uint32 [n_slots] of each population."""

    gids: tuple[Array, ...]
    synapses: tuple[Synapses, ...]


class Clock(NamedTuple):
    """Where in time a call starts.

    Attributes:
        slot: row of the history that is written first, int32.
        numbers, phases: of every draw: low word of the count of its numbers, uint32 [n_draws],
            and steps since the last was renewed, int32 [n_draws].
        keys: uint32 [n_draws, 2].
    """

    slot: Array
    numbers: Array
    phases: Array
    keys: Array


class State(NamedTuple):
    """Everything that decides the future but the clock.

    Attributes:
        cells: of each population its states in the order of `Lowered.states`, [n_slots] each.
        history: spikes of the last steps, [n_steps, n_slots + 1].
    """

    cells: tuple[tuple[Array, ...], ...]
    history: Array


class Taken(NamedTuple):
    """What a step did, of each population, [n_slots] each.

    Attributes:
        fired: 1 where a cell spiked.
        margins: distance of V from threshold before the step and at its end, before a reset, mV.
    """

    fired: tuple[Array, ...]
    margins: tuple[tuple[Array, Array], ...]


def structure(network: Network, dt: float) -> tuple[Cells, ...]:
    """Return the code of every population."""
    found = []
    for name, population in network.populations.items():
        ending = [k for k, p in enumerate(network.projections) if p.post == name]
        events = tuple(tuple(t.states for t in network.projections[k].receptors) for k in ending)
        lowered = lower(population.step, events)
        draws = _draws(population.equations.randoms, lowered.inputs, dt)
        found.append(Cells(lowered, draws, tuple(ending)))
    return tuple(found)


def _draws(randoms: tuple[Random, ...], inputs: tuple[str, ...], dt: float) -> tuple[Draw, ...]:
    found = []
    for site, hold in sorted({(r.site // 2, r.hold) for r in randoms}):
        own = {r.site % 2: r.name for r in randoms if (r.site // 2, r.hold) == (site, hold)}
        first, second = (inputs.index(own[k]) if k in own else None for k in (0, 1))
        found.append(Draw(site, max(1, round(hold / dt)), (first, second)))
    return tuple(found)


def wiring(
    network: Network, dt: float, lanes: int, derivatives: bool = False
) -> tuple[Wiring, int]:
    """Return who is connected to whom, and how many steps must be remembered.

    Args:
        lanes: slots of a population come in multiples of this; empty ones repeat the last cell.
        derivatives: whether what comes back along the synapses is asked for too.
    """
    synapses, n_steps = gather_synapses(network, dt, lanes, derivatives)
    gids = (filled(p.gids, rounded_up(len(p), lanes)) for p in network.populations.values())
    return Wiring(tuple(gids), synapses), n_steps


def filled(values: NDArray[Any], n_slots: int) -> NDArray[Any]:
    """Return values along the last axis repeated up to `n_slots`."""
    width = [(0, 0)] * (values.ndim - 1) + [(0, n_slots - values.shape[-1])]
    return np.pad(values, width, mode="edge")


def increments(population: Population, network: Network, given: Mapping[str, Any]) -> list[Any]:
    """Return what one event adds, µS, in the order of `Lowered.constants`."""
    ending = (p for p in network.projections if p.post == population.name)
    return [given[target.key] for p in ending for target in p.receptors]


def clock(
    cells: tuple[Cells, ...], seed: int, stream: int, step: int, n_rows: int
) -> tuple[Clock, int]:
    """Return the clock at a step, and for how many steps its keys are good."""
    numbers, phases, keys, until = [], [], [], 1 << 62
    for draw in (d for c in cells for d in c.draws):
        number, phase = divmod(step, draw.every)
        epoch, low = number >> 32, number & 0xFFFFFFFF
        until = min(until, ((1 << 32) - low) * draw.every - phase)
        numbers.append(low)
        phases.append(phase)
        keys.append(random.epoch_key(random.key(seed, stream, draw.site), epoch))
    found = Clock(
        np.int32(step % n_rows), np.array(numbers, np.uint32), np.array(phases, np.int32),
        np.array(keys, np.uint32).reshape(-1, 2),
    )  # fmt: skip
    return found, until


def draw(cells: tuple[Cells, ...], wiring: Wiring, clock: Clock, steps: Array, kind: Any) -> Drawn:
    """Return the random inputs of all cells in some steps of a call, worked out together.

    Args:
        steps: int32, shape (n_steps,) or ().
        kind: type of the numbers.
    """
    owners = [gids for c, gids in zip(cells, wiring.gids, strict=True) for _ in c.draws]
    if not owners:
        return ()
    every = np.array([d.every for c in cells for d in c.draws], np.int32)
    number = clock.numbers + ((clock.phases + steps[..., None]) // every).astype(jnp.uint32)
    sizes = [len(gids) for gids in owners]
    repeat = np.repeat(np.arange(len(sizes)), sizes)
    keys = clock.keys[:, 0][repeat], clock.keys[:, 1][repeat]
    pair = normals(keys, jnp.concatenate(owners), number[..., repeat], kind)
    ends = np.cumsum(sizes)[:-1]
    return tuple(zip(*(jnp.split(x, ends, axis=-1) for x in pair), strict=True))


def take_step(
    cells: tuple[Cells, ...],
    spike: Spike,
    wiring: Wiring,
    constants: tuple[tuple[Array, ...], ...],
    slot: Array,
    state: State,
    inputs: tuple[Array, ...],
    drawn: Drawn,
) -> tuple[State, Taken]:
    """Return the state after a step, and what happened in it.

    Args:
        cells, spike: code; `spike` turns a distance from threshold, mV, into 0 or 1.
        wiring: who is connected to whom.
        constants: of each population in the order of `Lowered.constants`.
        slot: row of the history the step is written to, int32.
        state: before the step.
        inputs: of each population `I_<section>` nA and `G_<section>` µS, [n_inputs, n_slots].
        drawn: random inputs of this step.
    """
    history = state.history
    events = [arriving(history, slot, s) for s in wiring.synapses]
    after: list[tuple[Array, ...]] = []
    fired: list[Array] = []
    margins: list[tuple[Array, Array]] = []
    numbers = iter(drawn)
    for c, own, known, given in zip(cells, state.cells, constants, inputs, strict=True):
        zero = jnp.zeros_like(own[0])
        entering = [*given, *([zero] * (len(c.lowered.inputs) - len(given)))]
        for source in c.draws:
            for place, value in zip(source.places, next(numbers), strict=True):
                if place is not None:
                    entering[place] = value
        update = function(c.lowered.update, "update", spike)
        states, spiked, margin = update(own, known, entering, [events[p] for p in c.arriving])
        after.append(tuple(states))
        fired.append(spiked)
        margins.append(margin)
    row = jnp.concatenate([*fired, jnp.zeros(1, history.dtype)])[None]
    history = jax.lax.dynamic_update_slice(history, row, (slot, jnp.int32(0)))
    return State(tuple(after), history), Taken(tuple(fired), tuple(margins))
