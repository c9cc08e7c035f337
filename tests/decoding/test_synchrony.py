"""Synchrony against closed forms."""

from math import isnan

import numpy as np
import pytest

from livn.decoding import PairwiseChannelCorrelation, PeakSynchrony, SpikeTimeTiling
from livn.decoding.synchrony import sample_pairs, spike_time_tiling, tiled_share

from .conftest import poisson, spiking, trains_of


def test_identical_trains_tile_to_one_and_independent_ones_to_zero():
    times = np.arange(50.0, 5000, 333.0)
    same = SpikeTimeTiling(duration=1, window=5).measure(trains_of({0: times, 1: times}, 5000.0))
    assert same["mean_sttc"] == 1.0
    found = SpikeTimeTiling(duration=1, window=20).measure(poisson(60, 5, 100_000.0))
    assert found["mean_sttc"] == pytest.approx(0, abs=0.005)
    assert found["n_pairs"] == 1000  # of 1770


def test_tiling_coefficient_of_a_hand_made_pair():
    trains = trains_of({0: [10.0, 50.0], 1: [12.0, 90.0]}, 100.0)
    share = 20 / 100  # two spikes, 5 ms to either side
    near = 0.5
    expected = (near - share) / (1 - near * share)
    found = SpikeTimeTiling(duration=1, window=5).measure(trains)
    assert found["sttc"] == pytest.approx([expected])
    assert found["pairs"].tolist() == [[0, 1]]


def test_spikes_exactly_a_window_apart_are_together():
    trains = trains_of({0: [10.0], 1: [15.1]}, 100.0)
    assert spike_time_tiling(trains, np.array([[0, 1]]), 5.1)[0] > 0
    assert spike_time_tiling(trains, np.array([[0, 1]]), 5.0)[0] < 0


def test_tiled_time_stops_at_the_ends_of_the_run_and_counts_overlap_once():
    trains = trains_of({0: [2.0, 98.0], 1: [50.0, 53.0], 2: []}, 100.0, 3)
    assert tiled_share(trains, 5.0) == pytest.approx([0.14, 0.13, 0.0])


def test_window_that_covers_everything_gives_one():
    trains = trains_of({0: [10.0], 1: [90.0]}, 100.0)
    assert SpikeTimeTiling(duration=1, window=100).measure(trains)["mean_sttc"] == 1.0


def test_silent_cells_have_no_tiling_coefficient(pair):
    found = SpikeTimeTiling(duration=1)(spiking({3: [1.0]}, 10.0), pair)
    assert found["n_pairs"] == 0
    assert isnan(found["mean_sttc"])
    assert found["pairs"].shape == (0, 2)


def test_common_input_correlates_as_much_as_it_is_shared():
    rng = np.random.default_rng(0)
    share, trains = 0.5, {}
    common = rng.random(20_000) * 1e6
    for unit in range(4):  # each spike is common with probability one half
        own = rng.random(10_000) * 1e6
        trains[unit] = np.sort(np.concatenate([common[rng.random(20_000) < share], own]))
    # Thinned by one half twice, the common spikes are a quarter of 20,000: 5000 / 20,000.
    found = PairwiseChannelCorrelation(duration=1).measure(trains_of(trains, 1e6))
    assert found["correlations"] == pytest.approx(np.full(6, 0.25), abs=0.02)
    assert found["mean_pairwise_correlation"] == pytest.approx(0.25, abs=0.01)


def test_units_that_do_not_vary_are_in_no_pair(pair):
    run = spiking({0: [1, 21.0], 1: [1.0], 2: [22.0]}, 40.0)
    found = PairwiseChannelCorrelation(duration=1, units="cells")(run, pair)
    assert found["pairs"].tolist() == [[1, 2]]
    assert found["mean_pairwise_correlation"] == -1.0
    alone = PairwiseChannelCorrelation(duration=1, units="cells", min_units=3)(run, pair)
    assert isnan(alone["mean_pairwise_correlation"])
    assert alone["n_pairs"] == 0


def test_channels_that_share_cells_correlate(ei2):
    trains = poisson(100, 5, 20_000.0)
    run = spiking({}, 20_000.0).add_spikes(trains.index, trains.times)
    heard = PairwiseChannelCorrelation(duration=1)(run, ei2)
    cells = PairwiseChannelCorrelation(duration=1, units="cells")(run, ei2)
    assert heard["pairs"].max() < 16
    assert cells["mean_pairwise_correlation"] == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("window", [3.0, 40.0])
def test_tiling_coefficient_equals_its_definition_spike_by_spike(window):
    trains = poisson(5, 10, 5000.0, seed=2)
    index, times = trains.by_unit
    own = [times[index == unit] for unit in range(5)]
    tiled = []
    for t in own:
        edges = np.clip(np.column_stack([t - window, t + window]), 0, 5000)
        covered, end = 0.0, 0.0
        for low, high in edges:
            covered += max(0.0, high - max(low, end))
            end = max(end, high)
        tiled.append(covered / 5000)
    pairs = np.array([[i, j] for i in range(5) for j in range(i + 1, 5)])
    expected = []
    for i, j in pairs:
        p = [
            np.mean([np.min(np.abs(own[b] - t)) <= window for t in own[a]])
            for a, b in ((i, j), (j, i))
        ]
        a, b = (p[0] - tiled[j]) / (1 - p[0] * tiled[j]), (p[1] - tiled[i]) / (1 - p[1] * tiled[i])
        expected.append((a + b) / 2)
    assert spike_time_tiling(trains, pairs, window) == pytest.approx(expected)


@pytest.mark.parametrize("n", [2, 3, 50, 10_000])
def test_sampled_pairs_are_distinct_and_ordered(n):
    pairs = sample_pairs(n, 500, seed=3)
    assert len(pairs) == min(500, n * (n - 1) // 2)
    assert len(np.unique(pairs, axis=0)) == len(pairs)
    assert np.all((pairs[:, 0] >= 0) & (pairs[:, 0] < pairs[:, 1]) & (pairs[:, 1] < n))
    assert np.array_equal(pairs, sample_pairs(n, 500, seed=3))


def test_sampled_pairs_reach_the_last_and_follow_the_seed():
    several = np.concatenate([sample_pairs(12, 65, seed) for seed in range(20)])
    assert len(np.unique(several, axis=0)) == 66
    assert not np.array_equal(sample_pairs(100, 10, 0), sample_pairs(100, 10, 1))


def test_peak_synchrony_is_the_fullest_bin_over_active_cells(pair):
    run = spiking({0: [10.1, 50.0], 1: [10.9], 2: [11.9]}, 100.0)
    found = PeakSynchrony(duration=1)(run, pair)
    assert found == {
        "max_synchronous_peak": 1.0,
        "max_bin_count": 3,
        "n_active_units": 3,
    }
    assert isnan(PeakSynchrony(duration=1)(spiking({}, 100.0), pair)["max_synchronous_peak"])
