"""The pool: tasks go in, answers come out."""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from time import monotonic
from typing import Any, Self

from livn.errors import InvalidState, InvalidValue, RemoteError, WorkerDied


@dataclass(frozen=True)
class Answer:
    """What came of a task.

    Attributes:
        number: of the task.
        value: what the function returned; None if it failed.
        error: why it failed; None if it did not.
        worker: number of the worker that answered.
    """

    number: int
    value: Any
    error: RemoteError | None
    worker: int

    def result(self) -> Any:
        """Return the value, or raise the error."""
        if self.error is not None:
            raise self.error
        return self.value


class Pool(ABC):
    """Workers that answer tasks; a context manager that closes itself.

    Attributes:
        deaths: how every worker ended that died and was replaced, in order.
    """

    def __init__(self) -> None:
        self.deaths: list[WorkerDied] = []
        self._submitted = 0
        self._queue: deque[int] = deque()  # submitted, not yet given to a worker
        self._tasks: dict[int, Any] = {}  # submitted, not yet answered
        self._answers: dict[int, Answer] = {}  # answered, not yet taken
        self._closed = False

    @property
    @abstractmethod
    def n_workers(self) -> int:
        """Number of workers."""

    @property
    def outstanding(self) -> int:
        """Number of tasks whose answer has not been taken."""
        return len(self._tasks) + len(self._answers)

    @property
    def closed(self) -> bool:
        """Whether the workers were ended."""
        return self._closed

    def submit(self, task: Any) -> int:
        """Return the number of the task, which counts from 0; does not wait for its answer.

        Raises:
            InvalidType: if it cannot be sent to a worker.
            InvalidState: if the pool is closed.
        """
        self._check_open()
        self._tasks[self._submitted] = self._packed(task)
        self._queue.append(self._submitted)
        self._submitted += 1
        self._dispatch()
        return self._submitted - 1

    def next(self, timeout: float | None = None) -> Answer | None:
        """Return the answer that has been there longest, waiting for one if there is none.

        Args:
            timeout: s to wait; None for as long as it takes.

        Returns:
            None when no task is outstanding or the time is up.
        """
        self._check_open()
        end = None if timeout is None else monotonic() + timeout
        while not self._answers and self._tasks:
            left = None if end is None else max(0.0, end - monotonic())
            self._advance(left)
            if left == 0.0:
                break
        first = next(iter(self._answers), None)
        return None if first is None else self._answers.pop(first)

    def answers(self) -> Iterator[Answer]:
        """Yield answers as they come until no task is outstanding; more may be submitted."""
        while (answer := self.next()) is not None:
            yield answer

    def wait(self, number: int) -> Answer:
        """Return the answer to a task, waiting for it.

        Raises:
            InvalidValue: if there is no such task, or its answer was already taken.
        """
        while (answer := self._look(number)) is None:
            self._advance(None)
        return answer

    def probe(self, number: int) -> Answer | None:
        """Return the answer to a task, None while there is none.

        Raises:
            InvalidValue: if there is no such task, or its answer was already taken.
        """
        if number in self._tasks:
            self._advance(0.0)
        return self._look(number)

    def broadcast(self, task: Any) -> list[Any]:
        """Return what every worker answers to a task, such as a setting that each must have.

        Tasks submitted before are answered first. A worker that is restarted is given all earlier
        broadcasts again.

        Raises:
            RemoteError: if it fails in a worker.
        """
        self._check_open()
        message = self._packed(task)
        while self._tasks:
            self._advance(None)
        return self._tell_all(message)

    def close(self) -> None:
        """End the workers; tasks that are not answered are forgotten."""
        if not self._closed:
            self._closed = True
            self._queue.clear()
            self._stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    @abstractmethod
    def _packed(self, task: Any) -> Any:
        """Return a task as it is kept until it is answered."""

    @abstractmethod
    def _dispatch(self) -> None:
        """Give queued tasks to idle workers."""

    @abstractmethod
    def _advance(self, timeout: float | None) -> None:
        """Dispatch, and take in answers; wait up to `timeout` s (None: for ever) for one."""

    @abstractmethod
    def _tell_all(self, message: Any) -> list[Any]:
        """Return what every worker answers; all are idle."""

    @abstractmethod
    def _stop(self) -> None:
        """End the workers."""

    def _answered(self, number: int, worker: int, value: Any, error: RemoteError | None) -> None:
        del self._tasks[number]
        self._answers[number] = Answer(number, value, error, worker)

    def _look(self, number: int) -> Answer | None:
        self._check_open()
        if number not in self._tasks and number not in self._answers:
            raise InvalidValue(
                f"task has no answer to come: got {number!r}; {self._submitted} were submitted "
                f"and {self.outstanding} are outstanding. Each answer is taken once.",
                got=number,
            )
        return self._answers.pop(number, None)

    def _check_open(self) -> None:
        if self._closed:
            raise InvalidState("pool is closed: got a call after close(). Start a new pool.")
