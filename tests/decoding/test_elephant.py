"""The same numbers as elephant where elephant has the measure."""

import numpy as np
import pytest

from livn.decoding import (
    ISICV,
    ISIStatistics,
    MeanFiringRate,
    PairwiseChannelCorrelation,
    PeriStimulusHistogram,
    PopulationRateMetrics,
    SpikeTimeTiling,
)
from livn.decoding.synchrony import tiled_share

from .conftest import poisson, spiking

pytest.importorskip("elephant")

import neo
import quantities as pq
from elephant import spike_train_correlation, statistics
from elephant.conversion import BinnedSpikeTrain

DURATION = 20_000.0  # ms
# quantities announces a change of its own arguments to whoever uses neo.
pytestmark = pytest.mark.filterwarnings("ignore:The 'copy' argument in Quantity")
ALL_PAIRS = 100  # more than 8 units have


@pytest.fixture(scope="module")
def trains():
    """Eight trains of 7 to 25 Hz that share 5 Hz, on a grid of 1 ms.

    elephant 1.2 compares times with the relative tolerance of numpy.isclose, 0.2 ms at 20 s; with
    whole times and windows of half a millisecond more that changes nothing.
    """
    rng = np.random.default_rng(4)
    common = rng.random(100) * DURATION
    own = [rng.random(int(n)) * DURATION for n in np.linspace(40, 400, 8)]
    jittered = [np.clip(common + rng.normal(0, 3, 100), 0, DURATION - 1) for _ in own]
    return [np.unique(np.rint(np.concatenate(both))) for both in zip(own, jittered, strict=True)]


@pytest.fixture(scope="module")
def theirs(trains):
    return [neo.SpikeTrain(t, units="ms", t_stop=DURATION) for t in trains]


@pytest.fixture
def run(trains):
    return spiking(dict(enumerate(trains)), DURATION)


def test_interval_statistics(run, theirs, pair):
    found = ISIStatistics(duration=1)(run, pair)
    intervals = [statistics.isi(t) for t in theirs]
    assert found["unit_isi_cv"] == pytest.approx([float(statistics.cv(i)) for i in intervals])
    assert found["unit_cv2"] == pytest.approx([statistics.cv2(i) for i in intervals])
    assert found["unit_lv"] == pytest.approx([statistics.lv(i) for i in intervals])
    assert ISICV(duration=1)(run, pair)["isi_cv"] == pytest.approx(
        np.mean([float(statistics.cv(i)) for i in intervals])
    )


def test_mean_rate(run, theirs, pair):
    rates = [statistics.mean_firing_rate(t).rescale("Hz").item() for t in theirs] + [0, 0]
    assert MeanFiringRate(duration=1)(run, pair)["rate_hz"] == pytest.approx(np.mean(rates))


@pytest.mark.parametrize("window", [5.5, 50.5, 100.5])
def test_spike_time_tiling(run, theirs, pair, window):
    found = SpikeTimeTiling(duration=1, window=window, max_pairs=ALL_PAIRS)(run, pair)
    assert found["n_pairs"] == 28
    for (i, j), value in zip(found["pairs"], found["sttc"], strict=True):
        expected = spike_train_correlation.spike_time_tiling_coefficient(
            theirs[i], theirs[j], dt=window * pq.ms
        )
        assert value == pytest.approx(expected, abs=1e-9)


def test_correlation_of_counts(run, theirs, pair):
    decoding = PairwiseChannelCorrelation(duration=1, units="cells", max_pairs=ALL_PAIRS)
    found = decoding(run, pair)
    matrix = spike_train_correlation.correlation_coefficient(
        BinnedSpikeTrain(theirs, bin_size=20 * pq.ms)
    )
    expected = [matrix[i, j] for i, j in found["pairs"]]
    assert found["correlations"] == pytest.approx(expected)


def test_histogram_and_fano_factor(run, theirs, trains, pair):
    histogram = statistics.time_histogram(theirs, bin_size=100 * pq.ms).magnitude.ravel()
    found = PopulationRateMetrics(duration=1)(run, pair)
    assert found["mean_count"] == histogram.mean()
    assert found["fano_factor"] == pytest.approx(histogram.var() / histogram.mean())
    onsets = [2000.25, 9000.25, 15_000.25]  # off the grid: elephant cuts include both ends
    decoding = PeriStimulusHistogram(duration=1, onsets=onsets, pre_ms=500, post_ms=500)
    counts = decoding(run, pair)["counts"]["EXC"]
    for onset, row in zip(onsets, counts, strict=True):
        cut = [t.time_slice((onset - 500) * pq.ms, (onset + 500) * pq.ms) for t in theirs]
        expected = statistics.time_histogram(cut, bin_size=5 * pq.ms).magnitude.ravel()
        assert row.tolist() == expected.tolist()


def test_spread_of_counts_over_trials_is_that_of_poisson_spikes():
    trains = poisson(200, 8, 10_000.0)
    counts = [neo.SpikeTrain(t, units="ms", t_stop=10_000.0) for t in _split(trains)]
    assert statistics.fanofactor(counts) == pytest.approx(np.var(trains.counts) / 80, rel=0.05)
    assert tiled_share(trains, 5.0).mean() == pytest.approx(1 - np.exp(-8 * 0.01), abs=0.002)


def _split(trains):
    index, times = trains.by_unit
    return [np.sort(times[index == unit]) for unit in range(trains.n_units)]
