"""Everything that can be set on an Env, by key: weights, receptors, noise and cells."""

from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livn.backend.network import Network, Population, Target
from livn.errors import InvalidType, InvalidValue, UnknownName, unknown_names
from livn.models.description import Parameter
from livn.models.receptors import peak_factor
from livn.models.values import (
    Value,
    initial_state,
    parameter_values,
    refractory_steps,
    step_constants,
)

_SECTIONS = {"soma", "dend", "hillock"}  # names a weight key may use whatever the cell has


@dataclass(frozen=True)
class Change:
    """Checked new values, not yet in force.

    Attributes:
        weights: weight key -> factor.
        overrides: population -> flat parameter name -> value.
    """

    weights: dict[str, float]
    overrides: dict[str, dict[str, Value]]


@dataclass(frozen=True)
class _Key:
    """Where the values of one key go.

    Attributes:
        kind: "mechanisms", "noise" or "cells".
        places: (population, flat parameter name) of each value; one key may set several.
        canonical: whether `params` lists it; a key for all populations it does not.
    """

    kind: str
    places: list[tuple[str, str]]
    canonical: bool


@dataclass
class Parameters:
    """What is in force for a network; the description's values where nothing was set.

    Attributes:
        dt: step at which new values are tried, ms.
        weights: weight key -> factor.
        overrides: population -> flat parameter name -> value.
        version: another object after every change.
    """

    network: Network
    seed: int
    dt: float
    weights: dict[str, float] = field(init=False)
    overrides: dict[str, dict[str, Value]] = field(init=False)
    version: object = field(init=False, default_factory=object, compare=False, repr=False)

    def __post_init__(self) -> None:
        self._targets = {
            t.key: (post, t) for (post, _), found in self.network.targets.items() for t in found
        }
        self.weights = {key: t.receptor.weight for key, (_, t) in self._targets.items()}
        self.overrides = {name: {} for name in self.network.populations}
        self._weight_keys = self._spellings()
        self._keys: dict[str, _Key] = {}
        for name, population in self.network.populations.items():
            for kind, local, flat in _settable(population):
                separator = {"mechanisms": "-", "noise": "-", "cells": ":"}[kind]
                prefix = {"mechanisms": "", "noise": "noise-", "cells": "cells-"}[kind]
                self._add(f"{prefix}{name}{separator}{local}", kind, (name, flat), True)
                if prefix:
                    self._add(f"{prefix}{local}", kind, (name, flat), False)
        self._values: dict[str, dict[str, Value]] = {}

    def _add(self, key: str, kind: str, place: tuple[str, str], canonical: bool) -> None:
        self._keys.setdefault(key, _Key(kind, [], canonical)).places.append(place)

    def _spellings(self) -> dict[str, str]:
        """Map every way to write a weight key to the key: sections a cell lacks mean its soma."""
        known: dict[str, str] = {}
        for key, (post, target) in self._targets.items():
            cell = self.network.populations[post].equations.cell
            pair, _, rest = key.split("-", 2)
            for section in _SECTIONS | set(cell.sections):
                if cell.section(section) == target.section:
                    known.setdefault(f"{pair}-{section}-{rest}", key)
        return known | {key: key for key in self._targets}

    def twin(self, seed: int) -> "Parameters":
        """Return the same parameters for a culture of its own; drawn ones follow `seed`."""
        other = copy(self)
        other.seed = seed
        other.weights = dict(self.weights)
        other.overrides = {name: dict(values) for name, values in self.overrides.items()}
        other._values = {n: self.values(n) for n in self.overrides} if seed == self.seed else {}
        return other

    # reading

    def values(self, population: str) -> dict[str, Value]:
        """Return every parameter of a population, free and derived."""
        if population not in self._values:
            p = self.network.populations[population]
            self._values[population] = parameter_values(
                p.equations, self.overrides[population], self.seed, p.gids
            )
        return self._values[population]

    def increments(self) -> dict[str, float]:
        """Return weight key -> conductance one event adds to both receptor states, µS."""
        return {
            key: self.weights[key]
            * target.receptor.g_unit
            * peak_factor(*_kinetics(self.values(post), target))
            for key, (post, target) in self._targets.items()
        }

    @property
    def changed(self) -> bool:
        """Whether anything was ever set."""
        initial = {key: t.receptor.weight for key, (_, t) in self._targets.items()}
        return self.weights != initial or any(self.overrides.values())

    def everything(self) -> Change:
        """Return what `replace` takes to come back to the present values."""
        return Change(dict(self.weights), {n: dict(v) for n, v in self.overrides.items()})

    def holds(self, change: Change) -> bool:
        """Return whether `replace` with this change would leave everything as it is."""
        return self.weights == change.weights and all(
            own.keys() == change.overrides[name].keys()
            and all(np.array_equal(v, change.overrides[name][k]) for k, v in own.items())
            for name, own in self.overrides.items()
        )

    def in_force(self) -> dict[str, Any]:
        """Return every key that can be set with its value, one key per value."""
        found: dict[str, Any] = dict(self.weights)
        for key, place in self._keys.items():
            if place.canonical:
                population, flat = place.places[0]
                value = self.values(population)[flat]
                found[key] = value.copy() if isinstance(value, np.ndarray) else value
        return found

    def names(self) -> dict[str, list[str]]:
        """Return the valid keys of each kind, without prefix."""
        names = {"weights": sorted(self._targets)}
        for kind in ("mechanisms", "noise", "cells"):
            found = (k.removeprefix(f"{kind}-") for k, v in self._keys.items() if v.kind == kind)
            names[kind] = sorted(found)
        return names

    def cell_parameters(self, population: str) -> dict[str, Value]:
        """Return `<section>.<parameter>` -> value of the cell parameters of a population."""
        prefix = f"cells-{population}:"
        return {
            key.removeprefix(prefix): self.values(population)[place.places[0][1]]
            for key, place in self._keys.items()
            if key.startswith(prefix)
        }

    # writing; every name and value is checked before anything changes

    def resolve(self, params: Mapping[str, Any]) -> Change:
        """Return the change that `set_params` keys (without `io-`) mean.

        Raises:
            UnknownName: for keys that match nothing, all at once, with the nearest valid ones.
            InvalidValue: for values that are not finite, out of bounds, or make no cell.
        """
        change = Change({}, {name: {} for name in self.network.populations})
        for key, value, places in self.addressed(params):
            if key in self._weight_keys:
                factor = _checked(key, value, _WEIGHT, None)
                change.weights[self._weight_keys[key]] = float(factor)
            for population, flat in places:
                one = self.network.populations[population]
                size = None if self._keys[key].kind == "mechanisms" else len(one)
                parameter = one.equations.parameters[flat]
                change.overrides[population][flat] = _checked(key, value, parameter, size)
        plain = {_bare(key): value for key, value in params.items()}
        self._check_kinetics(change)
        self._check_outcome(change, plain)
        return change

    def addressed(
        self, params: Mapping[str, Any]
    ) -> Iterator[tuple[str, Any, list[tuple[str, str]]]]:
        """Yield key, value and where it goes, what is said of one population last.

        Places are (population, flat parameter name); a weight has none.

        Raises:
            UnknownName: for keys that match nothing, all at once, with the nearest valid ones.
        """
        unknown = [_bare(key) for key in params if not self._known(key)]
        if unknown:
            raise self._unknown(unknown)
        plain = {_bare(key): value for key, value in params.items()}
        for key in sorted(plain, key=self._names_population):  # what is said of one of them wins
            yield key, plain[key], [] if key in self._weight_keys else self._keys[key].places

    def weight_key(self, key: str) -> str | None:
        """Return the canonical form of a weight key, None for a key of something else."""
        return self._weight_keys.get(_bare(key))

    def apply(self, change: Change) -> list[str]:
        """Carry out a change and return the populations whose parameters it touched."""
        self.version = object()
        self.weights |= change.weights
        touched = [name for name, values in change.overrides.items() if values]
        for name in touched:
            self.overrides[name] |= change.overrides[name]
            self._values.pop(name, None)
        return touched

    def replace(self, change: Change) -> None:
        """Put the values of a change in force instead of everything set before."""
        self.weights = dict(change.weights)
        self.overrides = {name: dict(values) for name, values in change.overrides.items()}
        self._values, self.version = {}, object()

    def _known(self, key: str) -> bool:
        plain = _bare(key)
        if plain in self._weight_keys:
            return True
        return plain in self._keys and (plain == key or self._keys[plain].kind == "mechanisms")

    def _names_population(self, key: str) -> bool:
        return key in self._weight_keys or self._keys[key].canonical

    def _check_kinetics(self, change: Change) -> None:
        for key, (post, target) in self._targets.items():
            changed = change.overrides[post]
            rise, decay = _kinetics({**self.values(post), **changed}, target)
            if not rise < decay:
                raise InvalidValue(
                    f"receptor of {key!r} does not rise faster than it decays: got tau_rise="
                    f"{rise:g} ms, tau_decay={decay:g} ms; need tau_rise < tau_decay.",
                    got=(rise, decay),
                )

    def _check_outcome(self, change: Change, given: Mapping[str, Any]) -> None:
        """Refuse a change that leaves some number of the cells or synapses undefined."""
        tried = copy(self)
        tried.replace(self.everything())
        tried._values = dict(self._values)
        for population in tried.apply(change):
            try:
                with np.errstate(all="ignore"):
                    bad = tried._undefined(population)
            except ArithmeticError as error:
                bad = str(error)
            if bad:
                keys = {key: value for key, value in given.items() if self._sets(key, population)}
                raise InvalidValue(
                    f"parameters make no cell of {population}: got {keys}; {bad}. "
                    "Choose values at which all that follows from them is finite.",
                    got=keys,
                )

    def _undefined(self, population: str) -> str:
        """Return what is not finite of a population with the present values, or nothing."""
        p, values = self.network.populations[population], self.values(population)
        found = {
            **values,
            **initial_state(p.equations, values, len(p)),
            **step_constants(p.step, values, self.dt),
            "refractory": refractory_steps(p.equations, values, self.dt),
            **self.increments(),
        }
        names = [name for name, value in found.items() if not np.all(np.isfinite(value))]
        return f"{names[0]} is not finite" if names else ""

    def _sets(self, key: str, population: str) -> bool:
        return key in self._keys and any(p == population for p, _ in self._keys[key].places)

    def _unknown(self, unknown: list[str]) -> UnknownName:
        kind = unknown[0].split("-")[0]
        pool = [*self._targets, *(k for k, v in self._keys.items() if v.canonical)]
        if unknown[0].endswith("weight"):
            pool = list(self._targets)
        elif kind in ("noise", "cells"):
            pool = [k for k, v in self._keys.items() if v.kind == kind]
        hints = {key: other for key in unknown if (other := self._transposed(key))}
        return unknown_names("parameter key", unknown, pool, hints=hints)

    def _transposed(self, key: str) -> str | None:
        """Return the weight key with pre and post swapped, if that is one."""
        pair, _, rest = key.partition("-")
        first, _, second = pair.partition("_")
        same = (
            canonical
            for spelling, canonical in self._weight_keys.items()
            if spelling.startswith(f"{second}_{first}-")
            and spelling.split("-")[2:] == rest.split("-")[1:]
        )
        return next(same, None)


def by_name(params: Any) -> Mapping[str, Any]:
    """Return `params`, or raise where it is not a mapping of names."""
    if not isinstance(params, Mapping) or not all(isinstance(key, str) for key in params):
        raise InvalidType(
            f"parameters are not named: got {params!r}; need a mapping of names to values.",
            got=params,
        )
    return params


def populations_of(key: str) -> set[str]:
    """Return the words of a `set_params` key where population names stand."""
    kind, _, rest = key.partition("-")
    if kind == "cells":
        return {rest.split(":")[0]}
    if kind == "noise":
        return {rest.split("-")[0]}
    pair = rest.split("-")[0] if kind == "weight" else kind
    return set(pair.split("_"))


def _bare(key: str) -> str:
    return key.removeprefix("weight-")


_WEIGHT = Parameter("weight", 1.0, "1", "factor on the conductance of a synapse", (0.0, np.inf))


def _settable(population: Population) -> Iterator[tuple[str, str, str]]:
    """Yield (kind, key within the population, flat name) of every parameter that can be set."""
    cell = population.equations.cell
    for p in cell.parameters:
        if p.settable:
            yield "cells", p.name, p.name
    for c in cell.compartments:
        own = [("cells", f"{c.name}.{p.name}", p) for p in c.parameters]
        for m in c.mechanisms:
            for p in m.parameters:
                if m.role == "receptor":
                    plain = p.name.removesuffix(f"_{m.name}")
                    own.append(("mechanisms", f"{c.name}-{m.name}-{plain}", p))
                elif m.role == "noise":
                    own.append(("noise", p.name, p))
                else:
                    own.append(("cells", f"{c.name}.{p.name}", p))
        yield from ((kind, local, f"{p.name}_{c.name}") for kind, local, p in own if p.settable)


def _kinetics(values: Mapping[str, Value], target: Target) -> tuple[float, float]:
    """Return tau_rise and tau_decay of a receptor, ms."""
    rise, decay = values[f"tau_rise_{target.site}"], values[f"tau_decay_{target.site}"]
    return float(rise), float(decay)


def _checked(key: str, value: Any, parameter: Parameter, n_cells: int | None) -> Value:
    """Return the value as a float, or as one per cell where there are `n_cells`."""
    array: NDArray[Any] = np.asarray(value)
    if array.ndim and array.shape != (n_cells,):
        need = "one number" + (f" or {n_cells}, one per cell" if n_cells else "")
        raise InvalidValue(
            f"parameter {key!r} has the wrong length: got shape {array.shape}; need {need}.",
            got=array.shape,
            allowed=n_cells,
        )
    low, high = parameter.bounds
    number = array.dtype.kind in "iuf"
    fine = np.isfinite(array) & (array >= low) & (array <= high) if number else np.bool_(False)
    if not np.all(fine):
        got = np.atleast_1d(array)[~np.atleast_1d(fine)][0].item() if number else value
        unit = "" if parameter.unit == "1" else f" {parameter.unit}"
        raise InvalidValue(
            f"parameter {key!r} is out of range: got {got!r}; need a finite number from {low:g} "
            f"to {high:g}{unit}.",
            got=got,
            allowed=parameter.bounds,
        )
    return array.astype(float) if array.ndim else float(array)
