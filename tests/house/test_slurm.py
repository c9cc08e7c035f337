"""A real SLURM of one node: tools/start_slurm.sh starts it, as root."""

import fcntl
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import pytest

from interface.jobs import look_up, scheduler
from interface.records import log, state
from interface.slurm import revive
from livn import cli
from livn.errors import InvalidState, InvalidValue, NotSupported
from livn.experiments import get

UP = shutil.which("sinfo") and subprocess.run(["sinfo", "-h"], capture_output=True).returncode == 0
pytestmark = pytest.mark.skipif(not UP, reason="no SLURM runs here; tools/start_slurm.sh")

PATIENCE = 120  # s, after which a job that does not end is taken to hang
SMALL = {"-t": "10", "--mem": "300M"}


@pytest.fixture(autouse=True)
def node(request):
    """Lets tests beside this one use the node too, unless this one does something to the node."""
    alone = "whole_node" in request.fixturenames
    with Path(tempfile.gettempdir(), "livn-slurm-node").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield


@pytest.fixture
def whole_node(node):
    """The name of the node, on which nobody else has jobs."""
    return scheduler("sinfo", "-h", "-o", "%n").split()[0]


@pytest.fixture
def slurm(root, modules, monkeypatch):
    """Submits a toy."""
    path = [str(modules), *filter(None, sys.path)]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path))
    monkeypatch.setenv("LIVN_STORAGE", str(root))

    def submitted(options, resources=None, **settings):
        execution = get("interface.slurm", settings, resources={**SMALL, **(resources or {})})
        toy = get("toys.counting", options)
        with execution:
            toy.launch()
        return toy

    return submitted


def ended(toy, *names, patience=PATIENCE):
    """The state of a toy once it is one of `names`."""
    end = time.monotonic() + patience
    while (at := state(toy)).name not in names:
        assert time.monotonic() < end, (at, log(toy))
        time.sleep(0.5)
    return at


def rows_of_running(toy, n):
    """Wait for so many rows, and return the number of the job that makes them."""
    end = time.monotonic() + PATIENCE
    while len(toy.journal("rows.jsonl")) < n:
        assert time.monotonic() < end, (state(toy), log(toy))
        time.sleep(0.1)
    return toy.journal("jobs.jsonl").rows()[-1]["job"]


def start_again(toy, number):
    """Start a job that is in the queue again, where it would wait, and return the rows so far."""
    end = time.monotonic() + PATIENCE
    while look_up(number).state != "PENDING":
        assert time.monotonic() < end, look_up(number)
        time.sleep(0.2)
    kept = toy.journal("rows.jsonl").rows()
    time.sleep(3)  # else the node refuses the job: its credential is as old as the order to end it
    scheduler("scontrol", "update", f"JobId={number}", "StartTime=now")
    return kept


def continued(toy, kept, n):
    """Assert that two processes made all n rows, and none twice."""
    rows = toy.journal("rows.jsonl").rows()
    assert [row["k"] for row in rows] == list(range(n))
    assert rows[: len(kept)] == kept
    assert len({row["process"] for row in rows}) == 2


def test_submission_returns_at_once_and_the_job_computes(slurm, capsys):
    toy = slurm({"to": 3})
    assert state(toy).name in ("queued", "running")
    said = capsys.readouterr().out
    assert f"counting {toy.hash[:8]} is job " in said
    assert f"watch {toy.hash[:8]}" in said
    with get("interface.slurm"):
        toy.launch()
    assert f"counting {toy.hash[:8]} is job " in capsys.readouterr().out
    assert cli.main(["systems", "watch", toy.hash[:6]]) == 0
    assert f"counting {toy.hash[:8]}  finished" in capsys.readouterr().out
    assert toy.rows() == [0, 1, 2]
    assert len(toy.journal("jobs.jsonl")) == 1


@pytest.mark.mpi
@pytest.mark.parametrize("launcher", ["", "srun --mpi=pmi2"])
def test_job_of_mpi_ranks_computes(slurm, launcher):
    toy = slurm({"to": 3}, {"--mem": "1G"}, n=1, launcher=launcher)  # two ranks
    assert ended(toy, "finished", "failed").name == "finished", log(toy)
    assert toy.rows() == [0, 1, 2]


def test_method_after_a_submission_is_for_later(slurm, root, capsys):
    words = ["toys.counting", "to=2", "**resources={-t: 10, --mem: 300M}", "--launch"]
    assert cli.main(["systems", "slurm", *words, "--rows(first=1)"]) == 0
    out = capsys.readouterr().out
    toy = get("toys.counting", {"to": 2})
    later = f"livn systems --storage {root} toys.counting to=2 '--rows(first=1)'"
    assert f"{toy.label_text()} is not finished yet. When it is: {later}\n" in out
    assert f"{toy.hash}  not finished  {toy.directory}" in out
    ended(toy, "finished")
    assert cli.main(shlex.split(later)[1:]) == 0
    assert capsys.readouterr().out == "[\n  1\n]\n"
    assert cli.main(["systems", "slurm", *words, "--rows"]) == 0  # it is there: nothing to wait for
    assert capsys.readouterr().out.startswith("[\n  0,\n  1\n]\n")


def test_several_components_are_an_array(slurm):
    slurm("~~seeds(3)", throttle=2)
    toys = [get("toys.counting", {"seed": k}) for k in range(3)]
    assert [ended(toy, "finished").name for toy in toys] == ["finished"] * 3
    jobs = [toy.journal("jobs.jsonl").rows()[0]["job"] for toy in toys]
    assert [job.partition("_")[2] for job in jobs] == ["0", "1", "2"]
    assert len({job.partition("_")[0] for job in jobs}) == 1


def test_job_that_is_killed_continues_with_the_same_command(slurm):
    toy = slurm({"to": 4, "die_at": 2})
    at = ended(toy, "failed")
    assert at.detail.startswith("job ")
    assert "FAILED" in at.detail
    assert toy.rows() == [0, 1]
    slurm({"to": 4})
    ended(toy, "finished")
    assert toy.rows() == [0, 1, 2, 3]


def test_work_that_fails_says_why(slurm):
    toy = slurm({"fail_at": 1})
    assert "cannot count beyond 1" in ended(toy, "failed").detail


def test_job_that_needs_more_memory_says_so(slurm):
    toy = slurm({"megabytes": 500, "wait": 1.0})
    assert "OUT_OF_MEMORY: needs more, '**resources=" in ended(toy, "failed").detail


def test_job_that_is_queued_again_repeats_nothing(slurm):
    toy = slurm({"to": 8, "wait": 0.5})
    number = rows_of_running(toy, 2)
    scheduler("scontrol", "requeue", number)
    kept = start_again(toy, number)
    ended(toy, "finished")
    continued(toy, kept, 8)


@pytest.mark.slow
def test_job_that_a_more_urgent_one_pushes_out_continues(slurm, root, whole_node):
    toy = slurm({"to": 40, "wait": 0.25})
    number = rows_of_running(toy, 2)
    urgent = ("sbatch", "--parsable", "-p", "urgent", "--exclusive", "-o", "/dev/null")
    scheduler(*urgent, "--wrap", "sleep 5")
    kept = start_again(toy, number)
    ended(toy, "finished")
    assert "DUE TO PREEMPTION" in (root / "jobs" / f"{number}.log").read_text()
    continued(toy, kept, 40)


def fail(node, toy):
    """Let a node fail at its work, and come back."""
    try:
        scheduler("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=test")
        assert "NODE_FAIL" in ended(toy, "failed").detail
    finally:
        with suppress(InvalidState):  # it may have come back by itself
            scheduler("scontrol", "update", f"NodeName={node}", "State=RESUME")


@pytest.mark.slow
def test_job_is_submitted_again_as_often_as_it_may(slurm, whole_node, capsys):
    toy = slurm({"to": 400, "wait": 0.25}, {"--no-requeue": ""}, requeues=1)
    rows_of_running(toy, 2)
    fail(whole_node, toy)
    assert revive(toy)
    rows_of_running(toy, len(toy.journal("rows.jsonl")) + 1)
    fail(whole_node, toy)
    assert cli.main(["systems", "watch", toy.hash]) == 1
    told = capsys.readouterr()
    assert "NODE_FAIL: the machine's doing" in told.out
    assert f"{toy.label_text()} is not submitted again: got 1 of requeues=1." in told.err
    assert len(toy.journal("jobs.jsonl")) == 2


@pytest.mark.slow
def test_job_whose_node_fails_is_submitted_again(slurm, whole_node):
    toy = slurm({"to": 40, "wait": 0.25}, {"--no-requeue": ""})
    rows_of_running(toy, 2)
    fail(whole_node, toy)
    kept = toy.journal("rows.jsonl").rows()
    assert revive(toy)
    ended(toy, "finished")
    continued(toy, kept, 40)


@pytest.mark.slow
def test_job_whose_time_is_nearly_up_queues_again_by_itself(slurm, root):
    toy = slurm({"to": 1000, "wait": 0.2}, {"-t": "1"}, notice=55)
    number = toy.journal("jobs.jsonl").rows()[-1]["job"]
    log_of_job = root / "jobs" / f"{number}.log"
    end = time.monotonic() + PATIENCE
    while not (log_of_job.exists() and "queued again" in log_of_job.read_text()):
        assert time.monotonic() < end, look_up(number)
        time.sleep(0.5)
    while look_up(number).state not in ("PENDING", "REQUEUED"):
        assert time.monotonic() < end, look_up(number)
        time.sleep(0.5)
    assert state(toy).name == "queued"
    assert len(toy.journal("rows.jsonl")) > 0
    scheduler("scancel", number)


@pytest.mark.slow
def test_job_that_was_cut_off_is_submitted_again(slurm):
    patience = PATIENCE + 60  # a minute is the shortest limit, which SLURM looks at twice a minute
    toy = slurm({"to": 600, "wait": 0.2}, {"-t": "1", "--signal": "USR2@1"})  # nobody listens to it
    assert "TIMEOUT" in ended(toy, "failed", patience=patience).detail
    kept = toy.journal("rows.jsonl").rows()
    number = revive(toy)
    assert state(toy).name in ("queued", "running")
    assert revive(toy) == ""
    while len(toy.journal("rows.jsonl")) <= len(kept):
        assert look_up(number).live
        time.sleep(0.5)
    scheduler("scancel", number)
    rows = [row["k"] for row in toy.journal("rows.jsonl").rows()]
    assert rows == list(range(len(rows)))
    assert toy.journal("rows.jsonl").rows()[: len(kept)] == kept
    assert [row["job"] for row in toy.journal("jobs.jsonl").rows()][1:] == [number]


def test_job_is_stopped(slurm, capsys):
    toy = slurm({"to": 1000, "wait": 0.1})
    ended(toy, "running")
    assert cli.main(["systems", "stop", toy.hash]) == 0
    assert "is asked to stop" in capsys.readouterr().out
    assert "CANCELLED" in ended(toy, "failed").detail
    assert cli.main(["systems", "stop", toy.hash]) == 1


def test_dry_run_prints_the_script_and_submits_nothing(slurm, capsys):
    toy = slurm({"to": 2}, {"--partition": "urgent", "-t": "4:00:00"}, dry=True, n=2, preamble="hi")
    script = capsys.readouterr().out
    assert not toy.is_materialized()
    for line in ("#SBATCH --partition=urgent", "#SBATCH -t 4:00:00", "#SBATCH --requeue", "hi"):
        assert f"\n{line}\n" in script
    assert "-n 3 " in script
    assert "\n#SBATCH --ntasks 3\n" in script.replace("=", " ")
    checked = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_number_of_tasks_that_is_given_is_asked_for(slurm, capsys):
    slurm({"to": 2}, {"-n": 8}, dry=True, n=2)
    script = capsys.readouterr().out
    assert "\n#SBATCH -n 8\n" in script
    assert "--ntasks" not in script


def test_what_slurm_refuses_is_told(slurm):
    with pytest.raises(InvalidState, match="SLURM refuses: got .*partition"):
        slurm({"to": 2}, {"--partition": "nowhere"})
    with pytest.raises(InvalidValue, match="two kinds of workers: got workers=2 and n=2"):
        slurm({"to": 2}, workers=2, n=2)


def test_job_that_slurm_has_forgotten_is_unknown():
    assert look_up("4000000").state == "UNKNOWN"


def test_machine_without_slurm_is_told(slurm, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(NotSupported, match="SLURM is not installed here: got no sbatch"):
        slurm({"to": 2})
