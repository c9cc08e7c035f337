"""RateControl: hold the firing rate of a culture at a target."""

from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from pydantic import Field, PrivateAttr

from livn.env.gymnasium import Hearing
from livn.errors import InvalidState, InvalidValue
from livn.run import Run
from livn.types import Decoding

RATE_SCALE = 50.0  # Hz, that of a culture under strong stimulation; higher rates are seen as this
CHANNEL_SCALE = 500.0  # Hz, of all cells that an electrode hears together


class RateControl(Decoding):
    """The task of holding the mean firing rate at a target, which is drawn for every episode.

    The rate is that of all cells, smoothed exponentially over `tau`, and 0 where an episode
    begins. The reward of a step is -|rate - target| / target, at least -1: 0 is perfect, and a
    silent culture gets -1. An episode is truncated after `max_steps`, and never terminated.

    The observation is float32 in [0, 1], shape (n_channels + 2,): spikes heard by each electrode
    in this step, as rate / 500 Hz; the smoothed rate / 50 Hz; the target / 50 Hz; all clipped.

    Attributes:
        duration: of a step, ms.
        target: lowest and highest target, Hz; equal for a fixed one. `reset(options={"target_hz":
            8})` sets that of an episode.
        tau: ms over which the rate is smoothed.
        max_steps: length of an episode.
    """

    duration: int = Field(default=50, gt=0)
    target: tuple[float, float] = (5.0, 15.0)
    tau: float = Field(default=250.0, gt=0)
    max_steps: int = Field(default=200, ge=1)

    _hearing: Hearing | None = PrivateAttr(None)
    _n_cells: int = PrivateAttr(0)
    _target_hz: float = PrivateAttr(0.0)
    _rate: float = PrivateAttr(0.0)
    _steps: int = PrivateAttr(0)

    def setup(self, env: Any) -> None:
        """Record spikes, and learn which electrode hears which cell."""
        env.record_spikes()
        self._hearing = Hearing.of(env)
        self._n_cells = len(env.simulated_gids())

    def reset(
        self, seed: int | None = None, options: Any = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Begin an episode and return its first observation and info.

        Args:
            seed: of the target.
            options: {"target_hz": Hz} to set the target.

        Raises:
            InvalidValue: if a target is not positive, or options are unknown.
        """
        low, high = self.target
        drawn = float(np.random.default_rng(seed).uniform(low, high))
        given = dict(options or {})
        target = given.pop("target_hz", drawn)
        if given:
            raise InvalidValue(
                f"options are unknown: got {sorted(given)}; known: 'target_hz'.", got=given
            )
        if not (np.isfinite(target) and target > 0):
            raise InvalidValue(f"target is not positive: got {target!r}; need Hz > 0.", got=target)
        self._target_hz, self._rate, self._steps = float(target), 0.0, 0
        return self._observation(np.zeros(self._heard.n_channels)), self._info()

    def __call__(
        self, run: Run, env: Any
    ) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Return (observation, reward, terminated, truncated, info) of a step."""
        seconds = self.duration / 1000
        spikes = self._heard.spikes(run)
        assert run.spike_ids is not None  # else they could not be heard
        now = len(run.spike_ids) / (self._n_cells * seconds)
        self._rate += (now - self._rate) * -np.expm1(-self.duration / self.tau)
        self._steps += 1
        counts = np.bincount(spikes.channels, minlength=self._heard.n_channels)
        reward = -min(1.0, abs(self._rate - self._target_hz) / self._target_hz)
        ended = self._steps >= self.max_steps
        return self._observation(counts / seconds), reward, False, ended, self._info()

    @property
    def output_space(self) -> spaces.Box:
        """Space of the observations; known after `setup`."""
        return spaces.Box(0.0, 1.0, (self._heard.n_channels + 2,), np.float32)

    @property
    def _heard(self) -> Hearing:
        if self._hearing is None:
            raise InvalidState("task knows no culture: got no setup. Call setup(env) first.")
        return self._hearing

    def _observation(self, channel_rates: NDArray[np.float64]) -> NDArray[np.float32]:
        culture = np.array([self._rate, self._target_hz]) / RATE_SCALE
        both = np.concatenate([channel_rates / CHANNEL_SCALE, culture])
        return np.clip(both, 0.0, 1.0).astype(np.float32)

    def _info(self) -> dict[str, Any]:
        return {"rate_hz": float(self._rate), "target_hz": self._target_hz}
