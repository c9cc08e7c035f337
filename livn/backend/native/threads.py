"""A barrier for threads that run compiled code without the interpreter's lock."""

import sys
from typing import Any

from llvmlite import ir
from numba import njit, types

from livn.backend.native.bits import called, primitive

_SPINS = 2000  # looks at the counter before the processor is offered to others
_YIELD = "SwitchToThread" if sys.platform == "win32" else "sched_yield"


@primitive
def _add_one(typingctx: Any, counter: Any) -> Any:
    """Add 1 to counter[0] and return what it was, as one operation."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.atomic_rmw("add", args[0], ir.Constant(ir.IntType(64), 1), "seq_cst")

    return types.int64(counter), codegen


@primitive
def _load(typingctx: Any, counter: Any) -> Any:
    """Return counter[0] as other threads see it."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load_atomic(args[0], "seq_cst", 8)

    return types.int64(counter), codegen


@primitive
def _offer_processor(typingctx: Any) -> Any:
    """Let the operating system run another thread."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = ir.FunctionType(ir.IntType(32), [])
        known = builder.module.globals.get(_YIELD)
        builder.call(known or ir.Function(builder.module, kind, _YIELD), [])
        return context.get_dummy_value()

    return types.void(), codegen


@njit(**called)
def arrive_and_wait(counter: Any, n_threads: int) -> None:
    """Return when `n_threads` threads have called this as often as the caller has.

    Args:
        counter: pointer to an int64, 0 before the first call.
        n_threads: how many wait for each other.
    """
    ticket = _add_one(counter)
    goal = (ticket // n_threads + 1) * n_threads
    spins = 0
    while _load(counter) < goal:
        spins += 1
        if spins > _SPINS:
            _offer_processor()
