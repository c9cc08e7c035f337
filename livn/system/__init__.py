"""Who is there and who is connected to whom: systems, their files, and where they come from."""

from livn.system.base import BaseSystem
from livn.system.catalog import RECIPES
from livn.system.culture import Culture2D, Population
from livn.system.document import receptors
from livn.system.download import fetch
from livn.system.files import content_hash, read_graph, verify, write_graph
from livn.system.generate import electrode_array, generate_2d
from livn.system.generate_3d import generate_3d
from livn.system.graph import Graph, Projection
from livn.system.kernel import Kernel
from livn.system.locate import UnknownSystem, make, place, predefined, resolve
from livn.system.parallel import ParallelSystem
from livn.system.placement import Disk, Placement, Rectangle
from livn.system.readers import (
    CellsMetaData,
    coordinate_array,
    projection_array,
    read_cells_meta_data,
    read_coordinates,
    read_projections,
    read_synapses,
    read_trees,
)
from livn.system.selection import resolve_selection, selection_from_ranges
from livn.system.system import System
from livn.system.tissue import Layer, LayeredPopulation, LayeredProjection, Tissue

__all__ = [
    "RECIPES",
    "BaseSystem",
    "CellsMetaData",
    "Culture2D",
    "Disk",
    "Graph",
    "Kernel",
    "Layer",
    "LayeredPopulation",
    "LayeredProjection",
    "ParallelSystem",
    "Placement",
    "Population",
    "Projection",
    "Rectangle",
    "System",
    "Tissue",
    "UnknownSystem",
    "content_hash",
    "coordinate_array",
    "electrode_array",
    "fetch",
    "generate_2d",
    "generate_3d",
    "make",
    "place",
    "predefined",
    "projection_array",
    "read_cells_meta_data",
    "read_coordinates",
    "read_graph",
    "read_projections",
    "read_synapses",
    "read_trees",
    "receptors",
    "resolve",
    "resolve_selection",
    "selection_from_ranges",
    "verify",
    "write_graph",
]
