"""Population spike density and the smoother beneath it."""

from math import isnan

import numpy as np
import pytest
from scipy.special import gamma

from livn.decoding import PopulationSpikeDensity, baks
from livn.decoding.density import binned_baks
from livn.errors import InvalidValue, UnknownName

from .conftest import poisson, spiking


def test_bandwidth_of_one_spike_is_that_of_the_paper():
    alpha, beta, times = 4.0, 2.0, np.array([0.0, 0.3])
    rate, bandwidth = baks([0.0], times, alpha, beta)
    expected = gamma(alpha) / gamma(alpha + 0.5) * np.sqrt(times**2 / 2 + 1 / beta)
    assert bandwidth == pytest.approx(expected)
    gaussian = np.exp(-(times**2) / (2 * expected**2)) / (np.sqrt(2 * np.pi) * expected)
    assert rate == pytest.approx(gaussian)


def test_rate_of_poisson_spikes_is_their_rate():
    trains = poisson(1, 50, 20_000.0)
    rate, _ = baks(trains.times / 1000, np.linspace(1, 19, 500))
    assert rate.mean() == pytest.approx(50, rel=0.05)


def test_no_spikes_have_no_rate():
    rate, bandwidth = baks([], [0.1, 0.2])
    assert rate.tolist() == [0, 0]
    assert np.isnan(bandwidth).all()
    assert binned_baks([0, 0], 0.002).tolist() == [0, 0]


@pytest.mark.parametrize(("alpha", "beta"), [(0, None), (4, -1.0), (float("nan"), 1.0)])
def test_prior_out_of_range_is_refused(alpha, beta):
    with pytest.raises(InvalidValue, match="baks prior is not valid: got alpha="):
        baks([1.0], [1.0], alpha, beta)


@pytest.mark.parametrize("kind", ["even", "bursts", "few"])
def test_density_of_bins_is_that_of_the_spikes(kind):
    step, n = 0.002, 5000
    rng = np.random.default_rng(0)
    if kind == "even":
        counts = rng.poisson(0.5, n)
    elif kind == "few":
        counts = np.bincount([100, 2000, 2100], minlength=n)
    else:
        counts = np.zeros(n, int)
        for start in (500, 2500, 4500):
            counts[start : start + 50] = rng.poisson(10, 50)
    middles = (np.arange(n) + 0.5) * step
    exact, _ = baks(np.repeat(middles, counts), middles)
    found = binned_baks(counts, step)
    # 0.2 % by interpolation between widths; of the far tails only what matters in sum.
    assert found == pytest.approx(exact, rel=0.005, abs=1e-3 * exact.max())


def test_activity_of_each_population(pair):
    run = spiking({0: [1.0, 501.0], 1: [1.5], 8: [700.0]}, 1000.0)
    found = PopulationSpikeDensity(duration=1)(run, pair)
    assert found["n_total"] == {"EXC": 8, "INH": 2}
    assert found["n_active"] == {"EXC": 2, "INH": 1}
    assert found["mean_rate"] == {"EXC": 1.5, "INH": 1.0}
    assert found["fraction_active"] == {"EXC": 0.25, "INH": 0.5}
    assert found["mean_fraction_active_per_bin"]["EXC"] == pytest.approx((2 + 1) / 8 / 500)
    share = np.bincount([0, 0, 250], minlength=500) / 8
    assert found["std_fraction_active_per_bin"]["EXC"] == pytest.approx(share.std())
    assert found["density_hz"]["EXC"].shape == found["times_ms"].shape == (500,)


def test_threshold_may_differ_by_population(pair):
    run = spiking({0: [1.0, 501.0], 1: [1.5], 8: [700.0]}, 1000.0)
    each = PopulationSpikeDensity(duration=1, active_threshold={"EXC": 1.5, "INH": 2.0})
    found = each(run, pair)
    assert found["n_active"] == {"EXC": 1, "INH": 0}
    assert isnan(found["mean_rate"]["INH"])
    wrong = PopulationSpikeDensity(duration=1, active_threshold={"EXC": 1.5, "INK": 2.0})
    with pytest.raises(UnknownName, match="population of active_thresholds: got 'INH'.*'INK'"):
        wrong(run, pair)


def test_density_integrates_to_the_spikes_and_varies_with_the_rate(pair):
    rng = np.random.default_rng(0)
    even = {g: rng.random(100) * 10_000 for g in range(8)}
    steady = PopulationSpikeDensity(duration=1)(spiking(even, 10_000.0), pair)
    assert steady["density_hz"]["EXC"].mean() == pytest.approx(10, rel=0.02)
    assert steady["rate_cv"]["EXC"] < 0.5
    uneven = {g: rng.random(100) * 1000 for g in range(8)}
    changing = PopulationSpikeDensity(duration=1)(spiking(uneven, 10_000.0), pair)
    assert changing["density_hz"]["EXC"].mean() == pytest.approx(10, rel=0.05)
    assert changing["rate_cv"]["EXC"] > 2.5
    assert isnan(changing["rate_cv"]["INH"])
