"""Run components here: in this process and, where they use them, in worker processes."""

from typing import Any

from machinable import Execution
from machinable.errors import DispatchException, ExecutionFailed
from pydantic import BaseModel, ConfigDict, Field

from experiments.options import Checked
from livn.errors import LivnError
from livn.workers import Factory, Pool, start


class RunFailed(LivnError, RuntimeError):
    """The work of a component ended in an exception that is none of livn's; it is the cause."""


class Local(Checked, Execution):
    """Executions are no part of what a component is: the same record, however it was computed."""

    class Config(BaseModel):
        """How, not what."""

        model_config = ConfigDict(extra="forbid")

        workers: int = Field(0, ge=0, description="processes that help; 0 computes in this one")

    @property
    def tells(self) -> bool:
        """Whether this process says what came of it."""
        return True

    @property
    def waits(self) -> bool:
        """Whether the work is done when it returns."""
        return True

    def dispatch(self) -> Any:
        """Run every component that was added and is not finished.

        Raises:
            LivnError: what went wrong in one of them.
            RunFailed: if that was another exception.
        """
        try:
            return super().dispatch()
        except ExecutionFailed as failure:
            cause = origin(failure)
            if isinstance(cause, LivnError) or not isinstance(cause, Exception):
                raise cause from None
            component = next(c for c in self._interfaces if not c.cached())
            raise failed(component, cause) from cause

    def __call__(self) -> None:
        """Run the components that were added; one that fails does not keep the others from it."""
        failures = []
        for component in self._interfaces:
            if component.cached():
                continue
            try:
                self.dispatch_interface(component)
            except DispatchException as failure:
                if not isinstance(origin(failure), Exception):  # interrupted: all of them
                    raise
                failures.append(failure)
        if failures:
            raise failures[0]

    def dispatch_interface(self, interface: Any) -> None:
        """Run one component, in no other process meanwhile, unless it was finished meanwhile."""
        if not interface.is_materialized():
            interface.materialize()
        with interface.exclusively():
            if not interface.cached():
                super().dispatch_interface(interface)

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


def failed(component: Any, cause: Exception) -> RunFailed:
    """Return what to tell of an exception that ended the work of a component."""
    return RunFailed(
        f"{component.label_text()} failed: got {type(cause).__name__}: {cause}. "
        f"See livn systems logs {component.hash[:8]}; the same command continues.",
        got=cause,
    )
