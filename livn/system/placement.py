"""Where the somata lie."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from livn import random
from livn.errors import InvalidType, InvalidValue
from livn.system.checks import Interval, interval, non_negative, pair, positive
from livn.system.kernel import Floats, Indices, near_pairs

# Positions are multiples of this, um: exact in float32 below 16 mm, so what a file holds is what
# the distances were computed from, and coarse enough to hide a last bit that machines disagree on.
GRID = 1.0 / 1024.0

_PLANE, _HEIGHT = 1, 2  # sites of the random numbers; kernel.py has 3
_MAX_ATTEMPTS = 200
_MAX_TRIALS = 2**20  # steps reserved for the trials of one attempt

Bounds = tuple[Interval, Interval]


@dataclass(frozen=True)
class Rectangle:
    """Cells anywhere in a rectangle with equal probability.

    Attributes:
        x_range, y_range: (low, high), um.
    """

    x_range: Interval = (0.0, 4000.0)
    y_range: Interval = (0.0, 4000.0)

    def __post_init__(self) -> None:
        for name in ("x_range", "y_range"):
            low, high = interval(f"rectangle {name}", getattr(self, name))
            positive(f"rectangle extent in {name}", high - low)
            object.__setattr__(self, name, (low, high))

    @property
    def bounds(self) -> Bounds:
        """((x0, y0), (x1, y1)), um."""
        (x0, x1), (y0, y1) = self.x_range, self.y_range
        return (x0, y0), (x1, y1)

    def positions(self, gids: Indices, attempt: int, seed: int) -> Floats:
        """Return one position per gid, um, (n, 2); another for each `attempt`."""
        low, high = np.array(self.bounds)
        uniform = random.uniforms(random.key(seed, site=_PLANE), gids, attempt, 1)[:, 0]
        return low + uniform.T * (high - low)


@dataclass(frozen=True)
class Disk:
    """Cells anywhere in a disk, or a ring, with equal probability per area.

    Attributes:
        center: (x, y), um.
        radius: outer radius, um.
        inner_radius: radius of the hole, um; 0 for a full disk.
    """

    center: Interval = (0.0, 0.0)
    radius: float = 500.0
    inner_radius: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "center", pair("disk center", self.center))
        object.__setattr__(self, "radius", positive("disk radius", self.radius))
        inner = non_negative("disk inner_radius", self.inner_radius)
        object.__setattr__(self, "inner_radius", inner)
        if inner >= self.radius:
            raise InvalidValue(
                f"disk inner_radius is too large: got {inner:g} um; need less than the radius, "
                f"{self.radius:g} um.",
                got=inner,
            )

    @property
    def bounds(self) -> Bounds:
        """((x0, y0), (x1, y1)), um."""
        (x, y), r = self.center, self.radius
        return (x - r, y - r), (x + r, y + r)

    def positions(self, gids: Indices, attempt: int, seed: int) -> Floats:
        """Return one position per gid, um, (n, 2); another for each `attempt`.

        Points of the square are drawn until they fall into the unit disk (Marsaglia 1972: their
        squared norm s is then uniform and independent of their direction), which needs no sine.
        """
        key = random.key(seed, site=_PLANE)
        points = np.empty((len(gids), 2))
        norms = np.full(len(gids), np.inf)
        step = attempt * _MAX_TRIALS
        while (left := np.flatnonzero(norms > 1.0)).size:
            points[left] = 2.0 * random.uniforms(key, gids[left], step, 1)[:, 0].T - 1.0
            x, y = points[left].T
            norms[left] = x * x + y * y
            step += 1
        inner = self.inner_radius * self.inner_radius
        radii = np.sqrt(inner + norms * (self.radius * self.radius - inner))
        return np.array(self.center) + points * (radii / np.sqrt(norms))[:, None]


@dataclass(frozen=True)
class Placement:
    """Cells where a function of yours puts them.

    Attributes:
        function: called as `function(n, rng)` with a numpy Generator seeded by the culture;
            returns x, y of n cells, um, shape (n, 2). Cells come in gid order.
        bounds: ((x0, y0), (x1, y1)), um, that all positions lie in.
    """

    function: Callable[[int, np.random.Generator], npt.ArrayLike]
    bounds: Bounds

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise InvalidType(
                f"placement is not a function: got {self.function!r}; "
                "need f(n, rng) -> positions (n, 2).",
                got=self.function,
            )
        low, high = (
            pair(f"placement bounds {end}", value)
            for end, value in zip(("low", "high"), _two(self.bounds), strict=True)
        )
        for axis in range(2):
            positive(f"placement extent in {'xy'[axis]}", high[axis] - low[axis])
        object.__setattr__(self, "bounds", (low, high))

    def positions(self, gids: Indices, attempt: int, seed: int) -> Floats:
        """Return one position per gid, um, (n, 2); another for each `attempt`."""
        n = len(gids)
        xy = np.asarray(self.function(n, np.random.default_rng([seed, attempt])), dtype=float)
        if xy.shape != (n, 2):
            raise InvalidValue(
                f"placement of {n} cells has a wrong shape: got {xy.shape}; need ({n}, 2).",
                got=xy.shape, allowed=(n, 2),
            )  # fmt: skip
        low, high = np.array(self.bounds)
        outside = np.flatnonzero(~((xy >= low) & (xy <= high)).all(axis=1))
        if outside.size:
            raise InvalidValue(
                f"placement leaves its bounds: got {xy[outside[0]].tolist()} for cell "
                f"{outside[0]} ({outside.size} of {n} cells); need x, y within {self.bounds}.",
                got=xy[outside[0]].tolist(), allowed=self.bounds,
            )  # fmt: skip
        return xy


Area = Rectangle | Disk | Placement


def _two(value: Any) -> Any:
    """Return `value` if it has two entries, or raise."""
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise InvalidType(
            f"placement bounds are not two corners: got {value!r}; need ((x0, y0), (x1, y1)).",
            got=value,
        )
    return value


def place_cells(
    area: Area,
    n_cells: int,
    z_range: Interval | tuple[Floats, Floats],
    min_distance: float,
    seed: int,
) -> npt.NDArray[np.float32]:
    """Return x, y, z of every cell, um, shape (n_cells, 3), multiples of 1/1024 um.

    x and y come from the area, z is uniform in the range of all cells or of each. Where two somata
    are closer than `min_distance` in the plane, the one with the higher gid is drawn again.

    Raises:
        InvalidValue: if some cells find no place far enough from the others.
    """
    gids = np.arange(n_cells)
    xy = _on_grid(area.positions(gids, 0, seed))
    attempt = 0
    while min_distance and (crowded := _crowded(xy, min_distance)).size:
        attempt += 1
        if attempt > _MAX_ATTEMPTS:
            raise InvalidValue(
                f"minimum soma distance cannot be kept: got {min_distance:g} um; {crowded.size} "
                f"of {n_cells} cells found no place. Lower it or enlarge the area.",
                got=min_distance,
            )
        xy[crowded] = _on_grid(area.positions(crowded, attempt, seed))
    z_low, z_high = z_range
    uniform = random.uniforms(random.key(seed, site=_HEIGHT), gids, 0, 1)[0, 0]
    z = _on_grid(z_low + uniform * (z_high - z_low))
    return np.column_stack([xy, z]).astype(np.float32)


def _crowded(xy: Floats, min_distance: float) -> Indices:
    """Return the cells that have a neighbour of lower index nearer than `min_distance`."""
    found = [
        first[(first > second) & (squared < min_distance * min_distance)]
        for first, second, squared in near_pairs(xy, min_distance)
    ]
    return np.unique(np.concatenate(found))


def _on_grid(coordinates: Floats) -> Floats:
    """Return the coordinates as stored: on the grid, and float32."""
    return (np.rint(coordinates / GRID) * GRID).astype(np.float32).astype(np.float64)
