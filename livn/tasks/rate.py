"""RateControl: hold the firing rate of a culture at a target."""

from typing import Any, ClassVar

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from pydantic import Field, PrivateAttr

from livn.errors import InvalidValue
from livn.tasks.task import Gids, Observation, Task, Times

RATE_SCALE = 50.0  # Hz, that of a culture under strong stimulation; higher rates are seen as this


class RateControl(Task):
    """The task of holding the mean firing rate at a target, which is drawn for every episode.

    The rate is that of all cells, smoothed exponentially over `tau`, and 0 where an episode
    begins. The reward of a step is -|rate - target| / target, at least -1: 0 is perfect, and a
    silent culture gets -1. An episode is truncated after `max_steps`, and never terminated.

    The observation is float32 in [0, 1], shape (n_channels + 2,): spikes heard by each electrode
    in this step, as rate / 500 Hz; the smoothed rate / 50 Hz; the target / 50 Hz; all clipped.

    Attributes:
        target: lowest and highest target, Hz; equal for a fixed one. `reset(options={"target_hz":
            8})` sets that of an episode.
        tau: ms over which the rate is smoothed.
    """

    target: tuple[float, float] = (5.0, 15.0)
    tau: float = Field(default=250.0, gt=0)

    options: ClassVar[tuple[str, ...]] = ("target_hz",)

    _target_hz: float = PrivateAttr(0.0)
    _rate: float = PrivateAttr(0.0)
    _seen: float = PrivateAttr(0.0)

    def _begin(self, rng: np.random.Generator, options: dict[str, Any]) -> None:
        target = options.get("target_hz", float(rng.uniform(*self.target)))
        if not (np.isfinite(target) and target > 0):
            raise InvalidValue(f"target is not positive: got {target!r}; need Hz > 0.", got=target)
        self._target_hz, self._rate, self._seen = float(target), 0.0, 0.0

    def _turn(self, fired: tuple[Gids, Times], seen: tuple[Gids, Times]) -> tuple[float, bool]:
        self._rate = self._smoothed(self._rate, len(fired[0]))
        self._seen = self._smoothed(self._seen, len(seen[0]))
        return -min(1.0, abs(self._rate - self._target_hz) / self._target_hz), False

    def _smoothed(self, rate: float, n_spikes: int) -> float:
        now = n_spikes / (len(self._gids) * self.duration / 1000)
        return float(rate + (now - rate) * -np.expm1(-self.duration / self.tau))

    @property
    def output_space(self) -> spaces.Box:
        """Space of the observations; known after `setup`."""
        return spaces.Box(0.0, 1.0, (self._heard.n_channels + 2,), np.float32)

    def _observation(self, counts: NDArray[np.float64]) -> Observation:
        culture = np.array([self._seen, self._target_hz]) / RATE_SCALE
        both = np.concatenate([self._channels(counts), culture])
        return np.minimum(both, 1.0).astype(np.float32)

    def _info(self) -> dict[str, Any]:
        return {"rate_hz": self._rate, "target_hz": self._target_hz}
