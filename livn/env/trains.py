"""Spike trains that are to be played, and where they are read from."""

from dataclasses import dataclass, field

import h5py
import numpy as np
from numpy.typing import NDArray

from livn.backend.contract import NO_SPIKES, InputSpikes
from livn.errors import InvalidValue, NotSupported, unknown_names
from livn.system.neuroh5 import Attribute, read_attribute

Gids = NDArray[np.int64]
Times = NDArray[np.float64]

_TRIAL, _TRIAL_DURATION = "Trial Index", "Trial Duration"
_ON_GRID = 1e-6  # steps that a time may lie before the step it is meant for


@dataclass(frozen=True)
class Trains:
    """Spikes to be played: gid and absolute time, ms, of each, by time."""

    gids: Gids = field(default_factory=lambda: np.empty(0, np.int64))
    times: Times = field(default_factory=lambda: np.empty(0))

    def __len__(self) -> int:
        return len(self.times)

    def with_more(self, gids: Gids, times: Times) -> "Trains":
        """Return these and other spikes."""
        gids, times = np.concatenate([self.gids, gids]), np.concatenate([self.times, times])
        order = np.lexsort((gids, times))
        return Trains(gids[order], times[order])

    def due(self, gids: Gids, first: int, n_steps: int, dt: float) -> InputSpikes:
        """Return the spikes in steps `first` to `first + n_steps` of a network with these gids."""
        if not len(self):
            return NO_SPIKES
        steps = np.floor(self.times / dt + _ON_GRID).astype(np.int64) - first
        now = slice(*np.searchsorted(steps, (0, n_steps)))
        return InputSpikes(np.searchsorted(gids, self.gids[now]), steps[now])

    def after(self, step: int, dt: float) -> "Trains":
        """Return the spikes from a step on."""
        if not len(self):
            return self
        later = np.floor(self.times / dt + _ON_GRID) >= step
        return Trains(self.gids[later], self.times[later])

    def refuse(self) -> None:
        """Refuse spikes where none can be played.

        Raises:
            NotSupported: if there are any.
        """
        if len(self):
            raise NotSupported(
                f"batch plays no spike trains: got {len(self)} spikes that have not been played. "
                "Play them in an Env, or make the batch before."
            )


def populations_with(file: h5py.File, namespace: str, attribute: str) -> list[str]:
    """Return the populations that have such trains."""
    wanted = f"{namespace}/{attribute}"
    there: dict[str, list[str]] = {}
    for name, group in file.get("Populations", {}).items():
        for space, attributes in group.items():
            for found in attributes:
                there.setdefault(f"{space}/{found}", []).append(name)
    if wanted not in there:
        raise unknown_names(f"spike trains in {file.filename}", [wanted], there)
    return there[wanted]


def read_trials(
    file: h5py.File, population: str, namespace: str, attribute: str, n_trials: int
) -> dict[int, Times]:
    """Return index of the cell -> times of its first trials one after the other, ms."""
    found = _by_cell(read_attribute(file, population, namespace, attribute))
    here = file[f"Populations/{population}/{namespace}"]
    if _TRIAL not in here or _TRIAL_DURATION not in here:
        if n_trials > 1:
            raise InvalidValue(
                f"{file.filename} has no trials of {population}: got n_trials={n_trials}; need "
                f"{_TRIAL!r} and {_TRIAL_DURATION!r} in {namespace!r}. Play one."
            )
        return found
    number = _by_cell(read_attribute(file, population, namespace, _TRIAL))
    lasting = _by_cell(read_attribute(file, population, namespace, _TRIAL_DURATION))
    return {
        cell: _joined(cell, times, number[cell], lasting[cell], n_trials)
        for cell, times in found.items()
    }


def _joined(cell: int, times: Times, number: Times, lasting: Times, n_trials: int) -> Times:
    if len(lasting) < n_trials or len(number) != len(times):
        raise InvalidValue(
            f"trials of cell {cell} are too few: got {len(lasting)}, with numbers for "
            f"{len(number)} of {len(times)} spikes; need {n_trials}, with one for each."
        )
    start = np.concatenate([[0.0], np.cumsum(lasting)])
    played = number < n_trials
    return np.asarray(times[played] + start[number[played].astype(np.int64)])


def _by_cell(found: Attribute) -> dict[int, Times]:
    parts = np.split(found.values.astype(float), found.pointer[1:-1])
    return dict(zip(found.cells.tolist(), parts, strict=True)) if len(found.cells) else {}
