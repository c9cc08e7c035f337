"""The culture: its cells and connections from above and, where it has layers, from the side."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from livn.plots.array import draw_cells, draw_electrodes, frame
from livn.plots.style import (
    FAINT,
    INK,
    MANY_MARKS,
    SMALL,
    Canvas,
    bare,
    canvas,
    colours,
    write_left,
)

Floats = npt.NDArray[np.float64]

EDGES: dict[str, Any] = {"linewidths": 0.3, "alpha": 0.25}
WIDTH = 5.6  # inches
FLAT = 60.0  # um, up to which a culture is not shown from the side


def culture(
    system: Any, mea: Any = None, *, max_edges: int = 2500, figure: Canvas | None = None
) -> Canvas:
    """Return a figure of the cells of a culture and a sample of the connections between them.

    Cells are coloured by population, connections by that of their source. A culture thicker than
    60 um is also shown from the side, with its layers.

    Args:
        system: a System, or what has the same coordinates, edges and layers.
        mea: electrodes to draw as well; None for none.
        max_edges: how many connections are drawn, evenly chosen from all.
        figure: where to draw, for example a subfigure; None makes a new one.
    """
    low, high = np.asarray(system.bounding_box)
    thick = bool(high[2] - low[2] > FLAT)
    mine = figure is None
    figure = canvas(figure, WIDTH, WIDTH)
    above, *side = np.atleast_1d(figure.subplots(1 + thick))
    bare(above, keep=())
    above.add_collection(LineCollection(**_edges(system, max_edges), **EDGES, zorder=0.5))
    points = [np.asarray(system.bounding_box)[:, :2]]
    if mea is not None:
        electrodes = np.asarray(mea.electrode_coordinates, dtype=np.float64)
        draw_electrodes(above, electrodes)
        points.append(electrodes[:, 1:3])
    draw_cells(above, system)
    frame(above, np.vstack(points))
    spans = [float(np.ptp(above.get_ylim()))]
    if side:
        _draw_side(side[0], system, above.get_xlim())
        spans.append(float(np.ptp(side[0].get_ylim())))
        above.get_gridspec().set_height_ratios(spans)
    if mine and isinstance(figure, Figure):
        figure.set_size_inches(WIDTH, WIDTH * sum(spans) / float(np.ptp(above.get_xlim())) + 0.4)
    return figure


def _edges(system: Any, max_edges: int) -> dict[str, Any]:
    """Return segments (x, y) and colours of every k-th connection."""
    xy = np.asarray(system.neuron_coordinates)[:, 1:3]
    palette = colours(list(system.population_ranges))
    stride = max(1, -(-sum(system.edge_counts.values()) // max(1, max_edges)))
    segments: list[Floats] = []
    shades: list[str] = []
    for post, pre in sorted(system.edge_counts):
        edges = system.edges(post, pre)
        sources = edges.sources[::stride].astype(int) + system.population_ranges[pre][0]
        targets = edges.targets[::stride] + system.population_ranges[post][0]
        segments.append(np.stack([xy[sources], xy[targets]], axis=1))
        shades += [palette[pre]] * len(sources)
    return {"segments": np.concatenate(segments) if segments else [], "colors": shades}


def _draw_side(ax: Axes, system: Any, x_limits: tuple[float, float]) -> None:
    """Draw x and z of the cells, with the layers named at the left."""
    bare(ax, keep=())
    ax.set_xticks([])
    cells = np.asarray(system.neuron_coordinates)
    palette = colours(list(system.population_ranges))
    extents: Mapping[str, Any] = system.layer_extents
    (x0, _, _), (x1, _, _) = np.asarray(system.bounding_box)
    for name, (low, high) in extents.items():
        ax.fill_between([x0, x1], low[2], high[2], facecolor="none", edgecolor=FAINT, linewidth=0.6)
        write_left(ax, name, (low[2] + high[2]) / 2, INK)
    for name, (start, count) in system.population_ranges.items():
        mine = cells[start : start + count]
        look: dict[str, Any] = {"color": palette[name], "linewidths": 0, "alpha": 0.65}
        ax.scatter(mine[:, 1], mine[:, 3], s=SMALL, rasterized=len(cells) > MANY_MARKS, **look)
    ax.set_xlim(x_limits)
    low, high = np.asarray(system.bounding_box)[:, 2]
    ax.set_ylim(low - 0.03 * (high - low), high + 0.03 * (high - low))
    ax.set_aspect("equal")
