"""Small cultures in memory and in files."""

import h5py
import numpy as np
import pytest

from livn.system.files import write_graph
from livn.system.graph import Graph, Projection

AMPA = {"e": 0, "g_unit": 0.0005, "tau_rise": 0.5, "tau_decay": 3.0, "weight": 1.0}
GABA = {"e": -60, "g_unit": 0.001, "tau_rise": 0.3, "tau_decay": 6.0, "weight": 1.0}
EXCITATORY = {
    "type": "excitatory",
    "sections": ["soma"],
    "mechanisms": {"default": {"AMPA": AMPA, "NMDA": {**AMPA, "tau_decay": 80.0}}},
}
INHIBITORY = {
    "type": "inhibitory",
    "sections": ["soma"],
    "mechanisms": {"default": {"GABA_A": GABA}},
}
MEA = {"electrode_coordinates": [[0, 20.0, 20.0, 5.0]], "input_radius": 100, "output_radius": 50}


def projection(post, pre, sources, syn_ids):
    """A projection from one list of sources and syn_ids per postsynaptic cell."""
    flat = [source for cell in sources for source in cell]
    return Projection(
        post=post,
        pre=pre,
        pointer=np.cumsum([0, *map(len, sources)]),
        sources=np.array(flat, np.uint32),
        distances=np.arange(len(flat), dtype=np.float32) + 0.5,
        syn_ids=np.array([s for cell in syn_ids for s in cell], np.uint32),
    )


@pytest.fixture
def graph():
    """Three excitatory cells (gids 0-2) and two inhibitory ones (3, 4), six edges."""
    return Graph(
        coordinates={
            "EXC": np.array([[0, 0, 5], [40, 0, 5], [0, 40, 5]], np.float32),
            "INH": np.array([[40, 40, 5], [20, 20, 5]], np.float32),
        },
        projections={
            ("INH", "EXC"): projection("INH", "EXC", [[0, 2], [1]], [[0, 1], [0]]),
            ("EXC", "EXC"): projection("EXC", "EXC", [[1], [], [0]], [[0], [], [0]]),
            ("EXC", "INH"): projection("EXC", "INH", [[0], [], []], [[1], [], []]),
        },
        synapses={
            ("EXC", "EXC"): {**EXCITATORY, "sections": ["dend"]},
            ("EXC", "INH"): INHIBITORY,
            ("INH", "EXC"): EXCITATORY,
        },
        layer_extents={"2D": [[0.0, 0.0, 0.0], [40.0, 40.0, 10.0]]},
        provenance={"generator": "test", "seed": 7},
    )


@pytest.fixture
def directory(graph, tmp_path):
    """The same culture in files."""
    return write_graph(graph, tmp_path / "tiny", mea=MEA)


def edit(path, change):
    """Change a written HDF5 file."""
    with h5py.File(path, "r+") as file:
        change(file)


@pytest.fixture(name="edit")
def edit_fixture():
    """`edit(path, change)` opens an HDF5 file for writing and hands it to `change`."""
    return edit
