"""Targets from a recording: the same functions measure it, whatever the file."""

from datetime import UTC, datetime

import h5py
import numpy as np
import pytest
from pynwb import NWBHDF5IO, NWBFile

from experiments.targets import Recorded, make_target
from experiments.targets.recording import from_arrays, read_recording, windows
from experiments.targets.statistics import STATISTICS, statistics
from livn.decoding.trains import spike_trains
from livn.errors import CorruptFile, InvalidValue, UnknownName
from livn.run import Events, Run

SECONDS, N_UNITS, RATE = 60.0, 20, 4.0  # of independent Poisson trains


@pytest.fixture(scope="module")
def poisson():
    rng = np.random.default_rng(1)
    n = rng.poisson(RATE * SECONDS, N_UNITS)
    ids = np.repeat(np.arange(N_UNITS), n)
    times = np.sort(rng.uniform(0, 1e3 * SECONDS, n.sum()))
    return times, rng.permutation(ids)


def test_statistics_of_poisson_trains_are_the_known_ones(poisson):
    trains = spike_trains(range(N_UNITS + 5), *poisson[::-1], 1e3 * SECONDS)
    found = statistics(trains, STATISTICS)
    # 4 Hz in 20 of 25 units; standard error of the rate sqrt(4800) / 4800 = 1.4 %, bound 4 sigma.
    assert found["firing_rate"] == pytest.approx(RATE * 20 / 25, rel=0.06)
    assert found["active_fraction"] == 0.8
    # CV 1 of 240 intervals a unit: standard error 1 / sqrt(20 * 240) = 0.014.
    assert found["isi_cv"] == pytest.approx(1.0, abs=0.06)
    # Independent: correlations of 1200 bins average to 0 within 1 / sqrt(1200 * 190) = 0.002.
    assert found["synchrony"] == pytest.approx(0.0, abs=0.01)
    assert found["burst_rate"] == 0.0
    # No correlation in time: nothing to regress on (nan), or a slope within chance.
    assert np.isnan(found["branching_ratio"]) or found["branching_ratio"] < 0.5
    # The busiest of 20 Poisson counts of mean 240 lies within 4 standard deviations, 62.
    assert RATE < found["max_rate"] < RATE + 62 / SECONDS


def test_the_branching_ratio_of_a_branching_process_is_found():
    # Each spike makes 0.95 in the next 4 ms bin on average; 25 from outside each bin: 500 a bin.
    rng = np.random.default_rng(3)
    counts = [500]
    for _ in range(7499):
        counts.append(rng.poisson(0.95 * counts[-1] + 25))
    times = np.repeat(4.0 * np.arange(7500) + 2.0, counts)
    trains = spike_trains([0], np.zeros(len(times), int), times, 30000.0)
    # docs/decodings.md: 0.979 +- 0.002 for 0.98 in 15,000 bins; half as many here.
    found = statistics(trains, ["branching_ratio"])["branching_ratio"]
    assert found == pytest.approx(0.95, abs=0.02)


def test_an_unknown_statistic_names_the_nearest(poisson):
    with pytest.raises(UnknownName, match="statistic: got 'burst_rat' .did you mean 'burst_rate'"):
        statistics(from_arrays(*poisson), ["burst_rat"])


def write_npz(path, times, ids):
    np.savez(path, spike_times=times, spike_ids=ids, duration=1e3 * SECONDS)


def write_h5(path, times, ids):
    with h5py.File(path, "w") as file:
        file["spike_times"] = times / 1e3
        file["spike_times"].attrs["unit"] = "s"
        file["spike_ids"] = ids
        file["duration"] = 1e3 * SECONDS


def write_sonata(path, times, ids):
    with h5py.File(path, "w") as file:
        group = file.create_group("spikes/EXC")
        group["timestamps"], group["node_ids"] = times, ids.astype(np.uint64)
        group["timestamps"].attrs["units"] = "ms"


def write_nwb(path, times, ids):
    file = NWBFile("a culture", "in_vitro_1", datetime(2026, 1, 1, tzinfo=UTC))
    for unit in range(N_UNITS):
        file.add_unit(spike_times=np.sort(times[ids == unit]) / 1e3)
    with NWBHDF5IO(path, "w") as io:
        io.write(file)


FORMS = {"a.npz": write_npz, "b.h5": write_h5, "c.h5": write_sonata, "d.nwb": write_nwb}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_of_file_reads_as_the_arrays_do(name, poisson, tmp_path):
    path = str(tmp_path / name)
    FORMS[name](path, *poisson)
    read = read_recording(path, 1e3 * SECONDS)
    assert read.n_units == N_UNITS
    # 1e-9 ms: seconds and back are rounded.
    np.testing.assert_allclose(read.times, poisson[0], atol=1e-9)
    assert read.counts.tolist() == np.bincount(poisson[1]).tolist()
    options = {"path": path, "duration": 20000.0, "recording_duration": 1e3 * SECONDS}
    target = make_target("Recorded", options)
    direct = Recorded.from_arrays(*poisson, 1e3 * SECONDS, duration=20000.0)
    assert target.measured.keys() == direct.measured.keys()
    for feature, (mean, sd) in direct.measured.items():
        assert target.measured[feature] == pytest.approx((mean, sd), rel=1e-6, abs=1e-9)


def test_bands_are_what_the_recording_does_from_window_to_window(poisson):
    target = Recorded.from_arrays(*poisson, 1e3 * SECONDS, duration=20000.0)
    trains = from_arrays(*poisson, 1e3 * SECONDS)
    rates = [statistics(w, ["firing_rate"])["firing_rate"] for w in windows(trains, 20000.0)]
    assert len(rates) == 3
    goal = next(goal for goal in target.goals() if goal.feature == "firing_rate")
    half = max(2 * np.std(rates, ddof=1), 0.2 * np.mean(rates))
    assert (goal.low, goal.high) == pytest.approx((np.mean(rates) - half, np.mean(rates) + half))
    assert goal.target == pytest.approx(np.mean(rates))
    assert goal.source == "your recording"


def test_the_recording_itself_is_inside_its_target(poisson):
    class Dish:
        comm = None
        system = type("Cells", (), {"population_ranges": {"ALL": (0, N_UNITS)}})()

        def simulated_gids(self):
            return np.arange(N_UNITS)

        def active_populations(self):
            return ["ALL"]

    times, ids = poisson
    target = Recorded.from_arrays(times, ids, 1e3 * SECONDS, duration=60000.0)
    run = Run({"spikes": Events(ids, times)}, duration=1e3 * SECONDS)
    found = target.features({"spontaneous": run}, Dish())
    assert target.inside(found)
    assert all(loss == pytest.approx(0.0, abs=1e-9) for loss in target.objectives(found).values())


def test_what_is_no_recording_is_refused(tmp_path):
    with pytest.raises(UnknownName, match=r"kind of recording: got '.csv'"):
        read_recording("spikes.csv")
    with pytest.raises(InvalidValue, match="recording is missing: got 'spikes.nwb'"):
        read_recording("spikes.nwb")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["spike_times"] = [1.0]
    with pytest.raises(CorruptFile, match=r"recording has no spike_ids: got \['spike_times'\]"):
        read_recording(str(tmp_path / "x.h5"))
    (tmp_path / "y.h5").write_text("no")
    with pytest.raises(CorruptFile, match="recording cannot be read: got .*y.h5"):
        read_recording(str(tmp_path / "y.h5"))
    with h5py.File(tmp_path / "x.h5", "a") as file:
        file["spike_times"].attrs["unit"], file["spike_ids"] = "min", [0]
    with pytest.raises(UnknownName, match="unit of spike times: got 'min'"):
        read_recording(str(tmp_path / "x.h5"))
    with pytest.raises(InvalidValue, match="recording has no spikes: got 0"):
        from_arrays([], [])
    with pytest.raises(InvalidValue, match="recording is not one: got path=None and 0 measured"):
        make_target("Recorded")
