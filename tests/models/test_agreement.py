"""Spike times of isolated cells on every backend against the converged solution."""

import numpy as np
import pytest

from livn import Env, Stimulus
from livn.backend import BACKENDS, available
from livn.models import make_model
from livn.models.reference import solve
from livn.system import ParallelSystem

POPULATION = {"excitatory": "EXC", "inhibitory": "INH"}

# Model, kind, nA from 0 to 60 ms, step ms, tolerance ms, and why it is that.
SECOND = "second order, and spikes add up"
WIDTH = "second order, but the width of a spike of 20 us is not resolved and shifts the next ones"
GRID = "a reset happens at the end of a step, so each spike may be one step late"
CASES = [
    ("HodgkinHuxley", "excitatory", 0.1, 0.025, 0.03, SECOND),
    ("PinskyRinzel", "excitatory", 0.3, 0.025, 0.02, SECOND),
    ("ReducedCalciumSomaDendrite", "excitatory", 0.2, 0.025, 0.1, WIDTH),
    ("ReducedCalciumSomaDendrite", "inhibitory", 0.2, 0.025, 0.3, WIDTH),
    ("LIF", "excitatory", 0.3, 0.1, 0.7, GRID),
    ("GLIF", "excitatory", 0.3, 0.1, 0.7, GRID),
    ("Izhikevich", "excitatory", 0.01, 0.1, 0.5, GRID),
    ("Izhikevich", "inhibitory", 0.01, 0.1, 1.0, GRID),
]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("name", "kind", "current", "dt", "tolerance", "reason"),
    [pytest.param(*c, id=f"{c[0]}-{c[1]}") for c in CASES],
)
def test_isolated_cell_spikes_at_converged_times(
    backend, name, kind, current, dt, tolerance, reason
):
    if missing := available()[backend]:
        pytest.skip(missing)
    model, population = make_model(name), POPULATION[kind]
    equations = model.equations(kind)
    expected = solve(equations, current, 0.0, 60.0, 60.0).spikes
    env = Env(ParallelSystem({population: 1}), model, backend=backend).init()
    if name == "Izhikevich":
        env.set_params({f"cells-{population}:soma.r": 0.5})
    env.record_spikes()
    env.record_voltage(dt=dt)
    stimulus = Stimulus(np.full((60, 1), current), dt=1.0, input_mode="current")
    _, times, _, voltage, *_ = env.run(60.0, stimulus, dt=dt)
    env.close()
    if not equations.reset:  # a time is the start of the step in which the threshold is crossed
        k = np.rint(times / dt).astype(int)
        level = equations.parameters["V_threshold"].value
        rise = voltage[0, k + 1] - voltage[0, k]
        times = times + dt * (level - voltage[0, k]) / rise
    assert len(times) == len(expected) > 1
    np.testing.assert_allclose(times, expected, atol=tolerance, err_msg=reason)
