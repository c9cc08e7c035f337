"""Durations and steps of runs and stimuli."""

from math import inf
from typing import Any

import numpy as np

from livn.errors import InvalidValue
from livn.stimulus import Stimulus

TOLERANCE = 1e-9  # ms, below which a time is taken to be on the grid


def check_duration(duration: Any) -> None:
    """Check that a duration is a positive number.

    Raises:
        InvalidValue: if it is not.
    """
    number = isinstance(duration, int | float | np.integer | np.floating)
    if isinstance(duration, bool) or not number or not 0 < duration < inf:
        raise InvalidValue(
            f"duration is not positive: got {duration!r}; need a number of ms > 0.", got=duration
        )


def count_steps(duration: float, dt: float) -> int:
    """Return the number of steps of a run.

    Raises:
        InvalidValue: if the duration is not positive or not a multiple of the step.
    """
    check_duration(duration)
    steps = round(duration / dt)
    if steps < 1 or abs(steps * dt - duration) > TOLERANCE * max(1.0, steps):
        raise InvalidValue(
            f"duration is not a multiple of the step: got {duration} ms at a step of {dt} ms. "
            "Round the duration.",
            got=duration,
            allowed=dt,
        )
    return steps


def check_stimulus_dt(stimulus: Stimulus, known: float | None) -> None:
    """Check that a stimulus has the step of the one before.

    Raises:
        InvalidValue: if it has another.
    """
    if known is not None and abs(stimulus.dt - known) > TOLERANCE:
        raise InvalidValue(
            f"stimulus dt cannot change during a simulation: got {stimulus.dt} ms after "
            f"{known} ms. Resample the stimulus, or call env.clear() first.",
            got=stimulus.dt,
            allowed=known,
        )
