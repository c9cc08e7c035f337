"""What a long component tells: before, during and after, on each output."""

import io
import json
import os
import pty
import signal
import subprocess
import sys
from math import inf

import pytest
from rich.console import Console

from experiments.progress import (
    Events,
    Figure,
    Lines,
    Plan,
    Progress,
    Screen,
    chosen_output,
    logged,
    spell_duration,
    start,
    use,
)
from experiments.progress.base import Silent, Together
from livn.errors import UnknownName

PLAN = Plan(
    "sample", "4f1c", {"samples": 200, "system": "EI1"}, total=200, reused=50,
    unit="samples", seconds_each=2.0, workers=4, output="storage/x",
)  # fmt: skip


class Clock:
    """Seconds that pass when they are told to."""

    now = 0.0

    def __call__(self):
        return self.now


def run_plainly(plan=PLAN, step_s=1.0):
    stream, clock = io.StringIO(), Clock()
    with Progress(plan, Lines(stream, clock), clock) as progress:
        for _ in range(plan.total - plan.reused):
            clock.now += step_s
            progress.advance()
        progress.after({"rows": plan.total})
    return stream.getvalue()


def test_plan_tells_config_reuse_and_estimate():
    told = run_plainly()
    assert "sample 4f1c" in told
    assert "system    EI1" in told
    assert "200 samples, 50 of them reused, 150 to do" in told
    assert "1 min 15 s (2.0 s each, 4 at once)" in told  # 150 x 2 s / 4
    assert "output    storage/x" in told


def test_lines_come_a_tenth_of_the_work_apart_when_it_goes_fast():
    lines = [line for line in run_plainly().splitlines() if line.startswith("sample:")]
    assert [line.split()[1] for line in lines[:-1]] == [
        f"{done}/200" for done in range(70, 201, 20)
    ]
    assert lines[-1] == "sample: finished"


def test_lines_come_a_minute_apart_when_it_goes_slowly():
    lines = run_plainly(Plan("tune", "aa", {}, total=1000), step_s=7.0).splitlines()
    counted = [int(line.split()[1].split("/")[0]) for line in lines if "/1,000" in line]
    assert counted[:3] == [9, 18, 27]  # 9 x 7 s is the first past 60 s


def test_lines_hold_neither_carriage_returns_nor_colours():
    stream = io.StringIO()
    with Progress(PLAN, Lines(stream)) as progress:
        progress.note("two\r\nlines")
        progress.after({})
    assert "\r" not in stream.getvalue()
    assert "\x1b" not in stream.getvalue()
    assert "sample: two lines\n" in stream.getvalue()


def test_time_left_follows_the_speed_of_what_was_new():
    clock = Clock()
    progress = Progress(PLAN, Lines(io.StringIO(), clock), clock)
    assert progress.state.left == 75.0  # the estimate
    clock.now = 30.0
    progress.advance(10)
    assert progress.state.left == 140 * 3.0
    progress.advance(140)
    assert progress.state.left == 0.0


def test_failures_are_grouped_by_cause_the_most_frequent_first():
    stream = io.StringIO()
    with Progress(PLAN, Lines(stream)) as progress:
        for cause in ("silent", "diverged", "silent"):
            progress.advance(failed=cause)
        progress.after({})
        assert progress.state.done == 53
    told = stream.getvalue()
    assert told.index("2 x silent") < told.index("1 x diverged")


def test_figures_know_their_band():
    rate = Figure("rate", 2.914159, "Hz", (2.5, 3.5))
    assert str(rate) == "2.914 Hz (2.5 .. 3.5)"
    assert rate.inside is True
    assert Figure("rate", 2.0, "Hz", (2.5, 3.5)).inside is False
    assert Figure("workers", "3 of 4 busy").inside is None
    assert str(Figure("max rate", 12.0, "Hz", (-inf, 50.0))) == "12 Hz (at most 50)"
    assert str(Figure("active", 0.8, "", (0.5, inf))) == "0.8 (from 0.5)"
    assert Figure("rate", float("nan"), "Hz", (2.5, 3.5)).inside is False


def test_estimate_comes_with_the_first_measurement_and_once():
    plan = Plan("tune", "aa", {}, total=100, reused=20)
    lines, events, shown = io.StringIO(), io.StringIO(), io.StringIO()
    screen = Screen(Console(file=shown, force_terminal=True, width=100))
    with Progress(plan, Together(Lines(lines), Events(events), screen, Silent())) as progress:
        assert "estimate" not in lines.getvalue()
        assert progress.state.left is None
        progress.expect(3.0, workers=2)
        progress.expect(99.0, workers=2)
        assert progress.state.left == 120.0
    text = "2 min (3.0 s each, 2 at once)"
    assert lines.getvalue().count(text) == shown.getvalue().count(text) == 1
    told = [json.loads(line) for line in events.getvalue().splitlines()]
    assert [e["event"] for e in told] == ["before", "update", "estimate"]
    assert told[0]["estimate_s"] is None
    assert told[2] == {
        "event": "estimate", "seconds_each": 3.0, "workers": 2, "estimate_s": 120.0,
    }  # fmt: skip


def test_events_are_one_json_object_a_line():
    stream = io.StringIO()
    with Progress(PLAN, Events(stream)) as progress:
        progress.show(Figure("rate", float("nan"), "Hz", (2.5, 3.5)))
        progress.advance(failed="silent")
        progress.note("worker 2 was restarted")
        progress.after({"rows": 51})
    events = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [e["event"] for e in events] == [
        "before", "update", "update", "update", "note", "after",
    ]  # fmt: skip
    assert events[0]["config"] == {"samples": 200, "system": "EI1"}
    assert events[0]["estimate_s"] == 75.0
    assert events[3]["failures"] == {"silent": 1}
    assert events[3]["figures"]["rate"] == {
        "value": None, "unit": "Hz", "band": [2.5, 3.5], "inside": False,
    }  # fmt: skip
    assert events[-1]["summary"] == {"rows": 51}


def test_screen_shows_bar_figures_and_failures():
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=100, height=30)
    with Progress(PLAN, Screen(console)) as progress:
        progress.show(Figure("rate", 2.9, "Hz", (2.5, 3.5)))
        progress.advance(25, failed="silent")
        progress.after({"rows": 75})
    told = stream.getvalue()
    for part in ("━", "75/200 samples, 38 %", "2.9 Hz (2.5 .. 3.5)", "25 x silent", "rows"):
        assert part in told


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("no")])
def test_early_end_is_told_and_goes_on(error):
    stream = io.StringIO()
    with pytest.raises(type(error)), Progress(PLAN, Lines(stream)) as progress:  # noqa: PT012
        progress.advance(3)
        raise error
    cause = "interrupted" if isinstance(error, KeyboardInterrupt) else "ValueError: no"
    last = stream.getvalue().splitlines()[-1]
    assert last == f"sample: {cause}; 53 of 200 samples are kept. The same command continues."


SLOW = """
import time
from experiments.progress import Plan, start
with start(Plan("sample", "4f1c", {}, total=1000)) as progress:
    progress.advance(7)
    while True:
        time.sleep(0.05)
"""


def test_interrupting_gives_the_terminal_back():
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW],
        stderr=theirs,
        stdout=theirs,
        env={**os.environ, "TERM": "xterm"},
    )
    os.close(theirs)
    told, sent = "", False
    while True:
        try:
            told += os.read(ours, 4096).decode()
        except OSError:  # the other end is closed
            break
        if "7/1,000" in told and not sent:
            process.send_signal(signal.SIGINT)
            sent = True
    assert process.wait() != 0
    assert "interrupted; 7 of 1,000 simulations are kept" in told
    assert told.rindex("\x1b[?25h") > told.rindex("\x1b[?25l")  # the cursor is shown again


def test_output_is_lines_away_from_a_terminal_and_what_is_asked_for_within(capfd):
    assert chosen_output() == "lines"
    with use("json"), start(PLAN) as progress:
        progress.after({})
    with use("silent"), start(PLAN) as progress:
        progress.advance()
        progress.note("nothing")
        progress.after({})
    assert chosen_output() == "lines"
    out, err = capfd.readouterr()
    assert [json.loads(line)["event"] for line in out.splitlines()] == ["before", "update", "after"]
    assert err == ""


def test_unknown_output_names_the_nearest():
    with pytest.raises(UnknownName, match="did you mean 'json'"), use("jsn"):
        pass


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"), (0.0134, "13 ms"), (0.25, "0.2 s"), (45.4, "45 s"), (59.7, "1 min"),
        (200, "3 min 20 s"), (3600, "1 h"), (3660, "1 h 1 min"), (93600, "1 d 2 h"),
    ],
)  # fmt: skip
def test_wall_times_are_told_in_two_units(seconds, text):
    assert spell_duration(seconds) == text


def test_log_has_lines_where_a_screen_is_drawn(tmp_path):
    path = tmp_path / "output.log"
    with path.open("w") as log, use("screen"), logged(log), start(PLAN) as progress:
        progress.advance()
        progress.after({"rows": 12})
    told = path.read_text()
    assert PLAN.title in told
    assert "rows" in told
    assert "\x1b" not in told
