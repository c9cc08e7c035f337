"""Tasks on the ranks of MPI, started with mpiexec as a user would."""

import json
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from calculator import calculator

from livn.errors import InvalidType, InvalidValue
from livn.workers import start

PROGRAM = Path(__file__).with_name("ranked.py")
MPIEXEC = Path(sysconfig.get_path("scripts")) / "mpiexec"
TIMEOUT = 60  # s, after which a job that hangs is taken to do so

mpi = pytest.mark.mpi


def job(n_ranks, task, size=1, root=0):
    """Run a task of the program on some ranks."""
    command = [MPIEXEC, "-n", n_ranks, sys.executable, PROGRAM, task, size, root]
    return subprocess.run(
        [str(c) for c in command], capture_output=True, text=True, timeout=TIMEOUT, check=False
    )


def answer(*arguments, **options):
    """Return what the root says."""
    done = job(*arguments, **options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@mpi
@pytest.mark.parametrize(
    ("n_ranks", "size", "root", "workers"), [(2, 1, 0, 1), (3, 1, -1, 2), (4, 2, 1, 1)]
)
def test_answers_in_any_order(n_ranks, size, root, workers):
    squares = [x * x for x in reversed(range(9))]
    assert answer(n_ranks, "squares", size, root) == [squares, workers]


@mpi
def test_more_ranks_than_tasks():
    assert answer(4, "few") == [9, 3]


@mpi
def test_ranks_of_a_group_answer_together_and_left_over_ranks_are_idle():
    assert answer(6, "groups", 2) == [[3, 3, 3, 3], 2]  # ranks 1 + 2 of each group


@mpi
def test_broadcast_reaches_every_worker():
    assert answer(3, "told") == [2, [0, 1], [], ["a"]]


@mpi
@pytest.mark.parametrize(("size", "said", "rank"), [(1, "cannot do 5", 1), (2, "one of us", 2)])
def test_exception_arrives_and_does_not_end_the_others(size, said, rank):
    assert answer(1 + 2 * size, "failing", size) == ["ValueError", said, rank, True, 4]


@mpi
@pytest.mark.parametrize("task", ["unfinished", "forgotten"])
def test_pool_ends_with_tasks_unanswered(task):
    assert job(3, task).returncode == 0


@mpi
def test_factory_that_fails_is_told():
    assert answer(3, "broken").startswith(
        "making its function failed in worker 0 on rank 1: got KeyError: 'no such culture'; it said"
    )


@mpi
def test_rank_that_ends_ends_the_job():
    assert job(3, "leave").returncode != 0


@mpi
@pytest.mark.parametrize(
    ("task", "size", "said"),
    [
        ("quit", 1, "livn: rank 1 of 3 left the pool."),
        ("crash", 1, "Fatal Python error: Segmentation fault"),
        ("kill", 1, "Killed (signal 9)"),
        ("stuck", 2, "livn: rank 1 of 5 failed, and the others of its group wait since 1 s."),
    ],
)
def test_rank_that_ends_the_job_is_told_of(task, size, said):
    done = job(1 + 2 * size, task, size)
    assert done.returncode != 0
    assert said in done.stdout + done.stderr


@mpi
def test_job_of_a_rank_that_vanishes_does_not_hang():
    assert "true" not in job(3, "vanish").stdout  # MPICH ends all, some with status 0


@mpi
def test_root_that_raises_ends_the_job():
    done = job(3, "raising")
    assert done.returncode != 0
    assert "livn: rank 0 of 3 failed: the root has had enough" in done.stderr


class Ranks:
    """The size of a communicator."""

    def Get_size(self):
        return 3

    def Get_rank(self):
        return 0


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"workers": 2}, InvalidValue, "pool has two kinds of workers: got workers=2 and a comm"),
        (
            {"subworld_size": 3},
            InvalidValue,
            "too few ranks for a worker: got subworld_size=3",
        ),
        (
            {"subworld_size": 0},
            InvalidValue,
            "too few ranks for a worker: got subworld_size=0",
        ),
        ({"root": 3}, InvalidValue, "root is no rank: got 3; need -3 to 2"),
        ({"subworld_size": 1.0}, InvalidType, r"ranks are no integers: got subworld_size=1\.0"),
    ],
)
def test_ranks_that_make_no_pool_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        start(calculator, comm=Ranks(), **options)
