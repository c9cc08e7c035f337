"""RateControl: hold the firing rate of a culture at a target."""

from dataclasses import dataclass
from math import expm1, inf
from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from pydantic import Field, PrivateAttr, model_validator

from livn.errors import InvalidValue
from livn.tasks.task import Gids, Observation, Task, Times

RATE_SCALE = 50.0  # Hz, that of a culture under strong stimulation; higher rates are seen as this
# Of `feedback`, set by hand: strength without error, and what errors of 1 and 1 s add.
BIAS, PROPORTIONAL, INTEGRAL = 0.4, 0.3, 0.8


@dataclass
class Course:
    """How an episode of RateControl goes.

    Attributes:
        target_hz: of the episode.
        efficacies: of its steps.
        efficacy: of the last step.
        rate, seen: smoothed rate, Hz, of what was fired, and of what was seen.
        integral: of the error that was seen, s.
    """

    target_hz: float
    efficacies: NDArray[np.float64]
    efficacy: float
    rate: float = 0.0
    seen: float = 0.0
    integral: float = 0.0

    def error(self, rate: float) -> float:
        """Return how far a rate is below the target, relative to it, at least -1."""
        return max(-1.0, (self.target_hz - rate) / self.target_hz)


class RateControl(Task):
    """The task of holding the mean firing rate at a target, which is drawn for every episode.

    The rate is that of all cells, smoothed exponentially over `tau`, and 0 where an episode
    begins. The reward of a step is -|rate - target| / target, at least -1: 0 is perfect, and a
    silent culture gets -1. An episode is truncated after `max_steps`, and never terminated.

    How much an action moves the culture is not known beforehand, and drifts: the current that
    flows is that of the action times the efficacy. This stands for the impedance of electrodes,
    and for thresholds of cultured cells, which drift over seconds to hours (Wallach et al. 2011,
    Front Neuroeng 4:3). Each episode draws an efficacy, uniformly on a logarithmic scale; its
    logarithm diffuses from step to step, reflected at the bounds, so that it stays uniform.
    `efficacy=(1, 1)` is a culture that answers alike in all episodes.

    With an amplifier, the rate that is seen is that of detected spikes, scaled so that it is the
    rate of the cells where the threshold was calibrated.

    The observation is float32 in [-1, 1], shape (n_channels + 4,): spikes heard by each electrode
    in this step, as rate / 500 Hz; the smoothed rate / 50 Hz; the target / 50 Hz; the error
    (target - rate) / target; its integral since the episode began / 1 s; all clipped, the integral
    as it grows. Feedback that removes an error for good needs the last two.

    Attributes:
        target: lowest and highest target, Hz; equal for a fixed one. `reset(options={"target_hz":
            8})` sets that of an episode.
        tau: ms over which the rate is smoothed.
        efficacy: lowest and highest, in (0, 1]; equal for a fixed one.
        drift: standard deviation of what the logarithm of the efficacy changes by in 1 s.

    Raises:
        ValueError: if there are no such bounds (pydantic's ValidationError).
    """

    target: tuple[float, float] = (5.0, 15.0)
    tau: float = Field(default=250.0, gt=0)
    efficacy: tuple[float, float] = (0.5, 1.0)
    drift: float = Field(default=0.2, ge=0, allow_inf_nan=False)

    options: ClassVar[tuple[str, ...]] = ("target_hz",)

    _course: Course = PrivateAttr(default_factory=lambda: Course(1.0, np.ones(1), 1.0))

    @model_validator(mode="after")
    def _check_efficacy(self) -> Self:
        low, high = self.efficacy
        if not 0 < low <= high <= 1:
            raise InvalidValue(
                f"efficacy has no such bounds: got {self.efficacy}; need 0 < lowest <= highest "
                "<= 1. Raise max_amplitude for more.",
                got=self.efficacy,
            )
        return self

    def actions(self) -> spaces.Box:
        """Return one number in [-1, 1] for each electrode, a Box."""
        return spaces.Box(-1.0, 1.0, (self._heard.n_channels,), np.float32)

    def command(self, action: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the action times the efficacy of this step."""
        course = self._course
        course.efficacy = float(course.efficacies[self._steps])
        return super().command(np.asarray(action * course.efficacy, np.float32))

    def feedback(self, observation: Observation) -> NDArray[np.float32]:
        """Return what a fixed proportional-integral controller plays, alike on all electrodes."""
        error, integral = observation[-2:]
        strength = np.clip(BIAS + PROPORTIONAL * error + INTEGRAL * integral, 0.0, 1.0)
        return np.full(self._heard.n_channels, strength, np.float32)

    def _begin(self, rng: np.random.Generator, options: dict[str, Any]) -> None:
        target = options.get("target_hz", float(rng.uniform(*self.target)))
        if not (isinstance(target, Real) and 0 < float(target) < inf):
            raise InvalidValue(f"target is not positive: got {target!r}; need Hz > 0.", got=target)
        efficacies = self._drifting(rng)
        self._course = Course(float(target), efficacies, float(efficacies[0]))

    def _drifting(self, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return the efficacy of each step of an episode, shape (max_steps,)."""
        low, high = np.log(self.efficacy)
        steps = rng.normal(0.0, self.drift * np.sqrt(self.duration / 1000), self.max_steps)
        steps[0] = rng.uniform(0.0, high - low)
        return np.asarray(np.exp(low + reflected(np.cumsum(steps), high - low)))

    def _turn(self, fired: tuple[Gids, Times], seen: tuple[Gids, Times]) -> tuple[float, bool]:
        course, (cell_seconds, forgotten) = self._course, self._averaging()
        n_seen = self._per_seen * len(seen[0])
        course.rate += (len(fired[0]) / cell_seconds - course.rate) * forgotten
        course.seen += (n_seen / cell_seconds - course.seen) * forgotten
        grown = course.integral + course.error(course.seen) * self.duration / 1000
        course.integral = min(1.0, max(-1.0, grown))
        return -abs(course.error(course.rate)), False

    def _averaging(self) -> tuple[float, float]:
        """Return cells times seconds of a step, and the weight of the step in the rate."""
        return len(self._gids) * self.duration / 1000, -expm1(-self.duration / self.tau)

    @property
    def output_space(self) -> spaces.Box:
        """Space of the observations; known after `setup`."""
        return spaces.Box(-1.0, 1.0, (self._heard.n_channels + 4,), np.float32)

    def _observation(self, counts: NDArray[np.float64]) -> Observation:
        course = self._course
        seen, target = min(course.seen / RATE_SCALE, 1.0), min(course.target_hz / RATE_SCALE, 1.0)
        observed = np.empty(len(counts) + 4, np.float32)
        observed[:-4] = self._channels(counts)
        observed[-4:] = seen, target, course.error(course.seen), course.integral
        return observed

    def _info(self) -> dict[str, Any]:
        course = self._course
        return {
            "rate_hz": course.rate,
            "target_hz": course.target_hz,
            "efficacy": course.efficacy,
        }


def reflected(values: NDArray[np.float64], width: float) -> NDArray[np.float64]:
    """Return where a path lies that is reflected at 0 and at `width`, >= 0."""
    if width == 0:
        return np.zeros_like(values)
    return np.asarray(width - np.abs(values % (2 * width) - width))
