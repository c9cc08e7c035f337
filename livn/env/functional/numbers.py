"""From parameters to the numbers of a step, in JAX where they are JAX's."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from livn.arrays import Array
from livn.backend.diffrax.culture import Cells, State
from livn.backend.diffrax.intrinsics import function
from livn.backend.diffrax.lower import WAIT
from livn.backend.network import Network
from livn.models.receptors import peak_factor


@dataclass(frozen=True)
class Numbers:
    """What follows from parameters and weights.

    Attributes:
        values: population -> every parameter, free and derived.
        constants: of each population in the order of its code.
        start: state at the start.
    """

    values: dict[str, dict[str, Any]]
    constants: tuple[tuple[Array, ...], ...]
    start: State


def real() -> Any:
    """Return the type JAX computes in now: float64 under `jax.enable_x64`, else float32."""
    return jnp.float64 if jax.config.jax_enable_x64 else jnp.float32  # type: ignore[attr-defined]


def numbers_of(
    network: Network,
    cells: tuple[Cells, ...],
    dt: float,
    n_rows: int,
    parameters: Mapping[str, Mapping[str, Any]],
    weights: Mapping[str, Any],
) -> Numbers:
    """Return the numbers of a network.

    Args:
        network, cells: the cells and their code.
        dt: step, ms.
        n_rows: steps that are remembered.
        parameters: population -> free parameters.
        weights: weight key -> factor.
    """
    kind, values, constants, start = real(), {}, [], []
    for (name, population), c in zip(network.populations.items(), cells, strict=True):
        given = dict(parameters[name])
        derived, known, first = function(c.lowered.numbers, "numbers")(given, dt)
        values[name] = given | derived
        found = [known[n] for n in c.lowered.constants if n in known]
        found += _increments(network, name, values[name], weights)
        constants.append(tuple(jnp.asarray(v, kind) for v in found))
        first[WAIT] = 0.0
        shape = (len(population),)
        start.append(
            tuple(jnp.broadcast_to(jnp.asarray(first[n], kind), shape) for n in c.lowered.states)
        )
    history = jnp.zeros((n_rows, network.n_cells + 1), kind)
    return Numbers(values, tuple(constants), State(tuple(start), history))


def _increments(
    network: Network, post: str, values: Mapping[str, Any], weights: Mapping[str, Any]
) -> list[Any]:
    """Return what one event adds, µS, in the order of the code."""
    found = []
    for target in (t for p in network.projections if p.post == post for t in p.receptors):
        rise, decay = values[f"tau_rise_{target.site}"], values[f"tau_decay_{target.site}"]
        found.append(weights[target.key] * target.receptor.g_unit * peak_factor(rise, decay))
    return found
