"""Environments by name, as Gymnasium makes them."""

from typing import Any

from livn.env import make
from livn.env.gymnasium import GymnasiumEnv, GymnasiumVectorEnv
from livn.tasks.picture import draw
from livn.tasks.pulses import PulseAmplitudes
from livn.tasks.rate import RateControl


def rate_control(
    system: str = "EI2",
    render_mode: str | None = None,
    max_amplitude: float = 5.0,
    backend: str = "native",
    seed: int = 123,
    **task: Any,
) -> GymnasiumEnv:
    """Return an environment in which to hold the firing rate of a culture.

    Args:
        system, backend, seed: as of `livn.make`; `seed` fixes the culture, that of `reset` the
            episode.
        render_mode: "rgb_array" or None.
        max_amplitude: uA, of an action of 1.
        task: fields of `RateControl`.
    """
    env = make(system, backend=backend, seed=seed)
    encoding = PulseAmplitudes(n_channels=env.io.num_channels, max_amplitude=max_amplitude)
    return GymnasiumEnv(env, encoding, RateControl(**task), render_mode, draw)


def rate_control_vector(
    system: str = "EI2",
    num_envs: int = 1,
    max_amplitude: float = 5.0,
    backend: str = "native",
    seed: int = 123,
    **task: Any,
) -> GymnasiumVectorEnv:
    """Return copies of `rate_control` that are advanced together.

    Args:
        num_envs: number of copies.
        system, backend, seed, max_amplitude, task: as of `rate_control`.
    """
    env = make(system, backend=backend, seed=seed)
    encoding = PulseAmplitudes(n_channels=env.io.num_channels, max_amplitude=max_amplitude)
    return GymnasiumVectorEnv(env, num_envs, encoding, RateControl(**task))
