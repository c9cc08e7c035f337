"""Sections, their compartments, and the files they are read from."""

from dataclasses import replace
from math import pi, sqrt, tanh

import numpy as np
import pytest

from livn.errors import CorruptFile, InvalidValue, UnknownName
from livn.models.assembly import assemble
from livn.models.description import Mechanism, Spike, Uniform, positive
from livn.models.expressions import symbol
from livn.models.hodgkin_huxley import CELL, LEAK, SODIUM
from livn.models.morphology import RA, Morphology, Section, ball, morphological_cell
from livn.models.receptors import conductance_noise
from livn.models.swc import read_swc
from livn.models.values import parameter_values

ROUNDING = 1e-12  # relative, of sums of a few numbers
SOMA = "1 1 0 0 0 5 -1\n"
FORK = SOMA + "2 3 0 5 0 1 1\n3 3 0 50 0 1 2\n4 3 30 90 0 0.5 3\n5 3 -30 90 0 0.5 3\n"


def cell_of(morphology, mechanisms=(LEAK,), **arguments):
    lists = {s.kind for s in morphology.sections}
    arguments = {"spike": CELL.spike, "parameters": CELL.parameters, "source": "test"} | arguments
    return morphological_cell("shaped", morphology, dict.fromkeys(lists, mechanisms), **arguments)


def values_of(cell):
    equations = assemble(cell)
    return equations, parameter_values(equations, {}, 0, np.arange(1, dtype=np.uint32))


def written(tmp_path, text):
    path = tmp_path / "cell.swc"
    path.write_text(text)
    return path


# sections


def test_frustum_has_the_area_and_resistance_of_a_cone():
    section = Section("dend", ((0, 0, 0, 4.0), (0, 30, 40, 1.0)))

    area, resistance = section.halves(3)

    assert len(area) == len(resistance) == 6
    assert area.sum() == pytest.approx(pi * (2.0 + 0.5) * sqrt(50**2 + 1.5**2), rel=ROUNDING)
    assert resistance.sum() == pytest.approx(50 / (pi * 2.0 * 0.5), rel=ROUNDING)
    assert area[0] > area[-1]
    assert resistance[0] < resistance[-1]


def test_halves_do_not_depend_on_points_in_between():
    few = Section("dend", ((0, 0, 0, 2.0), (90, 0, 0, 1.0)))
    many = Section("dend", ((0, 0, 0, 2.0), (30, 0, 0, 5 / 3), (60, 0, 0, 4 / 3), (90, 0, 0, 1.0)))
    for a, b in zip(few.halves(5), many.halves(5), strict=True):
        assert a == pytest.approx(b, rel=ROUNDING)


def test_sphere_keeps_its_area():
    cell = cell_of(ball(20.0))
    _, values = values_of(cell)
    assert cell.sections == ("soma",)
    assert values["area_soma"] == pytest.approx(4 * pi * 10**2, rel=ROUNDING)


@pytest.mark.parametrize(("length", "n"), [(10.0, 1), (200.0, 5), (1000.0, 25)])
def test_number_of_compartments_is_odd_and_follows_the_length_constant(length, n):
    # lambda_100 = 1e5 sqrt(d / (4 pi f Ra cm)) = 420.5 um for 2 um, 90 ohm cm, 1 uF/cm2
    section = Section("dend", ((0, 0, 0, 2.0), (length, 0, 0, 2.0)))
    assert section.n_compartments(90.0, 1.0, 0.1) == n


def test_input_resistance_is_that_of_a_finite_cable_on_a_soma():
    length, diameter = 600.0, 2.0
    cell = cell_of(ball(10.0).with_cylinder("dend", length, diameter))
    equations, values = values_of(cell)
    matrix = np.diag([values[f"g_pas_{s}"] * values[f"area_{s}"] * 1e-2 for s in cell.sections])
    for a, b, name in equations.coupled:
        k = [cell.sections.index(a), cell.sections.index(b)]
        matrix[np.ix_(k, k)] += values[name] * np.array([[1, -1], [-1, 1]])

    resistance = np.linalg.inv(matrix)[0, 0]

    g = LEAK.parameters[0].value  # S/cm2
    scale = 1e4 * sqrt(diameter * 1e-4 / (4 * g * RA.value))  # lambda, um
    infinite = pi * diameter * scale * g * 1e-2  # uS, of an endless cable: pi d lambda g
    expected = 1 / (pi * 10.0**2 * g * 1e-2 + infinite * tanh(length / scale))
    # a ladder of pieces dx has the impedance of the cable times sqrt(1 + (dx / lambda)**2 / 4)
    dx = length / (len(cell.sections) - 1)
    assert resistance == pytest.approx(expected, rel=(dx / scale) ** 2 / 8)


# cells


def test_compartments_are_named_after_their_list_and_lie_along_it():
    shape = ball(10.0).with_cylinder("apical", 90.0, 1.0).with_cylinder("dend", 30.0, 1.0, 1)
    cell = cell_of(shape, d_lambda=0.2)
    _, values = values_of(cell)

    assert cell.sections == ("soma", "apical", "apical1", "apical2", "dend")
    assert [values[f"offset_{s}"] for s in cell.sections] == pytest.approx([0, 15, 45, 75, 105])
    assert cell.section("hillock") == "dend"


def test_two_branches_leave_a_fork_and_one_goes_on():
    stem = ball(10.0).with_cylinder("dend", 20.0, 1.0)
    one = cell_of(stem.with_cylinder("dend", 20.0, 1.0, 1))
    two = cell_of(stem.with_cylinder("dend", 20.0, 1.0, 1).with_cylinder("axon", 20.0, 1.0, 1))

    assert one.sections == ("soma", "dend", "dend1")
    assert [(c.a, c.b) for c in one.couplings] == [("soma", "dend"), ("dend", "dend1")]
    assert [(c.a, c.b) for c in two.couplings] == [
        ("soma", "dend"), ("dend", "fork"), ("fork", "dend1"), ("fork", "axon"),
    ]  # fmt: skip
    assert not two.compartments[2].mechanisms


def test_parameters_of_the_first_compartment_are_those_of_its_list():
    drawn = Mechanism("drawn", parameters=(replace(LEAK.parameters[0], value=Uniform(1.0, 2.0)),))
    cell = cell_of(ball(10.0).with_cylinder("dend", 300.0, 1.0), (drawn, SODIUM))
    equations = assemble(cell)
    overrides = {"g_Na_dend": 0.2}

    values = parameter_values(equations, overrides, 0, np.arange(2, dtype=np.uint32))

    assert values["g_Na_soma"] == 0.12
    assert values["g_Na_dend1"] == values["g_Na_dend"] == 0.2
    assert np.array_equal(values["g_pas_dend2"], values["g_pas_dend"])
    assert not np.array_equal(values["g_pas_dend"], values["g_pas_soma"])


def test_density_may_change_along_a_section():
    fading = Mechanism(
        "fading", "g * exp(-distance / 100) * V", parameters=(positive("g", 1e-3, "S/cm2", "t"),)
    )
    equations, values = values_of(cell_of(ball(10.0).with_cylinder("dend", 300.0, 1.0), (fading,)))
    near, far = (
        float(equations.membrane[s].xreplace({symbol(n): v for n, v in values.items()}).diff())
        for s in ("dend", "dend2")
    )
    apart = values["distance_dend2"] - values["distance_dend"]
    assert apart > 0
    assert far / near == pytest.approx(np.exp(-apart / 100))


def test_section_list_without_mechanisms_is_named():
    shape = ball(10.0).with_cylinder("apical", 90.0, 1.0)
    with pytest.raises(InvalidValue, match=r"without mechanisms: got none for \['apical'\]"):
        morphological_cell("c", shape, {"soma": ()}, spike=CELL.spike, source="test")


def test_mechanisms_of_no_section_list_are_named():
    with pytest.raises(UnknownName, match=r"section list: got 'dendrite' \(did you mean 'dend'"):
        morphological_cell(
            "c", ball(10.0), {"soma": (), "dendrite": ()}, spike=CELL.spike, source="test"
        )


def test_noise_on_a_section_list_is_refused_and_on_a_compartment_is_not():
    shape = ball(10.0).with_cylinder("dend", 300.0, 1.0)
    noise = conductance_noise("e", 0)
    with pytest.raises(InvalidValue, match=r"noise on a section list: got \['noise_e'\]"):
        cell_of(shape, (LEAK, noise))
    equations = assemble(cell_of(shape).with_mechanisms("dend1", noise))
    assert [r.name for r in equations.randoms] == ["eta_e_dend1"]


def test_resistivity_that_is_no_number_is_refused():
    with pytest.raises(InvalidValue, match="parameter 'Ra' is no number: got 'Rm'"):
        cell_of(ball(10.0), Ra=replace(RA, value="Rm"))


def test_compartments_without_length_are_refused():
    with pytest.raises(InvalidValue, match="d_lambda is not positive: got 0.0"):
        cell_of(ball(10.0), d_lambda=0.0)


@pytest.mark.parametrize(
    ("points", "problem"),
    [
        (((0, 0, 0, 1.0),), "has no length"),
        (((0, 0, 0, 1.0), (0, 0, 0, 2.0)), "has no length"),
        (((0, 0, 0, 1.0), (5, 0, 0, 0.0)), r"has no width: got diameters \[1.0, 0.0\]"),
    ],
)
def test_section_that_is_none_is_named(points, problem):
    with pytest.raises(InvalidValue, match=problem):
        Section("dend", points)


def test_sections_out_of_order_are_named():
    soma = ball(10.0).sections[0]
    with pytest.raises(InvalidValue, match=r"begin with its one soma: got \['soma', 'soma'\]"):
        Morphology((soma, replace(soma, parent=0)))
    with pytest.raises(InvalidValue, match="before their parents: got parent 3"):
        Morphology((soma, Section("dend", ((0, 0, 0, 1.0), (9, 0, 0, 1.0)), 3)))


# files


def test_file_is_read_as_sections_between_forks(tmp_path):
    shape = read_swc(written(tmp_path, "# a comment\n\n" + FORK))

    assert [s.kind for s in shape.sections] == ["soma", "dend", "dend", "dend"]
    assert [s.parent for s in shape.sections] == [-1, 0, 1, 1]
    assert [s.length for s in shape.sections] == pytest.approx([10, 45, 50, 50])
    assert shape.sections[2].points == ((0, 50, 0, 2.0), (30, 90, 0, 1.0))


def test_order_of_lines_does_not_matter(tmp_path):
    lines = FORK.splitlines(keepends=True)
    shape = read_swc(written(tmp_path, FORK))
    again = read_swc(written(tmp_path, "".join([*lines[::-1][2:], *lines[3:]])))
    assert again == shape


def test_soma_of_three_samples_is_a_sphere_and_a_chain_is_as_drawn(tmp_path):
    three = SOMA + "2 1 0 5 0 5 1\n3 1 0 -5 0 5 1\n"
    chain = SOMA + "2 1 0 5 0 3 1\n3 1 0 9 0 1 2\n"
    sphere, drawn = (read_swc(written(tmp_path, t)).sections[0] for t in (three, chain))
    assert sphere.halves(1)[0].sum() == pytest.approx(4 * pi * 5**2, rel=ROUNDING)
    assert [p[3] for p in drawn.points] == [10.0, 6.0, 2.0]


def test_type_changes_a_section_without_a_fork(tmp_path):
    text = SOMA + "2 3 0 5 0 1 1\n3 3 0 50 0 1 2\n4 2 0 60 0 0.5 3\n5 2 0 60 0 0.5 4\n"
    shape = read_swc(written(tmp_path, text))
    assert [(s.kind, s.parent) for s in shape.sections] == [("soma", -1), ("dend", 0), ("axon", 1)]
    assert len(shape.sections[2].points) == 2  # the last sample is where the one before is


def test_single_sample_on_the_soma_begins_at_the_soma(tmp_path):
    shape = read_swc(written(tmp_path, SOMA + "2 2 0 25 0 1 1\n"))
    assert shape.sections[1].points == ((0, 0, 0, 2.0), (0, 25, 0, 2.0))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (SOMA + "2 3 0 5 0 1 7\n", r"sample without its parent: got parent 7 of sample 2;"),
        (SOMA + "2 3 0 5 0 1 3\n3 3 0 9 0 1 2\n", r"samples in a circle: got \[2, 3\];"),
        (SOMA + "2 3 0 five 0 1 1\n", r"no sample: got '2 3 0 five 0 1 1' in line 2; need seven"),
        (SOMA + "2 3 0 5\n", "no sample: got '2 3 0 5' in line 2"),
        ("1 3 0 0 0 5 -1\n", "has no soma: got 1 samples"),
        ("", "has no soma: got 0 samples"),
        (SOMA + "2 7 0 5 0 1 1\n", "type that is not known: got 7 in line 2; known: 1 soma, 2"),
        (SOMA + SOMA, "id twice: got 1 in line 2"),
        (SOMA + "2 3 0 5 0 0 1\n", "without size or place: got '2 3 0 5 0 0 1'"),
        (SOMA + "2 3 nan 5 0 1 1\n", "without size or place: got '2 3 nan"),
        (SOMA + "2 3 0 5 0 1 -1\n", r"not one tree .*: got beginnings \[1, 2\]"),
        (SOMA + "2 3 0 5 0 1 1\n3 1 0 9 0 1 2\n", r"not one tree .* somata \[1, 3\]"),
        (SOMA + "2 1 0 5 0 5 1\n3 1 0 5 1 5 2\n4 1 0 5 2 5 2\n", "soma that forks: got sample 2"),
        (SOMA + "2 3 0 0 0 1 1\n", "section without length: got all of it at sample 2"),
    ],
)
def test_file_that_is_no_cell_says_why(tmp_path, text, problem):
    with pytest.raises(CorruptFile, match=problem):
        read_swc(written(tmp_path, text))


def test_spike_may_be_looked_for_elsewhere():
    spike = Spike("V_threshold", refractory="refractory_period", compartment="axon")
    cell = cell_of(ball(10.0).with_cylinder("axon", 90.0, 1.0), spike=spike)
    assert assemble(cell).cell.spike.compartment == "axon"
