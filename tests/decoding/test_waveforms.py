"""Waveforms around spikes."""

from math import isnan

import numpy as np
import pytest

from livn.decoding import Waveforms, spike_waveforms, waveform_shape
from livn.errors import InvalidState, InvalidValue

from .conftest import spiking

DT = 0.1


def triangle(times, duration=50.0):
    """-70 mV; from 1 ms before each time up to 30 mV there, down to -80 mV 1 ms later."""
    t = np.arange(0, duration, DT)
    voltage = np.full(t.shape, -70.0)
    for peak in times:
        voltage = np.interp(t, [peak - 1, peak, peak + 1, peak + 5], [-70, 30, -80, -70]) * (
            np.abs(t - peak - 2) <= 3 + 1e-9
        ) + voltage * (np.abs(t - peak - 2) > 3 + 1e-9)
    return voltage


def recorded():
    times = {0: [2.0, 10.0, 30.0], 9: [20.0]}
    rows = [triangle(times[0]), triangle([]), triangle(times[9])]
    return spiking(times, 50.0).add_voltage([0, 1, 9], rows, dt=DT)


def test_waveforms_have_the_spike_where_they_say(pair):
    found = Waveforms(duration=50)(recorded(), pair)
    assert (found["dt"], found["pre_ms"]) == (DT, 4.0)
    assert found["waveforms"]["EXC"].shape == (2, 140)  # the spike at 2 ms has no 4 ms before
    assert np.all(found["waveforms"]["EXC"].argmax(axis=1) == 40)
    assert found["waveforms"]["INH"].shape == (1, 140)


def test_shape_of_a_triangle(pair):
    shape = Waveforms(duration=50)(recorded(), pair)["shape"]["EXC"]
    assert shape["n_spikes"] == 2
    assert shape["threshold_mV"] == pytest.approx(-70, abs=1e-6)
    assert shape["peak_mV"] == pytest.approx(30)
    assert shape["amplitude_mV"] == pytest.approx(100)
    # Half is -20 mV: 0.5 ms before the peak, 50 / 110 ms after.
    assert shape["half_width_ms"] == pytest.approx(0.5 + 50 / 110)
    assert shape["ahp_mV"] == pytest.approx(-10)


def test_few_waveforms_are_spread_over_all():
    trains = {0: np.arange(10.0, 990, 10)}
    run = spiking(trains, 1000.0).add_voltage([0], [np.arange(0, 1000, DT)], dt=DT)
    some = spike_waveforms(run, [0], 1.0, 1.0, max_spikes=3)
    assert some[:, 10] == pytest.approx([10, 500, 980], abs=10)


def test_no_spike_has_no_shape(pair):
    run = spiking({}, 50.0).add_voltage([0], [triangle([])], dt=DT)
    found = Waveforms(duration=50)(run, pair)
    assert found["waveforms"]["EXC"].shape == (0, 140)
    assert found["shape"]["EXC"]["n_spikes"] == 0
    assert isnan(found["shape"]["EXC"]["half_width_ms"])
    flat = waveform_shape(np.zeros((2, 5)), DT, 0.2)
    assert isnan(flat["peak_mV"])
    assert flat["n_spikes"] == 2


def test_section_is_the_one_recorded():
    run = spiking({0: [10.0]}, 50.0).add_voltage(
        [0, 0], [triangle([]), triangle([10.0])], dt=DT, sections=["soma", "dend"]
    )
    assert spike_waveforms(run, [0], 2, 2, "dend").max() == 30
    assert spike_waveforms(run, [0], 2, 2, "axon").shape == (0, 40)


def test_missing_voltage_and_empty_windows_are_refused(pair):
    with pytest.raises(InvalidState, match="run has no voltage: .*record_voltage"):
        Waveforms(duration=50)(spiking({0: [1.0]}, 50.0), pair)
    with pytest.raises(InvalidValue, match=r"shorter than a sample: got 0.01 \+ 0.01 ms; need 0.1"):
        spike_waveforms(recorded(), [0], 0.01, 0.01)


def test_setup_records_what_is_needed():
    from livn.env import Env

    env = Env({"EXC": 2, "INH": 1}, backend="native")
    Waveforms(duration=50, populations="EXC", voltage_dt=0.05).setup(env)
    assert env.recorder.spikes == {"EXC"}
    assert env.voltage_recording_dt == 0.05
