"""Progress: what a component calls, and the choice of where it goes."""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from types import TracebackType
from typing import Any, Self, TextIO

from rich.console import Console

from experiments.progress.base import Output, Silent, Together
from experiments.progress.events import Events
from experiments.progress.lines import Lines
from experiments.progress.screen import Screen
from experiments.progress.state import Figure, Plan, State
from livn.errors import unknown_names

OUTPUTS: dict[str, Callable[[], Output]] = {
    # Past what a component's log takes of stderr: it gets lines, see `logged`.
    "screen": lambda: Screen(Console(file=sys.__stderr__, highlight=False)),
    "lines": lambda: Lines(sys.stderr),
    "json": lambda: Events(sys.stdout),
    "silent": Silent,
}
_log: ContextVar[TextIO | None] = ContextVar("log of progress", default=None)
_wanted: ContextVar[str | None] = ContextVar("output of progress", default=None)


class Progress:
    """How far a run is; tells the plan on entering and an early end on leaving `with`.

    An exception that leaves the block is told and goes on; `after` says that all is well.
    """

    def __init__(self, plan: Plan, output: Output, clock: Callable[[], float] = time.monotonic):
        self.plan, self._output, self._clock = plan, output, clock
        self._done = plan.reused
        self._failures: Counter[str] = Counter()
        self._figures: dict[str, Figure] = {}
        self._began = clock()

    @property
    def state(self) -> State:
        """How far the run is now."""
        figures = tuple(self._figures.values())
        elapsed = self._clock() - self._began
        return State(self.plan, self._done, dict(self._failures), figures, elapsed)

    def expect(self, seconds_each: float, workers: int) -> None:
        """Tell how long it will take, once: from then on the plan has an estimate.

        Args:
            seconds_each: wall time of one unit, as one of them was measured in this run or before.
            workers: how many units run at once.
        """
        if self.plan.seconds_each is None:
            self.plan = replace(self.plan, seconds_each=seconds_each, workers=workers)
            self._output.expect(self.plan)

    def advance(self, n: int = 1, *, failed: str | None = None) -> None:
        """Count `n` units as done; `failed` is the cause if they are results without a value."""
        self._done += n
        if failed is not None:
            self._failures[failed] += n
        self._output.update(self.state)

    def show(self, *figures: Figure) -> None:
        """Show figures in place of those of the same name."""
        self._figures.update({figure.name: figure for figure in figures})
        self._output.update(self.state)

    def note(self, text: str) -> None:
        """Tell something that happened."""
        self._output.note(text)

    def after(self, summary: Mapping[str, Any]) -> None:
        """Tell what came out."""
        self._output.after(self.state, summary)

    def __enter__(self) -> Self:
        self._output.before(self.plan)
        self._output.update(self.state)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is not None:
                self._output.stopped(self.state, _cause(error))
        finally:
            self._output.close()


def start(plan: Plan) -> Progress:
    """Return the progress of a run, to be entered, on the output in use."""
    output, log = OUTPUTS[chosen_output()](), _log.get()
    if isinstance(output, Screen) and log is not None:
        output = Together(output, Lines(log))
    return Progress(plan, output)


@contextmanager
def logged(log: TextIO) -> Iterator[None]:
    """Let a log have lines where a screen is used: what a screen draws is none of a log's."""
    token = _log.set(log)
    try:
        yield
    finally:
        _log.reset(token)


@contextmanager
def use(name: str) -> Iterator[None]:
    """Let everything started within go to "screen", "lines", "json" (on stdout) or "silent".

    Raises:
        UnknownName: if there is no such output.
    """
    if name not in OUTPUTS:
        raise unknown_names("output of progress", [name], OUTPUTS)
    token = _wanted.set(name)
    try:
        yield
    finally:
        _wanted.reset(token)


def chosen_output() -> str:
    """Return the name of the output in use; by default a screen on terminals, lines elsewhere."""
    return _wanted.get() or ("screen" if Console(stderr=True).is_terminal else "lines")


def _cause(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
