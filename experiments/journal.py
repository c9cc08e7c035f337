"""Files that survive a kill: one that is only appended to, and ones that change as a whole."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np


class Journal:
    """A file of one JSON object a line, appended to and never rewritten.

    A row is on disk when `append` returns. What a kill left of a row is dropped when the file is
    opened again. Numbers may be nan and infinite, as Python writes them.

    Args:
        path: of the file, made by the first row.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self.path = Path(path)

    def rows(self) -> list[dict[str, Any]]:
        """Return every complete row, in the order of appending."""
        return [json.loads(line) for line in self._complete().splitlines()]

    def append(self, *rows: Mapping[str, Any]) -> None:
        """Append rows, in one write: all of them or, where the process is killed, none or some."""
        text = "".join(json.dumps(row, default=_plain) + "\n" for row in rows).encode()
        self._drop_torn_row()
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            while text:
                text = text[os.write(descriptor, text) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def __len__(self) -> int:
        return self._complete().count(b"\n")

    def _complete(self) -> bytes:
        content = self.path.read_bytes() if self.path.exists() else b""
        return content[: content.rfind(b"\n") + 1]

    def _drop_torn_row(self) -> None:
        if not self.path.exists() or self.path.stat().st_size == 0:
            return
        with self.path.open("rb+") as file:
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                file.truncate(len(self._complete()))


def write_whole(path: str | os.PathLike[str], content: Any) -> Path:
    """Write a JSON document so that a reader finds the old one or the new one, never half of it.

    Returns:
        The path.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    scratch.write_text(json.dumps(content, indent=2, default=_plain) + "\n", encoding="utf-8")
    scratch.replace(path)
    return path


def _plain(value: Any) -> Any:
    """What JSON has no word for: arrays, numpy numbers, paths."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise TypeError(f"cannot be written as JSON: got {type(value).__name__}")
