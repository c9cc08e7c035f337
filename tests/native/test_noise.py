"""Compiled random numbers are those of livn.random, bit for bit."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numba import njit

from livn import random
from livn.backend.native.noise import normal_pair


@njit(error_model="numpy")
def draw(out, gids, k0, k1, number):
    for i in range(len(gids)):
        out[0, i], out[1, i] = normal_pair(k0, k1, gids[i], number)


words = st.integers(0, 2**32 - 1)


@given(seed=st.integers(0, 2**70), stream=words, site=words, number=words, first=words)
def test_normals_have_the_bits_of_livn_random(seed, stream, site, number, first):
    key = random.key(seed, stream, site)
    gids = (np.uint64(first) + np.arange(37, dtype=np.uint64)).astype(np.uint32)
    out = np.empty((2, 37))
    draw(out, gids, np.uint32(key[0]), np.uint32(key[1]), np.uint32(number))
    assert out.tobytes() == random.normals(key, gids, number, 1)[:, 0].tobytes()
