"""Converged solutions of a single cell: the reference every backend is measured against.

The flat equations are integrated with LSODA (Petzold 1983, SIAM J Sci Stat Comput 4:136) at tight
tolerances; crossings of the threshold are located by its dense output, so resets happen at the
crossing and not at the end of a step.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

from livn.models.assembly import Equations
from livn.models.description import Uniform
from livn.models.expressions import compile_numpy, evaluate, symbol
from livn.models.values import initial_state, parameter_values

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Solution:
    """A converged trajectory: spike times, ms, and y [n, variables] at `times`, ms.

    Attributes:
        names: variable of each column of y: the voltages, then the states.
    """

    spikes: Floats
    times: Floats
    y: Floats
    names: tuple[str, ...]

    def trace(self, name: str) -> Floats:
        """Return one variable at `times`."""
        return self.y[:, self.names.index(name)]


def solve(
    equations: Equations,
    current: float,
    t_start: float,
    t_stop: float,
    duration: float,
    *,
    section: str = "soma",
    overrides: Mapping[str, float] | None = None,
    rtol: float = 1e-8,
    atol: float = 1e-10,
) -> Solution:
    """Return the converged response of an isolated cell without noise to a current step.

    Args:
        equations: the cell; random inputs are 0, `Uniform` parameters at their middle.
        current: nA into `section` from `t_start` to `t_stop`, ms.
        duration: ms.
        section: where the current enters.
        overrides: flat parameter name -> value.
        rtol, atol: tolerances of LSODA.
    """
    cell = _Isolated(equations, dict(overrides or {}))
    y, t, held_until = cell.start, 0.0, -np.inf
    spikes: list[float] = []
    times, states = [np.zeros(1)], [y[None]]
    while t < duration:
        held = t < held_until
        edges = (t_start, t_stop, held_until, duration)
        stop = min(e for e in edges if e > t)
        if cell.resets and not held and cell.margin(y) <= 0:  # above threshold when released
            spikes.append(t)
            y, held_until = cell.after_spike(y), t + cell.refractory
            continue
        given = current if t_start <= t < t_stop else 0.0
        crossing = _crossing(cell.margin, terminal=cell.resets and not held)
        out = solve_ivp(
            cell.rate(given, section, held), (t, stop), y, method="LSODA",
            rtol=rtol, atol=atol, events=crossing, max_step=0.5,
        )  # fmt: skip
        y, t = out.y[:, -1], float(out.t[-1])
        times.append(out.t[1:])
        states.append(out.y.T[1:])
        if not held:
            spikes += list(out.t_events[0])
        if out.status == 1:
            y, held_until = cell.after_spike(y), t + cell.refractory
    kept = spikes if cell.resets else _apart(spikes, cell.refractory)
    return Solution(np.array(kept), np.concatenate(times), np.concatenate(states), cell.names)


@dataclass(frozen=True)
class _Isolated:
    """The compiled right-hand side, threshold and reset of one cell."""

    equations: Equations
    overrides: dict[str, float]

    @cached_property
    def values(self) -> dict[str, Any]:
        middle = {
            n: (p.value.low + p.value.high) / 2
            for n, p in self.equations.parameters.items()
            if isinstance(p.value, Uniform)
        }
        one = np.zeros(1, np.uint32)
        return parameter_values(self.equations, {**middle, **self.overrides}, 0, one)

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.equations.voltages, *self.equations.states)

    @cached_property
    def start(self) -> Floats:
        return np.concatenate(list(initial_state(self.equations, self.values, 1).values()))

    @property
    def resets(self) -> bool:
        return bool(self.equations.reset)

    @cached_property
    def refractory(self) -> float:
        return float(evaluate(self.equations.refractory, self.values))

    def _compiled(self, expressions: list[Any], inputs: list[str]) -> Callable[..., list[Any]]:
        silent = [r.name for r in self.equations.randoms]
        f = compile_numpy(expressions, [*self.names, *inputs, *silent, *self.values])
        fixed = [0.0] * len(silent) + list(self.values.values())
        return lambda y, *given: f(*y, *given, *fixed)

    @cached_property
    def _margin(self) -> Callable[..., list[Any]]:
        voltage = symbol(f"V_{self.equations.cell.spike.compartment}")
        return self._compiled([self.equations.threshold - voltage], [])

    def margin(self, y: Floats) -> float:
        """Threshold minus voltage, mV."""
        return float(self._margin(y)[0])

    @cached_property
    def _rates(self) -> Callable[..., list[Any]]:
        equations = self.equations
        rates = [equations.rate(s) for s in equations.sections]
        rates += [s.derivative for s in equations.states.values()]
        return self._compiled(rates, [f"{k}_{s}" for s in equations.sections for k in "IG"])

    def rate(self, current: float, section: str, held: bool) -> Callable[[float, Floats], Floats]:
        """Return the derivative under a constant current, nA, into a section."""
        given = [v for s in self.equations.sections for v in (current * (s == section), 0.0)]
        frozen = self.equations.held if held else ()
        moving = np.array([n not in frozen for n in self.names])
        return lambda t, y: moving * np.array(self._rates(y, *given), float)

    @cached_property
    def _reset(self) -> Callable[..., list[Any]]:
        return self._compiled(list(self.equations.reset.values()), [])

    def after_spike(self, y: Floats) -> Floats:
        """Return the state a spike leaves."""
        after = y.copy()
        after[[self.names.index(n) for n in self.equations.reset]] = self._reset(y)
        return after


def _crossing(margin: Callable[[Floats], float], terminal: bool) -> Callable[..., float]:
    def event(t: float, y: Floats) -> float:
        return -margin(y)

    event.direction = 1.0  # type: ignore[attr-defined]
    event.terminal = terminal  # type: ignore[attr-defined]
    return event


def _apart(spikes: list[float], period: float) -> list[float]:
    kept: list[float] = []
    for t in spikes:
        if not kept or t - kept[-1] >= period:
            kept.append(t)
    return kept
