"""Pulses as platforms describe them: phases in us and uA, in bursts and trains."""

from typing import Any

from pydantic import Field, field_validator

from livn.arrays import n_steps
from livn.errors import InvalidValue
from livn.stimulus.channels import ChannelSet
from livn.stimulus.policies import ElectrodePolicy
from livn.stimulus.pulses import PulseTrain, pulse_train

USUAL_PHASE = 160.0  # us, of a pulse that is given by its amplitude alone (Cortical Labs CL API)

Phase = tuple[float, float]


class BurstPolicy(ElectrodePolicy):
    """Pulses of any phases on the same electrodes: one, a burst, or a train of bursts.

    Attributes:
        n_channels: of the array; unless it is given, that of a `ChannelSet`, or the least that has
            all channels.
        phases: (duration in us, current in uA) one after the other, a current of 0 is a gap; a
            number v alone is a pulse of 160 us of -v, then of +v.
        start_ms: onset of the first pulse, ms.
        pulses: per burst.
        pulse_hz: rate within a burst, Hz; onsets are rounded to `dt`.
        bursts: in the train.
        burst_hz: rate of bursts, Hz; onsets are rounded to `dt`.
        dt: step at which it is rendered, ms; all phases are multiples of it.
    """

    phases: tuple[Phase, ...] = Field(default=((160.0, -1.0), (160.0, 1.0)), min_length=1)
    start_ms: float = Field(default=0.0, ge=0)
    pulses: int = Field(default=1, ge=1)
    pulse_hz: float = Field(default=100.0, gt=0)
    bursts: int = Field(default=1, ge=1)
    burst_hz: float = Field(default=1.0, gt=0)
    dt: float = Field(default=0.02, gt=0)

    def __init__(self, **fields: Any):
        channels = fields.get("channels", ())
        if isinstance(channels, ChannelSet):
            fields = {"n_channels": channels.n_channels, **fields}
        elif channels and all(isinstance(c, int) for c in channels):
            fields = {"n_channels": max(1, max(channels) + 1), **fields}
        super().__init__(**fields)

    @field_validator("phases", mode="before")
    @classmethod
    def _of_an_amplitude(cls, given: Any) -> Any:
        if isinstance(given, int | float) and not isinstance(given, bool):
            return ((USUAL_PHASE, -given), (USUAL_PHASE, given))
        return given

    @property
    def pulse_times(self) -> tuple[float, ...]:
        """Onset of every pulse on the grid of `dt`, ms."""
        return self._onsets(self.dt)

    def _onsets(self, dt: float) -> tuple[float, ...]:
        n_steps(self.start_ms, dt, "pulse time")
        return tuple(
            dt * round((self.start_ms + 1e3 * burst / self.burst_hz) / dt)
            + dt * round(1e3 * pulse / self.pulse_hz / dt)
            for burst in range(self.bursts)
            for pulse in range(self.pulses)
        )

    def train(self, dt: float) -> PulseTrain:
        """Return the pulses on a grid of `dt` ms."""
        phases = [(1e-3 * duration, current) for duration, current in self.phases]
        if not any(current for _, current in phases):
            raise InvalidValue(
                f"pulse has no current: got phases {self.phases!r}; need (us, uA), one not 0.",
                got=self.phases,
            )
        return pulse_train(
            n_channels=self.n_channels,
            channels=self.channels,
            onsets=self._onsets(dt),
            amplitudes=1.0,
            phases=phases,
            dt=dt,
        )
