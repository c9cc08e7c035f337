"""One call of `advance` as the tables that compiled code works on."""

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from livn import random
from livn.backend.contract import Changes, Probe
from livn.backend.native.arrays import Place
from livn.backend.native.kernels import CallArrays
from livn.backend.native.lower import LANES, RandomPair, random_pairs

Integers = NDArray[np.int64]
Span = tuple[int, int]

STEP = 7  # column of `CallArrays.draws`


def play_tables(
    places: Mapping[str, Place], inputs: Mapping[str, Changes], n_copies: int
) -> dict[str, NDArray[np.generic]]:
    """Return the tables of drives: `plays`, `inputs` and `rows` of a call."""
    drives: list[Changes] = []  # that differ in time; populations share most
    table, rows, rows_at = [], [np.empty(0)], 0
    for number, (name, place) in enumerate(places.items()):
        changes = inputs.get(name)
        if changes is None:
            continue
        drive = next((k for k, d in enumerate(drives) if d.steps is changes.steps), len(drives))
        if drive == len(drives):
            drives.append(changes)
        n_cells = len(place.population) // n_copies
        for variable, values in changes.rows.items():
            table.append((drive, number, place.row(variable), rows_at, n_cells))
            rows.append(values)
            rows_at += values.size
    plays = np.empty((sum(len(d.steps) for d in drives), 4), np.int64)
    at = 0
    for drive, d in enumerate(drives):
        own = plays[at : at + len(d.steps)]
        own[:, 0], own[:, 1], own[:, 2], own[:, 3] = d.steps, d.which, d.copies, drive
        at += len(own)
    if len(drives) > 1:
        plays = plays[np.argsort(plays[:, 0], kind="stable")]
    return {
        "plays": plays,
        "inputs": np.array(table, np.int64).reshape(-1, 5),
        "rows": np.concatenate(rows, axis=None),
    }


def drawn_pairs(
    places: Mapping[str, Place], drawn: Mapping[str, frozenset[str]]
) -> list[tuple[int, Place, RandomPair]]:
    """Return number and place of the population, and the pair, of all numbers that are drawn.

    Args:
        drawn: population -> amplitudes that are not zero in some cell.
    """
    return [
        (number, place, pair)
        for number, (name, place) in enumerate(places.items())
        for pair in random_pairs(place.population.equations)
        if not drawn[name].isdisjoint(pair.amplitudes)
    ]


def draw_table(
    pairs: Sequence[tuple[int, Place, RandomPair]], stretches: Sequence[Span], n: int, dt: float
) -> Integers:
    """Return the table of random numbers, a row per pair and stretch of copies in step.

    Args:
        stretches: first copy of each, and first of the next.
        n: number of copies.
    """
    rows, keys_at = [], 0
    for number, place, pair in pairs:
        n_slots, n_cells = place.n_blocks * LANES, len(place.population) // n
        for first, last in stretches:
            end = n_slots if last == n else last * n_cells
            rows.append(
                (number, max(1, round(pair.hold / dt)), place.row(pair.names[0]), keys_at, n_slots,
                 first * n_cells, end, 0)
            )  # fmt: skip
        keys_at += 2 * n_slots
    return np.array(rows, np.int64).reshape(-1, 8)


def draw_keys(
    pairs: Sequence[tuple[int, Place, RandomPair]],
    copies: Sequence[tuple[int, int, int]],
    dt: float,
) -> NDArray[np.uint32]:
    """Return the key words of every pair and cell.

    Args:
        copies: seed, stream and steps taken of each copy.
    """
    words = [np.empty(0, np.uint32)]
    for _, place, pair in pairs:
        every = max(1, round(pair.hold / dt))
        found = [
            _key(seed, stream, pair.site, step // every >> 32) for seed, stream, step in copies
        ]
        n_cells = len(place.population) // len(copies)
        own = np.repeat(np.array(found, np.uint32), n_cells, axis=0).T
        pad = place.n_blocks * LANES - own.shape[1]
        words.append(np.pad(own, ((0, 0), (0, pad)), mode="edge").ravel())
    return np.concatenate(words)


@lru_cache(1 << 15)
def _key(seed: int, stream: int, site: int, epoch: int) -> random.Key:
    """Return the key words of a source of random numbers; the same are needed at every reset."""
    return random.epoch_key(random.key(seed, stream, site), epoch)


def record_tables(
    places: Mapping[str, Place], probes: Sequence[Probe], n_steps: int, n_copies: int
) -> dict[str, NDArray[np.generic]]:
    """Return the tables of probes: `probes`, `sources` and `out` of a call."""
    table, sources = [], []
    at = out_at = 0
    for p in probes:
        place = places[p.population]
        n_cells = len(place.population) // n_copies
        cells = np.arange(n_cells) if p.cells is None else np.asarray(p.cells)
        cells = (cells + n_cells * np.arange(n_copies)[:, None]).ravel()
        table.append((p.every, at, at + len(cells), out_at))
        sources.append(place.element(p.variable, cells))
        at += len(cells)
        out_at += len(cells) * -(-n_steps // p.every)
    return {
        "probes": np.array(table, np.int64),
        "sources": np.concatenate(sources),
        "out": np.empty(out_at),
    }


def empty_call(n_parts: int, capacity: int, n_steps: int) -> CallArrays:
    """Return the arrays of a call that plays, records and draws nothing."""
    return CallArrays(
        draws=np.empty((0, 8), np.int64), keys=np.empty(0, np.uint32),
        plays=np.empty((0, 4), np.int64), played=np.empty((0, 2), np.int64),
        inputs=np.empty((0, 5), np.int64), rows=np.empty(0),
        probes=np.empty((0, 4), np.int64), sources=np.empty(0, np.int64), out=np.empty(0),
        spikes=np.empty((n_parts, capacity), np.int32),
        moments=np.empty((n_parts, capacity), np.int32),
        counts=np.zeros((n_parts, n_steps + 1), np.int32),
    )  # fmt: skip
