"""One call of `advance` as the arrays that compiled code works on."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from livn import random
from livn.backend.contract import Drive, Probe
from livn.backend.native.arrays import Place
from livn.backend.native.kernels import CallArrays
from livn.backend.native.lower import random_pairs
from livn.models.values import Value

Integers = NDArray[np.int64]
Renewals = list[tuple[int, int, int, int]]


def renewals(
    places: Mapping[str, Place], values: Mapping[str, Mapping[str, Value]], dt: float
) -> Renewals:
    """Return population, steps between renewals, row of the first number and site of every pair.

    Numbers are drawn only where an amplitude is not zero.
    """
    return [
        (k, max(1, round(pair.hold / dt)), place.row(pair.names[0]), pair.site)
        for k, (name, place) in enumerate(places.items())
        for pair in random_pairs(place.population.equations)
        if any(np.any(values[name][a]) for a in pair.amplitudes)
    ]


def draws(found: Renewals, seed: int, stream: int, step: int) -> Integers:
    """Return the table of random numbers, with the keys that hold from `step` on."""
    rows = []
    for population, every, row, site in found:
        key = random.epoch_key(random.key(seed, stream, site), (step // every) >> 32)
        rows.append((population, every, row, *key))
    return np.array(rows, np.int64).reshape(-1, 5)


def plays(
    places: Mapping[str, Place], drives: Mapping[str, Drive]
) -> tuple[Integers, Integers, NDArray[np.float64]]:
    """Return the table of drives, their samples and their rows."""
    table, index, rows = [], [np.empty(0, np.int64)], [np.empty(0)]
    index_at = rows_at = 0
    for k, (name, place) in enumerate(places.items()):
        drive = drives.get(name)
        if drive is None:
            continue
        n_samples, n_cells = len(drive.index), len(place.population)
        for variable, values in drive.rows.items():
            row = place.row(variable)
            table.append((k, row, drive.hold, rows_at, n_cells, index_at, n_samples))
            rows.append(values.ravel())
            rows_at += values.size
        index.append(drive.index)
        index_at += n_samples
    found = np.array(table, np.int64).reshape(-1, 7)
    return found, np.concatenate(index), np.concatenate(rows)


def recordings(
    places: Mapping[str, Place], probes: Sequence[Probe], n_steps: int
) -> tuple[Integers, Integers, list[int]]:
    """Return the table of probes, the elements they sample, and where each begins in the output."""
    table, sources, begins = [], [np.empty(0, np.int64)], [0]
    at = 0
    for p in probes:
        place = places[p.population]
        cells = np.arange(len(place.population)) if p.cells is None else np.asarray(p.cells)
        table.append((p.every, at, at + len(cells), begins[-1]))
        sources.append(place.element(p.variable, cells))
        at += len(cells)
        begins.append(begins[-1] + len(cells) * -(-n_steps // p.every))
    return np.array(table, np.int64).reshape(-1, 4), np.concatenate(sources), begins


def empty_call(n_parts: int, capacity: int, n_steps: int) -> CallArrays:
    """Return the arrays of a call that plays, records and draws nothing."""
    return CallArrays(
        draws=np.empty((0, 5), np.int64), plays=np.empty((0, 7), np.int64),
        samples=np.empty(0, np.int64), rows=np.empty(0), probes=np.empty((0, 4), np.int64),
        sources=np.empty(0, np.int64), out=np.empty(0),
        spikes=np.empty((n_parts, capacity), np.int32),
        counts=np.zeros((n_parts, n_steps + 1), np.int32),
    )  # fmt: skip
