"""What came of a task: what it returned, or what it raised, as bytes that another process reads."""

import pickle
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.reduction import ForkingPickler
from typing import Any

from livn.errors import InvalidType, RemoteError

Factory = Callable[[Any], Callable[[Any], Any]]


@dataclass(frozen=True)
class Failure:
    """What was raised, told in text: its class may be unknown where it is read.

    Attributes:
        rank: of MPI that it was raised on.
    """

    kind: str
    said: str
    traceback: str
    rank: int | None = None


@dataclass(frozen=True)
class Outcome:
    """A value, or the failure in its place."""

    value: Any = None
    failure: Failure | None = None

    def error(self, doing: str, worker: int) -> RemoteError | None:
        """Return what to raise for a worker that was `doing` something; None if it did."""
        if self.failure is None:
            return None
        kind, said, rank = self.failure.kind, self.failure.said, self.failure.rank
        where = f"worker {worker}" + ("" if rank is None else f" on rank {rank}")
        return RemoteError(
            f"{doing} failed in {where}: got {kind}: {said}; it said there:\n"
            f"{self.failure.traceback}",
            worker=worker,
            **vars(self.failure),
        )


def attempt(call: Callable[[], Any]) -> Outcome:
    """Return what a call returned or raised; whoever gets it must tell of the failure."""
    try:
        return Outcome(call())
    except Exception as error:  # what a task raises is for the one who asked, not for the worker
        shown = traceback.format_exception(
            type(error), error, error.__traceback__ and error.__traceback__.tb_next
        )
        kind = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
        return Outcome(failure=Failure(kind, str(error), "".join(shown)))


def pack(thing: Any, what: str) -> bytes:
    """Return `thing` as bytes.

    Raises:
        InvalidType: if it cannot be pickled.
    """
    try:
        return bytes(ForkingPickler.dumps(thing))
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        raise InvalidType(
            f"{what} cannot be sent to a worker: got {error}; need what pickle takes. Give "
            "functions and classes that are importable by name.",
            got=thing,
        ) from error


def answer(function: Callable[[Any], Any], message: bytes) -> Outcome:
    """Return the packed value of a packed task, or its failure."""
    return attempt(lambda: pack(function(pickle.loads(message)), "answer"))
