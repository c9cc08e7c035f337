"""Encodings and decodings as options name them: a name, an import path, or [name, settings]."""

import inspect
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any

from pydantic import BaseModel, ValidationError

from experiments.upstream import document_hash, file_hash
from livn import decoding as decodings
from livn.errors import InvalidValue, UnknownName, unknown_names
from livn.types import Decoding, Encoding

Spec = str | Sequence[Any]

ENCODINGS = {"random_pulses": "experiments.sampling.encodings.RandomPulses"}
NONE = "none"
OURS = ("livn", "experiments")
KNOWN = {*OURS, "pydantic", *sys.stdlib_module_names}  # whose source is told by a version


class UnknownClass(UnknownName, ImportError):
    """No encoding or decoding of that name or import path."""


def make_encoding(spec: Any) -> Encoding | None:
    """Return the encoding a spec means, None for "none".

    Args:
        spec: "none", "random_pulses" or the import path `package.module.Class` of an Encoding;
            or a pair of that and its settings.

    Raises:
        UnknownClass: if there is none of that name.
        InvalidValue: if it is no Encoding, or does not take these settings.
    """
    if spec == NONE:
        return None
    made: Encoding = _made("encoding", spec, Encoding, {NONE: "", **ENCODINGS}, {})
    return made


def make_decoding(spec: Any, duration: float) -> Decoding:
    """Return the decoding a spec means.

    Args:
        spec: the name of one in livn.decoding, or the import path of another; or a pair of that
            and its settings.
        duration: ms, where the settings name none.

    Raises:
        UnknownClass: if there is none of that name.
        InvalidValue: if it is no Decoding, or does not take these settings.
    """
    named = {name: f"livn.decoding.{name}" for name in decodings.__all__}
    made: Decoding = _made("decoding", spec, Decoding, named, {"duration": round(duration)})
    return made


def specs_hash(made: Sequence[Encoding | Decoding | None]) -> str:
    """Return the hash of encodings or decodings: settings, and source where it is not livn's."""
    sources = source_hashes(type(each) for each in made if each is not None)
    described = [
        None if each is None else [type(each).__name__, each.model_dump(mode="json")]
        for each in made
    ]
    return document_hash({"made": described, "sources": sources})


def source_hashes(classes: Iterable[type]) -> list[str]:
    """Return the hashes of the files of users that define these classes and what they extend."""
    every = {base for cls in classes for base in cls.__mro__}
    foreign = {base for base in every if base.__module__.partition(".")[0] not in KNOWN}
    return sorted(file_hash(each) for each in {str(inspect.getsourcefile(c)) for c in foreign})


def _made(kind: str, spec: Any, base: Any, named: Mapping[str, str], default: Any) -> Any:
    """Return an instance of the class a spec names."""
    name, settings = (spec, {}) if isinstance(spec, str) else _pair(kind, spec)
    cls = _imported(kind, named.get(name) or name, base, named)
    try:
        return cls(**{**default, **settings})
    except ValidationError as problem:
        first = problem.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise InvalidValue(
            f"{kind} {name} does not take these settings: got {field}={first['input']!r}; "
            f"{first['msg']}. It has {', '.join(cls.model_fields)}.",
            got=settings,
            allowed=list(cls.model_fields),
        ) from problem


def _pair(kind: str, spec: Any) -> tuple[str, dict[str, Any]]:
    if isinstance(spec, Sequence) and len(spec) == 2 and isinstance(spec[0], str):
        settings = spec[1]
        if isinstance(settings, Mapping):
            return spec[0], {str(name): value for name, value in settings.items()}
    raise InvalidValue(
        f"{kind} is unreadable: got {spec!r}; need a name, an import path, or [name, settings].",
        got=spec,
    )


def _imported(kind: str, path: str, base: Any, named: Mapping[str, str]) -> type[BaseModel]:
    """Return the class at an import path, a subclass of `base`."""
    module, _, name = path.rpartition(".")
    if not module:
        raise unknown_names(kind, [path], named, error=UnknownClass)
    try:
        source = import_module(module)
    except ModuleNotFoundError as problem:
        raise UnknownClass(
            f"{kind} cannot be imported: got {path!r}; {problem}. Give package.module.Class, "
            "and run where that module can be imported.",
            got=path,
        ) from problem
    try:
        found: Any = getattr(source, name)
    except AttributeError:
        classes = [n for n, v in vars(source).items() if isinstance(v, type)]
        raise unknown_names(f"{kind} in {module}", [name], classes, error=UnknownClass) from None
    if not isinstance(found, type) or not issubclass(found, base) or found is base:
        raise InvalidValue(
            f"{kind} is none: got {path!r}, which is {found!r}; need a subclass of "
            f"livn.types.{base.__name__}.",
            got=path,
        )
    return found
