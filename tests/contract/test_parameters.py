"""No parameter is ignored: what is set is given back and reaches what the backend computes."""

import numpy as np
import pytest

from livn.stimulus import Stimulus

# Parameters that say where a cell is, not how it moves.
GEOMETRY = {"dendrite_offset"}


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

    assert {key.split(":")[-1] for key in ignored} <= GEOMETRY
    assert digest(culture.clear().run(12, given, dt=case.dt)) == as_is
