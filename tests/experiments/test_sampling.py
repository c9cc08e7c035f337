"""Rows of a dataset: what they are, that they can be made again, and that none is lost."""

import json
import re
import shutil
from collections import Counter

import datasets
import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

from experiments.sampling import merge as merging
from experiments.sampling.design import Design
from experiments.sampling.encodings import RandomPulses
from experiments.sampling.merge import merge
from experiments.sampling.parts import Parts
from experiments.sampling.regenerate import regenerate
from experiments.sampling.simulate import Simulator
from experiments.sampling.table import SCHEMA, table
from experiments.specs import UnknownClass, make_encoding
from livn.env import Env, make
from livn.errors import CorruptFile, InvalidState, InvalidValue, NotSupported
from livn.stimulus.pulses import net_charge
from livn.system import resolve

HALVES = '''
import numpy as np
from gymnasium import spaces
from livn.types import Encoding

class Halves(Encoding):
    """A pulse on every electrode, of an amplitude that a Gymnasium space gives."""

    def __call__(self, env, t_end, inputs):
        commands = np.zeros((round(t_end), env.io.num_channels), np.float32)
        commands[100:101] = 2.0 * np.asarray(inputs)
        return env.cell_stimulus(commands, dt=1.0)

    @property
    def input_space(self):
        return spaces.Box(-1.0, 1.0, (1,), np.float32)
'''


def varied(design, changes):
    return Design(**{**design.model_dump(), **changes})


@pytest.fixture
def loaded(sampled, tmp_path):
    return datasets.load_dataset(str(sampled.directory), cache_dir=str(tmp_path))


# what a sample is


def test_encodings_and_parameters_are_crossed(design):
    pairs = Counter((design.encoding(i), design.parameter_set(i)) for i in range(design.total))
    assert pairs == {(e, p): 3 for e in (0, 1) for p in (0, 1)}


def test_split_has_the_sizes_asked_for_and_follows_the_seed(design):
    splits = [design.split(i) for i in range(design.total)]
    assert Counter(splits) == {"train": 9, "test": 3}
    assert splits == [design.split(i) for i in range(design.total)]
    other = varied(design, {"seed": 4, "train": 900, "test": 300})
    chosen = [other.split(i) == "test" for i in range(other.total)]
    # 300 of 1200 at random: a quarter of the first half, give or take 4 sd of a hypergeometric
    assert abs(sum(chosen[:600]) - 150) < 4 * np.sqrt(600 * 0.25 * 0.75 * 0.5)


def test_draws_differ_between_samples_and_seeds(design):
    other = varied(design, {"seed": 4})
    draws = [d.draw(i) for d in (design, other) for i in range(1000)]
    assert len(set(draws)) == 2000
    assert all(0 <= draw < 2**53 for draw in draws)


def test_sample_ids_differ_between_designs(design):
    other = varied(design, {"duration": 400.0})
    assert len({d.sample_id(i) for d in (design, other) for i in range(12)}) == 24
    moved = varied(design, {"system": "/elsewhere/EI1"})
    assert moved.sample_id(3) == design.sample_id(3)
    assert moved.identity == design.identity


def test_row_is_what_an_env_alone_records(sampled):
    design = sampled.design
    env = make("EI1", seed=design.seed, backend="native").record_spikes().reseed_noise(4)
    run = env.run(300.0)
    row = sampled.simulator([4])[0]
    assert design.encoding(4) == design.parameter_set(4) == 0
    assert np.array_equal(row["it"], run.spike_ids[run.spike_times >= 50])
    assert np.allclose(row["tt"], run.spike_times[run.spike_times >= 50] - 50, atol=1e-9)


def test_row_does_not_depend_on_what_is_simulated_with_it(sampled):
    together = table(sampled.simulator([1, 3, 7]))
    alone = table([row for i in (1, 3, 7) for row in sampled.simulator([i])])
    assert together.equals(alone)


def test_samples_differ(loaded):
    stimulated = [r for split in loaded.values() for r in split if r["index"] % 2]
    pulses = [str(row["pulses"]) for row in stimulated]
    assert len(set(pulses)) == len(pulses) == 6
    spikes = [str(r["tt"]) for split in loaded.values() for r in split if r["status"] == "ok"]
    assert len(set(spikes)) == len(spikes) > 3


def test_silence_is_a_result(loaded):
    quiet = [r for split in loaded.values() for r in split if r["index"] % 4 == 2]
    assert [(row["status"], row["tt"]) for row in quiet] == [("silent", [])] * 3


def test_electrode_hears_the_spikes_of_the_cells_in_reach(loaded):
    for row in loaded["train"]:
        heard = set(zip(row["cit"][0], row["ctt"][0], strict=True))
        assert heard <= set(zip(row["it"], row["tt"], strict=True))
        assert np.shape(row["cp"]) == (1, 250)


# rows that diverge and run away


def test_divergence_is_a_result_and_leaves_the_others(design, sampled):
    shipped = design.parameters[0]
    broken = shipped | {"cells-EXC:dend.e_pas": 1e300}  # mV
    wild = varied(design, {"parameters": (shipped, broken), "potential_dt": None})
    simulator = Simulator(wild)
    rows = simulator([0, 2])
    simulator.close()
    assert [row["status"] for row in rows] == ["ok", "diverged"]
    assert rows[0]["tt"].tolist() == sampled.simulator([0])[0]["tt"].tolist()


# encodings


def test_random_pulses_are_balanced_and_lie_in_their_bounds():
    encoding = RandomPulses(start=10.0, interval=20.0, amplitude=(1.0, 3.0))
    env = Env("EI2", backend="native")
    pulses = encoding.pulses(env, 5000.0, 7)
    times, channels, amplitudes = map(np.array, zip(*pulses, strict=True))
    assert pulses == encoding.pulses(env, 5000.0, 7) != encoding.pulses(env, 5000.0, 8)
    # mean interval 2 x 0.2 + 20 + 20 ms, sd 20: 4 sd of the mean of about 124
    assert abs(np.diff(times).mean() - 40.4) < 4 * 20 / np.sqrt(len(times))
    assert (times[0] > 10) & (times[-1] < 5000)
    assert (amplitudes >= 1).all() & (amplitudes <= 3).all()
    assert set(channels) == set(range(16))
    policy = encoding(env, 5000.0, 7)
    charge = net_charge(policy.window(0.0, 5000.0, 0.05), 0.05)
    assert np.allclose(charge, 0.0, atol=1e-4)  # float32 sums of 0.6 nC
    assert RandomPulses(start=6000.0)(env, 5000.0, 7) is None


def test_encoding_of_ones_own_gets_a_draw_from_its_space(design, tmp_path, monkeypatch):
    (tmp_path / "halves_of_mine.py").write_text(HALVES)
    monkeypatch.syspath_prepend(tmp_path)
    own = varied(design, {"encodings": ("halves_of_mine.Halves",), "potential_dt": None})
    simulator = Simulator(own)
    rows = simulator([0, 4])
    simulator.close()
    assert all(-1 <= row["inputs"][0] <= 1 for row in rows)
    assert rows[0]["inputs"] != rows[1]["inputs"]


@pytest.mark.parametrize(
    ("spec", "error", "said"),
    [
        ("random_pulse", UnknownClass, "did you mean 'random_pulses'"),
        ("nowhere.Pulses", UnknownClass, "No module named 'nowhere'"),
        ("livn.encoding.ElectrodeStimulu", UnknownClass, "did you mean 'ElectrodeStimulus'"),
        ("livn.errors.LivnError", InvalidValue, "need a subclass of livn.types.Encoding"),
        (["random_pulses", {"intervall": 3}], InvalidValue, "intervall=3"),
        ("livn.types.Encoding", InvalidValue, "need a subclass of livn.types.Encoding"),
        ({"a": 1}, InvalidValue, "need a name, an import path"),
    ],
)
def test_wrong_encoding_is_refused(spec, error, said):
    with pytest.raises(error, match=re.escape(said)):
        make_encoding(spec)


def test_parameter_sets_share_the_array(design):
    own = varied(design, {"parameters": ({}, {"io-output_radius": 10.0})})
    with pytest.raises(InvalidValue, match="io-output_radius"):
        Simulator(own)


# kept, merged, made again


def test_every_row_is_there_once_and_in_order(loaded, design):
    assert [split.num_rows for split in loaded.values()] == [9, 3]
    for name, split in loaded.items():
        assert split["index"][:] == design.indices(name).tolist()
    ids = [row["sample_id"] for split in loaded.values() for row in split]
    assert len(set(ids)) == 12


def test_dataset_streams_offline(sampled, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    rows = list(datasets.load_dataset(str(sampled.directory), split="test", streaming=True))
    assert [row["split"] for row in rows] == ["test"] * 3


@pytest.mark.parametrize("which", [0, 1, 2])
def test_row_is_made_again_bit_for_bit(loaded, which):
    row = loaded["test"][which]
    assert regenerate(row) == row


def test_row_is_not_made_again_from_something_else(loaded, tmp_path):
    row = loaded["test"][0]
    with pytest.raises(InvalidValue, match="without design"):
        regenerate({name: value for name, value in row.items() if name != "design"})
    with pytest.raises(InvalidValue, match="made by another livn: got version 0.0.1"):
        regenerate({**row, "livn_version": "0.0.1"})
    with pytest.raises(InvalidValue, match="system is not the one of the row"):
        regenerate(row, system="EI2")
    away = json.dumps({**json.loads(row["design"]), "system": "mine"})
    with pytest.raises(InvalidValue, match=r"not here: got 'mine'; .* system=\.\.\."):
        regenerate({**row, "design": away})


def test_row_of_a_system_of_ones_own_does_not_say_where_it_lay(design, sampled, tmp_path):
    copy = shutil.copytree(resolve("EI1").uri, tmp_path / "EI1")
    moved = Simulator(varied(design, {"system": str(copy)}))
    assert table(moved([0])).equals(table(sampled.simulator([0])))
    moved.close()


def test_ranks_do_not_share_a_sample(design):
    class TwoRanks:
        def Get_size(self):
            return 2

    with pytest.raises(NotSupported, match="got 2 ranks to a simulation"):
        Simulator(design, TwoRanks())


def test_parts_in_another_order_give_the_same_files(sampled, tmp_path):
    rows = sampled.simulator(range(12))
    parts = Parts(tmp_path / "parts")
    for some in ([7, 1, 11], [0, 10, 2, 3], [4, 5, 6, 8, 9]):
        parts.append([rows[i] for i in some])
    again = merge(sampled.design, parts, tmp_path / "EI1", "livn systems sample")
    for file in sorted(sampled.directory.rglob("*.*")):
        assert (again / file.relative_to(sampled.directory)).read_bytes() == file.read_bytes()


def test_incomplete_dataset_is_not_merged(sampled, tmp_path):
    parts = Parts(tmp_path / "parts")
    parts.append(sampled.simulator([0, 1]))
    with pytest.raises(InvalidState, match="got 2 of 12 samples"):
        merge(sampled.design, parts, tmp_path / "EI1")
    assert not (tmp_path / "EI1").exists()


def test_files_that_a_kill_left_are_not_seen(sampled, tmp_path):
    parts = Parts(tmp_path)
    written = parts.append(sampled.simulator([0]))
    (tmp_path / "part-000000001.99.partial").write_bytes(written.read_bytes()[:100])
    assert parts.done() == {0: "ok"}
    written.write_bytes(b"torn")
    with pytest.raises(CorruptFile, match="Remove it and launch again"):
        parts.done()
    parts.clear()
    assert list(tmp_path.iterdir()) == []


def test_row_groups_and_shards_are_bounded(sampled, tmp_path, monkeypatch):
    monkeypatch.setattr(merging, "ROWS_PER_GROUP", 2)
    monkeypatch.setattr(merging, "SHARD_BYTES", 1)
    target = merge(sampled.design, sampled.parts, tmp_path / "EI1")
    files = sorted((target / "data").iterdir())
    assert [f.name for f in files if "train" in f.name][-1] == "train-00004-of-00005.parquet"
    assert [pq.ParquetFile(f).metadata.num_row_groups for f in files] == [1] * 7
    groups = [pq.ParquetFile(f).metadata.row_group(0) for f in files]
    assert {group.num_rows for group in groups} == {1, 2}
    assert {g.column(0).compression for g in groups} == {"ZSTD"}
    loaded = datasets.load_dataset(str(target), split="train", cache_dir=str(tmp_path / "cache"))
    assert loaded["index"][:] == sampled.design.indices("train").tolist()


def test_card_says_what_is_there_and_its_snippet_runs(sampled, monkeypatch, tmp_path):
    text = (sampled.directory / "README.md").read_text()
    _, front, body = text.split("---\n", 2)
    meta = yaml.safe_load(front)
    assert meta["license"] == "cc-by-4.0"
    assert [f["split"] for f in meta["configs"][0]["data_files"]] == ["train", "test"]
    assert sampled.design.identity in body
    outcomes = Counter(sampled.parts.done().values())
    assert f"Outcomes: {outcomes['ok']} ok, {outcomes['silent']} silent." in body
    assert all(f"`{name}`" in body for name in SCHEMA.names)
    (snippet,) = re.findall(r"```python\n(.*?)```", body, re.DOTALL)
    monkeypatch.chdir(sampled.directory.parent)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path))
    names = {}
    exec(snippet, names)
    assert len(names["spikes_heard"]) == 1
    written = json.loads((sampled.directory / "design.json").read_text())
    assert written == json.loads(names["row"]["design"])
