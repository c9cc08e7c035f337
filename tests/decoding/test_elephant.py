"""The same numbers as elephant where elephant has the measure."""

import numpy as np
import pytest

from livn.decoding import (
    ISICV,
    LFP,
    ISIStatistics,
    MeanFiringRate,
    PairwiseChannelCorrelation,
    PeriStimulusHistogram,
    PerUnitFiringRate,
    PopulationRateMetrics,
    SpikeTimeTiling,
)
from livn.decoding.lfp import BANDS, low_pass
from livn.decoding.synchrony import tiled_share
from livn.env import Env
from livn.io import MEA
from livn.run import Run

from .conftest import poisson, spiking

pytest.importorskip("elephant")

import neo
import quantities as pq
from elephant import signal_processing, spectral, spike_train_correlation, statistics
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
    assert found["unit_mean_isi_ms"] == pytest.approx([i.magnitude.mean() for i in intervals])
    assert found["unit_isi_cv"] == pytest.approx([float(statistics.cv(i)) for i in intervals])
    assert found["unit_cv2"] == pytest.approx([statistics.cv2(i) for i in intervals])
    assert found["unit_lv"] == pytest.approx([statistics.lv(i) for i in intervals])
    assert ISICV(duration=1)(run, pair)["isi_cv"] == pytest.approx(
        np.mean([float(statistics.cv(i)) for i in intervals])
    )


def test_mean_rate(run, theirs, pair):
    rates = [statistics.mean_firing_rate(t).rescale("Hz").item() for t in theirs] + [0, 0]
    assert MeanFiringRate(duration=1)(run, pair)["rate_hz"] == pytest.approx(np.mean(rates))
    found = PerUnitFiringRate(duration=1)(run, pair)["per_unit_rates_hz"]
    assert [found[gid] for gid in range(10)] == pytest.approx(rates)


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


@pytest.fixture(scope="module")
def potential():
    """Two electrodes over three cells, 10 s of noise in every compartment, and their potential."""
    env = Env(3, model="LIF", io=MEA([[0, 0.0, 0, 10], [1, 100, 0, 10]]), backend="native")
    gids = env.recording_coordinates()[:, 0].astype(int)
    noise = np.cumsum(np.random.default_rng(3).normal(size=(len(gids), 20_000)), axis=1) * 1e-4
    run = Run(duration=10_000.0).add_current(gids, noise.astype(np.float32), dt=0.5)
    volts = env.potential_recording(run.current, run.current_ids)
    return env, run, neo.AnalogSignal(volts.T, units="uV", sampling_rate=2 * pq.kHz)


@pytest.mark.parametrize(("nperseg", "noverlap"), [(2048, None), (1000, 250)])
def test_spectrum_of_the_potential(potential, nperseg, noverlap):
    env, run, signal = potential
    settings = {"downsample_hz": 2000, "nperseg": nperseg, "noverlap": noverlap}
    found = LFP(duration=1, compute_band_power=True, slope_band=(5, 100), **settings)(run, env)
    mean = neo.AnalogSignal(signal.mean(axis=1), sampling_rate=signal.sampling_rate)
    overlap = 0.5 if noverlap is None else noverlap / nperseg
    f, power = spectral.welch_psd(mean, len_segment=nperseg, overlap=overlap)
    f, power = f.rescale("Hz").magnitude, power.magnitude.ravel()
    for name, (low, high) in BANDS.items():
        inside = (f >= low) & (f <= high)
        assert found[name] == pytest.approx(np.trapezoid(power[inside], f[inside]), rel=1e-6)
    assert found["broadband"] == pytest.approx(np.trapezoid(power, f), rel=1e-6)
    inside = (f >= 5) & (f <= 100)
    slope = np.polyfit(np.log10(f[inside]), np.log10(power[inside]), 1)[0]
    assert found["spectral_slope"] == pytest.approx(slope, rel=1e-6)


def test_low_pass_of_the_potential(potential):
    env, run, signal = potential
    theirs = signal_processing.butter(signal, lowpass_frequency=100 * pq.Hz, order=4)
    ours = low_pass(signal.magnitude.T, 2000.0, 100.0, order=4)
    # ends are padded by other lengths, which is forgotten within 0.1 s
    inside = slice(200, -200)
    assert ours[:, inside] == pytest.approx(theirs.magnitude.T[:, inside], rel=1e-6, abs=1e-6)
    found = LFP(duration=1, downsample_hz=1000, lowpass_hz=100.0)(run, env)
    assert found["lfp"] == pytest.approx(ours[:, ::2], rel=1e-5, abs=1e-3)  # float32


def test_spread_of_counts_over_trials_is_that_of_poisson_spikes():
    trains = poisson(200, 8, 10_000.0)
    counts = [neo.SpikeTrain(t, units="ms", t_stop=10_000.0) for t in _split(trains)]
    assert statistics.fanofactor(counts) == pytest.approx(np.var(trains.counts) / 80, rel=0.05)
    assert tiled_share(trains, 5.0).mean() == pytest.approx(1 - np.exp(-8 * 0.01), abs=0.002)


def _split(trains):
    index, times = trains.by_unit
    return [np.sort(times[index == unit]) for unit in range(trains.n_units)]
