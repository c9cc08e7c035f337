"""What the workers of these tests do; importable by name, as workers need it."""

import ctypes
import os
import signal
import sys
import time
from pathlib import Path


class Calculator:
    """Answers tasks (name, arguments ...), and remembers what it was told."""

    def __init__(self, comm=None):
        self.comm = comm
        self.known = []

    def __call__(self, task):
        name, *arguments = task
        return getattr(self, name)(*arguments)

    def square(self, x):
        return x * x

    def slow_square(self, x, seconds):
        time.sleep(seconds)
        return x * x

    def know(self, fact):
        self.known.append(fact)
        return os.getpid()

    def what(self):
        return list(self.known)

    def pid(self):
        return os.getpid()

    def fail(self, x):
        raise ValueError(f"cannot do {x}")

    def odd(self):
        return lambda: None

    def leave(self, status):
        os._exit(status)

    def quit(self, status):
        sys.exit(status)

    def kill(self):
        sys.stderr.write("last words\n")
        os.kill(os.getpid(), signal.SIGKILL)

    def segfault(self):
        ctypes.string_at(0)

    def die_once(self, path):
        if not Path(path).exists():
            Path(path).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return self.known

    def mark(self, path, seconds):
        Path(path).touch()
        time.sleep(seconds)

    def rank_sum(self):
        return self.comm.allreduce(self.comm.Get_rank() + 1)

    def fail_before_others(self):
        if self.comm.Get_rank() == 0:
            raise ValueError("first of us")
        self.comm.barrier()

    def fail_on_one(self):
        if self.comm.Get_rank() == self.comm.Get_size() - 1:
            raise ValueError("one of us")
        return "fine"


def calculator(comm):
    """Make the function of a worker."""
    return Calculator(comm)


def broken(comm):
    """Fail to make it."""
    raise KeyError("no such culture")


def dying(comm):
    """End instead of making it."""
    sys.stderr.write("not even started\n")
    os._exit(7)


def dying_once(comm, path):
    """End once instead of making it."""
    if not Path(path).exists():
        Path(path).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return Calculator(comm)
