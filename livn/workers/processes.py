"""A pool of processes on this machine, each a fresh interpreter (spawn)."""

import pickle
import signal
import sys
from collections import deque
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from threading import Thread
from typing import Any

from livn.errors import InvalidType, InvalidValue, RemoteError, WorkerDied
from livn.workers.child import work
from livn.workers.outcome import Factory, Outcome, attempt, pack
from livn.workers.pool import Pool

TRIES = 2  # of a task whose worker dies
STARTS = 3  # of a worker that dies before it is ready
LAST_LINES = 40  # of the standard error of a worker that are kept
PATIENCE = 5.0  # s for a process to end by itself


class Died(Exception):
    """A worker process has ended."""


class Worker:
    """One process, and the task it is at.

    Attributes:
        number: of the worker, which its successor inherits.
        task: number of the task in hand, None when idle.
    """

    def __init__(self, number: int, factory: bytes):
        self.number = number
        self.task: int | None = None
        self._lines: deque[str] = deque(maxlen=LAST_LINES)
        context = get_context("spawn")
        self.connection, theirs = context.Pipe()
        stderr, writer = context.Pipe(duplex=False)
        self.process = context.Process(
            target=work,
            args=(theirs, writer, factory),
            name=f"livn worker {number}",
            daemon=True,
        )
        self.process.start()
        theirs.close()
        writer.close()
        self._reader = Thread(target=self._pass_on, args=(stderr,), daemon=True)
        self._reader.start()

    def send(self, message: bytes) -> None:
        """Send a packed task.

        Raises:
            Died: if the process has ended.
        """
        try:
            self.connection.send_bytes(message)
        except OSError as error:
            raise Died from error

    def receive(self) -> Outcome:
        """Return what came of the message sent last, waiting for it.

        Raises:
            Died: if the process has ended.
        """
        wait([self.connection, self.process.sentinel])
        try:
            if not self.connection.poll():
                raise Died
            outcome: Outcome = self.connection.recv()
        except (EOFError, OSError) as error:
            raise Died from error
        if outcome.failure is not None:
            return outcome
        blob = outcome.value
        return outcome if blob is None else attempt(lambda: pickle.loads(blob))

    def died(self, doing: str) -> WorkerDied:
        """Return how it ended, having been `doing` something."""
        self.process.join(PATIENCE)
        self._reader.join(PATIENCE)
        status, pid = self.process.exitcode, self.process.pid
        kind = f"exit status {status}"
        if status is not None and status < 0:
            kind = signal.Signals(-status).name
        hint = " (is memory short?)" if kind == "SIGKILL" else ""
        lines = "\n".join(self._lines)
        return WorkerDied(
            f"worker {self.number} died while {doing}: got {kind}{hint} of process {pid}; need an "
            f"answer. It said last:\n{lines or '(nothing)'}",
            worker=self.number,
            kind=kind,
            said=f"process {pid} ended while {doing}",
            traceback=lines,
        )

    def stop(self) -> None:
        """End the process: at once when it is at a task, else by itself."""
        self.connection.close()
        if self.task is not None:
            self.process.terminate()
        self.process.join(PATIENCE)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self._reader.join(PATIENCE)

    def _pass_on(self, stderr: Connection) -> None:
        """Write what the process says to the standard error of this one, and keep the end."""
        with stderr, open(stderr.fileno(), errors="replace", closefd=False) as lines:
            for line in lines:
                self._lines.append(line.rstrip("\n"))
                sys.stderr.write(line)


class Processes(Pool):
    """Workers that are processes; one that dies is replaced, and its task tried once more.

    Args:
        factory: called in each with None; returns the function task -> answer.
        n_workers: number of processes, >= 1.

    Raises:
        InvalidType: if the factory cannot be pickled.
        InvalidValue: if there are fewer than 1.
        RemoteError: if the factory fails in a worker.
    """

    def __init__(self, factory: Factory, n_workers: int):
        super().__init__()
        if isinstance(n_workers, bool) or not isinstance(n_workers, int):
            raise InvalidType(
                f"number of workers is no integer: got {n_workers!r}; need 1 or more."
            )
        if n_workers < 1:
            raise InvalidValue(
                f"pool has too few workers: got {n_workers}; need 1 or more.", got=n_workers
            )
        self._factory = pack(factory, "factory")
        self._told: list[bytes] = []  # what every worker must know
        self._tries: dict[int, int] = {}
        self._workers = [Worker(k, self._factory) for k in range(n_workers)]
        for worker in list(self._workers):
            self._make_ready(worker)

    @property
    def n_workers(self) -> int:
        """Number of processes."""
        return len(self._workers)

    @property
    def pids(self) -> list[int | None]:
        """Process id of each worker."""
        return [worker.process.pid for worker in self._workers]

    def _packed(self, task: Any) -> bytes:
        return pack(task, "task")

    def _dispatch(self) -> None:
        for worker in list(self._workers):
            if worker.task is None and self._queue:
                self._give(worker)

    def _give(self, worker: Worker) -> None:
        number = self._queue[0]
        try:
            worker.send(self._tasks[number])
        except Died:
            self.deaths.append(worker.died("idle"))
            self._replace(worker)
            return
        self._queue.popleft()
        worker.task = number
        self._tries[number] = self._tries.get(number, 0) + 1

    def _advance(self, timeout: float | None) -> None:
        self._dispatch()
        busy = [worker for worker in self._workers if worker.task is not None]
        signs: dict[Any, Worker] = {worker.connection: worker for worker in busy}
        signs |= {worker.process.sentinel: worker for worker in busy}
        for worker in {signs[sign] for sign in wait(list(signs), timeout)}:
            self._take(worker)
        self._dispatch()

    def _take(self, worker: Worker) -> None:
        """Take in the answer of a worker that has something to say, or its death."""
        number = worker.task
        assert number is not None
        try:
            outcome = worker.receive()
        except Died:
            self._mourn(worker)
            return
        worker.task = None
        del self._tries[number]
        error = outcome.error(f"task {number}", worker.number)
        self._answered(number, worker.number, outcome.value, error)

    def _mourn(self, worker: Worker) -> None:
        """Replace a worker that died at a task, which is tried again or answered with that."""
        number = worker.task
        death = worker.died(f"at task {number}")
        self.deaths.append(death)
        if number is not None and self._tries[number] < TRIES:
            self._queue.appendleft(number)
        elif number is not None:
            del self._tries[number]
            self._answered(number, worker.number, None, death)
        self._replace(worker)

    def _replace(self, worker: Worker) -> Worker:
        return self._make_ready(self._successor(worker))

    def _successor(self, worker: Worker) -> Worker:
        worker.connection.close()
        self._workers[worker.number] = Worker(worker.number, self._factory)
        return self._workers[worker.number]

    def _make_ready(self, worker: Worker, starts: int = 1) -> Worker:
        """Return a worker that has its function and was told what was told before.

        Args:
            worker: that was just started, or its successor if it dies now.
            starts: how often it was started.

        Raises:
            RemoteError: if that fails, or it dies at the last start; the pool is closed then.
        """
        doing = "making its function"
        try:
            outcome = worker.receive()
            for message in self._told:
                if outcome.failure is None:
                    doing = "being told again what was broadcast"
                    worker.send(message)
                    outcome = worker.receive()
        except Died:
            self.deaths.append(worker.died(doing))
            if starts < STARTS:
                return self._make_ready(self._successor(worker), starts + 1)
            self.close()
            raise self.deaths[-1] from None
        error = outcome.error(doing, worker.number)
        if error is not None:
            self.close()
            raise error
        return worker

    def _tell_all(self, message: bytes) -> list[Any]:
        for worker in list(self._workers):
            try:
                worker.send(message)
            except Died:
                self.deaths.append(worker.died("idle"))
                self._replace(worker).send(message)
        values: list[Any] = []
        errors: list[RemoteError | None] = []
        for worker in list(self._workers):
            try:
                outcome = worker.receive()
            except Died:
                self.deaths.append(worker.died("being told what was broadcast"))
                errors.append(self.deaths[-1])
                self._replace(worker)
                continue
            values.append(outcome.value)
            errors.append(outcome.error("broadcast", worker.number))
        for error in errors:
            if error is not None:
                raise error
        self._told.append(message)
        return values

    def _stop(self) -> None:
        for worker in self._workers:
            worker.connection.close()  # all at once, so that they end side by side
        for worker in self._workers:
            worker.stop()
