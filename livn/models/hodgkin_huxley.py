"""Hodgkin & Huxley 1952, the squid giant axon: the textbook example of a description."""

from livn.models.description import (
    Cell,
    Compartment,
    Kind,
    Mechanism,
    Parameter,
    Spike,
    gate,
    positive,
    strictly_positive,
)
from livn.models.model import Model
from livn.models.receptors import conductance_noise

_SOURCE = "Hodgkin & Huxley 1952, J Physiol 117:500, with rest at -65 mV"

SODIUM = Mechanism(
    "Na",
    "g_Na * m**3 * h * (V - E_Na)",
    ion="Na",
    states=(
        gate("m", alpha="0.1 * linoid(-(V + 40), 10)", beta="4 * exp(-(V + 65) / 18)"),
        gate("h", alpha="0.07 * exp(-(V + 65) / 20)", beta="sigmoid((V + 35) / 10)"),
    ),
    parameters=(
        positive("g_Na", 0.12, "S/cm2", _SOURCE),
        Parameter("E_Na", 50.0, "mV", _SOURCE),
    ),
)
POTASSIUM = Mechanism(
    "K",
    "g_K * n**4 * (V - E_K)",
    ion="K",
    states=(gate("n", alpha="0.01 * linoid(-(V + 55), 10)", beta="0.125 * exp(-(V + 65) / 80)"),),
    parameters=(
        positive("g_K", 0.036, "S/cm2", _SOURCE),
        Parameter("E_K", -77.0, "mV", _SOURCE),
    ),
)
LEAK = Mechanism(
    "leak",
    "g_pas * (V - e_pas)",
    parameters=(
        positive("g_pas", 3e-4, "S/cm2", _SOURCE),
        Parameter("e_pas", -54.387, "mV", _SOURCE),
    ),
)

CELL = Cell(
    name="HodgkinHuxley",
    source=_SOURCE,
    compartments=(
        Compartment(
            "soma",
            (SODIUM, POTASSIUM, LEAK, conductance_noise("e", 0), conductance_noise("i", 1)),
            capacitance="cm",
            area="patch",
            parameters=(
                strictly_positive("cm", 1.0, "uF/cm2", _SOURCE),
                strictly_positive("patch", 1000.0, "um2", "chosen: a cell of 18 um diameter"),
            ),
        ),
    ),
    spike=Spike("V_threshold", refractory="refractory_period"),
    parameters=(
        Parameter("V_init", -65.0, "mV", _SOURCE),
        Parameter("V_threshold", 0.0, "mV", "detection level on the upstroke"),
        positive("refractory_period", 2.0, "ms", "livn, Gressmann et al. 2025: spike detector"),
    ),
)


class HodgkinHuxley(Model):
    """The squid axon in every cell, excitatory or inhibitory."""

    def cell(self, kind: Kind) -> Cell:
        """Return the one cell."""
        return CELL
