"""What runs in a process that is a worker."""

import faulthandler
import os
import pickle
import signal
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from threading import Thread

from livn.workers.outcome import Outcome, answer, attempt


def work(connection: Connection, stderr: Connection, factory: bytes) -> None:
    """Answer tasks until the connection is closed.

    Args:
        connection: receives packed tasks, sends pickled outcomes; the first is of the factory.
        stderr: takes the place of this process's standard error.
        factory: packed.
    """
    os.dup2(stderr.fileno(), 2)
    stderr.close()
    faulthandler.enable(all_threads=False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the parent decides
    Thread(target=_end_with_the_parent, daemon=True).start()
    made = attempt(lambda: pickle.loads(factory)(None))
    connection.send(Outcome(failure=made.failure))
    while made.failure is None:
        try:
            message = connection.recv_bytes()
        except EOFError:
            break
        connection.send(answer(made.value, message))


def _end_with_the_parent() -> None:
    """End this process, in the middle of a task too, when nobody is left to hear its answer."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
