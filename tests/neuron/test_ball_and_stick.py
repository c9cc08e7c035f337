"""Cells with a shape against the same cells built by hand in NEURON, with NEURON's channels."""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import pytest
from neuron import h

from livn.backend.neuron.lower import lower
from livn.env import Env
from livn.models.assembly import assemble
from livn.models.description import Cell
from livn.models.hodgkin_huxley import CELL, LEAK, POTASSIUM, SODIUM
from livn.models.model import Model
from livn.models.morphology import CM, RA, ball, morphological_cell
from livn.models.receptors import Receptor
from livn.models.scheme import derive_step
from livn.models.swc import read_swc
from livn.models.values import parameter_values
from livn.stimulus import Stimulus

SOMA = 20.0  # um, length and diameter
LENGTH, DIAMETER = 300.0, 2.0  # um, of the dendrite
CURRENT = 0.5  # nA into the soma
DURATION = 20.0  # ms
DT = 0.005  # ms
ACTIVE = (SODIUM, POTASSIUM, LEAK)
SINGLE = 1e-7  # relative, of single precision: NEURON keeps points in it

# a soma, a basal dendrite that tapers and forks, an apical one that bends
SWC = """\
# id type x y z radius parent
1 1 0 0 0 8 -1
2 3 0 8 0 2 1
3 3 0 120 10 1.5 2
4 3 20 200 10 0.75 3
5 3 40 330 0 0.5 4
6 3 -20 150 10 0.5 3
7 3 -60 190 30 0.4 6
8 4 0 -8 0 1 1
9 4 30 -40 0 0.75 8
10 4 30 -90 20 0.5 9
"""


@dataclass(frozen=True)
class Shaped(Model):
    """The same cell in every population."""

    shape: Cell

    def cell(self, kind):
        return self.shape


def shaped(morphology, mechanisms, **arguments):
    lists = {s.kind for s in morphology.sections}
    return morphological_cell(
        "shaped", morphology, dict.fromkeys(lists, mechanisms), spike=CELL.spike,
        parameters=CELL.parameters, source="test", cm=replace(CM, value=1.0), **arguments,
    )  # fmt: skip


@lru_cache
def ball_and_stick():
    return shaped(ball(SOMA).with_cylinder("dend", LENGTH, DIAMETER), ACTIVE)


def neurons(morphology):
    """Return NEURON's sections of a morphology, cut by its own rule of Hines & Carnevale 2001."""
    h.load_file("stdlib.hoc")  # lambda_f
    made = []
    for k, section in enumerate(morphology.sections):
        new = h.Section(name=f"by_hand_{k}")
        for point in section.points:
            h.pt3dadd(*point, sec=new)
        new.Ra, new.cm = RA.value, 1.0
        if k:
            new.connect(made[0](0.5) if section.parent == 0 else made[section.parent](1), 0)
            new.nseg = int((new.L / (0.1 * h.lambda_f(100, sec=new)) + 0.9) / 2) * 2 + 1
        made.append(new)
    return made


def by_hand():
    """Return voltages of soma and last segment of the ball and stick from NEURON alone."""
    soma, dend = neurons(ball(SOMA).with_cylinder("dend", LENGTH, DIAMETER))
    for section in (soma, dend):
        section.insert("hh")
        for segment in section:
            segment.hh.el = -54.387
    h.celsius, h.usetable_hh, h.dt, h.secondorder = 6.3, 0, DT, 2
    clamp = h.IClamp(soma(0.5))
    clamp.delay, clamp.dur, clamp.amp = 0.0, DURATION, CURRENT
    last = dend(1 - 0.5 / dend.nseg)
    found = [h.Vector().record(s._ref_v) for s in (soma(0.5), last)]
    h.finitialize(-65.0)
    for _ in range(round(DURATION / DT)):
        h.fadvance()
    return dend.nseg, np.array([np.array(v) for v in found])


def crossings(voltage, level=0.0):
    k = np.flatnonzero((voltage[:-1] < level) & (voltage[1:] >= level))
    return DT * (k + (level - voltage[k]) / (voltage[k + 1] - voltage[k]))


def run(backend, cell, sections, dt=DT):
    env = Env(1, Shaped(cell), backend=backend).init().record_voltage(dt=dt, sections=sections)
    given = Stimulus.from_current(np.full((int(DURATION), 1), CURRENT), dt=1.0)
    found = env.run(DURATION, given, dt=dt).voltage
    env.close()
    return found


def test_ball_and_active_stick_is_the_cell_neuron_builds():
    n, expected = by_hand()
    cell = ball_and_stick()
    assert len(cell.sections) == 1 + n
    assert n >= 5

    found = run("neuron", cell, ["soma", cell.sections[-1]])

    for ours, theirs in zip(found, expected, strict=True):
        assert len(crossings(theirs)) >= 2
        # both are of second order; gates start half a step apart, as livn counts from t = 0
        assert crossings(ours) == pytest.approx(crossings(theirs), abs=DT / 2)
    assert crossings(found[1])[0] > crossings(found[0])[0]  # the spike runs out along the dendrite


@pytest.fixture
def tree(tmp_path):
    path = tmp_path / "cell.swc"
    path.write_text(SWC)
    return read_swc(path)


def conductances(cell):
    """Return area, um2, and conductance matrix, uS, of a passive cell."""
    equations = assemble(cell)
    values = parameter_values(equations, {}, 0, np.zeros(1, np.uint32))
    area = np.array([values[f"area_{s}"] for s in cell.sections])
    leak = [values.get(f"g_pas_{s}", 0.0) for s in cell.sections]
    matrix = np.diag(leak * area * 1e-2)  # uS of 1 S/cm2 on 1 um2
    for a, b, name in equations.coupled:
        k = [cell.sections.index(a), cell.sections.index(b)]
        matrix[np.ix_(k, k)] += values[name] * np.array([[1, -1], [-1, 1]])
    return area, matrix


def test_areas_and_input_resistance_of_a_file_are_those_of_neuron(tree):
    cell = shaped(tree, (LEAK,))
    sections = neurons(tree)
    for section in sections:
        section.insert("pas")
        section.g_pas = LEAK.parameters[0].value
    h.finitialize(-65.0)
    zap = h.Impedance()
    zap.loc(0.5, sec=sections[0])
    zap.compute(0.0)

    area, matrix = conductances(cell)

    segments = [segment for section in sections for segment in section]
    own = [not s.startswith("fork") for s in cell.sections]
    assert area[own] == pytest.approx([s.area() for s in segments], rel=SINGLE)
    # the fork has 1e-3 um2 but no leak: as NEURON's node without area
    resistance = np.linalg.inv(matrix)[0, 0]
    assert resistance == pytest.approx(zap.input(0.5, sec=sections[0]), rel=1e-6)


def test_equal_compartments_share_a_mechanism(tree):
    lowered = lower(derive_step(assemble(shaped(tree, ACTIVE))), {})

    assert len(lowered) > 15
    # the soma, which looks for spikes; all with channels; the fork
    assert len({m.text for m in lowered}) == 3


def test_compartment_with_a_synapse_has_a_mechanism_of_its_own(tree):
    ampa = Receptor.from_config(
        "AMPA", {"e": 0.0, "g_unit": 5e-4, "tau_rise": 0.5, "tau_decay": 3.0}
    )
    cell = shaped(tree, ACTIVE, d_lambda=0.4)
    cell = cell.with_mechanisms("dend1", ampa.mechanism()).with_mechanisms(
        "dend2", ampa.mechanism()
    )
    step = derive_step(assemble(cell))
    one = {0: (("A_AMPA_dend1", "B_AMPA_dend1"),)}
    both = {0: (*one[0], ("A_AMPA_dend2", "B_AMPA_dend2"))}

    found = {m.section: m for m in lower(step, both)}
    assert found["dend"].text == found["dend3"].text != found["dend1"].text
    assert found["dend1"].text == found["dend2"].text
    assert {"A_AMPA_dend2", "B_AMPA_dend2"} <= set(found["dend2"].dynamic)
    assert "g_Na_dend2" in found["dend2"].constants

    found = {m.section: m for m in lower(step, one)}
    assert found["dend1"].text != found["dend2"].text
    assert found["dend2"].arrivals == ()


def test_backends_agree_on_a_cell_that_forks(tree):
    cell = shaped(tree, ACTIVE, d_lambda=2.0)
    assert cell.sections == ("soma", "dend", "fork", "dend1", "dend2", "apical")
    wanted = ["soma", "fork", "apical"]

    native, brian2, neuron = (
        run(backend, cell, wanted, dt=0.025) for backend in ("native", "brian2", "neuron")
    )

    assert len(crossings(native[0])) == 2
    # the same step, in another order of operations: rounding, 2e-12 mV measured
    assert brian2 == pytest.approx(native, abs=1e-9)
    assert neuron == pytest.approx(native, abs=1e-9)
