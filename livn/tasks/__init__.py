"""Tasks for agents that learn to interact with a culture, registered with Gymnasium.

>>> import gymnasium as gym
>>> import livn.tasks
>>> env = gym.make("livn/EI2-RateControl-v0")

Needs `pip install 'livn[rl]'`. Importing this registers the ids and loads nothing else.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

try:
    from gymnasium import register
except ModuleNotFoundError as error:
    raise ImportError(
        f"livn.tasks needs the package {error.name}: pip install 'livn[rl]'."
    ) from error

if TYPE_CHECKING:
    from livn.tasks.baselines import compare as compare
    from livn.tasks.bursts import EvokeBursts as EvokeBursts
    from livn.tasks.bursts import SuppressBursts as SuppressBursts
    from livn.tasks.cartpole import CartPole as CartPole
    from livn.tasks.making import single as single
    from livn.tasks.making import vector as vector
    from livn.tasks.patterns import PatternSeparation as PatternSeparation
    from livn.tasks.picture import draw as draw
    from livn.tasks.pong import Pong as Pong
    from livn.tasks.pulses import PulseAmplitudes as PulseAmplitudes
    from livn.tasks.rate import RateControl as RateControl
    from livn.tasks.task import Task as Task

_MODULE_OF = {
    "CartPole": "livn.tasks.cartpole",
    "EvokeBursts": "livn.tasks.bursts",
    "PatternSeparation": "livn.tasks.patterns",
    "Pong": "livn.tasks.pong",
    "PulseAmplitudes": "livn.tasks.pulses",
    "RateControl": "livn.tasks.rate",
    "SuppressBursts": "livn.tasks.bursts",
    "Task": "livn.tasks.task",
    "compare": "livn.tasks.baselines",
    "draw": "livn.tasks.picture",
    "single": "livn.tasks.making",
    "vector": "livn.tasks.making",
}
# EI1 has one electrode and ten cells: a rate, but neither network bursts nor a place to code by.
_SYSTEMS_OF = {
    "RateControl": ("EI1", "EI2", "EI3"),
    "EvokeBursts": ("EI2", "EI3"),
    "SuppressBursts": ("EI2", "EI3"),
    "PatternSeparation": ("EI2", "EI3"),
    "CartPole": ("EI2", "EI3"),
    "Pong": ("EI2", "EI3"),
}

__all__ = [
    "CartPole",
    "EvokeBursts",
    "PatternSeparation",
    "Pong",
    "PulseAmplitudes",
    "RateControl",
    "SuppressBursts",
    "Task",
    "compare",
    "draw",
    "single",
    "vector",
]

for _task, _systems in _SYSTEMS_OF.items():
    for _system in _systems:
        register(
            f"livn/{_system}-{_task}-v0",
            entry_point="livn.tasks.making:single",
            vector_entry_point="livn.tasks.making:vector",
            kwargs={"task": _task, "system": _system},
        )


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'livn.tasks' has no attribute {name!r}; public: {__all__}.")
    return getattr(import_module(_MODULE_OF[name]), name)
