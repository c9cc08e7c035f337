"""The normal numbers of `livn.random`, bit for bit, inside loops that vectorise.

Nothing here may fuse a multiplication with an addition: `livn.random` rounds after each.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types

from livn import random
from livn.backend.native.bits import called, primitive

_exact: Callable[..., Any] = njit(error_model="numpy", forceinline=True, **called)

_ATANH, _SINE = random.ATANH, random.SINE
_LN2, _HALF_ANGLE = random.LN2, random.HALF_ANGLE
_GROUPS, _PARITY = random.GROUPS, np.uint32(random.PARITY)
_ROTATIONS = tuple(
    tuple((np.uint32(r), np.uint32(32 - r)) for r in rotations) for rotations in random.ROTATIONS
)
_SQRT_HALF = np.int64(random.SQRT_HALF)
_MANTISSA = np.int64(random.MANTISSA_BITS)


@primitive
def _bits(typingctx: Any, x: Any) -> Any:
    """Return the bits of a float64 as an int64."""
    return types.int64(types.float64), lambda context, builder, signature, args: builder.bitcast(
        args[0], ir.IntType(64)
    )


@primitive
def _from_bits(typingctx: Any, x: Any) -> Any:
    """Return the float64 an int64 holds the bits of."""
    return types.float64(types.int64), lambda context, builder, signature, args: builder.bitcast(
        args[0], ir.DoubleType()
    )


@_exact
def _rounds(a: np.uint32, b: np.uint32, rotations: Any) -> tuple[np.uint32, np.uint32]:
    for left, right in rotations:
        a = np.uint32(a + b)
        b = np.uint32(np.uint32(b << left) | np.uint32(b >> right))
        b = np.uint32(b ^ a)
    return a, b


@_exact
def threefry(
    k0: np.uint32, k1: np.uint32, a: np.uint32, b: np.uint32
) -> tuple[np.uint32, np.uint32]:
    """Return the cipher of the counter (a, b), all of them uint32: `livn.random.threefry`."""
    k2 = np.uint32(k0 ^ k1 ^ _PARITY)
    keys = (k0, k1, k2)
    a = np.uint32(a + k0)
    b = np.uint32(b + k1)
    for group in range(1, _GROUPS + 1):
        a, b = _rounds(a, b, _ROTATIONS[(group - 1) % 2])
        a = np.uint32(a + keys[group % 3])
        b = np.uint32(b + np.uint32(keys[(group + 1) % 3] + np.uint32(group)))
    return a, b


@_exact
def _polynomial(coefficients: tuple[float, ...], x: float) -> float:
    total = x * coefficients[-1]
    for k in range(len(coefficients) - 2, 0, -1):
        total = (total + coefficients[k]) * x
    return total + coefficients[0]


@_exact
def _log_of_word(word: np.uint32) -> float:
    """Return ln((word + 1) 2**-32)."""
    bits = _bits(word + 1.0)
    exponent = (bits - _SQRT_HALF) >> _MANTISSA
    value = _from_bits(bits - (exponent << _MANTISSA))
    s = (value - 1.0) / (value + 1.0)
    return _polynomial(_ATANH, s * s) * s * 2.0 + (exponent - 32.0) * _LN2


@_exact
def normal_pair(
    k0: np.uint32, k1: np.uint32, gid: np.uint32, step: np.uint32
) -> tuple[float, float]:
    """Return the two numbers of `livn.random.normals` for a key, a gid and a step < 2**32."""
    a, b = threefry(k0, k1, gid, step)
    radius = math.sqrt(_log_of_word(a) * -2.0)
    radius = radius * (1.0 - 2.0 * (b & np.uint32(1)))
    half = ((np.int32(b) >> 1) + 0.5) * _HALF_ANGLE
    sine = _polynomial(_SINE, half * half) * half
    square = sine * sine
    cosine = math.sqrt(1.0 - square)
    return (1.0 - 2.0 * square) * radius, sine * cosine * 2.0 * radius
