"""The records of a storage: found by hash or component, and what state each is in."""

import json
import os
import signal
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from machinable import Index, Interface, Storage
from machinable.api.models import FindRequest
from machinable.errors import MachinableError
from machinable.utils import is_machinable_directory

from experiments.component import ERROR, Component
from experiments.lock import holder
from interface.jobs import JOB_FOLDER, cancel, jobs, last_job
from interface.resolve import full_name
from livn.errors import InvalidState, InvalidValue, UnknownName, nearest

FINISHED, RUNNING, FAILED, INTERRUPTED = "finished", "running", "failed", "interrupted"
QUEUED = "queued"
LAST = "last"
MAX_RECORDS = 1000  # that a table shows


class UnknownRecord(UnknownName):
    """No record of that hash in the storage."""


@dataclass(frozen=True)
class State:
    """What a record is at.

    Attributes:
        name: finished, running, queued, failed or interrupted.
        detail: where it runs, or why it failed.
    """

    name: str
    detail: str = ""


def record(identity: str) -> Component:
    """Return the record of a hash, or of the beginning of one; "last" is the one changed last.

    Raises:
        UnknownRecord: if there is none, with the nearest.
        InvalidValue: if there are several.
    """
    known = {entry.record_id: entry for entry in _entries(None)}
    if identity == LAST and known:
        return _loaded(max(known, key=lambda name: _changed(known[name])))
    return _loaded(the_one(identity, known, str(Storage.get().root())))


def the_one(identity: str, known: Collection[str], where: str) -> str:
    """Return which of the known hashes one, or the beginning of one, means.

    Raises:
        UnknownRecord: if none begins so, with the nearest.
        InvalidValue: if several do.
    """
    found = sorted(name for name in known if name.startswith(identity))
    if len(found) > 1:
        raise InvalidValue(
            f"hash is of several records: got {identity!r}; of {', '.join(found)}. "
            "Give more of it.",
            got=identity,
            allowed=found,
        )
    if not found:
        close = nearest(identity, list(known), 1)
        hint = f" (did you mean {close[0]!r}?)" if close else ""
        raise UnknownRecord(
            f"unknown record: got {identity!r}{hint}; {len(known)} in {where}. "
            "List them: livn systems results, or fetch without a hash.",
            got=identity,
            allowed=sorted(known),
        )
    return found[0]


def records(word: str | None = None) -> list[Component]:
    """Return the records of a component, or all, the latest first.

    Raises:
        UnknownComponent: if there is no such component, with the nearest.
    """
    module = None if word is None else full_name(word)
    return [_loaded(entry.record_id) for entry in _entries(module)]


def state(component: Component) -> State:
    """Return what a record is at, from its files and the processes that hold them."""
    if component.finished:
        return State(FINISHED)
    process = holder(component.directory)
    if process:
        return State(RUNNING, process)
    job = last_job(component.directory)
    if job is not None and job.live:
        return State(QUEUED, str(job))
    error = component.directory / ERROR
    if error.exists():
        return State(FAILED, str(json.loads(error.read_text("utf-8"))["error"]))
    if job is not None and job.state not in ("COMPLETED", "UNKNOWN"):
        return State(FAILED, str(job))
    return State(INTERRUPTED, "the same command continues")


def stop(component: Component) -> str:
    """Ask the job or the process that computes a record to end, and return which it is.

    Raises:
        InvalidState: if none does, or on another machine.
    """
    process, job = holder(component.directory), last_job(component.directory)
    if job is not None and job.live:
        cancel(job.number)
        return f"job {job.number}"
    if not process:
        at = state(component).name
        raise InvalidState(f"{component.label_text()} is not running: got {at}.", got=at)
    _, number, _, host = process.split()
    if host != os.uname().nodename:
        raise InvalidState(
            f"{component.label_text()} runs elsewhere: got {process}; this is "
            f"{os.uname().nodename}. Stop it there.",
            got=host,
        )
    os.kill(int(number), signal.SIGINT)
    return process


def log(component: Component) -> str:
    """Return what the runs of a record wrote, in order; before the first, what its jobs wrote."""
    logs = sorted(component.directory.glob("runs/*/output.log"))
    if not logs:
        folder = Path(Storage.get().root(), JOB_FOLDER)
        logs = [folder / f"{number}.log" for number in jobs(component.directory)]
    return "".join(path.read_text("utf-8", "replace") for path in logs if path.exists())


def _entries(module: str | None) -> list[Any]:
    """Index entries of components, the latest first; those copied in are taken up."""
    index, root = Index.get(), Path(Storage.get().root())
    request = FindRequest(module=module, kind="Interface", limit=MAX_RECORDS)
    found = index.find(request).items
    known = {entry.record_id for entry in found}
    pattern = "*/*" if module is None else f"{module.rpartition('.')[2]}/*"
    new = [p for p in root.glob(pattern) if p.name not in known and is_machinable_directory(str(p))]
    for path in new:
        try:
            index.ingest_directory(str(path))
        except (MachinableError, ValueError, OSError):  # half written: its launch will mend it
            continue
    return list(index.find(request).items) if new else list(found)


def _loaded(identity: str) -> Component:
    loaded = Interface.find_by_id(identity)
    assert isinstance(loaded, Component)
    return loaded


def _changed(entry: Any) -> float:
    path = Path(Index.get().local_directory(entry.record_id))
    files = [p.stat().st_mtime for p in path.iterdir()] if path.is_dir() else []
    return max(files, default=0.0)


def age(seconds: float) -> str:
    """Return how long ago a time (s since 1970) was: "3 min"."""
    passed = max(0.0, time.time() - seconds)
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if passed >= size:
            return f"{int(passed // size)} {unit}"
    return f"{int(passed)} s"
