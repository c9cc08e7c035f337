"""Interspike intervals against closed forms."""

from math import isnan

import numpy as np
import pytest

from livn.decoding import ISICV, ISIStatistics
from livn.decoding.intervals import interval_cv, local_variation

from .conftest import poisson, spiking, trains_of


def test_poisson_trains_have_coefficients_of_one():
    found = ISIStatistics(duration=1).measure(poisson(20, 10, 200_000.0))  # 2000 intervals each
    assert found["isi_cv"] == pytest.approx(1, abs=0.02)
    assert found["cv2"] == pytest.approx(1, abs=0.02)
    assert found["lv"] == pytest.approx(1, abs=0.02)
    assert found["mean_isi_ms"] == pytest.approx(100, rel=0.02)
    assert found["n_units_used"] == 20


def test_gamma_intervals_have_known_coefficients():
    shape = 4.0  # CV = 1 / sqrt(shape), LV = 3 / (2 shape + 1) (Shinomoto et al. 2003)
    times = np.cumsum(np.random.default_rng(0).gamma(shape, 10.0, 20_000))
    trains = trains_of({0: times}, times[-1] + 1)
    assert interval_cv(trains) == pytest.approx([0.5], abs=0.01)
    assert local_variation(trains)[1] == pytest.approx([3 / 9], abs=0.01)


def test_clock_has_no_variation_and_slow_change_of_rate_leaves_the_local_ones(pair):
    clock = ISIStatistics(duration=1)(spiking({0: np.arange(10.0, 990, 10)}, 1000.0), pair)
    assert (clock["isi_cv"], clock["cv2"], clock["lv"]) == pytest.approx((0, 0, 0), abs=1e-6)
    drifting = np.cumsum(np.geomspace(1, 100, 200))
    slow = ISIStatistics(duration=1)(spiking({0: drifting}, 1e4), pair)
    assert slow["isi_cv"] > 0.8
    assert slow["cv2"] < 0.03


def test_units_with_few_spikes_are_left_out(pair):
    run = spiking({0: [1, 2, 4, 5, 7.0], 1: [1, 2, 3, 4.0]}, 10.0)
    found = ISICV(duration=1)(run, pair)
    assert found["n_units_used"] == 1
    assert found["isi_cv"] == pytest.approx(0.5 / 1.5)  # intervals 1, 2, 1, 2
    assert ISIStatistics(duration=1)(run, pair)["unit_ids"].tolist() == [0]


def test_no_unit_with_enough_spikes_gives_nan(pair):
    found = ISICV(duration=1)(spiking({0: [1, 2.0]}, 10.0), pair)
    assert isnan(found["isi_cv"])
    assert found["n_units_used"] == 0
    assert isnan(ISIStatistics(duration=1)(spiking({}, 10.0), pair)["lv"])


def test_spikes_at_one_time_leave_out_the_pair_without_a_ratio():
    trains = trains_of({0: [1.0, 1.0, 1.0, 2.0, 4.0]}, 10.0)  # intervals 0, 0, 1, 2
    cv2, lv = local_variation(trains)
    assert cv2 == pytest.approx([(2 + 2 / 3) / 2])
    assert lv == pytest.approx([(3 + 3 / 9) / 2])
