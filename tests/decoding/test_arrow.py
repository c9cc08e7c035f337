"""ArrowDataset: rows that are written whole and come back bit for bit."""

import numpy as np
import pytest

from livn.decoding import GatherAndMerge
from livn.errors import CorruptFile
from livn.run import Run

from .conftest import spiking

datasets = pytest.importorskip("datasets")

from livn.decoding import ArrowDataset  # noqa: E402


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def recorded(seed=0):
    rng = np.random.default_rng(seed)
    return (
        spiking({0: [1.0, 5.0], 3: [7.5]}, 10.0)
        .add_voltage([0, 3], rng.normal(size=(2, 20)), dt=0.5)
        .add_current([0, 3], rng.normal(size=(2, 20)).astype(np.float32), dt=0.5)
    )


def test_each_call_is_a_row_that_comes_back(tmp_path, pair):
    decoding = ArrowDataset(duration=10, directory=str(tmp_path / "new" / "folder"))
    assert decoding.dataset() is None
    runs = [recorded(seed) for seed in range(3)]
    for run in runs:
        assert decoding(run, pair) == run
    names = sorted(f.name for f in (tmp_path / "new" / "folder").iterdir())
    assert names == ["data-00000.arrow", "data-00001.arrow", "data-00002.arrow"]
    rows = decoding.dataset()
    assert rows.column_names == ["duration", "it", "tt", "iv", "vv", "im", "mp"]
    for row, run in zip(rows, runs, strict=True):
        assert row["duration"] == 10.0
        for name, values in zip(rows.column_names[1:], run, strict=True):
            assert np.array_equal(np.asarray(row[name], values.dtype), values)


def test_load_dataset_reads_the_files(tmp_path, pair):
    decoding = ArrowDataset(duration=10, directory=str(tmp_path))
    decoding(recorded(), pair)
    decoding(recorded(1), pair)
    rows = datasets.load_dataset(
        "arrow", data_files=str(tmp_path / "data-*.arrow"), split="train", streaming=True
    )
    assert [row["tt"] for row in rows] == [[1.0, 5.0, 7.5]] * 2


def test_only_what_was_asked_for_is_written(tmp_path, pair):
    decoding = ArrowDataset(
        duration=10, directory=str(tmp_path), voltages=False, membrane_currents=False
    )
    decoding(recorded(), pair)
    assert decoding.dataset().column_names == ["duration", "it", "tt"]
    assert isinstance(decoding, GatherAndMerge)


def test_runs_without_spikes_or_recordings_are_rows_too(tmp_path, pair):
    decoding = ArrowDataset(duration=10, directory=str(tmp_path))
    decoding(Run(duration=10.0), pair)
    decoding(spiking({}, 10.0), pair)
    first, second = decoding.dataset()
    assert first["it"] is None
    assert (second["it"], second["vv"]) == ([], None)


def test_next_file_has_the_next_free_number(tmp_path, pair):
    decoding = ArrowDataset(duration=10, directory=str(tmp_path), membrane_currents=False)
    (tmp_path / "data-00007.arrow").write_bytes(b"")
    decoding(recorded(), pair)
    assert (tmp_path / "data-00008.arrow").is_file()
    assert len(list(tmp_path.iterdir())) == 2  # nothing partial stays


def test_broken_file_is_named(tmp_path):
    decoding = ArrowDataset(duration=10, directory=str(tmp_path))
    (tmp_path / "data-00000.arrow").write_bytes(b"not arrow")
    with pytest.raises(CorruptFile, match="shard is not readable: got .*data-00000.arrow; need an"):
        decoding.dataset()
