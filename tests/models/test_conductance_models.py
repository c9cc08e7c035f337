"""Conductance models: converged spike times, and right-hand sides written a second time by hand."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from livn.models import make_model
from livn.models.rcsd import ReducedCalciumSomaDendrite
from livn.models.reference import solve
from livn.models.values import parameter_values

ONE_CELL = np.zeros(1, np.uint32)

# LSODA, rtol 1e-8, step from 100 to 500 ms: nA -> number, first and last spike, ms
WITH_POOLS = {
    "excitatory": {
        0.02: (1, 142.725, 142.725), 0.05: (4, 111.804, None), 0.1: (7, 105.780, None),
        0.2: (16, 102.965, None), 0.5: (45, 101.237, 498.980),
    },
    "inhibitory": {
        0.02: (5, 128.214, 454.507), 0.05: (14, 102.002, 498.500), 0.1: (22, 101.007, 497.924),
        0.2: (33, 100.525, 498.521),
    },
}  # fmt: skip
WITHOUT_POOLS = {
    "excitatory": {
        0.02: (1, 142.744, None), 0.05: (4, 111.805, None), 0.1: (7, 105.780, None),
        0.2: (16, 102.965, None), 0.5: (44, 101.237, None),
    },
    "inhibitory": {
        0.02: (5, 133.516, None), 0.05: (13, 102.018, None), 0.1: (21, 101.013, None),
        0.2: (32, 100.527, None),
    },
}  # fmt: skip
CASES = [
    pytest.param(drifting, kind, current, *expected, id=f"{kind}-{current}nA-pools={drifting}")
    for drifting, table in ((True, WITH_POOLS), (False, WITHOUT_POOLS))
    for kind, rows in table.items()
    for current, expected in rows.items()
]


@pytest.mark.parametrize(("drifting", "kind", "current", "n", "first", "last"), CASES)
def test_reduced_calcium_cells_have_their_published_converged_spikes(
    drifting, kind, current, n, first, last
):
    model = ReducedCalciumSomaDendrite(drifting_ions=drifting)
    spikes = solve(model.equations(kind), current, 100.0, 500.0, 600.0).spikes
    assert len(spikes) == n
    assert spikes[0] == pytest.approx(first, abs=6e-4)  # printed to 0.001 ms
    if last:
        assert spikes[-1] == pytest.approx(last, abs=2e-3)  # phase errors add up


@pytest.mark.parametrize(
    ("drifting", "kind", "rest", "i_hold"),
    [
        (True, "excitatory", -66.9616, -3.2769255e-4),
        (True, "inhibitory", -60.2865, -4.15847303e-3),
        (False, "excitatory", -66.9633, -3.2769255e-4),
        (False, "inhibitory", -60.3301, -4.15847303e-3),
    ],
)
def test_reduced_calcium_cells_rest_where_published(drifting, kind, rest, i_hold):
    e = ReducedCalciumSomaDendrite(drifting_ions=drifting).equations(kind)
    assert parameter_values(e, {}, 0, ONE_CELL)["i_hold_soma"] == pytest.approx(i_hold, rel=1e-7)
    quiet = solve(e, 0.0, 0.0, 0.0, 100.0)
    assert quiet.trace("V_soma")[-1] == pytest.approx(rest, abs=6e-5)


def test_areas_and_resting_potentials_of_reduced_calcium_cells():
    e = ReducedCalciumSomaDendrite(drifting_ions=False)
    exc = parameter_values(e.equations("excitatory"), {}, 0, ONE_CELL)
    inh = parameter_values(e.equations("inhibitory"), {}, 0, ONE_CELL)
    assert exc["area_soma"] == pytest.approx(267.53, abs=5e-3)
    assert exc["area_dend"] == pytest.approx(2407.81, abs=5e-3)
    assert inh["area_soma"] == pytest.approx(1183.8, abs=0.05)
    assert exc["E_Na_soma"] == pytest.approx(60.44, abs=5e-3)
    assert exc["E_K_soma"] == pytest.approx(-89.71, abs=5e-3)
    assert exc["f_N_soma"] == pytest.approx(18.982, abs=5e-4)
    assert exc["f_L_dend"] == pytest.approx(13.182, abs=5e-4)
    # one conductance: g_s A_s = g_d A_d with g_d = 2 gc, 1e-3 S/mS, 1e-2 uS per S/cm2 um2
    gc = 7.206964498910834
    assert exc["coupling_soma_dend"] == pytest.approx(2e-5 * gc * exc["area_dend"])
    assert exc["coupling_soma_dend"] == pytest.approx(2e-5 * gc * 0.9 / 0.1 * exc["area_soma"])


@pytest.mark.parametrize("v", [-46.9, -24.9, -19.9, -8.9, -100.0, -300.0])
def test_pinsky_rinzel_rates_are_smooth_at_singular_and_extreme_voltages(stepper, v):
    cell = stepper(make_model("PinskyRinzel").equations("excitatory"), 1e-3)

    def change(v):
        after = cell.run(1e-3, V_soma=v, V_dend=v)
        return np.array([after[n][1] - cell.start[n] for n in cell.names[2:]])

    there, beside = change(v), change(v + 1e-7)
    assert np.isfinite(there).all()
    assert there == pytest.approx(beside, rel=1e-5, abs=1e-12)


def _crossings(rhs, y, duration, level, rtol=1e-9):
    def up(t, y):
        return y[0] - level

    up.direction = 1
    out = solve_ivp(rhs, (0, duration), y, method="LSODA", rtol=rtol, atol=1e-11, events=up,
                    max_step=0.5)  # fmt: skip
    return out.t_events[0]


def test_hodgkin_huxley_agrees_with_its_equations_written_by_hand():
    def rates(v):
        am = 0.1 * (v + 40) / (1 - np.exp(-(v + 40) / 10))
        an = 0.01 * (v + 55) / (1 - np.exp(-(v + 55) / 10))
        bh = 1 / (1 + np.exp(-(v + 35) / 10))
        return ((am, 4 * np.exp(-(v + 65) / 18)), (0.07 * np.exp(-(v + 65) / 20), bh),
                (an, 0.125 * np.exp(-(v + 65) / 80)))  # fmt: skip

    def rhs(t, y):  # uA/cm2, uF/cm2
        v, m, h, n = y
        ionic = 120 * m**3 * h * (v - 50) + 36 * n**4 * (v + 77) + 0.3 * (v + 54.387)
        gates = [a * (1 - x) - b * x for x, (a, b) in zip((m, h, n), rates(v), strict=True)]
        return [10.0 - ionic, *gates]

    start = [-65.0, *(a / (a + b) for a, b in rates(-65.0))]
    expected = _crossings(rhs, start, 60.0, 0.0)
    # 10 uA/cm2 over 1000 um2 are 0.1 nA
    e = make_model("HodgkinHuxley").equations("excitatory")
    spikes = solve(e, 0.1, 0.0, 60.0, 60.0, rtol=1e-10).spikes
    assert len(spikes) == 4
    np.testing.assert_allclose(spikes, expected, atol=1e-5)  # ms; tolerances of both solutions


def _pinsky_rinzel_rates(v):
    linoid = lambda x, k: x / np.expm1(x / k)  # noqa: E731
    am, bm = 0.32 * linoid(-46.9 - v, 4), 0.28 * linoid(v + 19.9, 5)
    ah, bh = 0.128 * np.exp((-43 - v) / 18), 4 / (1 + np.exp((-20 - v) / 5))
    an, bn = 0.016 * linoid(-24.9 - v, 5), 0.25 * np.exp(-1 - 0.025 * v)
    a_s, bs = 1.6 / (1 + np.exp(-0.072 * (v - 5))), 0.02 * linoid(v + 8.9, 5)
    high = 2 * np.exp(-(v + 53.5) / 27)
    low = np.exp((v + 50) / 11 - (v + 53.5) / 27) / 18.975
    ac, bc = (low, high - low) if v <= -10 else (high, 0.0)
    return am / (am + bm), (ah, bh), (an, bn), (a_s, bs), (ac, bc)


def _pinsky_rinzel(t, y, drive, p=0.5, gc=2.1):
    """The paper's equations: densities per whole cell, mS/cm2, uA/cm2, 3 uF/cm2."""
    vs, vd, h, n, s, c, q, ca = y
    m, rate_h, rate_n, _, _ = _pinsky_rinzel_rates(vs)
    _, _, _, rate_s, rate_c = _pinsky_rinzel_rates(vd)
    i_ca = 10 * s**2 * (vd - 80)
    dvs = -0.1 * (vs + 60) - 30 * m**2 * h * (vs - 60) - 15 * n * (vs + 75)
    dvs += gc / p * (vd - vs) + drive / p
    dvd = -0.1 * (vd + 60) - i_ca - 0.8 * q * (vd + 75) - 15 * c * min(ca / 250, 1) * (vd + 75)
    dvd += gc / (1 - p) * (vs - vd)
    rate_q = (min(2e-5 * ca, 0.01), 0.001)
    gates = [a * (1 - x) - b * x
             for x, (a, b) in zip((h, n, s, c, q), (rate_h, rate_n, rate_s, rate_c, rate_q),
                                  strict=True)]  # fmt: skip
    return [dvs / 3, dvd / 3, *gates, -0.13 * i_ca - 0.075 * ca]


@pytest.mark.parametrize(("drive", "p"), [(0.75, 0.5), (2.5, 0.5), (1.5, 0.3)])
def test_pinsky_rinzel_agrees_with_its_equations_written_by_hand(drive, p):
    v, ca = -64.6, 0.2
    rates = (*_pinsky_rinzel_rates(v)[1:], (2e-5 * ca, 0.001))
    start = [v, v, *(a / (a + b) for a, b in rates), ca]
    expected = _crossings(lambda t, y: _pinsky_rinzel(t, y, drive, p), start, 200.0, -20.0)
    expected = expected[np.append(True, np.diff(expected) > 2.0)]
    e = make_model("PinskyRinzel").equations("excitatory")
    # drive uA/cm2 over 6000 um2, nA
    spikes = solve(e, 0.06 * drive, 0.0, 200.0, 200.0, rtol=1e-9, overrides={"pp": p}).spikes
    assert len(spikes) >= 3
    np.testing.assert_allclose(spikes, expected, atol=2e-4)  # ms; bursts amplify tolerances


def test_pinsky_rinzel_bursts_at_low_and_fires_tonically_at_high_drive():
    e = make_model("PinskyRinzel").equations("excitatory")
    low = np.diff(solve(e, 0.045, 0.0, 1000.0, 1000.0, rtol=1e-6).spikes)  # 0.75 uA/cm2
    high = np.diff(solve(e, 0.3, 0.0, 500.0, 500.0, rtol=1e-6).spikes[5:])  # 5 uA/cm2
    assert low.min() < 6 < 80 < low.max()
    assert high.max() < 1.5 * high.min()
