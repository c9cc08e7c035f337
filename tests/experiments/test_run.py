"""The component `run`: one simulation, decoded and drawn."""

import json

import numpy as np
import pytest
from matplotlib.image import imread

from experiments.specs import UnknownClass, make_decoding
from livn.env import make
from livn.errors import InvalidValue
from livn.experiments import get, storage

QUICK = {"backend": "native", "duration": 200.0, "warmup": 50.0}


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    with storage(tmp_path_factory.mktemp("run")):
        pulses = ["random_pulses", {"start": 0.0, "interval": 20.0}]
        yield get("experiments.run", {**QUICK, "seed": 2, "stream": 1, "encoding": pulses}).launch()


def test_spikes_are_those_of_the_env_with_the_same_pulses(ran):
    from experiments.sampling.encodings import RandomPulses

    env = make("EI1", seed=2, backend="native").record_spikes().reseed_noise(1)
    env.run(50.0)
    run = env.run(200.0, RandomPulses(start=0.0, interval=20.0)(env, 200.0, 1))
    found = ran.spikes()
    assert found["gid"].to_pylist() == run.spike_ids.tolist()
    assert found["time"].to_pylist() == run.spike_times.tolist()
    assert len(run.spike_ids) > 0
    rate = len(run.spike_ids) / (10 * 0.2)
    assert ran.decoded()["MeanFiringRate"]["rate_hz"] == pytest.approx(rate)
    assert ran.metrics()["rate_hz"] == pytest.approx(rate)


def test_pictures_are_drawn(ran):
    names = {path.name for path in ran.directory.glob("*.png")}
    assert names == {"raster.png", "traces.png", "electrodes.png"}
    for name in names:
        assert np.ptp(imread(ran.directory / name)[..., 0]) > 0.5


def test_culture_without_noise_is_remarked_upon(tmp_path, capfd):
    with storage(tmp_path):
        run = get("experiments.run", {**QUICK, "noise": False, "traces": 0}).launch()
    assert "The noise is off" in capfd.readouterr().err
    assert run.metrics()["total_spikes"] == 0


def test_decodings_of_the_same_class_are_numbered(tmp_path):
    bins = [["PopulationRateMetrics", {"bin_size": size}] for size in (10.0, 20.0)]
    with storage(tmp_path):
        run = get("experiments.run", {**QUICK, "decodings": bins, "traces": 0}).launch()
    answers = json.loads((run.directory / "decoded.json").read_text())
    assert [answers[name]["bin_size"] for name in answers] == [10.0, 20.0]
    assert list(answers) == ["PopulationRateMetrics", "PopulationRateMetrics 2"]
    assert not (run.directory / "traces.png").exists()


def test_another_decoding_or_parameter_is_another_record(tmp_path):
    with storage(tmp_path):
        others = [{}, {"decodings": ["ISICV"]}, {"parameter_set": {"noise-EXC-g_e0": 0.1}},
                  {"stream": 1}, {"system": "EI2"}, {"encoding": "random_pulses"}]  # fmt: skip
        assert len({get("experiments.run", {**QUICK, **o}).hash for o in others}) == len(others)


@pytest.mark.parametrize(
    ("spec", "error", "said"),
    [
        ("MeanFiringRates", UnknownClass, "did you mean 'MeanFiringRate'"),
        ("livn.decoding.ISIC", UnknownClass, "did you mean 'ISICV'"),
        (["ISICV", {"min_spike": 2}], InvalidValue, "min_spike=2"),
        ("livn.decoding.baks", InvalidValue, "need a subclass of livn.types.Decoding"),
    ],
)
def test_wrong_decoding_is_refused(spec, error, said):
    with pytest.raises(error, match=said):
        make_decoding(spec, 100.0)
