"""The predefined cultures: recipes that come with livn and generate the same system anywhere."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from livn.errors import unknown_names
from livn.system.culture import Culture2D
from livn.system.files import write_graph
from livn.system.generate import electrode_array, generate_2d

_FOLDER = files("livn.system") / "recipes"
_SUFFIX = ".json"


@dataclass(frozen=True)
class Recipe:
    """A predefined culture.

    Attributes:
        name: of the system, "EI1".
        description: one line on what it is for.
        reason: why its numbers are what they are.
        culture: cells and connections.
        mea: pitch, input_radius and output_radius of the electrode array, um.
        params: parameters by model class name and group, as in params/default.json.
        content_hash: of cells, edges, synapse configuration and array; not of the parameters.
    """

    name: str
    description: str
    reason: str
    culture: Culture2D
    mea: Mapping[str, float]
    params: Mapping[str, Any]
    content_hash: str


class _Recipes(Mapping[str, Recipe]):
    """The recipes by name, each read when first asked for."""

    def __getitem__(self, name: str) -> Recipe:
        if name not in _names():
            raise unknown_names("system", [str(name)], _names())
        return _read(name)

    def __contains__(self, name: object) -> bool:
        return name in _names()

    def __iter__(self) -> Iterator[str]:
        return iter(_names())

    def __len__(self) -> int:
        return len(_names())


RECIPES: Mapping[str, Recipe] = _Recipes()


def recipe_hash(name: str) -> str:
    """Return the content hash that the predefined system `name` has on every machine.

    Raises:
        UnknownName: if there is no such recipe, naming the nearest.
    """
    return RECIPES[name].content_hash


def generate(name: str, directory: str | Path) -> Path:
    """Generate the predefined system `name` and write it, whole or not at all.

    Several processes may generate the same system in the same place at once.

    Args:
        name: of a recipe.
        directory: where to; its last component becomes the name of the system.

    Returns:
        The directory.

    Raises:
        UnknownName: if there is no such recipe, naming the nearest.
        InvalidValue: if another system is there.
    """
    recipe = RECIPES[name]
    return write_graph(
        generate_2d(recipe.culture),
        directory,
        mea=electrode_array(recipe.culture.area, **recipe.mea),
        params=recipe.params or None,
    )


@cache
def _names() -> tuple[str, ...]:
    """Return the names of all recipes."""
    found = (path.name for path in _FOLDER.iterdir())
    return tuple(sorted(n.removesuffix(_SUFFIX) for n in found if n.endswith(_SUFFIX)))


@cache
def _read(name: str) -> Recipe:
    """Return the recipe in the file of that name."""
    document = json.loads((_FOLDER / f"{name}{_SUFFIX}").read_text(encoding="utf-8"))
    return Recipe(**{**document, "culture": Culture2D.from_dict(document["culture"])})
