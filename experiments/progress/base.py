"""What an output has to do."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.progress.state import Plan, State, spell_duration


class Output(ABC):
    """Where progress goes: a screen, lines, events, or nowhere."""

    @abstractmethod
    def before(self, plan: Plan) -> None:
        """Tell what is about to be done."""

    @abstractmethod
    def expect(self, plan: Plan) -> None:
        """Tell how long it will take, where that was not known before."""

    @abstractmethod
    def update(self, state: State) -> None:
        """Tell how far the run is; called after every change."""

    @abstractmethod
    def note(self, text: str) -> None:
        """Tell something that happened."""

    @abstractmethod
    def after(self, state: State, summary: Mapping[str, Any]) -> None:
        """Tell what came out."""

    @abstractmethod
    def stopped(self, state: State, cause: str) -> None:
        """Tell that the run ended before its time."""

    def close(self) -> None:  # noqa: B027 (most outputs hold nothing)
        """Give back what the output holds, such as the terminal."""


class Silent(Output):
    """Tells nothing."""

    def before(self, plan: Plan) -> None:
        """Tell nothing."""

    def expect(self, plan: Plan) -> None:
        """Tell nothing."""

    def update(self, state: State) -> None:
        """Tell nothing."""

    def note(self, text: str) -> None:
        """Tell nothing."""

    def after(self, state: State, summary: Mapping[str, Any]) -> None:
        """Tell nothing."""

    def stopped(self, state: State, cause: str) -> None:
        """Tell nothing."""


class Together(Output):
    """Tells several outputs the same."""

    def __init__(self, *outputs: Output):
        self._outputs = outputs

    def before(self, plan: Plan) -> None:
        """Tell what is about to be done."""
        for output in self._outputs:
            output.before(plan)

    def expect(self, plan: Plan) -> None:
        """Tell how long it will take."""
        for output in self._outputs:
            output.expect(plan)

    def update(self, state: State) -> None:
        """Tell how far the run is."""
        for output in self._outputs:
            output.update(state)

    def note(self, text: str) -> None:
        """Tell something that happened."""
        for output in self._outputs:
            output.note(text)

    def after(self, state: State, summary: Mapping[str, Any]) -> None:
        """Tell what came out."""
        for output in self._outputs:
            output.after(state, summary)

    def stopped(self, state: State, cause: str) -> None:
        """Tell that the run ended before its time."""
        for output in self._outputs:
            output.stopped(state, cause)

    def close(self) -> None:
        """Give back what the outputs hold."""
        for output in self._outputs:
            output.close()


def describe_plan(plan: Plan) -> Sequence[tuple[str, str]]:
    """Return (name, text) of what a reader should know before a run."""
    left = plan.total - plan.reused
    work = f"{plan.total:,} {plan.unit}"
    if plan.reused:
        work += f", {plan.reused:,} of them reused, {left:,} to do"
    rows = [(str(name), _spell(value)) for name, value in plan.config.items()]
    rows.append(("work", work))
    if plan.output:
        rows.append(("output", plan.output))
    if plan.estimate is not None and left:
        rows.append(("estimate", describe_estimate(plan)))
    return rows


def describe_estimate(plan: Plan) -> str:
    """Return how long what is left will take, and why so long."""
    each = spell_duration(plan.seconds_each or 0.0)
    return f"{spell_duration(plan.estimate or 0.0)} ({each} each, {plan.workers} at once)"


def describe_state(state: State) -> str:
    """Return one line: how much is done, how fast, how long it will take."""
    plan = state.plan
    parts = [f"{state.done:,}/{plan.total:,} {plan.unit}", f"{100 * state.share:.0f} %"]
    new = state.done - plan.reused
    if new > 0 and state.elapsed > 0:
        rate = new / state.elapsed
        fast = f"{rate:,.0f}/s" if rate >= 100 else f"{rate:.3g}/s"
        parts.append(fast if rate >= 1 else f"{spell_duration(1 / rate)} each")
    if state.left is not None and state.share < 1:
        parts.append(f"{spell_duration(state.left)} left")
    return ", ".join(parts)


def describe_end(state: State, summary: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    """Return (name, text) of what came out."""
    new = state.done - state.plan.reused
    rows = [("done", f"{state.done:,} {state.plan.unit}, {new:,} new")]
    rows.append(("took", spell_duration(state.elapsed)))
    rows += [("failed", text) for text in describe_failures(state)]
    return rows + [(str(name), _spell(value)) for name, value in summary.items()]


def describe_failures(state: State) -> Sequence[str]:
    """Return one text per cause of failure, the most frequent first."""
    ranked = sorted(state.failures.items(), key=lambda item: (-item[1], item[0]))
    return [f"{count:,} x {cause}" for cause, count in ranked]


def describe_stop(state: State, cause: str) -> str:
    """Return one line: why a run ended early and what is kept."""
    plan = state.plan
    kept = f"{state.done:,} of {plan.total:,} {plan.unit} are kept"
    return f"{plan.title}: {cause}; {kept}. The same command continues."


def _spell(value: Any, nested: bool = False) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Mapping):
        parts = ", ".join(f"{name}={_spell(each, True)}" for name, each in value.items())
        return f"{{{parts}}}" if nested else parts or "none"
    if isinstance(value, list | tuple):
        parts = ", ".join(_spell(each, True) for each in value)
        return f"[{parts}]" if nested else parts or "none"
    return str(value)
