"""The default model of a system: a class named in model.json."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from livn.errors import CorruptFile
from livn.models.model import Model

DEFAULT_MODEL = {"cls": "livn.models.rcsd.ReducedCalciumSomaDendrite"}


def create_model(document: Any) -> Model:
    """Return the model that model.json describes.

    Only models are created, whatever else the document names: it may come from elsewhere.

    Args:
        document: {"cls": dotted path, "kwargs": {...}}; without "cls" the default model.

    Raises:
        CorruptFile: if it names no model that can be imported here, or arguments it refuses.
    """
    if not isinstance(document, Mapping):
        raise _refusal(document, 'need {"cls": dotted path, "kwargs": {...}}')
    path = document.get("cls") or DEFAULT_MODEL["cls"]
    module, _, name = str(path).rpartition(".")
    try:
        cls = vars(import_module(module)).get(name)
    except (ImportError, ValueError) as problem:
        raise _refusal(path, f"{problem}; install the package it is in") from problem
    if not isinstance(cls, type) or not issubclass(cls, Model):
        raise _refusal(path, "need a subclass of livn.models.model.Model")
    try:
        return cls(**document.get("kwargs", {}))
    except TypeError as problem:
        raise _refusal(path, str(problem)) from problem


def _refusal(path: Any, problem: str) -> CorruptFile:
    return CorruptFile(
        f"model.json names no usable model: got {path!r}; {problem}. Correct it or pass a model.",
        got=path,
    )
