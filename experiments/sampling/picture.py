"""A dataset at a glance: how fast its rows fire, and one of them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from experiments.sampling.table import OK
from livn.plots import raster
from livn.plots.style import PALETTE, SMALL, bare
from livn.run import Run

Ranges = Mapping[str, tuple[int, int]]
N_BINS = 24


def overview(rows: Sequence[Mapping[str, Any]], ranges: Ranges) -> Figure:
    """Return a figure of the mean rates of rows by encoding, and the raster of a lively one.

    Args:
        rows: with `encoding`, `status`, `duration`, `it`, `tt` and `pulses`.
        ranges: first gid and number of cells of each population.
    """
    n_cells = sum(n for _, n in ranges.values())
    rates: dict[str, list[float]] = {}
    for row in rows:
        named = json.loads(row["encoding"])
        name = named if isinstance(named, str) else f"{named[0]} {named[1]}"
        rates.setdefault(name, []).append(1000 * len(row["tt"]) / n_cells / row["duration"])
    figure = Figure((7.2, 6.6), layout="constrained")
    parts: Any = figure.subfigures(2, height_ratios=(1.0, 2.0))
    above, below = parts
    ax = above.subplots()
    bare(ax)
    top = max(max(each) for each in rates.values()) or 1.0
    edges = np.linspace(0, top * (1 + 1e-9), N_BINS + 1)
    for colour, (name, values) in zip(PALETTE, sorted(rates.items()), strict=False):
        ax.hist(values, edges, histtype="step", color=colour, linewidth=1.4, label=name)
    ax.set_xlabel("mean rate of a sample (Hz)")
    ax.set_ylabel("samples")
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(frameon=False, fontsize=SMALL, labelcolor="linecolor")
    shown = max(rows, key=lambda row: (row["status"] == OK, bool(row["pulses"]), len(row["tt"])))
    run = Run(duration=shown["duration"]).add_spikes(shown["it"], shown["tt"])
    onsets = [p["time"] for p in shown["pulses"] or () if p["time"] >= 0]
    raster(run, population_ranges=ranges, stimulus=onsets or None, figure=below)
    return figure
