"""The index: a cache beside the records that says where each lies, made anew from them at will."""

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from machinable import Index
from machinable.errors import MachinableError
from machinable.index import load
from machinable.utils import path_to_uri, walk_markers

from livn.errors import InvalidValue

DATABASE = "index.sqlite"


class RecordIndex(Index):
    """Index whose records lie in readable places: `tune/3f2a.../runs/2026-01-01_120000`."""

    def materialize(self, keys: Any, force: bool = False) -> Any:  # type: ignore[override]
        """Return the entry of a record, made if it is new; see machinable's Index."""
        self._create()
        if keys.storage_uri is None:
            place = self._place(keys)
            if place is not None:
                uri = path_to_uri(str(place))
                keys = keys.model_copy(update={"storage_uri": uri, "local_uri": uri})
                response = super().materialize(keys, force)
                os.makedirs(self.local_directory(response.entry.record_id), exist_ok=True)
                return response
        return super().materialize(keys, force)

    def _create(self) -> None:
        """Make the database, complete when others see it: several processes may start at once.

        Raises:
            InvalidValue: if there is no place for it.
        """
        database = Path(self._resolved_database())
        if database.exists():
            return
        try:
            database.parent.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise InvalidValue(
                f"storage cannot be made: got {str(database.parent)!r}; {problem.strerror}. "
                "Name another directory: --storage DIR, or LIVN_STORAGE.",
                got=str(database.parent),
            ) from problem
        with TemporaryDirectory(dir=database.parent) as scratch:
            fresh = Path(scratch, database.name)
            load(str(fresh), create=True).close()
            with suppress(FileExistsError):
                os.link(fresh, database)

    def _place(self, keys: Any) -> Path | None:
        if keys.kind == "Interface" and keys.record_id:
            return Path(self._storage_root(), keys.module.rpartition(".")[2], keys.record_id)
        if keys.kind == "Execution" and keys.parent_id:
            runs = Path(self.local_directory(keys.parent_id), "runs")
            taken = len(list(runs.glob(f"{keys.predicate_key}*")))
            return runs / (keys.predicate_key + (f"-{taken + 1}" if taken else ""))
        return None

    def is_of(self, root: Path) -> bool:
        """Return whether every record it knows lies below `root`: else the directory was moved."""
        inside = path_to_uri(str(root)).rstrip("/") + "/"
        with closing(sqlite3.connect(self._resolved_database())) as database:
            elsewhere = database.execute(
                "SELECT count(*) FROM 'index' WHERE kind != 'Project' "
                "AND substr(storage_uri, 1, ?) != ?",
                (len(inside), inside),
            ).fetchone()
        return bool(elsewhere[0] == 0)

    def rebuild(self, root: Path) -> tuple[int, list[str]]:
        """Make the index anew from the records below `root`.

        Returns:
            How many records there are, and the directories that could not be read, with the reason.
        """
        database = Path(self._resolved_database())
        with TemporaryDirectory(dir=root) as scratch:
            fresh = RecordIndex({"database": str(Path(scratch, database.name))})
            told = fresh._ingest(root)
            fresh._create()
            for suffix in ("-wal", "-shm"):
                Path(f"{database}{suffix}").unlink(missing_ok=True)
            os.replace(fresh._resolved_database(), database)
        return told

    def _ingest(self, root: Path) -> tuple[int, list[str]]:
        known, unreadable = 0, []
        for directory in walk_markers(str(root)):
            try:
                self.ingest_directory(directory)
                known += 1
            except (MachinableError, ValueError, OSError) as problem:
                unreadable.append(f"{directory}: {problem}")
        return known, unreadable
