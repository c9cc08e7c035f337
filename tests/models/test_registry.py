"""Models by name, and what every model offers."""

import subprocess
import sys

import pytest

from livn import Env, Stimulus
from livn.errors import InvalidValue, UnknownName
from livn.models import MODELS, make_model
from livn.models.model import Model
from livn.models.rcsd import ReducedCalciumSomaDendrite


@pytest.mark.parametrize("name", MODELS)
def test_every_named_model_can_be_made(name):
    made = make_model(name)
    assert isinstance(made, Model)
    assert made.params_key() == name
    assert 0 < made.dt <= 0.1
    assert type(made).__doc__


def test_unknown_model_is_refused_with_the_nearest():
    with pytest.raises(UnknownName, match=r"got 'Izhikevitch' \(did you mean 'Izhikevich'\?\)"):
        make_model("Izhikevitch")


def test_the_list_of_models_is_there_without_importing_any():
    code = "import livn.models, sys; print({'sympy', 'scipy', 'numpy'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"


def test_default_noise_names_parameters_of_the_cells():
    for name in MODELS:
        made = make_model(name)
        for kind in ("excitatory", "inhibitory"):
            assert set(made.default_noise()) <= set(made.equations(kind).noise)


def test_two_compartments_take_extracellular_and_points_take_no_density():
    two, patch, point = (make_model(n).input_modes("excitatory")
                         for n in ("PinskyRinzel", "HodgkinHuxley", "LIF"))  # fmt: skip
    assert two == ("current", "conductance", "current_density", "extracellular")
    assert patch == ("current", "conductance", "current_density")
    assert point == ("current", "conductance")


def test_stimulus_bounds_are_those_of_the_mode():
    cell = make_model("PinskyRinzel")
    for mode in ("current", "conductance", "current_density", "extracellular"):
        assert cell.stimulus_bounds(mode) == (-1000.0, 1000.0)
    with pytest.raises(InvalidValue, match="stimulus mode is unknown: got 'magnetic'"):
        cell.stimulus_bounds("magnetic")


def test_recordable_states_are_named_once():
    states = make_model("ReducedCalciumSomaDendrite").recordable_states("excitatory")
    assert len(states) == len(set(states))
    assert {"Ca", "h_Na", "m_CaL", "Na_i"} <= set(states)


@pytest.mark.parametrize("period", [-2.0, float("nan")])
def test_refractory_period_that_is_no_time_is_refused(period):
    with pytest.raises(InvalidValue, match="'refractory_period' is out of range: got -?[2n]"):
        ReducedCalciumSomaDendrite(refractory_period=period)


def test_run_refuses_a_current_beyond_any_pipette():
    env = Env(1, "LIF").init()
    with pytest.raises(InvalidValue, match="got 1e\\+300 nA; current takes -1000 to 1000 nA"):
        env.run(1.0, Stimulus.from_current([[1e300]], dt=1.0))
