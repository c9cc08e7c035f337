"""One process at a time computes a record; the kernel frees the lock of one that is killed."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK = "lock"


class Taken(Exception):
    """Another process has the lock; says which."""


@contextmanager
def exclusively(directory: Path) -> Iterator[None]:
    """Hold the lock of a directory.

    Raises:
        Taken: if another process holds it.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / LOCK).open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise Taken(lock.read().strip()) from None
        lock.truncate(0)
        lock.write(f"process {os.getpid()} on {os.uname().nodename}\n")
        lock.flush()
        yield


def holder(directory: Path) -> str:
    """Return which process holds the lock, "process 12 on host"; empty if none does."""
    path = directory / LOCK
    if not path.exists():
        return ""
    with path.open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return lock.read().strip()
    return ""
