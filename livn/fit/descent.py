"""Gradient descent on the numbers of a culture."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from livn.env import Env
from livn.env.functional import FunctionalEnv, functional
from livn.errors import Diverged, InvalidValue

Params = Any  # a pytree of numbers
Loss = Callable[[FunctionalEnv, Params], Any]


@dataclass
class History:
    """What happened at each step.

    Attributes:
        loss: before each step, and after the last.
        params: that the loss is of.
        best: number of the smallest loss.
    """

    loss: list[float] = field(default_factory=list)
    params: list[Params] = field(default_factory=list)

    @property
    def best(self) -> int:
        """Number of the smallest loss."""
        return int(np.argmin(self.loss))


def fit(
    env: Env | FunctionalEnv,
    loss: Loss,
    params: Params,
    optimiser: Any = None,
    steps: int = 100,
    progress: Callable[[int, float], None] | None = None,
    bound: Callable[[Params], Params] | None = None,
) -> tuple[Params, History]:
    """Return the params with the smallest loss on the way, and the way.

    Args:
        env: the culture; an Env stands for `functional(env)`.
        loss: of the culture and the params; what it does with them is its own affair, such as
            `env.set_params(params).run(...)` or `env.cell_stimulus(params["commands"])`.
        params: where to start: numbers, arrays, or nested dicts and lists of them.
        optimiser: of optax; None for `optax.adam(1e-2)`, its gradients clipped to a norm of 1.
        steps: how many.
        progress: called with the number of the step and the loss.
        bound: brings params back to where they make sense after each step.

    Raises:
        InvalidValue: for less than one step.
        Diverged: if the loss or its gradient is no number, naming the step.
    """
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
        raise InvalidValue(f"fit takes no such steps: got {steps!r}; need 1 or more.", got=steps)
    dish = functional(env) if isinstance(env, Env) else env
    rule = optimiser or optax.chain(optax.clip_by_global_norm(1.0), optax.adam(1e-2))
    params = jax.tree.map(lambda x: jnp.asarray(x, float), params)
    measure = jax.jit(jax.value_and_grad(lambda p: loss(dish, p)))

    @jax.jit  # apart, so that another optimiser does not compile the culture again
    def move(params: Params, state: Any, value: Any, slope: Params) -> Any:
        change, state = rule.update(slope, state, params)
        moved = optax.apply_updates(params, change)
        leaves = [value, *jax.tree.leaves(slope)]
        finite = jnp.all(jnp.stack([jnp.all(jnp.isfinite(x)) for x in leaves]))
        return finite, (moved if bound is None else bound(moved)), state

    state, history = rule.init(params), History()
    for number in range(steps + 1):
        value, slope = measure(params)
        finite, moved, state = move(params, state, value, slope)
        history.loss.append(float(value))
        history.params.append(jax.tree.map(np.asarray, params))
        if not finite:
            raise Diverged(
                f"loss or gradient is no number: got {float(value)} at step {number}. Lower the "
                "learning rate, clip gradients, or truncate and damp them (docs/gradients.md).",
                got=float(value),
            )
        if progress is not None:
            progress(number, float(value))
        params = moved
    return history.params[history.best], history
