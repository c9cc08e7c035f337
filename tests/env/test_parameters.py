"""Keys: what they address, how else they may be written, what is said of wrong ones."""

from dataclasses import replace

import numpy as np
import pytest

from livn.env import Env
from livn.errors import InvalidType, InvalidValue, UnknownName
from livn.io import MEA
from livn.models.lif import LIF


@pytest.fixture(scope="module")
def _env():
    return Env("EI1")


@pytest.fixture
def env(_env):
    """EI1 with two-compartment EXC and one-compartment INH cells; nothing is built."""
    before = _env.parameters.everything()
    yield _env
    _env.parameters.replace(before)


def test_weights_are_one_until_set(env):
    assert env.weight_names == [
        "EXC_EXC-dend-AMPA-weight",
        "EXC_EXC-dend-NMDA-weight",
        "EXC_INH-soma-GABA_A-weight",
        "INH_EXC-soma-AMPA-weight",
        "INH_EXC-soma-NMDA-weight",
        "INH_INH-soma-GABA_A-weight",
    ]
    assert {env.params()[k] for k in env.weight_names} == {1.0}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("weight-EXC_EXC-dend-AMPA-weight", "EXC_EXC-dend-AMPA-weight"),
        ("EXC_EXC-hillock-AMPA-weight", "EXC_EXC-dend-AMPA-weight"),
        ("INH_EXC-dend-AMPA-weight", "INH_EXC-soma-AMPA-weight"),
        ("INH_INH-hillock-GABA_A-weight", "INH_INH-soma-GABA_A-weight"),
        ("weight-EXC-dend-AMPA-tau_rise", "EXC-dend-AMPA-tau_rise"),
    ],
)
def test_other_spellings_of_a_key(env, written, meant):
    assert env.set_params({written: 0.25}).params()[meant] == 0.25


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("EXC_INH-dend-AMPA-weight", "INH_EXC-soma-AMPA-weight"),  # published 1.0: pre first
        ("INH_EXC-soma-GABA_A-weight", "EXC_INH-soma-GABA_A-weight"),
        ("EXC_EXC-dend-AMPAR-weight", "EXC_EXC-dend-AMPA-weight"),
        ("EXC_EXC-soma-AMPA-weight", "EXC_EXC-dend-AMPA-weight"),
        ("EXC-dend-AMPA-tau_rse", "EXC-dend-AMPA-tau_rise"),
        ("noise-g_e", "noise-g_e0"),
        ("noise-EXC-g_e", "noise-EXC-g_e0"),
        ("cells-EXC:soma.g_na", "cells-EXC:soma.g_Na"),
        ("EXC:soma.g_Na", "cells-EXC:soma.g_Na"),
    ],
)
def test_unknown_key_is_refused_with_the_nearest(env, key, hint):
    with pytest.raises(UnknownName) as caught:
        env.set_params({key: 1.0})

    assert f"{key!r} (did you mean {hint!r}?)" in str(caught.value)
    assert caught.value.got == [key]


def test_all_unknown_keys_are_named_at_once(env):
    with pytest.raises(UnknownName) as caught:
        env.set_params({"noise-std_e": 1.0, "noise-x": 1.0, "cells-y": 1.0})

    assert caught.value.got == ["noise-x", "cells-y"]
    assert env.params()["noise-EXC-std_e"] == 0.0


def test_noise_settings_merge(env):
    env.set_noise({"std_e": 1e-3}).set_noise({"g_e0": 2e-3})
    env.set_noise({"INH-std_e": 3e-3})

    params = env.params()
    assert [params[f"noise-{p}-std_e"] for p in ("EXC", "INH")] == [1e-3, 3e-3]
    assert [params[f"noise-{p}-g_e0"] for p in ("EXC", "INH")] == [2e-3, 2e-3]


def test_one_population_wins_over_all_in_any_order(env):
    env.set_params({"noise-INH-std_e": 3e-3, "noise-std_e": 1e-3})

    assert env.params()["noise-INH-std_e"] == 3e-3
    assert env.params()["noise-EXC-std_e"] == 1e-3


def test_receptors_and_background_are_not_cell_parameters(env):
    names = env.admissible_params(cells=True)

    assert {"EXC-dend-AMPA-e", "EXC-dend-NMDA-mg", "INH-soma-GABA_A-tau_decay"} <= set(
        names["mechanisms"]
    )
    assert {"g_e0", "EXC-std_i"} <= set(names["noise"])
    assert {"EXC:soma.g_Na", "V_init", "INH:soma.g_pas", "EXC:gc"} <= set(names["cells"])
    assert not any("AMPA" in n or "std_" in n for n in names["cells"])


def test_kinetics_set_the_step_of_a_conductance(env):
    before = env.parameters.increments()["EXC_EXC-dend-AMPA-weight"]
    target = env.network_plan.targets["EXC", "EXC"][0]
    env.set_params({"EXC_EXC-dend-AMPA-weight": 3.0, "EXC-dend-AMPA-tau_decay": 10.0})

    rise, decay = 0.5, 10.0
    after = env.parameters.increments()["EXC_EXC-dend-AMPA-weight"]
    step = after / 3.0 / target.receptor.g_unit
    times = np.linspace(0, 20, 20001)
    assert env.params()["EXC-dend-AMPA-tau_rise"] == rise
    assert np.max(step * (np.exp(-times / decay) - np.exp(-times / rise))) == pytest.approx(1.0)
    assert after != pytest.approx(3.0 * before)


def test_one_value_per_cell(env):
    values = np.linspace(0.1, 0.2, 8)
    env.set_params({"cells-EXC:soma.g_Na": values.tolist(), "noise-EXC-std_e": values / 100})

    params = env.params()
    assert np.array_equal(params["cells-EXC:soma.g_Na"], values)
    assert np.array_equal(params["noise-EXC-std_e"], values / 100)
    params["cells-EXC:soma.g_Na"][:] = 0  # a copy
    assert np.array_equal(env.params()["cells-EXC:soma.g_Na"], values)


def test_what_varies_between_cells_is_given_back_as_drawn():
    env = Env("EI1", "Izhikevich")

    drawn = env.params()["cells-EXC:soma.r"]

    assert drawn.shape == (8,)
    assert np.all((drawn > 0) & (drawn < 1))
    assert len(set(drawn)) == 8
    assert np.array_equal(env.set_params(env.params()).params()["cells-EXC:soma.r"], drawn)


def test_io_parameters_are_set_with_the_others_or_not_at_all(env):
    gain = next(k for k in env.params() if k.endswith("recording_gain"))
    before = env.params()[gain]
    with pytest.raises(InvalidValue, match="got -1.0"):
        env.set_params({gain: 3.0, "EXC_EXC-dend-AMPA-weight": -1.0})
    assert env.params()[gain] == before

    assert env.set_params({gain: 3.0}).params()[gain] == 3.0
    env.set_params({gain: before})


def test_start_voltage_of_all_cells(env):
    assert env.v_init == pytest.approx(-75)
    env.v_init = -66.0
    assert env.v_init == -66.0
    assert env.params()["cells-INH:V_init"] == -66.0


def test_io_that_several_envs_share_is_changed_in_one_of_them():
    shared = MEA([[0, 0.0, 0.0, 0.0]])
    changed, other = Env(1, "LIF", io=shared), Env(1, "LIF", io=shared)
    gain = next(k for k in changed.params() if k.endswith("recording_gain"))
    before = other.params()[gain]

    changed.set_params({gain: 7.0})

    assert changed.params()[gain] == 7.0
    assert other.params()[gain] == before == shared.params()[gain.removeprefix("io-")]


def test_io_keys_are_set_all_or_none(env):
    before = env.params()
    with pytest.raises(UnknownName, match="parameter of MEA: got 'no_such'"):
        env.set_params({"io-input_radius": 5.0, "io-no_such": 1.0})
    with pytest.raises(InvalidValue, match="got -1"):
        env.set_params({"io-input_radius": -1.0, "EXC_EXC-dend-AMPA-weight": 2.0})
    assert str(env.params()) == str(before)


@pytest.mark.parametrize("params", [None, 3, {3: 1.0}, [("noise-std_e", 1.0)]])
def test_what_is_not_named_is_refused(env, params):
    for call in (env.set_params, env.set_weights, env.set_noise, env.cells.set_params,
                 env.cells[0].set_params):  # fmt: skip
        with pytest.raises(InvalidType, match="parameters are not named: got"):
            call(params)


class Unbounded(LIF):
    """LIF that says nothing of which values make sense."""

    def cell(self, kind):
        cell = super().cell(kind)
        soma = cell.compartments[0]
        mechanisms = tuple(
            replace(m, parameters=tuple(replace(p, bounds=(-np.inf, np.inf)) for p in m.parameters))
            for m in soma.mechanisms
        )
        return replace(cell, compartments=(replace(soma, mechanisms=mechanisms),))


@pytest.mark.parametrize("tau_m", [0.0, [10.0, 0.0]])
def test_division_by_zero_is_refused_and_names_the_key(tau_m):
    env = Env(2, Unbounded())
    before = env.params()

    with pytest.raises(InvalidValue, match=r"make no cell of EXC: got {'cells-EXC:soma.tau_m': "):
        env.set_params({"cells-EXC:soma.tau_m": tau_m, "noise-level": 1.0})

    assert env.params() == before
