"""The rows and columns of a stimulus: their checks, and how they are rearranged."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livn.arrays import Array, as_floats, is_jax, is_traced, namespace
from livn.errors import InvalidValue

_FEW = 1 << 15  # products that are made together rather than input by input


def check_values(array: Any, source: Any, gids: Any, extent: Any) -> None:
    """Check that a stimulus has either an array, or a source with what an array would tell.

    Raises:
        InvalidValue: if it has not.
    """
    given = {"array": array, "source": source, "gids": gids, "extent": extent}
    names = [name for name, value in given.items() if value is not None]
    if array is not None:
        right = source is None and extent is None
    else:
        right = None not in (source, extent) and gids is not None
    if not right:
        raise InvalidValue(
            f"stimulus has no values, or two sets: got {', '.join(names) or 'none'}; "
            "need an array, or a source with gids and extent.",
            got=names,
        )


def rows_and_columns(values: Any) -> Array:
    """Return values as a finite array of shape (..., n_steps, n_columns), read-only if numpy's.

    Raises:
        InvalidValue: if they have no such shape, no step, or are not finite numbers.
    """
    array = as_floats(values, "stimulus array")
    if array.ndim < 2 or array.shape[-2] == 0:
        raise InvalidValue(
            f"stimulus array has no steps and columns: got shape {array.shape}; "
            "need (n_steps, n_columns) with at least one step.",
            got=array.shape,
        )
    if isinstance(array, np.ndarray):
        array = array.view()
        array.flags.writeable = False
    return array


def cell_ids(gids: Any) -> Array:
    """Return gids as integers of shape (n,), unchecked inside a jax transformation.

    Raises:
        InvalidValue: if they are not a sequence of integers from 0.
    """
    ready = isinstance(gids, np.ndarray) and gids.dtype == np.int64 and gids.ndim == 1
    if ready and gids.min(initial=0) >= 0:
        return gids.copy()
    xp = namespace(gids)
    values = xp.asarray(gids)
    ids = xp.astype(values, int) if values.dtype.kind in "iuf" else None
    if (
        ids is None
        or ids.ndim != 1
        or (not is_traced(values) and bool(xp.any((ids != values) | (ids < 0))))
    ):
        raise InvalidValue(
            f"gids are not integers from 0: got {gids!r}; need a sequence, one per column.",
            got=gids,
        )
    return ids


def check_gids(gids: Array | None, n_columns: int) -> None:
    """Check that every column has its gid.

    Raises:
        InvalidValue: if there are more or fewer gids than columns.
    """
    if gids is not None and len(gids) != n_columns:
        raise InvalidValue(
            f"stimulus has {n_columns} columns, gids name others: got {len(gids)} gids; "
            f"need {n_columns}.",
            got=len(gids),
            allowed=n_columns,
        )


def check_sections(sections: NDArray[np.str_] | None, gids: Array | None) -> None:
    """Check that every gid has its section.

    Raises:
        InvalidValue: if sections come without gids, or not one for each.
    """
    if sections is None:
        return
    n_gids = None if gids is None else len(gids)
    if sections.shape != (n_gids,):
        raise InvalidValue(
            f"sections do not belong to the gids: got shape {sections.shape} for "
            f"{'no' if n_gids is None else n_gids} gids; need one section per gid.",
            got=sections.shape,
            allowed=n_gids,
        )


def columns_per_cell(gids: Array) -> int:
    """Return how many columns each cell has, 1 without cells.

    Raises:
        InvalidValue: if cells differ in it.
    """
    counts = np.unique_counts(np.asarray(gids)).counts
    if np.any(counts != counts[:1]):
        raise InvalidValue(
            f"cells have different numbers of columns: got {counts.min()} to {counts.max()}; "
            "need the same for all. Use expand.",
            got=counts,
        )
    return int(counts[0]) if len(counts) else 1


def pad(rows: Array, n_rows: int) -> Array:
    """Return the rows followed by rows of zeros, `n_rows` in all."""
    if rows.shape[-2] == n_rows:
        return rows
    xp = namespace(rows)
    missing = (*rows.shape[:-2], n_rows - rows.shape[-2], rows.shape[-1])
    return xp.concat([rows, xp.zeros(missing, dtype=rows.dtype)], axis=-2)


def interpolate(array: Array, positions: NDArray[np.floating]) -> Array:
    """Return linear interpolations at fractional rows; beyond the last row it is held."""
    last = array.shape[-2] - 1
    positions = np.minimum(positions, last)
    before = np.floor(positions).astype(int)
    share = (positions - before)[:, None]
    after = np.minimum(before + 1, last)
    return array[..., before, :] * (1 - share) + array[..., after, :] * share


def weighted(rows: Array, gain: Array) -> Array:
    """Return the sum over inputs of input times gain, shape (..., n_rows, n_columns).

    A matrix product rounds differently with the number of rows and inputs. Here inputs add up one
    by one, and a 0 changes nothing, so a run does not depend on how it is cut or batched.

    Args:
        rows: inputs, shape (..., n_rows, n_inputs).
        gain: shape (n_inputs, n_columns).
    """
    if is_jax(rows, gain):
        return rows @ gain
    inputs, gain = np.asarray(rows, float), np.asarray(gain, float)
    if len(gain) == 1:
        return inputs * gain
    n_columns = gain.shape[-1]
    if inputs.ndim == 2 and inputs.size * n_columns <= _FEW and n_columns > 1:
        products = np.multiply(inputs.T[:, :, None], gain[:, None, :], order="C")
        summed: Array = np.add.reduce(products, axis=0)  # pairwise along the last axis only
        return summed
    total = np.zeros((*inputs.shape[:-1], n_columns))
    for number, own in enumerate(gain):
        total += inputs[..., number, None] * own
    return total


def gather(array: Array, index: NDArray[np.int64]) -> Array:
    """Return the columns `index` of an array, zeros where the index is -1."""
    xp = namespace(array)
    if array.shape[-1] == 0:
        return xp.zeros((*array.shape[:-1], len(index)), dtype=array.dtype)
    return xp.where(index >= 0, xp.take(array, np.maximum(index, 0), axis=-1), 0)


def match(
    gids: NDArray[np.int64],
    sections: NDArray[np.str_] | None,
    wanted_gids: Any,
    wanted_sections: Sequence[str] | None,
) -> NDArray[np.int64]:
    """Return for each wanted column the position of that column, -1 where there is none.

    Columns without sections match every section of their cell.

    Raises:
        InvalidValue: if a column occurs twice or is not among the wanted.
    """
    labels, wanted = np.asarray(gids), np.asarray(wanted_gids)
    if sections is not None:
        names, codes = np.unique(
            np.concatenate([sections, np.asarray(wanted_sections, str)]), return_inverse=True
        )
        labels = labels * len(names) + codes[: len(labels)]
        wanted = wanted * len(names) + codes[len(labels) :]
    order = np.argsort(labels, kind="stable")
    ordered = labels[order]
    _refuse(gids, sections, order[1:][np.diff(ordered) == 0], "are given twice")
    _refuse(gids, sections, np.flatnonzero(~np.isin(labels, wanted)), "are not among the targets")
    if len(ordered) == 0:
        return np.full(len(wanted), -1)
    found = np.minimum(np.searchsorted(ordered, wanted), len(ordered) - 1)
    return np.where(ordered[found] == wanted, order[found], -1)


def _refuse(
    gids: NDArray[np.int64],
    sections: NDArray[np.str_] | None,
    wrong: NDArray[np.int64],
    problem: str,
) -> None:
    if len(wrong):
        columns = [(int(gids[k]), None if sections is None else str(sections[k])) for k in wrong]
        raise InvalidValue(
            f"stimulus columns {problem}: got (gid, section) {columns[:10]!r}"
            f"{' …' if len(columns) > 10 else ''}; need each simulated cell or section once.",
            got=columns,
        )
