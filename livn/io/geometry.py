"""Distances between electrodes and cells, in blocks that keep memory near that of the result."""

from collections.abc import Callable
from typing import Any

import numpy as np

from livn.arrays import Array, as_floats, is_jax, is_traced, namespace
from livn.errors import InvalidValue

BLOCK = 2**17  # pairs computed at a time: the block stays in the cache


def placed(rows: Any, what: str) -> Array:
    """Return rows (id, x, y, z) as an array of shape (n, 4), of the namespace they came in.

    Raises:
        InvalidValue: if they have another shape, or are not finite numbers.
    """
    array = as_floats(rows, what)
    if array.ndim != 2 or array.shape[1] != 4:
        raise InvalidValue(
            f"{what} are not rows (id, x, y, z): got shape {array.shape}; need (n, 4).",
            got=array.shape,
        )
    return array


def channels(rows: Any, what: str) -> Array:
    """Return rows (id, x, y, z) whose ids are distinct integers from 0.

    Raises:
        InvalidValue: if there is no row, the shape is another, or ids are no distinct integers.
    """
    array = placed(rows, what)
    if array.shape[0] == 0:
        raise InvalidValue(f"{what} are none: got no row; need at least one (id, x, y, z).")
    if is_traced(array):
        return array
    ids = np.asarray(array[:, 0])
    if np.any(ids != np.floor(ids)) or np.any(ids < 0) or len(np.unique(ids)) != len(ids):
        raise InvalidValue(
            f"{what} have ids that are not distinct integers from 0: got {ids.tolist()!r}.",
            got=ids,
        )
    return array


def pairwise(rule: Callable[[Array], Array], electrodes: Array, coordinates: Array) -> Array:
    """Return `rule(distance)` for every electrode and row, shape (n_electrodes, n_rows).

    Args:
        rule: elementwise function of distances, um, which may bring jax numbers of its own.
        electrodes: rows (id, x, y, z), um.
        coordinates: rows (gid, x, y, z), um.
    """
    if is_jax(electrodes, coordinates, rule(np.zeros(0))):
        return rule(_distance(electrodes, coordinates))
    result = np.empty((len(electrodes), len(coordinates)))
    step = max(1, BLOCK // max(1, len(coordinates)))
    for first in range(0, len(electrodes), step):
        block = slice(first, first + step)
        result[block] = rule(_distance(electrodes[block], coordinates))
    return result


def relative_distance(electrodes: Array, coordinates: Array) -> Array:
    """Return Euclidean distances, um, shape (n_electrodes, n_rows).

    Args:
        electrodes: rows (id, x, y, z), um.
        coordinates: rows (gid, x, y, z), um.
    """
    return pairwise(
        lambda distance: distance, placed(electrodes, "electrodes"), placed(coordinates, "cells")
    )


def calculate_distances(electrodes: Array, coordinates: Array) -> Array:
    """Return rows (channel id, gid, distance in um), channel by channel.

    Args:
        electrodes: rows (id, x, y, z), um.
        coordinates: rows (gid, x, y, z), um, in whose order the rows of a channel are.
    """
    xp = namespace(electrodes, coordinates)
    distance = relative_distance(electrodes, coordinates)
    columns = xp.broadcast_arrays(electrodes[:, :1], coordinates[None, :, 0], distance)
    return xp.stack(columns, axis=-1).reshape(-1, 3)


def _distance(electrodes: Array, coordinates: Array) -> Array:
    """Euclidean distance whose gradient at 0 is 0 and not nan."""
    xp = namespace(electrodes, coordinates)
    squares = [(electrodes[:, k, None] - coordinates[None, :, k]) ** 2 for k in (1, 2, 3)]
    squared = squares[0] + squares[1] + squares[2]
    apart = squared > 0
    return xp.where(apart, xp.sqrt(xp.where(apart, squared, 1.0)), 0.0)
