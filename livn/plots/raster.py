"""Who fired when: a raster with the rate of each population below."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from livn.errors import InvalidState, InvalidValue
from livn.plots.style import (
    INK,
    MANY_MARKS,
    Canvas,
    bare,
    canvas,
    colours,
    time_unit,
    write_left,
)
from livn.run import Run
from livn.stimulus import Stimulus

Ranges = Mapping[str, tuple[int, int]]
Ids = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def raster(
    run: Run,
    system: Any = None,
    *,
    population_ranges: Ranges | None = None,
    stimulus: Stimulus | npt.ArrayLike | None = None,
    bin_size: float | None = None,
    figure: Canvas | None = None,
) -> Canvas:
    """Return a figure with a row of ticks per cell and the firing rate of each population.

    Rows are sorted by population; a rate is spikes / (all cells of the population x bin).
    More than 100,000 spikes are drawn as pixels also in vector files.

    Args:
        run: with spikes and a duration.
        system: whose `population_ranges` name the populations.
        population_ranges: (first gid, number of cells) of each population, instead of a system;
            without either, all gids up to the highest that fired form one population.
        stimulus: pulses to mark above the raster: their times, ms, or a Stimulus, each of whose
            onsets (any column leaves 0) counts.
        bin_size: bin of the rate, ms; None chooses a round one for 20 to 200 bins.
        figure: where to draw, for example a subfigure; None makes a new one.

    Raises:
        InvalidState: if spikes or duration are missing from the run.
        InvalidValue: if `bin_size` is not positive or a spike is of no population.
    """
    ids, times = run.spike_ids, run.spike_times
    if ids is None or times is None or run.duration is None:
        raise InvalidState(f"raster needs spikes and a duration: got {run!r}. Use record_spikes().")
    size = _round_bin(run.duration, ids.size) if bin_size is None else bin_size
    if not size > 0:
        raise InvalidValue(f"bin_size is not positive: got {size}; need ms above 0.", got=size)
    if system is not None:
        population_ranges = system.population_ranges
    ranges = _ordered(population_ranges, ids)
    unit, ms = time_unit(run.duration)
    figure = canvas(figure, 7.2, 4.4)
    heights = (3.0, 1.0) if stimulus is None else (0.16, 3.0, 1.0)
    axes = figure.subplots(len(heights), sharex=True, gridspec_kw={"height_ratios": heights})
    *top, rows, rates = axes
    if stimulus is not None:
        _draw_onsets(top[0], _onsets(stimulus) / ms)
    _draw_spikes(rows, ids, times / ms, ranges)
    edges = np.append(np.arange(np.ceil(run.duration / size - 1e-9)) * size, run.duration)
    _draw_rates(rates, (ids, times), ranges, edges, ms)
    rates.set_xlim(0, run.duration / ms)
    rates.set_xlabel(f"time ({unit})")
    return figure


def _ordered(ranges: Ranges | None, gids: Ids) -> dict[str, tuple[int, int]]:
    """Return the populations in order of gid; one without a name where none are given."""
    if ranges is None:
        return {"": (0, int(gids.max(initial=0)) + 1)}
    return dict(sorted(ranges.items(), key=lambda item: item[1][0]))


def _onsets(stimulus: Stimulus | npt.ArrayLike) -> Floats:
    """Return when pulses start, ms."""
    if not isinstance(stimulus, Stimulus):
        return np.atleast_1d(np.asarray(stimulus, dtype=np.float64))
    on = np.any(np.asarray(stimulus.array) != 0, axis=1)
    starts = on & ~np.concatenate([[False], on[:-1]])
    return np.asarray(np.flatnonzero(starts) * stimulus.dt, dtype=np.float64)


def _round_bin(duration: float, n_spikes: int) -> float:
    """Return a round bin, ms: 20 to 200 fill the duration, with about 5 spikes or more in each."""
    n_bins = np.clip(n_spikes / 5, 20, 200)
    choices = np.outer(10.0 ** np.arange(-1, 5), (1, 2, 5)).ravel()
    return float(choices[np.argmin(np.abs(np.log(choices * n_bins / duration)))])


def _draw_onsets(ax: Axes, times: Floats) -> None:
    """Mark pulses by triangles that point down at the raster."""
    bare(ax, keep=())
    ax.set_ylim(0, 1)
    ax.plot(times, np.full(times.size, 0.3), "v", color=INK, markersize=4, clip_on=False)
    write_left(ax, "stimulus", 0.3, INK)


def _draw_spikes(ax: Axes, ids: Ids, times: Floats, ranges: Mapping[str, tuple[int, int]]) -> None:
    """Draw one row of ticks per cell, populations one above the other."""
    bare(ax, keep=())
    left = ax.get_yaxis_transform()
    n_cells = sum(count for _, count in ranges.values())
    height = float(np.clip(190 / n_cells, 1.8, 9.0))  # pt; the axes are about 190 pt high
    many = ids.size > MANY_MARKS
    base = drawn = 0
    for name, colour in colours(list(ranges)).items():
        start, count = ranges[name]
        mine = (ids >= start) & (ids < start + count)
        drawn += int(np.count_nonzero(mine))
        ax.plot(
            times[mine],
            ids[mine] - start + base + 0.5,
            linestyle="none",
            marker="," if many else "|",
            markersize=height,
            markeredgewidth=float(np.clip(height / 4, 0.5, 1.2)),
            color=colour,
            alpha=0.35 if many else 1.0,
            rasterized=many,
        )
        span = [base, base + count]
        ax.plot([-0.006] * 2, span, color=colour, lw=2, transform=left, clip_on=False)
        label = f"{name}\n{count:,} cells".strip()
        write_left(ax, label, base + count / 2, colour)
        base += count
    if drawn < ids.size:
        raise InvalidValue(
            f"spikes belong to no population: got {ids.size - drawn} of {ids.size}; need gids "
            f"within {dict(ranges)}."
        )
    ax.set_ylim(0, n_cells)


def _draw_rates(
    ax: Axes, spikes: tuple[Ids, Floats], ranges: Ranges, edges: Floats, ms: float
) -> None:
    """Draw spikes per cell and second of each population, in bins between edges in ms."""
    bare(ax)
    ids, times = spikes
    for name, colour in colours(list(ranges)).items():
        start, count = ranges[name]
        counts, _ = np.histogram(times[(ids >= start) & (ids < start + count)], edges)
        rate = counts / (count * np.diff(edges) / 1000)
        ax.stairs(rate, edges / ms, color=colour, linewidth=1.1)
    ax.set_ylim(bottom=0)
    ax.set_ylabel("rate (Hz)")
