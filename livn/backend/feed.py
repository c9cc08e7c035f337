"""Random numbers for backends that take them as arrays, drawn in blocks ahead of time."""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from livn import random
from livn.backend.network import Population
from livn.models.description import Random
from livn.models.values import Value

_BLOCK = 1 << 15  # numbers per block: large enough to vectorise, small enough for the cache


class NoiseFeed:
    """The random inputs of one population, step by step.

    Numbers depend on (seed, stream, site, gid, step) only, so blocks are a matter of speed.
    """

    def __init__(self, population: Population, values: Mapping[str, Value], dt: float, seed: int):
        active = [r for r in population.equations.randoms if np.any(values[r.amplitude])]
        self._pairs = [_Pair(p, population.gids, dt, seed) for p in _by_key(active)]

    def at(self, step: int, stream: int) -> Iterator[tuple[str, NDArray[np.float64]]]:
        """Yield (name, normals [n_cells]) for every random input renewed at `step`."""
        for pair in self._pairs:
            yield from pair.at(step, stream)


class _Pair:
    """Random inputs that share a key: the two normals Box and Muller give at once."""

    def __init__(self, randoms: list[Random], gids: NDArray[np.uint32], dt: float, seed: int):
        self.randoms, self.gids, self.seed = randoms, gids, seed
        self.every = max(1, round(randoms[0].hold / dt))
        self.n_steps = max(1, _BLOCK // (2 * len(gids)))
        self.start, self.stream = -1, -1
        self.block: NDArray[np.float64] = np.empty((2, 0, 0))
        self.last = -1

    def at(self, step: int, stream: int) -> Iterator[tuple[str, NDArray[np.float64]]]:
        number = step // self.every
        if step % self.every and (number, stream) == (self.last, self.stream):
            return
        inside = self.start <= number < self.start + self.n_steps
        if stream != self.stream or not inside or self.start < 0:
            key = random.key(self.seed, stream, self.randoms[0].site // 2)
            self.start, self.stream = number, stream
            self.block = random.normals(key, self.gids, number, self.n_steps)
        self.last = number
        for r in self.randoms:
            yield r.name, self.block[r.site % 2, number - self.start]


def _by_key(randoms: list[Random]) -> list[list[Random]]:
    groups: dict[tuple[int, float], list[Random]] = {}
    for r in randoms:
        groups.setdefault((r.site // 2, r.hold), []).append(r)
    return list(groups.values())
