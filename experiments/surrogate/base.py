"""Ask and tell: what every optimiser answers, whatever it makes of what it was told."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, nan
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import qmc

from experiments.targets.goals import Goal, missed, rank
from experiments.targets.space import Space
from livn.errors import InvalidValue

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Told:
    """One evaluation an optimiser knows of.

    Attributes:
        x: point of the unit cube.
        features: what was measured, nan where it could not be told.
        status: "ok", or how it failed.
    """

    x: Floats
    features: Mapping[str, float]
    status: str


class Optimiser(ABC):
    """Proposes points of a search space; subclasses give `ask`.

    What it proposes follows from its arguments and from what it was told, in that order, alone: a
    new one that is told the same asks the same, so a search is rebuilt from its records. Asking
    changes nothing.

    Args:
        space: what is free.
        goals: what is measured and where it should lie.
        seed: of everything random.
        initial: points of the space-filling start; None for two for each parameter.

    Raises:
        InvalidValue: if there are no goals.
    """

    def __init__(
        self, space: Space, goals: Sequence[Goal], seed: int = 0, initial: int | None = None
    ):
        if not goals:
            raise InvalidValue("optimiser has no goals: got []; need at least one.", got=[])
        self.space, self.goals, self.seed = space, tuple(goals), seed
        self.initial = 2 * len(space) if initial is None else initial
        self.told: list[Told] = []

    @abstractmethod
    def ask(self, n: int) -> list[Floats]:
        """Return the next n points of the unit cube, each of shape (n_parameters,)."""

    def tell(self, x: Sequence[float] | Floats, y: Mapping[str, float], status: str = "ok") -> None:
        """Add an evaluation.

        Args:
            x: point of the unit cube, shape (n_parameters,).
            y: feature -> value; of a failed one what there is.
            status: "ok", or how it failed.

        Raises:
            InvalidValue: if the point does not lie in the unit cube.
        """
        point = np.asarray(x, np.float64)
        if point.shape != (len(self.space),) or not np.all((point >= 0) & (point <= 1)):
            raise InvalidValue(
                f"point is not in the unit cube: got {point.tolist()}; need {len(self.space)} "
                "numbers from 0 to 1, `space.point(values)`.",
                got=point,
            )
        self.told.append(Told(point, dict(y), status))

    def best(self) -> int | None:
        """Return the number of the best evaluation told; None if none is ok.

        Best is what is outside its bands by least, and of those the smallest worst loss.
        """
        keys = [(*self.rank(k), k) for k, t in enumerate(self.told) if t.status == "ok"]
        return min(keys)[-1] if keys else None

    def rank(self, k: int) -> tuple[float, float]:
        """Return what evaluations are sorted by, best first."""
        told = self.told[k]
        return rank(self.goals, told.features) if told.status == "ok" else (inf, inf)

    def losses(self, k: int) -> Floats:
        """Return the losses of the objectives of an evaluation, shape (n_objectives,)."""
        features = self.told[k].features
        wanted = [goal for goal in self.goals if goal.target is not None]
        return np.array([goal.loss(features.get(goal.feature, nan)) for goal in wanted])

    def pareto(self) -> list[int]:
        """Return the evaluations none is better than in all objectives, in order.

        Those that meet all constraints; where none does, those that miss the fewest.
        """
        ok = [k for k, t in enumerate(self.told) if t.status == "ok"]
        bands = tuple(goal for goal in self.goals if goal.target is None)
        misses = {k: len(missed(bands, self.told[k].features)) for k in ok}
        fair = [k for k in ok if misses[k] == min(misses.values())]
        losses = np.array([self.losses(k) for k in fair])
        return [k for k, own in zip(fair, losses, strict=True) if not _dominated(own, losses)]

    def describe(self) -> dict[str, Any]:
        """Return what it is and what it was told, for people."""
        return {
            "method": type(self).__name__,
            "parameters": len(self.space),
            "goals": len(self.goals),
            "initial": self.initial,
            "evaluations": len(self.told),
            "statuses": dict(Counter(t.status for t in self.told)),
        }


def sobol_points(n_parameters: int, first: int, n: int, seed: int) -> list[Floats]:
    """Return points `first` to `first + n` of a scrambled Sobol sequence of the unit cube."""
    if not n:
        return []
    whole = 1 << (first + n - 1).bit_length()  # a power of two, else scipy warns
    sequence = qmc.Sobol(n_parameters, scramble=True, seed=np.random.default_rng(seed))
    return list(sequence.random(whole)[first : first + n])


def _dominated(own: Floats, losses: Floats) -> bool:
    return bool(np.any(np.all(losses <= own, axis=1) & np.any(losses < own, axis=1)))
