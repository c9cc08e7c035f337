"""Who is there and who is connected to whom: systems, their files, and where they come from."""

from livn.system.base import BaseSystem
from livn.system.document import receptors
from livn.system.download import fetch
from livn.system.files import content_hash, read_graph, write_graph
from livn.system.graph import Graph, Projection
from livn.system.locate import UnknownSystem, make, predefined, resolve
from livn.system.parallel import ParallelSystem
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

__all__ = [
    "BaseSystem",
    "CellsMetaData",
    "Graph",
    "ParallelSystem",
    "Projection",
    "System",
    "UnknownSystem",
    "content_hash",
    "coordinate_array",
    "fetch",
    "make",
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
    "write_graph",
]
