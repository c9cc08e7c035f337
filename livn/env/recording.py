"""What an Env records, and how samples of an engine become channels of a Run."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livn.arrays import Array, namespace, positive
from livn.backend.contract import Drive, Output, Probe
from livn.backend.network import Network, Population
from livn.env.times import TOLERANCE
from livn.errors import InvalidType, InvalidValue, UnknownRecordable, unknown_names
from livn.run import SPIKES, Events, Run

_UA_PER_NA = 1e-3

Series = tuple[NDArray[np.int64], NDArray[np.float64], tuple[str, ...]]


@dataclass(frozen=True)
class Recording:
    """One thing recorded of one population.

    Attributes:
        variable: "V" or a state as the description names it; a membrane current follows from V.
        cells: indices within the population.
        sections: rows per cell, in this order.
    """

    population: str
    variable: str
    dt: float
    cells: NDArray[np.int64]
    sections: tuple[str, ...]


class Recorder:
    """The recordings asked for; one channel of a Run each, and which population's spikes."""

    def __init__(self, network: Network):
        self.network = network
        self.spikes: set[str] = set()
        self.channels: dict[str, dict[str, Recording]] = {}

    def recordable(self) -> list[str]:
        """Return everything `record` takes, a state also as `<section>.<state>`."""
        states = {
            name.removesuffix(f"_{state.section}")
            for p in self.network.populations.values()
            for name, state in p.equations.states.items()
        }
        return sorted({"spikes", "voltage", "membrane_current"} | states)

    def populations(self, population: str | Sequence[str] | None) -> list[str]:
        """Return the populations an argument names, all for None.

        Raises:
            UnknownName: for names that are not there.
            InvalidValue: if there is no name.
            InvalidType: if names are not text.
        """
        if population is None:
            return list(self.network.populations)
        wanted = _names(population, "population")
        if not wanted:
            raise InvalidValue(
                f"no population named: got {population!r}; known: "
                f"{', '.join(self.network.populations)}. Leave it out for all.",
                got=population,
                allowed=list(self.network.populations),
            )
        unknown = [n for n in wanted if n not in self.network.populations]
        if unknown:
            raise unknown_names("population", unknown, self.network.populations)
        return wanted

    def add(
        self,
        what: str,
        population: str | Sequence[str] | None = None,
        dt: float = 0.1,
        gids: Any = None,
        sections: str | Sequence[str] | None = None,
    ) -> None:
        """Record a series from now on; asking again replaces what was asked of a population.

        Raises:
            UnknownRecordable: if no cell has such a state.
            UnknownName: for populations that are not there.
            InvalidValue: if the step is not positive, or cells or sections are not there.
        """
        step = positive(dt, f"recording dt of {what}", "ms")
        place, _, state = what.rpartition(".")
        if state not in self.recordable():
            raise unknown_names(
                "recordable state", [what], self.recordable(), error=UnknownRecordable
            )
        if what == "membrane_current" and sections is not None:
            raise InvalidValue(
                f"membrane current is recorded of every compartment: got sections {sections!r}. "
                "Leave them out.",
                got=sections,
            )
        asked = {n: self.network.populations[n] for n in self.populations(population)}
        _check_gids(gids, asked)
        cells = {n: some for n, p in asked.items() if len(some := _cells(p, gids))}
        cells = {n: np.intersect1d(some, self.network.own[n]) for n, some in cells.items()}
        wanted = _names(place or sections, "section") if place or sections else None
        rows = {n: _sections(asked[n], state, wanted) for n in cells}
        _check_sections(what, wanted, rows)
        variable = "V" if state in ("voltage", "membrane_current") else state
        found = self.channels.get(what, {}) | {
            n: Recording(n, variable, step, cells[n], rows[n]) for n in cells if rows[n]
        }
        self.channels[what] = {n: found[n] for n in self.network.populations if n in found}

    def dt(self, channel: str) -> float | None:
        """Return the step of a channel, the finest asked for, ms; None where not recorded."""
        found = self.channels.get(channel, {})
        return min((r.dt for r in found.values()), default=None)

    def every(self, channel: str, dt: float, n_steps: int) -> int:
        """Return the steps between samples.

        Raises:
            InvalidValue: if the recording step does not fit the simulation's or the run.
        """
        interval = self.dt(channel)
        assert interval is not None
        every = round(interval / dt)
        if every < 1 or abs(every * dt - interval) > TOLERANCE:
            raise InvalidValue(
                f"recording dt of {channel} is not a multiple of the step: got {interval} ms at a "
                f"step of {dt} ms. Record at a multiple of the step.",
                got=interval,
                allowed=dt,
            )
        if n_steps % every:
            raise InvalidValue(
                f"duration is not a multiple of the recording dt of {channel}: got "
                f"{n_steps * dt:g} ms; need a multiple of {interval} ms.",
                got=n_steps * dt,
                allowed=interval,
            )
        return every

    def probes(self, dt: float, n_steps: int) -> tuple[list[Probe], dict[str, slice]]:
        """Return what the engine must sample, and where each channel's samples are in it."""
        probes: list[Probe] = []
        where = {}
        for channel, found in self.channels.items():
            every = self.every(channel, dt, n_steps)
            begin = len(probes)
            for r in found.values():
                probes += [Probe(r.population, f"{r.variable}_{s}", every, r.cells)
                           for s in r.sections]  # fmt: skip
            where[channel] = slice(begin, len(probes))
        return probes, where

    def twin(self) -> "Recorder":
        """Return the same recordings, asked for elsewhere."""
        other = Recorder(self.network)
        other.spikes = set(self.spikes)
        other.channels = {channel: dict(found) for channel, found in self.channels.items()}
        return other

    def kept(self, gids: NDArray[np.int64]) -> Any:
        """Return the index of the spikes that are recorded."""
        if len(self.spikes) == len(self.network.populations):
            return slice(None)
        wanted = [self.network.populations[n].gids for n in sorted(self.spikes)]
        return np.isin(gids, np.concatenate([*wanted, np.empty(0, np.uint32)]))

    def spikes_of(self, output: Output, dt: float, duration: float) -> dict[str, Events]:
        """Return the channel of the spikes, none where no spikes are recorded."""
        if not self.spikes:
            return {}
        kept = self.kept(output.gids)
        gids, steps = output.gids[kept], output.steps[kept]
        return {SPIKES: Events.of_steps(gids, steps, dt, duration)}

    def add_series(
        self,
        run: Run,
        output: Output,
        where: Mapping[str, slice],
        drives: Mapping[str, Drive],
        values: Mapping[str, Mapping[str, Any]],
        step_of_dt: float,
    ) -> Run:
        """Return the run with every recorded channel."""
        for channel, place in where.items():
            samples = iter(output.series[place])
            blocks = []
            for r in self.channels[channel].values():
                rows = np.stack([next(samples) for _ in r.sections], axis=1)
                if channel == "membrane_current":
                    every = round((self.dt(channel) or 0) / step_of_dt)
                    rows = _membrane_current(
                        rows, self.network.populations[r.population], r, values[r.population],
                        drives.get(r.population), every,
                    )  # fmt: skip
                blocks.append(self._series(r, rows))
            run = _add(run, channel, blocks, self.dt(channel) or 0.0)
        return run

    def _series(self, r: Recording, samples: NDArray[np.float64]) -> Series:
        gids = self.network.populations[r.population].gids[r.cells].astype(np.int64)
        flat = samples.reshape(-1, samples.shape[-1])
        return np.repeat(gids, len(r.sections)), flat, r.sections * len(gids)


def _names(given: Any, what: str) -> list[str]:
    """Return one name or several as a list."""
    names = [given] if isinstance(given, str) or not isinstance(given, Iterable) else list(given)
    if not all(isinstance(name, str) for name in names):
        raise InvalidType(
            f"{what} is not a name: got {given!r}; need a name or several.", got=given
        )
    return names


def _sections(population: Population, state: str, wanted: Sequence[str] | None) -> tuple[str, ...]:
    """Return the sections of these cells that are recorded."""
    equations = population.equations
    if state == "membrane_current":
        return equations.sections
    if state == "voltage":
        return tuple(s for s in (wanted or ("soma",)) if s in equations.sections)
    having = (s for s in wanted or equations.sections if f"{state}_{s}" in equations.states)
    return tuple(having)


def _cells(population: Population, gids: Any) -> NDArray[np.int64]:
    """Return the indices of the cells that are recorded."""
    if gids is None:
        return np.arange(len(population))
    return np.flatnonzero(np.isin(population.gids, np.asarray(gids)))


def _check_gids(gids: Any, populations: Mapping[str, Population]) -> None:
    if gids is None:
        return
    there = np.concatenate([p.gids for p in populations.values()])
    unknown = np.setdiff1d(np.asarray(gids), there).tolist()
    if unknown or not np.size(gids):
        raise InvalidValue(
            f"recorded gids are not simulated: got {unknown}; {', '.join(populations)} has "
            f"{len(there)} cells from {there.min()} to {there.max()}. Name at least one.",
            got=unknown,
        )


def _check_sections(
    what: str, wanted: Sequence[str] | None, rows: Mapping[str, Sequence[str]]
) -> None:
    had = {section for sections in rows.values() for section in sections}
    missing = sorted(set(wanted or ()) - had)
    if missing or not had:
        raise InvalidValue(
            f"no recorded cell has {what!r} there: got sections {missing} in "
            f"{', '.join(rows)}; recorded: {', '.join(sorted(had)) or 'none'}.",
            got=missing,
            allowed=sorted(had),
        )


def _add(run: Run, channel: str, blocks: list[Series], dt: float) -> Run:
    ids = np.concatenate([b[0] for b in blocks])
    samples = np.concatenate([b[1] for b in blocks])
    sections = tuple(s for b in blocks for s in b[2])
    if channel == "voltage":
        somata = set(sections) == {"soma"}
        return run.add_voltage(ids, samples, dt, sections=None if somata else sections)
    if channel == "membrane_current":
        return run.add_current(ids, samples.astype(np.float32), dt)
    return run.add(channel, ids, samples, dt=dt, sections=sections)


def _membrane_current(
    voltage: NDArray[np.float64],
    population: Population,
    recording: Recording,
    values: Mapping[str, Any],
    drive: Drive | None,
    every: int,
) -> NDArray[np.float64]:
    """Return the transmembrane current, µA, from the voltages [cells, sections, samples].

    What leaves through the membrane (capacitive, ionic and synaptic current together) is what
    entered along the cell and from the electrode (Kirchhoff), so the rows of a cell sum to what
    was injected.
    """
    sections = population.equations.sections
    entering: dict[str, NDArray[np.float64]] = {}
    if drive is not None:
        sample = np.arange(voltage.shape[-1]) * every // drive.hold
        played = np.append(drive.index, 0)  # nothing after the last sample
        rows = played[np.minimum(sample, len(drive.index))]
        entering = {n: given[rows][:, recording.cells].T for n, given in drive.rows.items()}
    own = {
        name: np.broadcast_to(np.asarray(values[name]), len(population))[recording.cells]
        for _, _, name in population.equations.coupled
    }
    parts = {s: voltage[:, i] for i, s in enumerate(sections)}
    currents = transmembrane(population, parts, own, entering)
    return np.stack([currents[s] for s in sections], axis=1)


def transmembrane(
    population: Population,
    voltages: Mapping[str, Array],
    values: Mapping[str, Array],
    entering: Mapping[str, Array],
) -> dict[str, Array]:
    """Return the transmembrane current of each section, µA, [n_cells, n_samples].

    Args:
        voltages: of each section, mV, [n_cells, n_samples].
        values: coupling conductances, µS, one or [n_cells].
        entering: `I_<section>` nA and `G_<section>` µS, as far as there are any,
            [n_cells, n_samples].
    """
    currents: dict[str, Array] = {s: namespace(v).zeros_like(v) for s, v in voltages.items()}
    for a, b, name in population.equations.coupled:
        g = values[name]
        flow = (g[:, None] if g.ndim else g) * (voltages[b] - voltages[a])
        currents[a], currents[b] = currents[a] + flow, currents[b] - flow
    for s in voltages:
        if f"I_{s}" in entering:
            currents[s] = currents[s] + entering[f"I_{s}"]
        if f"G_{s}" in entering:
            currents[s] = currents[s] - entering[f"G_{s}"] * voltages[s]
    return {s: current * _UA_PER_NA for s, current in currents.items()}
