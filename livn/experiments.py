"""The experiments from Python: `get("experiments.tune", {"system": "EI2"}).launch()`.

A component is found again by its configuration: what was computed is loaded, what was interrupted
continues. Records lie in a storage, a directory that may be moved; docs/experiments.md.
"""

import importlib
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from machinable import Project, Storage

from livn import settings
from livn.errors import InvalidState

FOLDERS = ("experiments", "interface")
_PACKAGE = Path(__file__).parent


def home() -> Path:
    """Return the directory of the components: the repository, or a folder of the wheel."""
    repository = _PACKAGE.parent
    return repository if (repository / FOLDERS[0]).is_dir() else _PACKAGE / "components"


def importable() -> None:
    """Let `experiments` and `interface` be imported, here and in processes started from here.

    Raises:
        InvalidState: if another package of that name was imported before.
    """
    place = str(home())
    if place not in sys.path:
        sys.path.insert(0, place)
    for folder in FOLDERS:
        found = importlib.import_module(folder).__file__ or ""
        if Path(found).parent != home() / folder:
            raise InvalidState(
                f"package {folder!r} is another: got {found}; need {home() / folder}. "
                "Rename yours, or import livn.experiments before it.",
                got=found,
            )


@contextmanager
def storage(directory: str | os.PathLike[str] | None = None) -> Iterator[Path]:
    """Keep the records of the components used inside in a directory.

    Args:
        directory: made when the first record is; None for LIVN_STORAGE, else ./storage.

    Yields:
        Its absolute path.
    """
    with ExitStack() as stack:
        yield _connect(stack, directory)


def get(module: str, version: Any = None, *, resources: Mapping[str, Any] | None = None) -> Any:
    """Return a component by name and configuration: the stored record where there is one.

    Outside of `storage()` the records lie in LIVN_STORAGE, else in the directory `storage` of
    where the process was at the first call.

    Args:
        module: dotted name, "experiments.tune".
        version: options {name: value}, names of versions "~EI2", or a list of both.
        resources: of a scheduler, where the module is a context such as "interface.slurm".

    Raises:
        UnknownName: if there is no such module, option or version, with the nearest.
        InvalidValue: if an option has no sensible value.
    """
    if not Project.is_connected():
        _connect(ExitStack(), None)
    from interface.resolve import component

    return component(module, version, **({"resources": dict(resources)} if resources else {}))


def _connect(stack: ExitStack, directory: str | os.PathLike[str] | None) -> Path:
    """Enter project, storage and index on `stack`; mend the index where it is stale."""
    importable()
    from interface.index import DATABASE, RecordIndex
    from interface.project import Livn

    root = Path(directory).expanduser().absolute() if directory else settings.storage_dir()
    database = root / DATABASE
    stack.enter_context(Livn({"directory": str(home())}))
    stack.enter_context(Storage({"directory": str(root)}))
    index = stack.enter_context(RecordIndex({"database": str(database)}))
    if root.is_dir() and not (database.exists() and index.is_of(root)):
        index.rebuild(root)
    return root
