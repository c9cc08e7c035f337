"""IO: how a dish is touched and heard. The base has no channels and refuses."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from livn.arrays import Array, as_floats, is_traced
from livn.errors import InvalidValue, NotSupported
from livn.io.coupling import ALL, effect_of
from livn.io.jsonable import Jsonable
from livn.stimulus import Policy, ScaledPulses, Stimulus
from livn.stimulus.layout import weighted


class IO(Jsonable):
    """Base of everything that stimulates or records; by itself it can do neither.

    Coordinates are rows (gid, x, y, z), um, one per cell or per section of a cell, and are never
    changed. A gain is used again only where all that it follows from is equal to what it was, so
    none can be out of date; `reach` must follow from the attributes and its arguments alone. What
    is given as jax arrays is computed in jax and can be differentiated.
    """

    input_mode: ClassVar[str] = "extracellular"

    @property
    def channel_ids(self) -> Array:
        """Id of every channel, int32, shape (num_channels,)."""
        raise self._refusal("channels")

    @property
    def num_channels(self) -> int:
        """Number of channels."""
        return len(self.channel_ids)

    @property
    def input_units(self) -> str:
        """Units of the commands that `cell_stimulus` takes."""
        raise self._refusal("stimulation")

    @property
    def stimulus_extra(self) -> dict[str, Any]:
        """What every stimulus from here keeps in `extra`."""
        return {}

    @property
    def input_space(self) -> Any:
        """The gymnasium space of one command: Box(0, 1) with one entry per channel."""
        import gymnasium

        return gymnasium.spaces.Box(0.0, 1.0, (self.num_channels,))

    def reach(self, coordinates: Array, channels: Any = None) -> Array:
        """Return what a unit command of each channel does at each row, shape (channels, rows).

        Args:
            coordinates: rows (gid, x, y, z), um.
            channels: positions of the channels; None for all.
        """
        raise self._refusal("stimulation")

    def cell_stimulus(
        self,
        coordinates: Array,
        inputs: Any,
        dt: float = 1.0,
        sections: Sequence[str] | NDArray[np.str_] | None = None,
    ) -> Stimulus:
        """Return what commands do to the cells: the sum over channels of command times reach.

        Rows that no channel reaches have no column; where few channels are driven, nor those that
        these do not reach. Inside a jax transformation every row has one.

        Args:
            coordinates: rows (gid, x, y, z), um.
            inputs: commands, shape (n_steps, num_channels) with batches in front; or a policy,
                scaled pulses or a stimulus of electrodes, which bring their own step.
            dt: step of the commands, ms.
            sections: section name of each row; None where a row is a whole cell.

        Raises:
            InvalidValue: if there is not one command per channel or one section per row, or units
                differ.
        """
        if isinstance(inputs, ScaledPulses):
            return self._scaled(coordinates, inputs, sections)
        commands, dt = self._commands(inputs, dt)
        driven = None if is_traced(commands) else _nonzero(commands)
        gain, gids, names = effect_of(self, coordinates, sections, driven)
        if driven is not None and len(driven) < commands.shape[-1]:
            commands = commands[..., driven]
        return Stimulus(
            commands, dt, gids, self.input_mode, sections=names, gain=gain, **self.stimulus_extra
        )

    def _scaled(self, coordinates: Array, pulses: ScaledPulses, sections: Any) -> Stimulus:
        """Return what pulses do to the cells, the amplitudes taken into the gain."""
        amplitudes = as_floats(pulses.amplitudes, "amplitudes")[None]
        _check_channels(amplitudes, self.num_channels)
        gain, gids, names = effect_of(self, coordinates, sections, ALL)
        unit = weighted(amplitudes, gain)
        return Stimulus.ready(
            pulses.waveform, pulses.dt, gids, self.input_mode, names, unit, self.stimulus_extra
        )

    def distances(self, coordinates: Array) -> Array:
        """Return rows (channel id, gid, distance in um), channel by channel."""
        raise self._refusal("distances")

    def source_gain(self, distances: Array) -> Array:
        """Return the potential per membrane current, uV/uA, shape (channels, rows)."""
        raise self._refusal("recording")

    def sensitivity(self, coordinates: Array) -> Array:
        """Return the potential per membrane current at each row, uV/uA, shape (channels, rows)."""
        return self.source_gain(self.distances(coordinates))

    def potential_recording(self, distances: Array, currents: Array) -> Array:
        """Return the potential at every channel, uV, shape (channels, n_steps)."""
        raise self._refusal("recording")

    def channel_recording(self, coordinates: Array, ii: Any, *recordings: Any) -> Any:
        """Return what each channel hears of spikes or traces of cells, by channel id."""
        raise self._refusal("recording")

    def set_params(self, params: Mapping[str, Any]) -> Self:
        """Change numbers of `params()` in place, all or none; returns self.

        Raises:
            UnknownName: if a name is not one of `params()`.
            InvalidValue: if a number is refused.
        """
        vars(self).update(vars(self.with_params(params)))
        self.invalidate()
        return self

    def invalidate(self) -> None:
        """Forget what was computed from the parameters, called by `set_params`.

        There is nothing here; a subclass that keeps gains overrides it.
        """

    def _commands(self, inputs: Any, dt: float) -> tuple[Array, float]:
        """The commands as an array, and their step."""
        if isinstance(inputs, ScaledPulses):
            inputs, dt = inputs.commands, inputs.dt
        elif isinstance(inputs, Policy):
            inputs, dt = inputs.as_input_units(self.input_units)(), inputs.dt
        elif isinstance(inputs, Stimulus):
            if inputs.units != self.input_units:
                raise InvalidValue(
                    f"stimulus is in {inputs.units}, the io takes {self.input_units}: "
                    f"got {inputs!r}; need commands in {self.input_units}.",
                    got=inputs.units,
                    allowed=self.input_units,
                )
            inputs, dt = inputs.array, inputs.dt
        commands = as_floats(inputs, "channel inputs")
        _check_channels(commands, self.num_channels)
        return commands, dt

    def _refusal(self, what: str) -> NotSupported:
        return NotSupported(
            f"{type(self).__name__} has no {what}: Please specify an IO that has, "
            "such as livn.io.MEA."
        )


def calculate_cell_stimulus(inputs: Any, gain: Array) -> Array:
    """Return the sum over channels of command times gain, shape (n_steps, n_rows).

    Args:
        inputs: commands, shape (n_steps, n_channels) with batches in front.
        gain: effect of a unit command, shape (n_channels, n_rows).

    Raises:
        InvalidValue: if there is not one command per channel.
    """
    commands = as_floats(inputs, "channel inputs")
    _check_channels(commands, len(gain))
    return commands @ gain


def _check_channels(commands: Array, n_channels: int) -> None:
    if commands.ndim < 2 or commands.shape[-1] != n_channels:
        given = commands.shape[-1] if commands.ndim else 0
        raise InvalidValue(
            f"stimulus has {given} channels, the array has {n_channels}: "
            f"got shape {commands.shape}; need (n_steps, {n_channels}).",
            got=commands.shape,
            allowed=n_channels,
        )


def _nonzero(array: Array) -> NDArray[np.int64]:
    """Positions along the last axis where anything is not zero."""
    values = np.asarray(array)
    return np.flatnonzero(values.any(axis=tuple(range(values.ndim - 1))))
