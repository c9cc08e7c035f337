"""The numbers of all copies of a network: constants of the step, weights, initial states."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from livn.backend.copies import PopulationValues
from livn.backend.native.arrays import Constants, constants, onto
from livn.backend.native.lower import WAIT
from livn.backend.network import Network, Population
from livn.models.values import Value, initial_state

States = dict[str, NDArray[np.float64]]  # variable -> [n_cells]


@dataclass(frozen=True)
class Own:
    """What follows from the parameter values of one population of one copy."""

    population: Population
    values: Mapping[str, Value]
    dt: float

    @cached_property
    def constants(self) -> Constants:
        """Constants of the time step."""
        return constants(self.population, self.values, self.dt)

    @cached_property
    def start(self) -> States:
        """Initial state."""
        n_cells = len(self.population)
        start = initial_state(self.population.equations, self.values, n_cells)
        return start | {WAIT: np.zeros(n_cells)}

    @cached_property
    def drawn(self) -> frozenset[str]:
        """Amplitudes of random numbers that are not zero in every cell."""
        amplitudes = (r.amplitude for r in self.population.equations.randoms)
        return frozenset(a for a in amplitudes if np.any(self.values[a]))


@dataclass(frozen=True)
class Loaded:
    """The numbers in force in all copies.

    Attributes:
        owns: population -> what each copy has; the same object where values are the same.
        constants: population -> constants and increments, one value where all cells share it,
            else one per cell of all copies.
    """

    owns: dict[str, list[Own]]
    constants: dict[str, Constants]

    @property
    def drawn(self) -> dict[str, frozenset[str]]:
        """Population -> amplitudes that are not zero in every cell of every copy."""
        return {n: frozenset().union(*(o.drawn for o in owns)) for n, owns in self.owns.items()}

    def start(self, population: str, copies: Sequence[int]) -> States:
        """Return the initial state of the cells of some copies."""
        owns = [self.owns[population][k] for k in copies]
        return {v: np.concatenate([o.start[v] for o in owns]) for v in owns[0].start}

    def spread_where_shared(self, shared: Mapping[str, Sequence[str]]) -> bool:
        """Return whether a number that all cells were to share differs between cells."""
        return any(
            np.ndim(value) and name in shared[population]
            for population, known in self.constants.items()
            for name, value in known.items()
        )

    def at_least_as_spread(self, shared: Mapping[str, Sequence[str]]) -> "Loaded":
        """Return these numbers, one per cell of all that were not shared before."""
        spread = {}
        for population, known in self.constants.items():
            n_cells = sum(len(own.population) for own in self.owns[population])
            spread[population] = {
                name: value if name in shared[population] else np.broadcast_to(value, n_cells)
                for name, value in known.items()
            }
        return replace(self, constants=spread)


def gather_numbers(
    network: Network,
    dt: float,
    values: Sequence[PopulationValues],
    increments: Sequence[Mapping[str, float]],
    before: Loaded | None = None,
) -> Loaded:
    """Return the numbers of copies of `network`.

    Args:
        dt: step, ms.
        values, increments: of each copy.
        before: numbers that are still valid for value objects they were made of.
    """
    owns: dict[str, list[Own]] = {}
    merged: dict[str, Constants] = {}
    for name, population in network.populations.items():
        known = {id(o.values): o for o in (before.owns[name] if before else ())}
        owns[name] = []
        for own in values:
            if id(own[name]) not in known:
                known[id(own[name])] = Own(population, own[name], dt)
            owns[name].append(known[id(own[name])])
        n_cells = len(population)
        alike = all(own is increments[0] or own == increments[0] for own in increments)
        found = increments[:1] if alike else increments
        weights = [_increments(network, name, own) for own in found]
        merged[name] = _beside([o.constants for o in owns[name]], n_cells)
        merged[name] |= weights[0] if alike else _spread(weights, n_cells)
    return Loaded(owns, merged)


def _increments(network: Network, post: str, increments: Mapping[str, float]) -> Constants:
    """Return what one event adds, for every projection that ends on a population."""
    return {
        f"increment_{p}_{k}": increments[target.key]
        for p, projection in enumerate(onto(network, post))
        for k, target in enumerate(projection.receptors)
    }


def _beside(each: Sequence[Constants], n_cells: int) -> Constants:
    """Return the constants of copies of `n_cells` together, one value where all are equal."""
    first = each[0]
    if len(each) == 1:
        return dict(first)
    distinct = list({id(c): c for c in each}.values())
    same = {
        name: value
        for name, value in first.items()
        if isinstance(value, float)
        and all(isinstance(c[name], float) and c[name] == value for c in distinct)
    }
    apart = {id(c): {n: v for n, v in c.items() if n not in same} for c in distinct}
    return {**same, **_spread([apart[id(c)] for c in each], n_cells)}


def _spread(each: Sequence[Constants], n_cells: int) -> Constants:
    return {
        name: np.concatenate([np.broadcast_to(c[name], n_cells) for c in each]) for name in each[0]
    }
