"""Random numbers: known answers, bits, independence of blocks, distribution."""

import hashlib
from itertools import pairwise
from math import erf, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livn.errors import InvalidType, InvalidValue
from livn.random import key, normals, threefry, uniforms

KEY = key(123)


def cipher(words: tuple[int, int], counter: tuple[int, int]) -> tuple[int, int]:
    a, b = (np.array([w], np.uint32) for w in counter)
    threefry(words, a, b)
    return int(a[0]), int(b[0])


@pytest.mark.parametrize(
    ("words", "counter", "expected"),
    [
        ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        ((0xFFFFFFFF,) * 2, (0xFFFFFFFF,) * 2, (0x1CB996FC, 0xBB002BE7)),
        ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
    ],
)
def test_threefry_known_answers_of_random123(words, counter, expected):
    assert cipher(words, counter) == expected


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((0, 0, 0), (3656272214, 3800143325)),
        ((123, 0, 0), (2779472295, 2762637505)),
        ((123, 1, 0), (3293205745, 3387086738)),
        ((123, 0, 1), (3803234906, 593784214)),
        ((2**64, 0, 0), (2903832520, 2661214663)),
        ((2**200 + 7, 3, 5), (2141067899, 1807073665)),
    ],
)
def test_key_golden_words(arguments, expected):
    assert key(*arguments) == expected


def test_normals_golden_bits():
    z = normals(KEY, np.arange(1000), 0, 100)
    digest = "5309d63ce68c7b12c8848df8b915be5575ebf784f7fcbff60c79b4a0007b51c7"
    assert hashlib.sha256(z.tobytes()).hexdigest() == digest


def test_uniforms_golden_bits_over_the_step_where_the_key_changes():
    u = uniforms(KEY, np.array([0, 2**32 - 1]), 2**32 - 1, 2)
    assert [x.hex() for x in u.ravel()] == [
        "0x1.e6273a4900000p-1",
        "0x1.81eb024d00000p-1",
        "0x1.84a322e700000p-1",
        "0x1.2993fcca00000p-2",
        "0x1.b2067dd100000p-1",
        "0x1.fb92dc1300000p-1",
        "0x1.cfce96ce00000p-2",
        "0x1.86f3b71500000p-1",
    ]


def test_normals_are_box_muller_of_the_words():
    gids, n_steps = np.arange(300, dtype=np.uint32), 200
    a = np.tile(gids, (n_steps, 1))
    b = np.repeat(np.arange(n_steps, dtype=np.uint32)[:, None], 300, axis=1)
    threefry(KEY, a, b)
    radius = np.sqrt(-2 * np.log((a + 1.0) * 2.0**-32)) * (1.0 - 2.0 * (b & np.uint32(1)))
    angle = ((b.view(np.int32) >> 1) + 0.5) * np.pi * 2.0**-31
    exact = np.stack([radius * np.cos(angle), radius * np.sin(angle)])
    assert np.abs(normals(KEY, gids, 0, n_steps) - exact).max() < 1e-14


@given(
    step=st.integers(0, 2**40) | st.integers(2**32 - 30, 2**32 + 5),
    n_steps=st.integers(1, 40),
    n_cells=st.integers(1, 20),
    data=st.data(),
)
def test_normals_do_not_depend_on_how_blocks_are_cut(step, n_steps, n_cells, data):
    gids = np.array(data.draw(st.lists(st.integers(0, 2**32 - 1), min_size=n_cells)))
    cut = data.draw(st.integers(0, n_steps))
    pick = np.array(data.draw(st.permutations(range(len(gids)))))
    whole = normals(KEY, gids, step, n_steps)
    parts = [
        normals(KEY, gids[pick], step, cut),
        normals(KEY, gids[pick], step + cut, n_steps - cut),
    ]
    assert np.array_equal(np.concatenate(parts, axis=1), whole[:, :, pick])


def test_normals_of_more_cells_than_a_tile_equal_those_of_each_cell():
    gids = np.arange(40_000, dtype=np.uint32)
    whole = normals(KEY, gids, 7, 2)
    for gid in (0, 16_383, 16_384, 39_999):
        assert np.array_equal(whole[:, :, gid], normals(KEY, gids[[gid]], 7, 2)[:, :, 0])


def test_normals_of_no_cells_or_no_steps_are_empty():
    assert normals(KEY, np.array([], dtype=np.uint32), 0, 3).shape == (2, 3, 0)
    assert normals(KEY, [1, 2], 5, 0).shape == (2, 0, 2)


def test_normals_are_normal():
    z = np.sort(normals(key(1), np.arange(1000), 0, 500).ravel())  # 10^6 numbers
    n = z.size
    cdf = 0.5 * (1 + np.array([erf(x / sqrt(2)) for x in z[::50]]))
    distance = np.abs(cdf - (np.arange(0, n, 50) + 0.5) / n).max()
    assert distance < 1.63 / sqrt(n)  # Kolmogorov, 1 %
    assert abs(z.mean()) < 4 / sqrt(n)
    assert abs(z.var() - 1) < 4 * sqrt(2 / n)
    assert abs((z**3).mean()) < 4 * sqrt(15 / n)
    assert abs((z**4).mean() - 3) < 4 * sqrt(96 / n)
    beyond_3 = np.count_nonzero(np.abs(z) > 3)
    assert abs(beyond_3 - 2699.8) < 4 * sqrt(2699.8)
    assert np.abs(z).max() < 6.66


def test_normals_largest_radius_is_that_of_the_smallest_word():
    assert sqrt(-2 * np.log(2.0**-32)) < 6.661


def test_uniforms_are_uniform_and_open():
    u = np.sort(uniforms(key(2), np.arange(1000), 0, 500).ravel())
    ideal = (np.arange(u.size) + 0.5) / u.size
    assert np.abs(u - ideal).max() < 1.63 / sqrt(u.size)
    assert u[0] > 0
    assert u[-1] < 1


def correlation(x: np.ndarray, y: np.ndarray) -> float:
    return float(abs(np.mean(x * y)) * sqrt(x.size))  # in standard errors


@pytest.mark.parametrize("square", [False, True])
def test_normals_are_independent_over_cells_steps_and_the_pair(square):
    z = normals(KEY, np.arange(500), 0, 500)
    x = (z**2 - 1) / sqrt(2) if square else z
    assert correlation(x[0], x[1]) < 4
    for lag in (1, 2, 64, 256):
        assert correlation(x[:, lag:, :], x[:, :-lag, :]) < 4
        assert correlation(x[:, :, lag:], x[:, :, :-lag]) < 4
    assert correlation(x[0], x[0].T) < 5  # (gid, step) against (step, gid); pairs count twice


def test_normals_are_independent_over_seed_stream_and_site():
    keys = [key(*k) for k in ((1, 0, 0), (2, 0, 0), (1, 1, 0), (1, 0, 1), (1 + 2**64, 0, 0))]
    draws = [normals(k, np.arange(300), 0, 300) for k in keys]
    for i, x in enumerate(draws):
        for y in draws[:i]:
            assert correlation(x, y) < 4


def test_normals_after_2_to_32_steps_do_not_repeat():
    first, later = (normals(KEY, np.arange(300), s, 300) for s in (0, 2**32))
    assert correlation(first, later) < 4


def test_keys_of_neighbouring_arguments_differ_in_half_the_bits():
    keys = [key(*k) for k in np.ndindex(12, 12, 12)]
    assert len(set(keys)) == len(keys)
    flipped = [(a[0] ^ b[0]).bit_count() + (a[1] ^ b[1]).bit_count() for a, b in pairwise(keys)]
    assert 31 < np.mean(flipped) < 33


@given(st.integers(0, 2**70), st.integers(0, 2**64 - 1))
def test_key_changes_with_each_argument(seed, stream):
    assert key(seed, stream, 0) != key(seed, stream, 1)
    assert key(seed, stream) != key(seed + 1, stream)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((-1,), "seed is negative: got -1; need 0 or more."),
        ((1, -2), "stream is out of range: got -2; need 0 to 2**64 - 1."),
        ((1, 0, 2**64), "site is out of range: got 18446744073709551616; need 0 to 2**64 - 1."),
    ],
)
def test_key_refuses_what_is_out_of_range(arguments, message):
    with pytest.raises(InvalidValue) as error:
        key(*arguments)
    assert str(error.value) == message


def test_normals_refuse_gids_and_steps_out_of_range():
    with pytest.raises(InvalidValue, match=r"gids are out of range: got \[-1, 4294967296\]; need"):
        normals(KEY, [-1, 3, 2**32], 0, 1)
    with pytest.raises(InvalidValue, match=r"steps are out of range: got step=-5, n_steps=2; need"):
        normals(KEY, [1], -5, 2)
    with pytest.raises(InvalidValue, match=r"gids are not a list: got shape \(1, 2\); need"):
        normals(KEY, [[1, 2]], 0, 1)
    with pytest.raises(InvalidType, match="gids are not integers: got float64; need"):
        normals(KEY, [0.5], 0, 1)
