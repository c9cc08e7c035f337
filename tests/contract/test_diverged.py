"""A voltage that is no number is an error that names the cell, on every backend."""

import pytest

from livn.errors import Diverged


def test_voltage_that_is_not_finite_names_the_cells(new_env):
    leak = [-60.0, 1e300, -60.0]  # mV
    env = new_env({"EXC": 3}, "PinskyRinzel").set_params({"cells-EXC:soma.e_pas": leak})

    with pytest.raises(Diverged, match=r"gids 1\)"):
        env.run(5.0)
