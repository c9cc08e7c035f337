"""From a cell to flat equations: names, their errors, and what physics demands of the sum."""

import numpy as np
import pytest
import sympy as sp

from livn.errors import InvalidValue
from livn.models import MODELS, make_model
from livn.models.assembly import assemble
from livn.models.description import (
    AtRest,
    Cell,
    Compartment,
    Coupling,
    Mechanism,
    Parameter,
    Spike,
    State,
    gate,
)
from livn.models.expressions import evaluate, parse, symbol

KINDS = ("excitatory", "inhibitory")
EVERY = [pytest.param(m, k, id=f"{m}-{k}") for m in MODELS for k in KINDS]


def cell(*mechanisms, parameters=(), couplings=(), **given):
    compartment = Compartment("soma", mechanisms, "C", initial="0", **given)
    return Cell("cell", (compartment,), Spike("V"), "here", couplings,
                (Parameter("C", 1.0, "nF"), *parameters))  # fmt: skip


def test_undefined_name_is_refused_with_the_nearest_and_the_text():
    with pytest.raises(InvalidValue) as error:
        assemble(cell(Mechanism("leak", "g_lek * V", parameters=(Parameter("g_leak", 1.0),))))
    assert "did you mean 'g_leak'?" in str(error.value)
    assert "Written: 'g_lek * V'" in str(error.value)
    assert error.value.got == ["g_lek"]


def test_name_defined_twice_in_a_compartment_is_refused():
    twice = [Mechanism(n, "g * V", parameters=(Parameter("g", 1.0),)) for n in "ab"]
    with pytest.raises(InvalidValue, match=r"defines names twice in section 'soma': got \['g'\]"):
        assemble(cell(*twice))


def test_circular_definition_is_refused_with_the_circle():
    circle = Mechanism("m", "a", definitions={"a": "b + 1", "b": "2 * a"})
    with pytest.raises(InvalidValue, match="circular definition .* got a -> b -> a"):
        assemble(cell(circle))


def test_derived_parameters_that_need_each_other_are_refused():
    pair = (Parameter("p", "2 * q"), Parameter("q", "p / 2"))
    with pytest.raises(InvalidValue, match=r"depend on each other or on a state: got \['p', 'q'\]"):
        assemble(cell(parameters=pair))


def test_parameter_that_depends_on_a_state_is_refused():
    state = Mechanism("m", states=(State("x", "-x"),), parameters=(Parameter("p", "2 * x"),))
    with pytest.raises(InvalidValue, match=r"or on a state: got \['p_soma'\]"):
        assemble(cell(state))


def test_parameter_may_follow_from_one_defined_later():
    e = assemble(cell(parameters=(Parameter("p", "2 * q"), Parameter("q", "3 * C"))))
    order = list(e.derived)
    assert order.index("q") < order.index("p")


def test_names_of_a_compartment_take_its_name_and_those_of_the_cell_stay():
    leak = Mechanism("leak", "g * (V - E)", parameters=(Parameter("g", 1.0),))
    e = assemble(cell(leak, parameters=(Parameter("E", -70.0, "mV"),)))
    assert e.currents["soma"] == parse("g_soma * (V_soma - E)")
    assert e.public == {"E": "E", "C": "C", "soma.g": "g_soma", "soma.V": "V_soma"}


def test_density_is_multiplied_by_the_area_and_receptor_current_is_not():
    leak = Mechanism("leak", "1e-3 * V")
    synapse = Mechanism("syn", "2 * V", role="receptor")
    e = assemble(cell(leak, synapse, area="100"))
    values = {"V_soma": 10.0, "area_soma": 100.0}
    # 1e-2 mA/cm2 over 100 um2 is 1e-2 nA
    assert evaluate(e.currents["soma"], values) == pytest.approx(1e-2 + 20.0)
    assert evaluate(e.derived["capacitance_soma"], {"area_soma": 100.0, "C": 1.0}) == 1e-3


def test_rest_parameter_balances_membrane_currents_at_its_voltage():
    k = Mechanism("K", "n * (V + 77)", ion="K",
                  states=(gate("n", inf="sigmoid(V / 10)", tau="1"),))  # fmt: skip
    hold = Mechanism("hold", "i_hold", role="hold",
                     parameters=(Parameter("i_hold", AtRest("-i_membrane", "-60")),))  # fmt: skip
    e = assemble(cell(k, hold))
    assert evaluate(e.derived["i_hold_soma"], {}) == pytest.approx(-17 / (1 + np.exp(6)))
    steady = {"V_soma": -60.0, "n_soma": 1 / (1 + np.exp(6))}
    steady["i_hold_soma"] = float(evaluate(e.derived["i_hold_soma"], {}))
    assert evaluate(e.currents["soma"], steady) == pytest.approx(0.0, abs=1e-15)


@pytest.mark.parametrize(("name", "kind"), EVERY)
def test_charge_is_conserved(name, kind):
    """The sum of C dV is what is injected minus what flows through the membranes: no coupling."""
    e = make_model(name).equations(kind)
    total = sp.Integer(0)
    for s in e.sections:
        v, i, g = symbol(f"V_{s}"), symbol(f"I_{s}"), symbol(f"G_{s}")
        total += symbol(f"capacitance_{s}") * e.rate(s) + e.currents[s] - (i - g * v)
    assert sp.expand(total) == 0


def test_coupling_currents_cancel_for_unequal_areas():
    parts = tuple(Compartment(n, (), "1", area=a, initial="0")
                  for n, a in (("soma", "200"), ("dend", "3000")))  # fmt: skip
    e = assemble(Cell("two", parts, Spike("0"), "here", (Coupling("soma", "dend", "0.5"),)))
    values = {"V_soma": -70.0, "V_dend": -20.0, "I_soma": 0.0, "G_soma": 0.0, "I_dend": 0.0,
              "G_dend": 0.0, "coupling_soma_dend": 0.5, "capacitance_soma": 2e-3,
              "capacitance_dend": 3e-2}  # fmt: skip
    charge = [values[f"capacitance_{s}"] * evaluate(e.rate(s), values) for s in e.sections]
    assert charge == pytest.approx([25.0, -25.0])  # 0.5 uS times 50 mV, nA


@pytest.mark.parametrize(("name", "kind"), EVERY)
def test_every_parameter_has_a_source_and_a_value_within_its_bounds(name, kind):
    e = make_model(name).equations(kind)
    declared = [*e.cell.parameters]
    for c in e.cell.compartments:
        declared += [*c.parameters, *(p for m in c.mechanisms for p in m.parameters)]
    for p in declared:
        assert p.source, p.name
        if isinstance(p.value, float):
            assert p.bounds[0] <= p.value <= p.bounds[1], p.name


@pytest.mark.parametrize(("name", "kind"), EVERY)
def test_equations_use_defined_names_only(name, kind):
    e = make_model(name).equations(kind)
    defined = {*e.parameters, *e.derived, *e.states, *e.voltages, *(r.name for r in e.randoms)}
    written = [*e.currents.values(), e.threshold, e.refractory, *e.reset.values(),
               *(s.derivative for s in e.states.values())]  # fmt: skip
    assert {s.name for x in written for s in x.free_symbols} <= defined
    assert set(e.public.values()) <= {*e.parameters, *e.derived, *e.states, *e.voltages}
