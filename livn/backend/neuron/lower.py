"""A cell as NMODL text: one point process per section, or one for a whole integrate-and-fire cell.

The states of a section advance by the scheme of `livn.models.scheme`, before NEURON solves the
voltages of all sections together: NEURON's Crank-Nicolson step on the cable. What depends on V
other than through a driving force is taken at the midpoint of the step, which a parabola through
the last three voltages predicts; linearising a steep instantaneous gate, as NEURON does by itself,
makes spikes overshoot. Where the membrane itself has such currents, the voltages are solved twice
a step, for half of it each.

A cell with a reset takes its whole step in one mechanism: NEURON's cable has no jumps, and the
exact step between spikes is worth keeping.

Numbers are in livn's units (ms, mV, nA, µS). Nothing of NEURON is imported here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from textwrap import indent

import sympy as sp
from sympy.printing.str import StrPrinter

from livn.errors import NotSupported
from livn.models.assembly import Equations
from livn.models.expressions import names, symbol
from livn.models.scheme import HELD, Step
from livn.models.twins import alias, state_stage
from livn.models.voltage import curves

NAME = "LIVN_MECHANISM"  # stands for the name of the mechanism
REFRACTORY = "refractory_steps"
FIRED = "fired"  # 1 after a step in which the cell spiked
WAIT = "wait"  # steps until the end of refractoriness
SOLVES = "solves"  # of the voltages in a step
PHASE = "phase"  # how many of them are done
HISTORY = ("v_before", "v_earlier")  # voltages one and two solves ago
_MIDDLE = "v_middle"  # predicted for the middle of the solve
_PREDICTION = "v_middle = 1.875*v - 1.25*v_before + 0.375*v_earlier"  # of a parabola

# projection -> pairs of states its events open
Arrivals = Mapping[int, tuple[tuple[str, str], ...]]
_Lines = list[tuple[str, sp.Expr]]


@dataclass(frozen=True)
class Lowered:
    """A point process.

    Attributes:
        text: NMODL, with `NAME` for its name.
        section: where it stands; empty for a mechanism that is a whole cell.
        dynamic: variables that decide the future, as livn calls them, but V of a section.
        constants: variables that are set from parameters.
        arrivals: projections whose events it counts, in variables `arrived_<projection>`.
        increments: (variable, projection, receptor): what one event adds, µS.
        alias: livn's name -> the name it has in a text that was written for an equal section.
    """

    text: str
    section: str
    dynamic: tuple[str, ...]
    constants: tuple[str, ...]
    arrivals: tuple[int, ...]
    increments: tuple[tuple[str, int, int], ...]
    alias: Mapping[str, str] = field(default_factory=dict)


def variable(name: str, equations: Equations) -> str:
    """Return how a name of the description is called in NMODL.

    Names of the whole cell get an underscore, so that none is a word of NMODL (`celsius`).
    """
    own = (FIRED, WAIT, PHASE, *HISTORY)
    suffixed = any(name.endswith(f"_{s}") for s in equations.sections)
    return name if suffixed or name in own else f"{name}_"


def is_cable(equations: Equations) -> bool:
    """Return whether NEURON solves the voltages of this cell."""
    return not equations.reset and not set(equations.voltages) & set(equations.held)


def count_solves(equations: Equations) -> int:
    """Return how often the voltages are solved in a step."""
    found = ((symbol(f"V_{s}"), e) for s, e in equations.membrane.items())
    steep = any(curves(e, v) for v, e in found)
    return 2 if steep and is_cable(equations) else 1


def lower(step: Step, arrivals: Arrivals) -> list[Lowered]:
    """Return the mechanisms of a cell.

    Args:
        step: its time step.
        arrivals: what the events of each projection that ends on the cell open.

    Raises:
        NotSupported: if a section uses a variable of another one.
    """
    if not is_cable(step.equations):
        return [_whole(step, arrivals)]
    made: list[Lowered] = []
    for s in step.equations.sections:
        made.append(_equal(step, s, arrivals, made) or _section(step, s, arrivals))
    return made


def _equal(step: Step, section: str, arrivals: Arrivals, made: list[Lowered]) -> Lowered | None:
    """Return the mechanism of an earlier section with the same equations for this one, if any.

    Compiling takes about two seconds, and a cell may have hundreds of sections.
    """
    for other in (m for m in made if not m.alias):
        known = alias(step, section, other.section)
        if known is None or _there(arrivals, section, known) != _there(arrivals, other.section):
            continue
        back = {b: a for a, b in known.items()}
        dynamic = tuple(back.get(n, n) for n in other.dynamic)
        constants = tuple(back.get(n, n) for n in other.constants)
        return replace(other, section=section, dynamic=dynamic, constants=constants, alias=known)
    return None


def _whole(step: Step, arrivals: Arrivals) -> Lowered:
    """Return an integrate-and-fire cell: the whole step, threshold and reset included."""
    equations = step.equations
    text = _Text(equations, {})
    v = symbol(f"V_{equations.cell.spike.compartment}")
    body = [*_refractoriness(), *_below(text, step, v)]
    body += [text.assign(n, e) for n, e in step.assignments]
    after = [text.assign(f"after_{n}", e) for n, e in step.reset]
    after += [text.assign(n, symbol(f"after_{n}")) for n, _ in step.reset]
    body += _spike(text, step, v, after)
    body += _events(text, arrivals)
    last = [f"if ({PHASE} == {SOLVES}_) {{", f"    {PHASE} = 0", "}"]
    given = {*step.inputs, *(r.name for r in equations.randoms)}
    dynamic = (*equations.voltages, *equations.states, *_randoms(equations))
    locals_ = [n for n, _ in step.assignments if n not in dynamic]
    locals_ += [f"after_{n}" for n, _ in step.reset]
    return _mechanism(
        text, "", (*dynamic, WAIT, PHASE), step.constants, given, arrivals,
        [_block("BEFORE BREAKPOINT", [*_first(body), *last], text, locals_)],
    )  # fmt: skip


def _section(step: Step, section: str, arrivals: Arrivals) -> Lowered:
    """Return the membrane of one section and what its synapses open."""
    equations = step.equations
    v, middle = symbol(f"V_{section}"), symbol(_MIDDLE)
    text = _Text(equations, {v.name: "v", _MIDDLE: _MIDDLE})
    stage = state_stage(step, section)
    current = equations.currents[section] - symbol(f"I_{section}") + symbol(f"G_{section}") * v
    frozen = current.xreplace({c: c.xreplace({v: middle}) for c in curves(current, v)})
    shared, (total, slope) = sp.cse(
        [frozen, frozen.diff(v)], symbols=sp.numbered_symbols("z", real=True), order="canonical"
    )
    z = [s.name for s, _ in shared]
    own = tuple(n for n, s in equations.states.items() if s.section == section)
    there = _there(arrivals, section)
    detects = section == equations.cell.spike.compartment

    before = [*_refractoriness(), *_below(text, step, v)] if detects else []
    before += [text.assign(n, e) for n, e in stage]
    before = [*_first(before), _PREDICTION, "v_earlier = v_before", "v_before = v"]
    solved = [text.assign(s.name, e) for s, e in shared]
    solved += [f"slope = {text(slope)}", f"i = {text(total)}"]
    after = _spike(text, step, v, []) if detects else []
    after = [f"{PHASE} = 0", *after, *_events(text, there)]
    after = [f"if ({PHASE} == {SOLVES}_) {{", *_indented(after), "}"]
    locals_ = [n for n, _ in stage if n not in own]
    blocks = [_block("BEFORE BREAKPOINT", before, text, locals_)]
    blocks += [_block("BREAKPOINT", ["CONDUCTANCE slope", *solved], text, z)]
    blocks += [_block("AFTER SOLVE", after, text, [])]

    used = set().union(*(names(e) for _, e in (*stage, *shared)), names(total), names(slope))
    used |= names(step.threshold) if detects else set()
    fixed = {*equations.parameters, *equations.derived, *step.constants}
    given = {f"I_{section}", f"G_{section}", *_randoms(equations, section)}
    known = fixed | given | {v.name, _MIDDLE, HELD, *own, *z, *locals_}
    _refuse(equations, section, sorted(used - known))
    dynamic = (*own, *_randoms(equations, section), *HISTORY, PHASE)
    dynamic += (WAIT,) if detects else ()
    return _mechanism(text, section, dynamic, sorted(used & fixed), given, there, blocks)


def _refuse(equations: Equations, section: str, foreign: list[str]) -> None:
    """Raise if a section uses names that are not its own."""
    if foreign:
        raise NotSupported(
            f"backend 'neuron' keeps the sections of a cell apart: got {foreign} in section "
            f"{section!r} of {equations.cell.name}; use brian2 or native.",
            got=foreign,
            allowed=("brian2", "native"),
        )


def _randoms(equations: Equations, section: str = "") -> tuple[str, ...]:
    end = f"_{section}" if section else ""
    return tuple(r.name for r in equations.randoms if r.name.endswith(end))


def _there(arrivals: Arrivals, section: str, called: Mapping[str, str] | None = None) -> Arrivals:
    """Return what events open on a section, under other names where such are given."""
    found = {
        k: tuple(p for p in pairs if p[0].endswith(f"_{section}")) for k, pairs in arrivals.items()
    }
    if called is not None:
        found = {k: tuple((called[a], called[b]) for a, b in pairs) for k, pairs in found.items()}
    return {k: pairs for k, pairs in found.items() if pairs}


def _first(lines: list[str]) -> list[str]:
    """Count the solves of a step, and do what is done before the first of them only."""
    return [f"{PHASE} = {PHASE} + 1", f"if ({PHASE} == 1) {{", *_indented(lines), "}"]


def _indented(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def _refractoriness() -> list[str]:
    return [f"{HELD}_ = {WAIT} <= 0", f"if ({WAIT} > 0) {{ {WAIT} = {WAIT} - 1 }}"]


def _below(text: "_Text", step: Step, v: sp.Symbol) -> list[str]:
    """Note whether a cell without reset is below threshold before the step."""
    return [] if step.equations.reset else [f"below = {text(v)} < {text(step.threshold)}"]


def _spike(text: "_Text", step: Step, v: sp.Symbol, after: list[str]) -> list[str]:
    """Return what is done where the cell has spiked in this step."""
    level = f"{text(v)} >= {text(step.threshold)}"
    upward = "" if step.equations.reset else " && below > 0.5"
    done = [f"{FIRED} = 1", f"{WAIT} = {REFRACTORY}_", *after]
    return [f"{FIRED} = 0", f"if ({level} && {HELD}_ > 0.5{upward}) {{",
            *_indented(done), "}"]  # fmt: skip


def _events(text: "_Text", arrivals: Arrivals) -> list[str]:
    """Open what the events of a step open; numbers of events, so that their order is nothing."""
    out = []
    for p, pairs in arrivals.items():
        for k, pair in enumerate(pairs):
            out += [f"{s} = {s} + arrived_{p}*increment_{p}_{k}" for s in pair]
        out.append(f"arrived_{p} = 0")
    return out


def _mechanism(
    text: "_Text",
    section: str,
    dynamic: tuple[str, ...],
    constants: Iterable[str],
    given: set[str],
    arrivals: Arrivals,
    blocks: list[str],
) -> Lowered:
    """Return the mechanism with everything it declares."""
    increments = tuple(
        (f"increment_{p}_{k}", p, k) for p, pairs in arrivals.items() for k in range(len(pairs))
    )
    constants = (*constants, REFRACTORY, SOLVES)
    arrived = [f"arrived_{p}" for p in arrivals]
    variables = [text.name(n) for n in dict.fromkeys((*dynamic, *sorted(given), *constants))]
    variables += [*arrived, *(n for n, _, _ in increments), FIRED]
    current = "    NONSPECIFIC_CURRENT i\n" if section else ""
    own = ["v (millivolt)", "i (nanoamp)", "slope", _MIDDLE] if section else []
    own += [f"{HELD}_", "below", *variables]
    declared = indent("\n".join(own), "    ")
    ranged = indent("\n".join(f"RANGE {n}" for n in variables), "    ")
    head = f"NEURON {{\n    POINT_PROCESS {NAME}\n{current}{ranged}\n}}\n"
    parts = [head, f"ASSIGNED {{\n{declared}\n}}\n", *blocks, _FUNCTIONS]
    return Lowered("\n".join(parts), section, dynamic, constants, tuple(arrivals), increments)


def _block(head: str, lines: list[str], text: "_Text", locals_: Iterable[str]) -> str:
    named = list(dict.fromkeys(text.name(n) for n in locals_))
    declared = [f"LOCAL {', '.join(named)}"] if named else []
    return f"{head} {{\n{indent(chr(10).join([*declared, *lines]), '    ')}\n}}\n"


_FUNCTIONS = """\
FUNCTION power2(x) {
    power2 = x*x
}

FUNCTION power3(x) {
    power3 = x*x*x
}

FUNCTION power4(x) {
    power4 = x*x*x*x
}

FUNCTION exprel(x) {
    if (x == 0) {
        exprel = 1
    } else if (fabs(x) < 1) {
        exprel = exp(0.5*x)*sinh(0.5*x)/(0.5*x)
    } else {
        exprel = (exp(x) - 1)/x
    }
}

FUNCTION dexprel(x) {
    LOCAL term
    if (fabs(x) < 0.3) {
        term = 0.5
        dexprel = 0.5
        FROM k = 1 TO 11 {
            term = term*x/(k + 2)
            dexprel = dexprel + term*(k + 1)
        }
    } else {
        dexprel = (exp(x)*(x - 1) + 1)/(x*x)
    }
}

FUNCTION relu(x) {
    if (x > 0) {
        relu = x
    } else {
        relu = 0
    }
}

FUNCTION choose(condition, then, otherwise) {
    if (condition > 0.5) {
        choose = then
    } else {
        choose = otherwise
    }
}
"""


class _Text(StrPrinter):
    """Prints NMODL over the names of a mechanism."""

    def __init__(self, equations: Equations, own: Mapping[str, str]):
        super().__init__()
        self._equations, self._own = equations, own

    def __call__(self, expression: sp.Expr) -> str:
        """Return an expression as text."""
        return str(self.doprint(expression))

    def name(self, name: str) -> str:
        """Return how a variable is called."""
        return self._own.get(name) or variable(name, self._equations)

    def assign(self, name: str, expression: sp.Expr) -> str:
        """Return an assignment."""
        return f"{self.name(name)} = {self(expression)}"

    def _print_Symbol(self, expr: sp.Symbol) -> str:
        return self.name(expr.name)

    def _print_Float(self, expr: sp.Expr) -> str:
        return repr(float(expr))

    _print_Rational = _print_Half = _print_Float

    def _print_Pow(self, expr: sp.Pow, rational: bool = False) -> str:
        base, exponent = expr.args
        if exponent == sp.Rational(1, 2):
            return f"sqrt({self._print(base)})"
        if exponent == -1:
            return f"(1/({self._print(base)}))"
        if isinstance(exponent, sp.Integer) and abs(int(exponent)) <= 4:
            product = f"power{abs(int(exponent))}({self._print(base)})"
            return product if exponent > 0 else f"(1/{product})"
        return f"pow({self._print(base)}, {self._print(exponent)})"

    def _print_Abs(self, expr: sp.Abs) -> str:
        return f"fabs({self._print(expr.args[0])})"

    def _print_step(self, expr: sp.Expr) -> str:
        return f"choose({self._print(expr.args[0])} > 0, 1, 0)"

    def _print_Piecewise(self, expr: sp.Piecewise) -> str:
        (then, condition), (otherwise, _) = expr.args
        parts = (self._print(e) for e in (condition, then, otherwise))
        return f"choose({', '.join(parts)})"
