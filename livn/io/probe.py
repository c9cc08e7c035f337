"""Electrode arrays from and to probeinterface, the geometry that spike sorters read.

Needs the extra `probe`.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from livn.io.mea import MEA

if TYPE_CHECKING:
    from probeinterface import Probe

UM = {"um": 1.0, "mm": 1e3, "m": 1e6}


def to_probe(mea: MEA) -> "Probe":
    """Return the array as a three-dimensional probe of round contacts, in um.

    Contact ids are the channel ids, device channels the positions in `mea.channel_ids`.
    """
    import probeinterface

    rows = np.asarray(mea.electrode_coordinates)
    probe = probeinterface.Probe(ndim=3, si_units="um")
    probe.set_contacts(
        positions=rows[:, 1:],
        plane_axes=np.tile(np.eye(3)[:2], (len(rows), 1, 1)),  # contacts lie along x and y
        shapes="circle",
        shape_params={"radius": float(mea.volume_conductor.electrode_radius_um)},
    )
    probe.set_contact_ids(rows[:, 0].astype(int).astype(str))
    probe.set_device_channel_indices(np.arange(len(rows)))
    return probe


def from_probe(probe: "Probe", z: float = 0.0, **arguments: Any) -> MEA:
    """Return the array at the contacts of a probe.

    Channel ids are the contact ids where these are all whole numbers, else positions.

    Args:
        probe: of two or three dimensions, in um, mm or m.
        z: height of a two-dimensional probe, um.
        arguments: of `MEA`, other than the coordinates.

    Raises:
        InvalidValue: if contact ids repeat, or `MEA` refuses an argument.
    """
    positions = np.asarray(probe.contact_positions, float) * UM[probe.si_units]
    if probe.ndim == 2:
        positions = np.column_stack([positions, np.full(len(positions), z)])
    names = [] if probe.contact_ids is None else [str(name) for name in probe.contact_ids]
    whole = bool(names) and all(name.isdecimal() for name in names)
    ids = [int(name) for name in names] if whole else range(len(positions))
    return MEA(np.column_stack([ids, positions]), **arguments)
