"""Who connects to whom: a probability that falls with the distance between two somata.

The edges are the same on every machine. An edge pre -> post exists when a uniform number that
depends on (seed, post, pre) alone is below its probability, and the probability takes only
additions, multiplications, square roots (which IEEE 754 rounds exactly) and sums of integers
(which no order changes): never a libm function, whose last bit differs between machines.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from math import factorial, sqrt

import numpy as np
import numpy.typing as npt

from livn import random
from livn.errors import InvalidValue, unknown_names
from livn.system.checks import positive

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

# The kernel is cut where it has fallen to exp(-8) = 3.4e-4 of its peak. The mass beyond, 0.03 %
# of a planar Gaussian and 0.3 % of an exponential, goes to the rest by the normalisation.
_MAX_EXPONENT = 8.0
_SHAPES = ("exponential", "gaussian")

_HALVINGS = 7  # exp(-x) = exp(-x / 2**7) ** (2**7); x / 2**7 <= 1/16, next Taylor term < 1e-16
_TAYLOR = tuple((-1) ** k / factorial(k) for k in range(9))

_UNIT_OF_MASS = 2.0**28  # weights are summed as integers: exact up to 3e10 pairs
_SETTLED = 1e-9  # relative change of an amplitude at which it counts as found

_EDGES = 3  # site of the random numbers; placement.py has 1 and 2
_CELLS_PER_TILE = 100
_BLOCK = 2**18  # pairs held at once
_MARGIN = 1.0 + 1e-9  # so that no rounding puts points `reach` apart two tiles apart


@dataclass(frozen=True)
class Kernel:
    """How the connection probability falls with the planar distance d.

    Gaussian exp(-d²/(2 sigma²)) or exponential exp(-d/sigma), 0 from `reach` on.

    Attributes:
        shape: "gaussian" or "exponential".
        sigma: width, um.
    """

    shape: str = "gaussian"
    sigma: float = 200.0

    def __post_init__(self) -> None:
        if self.shape not in _SHAPES:
            raise unknown_names("kernel shape", [str(self.shape)], _SHAPES)
        object.__setattr__(self, "sigma", positive("kernel sigma", self.sigma))

    @property
    def reach(self) -> float:
        """Distance beyond which nothing connects, um: 4 sigma (Gaussian), 8 sigma."""
        if self.shape == "gaussian":
            return self.sigma * sqrt(2.0 * _MAX_EXPONENT)
        return self.sigma * _MAX_EXPONENT

    def __call__(self, squared_distance: Floats) -> Floats:
        """Return the kernel, 1 at distance 0, of squared distances (um²) within `reach`."""
        if self.shape == "gaussian":
            return exp_minus(squared_distance * (0.5 / (self.sigma * self.sigma)))
        return exp_minus(np.sqrt(squared_distance) * (1.0 / self.sigma))


def exp_minus(x: Floats) -> Floats:
    """Return exp(-x) for 0 <= x <= 8, relative error below 1e-13, the same bits everywhere."""
    y = x * 2.0**-_HALVINGS
    total = np.full_like(y, _TAYLOR[-1])
    for coefficient in _TAYLOR[-2::-1]:
        np.multiply(total, y, out=total)
        np.add(total, coefficient, out=total)
    for _ in range(_HALVINGS):
        np.multiply(total, total, out=total)
    return total


def near_pairs(
    xy: Floats, reach: float, others: Floats | None = None
) -> Iterator[tuple[Indices, Indices, Floats]]:
    """Yield every ordered pair of points at most `reach` apart, block by block.

    The points are sorted into square tiles no smaller than `reach`, so that a tile only meets
    its eight neighbours.

    Args:
        xy: positions of the first of a pair, um, shape (n, 2).
        reach: largest distance, um.
        others: positions of the second; None for the same points, which do not pair with
            themselves.

    Yields:
        Index of the first point, index of the second, squared distance (um²), each (n_pairs,).
    """
    second = xy if others is None else others
    low = np.minimum(xy.min(axis=0), second.min(axis=0))
    high = np.maximum(xy.max(axis=0), second.max(axis=0))
    extent = float((high - low).max())
    side = max(reach * _MARGIN, extent * sqrt(_CELLS_PER_TILE / len(second)))
    width = int(np.floor((high[0] - low[0]) / side)) + 3  # an empty column beside: no row wraps
    order, sorted_tiles = _tiles(xy, low, side, width)
    other_order, other_tiles = _tiles(second, low, side, width)
    for own in np.unique(sorted_tiles).tolist():
        rows = [own - width, own, own + width]
        bounds = np.searchsorted(other_tiles, [[r - 1, r + 2] for r in rows])
        near = np.concatenate([other_order[start:stop] for start, stop in bounds])
        if not len(near):
            continue
        start, stop = np.searchsorted(sorted_tiles, [own, own + 1])
        itself = int(start - bounds[1, 0] + bounds[0, 1] - bounds[0, 0])
        step = max(1, _BLOCK // len(near))
        for first in range(start, stop, step):
            some = order[first : min(first + step, stop)]
            same = None if others is not None else itself + first - start
            yield _within(xy[some], second[near], some, near, same, reach)


def _tiles(xy: Floats, low: Floats, side: float, width: int) -> tuple[Indices, Indices]:
    """Return the order that sorts points by tile, and their tiles in that order."""
    column, row = np.floor((xy - low) / side).astype(np.int64).T
    tile = (row + 1) * width + column + 1
    order = np.argsort(tile, kind="stable")
    return order, tile[order]


def _within(
    xy: Floats, other_xy: Floats, some: Indices, others: Indices, same: int | None, reach: float
) -> tuple[Indices, Indices, Floats]:
    """Return the pairs some x others within `reach`; some[k] is others[same + k] if not None."""
    squared = np.subtract.outer(xy[:, 0], other_xy[:, 0])
    np.multiply(squared, squared, out=squared)
    dy = np.subtract.outer(xy[:, 1], other_xy[:, 1])
    np.multiply(dy, dy, out=dy)
    np.add(squared, dy, out=squared)
    near = squared <= reach * reach
    k = np.arange(len(some))
    if same is not None:
        near[k, same + k] = False
    column = np.flatnonzero(near)
    count = near.sum(axis=1)
    column -= np.repeat(k * len(others), count)
    return np.repeat(some, count), others[column], squared[near]


class Pairs(ABC):
    """Which pairs of cells may connect, and how many edges are expected.

    Attributes:
        n_cells: number of all cells.
        expected: expected edges per group of pairs, shape (n_groups,); those of group 0 never
            connect, and entry 0 is 0.
        names: what each group is called in messages; empty for all projections together.
        n_post: postsynaptic cells per group, shape (n_groups,).
        reach: how far a cell connects, for messages.
    """

    n_cells: int
    expected: Floats
    names: tuple[str, ...]
    n_post: Indices
    reach: str

    @abstractmethod
    def blocks(self) -> Iterator[tuple[Indices, Indices, Indices, Floats]]:
        """Yield (post, pre, group, kernel) of all pairs within reach, block by block."""


@dataclass(frozen=True)
class Wiring(Pairs):
    """The pairs of the cells of one plane.

    Attributes:
        xy: positions, um, shape (n, 2).
        population: index of each cell's population, shape (n,).
        group: for [post population, pre population], which amplitude applies; 0 = never connected.
        expected, names, n_post: of `Pairs`.
        kernel: the fall-off.
    """

    xy: Floats
    population: Indices
    group: Indices
    expected: Floats
    names: tuple[str, ...]
    n_post: Indices
    kernel: Kernel

    @property
    def n_cells(self) -> int:  # type: ignore[override]
        """Number of cells."""
        return len(self.xy)

    @property
    def reach(self) -> str:  # type: ignore[override]
        """How far a cell connects."""
        return f"{self.kernel.reach:g} um"

    def blocks(self) -> Iterator[tuple[Indices, Indices, Indices, Floats]]:
        """Yield (post, pre, group, kernel) of all pairs within reach, block by block."""
        for post, pre, squared in near_pairs(self.xy, self.kernel.reach):
            group = self.group[self.population[post], self.population[pre]]
            yield post, pre, group, self.kernel(squared)


def amplitudes(wiring: Pairs) -> Floats:
    """Return the amplitude A of each group, so that min(1, A kernel) sums to what is expected.

    Newton's iteration from A = 0 on a sum that is concave in A, hence monotone and exact once
    no further pair saturates.

    Raises:
        InvalidValue: if even all pairs within reach are fewer than expected.
    """
    found = np.zeros(len(wiring.expected))
    while True:
        mass, saturated, pairs = _tally(wiring, found)
        _check_reachable(wiring, pairs)
        missing = wiring.expected - saturated
        better = np.where(mass > 0, missing * _UNIT_OF_MASS / np.maximum(mass, 1), found)
        settled = np.abs(better - found) <= _SETTLED * better
        if settled.all() or (not saturated.any() and better.max() <= 1.0):
            return better
        found = better


def _tally(wiring: Pairs, amplitude: Floats) -> tuple[Indices, Indices, Indices]:
    """Return per group: summed kernel of unsaturated pairs (integer), saturated pairs, pairs."""
    n_groups = len(amplitude)
    totals = np.zeros((3, n_groups), np.int64)
    for _, _, group, weight in wiring.blocks():
        full = amplitude[group] * weight >= 1.0
        mass = np.rint(weight * _UNIT_OF_MASS)
        mass[full] = 0.0
        totals[0] += np.bincount(group, mass, n_groups).astype(np.int64)
        totals[1] += np.bincount(group[full], minlength=n_groups)
        totals[2] += np.bincount(group, minlength=n_groups)
    return totals[0], totals[1], totals[2]


def _check_reachable(wiring: Pairs, pairs: Indices) -> None:
    """Raise when a group expects more edges than it has pairs within reach."""
    short = np.flatnonzero(wiring.expected > pairs)
    if short.size:
        asked, possible = (
            ", ".join(f"{wiring.names[g]} {edges[g] / wiring.n_post[g]:.4g}".strip() for g in short)
            for edges in (wiring.expected, pairs)
        )
        raise InvalidValue(
            f"mean in-degree is out of reach: got {asked}; within {wiring.reach} of "
            f"a cell there are on average {possible}. Ask for less, or place cells closer.",
            got=asked, allowed=possible,
        )  # fmt: skip


def draw_edges(wiring: Pairs, amplitude: Floats, seed: int) -> tuple[Indices, Indices]:
    """Return (post, pre) of every edge, sorted by post, then pre."""
    key = random.key(seed, site=_EDGES)
    n_cells = wiring.n_cells
    found = []
    for post, pre, group, weight in wiring.blocks():
        drawn = _uniforms(key, post, pre) < amplitude[group] * weight
        found.append(post[drawn] * n_cells + pre[drawn])
    edges = np.concatenate([np.empty(0, np.int64), *found])
    edges.sort()
    return np.divmod(edges, n_cells)


def _uniforms(key: random.Key, post: Indices, pre: Indices) -> Floats:
    """Return one number in [0, 1) per pair: the top 53 bits of Threefry's two words, 2^-53 each."""
    high, low = post.astype(np.uint32), pre.astype(np.uint32)
    random.threefry(key, high, low)
    return (high * 2.0**21 + (low >> np.uint32(11))) * 2.0**-53
