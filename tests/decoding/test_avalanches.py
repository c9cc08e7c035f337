"""Avalanches, branching ratios and power laws against what was put in."""

from itertools import pairwise
from math import isnan

import numpy as np
import pytest
from scipy.special import zeta

from livn.decoding import AvalancheAnalysis, fit_power_law, multistep_regression
from livn.decoding.avalanches import activity, avalanches, branching_ratio, histogram_exponent
from livn.decoding.powerlaw import sample_power_law

from .conftest import poisson, spiking, trains_of


def branching_process(m, n, mean=500.0, seed=0):
    """Activity in which each spike causes m others in the next bin, and some come from outside."""
    rng, counts, now = np.random.default_rng(seed), np.empty(n, int), int(mean)
    for k in range(n):
        now = rng.poisson(m * now + (1 - m) * mean)
        counts[k] = now
    return counts


def test_avalanches_are_runs_of_bins_with_spikes():
    times = np.array([10.0, 11, 15, 30, 34.0])  # bins of 4 ms from 10: 2, 1, 0, 0, 0, 1, 1
    counts = activity(times, 4.0)
    assert counts.tolist() == [2, 1, 0, 0, 0, 1, 1]
    sizes, durations = avalanches(counts)
    assert (sizes.tolist(), durations.tolist()) == ([3, 2], [2, 2])
    assert branching_ratio(counts) == (0.5 + 0 + 1 + 0) / 4


def test_avalanche_analysis_of_a_hand_made_run(pair):
    found = AvalancheAnalysis(duration=1)(spiking({0: [10, 15, 30.0], 5: [11, 34.0]}, 50.0), pair)
    assert found["n_avalanches"] == 2
    assert (found["mean_size"], found["mean_duration"]) == (2.5, 2.0)
    assert found["branching_ratio"] == 0.375
    assert found["size_power_law_exponent"] == 0
    assert isnan(found["size_exponent"])
    assert isnan(found["branching_ratio_mr"])


def test_no_spikes_give_zeros_and_what_cannot_be_told_is_nan(pair):
    found = AvalancheAnalysis(duration=1)(spiking({}, 50.0), pair)
    zeros = ["n_avalanches", "mean_size", "mean_duration", "branching_ratio"]
    zeros += ["size_power_law_exponent", "size_power_law_r2", "size_n_tail", "duration_xmin"]
    assert [found[k] for k in zeros] == [0] * len(zeros)
    unknown = ["branching_ratio_mr", "autocorrelation_time_ms", "size_exponent", "duration_p"]
    assert all(isnan(found[k]) for k in unknown)


@pytest.mark.parametrize("m", [0.8, 0.95, 0.99])
@pytest.mark.parametrize("seen", [1.0, 0.1, 0.02])
def test_multistep_regression_finds_m_however_few_cells_are_seen(m, seen):
    counts = branching_process(m, 40_000)
    part = np.random.default_rng(1).binomial(counts, seen)
    # The spread of the estimate is that of the autocorrelation time, larger for fewer spikes.
    assert multistep_regression(part, 150) == pytest.approx(m, abs=0.15 * (1 - m) / seen**0.25)


def test_classical_ratio_goes_wrong_where_few_cells_are_seen():
    counts = branching_process(0.98, 20_000, mean=50.0)
    part = np.random.default_rng(1).binomial(counts, 0.01)
    assert branching_ratio(part) < 0.6
    assert multistep_regression(part, 150) == pytest.approx(0.98, abs=0.02)


def test_branching_ratio_of_separate_avalanches_is_m():
    rng, generations = np.random.default_rng(0), []
    for _ in range(4000):
        now = 20
        while now:
            generations.append(now)
            now = rng.poisson(0.7 * now)
        generations.append(0)
    assert branching_ratio(np.array(generations)) == pytest.approx(0.7, abs=0.01)


def test_activity_without_memory_has_no_branching_ratio_to_be_seen():
    found = [
        multistep_regression(np.random.default_rng(seed).poisson(5, 15_000), 150)
        for seed in range(20)
    ]
    assert all(isnan(m) or m < 0.3 for m in found)
    assert sum(map(isnan, found)) >= 18


@pytest.mark.parametrize("counts", [[], [3], [2] * 100, [0] * 100, [1, 0, 2]])
def test_regression_of_what_does_not_vary_or_is_short_is_nan(counts):
    assert isnan(multistep_regression(counts, 150))


def test_avalanche_analysis_sees_the_memory_of_the_culture():
    counts = branching_process(0.9, 15_000, mean=20.0)
    times = np.repeat(np.arange(len(counts)) * 4.0, counts)
    found = AvalancheAnalysis(duration=1, n_samples=0).measure(trains_of({0: times}, 60_000.0))
    assert found["branching_ratio_mr"] == pytest.approx(0.9, abs=0.02)
    assert found["autocorrelation_time_ms"] == pytest.approx(-4 / np.log(0.9), rel=0.2)
    assert found["branching_ratio"] == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize(("exponent", "first"), [(1.5, 1), (2.0, 1), (2.5, 5), (3.0, 1)])
def test_power_law_samples_have_their_exponent(exponent, first):
    values = sample_power_law(exponent, first, 5000, seed=1)
    fit = fit_power_law(values, n_samples=50)
    error = (exponent - 1) / np.sqrt(fit.n_tail)  # Clauset et al. 2009, eq. 3.2
    assert fit.exponent == pytest.approx(exponent, abs=4 * error)
    assert fit.p_value > 0.1
    assert fit.against_exponential > 0
    assert fit.against_exponential_p < 1e-3


def test_power_law_starts_where_the_data_follow_it():
    rng = np.random.default_rng(2)
    tail = sample_power_law(2.5, 10, 4000, seed=3)
    fit = fit_power_law(np.concatenate([rng.integers(1, 10, 4000), tail]))
    assert 10 <= fit.first <= 20
    assert fit.exponent == pytest.approx(2.5, abs=0.15)
    assert isnan(fit.p_value)


def test_exponential_sizes_are_no_power_law():
    values = np.random.default_rng(0).geometric(0.1, 5000)
    fit = fit_power_law(values, n_samples=20)
    assert fit.n_tail < 0.1 * len(values)  # only a far tail may pass
    whole = fit_power_law(np.concatenate([values, sample_power_law(2.0, 1, 50)]))
    assert whole.n_tail < 0.2 * len(values)


def test_samples_follow_the_law_within_and_beyond_the_table():
    values = sample_power_law(1.5, 1, 200_000)
    for x in (1, 10, 1000, 1999, 2001, 20_000, 1_000_000):
        share = float(zeta(1.5, x) / zeta(1.5, 1))
        error = np.sqrt(share * (1 - share) / 200_000)
        assert np.mean(values >= x) == pytest.approx(share, abs=4 * error + 1e-12)


@pytest.mark.parametrize("values", [[], [1], [1] * 200, list(range(1, 50))])
def test_too_few_or_equal_values_have_no_exponent(values):
    fit = fit_power_law(values, n_samples=10)
    assert isnan(fit.exponent)
    assert isnan(fit.p_value)
    assert fit.n_tail == len(values)


def test_line_through_a_histogram_is_that_of_the_definition():
    sizes = np.repeat([1, 2, 4, 8, 16], [160, 80, 40, 20, 10])
    edges = np.logspace(0, np.log10(16), 20)
    edges[-1] = 16
    counts = np.array([np.sum((sizes >= a) & (sizes < b)) for a, b in pairwise(edges)])
    counts[-1] += 10
    filled = counts > 0
    x = np.log10(((edges[:-1] + edges[1:]) / 2)[filled])
    y = np.log10(counts[filled] / counts.sum())
    slope, r2 = histogram_exponent(sizes)
    assert slope == pytest.approx(-np.polyfit(x, y, 1)[0])
    assert r2 == pytest.approx(np.corrcoef(x, y)[0, 1] ** 2)
    assert histogram_exponent(sizes[:10]) == (0.0, 0.0)
    assert histogram_exponent(np.ones(100, int)) == (0.0, 0.0)


def test_answers_are_the_same_for_the_same_seed():
    trains = poisson(5, 20, 30_000.0)
    first, second = (AvalancheAnalysis(duration=1, seed=3).measure(trains) for _ in range(2))
    assert repr(first) == repr(second)


def test_regression_over_many_lags_takes_some_of_them():
    counts = branching_process(0.95, 20_000)
    few, many = multistep_regression(counts, 150), multistep_regression(counts, 3000)
    assert many == pytest.approx(few, abs=0.01)
