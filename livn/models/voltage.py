"""The part of a time step that moves the voltages; `livn.models.scheme` says how and why."""

import sympy as sp

from livn.models.assembly import Equations
from livn.models.expressions import exprel, symbol

H = "h"
HELD = "free"  # 1 where the cell is not refractory, 0 where held states keep their value
Sections = dict[str, sp.Expr]  # an expression per section
Stage = list[tuple[str, sp.Expr]]  # assignments in order
Replaced = dict[sp.Expr, sp.Expr]
_NEAR = sp.Float(1e-8)  # squared argument of efun below which its slope drops a term < 1e-5


def voltage_stages(equations: Equations, rate: Sections) -> list[Stage]:
    """Return the stages that move the voltages by a step.

    Args:
        equations: the cell.
        rate: dV/dt per section, mV/ms, over the states that the step finds in its middle.
    """
    v = {s: symbol(f"V_{s}") for s in rate}
    free = symbol(HELD) if any(x in equations.held for x in equations.voltages) else sp.Integer(1)
    steep = {c for s in rate for c in curves(equations.membrane[s], v[s]) if not _drives(c, v[s])}
    tangents, lines = _tangents(rate, steep)
    middle = {x: symbol(f"mid_{s}") for s, x in v.items()}
    rate = {s: e.xreplace(lines | {c: c.xreplace(middle) for c in steep}) for s, e in rate.items()}
    slope = {s: e.diff(v[s]) for s, e in rate.items()}
    start: Replaced = {symbol(f"start_{s}"): x for s, x in v.items()}
    if not steep:
        return [tangents + _moved(equations, rate, slope, start, symbol(H), "", free)]
    h = symbol(H) / 2
    behind = {m: x for x, m in middle.items()}
    stages = []
    for part in ("1", "2"):
        ahead = {m: symbol(f"{m.name}{part}") for m in middle.values()}
        stage = _solve(equations, rate, slope, start | behind, h / 2, f"pre{part}", sp.Integer(1))
        stage += [(f"mid_{s}{part}", v[s] + symbol(f"pre{part}_{s}")) for s in rate]
        stage += _moved(equations, rate, slope, start | ahead, h, part, free)
        stages.append(stage)
        start = {symbol(f"start_{s}"): x - free * symbol(f"dV1_{s}") for s, x in v.items()}
    return [tangents + stages[0], stages[1]]


def curves(expression: sp.Expr, v: sp.Symbol) -> set[sp.Expr]:
    """Return the largest parts of an expression that are not polynomials of `v`."""
    if v not in expression.free_symbols or expression.is_Symbol:
        return set()
    power = expression.is_Pow and expression.exp.is_Integer and expression.exp > 0
    if expression.is_Add or expression.is_Mul or power:
        return set().union(*(curves(a, v) for a in expression.args))
    return {expression}


def _drives(curve: sp.Expr, v: sp.Symbol) -> bool:
    """Say whether this is the driving force of Goldman, Hodgkin and Katz: efun(z v F/RT)."""
    base = curve.base if curve.is_Pow and curve.exp == -1 else curve
    return isinstance(base, exprel) and base.args[0].xreplace({v: sp.Integer(0)}) == 0


def _tangents(rate: Sections, steep: set[sp.Expr]) -> tuple[Stage, Replaced]:
    """Return value and slope at the start of all curves that are not steep, and their tangents."""
    stage: Stage = []
    lines: Replaced = {}
    for s, total in rate.items():
        v = symbol(f"V_{s}")
        for curve in sorted(curves(total, v) - steep, key=sp.default_sort_key):
            value, slope = symbol(f"curve{len(lines)}"), symbol(f"slope{len(lines)}")
            stage += [(value.name, curve), (slope.name, _slope(curve, value, v))]
            lines[curve] = value + slope * (v - symbol(f"start_{s}"))
    return stage, lines


def _slope(curve: sp.Expr, value: sp.Symbol, v: sp.Symbol) -> sp.Expr:
    """Return d(curve)/dv; of efun(x) = x/(exp(x) - 1) from its value alone.

    f = efun(x) + x/2 is even and obeys f' = f (1 - f)/x + x/4.
    """
    if not (curve.is_Pow and curve.exp == -1):
        return curve.diff(v)
    if not isinstance(curve.base, exprel):
        return -curve.base.diff(v) * value**2
    (x,) = curve.base.args
    even = value + x / 2
    return x.diff(v) * (even * (1 - even) * x / (x**2 + _NEAR) + x / 4 - sp.Rational(1, 2))


def _moved(
    equations: Equations,
    rate: Sections,
    slope: Sections,
    known: Replaced,
    h: sp.Expr,
    tag: str,
    free: sp.Expr,
) -> Stage:
    """Advance the voltages by `h`; arguments as for `_solve`, `free` is 0 where they are held."""
    stage = _solve(equations, rate, slope, known, h, f"dV{tag}", sp.Rational(1, 2))
    return stage + [(f"V_{s}", symbol(f"V_{s}") + free * symbol(f"dV{tag}_{s}")) for s in rate]


def _solve(
    equations: Equations,
    rate: Sections,
    slope: Sections,
    known: Replaced,
    h: sp.Expr,
    name: str,
    implicit: sp.Expr,
) -> Stage:
    """Return assignments of the change over a step `h`, to `<name>_<section>`.

    Args:
        equations: the cell.
        rate, slope: dV/dt and its derivative per section, over symbols that `known` replaces.
        known: what stands for other voltages at this point.
        h: expression, ms.
        name: of the change.
        implicit: share of the end of the step, 1/2 or 1.
    """
    rate = {s: e.xreplace(known) for s, e in rate.items()}
    slope = {s: e.xreplace(known) for s, e in slope.items()}
    if len(rate) > 1:
        return _solve_tree(equations, rate, slope, h, name, implicit)
    ((s, f),) = rate.items()
    exact = exprel(h * slope[s]) if implicit != 1 else 1 / (1 - h * slope[s])
    return [(f"{name}_{s}", h * f * exact)]


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
