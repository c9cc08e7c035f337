"""LFP: filter, sampling and spectra against closed forms."""

from math import isnan

import numpy as np
import pytest
from scipy.signal import butter, filtfilt, welch

from livn.decoding import LFP
from livn.decoding.lfp import band_power, low_pass, spectral_slope
from livn.env import Env
from livn.errors import InvalidState, InvalidValue
from livn.io import MEA
from livn.run import Run

DT = 0.5  # ms


@pytest.fixture(scope="module")
def three():
    """Three unconnected point cells under three electrodes."""
    electrodes = [[7, 0.0, 0, 10], [8, 100, 0, 10], [9, 200, 0, 10]]
    return Env(3, model="LIF", io=MEA(electrodes), backend="native")


def currents(env, signal):
    """A run in which every compartment carries this current, uA."""
    gids = env.recording_coordinates()[:, 0].astype(int)
    rows = np.tile(np.asarray(signal, np.float32), (len(gids), 1))
    return Run(duration=len(signal) * DT).add_current(gids, rows, dt=DT)


def tone(frequency, seconds=8.0):
    return np.sin(2 * np.pi * frequency * np.arange(0, seconds, DT / 1000)) * 1e-4


def test_potential_is_sampled_down_from_that_of_the_electrodes(three):
    run = currents(three, tone(10))
    found = LFP(duration=8000, downsample_hz=300)(run, three)
    expected = three.potential_recording(run.current, run.current_ids)[:, ::6]
    assert found["lfp"].dtype == np.float32
    assert found["lfp"] == pytest.approx(expected, rel=1e-6)
    assert (found["sample_rate_hz"], found["n_channels"]) == (2000 / 6, 3)
    assert found["n_samples"] == found["lfp"].shape[1] == 2667


def test_channels_are_chosen_by_id(three):
    run = currents(three, tone(10))
    every, some = LFP(duration=1)(run, three), LFP(duration=1, channels=[9, 7])(run, three)
    assert np.array_equal(some["lfp"], every["lfp"][[2, 0]])
    with pytest.raises(InvalidValue, match=r"channels are not on the array: got \[1\]; known: \[7"):
        LFP(duration=1, channels=[1])(run, three)


def test_power_of_a_tone_is_in_its_band(three):
    found = LFP(duration=1, compute_band_power=True)(currents(three, tone(20)), three)
    assert found["beta"] / found["broadband"] == pytest.approx(1, abs=1e-3)
    assert found["beta_relative"] == pytest.approx(1, abs=1e-3)
    assert found["theta_relative"] < 1e-3
    amplitude = np.abs(found["lfp"].mean(axis=0)).max()
    assert found["beta"] == pytest.approx(amplitude**2 / 2, rel=0.01)  # variance of a sine
    own = LFP(duration=1, compute_band_power={"mine": (15, 25)})(currents(three, tone(20)), three)
    assert own["mine"] == pytest.approx(found["beta"], rel=1e-3)
    assert "beta" not in own


def test_low_pass_keeps_slow_and_takes_fast_and_shifts_nothing():
    slow, fast = tone(5), tone(400)
    rate = 1000 / DT
    kept = low_pass((slow + fast)[None], rate, 100.0)[0]
    middle = slice(2000, -2000)
    assert kept[middle] == pytest.approx(slow[middle], abs=1e-3 * slow.max())
    b, a = butter(4, 100.0, fs=rate)
    assert kept[middle] == pytest.approx(filtfilt(b, a, slow + fast)[middle], abs=1e-9)
    half = low_pass(tone(100)[None], rate, 100.0)[0]  # twice through the corner: power x 1/4
    assert np.std(half[middle]) / np.std(tone(100)[middle]) == pytest.approx(0.5, abs=1e-3)


def test_low_pass_at_or_above_half_the_rate_is_none(three):
    run = currents(three, tone(20))
    plain = LFP(duration=1)(run, three)["lfp"]
    assert np.array_equal(LFP(duration=1, lowpass_hz=1000)(run, three)["lfp"], plain)
    filtered = LFP(duration=1, lowpass_hz=5)(run, three)["lfp"]
    middle = slice(1000, -1000)  # samples; the ends ring
    assert np.abs(filtered[:, middle]).max() < 0.01 * np.abs(plain).max()


def test_band_power_is_the_trapezoid_within_the_band():
    frequency, power = np.arange(0.0, 10), np.full(10, 2.0)
    assert band_power(frequency, power, (2, 5)) == 6.0
    assert band_power(frequency, power, (2.5, 3.5)) == 2.0  # one frequency: density x step
    assert band_power(frequency, power, (2.2, 2.8)) == 0.0


@pytest.mark.parametrize(("kind", "slope"), [("white", 0.0), ("brownian", -2.0)])
def test_spectral_slope_of_known_noise(three, kind, slope):
    noise = np.random.default_rng(0).normal(size=200_000) * 1e-4
    signal = noise if kind == "white" else np.cumsum(noise)
    settings = {"downsample_hz": 2000, "slope_band": (10, 200)}
    found = LFP(duration=1, **settings)(currents(three, signal), three)
    # About 190 segments: log10 power is good to 0.03, over 1.3 decades.
    assert found["spectral_slope"] == pytest.approx(slope, abs=0.06)


def test_slope_without_power_or_frequencies_is_nan(three):
    flat = LFP(duration=1, slope_band=(10, 200), compute_band_power=True)(
        currents(three, np.zeros(1000)), three
    )
    assert isnan(flat["spectral_slope"])
    assert flat["broadband"] == 0
    assert "beta_relative" not in flat
    assert isnan(spectral_slope(np.array([1.0, 2.0]), np.ones(2), (1, 2)))


@pytest.mark.parametrize("n", [1, 2, 7])
def test_few_samples_are_no_error(three, n):
    settings = {"lowpass_hz": 100, "compute_band_power": True, "slope_band": (1, 100)}
    found = LFP(duration=1, **settings)(currents(three, np.ones(n)), three)
    assert found["n_samples"] == -(-n // 2)
    assert np.all(np.isfinite(found["lfp"]))


def test_no_channel_is_an_empty_answer(three):
    found = LFP(duration=1, channels=[])(currents(three, tone(5)), three)
    assert (found["n_channels"], found["n_samples"], found["lfp"].size) == (0, 0, 0)
    assert found["sample_rate_hz"] == 1000.0


def test_spectrum_is_that_of_welch(three):
    rng = np.random.default_rng(1)
    run = currents(three, rng.normal(size=9000) * 1e-4)
    found = LFP(duration=1, downsample_hz=2000, nperseg=512, compute_band_power={"b": (5, 50)})
    answer = found(run, three)
    signal = three.potential_recording(run.current, run.current_ids).mean(axis=0)
    f, p = welch(signal, 2000.0, nperseg=512, noverlap=256)
    inside = (f >= 5) & (f <= 50)
    assert answer["b"] == pytest.approx(np.trapezoid(p[inside], f[inside]), rel=1e-5)


def test_bands_and_recordings_that_are_not_there_are_refused(three):
    with pytest.raises(InvalidValue, match=r"bands are empty: got {'slope_band': \(50.0, 5.0\)}"):
        LFP(duration=1, slope_band=(50, 5))(currents(three, tone(5)), three)
    with pytest.raises(InvalidState, match="run has no membrane current"):
        LFP(duration=1)(Run(duration=5.0), three)
    LFP(duration=1).setup(three)
    assert three.membrane_current_recording_dt == 0.1
