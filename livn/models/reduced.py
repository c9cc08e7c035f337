"""What the reduced cells of livn share: a cylinder cut in two, ion pools, temperature, pinning.

From livn (Gressmann et al. 2025, bioRxiv 2025.12.16.694706) and the files it was published with.
"""

from collections.abc import Mapping

from livn.models.description import (
    AtRest,
    Cell,
    Compartment,
    Coupling,
    Mechanism,
    Parameter,
    Spike,
    State,
    positive,
    strictly_positive,
)
from livn.models.receptors import conductance_noise

LIVN = "livn, Gressmann et al. 2025, bioRxiv 2025.12.16.694706"
_NERNST = "R * (celsius + 273.15) / F * log(({o}) / ({i}))"

LEAK = Mechanism(
    "leak",
    "g_pas * (V - e_pas)",
    parameters=(
        positive("g_pas", 1e-4, "S/cm2", LIVN),
        Parameter("e_pas", -62.0, "mV", LIVN),
    ),
)
HOLD = Mechanism(
    "hold",
    "i_hold",
    role="hold",
    parameters=(Parameter("i_hold", AtRest("-i_membrane", "V_rest"), "mA/cm2", "balances V_rest"),),
)
CA_REST = Parameter("i_Ca_rest", AtRest("i_Ca", "V_init"), "mA/cm2", "calcium current at the start")
# constants of nature are text: nobody should set them
SHARED = (
    Parameter("celsius", 36.0, "degC", f"{LIVN}: temperature of its fits", (0.0, 60.0)),
    Parameter("R", "8.31446261815324", "1", "CODATA 2018: J/(mol K)"),
    Parameter("F", "96.48533212331", "1", "CODATA 2018: C/mmol, so that RT/F is in mV"),
    Parameter("pi", "3.141592653589793", "1", "circle"),
    strictly_positive("valence", 2.0, "1", f"{LIVN}; 1 would be physical"),
    strictly_positive("depth", 0.2, "um", f"{LIVN}: shell under the membrane"),
    positive("pump", 0.075, "1/ms", f"{LIVN}: relaxation of the ion pools"),
    Parameter("V_init", -75.0, "mV", LIVN),
)


def driving_force(scale: str) -> str:
    """Return the Goldman-Hodgkin-Katz driving force of calcium, mV, over V and Ca.

    It is -f (1 - Ca/2 exp(V/f)) efun(V/f) with f = `scale`, written with exp(z) efun(z) =
    efun(z) + z so that one exponential serves.
    """
    return f"-({scale} * efun(V / {scale}) * (1 - Ca / 2) - Ca / 2 * V)"


def driving_force_scale(name: str, factor: float) -> Parameter:
    """Return the scale f of `driving_force`: RT/2F, with RT/F counted as `factor` mV at 20 °C."""
    return Parameter(
        name,
        f"{factor} / 293.15 * (celsius + 273.15) / 2",
        "mV",
        f"Booth, Rinzel & Kiehn 1997 in the form of {LIVN}",
    )


def ion_pool(ion: str, inside: float, outside: float, drifting: bool = True) -> Mechanism:
    """Return the concentrations of a monovalent ion on both sides and its reversal potential.

    The flux is divided by 2F as in published livn although the ion is monovalent (`valence`).

    Args:
        ion: "Na" or "K".
        inside, outside: resting concentrations, mM.
        drifting: whether currents change them; else the reversal potential is constant.
    """
    i, o = f"{ion}_i", f"{ion}_o"
    rest = (
        strictly_positive(f"{i}0", inside, "mM", LIVN),
        strictly_positive(f"{o}0", outside, "mM", LIVN),
    )
    if not drifting:
        reversal = _NERNST.format(i=f"{i}0", o=f"{o}0")
        constant = Parameter(f"E_{ion}", reversal, "mV", "Nernst potential at rest")
        return Mechanism(f"{ion}_rest", parameters=(*rest, constant))
    flux = f"i_{ion} * 1e4 / (valence * 1e3 * F * depth)"
    return Mechanism(
        f"{ion}_pool",
        definitions={f"E_{ion}": _NERNST.format(i=i, o=o)},
        states=(
            State(i, f"-{flux} - pump * ({i} - {i}0)", initial=f"{i}0", unit="mM"),
            State(o, f"{flux} - pump * ({o} - {o}0)", initial=f"{o}0", unit="mM"),
        ),
        parameters=rest,
    )


def sodium(drifting: bool = True) -> Mechanism:
    """Return the sodium pool at 15 mM inside and 145 mM outside."""
    return ion_pool("Na", 15.0, 145.0, drifting)


def potassium(drifting: bool = True) -> Mechanism:
    """Return the potassium pool at 145 mM inside and 5 mM outside."""
    return ion_pool("K", 145.0, 5.0, drifting)


def fitted(
    values: Mapping[str, float], source: str, *mechanisms: Mechanism
) -> tuple[Mechanism, ...]:
    """Return the mechanisms with their share of `values`."""
    out = []
    for m in mechanisms:
        known = {p.name for p in m.parameters}
        out.append(m.with_values(source, **{k: v for k, v in values.items() if k in known}))
    return tuple(out)


def detector(threshold: float, refractory_period: float, source: str) -> tuple[Parameter, ...]:
    """Return the parameters of `CROSSING`."""
    return (
        Parameter("V_threshold", threshold, "mV", source),
        positive("refractory_period", refractory_period, "ms", f"{LIVN}: spike detector"),
    )


CROSSING = Spike("V_threshold", refractory="refractory_period")


def two_compartment_cell(
    name: str,
    source: str,
    soma: tuple[Mechanism, ...],
    dend: tuple[Mechanism, ...],
    parameters: tuple[Parameter, ...],
) -> Cell:
    """Return a cylinder cut into a soma and a dendrite.

    Inhibitory noise acts on the soma, excitatory noise on the dendrite. The two half cylinders
    in series have one conductance, so the charge that leaves one compartment enters the other.

    Args:
        name, source: of the cell.
        soma, dend: mechanisms.
        parameters: from `cylinder`, and others of the cell.
    """
    return Cell(
        name=name,
        source=source,
        compartments=(
            Compartment(
                "soma",
                (*soma, HOLD, conductance_noise("i", 1)),
                capacitance="global_cm * cm_ratio",
                area="pi * global_diam * pp * L",
            ),
            Compartment(
                "dend",
                (*dend, conductance_noise("e", 0)),
                capacitance="global_cm",
                area="pi * global_diam * (1 - pp) * L",
                offset="dendrite_offset",
            ),
        ),
        # 1e-3 S/mS and 1e-2 uS per S/cm2 um2
        couplings=(
            Coupling("soma", "dend", "2 * gc * 1e-3 * 1e-2 * pi * global_diam * (1 - pp) * L"),
        ),
        spike=CROSSING,
        parameters=(*SHARED, *parameters),
    )


def cylinder(
    source: str,
    *,
    L: float,
    pp: float,
    global_diam: float,
    global_cm: float,
    cm_ratio: float,
    gc: float,
    V_rest: float,
) -> tuple[Parameter, ...]:
    """Return the parameters of `two_compartment_cell` that a fit gives.

    Args:
        source: of the fit.
        L, global_diam: length and diameter, µm.
        pp: share of the soma in the length.
        global_cm: capacitance of the dendrite, µF/cm²; the soma has `cm_ratio` times that.
        gc: coupling, mS/cm².
        V_rest: voltage at which a constant current balances the soma, mV.
    """
    return (
        strictly_positive("L", L, "um", source),
        Parameter("pp", pp, "1", f"{source}: share of the soma in the length", (1e-3, 0.999)),
        strictly_positive("global_diam", global_diam, "um", source),
        strictly_positive("global_cm", global_cm, "uF/cm2", source),
        strictly_positive("cm_ratio", cm_ratio, "1", source),
        positive("gc", gc, "mS/cm2", source),
        positive("dendrite_offset", 60.0, "um", f"{LIVN}, version 2.0: inside a 40 um dish"),
        Parameter("V_rest", V_rest, "mV", source),
    )
