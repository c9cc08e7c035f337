"""Membrane potentials of single cells, one above the other."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from livn.errors import InvalidState, InvalidValue
from livn.plots.style import (
    INK,
    SMALL,
    Canvas,
    bare,
    canvas,
    colours,
    round_length,
    time_unit,
    write_left,
)
from livn.run import Run

DEFAULT_ROWS = 8


def voltage_traces(
    run: Run,
    system: Any = None,
    *,
    population_ranges: Mapping[str, tuple[int, int]] | None = None,
    gids: Sequence[int] | None = None,
    figure: Canvas | None = None,
) -> Canvas:
    """Return a figure of recorded membrane potentials, one row per cell and section.

    All rows share one scale, given by a bar; a tick above a row marks each recorded spike.

    Args:
        run: with voltage, and spikes to be marked if there are any.
        system: whose `population_ranges` give rows their colours.
        population_ranges: (first gid, number of cells) of each population, instead of a system.
        gids: cells to show; None shows 8 spread over the recorded rows.
        figure: where to draw, for example a subfigure; None makes a new one.

    Raises:
        InvalidState: if no voltage was recorded.
        InvalidValue: if a gid was not recorded.
    """
    if "voltage" not in run or run.duration is None:
        raise InvalidState(f"voltage was not recorded: got {run!r}. Use record_voltage().")
    series = run["voltage"]
    ids, spike_times = run.spike_ids, run.spike_times
    rows = _rows(series.ids, gids)
    ranges = population_ranges if system is None else system.population_ranges
    unit, ms = time_unit(run.duration)
    figure = canvas(figure, 7.2, 0.7 + 0.42 * len(rows))
    ax = figure.subplots()
    bare(ax, keep=("bottom",))
    shown = series.values[rows]
    lowest, spacing = float(shown.min()), 1.25 * max(float(np.ptp(shown)), 1.0)
    for level, row in enumerate(reversed(rows)):
        gid, base = int(series.ids[row]), level * spacing
        name, colour = _population(gid, ranges)
        ax.plot(series.times / ms, series.values[row] - lowest + base, color=colour, linewidth=0.8)
        if ids is not None and spike_times is not None:
            times = spike_times[ids == gid] / ms
            y = np.full(times.size, base + 0.9 * spacing)
            ax.plot(times, y, "|", color=colour, markersize=4, markeredgewidth=0.8)
        section = series.sections[row] if series.sections else ""
        write_left(ax, f"{name} {gid} {section}".strip(), base + 0.3 * spacing, colour)
    ax.set_xlim(0, run.duration / ms)
    ax.set_ylim(-0.1 * spacing, len(rows) * spacing)
    ax.set_xlabel(f"time ({unit})")
    _voltage_bar(ax, round_length(0.8 * spacing))
    return figure


def _rows(recorded: npt.NDArray[np.int64], gids: Sequence[int] | None) -> list[int]:
    """Return which rows to show, in the order of `gids`."""
    if gids is None:
        return sorted({round(r) for r in np.linspace(0, len(recorded) - 1, DEFAULT_ROWS)})
    missing = [g for g in gids if g not in recorded]
    if missing:
        raise InvalidValue(
            f"voltage of some cells was not recorded: got gids {missing}; need some of "
            f"{np.unique(recorded)[:10].tolist()} ({len(np.unique(recorded))} in all).",
            got=missing,
        )
    return [int(row) for gid in gids for row in np.flatnonzero(recorded == gid)]


def _population(gid: int, ranges: Mapping[str, tuple[int, int]] | None) -> tuple[str, str]:
    """Return name and colour of the population of a cell; without a name where none is known."""
    ordered = sorted((ranges or {}).items(), key=lambda item: item[1][0])
    for name, colour in colours([n for n, _ in ordered]).items():
        start, count = dict(ordered)[name]
        if start <= gid < start + count:
            return name, colour
    return "", INK


def _voltage_bar(ax: Axes, length: float) -> None:
    """Draw a bar of this many mV to the right of the lowest row."""
    right = ax.get_yaxis_transform()
    ax.plot(
        [1.012] * 2, [0, length], color=INK, linewidth=2, transform=right, clip_on=False,
        solid_capstyle="butt",
    )  # fmt: skip
    ax.text(
        1.022, length / 2, f"{length:g} mV", transform=right, fontsize=SMALL, color=INK,
        va="center",
    )  # fmt: skip
