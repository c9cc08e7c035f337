"""The component: a real tune of EI1 from nothing, killed, continued, promoted, and found again."""

import json
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from experiments.progress import use
from experiments.targets import cultures
from livn import make
from livn.errors import InvalidState, InvalidValue, UnknownName
from livn.experiments import get, storage
from livn.system import predefined

# 10 point cells, a second each: the whole tune takes seconds. The bands are wide enough that a
# second tells whether a culture is inside them.
OPTIONS = {
    "model": "Izhikevich",
    "backend": "native",
    "target": "Spontaneous",
    "target_options": {
        "warm_up": 200.0,
        "duration": 1000.0,
        "bands": {
            "firing_rate": [2.0, 3.0, 4.5], "synchrony": [-0.1, 0.5], "isi_cv": [0.2, 2.0],
            "branching_ratio": None, "burst_rate": None,
        },
    },
    "evaluations": 40,
    "batch": 8,
    "enough": 3,
    "finalists": 3,
    "repeats": 3,
}  # fmt: skip
ROWS = "evaluations.jsonl"


@pytest.fixture(scope="module")
def dish(tmp_path_factory):
    """EI1 in a directory of its own, so that its parameters may be written."""
    directory = tmp_path_factory.mktemp("dish") / "culture"
    shutil.copytree(predefined("EI1"), directory)
    return str(directory)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    with storage(tmp_path_factory.mktemp("storage")) as directory:
        yield directory


@pytest.fixture(scope="module")
def tuned(dish, store):
    return get("experiments.tune", {"system": dish, **OPTIONS}).launch()


def told(rows):
    """Return rows without wall times, as text: nan is nan there."""
    return [json.dumps({k: v for k, v in row.items() if k != "seconds"}) for row in rows]


def test_from_nothing_to_inside_every_band(tuned):
    assert tuned.finished
    best = tuned.best()
    assert best.inside
    assert best.repeats == 3
    assert 2.0 <= best.mean["firing_rate"] <= 4.5
    assert tuned.metrics()["outside_best"] == 0
    assert (tuned.directory / "tune.png").stat().st_size > 10_000


def test_the_result_is_found_again_and_not_computed_again(tuned, dish):
    before = (tuned.directory / ROWS).stat().st_mtime_ns
    again = get("experiments.tune", {"system": dish, **OPTIONS}).launch()
    assert again.hash == tuned.hash
    assert (again.directory / ROWS).stat().st_mtime_ns == before


def test_what_is_done_is_told_before_and_how_long_it_takes_with_the_first_round(
    dish, tmp_path, capsys
):
    few = {"evaluations": 8, "batch": 8, "initial": 4, "finalists": 1, "repeats": 2}
    question = {"system": dish, **OPTIONS, **few}
    with storage(tmp_path), use("json"):
        get("experiments.tune", question).launch()
        events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert events[0]["event"] == "before"
        assert (events[0]["reused"], events[0]["estimate_s"]) == (0, None)
        (estimate,) = [event for event in events if event["event"] == "estimate"]
        rows = get("experiments.tune", question).journal(ROWS).rows()
        assert estimate["seconds_each"] == rows[0]["seconds"] > 0
        assert estimate["workers"] == 1
        assert estimate["estimate_s"] == 10 * estimate["seconds_each"]
        # Eight copies advance together: each row has its share of the time they took.
        assert len({row["seconds"] for row in rows[:8]}) == 1

        get("experiments.tune", question).cached(False)
        get("experiments.tune", question).launch()
        events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [event["event"] for event in events[:3]] == ["before", "update", "estimate"]
        assert events[0]["reused"] == 10
        assert events[2]["estimate_s"] == 0


def test_another_seed_or_target_is_another_record(tuned, dish):
    for change in ({"seed": 1}, {"target": "Culture"}, {"method": "sobol"}, {"trials": 2}):
        assert get("experiments.tune", {"system": dish, **OPTIONS, **change}).hash != tuned.hash


RHYTHM = """
from experiments.targets import Goal
from rhythms_of_mine import Slow
class Rhythm(Slow):
    low: float = 1.0
    def own_goals(self):
        return (Goal("firing_rate", self.low, 4.0, "Hz", "mine", target=3.0),)
"""
SLOW = """
from experiments.targets import Spontaneous
class Slow(Spontaneous):
    pass
"""


def test_source_of_a_target_of_ones_own_counts(dish, store, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    files = {"rhythm_of_mine.py": RHYTHM, "rhythms_of_mine.py": SLOW}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    question = {"system": dish, **OPTIONS, "target": "rhythm_of_mine.Rhythm"}
    question["target_options"] = {"duration": 1000.0}

    def identity():
        return get("experiments.tune", question).hash

    seen = [identity()]
    for name, text in files.items():
        (tmp_path / name).write_text(text + "# changed\n")
        seen.append(identity())
    assert len(set(seen)) == 3
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert identity() == seen[0]


def test_bands_and_stages_of_a_target_count_whatever_the_process(tuned, dish, store, monkeypatch):
    code = (
        "from livn.experiments import get\n"
        f"print(get('experiments.tune', { ({'system': dish, **OPTIONS})!r}).hash)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == tuned.hash, done.stderr
    question = ["~EI1", "~native", "~spontaneous"]
    before = get("experiments.tune", question).hash
    with monkeypatch.context() as changed:
        moved = [replace(goal, target=None, high=5.0) for goal in cultures.SPONTANEOUS]
        changed.setattr(cultures, "SPONTANEOUS", tuple(moved))
        assert get("experiments.tune", question).hash != before
    assert get("experiments.tune", question).hash == before
    long = {"target_options": {"duration": 9000.0}}
    targets = [get("experiments.tune", [*question, o]).config.hashes["target"] for o in ({}, long)]
    assert len(set(targets)) == 2


def test_inspect_and_export(tuned, tmp_path):
    shown = tuned.inspect()
    assert shown.startswith(f"{len(tuned.done.known)} evaluations (")
    assert "noise-EXC-level" in shown
    exported = json.loads((tmp_path / tuned.export(str(tmp_path / "front.json"))).read_text())
    assert exported["run"] == tuned.hash
    assert len(exported["finalists"]) == 3
    assert exported["finalists"][0]["values"] == dict(tuned.best().values)


def test_promoted_parameters_are_what_make_sets(tuned, dish):
    path = tuned.promote()
    document = json.loads(Path(path).read_text())["Izhikevich"]
    assert document["default"]["meta"]["tuned_by"] == tuned.hash
    assert document["default"]["meta"]["system"] == tuned.config.hashes["system"]
    assert document["default-before"]["params"]["noise-EXC-level"] == 0.7499  # of the recipe
    env = make(dish, model="Izhikevich", backend="native")
    in_force = env.params()
    assert {key: in_force[key] for key in tuned.params()} == tuned.params()
    # The same command still means this record: what is tuned is no input of the tuning.
    assert get("experiments.tune", {"system": dish, **OPTIONS}).hash == tuned.hash
    assert tuned.promote() == path  # the same run may write again


def test_what_another_run_tuned_is_not_overwritten(tuned, dish):
    path = tuned.promote()
    document = json.loads(Path(path).read_text())
    document["Izhikevich"]["default"]["meta"]["tuned_by"] = "0123"
    Path(path).write_text(json.dumps(document))
    with pytest.raises(InvalidState, match="were tuned by another run: got 0123; this is"):
        tuned.promote()
    assert tuned.promote(group="mine") == path
    assert set(json.loads(Path(path).read_text())["Izhikevich"]) >= {
        "default",
        "default-before",
        "mine",
    }
    assert tuned.promote(force=True) == path


@pytest.mark.slow
def test_a_kill_loses_what_was_in_flight_only(tuned, dish, tmp_path):
    """Kill it in the middle of the search, twice, and let the same command continue."""
    place = tmp_path / "killed"
    code = (
        "from livn.experiments import get, storage\n"
        f"with storage({str(place)!r}):\n"
        f"    get('experiments.tune', { ({'system': dish, **OPTIONS})!r}).launch()\n"
    )
    journal = place / "tune" / tuned.hash / ROWS
    lines = 0
    for least in (3, 12):
        process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE)
        while process.poll() is None and lines < least:
            time.sleep(0.02)
            lines = journal.read_bytes().count(b"\n") if journal.exists() else 0
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
    kept = journal.read_bytes()
    kept = kept[: kept.rfind(b"\n") + 1]
    with storage(place):
        again = get("experiments.tune", {"system": dish, **OPTIONS})
        assert again.hash == tuned.hash
        assert not again.finished
        again.launch()
        assert (again.directory / ROWS).read_bytes().startswith(kept)  # nothing was repeated
        rows = again.journal(ROWS).rows()
        assert told(rows) == told(tuned.journal(ROWS).rows())
        assert again.params() == tuned.params()


def test_it_needs_a_result_first(dish, store):
    empty = get("experiments.tune", {"system": dish, **OPTIONS, "seed": 9})
    with pytest.raises(InvalidState, match="is not finished. Run it: livn systems tune"):
        empty.best()
    with pytest.raises(InvalidState, match="is not finished"):
        empty.inspect()


def test_a_result_outside_its_bands_is_not_promoted(dish, store):
    options = {**OPTIONS["target_options"], "bands": {"firing_rate": [150.0, 250.0]}}
    few = {"target_options": options, "evaluations": 16, "finalists": 1, "repeats": 2}
    missed = get("experiments.tune", {"system": dish, **OPTIONS, **few}).launch()
    with pytest.raises(InvalidState, match="is outside its bands: got firing_rate"):
        missed.promote()
    assert "not inside every band" in missed.inspect()


def test_what_cannot_be_understood_is_refused(dish, store):
    with pytest.raises(
        UnknownName, match="unknown method: got 'surogate' .did you mean 'surrogate'"
    ):
        get("experiments.tune", {"system": dish, "method": "surogate"}).launch()
    with pytest.raises(UnknownName, match="unknown target: got 'Cultre' .did you mean 'Culture'"):
        get("experiments.tune", {"system": dish, "target": "Cultre"}).launch()
    with pytest.raises(UnknownName, match="did you mean 'evaluations'"):
        get("experiments.tune", {"system": dish, "evaluation": 3}).launch()
    options = {"backend_options": {"precison": "float32"}}
    with pytest.raises(UnknownName, match="option of backend native: got 'precison' .did you mean"):
        get("experiments.tune", {"system": dish, **OPTIONS, **options}).launch()
    with pytest.raises(InvalidValue, match="repeats: got 1"):
        get("experiments.tune", {"system": dish, "repeats": 1}).launch()


def test_versions_name_the_usual_choices(store):
    quick = get("experiments.tune", ["~EI2", "~native", "~quick", "~spontaneous", "~first"])
    assert (quick.config.system, quick.config.backend) == ("EI2", "native")
    assert (quick.config.target, quick.config.enough) == ("Spontaneous", 3)
    assert quick.config.evaluations == 32
    single = get("experiments.tune", ["~EI1", "~float32"])
    assert single.config.backend == "native"
    assert single.config.backend_options == {"precision": "float32"}
