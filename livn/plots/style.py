"""How livn's figures look: colours, spines, scale bars, units of the time axis."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D

Canvas = Figure | SubFigure

# Okabe and Ito 2008 (Color Universal Design), told apart by colour-blind readers; yellow left out.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
INK = "#333333"
FAINT = "#BBBBBB"
SMALL = 8.0  # pt
MANY_MARKS = 100_000  # drawn as pixels, because a vector file of more is unusable


def canvas(figure: Canvas | None, width: float, height: float) -> Canvas:
    """Return the figure to draw on: the one given, or a new one of this size in inches."""
    return Figure((width, height), layout="constrained") if figure is None else figure


def colours(names: Sequence[str]) -> dict[str, str]:
    """Return one colour per population, in the order given; they repeat after seven."""
    return {name: PALETTE[k % len(PALETTE)] for k, name in enumerate(names)}


def bare(ax: Axes, *, keep: Sequence[str] = ("left", "bottom")) -> None:
    """Take away the spines but those to `keep`, and quieten ticks and labels."""
    for side, spine in ax.spines.items():
        spine.set_visible(side in keep)
        spine.set_color(INK)
        spine.set_linewidth(0.8)
    ax.tick_params(colors=INK, labelsize=SMALL, width=0.8, length=3)
    for label in (ax.xaxis.label, ax.yaxis.label):
        label.set_fontsize(SMALL + 1)
        label.set_color(INK)
    if "left" not in keep:
        ax.set_yticks([])
    if "bottom" not in keep:
        ax.tick_params(bottom=False, labelbottom=False)


def time_unit(duration: float) -> tuple[str, float]:
    """Return the unit in which a duration in ms reads best, and how many ms it has."""
    return ("s", 1000.0) if duration > 2000.0 else ("ms", 1.0)


def round_length(length: float) -> float:
    """Return the largest of 1, 2, 5 times a power of ten that is not above `length`."""
    power = 10.0 ** np.floor(np.log10(length))
    return float(max(m * power for m in (1, 2, 5) if m * power <= length * (1 + 1e-9)))


def scale_bar(ax: Axes, x: float, y: float, length: float, text: str) -> None:
    """Draw a horizontal bar that starts at (x, y), `length` in data units, named below."""
    ax.add_line(Line2D([x, x + length], [y, y], color=INK, linewidth=2, solid_capstyle="butt"))
    ax.annotate(
        text,
        (x + length / 2, y),
        (0, -4),
        textcoords="offset points",
        ha="center",
        va="top",
        fontsize=SMALL,
        color=INK,
    )


def write_left(ax: Axes, text: str, y: float, colour: str) -> None:
    """Write what lies at height `y` to the left of the axes."""
    ax.text(
        -0.016,
        y,
        text,
        transform=ax.get_yaxis_transform(),
        color=colour,
        fontsize=SMALL,
        ha="right",
        va="center",
    )
