"""Hashes of what an experiment starts from: two that differ never share a record."""

import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from livn.models import make_model
from livn.system import RECIPES, content_hash, make
from livn.system.catalog import recipe_hash
from livn.system.system import System

LENGTH = 16  # hexadecimal digits that are kept, 64 bits


def system_hash(system: str) -> str:
    """Return the content hash of a system by name, directory or address: cells, edges, electrodes.

    Where it lies, what it is called and its parameters do not matter.
    """
    if system in RECIPES:
        return recipe_hash(system)[:LENGTH]
    directory = Path(_opened(system).uri)
    stamps = tuple((str(p), p.stat().st_mtime_ns) for p in sorted(directory.glob("*.*")))
    return _hash_of_files(str(directory), stamps)


def parameters_hash(system: str, model: str | None = None) -> str:
    """Return the hash of the parameters that ship with a system for a model; "none" without any.

    Args:
        system: by name, directory or address.
        model: name of a model; None for the one the system asks for.
    """
    found = _opened(system)
    chosen = found.default_model() if model is None else make_model(model)
    shipped = found.default_params(model=chosen)
    return "none" if shipped is None else document_hash(shipped)


def document_hash(document: Any) -> str:
    """Return the hash of a JSON document; the order of its keys does not matter."""
    text = json.dumps(document, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:LENGTH]


def file_hash(path: str) -> str:
    """Return the hash of the content of a file."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:LENGTH]


@lru_cache
def _hash_of_files(directory: str, stamps: tuple[tuple[str, int], ...]) -> str:
    return content_hash(directory)[:LENGTH]


def _opened(system: str) -> System:
    return make(system)
