"""graph.json: what generated a system, and how its synapses are configured."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from livn.errors import CorruptFile
from livn.system.graph import Graph
from livn.system.neuroh5 import COORDINATES, SYNAPSES, corrupt, labels

FORMAT = 1  # of what livn writes: architecture.config.format
PUBLISHED_VERSION = 1  # of published livn 2.0: a number at the top of graph.json

# Compartment -> SWC type; the dendrite of a two-compartment cell is an apical one.
SWC_TYPES = {
    "soma": 1, "axon": 2, "basal": 3, "apical": 4, "dend": 4, "trunk": 5, "tuft": 6, "ais": 7,
}  # fmt: skip
PUBLISHED_SECTIONS = {"hillock": "dend"}  # as livn 1.0 spells the dendrite

PLANE = "2D"  # the layer of a planar culture

_NAMESPACE = UUID("a1a33a2e-58a4-5d0c-9f0e-6f9c3ff4c3d7")
_ELEMENT = "culture2d"
_TYPES = ("excitatory", "inhibitory")

SynapseConfig = Mapping[str, Any]
SynapseConfigs = dict[tuple[str, str], SynapseConfig]


@dataclass(frozen=True)
class GraphDocument:
    """What graph.json says.

    Attributes:
        uuid: identity of the graph; stored selections refer to it.
        layer_extents: layer -> [[x0, y0, z0], [x1, y1, z1]] um.
        connections: configuration of the connections, synapses included.
        synapses: (post, pre) -> synapse configuration.
    """

    uuid: str | None
    layer_extents: Mapping[str, Any]
    connections: Mapping[str, Any]
    synapses: SynapseConfigs


def sections(config: SynapseConfig) -> list[str]:
    """Return the postsynaptic compartments of a projection, in today's spelling."""
    return [PUBLISHED_SECTIONS.get(name, name) for name in config["sections"]]


def receptors(config: SynapseConfig) -> dict[tuple[str, str], Mapping[str, Any]]:
    """Return (section, mechanism) -> its parameters, for the active receptors of a projection.

    A mechanism without `tau_decay` is inactive. Mechanisms given for the SWC type of a section
    win over the default ones.
    """
    found = {}
    for name in sections(config):
        by_site = config["mechanisms"]
        at_site = by_site.get(str(SWC_TYPES.get(name)), by_site.get("default", {}))
        for mechanism, parameters in at_site.items():
            if "tau_decay" in parameters:
                found[name, mechanism] = parameters
    return found


def population_kind(population: str, synapses: Mapping[tuple[str, str], SynapseConfig]) -> str:
    """Return "excitatory" or "inhibitory": what its synapses do to their targets.

    A population that projects to nobody is inhibitory when it is called INH….
    """
    for (_, pre), config in sorted(synapses.items()):
        if pre == population:
            return str(config["type"])
    return _TYPES[population.startswith("INH")]


def config_problem(config: Any) -> str | None:
    """Return what is wrong with a synapse configuration, or None."""
    if not isinstance(config, Mapping):
        return f"is not an object: got {config!r}"
    missing = [key for key in ("type", "sections", "mechanisms") if not config.get(key)]
    if missing:
        return f"lacks {', '.join(missing)}: got {sorted(config)}"
    if config["type"] not in _TYPES:
        return f"has an unknown type: got {config['type']!r}; need excitatory or inhibitory"
    by_site = config["mechanisms"]
    if not isinstance(config["sections"], list | tuple) or not isinstance(by_site, Mapping):
        return "lists no sections or mechanisms: need a list and an object"
    if not all(isinstance(site, Mapping) for site in by_site.values()):
        return f"has mechanisms that are not objects: got {by_site!r}"
    parameters = [mechanism for site in by_site.values() for mechanism in site.values()]
    if not all(isinstance(values, Mapping) for values in parameters):
        return f"has mechanisms without parameters: got {by_site!r}"
    return None


def read_json(path: Path) -> Any:
    """Return the content of a JSON file.

    Raises:
        CorruptFile: if it is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as problem:
        raise corrupt(path, f"is not JSON: got {problem}") from problem


def read_object(path: Path) -> dict[str, Any]:
    """Return the content of a JSON file that holds an object.

    Raises:
        CorruptFile: if it is not JSON, or something else.
    """
    content = read_json(path)
    if not isinstance(content, dict):
        raise corrupt(path, f"is foreign: got {type(content).__name__}; need a JSON object")
    return content


def read_document(path: Path) -> GraphDocument:
    """Return what graph.json says.

    Raises:
        CorruptFile: if it is foreign, or of a newer format than this livn knows.
    """
    content = read_object(path)
    architecture = _config(path, content, "architecture")
    if not isinstance(content.get("connections", {}), Mapping):
        raise corrupt(path, "is foreign: 'connections' is not an object")
    _check_version(path, content.get("version"), PUBLISHED_VERSION)
    _check_version(path, architecture.get("format"), FORMAT)
    elements = content.get("connections")
    connections = _config(path, elements, next(iter(elements))) if elements else {}

    synapses: SynapseConfigs = {}
    by_post = connections.get("synapses", {})
    if not all(isinstance(each, Mapping) for each in (by_post, *dict(by_post).values())):
        raise corrupt(path, "is foreign: the synapses are not {post: {pre: configuration}}")
    for post, by_pre in by_post.items():
        for pre, config in by_pre.items():
            problem = config_problem(config)
            if problem:
                raise corrupt(path, f"configuration of {post}_{pre} {problem}")
            synapses[post, pre] = config
    return GraphDocument(
        uuid=content["architecture"].get("uuid"),
        layer_extents=architecture.get("layer_extents", {}),
        connections=connections,
        synapses=synapses,
    )


def _check_version(path: Path, version: Any, known: int) -> None:
    if version is None:
        return
    if not isinstance(version, int):
        raise corrupt(path, f"has a foreign format version: got {version!r}; need a whole number")
    if version > known:
        raise CorruptFile(
            f"{path} is of a newer format: got version {version}; this livn knows up to {known}. "
            "Update livn.",
            got=version,
            allowed=known,
        )


def _config(path: Path, parent: Any, name: str) -> dict[str, Any]:
    """Return the configuration of the element `name`."""
    element = parent.get(name) if isinstance(parent, Mapping) else None
    config = element.get("config") if isinstance(element, Mapping) else None
    if not isinstance(config, dict):
        raise corrupt(path, f"is foreign: it has no configuration of {name!r}")
    return config


def graph_document(graph: Graph, content: str) -> dict[str, Any]:
    """Return graph.json for `graph`, whose identities follow from the hash of its content."""

    def element(name: str, config: dict[str, Any]) -> dict[str, Any]:
        return {"uuid": str(uuid5(_NAMESPACE, f"{content}/{name}")), "config": config}

    space = {"coordinate_namespace": COORDINATES}
    cell_types: dict[str, Any] = {
        name: {
            "mechanism": None,
            "synapses": {},
            "synapse_type": population_kind(name, graph.synapses),
        }
        for name in sorted(graph.coordinates)
    }
    distances: dict[str, Any] = space | {"cell_distributions": {}, "layer_extents": {}}
    return {
        "architecture": element("architecture", space | _architecture(graph)),
        "distances": {_ELEMENT: element("distances", distances)},
        "synapse_forest": {},
        "synapses": {_ELEMENT: element("synapses", {"cell_types": cell_types})},
        "connections": {_ELEMENT: element("connections", _connections(graph))},
    }


def _architecture(graph: Graph) -> dict[str, Any]:
    """Return where the cells are and how many."""
    counts = {name: n for name, (_, n) in graph.population_ranges.items()}
    corners = [corner for extent in graph.layer_extents.values() for corner in extent]
    axes = [(min(axis), max(axis)) for axis in zip(*corners, strict=True)]
    (x0, x1), (y0, y1), (z0, z1) = axes or [(0.0, 0.0)] * 3
    return {
        "format": FORMAT,
        "area": [[x0, y0], [x1, y1]],
        "z_range": [z0, z1],
        "cell_distributions": {name: _by_layer(graph, name) for name in counts},
        "layer_extents": graph.layer_extents,
        "cell_counts": counts,
        "cells_filepath": "./cells.h5",
    }


def layer_numbers(graph: Graph) -> dict[str, int]:
    """Return layer -> number, from the bottom up; planar cultures have one, called "2d"."""
    if list(graph.layer_extents) == [PLANE]:
        return {"2d": 0}
    bottoms = {name: low[2] for name, (low, _) in graph.layer_extents.items()}
    return {name: k for k, name in enumerate(sorted(bottoms, key=lambda name: bottoms[name]))}


def _by_layer(graph: Graph, population: str) -> dict[str, int]:
    """Return layer -> number of somata in it."""
    positions = graph.coordinates[population]
    if len(graph.layer_extents) <= 1:
        return dict.fromkeys(layer_numbers(graph) or ["2d"], len(positions))
    z = positions[:, 2]
    inside = {
        name: int(((z >= low[2]) & (z < high[2])).sum())
        for name, (low, high) in graph.layer_extents.items()
    }
    return {name: n for name, n in inside.items() if n}


def _connections(graph: Graph) -> dict[str, Any]:
    """Return the synapse configurations and the names published readers look for."""
    by_post: dict[str, dict[str, SynapseConfig]] = {}
    for (post, pre), config in sorted(graph.synapses.items()):
        by_post.setdefault(post, {})[pre] = config
    return {
        "coordinates_namespace": COORDINATES,
        "connectivity_namespace": "Connections",
        "distances_namespace": "Connections",
        "synapses_namespace": SYNAPSES,
        "population_definitions": labels(graph.coordinates),
        "layer_definitions": layer_numbers(graph) or {"2d": 0},
        "value_chunk_size": 1000,
        "connections_filepath": "./connections.h5",
        "synapses": by_post,
    }
