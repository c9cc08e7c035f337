"""The part of an Env that plays spike trains into synapses."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np

from livn.arrays import as_floats
from livn.env.lifecycle import Lifecycle
from livn.env.trains import Gids, Times, populations_with, read_trials
from livn.errors import InvalidType, InvalidValue, unknown_names
from livn.system.checks import non_negative, whole
from livn.system.neuroh5 import open_file


class PlayedTrains(Lifecycle):
    """The part of an Env that plays spike trains; cells receive them, the senders do nothing."""

    @property
    def input_gids(self) -> Gids:
        """The cells whose spike trains can be played, those that are simulated, ascending."""
        return self.network_plan.gids.copy()

    def play_input_spikes(self, spikes: Mapping[int, Any]) -> Self:
        """Let the synapses of cells have spikes, besides those that the cells fire.

        A spike at t ms arrives as a spike of the cell in the step that t lies in would. Cells do
        not notice what is played in their name, and it is not recorded. What lies beyond the next
        run waits for those that follow; `clear` forgets it.

        Args:
            spikes: gid -> times in ms from now, ascending.

        Raises:
            InvalidType: if it is no mapping of gids.
            InvalidValue: if cells are not simulated, or times are not finite, ascending and >= 0.
        """
        self.check_open()
        if not isinstance(spikes, Mapping) or not all(
            isinstance(gid, int | np.integer) for gid in spikes
        ):
            raise InvalidType(
                f"input spikes are not trains by gid: got {spikes!r}; need gid -> times in ms.",
                got=spikes,
            )
        gids = np.array(list(spikes), np.int64)
        self._check_simulated(gids)
        trains = [_train(gid, times) for gid, times in spikes.items()]
        who = np.repeat(gids, [len(times) for times in trains])
        when = np.concatenate([*trains, np.empty(0)])
        self.trains = self.trains.with_more(who, self.t + when)
        return self

    def _check_simulated(self, gids: Gids) -> None:
        known = self.network_plan.gids
        unknown = gids[~np.isin(gids, known)]
        if len(unknown):
            raise InvalidValue(
                f"input spikes are of cells that are not simulated: got gids "
                f"{unknown[:10].tolist()}; simulated: {known[0]} to {known[-1]} ({len(known)} "
                "cells). Leave them out.",
                got=unknown.tolist(),
            )

    def apply_stimulus_from_h5(
        self,
        filepath: Any,
        namespace: str,
        attribute: str = "Spike Train",
        onset: float = 0.0,
        io_size: int = 1,
        microcircuit_inputs: bool = True,
        n_trials: int = 1,
        equilibration_duration: float = 250.0,
    ) -> Self:
        """Play the spike trains of a NeuroH5 file, see `play_input_spikes`.

        Args:
            filepath: of the file.
            namespace, attribute: under which each population has its trains, ms.
            onset: of the trains, ms after the equilibration.
            io_size, microcircuit_inputs: accepted for scripts of livn 2.0, of no effect.
            n_trials: how many trials of the file are played, one after the other; more than one
                needs its `Trial Index` of each spike and `Trial Duration` of each trial.
            equilibration_duration: from now, ms.

        Raises:
            FileNotFoundError: if there is no such file.
            CorruptFile: if it is no HDF5 file, or its datasets contradict each other.
            UnknownName: if no population has such trains, or one is not of this system.
            InvalidValue: as `play_input_spikes`; or if there are fewer trials.
        """
        self.check_open()
        start = non_negative("onset", onset)
        start += non_negative("equilibration_duration", equilibration_duration)
        n_trials = whole("n_trials", n_trials, at_least=1)
        trains: dict[int, Times] = {}
        with open_file(Path(filepath)) as file:
            for name in populations_with(file, namespace, attribute):
                if name not in self.system.population_ranges:
                    raise unknown_names("population", [name], self.system.population_ranges)
                first = self.system.population_ranges[name][0]
                found = read_trials(file, name, namespace, attribute, n_trials)
                trains |= {first + cell: start + times for cell, times in found.items()}
        return self.play_input_spikes(trains)


def _train(gid: int, given: Any) -> Times:
    """Return the times of one cell."""
    times = np.asarray(as_floats(given, f"spike train of gid {gid}"), float)
    if times.ndim != 1 or (times < 0).any() or (times[1:] < times[:-1]).any():
        raise InvalidValue(
            f"spike train of gid {gid} is not a list of times: got {given!r}; need ms >= 0 from "
            "now, ascending.",
            got=given,
        )
    return times
