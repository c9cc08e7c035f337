"""The shortest way to a culture."""

from os import PathLike
from typing import Any

from livn.env.env import Env
from livn.system import make as make_system


def make(system: str | PathLike[str] = "EI1", **env_arguments: Any) -> Env:
    """Return an initialised Env with its default parameters in force.

    Args:
        system: name of a predefined system, a local directory or any fsspec URL.
        env_arguments: passed to `Env`: model, io, seed, backend, …

    Raises:
        UnknownName: if there is no such system.
        BackendNotFound: if the backend does not work here.
    """
    env = Env(make_system(system), **env_arguments)
    return env.init().apply_model_defaults()
