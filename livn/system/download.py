"""Systems from elsewhere: another directory, a web server, a hub."""

import os
from pathlib import Path, PurePosixPath
from typing import Any

from livn.errors import CorruptFile, InvalidState, InvalidValue, NotSupported
from livn.system.document import read_document
from livn.system.files import is_complete, read_index, system_files
from livn.system.publish import publish, staging

# What a server that lists no directories is asked for; FORMATS of a system directory.
KNOWN_FILES = (
    "graph.json", "graph.h5", "cells.h5", "connections.h5", "mea.json", "lightarray.json",
    "model.json", "params.json", "params/default.json", "provenance.json", "tuning.json",
)  # fmt: skip


def fetch(
    source: str | os.PathLike[str],
    directory: str | os.PathLike[str] = ".",
    name: str | None = None,
    force: bool = False,
    comm: Any = None,
) -> str:
    """Return the path of a system copied from `source`, whole or not at all.

    A complete system that is there already is not fetched again. From a web server, which lists
    no directories, the files that make up a system are fetched, but not stored selections.

    Args:
        source: directory, or any address fsspec knows: file://, http(s)://, hf://, …
        directory: where to.
        name: of the system there, None for the last component of `source`.
        force: fetch again and replace what is there.
        comm: MPI communicator; rank 0 fetches, all ranks return.

    Returns:
        `directory/name`.

    Raises:
        InvalidValue: if no name follows from `source`, or there is no system.
        CorruptFile: if what arrives is truncated or foreign; nothing is kept then.
        NotSupported: if the address needs a package that is not installed.
    """
    address = os.fspath(source)
    if name is None:
        name = PurePosixPath(address.rpartition("://")[2]).name
    if name in ("", ".", "..") or "/" in name:
        raise InvalidValue(
            f"system has no usable name: got {name!r} from {address!r}; pass name=.", got=name
        )
    target = Path(directory) / name
    path = None
    try:
        if comm is None or comm.Get_rank() == 0:
            path = str(_fetch(address, target, force))
    finally:  # a rank 0 that fails must not leave the others waiting
        if comm is not None:
            path = comm.bcast(path, root=0)
    if path is None:
        raise InvalidState(f"rank 0 could not fetch the system: got {address!r}; see its error.")
    return path


def _fetch(address: str, target: Path, force: bool) -> Path:
    if not force and is_complete(target):
        return target
    import fsspec

    try:
        files, root = fsspec.core.url_to_fs(address)
    except (ImportError, ValueError) as problem:
        raise NotSupported(
            f"source cannot be reached: got {address!r}; {problem}. Install what it needs "
            "(pip install 'livn[hub]') or correct the address.",
            got=address,
        ) from problem
    with staging(target) as fresh:
        arrived = _copy(files, root.rstrip("/"), fresh)
        if "graph.json" not in arrived:
            raise InvalidValue(
                f"source holds no system: got {address!r}, where {arrived or 'nothing'} was found; "
                "need graph.json, cells.h5, connections.h5. Check the address.",
                got=address,
            )
        try:
            read_index(system_files(fresh), read_document(fresh / "graph.json"))
        except CorruptFile as problem:
            raise CorruptFile(
                f"source is not usable: got {address!r}; {problem.message}", got=address
            ) from problem
        publish(fresh, target, replace=force or target.exists())
    return target


def _copy(files: Any, root: str, fresh: Path) -> list[str]:
    """Copy the files of a system below `root` and return their relative paths."""
    protocol = files.protocol if isinstance(files.protocol, str) else files.protocol[0]
    names = KNOWN_FILES if protocol.startswith("http") else _listing(files, root)
    arrived = []
    for name in names:
        path = fresh / name
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            files.get_file(f"{root}/{name}", str(path))
        except FileNotFoundError:
            continue
        arrived.append(name)
    return arrived


def _listing(files: Any, root: str) -> list[str]:
    """Return the files below `root`, relative to it; nothing where no system is."""
    if not files.exists(f"{root}/graph.json"):
        return []
    return [path.removeprefix(root).lstrip("/") for path in files.find(root)]
