"""What all measures share: whose spikes count, edge cases, refusals, ranks."""

import os
import shutil
import subprocess
import sys
from math import isnan
from pathlib import Path

import numpy as np
import pytest

import livn.decoding as decoding
from livn.decoding import (
    ActiveFraction,
    MeanFiringRate,
    PerUnitFiringRate,
    SpikeMeasure,
    electrode_positions,
    merged_spikes,
    population_gids,
    sorted_spikes,
    spike_trains,
    unit_count,
)
from livn.errors import InvalidState, InvalidType, InvalidValue, NotSupported, UnknownName
from livn.run import Run

from .conftest import spiking

EXTRA = {
    "PeriStimulusHistogram": {"onsets": [3.0], "pre_ms": 0, "post_ms": 5.0},
    "RecruitmentCurve": {"schedule": [(3.0, 1.0)]},
}
MEASURES = [
    getattr(decoding, name)
    for name in decoding.__all__
    if name not in ("ArrowDataset", "SpikeMeasure")
    and isinstance(getattr(decoding, name), type)
    and issubclass(getattr(decoding, name), SpikeMeasure)
]


def made(measure, **fields):
    if measure.__name__ == "PairwiseChannelCorrelation":
        fields["units"] = "cells"
    return measure(duration=10, **EXTRA.get(measure.__name__, {}), **fields)


def test_every_public_name_resolves():
    assert all(getattr(decoding, name) is not None for name in decoding.__all__)
    assert len(MEASURES) == 21
    with pytest.raises(AttributeError, match="'livn.decoding' has no attribute 'Burst'"):
        _ = decoding.Burst


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize(
    "trains",
    [{}, {3: [4.0]}, {3: [4.0, 5.0]}, {0: [4.0], 9: [4.0]}, {3: [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]}],
    ids=["no spike", "one spike", "one interval", "two cells at once", "one cell"],
)
def test_few_spikes_in_a_short_run_are_no_error_and_no_warning(measure, trains, pair):
    found = made(measure)(spiking(trains, 10.0), pair)
    assert isinstance(found, dict)


@pytest.mark.parametrize("measure", MEASURES)
def test_run_without_spikes_is_refused(measure, pair):
    with pytest.raises(InvalidState, match=r"run has no spikes: got Run\(.*record_spikes"):
        made(measure)(Run(duration=10.0), pair)


@pytest.mark.parametrize("measure", MEASURES)
def test_measures_do_not_share_spikes_between_calls(measure, pair):
    one = made(measure)
    run = spiking({0: [1.0, 2.0], 5: [2.0, 7.5]}, 10.0)
    first = repr(one(run, pair))
    one(spiking({}, 10.0), pair)
    assert repr(one(run, pair)) == first


def test_setup_records_the_spikes_of_the_populations():
    from livn.env import Env

    env = Env({"EXC": 2, "INH": 1}, backend="native")
    MeanFiringRate(duration=10, populations="INH").setup(env)
    assert env.recorder.spikes == {"INH"}
    MeanFiringRate(duration=10).setup(env)
    assert env.recorder.spikes == {"EXC", "INH"}


def test_cells_of_other_populations_do_not_count(pair):
    run = spiking({0: [1.0, 2.0], 8: [3.0]}, 1000.0)
    assert MeanFiringRate(duration=10)(run, pair)["rate_hz"] == 0.3
    assert MeanFiringRate(duration=10, populations="INH")(run, pair)["rate_hz"] == 0.5
    both = MeanFiringRate(duration=10, populations=("EXC", "INH"))(run, pair)
    assert both["n_units"] == 10
    with pytest.raises(UnknownName, match="unknown population: got 'EXK' .did you mean 'EXC'"):
        MeanFiringRate(duration=10, populations=["EXK"])(run, pair)


def test_only_simulated_cells_count():
    from livn.env import Env

    env = Env({"EXC": 8, "INH": 2}, backend="native").selection({"EXC": [1, 4], "INH": 1})
    found = ActiveFraction(duration=10)(spiking({4: [1.0]}, 10.0), env)
    assert (found["active_units"], found["total_units"], found["silent_units"]) == (1, 3, 2)
    assert {n: g.tolist() for n, g in population_gids(env).items()} == {"EXC": [1, 4], "INH": [8]}
    with pytest.raises(InvalidValue, match=r"not simulated: got gids \[2\]; known are 3 units"):
        ActiveFraction(duration=10)(spiking({2: [1.0]}, 10.0), env)


def test_channels_hear_the_cells_within_reach(ei2):
    run = spiking({gid: [float(gid % 50)] for gid in range(100)}, 100.0)
    heard, _ = ei2.channel_recording(run.spike_ids, run.spike_times)
    found = PerUnitFiringRate(duration=100, units="channels")(run, ei2)
    assert found["n_units"] == 16
    assert found["per_unit_rates_hz"] == {c: len(ids) / 0.1 for c, ids in heard.items()}


def test_other_data_than_a_run_are_refused(pair):
    with pytest.raises(InvalidType, match="decoding needs a Run: got dict. Put it before what ch"):
        MeanFiringRate(duration=10)({"rate_hz": 1.0}, pair)


def test_run_of_unknown_length_is_as_long_as_the_decoding(pair):
    run = Run().add_spikes([0, 1], [1.0, 2.0])
    assert MeanFiringRate(duration=500)(run, pair)["rate_hz"] == 2 / (10 * 0.5)


@pytest.mark.parametrize(
    ("measure", "fields"),
    [
        ("Stability", {"bin_size": 0}),
        ("Stability", {"max_rate_hz": float("nan")}),
        ("ActiveFraction", {"min_spikes": 0}),
        ("AvalancheAnalysis", {"bin_width": -4.0}),
        ("BurstRate", {"bin_size": float("inf")}),
        ("NetworkBursts", {"min_participation": 1.5}),
        ("SpikeTimeTiling", {"window": 0.0}),
        ("SpikeTimeTiling", {"max_pairs": 0}),
        ("ISICV", {"min_spikes_per_unit": 2}),
        ("MeanFiringRate", {"units": "electrodes"}),
        ("PopulationFiringRates", {"units": "channels"}),
        ("MeanFiringRate", {"unit": "cells"}),
        ("RecruitmentCurve", {"recruited": 0.0}),
    ],
)
def test_fields_out_of_range_are_refused_by_name(measure, fields):
    (name,) = fields
    with pytest.raises(ValueError, match=name):
        getattr(decoding, measure)(duration=10, **EXTRA.get(measure, {}), **fields)


def test_spike_trains_refuse_what_does_not_fit():
    with pytest.raises(InvalidValue, match=r"do not match their units: got \(2,\) times, \(1,\)"):
        spike_trains([0], [0], [1.0, 2.0], 10.0)
    with pytest.raises(InvalidValue, match=r"got gids \[5\]; known are 2 units"):
        spike_trains([0, 1], [5], [1.0], 10.0)
    with pytest.raises(InvalidValue, match=r"not simulated: got gids \[5\]; known are 0 units"):
        spike_trains([], [5], [1.0], 10.0)
    with pytest.raises(InvalidValue, match="outside the window: got 1 to 10 ms; need 0 <= t < 10"):
        spike_trains([0], [0, 0], [1.0, 10.0], 10.0)
    with pytest.raises(InvalidValue, match="outside the window: got nan"):
        spike_trains([0], [0], [np.nan], 10.0)


def test_spike_trains_sort_by_time_and_by_unit():
    trains = spike_trains([7, 3], [7, 3, 7], [5.0, 4.0, 1.0], 10.0)
    assert trains.units.tolist() == [3, 7]
    assert trains.times.tolist() == [1.0, 4.0, 5.0]
    assert [a.tolist() for a in trains.by_unit] == [[0, 1, 1], [4.0, 1.0, 5.0]]
    assert [a.tolist() for a in trains.intervals] == [[1], [4.0]]


def test_spike_on_the_edge_of_a_bin_opens_it():
    trains = spike_trains([0], [0] * 3, [0.3, 0.6, 0.8999], 0.9)
    assert trains.population_counts(0.3, 3).tolist() == [0, 1, 2]


def test_functions_of_spikes_and_places(ei2, pair):
    run = spiking({3: [5.0, 1.0], 1: [5.0]}, 10.0)
    assert [a.tolist() for a in merged_spikes(run, pair)] == [[3, 1, 3], [1.0, 5.0, 5.0]]
    ids, times = sorted_spikes([3, 3, 1], [5.0, 1.0, 5.0])
    assert (ids.tolist(), times.tolist()) == ([3, 1, 3], [1.0, 5.0, 5.0])
    assert unit_count(pair) == 10
    assert unit_count(pair, "INH") == 2
    assert list(electrode_positions(ei2)) == np.asarray(ei2.io.channel_ids).tolist()
    assert electrode_positions(ei2)[0].shape == (3,)


def test_measure_without_a_measure_is_refused(pair):
    with pytest.raises(NotSupported, match="measure SpikeMeasure cannot measure: got no measure m"):
        SpikeMeasure(duration=10)(spiking({}, 10.0), pair)


def test_decodings_are_equal_and_hash_by_configuration():
    assert MeanFiringRate(duration=10) == MeanFiringRate(duration=10)
    assert hash(MeanFiringRate(duration=10)) != hash(MeanFiringRate(duration=10, units="channels"))


def test_nothing_is_divided_by_zero_without_cells_or_spikes(pair):
    rates = PerUnitFiringRate(duration=10)(spiking({}, 10.0), pair)
    assert isnan(rates["rate_cv"])
    assert (rates["mean_rate_hz"], rates["n_units"]) == (0.0, 10)


RANKS = """
from types import SimpleNamespace
import numpy as np
from mpi4py import MPI
from livn.decoding import (
    LFP, AvalancheAnalysis, ChannelRecording, GatherAndMerge, MeanFiringRate, Stability, Waveforms
)
from livn.io import MEA
from livn.run import Run
comm = MPI.COMM_WORLD
mine = np.arange(comm.rank, 10, comm.size)
env = SimpleNamespace(
    comm=comm, simulated_gids=lambda: mine, active_populations=lambda: ["EXC", "INH"],
    system=SimpleNamespace(population_ranges={"EXC": (0, 8), "INH": (8, 2)}),
)
places = np.column_stack([np.arange(10), 20.0 * np.arange(10), np.zeros(10), np.zeros(10)])
mea = MEA([[0, 0, 0, 10], [1, 100, 0, 10]], output_radius=60)
env.io = mea
env.channel_recording = lambda ii, *values: mea.channel_recording(places[mine], ii, *values)
env.potential_recording = lambda current, gids: mea.sensitivity(places[gids]) @ current
run = Run(duration=100.0).add_spikes(mine, 5.0 * mine)
run = run.add_current(mine, np.outer(mine, np.ones(100)), dt=1.0)
run = run.add_voltage(mine, np.outer(mine, np.ones(100)), dt=1.0)
answers = comm.allgather([
    MeanFiringRate(duration=100)(run, env),
    MeanFiringRate(duration=100, populations="INH")(run, env),
    Stability(duration=100)(run, env),
    AvalancheAnalysis(duration=100, bin_width=5.0)(run, env)["mean_size"],
])
assert repr(answers[0]) == repr(answers[1])
assert answers[0][0]["total_spikes"] == answers[0][0]["n_units"] == 10
assert answers[0][1]["n_units"] == 2
assert answers[0][3] == 10
potential = mea.sensitivity(places) @ np.outer(np.arange(10), np.ones(100))
lfp = LFP(duration=100)(run, env)["lfp"]
assert np.allclose(lfp, potential, rtol=1e-6)
heard = ChannelRecording(duration=100, root=1)(run, env)
assert (heard is None) == (comm.rank == 0)
if heard is not None:
    assert {c: g.tolist() for c, g in heard[0].items()} == {0: [0, 1, 2], 1: [3, 4, 5, 6, 7]}
    assert heard[1][1].tolist() == [15.0, 20.0, 25.0, 30.0, 35.0]
    assert heard[2].tolist() == list(range(10))
    assert np.allclose(heard[5], potential)
shapes = Waveforms(duration=100)(run, env)["waveforms"]
assert sorted(shapes["INH"][:, 0].tolist()) == [8.0, 9.0]
merged = GatherAndMerge(duration=100, root=1, voltages=False, membrane_currents=False)(run, env)
assert (merged is None) == (comm.rank == 0)
assert merged is None or merged.spike_ids.tolist() == list(range(10))
"""


@pytest.mark.mpi
def test_every_rank_gets_the_answer_for_all_cells():
    pytest.importorskip("mpi4py")
    places = str(Path(sys.executable).parent), os.environ["PATH"]
    mpiexec = shutil.which("mpiexec", path=os.pathsep.join(places))
    assert mpiexec, "mpi4py is there but no mpiexec"
    command = [mpiexec, "-n", "2", sys.executable, "-W", "error", "-c", RANKS]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
