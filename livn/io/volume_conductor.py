"""What an electrode does at a distance, and what it hears from there."""

import math
from dataclasses import dataclass
from typing import Any

from livn.arrays import Array, as_floats, namespace, positive
from livn.io.jsonable import Jsonable

RESISTIVITY = 3.5  # ohm m, stimulation; close to the 1/0.3 of grey matter
CONDUCTIVITY = 0.0003  # S/mm, recording; grey matter. Effective in a thin culture.
ELECTRODE_RADIUS = 15.0  # um
CULTURE_HEIGHT = 50.0  # um
MIN_DISTANCE = 5.0  # um


def effective_height(electrode_radius_um: float, culture_height_um: float) -> Any:
    """Return the distance that an electrode of finite size under a culture acts from, um."""
    return (electrode_radius_um**2 + culture_height_um**2) ** 0.5


# ohm m / um = 1e6 V/A = 1e3 mV/uA; 5.3355 mV/uA
STIMULATION_GAIN = (
    1e3 * RESISTIVITY / (4 * math.pi * effective_height(ELECTRODE_RADIUS, CULTURE_HEIGHT))
)
# mm / (S um) = 1e3 V/A = 1e3 uV/uA; 53 051.65 uV/uA
RECORDING_GAIN = 1e3 / (4 * math.pi * CONDUCTIVITY * MIN_DISTANCE)


@dataclass(frozen=True)
class PointSourceModel(Jsonable):
    """An infinite uniform volume conductor in which electrodes and cells are blunted points.

    Stimulation falls as 1/sqrt(d^2 + h^2), h^2 = electrode radius^2 + culture height^2: the
    electrode is a disk below the cells. Recording falls as 1/(d + min_distance), so that a cell
    on the electrode stays finite. The two gains are the values at d = 0; they stay as given when
    another field is changed.

    Attributes:
        stimulation_gain: potential on the electrode per command, mV/uA.
        recording_gain: potential per membrane current on the electrode, uV/uA.
        min_distance_um: floor of recording distances, um.
        electrode_radius_um: um.
        culture_height_um: height of the cells above the electrode, um.

    Raises:
        InvalidValue: if a field is not a positive number.
    """

    stimulation_gain: float = STIMULATION_GAIN
    recording_gain: float = RECORDING_GAIN
    min_distance_um: float = MIN_DISTANCE
    electrode_radius_um: float = ELECTRODE_RADIUS
    culture_height_um: float = CULTURE_HEIGHT

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            positive(value, name, "um" if name.endswith("um") else "")

    def arguments(self) -> dict[str, Any]:
        """Return the fields by name."""
        return dict(vars(self))

    def stimulation(self, distance: Array) -> Array:
        """Return the potential per command at a distance in um, mV/uA."""
        height = effective_height(self.electrode_radius_um, self.culture_height_um)
        xp = namespace(distance, height)
        return self.stimulation_gain * height / xp.sqrt(distance**2 + height**2)

    def recording(self, distance: Array) -> Array:
        """Return the potential per membrane current at a distance in um, uV/uA."""
        return self.recording_gain * self.min_distance_um / (distance + self.min_distance_um)


def point_source_model(
    distances: Any,
    resistivity: float = RESISTIVITY,
    current: float = 1.0,
    min_distance_um: float = MIN_DISTANCE,
) -> Array:
    """Return the potential of a point source in an infinite medium, rho I/(4 pi (d + min)), mV.

    Args:
        distances: d, um.
        resistivity: rho, ohm m.
        current: I, uA.
        min_distance_um: added to every distance, so that the source itself stays finite, um.
    """
    distance = as_floats(distances, "distances")
    return 1e3 * resistivity * current / (4 * math.pi * (distance + min_distance_um))


def disk_electrode_model(
    radial: Any,
    height: Any,
    resistivity: float = RESISTIVITY,
    current: float = 1.0,
    electrode_radius_um: float = ELECTRODE_RADIUS,
) -> Array:
    """Return the potential of a disk electrode in an insulating plane, mV.

    The medium fills the half space above; the disk is an equipotential at
    V0 = rho I/(4 a) (Wiley & Webster 1982; Newman 1966 for the spread resistance)::

        V = (2 V0/pi) arcsin(2 a/(sqrt((r - a)^2 + z^2) + sqrt((r + a)^2 + z^2)))

    Args:
        radial: r, distance from the axis of the disk, um.
        height: z, above the plane, um.
        resistivity: rho, ohm m.
        current: I, uA.
        electrode_radius_um: a, um.
    """
    r, z = as_floats(radial, "radial distances"), as_floats(height, "heights")
    a = electrode_radius_um
    xp = namespace(r, z)
    near, far = xp.sqrt((r - a) ** 2 + z**2), xp.sqrt((r + a) ** 2 + z**2)
    on_disk = 1e3 * resistivity * current / (4 * a)
    return 2 * on_disk / math.pi * xp.arcsin(2 * a / (near + far))
