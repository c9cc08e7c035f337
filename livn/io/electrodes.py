"""Regular arrays of electrodes."""

import math

import numpy as np
from numpy.typing import NDArray

from livn.arrays import positive
from livn.errors import InvalidValue


def electrode_array_coordinates(
    pitch: float = 1000.0,
    xs: int = 4,
    ys: int = 4,
    xoffset: float = 500.0,
    yoffset: float = 500.0,
    z: float = 175.0,
) -> NDArray[np.float64]:
    """Return rows (id, x, y, z) of a grid, um, shape (xs * ys, 4); x changes fastest.

    Args:
        pitch: distance of neighbours, um.
        xs: electrodes along x.
        ys: electrodes along y.
        xoffset: x of the first electrode, um.
        yoffset: y of the first electrode, um.
        z: height of all, um.

    Raises:
        InvalidValue: if the pitch is not positive or a count below 1.
    """
    positive(pitch, "electrode pitch", "um")
    if xs < 1 or ys < 1:
        raise InvalidValue(
            f"electrode array is empty: got xs={xs!r}, ys={ys!r}; need at least 1 each.",
            got=(xs, ys),
        )
    x, y = np.meshgrid(xoffset + pitch * np.arange(xs), yoffset + pitch * np.arange(ys))
    n = xs * ys
    return np.column_stack([np.arange(n, dtype=float), x.ravel(), y.ravel(), np.full(n, float(z))])


def electrode_array_coordinates_for_area(
    pitch: float, area: tuple[tuple[float, float], tuple[float, float]], z: float = 0.0
) -> NDArray[np.float64]:
    """Return rows (id, x, y, z) of the largest grid centred in an area, um.

    Each axis takes the largest power of two of electrodes that fits, as connectors do.

    Args:
        pitch: distance of neighbours, um.
        area: corners ((x0, y0), (x1, y1)), um.
        z: height of all, um.

    Raises:
        InvalidValue: if the pitch is not positive or the corners are not in ascending order.
    """
    positive(pitch, "electrode pitch", "um")
    (x0, y0), (x1, y1) = area
    if not (x1 >= x0 and y1 >= y0):
        raise InvalidValue(
            f"electrode area has its corners the wrong way: got {area!r}; "
            "need ((x0, y0), (x1, y1)) with x0 <= x1 and y0 <= y1.",
            got=area,
        )
    xs, ys = _largest(x1 - x0, pitch), _largest(y1 - y0, pitch)
    return electrode_array_coordinates(
        pitch,
        xs,
        ys,
        xoffset=(x0 + x1 - pitch * (xs - 1)) / 2,
        yoffset=(y0 + y1 - pitch * (ys - 1)) / 2,
        z=z,
    )


def _largest(extent: float, pitch: float) -> int:
    """Largest power of two of electrodes on a line."""
    fitting = math.floor(extent / pitch + 1e-9) + 1
    return int(2 ** (fitting.bit_length() - 1))
