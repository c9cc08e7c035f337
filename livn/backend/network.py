"""What a backend is asked to simulate: populations with their equations, projections, and values.

Built from a system and a model before any simulator is involved; the same for all backends.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from livn.models.assembly import Equations
from livn.models.derived import known_step
from livn.models.description import Kind
from livn.models.receptors import Receptor
from livn.models.scheme import Step


@dataclass(frozen=True)
class Population:
    """Cells of one kind, with the receptors their synapses need already in their equations.

    Attributes:
        gids: uint32 [n], ascending.
    """

    name: str
    kind: Kind
    gids: NDArray[np.uint32]
    equations: Equations

    def __len__(self) -> int:
        return len(self.gids)

    @cached_property
    def step(self) -> Step:
        """The time step of these cells."""
        return known_step(self.equations)

    def repeated(self, n: int) -> "Population":
        """Return these cells `n` times, one copy after the other; gids repeat."""
        many = replace(self, gids=np.tile(self.gids, n))
        vars(many)["step"] = self.step  # equal equations: not derived again
        return many


@dataclass(frozen=True)
class Target:
    """Where the events of a projection act: both states of one receptor on one section.

    Attributes:
        key: weight key, `{post}_{pre}-{section}-{mechanism}-weight`.
        states: the two conductance states that grow by weight * `receptor.increment`, µS.
    """

    key: str
    receptor: Receptor
    states: tuple[str, str]

    @property
    def site(self) -> str:
        """Suffix of the receptor's parameters, `<label>_<section>`."""
        return self.states[0].removeprefix("A_")

    @property
    def section(self) -> str:
        """Section of the postsynaptic cell the receptor is on."""
        return self.site.rsplit("_", 1)[1]


@dataclass(frozen=True)
class Projection:
    """Synapses from one population onto another.

    Attributes:
        sources, targets: cell indices within `pre` and `post`, [E], grouped by target.
        distances: µm, [E].
        receptors: what each event opens.
    """

    post: str
    pre: str
    sources: NDArray[np.int64]
    targets: NDArray[np.int64]
    distances: NDArray[np.float64]
    receptors: tuple[Target, ...]

    def delay_steps(self, dt: float) -> NDArray[np.int64]:
        """Return the delay of each synapse in steps of `dt` ms: distance / velocity, at least 2.

        A conduction velocity of 250 µm/ms = 0.25 m/s lies within what axons of cultured
        neurons show (0.2-0.6 m/s; Bakkum et al. 2013, Nat Commun 4:2181).
        """
        return np.maximum(np.rint(self.distances / CONDUCTION_VELOCITY / dt), 2).astype(np.int64)

    def repeated(self, n: int, n_pre: int, n_post: int) -> "Projection":
        """Return these synapses `n` times, between copies of `n_pre` and `n_post` cells."""
        return replace(
            self,
            sources=_beside(self.sources, n, n_pre),
            targets=_beside(self.targets, n, n_post),
            distances=np.tile(self.distances, n),
        )


def _beside(cells: NDArray[np.int64], n: int, n_cells: int) -> NDArray[np.int64]:
    """Return indices of cells for `n` copies of `n_cells`, one after the other."""
    return (cells + n_cells * np.arange(n)[:, None]).ravel()


CONDUCTION_VELOCITY = 250.0  # um/ms


@dataclass(frozen=True)
class Network:
    """All populations by name, in gid order, and all projections that have synapses.

    Attributes:
        targets: (post, pre) -> where its events act; also of projections whose synapses all end or
            start at cells that are not simulated.
        part: number of this process and of all that share the network; projections have the
            synapses of its own cells.
    """

    populations: Mapping[str, Population]
    projections: tuple[Projection, ...]
    targets: Mapping[tuple[str, str], tuple[Target, ...]]
    part: tuple[int, int] = (0, 1)

    @cached_property
    def own(self) -> dict[str, NDArray[np.int64]]:
        """Indices within each population of the cells of this process: every `n_parts`-th."""
        number, n_parts = self.part
        own, start = {}, 0
        for name, population in self.populations.items():
            own[name] = np.arange((number - start) % n_parts, len(population), n_parts)
            start += len(population)
        return own

    @cached_property
    def gids(self) -> NDArray[np.int64]:
        """Gids of all cells, ascending."""
        return np.concatenate([p.gids for p in self.populations.values()]).astype(np.int64)

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return len(self.gids)

    def repeated(self, n: int) -> "Network":
        """Return `n` unconnected copies of this network as one."""
        if n == 1:
            return self
        found = self.populations
        projections = tuple(
            p.repeated(n, len(found[p.pre]), len(found[p.post])) for p in self.projections
        )
        return Network({k: p.repeated(n) for k, p in found.items()}, projections, self.targets)
