"""Cultures to differentiate, in float64."""

import jax
import numpy as np
import pytest

from livn import Env, Stimulus
from livn.env.functional import functional


@pytest.fixture(autouse=True)
def _double():
    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="session")
def culture():
    """An Env of EI1 with noise that records everything, and currents, nA, that make it spike."""
    env = Env("EI1", "LIF", backend="diffrax").init().set_noise({"level": 100.0})
    env.record_spikes().record_voltage(dt=0.5).record_membrane_current(dt=0.5)
    currents = np.random.default_rng(0).uniform(0.3, 1.0, (20, 10))
    return env, Stimulus.from_current(currents, dt=1.0)


@pytest.fixture(scope="session")
def dish(culture):
    """The same Env as a pure function."""
    return functional(culture[0].clear())
