"""Optimisers by name, behind one interface: ask, tell, pareto, best, describe."""

from collections.abc import Sequence

from experiments.surrogate.base import Optimiser
from experiments.surrogate.baselines import MissingPackage, Optuna, Random, Sobol
from experiments.surrogate.surrogate import Surrogate
from experiments.targets.goals import Goal
from experiments.targets.space import Space
from livn.errors import unknown_names

METHODS: dict[str, type[Optimiser]] = {
    "surrogate": Surrogate,
    "sobol": Sobol,
    "random": Random,
    "optuna": Optuna,
}

__all__ = [
    "METHODS", "MissingPackage", "Optimiser", "Optuna", "Random", "Sobol", "Surrogate",
    "make_optimiser",
]  # fmt: skip


def make_optimiser(
    method: str, space: Space, goals: Sequence[Goal], seed: int = 0, initial: int | None = None
) -> Optimiser:
    """Return an optimiser that knows of no evaluation yet.

    Args:
        method: one of `METHODS`.
        space, goals, seed, initial: as of `Optimiser`.

    Raises:
        UnknownName: if there is no such method.
    """
    if method not in METHODS:
        raise unknown_names("method", [method], METHODS)
    return METHODS[method](space, goals, seed, initial)
