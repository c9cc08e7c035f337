"""The time step every fixed-step backend takes, derived from the equations.

Voltages live at t_n, all other states at t_(n-1/2) (leapfrog, Hines 1984). One step h:

1. each state advances to t_(n+1/2) with V at t_n: exactly where it is linear in itself (gates,
   conductances), by the linearly implicit midpoint rule otherwise (ion concentrations). A state
   that needs another one (calcium needs the calcium gates) takes its mean over the step, its value
   at t_n; logarithms of concentrations move along their tangents;
2. Ornstein-Uhlenbeck conductances advance by their exact transition density;
3. voltages advance to t_(n+1) with the conductances at t_(n+1/2): one compartment by exponential
   Rosenbrock-Euler (exact between the spikes of a leaky cell), several by the implicit midpoint
   rule on the tree of compartments, so strong coupling is stable. Driving forces of Goldman,
   Hodgkin and Katz and the magnesium block of receptors bend little within a step and count by
   value and slope at its start. An instantaneous gate of the membrane is steep, and its tangent
   would make spikes overshoot: it is taken at the midpoint that a step with it frozen predicts, in
   two steps of h/2, because the spikes of such cells are features of 20 to 40 us and one step of
   25 us gets their width wrong.

The scheme is second order in h (start values stand for t_0 and t_(-1/2) alike, which shifts slow
states by half a step). What depends on parameters and h alone is gathered into
`constants`, computed once, not in every step.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count

import sympy as sp

from livn.models.assembly import Equations, FlatState
from livn.models.expressions import exprel, names, relu, symbol
from livn.models.voltage import HELD, H, Replaced, Stage, voltage_stages

__all__ = ["H", "HELD", "Step", "derive_step"]


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
    rate = {s: equations.rate(s) for s in equations.sections}
    logs = _logarithms(equations, rate)
    begin = [(n.name, log) for log, n in logs.items()]
    states = _state_stage(equations, logs, fixed)
    after = {log: symbol(f"new_{n.name}") for log, n in logs.items()}
    rate = {s: e.xreplace(after) for s, e in rate.items()}
    stages = [[*begin, *states], *voltage_stages(equations, rate)]
    for stage, prefix in zip(stages, "abc", strict=False):
        lifted = [(n, hoist(e)) for n, e in stage]
        assignments += _share(lifted, prefix)
    threshold = hoist(equations.threshold)
    reset = tuple((n, hoist(e)) for n, e in equations.reset.items())
    return Step(equations, hoist.constants, tuple(assignments), threshold, reset)


def _logarithms(equations: Equations, rate: Mapping[str, sp.Expr]) -> dict[sp.Expr, sp.Symbol]:
    """Name the logarithms of states alone: reversal potentials that follow concentrations."""
    states = {symbol(n) for n in equations.states}
    voltages = {symbol(n) for n in equations.voltages}
    used = [x.derivative for x in equations.states.values()] + list(rate.values())
    logs = {log for e in used for log in e.atoms(sp.log)}
    found = [g for g in logs if g.free_symbols & states and not g.free_symbols & voltages]
    found.sort(key=sp.default_sort_key)
    return {log: symbol(f"log{k}") for k, log in enumerate(found)}


def _state_stage(equations: Equations, logs: dict[sp.Expr, sp.Symbol], fixed: set[str]) -> Stage:
    """Advance all states but the voltages; new values go to `new_<name>` and are copied last.

    A logarithm moves along its tangent: concentrations change by parts in a million in a step.
    """
    stage: Stage = []
    middle: Replaced = dict(logs)
    change = dict.fromkeys(logs, sp.Integer(0))
    for state in equations.states.values():
        own, new = symbol(state.name), symbol(f"new_{state.name}")
        value = _advance(state, middle, fixed)
        if state.name in equations.held:
            value = own + symbol(HELD) * (value - own)
        stage.append((new.name, value))
        middle[own] = (own + new) / 2
        for log in logs:
            change[log] += log.diff(own) * (new - own)
            middle[log] = logs[log] + change[log] / 2
    stage += [(f"new_{n.name}", n + change[log]) for log, n in logs.items()]
    return stage + [(name, symbol(f"new_{name}")) for name in equations.states]


def _advance(state: FlatState, middle: Replaced, fixed: set[str]) -> sp.Expr:
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
    slope = _slope(state.derivative, x).xreplace(middle)
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
