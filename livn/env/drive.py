"""From a stimulus of the user to what enters each compartment, nA and µS."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livn.backend.contract import Drive
from livn.backend.network import Network, Population
from livn.errors import InvalidValue, NotSupported
from livn.models.model import Model
from livn.stimulus import Stimulus

EXCITATORY_REVERSAL = 0.0  # mV, of a positive conductance stimulus (MODELS of published livn)
INHIBITORY_REVERSAL = -75.0  # mV, of a negative one
_NA_PER_DENSITY = 1e-2  # 1 mA/cm2 over 1 um2, in nA
_CHUNK = 1 << 24  # values of a stimulus looked at together
_TOLERANCE = 1e-9

Floats = NDArray[np.float64]
Columns = tuple[NDArray[np.int64], NDArray[np.str_]]


def make_drives(
    stimulus: Stimulus,
    network: Network,
    model: Model,
    values: Mapping[str, Mapping[str, Any]],
    n_steps: int,
    dt: float,
) -> dict[str, Drive]:
    """Return the drive of each population.

    Currents enter the soma unless a section is named. An extracellular potential acts by its
    differences along the cell: compartment i gets sum_j g_ij (V_ext,j - V_ext,i), which sums to
    zero over the cell, so a uniform field does nothing.

    Raises:
        InvalidValue: if the stimulus does not fit the run, the cells or the mode.
        NotSupported: for a mode the model's cells do not respond to.
    """
    hold = _check_time(stimulus, n_steps, dt)
    _check_mode(stimulus, network, model)
    gids, sections = _columns(stimulus, network)
    index, rows = _distinct_rows(stimulus, model)
    drives = {}
    for name, population in network.populations.items():
        mine = np.isin(gids, population.gids)
        if mine.any():
            cells = np.searchsorted(population.gids, gids[mine])
            applied = {s: _place(rows[:, mine], cells, sections[mine] == s, len(population))
                       for s in population.equations.sections}  # fmt: skip
            entering = _entering(stimulus.input_mode, applied, population, values[name])
            drives[name] = Drive(hold, index, entering)
    return drives


def _check_time(stimulus: Stimulus, n_steps: int, dt: float) -> int:
    hold = round(stimulus.dt / dt)
    if hold < 1 or abs(hold * dt - stimulus.dt) > _TOLERANCE:
        raise InvalidValue(
            f"stimulus dt is not a multiple of the step: got {stimulus.dt} ms at a step of {dt} "
            "ms. Resample the stimulus or choose another step.",
            got=stimulus.dt,
            allowed=dt,
        )
    if stimulus.duration > n_steps * dt + _TOLERANCE:
        raise InvalidValue(
            f"stimulus outlasts the run: got {stimulus.duration} ms; the run is {n_steps * dt} ms. "
            "Run longer, or pass Stimulus(stimulus.window(start, stop), ...).",
            got=stimulus.duration,
            allowed=n_steps * dt,
        )
    return hold


def _check_mode(stimulus: Stimulus, network: Network, model: Model) -> None:
    taken = sorted(set().union(*(model.input_modes(p.kind) for p in network.populations.values())))
    if stimulus.input_mode not in taken:
        raise InvalidStimulusMode(
            f"model {model.params_key()} takes no {stimulus.input_mode} stimulus: "
            f"got {stimulus.input_mode!r}; its cells respond to {', '.join(taken)}.",
            got=stimulus.input_mode,
            allowed=taken,
        )


class InvalidStimulusMode(NotSupported, InvalidValue):
    """The cells of a model do not respond to this kind of stimulus."""


def _columns(stimulus: Stimulus, network: Network) -> Columns:
    """Return gid and section of each column."""
    simulated = network.gids
    per_row = [(g, s) for p in network.populations.values() for g in p.gids
               for s in p.equations.sections]  # fmt: skip
    gids, sections = stimulus.columns()
    extracellular = stimulus.input_mode == "extracellular"
    if gids is None:
        if stimulus.width == len(per_row) and (extracellular or stimulus.width != len(simulated)):
            return np.array([g for g, _ in per_row]), np.array([s for _, s in per_row])
        if stimulus.width != len(simulated):
            raise InvalidValue(
                f"stimulus has {stimulus.width} columns, the culture {len(simulated)} cells: got "
                f"no gids; need {len(simulated)} columns, or {len(per_row)} for every compartment.",
                got=stimulus.width,
                allowed=(len(simulated), len(per_row)),
            )
        gids = simulated
    gids = np.asarray(gids).astype(np.int64)
    unknown = np.setdiff1d(gids, simulated)
    if len(unknown):
        raise InvalidValue(
            f"stimulus reaches cells that are not simulated: got gids {unknown[:10].tolist()}; "
            f"simulated: {simulated[0]} to {simulated[-1]} ({len(simulated)} cells).",
            got=unknown.tolist(),
        )
    if sections is None:
        if extracellular:
            raise InvalidValue(
                "extracellular stimulus has no sections: got one potential per cell, which moves "
                "no charge; need one column per compartment. Use env.cell_stimulus, or give "
                "sections and gids.",
            )
        sections = np.full(len(gids), "soma")
    _check_sections(gids, sections, network)
    return gids, np.asarray(sections)


def _check_sections(gids: NDArray[np.int64], sections: NDArray[np.str_], network: Network) -> None:
    for name, population in network.populations.items():
        used = set(sections[np.isin(gids, population.gids)].tolist())
        unknown = sorted(used - set(population.equations.sections))
        if unknown:
            raise InvalidValue(
                f"stimulus names sections that cells of {name} do not have: got {unknown}; "
                f"known: {', '.join(population.equations.sections)}.",
                got=unknown,
                allowed=population.equations.sections,
            )


def _distinct_rows(stimulus: Stimulus, model: Model) -> tuple[NDArray[np.int64], Floats]:
    """Return for each sample which row it is, and the rows, the first of them zero."""
    index = np.zeros(stimulus.n_steps, np.int64)
    rows = [np.zeros((1, stimulus.width))]
    low, high = model.stimulus_bounds(stimulus.input_mode)
    chunk = max(1, _CHUNK // max(1, stimulus.width))
    last, n_rows = rows[0], 1
    for start in range(0, stimulus.n_steps, chunk):
        stop = min(start + chunk, stimulus.n_steps)
        values = np.asarray(stimulus.window(start * stimulus.dt, stop * stimulus.dt), float)
        _check_values(values, low, high, stimulus)
        changed = np.any(values != np.vstack([last, values[:-1]]), axis=1)
        silent = ~np.any(values, axis=1)
        new = changed & ~silent
        number = n_rows - 1 + np.cumsum(new)
        index[start:stop] = np.where(silent, 0, number)
        rows.append(values[new])
        n_rows += int(new.sum())
        last = values[-1:]
    return index, np.vstack(rows)


def _check_values(values: Floats, low: float, high: float, stimulus: Stimulus) -> None:
    if values.ndim != 2:
        raise InvalidValue(
            f"stimulus is a batch: got {values.ndim} dimensions; one run takes "
            "(n_steps, n_columns). Run each element.",
            got=values.shape,
        )
    bad = values[~((values >= low) & (values <= high))]
    if len(bad):
        raise InvalidValue(
            f"stimulus is out of bounds: got {bad[0]:g} {stimulus.units}; {stimulus.input_mode} "
            f"takes {low:g} to {high:g} {stimulus.units}. Lower the amplitude.",
            got=float(bad[0]),
            allowed=(low, high),
        )


def _place(rows: Floats, cells: NDArray[np.int64], here: NDArray[np.bool_], n_cells: int) -> Floats:
    """Return [n_rows, n_cells] with the columns of one section added up per cell."""
    out = np.zeros((len(rows), n_cells))
    columns: Any = (slice(None), cells[here])
    np.add.at(out, columns, rows[:, here])
    return out


def _entering(
    mode: str, applied: Mapping[str, Floats], population: Population, values: Mapping[str, Any]
) -> dict[str, Floats]:
    """Return `I_<section>` nA and `G_<section>` µS per row and cell."""
    if mode == "extracellular":
        return _extracellular(applied, population, values)
    if mode == "current":
        return {f"I_{s}": a for s, a in applied.items()}
    if mode == "current_density":
        areas = {s: np.asarray(values[f"area_{s}"]) for s in applied}
        return {f"I_{s}": a * areas[s] * _NA_PER_DENSITY for s, a in applied.items()}
    excitatory = {s: np.maximum(a, 0.0) for s, a in applied.items()}
    inhibitory = {s: np.maximum(-a, 0.0) for s, a in applied.items()}
    currents = {
        f"I_{s}": excitatory[s] * EXCITATORY_REVERSAL + inhibitory[s] * INHIBITORY_REVERSAL
        for s in applied
    }
    return currents | {f"G_{s}": excitatory[s] + inhibitory[s] for s in applied}


def _extracellular(
    applied: Mapping[str, Floats], population: Population, values: Mapping[str, Any]
) -> dict[str, Floats]:
    currents = {f"I_{s}": np.zeros_like(a) for s, a in applied.items()}
    for a, b, name in population.equations.coupled:
        flow = (applied[b] - applied[a]) * np.asarray(values[name])  # uS mV = nA
        currents[f"I_{a}"] += flow
        currents[f"I_{b}"] -= flow
    return currents
