"""Kill experiments at random moments, with SIGKILL, and compare with one that was left alone.

python benchmarks/kills.py [--kills 10] [--components tune sample] [--contexts local mpi slurm]

Prints what was lost (rows that were on disk after a kill and are not in the result), what was
repeated (rows that were written twice) and whether the result equals that of the run left alone.
"""

import argparse
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from experiments.component import Component
from experiments.lock import holder
from livn.cli.output import print_table
from livn.experiments import get, storage

COMPONENTS = {
    "tune": ["~native", "~point", "~spontaneous", "evaluations=64", "finalists=2", "repeats=2",
             "target_options.duration=5000", "initial=16", "batch=4"],
    "sample": ["~native", "~point", "system=EI2", "samples=240", "duration=4000", "warmup=1000",
               "batch=2"],
    "survey": ["~native", "~point", "system=EI2", "trials=200", "duration=5000"],
}  # fmt: skip
CONTEXTS = {
    "local": ["local", "workers=1"],
    "mpi": ["mpi", "n=1"],
    "slurm": ["slurm", '**resources={"-t": "30", "--mem": "1G", "-n": 1}'],
}
SHARE = 0.3  # of the time from the first row to the last: the longest wait before a kill
WALL = ("seconds", "wall_s")  # columns that hold wall times
POLL = 0.02  # s


@dataclass
class Outcome:
    """What kills did to a run."""

    kills: int = 0
    rows_at_kills: list[int] = field(default_factory=list)
    lost: int = 0
    repeated: int = 0
    equal: bool = False


def command(root: Path, context: str, component: str, options: Sequence[str]) -> list[str]:
    """Return what launches a component."""
    start = [sys.executable, "-m", "livn", "systems", "--storage", str(root)]
    return [*start, *CONTEXTS[context], component, *options, "--launch"]


def made(component: str, options: Sequence[str]) -> Component:
    """Return the component in the storage in use."""
    from machinable.cli import parse

    ((_, *version),), _, _ = parse([component, *options])
    found: Component = get(f"experiments.{component}", version)
    return found


def rows(directory: Path) -> Iterator[tuple[str, str]]:
    """Yield (where it is written, content without wall times) of every row of a record."""
    for path in sorted(directory.glob("*.jsonl")):
        if path.name == "jobs.jsonl":
            continue
        complete = path.read_bytes().rpartition(b"\n")[0]
        for number, line in enumerate(complete.splitlines()):
            yield f"{path.name}:{number}", _digest(json.loads(line))
    for path in sorted(directory.glob("samples/part-*.parquet")):
        written = path.stat()
        for number, row in enumerate(pq.read_table(path).to_pylist()):
            yield f"{written.st_ino}/{written.st_mtime_ns}:{number}", _digest(row)


def _digest(row: dict[str, Any]) -> str:
    kept = {name: value for name, value in row.items() if name not in WALL}
    return hashlib.sha256(json.dumps(kept, sort_keys=True, default=str).encode()).hexdigest()


def launch(words: list[str], component: Component) -> subprocess.Popen[bytes]:
    """Start a launch, and return when it computes or has ended."""
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    while not (component.recalled().is_materialized() and holder(component.directory)):
        if process.poll() not in (None, 0) or component.finished:
            break
        time.sleep(POLL)
    return process


def alone(
    root: Path, context: str, component: str, options: Sequence[str]
) -> tuple[Path, float, float]:
    """Return directory of a run that is left alone, and s to its first row and to its end."""
    with storage(root):
        found = made(component, options)
        process = launch(command(root, context, component, options), found)
        began = time.monotonic()
        while not any(rows(found.directory)) and not found.finished:
            time.sleep(POLL)
        first = time.monotonic() - began
        wait(found, process)
        return found.directory, first, time.monotonic() - began


def wait(component: Component, process: subprocess.Popen[bytes]) -> None:
    """Wait until a launch has ended and nothing computes the record."""
    _, said = process.communicate()
    while holder(component.directory):
        time.sleep(POLL)
    if not component.finished and process.returncode not in (0, 1, -signal.SIGKILL):
        raise SystemExit(said.decode())


def killed(
    root: Path, context: str, component: str, options: Sequence[str],
    kills: int, longest: float, left_alone: Path, seed: int = 0,
) -> Outcome:  # fmt: skip
    """Return what came of a run that is killed so many times and then left alone."""
    draw, outcome = random.Random(seed), Outcome()
    on_disk: dict[str, str] = {}
    with storage(root):
        found = made(component, options)
        for number in range(kills + 1):
            process = launch(command(root, context, component, options), found)
            if number < kills and not found.finished:
                time.sleep(draw.uniform(0.0, longest))
                outcome.kills += kill(found)
            wait(found, process)
            now = dict(rows(found.directory))
            outcome.lost += sum(now.get(where) != content for where, content in on_disk.items())
            on_disk = now
            if number < kills:
                outcome.rows_at_kills.append(len(now))
        result, expected = list(now.values()), [content for _, content in rows(left_alone)]
        outcome.repeated = len(result) - len(set(result))
        outcome.equal = sorted(result) == sorted(expected) and metrics(found.directory) == metrics(
            left_alone
        )
    return outcome


def kill(component: Component) -> int:
    """Kill the process that computes a record; return whether there was one."""
    process = holder(component.directory)
    if not process:
        return 0
    try:
        os.kill(int(process.split()[1]), signal.SIGKILL)
    except ProcessLookupError:  # it has just ended
        return 0
    return 1


def metrics(directory: Path) -> dict[str, Any]:
    """Return the numbers of a record without wall times."""
    path = directory / "metrics.json"
    found = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return {name: value for name, value in found.items() if "second" not in name}


def main() -> None:
    """Kill what the command line names and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--components", nargs="+", default=["tune", "sample"], choices=COMPONENTS)
    parser.add_argument("--contexts", nargs="+", default=list(CONTEXTS), choices=CONTEXTS)
    given = parser.parse_args()
    table = []
    for component in given.components:
        for context in given.contexts:
            with tempfile.TemporaryDirectory() as scratch:
                options = COMPONENTS[component]
                left = alone(Path(scratch, "alone"), context, component, options)
                directory, first, whole = left
                outcome = killed(
                    Path(scratch, "killed"), context, component, options,
                    given.kills, first + SHARE * (whole - first), directory,
                )  # fmt: skip
            row = (component, context, f"{whole:.0f} s", outcome.kills,
                   " ".join(map(str, outcome.rows_at_kills)), outcome.lost, outcome.repeated,
                   "yes" if outcome.equal else "no")  # fmt: skip
            table.append(tuple(map(str, row)))
            print("  ".join(table[-1]), flush=True)
    print_table(
        (
            "component",
            "on",
            "alone",
            "kills",
            "rows on disk after each",
            "lost",
            "repeated",
            "equal",
        ),
        table,
    )


if __name__ == "__main__":
    main()
