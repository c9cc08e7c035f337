"""Synapse attributes of cells.h5: where each synapse is, and of which kind."""

import h5py
import numpy as np
from numpy.typing import NDArray

from livn.errors import InvalidValue
from livn.system.document import SWC_TYPES, layer_numbers, sections
from livn.system.graph import Graph, Projection
from livn.system.neuroh5 import SYNAPSES, write_attribute

GOLDEN_RATIO = 0.6180339887498949


def write_synapses(file: h5py.File, post: str, n_cells: int, graph: Graph) -> None:
    """Write the synapses of the cells of `post`, ordered by syn_id within each cell.

    Raises:
        InvalidValue: if two synapses of a cell have the same syn_id.
    """
    incoming = [edges for pair, edges in sorted(graph.projections.items()) if pair[0] == post]
    if not incoming:
        return
    configs = [graph.synapses[post, edges.pre] for edges in incoming]
    targets = np.concatenate([edges.targets for edges in incoming])
    syn_ids = np.concatenate([edges.syn_ids for edges in incoming])
    origin = np.repeat(np.arange(len(incoming)), [len(edges) for edges in incoming])
    layers = np.concatenate([_layers(graph, post, edges) for edges in incoming])
    order = np.lexsort((syn_ids, targets))
    targets, syn_ids, origin = targets[order], syn_ids[order], origin[order]
    if np.any((np.diff(targets) == 0) & (np.diff(syn_ids.astype(np.int64)) == 0)):
        raise InvalidValue(
            f"cells of {post!r} have two edges with the same syn_id; "
            "number the synapses of a cell over all presynaptic populations.",
            got=post,
        )
    pointer = np.zeros(n_cells + 1, np.int64)
    np.cumsum(np.bincount(targets, minlength=n_cells), out=pointer[1:])

    sites = [sections(config)[0] for config in configs]
    swc = np.array([SWC_TYPES[site] for site in sites], "u1")
    inhibitory = np.array([config["type"] == "inhibitory" for config in configs], "u1")
    dendritic = np.array([site != "soma" for site in sites], "<i2")
    n_synapses = len(syn_ids)
    for name, values in {
        "syn_ids": syn_ids.astype("<u4"),
        "syn_types": inhibitory[origin],
        "swc_types": swc[origin],
        "syn_secs": dendritic[origin],
        "syn_locs": np.full(n_synapses, 0.5, "<f4"),
        "syn_layers": layers[order],
        "syn_cdists": np.zeros(n_synapses, "<f4"),
    }.items():
        write_attribute(file, f"Populations/{post}/{SYNAPSES}/{name}", values, pointer)


def _layers(graph: Graph, post: str, edges: Projection) -> NDArray[np.uint8]:
    """Return the number of the layer of each synapse, uint8, dealt out by the shares."""
    config, numbers = graph.synapses[post, edges.pre], layer_numbers(graph)
    named = [numbers.get(name, 0) for name in config.get("layers", [])] or [0]
    shares = config.get("proportions", [1.0])
    # Steps of the golden ratio fill the unit interval evenly (Weyl), so shares are kept locally.
    spot = np.arange(len(edges)) * GOLDEN_RATIO % 1.0
    chosen = np.searchsorted(np.cumsum(shares[: len(named)]), spot, side="right")
    return np.array(named, "u1")[np.minimum(chosen, len(named) - 1)]
