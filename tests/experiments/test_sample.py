"""The component `sample`: its record, workers, kills, and what its command prints."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import datasets
import numpy as np
import pytest
from matplotlib.image import imread

from experiments.parameters import parameter_set
from experiments.progress import use
from experiments.sample import Workers
from experiments.sampling.parts import Parts, read_rows
from experiments.specs import make_encoding, specs_hash
from livn.errors import InvalidState, InvalidValue, UnknownName
from livn.experiments import get, storage

SMALL = {
    "backend": "native", "samples": [5, 2], "duration": 150.0, "warmup": 50.0, "batch": 2,
    "encodings": ["none", ["random_pulses", {"start": 60.0, "interval": 20.0}]],
}  # fmt: skip


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """A finished and merged dataset of seven samples."""
    with storage(tmp_path_factory.mktemp("small")):
        sample = get("experiments.sample", SMALL).launch()
        sample.merge()
        yield sample


def test_dataset_has_exactly_the_rows_asked_for(small, tmp_path):
    loaded = datasets.load_dataset(small.merge(), cache_dir=str(tmp_path))
    assert small.count() == {"train": 5, "test": 2}
    assert {name: split.num_rows for name, split in loaded.items()} == {"train": 5, "test": 2}
    indices = sorted(i for split in loaded.values() for i in split["index"])
    assert indices == list(range(7))
    assert small.metrics()["samples"] == 7
    with storage(tmp_path):
        assert get("experiments.sample", {**SMALL, "seed": 9}).count() == {"train": 0, "test": 0}


def test_any_row_is_made_again(small):
    for index in (0, 3):
        assert small.regenerate(index)["equal"] is True
    with pytest.raises(InvalidValue, match="got 7; need 0 to 6"):
        small.regenerate(7)


def test_how_long_it_takes_is_told_with_the_first_samples(tmp_path, capsys):
    with storage(tmp_path), use("json"):
        get("experiments.sample", {**SMALL, "encodings": ["none"]}).launch()
    before, _, estimate, *_ = map(json.loads, capsys.readouterr().out.splitlines())
    assert (before["event"], before["reused"], before["total"]) == ("before", 0, 7)
    assert estimate["event"] == "estimate"
    assert estimate["estimate_s"] == 7 * estimate["seconds_each"] > 0


def test_samples_are_drawn(small, tmp_path):
    assert np.ptp(imread(small.plot())[..., 0]) > 0.5
    with storage(tmp_path), pytest.raises(InvalidState, match="has no samples yet"):
        get("experiments.sample", {**SMALL, "seed": 9}).plot()


def test_copy_of_the_dataset_is_the_same(small, tmp_path):
    copy = Path(small.merge(str(tmp_path / "mine")))
    assert (copy / "README.md").read_text() == Path(small.merge(), "README.md").read_text()
    assert small.command() in (copy / "README.md").read_text()
    with pytest.raises(InvalidValue, match="directory is taken"):
        small.merge(str(copy))


def test_other_cultures_parameters_and_encodings_are_other_records(small, tmp_path):
    with storage(tmp_path):
        file = tmp_path / "tuned.json"
        file.write_text('{"noise-EXC-g_e0": 0.002}')
        others = [
            SMALL, {**SMALL, "system": "EI2"}, {**SMALL, "seed": 1}, {**SMALL, "noise": False},
            {**SMALL, "parameter_sets": [{"noise-EXC-g_e0": 0.002}]},
            {**SMALL, "encodings": ["none"]},
        ]  # fmt: skip
        hashes = [get("experiments.sample", options).hash for options in others]
        assert len(set(hashes)) == len(others)
        assert hashes[0] == small.hash
        from_file = get("experiments.sample", {**SMALL, "parameter_sets": [str(file)]})
        assert from_file.hash == hashes[4]
        file.write_text('{"noise-EXC-g_e0": 0.003}')
        assert get("experiments.sample", {**SMALL, "parameter_sets": [str(file)]}).hash != hashes[4]
        assert get("experiments.sample", {**SMALL, "batch": 1}).hash == small.hash


def test_parameters_are_those_that_ship_with_changes_on_top(small, tmp_path):
    with storage(tmp_path):
        sets = [{}, {"noise-EXC-g_e0": 0.002}]
        design = get("experiments.sample", {**SMALL, "parameter_sets": sets}).design
        quiet = get("experiments.sample", {**SMALL, "noise": False}).design
    shipped, changed = design.parameters
    assert shipped["noise-EXC-g_e0"] == 0.001
    assert changed == {**shipped, "noise-EXC-g_e0": 0.002}
    assert not any(key.startswith("noise-") for key in quiet.parameters[0])


def test_source_of_an_encoding_of_ones_own_counts(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    source = "from livn.encoding import H5Inputs\nclass Mine(H5Inputs):\n    pass\n"
    (tmp_path / "pulses_of_mine.py").write_text(source)
    before = specs_hash([make_encoding("pulses_of_mine.Mine")])
    (tmp_path / "pulses_of_mine.py").write_text(source + "# changed\n")
    assert specs_hash([make_encoding("pulses_of_mine.Mine")]) != before


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"sample": 3}, UnknownName, "did you mean 'samples'"),
        ({"duration": 100.0}, InvalidValue, "leaves nothing of the duration"),
        ({"samples": 0}, InvalidValue, "need at least one sample"),
        ({"samples": [1, 2, 3]}, InvalidValue, r"a number of samples, or \[train, test\]"),
        ({"encodings": ["random_pulse"]}, UnknownName, "did you mean 'random_pulses'"),
        ({"encodings": []}, InvalidValue, "need at least one"),
        ({"parameter_sets": ["nowhere.json"]}, InvalidValue, "parameter set cannot be read"),
    ],
)
def test_wrong_options_are_refused(options, error, said, tmp_path):
    with storage(tmp_path), pytest.raises(error, match=said):
        get("experiments.sample", options).launch()


def test_parameter_set_is_a_mapping():
    with pytest.raises(InvalidValue, match="need key -> value"):
        parameter_set(3)


def test_task_says_how_long_a_row_took(small):
    rows, seconds = Workers(small.design)()([0, 1])
    assert [row["index"] for row in rows] == [0, 1]
    assert seconds > 0


def run(root, *words, **popen):
    command = [sys.executable, "-m", "livn", "systems", "--storage", str(root), *words]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **popen
    )


WORDS = ("sample", "backend=native", "samples=[5,2]", "duration=150", "warmup=50", "batch=2",
         'encodings=["none",["random_pulses",{"start":60.0,"interval":20.0}]]')  # fmt: skip


@pytest.mark.slow
def test_killed_run_continues_and_equals_the_unkilled_one(small, tmp_path):
    process = run(tmp_path, "--json", *WORDS, "batch=1", "--launch")
    for line in process.stdout:
        event = json.loads(line)
        if event["event"] == "update" and event["done"] == 3:
            process.send_signal(signal.SIGKILL)
            break
    process.communicate()
    (record,) = (tmp_path / "sample").iterdir()
    kept = set(Parts(record / "samples").done())
    assert kept >= {0, 1, 2}

    process = run(tmp_path, "--json", "local", "workers=2", *WORDS, "--launch", "--merge")
    out, err = process.communicate()
    assert process.returncode == 0, err
    before = json.loads(out.splitlines()[0])
    assert (before["event"], before["reused"]) == ("before", len(kept))
    merged = record / "dataset" / "EI1"
    for file in sorted(Path(small.merge()).rglob("*.parquet")):
        again = merged / file.relative_to(small.merge())
        assert read_rows(again).equals(read_rows(file))
        assert again.read_bytes() == file.read_bytes()


def test_dataset_is_published_as_it_is(small, tmp_path):
    sys.path.insert(0, str(Path(__file__).parents[1] / "house"))
    from hub_server import Hub

    with Hub() as hub:
        environment = {
            **os.environ,
            "HF_ENDPOINT": hub.address, "HF_TOKEN": "hf_test", "HF_HOME": str(tmp_path),
            "HF_HUB_DISABLE_XET": "1",
        }  # fmt: skip
        root = small.directory.parents[1]
        process = run(root, *WORDS, '--publish("me/pulses")', env=environment)
        out, err = process.communicate()
        assert process.returncode == 0, err
        assert out.splitlines()[0] == "hf://datasets/me/pulses"
        sent = hub.repositories["me/pulses"]
    folder = Path(small.merge())
    files = {str(f.relative_to(folder)): f for f in folder.rglob("*") if f.is_file()}
    assert {name: content for name, content in sent.items() if name in files} == {
        name: file.read_bytes() for name, file in files.items()
    }


@pytest.mark.mpi
def test_mpi_ranks_make_the_same_rows(small, tmp_path):
    process = run(tmp_path, "mpi", "n=2", *WORDS, "--launch", "--merge")
    _, err = process.communicate()
    assert process.returncode == 0, err
    (record,) = (tmp_path / "sample").iterdir()
    merged = record / "dataset" / "EI1"
    files = sorted(Path(small.merge()).rglob("*.parquet"))
    assert len(files) == 2
    for file in files:
        assert (merged / file.relative_to(small.merge())).read_bytes() == file.read_bytes()
