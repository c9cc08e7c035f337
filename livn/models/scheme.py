"""The time step every fixed-step backend takes, derived from the equations.

Voltages live at t_n, all other states at t_(n-1/2) (leapfrog, Hines 1984). One step h:

1. each state advances to t_(n+1/2) with V at t_n: exactly where it is linear in itself (gates,
   conductances), by the linearly implicit midpoint rule otherwise (ion concentrations). A state
   that needs another one (calcium needs the calcium gates) takes its mean over the step, its value
   at t_n;
2. Ornstein-Uhlenbeck conductances advance by their exact transition density;
3. voltages advance to t_(n+1) with the conductances at t_(n+1/2): one compartment by exponential
   Rosenbrock-Euler (exact between the spikes of a leaky cell), several by the implicit midpoint
   rule on the tree of compartments, so strong coupling is stable. Where a current depends on V
   other than through a driving force (instantaneous gates, GHK, magnesium block), that is taken at
   the midpoint that a step with it frozen predicts: linearising a steep instantaneous gate instead
   makes spikes overshoot. Where the membrane itself has such currents, two steps of h/2 are taken:
   spikes of cells with instantaneous sodium gates are features of 20 to 40 us, and one step of
   25 us gets their width wrong.

The scheme is second order in h (start values stand for t_0 and t_(-1/2) alike, which shifts slow
states by half a step). What depends on parameters and h alone is gathered into
`constants`, computed once, not in every step.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import sympy as sp

from livn.models.assembly import Equations, FlatState
from livn.models.expressions import exprel, names, relu, symbol

H = "h"
Sections = dict[str, sp.Expr]  # an expression per section
Stage = list[tuple[str, sp.Expr]]  # assignments in order
HELD = "free"  # 1 where the cell is not refractory, 0 where held states keep their value


@dataclass(frozen=True)
class Step:
    """One step as assignments, in the order in which they are carried out.

    Attributes:
        equations: what is integrated.
        constants: name -> expression over parameters, derived parameters and the step `h`.
        assignments: (name, expression) over states, voltages, inputs (`I_<section>`,
            `G_<section>`), random inputs, constants and earlier temporaries. A name that is a state
            or a voltage is overwritten; others are temporaries.
        threshold: expression over constants and states after the step, mV.
        reset: (state, expression) to carry out at a spike.
    """

    equations: Equations
    constants: dict[str, sp.Expr]
    assignments: tuple[tuple[str, sp.Expr], ...]
    threshold: sp.Expr
    reset: tuple[tuple[str, sp.Expr], ...]

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the input currents (nA) and conductances (µS), per section."""
        return tuple(f"{k}_{s}" for s in self.equations.sections for k in "IG")


def derive_step(equations: Equations) -> Step:
    """Return the time step for `equations`."""
    fixed = set(equations.parameters) | set(equations.derived) | {H}
    hoist = _Hoist(fixed)
    assignments: Stage = []
    stages = [_state_stage(equations, fixed), *_voltage_stages(equations)]
    for stage, prefix in zip(stages, "abc", strict=False):
        lifted = [(n, hoist(e)) for n, e in stage]
        assignments += _share(lifted, prefix)
    threshold = hoist(equations.threshold)
    reset = tuple((n, hoist(e)) for n, e in equations.reset.items())
    return Step(equations, hoist.constants, tuple(assignments), threshold, reset)


def _state_stage(equations: Equations, fixed: set[str]) -> Stage:
    """Advance all states but the voltages; new values go to `new_<name>` and are copied last."""
    stage: Stage = []
    middle: dict[sp.Symbol, sp.Expr] = {}
    for state in equations.states.values():
        new = _advance(state, middle, fixed)
        if state.name in equations.held:
            own = symbol(state.name)
            new = own + symbol(HELD) * (new - own)
        stage.append((f"new_{state.name}", new))
        own = symbol(state.name)
        middle[own] = (own + symbol(f"new_{state.name}")) / 2
    copies = [(name, symbol(f"new_{name}")) for name in equations.states]
    return [*stage, *copies]


def _advance(state: FlatState, middle: dict[sp.Symbol, sp.Expr], fixed: set[str]) -> sp.Expr:
    """Return the value of one state a step later; `middle` gives the others at t_n.

    Args:
        fixed: names that stay the same through a run; a slope made of these alone is integrated
            exactly, another one by the linearly implicit midpoint rule, which needs no exponential.
    """
    x, h = symbol(state.name), symbol(H)
    if state.inf is not None and state.tau is not None and x not in _symbols(state.inf, state.tau):
        inf, tau = state.inf.xreplace(middle), state.tau.xreplace(middle)
        new = inf + (x - inf) * sp.exp(-h / tau)
        if state.diffusion is not None:
            spread = state.diffusion.xreplace(middle) * sp.sqrt(1 - sp.exp(-2 * h / tau))
            new += spread * symbol(state.random)
        return new
    derivative = state.derivative.xreplace(middle)
    slope = _slope(derivative, x)
    if names(slope) <= fixed:
        return x + h * derivative * exprel(h * slope)
    return x + h * derivative / (1 - h / 2 * slope)


def _symbols(*expressions: sp.Expr) -> set[sp.Basic]:
    return set().union(*(e.free_symbols for e in expressions))


def _slope(derivative: sp.Expr, x: sp.Symbol) -> sp.Expr:
    """Return d(derivative)/dx, with what stands inside a rectification taken as constant.

    A rectified influx has no derivative at its corner; leaving it explicit costs no accuracy
    where the state itself hardly changes it (calcium through its own reversal potential).
    """
    opaque = {r: sp.Dummy() for r in derivative.atoms(relu)}
    back = {v: k for k, v in opaque.items()}
    return derivative.xreplace(opaque).diff(x).xreplace(back)


def _voltage_stages(equations: Equations) -> list[Stage]:
    """Advance the voltages with all other states given; `dV_<section>` is the change."""
    sections = equations.sections
    v = {s: symbol(f"V_{s}") for s in sections}
    middle = {v[s]: symbol(f"mid_{s}") for s in sections}
    rate = {s: _at_midpoint(equations.rate(s), middle) for s in sections}
    if not _symbols(*rate.values()) & set(middle.values()):
        return [_moved(equations, rate, symbol(H), "")]
    steep = [_at_midpoint(equations.membrane[s], middle) for s in sections]
    parts = ("1", "2") if _symbols(*steep) & set(middle.values()) else ("",)
    h = symbol(H) / len(parts)
    stages = []
    for part in parts:
        ahead = {m: symbol(f"{m.name}{part}") for m in middle.values()}
        behind = {m: x for x, m in middle.items()}
        start = {s: e.xreplace(behind) for s, e in rate.items()}
        frozen = {s: e.diff(v[s]).xreplace(behind) for s, e in rate.items()}
        predict = _solve(equations, start, frozen, h / 2, f"pre{part}", sp.Integer(1))
        predict += [(f"mid_{s}{part}", v[s] + symbol(f"pre{part}_{s}")) for s in sections]
        there = {s: e.xreplace(ahead) for s, e in rate.items()}
        stages.append([*predict, *_moved(equations, there, h, part)])
    return stages


def _moved(equations: Equations, rate: Sections, h: sp.Expr, tag: str) -> Stage:
    """Advance the voltages by `h` with everything but V in a driving force constant."""
    slope = {s: e.diff(symbol(f"V_{s}")) for s, e in rate.items()}
    stage = _solve(equations, rate, slope, h, f"dV{tag}", sp.Rational(1, 2))
    free = symbol(HELD) if any(x in equations.held for x in equations.voltages) else 1
    moved = [(f"V_{s}", symbol(f"V_{s}") + free * symbol(f"dV{tag}_{s}")) for s in rate]
    return [*stage, *moved]


def _solve(
    equations: Equations,
    rate: Sections,
    slope: Sections,
    h: sp.Expr,
    name: str,
    implicit: sp.Expr,
) -> Stage:
    """Return assignments of the change over a step `h`, to `<name>_<section>`."""
    if len(rate) == 1:
        ((s, f),) = rate.items()
        exact = exprel(h * slope[s]) if implicit != 1 else 1 / (1 - h * slope[s])
        return [(f"{name}_{s}", h * f * exact)]
    return _solve_tree(equations, rate, slope, h, name, implicit)


def _at_midpoint(expression: sp.Expr, ahead: dict[sp.Symbol, sp.Expr]) -> sp.Expr:
    """Evaluate what is not polynomial in V at the extrapolated midpoint of the step."""
    if not expression.free_symbols & set(ahead) or expression.is_Symbol:
        return expression
    polynomial = expression.is_Add or expression.is_Mul
    polynomial |= expression.is_Pow and expression.exp.is_Integer and expression.exp > 0
    if polynomial:
        return expression.func(*(_at_midpoint(a, ahead) for a in expression.args))
    return expression.xreplace(ahead)


def _solve_tree(
    equations: Equations,
    rate: Sections,
    slope: Sections,
    h: sp.Expr,
    name: str,
    implicit: sp.Expr,
) -> Stage:
    """Solve (1 - implicit h J) dV = h rate on the tree of compartments, leaves first (Hines)."""
    sections = equations.sections
    stage: Stage = []
    diagonal = {s: 1 - implicit * h * slope[s] for s in sections}
    right: dict[str, sp.Expr] = {s: h * rate[s] for s in sections}
    parent = _parents(equations)
    pull = {s: implicit * h / symbol(f"capacitance_{s}") for s in sections}
    d, r = f"d_{name}", f"r_{name}"
    for s in reversed(sections[1:]):
        p, g = parent[s]
        stage += [(f"{d}_{s}", diagonal[s]), (f"{r}_{s}", right[s])]
        factor = pull[p] * symbol(g) / symbol(f"{d}_{s}")
        diagonal[p] -= factor * pull[s] * symbol(g)
        right[p] += factor * symbol(f"{r}_{s}")
    stage.append((f"{name}_{sections[0]}", right[sections[0]] / diagonal[sections[0]]))
    for s in sections[1:]:
        p, g = parent[s]
        known = symbol(f"{r}_{s}") + pull[s] * symbol(g) * symbol(f"{name}_{p}")
        stage.append((f"{name}_{s}", known / symbol(f"{d}_{s}")))
    return stage


def _parents(equations: Equations) -> dict[str, tuple[str, str]]:
    """Map each section but the first to the earlier section it is joined to, and the coupling."""
    order = {s: k for k, s in enumerate(equations.sections)}
    parents = {}
    for a, b, g in equations.coupled:
        first, second = sorted((a, b), key=order.__getitem__)
        parents[second] = (first, g)
    return parents


class _Hoist:
    """Replaces what depends on parameters alone by named constants."""

    def __init__(self, fixed: set[str]):
        self.fixed = fixed
        self.constants: dict[str, sp.Expr] = {}
        self._known: dict[sp.Expr, sp.Symbol] = {}
        self._number = count()

    def __call__(self, expression: sp.Expr) -> sp.Expr:
        if not expression.free_symbols or not isinstance(expression, sp.Expr):
            return self._inside(expression) if expression.args else expression
        if names(expression) <= self.fixed:
            sign, plain = (-1, -expression) if (-expression).is_Symbol else (1, expression)
            return sign * self._constant(plain)
        if isinstance(expression, sp.Add | sp.Mul):
            still = [a for a in expression.args if a.free_symbols and names(a) <= self.fixed]
            moving = [a for a in expression.args if a not in still and a.free_symbols]
            plain = [a for a in expression.args if not a.free_symbols]
            if still:
                constant = self._constant(expression.func(*still, *plain))
                return expression.func(constant, *(self(a) for a in moving))
        return self._inside(expression)

    def _inside(self, expression: sp.Basic) -> sp.Expr:
        if not expression.args:
            return expression
        return expression.func(*(self(a) for a in expression.args))

    def _constant(self, expression: sp.Expr) -> sp.Expr:
        if expression not in self._known:
            name = expression.name if expression.is_Symbol else f"k{next(self._number)}"
            self.constants[name] = expression
            self._known[expression] = symbol(name)
        return self._known[expression]


def _share(stage: Stage, prefix: str) -> Stage:
    """Compute what several assignments share once; the order of the assignments is kept."""
    numbers = (symbol(f"{prefix}{k}") for k in count())
    shared, reduced = sp.cse([e for _, e in stage], symbols=numbers, order="canonical")
    pending = [(s.name, e) for s, e in shared]
    out: Stage = []
    for (name, _), expression in zip(stage, reduced, strict=True):
        for entry in [*_needed(names(expression), pending), (name, expression)]:
            out += _repeated_as_names(*entry, numbers)
    return out


def _needed(wanted: set[str], pending: Stage) -> Stage:
    """Take from `pending` what `wanted` needs, in order."""
    take: set[str] = set()
    for name, expression in reversed(pending):
        if name in wanted:
            take.add(name)
            wanted = wanted | names(expression)
    taken = [p for p in pending if p[0] in take]
    pending[:] = [p for p in pending if p[0] not in take]
    return taken


def _repeated_as_names(name: str, expression: sp.Expr, numbers: Iterator[sp.Symbol]) -> Stage:
    """Name what a printer would otherwise write twice: bases of powers, arguments of relu."""
    out: Stage = []

    def visit(e: sp.Basic) -> sp.Basic:
        if not e.args:
            return e
        args = [visit(a) for a in e.args]
        twice = isinstance(e, relu) or (e.is_Pow and e.exp.is_Integer and e.exp != -1)
        if twice and args[0].args:
            out.append((next(numbers).name, args[0]))
            args[0] = symbol(out[-1][0])
        return e.func(*args)

    last = visit(expression)
    return [*out, (name, last)]
