"""No parameter is ignored: what is set is given back and reaches what the backend computes."""

from contextlib import suppress

import numpy as np
import pytest

from livn.env import Env
from livn.errors import Diverged, InvalidValue
from livn.stimulus import Stimulus

# Parameters that say where a cell is, not how it moves.
GEOMETRY = {"dendrite_offset"}
# The current that holds V_rest makes up for it: what differs is rounding, where anything does.
BALANCED = {"soma.e_pas"}


def test_params_give_back_what_was_set(culture, case):
    noise = next(iter(case.noise))
    receptor = next(k for k in culture.params() if k.endswith("-AMPA-e"))
    weight = culture.weight_names[0]
    given = {weight: 2.5, f"noise-INH-{noise}": 7.0, receptor: -3.0, "cells-INH:V_init": -60.5}

    params = culture.set_params(given).params()

    assert {k: params[k] for k in given} == given
    assert params[f"noise-EXC-{noise}"] == case.noise[noise]
    assert params["cells-EXC:V_init"] != -60.5


def test_admissible_names_are_those_of_params(culture):
    names = culture.admissible_params(cells=True)

    keys = {*names["weights"], *names["mechanisms"]}
    keys |= {f"noise-{n}" for n in names["noise"]} | {f"cells-{n}" for n in names["cells"]}
    in_force = {k for k in culture.params() if not k.startswith("io-")}
    assert in_force <= keys
    shared = keys - in_force  # keys that set several populations at once
    assert all(k.startswith(("noise-", "cells-")) and ":" not in k for k in shared)
    assert set(culture.admissible_params()) == {"weights", "mechanisms", "noise"}


def another(key, value):
    """A value that makes a difference within 12 ms."""
    if key.endswith("refractory_period"):
        return 100.0
    if key.endswith("V_threshold"):
        return value + 15.0
    return 0.9 * value if np.any(value) else value + 0.01


@pytest.mark.slow
def test_every_parameter_has_an_effect(culture, digest, case):
    twice = np.repeat([2.0, 0.0, 2.0], 4)[:, None]  # pulses, so that every cell spikes again
    given = Stimulus.from_current(twice * np.full(10, case.current), dt=1.0)
    params = {k: v for k, v in culture.params().items() if not k.startswith("io-")}
    as_is = digest(culture.clear().run(12, given, dt=case.dt))

    ignored = []
    for key, value in params.items():
        culture.set_params({key: another(key, value)})
        if digest(culture.clear().run(12, given, dt=case.dt)) == as_is:
            ignored.append(key)
        culture.set_params({key: value})

    assert {key.split(":")[-1] for key in ignored} <= GEOMETRY | BALANCED
    assert digest(culture.clear().run(12, given, dt=case.dt)) == as_is


def test_lower_bound_of_a_parameter_makes_a_cell_or_is_refused(new_env, case):
    env = new_env({"EXC": 1, "INH": 1}, case.model).record_voltage(dt=0.5)
    params = env.params()
    for name, population in env.network_plan.populations.items():
        for local in env.parameters.cell_parameters(name):
            key = f"cells-{name}:{local}"
            section, _, plain = local.rpartition(".")
            flat = f"{plain}_{section}" if section else plain
            low = population.equations.parameters[flat].bounds[0]
            if not np.isfinite(low):
                continue
            try:
                env.set_params({key: low})
            except InvalidValue:
                assert str(env.params()) == str(params)
                continue
            assert env.params()[key] == low
            with suppress(Diverged):
                assert np.all(np.isfinite(env.run(1, dt=case.dt).voltage))
            env.clear().set_params(params)


TOO_LARGE = {
    "LIF": {"cells-soma.g_L": 1e300, "cells-soma.tau_m": 1e300},  # an infinite capacitance
    "HodgkinHuxley": {"cells-refractory_period": 1e308},  # an infinite number of steps
}


@pytest.mark.parametrize("model", TOO_LARGE)
@pytest.mark.parametrize("initialised", [True, False])
def test_values_that_make_no_cell_are_refused_before_they_are_in_force(backend, model, initialised):
    env = Env(2, model, backend=backend)
    env = env.init() if initialised else env
    before = env.params()

    with pytest.raises(InvalidValue, match="make no cell of EXC: got {'cells-"):
        env.set_params(TOO_LARGE[model])

    assert env.params() == before
