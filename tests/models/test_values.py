"""Numbers for symbols: per-cell parameters and start values."""

import numpy as np
import pytest

from livn.models import MODELS, make_model
from livn.models.izhikevich import Izhikevich
from livn.models.lif import LIF
from livn.models.scheme import derive_step
from livn.models.values import (
    initial_state,
    parameter_values,
    refractory_steps,
    step_constants,
)

GIDS = np.arange(50, dtype=np.uint32)


def test_distributed_parameter_is_a_function_of_seed_and_gid():
    e = Izhikevich().equations("excitatory")
    all_cells = parameter_values(e, {}, 123, GIDS)["r_soma"]
    some = parameter_values(e, {}, 123, GIDS[[3, 40]])["r_soma"]
    assert some.tolist() == all_cells[[3, 40]].tolist()
    assert (all_cells > 0).all()
    assert (all_cells < 1).all()
    assert len(set(all_cells.tolist())) == 50
    assert (parameter_values(e, {}, 124, GIDS)["r_soma"] != all_cells).all()


def test_parameters_of_izhikevich_follow_from_one_number_per_cell():
    for kind, a, b, c, d in (
        ("excitatory", lambda r: 0.02, lambda r: 0.2, lambda r: -65 + 15 * r**2,
         lambda r: 8 - 6 * r**2),
        ("inhibitory", lambda r: 0.02 + 0.08 * r, lambda r: 0.25 - 0.05 * r, lambda r: -65.0,
         lambda r: 2.0),
    ):  # fmt: skip
        v = parameter_values(Izhikevich().equations(kind), {}, 1, GIDS)
        for name, rule in zip("abcd", (a, b, c, d), strict=True):
            np.testing.assert_allclose(v[f"{name}_soma"], rule(v["r_soma"]), rtol=1e-14)


def test_override_replaces_a_distribution_and_what_follows_from_it():
    v = parameter_values(Izhikevich().equations("excitatory"), {"r_soma": 0.0}, 1, GIDS)
    assert (v["r_soma"], v["c_soma"], v["d_soma"]) == (0.0, -65.0, 8.0)


def test_start_values_follow_the_start_voltage():
    e = Izhikevich().equations("excitatory")
    start = initial_state(e, parameter_values(e, {"V_init": -70.0}, 1, GIDS), 50)
    assert start["V_soma"].tolist() == [-70.0] * 50
    assert start["u_soma"] == pytest.approx([-14.0] * 50)


def test_refractory_period_is_rounded_to_steps():
    e = LIF().equations("excitatory")
    values = parameter_values(e, {"refractory_period": 2.0}, 1, GIDS)
    assert refractory_steps(e, values, 0.025) == 80
    assert refractory_steps(e, values, 0.3) == 7


@pytest.mark.parametrize("kind", ["excitatory", "inhibitory"])
@pytest.mark.parametrize("name", MODELS)
def test_every_parameter_at_its_bounds_gives_finite_numbers(name, kind):
    """Nothing is divided by a parameter that may be 0; warnings are errors as well."""
    e = make_model(name).equations(kind)
    step = derive_step(e)
    for parameter, declared in e.parameters.items():
        for bound in filter(np.isfinite, declared.bounds):
            values = parameter_values(e, {parameter: bound}, 1, GIDS[:1])
            numbers = {**values, **step_constants(step, values, 0.1)}
            numbers |= initial_state(e, values, 1)
            wrong = [n for n, v in numbers.items() if not np.isfinite(v).all()]
            assert not wrong, (parameter, bound)
