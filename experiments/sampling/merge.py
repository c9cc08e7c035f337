"""From parts to a dataset: sharded Parquet with bounded row groups, and a card."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from experiments.sampling.card import write_card
from experiments.sampling.design import SPLITS, Design, Split
from experiments.sampling.parts import COMPRESSION, Parts
from experiments.sampling.table import SCHEMA
from livn.errors import InvalidState
from livn.system.publish import publish, staging

ROWS_PER_GROUP = 100  # more make the viewer of the hub slow where rows are heavy
GROUP_BYTES = 32 * 2**20  # of rows in memory, whatever their number
SHARD_BYTES = 256 * 2**20  # of the file
DESIGN = "design.json"
DATA = "data"


def merge(design: Design, parts: Parts, target: Path, command: str = "") -> Path:
    """Write the finished samples as a dataset that `datasets.load_dataset` reads, all or nothing.

    Rows are ordered by index within their split and each is there once; memory holds one row
    group. The same rows give the same files.

    Args:
        design: what the rows are.
        parts: where they are.
        target: directory of the dataset; what is there is replaced.
        command: that made them, for the card.

    Returns:
        The directory.

    Raises:
        InvalidState: if samples are missing.
    """
    statuses = parts.done()
    missing = design.total - sum(index < design.total for index in statuses)
    if missing:
        raise InvalidState(
            f"dataset is not complete: got {design.total - missing} of {design.total} samples. "
            "Launch again; it goes on from there. Of a finished record, remove it first."
        )
    with staging(target) as fresh:
        (fresh / DATA).mkdir()
        sizes: dict[str, int] = {
            split: _write_split(design, parts, split, fresh / DATA) for split in SPLITS
        }
        document = json.dumps(design.document(), indent=1, sort_keys=True)
        (fresh / DESIGN).write_text(document + "\n", encoding="utf-8")
        write_card(design, fresh, sizes, Counter(statuses.values()), command)
        publish(fresh, target, replace=target.exists())
    return target


def _write_split(design: Design, parts: Parts, split: Split, directory: Path) -> int:
    """Write the shards of a split and return how many bytes they have."""
    indices = design.indices(split)
    files: list[Path] = []
    writer: pq.ParquetWriter | None = None
    for group in _groups(parts.in_order(indices)):
        if writer is None:
            files.append(directory / f".{split}-{len(files):05d}")
            writer = pq.ParquetWriter(files[-1], SCHEMA, compression=COMPRESSION)
        writer.write_table(group, row_group_size=ROWS_PER_GROUP)
        if files[-1].stat().st_size >= SHARD_BYTES:
            writer.close()
            writer = None
    if writer is not None:
        writer.close()
    size = 0
    for number, file in enumerate(files):
        named = file.with_name(f"{split}-{number:05d}-of-{len(files):05d}.parquet")
        size += file.rename(named).stat().st_size
    return size


def _groups(rows: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Yield rows gathered into row groups, bounded in number and in bytes."""
    held: list[pa.Table] = []
    size = 0
    for each in rows:
        held.append(each)
        size += each.nbytes
        if len(held) == ROWS_PER_GROUP or size >= GROUP_BYTES:
            yield pa.concat_tables(held).combine_chunks()
            held, size = [], 0
    if held:
        yield pa.concat_tables(held).combine_chunks()
