"""From a system and a model to the network a backend is asked to simulate."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from livn.backend.network import Network, Population, Projection, Target
from livn.errors import NotSupported
from livn.models.assembly import assemble
from livn.models.description import Cell, Kind
from livn.models.model import Model
from livn.models.receptors import Receptor
from livn.system.base import BaseSystem
from livn.system.document import receptors as configured_receptors

Gids = NDArray[np.int64]
_AT_ONCE = 1000  # cells


def plan_network(
    system: BaseSystem,
    model: Model,
    selection: Mapping[str, Gids] | None = None,
    part: tuple[int, int] = (0, 1),
) -> Network:
    """Return the network of `system` with the cells of `model`.

    Args:
        selection: population -> gids that are simulated, ascending; None for all.
        part: number of this process and of all that share the network.

    Raises:
        NotSupported: if the synapses of one projection end on several sections.
    """
    gids = _simulated(system, selection)
    kinds: dict[str, Kind] = {
        name: "excitatory" if system.population_kind(name) == "excitatory" else "inhibitory"
        for name in gids
    }
    cells = {name: model.cell(kinds[name]) for name in gids}
    targets: dict[tuple[str, str], tuple[Target, ...]] = {}
    for name in gids:
        cells[name], found = _with_receptors(system, name, cells[name])
        targets |= {pair: t for pair, t in found.items() if pair[1] in gids}
    populations = {
        name: Population(name, kinds[name], ids.astype(np.uint32), assemble(cells[name]))
        for name, ids in gids.items()
    }
    network = Network(populations, (), targets, part)
    own = {n: gids[n][cells] for n, cells in network.own.items()} if part[1] > 1 else None
    projections = [
        _projection(system, post, pre, gids, found, own[post] if own else None)
        for (post, pre), found in sorted(targets.items())
        if system.edge_counts.get((post, pre))
    ]
    # Every part has the same ones, with synapses on its own cells or not.
    there = [p for p in projections if len(p.sources) or (own and _connected(system, p, gids))]
    return replace(network, projections=tuple(there))


def _connected(system: BaseSystem, projection: Projection, gids: Mapping[str, Gids]) -> bool:
    """Return whether any of the simulated cells are connected, reading few edges at a time."""
    post, pre = projection.post, projection.pre
    pieces = np.array_split(gids[post], 1 + len(gids[post]) // _AT_ONCE)
    return any(len(_projection(system, post, pre, gids, (), piece).sources) for piece in pieces)


def _simulated(system: BaseSystem, selection: Mapping[str, Gids] | None) -> dict[str, Gids]:
    if selection is not None:
        return {n: selection[n] for n in system.populations if len(selection[n])}
    return {
        name: np.arange(start, start + count)
        for name, (start, count) in system.population_ranges.items()
    }


def _with_receptors(
    system: BaseSystem, post: str, cell: Cell
) -> tuple[Cell, dict[tuple[str, str], tuple[Target, ...]]]:
    """Return the cell with the receptors its synapses need, one per section and kinetics."""
    placed: dict[str, list[Receptor]] = {}
    targets: dict[tuple[str, str], tuple[Target, ...]] = {}
    for (to, pre), config in sorted(system.synapse_config.items()):
        if to != post:
            continue
        found = configured_receptors(config)
        sections = sorted({section for section, _ in found})
        if len(sections) > 1:
            raise NotSupported(
                f"projection {pre}->{post} ends on several sections: got {sections}; "
                "point and two-compartment cells take one section per projection."
            )
        entries = []
        for (section, name), parameters in found.items():
            receptor = Receptor.from_config(name, dict(parameters))
            site = cell.section(section)
            label = _place(placed.setdefault(site, []), receptor)
            key = f"{post}_{pre}-{section}-{name}-weight"
            states = (f"A_{label}_{site}", f"B_{label}_{site}")
            entries.append(Target(key, receptor, states))
        targets[post, pre] = tuple(entries)
    for site, receptors in placed.items():
        cell = cell.with_mechanisms(site, *(r.mechanism() for r in receptors))
    return cell, targets


def _place(present: list[Receptor], receptor: Receptor) -> str:
    """Return the label of the receptor on a section, adding it unless its kinetics are there."""
    for other in present:
        if replace(receptor, name=other.name).kinetics == other.kinetics and (
            other.name.split("_v")[0] == receptor.name
        ):
            return other.name
    same = sum(other.name.split("_v")[0] == receptor.name for other in present)
    labelled = replace(receptor, name=f"{receptor.name}_v{same + 1}" if same else receptor.name)
    present.append(labelled)
    return labelled.name


def _projection(
    system: BaseSystem,
    post: str,
    pre: str,
    gids: Mapping[str, Gids],
    receptors: tuple[Target, ...],
    own: Gids | None,
) -> Projection:
    """Return the synapses between simulated cells, of those that end on `own`; None is all."""
    edges = system.edges(post, pre, own)
    sources = edges.sources.astype(np.int64) + system.population_ranges[pre][0]
    targets = edges.targets.astype(np.int64) + system.population_ranges[post][0]
    kept = np.isin(sources, gids[pre]) & np.isin(targets, gids[post])
    return Projection(
        post, pre, np.searchsorted(gids[pre], sources[kept]),
        np.searchsorted(gids[post], targets[kept]), edges.distances[kept].astype(float), receptors,
    )  # fmt: skip
