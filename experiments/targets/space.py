"""Search spaces: which parameters are free, within which bounds, on which scale."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
import numpy.typing as npt

from livn.errors import InvalidValue, unknown_names

Floats = npt.NDArray[np.float64]

TRANSFORMS: dict[str | None, tuple[Callable[[float], float], Callable[[float], float]]] = {
    None: (lambda x: x, lambda x: x),
    "log10": (lambda x: float(np.log10(x)), lambda x: float(10.0**x)),
    "log1p": (lambda x: float(np.log10(1.0 + x)), lambda x: float(10.0**x - 1.0)),
}
PROTOCOL = "protocol-"  # begins the keys that the stimulation takes, not the culture


@dataclass(frozen=True)
class Parameter:
    """One free parameter.

    Attributes:
        name: key of `env.set_params`, or `protocol-...` for one of the stimulation.
        low, high: bounds in the unit of the parameter, low < high.
        transform: scale it is searched on: None, "log10", or "log1p" for log10(1 + x).

    Raises:
        UnknownName: for another transform.
        InvalidValue: if the bounds are not ascending finite numbers within the scale.
    """

    name: str
    low: float
    high: float
    transform: str | None = None

    def __post_init__(self) -> None:
        if self.transform not in TRANSFORMS:
            known = [name for name in TRANSFORMS if name]
            raise unknown_names(f"transform of {self.name}", [str(self.transform)], known)
        least = {None: -np.inf, "log10": 0.0, "log1p": -1.0}[self.transform]
        fits = isfinite(self.low) and isfinite(self.high) and least < self.low < self.high
        if not fits and not (self.transform == "log1p" and least < self.low < self.high):
            raise InvalidValue(
                f"bounds of {self.name!r} do not fit: got [{self.low:g}, {self.high:g}] with "
                f"transform {self.transform}; need {least:g} < low < high.",
                got=(self.low, self.high),
            )

    @classmethod
    def of(cls, name: str, given: Sequence[Any]) -> "Parameter":
        """Return the parameter that `[low, high]` or `[low, high, transform]` means.

        Raises:
            InvalidValue: if it is neither.
        """
        numbers = [v for v in given[:2] if isinstance(v, int | float) and not isinstance(v, bool)]
        if len(given) not in (2, 3) or len(numbers) != 2:
            raise InvalidValue(
                f"bounds of {name!r} are unreadable: got {list(given)!r}; "
                "need [low, high] or [low, high, transform].",
                got=given,
            )
        return cls(name, float(given[0]), float(given[1]), *given[2:])

    @property
    def bounds(self) -> tuple[float, float]:
        """Lowest and highest value on the scale that is searched."""
        forward, _ = TRANSFORMS[self.transform]
        return float(forward(self.low)), float(forward(self.high))

    def value(self, u: float) -> float:
        """Return the value at the share `u`, 0 to 1, of the way between the bounds."""
        low, high = self.bounds
        return self._back(low + (high - low) * u)

    def share(self, value: float) -> float:
        """Return the share of the way between the bounds at which a value lies."""
        low, high = self.bounds
        return (float(TRANSFORMS[self.transform][0](value)) - low) / (high - low)

    def _back(self, x: float) -> float:
        return float(np.clip(TRANSFORMS[self.transform][1](x), self.low, self.high))


@dataclass(frozen=True)
class Space:
    """Free parameters in order; points of the unit cube stand for their values."""

    parameters: tuple[Parameter, ...]

    @classmethod
    def of(cls, ranges: Mapping[str, Sequence[Any]]) -> "Space":
        """Return the space of `{name: [low, high] or [low, high, transform]}`.

        Raises:
            InvalidValue: if no parameter is free, or bounds do not fit.
        """
        if not ranges:
            raise InvalidValue("search space is empty: got {}; need at least one range.", got={})
        return cls(tuple(Parameter.of(name, given) for name, given in ranges.items()))

    @property
    def names(self) -> list[str]:
        """Names of the parameters."""
        return [p.name for p in self.parameters]

    def __len__(self) -> int:
        return len(self.parameters)

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self.parameters)

    def values(self, point: Sequence[float] | Floats) -> dict[str, float]:
        """Return name -> value at a point of the unit cube, shape (n_parameters,)."""
        return {p.name: p.value(float(u)) for p, u in zip(self.parameters, point, strict=True)}

    def point(self, values: Mapping[str, float]) -> Floats:
        """Return the point of the unit cube of these values, shape (n_parameters,)."""
        return np.array([p.share(values[p.name]) for p in self.parameters])

    def transform_params(self, x: Sequence[float]) -> dict[str, float]:
        """Return name -> value of a point on the transformed scales of `bounds`."""
        return {p.name: p._back(float(v)) for p, v in zip(self.parameters, x, strict=True)}

    def bounds(self) -> dict[str, tuple[float, float]]:
        """Return name -> lowest and highest value on the transformed scale."""
        return {p.name: p.bounds for p in self.parameters}

    def at_bound(self, values: Mapping[str, float], within: float = 0.02) -> dict[str, str]:
        """Return the parameters that lie at a bound, "low" or "high" by name.

        Args:
            values: name -> value.
            within: share of the range that counts as the bound.
        """
        shares = {p.name: p.share(values[p.name]) for p in self.parameters}
        found = {n: "low" if u <= within else "high" for n, u in shares.items()}
        return {n: side for n, side in found.items() if not within < shares[n] < 1 - within}


def split(values: Mapping[str, float]) -> tuple[dict[str, float], dict[str, float]]:
    """Return what `env.set_params` takes, and what the stimulation takes without its prefix."""
    own = {k: v for k, v in values.items() if not k.startswith(PROTOCOL)}
    return own, {k.removeprefix(PROTOCOL): v for k, v in values.items() if k not in own}
