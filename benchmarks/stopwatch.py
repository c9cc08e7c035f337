"""Processor time that passes in one method of an object."""

import time
from typing import Any


class Stopwatch:
    """Stands before a method and adds up the processor time of its calls, s.

    Args:
        owner: whose method.
        name: of the method.
    """

    def __init__(self, owner: Any, name: str):
        self._method, self.seconds = getattr(owner, name), 0.0
        setattr(owner, name, self)

    def __call__(self, *arguments: Any) -> Any:
        start = time.process_time()
        answer = self._method(*arguments)
        self.seconds += time.process_time() - start
        return answer
