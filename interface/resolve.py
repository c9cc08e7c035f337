"""From what users write to a component: names, options and versions, or the nearest valid ones."""

import ast
import importlib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from machinable import Interface
from machinable.interface import extend, normversion

from experiments.component import Component
from livn.errors import UnknownName, unknown_names

CONTEXTS = {
    "local": "in this process, with the help of `workers` others",
    "mpi": "on `n` MPI ranks, started for it",
    "slurm": "as a job, or an array of them; `**resources={...}` are options of sbatch",
    "ranks": "on the MPI ranks that were started already",
}


class UnknownComponent(UnknownName, ImportError):
    """No component or context of that name."""


def component(module: str, version: Any = None, **extras: Any) -> Any:
    """Return the component `module` with its options and versions, its record where there is one.

    Raises:
        UnknownComponent: if there is no such module, with the nearest.
        UnknownName: if there is no such option or version, with the nearest.
        InvalidValue: if an option has no sensible value.
    """
    name, version = extend(module, version)
    check_module(name)
    made = Interface.make(name, normversion(version), **extras)
    return made.recalled() if isinstance(made, Component) and not made.is_unexpanded() else made


def component_class(word: str) -> Any:
    """Return the class of the component that a word of the command line means.

    Raises:
        UnknownComponent: if there is no such module, with the nearest.
    """
    return type(Interface.make(full_name(word)))


def components() -> dict[str, str]:
    """Return name -> purpose of the components of livn, read from their files, not imported."""
    found = {}
    folder = Path(str(importlib.import_module("experiments").__file__)).parent
    for path in sorted(folder.glob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        if any(_is_component(node) for node in tree.body):
            found[path.stem] = (ast.get_docstring(tree) or "").splitlines()[0].rstrip(".")
    return found


def full_name(word: str) -> str:
    """Return the dotted name that a word of the command line means: `tune` is experiments.tune.

    Raises:
        UnknownComponent: if there is no such module, with the nearest.
    """
    if word in CONTEXTS:
        return f"interface.{word}"
    name = word.lstrip(".") if "." in word.lstrip(".") else f"experiments.{word.lstrip('.')}"
    name = f"interface{word}" if word.startswith(".") else name
    check_module(name)
    return name


def check_module(name: str) -> None:
    """Check that a module of that dotted name can be imported.

    Raises:
        UnknownComponent: if not, with the nearest components and contexts.
    """
    package = name.rpartition(".")[0]
    if (not package or _exists(package)) and _exists(name):
        return
    known = [f"experiments.{c}" for c in components()] + [f"interface.{c}" for c in CONTEXTS]
    if name.startswith("experiments."):
        known, name = list(components()) + list(CONTEXTS), name.removeprefix("experiments.")
    raise unknown_names("component", [name], known, error=UnknownComponent)


def _exists(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # a part before the last dot is no package
        return False


def _is_component(node: ast.stmt) -> bool:
    if not isinstance(node, ast.ClassDef) or node.name.endswith("Component"):
        return False
    return any(ast.unparse(base).endswith("Component") for base in node.bases)
