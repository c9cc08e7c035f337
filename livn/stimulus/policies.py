"""Policies: protocols of stimulation that render the commands of every channel on demand."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Protocol, Self, runtime_checkable
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from livn.arrays import Array, n_steps
from livn.errors import InvalidValue
from livn.stimulus.channels import ChannelSet
from livn.stimulus.pulses import PulseTrain, biphasic_phases, pulse_train

Amplitude = float | tuple[float, ...]


class TakesCommands(Protocol):
    """The io of an Env, as far as a policy needs it."""

    @property
    def input_units(self) -> str:
        """Units of the commands."""


@runtime_checkable
class Limited(Protocol):
    """An io that refuses some commands, and so has to see all of them."""

    @property
    def device(self) -> Any:
        """Whose limits they are."""


class Stimulated(Protocol):
    """An Env, as far as a policy needs it."""

    @property
    def io(self) -> TakesCommands:
        """What the commands go to."""

    def cell_stimulus(self, channel_inputs: Array, dt: float = 1.0) -> Any:
        """Return the `Stimulus` that commands of shape (n_steps, n_channels) are; linear."""


class Policy(BaseModel, ABC):
    """A protocol of stimulation for the channels of an io; immutable.

    A subclass says how long it lasts (`extent_ms`) and what it commands (`window`).

    Attributes:
        n_channels: number of channels of the io it is made for.
        dt: step at which it is rendered, ms.

    Raises:
        InvalidValue: for a field that does not exist or a value that is not accepted.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    input_units: ClassVar[str] = "1"

    n_channels: int = Field(default=1, ge=1)
    dt: float = Field(default=1.0, gt=0)

    def __init__(self, **fields: Any):
        try:
            super().__init__(**fields)
        except ValidationError as error:
            raise _invalid(type(self).__name__, error) from None

    @property
    @abstractmethod
    def extent_ms(self) -> float:
        """Time of the last command, ms; zero afterwards."""

    @abstractmethod
    def window(self, start: float, stop: float, dt: float) -> Array:
        """Return the commands of [start, stop) ms, shape (n_steps, n_channels)."""

    @property
    def driven(self) -> tuple[int, ...]:
        """Positions of the channels that may be driven; the others stay at zero."""
        return tuple(range(self.n_channels))

    def source(self, start: float, stop: float) -> Array:
        """Return the commands of the driven channels of [start, stop) ms at `dt`."""
        return self.window(start, stop, self.dt)[:, list(self.driven)]

    def __call__(self, observation: Any = None) -> Array:
        """Return the commands after an observation, shape (n_steps, n_channels).

        A policy that does not override this is open loop and plays the same to every observation.
        """
        return self.render()

    def render(self) -> Array:
        """Return the commands of the whole extent at `dt`, read-only, computed once."""
        if self not in _RENDERED:
            commands = self.window(0.0, self.extent_ms, self.dt)
            if isinstance(commands, np.ndarray):
                commands.flags.writeable = False
            _RENDERED[self] = commands
        return _RENDERED[self]

    def as_input_units(self, units: str) -> Self:
        """Return this policy, whose commands are in `units`.

        Raises:
            InvalidValue: if they are in other units.
        """
        if units != self.input_units:
            raise InvalidValue(
                f"policy commands {self.input_units}, the io takes {units}: "
                f"got {type(self).__name__}; need a policy in {units}.",
                got=self.input_units,
                allowed=units,
            )
        return self

    def check_duration(self, duration: float) -> None:
        """Check that a run is long enough to play the whole policy.

        Raises:
            InvalidValue: if `duration`, ms, is shorter than `extent_ms` or not a multiple of dt.
        """
        needed = n_steps(self.extent_ms, self.dt, "policy extent")
        if n_steps(duration, self.dt, "duration") < needed:
            raise InvalidValue(
                f"run is shorter than the policy: got duration={duration!r} ms; "
                f"need at least {self.extent_ms:.12g} ms.",
                got=duration,
                allowed=self.extent_ms,
            )


def _invalid(policy: str, error: ValidationError) -> InvalidValue:
    """Return our error for the first field that pydantic refuses."""
    first = error.errors()[0]
    field = ".".join(map(str, first["loc"]))
    return InvalidValue(
        f"{policy} {field} is not accepted: got {first['input']!r}; {first['msg']}.",
        got=first["input"],
    )


_RENDERED: WeakKeyDictionary[Policy, Array] = WeakKeyDictionary()


class ElectrodePolicy(Policy):
    """A policy of pulses, uA, on some electrodes of an array.

    Attributes:
        channels: positions of the driven electrodes, 0 to n_channels - 1; also a `ChannelSet`.
    """

    input_units: ClassVar[str] = "uA"

    channels: tuple[int, ...] = (0,)

    def __init__(self, **fields: Any):
        if isinstance(fields.get("channels"), ChannelSet):
            fields["channels"] = tuple(fields["channels"])
        super().__init__(**fields)
        self.train(self.dt)  # outside pydantic, which would wrap our errors in its own

    @abstractmethod
    def train(self, dt: float) -> PulseTrain:
        """Return the pulses on a grid of `dt` ms."""

    @property
    def driven(self) -> tuple[int, ...]:
        """Positions of the electrodes that are driven."""
        return self.channels

    @property
    def extent_ms(self) -> float:
        """End of the last pulse, ms."""
        return self.train(self.dt).n_steps * self.dt

    def window(self, start: float, stop: float, dt: float) -> NDArray[np.float32]:
        """Return the commands of [start, stop) ms, uA, shape (n_steps, n_channels).

        Raises:
            InvalidValue: if a time is not a multiple of `dt`.
        """
        first, last = n_steps(start, dt, "window start"), n_steps(stop, dt, "window stop")
        return self.train(dt).window(first, max(first, last))

    def for_array(self, n_channels: int, channels: Sequence[int], **overrides: Any) -> Self:
        """Return this policy for another array.

        Args:
            n_channels: number of electrodes of that array.
            channels: positions of the driven electrodes.
            overrides: other fields to change.

        Raises:
            ValueError: if a channel is not on the array or a field is not one of the policy's.
        """
        new = {"n_channels": n_channels, "channels": tuple(channels), **overrides}
        return type(self)(**{**self.model_dump(), **new})


class BiphasicPulsePolicy(ElectrodePolicy):
    """Two opposite phases of equal charge on the same electrodes, at each pulse time.

    Attributes:
        amplitude: of both phases, uA; one number or one per channel.
        phase_duration: of each phase, ms.
        interphase_gap: between the phases, ms.
        pulse_times: onsets, ms.
        cathodic_first: whether the negative phase leads.
    """

    amplitude: Amplitude = 1.5
    phase_duration: float = 0.2
    interphase_gap: float = 0.05
    pulse_times: tuple[float, ...] = (0.0,)
    dt: float = Field(default=0.05, gt=0)
    cathodic_first: bool = True

    def train(self, dt: float) -> PulseTrain:
        """Return the pulses on a grid of `dt` ms."""
        return pulse_train(
            n_channels=self.n_channels,
            channels=self.channels,
            onsets=self.pulse_times,
            amplitudes=self.amplitude,
            phases=biphasic_phases(self.phase_duration, self.interphase_gap, self.cathodic_first),
            dt=dt,
        )


class MonophasicPulsePolicy(ElectrodePolicy):
    """One phase at each pulse time; what it charges it does not discharge.

    Attributes:
        amplitude: uA, of either sign; one number or one per channel.
        pulse_width: ms.
        pulse_times: onsets, ms.
    """

    amplitude: Amplitude = 1.5
    pulse_width: float = 1.0
    pulse_times: tuple[float, ...] = (0.0,)

    def train(self, dt: float) -> PulseTrain:
        """Return the pulses on a grid of `dt` ms."""
        return pulse_train(
            n_channels=self.n_channels,
            channels=self.channels,
            onsets=self.pulse_times,
            amplitudes=self.amplitude,
            phases=[(self.pulse_width, 1.0)],
            dt=dt,
        )


class PulseSweepPolicy(ElectrodePolicy):
    """One biphasic pulse per trial, each amplitude the same number of times.

    Attributes:
        amplitudes: uA; the pulse of a trial is -A, then +A.
        repeats: trials per amplitude.
        trial_ms: length of a trial, ms.
        onset_ms: from the start of a trial to its pulse, ms.
        pulse_ms: duration of each phase, ms.
        order: for each trial the position of its amplitude; empty plays the amplitudes in turn,
            `repeats` times.
        start_ms: start of the first trial, ms.
        total_ms: length of the whole protocol, ms; None ends it with the last trial.
    """

    amplitudes: tuple[float, ...] = Field(default=(300.0, 400.0, 500.0, 600.0), min_length=1)
    repeats: int = Field(default=8, ge=1)
    trial_ms: float = 2000.0
    onset_ms: float = 1000.0
    pulse_ms: float = 0.2
    order: tuple[int, ...] = ()
    start_ms: float = 0.0
    total_ms: float | None = None
    dt: float = Field(default=0.1, gt=0)

    @property
    def n_trials(self) -> int:
        """Number of trials."""
        return len(self.amplitudes) * self.repeats

    @property
    def duration_ms(self) -> float:
        """Duration of all trials, ms, without what comes before and after."""
        return self.n_trials * self.trial_ms

    def schedule(self, start: float | None = None) -> list[tuple[float, float]]:
        """Return (pulse onset in ms, amplitude in uA) of every trial.

        Args:
            start: start of the first trial, ms; None is `start_ms`.

        Raises:
            InvalidValue: if `order` does not play every amplitude `repeats` times.
        """
        begin = self.start_ms if start is None else start
        in_turn = tuple(range(len(self.amplitudes))) * self.repeats
        order = self.order or in_turn
        if sorted(order) != sorted(in_turn):
            raise InvalidValue(
                f"order does not play every amplitude {self.repeats} times: got {order!r}; "
                f"need each of 0 to {len(self.amplitudes) - 1} that often.",
                got=order,
                allowed=in_turn,
            )
        return [
            (begin + trial * self.trial_ms + self.onset_ms, self.amplitudes[which])
            for trial, which in enumerate(order)
        ]

    def train(self, dt: float) -> PulseTrain:
        """Return the pulses on a grid of `dt` ms."""
        schedule = self.schedule()
        end = self.start_ms + self.duration_ms
        total = end if self.total_ms is None else self.total_ms
        if total < end:
            raise InvalidValue(
                f"sweep does not fit: got total_ms={total!r} for trials that end at {end!r} ms. "
                "Raise total_ms or play fewer trials.",
                got=total,
                allowed=end,
            )
        return pulse_train(
            n_channels=self.n_channels,
            channels=self.channels,
            onsets=[onset for onset, _ in schedule],
            amplitudes=np.array([[amplitude] for _, amplitude in schedule]),
            phases=biphasic_phases(self.pulse_ms, 0.0, cathodic_first=True),
            dt=dt,
            extent=total,
        )
