"""Point models against their closed forms."""

import math

import numpy as np
import pytest

from livn.errors import InvalidValue, UnknownName
from livn.models.glif import ABSENT, GLIF, PARAMETERS
from livn.models.izhikevich import Izhikevich
from livn.models.lif import LIF
from livn.models.reference import solve

DT = 0.1


def lif_times(current, n, t_ref=0.0):
    """Spike times of V' = -(V + 70)/10 + I/(0.1 nF), ms, from -70 to -55, reset to -75."""
    target = -70 + current / 0.01
    first = 10 * math.log((target + 70) / (target + 55))
    later = t_ref + 10 * math.log((target + 75) / (target + 55))
    return first + later * np.arange(n)


# LIF


def test_lif_below_threshold_is_exact(stepper):
    v = stepper(LIF().equations("excitatory"), DT).run(50.0, 0.14)["V_soma"]
    t = DT * np.arange(501)
    np.testing.assert_allclose(v, -70 + 14 * (1 - np.exp(-t / 10)), rtol=1e-13)


@pytest.mark.parametrize("t_ref", [0.0, 2.0])
@pytest.mark.parametrize("current", [0.16, 0.2, 0.5])
def test_lif_reference_spikes_at_its_closed_form(current, t_ref):
    spikes = solve(LIF().equations("excitatory"), current, 0.0, 200.0, 200.0,
                   overrides={"refractory_period": t_ref}).spikes  # fmt: skip
    np.testing.assert_allclose(spikes, lif_times(current, len(spikes), t_ref), atol=1e-5)
    assert lif_times(current, len(spikes) + 1, t_ref)[-1] > 200.0


@pytest.mark.parametrize("t_ref", [0.0, 2.0])
@pytest.mark.parametrize("current", [0.16, 0.2, 0.5])
def test_lif_step_spikes_at_the_end_of_the_step_that_crosses(stepper, current, t_ref):
    run = stepper(LIF().equations("excitatory"), DT, refractory_period=t_ref).run(200.0, current)
    exact = lif_times(current, 1000, t_ref)[: len(run.times)]
    first, between = exact[0], exact[1] - exact[0]
    on_grid = math.ceil(first / DT) + math.ceil(between / DT - 1e-9) * np.arange(len(exact))
    assert (run.steps + 1).tolist() == on_grid.tolist()  # each interval is rounded up to the grid


def test_lif_rheobase_is_where_the_steady_state_meets_the_threshold():
    e = LIF().equations("excitatory")
    assert len(solve(e, 0.1499, 0.0, 500.0, 500.0).spikes) == 0  # g_L (theta - E_L) = 0.15 nA
    assert len(solve(e, 0.1501, 0.0, 500.0, 500.0).spikes) > 0


def test_lif_is_held_at_its_reset_while_refractory(stepper):
    run = stepper(LIF().equations("excitatory"), DT, refractory_period=2.0).run(20.0, 0.5)
    k = run.steps[0] + 1
    assert run["V_soma"][k : k + 21].tolist() == [-75.0] * 21
    assert run["V_soma"][k + 21] > -75.0


# GLIF


def glif(stepper, level=5, **params):
    return stepper(GLIF(level, params={"t_ref": 7.0, **params}).equations("excitatory"), DT)


@pytest.mark.parametrize("level", [1, 2, 3, 4, 5])
def test_glif_below_threshold_is_exact(stepper, level):
    v = glif(stepper, level).run(50.0, 0.05)["V_soma"]
    t = DT * np.arange(501)
    np.testing.assert_allclose(
        v, -78.737 + 50 / 3.214 * (1 - np.exp(-t / 5.192)), rtol=1e-12
    )  # fmt: skip


def test_glif_voltage_follows_decaying_after_spike_currents(stepper):
    cell = glif(stepper, 3)
    v = cell.run(100.0, I_1_soma=10.0, I_2_soma=-25.121)["V_soma"]
    t, expected = DT * np.arange(1001), np.full(1001, -78.737)
    for amplitude, k in ((10.0, 0.23614), (-25.121, 0.0068869)):
        now = amplitude * math.exp(-k * DT / 2)  # currents live half a step before the voltage
        expected += now / 3.214 * (np.exp(-k * t) - np.exp(-t / 5.192)) / (1 - 5.192 * k)
    np.testing.assert_allclose(v, expected, atol=2e-3)  # mV; second order: (k h)²/24 of 8 mV


def test_glif_threshold_follows_the_voltage(stepper):
    run = glif(stepper).run(600.0, 0.05)
    t = DT * (np.arange(6001) - 0.5)[1:]  # states live half a step before the voltage
    a, b, tau, rise = 0.001, 0.01, 5.192, 50 / 3.214
    exact = a * rise * (
        (1 - np.exp(-b * t)) / b - (np.exp(-b * t) - np.exp(-t / tau)) / (1 / tau - b)
    )  # fmt: skip
    late = t > 20.0
    np.testing.assert_allclose(run["theta_v_soma"][1:][late], exact[late], atol=1e-3)
    assert run["theta_v_soma"][-1] == pytest.approx(a * rise / b, rel=5e-3)


def test_glif_jumps_have_their_size_at_the_end_of_the_refractory_period(stepper):
    run = glif(stepper, asc_r=0.5).run(60.0, 0.4)
    spike = run.steps[0] + 1  # samples before the step after the spike
    end = spike + 70
    assert run["theta_s_soma"][end] == pytest.approx(3.722, rel=1e-12)
    assert run["I_1_soma"][end] == pytest.approx(10.0, rel=1e-12)
    assert run["I_2_soma"][end] == pytest.approx(-25.121, rel=1e-12)
    # at the second: what was left has decayed through the interval, then asc_r of it is kept
    second = run.steps[1] + 1
    left = -25.121 * math.exp(-0.0068869 * DT * (second - spike))
    assert run["I_2_soma"][second + 70] == pytest.approx(0.5 * left - 25.121, rel=1e-12)
    left = 3.722 * math.exp(-0.3406 * DT * (second - spike))
    assert run["theta_s_soma"][second + 70] == pytest.approx(left + 3.722, rel=1e-12)


def test_glif_after_spike_states_decay_at_their_rates(stepper):
    run = glif(stepper).run(40.0, 0.3, 0.0, 6.0)
    (spike,) = run.steps
    after = run["theta_s_soma"][spike + 71 :]
    t = DT * np.arange(len(after))
    np.testing.assert_allclose(after, 3.722 * np.exp(-0.3406 * t), rtol=1e-10)
    after = run["I_1_soma"][spike + 71 :]
    np.testing.assert_allclose(after, 10 * np.exp(-0.23614 * t), rtol=1e-10)


def test_glif_voltage_and_voltage_threshold_are_held_while_refractory(stepper):
    run = glif(stepper).run(40.0, 0.4)
    k = run.steps[0] + 1
    assert len(set(run["V_soma"][k : k + 71])) == 1
    assert len(set(run["theta_v_soma"][k : k + 71])) == 1
    assert run["V_soma"][k + 71] != run["V_soma"][k]
    assert run["theta_v_soma"][k + 71] != run["theta_v_soma"][k]


@pytest.mark.parametrize(
    ("f_v", "delta_v", "reset"),
    [(0.0, 5.0, -83.737), (0.0, -5.0, -73.737), (0.5, 0.0, -59.3685), (0.5, 2.0, -61.3685)],
)
def test_glif_reset_scales_the_voltage_and_lowers_it_by_delta(f_v, delta_v, reset):
    """From the threshold of -40, which is 38.737 above rest."""
    cell = GLIF(2, params={"f_v": f_v, "delta_v": delta_v}).equations("excitatory")
    out = solve(cell, 0.4, 0.0, 12.0, 12.0)
    at = np.searchsorted(out.times, out.spikes[0] + 1.0)
    assert out.trace("V_soma")[at] == pytest.approx(reset, abs=1e-6)


@pytest.mark.parametrize("level", [1, 2, 3, 4, 5])
def test_glif_level_has_only_its_own_mechanisms(level):
    e = GLIF(level).equations("excitatory")
    for name in ABSENT[level]:
        assert e.parameters[name].value == 0.0
    assert all(e.parameters[p.name].value == p.value
               for p in PARAMETERS if p.name not in ABSENT[level])  # fmt: skip


def test_glif_1_fires_at_the_closed_form_of_a_leaky_cell():
    spikes = solve(GLIF(1).equations("excitatory"), 0.2, 0.0, 200.0, 200.0).spikes
    drive = 200 / 3.214
    first = 5.192 * math.log(drive / (drive - 38.737))
    expected = first + (6.992 + first) * np.arange(len(spikes))
    np.testing.assert_allclose(spikes, expected, atol=1e-5)


def test_glif_2_spikes_where_the_decaying_threshold_is_met():
    spikes = solve(GLIF(2).equations("excitatory"), 0.2, 0.0, 60.0, 60.0).spikes
    drive = 200 / 3.214
    released = spikes[0] + 6.992
    low = 0.7595 * 38.737 - 0.28477  # after the reset, above rest
    t = spikes[1] - released
    v = drive + (low - drive) * math.exp(-t / 5.192)
    assert v == pytest.approx(38.737 + 3.722 * math.exp(-0.3406 * t), abs=1e-5)


@pytest.mark.parametrize("level", [1, 2, 3, 4, 5])
def test_glif_step_agrees_with_the_reference(stepper, level):
    model = GLIF(level)
    expected = solve(model.equations("excitatory"), 0.3, 0.0, 200.0, 200.0).spikes
    spikes = stepper(model.equations("excitatory"), 0.01).run(200.0, 0.3).times
    assert len(spikes) == len(expected)
    # each spike is up to one step late, and so is everything after it
    np.testing.assert_allclose(spikes, expected, atol=0.02 * len(expected))


def test_glif_preset_is_the_lif_cell():
    glif, lif = GLIF.leaky_integrate_and_fire(), LIF()
    assert glif.level == 2
    a, b = (solve(m.equations("excitatory"), 0.2, 0.0, 200.0, 200.0).spikes for m in (glif, lif))
    np.testing.assert_allclose(a, b, atol=1e-6)
    assert glif.recordable_states() == ["I_1", "I_2", "theta_s", "theta_v"]


def allen_config(threshold, currents, reset):
    """An entry of the Allen Cell Types Database that means our default parameters, in SI."""
    conductance, tau = 3.214e-9, 5.192e-3
    return {
        "El_reference": -0.078737, "El": 0.0, "C": tau * conductance / 1.25, "R_input": 2e8,
        "th_inf": 0.038737 / 1.1, "spike_cut_length": 139, "dt": 5e-5,
        "asc_amp_array": [1e-11, -2.5121e-11],
        "asc_tau_array": [1e-3 / 0.23614, 1e-3 / 0.0068869],
        "coeffs": {"C": 1.25, "G": conductance * 2e8, "th_inf": 1.1, "a": 1.0, "b": 1.0,
                   "asc_amp_array": [1.0, 1.0]},
        "threshold_dynamics_method": threshold,
        "AScurrent_dynamics_method": {"name": "exp" if currents else "none", "params": {}},
        "voltage_reset_method": reset,
    }  # fmt: skip


SPIKE = {"a_spike": 3.722e-3, "b_spike": 340.6}
RESET = {"name": "v_before", "params": {"a": 0.7595, "b": -2.8477e-4}}
ZERO = {"name": "zero", "params": {}}


@pytest.mark.parametrize(
    ("level", "method", "currents", "reset"),
    [
        (1, {"name": "inf", "params": {}}, False, ZERO),
        (2, {"name": "spike_component", "params": SPIKE}, False, RESET),
        (3, {"name": "inf", "params": {}}, True, ZERO),
        (4, {"name": "spike_component", "params": SPIKE}, True, RESET),
        (5, {"name": "three_components_exact",
             "params": {**SPIKE, "a_voltage": 1.0, "b_voltage": 10.0}}, True, RESET),
    ],
)  # fmt: skip
def test_allen_config_gives_the_level_and_parameters_it_states(level, method, currents, reset):
    made = GLIF.from_neuron_config(allen_config(method, currents, reset))
    assert made.level == level
    expected = GLIF(level, params={"t_ref": 7.0}).parameters()
    assert made.parameters() == pytest.approx(expected, rel=1e-12)


def test_incomplete_allen_config_is_refused():
    with pytest.raises(InvalidValue, match="lacks an entry: got no 'threshold_dynamics_method'"):
        GLIF.from_neuron_config({"El": 0.0})


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"level": 6}, InvalidValue, "GLIF level is unknown: got 6; need 1, 2, 3, 4 or 5."),
        ({"params": {"thetajump": 1.0}}, UnknownName, "did you mean 'theta_jump'?"),
        ({"level": 1, "params": {"a_v": 1.0}}, InvalidValue, "level 1 does not have"),
        ({"params": {"tau_m": -1.0}}, InvalidValue, "'tau_m' is out of range: got -1.0; need"),
        ({"mechanism": "escape"}, TypeError, "unexpected keyword argument 'mechanism'"),
    ],
)
def test_glif_that_cannot_be_is_refused(arguments, error, message):
    with pytest.raises(error) as raised:
        GLIF(**arguments)
    assert message in str(raised.value)


# Izhikevich


def izhikevich_by_hand(current, duration, a, b, c, d, h=5e-4):
    """Runge-Kutta 4 at 0.5 us; current in mV/ms."""

    def f(v, u):
        return 0.04 * v * v + 5 * v + 140 - u + current, a * (b * v - u)

    v, u, spikes = -65.0, -65.0 * b, []
    for k in range(round(duration / h)):
        p1, q1 = f(v, u)
        p2, q2 = f(v + h / 2 * p1, u + h / 2 * q1)
        p3, q3 = f(v + h / 2 * p2, u + h / 2 * q2)
        p4, q4 = f(v + h * p3, u + h * q3)
        v, u = v + h / 6 * (p1 + 2 * p2 + 2 * p3 + p4), u + h / 6 * (q1 + 2 * q2 + 2 * q3 + q4)
        if v >= 30:
            spikes.append((k + 1) * h)
            v, u = c, u + d
    return np.array(spikes)


@pytest.mark.parametrize(
    ("kind", "abcd"), [("excitatory", (0.02, 0.2, -65.0, 8.0)),
                       ("inhibitory", (0.1, 0.2, -65.0, 2.0))],
)  # fmt: skip
def test_izhikevich_reference_agrees_with_runge_kutta(stepper, kind, abcd):
    e = Izhikevich().equations(kind)
    r = {"r_soma": 0.0 if kind == "excitatory" else 1.0}
    expected = izhikevich_by_hand(10.0, 150.0, *abcd)  # 10 pA are 10 mV/ms
    spikes = solve(e, 0.01, 0.0, 150.0, 150.0, overrides=r).spikes
    assert len(spikes) == len(expected) > 3
    np.testing.assert_allclose(spikes, expected, atol=1e-3 * len(expected))  # 0.5 us late each
    stepped = stepper(e, 0.1, **r).run(150.0, 0.01).times
    assert abs(len(stepped) - len(expected)) <= 1
    n = min(len(stepped), len(expected))
    # up to a step late at each spike
    np.testing.assert_allclose(stepped[:n], expected[:n], atol=0.1 * (1 + n))
