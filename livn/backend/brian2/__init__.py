"""Brian2 (Stimberg, Brette & Goodman 2019, eLife 8:e47314): the default backend.

`build` makes an engine; `network` of the engine is the `brian2.Network` for people who know Brian2.
"""

import logging
import sys
import warnings
from collections.abc import Mapping

_before = sys.excepthook, warnings.showwarning
from livn.backend.brian2.engine import Brian2Engine  # noqa: E402

# importing brian2 makes it report uncaught errors as its own bugs and send warnings to its log
sys.excepthook = _before[0]
if warnings.showwarning is not _before[1]:
    logging.captureWarnings(False)

from livn.backend.brian2.target import TARGETS  # noqa: E402
from livn.backend.contract import CULTURES  # noqa: E402
from livn.backend.network import Network  # noqa: E402
from livn.errors import unknown_names  # noqa: E402
from livn.models.values import Value  # noqa: E402

POINT_MODEL = "Izhikevich"

CAPABILITIES = CULTURES


def build(
    network: Network,
    dt: float,
    seed: int,
    values: Mapping[str, Mapping[str, Value]],
    increments: Mapping[str, float],
    target: str = "auto",
) -> Brian2Engine:
    """Return an engine for `network` at a step of `dt` ms.

    Args:
        network: populations and projections.
        dt: step, ms.
        seed: of all random numbers.
        values: population -> parameter values.
        increments: weight key -> conductance one event adds, µS.
        target: "numpy", "cython", or "auto" to let size and duration of the first run decide.

    Raises:
        UnknownName: for another target.
    """
    if target not in ("auto", *TARGETS):
        raise unknown_names("brian2 target", [target], ("auto", *TARGETS))
    return Brian2Engine(network, dt, seed, values, increments, target)
