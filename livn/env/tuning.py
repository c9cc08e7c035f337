"""The part of an Env that sets its parameters."""

import warnings
from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from livn.env.lifecycle import Lifecycle
from livn.env.parameters import by_name, populations_of
from livn.errors import InvalidState, unknown_names
from livn.system.parameters import group_parameters


class Tuning(Lifecycle):
    """What is in force, and how to change it; the engine follows once it is there."""

    def apply_model_defaults(self, weights: bool = True, noise: bool = True) -> Self:
        """Set the parameters that ship with the system for this model.

        A system without any gets, with a warning, those of the model: its weights, else those of
        the graph, and its noise, else none.
        Parameters of populations that are not simulated are left out.

        Args:
            weights: set everything but noise.
            noise: set the noise.
        """
        shipped = self.system.default_params(model=self.model)
        if shipped is None:
            own = prefixed("weight-", self.model.default_weights(self.system.name))
            background = prefixed("noise-", self.model.default_noise(self.system.name))
            applied = ["weights of the model" if own else "weights as in its graph"] * weights
            applied += [f"noise of the model, {background}" if background else "noise off"] * noise
            warnings.warn(
                f"no parameters for system {self.system.name!r} with model "
                f"{self.model.params_key()}: {'; '.join(applied)}. Set them with env.set_params.",
                stacklevel=2,
            )
            shipped = own | background
        wanted = {k: v for k, v in shipped.items() if (noise if k[:6] == "noise-" else weights)}
        return self._set_simulated(wanted)

    def apply_default_params(self, group: str | None = None, strict: bool = False) -> Self:
        """Set the parameters of a group in the system's parameter document.

        Args:
            group: name of the group; None for "default".
            strict: raise instead of falling back to the model's defaults where there are none.

        Raises:
            UnknownName: if there is no such group, or with `strict` no document for this model.
        """
        _, document = self.system.params_document()
        key = self.model.params_key()
        found = None if document is None else group_parameters(document, key, group or "default")
        if found is not None:
            return self._set_simulated(found)
        if strict or group is not None:
            raise unknown_names("parameter group", [f"{key}/{group or 'default'}"], [])
        return self.apply_model_defaults()

    def _set_simulated(self, params: Mapping[str, Any]) -> Self:
        absent = set(self.system.populations) - set(self.network_plan.populations)
        return self.set_params({k: v for k, v in params.items() if not absent & populations_of(k)})

    def set_params(self, params: Mapping[str, Any]) -> Self:
        """Set weights, receptor parameters, noise, cell and io parameters by key, all or none.

        Keys: `[weight-]{post}_{pre}-{section}-{mechanism}-weight`,
        `[weight-]{post}-{section}-{mechanism}-{name}`, `noise-[POP-]{name}`,
        `cells-[POP:]{section}.{name}`, `io-{name}`. What is set of one population wins over what is
        set of all. Cell and noise parameters take one value, or one per cell of a population.

        Raises:
            InvalidType: if `params` is not a mapping of names.
            UnknownName: for keys that match nothing, with the nearest valid ones.
            InvalidValue: for values that are not finite, out of bounds, or make no cell.
        """
        self.check_open()
        touching = {k[3:]: v for k, v in by_name(params).items() if k.startswith("io-")}
        change = self.parameters.resolve(
            {k: v for k, v in params.items() if not k.startswith("io-")}
        )
        if touching:
            self.io = self.io.with_params(touching)
        self._load(self.parameters.apply(change))
        return self

    def set_weights(self, weights: Mapping[str, float]) -> Self:
        """Set weights by key, `{post}_{pre}-{section}-{mechanism}-weight` -> factor."""
        return self.set_params(prefixed("weight-", weights))

    def set_noise(self, noise: Mapping[str, Any]) -> Self:
        """Set noise parameters, `{name}` for all populations or `{POP}-{name}` for one."""
        return self.set_params(prefixed("noise-", noise))

    def _load(self, populations: list[str]) -> None:
        if self._engine is None:
            return
        for name in populations:
            self._engine.load_parameters(name, self.parameters.values(name))
        self._engine.load_weights(self.parameters.increments())
        if populations and self._engine.step == 0:
            self._engine.reset()

    def params(self) -> dict[str, Any]:
        """Return every parameter in force by the key that sets it."""
        touching = {f"io-{k}": v for k, v in self.io.params().items()}
        return self.parameters.in_force() | touching

    def admissible_params(self, cells: bool = False) -> dict[str, list[str]]:
        """Return the valid names of weights, mechanisms and noise, and of cells if asked."""
        names = self.parameters.names()
        return names if cells else {k: v for k, v in names.items() if k != "cells"}

    @property
    def weight_names(self) -> list[str]:
        """Keys of the weights that can be set."""
        return self.parameters.names()["weights"]

    @property
    def v_init(self) -> float:
        """Start voltage of the cells, mV, a mean where they differ; set it at t = 0 only."""
        names = self.network_plan.populations
        starts = [np.mean(self.parameters.values(n)["V_init"]) for n in names]
        return float(np.mean(starts))

    @v_init.setter
    def v_init(self, value: float) -> None:
        if self.t > 0:
            raise InvalidState(
                f"v_init cannot change during a simulation: got {value} mV at t = {self.t} ms. "
                "Call env.clear() first."
            )
        self.set_params({"cells-V_init": value})


def prefixed(prefix: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the params, each key with the prefix."""
    return {prefix + k.removeprefix(prefix): value for k, value in by_name(params).items()}
