"""Rows as they come: small files that are there as a whole or not at all."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from experiments.sampling.table import SCHEMA, table
from livn.errors import CorruptFile

PATTERN = "part-*.parquet"
COMPRESSION = "zstd"


class Parts:
    """A directory of finished samples, a file per task; what a kill left unfinished is not seen.

    Args:
        directory: where the files are; made by the first one.
    """

    def __init__(self, directory: str | os.PathLike[str]):
        self.directory = Path(directory)

    def files(self) -> list[Path]:
        """Return the files, in the order of their first sample."""
        return sorted(self.directory.glob(PATTERN))

    def append(self, rows: Sequence[dict[str, Any]]) -> Path:
        """Write rows into a file of their own, which is on disk when this returns."""
        self.directory.mkdir(parents=True, exist_ok=True)
        path = self.directory / f"part-{min(r['index'] for r in rows):09d}.parquet"
        scratch = path.with_suffix(f".{os.getpid()}.partial")
        write_rows(scratch, table(list(rows)))
        scratch.replace(path)
        return path

    def done(self) -> dict[int, str]:
        """Return index -> status of every finished sample."""
        found: dict[int, str] = {}
        for path in self.files():
            columns = read_rows(path, ["index", "status"])
            found.update(
                zip(columns["index"].to_pylist(), columns["status"].to_pylist(), strict=True)
            )
        return found

    def in_order(self, indices: NDArray[np.int64]) -> Iterator[pa.Table]:
        """Yield the rows of these samples as tables, each sample once, in the order of `indices`.

        Raises:
            CorruptFile: if one is missing.
        """
        where = {i: path for path in self.files() for i in _indices(path)}
        missing = [int(i) for i in indices if i not in where]
        if missing:
            raise CorruptFile(
                f"samples are missing: got {len(where)} of {len(indices)}, none of index "
                f"{missing[0]}. Launch again; it goes on from there.",
                got=missing,
            )
        opened: tuple[Path | None, Any] = (None, None)
        for index in indices:
            path = where[int(index)]
            if opened[0] != path:
                opened = path, read_rows(path)
            position = opened[1]["index"].to_pylist().index(int(index))
            yield opened[1].slice(position, 1)

    def clear(self) -> None:
        """Remove all files, and what kills left of others."""
        for path in [*self.files(), *self.directory.glob("*.partial")]:
            path.unlink()


def write_rows(path: Path, rows: pa.Table) -> None:
    """Write rows as one Parquet file, and wait until it is on disk."""
    pq.write_table(rows, path, compression=COMPRESSION)
    with path.open("rb") as file:
        os.fsync(file.fileno())


def read_rows(path: Path, columns: Sequence[str] | None = None) -> Any:
    """Return the rows of a file, or some of their columns.

    Raises:
        CorruptFile: if it is no file of samples.
    """
    try:
        return pq.read_table(path, columns=columns, schema=None if columns else SCHEMA)
    except (pa.ArrowInvalid, OSError) as problem:
        raise CorruptFile(
            f"{path} holds no samples: got {problem}. Remove it and launch again.", got=str(path)
        ) from problem


def _indices(path: Path) -> list[int]:
    indices: list[int] = read_rows(path, ["index"])["index"].to_pylist()
    return indices
