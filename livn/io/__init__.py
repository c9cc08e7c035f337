"""How a dish is touched and heard: electrode arrays, light, and what they do at a distance."""

from livn.io.base import IO, calculate_cell_stimulus
from livn.io.composed import ComposedIO
from livn.io.electrodes import electrode_array_coordinates, electrode_array_coordinates_for_area
from livn.io.geometry import calculate_distances, relative_distance
from livn.io.jsonable import Jsonable
from livn.io.light import LightArray
from livn.io.mea import MEA
from livn.io.platform import Platform
from livn.io.probe import from_probe, to_probe
from livn.io.recording import channel_recording
from livn.io.volume_conductor import PointSourceModel, disk_electrode_model, point_source_model

__all__ = [
    "IO",
    "MEA",
    "ComposedIO",
    "Jsonable",
    "LightArray",
    "Platform",
    "PointSourceModel",
    "calculate_cell_stimulus",
    "calculate_distances",
    "channel_recording",
    "disk_electrode_model",
    "electrode_array_coordinates",
    "electrode_array_coordinates_for_area",
    "from_probe",
    "point_source_model",
    "relative_distance",
    "to_probe",
]
