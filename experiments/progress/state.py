"""What there is to tell: the plan before, the state during a run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any


@dataclass(frozen=True)
class Plan:
    """What a component is about to do.

    Attributes:
        title: name of the component.
        identity: hash by which the result is found again.
        config: every setting in force.
        total: how many units of work the result consists of.
        reused: how many of them exist already and are not repeated.
        unit: what one unit is called, plural.
        seconds_each: wall time of one unit as measured; None while none was.
        workers: how many units run at once.
        output: where the result is written.
        notes: further lines, such as the backend in use.
    """

    title: str
    identity: str
    config: Mapping[str, Any]
    total: int
    reused: int = 0
    unit: str = "simulations"
    seconds_each: float | None = None
    workers: int = 1
    output: str = ""
    notes: Sequence[str] = ()

    @property
    def estimate(self) -> float | None:
        """Expected wall time of what is left, s; None before a measurement."""
        if self.seconds_each is None:
            return None
        return (self.total - self.reused) * self.seconds_each / max(1, self.workers)


@dataclass(frozen=True)
class Figure:
    """A number worth watching, such as the best value of a feature so far.

    Attributes:
        name: what it is.
        value: the number, or a text where it is none.
        unit: of the number.
        band: the two bounds it should lie within, in the same unit, infinite for no bound on that
            side; None if there are none.
    """

    name: str
    value: float | str
    unit: str = ""
    band: tuple[float, float] | None = None

    @property
    def inside(self) -> bool | None:
        """Whether the value lies within the band; None without a band or a number."""
        if self.band is None or isinstance(self.value, str):
            return None
        return self.band[0] <= self.value <= self.band[1]

    def __str__(self) -> str:
        text = self.value if isinstance(self.value, str) else f"{self.value:.4g}"
        text = f"{text} {self.unit}".rstrip()
        if self.band is None:
            return text
        low, high = self.band
        if not isfinite(low):
            return f"{text} (at most {high:.4g})"
        return f"{text} ({low:.4g} .. {high:.4g})" if isfinite(high) else f"{text} (from {low:.4g})"


@dataclass(frozen=True)
class State:
    """How far a run is.

    Attributes:
        plan: what it set out to do.
        done: units finished, the reused ones included.
        failures: cause -> number of units that ended so; they count as done.
        figures: in the order they were first shown.
        elapsed: wall time since the start, s.
    """

    plan: Plan
    done: int
    failures: Mapping[str, int] = field(default_factory=dict)
    figures: Sequence[Figure] = ()
    elapsed: float = 0.0

    @property
    def share(self) -> float:
        """Part of the units that is finished, 0 to 1."""
        return min(1.0, self.done / self.plan.total) if self.plan.total else 1.0

    @property
    def left(self) -> float | None:
        """Wall time left at the mean speed so far, s; before the first result the estimate."""
        new = self.done - self.plan.reused
        if new <= 0:
            return self.plan.estimate
        return max(0, self.plan.total - self.done) * self.elapsed / new


def spell_duration(seconds: float) -> str:
    """Return a wall time in its two largest units: "45 s", "3 min 20 s", "1 d 2 h"."""
    if 0 < seconds < 0.1:
        return f"{1000 * seconds:.2g} ms"
    whole = round(seconds)
    for size, unit, smaller, name in (
        (86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s"),
    ):  # fmt: skip
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size} {unit}" + (f" {rest} {name}" if rest else "")
    return f"{seconds:.1f} s" if 0 < seconds < 10 else f"{whole} s"
