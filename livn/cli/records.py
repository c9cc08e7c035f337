"""`livn systems results|show|status|watch|logs|stop|reindex`: what there is and how it goes."""

import json
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from livn.cli.output import FAILED, NOT_FINISHED, count_fitting, print_table
from livn.errors import InvalidValue, unknown_names

POLL = 2.0  # s between two looks of `watch`
# Files of every record, which say nothing of its result.
HOUSEKEEPING = {
    "lock", "cached", "error.json", "id.json", "jobs.jsonl", "model.json", "updated_at",
    ".machinable", "runs", "related",
}  # fmt: skip
PUBLIC = "--public"
SORTED_BY = "--sort"
STATUS = {"finished": 0, "failed": FAILED}


def results(words: Sequence[str]) -> int:
    """Print a table of the records of a component, or of all."""
    from interface.records import records, state

    words = list(words)
    by = _sorted_by(words)
    found = records(words[0] if words else None)
    if not found:
        print("no records" + (f" of {words[0]}" if words else ""))
        return 0
    rows = []
    for component in found:
        made = datetime.fromtimestamp(component.timestamp / 1e9)
        row = {"hash": component.hash[:8], "component": component.name}
        rows.append(row | {"state": state(component).name, "made": f"{made:%Y-%m-%d %H:%M}"})
    if words:
        _add_values(rows, found)
    else:
        _add_summaries(rows, found)
    columns = list(dict.fromkeys(name for row in rows for name in row))
    if words:
        columns.remove("component")
    if by:
        _sort(rows, by, columns)
    numbers = [c for c in columns if any(isinstance(row.get(c), int | float) for row in rows)]
    cells = [[_cell(row.get(c, "")) for c in columns] for row in rows]
    n = count_fitting(columns, cells)
    print_table(columns[:n], [row[:n] for row in cells], numbers)
    if n < len(columns):
        print(f"For a wider terminal, or a pipe: {', '.join(columns[n:])}")
    return 0


def show(words: Sequence[str]) -> int:
    """Print everything that is known of a record."""
    from interface.records import record, state

    component = record(_one("show", words))
    at, ran = state(component), component.last_run()
    about = [
        ("hash", component.hash),
        ("state", f"{at.name} {at.detail}".strip()),
        ("made", f"{datetime.fromtimestamp(component.timestamp / 1e9):%Y-%m-%d %H:%M:%S}"),
        ("directory", component.directory),
        ("command", f"{component.command()} --launch"),
    ]
    print_table((component.name, ""), [(k, str(v)) for k, v in about])
    for title, rows in (
        ("options", component.options().items()),
        ("metrics", component.metrics().items()),
        ("comes from", component.origins()),
        ("ran with", _code(ran)),
        ("files", _files(component)),
    ):
        table = [(str(name), _cell(value)) for name, value in rows]
        if table:
            print()
            print_table((title, ""), table)
    return 0


def status(words: Sequence[str]) -> int:
    """Print what a record is at; 0 if it is finished, 1 if it failed, 3 otherwise."""
    from interface.records import record, state

    component = record(_one("status", words))
    at = state(component)
    print(f"{component.label_text()}  {at.name}  {at.detail}".rstrip())
    return STATUS.get(at.name, NOT_FINISHED)


def watch(words: Sequence[str]) -> int:
    """Print what a record is at and what it says until it is done; jobs that were cut off go on."""
    from interface.records import log, record, state
    from interface.slurm import revive

    component = record(_one("watch", words))
    said, told = 0, ""
    while True:
        at, text = state(component), log(component)
        line = f"{component.label_text()}  {at.name}  {at.detail}".rstrip()
        print(text[said:], end="")
        said = len(text)
        if line != told:
            print(line, flush=True)
            told = line
        if at.name not in ("running", "queued") and not revive(component):
            return STATUS.get(at.name, NOT_FINISHED)
        time.sleep(POLL)


def logs(words: Sequence[str]) -> int:
    """Print what the runs of a record said."""
    from interface.records import log, record

    print(log(record(_one("logs", words))), end="")
    return 0


def stop(words: Sequence[str]) -> int:
    """Ask what computes a record to end; the same command continues."""
    from interface.records import record, stop

    component = record(_one("stop", words))
    asked = stop(component)
    print(f"{component.label_text()}: {asked} is asked to stop. The same command continues.")
    return 0


def push(words: Sequence[str]) -> int:
    """Copy a record to a repository of the hub."""
    from interface.hub import push
    from interface.records import record

    words = list(words)
    public = PUBLIC in words
    words = [word for word in words if word != PUBLIC]
    if len(words) != 2:
        raise InvalidValue(f"push needs a hash and owner/name: got {' '.join(words)!r}.")
    for place in push(record(words[0]), words[1], public):
        print(f"{words[1]}/{place}")
    return 0


def fetch(words: Sequence[str]) -> int:
    """Copy a record from a repository of the hub, or list what is there."""
    from interface.hub import fetch, listed

    if len(words) == 1:
        print("\n".join(listed(words[0])) or f"no records in {words[0]}")
        return 0
    if len(words) != 2:
        raise InvalidValue(f"fetch needs owner/name and a hash: got {' '.join(words)!r}.")
    component = fetch(words[0], words[1])
    print(f"{component.hash}  {component.directory}")
    return 0


def reindex(words: Sequence[str]) -> int:
    """Make the index of the storage anew from its records; 1 if some cannot be read."""
    from machinable import Storage

    from interface.index import RecordIndex

    if words:
        raise InvalidValue(f"reindex takes nothing: got {' '.join(words)!r}.", got=list(words))
    root = Storage.get().root()
    known, unreadable = RecordIndex.get().rebuild(Path(root))
    print(f"{known} records and runs in {root}")
    for each in unreadable:
        print(f"not readable: {each}")
    return FAILED if unreadable else 0


VERBS: dict[str, tuple[Callable[[Sequence[str]], int], str]] = {
    "results": (results, "table of the records [of a component] [--sort COLUMN, -COLUMN]"),
    "show": (show, "everything about the record of a hash, or of its beginning, or `last`"),
    "status": (status, "what a record is at; 0 finished, 1 failed, 3 neither"),
    "watch": (watch, "the same and what it says, until it is done"),
    "logs": (logs, "what its runs said"),
    "stop": (stop, "end its process or job; the same command continues"),
    "push": (push, "copy a record to a repository of the hub: <hash> owner/name [--public]"),
    "fetch": (fetch, "copy a record from there: owner/name <hash>; without a hash, list them"),
    "reindex": (reindex, "make the index anew from the records"),
}


def _one(verb: str, words: Sequence[str]) -> str:
    if len(words) != 1:
        raise InvalidValue(
            f"{verb} needs one hash: got {' '.join(words)!r}. Hashes: livn systems results",
            got=list(words),
        )
    return words[0]


def _sorted_by(words: list[str]) -> str | None:
    for position, word in enumerate(words):
        if word.partition("=")[0] != SORTED_BY:
            continue
        by = words.pop(position).partition("=")[2]
        return by or (words.pop(position) if position < len(words) else None)
    return None


def _sort(rows: list[dict[str, Any]], by: str, columns: Sequence[str]) -> None:
    """Sort by a column, downwards where its name has a minus; rows without it come last."""
    column = by.removeprefix("-")
    if column not in columns:
        raise unknown_names("column", [column], columns)
    there = [row for row in rows if row.get(column) not in ("", None)]
    absent = [row for row in rows if row.get(column) in ("", None)]
    numeric = all(isinstance(row[column], int | float) for row in there)
    there.sort(key=lambda r: r[column] if numeric else str(r[column]), reverse=by[0] == "-")
    rows[:] = there + absent


def _add_values(rows: list[dict[str, Any]], found: Sequence[Any]) -> None:
    """Add columns for what differs between records of one component, and for their metrics."""
    differing = _differing(found)
    for row, component in zip(rows, found, strict=True):
        options = component.options()
        row |= {name: options.get(name, "") for name in differing}
        row |= {k: v for k, v in component.metrics().items() if _is_cell(v)}


def _add_summaries(rows: list[dict[str, Any]], found: Sequence[Any]) -> None:
    """Add one column for all options, and one for the first metrics, of records of any kind."""
    for row, component in zip(rows, found, strict=True):
        metrics = [f"{k}={_cell(v)}" for k, v in component.metrics().items() if _is_cell(v)]
        row["options"] = " ".join(component.words()[1:])
        row["metrics"] = " ".join(metrics[:3])


def _differing(found: Sequence[Any]) -> list[str]:
    """Names of the options in which records differ; all that are no default where there is one."""
    every = [component.options() for component in found]
    names = list(dict.fromkeys(name for options in every for name in options))
    if len(found) == 1:
        return ["system"] if "system" in names else []
    return [n for n in names if len({json.dumps(o.get(n), default=str) for o in every}) > 1]


def _is_cell(value: Any) -> bool:
    return isinstance(value, str | int | float)


def _cell(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _code(ran: dict[str, Any]) -> list[tuple[str, str]]:
    """Versions of code and packages of the last run."""
    if not ran:
        return []
    git = ran.get("git")
    if git:
        changed = ", with changes" if git["dirty"] else ""
        git = f"{git['commit'][:12]} of {git['branch']}{changed}"
    packages = "  ".join(f"{name} {number}" for name, number in ran["packages"].items())
    return [
        ("livn", ran["livn"]), ("git", git or "not in a repository"), ("python", ran["python"]),
        ("packages", packages), ("host", f"{ran['host']}, {ran['system']}"), ("at", ran["time"]),
    ]  # fmt: skip


def _files(component: Any) -> list[tuple[str, str]]:
    """Files of the work, with their sizes."""
    found = [p for p in sorted(component.directory.rglob("*")) if p.is_file()]
    own = [
        p for p in found if not {"runs", "related"} & set(p.relative_to(component.directory).parts)
    ]
    hidden = {"lock", "cached", "id.json", "model.json", "updated_at", ".machinable"}
    return [
        (str(p.relative_to(component.directory)), f"{p.stat().st_size:,} bytes")
        for p in own
        if p.name not in hidden
    ]
