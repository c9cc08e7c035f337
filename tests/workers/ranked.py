"""What mpiexec runs in test_ranks.py: a pool over the ranks there are, then a line of JSON.

python ranked.py TASK SUBWORLD_SIZE ROOT; the root prints what the task returns.
"""

import json
import pickle
import sys

from calculator import broken, calculator

from livn.errors import LivnError
from livn.mpi import world
from livn.workers import ranks, start


def squares(pool):
    """Answer more tasks than there are workers, from the last to the first."""
    numbers = [pool.submit(("square", x)) for x in range(9)]
    return [pool.wait(n).result() for n in reversed(numbers)], pool.n_workers


def few(pool):
    """Answer fewer tasks than there are workers."""
    return pool.wait(pool.submit(("square", 3))).result(), pool.n_workers


def groups(pool):
    """Let the ranks of a group answer together."""
    numbers = [pool.submit(("rank_sum",)) for _ in range(4)]
    return [pool.wait(n).result() for n in numbers], pool.n_workers


def told(pool):
    """Tell every worker, and look who knows."""
    before = pool.submit(("what",))
    told = len(set(pool.broadcast(("know", "a"))))
    after = [pool.submit(("slow_square", 2, 0.05)) for _ in range(pool.n_workers)]
    seen = {pool.wait(n).worker for n in after}
    known = pool.wait(pool.submit(("what",))).result()
    return told, sorted(seen), pool.wait(before).result(), known


def failing(pool):
    """Let a task raise, on one rank of its group where there are several."""
    bad = pool.submit(("fail", 5) if pool.several else ("fail_on_one",))
    good = pool.submit(("square", 2))
    error = pickle.loads(pickle.dumps(pool.wait(bad).error))
    told = error.kind, error.said, error.rank, "Traceback" in error.traceback
    return *told, pool.wait(good).result()


def unfinished(pool):
    """Close with tasks at hand and in the queue."""
    for x in range(5):
        pool.submit(("slow_square", x, 0.1))


def forgotten(pool):
    """Leave the pool open and tasks unanswered."""
    unfinished(pool)
    sys.exit(0)


def stuck(pool):
    """Let a rank raise while the other of its group waits for it in a collective call."""
    return pool.wait(pool.submit(("fail_before_others",)))


def crash(pool):
    """Let a rank read where there is no memory."""
    return pool.wait(pool.submit(("segfault",)))


def kill(pool):
    """Let a rank be killed."""
    return pool.wait(pool.submit(("kill",)))


def leave(pool):
    """Let a rank end without MPI knowing."""
    return pool.wait(pool.submit(("leave", 3)))


def vanish(pool):
    """Let a rank end without MPI knowing, as if all were well."""
    return bool(pool.wait(pool.submit(("leave", 0))))


def quit(pool):
    """Let a rank call sys.exit."""
    return pool.wait(pool.submit(("quit", 0)))


def raising(pool):
    """Raise on the root while a worker is at a task."""
    pool.submit(("slow_square", 2, 0.2))
    raise ValueError("the root has had enough")


if __name__ == "__main__":
    task, size, root = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    if task == "broken":
        try:
            start(broken, comm=world(), subworld_size=size, root=root)
        except LivnError as error:
            sys.stdout.write(json.dumps(str(error)) + "\n")
        sys.exit(0)
    ranks.GRACE = 1.0  # s
    pool = start(calculator, comm=world(), subworld_size=size, root=root)
    if pool is not None:
        pool.several = size == 1
        if task == "forgotten":
            forgotten(pool)
        with pool:
            result = globals()[task](pool)
        sys.stdout.write(json.dumps(result) + "\n")
