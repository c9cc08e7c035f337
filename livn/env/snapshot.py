"""The state of a culture, to be continued from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from livn.env.parameters import Change
from livn.env.trains import Trains
from livn.errors import InvalidType, InvalidValue


@dataclass(frozen=True)
class Snapshot:
    """Everything that decides the future of an Env but its io; can be pickled.

    Attributes:
        culture: what it was taken of: backend, model, system, and the cells that are simulated.
    """

    culture: dict[str, str]
    dt: float
    engine: Any
    stream: int
    params: Change
    stimulus_dt: float | None
    trains: Trains = field(default_factory=Trains)

    @property
    def t(self) -> float:
        """Time since the start, ms."""
        step: int = self.engine["step"]
        return step * self.dt


def check_snapshot(snapshot: Any, culture: Mapping[str, str]) -> Snapshot:
    """Return `snapshot`, which was taken of this culture.

    Raises:
        InvalidType: if it is not a snapshot.
        InvalidValue: if it was taken of another culture.
    """
    if not isinstance(snapshot, Snapshot):
        raise InvalidType(f"no snapshot: got {snapshot!r}; need what env.snapshot() returned.")
    other = [name for name in culture if snapshot.culture[name] != culture[name]]
    if other:
        got, wanted = ({n: c[n] for n in other} for c in (snapshot.culture, culture))
        raise InvalidValue(
            f"snapshot is of another culture: got {got}; this one is {wanted}. "
            "Make an Env like the one it was taken of.",
            got=got,
            allowed=wanted,
        )
    return snapshot
