"""A time step as Brian2 text: declarations, abstract code, threshold and reset.

All quantities are dimensionless numbers in livn's units (ms, mV, nA, µS), so the text reads as the
description does. Nothing of Brian2 is imported here.
"""

from dataclasses import dataclass

import sympy as sp
from sympy.printing.str import StrPrinter

from livn.models.expressions import symbol
from livn.models.scheme import HELD, Step

WAIT = "wait"  # steps until the end of refractoriness
REFRACTORY = "refractory_steps"
BELOW = "below"  # 1 where the spike detector was below threshold before the step


@dataclass(frozen=True)
class Lowered:
    """Brian2 text of one population.

    Attributes:
        model: declarations of states, inputs and constants.
        update: abstract code of one step.
        threshold: spike condition.
        reset: abstract code carried out at a spike.
        constants: names declared as constants, `refractory_steps` among them.
    """

    model: str
    update: str
    threshold: str
    reset: str
    constants: tuple[str, ...]


def lower(step: Step, per_cell: frozenset[str] = frozenset()) -> Lowered:
    """Return the Brian2 text of `step`; constants named in `per_cell` differ between cells."""
    equations = step.equations
    crossing = not equations.reset
    detector = f"V_{equations.cell.spike.compartment}"
    constants = (*step.constants, REFRACTORY)
    variables = [*equations.voltages, *equations.states, *step.inputs]
    variables += [r.name for r in equations.randoms] + [HELD, WAIT] + [BELOW] * crossing
    model = [f"{v} : 1" for v in variables]
    model += [f"{c} : 1 ({'' if c in per_cell else 'shared, '}constant)" for c in constants]
    update = [f"{HELD} = int({WAIT} <= 0)", f"{WAIT} = {_text(_clipped(symbol(WAIT) - 1))}"]
    level = _text(step.threshold)
    update += [f"{BELOW} = int({detector} < {level})"] * crossing
    update += [f"{name} = {_text(e)}" for name, e in step.assignments]
    threshold = f"{detector} >= {level} and {HELD} > 0.5"
    if crossing:
        threshold += f" and {BELOW} > 0.5"
    reset = [f"after_{n} = {_text(e)}" for n, e in step.reset]
    reset += [f"{n} = after_{n}" for n, _ in step.reset]
    reset += [f"{WAIT} = {REFRACTORY}"]
    return Lowered("\n".join(model), "\n".join(update), threshold, "\n".join(reset), constants)


def lower_event(states: tuple[str, str], increment: str) -> str:
    """Return the abstract code of a presynaptic spike: both conductance states grow."""
    return "\n".join(f"{s}_post += {increment}" for s in states)


def _clipped(expression: sp.Expr) -> sp.Expr:
    return (expression + sp.Abs(expression)) / 2


class _Printer(StrPrinter):
    """Prints what Brian2's abstract code understands on every target."""

    def _print_Float(self, expr: sp.Float) -> str:
        return repr(float(expr))

    def _print_Pow(self, expr: sp.Pow, rational: bool = False) -> str:
        base, exponent = expr.args
        if isinstance(exponent, sp.Integer) and 1 < abs(int(exponent)) <= 4:
            product = "*".join([f"({self._print(base)})"] * abs(int(exponent)))
            return f"({product})" if exponent > 0 else f"(1/({product}))"
        if exponent == -1:
            return f"(1/({self._print(base)}))"
        if exponent == sp.Rational(1, 2):
            return f"sqrt({self._print(base)})"
        return f"({self._print(base)})**({self._print(exponent)})"

    def _print_Rational(self, expr: sp.Rational) -> str:
        return repr(float(expr))

    def _print_Abs(self, expr: sp.Abs) -> str:
        return f"abs({self._print(expr.args[0])})"

    def _print_relu(self, expr: sp.Expr) -> str:
        return f"({self._print(_clipped(expr.args[0]))})"

    def _print_exprel(self, expr: sp.Expr) -> str:
        return f"relative_exp({self._print(expr.args[0])})"

    def _print_dexprel(self, expr: sp.Expr) -> str:
        return f"relative_exp_slope({self._print(expr.args[0])})"

    def _print_step(self, expr: sp.Expr) -> str:
        return f"int({self._print(expr.args[0])} > 0)"

    def _print_Piecewise(self, expr: sp.Piecewise) -> str:
        (then, condition), (otherwise, _) = expr.args
        chosen = f"int({self._print(condition)})"
        return f"({chosen}*({self._print(then)}) + (1 - {chosen})*({self._print(otherwise)}))"


def _text(expression: sp.Expr) -> str:
    return _Printer().doprint(expression)
