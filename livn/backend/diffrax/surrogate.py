"""A spike whose derivative is that of a smooth curve.

A spike is 0 or 1, so its derivative is 0 almost everywhere. Learning replaces the derivative, not
the spike (Neftci, Mostafa & Zenke 2019, IEEE Signal Process Mag 36:51): here by that of the fast
sigmoid, of SuperSpike (Zenke & Ganguli 2018, Neural Comput 30:1514).
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp

from livn.arrays import Array
from livn.errors import InvalidValue


@dataclass(frozen=True)
class Surrogate:
    """The curve that stands for a spike in derivatives, (1 + x/(1 + |x|))/2 of x = (V - Vth)/width.

    The voltage after a spike does not follow from that curve: what a reset does to the derivative
    is left out, as is usual, because it only disturbs learning (Zenke & Vogels 2021, Neural Comput
    33:899).

    Attributes:
        width: mV; Zenke & Ganguli use 1.
        damping: factor on the derivative. Below 1 gradients through many spikes stay small
            (Bellec et al. 2018, NeurIPS 31, who use 0.3).

    Raises:
        InvalidValue: if a number is not positive.
    """

    width: float = 1.0
    damping: float = 1.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value > 0:
                raise InvalidValue(
                    f"surrogate {name} is not positive: got {value!r}; need a number above 0.",
                    got=value,
                )

    def __call__(self, above: Array) -> Array:
        """Return 1 at and above threshold, else 0, of V - threshold, mV."""
        return _spike(self)(above)


@lru_cache(maxsize=64)
def _spike(curve: Surrogate) -> Any:
    @jax.custom_jvp
    def spike(above: Array) -> Array:
        return hard(above)

    @spike.defjvp
    def differentiated(primals: Any, tangents: Any) -> Any:
        (above,), (change,) = primals, tangents
        slope = 0.5 * curve.damping / curve.width / (1.0 + jnp.abs(above) / curve.width) ** 2
        return spike(above), slope * change

    return spike


def hard(above: Array) -> Array:
    """Return 1 at and above threshold, else 0."""
    return jnp.where(above >= 0.0, 1.0, 0.0).astype(above.dtype)
