"""A component on workers: its answer does not depend on how many there are, nor of which kind."""

import os
import signal
import subprocess
import sys
import time

import pytest

from interface.records import record, state
from livn import cli
from livn.experiments import get, storage

OPTIONS = {"duration": 100.0, "warmup": 0.0, "trials": 4, "system": "EI1"}
WORDS = [f"{k}={v}" for k, v in OPTIONS.items()]
COMMAND = [sys.executable, "-m", "livn", "systems"]


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The trials as one process computes them."""
    with storage(tmp_path_factory.mktemp("alone")):
        survey = get("experiments.survey", [OPTIONS, "~native", "~point"]).launch()
        return without_time(survey.trials())


def without_time(rows):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]


def surveyed(root, *context):
    command = [*COMMAND, "--storage", str(root), *context, "survey", *WORDS, "~native", "~point"]
    done = subprocess.run([*command, "--launch"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    with storage(root):
        survey = get("experiments.survey", [OPTIONS, "~native", "~point"])
        assert survey.finished
        assert done.stdout.count(f"{survey.hash}  finished") == 1  # told once, by whoever was asked
        return without_time(survey.trials())


def test_worker_processes_change_nothing(alone, tmp_path):
    assert len({row["rate_hz"] for row in alone}) > 1
    assert surveyed(tmp_path, "local", "workers=2") == alone


@pytest.mark.mpi
def test_ranks_change_nothing(alone, tmp_path):
    assert surveyed(tmp_path, "mpi", "n=2") == alone


@pytest.mark.mpi
@pytest.mark.parametrize("by", ["stop", "Ctrl-C"])
def test_ranks_are_interrupted(tmp_path, by):
    words = ["mpi", "n=2", "survey", "trials=100000", "~native", "~point", "--launch"]
    process = subprocess.Popen(
        [*COMMAND, "--storage", str(tmp_path), *words], text=True, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    journals: list = []
    while not (journals and journals[0].read_text()):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.1)
        journals = list(tmp_path.glob("survey/*/trials.jsonl"))
    identity = journals[0].parent.name
    if by == "stop":
        assert cli.main(["systems", "--storage", str(tmp_path), "stop", identity]) == 0
    else:  # the terminal tells the whole group
        os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "livn: interrupted. The same command continues." in err
    assert "survey: interrupted; " in err
    assert "Traceback" not in err
    assert "failed on" not in err
    with storage(tmp_path):
        assert state(record(identity)).name == "interrupted"


@pytest.mark.mpi
def test_failure_on_the_ranks_is_told_and_the_status_says_so(tmp_path, modules):
    command = [*COMMAND, "--storage", str(tmp_path), "mpi", "n=1", "toys.counting", "fail_at=1"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(modules), *sys.path])}
    done = subprocess.run(
        [*command, "--launch"], capture_output=True, text=True, timeout=120, env=environment
    )
    assert done.returncode == 1
    assert "cannot count beyond 1" in done.stderr
    assert "failed on 2 ranks: got exit status 1" in done.stderr


@pytest.mark.mpi
def test_killed_ranks_lose_only_what_was_in_flight(alone, tmp_path, modules):
    command = [*COMMAND, "--storage", str(tmp_path), "mpi", "n=1", "toys.counting", "die_at=2"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(modules), *sys.path])}

    def launched(*more):
        return subprocess.run(
            [*command, *more, "--launch"], capture_output=True, text=True, timeout=120,
            env=environment,
        )  # fmt: skip

    assert launched().returncode == 1
    assert launched("die_at=-1").returncode == 0
    with storage(tmp_path):
        assert get("toys.counting").rows() == [0, 1, 2]
