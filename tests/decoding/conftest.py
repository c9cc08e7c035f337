"""Cultures and runs with known spikes; nothing is simulated."""

import numpy as np
import pytest

from livn.decoding import spike_trains
from livn.env import Env
from livn.run import Run


@pytest.fixture(scope="session")
def pair():
    """Eight excitatory and two inhibitory cells, gids 0 to 9, no array."""
    return Env({"EXC": 8, "INH": 2}, backend="native")


@pytest.fixture(scope="session")
def ei2():
    """100 cells under 16 channels."""
    return Env("EI2", backend="native")


def spiking(trains, duration):
    """A run in which the cell of each key spikes at these times, ms."""
    ids = [gid for gid, times in trains.items() for _ in times]
    return Run(duration=duration).add_spikes(
        np.array(ids, dtype=int), np.array([t for times in trains.values() for t in times], float)
    )


def poisson(n_units, rate_hz, duration, seed=0):
    """Independent Poisson trains of units 0 to n_units - 1."""
    rng = np.random.default_rng(seed)
    n = rng.poisson(rate_hz * duration / 1000 * n_units)
    ids = rng.integers(0, n_units, n)
    return spike_trains(np.arange(n_units), ids, rng.random(n) * duration, duration)


def trains_of(trains, duration, n_units=None):
    """The same as arrays, for the functions beneath the decodings."""
    units = np.arange(n_units) if n_units else np.array([*trains], dtype=int)
    ids = [unit for unit, times in trains.items() for _ in times]
    return spike_trains(units, ids, [t for times in trains.values() for t in times], duration)
