"""The part of an Env that says what is recorded."""

from collections.abc import Sequence
from typing import Any, Self

from livn.env.lifecycle import Lifecycle
from livn.errors import InvalidType, InvalidValue, unknown_names

_OPTIONS = ("gids", "sections")
_DT = 0.1  # ms, between samples unless told otherwise


class Recorded(Lifecycle):
    """Recordings asked for, from now on and until the Env is closed."""

    def record(
        self, what: Any, population: Any = None, dt: float | None = None, **options: Any
    ) -> Self:
        """Record spikes, voltage, membrane_current or any state from now on.

        Args:
            what: one of `recordable()`, a state also as `<section>.<state>`.
            population: name or names; None for all.
            dt: ms between samples, a multiple of the step; None for 0.1. Spikes take none.
            options: `gids` and `sections` to record, of a series.

        Raises:
            UnknownRecordable: if no cell has it, naming what there is.
            UnknownName: for populations or options that are not there.
            InvalidType: if `what` or a population is not text.
            InvalidValue: if `what` is not a name, no population is named, or cells or sections are
                not there.
        """
        if not isinstance(what, str):
            raise InvalidType(f"what to record is not a name: got {what!r}; need text.", got=what)
        if not all(part.isidentifier() for part in what.split(".")):
            raise InvalidValue(
                f"what to record is not a name: got {what!r}; known: "
                f"{', '.join(self.recordable())}.",
                got=what,
            )
        if what != "spikes":
            unknown = [name for name in options if name not in _OPTIONS]
            if unknown:
                raise unknown_names("recording option", unknown, _OPTIONS)
            self._refuse_other_dt(what, dt or _DT)
            self.recorder.add(what, population, _DT if dt is None else dt, **options)
        elif dt is not None or options:
            raise InvalidType(
                f"spikes have no samples to choose: got {sorted({**options, 'dt': dt})}; "
                "record_spikes takes populations only.",
                got=options,
            )
        else:
            self.recorder.spikes |= set(self.recorder.populations(population))
        return self

    def _refuse_other_dt(self, what: str, dt: float) -> None:
        present = self.recorder.dt(what)
        if present is not None and present != dt and self.t > 0:
            raise InvalidValue(
                f"recording dt of {what} cannot change during a simulation: got {dt} ms after "
                f"{present} ms. Call env.clear() first.",
                got=dt,
                allowed=present,
            )

    def record_spikes(self, population: Any = None) -> Self:
        """Record spikes of all cells, or of one or several populations."""
        return self.record("spikes", population)

    def record_voltage(
        self,
        population: Any = None,
        dt: float = _DT,
        gids: Any = None,
        sections: str | Sequence[str] | None = None,
    ) -> Self:
        """Record membrane potentials every `dt` ms, of the soma unless sections are named."""
        return self.record("voltage", population, dt, gids=gids, sections=sections)

    def record_membrane_current(self, population: Any = None, dt: float = _DT) -> Self:
        """Record the transmembrane current of every compartment every `dt` ms."""
        return self.record("membrane_current", population, dt)

    def recordable(self) -> list[str]:
        """Return everything `record` takes."""
        return self.recorder.recordable()

    def clear_recordings(self) -> Self:
        """Return self: a Run holds its own data, so there is nothing to empty."""
        return self

    @property
    def voltage_recording_dt(self) -> float | None:
        """Step of the voltage recording, ms; None where it is not recorded."""
        return self.recorder.dt("voltage")

    @property
    def membrane_current_recording_dt(self) -> float | None:
        """Step of the membrane current recording, ms; None where it is not recorded."""
        return self.recorder.dt("membrane_current")
