"""Your own recording as the target: the same statistics, measured of it by the same functions."""

from collections.abc import Mapping
from dataclasses import replace
from math import isnan
from statistics import fmean, stdev
from typing import Any, Literal, Self

import numpy.typing as npt
from pydantic import Field, model_validator

from experiments.targets.cultures import REST, SPONTANEOUS, Spontaneous
from experiments.targets.goals import Goal
from experiments.targets.recording import from_arrays, read_recording, windows
from experiments.targets.statistics import statistics
from experiments.targets.target import pooled, trains_of
from livn.decoding.trains import SpikeTrains
from livn.errors import InvalidValue
from livn.run import Run

LEAST = 0.2  # half width of a band relative to its middle, however still the recording is
NAMES = tuple(goal.feature for goal in SPONTANEOUS if goal.feature != "max_rate")


class Recorded(Spontaneous):
    """The statistics of a recording of your own.

    The recording is cut into windows as long as the simulation; a band is the mean over windows
    and two standard deviations to either side, at least 20 %, and the mean of rate and branching
    ratio is their target. What cannot be told of the recording is no goal.

    Attributes:
        path: the file, see `experiments.targets.recording`.
        units: what its trains are of: sorted "cells"; or "channels", and then the simulation is
            heard by its electrodes as well, where all cells within reach count together.
        recording_duration: ms; None for what the file says.
        measured: feature -> (mean, standard deviation) instead of a file, as `from_arrays` makes.

    Raises:
        InvalidValue, CorruptFile, UnknownName: if the file cannot be read.
    """

    path: str | None = None
    units: Literal["cells", "channels"] = "cells"
    recording_duration: float | None = Field(default=None, gt=0)
    measured: dict[str, tuple[float, float]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _measured(self) -> Self:
        if (self.path is None) == (not self.measured):
            raise InvalidValue(
                f"recording is not one: got path={self.path!r} and {len(self.measured)} measured "
                "features; need one of the two."
            )
        if self.path is not None:
            trains = read_recording(self.path, self.recording_duration)
            self.measured.update(measure(trains, self.duration))
        return self

    @classmethod
    def from_arrays(
        cls, times: npt.ArrayLike, ids: npt.ArrayLike, recording_duration: float | None = None,
        n_units: int | None = None, **fields: Any,
    ) -> Self:  # fmt: skip
        """Return the target that two arrays make.

        Args:
            times: of the spikes, ms.
            ids: unit (or electrode) of each.
            recording_duration: ms; None to end with the last spike.
            n_units: units 0 to n - 1 were recorded, silent ones too; None for those that fire.
            fields: others of the class.
        """
        units = None if n_units is None else range(n_units)
        trains = from_arrays(times, ids, recording_duration, units)
        window = fields.get("duration", cls.model_fields["duration"].default)
        return cls(measured=measure(trains, window), **fields)

    def own_goals(self) -> tuple[Goal, ...]:
        """Return a goal for everything that could be told of the recording."""
        known = [g for g in SPONTANEOUS if g.feature in self.measured]
        return tuple(_goal(goal, *self.measured[goal.feature]) for goal in known)

    def features(self, runs: Mapping[str, Run], env: Any) -> dict[str, float]:
        """Return the statistics of cells or channels, as of the recording."""
        return statistics(trains_of(runs[REST], env, self.units), NAMES)


def measure(trains: SpikeTrains, window: float) -> dict[str, tuple[float, float]]:
    """Return feature -> mean and standard deviation over windows of `window` ms.

    Features that no window tells are left out; of one window the deviation is 0.
    """
    each = [statistics(part, NAMES) for part in windows(trains, window)]
    known = {name: [f[name] for f in each if not isnan(f[name])] for name in NAMES}
    means = pooled(each)
    return {
        name: (means[name], stdev(values) if len(values) > 1 else 0.0)
        for name, values in known.items()
        if values
    }


def _goal(goal: Goal, mean: float, deviation: float) -> Goal:
    half = max(2 * deviation, LEAST * abs(mean), goal.floor or 1e-3)
    low, high = mean - half, mean + half
    if goal.floor is not None and low < goal.floor:
        return replace(goal, low=None, high=high, target=None, source="your recording")
    target = fmean((low, high)) if goal.target is not None else None
    return replace(goal, low=low, high=high, target=target, source="your recording")
