"""Rows of a dataset as Arrow: the columns, and how a run becomes a row."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from experiments.sampling.design import Design
from livn import get_version
from livn.run import Run

_PULSE = pa.struct([("time", pa.float64()), ("channel", pa.int32()), ("amplitude", pa.float64())])

IDENTITY = [
    ("sample_id", pa.string()),
    ("index", pa.int64()),
    ("split", pa.string()),
    ("status", pa.string()),
]
CHANNELS = [
    ("cit", pa.list_(pa.list_(pa.int32()))),
    ("ctt", pa.list_(pa.list_(pa.float64()))),
    ("cp", pa.list_(pa.list_(pa.float32()))),
]
TRUTH = [("it", pa.list_(pa.int32())), ("tt", pa.list_(pa.float64()))]
STIMULUS = [
    ("encoding", pa.string()),
    ("draw", pa.int64()),
    ("inputs", pa.list_(pa.float64())),
    ("pulses", pa.list_(_PULSE)),
]
LINEAGE = [
    ("duration", pa.float64()),
    ("warmup", pa.float64()),
    ("seed", pa.int64()),
    ("stream", pa.int64()),
    ("system", pa.string()),
    ("system_hash", pa.string()),
    ("parameters_hash", pa.string()),
    ("model", pa.string()),
    ("backend", pa.string()),
    ("livn_version", pa.string()),
    ("design", pa.string()),
]
SCHEMA = pa.schema([*IDENTITY, *CHANNELS, *TRUTH, *STIMULUS, *LINEAGE])

SILENT, RUNAWAY, DIVERGED, OK = "silent", "runaway", "diverged", "ok"
STATUSES = (OK, SILENT, RUNAWAY, DIVERGED)
RUNAWAY_HZ = 50.0  # mean over all cells; published livn's bound for the fastest single cell


@dataclass(frozen=True)
class Recorded:
    """What was measured of one sample, times from the start of the simulation.

    Attributes:
        model: name of the model of the cells.
        n_cells: number of cells.
        run: spikes of the whole simulation; None where voltages became no numbers.
        heard: (gid, time ms) of the spikes each electrode hears, in the order of the electrodes.
        potential: uV, float32, (electrodes, T) from the end of the warm-up; None where not asked.
        inputs: what an input space gave; None without one.
        pulses: (onset ms, electrode, amplitude uA); None where the encoding lists none.
    """

    model: str
    n_cells: int
    run: Run | None
    heard: list[tuple[NDArray[np.int64], NDArray[np.float64]]]
    potential: NDArray[np.float32] | None = None
    inputs: NDArray[np.float64] | None = None
    pulses: list[tuple[float, int, float]] | None = None


def row(design: Design, index: int, recorded: Recorded) -> dict[str, Any]:
    """Return the row of a sample, a value per column of `SCHEMA`; times from the warm-up's end."""
    gids, times = _spikes(recorded.run)
    kept = times >= design.warmup
    heard = [(ids[t >= design.warmup], t[t >= design.warmup]) for ids, t in recorded.heard]
    potential, pulses = recorded.potential, recorded.pulses
    return {
        "sample_id": design.sample_id(index),
        "index": index,
        "split": design.split(index),
        "status": _status(design, recorded, int(kept.sum())),
        "cit": [ids.astype(np.int32) for ids, _ in heard],
        "ctt": [_since(t, design.warmup) for _, t in heard],
        "cp": None if potential is None else list(potential),
        "it": gids[kept].astype(np.int32),
        "tt": _since(times[kept], design.warmup),
        "encoding": json.dumps(design.encodings[design.encoding(index)], sort_keys=True),
        "draw": design.draw(index),
        "inputs": None if recorded.inputs is None else np.ravel(recorded.inputs),
        "pulses": None
        if pulses is None
        else [
            {"time": float(_since(t, design.warmup)), "channel": channel, "amplitude": amplitude}
            for t, channel, amplitude in pulses
        ],
        "duration": design.duration - design.warmup,
        "warmup": design.warmup,
        "seed": design.seed,
        "stream": index,
        "system": design.system_name,
        "system_hash": design.system_hash,
        "parameters_hash": design.parameters_hash(index),
        "model": recorded.model,
        "backend": design.backend,
        "livn_version": get_version(),
        "design": design.to_json(),
    }


def table(rows: list[dict[str, Any]]) -> pa.Table:
    """Return rows as a table of `SCHEMA`."""
    return pa.Table.from_pylist(rows, SCHEMA)


def _spikes(run: Run | None) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    ids, times = (None, None) if run is None else (run.spike_ids, run.spike_times)
    if ids is None or times is None:
        return np.empty(0, np.int64), np.empty(0)
    return ids, times


def _status(design: Design, recorded: Recorded, n_spikes: int) -> str:
    """Return what became of a sample: a result, whatever it is."""
    if recorded.run is None:
        return DIVERGED
    if n_spikes == 0:
        return SILENT
    seconds = (design.duration - design.warmup) / 1000
    return RUNAWAY if n_spikes > RUNAWAY_HZ * recorded.n_cells * seconds else OK


def _since(times: Any, start: float) -> Any:
    """Return times after `start`, ms, on a grid of a picosecond, where decimal ones stay so."""
    return np.round(np.asarray(times) - start, 9)
