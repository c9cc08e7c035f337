"""A parvalbumin basket cell in Pinsky-Rinzel form, the inhibitory cell of livn 1.0.

A soma with sodium and potassium channels and a dendrite with calcium, as livn fitted them
(Gressmann et al. 2025). Channels are those of Pinsky & Rinzel 1994 (J Comput Neurosci 1:39) with
a calcium current in GHK form and other calcium-dependent gates, all rates scaled by
3^((celsius - 36)/10). Geometry, ion pools and the current that balances V_rest are those of
`reduced`. The saturation `chi` of the calcium-dependent potassium current is a sum of sines fitted
to calcium between 0 and about 500; it means nothing beyond.
"""

from livn.models.description import Cell, Kind, Mechanism, Parameter, State, gate, positive
from livn.models.model import Model
from livn.models.pinsky_rinzel import PR, potassium_channel, sodium_channel
from livn.models.reduced import (
    CA_REST,
    LEAK,
    LIVN,
    cylinder,
    detector,
    driving_force,
    driving_force_scale,
    fitted,
    potassium,
    sodium,
    two_compartment_cell,
)

_FIT = f"{LIVN}, parameter set PinskyRinzel-PVBC"

CA = Mechanism(
    "Ca",
    f"g_Ca * s_Ca**2 * r_Ca * ({driving_force('f_Ca')})",
    ion="Ca",
    states=(
        gate(
            "s_Ca",
            alpha="5 * q10 * sigmoid(0.1 * (V - 5))",
            beta="0.2 * q10 * efun(0.2 * (V + 8.9))",
        ),
        gate(
            "r_Ca",
            alpha="0.1673 * q10 * exp(-0.03035 * (V + 38.5))",
            beta="0.5 * q10 * sigmoid(-0.3 * (8.9 - V))",
        ),
    ),
    parameters=(positive("g_Ca", 10e-3, "S/cm2", PR), driving_force_scale("f_Ca", 36)),
)
KCA = Mechanism(
    "KCa",
    "g_KCa * c_KCa * chi * (V - E_K)",
    ion="K",
    definitions={
        "chi": "relu(1.073 * sin(0.003453 * Ca + 0.08095) + 0.08408 * sin(0.01634 * Ca - 2.34)"
        " + 0.01811 * sin(0.0348 * Ca - 0.9918))",
        "x_c": "(V + 10.1) / 0.1016",
    },
    # sigmoid(x)**0.00925, with log(1 + exp(-x)) = relu(-x) + log(1 + exp(-|x|)): exp(-x) alone
    # overflows below -82 mV
    states=(
        gate(
            "c_KCa",
            inf="exp(-0.00925 * (relu(-x_c) + log(1 + exp(x_c - 2 * relu(x_c)))))",
            tau="3.627 * exp(0.03704 * V) / q10",
        ),
    ),
    parameters=(positive("g_KCa", 15e-3, "S/cm2", PR),),
)
CALCIUM = Mechanism(
    "calcium",
    states=(
        State("Ca", "relu(-10 * d * (i_Ca - i_Ca_rest)) - beta * (Ca - Ca_0)", initial="Ca_0"),
    ),
    parameters=(
        positive("d", 13.0, "1", f"{PR}: a tenth of the influx per ms and mA/cm2"),
        positive("beta", 0.075, "1/ms", f"{PR}: removal"),
        positive("Ca_0", 1e-5, "1", LIVN),
        CA_REST,
    ),
)

_CHANNELS = (sodium_channel("q10"), potassium_channel("q10"))
_SOMA = {"g_pas": 0.0016516740433871746, "g_Na": 0.898166298866272, "g_KDR": 0.0010000000474974513}
_DEND = {
    "g_pas": 4.252658982295543e-4, "g_Ca": 0.8048859238624573, "g_KCa": 1.0,
    "d": 17.446317672729492, "beta": 0.03191220387816429,
}  # fmt: skip

CELL = two_compartment_cell(
    "PinskyRinzel-PVBC",
    f"{PR}; {_FIT}",
    soma=(*fitted(_SOMA, _FIT, *_CHANNELS, LEAK), sodium(), potassium()),
    dend=(*fitted(_DEND, _FIT, CA, KCA, LEAK, CALCIUM), potassium()),
    parameters=(
        *cylinder(
            _FIT, L=37.62028884887695, pp=0.1, global_diam=10.0, global_cm=3.0,
            cm_ratio=3.903846025466919, gc=23.3135986328125, V_rest=-60.0,
        ),
        Parameter("q10", "3 ** ((celsius - 36) / 10)", "1", LIVN),
        *detector(-37.0, 2.0, _FIT),
    ),
)  # fmt: skip


class PinskyRinzelPVBC(Model):
    """The parvalbumin basket cell in every population."""

    def cell(self, kind: Kind) -> Cell:
        """Return the one cell."""
        return CELL
