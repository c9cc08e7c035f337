"""Events between cells: how many arrive now, and what comes back along the synapses.

What cells did in the last steps is kept in rows, one per step, that are used again when no synapse
can reach back to them. Each cell gathers what its synapses bring from the rows of their delays, so
a step costs the same however many cells spike. This is linear in the rows; its transpose, which
JAX would scatter, is a gathering too, by delay and source, and the transpose of that is the first.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from livn.arrays import Array
from livn.backend.diffrax.synapses import Synapses


def arriving(history: Array, slot: Array, synapses: Synapses) -> Array:
    """Return how many events arrive at each target now, [n_post].

    Args:
        history: spikes of the last steps, [n_steps, n_slots + 1], zero in the last column.
        slot: row that the present step will be written to.
    """
    if synapses.targets is None:
        return _gather(history, slot, synapses.sources, synapses.delays)
    forward = synapses.sources, synapses.delays
    found: Array = _arrive.bind(
        history, slot, *forward, synapses.targets, jnp.asarray(synapses.first, jnp.int32)
    )
    return found


def _gather(history: Array, slot: Array, sources: Array, delays: Array, *_: Array) -> Array:
    n_steps, width = history.shape[-2:]
    row = slot - delays
    row = jnp.where(row < 0, row + n_steps, row)
    flat = history.reshape(*history.shape[:-2], n_steps * width)
    return jnp.sum(flat[..., row * width + sources], axis=-1)


def _return(
    arrived: Array, slot: Array, targets: Array, first: Array, *_: Array, width: int
) -> Array:
    """Return what each row of each source would change: the transpose of `_gather`."""
    n_steps = targets.shape[0]
    nobody = jnp.zeros((*arrived.shape[:-1], 1), arrived.dtype)
    back = jnp.sum(jnp.concatenate([arrived, nobody], axis=-1)[..., targets], axis=-1)
    row = slot - 1 - jnp.arange(n_steps, dtype=jnp.int32)  # of delay 1, 2, ...
    back = jnp.take(back, jnp.where(row < 0, row + n_steps, row), axis=-2)
    whole = jnp.zeros((*back.shape[:-1], width), back.dtype)
    return jax.lax.dynamic_update_slice_in_dim(whole, back, first, axis=-1)


def _primitive(name: str, implementation: Any) -> Any:
    """Return a primitive that is linear in its first argument, with batches of that in front."""
    made = Primitive(name)
    made.def_impl(implementation)
    made.def_abstract_eval(
        lambda *arguments, **options: jax.core.ShapedArray(
            jax.eval_shape(
                lambda *a: implementation(*a, **options),
                *(jax.ShapeDtypeStruct(a.shape, a.dtype) for a in arguments),
            ).shape,
            arguments[0].dtype,
        )
    )
    mlir.register_lowering(made, mlir.lower_fun(implementation, multiple_results=False))

    def batched(arguments: Any, axes: Any, **options: Any) -> Any:
        if any(axis is not None for axis in axes[1:]):
            raise NotImplementedError("copies of a culture have their clock and synapses in common")
        moved = jnp.moveaxis(arguments[0], axes[0], 0)
        return made.bind(moved, *arguments[1:], **options), 0

    def differentiated(primals: Any, tangents: Any, **options: Any) -> Any:
        found = made.bind(*primals, **options)
        if isinstance(tangents[0], ad.Zero):
            return found, ad.Zero(jax.typeof(found).to_tangent_aval())
        return found, made.bind(tangents[0], *primals[1:], **options)

    batching.primitive_batchers[made] = batched
    ad.primitive_jvps[made] = differentiated
    return made


_arrive = _primitive("livn_arrive", _gather)
_back = _primitive("livn_back", _return)


def _transposed_arrive(
    ct: Any, history: Any, slot: Any, sources: Any, delays: Any, targets: Any, first: Any
) -> Any:
    back = _back.bind(ct, slot, targets, first, sources, delays, width=history.aval.shape[-1])
    return [back, None, None, None, None, None]


def _transposed_back(
    ct: Any, arrived: Any, slot: Any, targets: Any, first: Any, sources: Any, delays: Any,
    width: int,
) -> Any:  # fmt: skip
    found = _arrive.bind(ct, slot, sources, delays, targets, first)
    return [found, None, None, None, None, None]


ad.primitive_transposes[_arrive] = _transposed_arrive
ad.primitive_transposes[_back] = _transposed_back
