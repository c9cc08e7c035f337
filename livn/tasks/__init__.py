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
    from livn.tasks.making import rate_control as rate_control
    from livn.tasks.making import rate_control_vector as rate_control_vector
    from livn.tasks.picture import draw as draw
    from livn.tasks.pulses import PulseAmplitudes as PulseAmplitudes
    from livn.tasks.rate import RateControl as RateControl

_MODULE_OF = {
    "PulseAmplitudes": "livn.tasks.pulses",
    "RateControl": "livn.tasks.rate",
    "compare": "livn.tasks.baselines",
    "draw": "livn.tasks.picture",
    "rate_control": "livn.tasks.making",
    "rate_control_vector": "livn.tasks.making",
}
_SYSTEMS = ("EI1", "EI2", "EI3")

__all__ = [
    "PulseAmplitudes",
    "RateControl",
    "compare",
    "draw",
    "rate_control",
    "rate_control_vector",
]

for _system in _SYSTEMS:
    register(
        f"livn/{_system}-RateControl-v0",
        entry_point="livn.tasks.making:rate_control",
        vector_entry_point="livn.tasks.making:rate_control_vector",
        kwargs={"system": _system},
    )


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'livn.tasks' has no attribute {name!r}; public: {__all__}.")
    return getattr(import_module(_MODULE_OF[name]), name)
