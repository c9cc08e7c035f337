"""Who learned: a policy beside those that cannot."""

from collections.abc import Callable, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

Policy = Callable[[Any], Any]


def compare(
    env: gym.Env[Any, Any], policy: Policy, episodes: int = 5, seed: int = 0
) -> dict[str, NDArray[np.float64]]:
    """Return the returns of a policy and of its baselines, each of shape (episodes,).

    Episode k is that of seed + k for all. "random" draws actions from the action space, "zero"
    does nothing, and "shuffled" is the policy acting on observations drawn at random from its own
    episode: if it does as well, what it does is no answer to the spikes.

    Args:
        env: with Box actions.
        policy: observation -> action.
        episodes: number of episodes for each.
        seed: of the first.
    """
    found: dict[str, list[float]] = {"policy": [], "random": [], "zero": [], "shuffled": []}
    nothing = np.zeros(env.action_space.shape or (), np.float32)
    for own in range(seed, seed + episodes):
        rng = np.random.default_rng(own)
        env.action_space.seed(own)
        total, seen = _play(env, policy, own)
        found["policy"].append(total)
        found["random"].append(_play(env, lambda _: env.action_space.sample(), own)[0])
        found["zero"].append(_play(env, lambda _: nothing, own)[0])
        found["shuffled"].append(_play(env, _blind(policy, seen, rng), own)[0])
    return {name: np.array(returns) for name, returns in found.items()}


def _play(env: gym.Env[Any, Any], policy: Policy, seed: int) -> tuple[float, list[Any]]:
    """Return the return of an episode and the observations acted on."""
    observation, _ = env.reset(seed=seed)
    total, seen, ended = 0.0, [], False
    while not ended:
        seen.append(observation)
        observation, reward, terminated, truncated, _ = env.step(policy(observation))
        total, ended = total + float(reward), terminated or truncated
    return total, seen


def _blind(policy: Policy, seen: Sequence[Any], rng: np.random.Generator) -> Policy:
    """Return the policy that sees one of these observations, whichever the moment."""
    return lambda _: policy(seen[int(rng.integers(len(seen)))])
