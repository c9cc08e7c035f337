"""What is NEURON's own: sections that are the description's, and several engines in one process."""

import gc

import numpy as np
import pytest
from neuron import h

from livn.backend.contract import Probe
from livn.backend.neuron import build
from livn.env import Env
from livn.errors import InvalidValue
from livn.models import make_model
from livn.models.reference import solve
from livn.stimulus import Stimulus

CABLES = ["ReducedCalciumSomaDendrite", "PinskyRinzel"]
ROUNDING = 1e-12  # relative, of products of a few numbers


def new_env(system=1, model="PinskyRinzel", **arguments):
    return Env(system, model, backend="neuron", **arguments).init()


def sections(env):
    """Sections of the first excitatory cell by name."""
    return {name: found[0] for name, found in env.network["EXC"].sections.items()}


def n_sections():
    gc.collect()
    return len(list(h.allsec()))


@pytest.mark.parametrize("model", CABLES)
def test_sections_have_the_area_capacitance_and_coupling_of_the_description(model):
    env = new_env(model=model)
    for gc_value in (2.1, 5.0):
        env.set_params({"cells-gc": gc_value})
        values = env.parameters.values("EXC")
        soma, dend = sections(env)["soma"](0.5), sections(env)["dend"](0.5)

        for segment, name in ((soma, "soma"), (dend, "dend")):
            assert segment.area() == pytest.approx(values[f"area_{name}"], rel=ROUNDING)
            nf = segment.cm * segment.area() * 1e-5  # uF/cm2 um2
            assert nf == pytest.approx(values[f"capacitance_{name}"], rel=ROUNDING)
        assert 1 / dend.ri() == pytest.approx(values["coupling_soma_dend"], rel=ROUNDING)


def test_cells_without_coupling_do_not_hear_each_other():
    env = new_env().set_params({"cells-gc": 0.0}).record_voltage(dt=0.1, sections=["soma", "dend"])
    silent = env.run(2, dt=0.05).voltage
    given = Stimulus.from_current([[0.5], [0.5]], dt=1.0, gids=[0], sections=["soma"])

    driven = env.clear().run(2, given, dt=0.05).voltage

    assert driven[0, -1] - silent[0, -1] > 1.0
    assert np.array_equal(driven[1], silent[1])


def advanced(env, n_steps):
    """Voltages of the first cell after steps of NEURON's implicit Euler.

    NEURON's extracellular mechanism is not made for Crank-Nicolson.
    """
    h.secondorder = 0
    for _ in range(n_steps):
        h.fadvance()
    return np.array([section(0.5).v for section in sections(env).values()])


@pytest.mark.parametrize("model", CABLES)
def test_current_of_a_potential_does_what_e_extracellular_of_neuron_does(model):
    potential = {"soma": -10.0, "dend": 3.0}  # mV
    env = new_env(model=model)
    env.run(0.005, dt=0.005)
    env.clear()
    current = env.parameters.values("EXC")["coupling_soma_dend"] * (3.0 - -10.0)  # uS mV
    inputs = env.network["EXC"].inputs
    inputs["I_soma"].write(current)
    inputs["I_dend"].write(-current)
    ours = advanced(env, 200)

    inputs["I_soma"].write(0.0)
    inputs["I_dend"].write(0.0)
    for name, section in sections(env).items():
        section.insert("extracellular")
        for x in (0.0, 0.5, 1.0):
            section(x).e_extracellular = potential[name]
    env.clear()
    theirs = advanced(env, 200)

    env.clear()
    rest = advanced(env, 0)
    assert np.abs(ours - rest).max() > 1
    assert ours == pytest.approx(theirs, abs=1e-3)


def test_temperature_is_that_of_the_description():
    h.celsius = 6.3
    env = new_env(model="ReducedCalciumSomaDendrite")
    env.run(1)
    assert h.celsius == 36.0

    env.set_params({"cells-celsius": 30.0}).run(1)
    assert h.celsius == 30.0


def test_close_deletes_only_its_own_sections():
    mine = h.Section(name="mine")
    before = n_sections()
    env, other = new_env(3), new_env(2)
    assert n_sections() == before + 10

    env.close()

    assert n_sections() == before + 4
    assert other.run(1).duration == 1
    other.close()
    assert n_sections() == before
    assert mine.name() == "mine"


def test_engines_with_other_steps_and_models_take_turns():
    first = new_env("EI1", "LIF").record_voltage()
    second = new_env("EI1", "PinskyRinzel").record_voltage()
    given = Stimulus.from_current(np.full((8, 10), 0.5), dt=1.0)
    whole = first.run(8, given).voltage
    first.clear()

    parts = []
    for k in range(4):
        parts.append(first.run(2, Stimulus.from_current(given.array[2 * k : 2 * k + 2], dt=1.0)))
        second.run(1, dt=0.05)
        new_env(1, "LIF").run(1, dt=0.2)  # is built, runs and goes while the others wait

    assert np.array_equal(np.hstack([p.voltage for p in parts]), whole)
    assert second.t == pytest.approx(4)


def test_engines_of_one_network_share_its_sections_and_nothing_else():
    env = new_env("EI1", "PinskyRinzel").set_noise({"g_e0": 2e-3, "std_e": 1e-3})
    plan, names = env.network_plan, env.network_plan.populations
    probes = [Probe("EXC", "V_soma", 4, np.arange(8))]
    before = n_sections()

    def settings(k):
        env.set_params({"cells-EXC:gc": 2.0 + k, "EXC_EXC-dend-AMPA-weight": 1.0 + k})
        return {n: env.parameters.values(n) for n in names}, env.parameters.increments()

    chosen = [settings(k) for k in range(3)]
    alone = [build(plan, 0.05, 123 + k, *chosen[k]).advance(80, {}, probes) for k in range(3)]
    engines = [build(plan, 0.05, 123 + k, *chosen[k]) for k in range(3)]
    assert n_sections() == before + 20  # those of env have another step

    parts = [[e.advance(40, {}, probes) for e in engines] for _ in range(2)]

    for k in range(3):
        together = np.hstack([part[k].series[0] for part in parts])
        assert np.array_equal(together, alone[k].series[0])
    assert not np.array_equal(alone[0].series[0], alone[1].series[0])
    engines[0].close()
    assert engines[1].advance(1, {}, probes).series[0].shape == (8, 1)


def test_what_people_record_with_neuron_is_what_livn_records():
    env = new_env().record_voltage(dt=0.025)
    theirs = h.Vector().record(sections(env)["soma"](0.5)._ref_v)

    ours = env.clear().run(2, dt=0.025).voltage

    assert np.array_equal(np.array(theirs)[2:160:2], ours[0, 1:])  # solved twice a step


def test_variable_steps_of_a_user_are_switched_off():
    env = new_env().record_voltage(dt=0.1)
    fixed = env.run(2).voltage
    h.CVode().active(True)

    assert np.array_equal(env.clear().run(2).voltage, fixed)
    assert not h.CVode().active()


def test_snapshot_of_another_rank_is_refused():
    env = new_env(2, "LIF")
    there = env.engine.snapshot()

    with pytest.raises(InvalidValue, match=r"got rank 0 of 2; this is rank 0 of 1"):
        env.engine.restore({**there, "rank": (0, 2)})


def test_describe_names_the_version_and_the_ranks():
    assert new_env(1, "LIF").engine.describe() == f"neuron {h.nrnversion(5)}, ranks=1"


SECOND_ORDER = [("HodgkinHuxley", 0.1, 0.02), ("PinskyRinzel", 0.3, 0.02)]


@pytest.mark.parametrize(("model", "current", "tolerance"), SECOND_ORDER)
def test_error_of_spike_times_falls_with_the_square_of_the_step(model, current, tolerance):
    equations = make_model(model).equations("excitatory")
    expected = solve(equations, current, 0.0, 30.0, 30.0).spikes
    level = equations.parameters["V_threshold"].value
    env = new_env(model=model).record_spikes()
    errors = []
    for dt in (0.025, 0.0125):
        env.clear().record_voltage(dt=dt)
        run = env.run(30, Stimulus.from_current(np.full((30, 1), current), dt=1.0), dt=dt)
        k = np.rint(run.spike_times / dt).astype(int)
        v = run.voltage[0]
        times = run.spike_times + dt * (level - v[k]) / (v[k + 1] - v[k])
        errors.append(np.abs(times - expected).max())

    assert errors[0] < tolerance
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.25)
