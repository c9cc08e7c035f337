"""The NMODL of cells: golden text, and what it must and must not say.

python tests/neuron/test_lower.py    write the files anew, after a wanted change
"""

from pathlib import Path

import pytest

from livn.backend.neuron.lower import HISTORY, NAME, lower
from livn.errors import NotSupported
from livn.models import make_model
from livn.models.assembly import assemble
from livn.models.description import Mechanism
from livn.models.receptors import Receptor
from livn.models.scheme import derive_step

GOLDEN = Path(__file__).parent / "golden"
AMPA = {"e": 0.0, "g_unit": 5e-4, "tau_rise": 0.5, "tau_decay": 3.0}
EVENTS = {2: (("A_AMPA_soma", "B_AMPA_soma"),)}


def with_ampa(model, section="soma"):
    cell = make_model(model).cell("excitatory")
    receptor = Receptor.from_config("AMPA", AMPA).mechanism()
    return derive_step(assemble(cell.with_mechanisms(section, receptor)))


def plain(model, kind="excitatory"):
    return derive_step(make_model(model).equations(kind))


CASES = {
    "HodgkinHuxley": lambda: lower(with_ampa("HodgkinHuxley"), EVENTS),
    "LIF": lambda: lower(with_ampa("LIF"), EVENTS),
    "PinskyRinzel": lambda: lower(
        derive_step(make_model("PinskyRinzel").equations("excitatory")), {}
    ),
}


def text_of(name):
    return "\n".join(m.text for m in CASES[name]())


@pytest.mark.parametrize("name", CASES)
def test_text_is_the_golden_file(name):
    golden = (GOLDEN / f"{name}.mod").read_text("utf-8")
    assert text_of(name) == golden, "run python tests/neuron/test_lower.py if the change is meant"


def test_every_golden_file_has_its_case():
    assert {f.stem for f in GOLDEN.glob("*.mod")} == set(CASES)


def test_each_section_has_a_mechanism_and_a_reset_cell_one():
    soma, dend = CASES["PinskyRinzel"]()
    (whole,) = CASES["LIF"]()

    assert (soma.section, dend.section, whole.section) == ("soma", "dend", "")
    assert "NONSPECIFIC_CURRENT i" in soma.text
    assert "NONSPECIFIC_CURRENT" not in whole.text
    assert set(HISTORY) <= set(soma.dynamic)
    assert "V_soma" in whole.dynamic


def test_only_the_section_with_the_detector_looks_for_spikes():
    soma, dend = CASES["PinskyRinzel"]()

    assert "fired = 1" in soma.text
    assert "fired = 1" not in dend.text
    assert "wait" not in dend.dynamic


def test_events_are_numbers_that_open_both_states_of_a_receptor():
    for name in ("HodgkinHuxley", "LIF"):
        (m,) = CASES[name]()

        assert m.arrivals == (2,)
        assert m.increments == (("increment_2_0", 2, 0),)
        for state in ("A_AMPA_soma", "B_AMPA_soma"):
            assert f"{state} = {state} + arrived_2*increment_2_0" in m.text
        assert "arrived_2 = 0" in m.text


def test_receptors_are_only_on_the_section_they_are_placed_on():
    soma, dend = lower(with_ampa("PinskyRinzel", "dend"), {0: (("A_AMPA_dend", "B_AMPA_dend"),)})
    assert (soma.arrivals, dend.arrivals) == ((), (0,))
    assert "AMPA" not in soma.text


def test_steep_gate_is_taken_at_the_predicted_midpoint():
    soma, _ = CASES["PinskyRinzel"]()
    current = soma.text.split("\nBREAKPOINT")[1].split("AFTER SOLVE")[0]

    assert "exprel(-v_middle/4 - 11.725)" in current
    assert "exprel(-v/4" not in current


def test_no_name_is_a_word_of_nmodl():
    (soma,) = lower(plain("ReducedCalciumSomaDendrite", "inhibitory"), {})
    declared = soma.text.split("ASSIGNED {")[1].split("}")[0].split()

    assert {"celsius_", "F_"} <= set(declared)
    assert not {"celsius", "diam", "area", "dt", "t", "F"} & set(declared)


def test_text_is_the_same_each_time():
    assert text_of("PinskyRinzel") == text_of("PinskyRinzel")
    assert NAME in text_of("PinskyRinzel")


def test_section_that_uses_another_one_is_refused():
    cell = make_model("PinskyRinzel").cell("excitatory")
    nosy = Mechanism("nosy", "1e-3 * Ca_dend * (V + 60)")
    step = derive_step(assemble(cell.with_mechanisms("soma", nosy)))

    with pytest.raises(
        NotSupported, match=r"sections of a cell apart: got \['Ca_dend'\] in section 'soma'"
    ):
        lower(step, {})


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for case in CASES:
        (GOLDEN / f"{case}.mod").write_text(text_of(case), "utf-8")
