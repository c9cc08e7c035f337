"""The intrinsics of the expressions in float64, without branches, so that loops vectorise.

exp: x = k ln 2 + r, |r| <= ln(2)/2, exp(r) = 1 + r + r² tail(r) (Tang 1989, ACM TOMS 15:144).
log: x = 2**k (1 + f), s = f/(2 + f), log(1 + f) = f - s (f - s² series(s²)) (fdlibm, e_log.c).
Both polynomials interpolate at Chebyshev nodes (a test computes them again); relative errors stay
below 3e-16.
"""

import math

from numba import types

from livn.backend.native.bits import (
    blocks_function,
    in_loop,
    octave,
    power_of_two,
    scaled,
    without_octave,
)

TAIL = (
    0.5000000000000001, 0.16666666666666669, 0.041666666666624164, 0.008333333333330065,
    0.0013888888917196719, 0.00019841269863040545, 2.4801521322368692e-05,
    2.7557268480310024e-06, 2.7620075879983367e-07, 2.5100375832561234e-08,
)  # fmt: skip
SERIES = (
    0.666666666666667, 0.39999999999899505, 0.28571428625975487, 0.2222221113479508,
    0.18182889125261723, 0.15331721600556042, 0.14616449685043406,
)  # fmt: skip
NEAR = 0.3
SLOPE = tuple((k + 1) / math.factorial(k + 2) for k in range(12))
_LOG2_E = 1.4426950408889634
_LN2_HIGH = float.fromhex("0x1.62e42fefa0000p-1")  # with few enough bits that k times it is exact
_LN2_LOW = float.fromhex("0x1.cf79abc9e3b3ap-40")
_ROUND = 1.5 * 2.0**52
_LARGEST = 709.0  # exp saturates here and at the negative of it
_SMALLEST = -708.0
_TINY = 1e-300

cells_function = blocks_function(types.float64)


@in_loop
def _tail(r: float) -> float:
    r2 = r * r
    low = (TAIL[0] + TAIL[1] * r) + (TAIL[2] + TAIL[3] * r) * r2
    high = (TAIL[4] + TAIL[5] * r) + (TAIL[6] + TAIL[7] * r) * r2
    r4 = r2 * r2
    return low + (high + (TAIL[8] + TAIL[9] * r) * r4) * r4


@in_loop
def _clipped(x: float) -> float:
    x = _LARGEST if x > _LARGEST else x
    return _SMALLEST if x < _SMALLEST else x


@in_loop
def exp(x: float) -> float:
    """Return e to the x; between e**-708 and e**709."""
    x = _clipped(x)
    k = x * _LOG2_E + _ROUND
    n = k - _ROUND
    r = (x - n * _LN2_HIGH) - n * _LN2_LOW
    return scaled(1.0 + (r + r * r * _tail(r)), k)


@in_loop
def expm1(x: float) -> float:
    """Return exp(x) - 1."""
    x = _clipped(x)
    k = x * _LOG2_E + _ROUND
    n = k - _ROUND
    r = (x - n * _LN2_HIGH) - n * _LN2_LOW
    power = power_of_two(k)
    return (r + r * r * _tail(r)) * power + (power - 1.0)


@in_loop
def exprel(x: float) -> float:
    """Return (exp(x) - 1)/x, 1 at 0."""
    x = _TINY if x == 0.0 else x
    return expm1(x) / x


@in_loop
def inverse_exprel(x: float) -> float:
    """Return x/(exp(x) - 1), 1 at 0."""
    x = _TINY if x == 0.0 else x
    return x / expm1(x)


@in_loop
def log(x: float) -> float:
    """Return the natural logarithm of a normal number > 0."""
    k = octave(x)
    n = k - _ROUND
    f = without_octave(x, k) - 1.0
    s = f / (f + 2.0)
    z = s * s
    z2 = z * z
    low = (SERIES[0] + SERIES[1] * z) + (SERIES[2] + SERIES[3] * z) * z2
    high = (SERIES[4] + SERIES[5] * z) + SERIES[6] * z2
    series = low + high * (z2 * z2)
    value = n * _LN2_HIGH + (f - (s * (f - z * series) - n * _LN2_LOW))
    return value if x > 0.0 else math.nan


@in_loop
def power(x: float, y: float) -> float:
    """Return x to the y, for x > 0."""
    return exp(y * log(x))


@in_loop
def tanh(x: float) -> float:
    """Return the hyperbolic tangent."""
    e = expm1(2.0 * x)
    return e / (e + 2.0)


@in_loop
def dexprel(x: float) -> float:
    """Return the derivative of exprel, (exp(x)(x - 1) + 1)/x², 1/2 at 0.

    Where that cancels, |x| < 0.3, its Taylor series sum_k x**k (k + 1)/(k + 2)!.
    """
    total = SLOPE[-1]
    for k in range(len(SLOPE) - 2, -1, -1):
        total = total * x + SLOPE[k]
    far = 1.0 if abs(x) < NEAR else x
    closed = (exp(far) * (far - 1.0) + 1.0) / (far * far)
    return total if abs(x) < NEAR else closed


@in_loop
def relu(x: float) -> float:
    """Return max(x, 0)."""
    return 0.0 if x <= 0.0 else x


@in_loop
def step(x: float) -> float:
    """Return 1 where x > 0, else 0."""
    return 1.0 if x > 0.0 else 0.0


@in_loop
def where(condition: bool, then: float, otherwise: float) -> float:
    """Return `then` where `condition` holds, else `otherwise`."""
    return then if condition else otherwise


@in_loop
def sqrt(x: float) -> float:
    """Return the square root."""
    return math.sqrt(x)


@in_loop
def sin(x: float) -> float:
    """Return the sine; the C library's, so loops that use it do not vectorise."""
    return math.sin(x)


@in_loop
def cos(x: float) -> float:
    """Return the cosine; as `sin`."""
    return math.cos(x)
