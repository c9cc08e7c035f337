"""Rates over all simulated cells, per cell, per population and over time."""

from math import isnan

import numpy as np
import pytest

from livn.decoding import (
    ActiveFraction,
    MeanFiringRate,
    PerUnitFiringRate,
    PopulationActiveFraction,
    PopulationAutocorrTau,
    PopulationFiringRates,
    PopulationRateMetrics,
    Stability,
)
from livn.decoding.rates import autocorrelation
from livn.run import Run

from .conftest import poisson, spiking


def test_mean_rate_counts_silent_cells(pair):
    found = MeanFiringRate(duration=10)(spiking({0: [1, 2, 3], 9: [4.0]}, 2000.0), pair)
    assert found == {"rate_hz": 0.2, "total_spikes": 4, "n_units": 10, "duration_s": 2.0}


def test_active_fraction_counts_cells_with_too_few_spikes_as_silent(pair):
    run = spiking({0: [1, 2, 3], 1: [1.0, 2.0], 9: [4.0]}, 100.0)
    found = ActiveFraction(duration=10, min_spikes=2)(run, pair)
    assert found == {
        "active_fraction": 0.2,
        "active_units": 2,
        "total_units": 10,
        "silent_units": 8,
    }


def test_rate_of_each_cell_and_population(pair):
    run = spiking({0: [1, 2, 3], 9: [4.0]}, 500.0)
    found = PerUnitFiringRate(duration=10)(run, pair)
    assert found["per_unit_rates_hz"] == {0: 6.0, 9: 2.0} | dict.fromkeys(range(1, 9), 0.0)
    assert (found["max_rate_hz"], found["min_rate_hz"], found["mean_rate_hz"]) == (6.0, 0.0, 0.8)
    assert found["rate_cv"] == pytest.approx(np.std([6, 2] + [0] * 8) / 0.8)
    assert PopulationFiringRates(duration=10)(run, pair) == {"rates_hz": {"EXC": 0.75, "INH": 1.0}}


def test_stability_judges_the_rate_per_cell(pair):
    quiet = Stability(duration=10)(spiking({}, 2000.0), pair)
    assert quiet["is_quiescent"]
    assert not quiet["is_stable"]
    steady = {gid: np.arange(5.0, 2000, 200) for gid in range(10)}  # 5 Hz
    found = Stability(duration=10)(spiking(steady, 2000.0), pair)
    assert found == {
        "is_stable": True,
        "is_runaway": False,
        "is_quiescent": False,
        "has_nan": False,
        "tail_mean_hz": 5.0,
        "global_mean_hz": 5.0,
        "max_rate_hz": 20.0,
        "min_rate_hz": 0.05,
    }
    late = {gid: np.arange(1000.0, 2000, 40) for gid in range(10)}  # 25 Hz in the tail
    found = Stability(duration=10)(spiking(late, 2000.0), pair)
    assert (found["tail_mean_hz"], found["global_mean_hz"]) == (25.0, 12.5)
    assert found["is_runaway"]
    assert not Stability(duration=10, tail_window=2000)(spiking(late, 2000.0), pair)["is_runaway"]


def test_stability_of_a_run_shorter_than_a_bin_is_over_its_own_length(pair):
    found = Stability(duration=10)(spiking({0: [1.0], 1: [2.0]}, 50.0), pair)
    assert found["global_mean_hz"] == found["tail_mean_hz"] == 2 / (10 * 0.05)


def test_stability_sees_voltages_that_are_no_numbers(pair):
    run = spiking({0: [0.2]}, 1.0).add_voltage([0], [[-70.0, np.nan]], dt=0.5)
    found = Stability(duration=1)(run, pair)
    assert found["has_nan"]
    assert not found["is_stable"]


def test_active_share_of_each_population_per_bin(pair):
    run = spiking({0: [1, 2, 60.0], 1: [70.0], 8: [3.0], 9: [4.0]}, 100.0)
    found = PopulationActiveFraction(duration=10)(run, pair)
    assert found["mean_active_fraction"] == {"EXC": (1 / 8 + 2 / 8) / 2, "INH": 0.5}
    assert found["std_active_fraction"] == {"EXC": 1 / 16, "INH": 0.5}
    assert found["n_bins"] == 2


def test_fano_factor_of_poisson_spikes_is_one():
    found = PopulationRateMetrics(duration=1).measure(poisson(20, 5, 200_000.0))
    assert found["fano_factor"] == pytest.approx(1, abs=0.1)  # sd of a variance: sqrt(2 / 2000)
    assert found["coefficient_of_variation"] == pytest.approx(1 / np.sqrt(10), rel=0.05)
    assert found["n_bins"] == 2000


def test_run_shorter_than_two_bins_is_halved(pair):
    found = PopulationRateMetrics(duration=1)(spiking({0: [1.0, 70.0, 80.0]}, 120.0), pair)
    assert (found["n_bins"], found["bin_size"], found["mean_count"]) == (2, 60.0, 1.5)
    empty = PopulationRateMetrics(duration=1)(spiking({}, 120.0), pair)
    assert isnan(empty["fano_factor"])
    assert isnan(empty["coefficient_of_variation"])


def test_autocorrelation_time_of_a_memory_that_decays():
    rng, counts = np.random.default_rng(0), np.zeros(60_000, int)
    for k in range(1, len(counts)):  # a branching process, autocorrelation 0.8^k
        counts[k] = rng.poisson(0.8 * counts[k - 1] + 2)
    times = np.repeat(np.arange(len(counts)) * 10.0, counts)
    run = poisson(1, 0, 600_000.0)
    run = type(run)(run.units, np.zeros(len(times), int), times, 600_000.0)
    found = PopulationAutocorrTau(duration=1).measure(run)
    assert found["pop_autocorr_tau"] == pytest.approx(10 * (1 + 2 * 0.8 / 0.2), rel=0.15)
    assert autocorrelation(counts)[:3] == pytest.approx([1, 0.8, 0.64], abs=0.02)


def test_autocorrelation_time_needs_bins_and_variation(pair):
    short = PopulationAutocorrTau(duration=1)(spiking({0: [1.0]}, 80.0), pair)
    assert isnan(short["pop_autocorr_tau"])
    assert isnan(PopulationAutocorrTau(duration=1)(spiking({}, 500.0), pair)["pop_autocorr_tau"])
    white = PopulationAutocorrTau(duration=1).measure(poisson(20, 10, 60_000.0))
    assert 10 <= white["pop_autocorr_tau"] < 15


def test_rate_through_a_real_culture():
    from livn import make

    env = make("EI1")
    found = env(MeanFiringRate(duration=100))
    run = env.clear().run(100)
    assert isinstance(run, Run)
    assert found["total_spikes"] == len(run.spike_times)
    assert found["n_units"] == 10
