"""A tree of compartments against the same cell built by hand in NEURON, with NEURON's channels."""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import pytest
from neuron import h

from livn.env import Env
from livn.models.description import Compartment, Coupling
from livn.models.hodgkin_huxley import CELL, LEAK, POTASSIUM, SODIUM
from livn.models.model import Model
from livn.stimulus import Stimulus

N_SEGMENTS = 3
SOMA = 20.0  # um, length and diameter
LENGTH, DIAMETER = 200.0, 2.0  # um, of the dendrite
RESISTIVITY = 100.0  # Ohm cm
CURRENT = 0.5  # nA into the soma
DURATION = 20.0  # ms
DT = 0.005  # ms


def half_segment():
    """MOhm of half a segment of the dendrite."""
    return RESISTIVITY * 1e-2 * (LENGTH / N_SEGMENTS / 2) / (np.pi * (DIAMETER / 2) ** 2)


@lru_cache
def ball_and_stick():
    """The cell as a description: one compartment per segment, all of them active."""
    patch = CELL.compartments[0]
    names = [f"dend{k}" for k in range(N_SEGMENTS)]
    areas = {"soma": np.pi * SOMA**2}
    areas |= dict.fromkeys(names, np.pi * DIAMETER * LENGTH / N_SEGMENTS)
    compartments = tuple(
        Compartment(n, (SODIUM, POTASSIUM, LEAK), "cm", repr(a), parameters=patch.parameters)
        for n, a in areas.items()
    )
    joints = [Coupling("soma", names[0], repr(1 / half_segment()))]
    joints += [
        Coupling(a, b, repr(0.5 / half_segment())) for a, b in zip(names, names[1:], strict=False)
    ]
    return replace(CELL, name="BallAndStick", compartments=compartments, couplings=tuple(joints))


@dataclass(frozen=True)
class BallAndStick(Model):
    """The same cell in every population."""

    def cell(self, kind):
        return ball_and_stick()


def by_hand():
    """Return times and voltages of soma and last segment from NEURON alone."""
    soma, dend = h.Section(name="by_hand_soma"), h.Section(name="by_hand_dend")
    soma.L = soma.diam = SOMA
    dend.L, dend.diam, dend.nseg = LENGTH, DIAMETER, N_SEGMENTS
    dend.connect(soma(0.5), 0)
    for section in (soma, dend):
        section.Ra, section.cm = RESISTIVITY, 1.0
        section.insert("hh")
        for segment in section:
            segment.hh.el = -54.387
    h.celsius, h.usetable_hh, h.dt, h.secondorder = 6.3, 0, DT, 2
    clamp = h.IClamp(soma(0.5))
    clamp.delay, clamp.dur, clamp.amp = 0.0, DURATION, CURRENT
    found = [h.Vector().record(s._ref_v) for s in (soma(0.5), dend(0.9))]
    h.finitialize(-65.0)
    for _ in range(round(DURATION / DT)):
        h.fadvance()
    return np.array([np.array(v) for v in found])


def crossings(voltage, level=0.0):
    k = np.flatnonzero((voltage[:-1] < level) & (voltage[1:] >= level))
    return DT * (k + (level - voltage[k]) / (voltage[k + 1] - voltage[k]))


def test_tree_of_active_compartments_is_the_cell_neuron_builds():
    expected = by_hand()
    env = Env(1, BallAndStick(), backend="neuron").init()
    env.record_voltage(dt=DT, sections=["soma", f"dend{N_SEGMENTS - 1}"])
    given = Stimulus.from_current(np.full((int(DURATION), 1), CURRENT), dt=1.0)

    found = env.run(DURATION, given, dt=DT).voltage

    for ours, theirs in zip(found, expected, strict=True):
        assert len(crossings(theirs)) >= 2
        # both are of second order; gates start half a step apart, as livn counts from t = 0
        assert crossings(ours) == pytest.approx(crossings(theirs), abs=DT / 2)
    assert crossings(found[1])[0] > crossings(found[0])[0]  # the spike runs out along the dendrite
