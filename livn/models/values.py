"""Numbers for symbols: the parameters of a population and the constants of its time step."""

from collections.abc import Callable, Mapping
from functools import lru_cache

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from livn import random
from livn.models.assembly import Equations
from livn.models.description import Uniform
from livn.models.expressions import NUMPY, names, symbol
from livn.models.scheme import H, Step

Value = float | NDArray[np.float64]

# sites of random numbers below this belong to noise, those above to parameter distributions
_FIRST_PARAMETER_SITE = 1 << 16


def parameter_values(
    equations: Equations, overrides: Mapping[str, Value], seed: int, gids: NDArray[np.uint32]
) -> dict[str, Value]:
    """Return every free and derived parameter: a float where all cells share it, else [n_cells].

    Args:
        equations: the cell.
        overrides: flat name -> what replaces the description's value.
        seed: of the Env; `Uniform` parameters are drawn from (seed, gid), whatever the stream.
        gids: of the population's cells.
    """
    values: dict[str, Value] = {}
    for site, (name, parameter) in enumerate(equations.parameters.items(), _FIRST_PARAMETER_SITE):
        value = overrides.get(name, parameter.value)
        if isinstance(value, Uniform):
            u = random.uniforms(random.key(seed, 0, site), gids, 0, 1)[0, 0]
            value = value.low + (value.high - value.low) * u
        values[name] = value if isinstance(value, np.ndarray) else float(value)  # type: ignore[arg-type]
    return values | _evaluate(equations.derived, values)


def step_constants(step: Step, values: Mapping[str, Value], h: float) -> dict[str, Value]:
    """Return the constants of `step` for parameter `values` and a step of `h` ms."""
    return _evaluate(step.constants, {**values, H: h})


def initial_state(
    equations: Equations, values: Mapping[str, Value], n_cells: int
) -> dict[str, NDArray[np.float64]]:
    """Return the start value of every voltage and state, [n_cells] each."""
    initial = equations.start | {name: x.initial for name, x in equations.states.items()}
    return {
        name: np.broadcast_to(value, n_cells).astype(float)
        for name, value in _evaluate(initial, values).items()
    }


def refractory_steps(equations: Equations, values: Mapping[str, Value], h: float) -> Value:
    """Return how many steps of `h` ms the refractory period lasts, rounded."""
    period = _evaluate({"refractory": equations.refractory}, values)["refractory"]
    return _plain(np.rint(np.asarray(period) / h))


def _evaluate(expressions: Mapping[str, sp.Basic], values: Mapping[str, Value]) -> dict[str, Value]:
    """Return each expression's value; an expression may use those before it."""
    arguments, function = _compiled(tuple(expressions.items()))
    results = function(*(values[n] for n in arguments))
    return {n: _plain(r) for n, r in zip(expressions, results, strict=True)}


@lru_cache(maxsize=256)
def _compiled(
    expressions: tuple[tuple[str, sp.Basic], ...],
) -> tuple[list[str], Callable[..., list[object]]]:
    made = [(symbol(n), e) for n, e in expressions if e != symbol(n)]  # a constant may be itself
    own = {s.name for s, _ in made}
    arguments = sorted(set().union(*(names(e) for _, e in expressions)) - own)
    wanted = [symbol(n) for n, _ in expressions]
    function = sp.lambdify(
        [symbol(a) for a in arguments],
        wanted,
        modules=[NUMPY, "numpy"],
        cse=lambda _: (made, wanted),
    )
    return arguments, function


def _plain(value: object) -> Value:
    array = np.asarray(value, float)
    return float(array) if array.ndim == 0 else array
