"""MEA: a multi-electrode array that stimulates and records through a volume conductor."""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from livn.arrays import Array, as_floats, namespace, positive
from livn.errors import InvalidValue
from livn.io import recording
from livn.io.base import IO
from livn.io.electrodes import electrode_array_coordinates
from livn.io.geometry import calculate_distances, channels, pairwise, placed
from livn.io.volume_conductor import PointSourceModel


class MEA(IO):
    """An array of electrodes that both stimulate, in uA, and record, in uV.

    Args:
        electrode_coordinates: rows (id, x, y, z), um; None for the 4 x 4 grid of
            `electrode_array_coordinates`.
        input_radius: cells further from an electrode than this it does not stimulate, um.
        output_radius: cells further from an electrode than this it does not record, um.
        volume_conductor: gain by distance within these radii; None for `PointSourceModel()`.

    Raises:
        InvalidValue: if coordinates have no ids that are distinct integers, or a radius is not
            positive.
    """

    def __init__(
        self,
        electrode_coordinates: Any = None,
        input_radius: float = 250.0,
        output_radius: float = 250.0,
        volume_conductor: PointSourceModel | None = None,
    ):
        if electrode_coordinates is None:
            electrode_coordinates = electrode_array_coordinates()
        self.electrode_coordinates: Array = channels(electrode_coordinates, "electrode coordinates")
        self.input_radius = positive(input_radius, "input_radius", "um")
        self.output_radius = positive(output_radius, "output_radius", "um")
        self.volume_conductor = PointSourceModel() if volume_conductor is None else volume_conductor

    def arguments(self) -> dict[str, Any]:
        """Return the constructor arguments by name."""
        return dict(vars(self))

    @classmethod
    def unserialize(cls, document: Mapping[str, Any]) -> Self:
        """Return the array that `serialize` described; without volume conductor, the usual one."""
        given = document.get("volume_conductor")
        conductor = None if given is None else PointSourceModel.unserialize(given)
        return super().unserialize({**document, "volume_conductor": conductor})

    def serialize(self) -> dict[str, Any]:
        """Return the constructor arguments by name, as what JSON has."""
        rows = [[int(id), *xyz] for id, *xyz in np.asarray(self.electrode_coordinates).tolist()]
        return {**super().serialize(), "electrode_coordinates": rows}

    @property
    def channel_ids(self) -> Array:
        """Id of every electrode, int32, shape (num_channels,)."""
        ids = self.electrode_coordinates[:, 0]
        return namespace(ids).astype(ids, np.int32)

    @property
    def num_channels(self) -> int:
        """Number of electrodes."""
        return len(self.electrode_coordinates)

    @property
    def input_units(self) -> str:
        """Units of the commands: uA."""
        return "uA"

    def distances(self, coordinates: Array) -> Array:
        """Return rows (channel id, gid, distance in um), channel by channel.

        Args:
            coordinates: rows (gid, x, y, z), um, in whose order the rows of a channel are.

        Returns:
            Shape (num_channels * n_rows, 3).
        """
        return calculate_distances(self.electrode_coordinates, placed(coordinates, "coordinates"))

    def reach(self, coordinates: Array, channels: Any = None) -> Array:
        """Return the potential that each electrode makes at each row, mV/uA.

        Args:
            coordinates: rows (gid, x, y, z), um.
            channels: positions of the electrodes; None for all.

        Returns:
            Shape (channels, n_rows), 0 beyond `input_radius`.
        """
        electrodes = self.electrode_coordinates
        return pairwise(
            lambda d: _within(d, self.input_radius, self.volume_conductor.stimulation(d)),
            electrodes if channels is None else electrodes[channels],
            placed(coordinates, "coordinates"),
        )

    def sensitivity(self, coordinates: Array) -> Array:
        """Return the potential that a membrane current at each row makes on each electrode.

        This is `source_gain(distances(coordinates))` with a quarter of the memory.

        Args:
            coordinates: rows (gid, x, y, z), um.

        Returns:
            uV/uA, shape (num_channels, n_rows), 0 beyond `output_radius`.
        """
        return pairwise(
            self._recording_gain, self.electrode_coordinates, placed(coordinates, "coordinates")
        )

    def source_gain(self, distances: Array) -> Array:
        """Return the potential that a membrane current makes on each electrode.

        Args:
            distances: rows (channel id, gid, distance in um) as `distances` gives them.

        Returns:
            uV/uA, shape (num_channels, n_rows), 0 beyond `output_radius`.

        Raises:
            InvalidValue: if there are not equally many rows for every electrode.
        """
        rows = as_floats(distances, "distances")
        if rows.ndim != 2 or rows.shape[1] != 3 or rows.shape[0] % self.num_channels:
            raise InvalidValue(
                f"distances are not rows (channel, gid, distance): got shape {rows.shape}; "
                f"need (n, 3) with n a multiple of {self.num_channels} channels.",
                got=rows.shape,
            )
        return self._recording_gain(rows[:, 2].reshape(self.num_channels, -1))

    def potential_recording(self, distances: Array, currents: Array) -> Array:
        """Return the extracellular potential at every electrode.

        Args:
            distances: rows (channel id, gid, distance in um) as `distances` gives them for the
                rows of `currents`.
            currents: membrane currents, uA, shape (n_rows, n_steps).

        Returns:
            uV, shape (num_channels, n_steps).

        Raises:
            InvalidValue: if there are not as many currents as coordinates.
        """
        gain, values = self.source_gain(distances), as_floats(currents, "membrane currents")
        if values.ndim != 2 or values.shape[0] != gain.shape[1]:
            raise InvalidValue(
                f"currents do not match the coordinates: got shape {values.shape}; "
                f"need ({gain.shape[1]}, n_steps).",
                got=values.shape,
                allowed=gain.shape[1],
            )
        return gain @ values

    def channel_recording(self, coordinates: Array, ii: Any, *recordings: Any) -> Any:
        """Return what each electrode hears: the entries of cells within `output_radius`.

        Args:
            coordinates: rows (gid, x, y, z), um.
            ii: gid of each entry; None for one entry per row of `coordinates`.
            recordings: values of each entry along the first axis, such as spike times or traces.

        Returns:
            A tuple of dicts, entries by channel id in the order of input: of `ii`, then of each
            recording; one dict if there are no recordings. Every channel is present, and an
            entry is repeated for each channel that hears it.

        Raises:
            InvalidValue: if a recording has not one value per entry, or a gid has no coordinate.
        """
        return recording.channel_recording(
            self.electrode_coordinates,
            placed(coordinates, "coordinates"),
            self.output_radius,
            ii,
            *recordings,
        )

    def channel_contribution(self, coordinates: Array, channel_id: int) -> dict[str, NDArray[Any]]:
        """Return who an electrode hears, nearest first, as columns of a table.

        Args:
            coordinates: rows (gid, x, y, z), um.
            channel_id: of the electrode.

        Returns:
            Equally long `gid`, `distance_um`, `gain` in uV/uA and `contribution_pct`, the share
            of the gain in that of all rows in reach.

        Raises:
            InvalidValue: if there is no such channel.
        """
        ids = np.asarray(self.channel_ids)
        if channel_id not in ids:
            raise InvalidValue(
                f"channel is not on the array: got {channel_id!r}; known: {ids.tolist()}.",
                got=channel_id,
                allowed=ids,
            )
        rows = np.asarray(placed(coordinates, "coordinates"))
        electrode = np.asarray(self.electrode_coordinates)[ids == channel_id]
        distance = pairwise(lambda d: d, electrode, rows)[0]
        order = np.argsort(distance, kind="stable")
        order = order[distance[order] <= self.output_radius]
        gain = np.asarray(self._recording_gain(distance[order]))
        return {
            "gid": rows[order, 0].astype(int),
            "distance_um": distance[order],
            "gain": gain,
            "contribution_pct": 100 * gain / gain.sum(),
        }

    def _recording_gain(self, distance: Array) -> Array:
        return _within(distance, self.output_radius, self.volume_conductor.recording(distance))


def _within(distance: Array, radius: Any, gain: Array) -> Array:
    """The gain up to the radius, 0 beyond."""
    return namespace(distance, gain, radius).where(distance <= radius, gain, 0.0)
