"""Synapses and background noise against their closed forms."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from livn import random
from livn.errors import InvalidValue, UnknownName
from livn.models.assembly import assemble
from livn.models.expressions import evaluate
from livn.models.lif import LIF
from livn.models.receptors import Receptor, conductance_noise, peak_factor
from livn.models.values import parameter_values

AMPA = {"e": 0.0, "g_unit": 0.0005, "tau_rise": 0.5, "tau_decay": 3.0}
NMDA = {"e": 0.0, "g_unit": 0.0005, "tau_rise": 0.5, "tau_decay": 80.0}


@pytest.mark.parametrize(
    ("rise", "decay", "factor"),
    [(0.5, 3.0, 1.71716), (0.5, 80.0, 1.03893), (0.3, 6.0, 1.23240), (0.5, 7.0, 1.31931)],
)
def test_peak_factor_makes_the_conductance_peak_at_one(rise, decay, factor):
    assert peak_factor(rise, decay) == pytest.approx(factor, abs=5e-6)
    t = np.linspace(0, 10 * decay, 1_000_001)
    g = peak_factor(rise, decay) * (np.exp(-t / decay) - np.exp(-t / rise))
    assert g.max() == pytest.approx(1.0, abs=1e-8)
    area = peak_factor(rise, decay) * (decay - rise)
    assert np.trapezoid(g, t) == pytest.approx(area, rel=1e-3)  # to 10 tau_decay


def test_peak_factor_is_finite_for_equal_and_for_instant_rise():
    assert np.isfinite(peak_factor(3.0, 3.0))
    assert peak_factor(1e-12, 3.0) == pytest.approx(1.0, rel=1e-6)


@pytest.mark.parametrize(
    ("name", "config", "error", "message"),
    [
        ("AMPAR", AMPA, UnknownName, "did you mean 'AMPA'?"),
        ("AMPA", AMPA | {"tau_ris": 1.0}, UnknownName, "did you mean 'tau_rise'?"),
        ("AMPA", AMPA | {"mg": 1.0}, UnknownName, "unknown parameter of receptor AMPA: got 'mg'"),
        ("AMPA", AMPA | {"tau_decay": 0.0}, InvalidValue, "impossible kinetics"),
        ("GABA_A", AMPA | {"g_unit": -1.0}, InvalidValue, "impossible kinetics"),
    ],
)
def test_receptor_that_cannot_be_is_refused(name, config, error, message):
    with pytest.raises(error) as raised:
        Receptor.from_config(name, config)
    assert message in str(raised.value)


def with_receptor(name, config):
    receptor = Receptor.from_config(name, config)
    cell = LIF().cell("excitatory").with_mechanisms("soma", receptor.mechanism())
    return receptor, assemble(cell)


def test_synaptic_conductance_follows_its_closed_form_and_decays(stepper):
    receptor, equations = with_receptor("AMPA", AMPA)
    start = {"A_AMPA_soma": 3 * receptor.increment, "B_AMPA_soma": 3 * receptor.increment}
    run = stepper(equations, 0.05).run(60.0, **start)
    t = 0.05 * np.arange(1201)
    g = run["B_AMPA_soma"] - run["A_AMPA_soma"]
    exact = 3 * receptor.increment * (np.exp(-t / 3.0) - np.exp(-t / 0.5))
    np.testing.assert_allclose(g, exact, rtol=1e-10, atol=1e-15)
    assert g.max() == pytest.approx(3 * 0.0005, rel=1e-3)  # weight times g_unit
    assert g[-1] < 1e-8 * g.max()


def test_synapse_drives_the_cell_towards_its_reversal_potential(stepper):
    receptor, equations = with_receptor("GABA_A", AMPA | {"e": -80.0})
    start = dict.fromkeys(("A_GABA_A_soma", "B_GABA_A_soma"), receptor.increment)
    v = stepper(equations, 0.05).run(100.0, **start)["V_soma"]
    assert -70.2 < v.min() < -70.05
    assert v[-1] == pytest.approx(-70.0, abs=1e-3)


def test_voltage_under_a_magnesium_block_is_second_order_in_the_step(stepper):
    """LIF: C = 0.1 nF, g_L = 0.01 uS; states of the scheme start half a step before 0."""
    _, equations = with_receptor("NMDA", NMDA)

    def rate(t, v):
        g = 0.2 * (np.exp(-t / 80.0) - np.exp(-t / 0.5))
        return -(0.01 * (v + 70.0) + g / (1 + np.exp(-0.062 * v) / 3.57) * v) / 0.1

    exact = solve_ivp(rate, (0, 4), [-70.0], rtol=1e-11, atol=1e-11).y[0, -1]
    steps = 0.2 / 2.0 ** np.arange(4)
    errors = []
    for h in steps:
        early = {"A_NMDA_soma": 0.2 * np.exp(h / 1.0), "B_NMDA_soma": 0.2 * np.exp(h / 160.0)}
        v = stepper(equations, h, V_threshold=1e3).run(4.0, **early)["V_soma"][-1]
        errors.append(abs(v - exact))
    assert -60.0 < exact < -20.0  # mV: far along the block
    assert errors[0] < 0.05  # mV
    assert np.polyfit(np.log(steps), np.log(errors), 1)[0] == pytest.approx(2.0, abs=0.15)


@pytest.mark.parametrize(("v", "open_fraction"), [(-70.0, 0.04), (-40.0, 0.23), (0.0, 0.78)])
def test_magnesium_block_is_that_of_jahr_and_stevens(v, open_fraction):
    _, equations = with_receptor("NMDA", NMDA)
    values = parameter_values(equations, {}, 0, np.zeros(1, np.uint32))
    values |= {"V_soma": v, "A_NMDA_soma": 0.0, "B_NMDA_soma": 1.0, "e_NMDA_soma": v - 1.0,
               "eta_w_soma": 0.0}  # fmt: skip
    leak = 1e-3 * 10.0 * (v + 70.0)  # nA; 1 uS at a driving force of 1 mV is 1 nA
    current = evaluate(equations.currents["soma"], values) - leak
    assert current == pytest.approx(open_fraction, abs=0.005)


def test_magnesium_block_shifts_and_ends_without_magnesium():
    _, equations = with_receptor("NMDA", NMDA | {"mg": 0.0})
    values = parameter_values(equations, {}, 0, np.zeros(1, np.uint32))
    values |= {"V_soma": -70.0, "A_NMDA_soma": 0.0, "B_NMDA_soma": 1.0, "eta_w_soma": 0.0}
    assert evaluate(equations.currents["soma"], values) == pytest.approx(-70.0)


def background(stepper, **overrides):
    cell = LIF().cell("excitatory").with_mechanisms("soma", conductance_noise("e", 4))
    return stepper(assemble(cell), 0.5, **overrides)


def test_conductance_noise_is_stationary_with_its_mean_deviation_and_correlation(stepper):
    step = background(stepper, g_e0_soma=0.0121, std_e_soma=0.003)
    eta = random.normals(random.key(7, 0, 2), np.arange(400), 0, 2000)[0]
    g = step.run_many("eta_e_soma", eta)["g_e_soma"]
    assert g.shape == (2001, 400)
    g = g[60:] - 0.0121  # after 10 tau; 400 cells x 970 ms are 71,000 correlation times
    assert g.mean() == pytest.approx(0.0, abs=8e-5)  # 5 standard errors: 5 std sqrt(2/71000)
    assert g.std() == pytest.approx(0.003, rel=0.02)
    for lag in (1, 4, 11):
        correlation = (g[lag:] * g[:-lag]).mean() / g.var()
        assert correlation == pytest.approx(np.exp(-0.5 * lag / 2.728), abs=0.02)


def test_conductance_noise_takes_its_exact_transition_in_one_step(stepper):
    step = background(stepper, std_e_soma=0.003)
    g = step.run_many("eta_e_soma", np.array([[1.0, -2.0]]))["g_e_soma"]
    spread = 0.003 * np.sqrt(1 - np.exp(-2 * 0.5 / 2.728))
    np.testing.assert_allclose(g, [[0.0, 0.0], [spread, -2 * spread]], rtol=1e-12)


def test_conductance_noise_is_never_negative_in_the_current(stepper):
    equations = background(stepper).equations
    known = parameter_values(equations, {}, 0, np.zeros(1, np.uint32))
    known |= {"V_soma": -70.0, "eta_w_soma": 0.0, "g_e_soma": -1.0}
    assert evaluate(equations.currents["soma"], known) == 0.0
    known["g_e_soma"] = 1.0
    assert evaluate(equations.currents["soma"], known) == -70.0


def test_current_noise_is_its_amplitude_times_a_normal_number():
    equations = LIF().equations("excitatory")
    known = parameter_values(equations, {"level_soma": 50.0}, 0, np.zeros(1, np.uint32))
    known |= {"V_soma": -70.0, "eta_w_soma": 2.0}
    assert evaluate(equations.currents["soma"], known) == pytest.approx(-0.1)  # -100 pA, inward
    (noise,) = equations.randoms
    assert (noise.hold, noise.amplitude) == (1.0, "level_soma")
