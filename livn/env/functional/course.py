"""How a run is computed, and the Run that comes out."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from livn.arrays import Array, is_traced
from livn.backend.diffrax.simulate import Course, Kept, refuse_more, simulate
from livn.backend.diffrax.surrogate import Surrogate, hard
from livn.env.functional.culture import Culture
from livn.env.functional.numbers import real
from livn.env.recording import Recording, transmembrane
from livn.env.times import count_steps
from livn.errors import InvalidValue, unknown_names
from livn.run import Run
from livn.stimulus import Stimulus
from livn.stimulus.layout import weighted

TREATMENTS = ("surrogate", "exact")
_FRAME = 16  # steps of a frame at most where nothing asks for a finer one

Values = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class How:
    """What the caller of a run chose; see `FunctionalEnv.advance`."""

    spikes: str
    surrogate: Surrogate
    checkpoint: bool
    truncate: int
    max_spikes: int | None

    @classmethod
    def checked(
        cls,
        spikes: str,
        surrogate: Surrogate | None,
        checkpoint: bool,
        truncate: float | None,
        max_spikes: int | None,
        dt: float,
    ) -> "How":
        """Return the choice, times in steps.

        Raises:
            UnknownName: for another treatment of spikes.
            InvalidValue: if there is place for no spike.
        """
        if spikes not in TREATMENTS:
            raise unknown_names("treatment of spikes", [spikes], TREATMENTS)
        if max_spikes is not None and max_spikes < 1:
            raise InvalidValue(
                f"max_spikes leaves no place: got {max_spikes}; need 1 or more, or None.",
                got=max_spikes,
            )
        cut = 0 if truncate is None else count_steps(truncate, dt)
        return cls(spikes, surrogate or Surrogate(), checkpoint, cut, max_spikes)


@dataclass(frozen=True)
class Plan:
    """A course, and where in what it keeps the recordings are.

    Attributes:
        every: channel -> frames between samples.
        first: (channel, population) -> its first probe.
    """

    course: Course
    how: How
    n_steps: int
    every: dict[str, int]
    first: dict[tuple[str, str], int]

    @property
    def simulate(self) -> Callable[..., Any]:
        """The simulation of this course."""
        return partial(simulate, self.course)


def plan_course(culture: Culture, stimulus: Stimulus | None, n_steps: int, how: How) -> Plan:
    """Return how a run of `n_steps` is computed.

    Raises:
        InvalidValue: if stimulus or recordings do not fit the run.
    """
    recorder, dt = culture.recorder, culture.dt
    every = {c: recorder.every(c, dt, n_steps) for c in recorder.channels}
    if stimulus is not None:
        culture.inputs.layout(stimulus, n_steps, dt)  # refuses what does not fit
    hold = 0 if stimulus is None else round(stimulus.dt / dt)
    frame = math.gcd(n_steps, hold, how.truncate, *every.values())
    frame = max(k for k in range(1, min(frame, _FRAME) + 1) if frame % k == 0)
    probes: list[tuple[int, int]] = []
    first = {}
    names = list(culture.network.populations)
    for channel, found in recorder.channels.items():
        for r in found.values():
            first[channel, r.population] = len(probes)
            number = names.index(r.population)
            states = culture.cells[number].lowered.states
            probes += [(number, states.index(f"{r.variable}_{s}")) for s in r.sections]
    segment = _segment(n_steps // frame, math.sqrt(n_steps) / frame) if how.checkpoint else 0
    spike = how.surrogate if how.spikes == "surrogate" else hard
    course = Course(
        culture.cells, spike, frame, segment, how.truncate // frame, tuple(probes),
        bool(recorder.spikes), "membrane_current" in recorder.channels,
    )  # fmt: skip
    return Plan(course, how, n_steps, {c: e // frame for c, e in every.items()}, first)


def _segment(n_frames: int, wanted: float) -> int:
    """Return a length of segments near `wanted` frames that leaves no rest, if there is one."""
    even = (k for k in range(1, n_frames + 1) if n_frames % k == 0)
    nearest = min(even, key=lambda k: abs(math.log(k / wanted)))
    far = not wanted / 3 < nearest < 3 * wanted
    return min(n_frames, max(1, round(wanted))) if far else nearest


def entrance(
    culture: Culture, stimulus: Stimulus | None, values: Values, n_steps: int, frame: int
) -> tuple[Array, Any]:
    """Return the samples of the stimulus, one per frame, and what makes inputs of a sample.

    Args:
        n_steps: of the run.
        frame: steps of a frame, which divide those of a sample.
    """
    kind, network = real(), culture.network
    shapes = {n: (len(p.step.inputs), len(p)) for n, p in network.populations.items()}
    silence = {n: jnp.zeros(shape, kind) for n, shape in shapes.items()}
    n_frames = n_steps // frame
    if stimulus is None:
        return jnp.zeros((n_frames, 0), kind), lambda _: tuple(silence.values())
    layout = culture.inputs.layout(stimulus, n_steps, culture.dt)
    given = stimulus.inputs(0, stimulus.n_steps)
    if not is_traced(given, stimulus.gain):
        culture.inputs.played(stimulus, culture.dt)  # refuses what is out of bounds
    repeated = jnp.repeat(
        jnp.asarray(given, kind), round(stimulus.dt / culture.dt) // frame, axis=0
    )
    samples = jnp.pad(repeated, ((0, n_frames - len(repeated)), (0, 0)))
    gain = None if stimulus.gain is None else jnp.asarray(stimulus.gain, kind)

    def look_up(name: str) -> Callable[[str], Any]:
        return values[name].__getitem__

    def enter(sample: Array) -> tuple[Array, ...]:
        row = sample[None] if gain is None else weighted(sample[None], gain)
        found = dict(silence)
        for name, entering in culture.inputs.entering(stimulus, layout, row, look_up).items():
            zero = jnp.zeros(len(network.populations[name]), kind)
            found[name] = jnp.stack(
                [jnp.asarray(entering[v][0], kind) if v in entering else zero
                 for v in network.populations[name].step.inputs]
            )  # fmt: skip
        return tuple(found.values())

    return samples, enter


def assembled(
    culture: Culture, plan: Plan, kept: Kept, values: Values, step: int, duration: float
) -> Run:
    """Return the Run of what was kept, which starts at `step`."""
    run = Run({}, step * culture.dt, duration)
    if culture.recorder.spikes:
        run = _with_spikes(run, culture, plan, kept)
    for channel, found in culture.recorder.channels.items():
        dt = culture.recorder.dt(channel) or 0.0
        blocks = [_rows(culture, plan, kept, values, channel, r) for r in found.values()]
        gids = {n: culture.network.populations[n].gids.astype(np.int64) for n in found}
        ids = np.concatenate(
            [np.repeat(gids[n][r.cells], len(r.sections)) for n, r in found.items()]
        )
        sections = tuple(s for r in found.values() for s in r.sections * len(r.cells))
        samples = jnp.concatenate(blocks)
        if channel == "voltage":
            named = None if set(sections) == {"soma"} else sections
            run = run.add_voltage(ids, samples, dt, sections=named)
        elif channel == "membrane_current":
            run = run.add_current(ids, samples, dt)
        else:
            run = run.add(channel, ids, samples, dt=dt, sections=sections)
    return run


def _rows(
    culture: Culture, plan: Plan, kept: Kept, values: Values, channel: str, r: Recording
) -> Array:
    """Return the rows of one population in a channel, sections of a cell together."""
    first, every = plan.first[channel, r.population], plan.every[channel]
    population = culture.network.populations[r.population]
    # a slice where all are recorded: the transpose of any other choice is a slow scattering
    cells = slice(None) if len(r.cells) == len(population) else r.cells
    parts = [kept.series[first + k][::every].T[cells] for k in range(len(r.sections))]
    if channel == "membrane_current":
        number = list(culture.network.populations).index(r.population)
        inputs = kept.entering[number][::every]
        entering = {v: inputs[:, k].T[cells] for k, v in enumerate(population.step.inputs)}
        known = {
            g: jnp.broadcast_to(jnp.asarray(values[r.population][g]), (len(population),))[cells]
            for _, _, g in population.equations.coupled
        }
        found = transmembrane(
            population, dict(zip(r.sections, parts, strict=True)), known, entering
        )
        parts = [found[s] for s in r.sections]
    return jnp.stack(parts, axis=1).reshape(-1, parts[0].shape[-1])


def _with_spikes(run: Run, culture: Culture, plan: Plan, kept: Kept) -> Run:
    """Return the run with padded spikes and with the train of every cell."""
    ids, fired, moments = [], [], []
    for (name, population), train, when in zip(
        culture.network.populations.items(), kept.fired, kept.moments, strict=True
    ):
        if name in culture.recorder.spikes:
            ids.append(population.gids.astype(np.int64))
            fired.append(train.T)
            moments.append(when.T)
    trains, times = jnp.concatenate(fired), jnp.concatenate(moments)
    gids = np.concatenate(ids)
    padded = _padded(trains, times, plan, culture.dt)
    run = run.add("spikes", gids, padded, kind="events", padded=True)
    return run.add("spike_train", gids, trains, dt=culture.dt)


def _padded(trains: Array, moments: Array, plan: Plan, dt: float) -> Array:
    """Return the times of the spikes of each cell, ms, infinite where there is none.

    "surrogate" reports the start of the step, as an Env does, with the derivative of the crossing.
    """
    width = min(plan.how.max_spikes or plan.n_steps, plan.n_steps)
    at = jnp.where(trains > 0.0, jnp.arange(plan.n_steps, dtype=jnp.int32), plan.n_steps)
    first = -jax.lax.top_k(-at, width)[0]
    there = first < plan.n_steps
    found = jnp.take_along_axis(moments, jnp.where(there, first, 0), axis=1)
    if plan.how.spikes == "surrogate":
        found = first + (found - jax.lax.stop_gradient(found))
    if width < plan.n_steps:
        found = refuse_more(found, trains, width)
    return jnp.where(there, found * dt, jnp.inf)
