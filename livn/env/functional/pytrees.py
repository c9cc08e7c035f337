"""Runs, recordings and ios as JAX pytrees: numbers are leaves, everything else is structure."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from livn.arrays import is_array
from livn.io import IO
from livn.io.jsonable import Jsonable
from livn.run import PaddedEvents, Run, Series


class Same:
    """An array that is part of a structure: two are the same where they are equal."""

    def __init__(self, array: NDArray[Any]):
        self.array = array

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and np.array_equal(self.array, other.array)

    def __hash__(self) -> int:
        return hash(self.array.tobytes())


def _bare(kind: type, **fields: Any) -> Any:
    """Return an object with these fields; what JAX puts there while it looks is not checked."""
    made: Any = object.__new__(kind)
    vars(made).update(fields)
    return made


def _register_runs() -> None:
    def series(s: Series) -> Any:
        return (s.values,), (Same(s.ids), s.dt, s.t0, s.sections)

    def events(e: PaddedEvents) -> Any:
        return (e.times,), (Same(e.ids), e.duration)

    def run(r: Run) -> Any:
        return tuple(r.channels.values()), (tuple(r.channels), r.t0, r.duration)

    register: Callable[..., None] = jax.tree_util.register_pytree_node
    register(
        Series, series,
        lambda a, c: _bare(Series, ids=a[0].array, values=c[0], dt=a[1], t0=a[2], sections=a[3]),
    )  # fmt: skip
    register(
        PaddedEvents, events,
        lambda a, c: _bare(PaddedEvents, ids=a[0].array, times=c[0], duration=a[1]),
    )  # fmt: skip
    register(
        Run, run,
        lambda a, c: _bare(
            Run, channels=dict(zip(a[0], c, strict=True)), t0=a[1], duration=a[2]
        ),
    )  # fmt: skip


_known: set[type] = set()


def register_io(io: IO) -> None:
    """Let JAX see the numbers and arrays of an io, and of its parts."""
    parts = [io, *(v for v in vars(io).values() if isinstance(v, Jsonable))]
    for kind in {type(part) for part in parts} - _known:
        jax.tree_util.register_pytree_node(kind, _io_leaves, _io_of(kind))
        _known.add(kind)


def _io_leaves(part: Jsonable) -> Any:
    fields = vars(part)
    moving = tuple(n for n, v in fields.items() if _moves(v))
    still = tuple((n, v) for n, v in fields.items() if n not in moving)
    return tuple(fields[n] for n in moving), (moving, still)


def _io_of(kind: type) -> Callable[[Any, Any], Any]:
    def made(structure: Any, leaves: Any) -> Any:
        moving, still = structure
        return _bare(kind, **dict(zip(moving, leaves, strict=True)), **dict(still))

    return made


def _moves(value: Any) -> bool:
    return isinstance(value, float | np.floating | Jsonable) or is_array(value)


_register_runs()
