"""The exceptions livn raises, and how their messages are made.

Every message reads ``<thing> <problem>: got <value>; <allowed or nearest>. <what to do>``.
Each class also subclasses the builtin a caller would expect to catch::

    LivnError
    ├── InvalidValue      ValueError           a value outside what is allowed
    │   └── CorruptFile                        a file that is truncated, foreign or inconsistent
    ├── InvalidType       TypeError            a value of a kind that is not accepted
    ├── UnknownName       KeyError             names that match nothing, with the nearest valid ones
    │   └── UnknownRecordable  AttributeError  a state no cell has
    ├── InvalidState      RuntimeError         a call at a moment when it cannot be carried out
    ├── Diverged          FloatingPointError   a voltage became nan or infinite
    ├── NotSupported      NotImplementedError  a feature this backend, model or io does not have
    ├── BackendNotFound   ImportError          no such backend, or its simulator is not installed
    └── RemoteError       RuntimeError         a task failed in a worker
        └── WorkerDied                         the worker ended without an answer
"""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from functools import partial
from typing import Any


class LivnError(Exception):
    """Base of all livn exceptions.

    Attributes:
        got: the offending value (or values), None where there is none.
        allowed: what would have been accepted, None where it cannot be listed.
    """

    def __init__(self, message: str, *, got: Any = None, allowed: Any = None):
        super().__init__(message)
        self.message = message
        self.got = got
        self.allowed = allowed

    def __str__(self) -> str:  # KeyError would print the repr
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, self.got, self.allowed)


def _rebuild(cls: type[LivnError], message: str, got: Any, allowed: Any) -> LivnError:
    return cls(message, got=got, allowed=allowed)


class InvalidValue(LivnError, ValueError):
    """A value is outside what is allowed."""


class CorruptFile(InvalidValue):
    """A file is truncated, foreign, or contradicts itself."""


class InvalidType(LivnError, TypeError):
    """A value is of a kind that is not accepted."""


class UnknownName(LivnError, KeyError):
    """One or more names match nothing; `got` lists them, `allowed` the valid ones."""


class UnknownRecordable(UnknownName, AttributeError):
    """A state that no cell of this Env has was asked for."""


class InvalidState(LivnError, RuntimeError):
    """A call came at a moment when it cannot be carried out."""


class Diverged(LivnError, FloatingPointError):
    """A membrane potential became nan or infinite; `got` lists the gids."""


class NotSupported(LivnError, NotImplementedError):
    """A feature is not available here; `allowed` lists the backends that have it."""


class BackendNotFound(LivnError, ImportError):
    """No backend of that name, or the simulator it needs is not installed."""


class RemoteError(LivnError, RuntimeError):
    """A task failed in a worker.

    Attributes:
        worker: number of the worker.
        rank: of MPI that raised; None if the worker is none.
        kind: type of what was raised there, as "module.Name".
        said: its message.
        traceback: its traceback as text; of a worker that died, the last lines of its stderr.
    """

    def __init__(
        self,
        message: str,
        *,
        worker: int,
        kind: str,
        said: str,
        traceback: str,
        rank: int | None = None,
    ):
        super().__init__(message, got=said)
        self.worker, self.rank = worker, rank
        self.kind, self.said, self.traceback = kind, said, traceback

    def __reduce__(self) -> tuple[Any, ...]:
        details = {n: vars(self)[n] for n in ("worker", "rank", "kind", "said", "traceback")}
        return partial(type(self), self.message, **details), ()


class WorkerDied(RemoteError):
    """A worker ended without an answer; `kind` is its signal or exit status."""


def nearest(name: str, known: Iterable[str], n: int = 3) -> list[str]:
    """Return up to `n` of the `known` names that look most like `name`, best first."""
    by_folded = {k.lower(): k for k in known}
    return [by_folded[m] for m in get_close_matches(name.lower(), list(by_folded), n, cutoff=0.5)]


def unknown_names(
    kind: str,
    names: Sequence[str],
    known: Iterable[str],
    *,
    hints: dict[str, str] | None = None,
    error: type[UnknownName] = UnknownName,
) -> UnknownName:
    """Return the error for `names` that are not among `known`: all of them at once.

    Args:
        kind: what the names should have named, singular ("weight key", "population").
        names: every name that matched nothing.
        known: the valid names.
        hints: a better suggestion per name where the caller knows one.
        error: the exception class to build.
    """
    valid = sorted(known)
    parts = []
    for name in names:
        close = [hints[name]] if hints and name in hints else nearest(name, valid, 1)
        parts.append(f"{name!r} (did you mean {close[0]!r}?)" if close else repr(name))
    listed = ", ".join(valid[:20]) + (f", … ({len(valid)} in all)" if len(valid) > 20 else "")
    plural = kind if len(names) == 1 else f"{kind}s"
    message = f"unknown {plural}: got {', '.join(parts)}; known: {listed or 'none'}."
    return error(message, got=list(names), allowed=valid)
