"""Run components here: in this process and, where they use them, in worker processes."""

from typing import Any

from machinable import Execution
from machinable.errors import DispatchException, ExecutionFailed
from pydantic import BaseModel, ConfigDict, Field

from experiments.options import Checked
from livn.workers import Factory, Pool, start


class Local(Checked, Execution):
    """Executions are no part of what a component is: the same record, however it was computed."""

    class Config(BaseModel):
        """How, not what."""

        model_config = ConfigDict(extra="forbid")

        workers: int = Field(0, ge=0, description="processes that help; 0 computes in this one")

    def dispatch(self) -> Any:
        """Run every component that was added and is not finished.

        Raises:
            BaseException: what went wrong in one of them, as it was raised there.
        """
        try:
            return super().dispatch()
        except ExecutionFailed as failure:
            raise origin(failure) from None

    def dispatch_interface(self, interface: Any) -> None:
        """Run one component, in no other process meanwhile, unless it was finished meanwhile."""
        if not interface.is_materialized():
            interface.materialize()
        with interface.exclusively():
            if not interface.cached():
                super().dispatch_interface(interface)

    def continue_run(self, interface: Any) -> None:
        """Run one component in this run, in no other process meanwhile."""
        with interface.exclusively():
            try:
                super().continue_run(interface)
            except DispatchException as failure:
                raise origin(failure) from None

    def pool(self, factory: Factory) -> Pool:
        """Return the workers of this execution, each with what `factory` makes in it.

        Args:
            factory: of `livn.workers.start`.
        """
        pool = start(factory, self.config.workers)
        assert pool is not None  # as it is on the ranks that work
        return pool


def origin(failure: BaseException) -> BaseException:
    """Return what an exception of machinable was raised from."""
    while isinstance(failure, DispatchException | ExecutionFailed) and failure.__cause__:
        failure = failure.__cause__
    return failure
