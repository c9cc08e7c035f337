"""GymnasiumVectorEnv: copies of a culture, advanced together."""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any, Self

import numpy as np
from gymnasium import spaces
from gymnasium.utils.seeding import np_random
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

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
from livn.env.gymnasium.turn import (
    Charging,
    Commanding,
    Hearing,
    Origin,
    Restarting,
    Settling,
    Staged,
    check_action,
    check_env,
    check_start,
    check_step,
    draw,
    report,
)
from livn.env.snapshot import Snapshot
from livn.errors import InvalidState, InvalidType, InvalidValue, NotSupported
from livn.system.checks import whole
from livn.types import Decoding, Encoding


class GymnasiumVectorEnv(VectorEnv[Any, Any, Any]):
    """Copies of one culture as a vector environment; copy k is what a GymnasiumEnv of its seed is.

    A copy whose episode ends is cleared in the same step (`AutoresetMode.SAME_STEP`): its
    observation is the first of the next episode, its last one and its info are in
    `info["final_obs"]` and `info["final_info"]`.

    Args:
        env: the culture to copy, initialised with its parameters; closed afterwards.
        num_envs: number of copies.
        encoding: turns actions of shape (num_envs, ...) into a stimulus of all copies.
        decoding: a task; each copy gets its own.
        render_mode: "rgb_array" or None.
        draw: as of a GymnasiumEnv; the Env it gets is the closed one the copies are of.

    Raises:
        NotSupported: if the decoding is a Pipe.
        InvalidType: if it cannot be reset, or the env is not an Env.
        InvalidValue: if there is no such render mode.
    """

    metadata: dict[str, Any] = {"autoreset_mode": AutoresetMode.SAME_STEP, **RENDERING}

    def __init__(
        self,
        env: Env,
        num_envs: int,
        encoding: Encoding,
        decoding: Decoding,
        render_mode: str | None = None,
        draw: Draw | None = None,
    ):
        if isinstance(decoding, Staged):
            raise NotSupported(
                f"vector environment takes no pipe: got {decoding!r}; need a task. Use "
                "gymnasium.vector.SyncVectorEnv over GymnasiumEnv."
            )
        if not isinstance(decoding, Restarting):
            raise InvalidType(
                f"decoding cannot be reset: got {decoding!r}; need a task.", got=decoding
            )
        self._env = check_env(env).record_spikes()
        env.encoding, env.decoding = encoding, decoding
        self.render_mode = check_render_mode(render_mode)
        decoding.setup(env)
        self.num_envs, self.encoding = num_envs, encoding
        self._commanding = isinstance(decoding, Commanding)
        self.single_action_space = (
            decoding.actions() if isinstance(decoding, Commanding) else encoding.input_space
        )
        self.single_observation_space = decoding.output_space
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.observation_space: spaces.Space[Any] = batch_space(
            self.single_observation_space, num_envs
        )
        self._duration, self._hearing = decoding.duration, Hearing.of(env)
        self._films = [Film(decoding.duration, draw) for _ in range(num_envs)]
        self._origins = [self._new_origin(decoding)] * num_envs
        self.batch = env.batch(num_envs)
        settle = decoding.settle if isinstance(decoding, Settling) else 0
        self._settled = _settled(env, settle, num_envs)
        env.close()
        self.decodings: list[Any] = [deepcopy(decoding) for _ in range(num_envs)]
        self._rngs = [np_random()[0] for _ in range(num_envs)]
        self._running = False

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Any, dict[str, Any]]:
        """Begin an episode in every copy and return their first observations, and info.

        Args:
            seed: a number s seeds copy k with s + k; a sequence has one for each; None continues.
            options: passed to the tasks.

        Raises:
            InvalidState: if the environment is closed.
            InvalidType: if a seed is no integer.
            InvalidValue: if it is negative, or there is not one for each copy; and what the tasks
                raise where they refuse the options. Then the episodes that are going on still are.
        """
        seeds = _seeds(seed, self.num_envs)
        self.batch.copies  # noqa: B018  there unless closed
        rngs = [
            deepcopy(self._rngs[k]) if s is None else np_random(s)[0] for k, s in enumerate(seeds)
        ]
        drawn = [draw(rng) for rng in rngs]
        begun = [
            check_start(decoding.reset(seed=own, options=options))
            for decoding, (_, own) in zip(self.decodings, drawn, strict=True)
        ]
        self._rngs, self._running = rngs, True  # from here on nothing is refused
        infos: dict[str, Any] = {}
        for k, ((_, info), (stream, _)) in enumerate(zip(begun, drawn, strict=True)):
            infos = self._add_info(infos, {**info, **self._begin(k, stream)}, k)
        return np.stack([observation for observation, _ in begun]), infos

    def _begin(self, k: int, stream: int) -> dict[str, Any]:
        """Let copy `k` be as it is where episodes begin, and return what is known of it."""
        if not self._settled:
            self.batch.clear(k)
        else:
            if not self.batch.parameters[k].holds(self._settled[k].params):
                self._settle()
            self.batch.restore(self._settled[k], k)
        self.batch.reseed_noise([stream], k)
        self._origins[k] = self._new_origin(self.decodings[k])
        self._films[k].show(())
        now = float(self.batch.t[k]) if self._settled else 0.0
        return {"time_ms": now, **self._known(k, stream)}

    def _settle(self) -> None:
        """Let all copies settle with their parameters, and come back to where they are."""
        now = self.batch.snapshot()
        self.batch.clear().reseed_noise([0] * self.num_envs)
        self.batch.run(self.decodings[0].settle)
        self._settled = self.batch.snapshot()
        self.batch.restore(now)

    def _new_origin(self, decoding: Any) -> Origin:
        return Origin(self._env.culture(), self._env.seed, self.encoding, decoding)

    def _known(self, k: int, stream: int) -> dict[str, Any]:
        found = self._origins[k].hash(self.batch.io, self.batch.parameters[k])
        return {"seed": self._env.seed, "stream": stream, "config_hash": found}

    def step(
        self, actions: Any
    ) -> tuple[Any, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Stimulate every copy by its action, run all, and return what came of it.

        Raises:
            InvalidValue: if the actions are not in the action space.
            InvalidState: before `reset` or after `close`.
        """
        if not self._running:
            raise InvalidState(
                "no episode is going on: got step() before reset() or after close(). "
                "Call reset() first."
            )
        values = check_action(actions, self.action_space)
        if self._commanding:
            each = zip(self.decodings, values, strict=True)
            values = np.stack([decoding.command(own) for decoding, own in each])
        stimulus = self.encoding(self.batch, self._duration, values)
        streams = self.batch.streams
        runs = self.batch.run(self._duration, stimulus)
        charges = [None] * self.num_envs
        if isinstance(self.encoding, Charging):
            charges = list(self.encoding.charge(values))
        observations: list[Any] = []
        infos: dict[str, Any] = {}
        rewards = np.zeros(self.num_envs)
        ends = np.zeros((2, self.num_envs), bool)
        for k, (run, decoding) in enumerate(zip(runs, self.decodings, strict=True)):
            found = check_step(decoding(run, self.batch[k]))
            observation, rewards[k], ends[0, k], ends[1, k], own = found
            known = self._known(k, streams[k])
            own = {**own, **report(run, self._hearing, charges[k], known)}
            if self.render_mode is not None:
                self._films[k].keep(run)
            if ends[:, k].any():
                last = {"final_obs": observation, "final_info": own}
                stream, seed = draw(self._rngs[k])
                observation, own = decoding.reset(seed=seed)
                own = {**own, **self._begin(k, stream)}
                infos = self._add_info(infos, last, k)
            observations.append(observation)
            infos = self._add_info(infos, own, k)
        return np.stack(observations), rewards, ends[0], ends[1], infos

    def render(self) -> tuple[NDArray[np.uint8], ...] | None:
        """Return the picture of the last runs of each copy, as a GymnasiumEnv has it; or None.

        Raises:
            NotSupported: if nobody draws.
        """
        if self.render_mode is None:
            return None
        shown = zip(self._films, self.decodings, strict=True)
        return tuple(film.picture(self._env, decoding) for film, decoding in shown)

    def snapshot(self) -> list[GymnasiumSnapshot]:
        """Return cultures, tasks and random numbers as they are now, one for each copy.

        A GymnasiumEnv like a copy continues from its snapshot as the copy does.
        """
        each = zip(self.batch.snapshot(), self._rngs, self.decodings, self._films, strict=True)
        return [
            GymnasiumSnapshot.of(culture, (rng, self.encoding, decoding), self._running, film)
            for culture, rng, decoding, film in each
        ]

    def restore(self, snapshots: GymnasiumSnapshot | Sequence[GymnasiumSnapshot]) -> Self:
        """Let every copy continue from a snapshot, bit for bit.

        Args:
            snapshots: of copies or of GymnasiumEnvs: one for each, or one for all.

        Raises:
            InvalidType: if one is not a snapshot of an environment.
            InvalidValue: if there is not one for each copy, one is of another culture or task, or
                they are not of one encoding and length of a step.
        """
        given = snapshots if isinstance(snapshots, Sequence) else [snapshots] * self.num_envs
        each = self._checked(given)
        self.batch.restore([own.culture for own in each])
        parts = [own.parts() for own in each]
        self._rngs, self.decodings = [rng for rng, *_ in parts], [own for *_, own in parts]
        self.encoding, self._duration = parts[0][1], self.decodings[0].duration
        self._origins = [self._new_origin(decoding) for decoding in self.decodings]
        self._running = all(own.running for own in each)
        for film, own in zip(self._films, each, strict=True):
            film.show(own.runs)
        return self

    def _checked(self, snapshots: Sequence[Any]) -> list[GymnasiumSnapshot]:
        """Return snapshots that the copies can continue from together."""
        if len(snapshots) != self.num_envs:
            raise InvalidValue(
                f"snapshots are not one for each copy: got {len(snapshots)}; need "
                f"{self.num_envs}, as snapshot() returns.",
                got=snapshots,
                allowed=self.num_envs,
            )
        each = [check_moment(own, self.decodings[0]) for own in snapshots]
        shared = {(own.encoding, own.decoding.duration) for own in each}
        if len(shared) > 1:
            raise InvalidValue(
                f"snapshots do not go on together: got {len(shared)} encodings or lengths of a "
                "step; copies share them. Restore each into a GymnasiumEnv.",
                got=shared,
            )
        return each

    def __getstate__(self) -> dict[str, Any]:
        made = Recipe.of(self._env), self.batch.snapshot()
        return {**vars(self), "_env": None, "batch": made}

    def __setstate__(self, state: dict[str, Any]) -> None:
        recipe, snapshots = state["batch"]
        vars(self).update(state)
        self._env = recipe.make(snapshots[0], self.decodings[0])
        self.batch = self._env.batch(self.num_envs).restore(snapshots)
        self._env.close()

    def close_extras(self, **kwargs: Any) -> None:
        """Free the memory of all copies."""
        self._running = False
        self.batch.close()


def _seeds(given: Any, n: int) -> list[int | None]:
    """Return the seed of each copy, None for one that continues."""
    if given is None:
        return [None] * n
    if np.ndim(given) == 0:
        first = whole("seed", given, at_least=0)
        return [first + k for k in range(n)]
    if len(given) != n:
        raise InvalidValue(
            f"seeds are not one for each copy: got {len(given)}; need {n}.", got=given, allowed=n
        )
    return [None if own is None else whole("seed", own, at_least=0) for own in given]


def _settled(env: Env, settle: int, n: int) -> list[Snapshot]:
    """Return a copy for each as it is where episodes begin; none where that is the start."""
    if not settle:
        return []
    env.clear().reseed_noise(0).run(settle)
    return [env.snapshot()] * n
