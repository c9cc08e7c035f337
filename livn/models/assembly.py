"""From a Cell to flat equations: every name resolved, every current summed, as sympy expressions.

Names of a compartment get its name as suffix (`h_Na_soma`); names of the cell stay. What comes
out is what every lowering starts from, so a backend never reads a description itself.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import sympy as sp

from livn.errors import InvalidValue, unknown_names
from livn.models.description import (
    AtRest,
    Cell,
    Compartment,
    Mechanism,
    Parameter,
    Random,
    State,
)
from livn.models.expressions import names, parse, symbol

# total nA through a membrane of A um2 at 1 mA/cm2, and nF of A um2 at 1 uF/cm2
NA_PER_DENSITY = sp.Float("1e-2")
NF_PER_DENSITY = sp.Float("1e-5")


@dataclass(frozen=True)
class FlatState:
    """A state with its equation: derivative = (inf - x)/tau where those are given."""

    name: str
    section: str
    derivative: sp.Expr
    initial: sp.Expr
    inf: sp.Expr | None
    tau: sp.Expr | None
    diffusion: sp.Expr | None
    random: str
    unit: str


@dataclass(frozen=True)
class Equations:
    """A cell as flat equations.

    Attributes:
        cell: where they come from.
        parameters: name -> Parameter whose value is a number or `Uniform`.
        derived: name -> expression over parameters and earlier derived ones, in order. Among them
            `capacitance_<section>` nF, `coupling_<a>_<b>` µS, `area_<section>` µm².
        states: all states but the voltages, in an order in which each needs only earlier ones
            (where dependencies are circular, as written).
        voltages: `V_<section>`, soma first.
        start: voltage -> expression of its start value, mV.
        currents: section -> total outward current of its mechanisms, nA.
        membrane: section -> outward current of its membrane alone, without receptors and noise;
            mA/cm², nA in a point.
        coupled: pairs of sections with the name of their coupling conductance.
        randoms: random inputs, named per compartment.
        threshold, refractory: expressions, mV and ms.
        reset: name -> expression; held: names.
        public: "<section>.<name>" or "<name>" -> flat name, for parameters and states.
        noise: public noise parameter name -> flat names.
    """

    cell: Cell
    parameters: dict[str, Parameter]
    derived: dict[str, sp.Expr]
    states: dict[str, FlatState]
    voltages: tuple[str, ...]
    start: dict[str, sp.Expr]
    currents: dict[str, sp.Expr]
    membrane: dict[str, sp.Expr]
    coupled: tuple[tuple[str, str, str], ...]
    randoms: tuple[Random, ...]
    threshold: sp.Expr
    refractory: sp.Expr
    reset: dict[str, sp.Expr]
    held: tuple[str, ...]
    public: dict[str, str]
    noise: dict[str, list[str]]

    @property
    def sections(self) -> tuple[str, ...]:
        """Names of the compartments, soma first."""
        return self.cell.sections

    def rate(self, section: str) -> sp.Expr:
        """Return dV/dt of a section, mV/ms, with inputs `I_<section>` nA and `G_<section>` µS.

        An input (I, G) is the current I - G V into the compartment.
        """
        v = symbol(f"V_{section}")
        total = -self.currents[section] + symbol(f"I_{section}") - symbol(f"G_{section}") * v
        for a, b, g in self.coupled:
            if section in (a, b):
                other = symbol(f"V_{b if section == a else a}")
                total += symbol(g) * (other - v)
        return total / symbol(f"capacitance_{section}")


def assemble(cell: Cell) -> Equations:
    """Return the flat equations of `cell`.

    Raises:
        InvalidValue: if a name is used that neither the compartment nor the cell defines, or a
            name is defined twice.
    """
    scopes = {c.name: _Scope(cell, c) for c in cell.compartments}
    top = _TopScope(cell, scopes)
    parameters: dict[str, Parameter] = {p.name: p for p in cell.parameters if p.settable}
    derived: dict[str, sp.Expr] = {
        p.name: top.resolve(p.value) for p in cell.parameters if isinstance(p.value, str)
    }
    states: dict[str, FlatState] = {}
    currents: dict[str, sp.Expr] = {}
    for scope in scopes.values():
        free, made = scope.parameters(top)
        parameters |= free
        derived |= made
        states |= {f"{s.name}_{scope.name}": scope.flat(s, top) for s in scope.states}
        currents[scope.name] = scope.total(top)
    coupled = []
    for c in cell.couplings:
        name = f"coupling_{c.a}_{c.b}"
        derived[name] = top.resolve(c.conductance)
        coupled.append((c.a, c.b, name))
    spike_scope = scopes[cell.spike.compartment]
    resolve = lambda text: spike_scope.resolve(text, top)  # noqa: E731
    return Equations(
        cell=cell,
        parameters=parameters,
        derived=_ordered(derived, set(parameters)),
        states=_by_dependency(states),
        voltages=tuple(f"V_{s}" for s in cell.sections),
        start={f"V_{s}": scopes[s].resolve(scopes[s].compartment.initial, top) for s in scopes},
        currents=currents,
        membrane={s.name: s.resolve("i_membrane", top) for s in scopes.values()},
        coupled=tuple(coupled),
        randoms=tuple(r for s in scopes.values() for r in s.randoms),
        threshold=resolve(cell.spike.threshold),
        refractory=resolve(cell.spike.refractory),
        reset={spike_scope.flat_name(k, top): resolve(v) for k, v in cell.spike.reset.items()},
        held=tuple(spike_scope.flat_name(h, top) for h in cell.spike.held),
        public=_public_names(cell, scopes),
        noise=_noise_names(scopes.values()),
    )


class _TopScope:
    """Names that are visible in the whole cell."""

    def __init__(self, cell: Cell, scopes: Mapping[str, "_Scope"]):
        self.cell = cell
        self.names = {p.name for p in cell.parameters}
        self.flat = {f"{n}_{s.name}": n for s in scopes.values() for n in s.own | {"V"}}

    def resolve(self, text: str) -> sp.Expr:
        expression = parse(text)
        missing = sorted(names(expression) - self.names - set(self.flat))
        if missing:
            raise _undefined(self.cell, "cell", missing, text, self.names | set(self.flat))
        return expression


class _Scope:
    """Names of one compartment and what they stand for."""

    def __init__(self, cell: Cell, compartment: Compartment):
        self.cell, self.compartment, self.name = cell, compartment, compartment.name
        self.mechanisms = compartment.mechanisms
        self.states = [s for m in self.mechanisms for s in m.states]
        self.randoms = [
            replace(r, name=f"{r.name}_{self.name}", amplitude=f"{r.amplitude}_{self.name}")
            for m in self.mechanisms
            for r in m.randoms
        ]
        self.all_parameters = [
            *compartment.parameters, *(p for m in self.mechanisms for p in m.parameters)
        ]  # fmt: skip
        self.definitions = {k: v for m in self.mechanisms for k, v in m.definitions.items()}
        declared = [
            *(s.name for s in self.states), *(p.name for p in self.all_parameters),
            *self.definitions, *(r.name for m in self.mechanisms for r in m.randoms),
        ]  # fmt: skip
        twice = sorted({n for n in declared if declared.count(n) > 1})
        if twice:
            raise InvalidValue(
                f"cell {cell.name!r} defines names twice in section {self.name!r}: got {twice}; "
                "each name may stand once per compartment. Rename one.",
                got=twice,
            )
        self.own = set(declared)
        self.ions = sorted({m.ion for m in self.mechanisms if m.ion})

    def flat_name(self, name: str, top: _TopScope) -> str:
        """Return the flat name of one name used in this compartment."""
        if name in self.own or name in ("V", "area"):
            return f"{name}_{self.name}"
        if name in top.names or name in top.flat:
            return name
        known = self.own | top.names | {"V"}
        raise _undefined(self.cell, f"section {self.name!r}", [name], name, known)

    def resolve(self, text: str, top: _TopScope) -> sp.Expr:
        """Return the flat expression of `text` as written in this compartment."""
        return self._flatten(parse(text), text, top, ())

    def _flatten(
        self, expression: sp.Expr, text: str, top: _TopScope, busy: tuple[str, ...]
    ) -> sp.Expr:
        known = self.own | top.names | set(top.flat) | {"V", "area", "i_membrane"}
        known |= {f"i_{ion}" for ion in self.ions}
        missing = sorted(names(expression) - known)
        if missing:
            raise _undefined(self.cell, f"section {self.name!r}", missing, text, known)
        return expression.xreplace(
            {symbol(n): self._meaning(n, top, busy) for n in names(expression)}
        )

    def _meaning(self, name: str, top: _TopScope, busy: tuple[str, ...]) -> sp.Expr:
        if name in busy:
            raise InvalidValue(
                f"cell {self.cell.name!r} has a circular definition in section {self.name!r}: "
                f"got {' -> '.join([*busy, name])}. Break the circle with a state.",
                got=name,
            )
        text = self.definitions.get(name)
        if text is not None:
            return self._flatten(parse(text), text, top, (*busy, name))
        if name == "i_membrane":
            return self._sum([m for m in self.mechanisms if m.role == "membrane"], top, busy)
        if name.startswith("i_") and name[2:] in self.ions:
            return self._sum([m for m in self.mechanisms if m.ion == name[2:]], top, busy)
        return symbol(self.flat_name(name, top))

    def _sum(
        self, mechanisms: list[Mechanism], top: _TopScope, busy: tuple[str, ...] = ()
    ) -> sp.Expr:
        terms = (
            self._flatten(parse(m.current), m.current, top, busy) for m in mechanisms if m.current
        )
        return sum(terms, sp.Integer(0))

    def total(self, top: _TopScope) -> sp.Expr:
        """Return the summed outward current, nA."""
        area = symbol(f"area_{self.name}") * NA_PER_DENSITY if self.compartment.area else 1
        dense = [m for m in self.mechanisms if m.role in ("membrane", "hold")]
        nano = [m for m in self.mechanisms if m.role in ("receptor", "noise")]
        return self._sum(dense, top) * area + self._sum(nano, top)

    def parameters(self, top: _TopScope) -> tuple[dict[str, Parameter], dict[str, sp.Expr]]:
        """Return free parameters and derived ones, by flat name."""
        free = {f"{p.name}_{self.name}": p for p in self.all_parameters if p.settable}
        made: dict[str, sp.Expr] = {}
        capacitance = self.resolve(self.compartment.capacitance, top)
        if self.compartment.area:
            made[f"area_{self.name}"] = self.resolve(self.compartment.area, top)
            capacitance = capacitance * symbol(f"area_{self.name}") * NF_PER_DENSITY
        made[f"capacitance_{self.name}"] = capacitance
        made[f"offset_{self.name}"] = self.resolve(self.compartment.offset, top)
        for p in self.all_parameters:
            if isinstance(p.value, str):
                made[f"{p.name}_{self.name}"] = self.resolve(p.value, top)
            elif isinstance(p.value, AtRest):
                made[f"{p.name}_{self.name}"] = self._at_rest(p.value, top)
        return free, made

    def _at_rest(self, rest: AtRest, top: _TopScope) -> sp.Expr:
        expression = self.resolve(rest.expression, top)
        initial = {
            symbol(f"{s.name}_{self.name}"): self.resolve(s.initial or s.inf, top)
            for s in self.states
        }
        for _ in initial:  # an initial value may name another state
            expression = expression.xreplace(initial)
        voltage = self.resolve(rest.voltage, top)
        return expression.subs(symbol(f"V_{self.name}"), voltage)

    def flat(self, state: State, top: _TopScope) -> FlatState:
        """Return one state with flat names."""
        resolve = lambda text: self.resolve(text, top) if text else None  # noqa: E731
        inf, tau = resolve(state.inf), resolve(state.tau)
        name = f"{state.name}_{self.name}"
        derivative = resolve(state.derivative)
        if inf is not None and tau is not None:
            derivative = (inf - symbol(name)) / tau
        assert derivative is not None  # State requires one of the two forms
        initial = resolve(state.initial) or resolve(state.inf) or sp.Integer(0)
        random = f"{state.random}_{self.name}" if state.random else ""
        return FlatState(
            name, self.name, derivative, initial, inf, tau, resolve(state.diffusion), random,
            state.unit,
        )  # fmt: skip


def _undefined(
    cell: Cell, where: str, missing: list[str], text: str, known: Iterable[str]
) -> InvalidValue:
    error = unknown_names("name", missing, known)
    return InvalidValue(
        f"cell {cell.name!r} uses undefined names in {where}: {error.message} Written: {text!r}.",
        got=missing,
        allowed=sorted(known),
    )


def _ordered(derived: dict[str, sp.Expr], given: set[str]) -> dict[str, sp.Expr]:
    """Sort derived parameters so that each uses only parameters before it."""
    done: dict[str, sp.Expr] = {}
    waiting = dict(derived)
    while waiting:
        ready = [n for n, e in waiting.items() if names(e) <= given | set(done)]
        if not ready:
            circle = sorted(waiting)
            raise InvalidValue(
                f"parameters depend on each other or on a state: got {circle}; "
                "a derived parameter may use parameters only.",
                got=circle,
            )
        done |= {n: waiting.pop(n) for n in ready}
    return done


def _by_dependency(states: dict[str, FlatState]) -> dict[str, FlatState]:
    """Sort states so that each needs only earlier ones; circles keep the order as written."""
    done: dict[str, FlatState] = {}
    waiting = dict(states)
    while waiting:
        ready = [
            n for n, s in waiting.items()
            if not (names(s.derivative) & set(waiting)) - {n}
        ]  # fmt: skip
        for n in ready or [next(iter(waiting))]:
            done[n] = waiting.pop(n)
    return done


def _public_names(cell: Cell, scopes: Mapping[str, _Scope]) -> dict[str, str]:
    """Map what users write, `soma.g_Na` or (cell-wide) `gc`, to flat names."""
    public = {p.name: p.name for p in cell.parameters}
    for s in scopes.values():
        own = [*(p.name for p in s.all_parameters), *(x.name for x in s.states), "V"]
        public |= {f"{s.name}.{n}": f"{n}_{s.name}" for n in own}
    return public


def _noise_names(scopes: Iterable[_Scope]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for s in scopes:
        for m in s.mechanisms:
            if m.role == "noise":
                for p in m.parameters:
                    found.setdefault(p.name, []).append(f"{p.name}_{s.name}")
    return found
