"""JAX and diffrax: a culture that gradients flow through, on CPU or GPU."""

from collections.abc import Mapping

import jax

from livn import settings
from livn.backend.contract import CULTURES
from livn.backend.diffrax.engine import DiffraxEngine
from livn.backend.network import Network
from livn.errors import unknown_names
from livn.models.values import Value
from livn.types import Capability

POINT_MODEL = "Izhikevich"

CAPABILITIES = CULTURES | {Capability.DIFFERENTIABLE}

_PRECISIONS = ("float64", "float32")

if jax.config.jax_compilation_cache_dir is None:  # type: ignore[attr-defined]
    # the user has not chosen where compiled code is kept
    jax.config.update("jax_compilation_cache_dir", str(settings.cache_dir() / "jax"))


def build(
    network: Network,
    dt: float,
    seed: int,
    values: Mapping[str, Mapping[str, Value]],
    increments: Mapping[str, float],
    precision: str = "float64",
) -> DiffraxEngine:
    """Return an engine for `network` at a step of `dt` ms.

    Args:
        network: populations and projections.
        dt: step, ms.
        seed: of all random numbers.
        values: population -> parameter values.
        increments: weight key -> conductance one event adds, µS.
        precision: "float64" or "float32", whatever JAX uses by default in this process.

    Raises:
        UnknownName: for another precision.
    """
    if precision not in _PRECISIONS:
        raise unknown_names("diffrax precision", [precision], _PRECISIONS)
    return DiffraxEngine(network, dt, seed, values, increments, precision)
