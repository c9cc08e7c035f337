"""With what a culture is computed: the known backends, and how one is chosen.

A backend is a package that satisfies `livn.backend.contract`; its simulator is imported when it
is loaded, never before.
"""

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from livn import settings
from livn.errors import BackendNotFound, nearest


@dataclass(frozen=True)
class Known:
    """Where a backend lives, which package it needs and the extra that installs it."""

    module: str
    package: str
    extra: str = ""


BACKENDS: dict[str, Known] = {
    "brian2": Known("livn.backend.brian2", "brian2"),
    "diffrax": Known("livn.backend.diffrax", "diffrax", "diffrax"),
    "native": Known("livn.backend.native", "numba"),
    "neuron": Known("livn.backend.neuron", "neuron", "neuron"),
}


def backend() -> str:
    """Return the name of the backend a new Env uses."""
    return settings.backend()


def available() -> dict[str, str | None]:
    """Return for each known backend None if it works here, else why not."""
    found: dict[str, str | None] = {}
    for name in BACKENDS:
        try:
            load(name)
        except ImportError as error:
            found[name] = str(error)
        else:
            found[name] = None
    return found


def load(name: str) -> ModuleType:
    """Return the backend called `name`, or the module of that dotted path.

    Raises:
        BackendNotFound: if there is none, it needs a package that is missing, or it does not
            satisfy the contract.
    """
    if name not in BACKENDS:
        return _load_foreign(name)
    known = BACKENDS[name]
    if find_spec(known.package) is None:
        what = f"livn[{known.extra}]" if known.extra else known.package
        raise BackendNotFound(
            f"backend {name!r} needs the package {known.package}: pip install '{what}'.", got=name
        )
    return import_module(known.module)


def _load_foreign(path: str) -> ModuleType:
    listed = ", ".join(sorted(BACKENDS))
    close = nearest(path, BACKENDS, 1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    problem = f"livn: backend not found: got {path!r}; known: {listed}."
    try:
        module = import_module(path)
    except (ImportError, ValueError) as error:
        raise BackendNotFound(
            f"{problem}{hint} Or give the dotted path of a module that satisfies "
            "livn.backend.contract.",
            got=path,
            allowed=sorted(BACKENDS),
        ) from error
    missing = sorted({"CAPABILITIES", "build"} - set(dir(module)))
    if missing:
        raise BackendNotFound(
            f"livn: backend {path!r} does not satisfy livn.backend.contract: "
            f"got no {', '.join(missing)}; known: {listed}.",
            got=path,
        )
    return module
