"""A pool without workers: tasks are answered in this process, one when one is waited for."""

from collections.abc import Callable
from typing import Any

from livn.workers.outcome import Factory, attempt
from livn.workers.pool import Pool


class Here(Pool):
    """Answers tasks in this process, in the order they were submitted.

    Args:
        factory: called with None; returns the function task -> answer.
    """

    def __init__(self, factory: Factory) -> None:
        super().__init__()
        self._function: Callable[[Any], Any] = factory(None)

    @property
    def n_workers(self) -> int:
        """1: this process."""
        return 1

    def _packed(self, task: Any) -> Any:
        return task

    def _dispatch(self) -> None:
        pass

    def _advance(self, timeout: float | None) -> None:
        number = self._queue.popleft()
        outcome = attempt(lambda: self._function(self._tasks[number]))
        self._answered(number, 0, outcome.value, outcome.error(f"task {number}", 0))

    def _tell_all(self, message: Any) -> list[Any]:
        outcome = attempt(lambda: self._function(message))
        error = outcome.error("broadcast", 0)
        if error is not None:
            raise error
        return [outcome.value]

    def _stop(self) -> None:
        pass
