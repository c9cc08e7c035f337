"""The backends that keep the promises of a run, and the cultures they keep them on.

A backend joins by its name in livn.backend.BACKENDS. Every test of this folder then runs on it.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
import pytest

from livn.backend import BACKENDS, available
from livn.env import Env
from livn.stimulus import Stimulus


@dataclass(frozen=True)
class Case:
    """A model with a step, ms, and a current, nA, at which each of its cells spikes within 5 ms."""

    model: str
    dt: float
    current: float
    noise: dict[str, float]


CONDUCTANCES = {"g_e0": 2e-3, "g_i0": 4e-3, "std_e": 1e-3, "std_i": 1e-3}  # uS
CASES = [
    Case("LIF", 0.1, 1.0, {"level": 100.0}),
    Case("GLIF", 0.1, 1.0, {"level": 50.0}),
    Case("Izhikevich", 0.1, 0.05, {"level": 1.0}),
    Case("ReducedCalciumSomaDendrite", 0.05, 1.0, CONDUCTANCES),
    Case("PinskyRinzel", 0.05, 2.0, CONDUCTANCES),
    Case("HodgkinHuxley", 0.05, 0.2, CONDUCTANCES),
]


@pytest.fixture(scope="session", params=list(BACKENDS))
def backend(request):
    missing = available()[request.param]
    if missing:
        pytest.skip(missing)
    return request.param


@pytest.fixture(scope="session", params=CASES, ids=lambda case: case.model)
def case(request):
    return request.param


@pytest.fixture(scope="session")
def new_env(backend):
    """Make an initialised Env on the backend that is tested."""

    def make(system, model="LIF", selection=None, **arguments):
        env = Env(system, model, **{"backend": backend, **arguments})
        return (env if selection is None else env.selection(selection)).init()

    return make


@pytest.fixture(scope="session")
def new_culture(new_env, case):
    """Make EI1 with the model of the case, noise on and everything recorded."""

    def make(**arguments):
        env = new_env("EI1", case.model, **arguments).set_noise(case.noise)
        env.record_spikes().record_membrane_current(dt=0.5)
        for what in env.recordable():
            if what not in ("spikes", "membrane_current"):
                env.record(what, dt=0.5)
        return env

    return make


@pytest.fixture(scope="session")
def _kept(new_culture):
    env = new_culture()
    return env, env.params()


def _as_first(env, params):
    return env.clear().reseed_noise(0).set_params(params)


@pytest.fixture
def culture(_kept):
    """A culture of the case at t = 0 with its first parameters and noise, shared by tests."""
    return _as_first(*_kept)


@pytest.fixture(scope="session")
def _second(new_culture):
    env = new_culture()
    return env, env.params()


@pytest.fixture
def twin(_second):
    """Another Env with the same culture."""
    return _as_first(*_second)


@pytest.fixture(scope="session")
def stimulus(case):
    """Currents, nA, into all 10 cells for 10 ms, another one in each every 0.5 ms."""
    level = np.random.default_rng(1).uniform(0.5, 1.5, (20, 10))
    return Stimulus.from_current(case.current * level, dt=0.5)


def _digest(run):
    state = hashlib.sha256()
    for name in sorted(run.channels):
        channel = run[name]
        series = [channel.ids, channel.times if name == "spikes" else channel.values]
        state.update(repr([name, getattr(channel, "dt", None)]).encode())
        for array in series:
            state.update(f"{array.dtype}{array.shape}".encode())
            state.update(np.ascontiguousarray(array).tobytes())
    return state.hexdigest()


@pytest.fixture(scope="session")
def digest():
    """Return what two runs share that are equal bit for bit, wherever they start."""
    return _digest
