"""The time step: order, stability, and what it must leave alone."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from livn.models import MODELS, make_model
from livn.models.assembly import assemble
from livn.models.description import Cell, Compartment, Coupling, Mechanism, Parameter, Spike
from livn.models.expressions import names
from livn.models.rcsd import ReducedCalciumSomaDendrite
from livn.models.reference import solve
from livn.models.scheme import derive_step

KINDS = ("excitatory", "inhibitory")
EVERY = [pytest.param(m, k, id=f"{m}-{k}") for m in MODELS for k in KINDS]


def slope(stepper, equations, current, duration, steps):
    """Return the order at which soma voltage at `duration` converges, and the errors, mV."""
    out = solve(equations, current, 0.0, duration, duration, rtol=1e-11, atol=1e-12)
    exact = out.trace("V_soma")[-1]
    errors = [
        abs(stepper(equations, h).run(duration, current)["V_soma"][-1] - exact) for h in steps
    ]
    return np.polyfit(np.log(steps), np.log(errors), 1)[0], errors


SMOOTH = [
    ("HodgkinHuxley", "excitatory", 0.1, 8.0, 0.05),  # through a spike
    ("PinskyRinzel", "excitatory", 0.06, 15.0, 0.1),
    ("ReducedCalciumSomaDendrite", "excitatory", 0.02, 30.0, 0.1),
    ("ReducedCalciumSomaDendrite", "inhibitory", 0.01, 20.0, 0.1),
]  # model, kind, nA, ms, longest step


@pytest.mark.parametrize(("name", "kind", "current", "duration", "h"), SMOOTH)
def test_error_on_smooth_trajectories_falls_with_the_square_of_the_step(
    stepper, name, kind, current, duration, h
):
    """Tolerance: ion pools start half a step late, a first-order term that shows below 1e-5 mV."""
    steps = h / 2.0 ** np.arange(5)
    order, errors = slope(stepper, make_model(name).equations(kind), current, duration, steps)
    assert 1.7 < order < 2.6, errors
    assert errors[2] < 5e-3  # mV


# largest error of any spike in 399 ms, ms. Spikes of these cells rise within 20 us: their widths,
# and with them the intervals, converge only when the step resolves that.
DRIFT = [
    ("excitatory", 0.05, 0.025, 0.25), ("excitatory", 0.2, 0.025, 0.3),
    ("inhibitory", 0.05, 0.025, 0.3), ("inhibitory", 0.2, 0.025, 0.3),
    ("excitatory", 0.2, 0.1, 3.0), ("inhibitory", 0.2, 0.1, 12.0),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "current", "dt", "tolerance"), DRIFT)
def test_reduced_calcium_cells_keep_every_spike(stepper, kind, current, dt, tolerance):
    e = ReducedCalciumSomaDendrite().equations(kind)
    expected = solve(e, current, 100.0, 499.0, 499.0).spikes
    run = stepper(e, dt).run(499.0, current, 100.0, 499.0)
    assert len(run.crossings) == len(expected)
    np.testing.assert_allclose(run.crossings, expected, atol=tolerance)


def test_first_spike_of_reduced_calcium_cells_is_within_a_few_microseconds(stepper):
    for kind, current in (("excitatory", 0.2), ("inhibitory", 0.05)):
        e = ReducedCalciumSomaDendrite().equations(kind)
        expected = solve(e, current, 100.0, 110.0, 110.0).spikes[0]
        run = stepper(e, 0.025).run(110.0, current, 100.0)
        assert run.crossings[0] == pytest.approx(expected, abs=4e-3)


@pytest.mark.parametrize(("name", "kind"), EVERY)
@pytest.mark.parametrize("current", [-0.2, 5.0])
def test_step_stays_finite_far_outside_physiology(stepper, name, kind, current):
    run = stepper(make_model(name).equations(kind), 0.1).run(50.0, current)
    assert np.isfinite(run["V_soma"]).all()


@pytest.mark.parametrize("kind", KINDS)
def test_step_is_stable_under_huge_noise_conductance(stepper, kind):
    """2.2 uS on a soma of 268 um2: explicit schemes are unstable below 0.001 ms there."""
    noise = {"g_e0_dend" if kind == "excitatory" else "g_e0_soma": 1.0, "g_i0_soma": 1.2}
    run = stepper(ReducedCalciumSomaDendrite().equations(kind), 0.1, **noise).run(50.0)
    assert -95.0 < run["V_soma"].min() <= run["V_soma"].max() < 60.0
    assert abs(np.diff(run["V_soma"][-20:])).max() < 5e-3


def passive_pair(coupling):
    leak = Mechanism("leak", "1e-5 * (V + 60)")
    parts = tuple(Compartment(n, (leak,), "1", area=a, initial=v)
                  for n, a, v in (("soma", "300", "0"), ("dend", "2700", "-80")))  # fmt: skip
    joined = (Coupling("soma", "dend", "g"),)
    spike = Spike("1e3")
    return assemble(Cell("pair", parts, spike, "test", joined, (Parameter("g", coupling, "uS"),)))


@pytest.mark.parametrize("coupling", [1e-3, 1.0, 1e3])
def test_coupled_compartments_conserve_charge_and_equalise(stepper, coupling):
    equations = passive_pair(coupling)
    run = stepper(equations, 0.1).run(5.0)
    charge = 3e-3 * run["V_soma"] + 27e-3 * run["V_dend"]  # nF mV
    leak = 1e-5 * 1e-2 * (300 * (run["V_soma"] + 60) + 2700 * (run["V_dend"] + 60))
    lost = np.append(0.0, np.cumsum((leak[1:] + leak[:-1]) / 2 * 0.1))
    np.testing.assert_allclose(charge + lost, charge[0], rtol=1e-9)
    if coupling == 1e-3:
        exact = solve_ivp(
            lambda t, y: [(1e-3 * (y[1] - y[0]) - 3e-5 * (y[0] + 60)) / 3e-3,
                          (1e-3 * (y[0] - y[1]) - 27e-5 * (y[1] + 60)) / 27e-3],
            (0, 5), [0.0, -80.0], rtol=1e-10, atol=1e-10,
        ).y[:, -1]  # fmt: skip
        np.testing.assert_allclose([run["V_soma"][-1], run["V_dend"][-1]], exact, atol=5e-3)


def test_a_chain_of_compartments_is_solved_like_the_full_matrix(stepper):
    leak = Mechanism("leak", "1e-5 * (V + 60)")
    start = {"soma": 0.0, "dend": -80.0, "tuft": -20.0, "axon": 10.0}
    parts = tuple(
        Compartment(n, (leak,), "1", area="1000", initial=str(v)) for n, v in start.items()
    )
    joined = tuple(
        Coupling(a, b, g)
        for a, b, g in (("soma", "dend", "0.1"), ("dend", "tuft", "0.02"), ("axon", "soma", "0.05"))
    )
    run = stepper(assemble(Cell("chain", parts, Spike("1e3"), "test", joined)), 0.1).run(0.1)
    g = np.zeros((4, 4))
    for a, b, value in ((0, 1, 0.1), (1, 2, 0.02), (3, 0, 0.05)):
        g[a, b] += value
        g[b, a] += value
    jacobian = (g - np.diag(g.sum(0)) - 1e-4 * np.eye(4)) / 1e-2
    v = np.array(list(start.values()))
    rate = jacobian @ v - 0.6
    exact = v + np.linalg.solve(np.eye(4) - 0.05 * jacobian, 0.1 * rate)
    got = [run[f"V_{s}"][1] for s in start]
    np.testing.assert_allclose(got, exact, rtol=1e-12)


@pytest.mark.parametrize(("name", "kind"), EVERY)
def test_assignments_use_what_is_known_and_name_each_temporary_once(name, kind):
    e = make_model(name).equations(kind)
    step = derive_step(e)
    variables = {*e.voltages, *e.states}
    known = {*variables, *step.inputs, *step.constants, "free", *(r.name for r in e.randoms)}
    for assigned, expression in step.assignments:
        assert names(expression) <= known, assigned
        assert assigned in variables or assigned not in known, assigned
        known.add(assigned)
    for expression in step.constants.values():
        assert names(expression) <= {*e.parameters, *e.derived, "h"}


def test_a_description_gives_the_same_step_every_time():
    first, second = (derive_step(ReducedCalciumSomaDendrite().equations("excitatory"))
                     for _ in range(2))  # fmt: skip
    assert first.assignments == second.assignments
    assert first.constants == second.constants
