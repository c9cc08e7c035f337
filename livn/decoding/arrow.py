"""ArrowDataset: what was recorded as rows of a table that `datasets` loads."""

from os import link
from pathlib import Path
from typing import Any
from uuid import uuid4

import datasets
import numpy as np
import pyarrow as pa

from livn.decoding.core import GatherAndMerge
from livn.errors import CorruptFile
from livn.run import Run

NAME = "data-{:05d}.arrow"

COLUMNS = {
    "it": pa.list_(pa.int64()),
    "tt": pa.list_(pa.float64()),
    "iv": pa.list_(pa.int64()),
    "vv": pa.list_(pa.list_(pa.float64())),
    "im": pa.list_(pa.int64()),
    "mp": pa.list_(pa.list_(pa.float32())),
}


class ArrowDataset(GatherAndMerge):
    """Writes every run it decodes as one row of a table, and returns the run.

    Each call writes one file `data-00000.arrow` (an Arrow IPC stream) under the next free number,
    complete or not at all, with the columns `duration` (ms) and, of what was asked for, `it`, `tt`
    (gid and time, ms, of spikes), `iv`, `vv` (gid and samples, mV, of voltages), `im`, `mp` (gid
    and samples, uA, of membrane currents). `datasets.load_dataset("arrow", data_files=...)` reads
    them as well as `dataset()`.

    Attributes:
        directory: where the files go; made if it is not there.
    """

    directory: str

    def __call__(self, run: Run, env: Any) -> Any:
        """Return the merged Run on root after writing it there, None on other ranks."""
        merged = super().__call__(run, env)
        if merged is not None:
            write_run(merged, self.directory, self._columns())
        return merged

    def dataset(self) -> Any:
        """Return all rows written so far as a `datasets.Dataset`, None if there are none.

        Raises:
            CorruptFile: if a file is not what this class writes.
        """
        files = sorted(Path(self.directory).glob("data-*.arrow"))
        if not files:
            return None
        return datasets.concatenate_datasets([_read(file) for file in files])

    def _columns(self) -> list[str]:
        """Return the columns asked for."""
        asked = {"it": self.spikes, "iv": self.voltages, "im": self.membrane_currents}
        pairs = {"it": "tt", "iv": "vv", "im": "mp"}
        return [name for ids in asked if asked[ids] for name in (ids, pairs[ids])]


def write_run(run: Run, directory: str, columns: list[str]) -> Path:
    """Return the file in which the run now is a table of one row.

    Args:
        run: what to write.
        directory: where.
        columns: of "it", "tt", "iv", "vv", "im", "mp"; null where it was not recorded.
    """
    slots = dict(zip(COLUMNS, run, strict=True))
    row = {"duration": pa.array([run.duration], pa.float64())}
    row |= {name: _cell(slots[name], COLUMNS[name]) for name in columns}
    table = pa.table(row)
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f".{uuid4().hex}.partial"
    try:
        with pa.OSFile(str(partial), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        return _publish(partial, folder)
    finally:
        partial.unlink(missing_ok=True)


def _publish(partial: Path, folder: Path) -> Path:
    """Give a complete file the next free number; another process may take one meanwhile."""
    taken = [int(f.stem[5:]) for f in folder.glob("data-*.arrow") if f.stem[5:].isdigit()]
    number = max(taken, default=-1) + 1
    while True:
        path = folder / NAME.format(number)
        try:
            link(partial, path)
        except FileExistsError:
            number += 1
        else:
            return path


def _cell(values: Any, kind: pa.DataType) -> pa.Array:
    """Return a column of one row."""
    if values is None:
        return pa.array([None], kind)
    whole = pa.array([0, len(values)], pa.int32())
    if values.ndim == 1:
        return pa.ListArray.from_arrays(whole, pa.array(values, kind.value_type))
    ends = pa.array(np.arange(len(values) + 1) * values.shape[1], pa.int32())
    samples = pa.array(values.ravel(), kind.value_type.value_type)
    return pa.ListArray.from_arrays(whole, pa.ListArray.from_arrays(ends, samples))


def _read(file: Path) -> Any:
    try:
        return datasets.Dataset.from_file(str(file))
    except (pa.ArrowInvalid, OSError) as error:
        raise CorruptFile(
            f"shard is not readable: got {file}; need an Arrow stream. Remove it.", got=str(file)
        ) from error
