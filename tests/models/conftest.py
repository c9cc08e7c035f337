"""A time step compiled to plain Python, so that schemes are tested without any simulator."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
from sympy.printing.pycode import PythonCodePrinter

from livn.models.description import Uniform
from livn.models.expressions import NUMPY, compile_numpy, np_dexprel
from livn.models.scheme import HELD, derive_step
from livn.models.values import initial_state, parameter_values, refractory_steps, step_constants

ONE_CELL = np.zeros(1, np.uint32)


@dataclass
class Trajectory:
    """Samples before each step (and after the last) and the steps in which the cell spiked."""

    dt: float
    threshold: float
    detector: str
    samples: dict
    steps: np.ndarray

    def __getitem__(self, name):
        return self.samples[name]

    @property
    def times(self):
        """On-grid spike times, ms: the ends of the steps."""
        return (self.steps + 1) * self.dt

    @property
    def crossings(self):
        """Spike times of a cell without reset, interpolated, ms."""
        before = self[self.detector][self.steps]
        after = self[self.detector][self.steps + 1]
        return self.dt * (self.steps + (self.threshold - before) / (after - before))


class _Printer(PythonCodePrinter):
    """Prints the intrinsics of livn as calls of functions of their names."""

    def _call(self, e):
        return f"{type(e).__name__}({self._print(e.args[0])})"

    _print_exprel = _print_dexprel = _print_relu = _print_step = _call


_MATH = {
    **{n: getattr(math, n) for n in ("exp", "log", "sqrt", "sin", "cos", "tanh")},
    "exprel": lambda x: math.expm1(x) / x if x else 1.0,
    "dexprel": lambda x: float(np_dexprel(x)),
    "relu": lambda x: max(x, 0.0),
    "step": lambda x: float(x > 0),
}


class Stepper:
    """One isolated cell without noise, advanced by its derived step.

    Distributed parameters are at their middle unless overridden.
    """

    def __init__(self, equations, dt, **overrides):
        self.equations, self.dt = equations, dt
        step = derive_step(equations)
        drawn = {n: (p.value.low + p.value.high) / 2 for n, p in equations.parameters.items()
                 if isinstance(p.value, Uniform)}  # fmt: skip
        values = parameter_values(equations, drawn | overrides, 0, ONE_CELL)
        self.constants = step_constants(step, values, dt)
        self.start = {n: float(x[0]) for n, x in initial_state(equations, values, 1).items()}
        self.names = tuple(self.start)
        self.wait = int(refractory_steps(equations, values, dt))
        printer = _Printer({"fully_qualified_modules": False})
        lines = [f"{n} = {printer.doprint(e)}" for n, e in step.assignments]
        head = ", ".join([*step.inputs, *(r.name for r in equations.randoms), HELD, *self.names])
        source = f"def advance({head}):\n    " + "\n    ".join(lines)
        source += f"\n    return [{', '.join(self.names)}]"
        self.advance = self._compiled(source, _MATH)
        self.advance_many = self._compiled(source, vars(np) | NUMPY)
        self.inputs = step.inputs
        self.silence = [0.0] * len(equations.randoms)
        known = [*self.names, *self.constants]
        compiled = compile_numpy([step.threshold, *(e for _, e in step.reset)], known)
        self.after = lambda x: [float(v) for v in compiled(*x, *self.constants.values())]
        self.reset_to = [n for n, _ in step.reset]

    def _compiled(self, source, functions):
        scope = {**functions, **self.constants}
        exec(source, scope)
        return scope["advance"]

    def run_many(self, noise, numbers):
        """Return samples of cells without spikes under random `numbers` [n_steps, n_cells]."""
        x = [np.full(numbers.shape[1], v) for v in self.start.values()]
        samples = [x]
        for row in numbers:
            eta = [row if r.name == noise else 0.0 for r in self.equations.randoms]
            x = self.advance_many(*(0.0 for _ in self.inputs), *eta, 1.0, *x)
            samples.append(x)
        return dict(zip(self.names, np.array(samples).swapaxes(0, 1), strict=True))

    def run(self, duration, current=0.0, t_start=0.0, t_stop=math.inf, section="soma", **start):
        """Apply a current step, nA; `start` replaces start values."""
        n = round(duration / self.dt)
        detector = f"V_{self.equations.cell.spike.compartment}"
        where = self.names.index(detector)
        x = [start.get(k, v) for k, v in self.start.items()]
        samples, steps, wait = [x], [], 0
        for k in range(n):
            on = t_start - 1e-9 <= k * self.dt < t_stop - 1e-9
            given = [current if on and i == f"I_{section}" else 0.0 for i in self.inputs]
            free, wait, before = float(wait <= 0), max(wait - 1, 0), x[where]
            x = self.advance(*given, *self.silence, free, *x)
            threshold, *reset = self.after(x)
            rose = self.equations.reset or before < threshold
            if free and rose and x[where] >= threshold:
                steps.append(k)
                wait = self.wait
                x = [reset[self.reset_to.index(s)] if s in self.reset_to else v
                     for s, v in zip(self.names, x, strict=True)]  # fmt: skip
            samples.append(x)
        columns = dict(zip(self.names, np.array(samples).T, strict=True))
        return Trajectory(self.dt, threshold, detector, columns, np.array(steps, int))


@pytest.fixture(scope="session")
def stepper():
    """Return a function (equations, dt, **overrides) -> Stepper."""
    return Stepper
