"""The fast engine: the description as Python source that numba compiles for this processor.

Cells are advanced in blocks that fill the processor's vectors; a run of any length is one call.
Numbers are float64, float32 on request; the answer does not depend on the number of threads.
"""

from collections.abc import Mapping

from livn.backend.contract import CULTURES
from livn.backend.native.arrays import PRECISIONS
from livn.backend.native.engine import NativeEngine
from livn.backend.network import Network
from livn.errors import InvalidValue, unknown_names
from livn.models.values import Value

POINT_MODEL = "Izhikevich"

CAPABILITIES = CULTURES


def build(
    network: Network,
    dt: float,
    seed: int,
    values: Mapping[str, Mapping[str, Value]],
    increments: Mapping[str, float],
    precision: str = "float64",
    threads: int = 1,
) -> NativeEngine:
    """Return an engine for `network` at a step of `dt` ms.

    Args:
        network: populations and projections.
        dt: step, ms.
        seed: of all random numbers.
        values: population -> parameter values.
        increments: weight key -> conductance one event adds, µS.
        precision: "float64", or "float32" for about twice the speed.
        threads: how many compute; they pay from some thousand cells on.

    Raises:
        UnknownName: for another precision.
        InvalidValue: if there is no thread.
    """
    if precision not in PRECISIONS:
        raise unknown_names("native precision", [precision], PRECISIONS)
    if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
        raise InvalidValue(
            f"native threads is not a number of threads: got {threads!r}; need 1 or more.",
            got=threads,
        )
    return NativeEngine(network, dt, seed, values, increments, precision, threads)
