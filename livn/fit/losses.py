"""Distances between what a culture did and what it should do, as functions of arrays.

Spike trains are rows of 0 and 1, one per step, as `run["spike_train"].values`; their derivatives
are those of the surrogate.
"""

from typing import Any

import jax
import jax.numpy as jnp

from livn.arrays import Array
from livn.errors import InvalidValue


def van_rossum(trains: Array, wanted: Array, dt: float, tau: float = 10.0) -> Array:
    """Return the mean over cells of the squared distance of van Rossum (2001).

    Each spike becomes exp(-t/tau); the distance is the integral of the squared difference over
    tau, so that one spike more costs 1/2 (van Rossum 2001, Neural Comput 13:751, eq. 2.2).

    Args:
        trains, wanted: 0 and 1, shape (n_cells, n_steps).
        dt: of a step, ms.
        tau: ms; long ones compare rates, short ones times.

    Raises:
        InvalidValue: if shapes differ.
    """
    difference = _same(trains, wanted)
    decay = jnp.exp(jnp.asarray(-dt / tau, difference.dtype))

    def next_step(filtered: Array, change: Array) -> tuple[Array, Array]:
        filtered = filtered * decay + change
        return filtered, jnp.sum(filtered**2)

    start = jnp.zeros_like(difference[:, 0])
    last, squares = jax.lax.scan(next_step, start, difference.T)
    # between the steps the square falls as exp(-2 t/tau), and so it does after the last
    step = (1.0 - decay**2) / 2.0
    return (jnp.sum(squares) * step + jnp.sum(last**2) * (0.5 - step)) / len(difference)


def first_spike(times: Array, wanted: Array) -> Array:
    """Return the mean squared error of the first spike of each cell, ms².

    Cells that did not spike, or should not, do not count: move them with another loss first.

    Args:
        times: of spikes, ms, shape (n_cells, k), infinite where there is none: `run.spikes.times`.
        wanted: of the first spike, ms, shape (n_cells,), infinite where there is none.
    """
    first = times[:, 0]
    counted = jnp.isfinite(first) & jnp.isfinite(wanted)
    error = jnp.where(counted, first, 0.0) - jnp.where(counted, wanted, 0.0)
    return jnp.sum(error**2) / jnp.maximum(1, jnp.sum(counted))


def rate(trains: Array, wanted: Any, dt: float) -> Array:
    """Return the mean over cells of the squared error of the firing rate, Hz².

    Args:
        trains: 0 and 1, shape (n_cells, n_steps).
        wanted: Hz, one for all or one per cell.
        dt: of a step, ms.
    """
    found = trains.sum(axis=1) / (trains.shape[1] * dt / 1e3)
    return jnp.mean((found - jnp.asarray(wanted)) ** 2)


def trace(values: Array, wanted: Array, scale: float = 1.0) -> Array:
    """Return the mean squared error of traces, in units of `scale`.

    Raises:
        InvalidValue: if shapes differ.
    """
    return jnp.mean((_same(values, wanted) / scale) ** 2)


def spectrum(values: Array, wanted: Array, dt: float, highest: float = 500.0) -> Array:
    """Return the mean squared difference of log power between traces, bels².

    Power is that of the traces less their mean under a Hann window, averaged over three
    neighbouring frequencies, because that of a single one is exponentially distributed.

    Args:
        values, wanted: shape (n_rows, n_samples).
        dt: between samples, ms.
        highest: frequency that counts, Hz.

    Raises:
        InvalidValue: if shapes differ.
    """
    _same(values, wanted)
    frequencies = jnp.fft.rfftfreq(values.shape[1], dt / 1e3)
    counted = (frequencies > 0) & (frequencies <= highest)
    difference = jnp.log10(_power(values)) - jnp.log10(_power(wanted))
    return jnp.sum(jnp.where(counted, difference, 0.0) ** 2) / (jnp.sum(counted) * len(values))


def _power(values: Array) -> Array:
    n = values.shape[1]
    windowed = (values - values.mean(axis=1, keepdims=True)) * jnp.hanning(n)
    power = jnp.abs(jnp.fft.rfft(windowed)) ** 2
    padded = jnp.pad(power, ((0, 0), (1, 1)), mode="edge")
    smooth = (padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]) / 3.0
    floor: Array = jnp.finfo(smooth.dtype).tiny
    return smooth + floor


def _same(values: Array, wanted: Any) -> Array:
    """Return the difference of arrays of one shape."""
    target = jnp.asarray(wanted)
    if values.shape != target.shape:
        raise InvalidValue(
            f"traces do not match: got shape {values.shape} and {target.shape}; need the same.",
            got=values.shape,
            allowed=target.shape,
        )
    return values - target
