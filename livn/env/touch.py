"""Where the cells of an Env are and how its io reaches and hears them."""

from dataclasses import dataclass
from operator import is_not
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livn.arrays import as_floats
from livn.env.geometry import compartment_coordinates
from livn.env.lifecycle import Lifecycle
from livn.errors import InvalidValue
from livn.io import IO
from livn.stimulus import Stimulus


@dataclass(frozen=True)
class Placed:
    """Where the compartments are.

    Attributes:
        of: what that follows from: none of these objects ever changes, a new one takes its place.
        rows: (gid, x, y, z) µm of every compartment, read-only.
        sections: name of each, read-only.
    """

    of: tuple[Any, ...]
    rows: NDArray[np.float64]
    sections: NDArray[np.str_]


class Touch(Lifecycle):
    """The part of an Env that meets its io; all of it is geometry and gains."""

    _placed: Placed | None = None

    def _compartments(self) -> tuple[NDArray[np.float64], NDArray[np.str_]]:
        """Return rows and sections of all compartments, computed anew when something changed."""
        somata = self.system.neuron_coordinates
        values = {n: self.parameters.values(n) for n in self.network_plan.populations}
        known = (self.network_plan, somata, *values.values())
        before = self._placed.of if self._placed is not None else ()
        if len(before) != len(known) or any(map(is_not, before, known)):
            rows, sections = compartment_coordinates(self.network_plan, somata, values)
            rows.flags.writeable = sections.flags.writeable = False
            self._placed = Placed(known, rows, sections)
        assert self._placed is not None
        return self._placed.rows, self._placed.sections

    def stimulus_coordinates(self, simulated_only: bool = True) -> NDArray[np.float64]:
        """Return the midpoint of every compartment, rows (gid, x, y, z), µm."""
        return self._compartments()[0].copy()

    def recording_coordinates(self) -> NDArray[np.float64]:
        """Return the rows (gid, x, y, z), µm, that membrane currents are recorded for."""
        return self._compartments()[0].copy()

    def cell_stimulus(
        self, channel_inputs: Any, dt: float = 1.0, *, io: IO | None = None
    ) -> Stimulus:
        """Return what electrode commands do to the cells.

        Args:
            channel_inputs: commands, µA (mW for light), shape (n_steps, n_channels); a policy;
                `ScaledPulses`; or a stimulus of electrodes as `Stimulus.biphasic_pulse` makes.
            dt: step of an array, ms.
            io: they go to; None for that of the Env.
        """
        coordinates, sections = self._compartments()
        return (io or self.io).cell_stimulus(coordinates, channel_inputs, dt, sections=sections)

    def channel_recording(self, ii: Any, *recordings: Any) -> Any:
        """Return what each channel hears of the cells: dicts by channel id, the ids first.

        Args:
            ii: gid of each entry, such as `run.spike_ids`; None for all cells.
            recordings: values of each entry, such as `run.spike_times`.
        """
        return self.io.channel_recording(self.simulated_coordinates(), ii, *recordings)

    def potential_recording(self, membrane_currents: Any, gids: Any = None) -> NDArray[np.float64]:
        """Return the extracellular potential at every channel, µV, shape (n_channels, T).

        Args:
            membrane_currents: µA, one row per compartment as `run.current` has them.
            gids: gid of each row where only some cells were recorded, `run.current_ids`.
        """
        coordinates = self.recording_coordinates()
        if gids is not None:
            coordinates = _in_order_of(np.asarray(gids), coordinates)
        currents = as_floats(membrane_currents, "membrane currents")
        if currents.ndim != 2 or len(currents) != len(coordinates):
            raise InvalidValue(
                f"membrane currents do not match the compartments: got shape {currents.shape}; "
                f"need ({len(coordinates)}, n_steps). Pass run.current and run.current_ids.",
                got=currents.shape,
                allowed=len(coordinates),
            )
        return self.io.sensitivity(coordinates) @ currents

    def channel_reach(self, coords: Any = None) -> NDArray[np.float64]:
        """Return the potential each channel makes per unit command, mV/µA, (channels, rows)."""
        return self.io.reach(self.stimulus_coordinates() if coords is None else coords)

    def recording_distances(self) -> NDArray[np.float64]:
        """Return rows (channel id, gid, distance µm) for the recording coordinates."""
        return self.io.distances(self.recording_coordinates())

    def source_gain(self) -> NDArray[np.float64]:
        """Return the potential per membrane current, µV/µA, (channels, recording rows)."""
        return self.io.sensitivity(self.recording_coordinates())

    def neuron_gain(self) -> NDArray[np.float64]:
        """Return the potential per membrane current at the soma, µV/µA, (channels, cells)."""
        return self.io.sensitivity(self.simulated_coordinates())

    def active_populations(self) -> list[str]:
        """Return the populations that are simulated."""
        return list(self.network_plan.populations)

    def simulated_gids(self, everywhere: bool = False) -> NDArray[np.int64]:
        """Return the gids that are simulated, ascending."""
        return self.network_plan.gids.copy()

    active_gids = simulated_gids

    def simulated_coordinates(self, transform: Any = None) -> NDArray[np.float64]:
        """Return the somata of the simulated cells, rows (gid, x, y, z), µm.

        Args:
            transform: function of these rows, applied to them.
        """
        coordinates = self.system.neuron_coordinates[self.network_plan.gids]
        return coordinates if transform is None else transform(coordinates)

    active_neuron_coordinates = simulated_coordinates

    def recording_sections_per_cell(self, population: str) -> int:
        """Return how many rows a cell of `population` has in a membrane current recording.

        Raises:
            UnknownName: if there is no such population.
        """
        (name,) = self.recorder.populations([population])
        return len(self.network_plan.populations[name].equations.sections)

    def destination_sections(self) -> dict[str, tuple[str, ...]]:
        """Return population -> sections on which its synapses end."""
        found: dict[str, set[str]] = {}
        for (post, _), targets in self.network_plan.targets.items():
            found.setdefault(post, set()).update(t.section for t in targets)
        return {k: tuple(sorted(v)) for k, v in found.items()}


def _in_order_of(gids: NDArray[np.int64], coordinates: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rows of these cells, the compartments of a cell wherever its gid stands."""
    chosen = coordinates[np.isin(coordinates[:, 0], gids)]
    order = np.argsort(gids, kind="stable")
    if not np.array_equal(chosen[:, 0], gids[order]):
        raise InvalidValue(
            f"gids do not match the compartments: got {len(gids)} rows; need {len(chosen)}, each "
            "simulated cell once per compartment. Pass run.current_ids.",
            got=gids,
        )
    rows = np.empty_like(chosen)
    rows[order] = chosen
    return rows
