"""A pool over the ranks of MPI: the root hands out tasks, groups of the other ranks answer them.

A rank that dies or leaves ends the whole job, as MPI does; a task that raises does not.
"""

import faulthandler
import pickle
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from time import monotonic, sleep
from typing import Any
from weakref import finalize

from livn.errors import InvalidType, InvalidValue
from livn.mpi import end_job, end_together
from livn.workers.outcome import Factory, Outcome, answer, attempt, pack
from livn.workers.pool import Pool

TASK, ANSWER = 1, 2  # tags
PAUSES = (1e-5, 1e-3)  # s, shortest and longest between two looks for a message
GRACE = 60.0  # s that a rank whose task raised waits for the others of its group


def start_ranks(factory: Factory, comm: Any, subworld_size: int, root: int) -> Pool | None:
    """Return the pool on the root; on other ranks work until it is closed, then return None.

    Arguments and errors are those of `livn.workers.start`.
    """
    n_ranks, rank = comm.Get_size(), comm.Get_rank()
    groups = _groups(n_ranks, subworld_size, root)
    end_together()
    ours = comm.Dup()  # so that messages of the pool meet no others
    group = next((g for g in groups if rank in g), [])
    mine = ours.Split(groups.index(group) if group else len(groups), rank)
    if rank == root % n_ranks:
        return Ranks(ours, groups)
    with _no_way_out():
        if group:
            _serve(factory, ours, mine, root % n_ranks)
        else:
            _receive(ours, root % n_ranks, TASK)
    mine.Free()
    ours.Free()
    return None


class Ranks(Pool):
    """The root's side of a pool of ranks; made by `livn.workers.start`."""

    def __init__(self, comm: Any, groups: list[list[int]]):
        super().__init__()
        self._comm, self._groups = comm, groups
        self._at: dict[int, int] = {}  # worker -> task in hand
        self._end = finalize(self, _dismiss, comm, groups, self._at)  # at exit at the latest
        self._await_all("making its function")

    @property
    def n_workers(self) -> int:
        """Number of groups of ranks."""
        return len(self._groups)

    def _packed(self, task: Any) -> bytes:
        return pack(task, "task")

    def _dispatch(self) -> None:
        for worker in range(self.n_workers):
            if worker not in self._at and self._queue:
                self._at[worker] = self._queue.popleft()
                self._tell(worker, self._tasks[self._at[worker]])

    def _advance(self, timeout: float | None) -> None:
        self._dispatch()
        end = None if timeout is None else monotonic() + timeout
        pause = PAUSES[0]
        while not self._take() and (end is None or monotonic() < end):
            sleep(pause)
            pause = min(2 * pause, PAUSES[1])
        self._dispatch()

    def _take(self) -> bool:
        """Take in the answers that have come, and return whether there were any."""
        came = [w for w in self._at if self._comm.iprobe(self._groups[w][0], ANSWER)]
        for worker in came:
            outcome, number = self._hear(worker), self._at.pop(worker)
            error = outcome.error(f"task {number}", worker)
            self._answered(number, worker, outcome.value, error)
        return bool(came)

    def _tell(self, worker: int, message: bytes) -> None:
        for rank in self._groups[worker]:
            self._comm.send(message, rank, TASK)

    def _hear(self, worker: int) -> Outcome:
        outcome: Outcome = _receive(self._comm, self._groups[worker][0], ANSWER)
        blob = outcome.value
        return outcome if blob is None else attempt(lambda: pickle.loads(blob))

    def _tell_all(self, message: bytes) -> list[Any]:
        for worker in range(self.n_workers):
            self._tell(worker, message)
        return self._await_all("broadcast")

    def _await_all(self, doing: str) -> list[Any]:
        """Return what every worker answers, or raise the first failure when all have."""
        outcomes = [self._hear(worker) for worker in range(self.n_workers)]
        for worker, outcome in enumerate(outcomes):
            error = outcome.error(doing, worker)
            if error is not None:
                raise error
        return [outcome.value for outcome in outcomes]

    def _stop(self) -> None:
        self._end()


def _groups(n_ranks: int, size: int, root: int) -> list[list[int]]:
    """Return the ranks of each worker."""
    if isinstance(size, bool) or not isinstance(size, int) or not isinstance(root, int):
        raise InvalidType(
            f"ranks are no integers: got subworld_size={size!r}, root={root!r}; need integers."
        )
    if not -n_ranks <= root < n_ranks:
        raise InvalidValue(
            f"root is no rank: got {root}; need {-n_ranks} to {n_ranks - 1}.", got=root
        )
    if not 1 <= size < n_ranks:
        raise InvalidValue(
            f"too few ranks for a worker: got subworld_size={size} with {n_ranks} ranks, one of "
            f"which hands out tasks; need 1 to {n_ranks - 1}. Start more with mpiexec -n.",
            got=size,
            allowed=n_ranks - 1,
        )
    others = [rank for rank in range(n_ranks) if rank != root % n_ranks]
    whole = len(others) // size * size
    return [others[k : k + size] for k in range(0, whole, size)]


def _serve(factory: Factory, ours: Any, mine: Any, root: int) -> None:
    """Answer tasks of the root with the other ranks of this group, until dismissed."""
    faulthandler.enable(all_threads=False)
    first = mine.Get_rank() == 0
    agreeing = mine.Dup()  # what the function sends must not meet how the group agrees
    made = attempt(lambda: factory(mine))
    rank = ours.Get_rank()
    outcome = _agreed(agreeing, Outcome(failure=made.failure), rank)
    function: Callable[[Any], Any] = made.value
    while True:
        if first:
            ours.send(outcome, root, ANSWER)
        message = _receive(ours, root, TASK)
        if message is None:
            break
        outcome = _agreed(agreeing, answer(function, message), rank)
    agreeing.Free()


def _agreed(group: Any, outcome: Outcome, rank: int) -> Outcome:
    """Return the outcome of the first rank, or the first failure of any, with its `rank`.

    Ranks that wait for one that has raised wait for ever: that ends the job after a time of grace.
    """
    if outcome.failure is not None:
        outcome = Outcome(failure=replace(outcome.failure, rank=rank))
    if group.Get_size() == 1:
        return outcome
    there = group.Ibarrier()
    end = monotonic() + GRACE
    while not there.Test():
        if outcome.failure is not None and monotonic() > end:
            waiting = f"failed, and the others of its group wait since {GRACE:g} s."
            end_job(outcome.failure.traceback, waiting)
        sleep(PAUSES[1])
    failures = [failure for failure in group.allgather(outcome.failure) if failure is not None]
    return Outcome(failure=failures[0]) if failures else outcome


def _receive(comm: Any, source: int, tag: int) -> Any:
    """Return the next message, leaving the processor to others while there is none."""
    pause = PAUSES[0]
    while not comm.iprobe(source, tag):
        sleep(pause)
        pause = min(2 * pause, PAUSES[1])
    return comm.recv(source=source, tag=tag)


def _dismiss(comm: Any, groups: list[list[int]], at: dict[int, int]) -> None:
    """Hear the answers that are still to come and tell every rank that there is no more to do."""
    for worker in at:
        _receive(comm, groups[worker][0], ANSWER)
    for rank in range(comm.Get_size()):
        if rank != comm.Get_rank():
            comm.send(None, rank, TASK)
    comm.Free()


@contextmanager
def _no_way_out() -> Iterator[None]:
    """End the job when this rank leaves early (sys.exit, Ctrl-C): the root would wait for it."""
    finished = False
    try:
        yield
        finished = True
    finally:
        if not finished:
            end_job(traceback.format_exc(), "left the pool.")
