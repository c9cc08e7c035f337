"""The vocabulary of models: contradictions are refused where they are written."""

import pytest

from livn.errors import InvalidValue, UnknownName
from livn.models.description import (
    AtRest,
    Cell,
    Compartment,
    Coupling,
    Mechanism,
    Parameter,
    Spike,
    State,
    Uniform,
    gate,
    positive,
    strictly_positive,
)

LEAK = Mechanism("leak", "g * (V - e)", parameters=(positive("g", 1.0, "uS", "here"),))


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"derivative": "-x", "inf": "1", "tau": "2"},
        {"inf": "1"},
        {"tau": "1"},
    ],
)
def test_state_without_a_single_equation_is_refused(given):
    with pytest.raises(InvalidValue, match="state 'x' has no single equation"):
        State("x", **given)


def test_unknown_unit_is_refused_with_the_nearest():
    with pytest.raises(UnknownName, match="unknown unit: got 'mVv'"):
        Parameter("E", 1.0, "mVv")


def test_gate_from_rates_has_their_steady_state_and_time_constant():
    g = gate("m", alpha="a", beta="b")
    assert g.inf == "(a) / ((a) + (b))"
    assert g.tau == "1 / ((a) + (b))"
    assert g.initial == g.inf


def test_replacing_an_unknown_parameter_is_refused_with_the_nearest():
    with pytest.raises(UnknownName, match=r"'gg' \(did you mean 'g'\?\)"):
        LEAK.with_values("paper", gg=2.0)


def test_replaced_parameter_has_the_new_value_and_source():
    (g,) = LEAK.with_values("paper", g=2.0).parameters
    assert (g.value, g.source, g.bounds) == (2.0, "paper", (0.0, float("inf")))


@pytest.mark.parametrize(
    ("value", "settable"), [(1.0, True), (Uniform(0, 1), True), ("2 * a", False),
                            (AtRest("i_Ca", "V_init"), False)],
)  # fmt: skip
def test_only_free_parameters_are_settable(value, settable):
    assert Parameter("p", value).settable is settable


def test_section_falls_back_to_the_soma_and_hillock_is_the_dendrite():
    parts = tuple(Compartment(n, (LEAK,), "1") for n in ("soma", "dend"))
    cell = Cell("c", parts, Spike("0"), "here", couplings=(Coupling("soma", "dend", "1"),))
    point = Cell("p", parts[:1], Spike("0"), "here")
    assert [cell.section(n) for n in ("soma", "dend", "hillock")] == ["soma", "dend", "dend"]
    assert [point.section(n) for n in ("soma", "dend", "hillock")] == ["soma"] * 3


def test_mechanisms_are_added_to_one_section_of_a_copy():
    cell = Cell("p", (Compartment("soma", (LEAK,), "1"),), Spike("0"), "here")
    more = cell.with_mechanisms("soma", Mechanism("extra", "0"))
    assert [m.name for m in more.compartments[0].mechanisms] == ["leak", "extra"]
    assert len(cell.compartments[0].mechanisms) == 1


@pytest.mark.parametrize(("make", "value"), [(positive, -1.0), (strictly_positive, 0.0)])
def test_number_outside_its_bounds_is_refused(make, value):
    with pytest.raises(InvalidValue, match=f"'tau' is out of range: got {value}; .* to inf ms"):
        make("tau", value, "ms", "here")
