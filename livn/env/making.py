"""The shortest way to a culture."""

from collections.abc import Mapping
from os import PathLike
from typing import Any

from livn.env.env import Env
from livn.system import BaseSystem


def make(
    system: str | PathLike[str] | BaseSystem | int | Mapping[str, int] = "EI1", **env_arguments: Any
) -> Env:
    """Return an initialised Env with its default parameters in force.

    Args:
        system: what `Env` takes: name of a predefined system, a local directory, any fsspec URL,
            a System, a number of unconnected cells.
        env_arguments: passed to `Env`: model, io, seed, backend, …

    Raises:
        UnknownName, InvalidType: if there is no such system.
        BackendNotFound: if the backend does not work here.
    """
    return Env(system, **env_arguments).init().apply_model_defaults()
