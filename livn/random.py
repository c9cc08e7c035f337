"""Random numbers that are a function of (seed, stream, site, gid, step) and of nothing else.

Threefry2x32 with 20 rounds (Salmon, Moraes, Dror, Shaw 2011, SC11, doi 10.1145/2063384.2063405)
encrypts the counter (gid, step) under a key made from (seed, stream, site), so a number depends
neither on what was drawn before it nor on the block, thread or rank that drew it.

Normals come from Box and Muller (1958). Logarithm, sine and cosine are Taylor polynomials made of
additions, multiplications, divisions and square roots, which IEEE 754 rounds exactly: the bits are
the same on every machine, and any port (numba, C) that keeps the order of operations and does not
fuse multiplications with additions gives them too.

    seed     what the user chose
    stream   an independent realisation of everything random, 0 for a fresh Env
    site     what within a cell draws: one number per noise process, parameter or purpose
"""

from collections.abc import Callable
from math import factorial, pi

import numpy as np
import numpy.typing as npt

from livn.errors import InvalidType, InvalidValue

Key = tuple[int, int]
Floats = npt.NDArray[np.float64]
Words = npt.NDArray[np.uint32]

# Salmon et al. 2011: rotations of 32x2, alternating every 4 rounds, and the key parity constant.
ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
PARITY = 0x1BD11BDA
GROUPS = 5  # of 4 rounds, each ended by a key injection

# Steele, Lea, Flood 2014 (OOPSLA), splitmix64: increment, and multipliers of the finaliser.
_GOLDEN = 0x9E3779B97F4A7C15
_MULTIPLIERS = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)

_U32 = 0xFFFFFFFF
_U64 = 0xFFFFFFFFFFFFFFFF
_TILE = 16384  # numbers worked on at once, so that the work arrays stay in the L2 cache

# ln m = 2 s (1 + s²/3 + s⁴/5 + …) with s = (m-1)/(m+1), |s| < 0.172: next term below 1e-15
ATANH = tuple(1.0 / (2 * k + 1) for k in range(9))
# sin t = t (1 - t²/3! + t⁴/5! - …) with |t| < pi/4: next term below 1e-16
SINE = tuple((-1) ** k / factorial(2 * k + 1) for k in range(8))
LN2 = 0.6931471805599453  # a literal, because a libm may round log(2) otherwise
SQRT_HALF = np.uint64(0x3FE6A09E00000000)  # bits of a float64 just below sqrt(1/2)
MANTISSA_BITS = np.uint64(52)
HALF_ANGLE = pi / 2 * 2.0**-31  # half of the angle, radians, per unit of its 31-bit word


def key(seed: int, stream: int = 0, site: int = 0) -> Key:
    """Return the two 32-bit key words of one source of random numbers.

    h = 0 absorbs the number of 64-bit limbs of `seed`, the limbs (least significant first),
    `stream` and `site`, one by one: h <- splitmix64_finaliser((h xor word) + golden ratio).
    The key is the low and the high half of h.

    Args:
        seed: any integer >= 0.
        stream: realisation, 0 <= stream < 2**64.
        site: what draws, 0 <= site < 2**64.

    Raises:
        InvalidValue: if one of them is out of range.
    """
    seed, stream, site = int(seed), int(stream), int(site)
    if seed < 0:
        raise InvalidValue(f"seed is negative: got {seed}; need 0 or more.", got=seed)
    for name, value in (("stream", stream), ("site", site)):
        if not 0 <= value <= _U64:
            raise InvalidValue(
                f"{name} is out of range: got {value}; need 0 to 2**64 - 1.", got=value
            )
    n_limbs = max(1, -(-seed.bit_length() // 64))
    limbs = ((seed >> (64 * k)) & _U64 for k in range(n_limbs))
    state = 0
    for word in (n_limbs, *limbs, stream, site):
        state = _finalise((state ^ word) + _GOLDEN)
    return state & _U32, state >> 32


def normals(key: Key, gids: npt.ArrayLike, step: int, n_steps: int) -> Floats:
    """Return two independent standard normal numbers per gid and step.

    Box and Muller (1958) on the two Threefry words a, b of each counter: the radius is
    sqrt(-2 ln((a + 1) 2^-32)), so that no number exceeds 6.66; the lowest bit of b is the sign of
    the first number, the other 31 bits are the angle. Accurate to 1e-14.

    Args:
        key: from `key()`.
        gids: cells, 0 <= gid < 2**32, shape (n,).
        step: first step, 0 <= step < 2**64.
        n_steps: number of steps.

    Returns:
        Numbers, shape (2, n_steps, n); entry [:, k, i] depends on (key, gids[i], step + k) only.

    Raises:
        InvalidValue: if a gid or a step is out of range.
        InvalidType: if the gids are not integers.
    """
    return _fill(_box_muller, key, gids, step, n_steps)


def uniforms(key: Key, gids: npt.ArrayLike, step: int, n_steps: int) -> Floats:
    """Return two independent numbers per gid and step, uniform in the open interval (0, 1).

    They are (word + 1/2) 2^-32 of the two Threefry words of each counter. Arguments, shape and
    errors are those of `normals`.
    """
    return _fill(_open_interval, key, gids, step, n_steps)


def threefry(key: Key, a: Words, b: Words) -> None:
    """Encrypt the counters (a, b) under `key` in place: Threefry2x32, 20 rounds.

    Args:
        key: two words < 2**32.
        a: first word of each counter, becomes the first word of its cipher.
        b: second words, same shape, become the second words.
    """
    schedule = (key[0], key[1], key[0] ^ key[1] ^ PARITY)
    spare = np.empty_like(b)
    np.add(a, np.uint32(schedule[0]), out=a)
    np.add(b, np.uint32(schedule[1]), out=b)
    for group in range(1, GROUPS + 1):
        for rotation in ROTATIONS[(group - 1) % 2]:
            np.add(a, b, out=a)
            np.left_shift(b, rotation, out=spare)
            np.right_shift(b, 32 - rotation, out=b)
            np.bitwise_or(b, spare, out=b)
            np.bitwise_xor(b, a, out=b)
        np.add(a, np.uint32(schedule[group % 3]), out=a)
        np.add(b, np.uint32((schedule[(group + 1) % 3] + group) & _U32), out=b)


def _finalise(state: int) -> int:
    """Return the splitmix64 finaliser of `state` mod 2**64; that of 0 is 0."""
    state &= _U64
    state = ((state ^ (state >> 30)) * _MULTIPLIERS[0]) & _U64
    state = ((state ^ (state >> 27)) * _MULTIPLIERS[1]) & _U64
    return state ^ (state >> 31)


def epoch_key(key: Key, epoch: int) -> Key:
    """Return `key` with the high 32 bits of the step folded in; epoch 0 leaves it as it is."""
    fold = _finalise(epoch)
    return key[0] ^ (fold & _U32), key[1] ^ (fold >> 32)


def _fill(
    draw: Callable[[Words, Words, Floats], None],
    key: Key,
    gids: npt.ArrayLike,
    step: int,
    n_steps: int,
) -> Floats:
    """Return what `draw` makes of the Threefry words of all counters, worked out tile by tile."""
    cells, step, stop = _gid_words(gids), int(step), int(step) + int(n_steps)
    if step < 0 or n_steps < 0 or stop > _U64:
        raise InvalidValue(
            f"steps are out of range: got step={step}, n_steps={n_steps}; need 0 to 2**64 - 1.",
            got=(step, n_steps),
        )
    out = np.empty((2, n_steps, cells.size))
    columns = max(1, min(cells.size, _TILE))
    rows = max(1, min(n_steps, _TILE // columns))
    a_work, b_work = np.empty((2, rows * columns), np.uint32)
    low = step
    while low < stop:
        epoch = low >> 32
        high = min(low + rows, stop, (epoch + 1) << 32)
        steps = np.arange(low - (epoch << 32), high - (epoch << 32)).astype(np.uint32)
        for left in range(0, cells.size, columns):
            tile = out[:, low - step : high - step, left : left + columns]
            shape = tile.shape[1:]
            a, b = (w[: shape[0] * shape[1]].reshape(shape) for w in (a_work, b_work))
            a[:] = cells[left : left + columns]
            b[:] = steps[:, None]
            threefry(epoch_key(key, epoch), a, b)
            draw(a, b, tile)
        low = high
    return out


def _gid_words(gids: npt.ArrayLike) -> Words:
    """Return the gids as 32-bit words, or raise."""
    cells = np.asarray(gids)
    if cells.ndim != 1:
        raise InvalidValue(
            f"gids are not a list: got shape {cells.shape}; need (n,).", got=cells.shape
        )
    if cells.dtype.kind not in "iu" and cells.size:
        raise InvalidType(f"gids are not integers: got {cells.dtype}; need an integer array.")
    if cells.dtype == np.uint32:
        return cells
    outside = cells[(cells < 0) | (cells > _U32)]
    if outside.size:
        got = outside[:3].tolist()
        raise InvalidValue(f"gids are out of range: got {got}; need 0 to 2**32 - 1.", got=got)
    return cells.astype(np.uint32)


def _open_interval(a: Words, b: Words, out: Floats) -> None:
    """Write (word + 1/2) 2^-32 of both words."""
    for word, target in ((a, out[0]), (b, out[1])):
        np.add(word, 0.5, out=target)
        np.multiply(target, 2.0**-32, out=target)


def _box_muller(a: Words, b: Words, out: Floats) -> None:
    """Write radius(a) times cosine and sine of the angle of b."""
    radius = _log_of_word(a)
    np.multiply(radius, -2.0, out=radius)
    np.sqrt(radius, out=radius)
    sign = np.subtract(1.0, 2.0 * (b & np.uint32(1)))
    np.multiply(radius, sign, out=radius)

    half = np.add(b.view(np.int32) >> 1, 0.5)
    np.multiply(half, HALF_ANGLE, out=half)
    sine = _polynomial(SINE, half * half)
    np.multiply(sine, half, out=sine)
    square = sine * sine
    cosine = np.subtract(1.0, square, out=half)
    np.sqrt(cosine, out=cosine)
    # of the whole angle: cos = 1 - 2 sin², sin = 2 sin cos of its half
    np.multiply(sine, cosine, out=sine)
    np.multiply(sine, 2.0, out=sine)
    np.multiply(sine, radius, out=out[1])
    np.multiply(square, -2.0, out=square)
    np.add(square, 1.0, out=square)
    np.multiply(square, radius, out=out[0])


def _log_of_word(word: Words) -> Floats:
    """Return ln((word + 1) 2^-32), <= 0."""
    value = np.add(word, 1.0)
    bits = value.view(np.uint64)
    exponent = bits - SQRT_HALF
    np.right_shift(exponent, MANTISSA_BITS, out=exponent)
    np.subtract(bits, exponent << MANTISSA_BITS, out=bits)  # value is now in [sqrt(1/2), sqrt(2))
    s = np.subtract(value, 1.0)
    np.add(value, 1.0, out=value)
    np.divide(s, value, out=s)
    series = _polynomial(ATANH, np.multiply(s, s, out=value))
    np.multiply(series, s, out=series)
    np.multiply(series, 2.0, out=series)
    octaves = np.subtract(exponent.view(np.int64), 32.0)
    np.multiply(octaves, LN2, out=octaves)
    np.add(series, octaves, out=series)
    return series


def _polynomial(coefficients: tuple[float, ...], x: Floats) -> Floats:
    """Return the sum of coefficients[k] x**k by Horner's rule."""
    total: Floats = np.multiply(x, coefficients[-1])
    for coefficient in coefficients[-2:0:-1]:
        np.add(total, coefficient, out=total)
        np.multiply(total, x, out=total)
    np.add(total, coefficients[0], out=total)
    return total
