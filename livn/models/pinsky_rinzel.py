"""Pinsky & Rinzel 1994: the two-compartment CA3 pyramidal cell.

The equations of the paper (J Comput Neurosci 1:39) with voltages in absolute mV, 60 below the
paper's. Its coupling gc refers to the area A of the whole cell, of which the soma has the share p:
here the areas are p A and (1 - p) A and one conductance gc A joins them, which gives the paper's
terms gc/p and gc/(1 - p) and conserves charge. The paper has no absolute area, so `total_area` is
chosen; 1 µA/cm² of the paper is then 0.06 nA. Its calcium has no unit.

The calcium-dependent potassium gate c opens with rates that change form at -10 mV; both forms
have the same sum, so only its steady state is written in two pieces. Rates with a removable
singularity (-46.9, -24.9, -19.9, -8.9 mV) use `linoid`.
"""

from livn.models.description import (
    Cell,
    Compartment,
    Coupling,
    Kind,
    Mechanism,
    Parameter,
    Spike,
    State,
    gate,
    positive,
    strictly_positive,
)
from livn.models.model import Model
from livn.models.receptors import conductance_noise

PR = "Pinsky & Rinzel 1994, J Comput Neurosci 1:39 (ModelDB 35358)"


NA = Mechanism(
    "Na",
    "g_Na * m_Na**2 * h_Na * (V - E_Na)",
    ion="Na",
    definitions={
        "alpha_m": "0.32 * linoid(-46.9 - V, 4)",
        "beta_m": "0.28 * linoid(V + 19.9, 5)",
        "m_Na": "alpha_m / (alpha_m + beta_m)",
    },
    states=(gate("h_Na", alpha="0.128 * exp((-43 - V) / 18)", beta="4 * sigmoid((V + 20) / 5)"),),
    parameters=(positive("g_Na", 30e-3, "S/cm2", PR),),
)
KDR = Mechanism(
    "KDR",
    "g_KDR * n_KDR * (V - E_K)",
    ion="K",
    states=(
        gate("n_KDR", alpha="0.016 * linoid(-24.9 - V, 5)", beta="0.25 * exp(-1 - 0.025 * V)"),
    ),
    parameters=(positive("g_KDR", 15e-3, "S/cm2", PR),),
)
CA = Mechanism(
    "Ca",
    "g_Ca * s_Ca**2 * (V - E_Ca)",
    ion="Ca",
    states=(
        gate("s_Ca", alpha="1.6 * sigmoid(0.072 * (V - 5))", beta="0.02 * linoid(V + 8.9, 5)"),
    ),
    parameters=(positive("g_Ca", 10e-3, "S/cm2", PR), Parameter("E_Ca", 80.0, "mV", PR)),
)
KC = Mechanism(
    "KC",
    "g_KC * c_KC * min(Ca / 250, 1) * (V - E_K)",
    ion="K",
    states=(
        gate(
            "c_KC",
            inf="where(V <= -10, exp((V + 50) / 11) / (2 * 18.975), 1)",
            tau="exp((V + 53.5) / 27) / 2",
        ),
    ),
    parameters=(positive("g_KC", 15e-3, "S/cm2", PR),),
)
AHP = Mechanism(
    "AHP",
    "g_AHP * q_AHP * (V - E_K)",
    ion="K",
    states=(gate("q_AHP", alpha="min(2e-5 * Ca, 0.01)", beta="0.001"),),
    parameters=(positive("g_AHP", 0.8e-3, "S/cm2", PR),),
)
CALCIUM = Mechanism(
    "calcium",
    states=(State("Ca", "-influx * i_Ca - decay * Ca", initial="Ca_0"),),
    parameters=(
        positive("influx", 130.0, "1", f"{PR}: 0.13 per ms and uA/cm2"),
        positive("decay", 0.075, "1/ms", PR),
        positive("Ca_0", 0.2, "1", "chosen: near rest"),
    ),
)
LEAK = Mechanism(
    "leak",
    "g_pas * (V - e_pas)",
    parameters=(positive("g_pas", 0.1e-3, "S/cm2", PR), Parameter("e_pas", -60.0, "mV", PR)),
)

CELL = Cell(
    name="PinskyRinzel",
    source=PR,
    compartments=(
        Compartment(
            "soma",
            (NA, KDR, LEAK, conductance_noise("i", 1)),
            capacitance="cm",
            area="pp * total_area",
        ),
        Compartment(
            "dend",
            (CA, KC, AHP, CALCIUM, LEAK, conductance_noise("e", 0)),
            capacitance="cm",
            area="(1 - pp) * total_area",
            offset="dendrite_offset",
        ),
    ),
    # mS/cm2 um2 is 1e-5 uS
    couplings=(Coupling("soma", "dend", "1e-5 * gc * total_area"),),
    spike=Spike("V_threshold", refractory="refractory_period"),
    parameters=(
        Parameter("E_Na", 60.0, "mV", PR),
        Parameter("E_K", -75.0, "mV", PR),
        strictly_positive("cm", 3.0, "uF/cm2", PR),
        positive("gc", 2.1, "mS/cm2", PR),
        Parameter("pp", 0.5, "1", f"{PR}: share of the soma in the area", (1e-3, 0.999)),
        strictly_positive("total_area", 6000.0, "um2", "chosen: 180 pF in all"),
        positive("dendrite_offset", 60.0, "um", "chosen: as ReducedCalciumSomaDendrite"),
        Parameter("V_init", -64.6, "mV", "chosen: near rest"),
        Parameter("V_threshold", -20.0, "mV", "detection level on the upstroke"),
        positive("refractory_period", 2.0, "ms", "livn, Gressmann et al. 2025: spike detector"),
    ),
)


class PinskyRinzel(Model):
    """The CA3 pyramidal cell in every population.

    Excitatory synapses end on the dendrite and inhibitory ones on the soma where a system has
    them so, as the cultures of livn do; background noise is placed likewise. Without any input the
    cell bursts about once a second.
    """

    # Destexhe et al. 2001 for a cell of 34636 um2, scaled to the 6000 um2 of this one

    def cell(self, kind: Kind) -> Cell:
        """Return the one cell."""
        return CELL
