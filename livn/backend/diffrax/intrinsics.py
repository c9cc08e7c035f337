"""What lowered source calls: in JAX where an argument is JAX's, else in numpy.

Numbers that nobody differentiates are thus worked out before anything is traced.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from livn.arrays import Array, is_jax
from livn.models.expressions import NUMPY

_RADIUS = 0.3  # below it the closed form of dexprel cancels like eps/x^2
_TERMS = 12  # of its Taylor series, which truncates below 1e-15 there


@jax.custom_jvp
def _exprel(x: Array) -> Array:
    nonzero = jnp.where(x == 0.0, 1.0, x)
    return jnp.where(x == 0.0, 1.0, jnp.expm1(x) / nonzero)


def _dexprel(x: Array) -> Array:
    """Return the derivative of exprel, finite for all finite x, so that 0 times it is 0."""
    near = jnp.abs(x) < _RADIUS
    small = jnp.where(near, x, 0.0)
    series = jnp.zeros_like(small)
    for k in range(_TERMS - 1, -1, -1):  # sum of x^k (k + 1)/(k + 2)!
        series = series * small + (k + 1) / _FACTORIAL[k + 2]
    largest = float(np.log(jnp.finfo(x.dtype).max)) - 8.0  # exp(x) x is finite too
    far = jnp.clip(jnp.where(near, 1.0, x), None, largest)
    return jnp.where(near, series, (jnp.exp(far) * (far - 1.0) + 1.0) / (far * far))


_FACTORIAL = np.cumprod([1.0, *range(1, _TERMS + 2)])


@_exprel.defjvp
def _exprel_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    return _exprel(*primals), _dexprel(*primals) * tangents[0]


def _either(of_numpy: Callable[..., Any], of_jax: Callable[..., Any]) -> Callable[..., Any]:
    def function(*arguments: Any) -> Any:
        return (of_jax if is_jax(*arguments) else of_numpy)(*arguments)

    return function


def _relu(x: Array) -> Array:
    return jnp.where(x > 0.0, x, 0.0)


INTRINSICS: dict[str, Callable[..., Any]] = {
    **{n: _either(getattr(np, n), getattr(jnp, n))
       for n in ("exp", "log", "sqrt", "sin", "cos", "tanh", "where", "power")},
    "rounded": _either(np.rint, jnp.round),
    "exprel": _either(NUMPY["exprel"], _exprel),
    "dexprel": _either(NUMPY["dexprel"], _dexprel),
    "relu": _either(NUMPY["relu"], _relu),
    "step": _either(NUMPY["step"], lambda x: jnp.where(x > 0.0, 1.0, 0.0)),
}  # fmt: skip


@lru_cache(maxsize=256)
def function(source: str, name: str, spike: Callable[[Array], Array] | None = None) -> Any:
    """Return the function of that name in lowered source.

    Args:
        spike: what the source calls to turn a distance from threshold, mV, into 0 or 1.
    """
    scope: dict[str, Any] = {**INTRINSICS, "spike": spike}
    exec(compile(source, f"<{name} of livn>", "exec"), scope)
    return scope[name]
