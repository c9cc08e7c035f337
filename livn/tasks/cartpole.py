"""CartPole: a culture that balances a pole."""

from typing import Any

import numpy as np
from gymnasium.envs.classic_control.cartpole import CartPoleEnv
from matplotlib.patches import Rectangle
from pydantic import PrivateAttr

from livn.plots.style import INK, PALETTE
from livn.tasks.game import Floats, Game

# x m, its speed m/s, angle rad, its speed rad/s: what counts as 1; Gymnasium ends at 2.4 m, 0.21.
SCALE = np.array([2.4, 2.0, 0.21, 2.0])


class CartPole(Game):
    """Gymnasium's CartPole-v1 played through the culture, one step of 20 ms in 20 ms.

    A culture that fires more on the right pushes the cart to the right, on the left to the left;
    where neither does, as without spikes, it is pushed as before, at first to the left. The reward
    is 1 for each step; the episode terminates when the pole falls or the cart leaves the track.

    The state is position / 2.4 m, speed / 2 m/s, angle / 0.21 rad, angular speed / 2 rad/s,
    clipped. The code stimulates the left half of the sensory electrodes by what is negative of the
    four, the right half by what is positive, an electrode for each in turn.
    """

    _cart: CartPoleEnv = PrivateAttr(default_factory=CartPoleEnv)
    _push: int = PrivateAttr(0)

    def _begin(self, rng: np.random.Generator, options: dict[str, Any]) -> None:
        super()._begin(rng, options)
        self._cart.reset(seed=int(rng.integers(2**31)))
        self._push = 0

    def _where(self) -> Floats:
        return np.zeros(4) if self._cart.state is None else np.asarray(self._cart.state, np.float64)

    def _state(self) -> Floats:
        return np.clip(self._where() / SCALE, -1.0, 1.0)

    def _code(self) -> Floats:
        n = len(self.layout.sensory)
        wanted = np.resize(self._state(), n)
        side = np.where(np.arange(n) < n // 2, -1.0, 1.0)
        return np.maximum(0.0, wanted * side)

    def _move(self, direction: int) -> tuple[float, bool]:
        self._push = self._push if direction == 0 else int(direction > 0)
        _, reward, terminated, _, _ = self._cart.step(self._push)
        return float(reward), bool(terminated)

    def _info(self) -> dict[str, Any]:
        return {"cart": self._where().tolist(), "push": self._push}

    def sketch(self, ax: Any) -> None:
        """Draw cart, pole and the last push."""
        x, _, angle, _ = self._where()
        ax.add_patch(Rectangle((x - 0.25, -0.15), 0.5, 0.3, color=PALETTE[0]))
        ax.plot([x, x + np.sin(angle)], [0.15, 0.15 + np.cos(angle)], color=PALETTE[1], lw=4)
        ax.axhline(-0.15, color=INK, lw=1)
        step = 0.5 if self._push else -0.5
        ax.annotate("", (x + step, -0.4), (x, -0.4), arrowprops={"arrowstyle": "->"})
        ax.set(xlim=(-2.4, 2.4), ylim=(-0.7, 1.6), aspect="equal")
        ax.set_yticks([])
