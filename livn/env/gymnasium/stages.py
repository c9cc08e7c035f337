"""Stages of a Pipe that let the culture act in another Gymnasium environment."""

from copy import deepcopy
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.envs.registration import EnvSpec
from numpy.typing import NDArray

from livn.errors import InvalidState, InvalidValue, NotSupported


class GymStep:
    """Steps a task with the action that earlier stages decoded from the culture.

    Equal to another of the same `spec.id`. Its spec, id and arguments, is all that is pickled: what
    is unpickled is made anew and has to be reset.

    Args:
        gym_env: the task, registered with Gymnasium.

    Attributes:
        interrupted: whether it was unpickled and not reset since.

    Raises:
        InvalidValue: if the task has no id to make it again by.
    """

    def __init__(self, gym_env: gym.Env[Any, Any]):
        if gym_env.spec is None:
            raise InvalidValue(
                f"task has no id: got {gym_env!r}; need what gym.make returned. Register it."
            )
        self.gym_env, self.id = gym_env, gym_env.spec.id
        self.interrupted = False

    def reset(self, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        """Start the task over and return observation and info."""
        found = self.gym_env.reset(seed=seed, options=options)
        self.interrupted = False
        return found

    def __call__(self, data: Any, env: Any) -> Any:
        """Return (observation, reward, terminated, truncated, info); None for the action None.

        The action is clipped to what the task accepts; at the end of an episode the culture is
        cleared.

        Args:
            data: the action.
            env: the Env whose `decoding` is the Pipe this is in.
        """
        if data is None:
            return None
        action = accepted(data, self.gym_env.action_space)
        env.decoding.context["gym_action"] = action
        observation, reward, terminated, truncated, info = self.gym_env.step(action)
        env.decoding.state["raw_gym_obs"] = observation
        if terminated or truncated:
            env.clear()
        return observation, float(reward), bool(terminated), bool(truncated), info

    def __eq__(self, other: object) -> bool:
        return self.id == other.id if isinstance(other, GymStep) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return f"GymStep({self.id!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _made_again, (self.gym_env.spec,)

    def __deepcopy__(self, memo: dict[int, Any]) -> "GymStep":
        copy = GymStep(deepcopy(self.gym_env, memo))
        copy.interrupted = self.interrupted
        return copy


class ObsAugmentation:
    """Appends features of the culture to the observation of the task; stands after `GymStep`.

    Subclasses give `_features(env, context, state)`, which returns shape (obs_dim,), >= 0.

    Args:
        obs_dim: number of features; None for that of the class.
    """

    obs_dim: int | None = None

    def __init__(self, obs_dim: int | None = None):
        self.obs_dim = self.obs_dim if obs_dim is None else obs_dim
        if self.obs_dim is None or self.obs_dim < 1:
            raise InvalidValue(
                f"obs_dim is no number of features: got {self.obs_dim!r}; need 1 or more.",
                got=self.obs_dim,
            )

    def _features(self, env: Any, context: dict[str, Any], state: dict[str, Any]) -> Any:
        raise NotSupported(
            f"{type(self).__name__} has no features: got no _features; give it that method."
        )

    def zero_features(self) -> NDArray[np.float32]:
        """Return what is appended to the first observation of an episode."""
        return np.zeros(self.obs_dim or 0, np.float32)

    def __call__(self, data: Any, env: Any) -> Any:
        """Return the step with a longer observation.

        Raises:
            InvalidValue: if the features have another shape than (obs_dim,).
            InvalidState: if the stage does not stand after a GymStep.
        """
        if not isinstance(data, tuple) or len(data) != 5:
            raise InvalidState(
                f"{type(self).__name__} got no step: got {type(data).__name__}. Place it after "
                "the GymStep."
            )
        pipe = env.decoding
        found = np.asarray(self._features(env, pipe.context, pipe.state), np.float32)
        if found.shape != (self.obs_dim,):
            raise InvalidValue(
                f"features have the wrong shape: got {found.shape}; need ({self.obs_dim},).",
                got=found.shape,
                allowed=(self.obs_dim,),
            )
        return augmented(data[0], [found]), *data[1:]


def accepted(action: Any, space: spaces.Space[Any]) -> Any:
    """Return the nearest action that a Discrete or Box space has; others get it as it is.

    Raises:
        InvalidValue: if it is no number, or not as many as the space has.
    """
    if not isinstance(space, spaces.Discrete | spaces.Box):
        return action
    values, shape = np.asarray(action, np.float64), space.shape or ()
    if values.size != np.prod(shape, dtype=int) or not np.isfinite(values).all():
        raise InvalidValue(
            f"decoded action is not what the task takes: got {action!r}; need finite numbers of "
            f"shape {shape}.",
            got=action,
            allowed=shape,
        )
    if isinstance(space, spaces.Discrete):
        last = space.start + space.n - 1
        return int(np.clip(np.round(values.item()), space.start, last))
    return np.clip(values.reshape(shape), space.low, space.high).astype(space.dtype)


def augmented(observation: Any, features: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return the observation with features appended."""
    return np.concatenate([np.asarray(observation, np.float32).ravel(), *features])


def augmented_space(space: spaces.Space[Any], n_features: int) -> spaces.Space[Any]:
    """Return the space of augmented observations; without features the space as it is.

    Raises:
        NotSupported: if features are to be appended to what is no Box.
    """
    if not n_features:
        return space
    if not isinstance(space, spaces.Box):
        raise NotSupported(
            f"observations of the task cannot be augmented: got {space}; need a Box."
        )
    zeros, infinite = np.zeros(n_features), np.full(n_features, np.inf)
    low = np.concatenate([space.low.ravel(), zeros]).astype(np.float32)
    return spaces.Box(low, np.concatenate([space.high.ravel(), infinite]).astype(np.float32))


def _made_again(spec: EnvSpec) -> GymStep:
    step = GymStep(gym.make(spec))
    step.interrupted = True
    return step
