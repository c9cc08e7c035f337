"""GymnasiumEnv: one culture as an environment."""

from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.utils.seeding import np_random

from livn.env.distributed import DistributedEnv
from livn.env.env import Env
from livn.env.gymnasium.moment import (
    RENDERING,
    Draw,
    Film,
    GymnasiumSnapshot,
    Recipe,
    check_moment,
    check_render_mode,
)
from livn.env.gymnasium.remote import InFlight, RemoteCulture, RemoteStep
from livn.env.gymnasium.stages import GymStep, ObsAugmentation, augmented, augmented_space
from livn.env.gymnasium.turn import (
    Charging,
    Commanding,
    Hearing,
    Origin,
    Restarting,
    Settling,
    Staged,
    Step,
    check_action,
    check_env,
    check_start,
    check_step,
    draw,
    report,
)
from livn.env.snapshot import Snapshot
from livn.errors import InvalidState, InvalidType
from livn.run import Run
from livn.types import Decoding, Encoding


class GymnasiumEnv(gym.Env[Any, Any]):
    """A culture that is stimulated by actions and answers with observation and reward.

    Args:
        env: the culture; nobody else should run it. Or a DistributedEnv, for a culture whose steps
            are run by the worker that is free: it encodes and runs, the decoding stays here.
        encoding: turns an action into a stimulus; its `input_space` is the action space.
        decoding: makes (observation, reward, terminated, truncated, info) of what was recorded,
            and has `reset(seed, options) -> (observation, info)`. Either a task that is a decoding
            with an `output_space`, or a Pipe with a `GymStep`. A task may be `Commanding`, which
            gives it the action space, and `Settling`.
        render_mode: "rgb_array" or None.
        draw: makes the picture, (height, width, 3) of uint8, of the last runs, the Env and the
            decoding; None for the picture of the task in a `GymStep`.

    Raises:
        InvalidType: if the env is neither, or the decoding cannot be reset.
        NotSupported: if cultures of a DistributedEnv spread over ranks.
        InvalidValue: if there is no such render mode.
    """

    metadata: dict[str, Any] = RENDERING

    def __init__(
        self,
        env: Env | DistributedEnv,
        encoding: Encoding,
        decoding: Decoding,
        render_mode: str | None = None,
        draw: Draw | None = None,
    ):
        if not isinstance(decoding, Restarting):
            raise InvalidType(
                f"decoding cannot be reset: got {decoding!r}; need a task or a Pipe.", got=decoding
            )
        self.env = RemoteCulture(env) if isinstance(env, DistributedEnv) else check_env(env)
        self.encoding: Any = encoding
        self.decoding: Any = decoding
        self._piped, self._charging = isinstance(decoding, Staged), isinstance(encoding, Charging)
        self._commanding = isinstance(decoding, Commanding)
        self.render_mode = check_render_mode(render_mode)
        self._film = Film(decoding.duration, draw)
        self._settled: Snapshot | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._pending: InFlight | None = None
        self.env.encoding, self.env.decoding = encoding, decoding
        self.env.record_spikes()
        self.decoding.setup(self.env)
        self._hearing = Hearing.of(self.env)
        self._origin = self._new_origin()
        task: Any = decoding
        self.action_space = task.actions() if self._commanding else encoding.input_space
        self.observation_space = self._observations()
        self._running = False

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

        Raises:
            InvalidState: if the environment is closed, or a step is in flight.
            InvalidValue: if the decoding begins no episode; and what it raises where it refuses
                the options. Then the episode that is going on is still going on.
        """
        self._check_landed()
        self.env.check_open()
        ahead = deepcopy(self.np_random) if seed is None else np_random(seed)[0]
        stream, task_seed = draw(ahead)
        observation, info = check_start(self.decoding.reset(seed=task_seed, options=options, **kw))
        super().reset(seed=seed)  # from here on nothing is refused
        draw(self.np_random)
        if not without_clear:
            self._go_back()
            self.env.reseed_noise(stream)
            self._film.show(())
        self._origin = self._new_origin()
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
        return {"seed": env.seed, "stream": env.stream, "config_hash": found}

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
        if isinstance(self.env, RemoteCulture):
            return self.submit_step(action).result()
        self._check_landed()
        return self._step(action)

    def _step(self, action: Any) -> Step:
        values, duration = self._played(action), self.decoding.duration
        return self._told(self.env.run(duration, self.encoding(self.env, duration, values)), values)

    def _played(self, action: Any) -> Any:
        """Return what the encoding gets for an action."""
        values = self._checked(action)
        if self._piped:
            self.decoding.state["io_action"] = np.asarray(values, np.float32)
        if self._commanding:
            values = self.decoding.command(values)
        self.env.encoding, self.env.decoding = self.encoding, self.decoding
        return values

    def _told(self, run: Run, values: Any) -> Step:
        """Return what comes of the run of a step, whose encoding got these values."""
        charge = self.encoding.charge(values) if self._charging else None
        found = check_step(self.decoding(run, self.env))
        observation, reward, terminated, truncated, info = found
        self._running = not (terminated or truncated)
        if self.render_mode is not None:
            self._film.keep(run)
        info = {**info, **report(run, self._hearing, charge, self._known())}
        return observation, reward, terminated, truncated, info

    def _checked(self, action: Any) -> Any:
        if not self._running:
            raise InvalidState(
                "no episode is going on: got step() before reset(), after the end, or after "
                "close(). Call reset() first."
            )
        return check_action(action, self.action_space)

    def submit_step(self, action: Any) -> InFlight:
        """Begin a step, in a thread or on a worker; `poll_step` and `get_step` take what returns.

        Until it is finished the environment must not be used otherwise.

        Raises:
            InvalidValue: if the action is not in the action space.
            InvalidState: if a step is in flight, or no episode is going on.
        """
        self._check_landed()
        if isinstance(self.env, RemoteCulture):
            values = self._played(action)
            self.env.submit(self.decoding.duration, values, self.encoding)
            self._pending = RemoteStep(self.env, partial(self._told, values=values))
        else:
            self._checked(action)
            self._thread = self._thread or ThreadPoolExecutor(1, "livn step")
            self._pending = self._thread.submit(self._step, action)
        return self._pending

    def _check_landed(self) -> None:
        if self._pending is not None and not self._pending.done():
            raise InvalidState(
                "a step is in flight: got another call. Call get_step(handle) first."
            )

    def poll_step(self, handle: InFlight) -> Step | None:
        """Return what the step returned, None while it is in flight."""
        return handle.result() if handle.done() else None

    def get_step(self, handle: InFlight) -> Step:
        """Return what the step returned, waiting for it."""
        return handle.result()

    def render(self) -> Any:
        """Return the picture of the last runs, (height, width, 3) of uint8; None without a mode.

        Raises:
            NotSupported: if nobody draws.
        """
        if self.render_mode is None:
            return None
        task = self._task()
        if task is not None and self._film.draw is None:
            return task.gym_env.render()
        return self._film.picture(self.env, self.decoding)

    def close(self) -> None:
        """Free the memory of the culture and close the task; neither can be used afterwards.

        Workers go on: `shutdown()` of the DistributedEnv ends them.
        """
        if self._thread is not None:
            self._thread.shutdown()
        self._running, self._pending = False, None
        task = self._task()
        if task is not None:
            task.gym_env.close()
        self.env.close()

    def snapshot(self) -> GymnasiumSnapshot:
        """Return culture, task and random numbers as they are now.

        A task in a `GymStep` is copied as it is; where the snapshot is pickled, it is made anew,
        so that it has to be reset before it can go on.
        """
        self._check_landed()
        parts = self.np_random, self.encoding, self.decoding
        return GymnasiumSnapshot.of(self.env.snapshot(), parts, self._running, self._film)

    def restore(self, snapshot: GymnasiumSnapshot) -> "GymnasiumEnv":
        """Continue from a snapshot, bit for bit; that of a copy of a GymnasiumVectorEnv is one too.

        Raises:
            InvalidType: if it is not a snapshot of an environment.
            InvalidValue: if it is of another culture or task.
        """
        self._check_landed()
        self.env.restore(check_moment(snapshot, self.decoding).culture)
        self.np_random, self.encoding, self.decoding = snapshot.parts()
        self._origin = self._new_origin()
        self._running = snapshot.running and self._task_goes_on()
        self._film.show(snapshot.runs)
        return self

    def _task_goes_on(self) -> bool:
        task = self._task()
        return task is None or not task.interrupted

    def __getstate__(self) -> dict[str, Any]:
        if isinstance(self.env, RemoteCulture):
            return vars(self)  # the culture says why it cannot be pickled
        made = Recipe.of(self.env), self.env.snapshot()
        return {**vars(self), "env": made, "_thread": None, "_pending": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        recipe, snapshot = state["env"]
        vars(self).update({**state, "env": recipe.make(snapshot, state["decoding"])})
        self._running = self._running and self._task_goes_on()
