"""GymnasiumEnv: one culture as an environment."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from livn.env.env import Env
from livn.env.gymnasium.stages import GymStep, ObsAugmentation, augmented, augmented_space
from livn.env.gymnasium.turn import (
    Charging,
    Commanding,
    Hearing,
    Origin,
    Settling,
    check_action,
    check_env,
    check_step,
    draw,
    report,
)
from livn.env.snapshot import Snapshot
from livn.errors import InvalidState, InvalidType, InvalidValue, NotSupported
from livn.run import Run
from livn.types import Decoding, Encoding

Draw = Callable[[list[Run], Any, Any], NDArray[np.uint8]]
Step = tuple[Any, float, bool, bool, dict[str, Any]]
DRAWN = 2000.0  # ms that a picture shows


@runtime_checkable
class Staged(Protocol):
    """A decoding that is a Pipe."""

    stages: list[Any]

    @property
    def state(self) -> dict[str, Any]:
        """What lasts from call to call."""

    @property
    def context(self) -> dict[str, Any]:
        """What lasts for one call."""


@runtime_checkable
class Restarting(Protocol):
    """A decoding whose episodes begin."""

    def reset(self, **options: Any) -> Any:
        """Return the first observation and info."""


@dataclass(frozen=True)
class GymnasiumSnapshot:
    """Culture, task, random numbers and what is drawn of a GymnasiumEnv at one moment."""

    culture: Snapshot
    rng: np.random.Generator
    encoding: Encoding
    decoding: Any
    running: bool
    stream: int
    runs: tuple[Run, ...] = ()


class GymnasiumEnv(gym.Env[Any, Any]):
    """A culture that is stimulated by actions and answers with observation and reward.

    Args:
        env: the culture; nobody else should run it.
        encoding: turns an action into a stimulus; its `input_space` is the action space.
        decoding: makes (observation, reward, terminated, truncated, info) of what was recorded,
            and has `reset(seed, options) -> (observation, info)`. Either a task that is a decoding
            with an `output_space`, or a Pipe with a `GymStep`. A task may be `Commanding`, which
            gives it the action space, and `Settling`.
        render_mode: "rgb_array" or None.
        draw: makes the picture, (height, width, 3) of uint8, of the last runs, the Env and the
            decoding; None for the picture of the task in a `GymStep`.

    Raises:
        InvalidType: if the env is not an Env, or the decoding cannot be reset.
        InvalidValue: if there is no such render mode.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 20}

    def __init__(
        self,
        env: Env,
        encoding: Encoding,
        decoding: Decoding,
        render_mode: str | None = None,
        draw: Draw | None = None,
    ):
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise InvalidValue(
                f"render_mode does not exist: got {render_mode!r}; known: 'rgb_array', None.",
                got=render_mode,
            )
        if not isinstance(decoding, Restarting):
            raise InvalidType(
                f"decoding cannot be reset: got {decoding!r}; need a task or a Pipe.", got=decoding
            )
        self.env = check_env(env)
        self.encoding: Any = encoding
        self.decoding: Any = decoding
        self._piped, self._charging = isinstance(decoding, Staged), isinstance(encoding, Charging)
        self._commanding = isinstance(decoding, Commanding)
        self.render_mode, self._draw = render_mode, draw
        self._settled: Snapshot | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._pending: Future[Step] | None = None
        self._prepare()
        task: Any = decoding
        self.action_space = task.actions() if self._commanding else encoding.input_space
        self.observation_space = self._observations()
        self._running, self._stream = False, 0

    def _prepare(self) -> None:
        self.env.record_spikes()
        self.decoding.setup(self.env)
        self._hearing = Hearing.of(self.env)
        self._origin = self._new_origin()
        self._runs: deque[Run] = deque(maxlen=max(1, int(DRAWN / self.decoding.duration)))

    def _observations(self) -> gym.Space[Any]:
        task = self._task()
        if task is None:
            space: gym.Space[Any] = self.decoding.output_space
            return space
        features = sum(s.obs_dim or 0 for s in self._stages() if isinstance(s, ObsAugmentation))
        return augmented_space(task.gym_env.observation_space, features)

    def _stages(self) -> list[Any]:
        return list(self.decoding.stages) if self._piped else []

    def _task(self) -> GymStep | None:
        return next((s for s in self._stages() if isinstance(s, GymStep)), None)

    def reset(
        self,
        *,
        seed: int | None = None,
        options: dict[str, Any] | None = None,
        without_clear: bool = False,
        **kw: Any,
    ) -> tuple[Any, dict[str, Any]]:
        """Begin an episode and return its first observation, and info.

        The culture goes back to t = 0, or to where it has settled if the task says so, on a noise
        stream drawn from `np_random`, so that a seed fixes everything after it.

        Args:
            seed: of everything random; None continues.
            options: passed to the task.
            without_clear: let the culture go on as it is.
            kw: passed to the `reset` of the decoding.
        """
        super().reset(seed=seed)
        stream, task_seed = draw(self.np_random)
        if not without_clear:
            self._go_back()
            self.env.reseed_noise(stream)
            self._stream = stream
            self._runs.clear()
        self._origin = self._new_origin()
        found = self.decoding.reset(seed=task_seed, options=options, **kw)
        if not isinstance(found, tuple) or len(found) != 2:
            raise InvalidValue(
                f"decoding began no episode: got {found!r} of reset; need (observation, info). "
                "Put a GymStep into the pipe."
            )
        observation, info = found
        if self._piped:
            self.decoding.state["raw_gym_obs"] = observation
            zeros = [s.zero_features() for s in self._stages() if isinstance(s, ObsAugmentation)]
            observation = augmented(observation, zeros) if zeros else observation
        self._running = True
        return observation, {**info, "time_ms": self.env.t, **self._known()}

    def _go_back(self) -> None:
        """Let the culture be as it is where episodes begin."""
        settle = self.decoding.settle if isinstance(self.decoding, Settling) else 0
        known = self._settled
        if known is not None and self.env.parameters.holds(known.params):
            self.env.restore(known)
            return
        self.env.clear()
        if settle:
            self.env.reseed_noise(0).run(settle)
            self._settled = self.env.snapshot()

    def _new_origin(self) -> Origin:
        return Origin(self.env.culture(), self.env.seed, self.encoding, self.decoding)

    def _known(self) -> dict[str, Any]:
        env = self.env
        found = self._origin.hash(env.io, env.parameters)
        return {"seed": env.seed, "stream": self._stream, "config_hash": found}

    def step(self, action: Any) -> Step:
        """Stimulate by the action, run for `decoding.duration` ms, and return what came of it.

        Returns:
            Observation, reward, terminated, truncated, and info: that of the task, the `spikes`
            heard in this step, `charge_nc` per phase and electrode if the encoding tells,
            `time_ms` of the culture, its `seed` and noise `stream`, and `config_hash`.

        Raises:
            InvalidValue: if the action is not in the action space.
            InvalidState: if no episode is going on, or the environment is closed.
        """
        values = self._checked(action)
        if self._piped:
            self.decoding.state["io_action"] = np.asarray(values, np.float32)
        if self._commanding:
            values = self.decoding.command(values)
        self.env.encoding, self.env.decoding = self.encoding, self.decoding
        duration = self.decoding.duration
        run = self.env.run(duration, self.encoding(self.env, duration, values))
        charge = self.encoding.charge(values) if self._charging else None
        found = check_step(self.decoding(run, self.env))
        observation, reward, terminated, truncated, info = found
        self._running = not (terminated or truncated)
        if self.render_mode is not None:
            self._keep(run)
        info = {**info, **report(run, self._hearing, charge, self._known())}
        return observation, reward, terminated, truncated, info

    def _keep(self, run: Run) -> None:
        """Keep a run for the picture, and those before as far as it goes on from them."""
        if self._runs and self._runs[-1].t1 != run.t0:
            self._runs.clear()
        self._runs.append(run)

    def _checked(self, action: Any) -> Any:
        if not self._running:
            raise InvalidState(
                "no episode is going on: got step() before reset(), after the end, or after "
                "close(). Call reset() first."
            )
        return check_action(action, self.action_space)

    def submit_step(self, action: Any) -> "Future[Step]":
        """Begin a step in a thread of its own and return what `poll_step` and `get_step` take.

        Until it is finished the environment must not be used otherwise.

        Raises:
            InvalidValue: if the action is not in the action space.
            InvalidState: if a step is in flight, or no episode is going on.
        """
        if self._pending is not None and not self._pending.done():
            raise InvalidState("a step is in flight: got another one. Call get_step(handle) first.")
        self._checked(action)
        self._thread = self._thread or ThreadPoolExecutor(1, "livn step")
        self._pending = self._thread.submit(self.step, action)
        return self._pending

    def poll_step(self, handle: "Future[Step]") -> Step | None:
        """Return what the step returned, None while it is in flight."""
        return handle.result() if handle.done() else None

    def get_step(self, handle: "Future[Step]") -> Step:
        """Return what the step returned, waiting for it."""
        return handle.result()

    def render(self) -> Any:
        """Return the picture of the last runs, (height, width, 3) of uint8; None without a mode.

        Raises:
            NotSupported: if nobody draws.
        """
        if self.render_mode is None:
            return None
        if self._draw is not None:
            return self._draw(list(self._runs), self.env, self.decoding)
        task = self._task()
        if task is None:
            raise NotSupported("environment cannot draw: got draw=None; pass livn.tasks.draw.")
        return task.gym_env.render()

    def close(self) -> None:
        """Free the memory of the culture and close the task; neither can be used afterwards."""
        if self._thread is not None:
            self._thread.shutdown()
        self._running = False
        task = self._task()
        if task is not None:
            task.gym_env.close()
        self.env.close()

    def snapshot(self) -> GymnasiumSnapshot:
        """Return culture, task and random numbers as they are now.

        A task in a `GymStep` is copied as it is; where the snapshot is pickled, it is made anew,
        so that it has to be reset before it can go on.
        """
        kept = deepcopy((self.np_random, self.encoding, self.decoding))
        now = self._running, self._stream, tuple(self._runs)
        return GymnasiumSnapshot(self.env.snapshot(), *kept, *now)

    def restore(self, snapshot: GymnasiumSnapshot) -> "GymnasiumEnv":
        """Continue from a snapshot, bit for bit.

        Raises:
            InvalidType: if it is not a snapshot of a GymnasiumEnv.
            InvalidValue: if it is of another culture.
        """
        if not isinstance(snapshot, GymnasiumSnapshot):
            raise InvalidType(
                f"no snapshot: got {snapshot!r}; need what snapshot() of this environment returned."
            )
        self.env.restore(snapshot.culture)
        kept = deepcopy((snapshot.rng, snapshot.encoding, snapshot.decoding))
        self.np_random, self.encoding, self.decoding = kept
        self._origin = self._new_origin()
        self._running = snapshot.running and self._task_goes_on()
        self._stream = snapshot.stream
        self._runs.clear()
        self._runs.extend(snapshot.runs)
        return self

    def _task_goes_on(self) -> bool:
        task = self._task()
        return task is None or not task.interrupted

    def __getstate__(self) -> dict[str, Any]:
        env = self.env
        made_of = (env.system, env.model, env.io, env.seed, env.backend, env.options)
        return {**vars(self), "env": (made_of, env.snapshot()), "_thread": None, "_pending": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        (*made_of, backend, options), snapshot = state["env"]
        self.env = Env(*made_of, backend=backend, **options).restore(snapshot)
        self.env.record_spikes()
        self.decoding.setup(self.env)
        self._running = self._running and self._task_goes_on()
