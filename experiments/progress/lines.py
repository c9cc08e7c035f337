"""Progress as plain lines, for files, pipes and batch jobs."""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TextIO

from experiments.progress.base import (
    Output,
    describe_end,
    describe_estimate,
    describe_failures,
    describe_plan,
    describe_state,
    describe_stop,
)
from experiments.progress.state import Plan, State

EVERY_S = 60.0  # a line is due after so long
EVERY_SHARE = 0.1  # or after so much more of the work,
AT_MOST_EVERY_S = 5.0  # but no sooner than this


class Lines(Output):
    """One line now and then; never a carriage return or a colour.

    Args:
        stream: where the lines go.
        clock: seconds that never go back.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic):
        self._stream, self._clock = stream, clock
        self._title = ""
        self._last_time, self._last_done = clock(), 0

    def before(self, plan: Plan) -> None:
        """Write the plan, a setting a line."""
        self._title = plan.title
        self._write([f"{plan.title} {plan.identity}", *_columns(describe_plan(plan))])
        self._write(f"  {note}" for note in plan.notes)
        self._last_time = self._clock()
        self._last_done = plan.reused

    def expect(self, plan: Plan) -> None:
        """Write how long it will take."""
        self._write([f"  estimate  {describe_estimate(plan)}"])

    def update(self, state: State) -> None:
        """Write a line if one is due."""
        waited = self._clock() - self._last_time
        much = state.done - self._last_done >= EVERY_SHARE * state.plan.total
        if waited < (AT_MOST_EVERY_S if much else EVERY_S):
            return
        self._last_time, self._last_done = self._clock(), state.done
        failed = [f"failed: {text}" for text in describe_failures(state)]
        shown = [f"{figure.name} {figure}" for figure in state.figures]
        self._write(["; ".join([f"{self._title}: {describe_state(state)}", *shown, *failed])])

    def note(self, text: str) -> None:
        """Write the text as a line."""
        self._write([f"{self._title}: {text}"])

    def after(self, state: State, summary: Mapping[str, Any]) -> None:
        """Write what came out."""
        shown = [(figure.name, str(figure)) for figure in state.figures]
        self._write([f"{self._title}: finished"])
        self._write(_columns([*describe_end(state, summary), *shown]))

    def stopped(self, state: State, cause: str) -> None:
        """Write why the run ended early."""
        self._write([describe_stop(state, cause)])

    def _write(self, lines: Iterable[str]) -> None:
        for line in lines:
            self._stream.write(" ".join(line.splitlines()).rstrip() + "\n")
        self._stream.flush()


def _columns(rows: Iterable[tuple[str, str]]) -> list[str]:
    listed = list(rows)
    width = max((len(name) for name, _ in listed), default=0)
    return [f"  {name:<{width}}  {text}" for name, text in listed]
