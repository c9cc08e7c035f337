"""Noise, artefact, blanking, saturation, dead electrodes and detection: as asked for."""

import numpy as np
import pytest

from livn.errors import InvalidValue
from livn.io.amplifier import Amplifier
from livn.io.detection import Detector, agreement, noise_level
from livn.stimulus import BurstPolicy
from livn.stimulus.phases import phases_of

DT = 0.05  # ms
SILENCE = np.zeros((4, 20_000))


def phases(**fields):
    usual = {"n_channels": 4, "channels": (1,), "dt": DT, "phases": ((200, -2), (200, 2))}
    policy = BurstPolicy(**{**usual, **fields})
    return phases_of(policy()[None], DT)


def test_amplifier_that_is_asked_for_nothing_changes_nothing():
    potential = np.random.default_rng(1).normal(size=(3, 50))
    recorded = Amplifier().record(potential, DT, phases=phases())
    assert np.array_equal(recorded, potential)
    assert recorded is not potential


def test_noise_has_the_level_asked_for_and_is_white():
    recorded = Amplifier(noise_uv=5.0).record(SILENCE, DT, seed=1)
    # standard error of a deviation: 5 / sqrt(2 * 20000) = 0.025; four of them
    assert recorded.std(axis=1) == pytest.approx(5.0, abs=0.1)
    assert recorded.mean(axis=1) == pytest.approx(0.0, abs=4 * 5 / np.sqrt(20_000))
    lag = np.mean(recorded[:, 1:] * recorded[:, :-1], axis=1) / 25
    assert np.abs(lag).max() < 4 / np.sqrt(20_000)
    across = np.corrcoef(recorded)[np.triu_indices(4, 1)]
    assert np.abs(across).max() < 4 / np.sqrt(20_000)


def test_noise_depends_on_seed_stream_channel_and_sample_only():
    amplifier = Amplifier(noise_uv=5.0)
    whole = amplifier.record(SILENCE[:, :100], DT, seed=1, stream=2)
    parts = [amplifier.record(SILENCE[:, :50], DT, 1, 2, start) for start in (0, 50)]
    assert np.array_equal(np.concatenate(parts, axis=1), whole)
    assert np.array_equal(amplifier.record(SILENCE[:2, :100], DT, 1, 2), whole[:2])
    for seed, stream in ((2, 2), (1, 3)):
        assert not np.array_equal(amplifier.record(SILENCE[:, :100], DT, seed, stream), whole)


def test_artefact_lasts_as_long_as_the_phase_and_decays():
    amplifier = Amplifier(artefact_uv=100.0, artefact_tau_ms=2.0, artefact_spread=0.25)
    recorded = amplifier.record(
        SILENCE[:, :500], DT, phases=phases(phases=((500, -3),), start_ms=1.0)
    )
    times = DT * np.arange(500)
    expected = np.where(
        times < 1.0 - 1e-9, 0.0, -300.0 * np.exp(-np.maximum(0.0, times - 1.5) / 2.0)
    )
    expected[times > 21.5 + 1e-9] = 0.0
    assert recorded[1] == pytest.approx(expected, abs=1e-9)
    assert recorded[0] == pytest.approx(0.25 * expected, abs=1e-9)
    assert amplifier.lasting_ms() == 20.0


def test_artefact_of_a_later_window_is_that_of_the_whole():
    amplifier = Amplifier(artefact_uv=100.0)
    pulses = phases()
    whole = amplifier.record(SILENCE[:, :80], DT, phases=pulses)
    later = amplifier.record(SILENCE[:, :40], DT, start=40, phases=pulses)
    assert later == pytest.approx(whole[:, 40:])


def test_blanking_covers_the_phases_and_the_time_after():
    potential = np.ones((4, 100))
    recorded = Amplifier(blanking_ms=1.0).record(potential, DT, phases=phases(start_ms=1.0))
    blank = recorded[0] == 0.0
    assert np.array_equal(blank, recorded[3] == 0.0)
    times = DT * np.arange(100)[blank]
    assert times == pytest.approx(np.arange(1.0, 1.0 + 0.4 + 1.0 - 1e-9, DT))


def test_saturation_cuts_both_signs():
    potential = np.array([[-900.0, -3.0, 700.0]])
    assert Amplifier(saturation_uv=500.0).record(potential, DT).tolist() == [[-500.0, -3.0, 500.0]]


def test_dead_electrodes_follow_from_the_seed_and_record_nothing():
    amplifier = Amplifier(noise_uv=5.0, dropout=0.3)
    dead = amplifier.dead(2000, seed=4)
    assert dead.mean() == pytest.approx(0.3, abs=4 * np.sqrt(0.3 * 0.7 / 2000))
    assert np.array_equal(dead[:10], amplifier.dead(10, seed=4))
    assert not np.array_equal(dead, amplifier.dead(2000, seed=5))
    recorded = amplifier.record(np.ones((2000, 3)), DT, seed=4, stream=9)
    assert np.array_equal(~recorded.any(axis=1), dead)
    assert not Amplifier().dead(5).any()


def test_dead_electrodes_make_no_artefact_and_blank_as_others():
    amplifier = Amplifier(artefact_uv=100.0, blanking_ms=1.0, dropout=0.5)
    assert amplifier.dead(4, seed=9).tolist() == [False, True, False, False]
    potential = np.ones((4, 200))
    recorded = amplifier.record(potential, DT, seed=9, phases=phases(channels=(1,)))
    assert set(np.unique(recorded)) == {0.0, 1.0}
    blank = np.flatnonzero(recorded[0] == 0)
    assert blank.tolist() == [*range(8 + 20)]  # 0.4 and 1 ms
    both, alive = (
        amplifier.record(potential, DT, seed=9, phases=phases(channels=channels))
        for channels in ((1, 2), (2,))
    )
    assert np.array_equal(both, alive)
    assert alive[2, 28] > 10  # the artefact of a live one lasts


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"noise_uv": -1.0}, r"amplifier noise_uv is out of range: got -1\.0; need 0 to inf"),
        ({"dropout": 1.5}, r"amplifier dropout is out of range: got 1\.5; need 0 to 1"),
        ({"saturation_uv": np.nan}, "amplifier saturation_uv is out of range: got nan"),
        ({"artefact_uv": 1.0, "artefact_tau_ms": 0.0}, "artefact_tau_ms is out of range: got 0"),
    ],
)
def test_what_is_no_amplifier_is_refused(fields, message):
    with pytest.raises(InvalidValue, match=message):
        Amplifier(**fields)


def test_noise_level_is_that_of_the_noise_though_there_are_spikes():
    recorded = Amplifier(noise_uv=8.0).record(SILENCE, DT, seed=3)
    recorded[:, ::200] -= 300.0  # 100 Hz of spikes
    # standard error of sigma from the median: 1.65 * that of the deviation; spikes add 1 %
    assert noise_level(recorded) == pytest.approx(8.0, abs=0.08 + 4 * 1.65 * 8 / np.sqrt(40_000))


def test_detector_finds_what_was_put_in():
    rng = np.random.default_rng(5)
    recorded = Amplifier(noise_uv=5.0).record(SILENCE, DT, seed=6)
    samples = 100 + 150 * np.arange(120)
    channels = rng.integers(0, 4, 120)
    recorded[channels, samples] -= 60.0  # 12 sigma
    found = Detector.calibrated(recorded, DT, n_sigma=5).detect(recorded)
    score = agreement((DT * found.samples, found.channels), (DT * samples, channels), 0.01)
    # of 80000 samples of noise 0.02 are beyond -5 sigma
    assert score == (1.0, 1.0)


def test_false_detections_are_those_of_a_gaussian():
    recorded = Amplifier(noise_uv=5.0).record(np.zeros((20, 20_000)), DT, seed=7)
    found = Detector(np.full(20, -15.0), refractory=0).detect(recorded)
    expected = 400_000 * 0.0013499  # samples beyond -3 sigma, of which few follow each other
    assert len(found.samples) == pytest.approx(expected, abs=4 * np.sqrt(expected))


def test_windows_are_detected_as_the_whole():
    recorded = Amplifier(noise_uv=5.0).record(SILENCE, DT, seed=8)
    make = lambda: Detector(np.full(4, -10.0), refractory=20)  # noqa: E731
    whole = make().detect(recorded)
    parts, detector = [], make()
    for start in range(0, 20_000, 700):
        parts.append(detector.detect(recorded[:, start : start + 700], start))
    for name in ("samples", "channels"):
        joined = np.concatenate([getattr(part, name) for part in parts])
        assert np.array_equal(joined, getattr(whole, name))


def test_detector_begins_anew_where_windows_do_not_follow_each_other():
    potential = np.zeros((1, 100))
    potential[0, [0, 50]] = -100.0
    detector = Detector(np.array([-50.0]), refractory=20)
    for start in (1000, 0, 1100):
        assert detector.detect(potential, start).samples.tolist() == [start, start + 50]


def test_refractory_period_holds_per_channel():
    potential = np.zeros((2, 100))
    potential[0, [10, 15, 40]] = potential[1, [15]] = -100.0
    found = Detector(np.array([-50.0, -50.0]), refractory=20).detect(potential)
    assert [*zip(*found, strict=True)] == [(10, 0), (15, 1), (40, 0)]


def test_crossing_that_lasts_is_one_and_a_dead_channel_has_none():
    potential = np.zeros((2, 50))
    potential[:, 10:40] = -100.0
    found = Detector(np.array([-50.0, 0.0]), refractory=5).detect(potential)
    assert [*zip(*found, strict=True)] == [(10, 0)]


def test_agreement_counts_each_spike_once():
    found = np.array([1.0, 1.2, 5.0, 9.0]), np.array([0, 0, 0, 1])
    true = np.array([1.1, 5.4, 9.0]), np.array([0, 0, 0])
    assert agreement(found, true, 0.5) == (0.5, 2 / 3)
    nothing = np.empty(0), np.empty(0, int)
    assert np.isnan(agreement(nothing, true).precision)
    assert np.isnan(agreement(found, nothing).recall)


@pytest.mark.parametrize(
    ("potential", "options", "message"),
    [
        (SILENCE, {"n_sigma": 0}, "detection threshold is not positive: got 0"),
        (SILENCE, {"refractory_ms": -1}, "refractory_ms is not positive: got -1"),
        (SILENCE[:, :0], {}, r"nothing to calibrate on: got shape \(4, 0\)"),
    ],
)
def test_what_cannot_detect_is_refused(potential, options, message):
    with pytest.raises(InvalidValue, match=message):
        Detector.calibrated(potential, DT, **options)
