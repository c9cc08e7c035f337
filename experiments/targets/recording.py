"""Spike trains of a recording: from arrays, NumPy and HDF5 files, SONATA and NWB."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from livn.decoding.trains import SpikeTrains, spike_trains
from livn.errors import CorruptFile, InvalidValue, unknown_names

IN_MS = {"ms": 1.0, "s": 1000.0, "us": 1e-3}


def read_recording(path: str, duration: float | None = None) -> SpikeTrains:
    """Return the spike trains of a file, the first moment of the recording at 0.

    Read are `.npz` and `.h5` with `spike_times`, ms, and `spike_ids` (of HDF5, an attribute
    `unit` of the times says otherwise), if it is there `units`, the ids of all, silent ones too,
    and `duration`, ms; SONATA spikes; and the units of NWB (https://nwb-schema.readthedocs.io).

    Args:
        path: of the file.
        duration: ms; None for what the file says, else up to the last spike.

    Raises:
        InvalidValue: if there is no such file.
        UnknownName: for another kind of file.
        CorruptFile: if the file holds no spikes in one of these forms.
    """
    file = Path(path)
    readers = {".npz": _npz, ".h5": _hdf5, ".hdf5": _hdf5, ".nwb": _hdf5}
    if file.suffix not in readers:
        raise unknown_names("kind of recording", [file.suffix or path], readers)
    if not file.is_file():
        raise InvalidValue(f"recording is missing: got {path!r}; need a file.", got=path)
    found = readers[file.suffix](file)
    return from_arrays(
        found["spike_times"], found["spike_ids"],
        found.get("duration") if duration is None else duration, found.get("units"),
    )  # fmt: skip


def from_arrays(
    times: npt.ArrayLike, ids: npt.ArrayLike, duration: Any = None, units: Any = None
) -> SpikeTrains:
    """Return the spike trains of two arrays.

    Args:
        times: of the spikes, ms.
        ids: unit (or electrode) of each.
        duration: ms; None to end with the last spike. Later spikes are left out.
        units: ids of all units; None for those that fire.

    Raises:
        InvalidValue: if there are no spikes, or lengths differ.
    """
    moments, owners = np.asarray(times, np.float64), np.asarray(ids, np.int64)
    if not moments.size:
        raise InvalidValue("recording has no spikes: got 0; need at least one.", got=0)
    last = float(moments.max()) + 1e-6 if duration is None else float(np.asarray(duration))
    if owners.shape == moments.shape:
        owners, moments = owners[moments < last], moments[moments < last]
    known = np.unique(owners) if units is None else np.asarray(units)
    return spike_trains(known, owners, moments, last)


def windows(trains: SpikeTrains, width: float) -> Iterator[SpikeTrains]:
    """Yield the recording cut into whole windows of `width` ms; one shorter than that as it is."""
    n = int(trains.duration // width)
    if n <= 1:
        yield trains
        return
    for k in range(n):
        inside = (trains.times >= k * width) & (trains.times < (k + 1) * width)
        moments = np.minimum(trains.times[inside] - k * width, np.nextafter(width, 0.0))
        yield SpikeTrains(trains.units, trains.index[inside], moments, width, trains.groups)


def _npz(file: Path) -> dict[str, Any]:
    with np.load(file, allow_pickle=False) as content:
        found = dict(content)
    return _complete(found, file)


def _hdf5(file: Path) -> dict[str, Any]:
    try:
        content = h5py.File(file, "r")
    except OSError as problem:
        raise CorruptFile(f"recording cannot be read: got {file}; {problem}.") from problem
    with content:
        if "units/spike_times_index" in content:
            return _nwb(content["units"])
        if isinstance(content.get("spikes"), h5py.Group):
            return _complete(_sonata(content["spikes"]), file)
        found = {
            n: content[n][()] for n in ("spike_times", "spike_ids", "units", "duration")
            if n in content
        }  # fmt: skip
        if "spike_times" in found:
            found["spike_times"] = found["spike_times"] * _ms(content["spike_times"], "unit")
    return _complete(found, file)


def _nwb(units: Any) -> dict[str, Any]:
    ends = units["spike_times_index"][()].astype(np.int64)
    ids = units["id"][()] if "id" in units else np.arange(len(ends))
    counts = np.diff(ends, prepend=0)
    found = {"spike_times": 1000.0 * units["spike_times"][()], "units": ids}
    return found | {"spike_ids": np.repeat(ids, counts)}


def _sonata(spikes: Any) -> dict[str, Any]:
    """Return the spikes of all populations; ids of a later one follow those of the one before."""
    times, ids, first = [], [], 0
    for population in (g for g in spikes.values() if isinstance(g, h5py.Group)):
        if "timestamps" in population:
            own = population["node_ids"][()].astype(np.int64)
            times.append(population["timestamps"][()] * _ms(population["timestamps"], "units"))
            ids.append(own + first)
            first += int(own.max(initial=-1)) + 1
    return {"spike_times": np.concatenate(times), "spike_ids": np.concatenate(ids)} if ids else {}


def _ms(times: Any, attribute: str) -> float:
    unit = times.attrs.get(attribute, "ms")
    unit = unit.decode() if isinstance(unit, bytes) else str(unit)
    if unit not in IN_MS:
        raise unknown_names("unit of spike times", [unit], IN_MS)
    return IN_MS[unit]


def _complete(found: dict[str, Any], file: Path) -> dict[str, Any]:
    missing = [name for name in ("spike_times", "spike_ids") if name not in found]
    if missing:
        raise CorruptFile(
            f"recording has no {' and no '.join(missing)}: got {sorted(found)} in {file}; need "
            "spike_times (ms) and spike_ids, SONATA spikes, or NWB units.",
            got=sorted(found),
        )
    return found
