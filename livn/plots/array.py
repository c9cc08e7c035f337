"""The electrode array: where its contacts lie over the culture, and what they measure."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection
from matplotlib.colors import Normalize
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from scipy.spatial import cKDTree

from livn.errors import InvalidValue, unknown_names
from livn.plots.style import (
    FAINT,
    INK,
    MANY_MARKS,
    SMALL,
    Canvas,
    bare,
    canvas,
    colours,
    round_length,
    scale_bar,
)

Floats = npt.NDArray[np.float64]

ELECTRODE_DIAMETER = 30.0  # um, as in the disk electrode of livn.io (radius a = 15 um)
CELL_DIAMETER = 12.0  # um, about that of a soma; larger in a culture too wide to show it
LEGEND: dict[str, Any] = {
    "frameon": False,
    "fontsize": SMALL,
    "labelcolor": "linecolor",
    "ncols": 4,
    "handletextpad": 0.4,
    "columnspacing": 1.2,
    "borderaxespad": 0.2,
}
MANY_ELECTRODES = 256  # beyond this their ids would not be readable


def electrode_array(
    system: Any,
    mea: Any,
    *,
    reach: Sequence[int] = (),
    figure: Canvas | None = None,
) -> Canvas:
    """Return a figure of the electrodes over the cells of the culture, seen from above.

    Cells are discs of 12 um coloured by population, electrodes rings of 30 um with their ids (up
    to 256 of them), all to scale.

    Args:
        system: with `population_ranges`, `neuron_coordinates` (gid, x, y, z) and `bounding_box`.
        mea: with `electrode_coordinates` (id, x, y, z), `input_radius` and `output_radius`.
        reach: ids of electrodes around which to draw how far they stimulate (dashed) and record.
        figure: where to draw, for example a subfigure; None makes a new one.

    Raises:
        UnknownName: if `reach` names an electrode that is not there.
    """
    electrodes = np.asarray(mea.electrode_coordinates, dtype=np.float64)
    ids = electrodes[:, 0].astype(int)
    unknown = [str(e) for e in reach if e not in ids]
    if unknown:
        raise unknown_names("electrode", unknown, map(str, ids))
    figure = canvas(figure, 5.6, 5.6)
    ax = figure.subplots()
    bare(ax, keep=())
    draw_electrodes(ax, electrodes)
    draw_cells(ax, system)
    if len(reach):
        _draw_reach(ax, electrodes[np.isin(ids, list(reach))], mea)
    frame(ax, np.vstack([np.asarray(system.bounding_box)[:, :2], electrodes[:, 1:3]]))
    return figure


def channel_heatmap(
    mea: Any,
    values: npt.ArrayLike | Mapping[int, float],
    *,
    label: str = "",
    figure: Canvas | None = None,
) -> Canvas:
    """Return a figure of the array with each electrode coloured by its value.

    Values of both signs get a diverging map around 0; an electrode without a value (nan) is an
    empty ring.

    Args:
        mea: with `electrode_coordinates` (id, x, y, z).
        values: one number per electrode in the order of the array, or by id.
        label: what the numbers are, with their unit.
        figure: where to draw, for example a subfigure; None makes a new one.

    Raises:
        InvalidValue: if there is not one value per electrode.
        UnknownName: if a value is given for an electrode that is not there.
    """
    electrodes = np.asarray(mea.electrode_coordinates, dtype=np.float64)
    numbers = _per_electrode(electrodes[:, 0].astype(int), values)
    figure = canvas(figure, 5.6, 4.9)
    ax = figure.subplots()
    bare(ax, keep=())
    known = np.isfinite(numbers)
    low, high = (numbers[known].min(), numbers[known].max()) if known.any() else (0.0, 1.0)
    signed = low < 0 < high
    limit = max(-low, high)
    norm = Normalize(-limit, limit) if signed else Normalize(low, high)
    size = 0.86 * _pitch(electrodes)
    discs = _discs(ax, electrodes[known], size, cmap="RdBu_r" if signed else "viridis", norm=norm)
    discs.set_array(numbers[known])
    _discs(ax, electrodes[~known], size, facecolors="none", edgecolors=INK, linewidths=0.6)
    bar = ax.figure.colorbar(discs, ax=ax, shrink=0.7, pad=0.03)
    bar.outline.set_visible(False)
    bar.set_label(label, size=SMALL + 1, color=INK)
    bar.ax.tick_params(labelsize=SMALL, colors=INK, width=0.8, length=3)
    frame(ax, electrodes[:, 1:3], margin=0.6 * size)
    return figure


def _per_electrode(
    ids: npt.NDArray[np.int64], values: npt.ArrayLike | Mapping[int, float]
) -> Floats:
    """Return one value per electrode, nan where a mapping has none."""
    if isinstance(values, Mapping):
        unknown = [str(v) for v in values if v not in ids]
        if unknown:
            raise unknown_names("electrode", unknown, map(str, ids))
        return np.array([values.get(int(i), np.nan) for i in ids], dtype=np.float64)
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.shape != ids.shape:
        raise InvalidValue(
            f"values do not match the array: got shape {numbers.shape}; need ({ids.size},).",
            got=numbers.shape,
        )
    return numbers


def draw_cells(ax: Axes, system: Any) -> None:
    """Draw the cells and the edge of the culture, and name the populations above it."""
    (x0, y0), (x1, y1) = np.asarray(system.bounding_box)[:, :2]
    ax.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, edgecolor=FAINT, linewidth=0.6))
    cells = np.asarray(system.neuron_coordinates)
    diameter = max(CELL_DIAMETER, 0.0025 * (x1 - x0))
    ranges = dict(sorted(system.population_ranges.items(), key=lambda item: item[1][0]))
    palette = colours(list(ranges))
    for name, (start, count) in ranges.items():
        mine = cells[(cells[:, 0] >= start) & (cells[:, 0] < start + count)]
        look = {"facecolors": palette[name], "linewidths": 0, "alpha": 0.65}
        _discs(ax, mine, diameter, rasterized=len(cells) > MANY_MARKS, **look)
    handles = [
        Line2D([], [], color=palette[n], marker="o", ls="", ms=4.5, label=f"{n} ({count:,})")
        for n, (_, count) in ranges.items()
    ]
    ax.legend(handles=handles, loc="lower left", bbox_to_anchor=(0, 1), **LEGEND)


def draw_electrodes(ax: Axes, electrodes: Floats) -> None:
    """Draw the contacts to scale, each with its id above it."""
    many = len(electrodes) > MANY_ELECTRODES
    look = {"facecolors": "#E8E8E8", "edgecolors": INK, "linewidths": 0.4 if many else 0.8}
    _discs(ax, electrodes, ELECTRODE_DIAMETER, **look)
    if not many:
        for number, x, y, _ in electrodes:
            _write_above(ax, x, y + ELECTRODE_DIAMETER / 2, f"{number:.0f}", SMALL - 2)


def _draw_reach(ax: Axes, electrodes: Floats, mea: Any) -> None:
    """Draw the circles within which these electrodes stimulate and record, named at the bottom."""
    kinds: list[tuple[str, float, Literal["solid", "dashed"]]] = [
        ("records", mea.output_radius, "solid"),
        ("stimulates", mea.input_radius, "dashed"),
    ]
    if mea.output_radius == mea.input_radius:
        kinds = [("reaches", mea.output_radius, "solid")]
    _discs(ax, electrodes, ELECTRODE_DIAMETER, facecolors=INK, zorder=4)
    handles = []
    for verb, radius, line in kinds:
        look = {"edgecolors": INK, "linestyles": line, "linewidths": 1.2, "zorder": 4}
        _discs(ax, electrodes, 2 * radius, facecolors="none", **look)
        label = f"{verb} within {radius:g} µm"
        handles.append(Line2D([], [], color=INK, linestyle=line, lw=1.2, label=label))
    labels = [str(h.get_label()) for h in handles]
    ax.add_artist(Legend(ax, handles, labels, loc="lower right", **LEGEND))


def _write_above(ax: Axes, x: float, y: float, text: str, size: float) -> None:
    """Write just above a point, with a white rim that keeps it legible over cells."""
    written = ax.annotate(
        text,
        (x, y),
        (0, 1),
        textcoords="offset points",
        ha="center",
        va="bottom",
        fontsize=size,
        color=INK,
    )
    written.set_path_effects([withStroke(linewidth=1.8, foreground="white")])


def _discs(ax: Axes, electrodes: Floats, diameter: float, **look: Any) -> EllipseCollection:
    """Draw discs of a diameter in um."""
    size = np.full(len(electrodes), diameter)
    discs = EllipseCollection(
        size,
        size,
        np.zeros(len(electrodes)),
        units="xy",
        offsets=electrodes[:, 1:3],
        offset_transform=ax.transData,
        **look,
    )
    ax.add_collection(discs)
    return discs


def _pitch(electrodes: Floats) -> float:
    """Return the distance between nearest electrodes, um; 100 where there is only one."""
    if len(electrodes) < 2:
        return 100.0
    distances, _ = cKDTree(electrodes[:, 1:3]).query(electrodes[:, 1:3], k=2)
    return float(distances[:, 1].min())


def frame(ax: Axes, points: Floats, margin: float = 0.0) -> None:
    """Show these points at equal scale, with a scale bar below."""
    low, high = points.min(axis=0), points.max(axis=0)
    margin = max(margin, 0.04 * float(max(high - low)), 0.6 * ELECTRODE_DIAMETER)
    low, high = low - margin, high + margin
    width = float(high[0] - low[0])
    length = round_length(width / 4)
    ax.set_xlim(low[0], high[0])
    ax.set_ylim(low[1] - 0.09 * width, high[1])
    ax.set_aspect("equal")
    scale_bar(ax, low[0] + margin, low[1] - 0.02 * width, length, f"{length:g} µm")
