"""Run components on the MPI ranks that this process is one of, as `mpi` and `slurm` start them."""

import pickle
import signal
import time
from typing import Any

from pydantic import Field

from interface.local import Local
from livn.errors import InvalidState
from livn.mpi import world
from livn.workers import Factory, Pool, start

CALL = 31  # tag of the messages that call the ranks to a pool
PAUSE = 0.01  # s between two looks for such a message


class Ranks(Local):
    """The first rank computes, writes and tells; the others work in its pools."""

    class Config(Local.Config):
        """`workers` is not used: the ranks are the workers."""

        subworld: int = Field(1, ge=1, description="ranks that compute one task together")
        record: bool = Field(True, description="say at the end where the record is")

    def __init__(self, *arguments: Any, **options: Any):
        super().__init__(*arguments, **options)
        self._open: Pool | None = None

    @property
    def leads(self) -> bool:
        """Whether this is the first rank."""
        return bool(world().Get_rank() == 0)

    @property
    def tells(self) -> bool:
        """Whether this process says what came of it: the first rank, unless its caller does."""
        return self.leads and self.config.record

    def dispatch(self) -> Any:
        """Run every component that was added and is not finished; elsewhere work for its pools.

        Raises:
            BaseException: what went wrong in one of them, as it was raised there.
        """
        comm = world()
        if not self.leads:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the first decides
            while (factory := _heard(comm)) is not None:
                start(pickle.loads(factory), comm=comm, subworld_size=self.config.subworld)
            return self
        try:
            return super().dispatch()
        finally:
            _call(comm, None)

    def pool(self, factory: Factory) -> Pool:
        """Return the ranks as workers, each with what `factory` makes in it.

        Raises:
            InvalidState: if a pool is open: ranks are in one at a time.
        """
        comm = world()
        if comm.Get_size() == 1:
            return super().pool(factory)
        if self._open is not None and not self._open.closed:
            raise InvalidState("ranks have a pool already: got a second one. Close the first.")
        _call(comm, pickle.dumps(factory))
        self._open = start(factory, comm=comm, subworld_size=self.config.subworld)
        assert self._open is not None  # this is the root
        return self._open


def _call(comm: Any, factory: bytes | None) -> None:
    """Call every other rank to a pool, or tell it that there will be none."""
    for rank in range(1, comm.Get_size()):
        comm.send(factory, rank, CALL)


def _heard(comm: Any) -> bytes | None:
    """Return what the first rank calls, leaving the processor to others until it does."""
    while not comm.iprobe(0, CALL):
        time.sleep(PAUSE)
    called: bytes | None = comm.recv(source=0, tag=CALL)
    return called
