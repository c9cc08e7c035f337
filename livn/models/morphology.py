"""Cells with a shape: a tree of sections, from a file or of cylinders, cut into compartments.

A section is an unbranched run of points with diameters, frusta of cones between them. It is cut
into an odd number of equal lengths, each at most a tenth of the length constant at 100 Hz
(Hines & Carnevale 2001, The Neuroscientist 7:123), and joined through its axial resistance, as
NEURON does it. The soma is one compartment, and what leaves it is joined to its centre.

Where a section ends in several others stands a compartment without channels, `fork`, whose area
is next to nothing: couplings join two compartments, never three. Its own voltage may ring from
step to step; its neighbours see its mean over the step, which does not.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from math import pi, sqrt

import numpy as np
from numpy.typing import NDArray

from livn.errors import InvalidValue, unknown_names
from livn.models.description import (
    AtRest,
    Cell,
    Compartment,
    Coupling,
    Mechanism,
    Parameter,
    Spike,
    strictly_positive,
)

KINDS = ("soma", "axon", "dend", "apical")
"""The section lists: what mechanisms are given for."""

CM = strictly_positive(
    "cm", 0.9, "uF/cm2", "Gentet, Stuart & Clements 2000, Biophys J 79:314: neurons of three kinds"
)
RA = strictly_positive(
    "Ra",
    100.0,
    "ohm cm",
    "Stuart & Spruston 1998, J Neurosci 18:3501: 70 to 100 in pyramidal cells",
)
_FREQUENCY = 100.0  # Hz, Hines & Carnevale 2001
_FORK_AREA = 1e-3  # um2: nothing beside the tens of a compartment, and still a capacitance
_US_PER_GEOMETRY = 100.0  # 1 / (ohm cm / um) is 100 uS

Floats = NDArray[np.float64]
Point = tuple[float, float, float, float]


@dataclass(frozen=True)
class Section:
    """An unbranched piece of a cell.

    Attributes:
        kind: one of `KINDS`.
        points: (x, y, z, diameter), µm, from its begin to its end.
        parent: index of the section at whose end it begins; -1 for the soma.

    Raises:
        UnknownName: if it is of no kind in `KINDS`.
        InvalidValue: if it has no length, or a diameter is not positive.
    """

    kind: str
    points: tuple[Point, ...]
    parent: int = -1

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise unknown_names("section list", [self.kind], KINDS)
        if len(self.points) < 2 or not np.all(np.diff(self.arc) > 0):
            raise InvalidValue(
                f"section of {self.kind!r} has no length: got points {list(self.points)}; need two "
                "or more, each apart from the one before. Remove what coincides.",
                got=self.points,
            )
        if not np.all(self.diameters > 0):
            raise InvalidValue(
                f"section of {self.kind!r} has no width: got diameters {self.diameters.tolist()}; "
                "need positive numbers, um.",
                got=self.diameters,
            )

    @property
    def arc(self) -> Floats:
        """Distance of each point from the begin, along the section, µm."""
        steps = np.diff(np.array(self.points)[:, :3], axis=0)
        return np.concatenate([[0.0], np.cumsum(np.linalg.norm(steps, axis=1))])

    @property
    def diameters(self) -> Floats:
        """Diameter at each point, µm."""
        return np.array(self.points)[:, 3]

    @property
    def length(self) -> float:
        """Length along the section, µm."""
        return float(self.arc[-1])

    def n_compartments(self, Ra: float, cm: float, d_lambda: float) -> int:
        """Return the odd number that makes each at most `d_lambda` length constants at 100 Hz.

        The rule of Hines & Carnevale 2001, with the length constant integrated over the points.
        """
        d = self.diameters
        scaled = float(np.sum(np.diff(self.arc) / np.sqrt(d[1:] + d[:-1])))
        lengths = scaled * sqrt(2) * 1e-5 * sqrt(4 * pi * _FREQUENCY * Ra * cm)
        return 2 * int((lengths / d_lambda + 0.9) / 2) + 1

    def halves(self, n: int) -> tuple[Floats, Floats]:
        """Return membrane area, µm², and axial resistance per resistivity, 1/µm, of half lengths.

        Frusta have the area of their mantle and the resistance of a cone, dx / (pi r1 r2).

        Args:
            n: number of compartments; each has two halves.
        """
        arc = self.arc
        cuts = np.linspace(0.0, arc[-1], 2 * n + 1)
        grid = np.union1d(arc, cuts)
        d, dx = np.interp(grid, arc, self.diameters), np.diff(grid)
        area = pi / 2 * (d[1:] + d[:-1]) * np.hypot(dx, (d[1:] - d[:-1]) / 2)
        resistance = 4 * dx / (pi * d[1:] * d[:-1])
        half = np.searchsorted(cuts[1:-1], (grid[1:] + grid[:-1]) / 2)
        areas, resistances = (np.bincount(half, x, 2 * n) for x in (area, resistance))
        return areas.astype(float), resistances.astype(float)


@dataclass(frozen=True)
class Morphology:
    """A tree of sections: the soma, then each after its parent.

    Raises:
        InvalidValue: if the first section is not the only soma, or a parent does not come before.
    """

    sections: tuple[Section, ...]

    def __post_init__(self) -> None:
        kinds = [s.kind for s in self.sections]
        if kinds[:1] != ["soma"] or kinds.count("soma") > 1:
            raise InvalidValue(
                f"morphology does not begin with its one soma: got {kinds[:10]}; need 'soma' "
                "first, and once.",
                got=kinds,
            )
        wrong = [s.parent for k, s in enumerate(self.sections[1:], 1) if not 0 <= s.parent < k]
        if wrong:
            raise InvalidValue(
                f"morphology has sections before their parents: got parent {wrong[0]}; need the "
                "index of an earlier section.",
                got=wrong,
            )

    def with_cylinder(
        self, kind: str, length: float, diameter: float, parent: int = 0
    ) -> "Morphology":
        """Return a copy with one more section, straight on from the end of its parent.

        Args:
            kind: one of `KINDS`.
            length, diameter: µm.
            parent: index of a section; 0 is the soma.
        """
        x, y, z, _ = self.sections[parent].points[-1]
        points = ((x, y, z, diameter), (x + length, y, z, diameter))
        return Morphology((*self.sections, Section(kind, points, parent)))


def ball(diameter: float) -> Morphology:
    """Return a soma alone: a sphere, as the cylinder of that length, which has its area."""
    return Morphology((sphere((0.0, 0.0, 0.0), diameter),))


def sphere(centre: tuple[float, float, float], diameter: float) -> Section:
    """Return a soma around `centre`, as a cylinder as long as it is wide, µm."""
    x, y, z = centre
    half = diameter / 2
    return Section("soma", ((x - half, y, z, diameter), (x + half, y, z, diameter)))


def morphological_cell(
    name: str,
    morphology: Morphology,
    mechanisms: Mapping[str, Sequence[Mechanism]],
    *,
    spike: Spike,
    source: str,
    cm: Parameter = CM,
    Ra: Parameter = RA,
    parameters: tuple[Parameter, ...] = (),
    d_lambda: float = 0.1,
) -> Cell:
    """Return a cell whose compartments are pieces of a morphology.

    The first compartment of a section list bears its name, further ones a number after it: `dend`,
    `dend1`. They take their parameters from the first, so that `dend.g_Na` holds for all. In each,
    `distance` is how far its middle is from the soma along the sections, µm, for densities that
    change on the way: `g_Na * exp(-distance / 50) * ...`. A stimulus by electrodes takes it that
    far from the soma in a straight line.

    Args:
        name, source: of the cell.
        morphology: its shape.
        mechanisms: section list -> what is in its membrane. Noise and receptors are of single
            compartments: `Cell.with_mechanisms` adds them.
        spike: when it spikes.
        cm, Ra: capacitance, µF/cm², and axial resistivity, ohm cm. Compartments are counted with
            these values, and stay as they are when they are set later.
        parameters: of the cell; `V_init`, and what mechanisms and `spike` use.
        d_lambda: largest length of a compartment in length constants at 100 Hz.

    Raises:
        UnknownName: if mechanisms are of no section list.
        InvalidValue: if a list of the morphology has none, one draws random numbers, `cm` or `Ra`
            is no number, or `d_lambda` is not positive.
    """
    if not d_lambda > 0:
        raise InvalidValue(
            f"d_lambda is not positive: got {d_lambda!r}; need a number, such as 0.1.", got=d_lambda
        )
    _check_mechanisms(name, morphology, mechanisms)
    resistivity, capacitance = _number(Ra), _number(cm)
    pieces, joints = _cut(
        morphology, lambda s: s.n_compartments(resistivity, capacitance, d_lambda)
    )
    couplings = (Coupling(a, b, f"{_US_PER_GEOMETRY / r!r} / Ra") for a, b, r in joints)
    return Cell(
        name=name,
        source=source,
        compartments=tuple(_compartment(p, mechanisms.get(p.kind, ())) for p in pieces),
        couplings=tuple(couplings),
        spike=spike,
        parameters=(replace(cm, name="cm"), replace(Ra, name="Ra"), *parameters),
    )


def _check_mechanisms(
    name: str, morphology: Morphology, mechanisms: Mapping[str, Sequence[Mechanism]]
) -> None:
    unknown = sorted(set(mechanisms) - set(KINDS))
    if unknown:
        raise unknown_names("section list", unknown, KINDS)
    bare = sorted({s.kind for s in morphology.sections} - set(mechanisms))
    if bare:
        raise InvalidValue(
            f"cell {name!r} has sections without mechanisms: got none for {bare}; need some for "
            "each list of the morphology. Give an empty tuple where nothing is in the membrane.",
            got=bare,
        )
    random = sorted({m.name for given in mechanisms.values() for m in given if m.randoms})
    if random:
        raise InvalidValue(
            f"cell {name!r} has noise on a section list: got {random}; all compartments of a list "
            "would hear the same. Add it to one of them with Cell.with_mechanisms.",
            got=random,
        )


def _number(parameter: Parameter) -> float:
    if not isinstance(parameter.value, int | float):
        raise InvalidValue(
            f"parameter {parameter.name!r} is no number: got {parameter.value!r}; the number of "
            "compartments follows from it. Give a number.",
            got=parameter.value,
        )
    return float(parameter.value)


@dataclass(frozen=True)
class _Piece:
    """A compartment to be: its name and section list, area, µm², and way from the soma, µm."""

    name: str
    kind: str
    area: float
    distance: float


def _cut(
    morphology: Morphology, number: Callable[[Section], int]
) -> tuple[list[_Piece], list[tuple[str, str, float]]]:
    """Return the compartments, and pairs of them with the resistance per resistivity, 1/µm."""
    names = {kind: _numbered(kind) for kind in (*KINDS, "fork")}
    n_children = Counter(s.parent for s in morphology.sections)
    soma = morphology.sections[0]
    pieces = [_Piece(next(names["soma"]), "soma", float(soma.halves(1)[0].sum()), 0.0)]
    joints = []
    ends = [("soma", 0.0, 0.0)]  # per section: its last compartment, resistance left, way so far
    for k, section in enumerate(morphology.sections[1:], 1):
        before, rest, start = ends[section.parent]
        n, stop = number(section), start + section.length
        area, resistance = (x.tolist() for x in section.halves(n))
        for j in range(n):
            middle = start + section.length * (j + 0.5) / n
            name = next(names[section.kind])
            pieces.append(_Piece(name, section.kind, sum(area[2 * j : 2 * j + 2]), middle))
            joints.append((before, name, rest + resistance[2 * j]))
            before, rest = name, resistance[2 * j + 1]
        if n_children[k] > 1:
            fork = next(names["fork"])
            pieces.append(_Piece(fork, "fork", _FORK_AREA, stop))
            joints.append((before, fork, rest))
            before, rest = fork, 0.0
        ends.append((before, rest, stop))
    return pieces, joints


def _numbered(kind: str) -> Iterator[str]:
    return (f"{kind}{k or ''}" for k in count())


def _compartment(piece: _Piece, mechanisms: Sequence[Mechanism]) -> Compartment:
    first = piece.name == piece.kind
    own = mechanisms if first else [_as_first(m, piece.kind) for m in mechanisms]
    way = Parameter("distance", repr(piece.distance), "um", "along the sections, from the soma")
    return Compartment(
        piece.name,
        tuple(own),
        capacitance="cm",
        area=repr(piece.area),
        parameters=(way,),
        offset="distance",
    )


def _as_first(mechanism: Mechanism, first: str) -> Mechanism:
    """Return the mechanism with the parameters of the first compartment of its list."""
    parameters = tuple(
        p if isinstance(p.value, str | AtRest)
        else replace(p, value=f"{p.name}_{first}", source=f"as in {first}")
        for p in mechanism.parameters
    )  # fmt: skip
    return replace(mechanism, parameters=parameters)
