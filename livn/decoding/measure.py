"""What all measures of spikes share: which units they are of, and one answer for all ranks."""

from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from livn.decoding.trains import SpikeTrains, spike_trains, together
from livn.errors import InvalidState, InvalidType, NotSupported, unknown_names
from livn.run import Events, PaddedEvents, Run
from livn.run.channel import flat
from livn.types import Decoding

Ints = npt.NDArray[np.int64]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class SpikeMeasure(Decoding):
    """A measure of the spikes of all simulated cells, or of all channels of the array.

    Subclasses give `measure`. Under MPI the spikes of all ranks are gathered, the first rank
    computes, and every rank gets the same answer; so nothing that gathers may come before it.

    Attributes:
        populations: whose spikes count, a name or several; None for all that are simulated.
        units: what a spike train is of: "cells", or "channels", on each of which the spikes of
            the cells within reach are heard together.
    """

    populations: str | tuple[str, ...] | None = None
    units: Literal["cells", "channels"] = "cells"

    def setup(self, env: Any) -> None:
        """Record the spikes of the populations."""
        env.record_spikes(self.populations)

    def __call__(self, run: Run, env: Any) -> Any:
        """Return the measure as a dict, the same on every rank.

        Args:
            run: with spikes.
            env: the Env that ran.

        Raises:
            InvalidType: if `run` is not a Run.
            InvalidState: if spikes were not recorded.
            UnknownName: if a population is not simulated.
            InvalidValue: if a spike is of a cell that is not simulated.
        """
        part = self.trains(run, env)
        if env.comm is None:
            return self.measure(part)
        parts = env.comm.gather(part)
        return env.comm.bcast(None if parts is None else self.measure(together(parts)))

    def measure(self, spikes: SpikeTrains) -> Any:
        """Return the measure of these trains."""
        raise NotSupported(
            f"measure {type(self).__name__} cannot measure: got no measure method; give it one."
        )

    def trains(self, run: Run, env: Any) -> SpikeTrains:
        """Return the spike trains of this rank."""
        events = spikes_of(run)
        duration = float(self.duration if run.duration is None else run.duration)
        gids = population_gids(env, self.populations)
        chosen = np.concatenate([np.empty(0, np.int64), *gids.values()])
        if self.populations is not None:
            events = events.select(chosen)
        if self.units == "cells":
            return spike_trains(chosen, events.ids, events.times, duration, gids)
        _, heard = env.channel_recording(events.ids, events.times)
        channel = np.repeat(np.array([*heard], dtype=np.int64), [len(t) for t in heard.values()])
        return spike_trains([*heard], channel, np.concatenate([*heard.values()]), duration)


def as_run(data: Any, who: str = "decoding") -> Run:
    """Return `data` if it is a Run.

    Raises:
        InvalidType: if not.
    """
    if not isinstance(data, Run):
        raise InvalidType(
            f"{who} needs a Run: got {type(data).__name__}. Put it before what changes the data.",
            got=data,
        )
    return data


def spikes_of(run: Any) -> Events:
    """Return the spikes of a run.

    Raises:
        InvalidType: if `run` is not a Run.
        InvalidState: if spikes were not recorded.
    """
    spikes: Events | PaddedEvents | None = as_run(run).spikes
    if spikes is None:
        raise InvalidState(
            f"run has no spikes: got {run!r}. Call env.record_spikes() before it runs."
        )
    return flat(spikes)


def population_gids(env: Any, populations: Any = None) -> dict[str, Ints]:
    """Return the gids of this rank's simulated cells of each population, in order of gid.

    Args:
        env: the Env.
        populations: a name or several; None for all.

    Raises:
        UnknownName: if a population is not simulated.
    """
    gids = env.simulated_gids()
    known = env.active_populations()
    names = [populations] if isinstance(populations, str) else list(populations or known)
    unknown = [n for n in names if n not in known]
    if unknown:
        raise unknown_names("population", unknown, known)
    ranges = env.system.population_ranges
    spans = {n: np.searchsorted(gids, np.cumsum(ranges[n])) for n in names}
    return {n: gids[low:high] for n, (low, high) in spans.items()}


def unit_count(env: Any, populations: Any = None) -> int:
    """Return how many cells of these populations (None: all) are simulated on this rank."""
    return sum(len(gids) for gids in population_gids(env, populations).values())


def electrode_positions(env: Any) -> dict[int, npt.NDArray[np.float64]]:
    """Return where each electrode of the array is: x, y, z in um by channel id."""
    rows = np.asarray(env.io.electrode_coordinates, dtype=np.float64)
    return dict(zip(rows[:, 0].astype(int).tolist(), rows[:, 1:], strict=True))


def ratio(over: float, under: float) -> float:
    """Return over / under, nan where that is 0 / 0 or worse."""
    return float(over / under) if under else float("nan")


def mean(values: Any) -> float:
    """Return the mean of the values, nan of none."""
    return float(np.mean(values)) if np.size(values) else float("nan")


def spread(values: Any) -> float:
    """Return the standard deviation of the values over their mean, nan of none or mean 0."""
    return ratio(float(np.std(values)), float(np.mean(values))) if np.size(values) else float("nan")


def merged_spikes(run: Run, env: Any) -> tuple[Ints, Any] | None:
    """Return gids and times, ms, of the spikes of all ranks on the first rank; None elsewhere."""
    merged = as_run(run).gather(env.comm)
    if merged is None:
        return None
    events = spikes_of(merged)
    return events.ids, events.times


def sorted_spikes(ids: npt.ArrayLike, times: npt.ArrayLike) -> tuple[Ints, Any]:
    """Return gids and times in order of time, spikes at one time in order of gid."""
    gids, moments = np.asarray(ids, np.int64), np.asarray(times, np.float64)
    order = np.lexsort((gids, moments))
    return gids[order], moments[order]
