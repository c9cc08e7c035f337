"""The cells of one population in NEURON, and their variables as arrays."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from neuron import h
from numpy.typing import ArrayLike, NDArray

from livn.backend.network import Population
from livn.backend.neuron.lower import (
    FIRED,
    HISTORY,
    PHASE,
    REFRACTORY,
    SOLVES,
    Lowered,
    is_cable,
    variable,
)
from livn.backend.neuron.mechanisms import load
from livn.models.values import Value, initial_state, refractory_steps, step_constants

_AREA = 100.0  # um2, of a section whose cell has no area: 1 nA is 1 mA/cm2 there
_UF_PER_NF = 1e5  # uF/cm2 of 1 nF on 1 um2
_NO_COUPLING = 1e-30  # uS: NEURON takes no infinite resistance
_HALF = 2e-2 / np.pi  # MOhm um of half a section at 1 Ohm cm: 1e-2 (L/2) / (pi L**2 / 4)

Floats = NDArray[np.float64]


class Column:
    """One variable of many instances, read and written together."""

    def __init__(self, references: Iterable[Any]):
        found = list(references)
        self._pointers = h.PtrVector(len(found))
        for k, reference in enumerate(found):
            self._pointers.pset(k, reference)
        self._vector = h.Vector(len(found))
        self._numbers = self._vector.as_numpy()

    def read(self) -> Floats:
        """Return the present values, in an array that the next call overwrites."""
        self._pointers.gather(self._vector)
        return self._numbers

    def write(self, numbers: ArrayLike) -> None:
        """Set the values."""
        self._numbers[:] = numbers
        self._pointers.scatter(self._vector)


class Cells:
    """Sections and point processes of the cells of one population.

    Attributes:
        state: variable of the description that decides the future -> column.
        inputs: input current or conductance -> column.
        fired: references to what is 1 where the last step brought a spike.
        arrived: projection -> columns that take numbers of events.
    """

    def __init__(self, population: Population, mechanisms: Iterable[Lowered], solves: int):
        self.population, self._solves = population, solves
        self.sections: dict[str, list[Any]] = {}
        self._mechanisms: list[tuple[Lowered, list[Any]]] = []
        self._known: dict[tuple[int, str], Value] = {}
        self._cable = is_cable(population.equations)
        self._place_sections()
        for lowered in mechanisms:
            self._place(lowered)
        self._find_columns()

    def __len__(self) -> int:
        return len(self.population)

    # construction

    def _place_sections(self) -> None:
        name, equations = self.population.name, self.population.equations
        if not self._cable:  # NEURON has no voltage to solve; all stand in one section
            self.sections[""] = [h.Section(name=f"{name}_host")] * len(self)
            return
        for s in equations.sections:
            self.sections[s] = [h.Section(name=f"{name}_{g}_{s}") for g in self.population.gids]
        for a, b, _ in equations.coupled:
            parents, children = self._joined(a, b)
            for parent, child in zip(parents, children, strict=True):
                child.connect(parent(0.5), 0)

    def _joined(self, a: str, b: str) -> tuple[list[Any], list[Any]]:
        """Return the parents and the children of a coupling; the soma comes first."""
        order = self.population.equations.sections
        first, second = sorted((a, b), key=order.index)
        return self.sections[first], self.sections[second]

    def _place(self, lowered: Lowered) -> None:
        make = getattr(h, load(lowered.text))
        where = self.sections[lowered.section]
        self._mechanisms.append((lowered, [make(section(0.5)) for section in where]))

    def _find_columns(self) -> None:
        equations = self.population.equations
        self.state: dict[str, Column] = {}
        self.inputs: dict[str, Column] = {}
        self.arrived: dict[int, list[Column]] = {}
        for lowered, instances in self._mechanisms:
            here = [lowered.section] if self._cable else equations.sections
            if self._cable:
                self.state |= self._voltages(lowered.section)
            for n in lowered.dynamic:
                key = f"{n}_{lowered.section}" if n in (*HISTORY, PHASE) else n
                self.state[key] = _column(instances, variable(lowered.alias.get(n, n), equations))
            inputs = [f"{k}_{s}" for s in here for k in "IG"]
            self.inputs |= {n: _column(instances, lowered.alias.get(n, n)) for n in inputs}
            for p in lowered.arrivals:
                self.arrived.setdefault(p, []).append(_column(instances, f"arrived_{p}"))
            if equations.cell.spike.compartment in here:
                self.fired = [getattr(i, f"_ref_{FIRED}") for i in instances]

    def _voltages(self, section: str) -> dict[str, Column]:
        """Return the voltage of a section and, as NEURON solves them too, of its free ends."""
        sections, first = self.sections[section], self.population.equations.sections[0]
        places = {f"V_{section}": 0.5, f"end_{section}": 1.0}
        places |= {f"begin_{section}": 0.0} if section == first else {}
        return {name: Column(s(x)._ref_v for s in sections) for name, x in places.items()}

    # numbers

    def set_parameters(self, values: Mapping[str, Value], dt: float) -> None:
        """Set everything that follows from the parameters."""
        population = self.population
        known = {**values, **step_constants(population.step, values, dt)}
        known[SOLVES] = float(self._solves)
        known[REFRACTORY] = refractory_steps(population.equations, values, dt)
        for k, (lowered, instances) in enumerate(self._mechanisms):
            for name in lowered.constants:
                called = variable(lowered.alias.get(name, name), population.equations)
                self._set(k, instances, called, known[name])
        if self._cable:
            self._set_geometry(values)

    def set_increments(self, increments: Mapping[tuple[int, int], float]) -> None:
        """Set what one event adds, µS, per projection and receptor."""
        for k, (lowered, instances) in enumerate(self._mechanisms):
            for name, projection, receptor in lowered.increments:
                self._set(k, instances, name, increments[projection, receptor])

    def _set(self, mechanism: int, instances: list[Any], name: str, value: Value) -> None:
        if self._changed((mechanism, name), value):
            for instance, number in zip(instances, self._each(value), strict=True):
                setattr(instance, name, number)

    def _changed(self, what: tuple[int, str], value: Value) -> bool:
        """Note a value and return whether it is another one than before."""
        same = np.array_equal(self._known.get(what, np.nan), value)
        self._known[what] = value
        return not same

    def _each(self, value: Value) -> list[float]:
        return np.broadcast_to(value, len(self)).tolist()

    def _set_geometry(self, values: Mapping[str, Value]) -> None:
        """Give sections the area, the capacitance and the coupling of the description.

        A section is as long as it is wide, and what joins it to its parent is half its own axial
        resistance.
        """
        for s, sections in self.sections.items():
            area = np.asarray(values.get(f"area_{s}", _AREA))
            capacitance = values[f"capacitance_{s}"] * _UF_PER_NF / area
            if self._changed((-1, s), np.stack(np.broadcast_arrays(area, capacitance))):
                lengths = self._each(np.sqrt(area / np.pi))
                for section, length, cm in zip(
                    sections, lengths, self._each(capacitance), strict=True
                ):
                    section.L = section.diam = length
                    section.cm = cm
        for a, b, name in self.population.equations.coupled:
            _, children = self._joined(a, b)
            conductances = self._each(np.maximum(values[name], _NO_COUPLING))
            for section, conductance in zip(children, conductances, strict=True):
                section.Ra = 1.0 / (conductance * _HALF / section.L)

    # state

    def start(self, values: Mapping[str, Value]) -> dict[str, Floats]:
        """Return the state at t = 0."""
        equations = self.population.equations
        first = initial_state(equations, values, len(self))
        for s in self.sections if self._cable else ():
            first |= {f"{name}_{s}": first[f"V_{s}"] for name in (*HISTORY, "begin", "end")}
        return {name: first.get(name, np.zeros(len(self))) for name in self.state}

    def read(self) -> dict[str, Floats]:
        """Return the state."""
        return {name: column.read().copy() for name, column in self.state.items()}

    def write(self, state: Mapping[str, Floats]) -> None:
        """Set the state."""
        for key, column in self.state.items():
            column.write(state[key])


def _column(instances: list[Any], name: str) -> Column:
    return Column(getattr(i, f"_ref_{name}") for i in instances)
