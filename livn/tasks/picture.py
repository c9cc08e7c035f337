"""What an environment looks like: its last spikes, and where on the array they were heard."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from livn.env.gymnasium import Hearing
from livn.plots import channel_heatmap, raster
from livn.plots.style import bare
from livn.run import SPIKES, Events, Run
from livn.tasks.game import Game


def draw(runs: Sequence[Run], env: Any, task: Any) -> NDArray[np.uint8]:
    """Return a raster of the last runs beside the array, coloured by what electrodes heard.

    Args:
        runs: consecutive ones with spikes, the last of which is now; none before the first step.
        env: whose cells and array they are of.
        task: drawn too if it is a `Game`.

    Returns:
        Red, green and blue, shape (440, 1100, 3).
    """
    run = _joined(runs)
    seconds = (run.duration or 1.0) / 1000
    hearing = Hearing.of(env)
    counts = np.bincount(hearing.spikes(run).channels, minlength=hearing.n_channels)
    figure = Figure((11.0, 4.4), dpi=100, layout="constrained")
    widths = (1.3, 1.0, 0.9) if isinstance(task, Game) else (1.5, 1.0)
    parts = figure.add_gridspec(1, len(widths), width_ratios=widths)
    left, right = figure.add_subfigure(parts[0]), figure.add_subfigure(parts[1])
    if isinstance(task, Game):
        ax = figure.add_subfigure(parts[2]).subplots()
        task.sketch(ax)
        bare(ax, keep=())
    raster(run, env.system, figure=left)
    left.suptitle(f"{run.t0 / 1000:.2f} s to {(run.t1 or 0.0) / 1000:.2f} s", fontsize=9)
    channel_heatmap(env.io, counts / seconds, label="spikes heard (Hz)", figure=right)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.array(canvas.buffer_rgba())[..., :3]


def _joined(runs: Sequence[Run]) -> Run:
    """Return consecutive runs as one; a silent second where there are none."""
    if not runs:
        return Run({SPIKES: Events(np.empty(0, np.int64), np.empty(0))}, duration=1000.0)
    return runs[0].concat(*runs[1:])
