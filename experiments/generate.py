"""A layered tissue from a YAML file: cells in the layers of a slab, wired by distance."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import yaml
from pydantic import Field

from experiments.culture import CultureComponent
from experiments.upstream import document_hash
from livn.errors import InvalidValue, UnknownName, unknown_names
from livn.system import Graph, Tissue, generate_3d

RECIPES = Path(__file__).parent / "recipes"
SUFFIX = ".yaml"


class UnknownRecipe(UnknownName, FileNotFoundError):
    """No recipe and no file of that name."""


def read_recipe(recipe: str) -> dict[str, Any]:
    """Return the content of a recipe.

    Args:
        recipe: name of one that comes with livn, or the path of a YAML file.

    Raises:
        UnknownRecipe: if there is no such recipe or file.
        InvalidValue: if the file holds no YAML mapping.
    """
    path = Path(recipe)
    if not path.suffix:
        path = RECIPES / f"{recipe}{SUFFIX}"
    if not path.is_file():
        known = [each.stem for each in RECIPES.glob(f"*{SUFFIX}")]
        raise unknown_names("recipe", [recipe], known, error=UnknownRecipe)
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as problem:
        raise InvalidValue(
            f"recipe is not YAML: got {str(path)!r}; {problem}. Mend the file.", got=str(path)
        ) from problem
    if not isinstance(content, Mapping):
        raise InvalidValue(
            f"recipe is no mapping: got {type(content).__name__} in {str(path)!r}; need layers, "
            f"populations and projections. See {RECIPES / 'slab.yaml'}.",
            got=content,
        )
    if "seed" in content:
        raise InvalidValue(
            f"recipe has a seed: got {content['seed']!r} in {str(path)!r}; give it as an option, "
            "seed=1, and leave it out of the file.",
            got=content["seed"],
        )
    return dict(content)


class Generate(CultureComponent):
    """A layered tissue as a system directory."""

    upstream: ClassVar[Mapping[str, Callable[[Any], str]]] = {
        "recipe": lambda config: document_hash(read_recipe(config.recipe))
    }

    class Config(CultureComponent.Config):
        """What the recipe says is in livn.system.Tissue and docs/generating.md."""

        recipe: str = Field("slab", description="a YAML file, or slab, which comes with livn")

    def on_configure(self) -> None:
        """Check that the recipe describes a tissue, and remember where it lies."""
        config: Any = self._config
        if Path(config.recipe).suffix:
            config.recipe = str(Path(config.recipe).expanduser().absolute())
        super().on_configure()
        Tissue.from_dict({**read_recipe(config.recipe), "seed": config.seed})

    def _graph(self) -> Graph:
        """Return the cells and connections of this configuration."""
        content = {**read_recipe(self.config.recipe), "seed": self.config.seed}
        return generate_3d(Tissue.from_dict(content))
