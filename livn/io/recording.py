"""Which cells a channel hears, and sorting spikes and traces by channel."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from livn.arrays import Array, is_array
from livn.errors import InvalidValue


def channel_recording(
    electrodes: Array, coordinates: Array, radius: float, ii: Any, *recordings: Any
) -> dict[int, Any] | tuple[dict[int, Any], ...]:
    """Return what each channel hears: the entries of the cells within `radius` of it.

    An entry of a cell that several channels hear is repeated for each.

    Args:
        electrodes: rows (id, x, y, z), um.
        coordinates: rows (gid, x, y, z), um; a cell is heard through any of its rows.
        radius: um, inclusive.
        ii: gid of each entry; None for one entry per row of `coordinates`.
        recordings: values of each entry along the first axis, such as spike times or traces.

    Returns:
        Entries by channel id in the order of input, of `ii` and then of each recording; one
        dict if there are no recordings. Every channel is present.

    Raises:
        InvalidValue: if a recording has not one value per entry, or a gid has no coordinate.
    """
    rows, contacts = np.asarray(coordinates), np.asarray(electrodes)
    gids = rows[:, 0].astype(np.int64)
    entries = gids if ii is None else np.asarray(ii, np.int64)
    series = [entries, *(r if is_array(r) else np.asarray(r) for r in recordings)]
    for values in series:
        if len(values) != len(entries):
            raise InvalidValue(
                f"recording does not match its gids: got {len(values)} values for "
                f"{len(entries)} entries; need as many.",
                got=len(values),
                allowed=len(entries),
            )
    cells, cell_of_entry = np.unique(entries, return_inverse=True)
    _check_known(cells, gids)
    channel, cell = _hearing(contacts, rows[np.isin(gids, cells)], cells, radius)
    channel, entry = _entries(channel, cell, cell_of_entry, len(cells))
    bounds = np.searchsorted(channel, np.arange(len(contacts) + 1))
    spans = list(zip(contacts[:, 0].astype(int).tolist(), bounds, bounds[1:], strict=False))
    sorted_by_channel = [values[entry] for values in series]
    found = tuple({c: values[a:b] for c, a, b in spans} for values in sorted_by_channel)
    return found if recordings else found[0]


def _hearing(
    electrodes: NDArray[np.float64],
    rows: NDArray[np.float64],
    cells: NDArray[np.int64],
    radius: float,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions of channel and cell of every pair in reach, by channel, each once."""
    if len(rows) == 0:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    from scipy.spatial import cKDTree

    pairs = cKDTree(electrodes[:, 1:]).sparse_distance_matrix(
        cKDTree(rows[:, 1:]), radius, output_type="ndarray"
    )
    cell = np.searchsorted(cells, rows[:, 0])[pairs["j"]]
    return np.divmod(np.unique(pairs["i"] * len(cells) + cell), len(cells))


def _entries(
    channel: NDArray[np.int64],
    cell: NDArray[np.int64],
    cell_of_entry: NDArray[np.int64],
    n_cells: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Channel and entry for every entry of every pair, by channel, then in order of input."""
    by_cell = np.argsort(cell_of_entry, kind="stable")
    counts = np.bincount(cell_of_entry, minlength=n_cells)
    first = np.cumsum(counts) - counts
    repeats = counts[cell]
    within = np.arange(repeats.sum()) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    entry = by_cell[np.repeat(first[cell], repeats) + within]
    n_entries = max(1, len(cell_of_entry))
    return np.divmod(np.sort(np.repeat(channel, repeats) * n_entries + entry), n_entries)


def _check_known(cells: NDArray[np.int64], gids: NDArray[np.int64]) -> None:
    missing = np.setdiff1d(cells, gids)
    if len(missing):
        raise InvalidValue(
            f"cells have no coordinates: got gids {missing[:10].tolist()!r}"
            f"{' …' if len(missing) > 10 else ''}; need a row for each cell that is recorded.",
            got=missing,
        )
