"""A snapshot fits the culture it was taken of, and no other."""

import numpy as np
import pytest

from livn.env import Env
from livn.errors import InvalidType, InvalidValue
from livn.models.glif import GLIF
from livn.models.lif import LIF


def test_model_with_other_arguments_is_another_culture():
    snapshot = Env(1, GLIF(1)).init().snapshot()

    with pytest.raises(InvalidValue, match=r"got {'model': 'GLIF\(.*1.*'}; this one is .*5"):
        Env(1, GLIF(5)).restore(snapshot)
    assert Env(1, GLIF(1)).restore(snapshot).t == 0


def test_other_cells_with_the_same_ends_are_another_culture():
    def selected(*gids):
        return Env("EI1", "LIF").selection({"EXC": list(gids)}).init()

    with pytest.raises(InvalidValue, match="got {'cells': '3 EXC .*'}; this one is {'cells'"):
        selected(0, 2, 5).restore(selected(0, 1, 5).snapshot())


@pytest.mark.parametrize("other", [{"EXC": 8, "INH": 2}, "EI2"])
def test_other_system_is_another_culture(other):
    first = {"EXC": 8, "INH": 2}
    snapshot = Env("EI1", "LIF").selection(first).init().snapshot()

    with pytest.raises(InvalidValue, match="snapshot is of another culture: got .*'system'"):
        Env(other, "LIF").selection(first).restore(snapshot)


def test_another_seed_branches_with_its_own_noise():
    def started(seed):
        return Env(1, LIF(), seed=seed).init().set_noise({"level": 300.0}).record_voltage()

    env = started(1)
    env.run(5)
    snapshot = env.snapshot()
    onward = env.run(5).voltage

    same, branch = (started(seed).restore(snapshot).run(5) for seed in (1, 2))
    assert same.t0 == branch.t0 == 5
    assert np.array_equal(same.voltage, onward)
    assert branch.voltage[0, 0] == onward[0, 0]
    assert not np.array_equal(branch.voltage, onward)


def test_what_is_no_snapshot_is_refused():
    with pytest.raises(InvalidType, match="no snapshot: got None"):
        Env(1, "LIF").restore(None)
