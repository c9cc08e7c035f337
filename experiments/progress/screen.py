"""Progress as a screen that is drawn anew a few times a second, for terminals."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from experiments.progress.base import (
    Output,
    describe_end,
    describe_estimate,
    describe_failures,
    describe_plan,
    describe_state,
    describe_stop,
)
from experiments.progress.state import Figure, Plan, State

REDRAWN_PER_S = 4
BAR_WIDTH = 24
STYLES = {True: "green", False: "yellow", None: ""}


class Screen(Output):
    """A bar with the time left, figures against their bands, failures by cause.

    What others print meanwhile appears above it.
    """

    def __init__(self, console: Console):
        self._console = console
        self._live: Live | None = None
        self._state: State | None = None

    def before(self, plan: Plan) -> None:
        """Print the plan and begin to draw."""
        self._console.print(Text.assemble((plan.title, "bold"), f" {plan.identity}"))
        self._console.print(_columns(describe_plan(plan)))
        for note in plan.notes:
            self._console.print(Text(note, style="dim"))
        self._live = Live(
            console=self._console, get_renderable=self._draw, refresh_per_second=REDRAWN_PER_S
        )
        self._live.start()

    def expect(self, plan: Plan) -> None:
        """Print how long it will take above the screen."""
        self._console.print(_columns([("estimate", describe_estimate(plan))]))

    def update(self, state: State) -> None:
        """Let the next drawing show this state."""
        self._state = state

    def note(self, text: str) -> None:
        """Print the text above the screen."""
        self._console.print(Text(text))

    def after(self, state: State, summary: Mapping[str, Any]) -> None:
        """Leave the last drawing and print what came out below."""
        self._state = state
        self.close()
        self._console.print(_columns(describe_end(state, summary)))

    def stopped(self, state: State, cause: str) -> None:
        """Leave the last drawing and print why the run ended early."""
        self._state = state
        self.close()
        self._console.print(Text(describe_stop(state, cause), style="yellow"))

    def close(self) -> None:
        """Give the terminal back."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _draw(self) -> RenderableType:
        state = self._state
        if state is None:
            return Text("")
        bar = Table.grid(padding=(0, 1))
        bar.add_row(
            ProgressBar(total=1.0, completed=state.share, width=BAR_WIDTH),
            Text(describe_state(state)),
        )
        failures = [Text(f"failed: {text}", style="red") for text in describe_failures(state)]
        return Group(bar, *([_figures(state.figures)] if state.figures else []), *failures)


def _figures(figures: Iterable[Figure]) -> Table:
    table = Table.grid(padding=(0, 2))
    for figure in figures:
        table.add_row(Text(f"  {figure.name}"), Text(str(figure), style=STYLES[figure.inside]))
    return table


def _columns(rows: Iterable[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 2))
    for name, text in rows:
        table.add_row(Text(f"  {name}", style="dim"), Text(text))
    return table
