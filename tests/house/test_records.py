import json
import os
import signal
import subprocess
import sys
import time

import pytest

from interface.records import record, records, state
from livn import cli
from livn.errors import InvalidState, InvalidValue, UnknownName
from livn.experiments import get

COUNTING = "toys.counting"


@pytest.fixture
def here(root, monkeypatch):
    """The storage, for the command line as well."""
    monkeypatch.setenv("LIVN_STORAGE", str(root))
    return root


def test_record_is_found_by_hash_by_its_beginning_and_as_the_last(here):
    toys = [get(COUNTING, {"seed": k}).launch() for k in range(2)]
    for toy in toys:
        assert record(toy.hash) == toy
        assert record(toy.hash[:10]) == toy
    os.utime(toys[0].directory / "cached", (time.time() + 9, time.time() + 9))
    assert record("last") == toys[0]
    wrong = toys[0].hash[:-1] + ("0" if toys[0].hash[-1] != "0" else "1")
    with pytest.raises(UnknownName, match=rf"got '{wrong}' \(did you mean '{toys[0].hash}'\?\)"):
        record(wrong)
    with pytest.raises(InvalidValue, match="hash is of several records: got ''"):
        record("")


def test_loaded_record_is_what_was_computed(here):
    toy = get(COUNTING, ["~far", {"step": {"size": 2}}]).launch()
    loaded = record(toy.hash)
    assert loaded.finished
    assert loaded.rows() == list(range(10))
    assert loaded.options() == toy.options()
    assert loaded.command() == toy.command()


def test_results_are_a_table_of_what_differs_that_can_be_sorted(here, capsys):
    for to in (3, 5, 4):
        get(COUNTING, {"to": to}).launch()
    assert cli.main(["systems", "results", COUNTING, "--sort=-last"]) == 0
    header, *lines = capsys.readouterr().out.splitlines()
    assert header.split() == ["hash", "state", "made", "to", "last"]
    assert [line.split()[-1] for line in lines] == ["4", "3", "2"]
    assert cli.main(["systems", "results", COUNTING, "--sort", "to"]) == 0
    lines = capsys.readouterr().out.splitlines()[1:]
    assert [line.split()[-2] for line in lines] == ["3", "4", "5"]
    assert cli.main(["systems", "results", COUNTING, "--sort=lst"]) == 128
    assert "unknown column: got 'lst' (did you mean 'last'?)" in capsys.readouterr().err
    assert cli.main(["systems", "results", "--sort=options"]) == 0
    header, *lines = capsys.readouterr().out.splitlines()
    assert header.split() == ["hash", "component", "state", "made", "options", "metrics"]
    assert [line.split()[-2] for line in lines[:2]] == ["to=4", "to=5"]  # 3, the default, is last
    assert cli.main(["systems", "results", "survey"]) == 0
    assert capsys.readouterr().out == "no records of survey\n"
    assert len(records()) == 3


def test_show_prints_all_there_is(here, capsys, tmp_path):
    source = tmp_path / "source.txt"
    source.write_text("content")
    first = get(COUNTING).launch()
    toy = get(COUNTING, {"to": 4, "source": str(source)})
    toy.launch().relate("uses", first)
    assert cli.main(["systems", "show", toy.hash[:9]]) == 0
    out = capsys.readouterr().out
    assert toy.hash in out
    assert f"livn systems {COUNTING} to=4 source={source} --launch" in out
    for word in ("finished", "rows.jsonl", "last", "numpy", "python", str(toy.directory)):
        assert word in out
    assert f"{source}, content {toy.config.hashes['source']}" in out
    assert first.label_text() in out


def test_status_tells_finished_failed_and_neither_apart(here, capsys):
    with pytest.raises(RuntimeError):
        get(COUNTING, {"fail_at": 1}).launch()
    assert cli.main(["systems", "status", "last"]) == 1
    assert "failed  ValueError: cannot count beyond 1" in capsys.readouterr().out
    toy = get(COUNTING).launch()
    assert cli.main(["systems", "status", toy.hash]) == 0
    toy.cached(False)
    assert cli.main(["systems", "status", toy.hash]) == 3
    assert "interrupted" in capsys.readouterr().out
    assert cli.main(["systems", "status", "last", "more"]) == 1
    assert "status needs one hash: got 'last more'" in capsys.readouterr().err


@pytest.fixture
def running(here, modules):
    """A process that counts, and its record."""
    words = ["systems", COUNTING, "to=500", "wait=0.02", "--launch"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(modules), *sys.path])}
    process = subprocess.Popen(
        [sys.executable, "-m", "livn", *words], env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    toy = get(COUNTING, {"to": 500})
    while not (toy.recalled().is_materialized() and len(toy.journal("rows.jsonl"))):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)
    yield toy, process
    process.kill()
    process.wait()
    process.stdout.close()
    process.stderr.close()


def test_running_record_is_stopped_cleanly_and_says_what_continues_it(running, capsys):
    toy, process = running
    assert state(toy).name == "running"
    assert state(toy).detail.startswith(f"process {process.pid} on ")
    with pytest.raises(InvalidState, match=f"being computed: got process {process.pid} on"):
        toy.launch()
    assert cli.main(["systems", "stop", toy.hash]) == 0
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err == "livn: interrupted. The same command continues.\n"
    assert out == ""
    assert state(toy).name == "interrupted"


def test_killed_record_is_interrupted_not_running(running):
    toy, process = running
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert state(toy).name == "interrupted"
    rows = len(toy.journal("rows.jsonl"))
    assert [row["k"] for row in toy.journal("rows.jsonl").rows()] == list(range(rows))


def test_reindex_reads_what_it_can_and_names_the_rest(here, capsys):
    toys = [get(COUNTING, {"seed": k}).launch() for k in range(2)]
    (toys[0].directory / "model.json").write_text("{")
    assert cli.main(["systems", "reindex"]) == 1
    out = capsys.readouterr().out
    assert f"not readable: {toys[0].directory}" in out
    assert record(toys[1].hash).finished
    assert cli.main(["systems", "reindex", "all"]) == 1


def test_index_that_is_lost_is_made_anew(here, capsys):
    toy = get(COUNTING).launch()
    (here / "index.sqlite").unlink()
    assert cli.main(["systems", "show", toy.hash]) == 0
    assert json.loads((toy.directory / "model.json").read_text())["uuid"] in capsys.readouterr().out


def test_many_processes_may_begin_a_storage_at_once(here, modules):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(modules), *sys.path])}
    command = [sys.executable, "-m", "livn", "systems", COUNTING, "--launch"]
    started = [
        subprocess.Popen([*command, f"seed={k}"], env=environment, stderr=subprocess.PIPE)
        for k in range(4)
    ]
    assert [p.communicate()[1] for p in started] == [b""] * 4
    assert len(records(COUNTING)) == 4
