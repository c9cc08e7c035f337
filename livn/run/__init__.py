"""What came out of a simulation: events and sampled series of one window of time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from livn.errors import InvalidState, InvalidType, InvalidValue, unknown_names
from livn.run.channel import Channel, concatenated, flat, merged, spanning, window
from livn.run.checks import (
    SAME_MOMENT,
    Ids,
    as_values,
    ends_of,
    gids_of,
    moment,
    same_duration,
)
from livn.run.events import Events, PaddedEvents
from livn.run.series import Series

__all__ = ["SPIKES", "Events", "PaddedEvents", "Run", "Series"]

Values = npt.NDArray[Any]

SPIKES, VOLTAGE, CURRENT = "spikes", "voltage", "current"
_KINDS = {SPIKES: (Events, PaddedEvents), VOLTAGE: (Series,), CURRENT: (Series,)}
_ANY_KIND = (Events, PaddedEvents, Series)


@dataclass(frozen=True, eq=False, repr=False)
class Run:
    """Named recordings of one window of time; immutable, so builders return a new Run.

    Times inside a Run start at 0. It unpacks and indexes as the six-tuple (spike ids, spike
    times, voltage ids, voltage, current ids, current), None for what was not recorded, while
    `run["name"]` is the channel of that name.

    Attributes:
        channels: recordings by name: "spikes", "voltage" (mV), "current" (uA) and any other.
        t0: absolute time at which the window starts, ms.
        duration: length of the window, ms; None takes it from the channels where they have one.

    Raises:
        InvalidValue: if an event lies outside the window or a series does not span it.
        InvalidType: if a channel is of a kind it cannot be.
    """

    channels: Mapping[str, Channel] = field(default_factory=dict)
    t0: float = 0.0
    duration: float | None = None

    def __post_init__(self) -> None:
        for name, channel in self.channels.items():
            kinds = _KINDS.get(name, _ANY_KIND)
            if not isinstance(channel, kinds):
                raise InvalidType(
                    f"channel {name!r} is of the wrong kind: got {type(channel).__name__}; "
                    f"need {' or '.join(k.__name__ for k in kinds)}.",
                    got=type(channel),
                )
        known = (c.duration for c in self.channels.values() if c.duration is not None)
        duration = next(known, None) if self.duration is None else moment(self.duration)
        channels = {n: spanning(n, c, duration) for n, c in self.channels.items()}
        object.__setattr__(self, "channels", MappingProxyType(channels))
        object.__setattr__(self, "t0", moment(self.t0))
        object.__setattr__(self, "duration", duration)

    def __reduce__(self) -> tuple[Any, ...]:
        return Run, (dict(self.channels), self.t0, self.duration)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Run):
            return NotImplemented
        same_window = (self.t0, self.duration) == (other.t0, other.duration)
        return same_window and self.channels == other.channels

    def __repr__(self) -> str:
        window = "" if self.duration is None else f", {self.duration:g} ms"
        held = "".join(f", {name}={channel!r}" for name, channel in self.channels.items())
        return f"Run(from {self.t0:g} ms{window}{held})"

    # the six-tuple and the names

    def __iter__(self) -> Iterator[Values | None]:
        yield from (self.spike_ids, self.spike_times)
        yield from (self.voltage_ids, self.voltage)
        yield from (self.current_ids, self.current)

    def __len__(self) -> int:
        return 6

    def __contains__(self, name: object) -> bool:
        return name in self.channels

    def __getitem__(self, which: str | int | slice) -> Any:
        if not isinstance(which, str):
            return tuple(self)[which]
        if which not in self.channels:
            raise unknown_names("channel", [which], self.channels)
        return self.channels[which]

    @property
    def t1(self) -> float | None:
        """Absolute time at which the window ends, ms; None if the duration is not known."""
        return None if self.duration is None else moment(self.t0 + self.duration)

    @property
    def spikes(self) -> Events | PaddedEvents | None:
        """The spikes, None if they were not recorded."""
        channel = self.channels.get(SPIKES)
        return None if isinstance(channel, Series) else channel

    @property
    def spike_ids(self) -> Ids | None:
        """Gid of each spike, shape (n_spikes,)."""
        return None if self.spikes is None else flat(self.spikes).ids

    @property
    def spike_times(self) -> npt.NDArray[np.float64] | None:
        """Time of each spike, ascending, ms, shape (n_spikes,)."""
        return None if self.spikes is None else flat(self.spikes).times

    @property
    def voltage_ids(self) -> Ids | None:
        """Gid of each voltage row, shape (n_rows,)."""
        series = self._series(VOLTAGE)
        return None if series is None else series.ids

    @property
    def voltage(self) -> Values | None:
        """Membrane potential, mV, shape (n_rows, T)."""
        series = self._series(VOLTAGE)
        return None if series is None else series.values

    @property
    def voltage_dt(self) -> float | None:
        """Time between voltage samples, ms."""
        series = self._series(VOLTAGE)
        return None if series is None else series.dt

    @property
    def voltage_sections(self) -> tuple[str, ...] | None:
        """Section of each voltage row; None if not recorded or somata only."""
        series = self._series(VOLTAGE)
        return None if series is None else series.sections

    @property
    def current_ids(self) -> Ids | None:
        """Gid of each current row, shape (n_rows,)."""
        series = self._series(CURRENT)
        return None if series is None else series.ids

    @property
    def current(self) -> Values | None:
        """Transmembrane current, uA, shape (n_rows, T)."""
        series = self._series(CURRENT)
        return None if series is None else series.values

    @property
    def current_dt(self) -> float | None:
        """Time between current samples, ms."""
        series = self._series(CURRENT)
        return None if series is None else series.dt

    # builders

    def add(
        self,
        name: str,
        ids: npt.ArrayLike | None,
        values: npt.ArrayLike | None = None,
        *,
        dt: float | None = None,
        kind: Literal["events", "series"] | None = None,
        t0: float | None = None,
        duration: float | None = None,
        padded: bool = False,
        sections: Sequence[str] | None = None,
    ) -> "Run":
        """Return a Run that also has this channel, in place of one of the same name.

        Args:
            name: name of the channel.
            ids: gid of each event or row; with `values` None too, nothing is added.
            values: event times, ms, shape (n,), or samples, shape (n, T, ...).
            dt: time between samples, ms.
            kind: None means series where `dt` is given or the values have 2 or more dimensions.
            t0: first sample from the start of the window, ms; None is 0.
            duration: length of the window, ms, for a Run that does not know it yet.
            padded: the events come as one padded row of times per cell, shape (..., n, k).
            sections: section of each row of a series.

        Raises:
            InvalidValue: if the arguments contradict each other or the window of the Run.
        """
        if ids is None and values is None:
            return self
        if ids is None or values is None:
            missing = "ids" if ids is None else "values"
            raise InvalidValue(f"channel {name!r} lacks {missing}: got None; need both or neither.")
        window = self.duration if duration is None else moment(duration)
        if self.duration is not None:
            same_duration([self.duration, window])
        as_series = dt is not None or (np.ndim(values) > 1 and not padded)
        channel: Channel
        if as_series if kind is None else kind == "series":
            if dt is None:
                raise InvalidValue(f"series {name!r} lacks dt: got None; need ms between samples.")
            named = None if sections is None else tuple(sections)
            channel = Series(np.asarray(ids), as_values(values), dt, t0 or 0.0, named)
        elif dt is not None or t0 is not None or sections is not None:
            raise InvalidValue(f"events {name!r} take no dt, t0 or sections. Use kind='series'.")
        else:
            events = PaddedEvents if padded else Events
            channel = events(np.asarray(ids), as_values(values), window)
        return replace(self, channels={**self.channels, name: channel}, duration=window)

    def add_spikes(
        self, ids: npt.ArrayLike | None, times: npt.ArrayLike | None, padded: bool = False
    ) -> "Run":
        """Return a Run with these spikes: gids and times from the start of the window, ms."""
        return self.add(SPIKES, ids, times, kind="events", padded=padded)

    def add_voltage(
        self,
        ids: npt.ArrayLike | None,
        values: npt.ArrayLike | None,
        dt: float = 0.1,
        sections: Sequence[str] | None = None,
    ) -> "Run":
        """Return a Run with these voltages, mV, shape (n_rows, T), every `dt` ms."""
        return self.add(VOLTAGE, ids, values, dt=dt, sections=sections)

    def add_current(
        self, ids: npt.ArrayLike | None, values: npt.ArrayLike | None, dt: float = 0.1
    ) -> "Run":
        """Return a Run with these transmembrane currents, uA, shape (n_rows, T), every `dt` ms."""
        return self.add(CURRENT, ids, values, dt=dt)

    def drop(self, name: str) -> "Run":
        """Return a Run without this channel.

        Raises:
            UnknownName: if there is no such channel.
        """
        if name not in self.channels:
            raise unknown_names("channel", [name], self.channels)
        return self._without(name)

    def drop_spikes(self) -> "Run":
        """Return a Run without spikes, the same where there are none."""
        return self._without(SPIKES)

    def drop_voltage(self) -> "Run":
        """Return a Run without voltage, the same where there is none."""
        return self._without(VOLTAGE)

    def drop_current(self) -> "Run":
        """Return a Run without transmembrane current, the same where there is none."""
        return self._without(CURRENT)

    # windows of time and choices of cells

    def slice(self, start: float = 0.0, stop: float | None = None) -> "Run":
        """Return the window start <= t < stop, ms from the start of this one.

        Args:
            start: first moment kept, ms.
            stop: first moment left out, ms; None is the end.

        Raises:
            InvalidValue: if the bounds are not in order within the window, or not multiples of
                the step of a series.
        """
        end = self.duration if stop is None else moment(stop)
        limit = np.inf if self.duration is None else self.duration
        if not 0 <= start < (limit if end is None else end) <= limit:
            raise InvalidValue(
                f"slice is not a window of the run: got start={start}, stop={stop} ms; "
                f"need 0 <= start < stop <= {limit:g} ms.",
                got=(start, stop),
            )
        cut = None if end == self.duration else end
        channels = {n: window(n, c, start, cut) for n, c in self.channels.items()}
        length = None if end is None else end - start
        return Run(channels, self.t0 + start, length)

    def concat(self, *others: "Run") -> "Run":
        """Return the window of this run and those of the others, one after the other.

        The windows of a simulation, concatenated, equal what one run over them all records.

        Args:
            others: runs of the windows that follow, each starting where the one before ends.

        Raises:
            InvalidValue: if a window does not follow, or the runs hold different recordings.
            InvalidState: if a duration is not known.
        """
        parts = (self, *others)
        for before, after in pairwise(parts):
            _refuse_not_following(before, after)
        lengths = [p.duration or 0.0 for p in parts]
        channels = {
            n: concatenated(n, [p.channels[n] for p in parts], lengths) for n in self.channels
        }
        return Run(channels, self.t0, ends_of(lengths)[-1])

    def merge(self, *others: "Run") -> "Run":
        """Return the recordings of disjoint cells over the same window as one run.

        Args:
            others: runs of other cells; a channel may be missing in some.

        Raises:
            InvalidValue: if windows differ or a cell occurs twice.
        """
        parts = (self, *others)
        starts = sorted({p.t0 for p in parts})
        if len(starts) > 1:
            raise InvalidValue(
                f"windows differ: got starts {starts} ms; need the same to merge.", got=starts
            )
        window = same_duration([p.duration for p in parts])
        names = dict.fromkeys(n for p in parts for n in p.channels)
        channels = {n: merged(n, [p.channels[n] for p in parts if n in p]) for n in names}
        return Run(channels, self.t0, window)

    def gather(self, comm: Any = None, root: int = 0) -> "Run | None":
        """Return the recordings of all ranks merged, on `root`; None on the other ranks.

        Args:
            comm: MPI communicator (mpi4py); None means there is only this process.
            root: rank that gets the result.
        """
        if comm is None:
            return self
        parts = comm.gather(self, root=root)
        return None if parts is None else parts[0].merge(*parts[1:])

    def select(
        self,
        gids: npt.ArrayLike | None = None,
        population: str | Sequence[str] | None = None,
        population_ranges: Mapping[str, tuple[int, int]] | None = None,
    ) -> "Run":
        """Return the recordings of some cells only.

        Args:
            gids: the cells.
            population: or one or more names of populations.
            population_ranges: (first gid, number of cells) of each population.

        Raises:
            InvalidValue: if it is not either gids or populations with their ranges.
            UnknownName: if a population is not among the ranges.
        """
        if gids is None and population is not None:
            gids = gids_of(population, population_ranges)
        elif gids is None or population is not None:
            raise InvalidValue("selection is not clear: need either gids or population.")
        chosen = np.asarray(gids)
        return replace(self, channels={n: c.select(chosen) for n, c in self.channels.items()})

    def _series(self, name: str) -> Series | None:
        """Return the series of that name, None where there is none."""
        channel = self.channels.get(name)
        return channel if isinstance(channel, Series) else None

    def _without(self, name: str) -> "Run":
        """Return a Run without this channel, if there."""
        return replace(self, channels={n: c for n, c in self.channels.items() if n != name})


def _refuse_not_following(before: Run, after: Run) -> None:
    """Raise unless `after` continues `before`."""
    if before.t1 is None or after.t1 is None:
        raise InvalidState("runs cannot be concatenated without a duration: got None; need ms.")
    if abs(after.t0 - before.t1) > SAME_MOMENT:
        raise InvalidValue(
            f"window does not follow: got start {after.t0:g} ms after an end at {before.t1:g} ms; "
            "need windows of one simulation in order. To lay trials end to end set their t0 with "
            "dataclasses.replace.",
            got=after.t0,
        )
    if set(before.channels) != set(after.channels):
        raise InvalidValue(
            f"recordings differ: got {sorted(after.channels)} after {sorted(before.channels)}; "
            "need the same channels in every window. Drop those that are not in all.",
            got=sorted(after.channels),
        )
