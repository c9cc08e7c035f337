"""A run as a pure function: frames of steps under one input, in segments of frames.

Reverse mode keeps what a segment starts from and computes the segment again when its turn comes,
so that memory grows with the square root of the duration (Griewank & Walther 2000, ACM Trans Math
Softw 26:19, in its simplest form).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import equinox
import jax
import jax.numpy as jnp

from livn.arrays import Array
from livn.backend.diffrax.culture import Cells, Clock, Spike, State, Taken, Wiring, draw, take_step

Enter = Callable[[Array], tuple[Array, ...]]


@dataclass(frozen=True)
class Course:
    """How a run is computed and what of it is kept.

    Attributes:
        cells, spike: code.
        frame: steps under one input.
        segment: frames that are computed again together; 0 keeps everything instead.
        cut: frames after which the derivative of the state is cut; 0 is never.
        probes: (population number, state number) sampled at the start of each frame.
        spikes: whether spikes are kept.
        entering: whether inputs are kept.
    """

    cells: tuple[Cells, ...]
    spike: Spike
    frame: int
    segment: int
    cut: int
    probes: tuple[tuple[int, int], ...]
    spikes: bool
    entering: bool


class Kept(NamedTuple):
    """What a run gave; time is the first axis.

    Attributes:
        series: of each probe [n_frames, n_slots].
        entering: of each population [n_frames, n_inputs, n_slots]; empty where not asked for.
        fired: of each population [n_steps, n_slots], empty where not asked for.
        moments: when, in steps from the start, each voltage crossed threshold if it did.
    """

    series: tuple[Array, ...]
    entering: tuple[Array, ...]
    fired: tuple[Array, ...]
    moments: tuple[Array, ...]


def simulate(
    course: Course,
    wiring: Wiring,
    constants: tuple[tuple[Array, ...], ...],
    clock: Clock,
    state: State,
    samples: Array,
    enter: Enter,
) -> tuple[State, Kept]:
    """Return the state at the end and what was kept.

    Args:
        course: how.
        wiring, constants, clock: of the network.
        state: at the start.
        samples: of the stimulus, one per frame, [n_frames, n_columns].
        enter: turns a sample into what enters each population, [n_inputs, n_slots].
    """
    run = partial(_frame, course, wiring, constants, clock, enter)
    n = len(samples)
    xs = (jnp.arange(n, dtype=jnp.int32), samples)
    if not course.segment:
        state, kept = jax.lax.scan(run, state, xs)
        return state, _by_step(kept)

    @partial(jax.checkpoint, prevent_cse=False)
    def segment(state: State, xs: Any) -> Any:
        return jax.lax.scan(run, state, xs)

    rows, rest_of = divmod(n, course.segment)
    whole = n - rest_of
    several = jax.tree.map(lambda x: x[:whole].reshape(rows, course.segment, *x.shape[1:]), xs)
    state, first = jax.lax.scan(segment, state, several)
    first = jax.tree.map(lambda x: x.reshape(whole, *x.shape[2:]), first)
    if not rest_of:
        return state, _by_step(first)
    state, rest = segment(state, jax.tree.map(lambda x: x[whole:], xs))
    return state, _by_step(jax.tree.map(lambda a, b: jnp.concatenate([a, b]), first, rest))


def _by_step(kept: Kept) -> Kept:
    """Return spikes [n_frames, n_steps of a frame, n_slots] by step."""
    flat = partial(jax.tree.map, lambda x: x.reshape(-1, x.shape[-1]))
    return kept._replace(fired=flat(kept.fired), moments=flat(kept.moments))


def _frame(
    course: Course, wiring: Wiring, constants: Any, clock: Clock, enter: Enter, state: State, x: Any
) -> tuple[State, Kept]:
    number, sample = x
    if course.cut:
        here = number % course.cut == 0
        state = jax.tree.map(lambda s: jnp.where(here, jax.lax.stop_gradient(s), s), state)
    series = tuple(state.cells[p][row] for p, row in course.probes)
    inputs = enter(sample)
    steps = number * course.frame + jnp.arange(course.frame, dtype=jnp.int32)
    drawn = draw(course.cells, wiring, clock, steps, state.history.dtype)

    def step(state: State, x: Any) -> Any:
        k, drawn = x
        slot = (clock.slot + k) % state.history.shape[0]
        state, taken = take_step(
            course.cells, course.spike, wiring, constants, slot, state, inputs, drawn
        )
        if not course.spikes:
            return state, ((), ())
        return state, (taken.fired, tuple(k + f for f in _fractions(taken)))

    state, (fired, moments) = jax.lax.scan(step, state, (steps, drawn))
    return state, Kept(series, inputs if course.entering else (), fired, moments)


def _fractions(taken: Taken) -> list[Array]:
    """Return where between the ends of the step a straight line through V meets threshold."""
    found = []
    for fired, (before, above) in zip(taken.fired, taken.margins, strict=True):
        rise = jnp.where(fired > 0.0, above - before, 1.0)
        found.append(jnp.clip(-before / jnp.where(rise == 0.0, 1.0, rise), 0.0, 1.0))
    return found


def refuse_more(times: Array, trains: Array, n_places: int) -> Array:
    """Return the times [n_cells, n_places], which raises if a cell of [n_cells, n_steps] has more.

    The error comes when the numbers do, also from compiled code.
    """
    most = jnp.max(jnp.sum(trains > 0.0, axis=1))
    return _unless(most > n_places, times, n_places)


def refuse_late(times: Array, whole: Array, n_places: int) -> Array:
    """Return the times [n_cells, n_places], which raises if the end of a run was not reached."""
    return _unless(~jnp.all(whole), times, n_places)


def _unless(wrong: Array, times: Array, n_places: int) -> Array:
    checked: Array = equinox.error_if(
        times, wrong, f"a cell has more spikes than max_spikes={n_places}. Give more places."
    )
    return checked
