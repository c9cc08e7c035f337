"""What a network is in NEURON: the cells of one rank and their synapses, but no state.

Engines of the same network share it, so that many copies of a culture in one process cost the
sections, and the time NEURON takes to step them, once.
"""

from collections.abc import Mapping
from dataclasses import replace
from weakref import WeakValueDictionary

import numpy as np

from livn.backend.network import Network
from livn.backend.neuron.cells import Cells, Column
from livn.backend.neuron.events import Events
from livn.backend.neuron.lower import Lowered, count_solves, lower
from livn.backend.neuron.mechanisms import compile_all
from livn.backend.neuron.ranks import Share
from livn.errors import InvalidState, LivnError, NotSupported

_present: WeakValueDictionary[tuple[int, float, int, int], "Tissue"] = WeakValueDictionary()


class Tissue:
    """Sections, point processes and synapses of one rank.

    Attributes:
        own: indices of the own cells within each population.
        cells: of the populations that have any here.
        places: of the own cells among all cells.
        fired: 1 where the last step brought a spike, per own cell.
        events: synapses, with a ring that engines copy.
        solves: how often NEURON solves the voltages in a step.
    """

    def __init__(self, network: Network, dt: float, share: Share):
        self.network = network  # alive as long as this, so that its id is not another's
        self.own = share.cells(network)
        populations = network.populations
        self.solves = max(count_solves(p.equations) for p in populations.values())
        lowered = {n: lower(p.step, _arrivals(network, n)) for n, p in populations.items()}
        _compile(lowered, share)
        self.cells: dict[str, Cells] = {}
        places, first = [], 0
        for name, own in self.own.items():
            places.append(own + first)
            first += len(populations[name])
            if len(own):
                local = replace(populations[name], gids=populations[name].gids[own])
                self.cells[name] = Cells(local, lowered[name], self.solves)
        self.places = np.concatenate(places)
        self.fired = Column([r for c in self.cells.values() for r in c.fired])
        self.events = Events(network, self.own, dt)


def find_tissue(network: Network, dt: float, share: Share) -> Tissue:
    """Return the tissue of a network at a step of `dt` ms, made where no engine has it."""
    key = (id(network), dt, share.rank, share.size)
    found = _present.get(key)
    if found is None:
        found = _present[key] = Tissue(network, dt, share)
    return found


def _arrivals(network: Network, post: str) -> dict[int, tuple[tuple[str, str], ...]]:
    return {
        p: tuple(t.states for t in projection.receptors)
        for p, projection in enumerate(network.projections)
        if projection.post == post
    }


def _compile(lowered: Mapping[str, list[Lowered]], share: Share) -> None:
    """Let the first rank compile what is not in the cache, and the others wait for it."""
    problem: LivnError | None = None
    if share.rank == 0:
        try:
            compile_all(m.text for mechanisms in lowered.values() for m in mechanisms)
        except (NotSupported, InvalidState) as error:
            problem = error
    share.agree(problem)
