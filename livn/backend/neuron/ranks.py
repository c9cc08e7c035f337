"""Which rank has which cells, and how ranks tell each other of spikes.

Communicators are those of mpi4py; None is a simulation of one process.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livn.backend.network import Network
from livn.errors import InvalidValue, LivnError
from livn.mpi import end_together

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Share:
    """The part of a network one rank computes: every `size`-th cell, in gid order."""

    comm: Any
    rank: int
    size: int

    def cells(self, network: Network) -> dict[str, Integers]:
        """Return the indices of the own cells within each population."""
        own, start = {}, 0
        for name, population in network.populations.items():
            own[name] = np.arange((self.rank - start) % self.size, len(population), self.size)
            start += len(population)
        return own

    def exchange(self, spikes: Integers) -> Integers:
        """Return the spikes [2, n] of all ranks."""
        if self.size == 1:
            return spikes
        counts = np.empty(self.size, np.int64)
        self.comm.Allgather(np.array([spikes.size]), counts)
        everything = np.empty(counts.sum(), np.int64)
        self.comm.Allgatherv(np.ascontiguousarray(spikes.T).ravel(), (everything, counts))
        return everything.reshape(-1, 2).T

    def least(self, number: int) -> int:
        """Return the smallest of the numbers of all ranks."""
        return number if self.size == 1 else min(self.comm.allgather(number))

    def agree(self, problem: LivnError | None) -> None:
        """Raise on every rank what went wrong on one."""
        problems = [problem] if self.size == 1 else self.comm.allgather(problem)
        for found in problems:
            if found is not None:
                raise found


def share(comm: Any, n_cells: int) -> Share:
    """Return the share of this process in a network of `n_cells`.

    Raises:
        InvalidValue: if there are more ranks than cells.
    """
    if comm is None:
        return Share(None, 0, 1)
    rank, size = comm.Get_rank(), comm.Get_size()
    if size > n_cells:
        raise InvalidValue(
            f"network has fewer cells than ranks: got {n_cells} cells on {size} ranks; need at "
            f"least one cell per rank. Start at most {n_cells} ranks.",
            got=size,
            allowed=n_cells,
        )
    if size > 1:
        end_together()
    return Share(comm, rank, size)
