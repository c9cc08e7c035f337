"""From a stimulus of the user to what enters each compartment, nA and µS."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from livn.arrays import is_lasting, namespace
from livn.backend.contract import Drive
from livn.backend.network import Network, Population
from livn.env.columns import Cells, Layout
from livn.env.times import TOLERANCE
from livn.errors import InvalidValue
from livn.models.model import Model
from livn.stimulus import Stimulus
from livn.stimulus.layout import weighted
from livn.stimulus.limits import check_size

EXCITATORY_REVERSAL = 0.0  # mV, of a positive conductance stimulus (MODELS of published livn)
INHIBITORY_REVERSAL = -75.0  # mV, of a negative one
_NA_PER_DENSITY = 1e-2  # 1 mA/cm2 over 1 um2, in nA
_CHUNK = 1 << 24  # values of a stimulus looked at together
_FEW = 64  # rows of commands, up to which repeated ones are not looked for
_SMALL = 1 << 17  # values of a stimulus that is played faster than looked through
_LAYOUTS = 16  # layouts of columns that are remembered

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Values = Callable[[str], Any]  # parameter name -> values that broadcast to [n_rows, n_cells]


@dataclass(frozen=True)
class Played:
    """A stimulus as its distinct rows.

    Attributes:
        hold: steps per sample.
        index: row of each sample, int64 [n_batches, n_samples].
        rows: float64 [n_rows, n_columns], the first of them zero.
        owner: element of the batch each row is of, int64 [n_rows].
    """

    hold: int
    index: Integers
    rows: Floats
    owner: Integers


class Rows(NamedTuple):
    """The row of each sample, the rows, the first of them zero, and whose each row is."""

    of_sample: Integers
    rows: Floats
    owner: Integers


class Waveform(NamedTuple):
    """The one input of a stimulus, which nobody can write to, and its distinct rows."""

    values: Any
    rows: Rows


class Inputs:
    """How stimuli reach the cells of a network.

    Where the columns of a stimulus lie is remembered by their names, so that nothing can be out
    of date.
    """

    def __init__(self, network: Network, model: Model):
        self.network, self.model = network, model
        self._cells = Cells(network, model)
        self._known: dict[tuple[Any, ...], Layout] = {}
        self._waveform: Waveform | None = None  # the latest

    def drives(
        self,
        stimulus: Stimulus,
        values: Mapping[str, Mapping[str, Any]],
        n_steps: int,
        dt: float,
    ) -> dict[str, Drive]:
        """Return the drive of each population that is driven.

        Currents enter the soma unless a section is named. An extracellular potential acts by its
        differences along the cell: compartment i gets sum_j g_ij (V_ext,j - V_ext,i), which sums to
        zero over the cell, so a uniform field does nothing.

        Raises:
            InvalidValue: if the stimulus does not fit the run, the cells or the mode.
            NotSupported: for a mode the model's cells do not respond to.
        """
        layout = self.layout(stimulus, n_steps, dt)
        played = self.played(stimulus, dt)
        entering = self.entering(stimulus, layout, played.rows, lambda n: values[n].__getitem__)
        index = played.index[0]
        return {name: Drive(played.hold, index, rows) for name, rows in entering.items()}

    def layout(self, stimulus: Stimulus, n_steps: int, dt: float) -> Layout:
        """Return where the columns act; the stimulus fits a run of `n_steps`."""
        _check_time(stimulus, n_steps, dt)
        gids, sections = stimulus.columns()
        key = (
            stimulus.input_mode,
            stimulus.width,
            None if gids is None else np.asarray(gids).tobytes(),
            None if sections is None else sections.tobytes(),
        )
        if key not in self._known:
            found = self._cells.layout(stimulus)
            if len(self._known) == _LAYOUTS:
                self._known.pop(next(iter(self._known)))
            self._known[key] = found
        return self._known[key]

    def played(self, stimulus: Stimulus, dt: float, batched: bool = False) -> Played:
        """Return the distinct rows of a stimulus, each of the values checked.

        Args:
            stimulus: of shape (n_steps, n_columns), or `batched` with one axis in front.
            dt: step of the simulation, ms.
        """
        gain = stimulus.gain
        index, rows, owner = self._rows(stimulus, batched)
        if gain is not None:
            if len(rows) > _FEW:
                check_size((*rows.shape[:-1], gain.shape[-1]), float)
            rows = weighted(rows, np.asarray(gain))
        self._check_bounds(rows, stimulus)
        return Played(round(stimulus.dt / dt), index, rows, owner)

    def _rows(self, stimulus: Stimulus, batched: bool) -> Rows:
        """Return the distinct rows, those of the latest waveform again."""
        given, known = stimulus.given, self._waveform
        if known is not None and known.values is given and not batched:
            return known.rows
        found = _distinct_rows(stimulus, batched)
        if batched or stimulus.gain is None:
            return found
        waveform = len(stimulus.gain) == 1 and is_lasting(given)
        if waveform or len(found.rows) > _FEW:
            found = _each_once(found)
        if waveform:
            self._waveform = Waveform(given, found)
        return found

    def entering(
        self, stimulus: Stimulus, layout: Layout, rows: Floats, values: Callable[[str], Values]
    ) -> dict[str, dict[str, Floats]]:
        """Return population -> `I_<section>` nA and `G_<section>` µS per row and cell.

        Args:
            stimulus: that is played.
            layout: of its columns.
            rows: of its values.
            values: how the parameters of a population are looked up.
        """
        mode, entering = stimulus.input_mode, {}
        for name, applied in layout.place(rows).items():
            population = self.network.populations[name]
            if mode == "extracellular":
                entering[name] = _extracellular(applied, population, values(name))
            elif mode == "current":
                entering[name] = {f"I_{s}": a for s, a in applied.items()}
            elif mode == "current_density":
                entering[name] = _currents(applied, values(name))
            else:
                entering[name] = _conductances(applied)
        return {name: found for name, found in entering.items() if found}

    def _check_bounds(self, rows: Floats, stimulus: Stimulus) -> None:
        low, high = self.model.stimulus_bounds(stimulus.input_mode)
        if rows.size == 0 or (rows.min() >= low and rows.max() <= high):
            return
        bad = rows[~((rows >= low) & (rows <= high))]
        raise InvalidValue(
            f"stimulus is out of bounds: got {bad[0]:g} {stimulus.units}; {stimulus.input_mode} "
            f"takes {low:g} to {high:g} {stimulus.units}. Lower the amplitude.",
            got=float(bad[0]),
            allowed=(low, high),
        )


def _check_time(stimulus: Stimulus, n_steps: int, dt: float) -> None:
    hold = round(stimulus.dt / dt)
    if hold < 1 or abs(hold * dt - stimulus.dt) > TOLERANCE:
        raise InvalidValue(
            f"stimulus dt is not a multiple of the step: got {stimulus.dt} ms at a step of {dt} "
            "ms. Resample the stimulus or choose another step.",
            got=stimulus.dt,
            allowed=dt,
        )
    if stimulus.duration > n_steps * dt + TOLERANCE:
        raise InvalidValue(
            f"stimulus outlasts the run: got {stimulus.duration} ms; the run is {n_steps * dt} ms. "
            "Run longer, or pass Stimulus(stimulus.window(start, stop), ...).",
            got=stimulus.duration,
            allowed=n_steps * dt,
        )


def _distinct_rows(stimulus: Stimulus, batched: bool) -> Rows:
    """Return the distinct rows of a stimulus, before any gain.

    Rows of a small stimulus may be equal; else no two that follow each other in a piece are.
    """
    chunk, gain = stimulus.n_steps, stimulus.gain
    if not batched and (chunk * stimulus.width <= _SMALL if gain is None else chunk < _FEW):
        values = _of_one_run(np.asarray(stimulus.inputs(0, chunk), float))[0]
        every = np.zeros((chunk + 1, values.shape[1]))
        every[1:] = values
        return Rows(np.arange(1, chunk + 1)[None], every, np.zeros(chunk + 1, np.int64))
    if not batched:
        chunk = min(chunk, max(1, _CHUNK // max(1, stimulus.width)))
    indices, rows, owners, n_rows = [], [], [np.zeros(1, np.int64)], 0
    for start in range(0, stimulus.n_steps, chunk):
        given = stimulus.inputs(start, min(start + chunk, stimulus.n_steps))
        values = np.asarray(given, float)
        values = values if batched else _of_one_run(values)
        new = np.ones(values.shape[:2], bool)
        np.any(values[:, 1:] != values[:, :-1], axis=2, out=new[:, 1:])
        found = values[new]
        loud = found.any(axis=1)
        number = (loud.cumsum() + n_rows) * loud
        indices.append(number[new.cumsum() - 1].reshape(new.shape))
        rows.append(found[loud])
        owners.append(new.nonzero()[0][loud])
        n_rows += len(rows[-1])
    silence = np.zeros((1, rows[0].shape[1]))
    every = np.concatenate([silence, *rows])
    return Rows(np.concatenate(indices, axis=1), every, np.concatenate(owners))


def _each_once(found: Rows) -> Rows:
    """Return the rows of one run without repetition."""
    rows, number = np.unique(found.rows, axis=0, return_inverse=True)
    number = number.ravel()
    first = int(number[0])  # where the row of zeros went
    rows[[0, first]] = rows[[first, 0]]
    number = np.where(number == 0, first, np.where(number == first, 0, number))
    return Rows(number[found.of_sample], rows, np.zeros(len(rows), np.int64))


def _of_one_run(values: Floats) -> Floats:
    if values.ndim != 2:
        raise InvalidValue(
            f"stimulus is a batch: got {values.ndim} dimensions; one run takes "
            "(n_steps, n_columns). Run each element, or env.batch(n).",
            got=values.shape,
        )
    return values[None]


def _extracellular(
    applied: Mapping[str, Floats], population: Population, value: Values
) -> dict[str, Floats]:
    """Return the currents between compartments; there are none within one compartment."""
    currents: dict[str, Floats] = {}
    for a, b, name in population.equations.coupled:
        flow = (_at(b, applied) - _at(a, applied)) * value(name)  # uS mV = nA
        for section, current in ((a, flow), (b, 0.0 - flow)):
            known = currents.get(f"I_{section}")
            currents[f"I_{section}"] = current if known is None else known + current
    return currents


def _at(section: str, applied: Mapping[str, Floats]) -> Floats:
    if section in applied:
        return applied[section]
    other = next(iter(applied.values()))
    zeros: Floats = namespace(other).zeros_like(other)
    return zeros


def _currents(applied: Mapping[str, Floats], value: Values) -> dict[str, Floats]:
    return {f"I_{s}": a * value(f"area_{s}") * _NA_PER_DENSITY for s, a in applied.items()}


def _conductances(applied: Mapping[str, Floats]) -> dict[str, Floats]:
    entering = {}
    for s, a in applied.items():
        xp = namespace(a)
        excitatory, inhibitory = xp.maximum(a, 0.0), xp.maximum(-a, 0.0)
        entering[f"I_{s}"] = excitatory * EXCITATORY_REVERSAL + inhibitory * INHIBITORY_REVERSAL
        entering[f"G_{s}"] = excitatory + inhibitory
    return entering
