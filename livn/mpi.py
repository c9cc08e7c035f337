"""Ranks: the communicator of all of them, groups of them, and how they end together.

Communicators are those of mpi4py; MPI is loaded when the first one is asked for.
"""

import sys
import traceback
from ctypes.util import find_library
from time import sleep
from types import TracebackType
from typing import Any

from livn import settings
from livn.errors import BackendNotFound, InvalidState, InvalidValue

LAST_WORDS = 0.2  # s that mpiexec has to pass on what a rank says before it ends all


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
            "library. pip install 'livn[mpi]', or set LIVN_MPI to the path of a libmpi.",
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


def end_together() -> None:
    """Let an uncaught error of one rank end all of them; they would wait for it for ever."""
    if sys.excepthook is not _abort:
        sys.excepthook = _abort


def end_job(shown: str, problem: str) -> None:
    """End all ranks at once, with what this one has to say.

    Args:
        shown: such as a traceback.
        problem: what is said of this rank in the last line.
    """
    from mpi4py import MPI  # the communicator of the job, which the given one may be a part of

    world = MPI.COMM_WORLD
    told = f"livn: rank {world.Get_rank()} of {world.Get_size()} {problem}\n"
    sys.stderr.write(shown + told)
    sys.stderr.flush()
    sleep(LAST_WORDS)
    world.Abort(1)


def _abort(kind: type[BaseException], error: BaseException, where: TracebackType | None) -> None:
    end_job("".join(traceback.format_exception(kind, error, where)), f"failed: {error}")
