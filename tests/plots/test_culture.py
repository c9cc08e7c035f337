"""The picture of a culture: which connections it shows, and when it looks from the side."""

import numpy as np
import pytest
from matplotlib.collections import LineCollection

from livn.plots import culture
from livn.plots.style import PALETTE
from livn.system import System, Tissue, generate_3d, make, write_graph


def drawn(figure):
    (lines,) = [c for c in figure.axes[0].collections if isinstance(c, LineCollection)]
    return lines


def test_every_connection_is_a_line_from_source_to_target_in_the_colour_of_the_source():
    system = make("EI1")
    lines = drawn(culture(system, max_edges=1000))
    xy = system.neuron_coordinates[:, 1:3]
    wanted = []
    for post, pre in sorted(system.edge_counts):
        edges = system.edges(post, pre)
        sources = edges.sources.astype(int) + system.population_ranges[pre][0]
        targets = edges.targets + system.population_ranges[post][0]
        wanted += np.stack([xy[sources], xy[targets]], axis=1).tolist()
    assert np.allclose(lines.get_segments(), wanted)
    assert len(wanted) == sum(system.edge_counts.values())
    assert len({tuple(c[:3]) for c in lines.get_colors()}) == 2 <= len(PALETTE)


@pytest.mark.parametrize("most", [1, 7, 20])
def test_a_sample_of_the_connections_is_drawn(most):
    segments = drawn(culture(make("EI1"), max_edges=most)).get_segments()
    # every k-th of each of the four projections, so one more of each at most
    assert 0 < len(segments) <= most + 4


def test_thick_cultures_are_also_seen_from_the_side(tmp_path):
    tissue = Tissue.from_dict(
        {
            "area": {"x_range": [0, 400], "y_range": [0, 200]},
            "layers": [{"name": "low", "thickness": 50}, {"name": "high", "thickness": 80}],
            "populations": {
                "A": {"type": "excitatory", "cells": {"low": 5, "high": 3}, "axon": [900, 900]}
            },
            "projections": {"A->A": {"in_degree": 2, "section": "soma", "layers": {"low": 1}}},
        }
    )
    system = System(write_graph(generate_3d(tissue), tmp_path / "tissue"))
    above, side = culture(system).axes
    assert [text.get_text() for text in side.texts] == ["high", "low"]
    assert above.get_xlim() == side.get_xlim()
    offsets = side.collections[-1].get_offsets()
    assert np.allclose(offsets, system.neuron_coordinates[:, [1, 3]])
    assert len(culture(make("EI1")).axes) == 1
