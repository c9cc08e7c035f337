"""What a component has: options, versions and methods, for help and for the command line."""

import inspect
from collections.abc import Iterator
from typing import Any

from experiments.component import Component, SystemComponent
from experiments.options import AXIS, VERSION

# What of Component itself is called from the command line.
COMMON = ("launch", "metrics", "command")
BASES = (Component, SystemComponent)


def options(component: type[Component]) -> Iterator[tuple[str, str, str]]:
    """Yield (name, default, purpose) of every option."""
    for name, field in component.Config.model_fields.items():
        if name != "hashes":
            default = (
                "" if field.is_required() else str(field.get_default(call_default_factory=True))
            )
            yield name, default, field.description or ""


def versions_of(component: type[Component]) -> Iterator[tuple[str, str]]:
    """Yield (`~name`, purpose) of every version."""
    for prefix, sigil in ((VERSION, "~"), (AXIS, "~~")):
        for name in sorted(n for n in dir(component) if n.startswith(prefix)):
            yield sigil + name.removeprefix(prefix), _purpose(getattr(component, name))


def methods(component: type[Component]) -> Iterator[tuple[str, str]]:
    """Yield (`--name`, purpose) of every method that the command line may call."""
    ours = [c for c in component.__mro__ if issubclass(c, Component)]
    bases = {name for c in ours if c in BASES for name in vars(c)}
    own = {name for c in ours if c not in BASES for name in vars(c)}
    for name in [*COMMON, *sorted(own - bases)]:
        method: Any = getattr(component, name)
        if inspect.isfunction(method) and not name.startswith(("_", "on_", VERSION, AXIS)):
            yield f"--{name}", _purpose(method)


def _purpose(thing: Any) -> str:
    return (inspect.getdoc(thing) or "").splitlines()[0] if inspect.getdoc(thing) else ""
