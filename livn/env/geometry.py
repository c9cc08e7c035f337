"""Where the compartments of the simulated cells are."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livn import random
from livn.arrays import Array, namespace
from livn.backend.network import Network

_ORIENTATION = random.key(20260824, 0, 0)  # the seed of published livn 2.0


def compartment_coordinates(
    network: Network, somata: Array, values: Mapping[str, Mapping[str, Any]]
) -> tuple[Array, NDArray[np.str_]]:
    """Return the midpoint of every compartment, and its section, compartments of a cell together.

    A dendrite lies in the plane of the culture at a distance from its soma, in a direction that
    is a function of the gid alone.

    Args:
        network: whose cells.
        somata: rows (gid, x, y, z) of all cells of the system, µm, by gid.
        values: population -> parameter values, for `offset_<section>`, µm.

    Returns:
        Rows (gid, x, y, z) µm, shape (n_rows, 4), and section names, shape (n_rows,).
    """
    rows, names = [], []
    for name, population in network.populations.items():
        soma = somata[population.gids]
        angle = 2 * np.pi * random.uniforms(_ORIENTATION, population.gids, 0, 1)[0, 0]
        sections = population.equations.sections
        still = np.zeros_like(angle)
        block = []
        for section in sections:
            offset = values[name][f"offset_{section}"]
            shift = [still, offset * np.cos(angle), offset * np.sin(angle), still]
            block.append(soma + namespace(soma, offset).stack(shift, axis=-1))
        rows.append(namespace(*block).stack(block, axis=1).reshape(-1, 4))
        names.append(np.tile(np.array(sections, dtype=str), len(population)))
    return namespace(*rows).concatenate(rows), np.concatenate(names)
