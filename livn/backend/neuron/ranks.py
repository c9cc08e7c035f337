"""Which rank has which cells, and how ranks tell each other of spikes.

Communicators are those of mpi4py; None is a simulation of one process.
"""

import sys
import traceback
from ctypes.util import find_library
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livn import settings
from livn.backend.network import Network
from livn.errors import BackendNotFound, InvalidState, InvalidValue, LivnError

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


def world() -> Any:
    """Return the communicator of all ranks, from the MPI library that `settings` names.

    Raises:
        BackendNotFound: if there is no mpi4py or no MPI library.
        InvalidState: if mpiexec belongs to another MPI library.
    """
    asked = settings.mpi_library()
    library = asked or find_library("mpi")
    if library and asked != "pip":
        settings.use_mpi_library(library)
    try:
        from mpi4py import MPI  # starts MPI, which a simulation in one process does not need
    except (ImportError, RuntimeError) as error:
        raise BackendNotFound(
            f"MPI cannot be loaded: got {' '.join(str(error).split())!r}; need mpi4py and an MPI "
            "library. pip install 'livn[neuron]', or set LIVN_MPI to the path of a libmpi.",
            got=asked,
        ) from error
    found, launched = MPI.COMM_WORLD.Get_size(), settings.launched_ranks()
    if found != launched:
        version = MPI.Get_library_version().split("\n")[0]
        raise InvalidState(
            f"mpiexec and the MPI library do not belong together: got {found} rank of {launched} "
            f"in {version!r}. Use the mpiexec of that library, or set LIVN_MPI to the other one.",
            got=found,
            allowed=launched,
        )
    return MPI.COMM_WORLD


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
        _bring_down_the_job()
    return Share(comm, rank, size)


def subworld(comm: Any, size: int) -> Any:
    """Return the communicator of this rank's group of `size` neighbouring ranks.

    Each group is a simulation of its own; `comm.Get_rank() // size` numbers the groups.

    Raises:
        InvalidValue: if the ranks do not fill groups of that size.
    """
    n_ranks = comm.Get_size()
    if isinstance(size, bool) or not isinstance(size, int) or size < 1 or n_ranks % size:
        fits = [k for k in range(1, n_ranks + 1) if n_ranks % k == 0]
        raise InvalidValue(
            f"subworld size does not divide the ranks: got {size!r} for {n_ranks} ranks; need one "
            f"of {fits}.",
            got=size,
            allowed=fits,
        )
    return comm.Split(comm.Get_rank() // size, comm.Get_rank())


def _bring_down_the_job() -> None:
    """Let an uncaught error of one rank end all of them; they would wait for it for ever."""
    if sys.excepthook is not _abort:
        sys.excepthook = _abort


def _abort(kind: type[BaseException], error: BaseException, where: TracebackType | None) -> None:
    from mpi4py import MPI  # the communicator of the job, which the given one may be a part of

    world = MPI.COMM_WORLD
    told = "".join(traceback.format_exception(kind, error, where))
    sys.stderr.write(f"{told}livn: rank {world.Get_rank()} of {world.Get_size()} failed: {error}\n")
    sys.stderr.flush()
    world.Abort(1)
