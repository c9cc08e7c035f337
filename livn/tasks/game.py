"""Game: a culture that is told of a game by some electrodes and plays it by others."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from pydantic import Field, PrivateAttr

from livn.errors import NotSupported
from livn.tasks.task import Gids, Observation, Task, Times

MIN_ELECTRODES = 8

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Layout:
    """Which electrodes are for what, as positions on the array.

    Attributes:
        sensory: those that stimulate: the half of the array with small y, from left to right.
        left, right: those of the other half that are read, by x.
    """

    sensory: Ints
    left: Ints
    right: Ints

    @classmethod
    def of(cls, io: Any) -> Self:
        """Return the layout of an electrode array.

        Raises:
            NotSupported: if it has fewer than eight electrodes.
        """
        where = np.asarray(io.electrode_coordinates, np.float64)[:, 1:3]
        if len(where) < MIN_ELECTRODES:
            raise NotSupported(
                f"array is too small for a game: got {len(where)} electrodes; need "
                f"{MIN_ELECTRODES} or more. Take a larger system, such as EI2."
            )
        x, y = where.T
        upper = y < np.median(y)
        sensory = np.flatnonzero(upper)
        left = x < np.median(x)
        return cls(
            sensory[np.lexsort((y[upper], x[upper]))],
            np.flatnonzero(~upper & left),
            np.flatnonzero(~upper & ~left),
        )


class Game(Task):
    """What games share: sensory electrodes, two motor regions, and the code between.

    The action is the strength of the pulse on each sensory electrode in this step. The motor
    decoding counts the spikes heard in the left and in the right motor region, each divided by its
    mean so far (exponential, `gain_tau`), as Kagan et al. 2022 (Neuron 110:3952) level regions by
    a gain; the larger moves the game. Action and motor regions share no electrode: between them
    are synapses, and cells that a pulse moves directly although they are nearer to another one.

    The observation is float32 in [-1, 1]: the state of the game, the code (what a fixed sensory
    encoding would play now, in [0, 1], shape (n_sensory,)), and the spikes heard by each electrode
    in this step, as rate / 500 Hz.

    Attributes:
        gain_tau: ms.
        blanking: ms from the start of a step, that is of its pulse, in which the motor regions are
            not read; 2 ms leave out what a pulse moves directly.
    """

    duration: int = Field(default=20, gt=0)
    max_steps: int = Field(default=500, ge=1)
    settle: int = Field(default=300, ge=0)
    gain_tau: float = Field(default=5000.0, gt=0)
    blanking: float = Field(default=0.0, ge=0)

    _layout: Layout | None = PrivateAttr(None)
    _means: Floats = PrivateAttr(default_factory=lambda: np.zeros(2))

    def setup(self, env: Any) -> None:
        """Record spikes, and learn which electrode is for what."""
        super().setup(env)
        self._layout = Layout.of(env.io)

    @property
    def layout(self) -> Layout:
        """Which electrodes are for what; known after `setup`."""
        _ = self._heard
        assert self._layout is not None
        return self._layout

    def actions(self) -> spaces.Box:
        """Return one number in [-1, 1] for each sensory electrode, a Box."""
        return spaces.Box(-1.0, 1.0, self.layout.sensory.shape, np.float32)

    def command(self, action: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return an action on the sensory electrodes as one on all."""
        everywhere = np.zeros(self._heard.n_channels, np.float32)
        everywhere[self.layout.sensory] = action
        return super().command(everywhere)

    def code(self, observation: Observation) -> Observation:
        """Return the action of the fixed sensory encoding, which an observation contains."""
        n = len(self._state())
        return observation[n : n + len(self.layout.sensory)]

    def _begin(self, rng: np.random.Generator, options: dict[str, Any]) -> None:
        self._means = np.zeros(2)

    def _turn(self, fired: tuple[Gids, Times], seen: tuple[Gids, Times]) -> tuple[float, bool]:
        gids, times = seen
        return self._move(self._direction(self._heard.counts(gids[times >= self.blanking])))

    def _direction(self, counts: Floats) -> int:
        """Return -1 where the left motor region fires more than usual, 1 for the right, else 0."""
        now = np.array([counts[self.layout.left].sum(), counts[self.layout.right].sum()])
        weight = -np.expm1(-self.duration / self.gain_tau)
        # The first steps count alike: the mean of what there was, until it forgets.
        weight = max(weight, 1.0 / self._steps)
        self._means += (now - self._means) * weight
        left, right = now / np.maximum(self._means, 1e-9)
        return int(np.sign(right - left))

    @property
    def output_space(self) -> spaces.Box:
        """Space of the observations; known after `setup`."""
        n = len(self._state()) + len(self.layout.sensory) + self._heard.n_channels
        return spaces.Box(-1.0, 1.0, (n,), np.float32)

    def _observation(self, counts: Floats) -> Observation:
        parts = np.concatenate([self._state(), self._code(), self._channels(counts)])
        return np.clip(parts, -1.0, 1.0).astype(np.float32)

    @abstractmethod
    def _state(self) -> Floats:
        """Return the state of the game, in [-1, 1]."""

    @abstractmethod
    def _code(self) -> Floats:
        """Return what the fixed encoding plays now, in [0, 1], one for each sensory electrode."""

    @abstractmethod
    def _move(self, direction: int) -> tuple[float, bool]:
        """Play a step and return reward and whether the game is over."""

    @abstractmethod
    def sketch(self, ax: Any) -> None:
        """Draw the game as it is on matplotlib axes."""
