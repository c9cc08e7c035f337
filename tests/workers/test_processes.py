"""Tasks in other processes: answers, errors, real kills."""

import os
import pickle
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
from calculator import broken, calculator, dying, dying_once

from livn.errors import InvalidState, InvalidType, InvalidValue, RemoteError, WorkerDied
from livn.workers import Here, Processes, start

TIMEOUT = 60  # s, after which something that hangs is taken to do so


@pytest.fixture(scope="module")
def pool():
    with start(calculator, workers=2) as started:
        yield started
        assert started.outstanding == 0


@pytest.fixture
def fresh():
    with Processes(calculator, 2) as started:
        yield started


@pytest.fixture(params=["here", "processes"])
def either(request, pool):
    if request.param == "processes":
        return pool
    return Here(calculator)


def test_answers_in_any_order(either):
    numbers = [either.submit(("square", x)) for x in range(5)]
    assert [either.wait(n).result() for n in reversed(numbers)] == [16, 9, 4, 1, 0]


def test_answers_as_they_come_while_more_is_submitted(either):
    waiting, found = list(range(8)), []
    for _ in range(3):
        either.submit(("square", waiting.pop()))
    for answer in either.answers():
        found.append(answer.result())
        if waiting:
            either.submit(("square", waiting.pop()))
    assert sorted(found) == [x * x for x in range(8)]
    assert either.next() is None


def test_probing_does_not_wait(pool):
    number = pool.submit(("slow_square", 3, 0.3))
    assert pool.probe(number) is None
    assert pool.next(timeout=0.01) is None
    assert pool.outstanding == 1
    assert pool.wait(number).result() == 9


def test_tasks_are_answered_side_by_side(pool):
    for _ in range(6):
        pool.submit(("slow_square", 1, 0.05))
    assert {answer.worker for answer in pool.answers()} == {0, 1}


def test_exception_arrives_with_type_message_traceback_and_worker(either):
    good, bad = either.submit(("square", 2)), either.submit(("fail", 5))
    answer = either.wait(bad)
    assert answer.value is None
    error = answer.error
    assert (error.kind, error.said, error.worker) == ("ValueError", "cannot do 5", answer.worker)
    assert 'raise ValueError(f"cannot do {x}")' in error.traceback
    with pytest.raises(
        RuntimeError,
        match=rf"^task {bad} failed in worker \d: got ValueError: cannot do 5; it said there:\n",
    ):
        answer.result()
    assert either.wait(good).result() == 4


def test_errors_of_tasks_survive_pickling(pool):
    error = pool.wait(pool.submit(("fail", 5))).error
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is RemoteError
    assert vars(again) == vars(error)


def test_answer_that_cannot_be_sent_is_an_error(pool):
    error = pool.wait(pool.submit(("odd",))).error
    assert error.kind == "livn.errors.InvalidType"
    assert "answer cannot be sent to a worker: got " in error.said


def test_task_that_cannot_be_sent_is_refused(pool):
    with pytest.raises(InvalidType, match=r"task cannot be sent to a worker: got .*; need what p"):
        pool.submit(lambda: None)
    assert pool.outstanding == 0


def test_broadcast_reaches_every_worker_after_the_tasks_before_it(fresh):
    before = [fresh.submit(("what",)) for _ in range(4)]
    pids = fresh.broadcast(("know", "a"))
    assert pids == fresh.pids
    after = [fresh.submit(("what",)) for _ in range(4)]
    assert [fresh.wait(n).result() for n in before] == [[]] * 4
    assert [fresh.wait(n).result() for n in after] == [["a"]] * 4


def test_broadcast_that_fails_raises(either):
    with pytest.raises(RemoteError, match=r"^broadcast failed in worker 0: got ValueError: cann"):
        either.broadcast(("fail", 1))


def test_killed_worker_is_replaced_and_told_again_and_its_task_retried(fresh, tmp_path):
    fresh.broadcast(("know", "a"))
    fresh.broadcast(("know", "b"))
    old = fresh.pids
    number = fresh.submit(("die_once", str(tmp_path / "once")))
    assert fresh.wait(number).result() == ["a", "b"]
    (death,) = fresh.deaths
    assert (death.kind, death.worker) == ("SIGKILL", 0)
    assert fresh.pids[0] != old[0]
    assert fresh.pids[1] == old[1]


@pytest.mark.parametrize(
    ("task", "kind", "said"),
    [
        (("kill",), "SIGKILL", "last words"),
        (("segfault",), "SIGSEGV", "Fatal Python error: Segmentation fault"),
        (("leave", 3), "exit status 3", ""),
        (("quit", 4), "exit status 4", ""),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_worker_that_dies_twice_is_named_and_does_not_end_the_others(pool, task, kind, said):
    before = len(pool.deaths)
    good = [pool.submit(("square", x)) for x in range(3)]
    bad = pool.submit(task)
    good += [pool.submit(("square", x)) for x in range(3, 6)]
    error = pool.wait(bad).error
    assert isinstance(error, WorkerDied)
    assert error.kind == kind
    assert f"worker {error.worker} died while at task {bad}: got {kind}" in str(error)
    assert said in error.traceback
    assert len(pool.deaths) == before + 2
    assert [pool.wait(n).result() for n in good] == [0, 1, 4, 9, 16, 25]


def test_worker_killed_from_outside_while_idle_is_replaced(fresh):
    fresh.broadcast(("know", "a"))
    os.kill(fresh.pids[0], signal.SIGKILL)
    numbers = [fresh.submit(("what",)) for _ in range(4)]
    assert [fresh.wait(n).result() for n in numbers] == [["a"]] * 4
    assert [death.kind for death in fresh.deaths] == ["SIGKILL"]


def test_worker_killed_before_a_broadcast_is_told_too(fresh):
    os.kill(fresh.pids[1], signal.SIGKILL)
    time.sleep(0.1)
    assert fresh.broadcast(("know", "a")) == fresh.pids
    numbers = [fresh.submit(("what",)) for _ in range(4)]
    assert [fresh.wait(n).result() for n in numbers] == [["a"]] * 4


def test_factory_that_fails_is_told():
    with pytest.raises(RemoteError, match=r"^making its function failed in worker 0: got KeyErr"):
        start(broken, workers=2)
    with pytest.raises(
        WorkerDied,
        match=r"(?s)^worker 0 died while making its function: got exit status 7 .*not even started",
    ):
        start(dying, workers=1)


def test_worker_that_dies_while_it_starts_is_started_again(tmp_path):
    with Processes(partial(dying_once, path=str(tmp_path / "once")), 1) as pool:
        assert pool.wait(pool.submit(("square", 3))).result() == 9
        assert [death.kind for death in pool.deaths] == ["SIGKILL"]


@pytest.mark.parametrize(
    ("factory", "workers", "error", "message"),
    [
        (lambda comm: None, 1, InvalidType, "factory cannot be sent to a worker: got"),
        (calculator, -1, InvalidValue, "pool has too few workers: got -1; need 1 or more"),
        (calculator, 1.5, InvalidType, r"number of workers is no integer: got 1\.5"),
    ],
)
def test_wrong_pools_are_refused(factory, workers, error, message):
    with pytest.raises(error, match=message):
        start(factory, workers=workers)


def test_answers_are_taken_once(either):
    number = either.submit(("square", 1))
    either.wait(number)
    with pytest.raises(InvalidValue, match=rf"task has no answer to come: got {number}; "):
        either.wait(number)
    with pytest.raises(InvalidValue, match="task has no answer to come: got 'x'"):
        either.probe("x")


def test_closed_pool_refuses_everything_and_leaves_no_process():
    pool = start(calculator, workers=2)
    pool.submit(("slow_square", 1, TIMEOUT))
    pool.close()
    pool.close()
    for pid in pool.pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    for call in (
        lambda: pool.submit(1),
        pool.next,
        lambda: pool.wait(0),
        lambda: pool.broadcast(1),
    ):
        with pytest.raises(InvalidState, match=r"pool is closed: got a call after close\(\)"):
            call()


PARENT = """
import sys
sys.path.insert(0, {folder!r})
from calculator import calculator
from livn.workers import start
if __name__ == "__main__":
    pool = start(calculator, workers=1)
    print(*pool.pids, flush=True)
    pool.submit(("mark", {marker!r}, 1e6))
    pool.next()
"""


def test_workers_end_with_a_parent_that_is_killed(tmp_path):
    script, marker = tmp_path / "parent.py", tmp_path / "started"
    script.write_text(PARENT.format(folder=str(Path(__file__).parent), marker=str(marker)))
    parent = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True)
    pid = int(parent.stdout.readline())
    end = time.monotonic() + TIMEOUT
    while not marker.exists() and time.monotonic() < end:
        time.sleep(0.01)
    parent.kill()
    parent.communicate()
    while _running(pid) and time.monotonic() < end:
        time.sleep(0.01)
    assert not _running(pid)


def _running(pid):
    """Return whether the process is there and no zombie that nobody has collected."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
