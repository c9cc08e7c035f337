"""Responses against planted ones."""

from math import isnan

import numpy as np
import pytest

from livn.decoding import (
    ExtracellularRecruitment,
    PeriStimulusHistogram,
    RecruitmentCurve,
    StimulusResponse,
    recruitment_threshold,
    responders,
)
from livn.errors import InvalidValue

from .conftest import spiking, trains_of


def test_histogram_counts_the_spikes_around_each_stimulus(pair):
    run = spiking({0: [95.0, 100.0, 104.9, 205.0], 8: [112.0, 199.9]}, 300.0)
    decoding = PeriStimulusHistogram(duration=1, onsets=[100, 200], pre_ms=10, post_ms=15)
    found = decoding(run, pair)
    assert found["edges"].tolist() == [-10, -5, 0, 5, 10, 15]
    assert found["counts"]["EXC"].tolist() == [[0, 1, 2, 0, 0], [0, 0, 0, 1, 0]]
    assert found["counts"]["INH"].tolist() == [[0, 0, 0, 0, 1], [0, 1, 0, 0, 0]]
    assert found["n_trials"] == 2
    assert found["n_units"] == {"EXC": 8, "INH": 2}
    assert found["rate_hz"]["EXC"][2] == 2 / (2 * 8 * 0.005)
    assert found["spike_times"] == pytest.approx([-5, 0, 4.9, 12, -0.1, 5])
    assert found["spike_ids"].tolist() == [0, 0, 0, 8, 8, 0]
    assert found["spike_trials"].tolist() == [0, 0, 0, 0, 1, 1]


def test_trials_that_do_not_fit_are_left_out(pair):
    run = spiking({0: [10.0, 95.0]}, 100.0)
    decoding = PeriStimulusHistogram(duration=1, onsets=[5, 50, 90], pre_ms=10, post_ms=10)
    found = decoding(run, pair)
    assert found["onsets"].tolist() == [50.0, 90.0]
    none = PeriStimulusHistogram(duration=1, onsets=[], pre_ms=10, post_ms=10)(run, pair)
    assert none["n_trials"] == 0
    assert none["counts"]["EXC"].shape == (0, 4)
    assert np.isnan(none["rate_hz"]["EXC"]).all()


def test_trials_that_overlap_each_count_a_spike(pair):
    run = spiking({0: [105.0]}, 300.0)
    decoding = PeriStimulusHistogram(duration=1, onsets=[100, 102], pre_ms=0, post_ms=10)
    assert decoding(run, pair)["counts"]["EXC"].sum(axis=1).tolist() == [1, 1]


def test_windows_and_onsets_that_are_not_valid_are_refused(pair):
    run = spiking({0: [10.0]}, 100.0)
    with pytest.raises(
        InvalidValue, match="not a multiple of the bin: got 12 ms with bins of 5 ms"
    ):
        PeriStimulusHistogram(duration=1, onsets=[50], pre_ms=12, post_ms=10)(run, pair)
    with pytest.raises(InvalidValue, match=r"onsets are not finite: got \[nan\]; need ms"):
        PeriStimulusHistogram(duration=1, onsets=[float("nan")])(run, pair)


EVOKED = tuple(range(2035, 2130, 10))  # ms


def planted(duration=8000.0, evoked=EVOKED):
    """Ten cells at 2 Hz; from 30 to 130 ms after 2000 ms eight of them fire every 10 ms."""
    resting = {g: np.arange(25.0 + 50 * g, duration, 500) for g in range(10)}
    return {g: [*t, *evoked] if g < 8 else t for g, t in resting.items()}


def test_planted_response_is_found(pair):
    run = spiking(planted(), 8000.0)
    found = StimulusResponse(duration=1, onset_ms=2000)(run, pair)
    assert found["response_latency_ms"] == 30.0
    assert found["response_duration_ms"] == 100.0
    assert found["evoked_rate_hz"] == pytest.approx((80 + 10) / (10 * 0.5))
    assert found["response_gain"] == pytest.approx(18 / 2)
    assert found["response_peak_hz"] == pytest.approx(90.0)
    assert found["response_probability"] == 0.8


def test_no_response_has_no_latency(pair):
    run = spiking(planted(evoked=()), 8000.0)
    found = StimulusResponse(duration=1, onset_ms=2000)(run, pair)
    assert isnan(found["response_latency_ms"])
    assert (found["response_duration_ms"], found["response_probability"]) == (0.0, 0.0)
    silent = StimulusResponse(duration=1, onset_ms=2000)(spiking({}, 8000.0), pair)
    assert isnan(silent["response_gain"])
    assert silent["evoked_rate_hz"] == 0


def test_window_that_does_not_fit_gives_nothing(pair):
    run = spiking(planted(), 8000.0)
    assert StimulusResponse(duration=1)(run, pair) == {}
    assert StimulusResponse(duration=1, onset_ms=7600)(run, pair) == {}
    assert StimulusResponse(duration=1, onset_ms=7500)(run, pair) != {}


def test_responders_fire_more_than_chance_and_one():
    trains = trains_of({0: [50.0, 110, 120], 1: [50.0, 110], 2: [110.0, 111], 3: []}, 200.0, 4)
    assert responders(trains, 100, 100, 50).tolist() == [True, False, True, False]


def test_recruitment_curve_is_the_median_share_of_responders(pair):
    schedule = [(100.0, 1.0), (300.0, 2.0), (500.0, 4.0), (700.0, 2.0), (995.0, 8.0)]
    answers = {300: range(3), 500: range(9), 700: range(5)}
    trains = {g: [] for g in range(10)}
    for onset, cells in answers.items():
        for g in cells:
            trains[g] += [onset + 3.0, onset + 5.0]
    curve = RecruitmentCurve(duration=1, schedule=schedule, pre_ms=50, post_ms=20)
    found = curve(spiking(trains, 1000.0), pair)
    assert found["curve"] == {1.0: 0.0, 2.0: 0.4, 4.0: 0.9}  # the last does not fit
    assert found["amplitudes_mv"] == [1.0, 2.0, 4.0]
    assert (found["below_mv"], found["above_mv"], found["censored"]) == (2.0, 4.0, None)
    assert (found["highest_tested_mv"], found["probability_at_highest"]) == (4.0, 0.9)


def test_threshold_outside_the_tested_amplitudes_is_censored():
    low = recruitment_threshold({1.0: 0.6, 2.0: 0.9})
    assert (low["below_mv"], low["above_mv"], low["censored"]) == (None, 1.0, "below")
    high = recruitment_threshold({1.0: 0.1, 2.0: 0.2})
    assert (high["below_mv"], high["above_mv"], high["censored"]) == (2.0, None, "above")
    empty = recruitment_threshold({})
    assert (empty["below_mv"], empty["censored"]) == (None, "above")
    assert isnan(empty["highest_tested_mv"])
    with pytest.raises(InvalidValue, match="recruited is not a share: got 2; need 0 < recruited"):
        recruitment_threshold({}, 2)


def extracellular(pair, **settings):
    """Amplitudes 1 to 5 uA recruit 0, 5, 9, 9 and 2 of ten cells and drive them to 10 to 50 mV."""
    trains, voltage = {g: [] for g in range(10)}, np.full((10, 12_000), -70.0)
    schedule = [(100.0 * (k + 1), k + 1.0) for k in range(5)]
    for (onset, amplitude), cells in zip(schedule, (0, 5, 9, 9, 2), strict=True):
        for g in range(cells):
            trains[g].append(onset + 2)
        voltage[3, round(onset / 0.05) + 40] = 10 * amplitude
    run = spiking(trains, 600.0).add_voltage(np.arange(10), voltage, dt=0.05)
    decoding = ExtracellularRecruitment(
        duration=600, schedule=[*schedule, (599.0, 9.0)], **settings
    )
    return decoding(run, pair)


def test_band_lies_between_recruitment_and_block(pair):
    found = extracellular(pair)
    assert found["curve"] == {1.0: 0.0, 2.0: 0.5, 3.0: 0.9, 4.0: 0.9, 5.0: 0.2}
    assert found["peak_mv"] == {1.0: 10.0, 2.0: 20.0, 3.0: 30.0, 4.0: 40.0, 5.0: 50.0}
    assert (found["threshold_ua"], found["block_ua"], found["ceiling_ua"]) == (2.0, 5.0, None)
    assert found["band"] == (2.0, 4.0)


def test_band_ends_below_the_ceiling(pair):
    found = extracellular(pair, ceiling_mv=35)
    assert (found["ceiling_ua"], found["band"]) == (4.0, (2.0, 3.0))
    assert extracellular(pair, ceiling_mv=15)["band"] is None


def test_only_the_units_named_count_and_may_never_be_recruited(pair):
    assert extracellular(pair, units=[0, 1])["curve"][5.0] == 1.0
    never = extracellular(pair, units=[9])
    assert (never["threshold_ua"], never["block_ua"], never["band"]) == (None, None, None)
    twice = extracellular(pair, min_spikes=2)
    assert max(twice["curve"].values()) == 0


def test_recruitment_records_spikes_and_voltage():
    from livn.env import Env

    env = Env({"EXC": 2}, backend="native")
    ExtracellularRecruitment(duration=10, schedule=[], voltage_dt=0.05).setup(env)
    assert (env.recorder.spikes, env.voltage_recording_dt) == ({"EXC"}, 0.05)
