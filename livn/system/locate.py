"""From what users write to a System: a name, a path, an address, a number of cells."""

import json
import os
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from livn import settings
from livn.errors import InvalidType, UnknownName, unknown_names
from livn.system import catalog
from livn.system.base import BaseSystem
from livn.system.download import fetch
from livn.system.files import is_complete
from livn.system.parallel import ParallelSystem
from livn.system.publish import publish, staging
from livn.system.system import System

GRAPHS = Path("systems") / "graphs"


class UnknownSystem(UnknownName, ValueError):
    """No predefined system of that name."""


def predefined(
    name: str,
    download_directory: str | os.PathLike[str] | None = None,
    force: bool = False,
    source: str | None = None,
) -> str:
    """Return the directory of a predefined system, made on first use.

    It is generated from the recipe that ships with livn, the same on every machine, or fetched
    when a source is given. Several processes may ask at once.

    Args:
        name: one of the catalog.
        download_directory: it goes to `<this>/systems/graphs/<name>`; None for the user's cache,
            where each recipe and each source has a place of its own.
        force: make it again and replace what is there.
        source: hub repository `owner/name`, or the address of the system's directory.

    Raises:
        UnknownSystem: if the catalog has no such name.
        InvalidValue: if `source` holds no usable system.
    """
    _check_known(name)
    if download_directory is not None:
        target = Path(download_directory) / GRAPHS / name
    else:
        target = place(name, source)
    if source is not None:
        return fetch(_address(source, name), target.parent, name=name, force=force)
    if force or not is_complete(target):
        with staging(target) as fresh:
            catalog.generate(name, fresh)
            publish(fresh, target, replace=force or target.exists())
    return str(target)


def place(name: str, source: str | None = None) -> Path:
    """Return the directory in the user's cache of a predefined system, there or not.

    Raises:
        UnknownSystem: if the catalog has no such name.
    """
    _check_known(name)
    return settings.cache_dir() / GRAPHS / _origin(name, source) / name


def make(name: str | os.PathLike[str] = "EI1", comm: Any = None) -> System:
    """Return a system by predefined name, directory, or address.

    Names win over directories of the same name: write `./EI1` for the directory.

    Raises:
        UnknownSystem: if it is neither a name nor a directory.
        CorruptFile: if the directory holds no usable system.
    """
    path = os.fspath(name)
    if path in catalog.RECIPES and isinstance(name, str):
        return System(predefined(path), comm)
    if "://" in path:
        fetched = settings.cache_dir() / GRAPHS / _short_hash(path)
        return System(fetch(path, fetched, comm=comm), comm)
    if not Path(path).exists() and isinstance(name, str) and os.sep not in path:
        raise unknown_names("system", [path], catalog.RECIPES, error=UnknownSystem)
    return System(path, comm)


def resolve(spec: Any, comm: Any = None) -> BaseSystem:
    """Return the system that `spec` means.

    Args:
        spec: a system; a name, directory or address as `make` takes it; a number of cells or
            population -> number for unconnected cells.
        comm: kept as an attribute of a new system.

    Raises:
        InvalidType: if it is of another kind.
    """
    if isinstance(spec, BaseSystem):
        return spec
    if isinstance(spec, str | os.PathLike):
        return make(spec, comm)
    if isinstance(spec, Mapping | int | np.integer) and not isinstance(spec, bool):
        return ParallelSystem(spec if isinstance(spec, Mapping) else int(spec), comm=comm)
    raise InvalidType(
        f"system is unreadable: got {spec!r}; need a System, a name, a directory, "
        "a number of cells or {population: number}.",
        got=spec,
    )


def _check_known(name: str) -> None:
    if name not in catalog.RECIPES:
        raise unknown_names("system", [name], catalog.RECIPES, error=UnknownSystem)


def _address(source: str, name: str) -> str:
    """Return where a source keeps a predefined system; `owner/name` is a repository of the hub."""
    is_repository = source.count("/") == 1 and not source.startswith((".", "/", "~"))
    return f"hf://datasets/{source}/{GRAPHS.as_posix()}/{name}" if is_repository else source


def _origin(name: str, source: str | None) -> str:
    """Return what tells apart the places of a name in the cache: its source, or its recipe."""
    if source is not None:
        return _short_hash(source)
    recipe = catalog.RECIPES[name]
    parts = [recipe.content_hash, recipe.culture.to_dict(), recipe.mea, recipe.params]
    return _short_hash(json.dumps(parts, sort_keys=True))


def _short_hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:12]
