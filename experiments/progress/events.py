"""Progress as JSON, one object a line, for programs."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from math import isfinite
from typing import Any, TextIO

from experiments.progress.base import Output
from experiments.progress.state import Plan, State


class Events(Output):
    """One JSON object a line: {"event": "update", ...}.

    Events are "before", "estimate", "update", "note", "after" and "stopped".
    Numbers that are not finite become null, as JSON has none.
    """

    def __init__(self, stream: TextIO):
        self._stream = stream

    def before(self, plan: Plan) -> None:
        """Write the plan."""
        self._write("before", {**asdict(plan), "estimate_s": plan.estimate})

    def expect(self, plan: Plan) -> None:
        """Write how long it will take."""
        told = {"seconds_each": plan.seconds_each, "workers": plan.workers}
        self._write("estimate", {**told, "estimate_s": plan.estimate})

    def update(self, state: State) -> None:
        """Write how far the run is."""
        self._write("update", _state(state))

    def note(self, text: str) -> None:
        """Write the text."""
        self._write("note", {"text": text})

    def after(self, state: State, summary: Mapping[str, Any]) -> None:
        """Write what came out."""
        self._write("after", _state(state) | {"summary": dict(summary)})

    def stopped(self, state: State, cause: str) -> None:
        """Write why the run ended early."""
        self._write("stopped", _state(state) | {"cause": cause})

    def _write(self, event: str, content: Mapping[str, Any]) -> None:
        line = json.dumps(_plain({"event": event, **content}), allow_nan=False, default=str)
        self._stream.write(line + "\n")
        self._stream.flush()


def _state(state: State) -> dict[str, Any]:
    return {
        "title": state.plan.title,
        "identity": state.plan.identity,
        "done": state.done,
        "total": state.plan.total,
        "reused": state.plan.reused,
        "failures": dict(state.failures),
        "figures": {
            f.name: {"value": f.value, "unit": f.unit, "band": f.band, "inside": f.inside}
            for f in state.figures
        },
        "elapsed_s": state.elapsed,
        "left_s": state.left,
    }


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value
