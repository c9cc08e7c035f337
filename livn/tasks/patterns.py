"""PatternSeparation: tell from the response which electrodes were stimulated."""

from collections import deque
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from pydantic import Field, PrivateAttr

from livn.tasks.task import Gids, Observation, Task, Times


class PatternSeparation(Task):
    """The task of naming the stimulus from the spikes, with the culture as the reservoir.

    In every step one of `n_patterns` patterns is played, drawn at random: each drives half of the
    electrodes, drawn with `pattern_seed`, so that any two share electrodes. The action is the
    answer: the largest of its entries, shape (n_patterns,), names the pattern whose response is
    observed, or the one `delay` steps before it. The reward is 1 for a right answer, 0 for a wrong
    one and where nothing was played yet. It follows in the step in which the answer is given.

    The observation is float32 in [0, 1], shape (n_channels + 1,): spikes heard by each electrode
    in this step, as rate / 500 Hz, and whether an answer is asked for.

    Attributes:
        n_patterns: number of patterns.
        pattern_seed: of the patterns, the same in every episode.
        delay: steps.
    """

    max_steps: int = Field(default=100, ge=1)
    settle: int = Field(default=300, ge=0)
    n_patterns: int = Field(default=4, ge=2)
    pattern_seed: int = Field(default=0, ge=0)
    delay: int = Field(default=0, ge=0)

    _played: deque[int] = PrivateAttr(default_factory=deque)  # the last `delay` + 1
    _answer: int = PrivateAttr(0)
    _next: int = PrivateAttr(0)

    @property
    def patterns(self) -> NDArray[np.float32]:
        """What is played, 0 or 1 for each electrode, shape (n_patterns, n_channels)."""
        rng = np.random.default_rng(self.pattern_seed)
        n = self._heard.n_channels
        driven = np.array([rng.permutation(n) < (n + 1) // 2 for _ in range(self.n_patterns)])
        return driven.astype(np.float32)

    def actions(self) -> spaces.Box:
        """Return one number in [-1, 1] for each pattern, a Box."""
        return spaces.Box(-1.0, 1.0, (self.n_patterns,), np.float32)

    def command(self, action: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take an answer and return the pattern that is played next."""
        self._answer = int(np.argmax(action))
        return super().command(self.patterns[self._next])

    def _begin(self, rng: np.random.Generator, options: dict[str, Any]) -> None:
        self._played = deque(maxlen=self.delay + 1)
        self._next = int(rng.integers(self.n_patterns))

    def _turn(self, fired: tuple[Gids, Times], seen: tuple[Gids, Times]) -> tuple[float, bool]:
        reward = float(self._answer == self._asked)
        self._played.append(self._next)
        self._next = int(self._rng.integers(self.n_patterns))
        return reward, False

    @property
    def _asked(self) -> int:
        """Return the pattern to be named, -1 for none yet."""
        return self._played[0] if len(self._played) > self.delay else -1

    @property
    def output_space(self) -> spaces.Box:
        """Space of the observations; known after `setup`."""
        return spaces.Box(0.0, 1.0, (self._heard.n_channels + 1,), np.float32)

    def _observation(self, counts: NDArray[np.float64]) -> Observation:
        return np.append(self._channels(counts), self._asked >= 0).astype(np.float32)

    def _info(self) -> dict[str, Any]:
        return {"pattern": self._asked}
