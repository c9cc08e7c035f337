"""How a stimulus acts on a cell, and in which units."""

from livn.errors import InvalidValue, unknown_names

# mode -> units it may be given in, the usual one first
MODES: dict[str, tuple[str, ...]] = {
    "conductance": ("uS",),
    "current": ("nA",),
    "current_density": ("mA/cm2",),
    "extracellular": ("mV",),
    "irradiance": ("mW/mm2", "photon_flux"),
    # Commands of an electrode array, not yet turned into what reaches cells.
    "electrode": ("uA",),
}

PLANCK = 6.626e-34  # J s
LIGHT_SPEED = 3e8  # m/s
DEFAULT_WAVELENGTH_NM = 473.0


def units_of(mode: str, units: str | None) -> str:
    """Return the units of a stimulus of `mode`: those given, or the usual ones for None.

    Raises:
        UnknownName: if there is no such mode.
        InvalidValue: if the mode is not given in these units.
    """
    if mode not in MODES:
        raise unknown_names("input mode", [mode], MODES)
    if units is None:
        return MODES[mode][0]
    if units not in MODES[mode]:
        raise InvalidValue(
            f"units do not fit the mode {mode!r}: got {units!r}; need {' or '.join(MODES[mode])}.",
            got=units,
            allowed=MODES[mode],
        )
    return units


def photon_flux_per_irradiance(wavelength_nm: float) -> float:
    """Return the photons per s and mm2 that carry 1 mW/mm2: 2.37e15 at 470 nm."""
    photon_energy = PLANCK * LIGHT_SPEED / (wavelength_nm * 1e-9)
    return 1e-3 / photon_energy
