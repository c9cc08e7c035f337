"""Arrays of numpy or jax: which of the two, whether their values may be looked at, time grids.

What is computed from numpy arrays stays numpy, what is computed from jax arrays stays jax, so
that gradients can flow. Inside a jax transformation arrays have a shape but no values to check.
"""

import math
from types import ModuleType
from typing import Any, TypeAlias

import array_api_compat
import numpy as np

from livn.errors import InvalidValue

Array: TypeAlias = Any  # a numpy or a jax array, traced or not

GRID_TOLERANCE = 1e-9


def is_array(value: object) -> bool:
    """Return whether `value` is a numpy or jax array (not a list, not a number)."""
    return isinstance(value, np.ndarray) or _of_jax(value)


def is_jax(*arrays: object) -> bool:
    """Return whether any of `arrays` belongs to jax; imports jax under no circumstances."""
    return any(map(_of_jax, arrays))


def is_lasting(value: object) -> bool:
    """Return whether `value` is a numpy array of its own memory, to which nobody can write."""
    return isinstance(value, np.ndarray) and not value.flags.writeable and value.base is None


def is_traced(*arrays: object) -> bool:
    """Return whether any of `arrays` is a placeholder inside a jax transformation."""
    if not is_jax(*arrays):
        return False
    import jax

    return any(isinstance(a, jax.core.Tracer) for a in arrays)


def namespace(*arrays: object) -> ModuleType:
    """Return the array namespace to compute in: that of jax where any argument is jax's.

    Everything else (numpy arrays, lists, numbers) is computed with numpy.
    """
    for array in arrays:
        if _of_jax(array):
            return array_api_compat.array_namespace(array)
    return np


def as_floats(values: Any, what: str) -> Array:
    """Return `values` as a floating-point array of its own namespace, all entries finite.

    Args:
        values: anything array-like; an array that is floating point already is not copied.
        what: the subject of the message.

    Raises:
        InvalidValue: if `values` is not numeric or, where it can be looked at, not finite.
    """
    if isinstance(values, np.ndarray) and values.dtype.kind == "f" and np.isfinite(values).all():
        return values
    xp = namespace(values)
    try:
        array = xp.asarray(values)
    except (TypeError, ValueError):
        raise _not_numeric(values, what) from None
    if not xp.isdtype(array.dtype, ("real floating", "integral", "bool")):
        raise _not_numeric(values, what)
    if not xp.isdtype(array.dtype, "real floating"):
        return xp.astype(array, float)
    if not is_traced(array) and not xp.all(xp.isfinite(array)):
        raise InvalidValue(
            f"{what} has values that are not finite: got {int(xp.sum(~xp.isfinite(array)))} of "
            f"{array.size} nan or infinite; need finite numbers. Remove or replace them.",
            got=values,
        )
    return array


def positive(value: Any, what: str, unit: str) -> Any:
    """Return `value` as a float; a number of jax, which may carry a gradient, as it is.

    Raises:
        InvalidValue: if it is not one positive finite number.
    """
    if type(value) is float and 0.0 < value < math.inf:
        return value
    if is_traced(value):
        return value
    number = math.nan
    if isinstance(value, int | float | np.number) or is_array(value):
        number = float(value) if np.ndim(value) == 0 and not isinstance(value, bool) else math.nan
    if not (math.isfinite(number) and number > 0):
        raise InvalidValue(
            f"{what} is not positive: got {value!r}; need a number above 0 {unit}.", got=value
        )
    return value if is_jax(value) else number


def n_steps(time: float, dt: float, what: str) -> int:
    """Return how many steps of `dt` make up `time`, rounded to the nearest.

    Args:
        time: a time or duration, ms, at least 0.
        dt: step, ms, positive.
        what: the subject of the message.

    Raises:
        InvalidValue: if `time` is negative, not finite, or further than 1e-9 steps (relative
            for long times) from a multiple of `dt`.
    """
    steps = time / dt
    if not (math.isfinite(steps) and steps >= 0):
        raise InvalidValue(f"{what} is not a time: got {time!r} ms; need at least 0.", got=time)
    nearest = round(steps)
    if abs(steps - nearest) > GRID_TOLERANCE * max(1, nearest):
        raise InvalidValue(
            f"{what} is not a multiple of dt: got {time!r} ms at dt={dt!r} ms; "
            f"nearest {nearest * dt:.12g} ms. Change it or dt.",
            got=time,
            allowed=nearest * dt,
        )
    return nearest


def _of_jax(value: object) -> bool:
    """Return whether a value is jax's, those of no gradient, which are numpy's, among them."""
    numbers = type(value) is np.ndarray and value.dtype.kind in "fiubU"
    return not numbers and array_api_compat.is_jax_array(value)


def _not_numeric(values: Any, what: str) -> InvalidValue:
    return InvalidValue(
        f"{what} is not an array of numbers: got {type(values).__name__}; need real numbers.",
        got=values,
    )
