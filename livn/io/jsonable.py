"""Objects that are what they were constructed with: saved as JSON, changed by name."""

import inspect
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np

from livn.errors import CorruptFile, unknown_names


class Jsonable:
    """Base of what is saved and changed by its constructor arguments.

    A subclass says what these are (`arguments`); an argument that is itself Jsonable is a part,
    whose arguments are named `part-name`.
    """

    def arguments(self) -> dict[str, Any]:
        """Return the constructor arguments by name, as they are."""
        return {}

    def params(self) -> dict[str, Any]:
        """Return every argument that is a number, by name."""
        numbers: dict[str, Any] = {}
        for name, value in self.arguments().items():
            if isinstance(value, Jsonable):
                numbers |= {f"{name}-{inner}": number for inner, number in value.params().items()}
            elif np.ndim(value) == 0:
                numbers[name] = value
        return numbers

    def with_params(self, params: Mapping[str, Any]) -> Self:
        """Return the object with other numbers; all names are checked before any is used.

        Raises:
            UnknownName: if a name is not one of `params()`.
            InvalidValue: if the constructor refuses a number.
        """
        known = self.params()
        wrong = [name for name in params if name not in known]
        if wrong:
            raise unknown_names(f"parameter of {type(self).__name__}", wrong, known)
        arguments = self.arguments()
        parts: dict[str, dict[str, Any]] = {}
        for name, value in params.items():
            own, _, inner = name.partition("-")
            if inner:
                parts.setdefault(own, {})[inner] = value
            else:
                arguments[own] = value
        parts_changed = {part: arguments[part].with_params(new) for part, new in parts.items()}
        return type(self)(**{**arguments, **parts_changed})

    def serialize(self) -> dict[str, Any]:
        """Return the constructor arguments by name, as what JSON has."""
        return {name: _plain(value) for name, value in self.arguments().items()}

    @classmethod
    def unserialize(cls, document: Mapping[str, Any]) -> Self:
        """Return the object that `serialize` described.

        Raises:
            UnknownName: if the document has other keys than the constructor.
            InvalidValue: if the constructor refuses a value.
        """
        known = inspect.signature(cls).parameters
        wrong = [key for key in document if key not in known]
        if wrong:
            raise unknown_names(f"argument of {cls.__name__}", wrong, known)
        return cls(**document)

    def as_json(self, stringify: bool = True) -> str | dict[str, Any]:
        """Return the constructor arguments as JSON text, or as a dict if not `stringify`."""
        document = self.serialize()
        return json.dumps(document) if stringify else document

    @classmethod
    def from_json(cls, source: str | Path | Mapping[str, Any], comm: Any = None) -> Self:
        """Return the object that `as_json` described.

        Args:
            source: a dict, JSON text, or the path of a file that ends in .json.
            comm: accepted for scripts of 1.0; every rank reads for itself.

        Raises:
            CorruptFile: if text or file is not a JSON object with the arguments of the class.
            FileNotFoundError: if there is no such file.
        """
        if isinstance(source, Mapping):
            return cls.unserialize(source)
        is_path = str(source).endswith(".json")
        what = str(source) if is_path else "text"
        try:
            document = json.loads(Path(source).read_text("utf-8") if is_path else str(source))
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise CorruptFile(
                f"{what} is not JSON: got {error}; need a JSON object. Write it again.", got=source
            ) from error
        if not isinstance(document, dict):
            raise CorruptFile(
                f"{what} is not a JSON object: got {type(document).__name__}; "
                f"need the arguments of {cls.__name__} by name.",
                got=source,
            )
        return cls.unserialize(document)

    @classmethod
    def from_directory(cls, directory: str | Path) -> Self:
        """Return the object saved in a directory, as <class name in lower case>.json.

        Raises:
            CorruptFile: if the file is not a JSON object with the arguments of the class.
            FileNotFoundError: if there is no such file.
        """
        return cls.from_json(Path(directory) / _filename(cls))

    def to_directory(self, directory: str | Path) -> Path:
        """Write the file that `from_directory` reads, and return its path."""
        path = Path(directory) / _filename(type(self))
        path.write_text(json.dumps(self.serialize()) + "\n", encoding="utf-8")
        return path

    def clone(self) -> Self:
        """Return an equal, independent object."""
        return self.unserialize(self.serialize())


def _filename(cls: type) -> str:
    return f"{cls.__name__.lower()}.json"


def _plain(value: Any) -> Any:
    """What JSON has instead of `value`."""
    return value.serialize() if isinstance(value, Jsonable) else np.asarray(value).tolist()
