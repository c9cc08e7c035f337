"""Izhikevich 2003, the network of its figure 3: regular and fast spiking cells that vary."""

from livn.models.description import (
    Cell,
    Compartment,
    Kind,
    Mechanism,
    Parameter,
    Spike,
    State,
    Uniform,
    positive,
    strictly_positive,
)
from livn.models.model import Model
from livn.models.receptors import current_noise

_SOURCE = "Izhikevich 2003, IEEE Trans Neural Netw 14:1569"


def _cell(name: str, noise_scale: float, a: str, b: str, c: str, d: str) -> Cell:
    quadratic = Mechanism(
        "quadratic",
        "-1e-3 * (0.04 * V**2 + 5 * V + 140 - u)",
        states=(State("u", "a * (b * V - u)", initial="b * V_init", unit="mV/ms"),),
        parameters=(
            Parameter("r", Uniform(0.0, 1.0), "1", f"{_SOURCE}, heterogeneity of fig. 3"),
            Parameter("a", a, "1/ms", _SOURCE),
            Parameter("b", b, "1/ms", _SOURCE),
            Parameter("c", c, "mV", _SOURCE),
            Parameter("d", d, "mV/ms", _SOURCE),
            strictly_positive("C", 1e-3, "nF", "R_m = 1 GOhm: 1 pA is 1 mV/ms"),
        ),
    )
    noise = current_noise(
        f"1e-3 * {noise_scale} * level", (positive("level", 0.0, "pA", "off until set_noise"),)
    )
    return Cell(
        name=name,
        source=_SOURCE,
        compartments=(Compartment("soma", (quadratic, noise), capacitance="C"),),
        spike=Spike("V_threshold", reset={"V": "c", "u": "u + d"}),
        parameters=(
            Parameter("V_init", -65.0, "mV", _SOURCE),
            Parameter("V_threshold", 30.0, "mV", f"{_SOURCE}: cut-off of the spike"),
        ),
    )


EXCITATORY = _cell("Izhikevich-RS", 5.0, "0.02", "0.2", "-65 + 15 * r**2", "8 - 6 * r**2")
INHIBITORY = _cell("Izhikevich-FS", 2.0, "0.02 + 0.08 * r", "0.25 - 0.05 * r", "-65", "2")


class Izhikevich(Model):
    """v' = 0.04 v² + 5 v + 140 - u + I, u' = a (b v - u); the default point model."""

    dt = 0.1

    def cell(self, kind: Kind) -> Cell:
        """Return regular spiking cells for excitatory, fast spiking for inhibitory populations."""
        return EXCITATORY if kind == "excitatory" else INHIBITORY
