"""Runs whose spikes are at exact times: cells with threshold and reset that do not hear others."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from livn.arrays import Array, is_traced
from livn.backend.diffrax.culture import State
from livn.backend.diffrax.exact import Cell, field, spike_times
from livn.backend.diffrax.simulate import refuse_late
from livn.env.functional.course import Values, entrance
from livn.env.functional.culture import Culture
from livn.env.functional.numbers import real
from livn.errors import InvalidValue, NotSupported
from livn.run import Run
from livn.stimulus import Stimulus


def check_exact(culture: Culture, values: Values) -> None:
    """Check that spikes of this culture have exact times.

    Raises:
        NotSupported: if cells have synapses, or cells with a reset have noise or are recorded.
    """
    network = culture.network
    if network.projections:
        n = sum(len(p.sources) for p in network.projections)
        raise NotSupported(
            f"exact spike times are of cells alone: got {n} synapses, whose events lie on the "
            "grid of the step. Use spikes='surrogate', or a ParallelSystem."
        )
    for name, population in network.populations.items():
        if not population.equations.reset:
            continue
        amplitudes = {r.amplitude: values[name][r.amplitude] for r in population.equations.randoms}
        loud = [a for a, value in amplitudes.items() if is_traced(value) or np.any(value)]
        recorded = sorted(culture.recorder.channels)
        if loud or recorded:
            raise NotSupported(
                f"exact spike times of {name}, which has a reset, come without noise and traces: "
                f"got {', '.join([*loud, *recorded])}. Use spikes='surrogate' for these."
            )


def has_reset(culture: Culture) -> bool:
    """Return whether cells have a reset, so that a solver must go from spike to spike."""
    return any(p.equations.reset for p in culture.network.populations.values())


def exact_run(
    culture: Culture,
    stimulus: Stimulus | None,
    values: Values,
    start: State,
    duration: float,
    max_spikes: int | None,
) -> Run:
    """Return the spikes of `duration` ms from the start.

    Raises:
        InvalidValue: if it is not said how many spikes are looked for.
    """
    if max_spikes is None:
        raise InvalidValue(
            "exact spike times need max_spikes: got None; need how many a cell has at most."
        )
    hold = 1 if stimulus is None else round(stimulus.dt / culture.dt)
    n_samples = 0 if stimulus is None else stimulus.n_steps
    samples, enter = entrance(culture, stimulus, values, max(1, n_samples) * hold, hold)
    entering = jax.vmap(enter)(samples)
    ids, times, ends = [], [], []
    for (name, population), first, given in zip(
        culture.network.populations.items(), start.cells, entering, strict=True
    ):
        equations, shape = field(population), (len(population),)
        known = {n: _wide(values[name][n], shape) for n in equations.needs}
        cells = Cell(jnp.stack(first[:-1], axis=-1), known)  # the last state counts held steps
        found, whole = jax.vmap(
            lambda cell, inputs, f=equations: spike_times(
                f, cell, inputs, hold * culture.dt, duration, max_spikes
            ),
            (0, 2),
        )(cells, given)
        if name in culture.recorder.spikes:
            ids.append(population.gids.astype(np.int64))
            times.append(found)
            ends.append(whole)
    run = Run({}, 0.0, duration)
    if not ids:
        return run
    checked = refuse_late(jnp.concatenate(times), jnp.concatenate(ends), max_spikes)
    return run.add("spikes", np.concatenate(ids), checked, kind="events", padded=True)


def _wide(value: Any, shape: tuple[int, ...]) -> Array:
    return jnp.broadcast_to(jnp.asarray(value, real()), shape)
