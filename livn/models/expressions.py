"""Equations as text: parsing, the intrinsics they may use, and their values in numpy.

A model writes its equations once, as text over named symbols. The text is Python arithmetic
(`+ - * / **`, comparisons inside `where`) and the intrinsics below; anything else is refused.
Functions with a removable singularity reduce to `exprel`, so no equation ever yields nan where
its limit is finite.
"""

import ast
import operator
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import ArrayLike, NDArray

from livn.errors import InvalidValue, nearest


class exprel(sp.Function):
    """(exp(x) - 1) / x, which is 1 at x = 0."""

    nargs = 1

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return dexprel(self.args[0])


class dexprel(sp.Function):
    """Derivative of exprel: (exp(x) (x - 1) + 1) / x², which is 1/2 at x = 0."""

    nargs = 1


class relu(sp.Function):
    """max(x, 0)."""

    nargs = 1

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return step(self.args[0])


class step(sp.Function):
    """1 where x > 0, else 0."""

    nargs = 1

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return sp.Integer(0)


def _where(condition: Any, then: sp.Expr, otherwise: sp.Expr) -> sp.Expr:
    return sp.Piecewise((then, condition), (otherwise, True))


# name -> (number of arguments, meaning); all but the sympy functions reduce to the classes above
INTRINSICS: dict[str, tuple[int, Callable[..., sp.Expr]]] = {
    "exp": (1, sp.exp),
    "log": (1, sp.log),
    "sqrt": (1, sp.sqrt),
    "sin": (1, sp.sin),
    "cos": (1, sp.cos),
    "tanh": (1, sp.tanh),
    "exprel": (1, exprel),
    "dexprel": (1, dexprel),
    "relu": (1, relu),
    "sigmoid": (1, lambda x: 1 / (1 + sp.exp(-x))),
    "efun": (1, lambda z: 1 / exprel(z)),  # z / (exp(z) - 1)
    "linoid": (2, lambda x, k: k / exprel(x / k)),  # x / (exp(x/k) - 1), k at x = 0
    "max": (2, lambda a, b: b + relu(a - b)),
    "min": (2, lambda a, b: a - relu(a - b)),
    "where": (3, _where),
}

_BINARY: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_COMPARE: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Lt: sp.Lt,
    ast.LtE: sp.Le,
    ast.Gt: sp.Gt,
    ast.GtE: sp.Ge,
}


@lru_cache(maxsize=4096)
def parse(text: str) -> sp.Expr:
    """Return the sympy expression that `text` denotes; every free name becomes a symbol.

    Raises:
        InvalidValue: if the text is not arithmetic over names, numbers and `INTRINSICS`.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except SyntaxError as error:
        raise InvalidValue(
            f"equation is not an expression: got {text!r}; {error.msg} at column {error.offset}. "
            "Write Python arithmetic over named symbols.",
            got=text,
        ) from error
    return _convert(tree, text)


def _convert(node: ast.AST, text: str) -> Any:
    match node:
        case ast.Constant(value=bool() | str() | bytes() | None):
            raise _refused(ast.unparse(node), text)
        case ast.Constant(value=int() as value):
            return sp.Integer(value)
        case ast.Constant(value=float() as value):
            return sp.Float(value)
        case ast.Name(id=name):
            return sp.Symbol(name, real=True)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_convert(operand, text)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _convert(operand, text)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            return _BINARY[type(op)](_convert(left, text), _convert(right, text))
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARE:
            return _COMPARE[type(op)](_convert(left, text), _convert(right, text))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
            return _call(name, [_convert(a, text) for a in args], text)
    raise _refused(ast.unparse(node), text)


def _call(name: str, args: list[Any], text: str) -> sp.Expr:
    if name not in INTRINSICS:
        close = nearest(name, INTRINSICS, 1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise InvalidValue(
            f"equation uses an unknown function: got {name!r} in {text!r}; "
            f"known: {', '.join(sorted(INTRINSICS))}.{hint}",
            got=name,
            allowed=sorted(INTRINSICS),
        )
    count, meaning = INTRINSICS[name]
    if len(args) != count:
        raise InvalidValue(
            f"function {name!r} has the wrong number of arguments: got {len(args)} in {text!r}; "
            f"need {count}.",
            got=len(args),
            allowed=count,
        )
    return meaning(*args)


def _refused(piece: str, text: str) -> InvalidValue:
    return InvalidValue(
        f"equation has something that is not arithmetic: got {piece!r} in {text!r}; "
        "allowed: numbers, names, + - * / **, comparisons inside where() and intrinsics.",
        got=piece,
    )


def symbol(name: str) -> sp.Symbol:
    """Return the symbol that `parse` makes of `name`."""
    return sp.Symbol(name, real=True)


def names(expression: sp.Basic) -> set[str]:
    """Return the names that occur in `expression`."""
    return {s.name for s in expression.free_symbols if isinstance(s, sp.Symbol)}


def np_exprel(x: ArrayLike) -> NDArray[np.float64]:
    """Return (exp(x) - 1)/x in numpy, 1 at 0."""
    x = np.asarray(x, float)
    return np.divide(np.expm1(x), x, out=np.ones_like(x), where=x != 0.0)


def np_dexprel(x: ArrayLike) -> NDArray[np.float64]:
    """Return the derivative of exprel in numpy; a Taylor series where |x| < 0.3.

    The closed form cancels like eps/x², the series of nine terms truncates below 1e-15 there.
    """
    x = np.asarray(x, float)
    far = np.where(np.abs(x) < _SERIES_RADIUS, 1.0, x)
    closed = (np.exp(far) * (far - 1.0) + 1.0) / (far * far)
    near = np.where(np.abs(x) < _SERIES_RADIUS, x, 0.0)
    return np.where(np.abs(x) < _SERIES_RADIUS, np.polyval(_SERIES, near), closed)


_SERIES_RADIUS = 0.3
# exprel'(x) = sum_k x^k (k + 1) / (k + 2)!
_SERIES = [(k + 1) / float(sp.factorial(k + 2)) for k in range(11, -1, -1)]

NUMPY = {
    "exprel": np_exprel,
    "dexprel": np_dexprel,
    "relu": lambda x: np.maximum(x, 0.0),
    "step": lambda x: np.where(np.asarray(x) > 0, 1.0, 0.0),
}


def compile_numpy(
    expressions: Iterable[sp.Basic], arguments: Iterable[str]
) -> Callable[..., list[Any]]:
    """Return a numpy function of `arguments` (by position) that gives all `expressions`."""
    symbols = [symbol(a) for a in arguments]
    return sp.lambdify(symbols, list(expressions), modules=[NUMPY, "numpy"], cse=True)


def evaluate(expression: sp.Basic, values: Mapping[str, ArrayLike]) -> NDArray[np.float64]:
    """Return the value of `expression` with each of its names taken from `values` (broadcast)."""
    needed = sorted(names(expression))
    (result,) = compile_numpy([expression], needed)(*(values[n] for n in needed))
    return np.asarray(result, float)
