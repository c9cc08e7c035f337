"""Pictures of cultures: rasters, traces, electrode arrays.

Every function returns a matplotlib Figure that no backend or pyplot knows of; `figure.savefig`
writes it. With `figure=` it draws on a given Figure or SubFigure, so that panels compose.
"""

from livn.plots.array import channel_heatmap, electrode_array
from livn.plots.culture import culture
from livn.plots.raster import raster
from livn.plots.traces import voltage_traces

__all__ = ["channel_heatmap", "culture", "electrode_array", "raster", "voltage_traces"]
