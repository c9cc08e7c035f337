"""Platform: an array as a device drives it, within the limits of that device."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Self

import numpy as np

from livn.arrays import Array, is_traced
from livn.io.base import IO
from livn.io.composed import ComposedIO
from livn.io.light import LightArray
from livn.io.mea import MEA
from livn.stimulus import Device, Stimulus
from livn.stimulus import device as profile

_KINDS: dict[str, type[IO]] = {"MEA": MEA, "LightArray": LightArray, "ComposedIO": ComposedIO}


class Platform(IO):
    """An io whose commands are checked against what a device allows before they reach a cell.

    Args:
        io: the array.
        device: profile, or the name of one: "cl1", "finalspark" ("intan"), "maxone", "unlimited".
    """

    def __init__(self, io: IO, device: Device | str = "unlimited"):
        self.io = io
        self.device = profile(device)

    def arguments(self) -> dict[str, Any]:
        """Return io and device by name."""
        return {"io": self.io, "device": self.device}

    def params(self) -> dict[str, Any]:
        """Return the numbers of the array."""
        return self.io.params()

    def with_params(self, params: Mapping[str, Any]) -> Self:
        """Return the platform with other numbers of the array."""
        return type(self)(self.io.with_params(params), self.device)

    def serialize(self) -> dict[str, Any]:
        """Return the class and arguments of the array and the profile, as what JSON has."""
        return {"io": {type(self.io).__name__: self.io.serialize()}, "device": asdict(self.device)}

    @classmethod
    def unserialize(cls, document: Mapping[str, Any]) -> Self:
        """Return the platform that `serialize` described."""
        ((kind, arguments),) = document["io"].items()
        limits = {**document["device"], "reserved": tuple(document["device"]["reserved"])}
        return cls(_KINDS[kind].unserialize(arguments), Device(**limits))

    def cell_stimulus(
        self, coordinates: Array, inputs: Any, dt: float = 1.0, sections: Any = None
    ) -> Stimulus:
        """Return what commands do to the cells, as of the array.

        Raises:
            InvalidValue: if the device does not allow them.
        """
        commands, step = self._commands(inputs, dt)
        if not is_traced(commands):
            self.device.check(np.asarray(commands), step)
        return self.io.cell_stimulus(coordinates, commands, step, sections)

    @property
    def channel_ids(self) -> Array:
        """Id of every channel."""
        return self.io.channel_ids

    @property
    def electrode_coordinates(self) -> Array:
        """Rows (id, x, y, z) um of the electrodes, where the array has some."""
        return self._array.electrode_coordinates

    @property
    def input_radius(self) -> float:
        """How far an electrode acts, um, where the array has electrodes."""
        return float(self._array.input_radius)

    @property
    def output_radius(self) -> float:
        """How far an electrode hears, um, where the array has electrodes."""
        return float(self._array.output_radius)

    @property
    def _array(self) -> Any:
        return self.io

    @property
    def input_units(self) -> str:
        """Units of the commands."""
        return self.io.input_units

    @property
    def input_space(self) -> Any:
        """The gymnasium space of one command."""
        return self.io.input_space

    def reach(self, coordinates: Array, channels: Any = None) -> Array:
        """Return what a unit command of each channel does at each row."""
        return self.io.reach(coordinates, channels)

    def distances(self, coordinates: Array) -> Array:
        """Return rows (channel id, gid, distance in um), channel by channel."""
        return self.io.distances(coordinates)

    def source_gain(self, distances: Array) -> Array:
        """Return the potential per membrane current, uV/uA, shape (channels, rows)."""
        return self.io.source_gain(distances)

    def sensitivity(self, coordinates: Array) -> Array:
        """Return the potential per membrane current at each row, uV/uA."""
        return self.io.sensitivity(coordinates)

    def potential_recording(self, distances: Array, currents: Array) -> Array:
        """Return the potential at every channel, uV, shape (channels, n_steps)."""
        return self.io.potential_recording(distances, currents)

    def channel_recording(self, coordinates: Array, ii: Any, *recordings: Any) -> Any:
        """Return what each channel hears of spikes or traces of cells, by channel id."""
        return self.io.channel_recording(coordinates, ii, *recordings)
