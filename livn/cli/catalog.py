"""`livn systems list`: the predefined cultures."""

from typing import TYPE_CHECKING

from livn import settings
from livn.cli.output import print_table

if TYPE_CHECKING:
    from livn.system.catalog import Recipe

SYSTEM_COLUMNS = ("system", "neurons", "EXC/INH", "electrodes", "area um", "in-degree", "cached")


def systems_list() -> int:
    """Print the predefined cultures, and which are on this machine."""
    from livn.system.catalog import RECIPES

    print_table(SYSTEM_COLUMNS, map(_system_row, RECIPES.values()), SYSTEM_COLUMNS[1:-1])
    print(f"Systems are generated on first use, into {settings.cache_dir()}.")
    return 0


def _system_row(recipe: "Recipe") -> tuple[str, ...]:
    """What SYSTEM_COLUMNS name."""
    from livn.system.files import is_complete
    from livn.system.generate import electrode_array
    from livn.system.locate import place

    culture = recipe.culture
    degree = culture.mean_in_degree
    (x0, y0), (x1, y1) = culture.area.bounds
    electrodes = electrode_array(culture.area, **recipe.mea)["electrode_coordinates"]
    return (
        recipe.name,
        f"{sum(culture.cell_counts.values()):,}",
        "/".join(f"{count:,}" for count in culture.cell_counts.values()),
        f"{len(electrodes):,}",
        f"{x1 - x0:g}x{y1 - y0:g}",
        f"{degree:g}" if isinstance(degree, float) else "by projection",
        "yes" if is_complete(place(recipe.name)) else "on first use",
    )
