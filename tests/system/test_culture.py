"""The description of a culture: what it holds, and which descriptions are refused."""

import math

import pytest

from livn.errors import InvalidType, InvalidValue, LivnError, UnknownName
from livn.system.culture import Culture2D, Population
from livn.system.generate import electrode_array, generate_2d
from livn.system.kernel import Kernel
from livn.system.placement import Disk, Placement, Rectangle

SQUARE = Rectangle((0, 400), (0, 400))
CORTICAL = {
    "EXC": Population("excitatory", ratio=0.8),
    "INH": Population("inhibitory", ratio=0.2),
}


def culture(**settings):
    return Culture2D(**{"area": SQUARE, "total_cells": 100, "mean_in_degree": 20, **settings})


@pytest.mark.parametrize(
    ("total", "ratios", "counts"),
    [
        (100, (0.8, 0.2), (80, 20)),
        (7, (0.8, 0.2), (6, 1)),
        (10, (4, 1), (8, 2)),
        (10, (1, 1, 1), (4, 3, 3)),
    ],
)
def test_ratios_share_the_total_by_largest_remainder(total, ratios, counts):
    populations = {f"P{i}": Population("excitatory", ratio=ratio) for i, ratio in enumerate(ratios)}

    config = culture(populations=populations, total_cells=total)

    assert tuple(config.cell_counts.values()) == counts


def test_description_survives_json():
    config = culture(area=Disk((0, 0), 300, 100), mean_in_degree={"EXC->INH": 3}, z_range=(0, 5))

    assert Culture2D.from_dict(config.to_dict()) == config
    assert config.to_dict()["area"] == {
        "shape": "disk", "center": (0, 0), "radius": 300, "inner_radius": 100
    }  # fmt: skip
    assert generate_2d(config).provenance["config"] == config.to_dict()


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: culture(area="disk"), InvalidType, "got 'disk'"),
        (lambda: culture(kernel={"sigma": 3}), InvalidType, "got {'sigma': 3}"),
        (lambda: culture(populations={}), InvalidValue, "got {}"),
        (lambda: culture(populations={"A_B": CORTICAL["EXC"]}), InvalidValue, "got 'A_B'"),
        (lambda: culture(populations={"A": {"type": "excitatory"}}), InvalidType, "'A'"),
        (lambda: culture(populations={**CORTICAL, "X": Population("excitatory", count=3)}),
         InvalidValue, "got ratios for ['EXC', 'INH'] only"),
        (lambda: culture(total_cells=None), InvalidValue, "total_cells is missing"),
        (lambda: culture(total_cells=0), InvalidValue, "got 0"),
        (lambda: culture(total_cells=2.5), InvalidType, "got 2.5"),
        (lambda: culture(total_cells=2), InvalidValue, "population 'INH' has no cells"),
        (lambda: culture(populations={"A": Population("excitatory", count=3)}), InvalidValue,
         "got 100 and counts"),
        (lambda: culture(mean_in_degree=-1), InvalidValue, "got -1"),
        (lambda: culture(mean_in_degree="many"), InvalidType, "got 'many'"),
        (lambda: culture(mean_in_degree={"INH_EXC": 3}), UnknownName, "'INH_EXC'"),
        (lambda: culture(mean_in_degree={"EXC->INH": math.nan}), InvalidValue, "got nan"),
        (lambda: culture(z_range=(10, 0)), InvalidValue, "got (10, 0)"),
        (lambda: culture(z_range=5), InvalidType, "got 5"),
        (lambda: culture(min_soma_distance=-1), InvalidValue, "got -1"),
        (lambda: culture(seed=-1), InvalidValue, "got -1"),
        (lambda: culture(seed=1.5), InvalidType, "got 1.5"),
        (lambda: Kernel("gauss"), UnknownName, "did you mean 'gaussian'"),
        (lambda: Kernel(sigma=0), InvalidValue, "got 0"),
        (lambda: Population("excitator", count=3), UnknownName, "did you mean 'excitatory'"),
        (lambda: Population("excitatory"), InvalidValue, "got count=None, ratio=None"),
        (lambda: Population("excitatory", count=0), InvalidValue, "got 0"),
        (lambda: Population("excitatory", ratio=0), InvalidValue, "got 0"),
        (lambda: Rectangle((0, 0), (0, 1)), InvalidValue, "x_range"),
        (lambda: Disk((0, 0), 100, 100), InvalidValue, "got 100 um"),
        (lambda: Placement(3, ((0, 0), (1, 1))), InvalidType, "got 3"),
        (lambda: Placement(len, (0, 1, 2)), InvalidType, "got (0, 1, 2)"),
        (lambda: Placement(len, ((0, 0), (0, 1))), InvalidValue, "extent in x"),
        (lambda: electrode_array(SQUARE, output_radius=-1), InvalidValue, "got -1"),
        (lambda: Culture2D.from_dict({"sede": 1}), UnknownName, "did you mean 'seed'"),
        (lambda: Culture2D.from_dict({"area": {"radius": 1}}), InvalidValue, "shape missing"),
        (lambda: Culture2D.from_dict({"area": {"shape": "ring"}}), UnknownName, "'ring'"),
        (lambda: Culture2D.from_dict({"area": {"shape": "disk", "x_range": 1}}), UnknownName,
         "'x_range'"),
        (lambda: Culture2D.from_dict({"kernel": 5}), InvalidType, "got 5"),
        (lambda: Culture2D.from_dict({"populations": {"A": {"count": 1}}}), InvalidValue,
         "type missing"),
    ],
)  # fmt: skip
def test_wrong_descriptions_are_refused(make, error, text):
    with pytest.raises(error) as raised:
        make()

    assert isinstance(raised.value, LivnError)
    assert text in str(raised.value)
    assert "\n" not in str(raised.value)
