"""The vocabulary in which a model is written, once, as data.

A `Cell` is a tree of `Compartment`s joined by `Coupling`s; a compartment holds `Mechanism`s:
anything with states, parameters, definitions or a current. Names written inside a compartment
belong to it (`g_Na` of the soma and of the dendrite are two parameters) and may be used by every
mechanism of that compartment; names of the cell are visible everywhere. `V` is the membrane
potential of the compartment an equation stands in.

Currents are outward positive. In a compartment with an `area` they are densities, mA/cm²; without
one (point cells) they are total currents, nA. Time is in ms, voltage in mV, concentration in mM.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import inf
from typing import Literal

from livn.errors import InvalidValue, unknown_names
from livn.units import check_unit

Kind = Literal["excitatory", "inhibitory"]
Role = Literal["membrane", "receptor", "noise", "hold"]


@dataclass(frozen=True)
class Uniform:
    """A parameter drawn per cell, uniformly between `low` and `high`, keyed by (seed, gid)."""

    low: float
    high: float


@dataclass(frozen=True)
class AtRest:
    """A parameter that equals `expression` of a compartment at a given voltage.

    Gates and pools are at their initial (steady) values for that voltage. `voltage` is an
    expression over parameters, mV.
    """

    expression: str
    voltage: str


@dataclass(frozen=True)
class Parameter:
    """A number of the model with its unit and where it comes from.

    Attributes:
        value: a number; text over other parameters (derived); `Uniform`; or `AtRest`.
        unit: one of `livn.units.UNITS`.
        source: paper, table or file the number is from, or how it follows.
        bounds: smallest and largest value that makes sense, in `unit`.

    Raises:
        InvalidValue: if a number is not within its bounds.
    """

    name: str
    value: float | str | Uniform | AtRest
    unit: str = "1"
    source: str = ""
    bounds: tuple[float, float] = (-inf, inf)

    def __post_init__(self) -> None:
        check_unit(self.unit)
        low, high = self.bounds
        unit = "" if self.unit == "1" else f" {self.unit}"
        if isinstance(self.value, int | float) and not low <= self.value <= high:
            raise InvalidValue(
                f"parameter {self.name!r} is out of range: got {self.value!r}; need a number from "
                f"{low:g} to {high:g}{unit}.",
                got=self.value,
                allowed=self.bounds,
            )

    @property
    def settable(self) -> bool:
        """Whether the value is free, rather than following from others."""
        return not isinstance(self.value, str | AtRest)


def positive(name: str, value: float, unit: str, source: str) -> Parameter:
    """Return a parameter that must not be negative."""
    return Parameter(name, value, unit, source, (0.0, inf))


def strictly_positive(name: str, value: float, unit: str, source: str) -> Parameter:
    """Return a parameter that something is divided by, or whose logarithm is taken."""
    return Parameter(name, value, unit, source, (1e-6, inf))


@dataclass(frozen=True)
class State:
    """A variable with a first-order equation.

    Either `derivative` is given (per ms), or `inf` and `tau` (ms): x' = (inf - x)/tau.
    `initial` is an expression over parameters and V; a gate starts at `inf` unless told otherwise.
    A state with `diffusion` is an Ornstein-Uhlenbeck process relaxing to `inf` with `tau` and
    stationary standard deviation `diffusion`, driven by the random input named `random`.
    """

    name: str
    derivative: str = ""
    initial: str = ""
    unit: str = "1"
    inf: str = ""
    tau: str = ""
    diffusion: str = ""
    random: str = ""

    def __post_init__(self) -> None:
        check_unit(self.unit)
        if bool(self.derivative) == bool(self.inf) or bool(self.inf) != bool(self.tau):
            raise InvalidValue(
                f"state {self.name!r} has no single equation: got derivative={self.derivative!r}, "
                f"inf={self.inf!r}, tau={self.tau!r}; give the derivative, or inf and tau.",
                got=self.name,
            )


def gate(name: str, *, inf: str = "", tau: str = "", alpha: str = "", beta: str = "") -> State:
    """Return a gating variable from (inf, tau) or from opening and closing rates (1/ms)."""
    if alpha:
        inf, tau = f"({alpha}) / (({alpha}) + ({beta}))", f"1 / (({alpha}) + ({beta}))"
    return State(name, inf=inf, tau=tau, initial=inf)


@dataclass(frozen=True)
class Random:
    """A standard normal number per cell, renewed every `hold` ms (0: every step).

    Numbers are keyed by (seed, stream, `site`, gid, step); sites 2k and 2k + 1 share one key.
    They are drawn only while the parameter `amplitude` is not zero.
    """

    name: str
    site: int
    amplitude: str
    hold: float = 0.0


@dataclass(frozen=True)
class Mechanism:
    """Something in a membrane: states, definitions, parameters and at most one current.

    Attributes:
        current: outward current, mA/cm² (nA in a point compartment).
        ion: the ion it carries; the compartment sums such currents into `i_<ion>`.
        role: "membrane" currents make up the compartment's `i_membrane`, which `AtRest`
            balances; "receptor", "noise" and "hold" do not. Receptors and noise are nA, always.
    """

    name: str
    current: str = ""
    ion: str = ""
    states: tuple[State, ...] = ()
    definitions: Mapping[str, str] = field(default_factory=dict)
    parameters: tuple[Parameter, ...] = ()
    randoms: tuple[Random, ...] = ()
    role: Role = "membrane"

    def with_values(self, source: str, **values: float) -> "Mechanism":
        """Return a copy with the named parameters replaced by values from `source`.

        Raises:
            UnknownName: if a name is not a parameter of this mechanism.
        """
        known = [p.name for p in self.parameters]
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise unknown_names(f"parameter of mechanism {self.name!r}", unknown, known)
        parameters = tuple(
            replace(p, value=values[p.name], source=source) if p.name in values else p
            for p in self.parameters
        )
        return replace(self, parameters=parameters)


@dataclass(frozen=True)
class Compartment:
    """A patch of membrane at one potential.

    Attributes:
        name: section name, "soma" or "dend".
        capacitance: expression; µF/cm² where there is an area, else nF.
        area: expression, µm²; empty for a point.
        initial: expression of the start voltage, mV.
        offset: expression of the distance of its midpoint from the soma, µm; the Env places the
            compartment there among the electrodes.
    """

    name: str
    mechanisms: tuple[Mechanism, ...]
    capacitance: str
    area: str = ""
    initial: str = "V_init"
    parameters: tuple[Parameter, ...] = ()
    offset: str = "0"


@dataclass(frozen=True)
class Coupling:
    """An ohmic connection of two compartments; one conductance, so charge is conserved.

    `conductance` is an expression over cell and compartment parameters, µS.
    """

    a: str
    b: str
    conductance: str


@dataclass(frozen=True)
class Spike:
    """When the cell spikes and what happens then.

    A cell with `reset` spikes whenever it is above `threshold` and not refractory; one without
    spikes when V crosses `threshold` upward, unless it did so less than `refractory` ms ago.

    Attributes:
        threshold: expression, mV.
        refractory: expression, ms.
        reset: state -> its value after the spike.
        held: states that keep their value while refractory.
        compartment: where V is compared with the threshold.
    """

    threshold: str
    refractory: str = "0"
    reset: Mapping[str, str] = field(default_factory=dict)
    held: tuple[str, ...] = ()
    compartment: str = "soma"


@dataclass(frozen=True)
class Cell:
    """One kind of cell: compartments, how they are joined, when it spikes."""

    name: str
    compartments: tuple[Compartment, ...]
    spike: Spike
    source: str
    couplings: tuple[Coupling, ...] = ()
    parameters: tuple[Parameter, ...] = ()

    @property
    def sections(self) -> tuple[str, ...]:
        """Names of the compartments, soma first."""
        return tuple(c.name for c in self.compartments)

    def section(self, name: str) -> str:
        """Return `name` if the cell has that section, else its soma (`hillock` is the dendrite)."""
        name = {"hillock": "dend"}.get(name, name)
        return name if name in self.sections else self.sections[0]

    def with_mechanisms(self, section: str, *added: Mechanism) -> "Cell":
        """Return a copy with mechanisms added to one section."""
        compartments = tuple(
            replace(c, mechanisms=(*c.mechanisms, *added)) if c.name == section else c
            for c in self.compartments
        )
        return replace(self, compartments=compartments)
