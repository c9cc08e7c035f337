"""Goals: bands that measured features should lie in, in physical units, each with its source."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, isnan, log, log1p, nan

from livn.errors import InvalidValue


@dataclass(frozen=True)
class Goal:
    """The band of one feature; with a target it is also an objective.

    Distances are measured in half widths of the band, so that of a band symmetric about its
    target the loss is 1 at either edge, whatever the unit.

    Attributes:
        feature: name of what is measured.
        low, high: edges of the band; None for no edge on that side, not on both.
        unit: of the feature; "1" for none.
        source: where band and target come from.
        target: best value; None for a band that only has to be met.
        floor: smallest value told apart on a logarithmic scale; None for a linear scale.
        undefined: what a feature counts as that could not be measured; None for a miss.

    Raises:
        InvalidValue: if the edges, target and floor are not in order.
    """

    feature: str
    low: float | None
    high: float | None
    unit: str
    source: str
    target: float | None = None
    floor: float | None = None
    undefined: float | None = None

    def __post_init__(self) -> None:
        edges = [v for v in (self.low, self.target, self.high) if v is not None]
        some = self.low is not None or self.high is not None
        positive = self.floor is None or (self.floor > 0 and min(edges, default=0.0) >= self.floor)
        if not some or edges != sorted(set(edges)) or not positive:
            raise InvalidValue(
                f"band of {self.feature!r} does not fit: got low={self.low}, target={self.target}, "
                f"high={self.high}, floor={self.floor}; need at least one edge, "
                "low < target < high, and a floor in 0 < floor <= low.",
                got=(self.low, self.target, self.high),
            )

    def scaled(self, value: float) -> float:
        """Return a value on the scale distances are measured on, nan if it is undefined."""
        known = self.undefined if isnan(value) else value
        if known is None:
            return nan
        return known if self.floor is None else log(max(known, self.floor))

    @property
    def width(self) -> float:
        """Half the width of the band on that scale; of one edge its distance from 0, or e-fold."""
        if self.low is not None and self.high is not None:
            return (self.scaled(self.high) - self.scaled(self.low)) / 2
        edge = self.high if self.low is None else self.low
        return 1.0 if self.floor is not None or not edge else abs(edge)

    @property
    def edges(self) -> tuple[float, float]:
        """Edges of the band on that scale, infinite where there is none."""
        low = -inf if self.low is None else self.scaled(self.low)
        return low, inf if self.high is None else self.scaled(self.high)

    def margin(self, value: float) -> float:
        """Return how far inside the band a value is, in half widths; negative outside, nan-safe.

        A value that could not be measured and has no stand-in lies two half widths outside.
        """
        at = self.scaled(value)
        if isnan(at):
            return -2.0
        low, high = self.edges
        return min(at - low, high - at) / self.width

    def contains(self, value: float) -> bool:
        """Return whether a value lies in the band, edges included."""
        return self.margin(value) >= 0

    def loss(self, value: float) -> float:
        """Return the squared distance from the target, in half widths; 0 without a target.

        Of a value that could not be measured and has no stand-in it is 9: three half widths.
        """
        if self.target is None:
            return 0.0
        at = self.scaled(value)
        return 9.0 if isnan(at) else ((at - self.scaled(self.target)) / self.width) ** 2

    def text(self) -> str:
        """Return the band and its unit, for people."""
        unit = "" if self.unit == "1" else f" {self.unit}"
        low = "" if self.low is None else f"{self.low:.3g}"
        high = "" if self.high is None else f"{self.high:.3g}"
        if low and high:
            return f"{low} to {high}{unit}"
        return f"at least {low}{unit}" if low else f"at most {high}{unit}"


def missed(goals: Sequence[Goal], features: Mapping[str, float]) -> dict[str, float]:
    """Return the features outside their bands: name -> how far, half widths."""
    margins = {g.feature: g.margin(features.get(g.feature, nan)) for g in goals}
    return {name: -margin for name, margin in margins.items() if margin < 0}


def rank(goals: Sequence[Goal], features: Mapping[str, float]) -> tuple[float, float]:
    """Return a key to sort by, best first: how far outside in all, then the worst loss.

    Distances are added as log(1 + d): a far feature does not drown the near ones, and yet every
    step towards its band counts.
    """
    losses = [g.loss(features.get(g.feature, nan)) for g in goals if g.target is not None]
    outside = sum(log1p(miss) for miss in missed(goals, features).values())
    return outside, max(losses, default=0.0)
