"""One moment of an environment: to be continued from, to be made anew elsewhere, to be seen."""

from collections import deque
from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from livn.env.env import Env
from livn.env.snapshot import Snapshot
from livn.errors import InvalidType, InvalidValue, NotSupported
from livn.run import Run
from livn.types import Encoding

Draw = Callable[[list[Run], Any, Any], NDArray[np.uint8]]
RENDERING: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 20}
DRAWN = 2000.0  # ms that a picture shows


class Film:
    """The last runs of a culture, as far as they follow each other, and who draws them.

    Args:
        duration: of a run, ms.
        draw: makes the picture, (height, width, 3) of uint8, of the runs, the Env and the
            decoding; None for nobody.
    """

    def __init__(self, duration: float, draw: Draw | None):
        self.draw = draw
        self.runs: deque[Run] = deque(maxlen=max(1, int(DRAWN / duration)))

    def keep(self, run: Run) -> None:
        """Keep a run, and those before as far as it goes on from them."""
        if self.runs and self.runs[-1].t1 != run.t0:
            self.runs.clear()
        self.runs.append(run)

    def show(self, runs: Iterable[Run]) -> None:
        """Show these runs from now on."""
        self.runs = deque(runs, self.runs.maxlen)

    def picture(self, env: Env, decoding: Any) -> NDArray[np.uint8]:
        """Return the picture of the runs.

        Raises:
            NotSupported: if nobody draws.
        """
        if self.draw is None:
            raise NotSupported("environment cannot draw: got draw=None; pass livn.tasks.draw.")
        return self.draw(list(self.runs), env, decoding)


def check_render_mode(mode: str | None) -> str | None:
    """Return the render mode.

    Raises:
        InvalidValue: if there is no such mode.
    """
    if mode not in (None, *RENDERING["render_modes"]):
        raise InvalidValue(
            f"render_mode does not exist: got {mode!r}; known: 'rgb_array', None.", got=mode
        )
    return mode


@dataclass(frozen=True)
class GymnasiumSnapshot:
    """Culture, task, random numbers and what is drawn of an environment at one moment.

    That of a copy of a GymnasiumVectorEnv is that of the GymnasiumEnv which it is.
    """

    culture: Snapshot
    rng: np.random.Generator
    encoding: Encoding
    decoding: Any
    running: bool
    runs: tuple[Run, ...] = ()

    @classmethod
    def of(cls, culture: Snapshot, parts: tuple[Any, Any, Any], running: bool, film: Film) -> Self:
        """Return the snapshot of what is at hand.

        Args:
            culture: as it is.
            parts: random numbers, encoding and decoding, which are copied.
            running: whether an episode is going on.
            film: of what is drawn.
        """
        return cls(culture, *deepcopy(parts), running, tuple(film.runs))

    def parts(self) -> tuple[np.random.Generator, Any, Any]:
        """Return copies of random numbers, encoding and decoding."""
        return deepcopy((self.rng, self.encoding, self.decoding))


def check_moment(snapshot: Any, decoding: Any) -> GymnasiumSnapshot:
    """Return `snapshot`, which was taken of an environment with such a decoding.

    Raises:
        InvalidType: if it is no snapshot of an environment.
        InvalidValue: if it is of another task.
    """
    if not isinstance(snapshot, GymnasiumSnapshot):
        raise InvalidType(
            f"no snapshot: got {snapshot!r}; need what snapshot() of this environment returned."
        )
    got, wanted = (type(d).__name__ for d in (snapshot.decoding, decoding))
    if type(snapshot.decoding) is not type(decoding):
        raise InvalidValue(
            f"snapshot is of another task: got {got}; this environment has {wanted}. "
            "Make an environment like the one it was taken of.",
            got=got,
            allowed=wanted,
        )
    return snapshot


@dataclass(frozen=True)
class Recipe:
    """What an Env is made of, so that another process can make it again."""

    made_of: tuple[Any, ...]
    options: dict[str, Any]
    cells: dict[str, NDArray[np.int64]]

    @classmethod
    def of(cls, env: Env) -> Self:
        """Return what an Env is made of; it may be closed."""
        cells = {n: p.gids.astype(np.int64) for n, p in env.network_plan.populations.items()}
        options = {"backend": env.backend, **env.options}
        return cls((env.system, env.model, env.io, env.seed), options, cells)

    def make(self, snapshot: Snapshot, decoding: Any) -> Env:
        """Return such an Env in the state of a snapshot, recording what a decoding asks for."""
        env = Env(*self.made_of, **self.options)
        if not np.array_equal(env.simulated_gids(), np.concatenate(list(self.cells.values()))):
            env.selection(self.cells)
        env.record_spikes()
        decoding.setup(env)
        return env.restore(snapshot)
