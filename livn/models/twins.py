"""Sections of one cell that have the same equations over other names."""

import sympy as sp

from livn.models.expressions import names, symbol
from livn.models.scheme import Step

Lines = list[tuple[str, sp.Expr]]


def state_stage(step: Step, section: str) -> Lines:
    """Return the assignments that advance the states of a section."""
    states = step.equations.states
    ends = [k for k, (name, _) in enumerate(step.assignments) if name in states]
    needed = {n for n, s in states.items() if s.section == section}
    taken: Lines = []
    for name, expression in reversed(step.assignments[: max(ends, default=-1) + 1]):
        if name in needed:
            taken.insert(0, (name, expression))
            needed |= names(expression)
    return taken


def alias(step: Step, section: str, other: str) -> dict[str, str] | None:
    """Return under which name each name of `section` stands in the equations of `other`.

    Sections are equal if the stage of their states and their current are, and neither is where
    spikes are detected.

    Returns:
        name -> name, one to one, of all that `section` uses; None if the sections differ.
    """
    equations = step.equations
    own, theirs = state_stage(step, section), state_stage(step, other)
    if equations.cell.spike.compartment in (section, other) or len(own) != len(theirs):
        return None
    mine = _inputs(step, section)
    used = mine.union(*({n} | names(e) for n, e in own), names(equations.currents[section]))
    known = {e: n for n, e in step.constants.items()}
    found = {n: _elsewhere(n, section, other) for n in used}
    found |= {a: b for (a, _), (b, _) in zip(own, theirs, strict=True)}
    for n in used & set(step.constants):
        expression = step.constants[n]
        there = {symbol(x): symbol(_elsewhere(x, section, other)) for x in names(expression)}
        found[n] = known.get(expression.xreplace(there), n)
    renamed = {symbol(a): symbol(b) for a, b in found.items()}
    same = [(found[n], e.xreplace(renamed)) for n, e in own] == theirs
    same &= equations.currents[section].xreplace(renamed) == equations.currents[other]
    same &= {found[n] for n in mine} == _inputs(step, other)
    return found if same and len(set(found.values())) == len(found) else None


def _elsewhere(name: str, section: str, other: str) -> str:
    own = name.endswith(f"_{section}")
    return f"{name.removesuffix(section)}{other}" if own else name


def _inputs(step: Step, section: str) -> set[str]:
    """Return what a section is given in every step, and its voltage."""
    randoms = {r.name for r in step.equations.randoms if r.name.endswith(f"_{section}")}
    return {f"{k}_{section}" for k in "VIG"} | randoms
