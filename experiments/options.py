"""Options and versions of a component: checked against what it has, and spelled as a command."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, get_args

import yaml
from machinable import Interface
from machinable.config import canonical
from machinable.errors import ConfigurationError
from pydantic import BaseModel, ValidationError

from livn.errors import InvalidValue, LivnError, UnknownName, unknown_names

VERSION, AXIS = "version_", "axis_"


class UnknownOption(UnknownName):
    """No option or version of that name."""


class Checked(Interface):
    """An interface that names the nearest option or version where one does not exist."""

    Config: type[BaseModel]

    @property
    def config(self) -> Any:
        """The configuration, complete and checked.

        Raises:
            UnknownOption: if an option or version does not exist, with the nearest.
            InvalidValue: if an option has no sensible value.
        """
        if self._config is None and self.__model__.config is None:
            check_versions(type(self), self.version())
        try:
            return super().config
        except ConfigurationError as problem:
            raise readable(problem, type(self)) from problem

    def on_configure(self) -> None:
        """Check that the options exist."""
        check_options(self._config or {}, self.Config)


def check_options(given: Mapping[str, Any], model: type[BaseModel]) -> None:
    """Check that every option exists, nested ones as well.

    Raises:
        UnknownOption: naming all that do not, with the nearest.
    """
    wrong = list(_unknown(given, model, ""))
    if wrong:
        raise unknown_names("option", wrong, list(_known(model, "")), error=UnknownOption)


def check_versions(component: type, version: list[str | dict[str, Any]]) -> None:
    """Check that every `~version` and `~~axis` exists.

    Raises:
        UnknownOption: naming all that do not, with the nearest.
    """
    given = [v for v in version if isinstance(v, str)]
    wrong = [v for v in given if v.lstrip("~").partition("(")[0] not in versions(component, v)]
    if wrong:
        known = [f"~{name}" for name in versions(component)]
        known += [f"~~{name}" for name in versions(component, "~~")]
        raise unknown_names("version", wrong, known, error=UnknownOption)


def versions(component: type, sigil: str = "~") -> list[str]:
    """Return the names of the versions of a component, or with "~~" of its axes."""
    prefix = AXIS if sigil.startswith("~~") else VERSION
    return sorted(n.removeprefix(prefix) for n in dir(component) if n.startswith(prefix))


def readable(problem: Exception, component: type) -> LivnError:
    """Return what machinable and pydantic say of a configuration in the words of livn."""
    cause: BaseException | None = problem.__cause__
    while cause is not None and not isinstance(cause, LivnError | ValidationError):
        cause = cause.__cause__
    if isinstance(cause, LivnError):
        return cause
    name = component.__module__.rpartition(".")[2]
    if isinstance(cause, ValidationError):
        texts = [
            f"{'.'.join(map(str, each['loc'])) or 'options'}: got {each['input']!r}; {each['msg']}"
            for each in cause.errors()
        ]
        return InvalidValue(
            f"options of {name} make no sense: {'. '.join(texts)}. See livn systems help {name}.",
            got={".".join(map(str, each["loc"])): each["input"] for each in cause.errors()},
        )
    return InvalidValue(f"options of {name} make no sense: {problem}")


def spelled(resolved: Mapping[str, Any], default: Mapping[str, Any]) -> list[str]:
    """Return options that differ from their defaults as words of a command line."""
    differing = canonical(resolved, default, {"hashes"})
    return [f"{key}={_word(value)}" for key, value in _flat(differing, "")]


def _word(value: Any) -> str:
    if isinstance(value, str) and yaml.safe_load(value) == value:
        return value
    return json.dumps(value)


def _flat(options: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in options.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _unknown(given: Mapping[str, Any], model: type[BaseModel], prefix: str) -> Iterator[str]:
    for key in given:
        field = model.model_fields.get(key)
        if field is None:
            yield f"{prefix}{key}"
            continue
        nested = _nested(field.annotation)
        value = given[key]
        if nested is not None and isinstance(value, Mapping):
            yield from _unknown(value, nested, f"{prefix}{key}.")


def _known(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for key, field in model.model_fields.items():
        nested = _nested(field.annotation)
        if nested is not None:
            yield from _known(nested, f"{prefix}{key}.")
        elif key != "hashes":
            yield f"{prefix}{key}"


def _nested(annotation: Any) -> type[BaseModel] | None:
    """The model in an annotation, alone or as `Model | None`."""
    found = [a for a in (annotation, *get_args(annotation)) if isinstance(a, type)]
    return next((a for a in found if issubclass(a, BaseModel)), None)
