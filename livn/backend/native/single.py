"""The intrinsics of the expressions in float32; what and how as in `double`.

Relative errors stay below 2e-7. Every constant is a float32, else numba would compute in float64.
"""

import math

import numpy as np
from numba import types

from livn.backend.native.bits import (
    blocks_function,
    in_loop,
    octave,
    power_of_two,
    scaled,
    without_octave,
)

float32 = np.float32
TAIL = tuple(map(float32, (
    0.5, 0.1666657702559799, 0.041666554662050534, 0.008363173074513711, 0.001392617611993558,
)))  # fmt: skip
SERIES = tuple(map(float32, (0.6666668503957586, 0.3998878056602198, 0.2957994939197279)))
NEAR = float32(0.3)
SLOPE = tuple(float32((k + 1) / math.factorial(k + 2)) for k in range(7))
_ZERO, _ONE, _TWO = float32(0.0), float32(1.0), float32(2.0)
_NAN = float32(math.nan)
_LOG2_E = float32(1.442695)
_LN2_HIGH = float32(0.693359375)  # with few enough bits that k times it is exact
_LN2_LOW = float32(-2.12194440e-4)
_ROUND = float32(1.5 * 2.0**23)
_LARGEST = float32(88.0)  # exp saturates here and at _SMALLEST
_SMALLEST = float32(-87.0)
_TINY = float32(1e-30)

cells_function = blocks_function(types.float32)


@in_loop
def _tail(r: np.float32) -> np.float32:
    r2 = r * r
    low = (TAIL[0] + TAIL[1] * r) + (TAIL[2] + TAIL[3] * r) * r2
    return low + TAIL[4] * (r2 * r2)


@in_loop
def _clipped(x: np.float32) -> np.float32:
    x = _LARGEST if x > _LARGEST else x
    return _SMALLEST if x < _SMALLEST else x


@in_loop
def exp(x: np.float32) -> np.float32:
    """Return e to the x; between e**-87 and e**88."""
    x = _clipped(x)
    k = x * _LOG2_E + _ROUND
    n = k - _ROUND
    r = (x - n * _LN2_HIGH) - n * _LN2_LOW
    return scaled(_ONE + (r + r * r * _tail(r)), k)


@in_loop
def expm1(x: np.float32) -> np.float32:
    """Return exp(x) - 1."""
    x = _clipped(x)
    k = x * _LOG2_E + _ROUND
    n = k - _ROUND
    r = (x - n * _LN2_HIGH) - n * _LN2_LOW
    power = power_of_two(k)
    return (r + r * r * _tail(r)) * power + (power - _ONE)


@in_loop
def exprel(x: np.float32) -> np.float32:
    """Return (exp(x) - 1)/x, 1 at 0."""
    x = _TINY if x == _ZERO else x
    return expm1(x) / x


@in_loop
def inverse_exprel(x: np.float32) -> np.float32:
    """Return x/(exp(x) - 1), 1 at 0."""
    x = _TINY if x == _ZERO else x
    return x / expm1(x)


@in_loop
def log(x: np.float32) -> np.float32:
    """Return the natural logarithm of a normal number > 0."""
    k = octave(x)
    n = k - _ROUND
    f = without_octave(x, k) - _ONE
    s = f / (f + _TWO)
    z = s * s
    series = (SERIES[0] + SERIES[1] * z) + SERIES[2] * (z * z)
    value = n * _LN2_HIGH + (f - (s * (f - z * series) - n * _LN2_LOW))
    return value if x > _ZERO else _NAN


@in_loop
def power(x: np.float32, y: np.float32) -> np.float32:
    """Return x to the y, for x > 0."""
    return exp(y * log(x))


@in_loop
def tanh(x: np.float32) -> np.float32:
    """Return the hyperbolic tangent."""
    e = expm1(_TWO * x)
    return e / (e + _TWO)


@in_loop
def dexprel(x: np.float32) -> np.float32:
    """Return the derivative of exprel, (exp(x)(x - 1) + 1)/x², 1/2 at 0.

    Where that cancels, |x| < 0.3, its Taylor series sum_k x**k (k + 1)/(k + 2)!.
    """
    total = SLOPE[-1]
    for k in range(len(SLOPE) - 2, -1, -1):
        total = total * x + SLOPE[k]
    far = _ONE if abs(x) < NEAR else x
    closed = (exp(far) * (far - _ONE) + _ONE) / (far * far)
    return total if abs(x) < NEAR else closed


@in_loop
def relu(x: np.float32) -> np.float32:
    """Return max(x, 0)."""
    return _ZERO if x <= _ZERO else x


@in_loop
def step(x: np.float32) -> np.float32:
    """Return 1 where x > 0, else 0."""
    return _ONE if x > _ZERO else _ZERO


@in_loop
def where(condition: bool, then: np.float32, otherwise: np.float32) -> np.float32:
    """Return `then` where `condition` holds, else `otherwise`."""
    return then if condition else otherwise


@in_loop
def sqrt(x: np.float32) -> np.float32:
    """Return the square root."""
    return float32(math.sqrt(x))


@in_loop
def sin(x: np.float32) -> np.float32:
    """Return the sine; the C library's, so loops that use it do not vectorise."""
    return float32(math.sin(x))


@in_loop
def cos(x: np.float32) -> np.float32:
    """Return the cosine; as `sin`."""
    return float32(math.cos(x))
