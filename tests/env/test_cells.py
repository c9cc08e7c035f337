import numpy as np
import pytest

from livn.env import Env
from livn.errors import InvalidValue, UnknownName


@pytest.fixture
def env():
    return Env({"EXC": 3, "INH": 2})


def test_registry_maps_populations_and_gids_to_cells(env):
    assert list(env.cells) == ["EXC", "INH"]
    assert list(env.cells["INH"]) == [3, 4]
    assert env.cells["INH"][4] == env.cells[4]
    assert (env.cells[4].gid, env.cells[4].population) == (4, "INH")
    assert env.cells.gids.tolist() == env.cells.local_gids.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(("key", "said"), [("EXCH", "'EXC'"), (9, "got 9; simulated: 0 to 4")])
def test_unknown_population_or_gid_is_refused(env, key, said):
    with pytest.raises(UnknownName, match=said):
        env.cells[key]


def test_parameters_are_columns_in_gid_order(env):
    params = env.cells.get_params()

    assert params["soma.g_Na"].shape == (5,)
    assert np.all(params["soma.g_Na"][:3] != params["soma.g_Na"][3])
    assert np.isnan(params["dend.g_CaL"]).tolist() == [False] * 3 + [True] * 2
    assert np.isnan(params["soma.g_Ka"]).tolist() == [True] * 3 + [False] * 2


def test_set_one_value_or_one_per_cell(env):
    env.cells.set_params({"soma.g_Na": 0.1, "V_init": np.arange(-70.0, -65.0)})
    env.cells.set_params({"INH:soma.g_Na": [0.2, 0.3]})

    assert env.cells.get_params()["soma.g_Na"].tolist() == [0.1, 0.1, 0.1, 0.2, 0.3]
    assert env.params()["cells-INH:V_init"].tolist() == [-67.0, -66.0]


def test_setting_what_was_read_is_allowed(env):
    before = env.cells.get_params()

    env.cells.set_params(before)

    after = env.cells.get_params()
    assert all(np.array_equal(after[n], v, equal_nan=True) for n, v in before.items())


def test_one_cell_is_set_and_its_neighbours_stay(env):
    before = env.cells[1].get_params()
    returned = env.cells[0].set_params({"dend.g_CaL": 0.5, "V_init": -60.0})

    assert returned is env
    assert env.cells[0].get_params()["dend.g_CaL"] == 0.5
    assert env.cells[1].get_params() == before
    assert env.params()["cells-INH:V_init"] == -75.0


def test_refusals(env):
    with pytest.raises(UnknownName, match=r"parameter of cell 3: got 'dend.g_CaL'"):
        env.cells[3].set_params({"dend.g_CaL": 0.5})  # only EXC has a dendrite
    with pytest.raises(UnknownName, match=r"'cells-soma.gNa' \(did you mean 'cells-soma.g_Na'"):
        env.cells.set_params({"soma.gNa": 1})
    with pytest.raises(InvalidValue, match=r"got shape \(3,\); need one value, or 5"):
        env.cells.set_params({"soma.g_Na": [1, 2, 3]})
    with pytest.raises(InvalidValue, match=r"got -1.0"):
        env.cells.set_params({"soma.g_Na": -1.0})
