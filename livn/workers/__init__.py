"""Workers: many tasks at once, over processes of this machine or ranks of MPI.

A factory is called once in each worker and returns the function that answers tasks there::

    def culture(comm):                      # importable by name, so that it can be pickled
        env = livn.make("EI2", backend="native").record_spikes()
        return lambda k: len(env.clear().reseed_noise(k).run(1000).spike_times)

    with start(culture, workers=2) as pool:
        numbers = [pool.submit(k) for k in range(8)]
        counts = [pool.wait(number).result() for number in numbers]

A task must not depend on which worker answers it or on what was asked before; then results do not
depend on the number of workers either. A script that starts processes needs the usual
`if __name__ == "__main__":`.
"""

from collections.abc import Callable
from typing import Any

from livn.errors import InvalidValue
from livn.workers.here import Here
from livn.workers.outcome import Factory
from livn.workers.pool import Answer, Pool
from livn.workers.processes import Processes
from livn.workers.ranks import Ranks, start_ranks

__all__ = ["Answer", "Factory", "Here", "Pool", "Processes", "Ranks", "start"]


def start(
    factory: Callable[[Any], Callable[[Any], Any]],
    workers: int = 0,
    comm: Any = None,
    subworld_size: int = 1,
    root: int = 0,
) -> Pool | None:
    """Return a pool whose workers are ready.

    With a communicator every rank must call this. The root gets the pool at once; every other
    rank works until the pool is closed and then gets None.

    Args:
        factory: called once in each worker with the communicator of its group of ranks (None
            without MPI); returns the function task -> answer.
        workers: number of processes; 0 answers here, in this process.
        comm: communicator of mpi4py whose ranks are the workers, instead of processes.
        subworld_size: ranks per worker; ranks that fill no group are idle.
        root: rank that gets the pool, from the end where negative.

    Raises:
        InvalidValue: if there are both workers and a communicator, or too few ranks.
        InvalidType: if the factory cannot be pickled.
        RemoteError: if the factory fails in a worker.
    """
    if comm is not None and workers:
        raise InvalidValue(
            f"pool has two kinds of workers: got workers={workers} and a communicator of "
            f"{comm.Get_size()} ranks; need one of them. Leave workers out.",
            got=workers,
        )
    if comm is not None:
        return start_ranks(factory, comm, subworld_size, root)
    return Processes(factory, workers) if workers else Here(factory)
