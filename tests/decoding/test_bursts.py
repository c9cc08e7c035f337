"""Burst detectors against planted bursts."""

from math import factorial, isnan

import numpy as np
import pytest

from livn.decoding import BurstRate, NetworkBursts, UnitBursts

from .conftest import poisson, spiking, trains_of

ONSETS = np.array([1000.0, 4000.0, 7500.0, 12_000.0, 15_000.0, 18_000.0])


def bursting(n_units, seed=0, rate_hz=0.2, spikes_in_burst=6, length=150.0, duration=20_000.0):
    """Poisson background, and at each onset `spikes_in_burst` spikes of every unit."""
    rng = np.random.default_rng(seed)
    found = {}
    for unit in range(n_units):
        quiet = rng.random(rng.poisson(rate_hz * duration / 1000)) * duration
        bursts = [o + np.sort(rng.random(spikes_in_burst)) * length for o in ONSETS]
        found[unit] = np.sort(np.concatenate([quiet, *bursts]))
    return trains_of(found, duration)


def test_network_bursts_are_found_where_they_were_planted():
    found = NetworkBursts(duration=1).measure(bursting(50))
    assert found["n_bursts"] == 6
    assert found["burst_rate_hz"] == 0.3
    assert found["onsets_ms"] == pytest.approx(ONSETS, abs=20)
    assert found["durations_ms"] == pytest.approx(np.full(6, 150), abs=30)
    assert found["mean_spikes"] == pytest.approx(300, abs=10)
    assert found["mean_participation"] == 1.0
    assert found["interburst_interval_ms"] == pytest.approx(np.diff(ONSETS).mean() - 150, abs=30)
    assert found["n"] == 10


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize(("n_units", "rate"), [(10, 3), (100, 3), (100, 0.3), (1000, 1)])
def test_poisson_spikes_have_no_network_bursts(seed, n_units, rate):
    found = NetworkBursts(duration=1).measure(poisson(n_units, rate, 20_000.0, seed))
    assert found["n_bursts"] == 0
    assert isnan(found["mean_duration_ms"])


def test_network_bursts_of_a_few_cells_do_not_count():
    few = {0: np.concatenate([o + np.linspace(0, 100, 40) for o in ONSETS])}
    background = bursting(50, spikes_in_burst=0, rate_hz=0.5)
    ids = np.concatenate([background.index, np.zeros(len(few[0]), int)])
    times = np.concatenate([background.times, few[0]])
    trains = trains_of({u: np.sort(times[ids == u]) for u in range(50)}, 20_000.0)
    assert NetworkBursts(duration=1, max_isi_n=50).measure(trains)["n_bursts"] == 0
    alone = NetworkBursts(duration=1, max_isi_n=50, min_participation=0).measure(trains)
    assert alone["n_bursts"] == 6


def test_network_bursts_can_be_told_n_and_threshold():
    trains = trains_of({0: [10, 11, 12, 13.0, 50, 90, 91, 92.0], 1: [12.5]}, 100.0)
    found = NetworkBursts(duration=1, n=3, max_isi_n=2.0, min_participation=0).measure(trains)
    assert found["onsets_ms"].tolist() == [10.0, 90.0]
    assert found["durations_ms"].tolist() == [3.0, 2.0]
    assert found["participation"].tolist() == [1.0, 0.5]
    assert found["fraction_spikes_in_bursts"] == 8 / 9
    assert found["interburst_interval_ms"] == 77.0


def test_threshold_is_a_multiple_of_the_rate_unless_chance_would_do():
    trains = poisson(100, 10, 60_000.0)  # one spike per ms
    few, many = (NetworkBursts(duration=1, n=n).measure(trains)["isi_n_ms"] for n in (10, 1000))
    assert many == pytest.approx(999 / 3, rel=0.01)
    # Nine more Poisson spikes within x ms: 1 - exp(-x) (1 + x + ... + x^8 / 8!).
    chance = 1 - np.exp(-few) * sum(few**k / factorial(k) for k in range(9))
    assert chance == pytest.approx(0.01 / trains.n_spikes, rel=0.05)


def test_max_interval_bursts_are_those_of_the_definition(pair):
    train = [
        *(
            100.0,
            350,
            500,
            600,
            700,
        ),  # opens at 350: 250 is too long to start, short enough to go on
        *(1200.0, 1210, 1300),  # 500 later
        *(3000.0, 3004, 3008),  # too short a burst
        *(5000.0, 5100),  # too few spikes
    ]
    found = UnitBursts(duration=1)(spiking({4: train}, 10_000.0), pair)
    assert found["onsets_ms"].tolist() == [350.0, 1200.0]
    assert found["durations_ms"].tolist() == [350.0, 100.0]
    assert found["spike_counts"].tolist() == [4, 3]
    assert found["unit_ids"].tolist() == [4, 4]
    assert found["burst_rate_hz"] == 2 / (10 * 10)  # ten cells, ten seconds
    assert (found["n_bursting_units"], found["n_units"]) == (1, 10)
    assert found["fraction_spikes_in_bursts"] == 7 / len(train)
    assert found["interburst_interval_ms"] == 500.0
    assert found["mean_rate_in_burst_hz"] == pytest.approx((3 / 0.35 + 2 / 0.1) / 2)


def test_bursts_of_a_unit_that_are_close_are_joined(pair):
    run = spiking({0: [0, 10, 20, 180, 190, 200.0], 1: [210, 220, 230.0]}, 1000.0)
    apart = {"max_isi": 100, "max_start_isi": 50}
    joined = UnitBursts(duration=1, min_interburst=170, **apart)(run, pair)
    assert joined["durations_ms"].tolist() == [200.0, 20.0]
    assert joined["spike_counts"].tolist() == [6, 3]
    separate = UnitBursts(duration=1, min_interburst=150, **apart)(run, pair)
    assert separate["spike_counts"].tolist() == [3, 3, 3]


def test_max_interval_finds_planted_bursts_of_every_unit():
    found = UnitBursts(duration=1).measure(bursting(200, rate_hz=0.05, length=100.0))
    assert found["n_bursting_units"] == 200
    assert found["n_bursts"] == pytest.approx(200 * 6, abs=5)  # one or two meet a spike before
    assert found["mean_spikes"] == pytest.approx(6, abs=0.2)


def naive_max_interval(times, start, end, ibi, duration, least):
    """The method as it is told, spike by spike."""
    bursts, k = [], 0
    while k < len(times) - 1:
        if times[k + 1] - times[k] > start:
            k += 1
            continue
        first = k
        while k < len(times) - 1 and times[k + 1] - times[k] <= end:
            k += 1
        bursts.append([first, k])
    merged = []
    for burst in bursts:
        if merged and times[burst[0]] - times[merged[-1][1]] < ibi:
            merged[-1][1] = burst[1]
        else:
            merged.append(burst)
    return [
        (times[a], times[b])
        for a, b in merged
        if times[b] - times[a] >= duration and b - a + 1 >= least
    ]


@pytest.mark.parametrize("seed", range(3))
def test_max_interval_equals_the_method_spike_by_spike(seed):
    trains = poisson(30, 4, 20_000.0, seed)
    found = UnitBursts(duration=1, min_interburst=400).measure(trains)
    index, times = trains.by_unit
    expected = [
        burst
        for unit in range(30)
        for burst in naive_max_interval(times[index == unit], 170, 300, 400, 10, 3)
    ]
    stops = found["onsets_ms"] + found["durations_ms"]
    assert np.column_stack([found["onsets_ms"], stops]) == pytest.approx(np.array(expected))


def test_burst_rate_counts_each_run_of_bins_once():
    found = BurstRate(duration=1).measure(bursting(50))
    assert found["n_bursts"] == 6
    assert found["burst_rate_hz"] == 0.3
    assert found["onsets"] == pytest.approx(ONSETS, abs=50)
    assert found["threshold"] == pytest.approx(7.5, abs=3)


def test_burst_threshold_has_a_floor(pair):
    run = spiking({g: [25.0] for g in range(3)} | {9: [75.0]}, 1000.0)
    assert BurstRate(duration=1)(run, pair)["threshold"] == 1.4826 * 5  # MAD of 0 counts as 1
    found = BurstRate(duration=1, mad_k=0)(run, pair)
    assert (found["threshold"], found["onsets"].tolist()) == (3.0, [0.0])
    assert BurstRate(duration=1)(spiking({}, 1000.0), pair)["n_bursts"] == 0
