"""What every model offers: cells as data, and the names and defaults that go with them."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from livn.errors import InvalidValue
from livn.models.assembly import Equations, assemble
from livn.models.description import Cell, Kind

STIMULUS_LIMITS = {
    "current": 1e3,
    "current_density": 1e3,
    "conductance": 1e3,
    "extracellular": 1e3,
}
"""Mode -> largest magnitude, nA, mA/cm2, uS, mV: beyond what any electrode or pipette passes."""


@dataclass(frozen=True)
class Model(ABC):
    """What moves: one cell description for excitatory and one for inhibitory populations.

    Attributes:
        dt: step that resolves the model's dynamics, ms; the default of `Env.run`.
    """

    dt: ClassVar[float] = 0.025

    @abstractmethod
    def cell(self, kind: Kind) -> Cell:
        """Return the description of the cells of an excitatory or inhibitory population."""

    @cached_property
    def _equations(self) -> dict[Kind, Equations]:
        return {kind: assemble(self.cell(kind)) for kind in ("excitatory", "inhibitory")}

    def equations(self, kind: Kind) -> Equations:
        """Return the flat equations of one kind of cell, without receptors."""
        return self._equations[kind]

    def params_key(self) -> str:
        """Return the name under which parameter documents keep this model's parameters."""
        return type(self).__name__

    def default_noise(self, system: str = "") -> dict[str, float]:
        """Return noise for a culture without parameters of its own, `set_noise` keys: none.

        A model that knows better overrides it; what suits a culture depends on its weights.
        """
        return {}

    def default_weights(self, system: str = "") -> dict[str, float]:
        """Return weights for a culture without parameters of its own: those of its graph."""
        return {}

    def section_name(self, kind: Kind, section: str) -> str:
        """Return the section where synapses addressed to `section` end: its soma if it has none."""
        return self.cell(kind).section(section)

    def recordable_states(self, kind: Kind = "excitatory") -> list[str]:
        """Return what `env.record` takes besides spikes, voltage and membrane_current."""
        states = self.equations(kind).states.values()
        return sorted({s.name.removesuffix(f"_{s.section}") for s in states})

    def input_modes(self, kind: Kind = "excitatory") -> tuple[str, ...]:
        """Return the stimulus modes that act on these cells.

        A current density needs a membrane area, an extracellular potential two compartments.
        """
        cell = self.cell(kind)
        modes = ["current", "conductance"]
        if cell.compartments[0].area:
            modes.append("current_density")
        if len(cell.compartments) > 1:
            modes.append("extracellular")
        return tuple(modes)

    def stimulus_bounds(self, mode: str) -> tuple[float, float]:
        """Return the smallest and largest stimulus that makes sense in `mode`, in its unit.

        Raises:
            InvalidValue: for a mode that is none of `STIMULUS_LIMITS`.
        """
        if mode not in STIMULUS_LIMITS:
            raise InvalidValue(
                f"stimulus mode is unknown: got {mode!r}; known: {', '.join(STIMULUS_LIMITS)}.",
                got=mode,
                allowed=tuple(STIMULUS_LIMITS),
            )
        limit = STIMULUS_LIMITS[mode]
        return -limit, limit
