"""Floating point numbers as the integers they are stored as, for one and for two words.

Each function exists for float64 and float32 and stays in the width of its arguments, which numba's
own integer arithmetic does not.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import cfunc, njit, types
from numba.extending import intrinsic

# the body of the decorated function makes the code; to the type checker it is called like any other
primitive: Callable[..., Any] = intrinsic

# Options of what only compiled code calls: without the wrappers for Python it compiles faster.
called: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}

# What holds of a function that a loop over cells calls: it becomes part of the loop, and a product
# and a sum may become one operation. Every cell goes through the same instructions, so the answer
# of a cell depends neither on its place nor on threads.
in_loop: Callable[..., Any] = njit(
    fastmath={"contract"}, error_model="numpy", forceinline=True, **called
)


def blocks_function(real: Any) -> Callable[..., Any]:
    """Return the decorator of a function that takes a step with blocks of cells.

    It is called by address, with pointers of type `real` to cells, shared constants and events that
    arrive, and five integers (`call_blocks`).
    """
    numbers, whole = types.CPointer(real), types.int64
    signature = types.void(numbers, numbers, numbers, whole, whole, whole, whole, whole)
    made: Callable[..., Any] = cfunc(
        signature, fastmath={"contract"}, error_model="numpy", cache=True
    )
    return made


@primitive
def pointers_are_distinct(typingctx: Any) -> Any:
    """Promise that the pointers given to this function lead to different arrays."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        for given in builder.function.args:
            if isinstance(given.type, ir.PointerType) and given.name.startswith("arg."):
                given.add_attribute("noalias")
        return context.get_dummy_value()

    return types.void(), codegen


@primitive
def pointer_to(typingctx: Any, array: Any) -> Any:
    """Return a pointer to the first element of an array; indexing it checks and counts nothing."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return context.make_array(array)(context, builder, args[0]).data

    return types.CPointer(array.dtype)(array), codegen


@primitive
def call_blocks(
    typingctx: Any,
    address: Any,
    cells: Any,
    shared: Any,
    ring: Any,
    at: Any,
    shared_at: Any,
    ring_at: Any,
    first: Any,
    last: Any,
) -> Any:
    """Call the function at `address` with three pointers and five integers."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = ir.FunctionType(ir.VoidType(), [p.type for p in args[1:]])
        builder.call(builder.inttoptr(args[0], kind.as_pointer()), args[1:])
        return context.get_dummy_value()

    return types.void(address, cells, shared, ring, *(types.int64,) * 5), codegen


_WIDTH = {types.float64: 64, types.float32: 32}
_FRACTION = {64: 52, 32: 23}
_ONE = {64: 0x3FF0000000000000, 32: 0x3F800000}
_SQRT_HALF = {64: 0x3FE6A09E00000000, 32: 0x3F3504F3}  # just below sqrt(1/2)
_ROUND = {64: 0x4338000000000000, 32: 0x4B400000}  # 1.5 2**52 and 1.5 2**23


def _words(builder: Any, value: Any, width: int) -> Any:
    return builder.bitcast(value, ir.IntType(width))


def _number(builder: Any, value: Any, width: int) -> Any:
    return builder.bitcast(value, ir.DoubleType() if width == 64 else ir.FloatType())


@primitive
def scaled(typingctx: Any, x: Any, n: Any) -> Any:
    """Return x 2**k where n is k + 1.5 2**52 (2**23), the result being a normal number."""
    width = _WIDTH[x]

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        whole, power = (_words(builder, a, width) for a in args)
        power = builder.shl(power, ir.Constant(power.type, _FRACTION[width]))
        return _number(builder, builder.add(whole, power), width)

    return x(x, n), codegen


@primitive
def power_of_two(typingctx: Any, n: Any) -> Any:
    """Return 2**k where n is k + 1.5 2**52 (2**23)."""
    width = _WIDTH[n]

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        power = _words(builder, args[0], width)
        power = builder.shl(power, ir.Constant(power.type, _FRACTION[width]))
        return _number(builder, builder.add(power, ir.Constant(power.type, _ONE[width])), width)

    return n(n), codegen


@primitive
def octave(typingctx: Any, x: Any) -> Any:
    """Return k + 1.5 2**52 (2**23) where x 2**-k lies in [sqrt(1/2), sqrt(2)); x > 0, normal."""
    width = _WIDTH[x]

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        bits = _words(builder, args[0], width)
        above = builder.sub(bits, ir.Constant(bits.type, _SQRT_HALF[width]))
        k = builder.ashr(above, ir.Constant(bits.type, _FRACTION[width]))
        return _number(builder, builder.add(k, ir.Constant(bits.type, _ROUND[width])), width)

    return x(x), codegen


@primitive
def without_octave(typingctx: Any, x: Any, n: Any) -> Any:
    """Return x 2**-k where n is k + 1.5 2**52 (2**23), the result being a normal number."""
    width = _WIDTH[x]

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        whole, power = (_words(builder, a, width) for a in args)
        power = builder.shl(power, ir.Constant(power.type, _FRACTION[width]))
        return _number(builder, builder.sub(whole, power), width)

    return x(x, n), codegen
