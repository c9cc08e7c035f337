"""NEURON (Carnevale & Hines 2006): cells of several compartments, on many ranks of MPI.

`world()` is the communicator of all ranks, `subworld` that of a group of them. MPI is loaded when
`world` is called, so a simulation in one process needs none.
"""

from collections.abc import Mapping
from typing import Any

from livn import settings
from livn.backend.contract import CULTURES
from livn.backend.network import Network
from livn.models.values import Value
from livn.types import Capability

settings.keep_neuron_quiet()
from livn.backend.neuron.engine import NeuronEngine  # noqa: E402
from livn.mpi import subworld, world  # noqa: E402

__all__ = ["CAPABILITIES", "POINT_MODEL", "build", "subworld", "world"]

POINT_MODEL = "Izhikevich"

CAPABILITIES = CULTURES | {Capability.MPI}


def build(
    network: Network,
    dt: float,
    seed: int,
    values: Mapping[str, Mapping[str, Value]],
    increments: Mapping[str, float],
    comm: Any = None,
) -> NeuronEngine:
    """Return an engine for this rank's share of `network` at a step of `dt` ms.

    Args:
        network: populations and projections.
        dt: step, ms.
        seed: of all random numbers.
        values: population -> parameter values.
        increments: weight key -> conductance one event adds, µS.
        comm: communicator of mpi4py whose ranks share the network; None for this process alone.

    Raises:
        InvalidValue: if there are more ranks than cells.
        NotSupported: if a cell has no NMODL, or there is no compiler for it.
    """
    return NeuronEngine(network, dt, seed, values, increments, comm)
