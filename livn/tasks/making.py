"""Environments by name, as Gymnasium makes them."""

from typing import Any

from livn.env import Env, make
from livn.env.gymnasium import GymnasiumEnv, GymnasiumVectorEnv
from livn.errors import unknown_names
from livn.tasks.bursts import EvokeBursts, SuppressBursts
from livn.tasks.cartpole import CartPole
from livn.tasks.game import Game
from livn.tasks.patterns import PatternSeparation
from livn.tasks.picture import draw
from livn.tasks.pong import Pong
from livn.tasks.pulses import PulseAmplitudes
from livn.tasks.rate import RateControl
from livn.tasks.task import Task

COMMON = ("system", "render_mode", "latency", "max_amplitude", "backend", "seed")  # to all tasks
TASKS: dict[str, type[Task]] = {
    task.__name__: task
    for task in (RateControl, EvokeBursts, SuppressBursts, PatternSeparation, CartPole, Pong)
}
MAX_AMPLITUDE = 5.0  # uA, of an action of 1; one electrode moves cells by that, none by itself
STRONG_AMPLITUDE = 10.0  # uA, where few electrodes must be heard far away
# uA, for RateControl: half of it, at the lowest efficacy, reaches the highest target; by itself
# the one electrode of EI1 needs more.
RATE_AMPLITUDE, LONE_AMPLITUDE = 12.0, 32.0


def single(
    task: str = "RateControl",
    system: str = "EI2",
    render_mode: str | None = None,
    max_amplitude: float | None = None,
    backend: str = "native",
    seed: int = 123,
    latency: float = 0.0,
    **fields: Any,
) -> GymnasiumEnv:
    """Return an environment with one culture.

    Args:
        task: name of a class of `livn.tasks`.
        system, backend, seed: as of `livn.make`; `seed` fixes the culture, that of `reset` the
            episode.
        render_mode: "rgb_array" or None.
        max_amplitude: uA, of an action of 1; None for that of the task.
        latency: from the start of a step, which is the decision, to its first pulse, ms.
        fields: of the task.

    Raises:
        UnknownName: if there is no such task, or it has no such field.
    """
    env, encoding, decoding = _parts(task, system, max_amplitude, backend, seed, latency, fields)
    return GymnasiumEnv(env, encoding, decoding, render_mode, draw)


def vector(
    task: str = "RateControl",
    system: str = "EI2",
    num_envs: int = 1,
    render_mode: str | None = None,
    max_amplitude: float | None = None,
    backend: str = "native",
    seed: int = 123,
    latency: float = 0.0,
    **fields: Any,
) -> GymnasiumVectorEnv:
    """Return copies of `single` that are advanced together.

    Args:
        num_envs: number of copies.
        task, system, render_mode, max_amplitude, backend, seed, latency, fields: as of `single`.

    Raises:
        UnknownName: if there is no such task, or it has no such field.
    """
    env, encoding, decoding = _parts(task, system, max_amplitude, backend, seed, latency, fields)
    return GymnasiumVectorEnv(env, num_envs, encoding, decoding, render_mode, draw)


def _parts(
    task: str,
    system: str,
    max_amplitude: float | None,
    backend: str,
    seed: int,
    latency: float,
    fields: Any,
) -> tuple[Env, PulseAmplitudes, Task]:
    """Return culture, encoding and decoding."""
    if task not in TASKS:
        raise unknown_names("task", [task], TASKS)
    unknown = [name for name in fields if name not in TASKS[task].model_fields]
    if unknown:
        raise unknown_names(f"{task} argument", unknown, [*TASKS[task].model_fields, *COMMON])
    decoding = TASKS[task](**fields)
    env = make(system, backend=backend, seed=seed)
    n_channels = env.io.num_channels
    usual = _usual_amplitude(decoding, n_channels)
    encoding = PulseAmplitudes(
        n_channels=n_channels,
        max_amplitude=usual if max_amplitude is None else max_amplitude,
        interval=10.0 if isinstance(decoding, RateControl) else decoding.duration,
        latency=latency,
        anodic=False,
    )
    return env, encoding, decoding


def _usual_amplitude(task: Task, n_channels: int) -> float:
    """Return the current of an action of 1, uA."""
    if isinstance(task, RateControl):
        return RATE_AMPLITUDE if n_channels > 1 else LONE_AMPLITUDE
    return STRONG_AMPLITUDE if isinstance(task, Game | PatternSeparation) else MAX_AMPLITUDE
