"""A planar culture: cells placed on glass and wired by distance."""

from collections.abc import Mapping
from typing import Any, Literal

from machinable.config import to_dict
from pydantic import BaseModel, ConfigDict, Field

from experiments.culture import CultureComponent
from livn.system import Culture2D, Graph, generate_2d

Pair = tuple[float, float]


class Strict(BaseModel):
    """Settings that may not be misspelt."""

    model_config = ConfigDict(extra="forbid")


class Area(Strict):
    """Where cells lie; a rectangle takes the ranges, a disk the centre and radii."""

    shape: Literal["rectangle", "disk"] = "rectangle"
    x_range: Pair = (0.0, 400.0)
    y_range: Pair = (0.0, 400.0)
    center: Pair = (0.0, 0.0)
    radius: float = Field(default=500.0, gt=0, description="um")
    inner_radius: float = Field(default=0.0, ge=0, description="um; above 0 a ring")


class Connectivity(Strict):
    """Connection probability over planar distance, scaled to the mean in-degree."""

    kernel: Literal["gaussian", "exponential"] = "gaussian"
    sigma: float = Field(default=200.0, gt=0, description="width, um")
    mean_degree: float | dict[str, float] = 30.0


class Generate2D(CultureComponent):
    """A planar culture as a system directory."""

    class Config(CultureComponent.Config):
        """Lengths in um. `mean_degree` of a mapping: {"EXC->INH": 10, "default": 20}."""

        total_cells: int | None = Field(100, ge=1, description="shared by the ratios")
        populations: dict[str, dict[str, Any]] = Field(
            {
                "EXC": {"type": "excitatory", "ratio": 0.8},
                "INH": {"type": "inhibitory", "ratio": 0.2},
            },
            description="name -> type, and ratio or count",
        )
        area: Area = Field(Area(), description="where the cells lie")
        z_range: Pair = Field((0.0, 10.0), description="heights of the somata, um")
        min_soma_distance: float = Field(0.0, ge=0, description="um; 0 for none")
        connectivity: Connectivity = Field(Connectivity(), description="who connects to whom")

    def version_sparse(self) -> dict[str, Any]:
        """Ten presynaptic cells on average."""
        return {"connectivity": {"mean_degree": 10.0}}

    def version_disk(self) -> dict[str, Any]:
        """A disk of 500 um."""
        return {"area": {"shape": "disk"}}

    def on_configure(self) -> None:
        """Check that such a culture can be described."""
        super().on_configure()
        culture(self.Config(**to_dict(self._config)).model_dump())

    def _graph(self) -> Graph:
        """Return the cells and connections of this configuration."""
        return generate_2d(culture(self.options()))


def culture(options: Mapping[str, Any]) -> Culture2D:
    """Return what the options describe.

    Raises:
        UnknownName, InvalidValue: if they describe none.
    """
    area, connectivity = options["area"], options["connectivity"]
    keys = {"rectangle": ("x_range", "y_range"), "disk": ("center", "radius", "inner_radius")}
    kept = {key: area[key] for key in keys[area["shape"]]}
    return Culture2D.from_dict(
        {
            "area": {"shape": area["shape"], **kept},
            "populations": options["populations"],
            "total_cells": options["total_cells"],
            "kernel": {"shape": connectivity["kernel"], "sigma": connectivity["sigma"]},
            "mean_in_degree": connectivity["mean_degree"],
            "z_range": options["z_range"],
            "min_soma_distance": options["min_soma_distance"],
            "seed": options["seed"],
        }
    )
