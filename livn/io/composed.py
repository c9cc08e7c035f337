"""ComposedIO: stimulate with one io, record with another."""

from collections.abc import Mapping
from typing import Any, Self

from livn.arrays import Array
from livn.errors import unknown_names
from livn.io.base import IO
from livn.io.light import LightArray
from livn.io.mea import MEA
from livn.stimulus import Stimulus

_KINDS: dict[str, type[IO]] = {"MEA": MEA, "LightArray": LightArray}


class ComposedIO(IO):
    """Two ios in one; its channels are those that record.

    Args:
        inputs: stimulates, and gives the input space.
        outputs: records, and gives channel ids and their number.
    """

    def __init__(self, inputs: IO, outputs: IO):
        self.inputs = inputs
        self.outputs = outputs

    def arguments(self) -> dict[str, Any]:
        """Return the two ios by name."""
        return dict(vars(self))

    def serialize(self) -> dict[str, Any]:
        """Return for each io its class and arguments, as what JSON has."""
        parts = {"inputs": self.inputs, "outputs": self.outputs}
        return {name: {type(io).__name__: io.serialize()} for name, io in parts.items()}

    @classmethod
    def unserialize(cls, document: Mapping[str, Any]) -> Self:
        """Return the io that `serialize` described.

        Raises:
            UnknownName: if a part is of no class of livn.io.
        """
        parts = {}
        for name, part in document.items():
            ((kind, arguments),) = part.items()
            if kind not in _KINDS:
                raise unknown_names("io class", [kind], _KINDS)
            parts[name] = _KINDS[kind].unserialize(arguments)
        return super().unserialize(parts)

    @property
    def channel_ids(self) -> Array:
        """Id of every recording channel."""
        return self.outputs.channel_ids

    @property
    def input_units(self) -> str:
        """Units of the commands."""
        return self.inputs.input_units

    @property
    def input_space(self) -> Any:
        """The gymnasium space of one command."""
        return self.inputs.input_space

    def reach(self, coordinates: Array, channels: Any = None) -> Array:
        """Return what a unit command of each stimulating channel does at each row."""
        return self.inputs.reach(coordinates, channels)

    def cell_stimulus(
        self, coordinates: Array, inputs: Any, dt: float = 1.0, sections: Any = None
    ) -> Stimulus:
        """Return what commands of the stimulating io do to the cells."""
        return self.inputs.cell_stimulus(coordinates, inputs, dt, sections)

    def distances(self, coordinates: Array) -> Array:
        """Return rows (recording channel id, gid, distance in um), channel by channel."""
        return self.outputs.distances(coordinates)

    def source_gain(self, distances: Array) -> Array:
        """Return the potential per membrane current at every recording channel, uV/uA."""
        return self.outputs.source_gain(distances)

    def sensitivity(self, coordinates: Array) -> Array:
        """Return the potential per membrane current at each row, uV/uA."""
        return self.outputs.sensitivity(coordinates)

    def potential_recording(self, distances: Array, currents: Array) -> Array:
        """Return the potential at every recording channel, uV, shape (channels, n_steps)."""
        return self.outputs.potential_recording(distances, currents)

    def channel_recording(self, coordinates: Array, ii: Any, *recordings: Any) -> Any:
        """Return what each recording channel hears, by channel id."""
        return self.outputs.channel_recording(coordinates, ii, *recordings)
