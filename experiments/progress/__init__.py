"""What a long component tells while it runs; how it looks is nobody's business but the output's.

>>> plan = Plan("sample", identity="4f1c", config={"samples": 1000}, total=1000, reused=120)
>>> with start(plan) as progress:
...     for status in results:
...         progress.advance(failed=None if status == "ok" else status)
...         progress.show(Figure("mean rate", 2.9, "Hz", band=(2.5, 3.5)))
...     progress.after({"rows": 1000})

On a terminal this is a screen with a bar, elsewhere plain lines a minute apart, and after
`use("json")` one JSON object a line; `use("silent")` is for ranks that have nothing to tell.
"""

from experiments.progress.base import Output
from experiments.progress.events import Events
from experiments.progress.lines import Lines
from experiments.progress.report import Progress, chosen_output, logged, start, use
from experiments.progress.screen import Screen
from experiments.progress.state import Figure, Plan, State, spell_duration

__all__ = [
    "Events",
    "Figure",
    "Lines",
    "Output",
    "Plan",
    "Progress",
    "Screen",
    "State",
    "chosen_output",
    "logged",
    "spell_duration",
    "start",
    "use",
]
