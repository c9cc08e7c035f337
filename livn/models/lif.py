"""Leaky integrate-and-fire with conductance synapses."""

from livn.models.description import (
    Cell,
    Compartment,
    Kind,
    Mechanism,
    Parameter,
    Spike,
    positive,
    strictly_positive,
)
from livn.models.model import Model
from livn.models.receptors import current_noise

_SOURCE = "livn, Gressmann et al. 2025, bioRxiv 2025.12.16.694706: preset of 10 ms, 100 MOhm"

CELL = Cell(
    name="LIF",
    source=_SOURCE,
    compartments=(
        Compartment(
            "soma",
            (
                Mechanism(
                    "leak",
                    "1e-3 * g_L * (V - E_L)",
                    parameters=(
                        strictly_positive("g_L", 10.0, "nS", _SOURCE),
                        Parameter("E_L", -70.0, "mV", _SOURCE),
                        strictly_positive("tau_m", 10.0, "ms", _SOURCE),
                    ),
                ),
                current_noise(
                    "1e-3 * level", (positive("level", 0.0, "pA", "off until set_noise"),)
                ),
            ),
            capacitance="1e-3 * tau_m * g_L",
        ),
    ),
    spike=Spike("V_threshold", refractory="refractory_period", reset={"V": "V_reset"}, held=("V",)),
    parameters=(
        Parameter("V_init", -70.0, "mV", _SOURCE),
        Parameter("V_threshold", -55.0, "mV", _SOURCE),
        Parameter("V_reset", -75.0, "mV", _SOURCE),
        positive("refractory_period", 0.0, "ms", _SOURCE),
    ),
)


class LIF(Model):
    """C V' = -g_L (V - E_L) + I, reset at threshold; exact between spikes."""

    dt = 0.1

    def cell(self, kind: Kind) -> Cell:
        """Return the one cell."""
        return CELL
