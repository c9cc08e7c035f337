"""The random numbers of `livn.random`, made where they are used.

Words are the same bit for bit; normals agree to rounding, which XLA does in its own way.
"""

import jax
import jax.numpy as jnp
import numpy as np

from livn import random
from livn.arrays import Array
from livn.random import GROUPS, PARITY, ROTATIONS


def threefry(key: tuple[Array, Array], a: Array, b: Array) -> tuple[Array, Array]:
    """Return the ciphers of the counters (a, b), uint32: `livn.random.threefry`.

    Args:
        key: two uint32 words, or two for each counter.
    """
    schedule = (key[0], key[1], key[0] ^ key[1] ^ np.uint32(PARITY))
    a, b = a + schedule[0], b + schedule[1]
    for group in range(1, GROUPS + 1):
        for rotation in ROTATIONS[(group - 1) % 2]:
            a = a + b
            b = ((b << np.uint32(rotation)) | (b >> np.uint32(32 - rotation))) ^ a
        a = a + schedule[group % 3]
        b = b + (schedule[(group + 1) % 3] + np.uint32(group))
    return a, b


def normals(
    key: tuple[Array, Array], gids: Array, number: Array, dtype: np.dtype
) -> tuple[Array, Array]:
    """Return two independent normal numbers for each counter: `livn.random.normals`.

    Args:
        key: as of `threefry`, the high half of the step folded in (`livn.random.epoch_key`).
        gids, number: counters, uint32: the cell, and the low 32 bits of the step.
        dtype: of the numbers.
    """
    a, b = threefry(key, gids, number)
    radius = jnp.sqrt(-2.0 * jnp.log((a.astype(dtype) + 1.0) * 2.0**-32))
    radius = radius * (1.0 - 2.0 * (b & np.uint32(1)).astype(dtype))
    angle = jax.lax.bitcast_convert_type(b, jnp.int32) >> 1
    half = (angle.astype(dtype) + 0.5) * random.HALF_ANGLE
    sine = jnp.sin(half)
    cosine = jnp.sqrt(1.0 - sine * sine)
    return (1.0 - 2.0 * sine * sine) * radius, 2.0 * sine * cosine * radius
