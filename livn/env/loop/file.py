"""A file of what a loop recorded: HDF5, in the layout of the CL API, readable after a crash.

    /spikes                     timestamp, channel
    /stims                      timestamp, channel
    /samples                    int16 (n_frames, n_channels), where the loop records frames
    /data_stream/<name>/index   timestamp, first byte, number of bytes
    /data_stream/<name>/data    JSON, one value after the other

Attributes of the root say what the numbers mean. The file is written in the single-writer mode of
HDF5, so that it may be read while the loop runs, and after it was killed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from json import JSONDecodeError, dumps, loads
from pathlib import Path
from typing import Any, Protocol, Self

import h5py
import numpy as np
from numpy.typing import NDArray

from livn.errors import CorruptFile, InvalidState, InvalidType, InvalidValue, unknown_names

EVENT = np.dtype([("timestamp", np.int64), ("channel", np.uint16)])
ENTRY = np.dtype([("timestamp", np.int64), ("first", np.int64), ("size", np.int64)])
ROWS = 4096  # of a chunk of events
BYTES = 65536  # of a chunk of samples or JSON
LAYOUT = 1  # version


class Ticking(Protocol):
    """A tick, as far as a file needs it."""

    @property
    def loop(self) -> Any:
        """The loop."""

    @property
    def analysis(self) -> Any:
        """Spikes and stimuli."""

    @property
    def frames(self) -> NDArray[np.int16] | None:
        """What was recorded."""


class Stream:
    """A stream of values of the user beside those of the culture; made by `Recording.stream`."""

    def __init__(self, group: h5py.Group):
        self._index = _table(group, "index", ENTRY)
        self._data = _table(group, "data", np.uint8, BYTES)

    def append(self, timestamp: int, value: Any) -> None:
        """Write a value.

        Args:
            timestamp: frame it belongs to, such as `tick.iteration_timestamp`.
            value: anything JSON has, and arrays and numbers of numpy.

        Raises:
            InvalidType: if JSON does not have it.
        """
        try:
            text = dumps(value, default=_plain).encode()
        except TypeError as error:
            raise InvalidType(
                f"value of a data stream cannot be written: got {value!r}; need what JSON has.",
                got=value,
            ) from error
        first = self._data.shape[0]
        _append(self._data, np.frombuffer(text, np.uint8))
        _append(self._index, np.array([(timestamp, first, len(text))], ENTRY))


class Recording:
    """The file of one loop, to be given to `env.loop(recording=...)`.

    Args:
        path: of the file, which must not be there.

    Raises:
        InvalidValue: if there is a file already.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        if self.path.exists():
            raise InvalidValue(
                f"recording is there already: got {str(path)!r}; need a new file. Remove it or "
                "choose another name.",
                got=path,
            )
        self._file: Any = h5py.File(self.path, "x", libver="latest")
        self._streams: dict[str, Stream] = {}
        self._samples: Any = None
        self._begun = False

    def stream(self, name: str) -> Stream:
        """Return the data stream of that name, made when first asked for.

        Raises:
            InvalidState: if it is new and the loop has begun, or the recording is closed.
            InvalidValue: if the name is none.
        """
        if name in self._streams:
            return self._streams[name]
        if self._begun:
            raise InvalidState(
                f"data stream comes too late: got {name!r}; there are {sorted(self._streams)}. "
                "Make all of them before the loop begins."
            )
        if not isinstance(name, str) or not name or "/" in name or name == ".":
            raise InvalidValue(f"data stream has no name: got {name!r}; need text without '/'.")
        self._streams[name] = Stream(self._file.create_group(f"data_stream/{name}"))
        return self._streams[name]

    def write(self, tick: Ticking) -> None:
        """Write what came with a tick, so that it lasts."""
        if not self._begun:
            self._begin(tick)
        _append(self._spikes, np.array([*map(tuple, tick.analysis.spikes)], EVENT))
        _append(self._stims, np.array([*map(tuple, tick.analysis.stims)], EVENT))
        if tick.frames is not None:
            _append(self._samples, tick.frames)
        self._file.flush()

    def close(self) -> None:
        """Close the file; a closed recording stays so."""
        self._begun = True
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def _begin(self, tick: Ticking) -> None:
        """Write what the numbers mean, and make everything that is to be filled."""
        loop, file = tick.loop, self._file
        file.require_group("data_stream")
        file.attrs.update(
            layout=LAYOUT,
            frames_per_second=1e3 / loop.frame_ms,
            uV_per_sample_unit=loop.device.uv_per_unit,
            channel_count=loop.n_channels,
            start_timestamp=tick.analysis.start_timestamp,
            relative_timestamps=True,  # frame 0 is t = 0 of the culture
            device=loop.device.name,
            culture=dumps(loop.env.culture()),
            seed=str(loop.env.seed),
            stream=str(loop.env.stream),
        )
        self._spikes = _table(file, "spikes", EVENT)
        self._stims = _table(file, "stims", EVENT)
        if tick.frames is not None:
            rows = max(1, BYTES // (2 * loop.n_channels))
            self._samples = _table(file, "samples", np.int16, rows, (loop.n_channels,))
        file.swmr_mode = True
        self._begun = True


@dataclass(frozen=True)
class Recorded:
    """What a recording holds, as far as it was written.

    Attributes:
        attributes: of the root.
        spikes, stims: fields timestamp and channel.
        samples: int16, shape (n_frames, n_channels); None if there are none.
        streams: by name, (timestamp, value) in the order they were written.
    """

    attributes: Mapping[str, Any]
    spikes: NDArray[np.void]
    stims: NDArray[np.void]
    samples: NDArray[np.int16] | None
    streams: Mapping[str, list[tuple[int, Any]]]

    def times_ms(self, which: str = "spikes") -> NDArray[np.float64]:
        """Return the times of spikes or stims since t = 0, ms.

        Raises:
            UnknownName: if they are neither.
        """
        if which not in ("spikes", "stims"):
            raise unknown_names("events", [which], ["spikes", "stims"])
        frames: NDArray[np.int64] = getattr(self, which)["timestamp"]
        return np.asarray(1e3 * frames / self.attributes["frames_per_second"])


def read_recording(path: str | Path) -> Recorded:
    """Return what a recording holds, also of a loop that runs or was killed.

    Raises:
        CorruptFile: if it is no recording.
        FileNotFoundError: if there is no such file.
    """
    if not Path(path).exists():
        raise FileNotFoundError(f"there is no recording at {str(path)!r}")
    try:
        with h5py.File(path, "r", swmr=True) as file:
            return Recorded(
                attributes=dict(file.attrs),
                spikes=file["spikes"][:],
                stims=file["stims"][:],
                samples=file["samples"][:] if "samples" in file else None,
                streams={n: list(_values(g)) for n, g in file["data_stream"].items()},
            )
    except (OSError, KeyError, JSONDecodeError) as error:
        raise CorruptFile(
            f"recording cannot be read: got {' '.join(str(error).split())!r} from {str(path)!r}; "
            "need a file of livn.env.loop.Recording with at least one tick.",
            got=path,
        ) from error


def _values(group: h5py.Group) -> Iterator[tuple[int, Any]]:
    """Yield the values of a stream that were written whole."""
    data = group["data"][:].tobytes()
    for timestamp, first, size in group["index"][:].tolist():
        if first + size <= len(data):
            yield timestamp, loads(data[first : first + size])


def _table(
    group: Any, name: str, dtype: Any, rows: int = ROWS, row: tuple[int, ...] = ()
) -> h5py.Dataset:
    return group.create_dataset(name, (0, *row), dtype, maxshape=(None, *row), chunks=(rows, *row))


def _append(table: h5py.Dataset, rows: NDArray[Any]) -> None:
    if len(rows):
        table.resize(table.shape[0] + len(rows), axis=0)
        table[-len(rows) :] = rows


def _plain(value: Any) -> Any:
    """Return what JSON has instead of an array or a number of numpy."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError(f"JSON has no {type(value).__name__}")
