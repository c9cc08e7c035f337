"""Numbers too small to be normal count as zero while compiled code runs.

A conductance that decays without events ends there (after 90 time constants in float32), where an
operation costs the processor a hundred times as much.
"""

import platform
from typing import Any

from llvmlite import ir
from numba import types

from livn.backend.native.bits import primitive

_MACHINE = platform.machine().lower()
_MXCSR = 0x8040  # flush to zero, and denormals are zero (Intel 64 manual, vol. 1, 10.2.3)
_FPCR = 1 << 24  # flush to zero (Arm Architecture Reference Manual, FPCR.FZ)


@primitive
def flush_denormals(typingctx: Any) -> Any:
    """Switch the mode on for this thread and return what it was."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        was = _read(builder)
        bits = _MXCSR if _MACHINE in ("x86_64", "amd64") else _FPCR
        _write(builder, builder.or_(was, ir.Constant(was.type, bits)))
        return was

    return types.int64(), codegen


@primitive
def keep_denormals(typingctx: Any, mode: Any) -> Any:
    """Go back to the mode that `flush_denormals` returned."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        _write(builder, args[0])
        return context.get_dummy_value()

    return types.void(types.int64), codegen


def _read(builder: Any) -> Any:
    """Return the control register as an int64; 0 on a machine whose register is not known."""
    whole = ir.IntType(64)
    if _MACHINE in ("x86_64", "amd64"):
        place = builder.alloca(ir.IntType(32))
        builder.call(_sse(builder, "stmxcsr"), [_bytes(builder, place)])
        return builder.zext(builder.load(place), whole)
    if _MACHINE in ("aarch64", "arm64"):
        return builder.asm(ir.FunctionType(whole, []), "mrs $0, fpcr", "=r", [], True)
    return ir.Constant(whole, 0)


def _write(builder: Any, mode: Any) -> None:
    if _MACHINE in ("x86_64", "amd64"):
        place = builder.alloca(ir.IntType(32))
        builder.store(builder.trunc(mode, ir.IntType(32)), place)
        builder.call(_sse(builder, "ldmxcsr"), [_bytes(builder, place)])
    elif _MACHINE in ("aarch64", "arm64"):
        kind = ir.FunctionType(ir.VoidType(), [mode.type])
        builder.asm(kind, "msr fpcr, $0", "r", [mode], True)


def _bytes(builder: Any, place: Any) -> Any:
    return builder.bitcast(place, ir.IntType(8).as_pointer())


def _sse(builder: Any, name: str) -> Any:
    kind = ir.FunctionType(ir.VoidType(), [ir.IntType(8).as_pointer()])
    known = builder.module.globals.get(f"llvm.x86.sse.{name}")
    return known or ir.Function(builder.module, kind, f"llvm.x86.sse.{name}")
