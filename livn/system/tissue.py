"""The description of a layered tissue: what is asked for, checked and complete."""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from math import isclose
from typing import Any

from livn.errors import InvalidType, InvalidValue, unknown_names
from livn.system.checks import Interval, interval, only_keys, pair, positive, whole
from livn.system.culture import TYPES
from livn.system.graph import check_population_names
from livn.system.placement import Rectangle

SECTIONS = ("dend", "soma")
ARROW = "->"


@dataclass(frozen=True)
class Layer:
    """A slice of the tissue.

    Attributes:
        name: what it is called.
        thickness: um.
    """

    name: str
    thickness: float

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "thickness", positive(f"thickness of layer {self.name!r}", self.thickness)
        )


@dataclass(frozen=True)
class LayeredPopulation:
    """The cells of one kind.

    Attributes:
        type: "excitatory" or "inhibitory", what its synapses do to their targets.
        cells: layer -> number of cells with their soma there.
        axon: full extent of the axon along x and y, um. The connection probability is Gaussian in
            either direction with a sixth of the extent as its sigma, so that 3 sigma lie on each
            side (the rule of MiV-Simulator), and 0 beyond 4 sigma.
        z: layer -> (low, high), um, for somata that keep to a part of it.
    """

    type: str
    cells: Mapping[str, int]
    axon: Interval
    z: Mapping[str, Interval] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.type not in TYPES:
            raise unknown_names("population type", [str(self.type)], TYPES)
        only_keys("cells", self.cells, self.cells)
        only_keys("z", self.z, self.z)
        if not self.cells:
            raise InvalidValue(
                "population has no cells: got cells={}; need layer -> number.", got=self.cells
            )
        counts = {n: whole(f"number of cells in {n}", c, 1) for n, c in self.cells.items()}
        x, y = pair("axon extent", self.axon)
        axon = positive("axon extent along x", x), positive("axon extent along y", y)
        depths = {name: interval(f"z in {name}", value) for name, value in self.z.items()}
        for name, value in (("cells", counts), ("axon", axon), ("z", depths)):
            object.__setattr__(self, name, value)


@dataclass(frozen=True)
class LayeredProjection:
    """The synapses of one population on another.

    Attributes:
        in_degree: expected number of presynaptic cells, averaged over postsynaptic cells.
        contacts: synapses per connected pair.
        section: "dend" or "soma" of the postsynaptic cell.
        layers: layer -> share of the synapses that lie there; the shares sum to 1.
        mechanisms: receptor -> its parameters, as in graph.json; None for the usual ones.
    """

    in_degree: float
    section: str
    layers: Mapping[str, float]
    contacts: int = 1
    mechanisms: Mapping[str, Mapping[str, float]] | None = None

    def __post_init__(self) -> None:
        if self.section not in SECTIONS:
            raise unknown_names("section", [str(self.section)], SECTIONS)
        only_keys("layers", self.layers, self.layers)
        for name, parameters in (self.mechanisms or {}).items():
            only_keys(f"mechanism {name!r}", parameters, parameters)
        shares = {n: positive(f"share of synapses in {n}", s) for n, s in self.layers.items()}
        if not isclose(sum(shares.values()), 1.0, abs_tol=1e-9):
            raise InvalidValue(
                f"shares of the layers do not sum to 1: got {shares}, {sum(shares.values()):g}.",
                got=shares,
            )
        checked = {
            "in_degree": positive("in_degree", self.in_degree),
            "contacts": whole("contacts", self.contacts, 1),
            "layers": shares,
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)


@dataclass(frozen=True)
class Tissue:
    """Cells in the layers of a slab, wired by the planar distance and the reach of their axons.

    Attributes:
        layers: from the bottom, z = 0, to the top.
        populations: name -> LayeredPopulation; gids run through them in alphabetical order.
        projections: "PRE->POST" -> LayeredProjection.
        area: where cells lie in the plane.
        seed: of everything random.
    """

    layers: Sequence[Layer]
    populations: Mapping[str, LayeredPopulation]
    projections: Mapping[str, LayeredProjection]
    area: Rectangle = field(default_factory=Rectangle)
    seed: int = 123

    def __post_init__(self) -> None:
        object.__setattr__(self, "layers", tuple(self.layers))
        object.__setattr__(self, "populations", dict(sorted(self.populations.items())))
        object.__setattr__(self, "seed", whole("seed", self.seed, 0))
        names = [layer.name for layer in self.layers]
        if not names or len(set(names)) < len(names) or not self.populations:
            raise InvalidValue(
                f"tissue is incomplete: got layers {names}, populations "
                f"{list(self.populations)}; need layers of different names and a population."
            )
        check_population_names(self.populations, error=InvalidValue)
        used = {n for p in self.populations.values() for n in (*p.cells, *p.z)}
        used |= {n for p in self.projections.values() for n in p.layers}
        _refuse_unknown("layer", used, names)
        _refuse_unknown("population", {n for p in self.pairs for n in p}, self.populations)
        for name, population in self.populations.items():
            _check_depths(name, population, self.heights)

    @property
    def heights(self) -> dict[str, Interval]:
        """Layer -> (low, high), um."""
        found, bottom = {}, 0.0
        for layer in self.layers:
            found[layer.name] = (bottom, bottom + layer.thickness)
            bottom += layer.thickness
        return found

    @property
    def pairs(self) -> dict[tuple[str, str], LayeredProjection]:
        """(post, pre) -> projection, sorted."""
        found = {}
        for name, projection in self.projections.items():
            pre, arrow, post = name.partition(ARROW)
            if not arrow:
                raise InvalidValue(
                    f"projection has no direction: got {name!r}; need 'PRE->POST'.", got=name
                )
            found[post.strip(), pre.strip()] = projection
        return dict(sorted(found.items()))

    def to_dict(self) -> dict[str, Any]:
        """Return the description as JSON types, as `from_dict` takes it."""
        return {
            "layers": [vars(layer) for layer in self.layers],
            "area": vars(self.area),
            "populations": {name: dict(vars(p)) for name, p in self.populations.items()},
            "projections": {f"{pre}{ARROW}{post}": dict(vars(p)) for (post, pre), p in
                            self.pairs.items()},
            "seed": self.seed,
        }  # fmt: skip

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> "Tissue":
        """Return the tissue that a document describes, such as the content of a YAML file.

        Raises:
            UnknownName: for settings that do not exist, naming the nearest.
            InvalidValue, InvalidType: for values that are not accepted.
        """
        needed = ("layers", "populations", "projections")
        only_keys("tissue", document, cls.__dataclass_fields__, needed)
        given: dict[str, Any] = dict(document)
        if not isinstance(given["layers"], list | tuple):
            raise InvalidType(
                f"layers are not a list: got {given['layers']!r}; need them from bottom to top.",
                got=given["layers"],
            )
        given["layers"] = [_made("layer", layer, Layer) for layer in given["layers"]]
        for kind, of in (("population", LayeredPopulation), ("projection", LayeredProjection)):
            only_keys(f"{kind}s", given[f"{kind}s"], given[f"{kind}s"])
            given[f"{kind}s"] = {
                str(name): _made(f"{kind} {name!r}", each, of)
                for name, each in given[f"{kind}s"].items()
            }
        if "area" in given:
            given["area"] = _made("area", given["area"], Rectangle)
        return cls(**given)


def _made(kind: str, given: Any, of: Any) -> Any:
    """Return an instance of a dataclass, from its fields."""
    required = [f.name for f in fields(of) if f.default is MISSING and f.default_factory is MISSING]
    only_keys(kind, given, of.__dataclass_fields__, required)
    return of(**given)


def _refuse_unknown(kind: str, names: set[str], known: Any) -> None:
    unknown = sorted(names - set(known))
    if unknown:
        raise unknown_names(kind, unknown, known)


def _check_depths(
    name: str, population: LayeredPopulation, heights: Mapping[str, Interval]
) -> None:
    for layer, (low, high) in population.z.items():
        bottom, top = heights[layer]
        if not bottom <= low < high <= top:
            raise InvalidValue(
                f"z of {name!r} leaves its layer: got ({low:g}, {high:g}) um in {layer}; need "
                f"within {bottom:g} to {top:g} um.",
                got=(low, high), allowed=(bottom, top),
            )  # fmt: skip
