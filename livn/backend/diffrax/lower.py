"""A time step as the source of functions that JAX traces.

`update` takes one step with all cells of a population; `numbers` makes of free parameters what it
needs, so that gradients reach them. Nothing of JAX is imported here.
"""

from dataclasses import dataclass
from textwrap import indent

import sympy as sp
from sympy.printing.pycode import PythonCodePrinter

from livn.models.assembly import Equations
from livn.models.expressions import names, symbol
from livn.models.scheme import HELD, H, Step

WAIT = "wait"  # steps until the end of refractoriness
FIRED = "fired"  # 1 where the cell spikes in this step
BELOW = "below"  # 1 where the spike detector was below threshold before the step
REFRACTORY = "refractory_steps"
_UPDATE = '''def update(state, constants, inputs, arrived):
    """Return the state after one step, where cells spiked, and V - threshold before and after."""
    {states} = state
    {constants} = constants
    {inputs} = inputs
{arrived}{lines}
    return ({states}), fired, (before, above)
'''
_NUMBERS = '''def numbers(given, h):
    """Return derived parameters, constants of the step, and the start of every state."""
{given}
{lines}
    derived = {{{derived}}}
    constants = {{{constants}}}
    return derived, constants, {{{start}}}
'''
_RATES = '''def rates(state, values, inputs):
    """Return rates, 1/ms, V - threshold, the state after a spike, and for how long it is held."""
    {states} = state
    {inputs} = inputs
{values}
{lines}
    return ({rates},), above, ({after},), refractory
'''
Arrivals = tuple[tuple[tuple[str, str], ...], ...]


@dataclass(frozen=True)
class Lowered:
    """The functions of one population.

    Attributes:
        update: source of a step.
        numbers: source of what follows from free parameters.
        states: order of the states in `update`, the last of them `wait`.
        constants: order of the constants, increments of events last.
        inputs: order of the inputs, random numbers last.
        crossing: whether a spike is an upward crossing, rather than a state above threshold.
    """

    update: str
    numbers: str
    states: tuple[str, ...]
    constants: tuple[str, ...]
    inputs: tuple[str, ...]
    crossing: bool


def lower(step: Step, arrivals: Arrivals = ()) -> Lowered:
    """Return the functions for `step`.

    Args:
        step: the time step.
        arrivals: for each projection that ends here the pairs of states its events act on.
    """
    equations = step.equations
    states = (*equations.voltages, *equations.states, WAIT)
    increments = (f"increment_{p}_{k}" for p, t in enumerate(arrivals) for k in range(len(t)))
    constants = (*step.constants, REFRACTORY, *increments)
    inputs = (*step.inputs, *(r.name for r in equations.randoms))
    arrived = "".join(f"    arrived_{p} = arrived[{p}]\n" for p in range(len(arrivals)))
    update = _UPDATE.format(
        states=", ".join(states), constants=_unpacked(constants), inputs=_unpacked(inputs),
        arrived=arrived, lines=indent("\n".join(_update(step, arrivals)), " " * 4),
    )  # fmt: skip
    return Lowered(update, _numbers(step), states, constants, inputs, not equations.reset)


def lower_rates(equations: Equations) -> str:
    """Return the source of the equations themselves, for solvers that choose their own steps.

    The states are the voltages and the others in order; random inputs are 0.
    """
    states = (*equations.voltages, *equations.states)
    found = [equations.rate(section) for section in equations.sections]
    found += [x.derivative for x in equations.states.values()]
    silent = {symbol(r.name): sp.Integer(0) for r in equations.randoms}
    v = f"V_{equations.cell.spike.compartment}"
    inputs = tuple(f"{k}_{s}" for s in equations.sections for k in "IG")
    made = [(f"rate_{n}", e.xreplace(silent)) for n, e in zip(states, found, strict=True)]
    made += [("above", symbol(v) - equations.threshold)]
    made += [(f"after_{n}", e) for n, e in equations.reset.items()]
    made.append(("refractory", equations.refractory))
    used = set().union(*(names(e) for _, e in made)) - {*states, *inputs}
    return _RATES.format(
        states=_unpacked(states), inputs=_unpacked(inputs),
        values="\n".join(f"    {n} = values[{n!r}]" for n in sorted(used)),
        lines="\n".join(f"    {n} = {_text(e)}" for n, e in made),
        rates=", ".join(f"rate_{n}" for n in states),
        after=", ".join(f"after_{n}" if n in equations.reset else n for n in states),
    )  # fmt: skip


def _unpacked(words: tuple[str, ...]) -> str:
    return ", ".join(words) + ("," if len(words) == 1 else "")


def _update(step: Step, arrivals: Arrivals) -> list[str]:
    """Return the lines from the values at the start of the step to those at its end."""
    equations = step.equations
    v = f"V_{equations.cell.spike.compartment}"
    threshold = _text(step.threshold)
    lines = [f"before = {v} - {_parenthesised(threshold)}"]
    lines += [f"{HELD} = where({WAIT} <= 0.0, 1.0, 0.0)", f"{WAIT} = relu({WAIT} - 1.0)"]
    fired = f"{FIRED} = spike(above) * {HELD}"
    if not equations.reset:
        lines.append(f"{BELOW} = where(before < 0.0, 1.0, 0.0)")
        fired += f" * {BELOW}"
    lines += [f"{n} = {_text(e)}" for n, e in step.assignments]
    lines += [f"above = {v} - {_parenthesised(threshold)}", fired]
    for p, pairs in enumerate(arrivals):
        for k, pair in enumerate(pairs):
            lines += [f"{state} = {state} + arrived_{p} * increment_{p}_{k}" for state in pair]
    lines += [f"after_{n} = {_text(e)}" for n, e in step.reset]
    lines += [f"{n} = where({FIRED} > 0.0, after_{n}, {n})" for n, _ in step.reset]
    return [*lines, f"{WAIT} = where({FIRED} > 0.0, {REFRACTORY}, {WAIT})"]


def _parenthesised(text: str) -> str:
    return text if text.isidentifier() else f"({text})"


def _numbers(step: Step) -> str:
    """Return the source of everything that follows from free parameters."""
    equations = step.equations
    start = equations.start | {n: x.initial for n, x in equations.states.items()}
    made = [*equations.derived.items(), *step.constants.items(), *start.items()]
    made.append((REFRACTORY, equations.refractory / symbol(H)))
    shared, reduced = sp.cse(
        [e for _, e in made], symbols=(symbol(f"s{k}") for k in range(1 << 30)), order="none"
    )
    pending = {s.name: e for s, e in shared}
    lines: list[str] = []
    for (name, _), expression in zip(made, reduced, strict=True):
        _emit(expression, pending, lines)
        if expression != symbol(name):  # a constant may be a parameter itself
            lines.append(f"{name} = {_text(expression)}")
    lines.append(f"{REFRACTORY} = rounded({REFRACTORY})")
    entries = [", ".join(f"{n!r}: {n}" for n in group)
               for group in (equations.derived, [*step.constants, REFRACTORY], start)]  # fmt: skip
    given = "\n".join(f"{n} = given[{n!r}]" for n in equations.parameters)
    return _NUMBERS.format(
        given=indent(given, " " * 4), lines=indent("\n".join(lines), " " * 4),
        derived=entries[0], constants=entries[1], start=entries[2],
    )  # fmt: skip


def _emit(expression: sp.Expr, pending: dict[str, sp.Expr], lines: list[str]) -> None:
    """Append what an expression needs of the shared ones, each once."""
    for name in sorted(names(expression) & set(pending)):
        needed = pending.pop(name)
        _emit(needed, pending, lines)
        lines.append(f"{name} = {_text(needed)}")


class _Printer(PythonCodePrinter):
    """Prints Python arithmetic and the intrinsics as calls of functions of their names."""

    def _call(self, expr: sp.Expr) -> str:
        return f"{type(expr).__name__}({self._print(expr.args[0])})"

    _print_exprel = _print_dexprel = _print_relu = _print_step = _call

    def _print_Float(self, expr: sp.Float) -> str:
        return repr(float(expr))

    def _print_Rational(self, expr: sp.Rational) -> str:
        return repr(float(expr))

    def _print_Pow(self, expr: sp.Pow, rational: bool = False, sqrt: str = "sqrt") -> str:
        base, exponent = expr.args
        if exponent == sp.Rational(1, 2):
            return f"sqrt({self._print(base)})"
        if exponent == -1:
            return f"1/{self._factor(base)}"
        if isinstance(exponent, sp.Integer):
            return f"{self._factor(base)}**{int(exponent)}"
        return f"power({self._print(base)}, {self._print(exponent)})"

    def _factor(self, expr: sp.Expr) -> str:
        text = self._print(expr)
        return text if expr.is_Symbol or expr.is_Function else f"({text})"

    def _print_Piecewise(self, expr: sp.Piecewise) -> str:
        (then, condition), (otherwise, _) = expr.args
        return f"where({self._print(condition)}, {self._print(then)}, {self._print(otherwise)})"


def _text(expression: sp.Expr) -> str:
    return str(_Printer({"fully_qualified_modules": False}).doprint(expression))
