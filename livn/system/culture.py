"""The description of a planar culture: what is asked for, checked and complete."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from livn.errors import InvalidType, InvalidValue, unknown_names
from livn.system.checks import Interval, interval, non_negative, only_keys, positive, whole
from livn.system.kernel import Kernel
from livn.system.placement import Area, Disk, Placement, Rectangle

AREAS: dict[str, type[Rectangle] | type[Disk]] = {"rectangle": Rectangle, "disk": Disk}
TYPES = ("excitatory", "inhibitory")
DEFAULT_DEGREE = "default"


@dataclass(frozen=True)
class Population:
    """The cells of one kind: either so many, or a share of the whole.

    Attributes:
        type: "excitatory" or "inhibitory", what its synapses do to their targets.
        count: number of cells.
        ratio: share of `total_cells`, relative to the ratios of the other populations.
    """

    type: str
    count: int | None = None
    ratio: float | None = None

    def __post_init__(self) -> None:
        if self.type not in TYPES:
            raise unknown_names("population type", [str(self.type)], TYPES)
        if (self.count is None) == (self.ratio is None):
            raise InvalidValue(
                f"population needs either a count or a ratio: got count={self.count!r}, "
                f"ratio={self.ratio!r}. Give exactly one of them.",
                got=(self.count, self.ratio),
            )
        if self.count is not None:
            object.__setattr__(self, "count", whole("population count", self.count, 1))
        else:
            object.__setattr__(self, "ratio", positive("population ratio", self.ratio))


def _cortical() -> dict[str, Population]:
    """Return 80 % excitatory and 20 % inhibitory cells (Gullo 2010: 19.2 % GABAergic)."""
    return {
        "EXC": Population("excitatory", ratio=0.8),
        "INH": Population("inhibitory", ratio=0.2),
    }


@dataclass(frozen=True)
class Culture2D:
    """A culture of cells on glass, wired by distance.

    Attributes:
        area: a Rectangle, a Disk (a ring with `inner_radius`), or a Placement of your own.
        populations: name -> Population; all with counts or all with ratios. Gids run through
            the populations in alphabetical order.
        total_cells: number of cells that ratios share, None with counts.
        kernel: how the connection probability falls with the planar distance.
        mean_in_degree: expected number of presynaptic cells, averaged over postsynaptic cells.
            A number: from all populations together, one amplitude for all projections. A
            mapping {"PRE->POST": number}: cells of POST from PRE, one amplitude each; those not
            named take "default", and do not connect where there is none.
        z_range: heights of the somata over the glass, um.
        min_soma_distance: smallest planar distance of two somata, um; 0 for none.
        seed: of everything random.
    """

    area: Area = field(default_factory=Rectangle)
    populations: Mapping[str, Population] = field(default_factory=_cortical)
    total_cells: int | None = None
    kernel: Kernel = field(default_factory=Kernel)
    mean_in_degree: float | Mapping[str, float] = 100.0
    z_range: Interval = (0.0, 10.0)
    min_soma_distance: float = 0.0
    seed: int = 123

    def __post_init__(self) -> None:
        _check_kinds(self)
        _check_counting(self.populations, self.total_cells)
        distance = non_negative("min_soma_distance", self.min_soma_distance)
        normal: dict[str, Any] = {
            "populations": dict(sorted(self.populations.items())),
            "mean_in_degree": _degrees(self.mean_in_degree, sorted(self.populations)),
            "z_range": interval("z_range", self.z_range),
            "min_soma_distance": distance,
            "seed": whole("seed", self.seed, 0),
        }
        for name, value in normal.items():
            object.__setattr__(self, name, value)
        empty = [name for name, count in self.cell_counts.items() if count == 0]
        if empty:
            raise InvalidValue(
                f"population {', '.join(map(repr, empty))} has no cells: got "
                f"total_cells={self.total_cells}; its ratio gives less than one. Add cells.",
                got=self.total_cells,
            )

    @cached_property
    def cell_counts(self) -> dict[str, int]:
        """Number of cells of each population; ratios are shared out by largest remainder."""
        if self.total_cells is None:
            return {name: int(p.count or 0) for name, p in self.populations.items()}
        whole_of = sum(p.ratio or 0.0 for p in self.populations.values())
        shares = {
            name: (p.ratio or 0.0) / whole_of * self.total_cells
            for name, p in self.populations.items()
        }
        counts = {name: int(share) for name, share in shares.items()}
        by_remainder = sorted(shares, key=lambda name: counts[name] - shares[name])
        for name in by_remainder[: self.total_cells - sum(counts.values())]:
            counts[name] += 1
        return counts

    def to_dict(self) -> dict[str, Any]:
        """Return the description as JSON types; of a Placement only the bounds."""
        document = asdict(self)
        if isinstance(self.area, Placement):
            document["area"] = {"shape": "placement", "bounds": self.area.bounds}
        else:
            shape = next(name for name, kind in AREAS.items() if isinstance(self.area, kind))
            document["area"] = {"shape": shape, **document["area"]}
        return document

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> "Culture2D":
        """Return the culture that `to_dict` described, or what a recipe or user wrote like it.

        Raises:
            UnknownName: for settings that do not exist, naming the nearest.
            InvalidValue, InvalidType: for values that are not accepted.
        """
        only_keys("culture", document, cls.__dataclass_fields__)
        given: dict[str, Any] = dict(document)
        if "area" in given:
            given["area"] = _area(given["area"])
        if "kernel" in given:
            only_keys("kernel", given["kernel"], Kernel.__dataclass_fields__)
            given["kernel"] = Kernel(**given["kernel"])
        if "populations" in given:
            given["populations"] = {
                name: _population(name, p) for name, p in given["populations"].items()
            }
        return cls(**given)


def _area(document: Mapping[str, Any]) -> Rectangle | Disk:
    """Return the area that a mapping with a `shape` describes."""
    known = {"shape", *Rectangle.__dataclass_fields__, *Disk.__dataclass_fields__}
    only_keys("area", document, known, required=["shape"])
    rest = dict(document)
    shape = rest.pop("shape")
    if shape not in AREAS:
        raise unknown_names("area shape", [str(shape)], AREAS)
    only_keys(f"{shape} area", rest, AREAS[shape].__dataclass_fields__)
    return AREAS[shape](**rest)


def _population(name: str, document: Mapping[str, Any]) -> Population:
    """Return the population that a mapping describes."""
    only_keys(f"population {name!r}", document, Population.__dataclass_fields__, required=["type"])
    return Population(**document)


def _check_kinds(culture: Culture2D) -> None:
    """Raise when a part of the description is not of its kind, or a name cannot be used."""
    for name, value, kinds, wanted in (
        ("area", culture.area, Area, "a Rectangle, Disk or Placement"),
        ("kernel", culture.kernel, Kernel, "a Kernel"),
        ("populations", culture.populations, Mapping, "a mapping of Populations"),
    ):
        if not isinstance(value, kinds):
            raise InvalidType(
                f"culture {name} is of the wrong kind: got {value!r}; need {wanted}. "
                "Culture2D.from_dict reads plain mappings.",
                got=value,
            )
    if not culture.populations:
        raise InvalidValue("culture has no populations: got {}; need at least 1.", got={})
    for name, population in culture.populations.items():
        if not isinstance(name, str) or not (name.isascii() and name.isalnum()):
            raise InvalidValue(
                f"population name cannot be used: got {name!r}; need letters and digits only, "
                "because _ and - separate the parts of a weight key.",
                got=name,
            )
        if not isinstance(population, Population):
            raise InvalidType(
                f"population {name!r} is of the wrong kind: got {population!r}; need Population.",
                got=population,
            )


def _check_counting(populations: Mapping[str, Population], total_cells: int | None) -> None:
    """Raise unless there are only counts, or only ratios and a total."""
    with_ratio = [name for name, p in populations.items() if p.ratio is not None]
    if with_ratio and len(with_ratio) < len(populations):
        raise InvalidValue(
            f"populations mix counts and ratios: got ratios for {sorted(with_ratio)} only. "
            "Give all of them counts, or all of them ratios.",
            got=sorted(with_ratio), allowed=sorted(populations),
        )  # fmt: skip
    if with_ratio:
        if total_cells is None:
            raise InvalidValue(
                "total_cells is missing: got None; populations with ratios need it. Set it.",
            )
        whole("total_cells", total_cells, 1)
    elif total_cells is not None:
        raise InvalidValue(
            f"total_cells is given twice: got {total_cells} and counts for every population. "
            "Leave total_cells out.",
            got=total_cells,
        )


def _degrees(given: Any, populations: list[str]) -> float | dict[str, float]:
    """Return the mean in-degree as a number or a sorted mapping of numbers, or raise."""
    if not isinstance(given, Mapping):
        return non_negative("mean_in_degree", given)
    known = {f"{pre}->{post}" for pre in populations for post in populations}
    unknown = [str(name) for name in given if name not in known and name != DEFAULT_DEGREE]
    if unknown:
        raise unknown_names("projection", unknown, known | {DEFAULT_DEGREE})
    return {name: non_negative(f"mean_in_degree of {name}", given[name]) for name in sorted(given)}
