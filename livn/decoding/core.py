"""Decodings that hand on what was recorded: a window of it, all ranks together, by channel."""

from typing import Any

import numpy as np
from pydantic import Field, model_validator

from livn.arrays import Array
from livn.decoding.measure import NotNegative, Positive, as_run
from livn.errors import InvalidState, InvalidValue
from livn.run import Run
from livn.types import Decoding


class Slice(Decoding):
    """The window start <= t < duration of what was recorded, as a Run that starts at 0.

    Attributes:
        start: first moment kept, ms.
        duration: first moment left out, ms; also accepted as `stop`.

    Raises:
        InvalidValue: when called, if a bound does not fall on a sample of what was recorded.
    """

    start: NotNegative = 0.0

    @model_validator(mode="before")
    @classmethod
    def _stop(cls, fields: Any) -> Any:
        if not isinstance(fields, dict) or "stop" not in fields:
            return fields
        if "duration" in fields:
            raise InvalidValue("slice has two ends: got stop and duration; need one of them.")
        return {("duration" if name == "stop" else name): v for name, v in fields.items()}

    @model_validator(mode="after")
    def _in_order(self) -> "Slice":
        if not self.start < self.duration:
            raise InvalidValue(
                f"slice is empty: got start={self.start:g}, stop={self.duration} ms; "
                "need start < stop."
            )
        return self

    def __call__(self, run: Run, env: Any) -> Run:
        """Return the window; `t0` moves by `start`."""
        return as_run(run, "Slice").slice(self.start, self.duration)


class GatherAndMerge(Decoding):
    """The recordings of all ranks as one Run, on the root rank; None on the others.

    Attributes:
        root: rank that gets the Run.
        spikes, voltages, membrane_currents: what to record and keep.
        voltage_gids: cells whose voltage is recorded; None for all.
        voltage_dt: between samples, ms; None for the step already in force, else 0.1.
        voltage_sections: sections whose voltage is recorded; None for the soma.
    """

    root: int = Field(default=0, ge=0)
    spikes: bool = True
    voltages: bool = True
    membrane_currents: bool = True
    voltage_gids: list[int] | None = None
    voltage_dt: Positive | None = None
    voltage_sections: str | list[str] | None = None

    def setup(self, env: Any) -> None:
        """Record what is asked for."""
        if self.spikes:
            env.record_spikes()
        if self.voltages:
            dt = self.voltage_dt or env.voltage_recording_dt or 0.1
            env.record_voltage(dt=dt, gids=self.voltage_gids, sections=self.voltage_sections)
        if self.membrane_currents:
            env.record_membrane_current(dt=env.membrane_current_recording_dt or 0.1)

    def __call__(self, run: Run, env: Any) -> Any:
        """Return the merged Run with what was asked for only, None off root."""
        kept = as_run(run, type(self).__name__)
        kept = kept if self.spikes else kept.drop_spikes()
        kept = kept if self.voltages else kept.drop_voltage()
        kept = kept if self.membrane_currents else kept.drop_current()
        return kept.gather(env.comm, self.root)


class ChannelRecording(GatherAndMerge):
    """What each channel of the array records, on the root rank; None on the others.

    Attributes are those of `GatherAndMerge`.
    """

    def __call__(self, run: Run, env: Any) -> Any:
        """Return spikes by channel, voltages, and electrode potentials.

        Returns:
            On root, None for what was not asked for: gids and times, ms, of the spikes each
            channel hears (two dicts by channel id); gids and voltages, mV; the channel ids; the
            potential, uV, shape (n_channels, T). None on other ranks.
        """
        run = as_run(run, "ChannelRecording")
        potential = potential_of(run, env, self.root) if self.membrane_currents else None
        kept = self.model_copy(update={"membrane_currents": False})
        merged = GatherAndMerge.__call__(kept, run, env)
        heard = self._heard(run, env)
        if merged is None:
            return None
        ids = np.asarray(env.io.channel_ids)
        return (*heard, merged.voltage_ids, merged.voltage, ids, potential)

    def _heard(self, run: Run, env: Any) -> tuple[Any, Any]:
        """Return the spikes by channel, merged over ranks on root."""
        if not self.spikes:
            return None, None
        if run.spikes is None:
            raise _missing("spikes", "record_spikes", run)
        local = env.channel_recording(run.spike_ids, run.spike_times)
        if env.comm is None:
            return local
        parts = env.comm.gather(local, root=self.root)
        if parts is None:
            return None, None
        ids, times = (
            {c: np.concatenate([p[k][c] for p in parts]) for c in local[k]} for k in (0, 1)
        )
        order = {c: np.argsort(t, kind="stable") for c, t in times.items()}
        return {c: ids[c][order[c]] for c in ids}, {c: times[c][order[c]] for c in times}


def potential_of(run: Run, env: Any, root: int = 0) -> Array:
    """Return the potential at the electrodes, uV, (n_channels, T), summed over ranks on root.

    Raises:
        InvalidState: if membrane currents were not recorded.
    """
    if run.current is None:
        raise _missing("membrane current", "record_membrane_current", run)
    potential = env.potential_recording(run.current, run.current_ids)
    return potential if env.comm is None else env.comm.reduce(potential, root=root)


def _missing(what: str, how: str, run: Run) -> InvalidState:
    """Return the error for a recording that was not made."""
    return InvalidState(f"run has no {what}: got {run!r}. Call env.{how}() before it runs.")
