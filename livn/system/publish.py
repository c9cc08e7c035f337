"""Directories that appear whole or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import EEXIST, ENOTEMPTY
from pathlib import Path
from tempfile import TemporaryDirectory


@contextmanager
def staging(target: Path) -> Iterator[Path]:
    """Give an empty directory beside `target` to fill and `publish`; what remains is removed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(
        prefix=f".{target.name}.", suffix=".partial", dir=target.parent
    ) as beside:
        fresh = Path(beside) / target.name
        fresh.mkdir()
        yield fresh


def publish(fresh: Path, target: Path, *, replace: bool) -> bool:
    """Move `fresh`, a staged directory, to `target` in one step.

    Args:
        fresh: what `staging` gave.
        target: where it goes; an empty directory there is taken over.
        replace: move away what is there.

    Returns:
        False where something is at `target` already: it stays, whoever put it there.
    """
    if replace:
        with suppress(FileNotFoundError):
            target.rename(fresh.parent / "replaced")
    try:
        fresh.rename(target)
    except OSError as problem:
        if problem.errno not in (EEXIST, ENOTEMPTY):
            raise
        return False
    return True
