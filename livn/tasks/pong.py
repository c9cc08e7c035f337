"""Pong: a culture that moves a paddle, in the manner of DishBrain."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from matplotlib.patches import Circle, Rectangle
from numpy.typing import NDArray
from pydantic import Field, PrivateAttr

from livn.plots.style import INK, PALETTE
from livn.tasks.game import Floats, Game
from livn.tasks.task import Observation

SLOWEST, FASTEST = 4.0, 40.0  # Hz, of sensory pulses, ball far and near (Kagan et al. 2022)
UNPREDICTABLE_RATE = 5.0  # Hz (there)
Feedback = Literal["none", "predictable", "unpredictable"]


@dataclass
class Ball:
    """Where the ball is and where it goes, and the paddle on x = 0; the field is a unit square.

    Attributes:
        x, y: 0 to 1.
        vx, vy: fields per s.
        paddle: y of its middle.
    """

    x: float = 1.0
    y: float = 0.5
    vx: float = -1.0
    vy: float = 0.0
    paddle: float = 0.5

    def serve(self, rng: np.random.Generator, speed: float) -> None:
        """Let the ball start from the far wall."""
        self.x, self.y, self.vx = 1.0, float(rng.uniform(0.1, 0.9)), -speed
        self.vy = float(rng.uniform(-1.0, 1.0)) * speed

    def advance(self, seconds: float, shift: float, half: float) -> bool | None:
        """Move paddle and ball and return whether the ball was hit; None where it was not there.

        Args:
            seconds: how long.
            shift: of the paddle, fields.
            half: half the length of the paddle, fields.
        """
        self.paddle = float(np.clip(self.paddle + shift, half, 1 - half))
        self.x += self.vx * seconds
        self.y += self.vy * seconds
        if not 0 <= self.y <= 1:
            self.y = -self.y if self.y < 0 else 2 - self.y
            self.vy = -self.vy
        if self.x > 1:
            self.x, self.vx = 2 - self.x, -self.vx
        if self.x > 0:
            return None
        if abs(self.y - self.paddle) > half:
            return False
        self.x, self.vx = -self.x, -self.vx
        return True


class Pong(Game):
    """Pong against a wall, in the manner of DishBrain (Kagan et al. 2022, Neuron 110:3952).

    The ball crosses the field in a second. In each step the paddle moves at `paddle_speed` towards
    where the motor regions point, left for smaller y; without spikes it stays. A ball hit is worth
    1, a ball missed -1; after a miss another is served. An episode is truncated after `max_steps`
    and never terminated.

    The code tells place and distance as there: where the ball is beside the paddle chooses one
    sensory electrode, how near it is the rate of its pulses, 4 to 40 Hz. Feedback is the task's,
    and the game and the action stand still meanwhile: after a hit all sensory electrodes pulse in
    every step at half strength for `hit_ms` (there 100 Hz for 100 ms; here a step is 20 ms, so
    50 Hz), after a miss randomly chosen ones at full strength, 5 Hz on average, for `miss_ms`
    (there 4 s).

    The state is x, y of the ball, its velocities / 2 fields/s, the paddle, all as -1 to 1, and
    whether feedback is given.

    Attributes:
        speed: of the ball along x, fields per s.
        paddle: its length, fields.
        paddle_speed: fields per s.
        hit_ms, miss_ms: of feedback, 0 for none.
    """

    max_steps: int = Field(default=1000, ge=1)
    speed: float = Field(default=1.0, gt=0)
    paddle: float = Field(default=0.25, gt=0, lt=1)
    paddle_speed: float = Field(default=1.0, gt=0)
    hit_ms: int = Field(default=100, ge=0)
    miss_ms: int = Field(default=1000, ge=0)

    _ball: Ball = PrivateAttr(default_factory=Ball)
    _phase: float = PrivateAttr(0.0)  # pulses that are due
    _feedback: Feedback = PrivateAttr("none")
    _scattered: Observation = PrivateAttr(default_factory=lambda: np.empty(0, np.float32))
    _left: int = PrivateAttr(0)  # steps of feedback
    _hits: int = PrivateAttr(0)
    _misses: int = PrivateAttr(0)

    def _begin(self, rng: np.random.Generator, options: dict[str, Any]) -> None:
        super()._begin(rng, options)
        self._ball, self._phase, self._feedback, self._left = Ball(), 1.0, "none", 0
        self._hits, self._misses = 0, 0
        self._ball.serve(rng, self.speed)

    def command(self, action: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return an action on the sensory electrodes, or the feedback, as one on all."""
        if self._feedback == "predictable":
            action = np.full_like(action, 0.5)
        elif self._feedback == "unpredictable":
            action = self._scattered
        return super().command(action)

    def _move(self, direction: int) -> tuple[float, bool]:
        found = self._play(direction)
        if self._feedback == "unpredictable":
            chance = self._rng.random(len(self.layout.sensory))
            pulsing = chance < UNPREDICTABLE_RATE * self.duration / 1000
            self._scattered = pulsing.astype(np.float32)
        return found

    def _play(self, direction: int) -> tuple[float, bool]:
        if self._feedback != "none":
            self._left -= 1
            self._feedback = self._feedback if self._left > 0 else "none"
            return 0.0, False
        seconds = self.duration / 1000
        half = self.paddle / 2
        hit = self._ball.advance(seconds, direction * self.paddle_speed * seconds, half)
        self._phase = self._phase % 1 + self._rate() * seconds
        if hit is None:
            return 0.0, False
        self._hits, self._misses = self._hits + hit, self._misses + (not hit)
        self._left = (self.hit_ms if hit else self.miss_ms) // self.duration
        if self._left:
            self._feedback = "predictable" if hit else "unpredictable"
        if not hit:
            self._ball.serve(self._rng, self.speed)
        return (1.0 if hit else -1.0), False

    def _rate(self) -> float:
        return SLOWEST + (FASTEST - SLOWEST) * (1 - self._ball.x)

    def _state(self) -> Floats:
        ball = self._ball
        places = [2 * ball.x - 1, 2 * ball.y - 1, ball.vx / 2, ball.vy / 2, 2 * ball.paddle - 1]
        return np.clip([*places, float(self._feedback != "none")], -1.0, 1.0)

    def _code(self) -> Floats:
        n = len(self.layout.sensory)
        beside = (self._ball.y - self._ball.paddle + 1) / 2
        code = np.zeros(n)
        if self._phase >= 1 and self._feedback == "none":
            code[min(n - 1, int(beside * n))] = 1.0
        return code

    def _info(self) -> dict[str, Any]:
        return {"hits": self._hits, "misses": self._misses, "feedback": self._feedback}

    def sketch(self, ax: Any) -> None:
        """Draw ball, paddle and feedback."""
        ball, half = self._ball, self.paddle / 2
        ax.add_patch(Rectangle((ball.paddle - half, -0.04), 2 * half, 0.04, color=PALETTE[0]))
        ax.add_patch(Circle((ball.y, ball.x), 0.025, color=PALETTE[1]))
        ax.plot([0, 0, 1, 1], [-0.05, 1, 1, -0.05], color=INK, lw=1)
        told = "" if self._feedback == "none" else f"{self._feedback} feedback, "
        ax.set_title(f"{told}{self._hits} hits, {self._misses} misses", fontsize=9)
        ax.set(xlim=(-0.05, 1.05), ylim=(-0.08, 1.05), aspect="equal", xticks=[], yticks=[])
