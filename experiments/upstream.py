"""Hashes of what an experiment starts from: two that differ never share a record."""

import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from livn.errors import LivnError
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


def system_lineage(system: str, model: str | None = None) -> list[tuple[str, str]]:
    """Return (what, which): the recipe a system was generated from, and of its parameters.

    Empty for what does not say, and where the system is no longer there.
    """
    try:
        found = _opened(system)
        made = found.load_file("provenance.json", {})
        _, shipped = found.params_document()
        chosen = found.default_model() if model is None else make_model(model)
    except LivnError:
        return []
    told = [("generator", str(made["generator"]))] if "generator" in made else []
    if "config" in made:
        told.append(("recipe", json.dumps(made["config"], sort_keys=True)))
    notes = _notes(shipped or {}, chosen.params_key())
    return told + [(f"parameters {g}", json.dumps(n, sort_keys=True)) for g, n in notes.items()]


def tuned_by(system: str, model: str | None = None) -> list[str]:
    """Return the hashes of the records that the parameters of a system were promoted from."""
    found = _opened(system)
    chosen = found.default_model() if model is None else make_model(model)
    notes = _notes(found.params_document()[1] or {}, chosen.params_key())
    return sorted({str(note["tuned_by"]) for note in notes.values() if "tuned_by" in note})


def _notes(shipped: Mapping[str, Any], model: str) -> dict[str, dict[str, Any]]:
    """Group -> what its parameters say of where they come from."""
    groups = shipped.get(model, {})
    whole = {name: content for name, content in groups.items() if isinstance(content, dict)}
    return {name: content["meta"] for name, content in whole.items() if content.get("meta")}


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
