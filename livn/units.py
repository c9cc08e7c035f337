"""The one unit system of livn, and conversion into it.

ms, mV, nA, µS, µF/cm², S/cm², mA/cm², µm, mM, Hz; electrode command µA, electrode
potential µV, light mW/mm². Numbers inside a model description are in these units; a lowering
converts once, where it writes its simulator's language.
"""

from livn.errors import unknown_names

# unit -> (dimension, factor to the unit livn uses for that dimension)
UNITS: dict[str, tuple[str, float]] = {
    "1": ("number", 1.0),
    "ms": ("time", 1.0), "s": ("time", 1e3), "us": ("time", 1e-3),
    "1/ms": ("rate", 1.0), "Hz": ("rate", 1e-3),
    "mV": ("voltage", 1.0), "V": ("voltage", 1e3), "uV": ("voltage", 1e-3),
    "nA": ("current", 1.0), "pA": ("current", 1e-3), "uA": ("current", 1e3),
    "uS": ("conductance", 1.0), "nS": ("conductance", 1e-3), "mS": ("conductance", 1e3),
    "nF": ("capacitance", 1.0), "pF": ("capacitance", 1e-3),
    "uF/cm2": ("capacitance density", 1.0),
    "ohm cm": ("resistivity", 1.0),
    "S/cm2": ("conductance density", 1.0), "mS/cm2": ("conductance density", 1e-3),
    "mA/cm2": ("current density", 1.0), "uA/cm2": ("current density", 1e-3),
    "um": ("length", 1.0), "mm": ("length", 1e3), "cm": ("length", 1e4),
    "um2": ("area", 1.0), "cm2": ("area", 1e8),
    "mM": ("concentration", 1.0), "uM": ("concentration", 1e-3),
    "degC": ("temperature", 1.0),
    "mV/ms": ("voltage rate", 1.0), "1/(mV ms)": ("voltage sensitivity", 1.0),
    "mM/ms": ("concentration rate", 1.0),
    "mW/mm2": ("irradiance", 1.0), "1/mV": ("inverse voltage", 1.0),
}  # fmt: skip


def check_unit(unit: str) -> str:
    """Return `unit` if livn knows it.

    Raises:
        UnknownName: for any other text, naming the nearest units.
    """
    if unit not in UNITS:
        raise unknown_names("unit", [unit], UNITS)
    return unit


def convert(value: float, unit: str, to: str) -> float:
    """Return `value` given in `unit` expressed in `to`.

    Raises:
        UnknownName: if either unit is not known, or the two measure different things.
    """
    dimension, factor = UNITS[check_unit(unit)]
    target, target_factor = UNITS[check_unit(to)]
    if dimension != target:
        same = [u for u, (d, _) in UNITS.items() if d == dimension]
        raise unknown_names(f"unit of {dimension}", [to], same)
    return value * factor / target_factor
