"""ReducedCalciumSomaDendrite: the two-compartment excitatory cell of Booth, Rinzel & Kiehn 1997
and its one-compartment inhibitory partner.

The equations are those of Booth, Rinzel & Kiehn (1997, J Neurophysiol 78:3371) with the fitted
parameters of published livn 2.0-dev at 36 °C. Where published sets disagree the choice is: calcium
currents in GHK form; CaL time constant 60 ms and KCa half activation 0.5 µM, the values livn's
fits used (the 1997 paper and one other implementation have 40 ms, 0.2 µM); sodium and potassium
pools active; only the soma is balanced at V_rest, for which reference vectors exist, so the whole
cell rests a few mV below; GABA_A and noise as in `receptors`. One coupling conductance joins the
compartments, so the charge that leaves one enters the other.
"""

from dataclasses import dataclass

from livn.models.description import (
    Cell,
    Compartment,
    Kind,
    Mechanism,
    Parameter,
    State,
    gate,
    positive,
    strictly_positive,
)
from livn.models.model import Model
from livn.models.receptors import conductance_noise
from livn.models.reduced import (
    CA_REST,
    CROSSING,
    HOLD,
    LEAK,
    LIVN,
    SHARED,
    cylinder,
    detector,
    driving_force,
    driving_force_scale,
    fitted,
    potassium,
    sodium,
    two_compartment_cell,
)

_BRK = "Booth, Rinzel & Kiehn 1997, J Neurophysiol 78:3371"
_MOTONEURON = f"{LIVN}, parameter set BoothRinzelKiehn-MN"
_RENSHAW = f"{LIVN}, parameter set V1In-Renshaw-InVitro"

NA = Mechanism(
    "Na",
    "g_Na * m_Na**3 * h_Na * (V - E_Na)",
    ion="Na",
    definitions={"m_Na": "sigmoid((V + 35) / 7.8)"},
    states=(
        gate(
            "h_Na",
            inf="sigmoid(-(V + 55) / 7)",
            tau="30 / (exp((V + 50) / 15) + exp(-(V + 50) / 16))",
        ),
    ),
    parameters=(positive("g_Na", 0.12, "S/cm2", _BRK),),
)
K = Mechanism(
    "K",
    "g_K * n_K**4 * (V - E_K)",
    ion="K",
    states=(
        gate(
            "n_K",
            inf="sigmoid((V + 28) / 15)",
            tau="7 / (exp((V + 40) / 40) + exp(-(V + 40) / 50))",
        ),
    ),
    parameters=(positive("g_K", 0.1, "S/cm2", _BRK),),
)
KA = Mechanism(
    "KA",
    "g_Ka * a_KA * b_KA * (V - E_K)",
    ion="K",
    states=(
        gate("a_KA", inf="sigmoid((V + 36) / 8)", tau="1"),
        gate("b_KA", inf="sigmoid(-(V + 66) / 8)", tau="15"),
    ),
    parameters=(positive("g_Ka", 0.0, "S/cm2", _RENSHAW),),
)
KCA = Mechanism(
    "KCa",
    "g_KCa * Ca / (Ca + K_d) * (V - E_K)",
    ion="K",
    parameters=(
        positive("g_KCa", 0.005, "S/cm2", _BRK),
        strictly_positive("K_d", 5e-4, "mM", f"{LIVN}; one listing of BRK has 2e-4"),
    ),
)
CAN = Mechanism(
    "CaN",
    f"g_CaN * m_CaN**2 * h_CaN * ({driving_force('f_N')})",
    ion="Ca",
    states=(
        gate("m_CaN", inf="sigmoid((V + 30) / 5)", tau="4"),
        gate("h_CaN", inf="sigmoid(-(V + 45) / 5)", tau="40"),
    ),
    parameters=(
        positive("g_CaN", 0.0, "S/cm2", _BRK),
        driving_force_scale("f_N", 36),
    ),
)
CAL = Mechanism(
    "CaL",
    f"g_CaL * m_CaL * ({driving_force('f_L')})",
    ion="Ca",
    states=(gate("m_CaL", inf="sigmoid((V + 40) / 7)", tau="60"),),
    parameters=(
        positive("g_CaL", 0.0, "S/cm2", _BRK),
        driving_force_scale("f_L", 25),
    ),
)
CALCIUM = Mechanism(
    "calcium",
    states=(
        State(
            "Ca",
            "f * (relu(-alpha * (i_Ca - i_Ca_rest)) - k * (Ca - Ca_0))",
            initial="Ca_0",
            unit="mM",
        ),
    ),
    parameters=(
        positive("f", 0.004, "1", _BRK + ": fraction of free calcium"),
        positive("alpha", 1.0, "1", _BRK + ": mM/ms per mA/cm2"),
        positive("k", 8.0, "1/ms", _BRK + ": removal"),
        positive("Ca_0", 1e-5, "mM", LIVN),
        CA_REST,
    ),
)
_EXC_SOMA = {
    "g_Na": 0.16667339205741882, "g_K": 0.06444230715646704, "g_KCa": 0.001865702157561832,
    "g_CaN": 3.060516904561799e-04, "g_pas": 9.302226751616419e-05,
    "f": 0.013447929809072348, "alpha": 3.2002168327027687, "k": 1.0,
}  # fmt: skip
_EXC_DEND = {
    "g_KCa": 4.750438852334796e-04, "g_CaN": 0.001, "g_CaL": 1.3888775426905302e-05,
    "g_pas": 4.429519140261562e-05,
    "f": 0.001348028244331323, "alpha": 4.127872667411456, "k": 15.900063160386765,
}  # fmt: skip
_INH_SOMA = {
    "g_Na": 0.08557455986738205, "g_K": 0.09600003063678741, "g_Ka": 0.0059051355347037315,
    "g_KCa": 0.002114551141858101, "g_CaN": 0.0016945463139563799,
    "g_pas": 4.035637903143652e-05, "e_pas": -67.66380310058594,
    "f": 0.01990448124706745, "alpha": 4.453778266906738, "k": 8.111538887023926,
}  # fmt: skip


def excitatory_cell(refractory_period: float = 2.0, drifting_ions: bool = True) -> Cell:
    """Return the two-compartment motoneuron of Booth, Rinzel & Kiehn as livn fitted it."""
    soma = fitted(_EXC_SOMA, _MOTONEURON, NA, K, KCA, CAN, LEAK, CALCIUM)
    dend = fitted(_EXC_DEND, _MOTONEURON, KCA, CAN, CAL, LEAK, CALCIUM)
    return two_compartment_cell(
        "BoothRinzelKiehn-MN",
        f"{_BRK}; {_MOTONEURON}",
        soma=(*soma, sodium(drifting_ions), potassium(drifting_ions)),
        dend=(*dend, potassium(drifting_ions)),
        parameters=(
            *cylinder(
                _MOTONEURON, L=120.0, pp=0.1, global_diam=7.0965752601623535,
                global_cm=1.0312566757202148, cm_ratio=1.777068615934255,
                gc=7.206964498910834, V_rest=-57.4,
            ),
            *detector(-37.0, refractory_period, _MOTONEURON),
        ),
    )  # fmt: skip


def inhibitory_cell(refractory_period: float = 2.0, drifting_ions: bool = True) -> Cell:
    """Return the one-compartment spinal interneuron as livn fitted it.

    Its targets are passive properties and threshold of cells in vitro (Hoang et al. 2018) and the
    firing of Renshaw cells (Perry et al.).
    """
    mechanisms = fitted(_INH_SOMA, _RENSHAW, NA, K, KA, KCA, CAN, LEAK, CALCIUM)
    pools = (sodium(drifting_ions), potassium(drifting_ions))
    noise = (conductance_noise("e", 0), conductance_noise("i", 1))
    return Cell(
        name="V1In-Renshaw-InVitro",
        source=f"{_BRK}, with an A-current; {_RENSHAW}",
        compartments=(
            Compartment(
                "soma",
                (*mechanisms, *pools, HOLD, *noise),
                capacitance="cm",
                area="pi * diam**2",
            ),
        ),
        spike=CROSSING,
        parameters=(
            *SHARED,
            strictly_positive("diam", 19.411474227905273, "um", _RENSHAW),
            strictly_positive("cm", 0.9462705254554749, "uF/cm2", _RENSHAW),
            Parameter("V_rest", -60.0, "mV", _RENSHAW),
            *detector(-50.0, refractory_period, _RENSHAW),
        ),
    )


@dataclass(frozen=True)
class ReducedCalciumSomaDendrite(Model):
    """The default network model: excitatory soma and dendrite, inhibitory soma, with calcium.

    Attributes:
        refractory_period: threshold crossings closer than this are one spike, ms.
        drifting_ions: whether sodium and potassium concentrations follow the currents. Without,
            excitatory cells differ by 0.02 ms at most, inhibitory ones fire about 1 % slower.

    Raises:
        InvalidValue: if the refractory period is negative.
    """

    refractory_period: float = 2.0
    drifting_ions: bool = True

    def __post_init__(self) -> None:
        self.cell("excitatory")  # a wrong value is refused here

    # Destexhe et al. 2001 for a cell of 34636 um2, scaled to the 2675 um2 of the excitatory cell

    def cell(self, kind: Kind) -> Cell:
        """Return the cell of an excitatory or inhibitory population."""
        build = excitatory_cell if kind == "excitatory" else inhibitory_cell
        return build(self.refractory_period, self.drifting_ions)
