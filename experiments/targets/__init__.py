"""Targets by name: what `tune` steers a culture to."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from pydantic import ValidationError

from experiments.targets.cultures import Culture, Spontaneous, Stimulated
from experiments.targets.goals import Goal
from experiments.targets.recorded import Recorded
from experiments.targets.space import Parameter, Space
from experiments.targets.target import Stage, Target
from livn.errors import InvalidType, InvalidValue, LivnError, UnknownName, unknown_names

TARGETS: dict[str, type[Target]] = {
    "Culture": Culture,
    "Spontaneous": Spontaneous,
    "Stimulated": Stimulated,
    "Recorded": Recorded,
}

__all__ = [
    "TARGETS", "Culture", "Goal", "Parameter", "Recorded", "Space", "Spontaneous", "Stage",
    "Stimulated", "Target", "make_target",
]  # fmt: skip


def make_target(name: str, options: Mapping[str, Any] | None = None) -> Target:
    """Return a target.

    Args:
        name: one of `TARGETS`, or the import path of a subclass of `Target`, `package.module.Name`.
        options: its fields.

    Raises:
        UnknownName: if there is no such target or no such option, with the nearest.
        InvalidType: if the path names something else.
        InvalidValue: if an option is not accepted.
    """
    cls = TARGETS.get(name) or _imported(name)
    given = dict(options or {})
    unknown = [key for key in given if key not in cls.model_fields]
    if unknown:
        raise unknown_names(f"option of target {name}", unknown, cls.model_fields)
    try:
        target = cls(**given)
    except ValidationError as error:
        first = error.errors()[0]
        cause = first.get("ctx", {}).get("error")
        if isinstance(cause, LivnError):
            raise cause from None
        field = ".".join(map(str, first["loc"]))
        raise InvalidValue(
            f"option {field} of target {name} is not accepted: got {first['input']!r}; "
            f"{first['msg']}.",
            got=first["input"],
        ) from None
    target.goals()  # refuses bands of features that there are not
    return target


def _imported(path: str) -> type[Target]:
    module, _, name = path.replace(":", ".").rpartition(".")
    if not module:
        raise unknown_names("target", [path], TARGETS)
    try:
        found = getattr(import_module(module), name, None)
    except ImportError as problem:
        raise UnknownName(
            f"unknown target: got {path!r}, whose module cannot be imported ({problem}); known: "
            f"{', '.join(TARGETS)}. Put the module on PYTHONPATH.",
            got=[path],
            allowed=list(TARGETS),
        ) from problem
    if not (isinstance(found, type) and issubclass(found, Target)):
        raise InvalidType(
            f"target is not a Target: got {path!r}, which is {found!r}; "
            "need a subclass of experiments.targets.Target.",
            got=found,
        )
    return found
