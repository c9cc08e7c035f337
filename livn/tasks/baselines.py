"""Who learned: a policy beside those that cannot."""

from collections.abc import Callable, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from livn.env.gymnasium import GymnasiumEnv
from livn.tasks.task import Task

Policy = Callable[[Any], Any]


def compare(
    env: gym.Env[Any, Any], policy: Policy, episodes: int = 5, seed: int = 0
) -> dict[str, NDArray[np.float64]]:
    """Return the returns of a policy and of its baselines, each of shape (episodes,).

    Episode k is that of seed + k for all. "random" draws actions from the action space, "zero"
    does nothing, and "shuffled" is the policy acting on observations drawn at random from its own
    episode: if it does as well, what it does is no answer to what it sees. Where the task is a
    `Task`, there are two more: "zero_spikes" and "shuffled_spikes" are the policy where no spikes,
    or shuffled ones, are seen by it and by the motor decoding (`Task.ablation`): if it does as
    well, it does not need the culture.

    Args:
        env: with Box actions.
        policy: observation -> action.
        episodes: number of episodes for each.
        seed: of the first.
    """
    rng = np.random.default_rng(seed)
    env.action_space.seed(seed)
    nothing = np.zeros(env.action_space.shape or (), np.float32)
    found: dict[str, list[float]] = {name: [] for name in ("policy", "random", "zero", "shuffled")}
    ablations = ("zero", "shuffled") if _is_task(env) else ()
    found |= {f"{ablation}_spikes": [] for ablation in ablations}
    for own in range(seed, seed + episodes):
        total, seen = play(env, policy, own)
        found["policy"].append(total)
        found["random"].append(play(env, lambda _: env.action_space.sample(), own)[0])
        found["zero"].append(play(env, lambda _: nothing, own)[0])
        found["shuffled"].append(play(env, _blind(policy, seen, rng), own)[0])
        for ablation in ablations:
            total, _ = play(env, policy, own, {"ablation": ablation})
            found[f"{ablation}_spikes"].append(total)
    return {name: np.array(returns) for name, returns in found.items()}


def play(
    env: gym.Env[Any, Any], policy: Policy, seed: int, options: dict[str, Any] | None = None
) -> tuple[float, list[Any]]:
    """Return the return of an episode and the observations acted on.

    Args:
        env: played to the end of the episode.
        policy: observation -> action.
        seed, options: of `reset`.
    """
    observation, _ = env.reset(seed=seed, options=options)
    total, seen, ended = 0.0, [], False
    while not ended:
        seen.append(observation)
        observation, reward, terminated, truncated, _ = env.step(policy(observation))
        total, ended = total + float(reward), terminated or truncated
    return total, seen


def _is_task(env: gym.Env[Any, Any]) -> bool:
    inner = env.unwrapped
    return isinstance(inner, GymnasiumEnv) and isinstance(inner.decoding, Task)


def _blind(policy: Policy, seen: Sequence[Any], rng: np.random.Generator) -> Policy:
    """Return the policy that sees one of these observations, whichever the moment."""
    return lambda _: policy(seen[int(rng.integers(len(seen)))])
