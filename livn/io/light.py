"""LightArray: optical fibres that stimulate opsins."""

import math
from typing import Any, ClassVar

import numpy as np

from livn.arrays import Array, namespace, positive
from livn.io.base import IO
from livn.io.geometry import channels, placed, relative_distance

REFRACTIVE_INDEX = 1.36  # of brain tissue, Aravanis et al. 2007
UM_PER_MM = 1e3


class LightArray(IO):
    """Fibres that point along z and are commanded in mW.

    Args:
        fiber_coordinates: tips, rows (id, x, y, z), um.
        numerical_aperture: of the fibre.
        fiber_radius_um: um.
        wavelength_nm: nm; goes with the stimulus.
        scattering_coefficient: of the tissue, 1/mm.

    Raises:
        InvalidValue: if coordinates have no ids that are distinct integers, or a number is not
            positive.
    """

    input_mode: ClassVar[str] = "irradiance"

    def __init__(
        self,
        fiber_coordinates: Any,
        numerical_aperture: float = 0.37,
        fiber_radius_um: float = 100.0,
        wavelength_nm: float = 473.0,
        scattering_coefficient: float = 11.2,
    ):
        self.fiber_coordinates: Array = channels(fiber_coordinates, "fiber coordinates")
        self.numerical_aperture = positive(numerical_aperture, "numerical_aperture", "")
        self.fiber_radius_um = positive(fiber_radius_um, "fiber_radius_um", "um")
        self.wavelength_nm = positive(wavelength_nm, "wavelength_nm", "nm")
        self.scattering_coefficient = positive(
            scattering_coefficient, "scattering_coefficient", "per mm"
        )

    def arguments(self) -> dict[str, Any]:
        """Return the constructor arguments by name."""
        return dict(vars(self))

    @property
    def channel_ids(self) -> Array:
        """Id of every fibre, int32, shape (num_channels,)."""
        ids = self.fiber_coordinates[:, 0]
        return namespace(ids).astype(ids, np.int32)

    @property
    def input_units(self) -> str:
        """Units of the commands: mW at the tip."""
        return "mW"

    @property
    def stimulus_extra(self) -> dict[str, Any]:
        """What converting irradiance to photons needs."""
        return {"wavelength_nm": self.wavelength_nm}

    def reach(self, coordinates: Array, channels: Any = None) -> Array:
        """Return the irradiance per power of each fibre at each row, 1/mm2 (mW/mm2 per mW).

        The beam widens with the distance z along the fibre and is scattered on the way
        (Aravanis et al. 2007)::

            T = NA^2/(n^2 (|z| + z0)^2) exp(-mu d)/(4 pi),   z0 = radius n/NA

        Args:
            coordinates: rows (gid, x, y, z), um.
            channels: positions of the fibres; None for all.

        Returns:
            Shape (channels, n_rows), positive.
        """
        fibers = self.fiber_coordinates if channels is None else self.fiber_coordinates[channels]
        rows = placed(coordinates, "coordinates")
        xp = namespace(fibers, rows)
        depth = xp.abs(fibers[:, 3, None] - rows[None, :, 3]) / UM_PER_MM
        distance = relative_distance(fibers, rows) / UM_PER_MM
        spread = self.numerical_aperture / REFRACTIVE_INDEX
        source_depth = self.fiber_radius_um / UM_PER_MM / spread
        density = (spread / (depth + source_depth)) ** 2 / (4 * math.pi)
        return density * xp.exp(-self.scattering_coefficient * distance)
