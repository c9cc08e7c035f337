"""Targets: what is simulated, what is measured of it, and where that should lie."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import nan
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from experiments.targets.goals import Goal, missed, rank
from experiments.targets.space import Space, split
from livn.decoding import Stability
from livn.decoding.measure import SpikeMeasure
from livn.decoding.trains import SpikeTrains
from livn.errors import NotSupported, unknown_names
from livn.run import Run
from livn.stimulus import Stimulus

Range = Sequence[Any] | None

# Bounds of weights by mechanism, factors on the conductance of one synapse. AMPA and GABA_A as
# published livn 2.0 searches; NMDA up to where it holds a burst alone for 100 ms, without which
# cultures of 10 to 100 cells have no branching ratio near 1 (docs/tuning.md).
WEIGHTS: dict[str, Range] = {
    "AMPA": (0.05, 10.0, "log10"),
    "NMDA": (0.05, 30.0, "log10"),
    "GABA_A": (0.05, 10.0, "log10"),
}
# Of point cells, whose synapses are felt about thirty times as strongly (tools/find_defaults.py).
POINT_WEIGHTS: dict[str, Range] = dict.fromkeys(WEIGHTS, (0.002, 0.5, "log10"))
# Background of each population: conductance fluctuations, uS (published livn 2.0 searches up to
# 0.05, where these cells are in depolarisation block), or the level of point cells.
NOISE: dict[str, Range] = {"std_e": (5e-5, 2e-3, "log10"), "level": (0.2, 3.0, "log10")}


@dataclass(frozen=True)
class Stage:
    """One stretch of a simulation; stages follow each other without a pause.

    Attributes:
        name: what `Target.features` finds it by.
        duration: ms.
        stimulus: makes what is played of the Env and the protocol parameters; None for nothing.
    """

    name: str
    duration: float
    stimulus: Callable[[Any, Mapping[str, float]], Stimulus] | None = None


class Target(BaseModel):
    """What a culture should do. Subclasses give `own_goals`, `stages` and `features`.

    Attributes:
        ranges: other bounds by parameter, `[low, high]` or `[low, high, transform]`, of anything
            `env.set_params` takes; None fixes one that would be free. They win over the defaults.
        bands: other bands by feature, `[low, high]` or `[low, target, high]`; None for no goal.
        only_ranges: whether `ranges` is all that is free.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    ranges: dict[str, tuple[float, float] | tuple[float, float, str] | None] = Field(
        default_factory=dict
    )
    bands: dict[str, tuple[float, float] | tuple[float, float, float] | None] = Field(
        default_factory=dict
    )
    only_ranges: bool = False

    # what a subclass gives

    def own_goals(self) -> tuple[Goal, ...]:
        """Return the goals before `bands` are applied."""
        raise self._missing("own_goals")

    def stages(self) -> tuple[Stage, ...]:
        """Return what is simulated, in order."""
        raise self._missing("stages")

    def features(self, runs: Mapping[str, Run], env: Any) -> dict[str, float]:
        """Return what was measured, by name; nan where it cannot be told.

        Args:
            runs: of each stage, by name.
            env: the Env (or batch) that ran.
        """
        raise self._missing("features")

    def judged_by(self) -> str:
        """Return the name of the stage in which silence and runaway are failures: the last."""
        return self.stages()[-1].name

    def weight_space(self, env: Any) -> dict[str, Range]:
        """Return the bounds of the weights of a culture."""
        by_mechanism = POINT_WEIGHTS if "noise-level" in noise_keys(env) else WEIGHTS
        found = {key: by_mechanism.get(key.split("-")[2]) for key in env.weight_names}
        return {key: bounds for key, bounds in found.items() if bounds}

    def noise_space(self, env: Any) -> dict[str, Range]:
        """Return the bounds of the background of each population."""
        known = noise_keys(env)
        wanted = {f"noise-{p}-{n}": b for p in env.active_populations() for n, b in NOISE.items()}
        return {key: bounds for key, bounds in wanted.items() if key in known}

    def protocol_space(self) -> dict[str, Range]:
        """Return the bounds of the parameters of the stimulation, `protocol-...`."""
        return {}

    def frees(self, key: str) -> bool:
        """Return whether a parameter is free in any culture that has it, judged by its name."""
        if key in self.ranges or self.only_ranges:
            return self.ranges.get(key) is not None
        return key.endswith("-weight") or key.rpartition("-")[2] in NOISE

    def _missing(self, method: str) -> NotSupported:
        return NotSupported(
            f"target {type(self).__name__} cannot be used: got no {method} method; give it one."
        )

    # what follows

    def init(self, env: Any) -> None:
        """Let an Env record what is measured."""
        env.record_spikes()

    def status(self, runs: Mapping[str, Run], env: Any) -> str:
        """Return how a simulation went: "ok", "silent" or "runaway".

        By the mean rate per cell in the stage that `judged_by` names, with the limits of
        `livn.decoding.Stability`: 0.05 and 20 Hz.
        """
        trains = trains_of(runs[self.judged_by()], env)
        found = Stability(duration=1, tail_window=trains.duration).measure(trains)
        return "silent" if found["is_quiescent"] else "runaway" if found["is_runaway"] else "ok"

    def goals(self) -> tuple[Goal, ...]:
        """Return the goals in force.

        Raises:
            UnknownName: if `bands` names a feature that has none.
        """
        goals = self.own_goals()
        known = [goal.feature for goal in goals]
        unknown = [name for name in self.bands if name not in known]
        if unknown:
            raise unknown_names(f"feature of target {type(self).__name__}", unknown, known)
        kept = [goal for goal in goals if self.bands.get(goal.feature, ()) is not None]
        return tuple(_moved(goal, self.bands.get(goal.feature)) for goal in kept)

    def search_space(self, env: Any) -> Space:
        """Return what is free for this culture.

        Raises:
            UnknownName: if `ranges` names what cannot be set.
            InvalidValue: if nothing is free.
        """
        protocol = self.protocol_space()
        found: dict[str, Range] = {}
        if not self.only_ranges:
            found = self.weight_space(env) | self.noise_space(env) | protocol
        names = env.parameters.names()
        known = {*names["weights"], *names["mechanisms"], *protocol, *noise_keys(env)}
        known |= {f"cells-{n}" for n in names["cells"]} | {f"io-{n}" for n in env.io.params()}
        unknown = [key for key in self.ranges if key.removeprefix("weight-") not in known]
        if unknown:
            raise unknown_names("parameter to search", unknown, known)
        found |= {key.removeprefix("weight-"): bounds for key, bounds in self.ranges.items()}
        return Space.of({key: bounds for key, bounds in found.items() if bounds})

    def objective_names(self) -> list[str]:
        """Return the features with a target, in order."""
        return [goal.feature for goal in self.goals() if goal.target is not None]

    def constraint_names(self) -> list[str]:
        """Return the features that only have to lie in a band, in order."""
        return [goal.feature for goal in self.goals() if goal.target is None]

    def objectives(self, features: Mapping[str, float]) -> dict[str, float]:
        """Return the loss of each objective: 0 at the target, 1 at the edge of the band."""
        return {
            goal.feature: goal.loss(features.get(goal.feature, nan))
            for goal in self.goals()
            if goal.target is not None
        }

    def constraints(self, features: Mapping[str, float]) -> dict[str, float]:
        """Return how far inside its band each constraint is, in half widths; negative outside."""
        return {
            goal.feature: goal.margin(features.get(goal.feature, nan))
            for goal in self.goals()
            if goal.target is None
        }

    def inside(self, features: Mapping[str, float]) -> bool:
        """Return whether every feature lies in its band."""
        return not missed(self.goals(), features)

    def rank(self, features: Mapping[str, float]) -> tuple[float, float]:
        """Return a key to sort by, best first: see `experiments.targets.goals.rank`."""
        return rank(self.goals(), features)

    def __call__(self, env: Any, params: Mapping[str, float] | None = None) -> dict[str, Any]:
        """Run an Env through the stages once and return what was measured and how good it is.

        Args:
            env: the Env, at t = 0.
            params: name -> value of what is free; None for what is in force and no stimulation.

        Returns:
            `features`, `objectives` as {name: (loss, feature)}, `constraints` as
            {name: (margin, feature)}.
        """
        own, protocol = split(params or {})
        self.init(env)
        env.set_params(own)
        runs = {}
        for stage in self.stages():
            played = stage.stimulus(env, protocol) if stage.stimulus else None
            runs[stage.name] = env.run(stage.duration, played)
        found = self.features(runs, env)
        judged = {"objectives": self.objectives(found), "constraints": self.constraints(found)}
        pairs = {k: {n: (v, found.get(n, nan)) for n, v in d.items()} for k, d in judged.items()}
        return {"features": found, **pairs}


def noise_keys(env: Any) -> set[str]:
    """Return every key that sets noise of a culture."""
    return {f"noise-{name}" for name in env.parameters.names()["noise"]}


def trains_of(run: Run, env: Any, units: Literal["cells", "channels"] = "cells") -> SpikeTrains:
    """Return the spike trains of a run by cell, or by channel of the array."""
    return SpikeMeasure(duration=1, units=units).trains(run, env)


def pooled(features: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the mean of each feature over trials in which it could be told, else nan."""
    columns = {name: [f[name] for f in features] for name in features[0]}
    known = {name: [v for v in values if not np.isnan(v)] for name, values in columns.items()}
    return {name: float(np.mean(values)) if values else nan for name, values in known.items()}


def _moved(goal: Goal, band: tuple[float, ...] | None) -> Goal:
    if band is None:
        return goal
    source = "your band"
    if len(band) == 3:
        low, target, high = band
        return replace(goal, low=low, target=target, high=high, source=source)
    low, high = band
    if goal.target is None:
        return replace(goal, low=low, high=high, source=source)
    middle = (low * high) ** 0.5 if goal.floor is not None else (low + high) / 2
    return replace(goal, low=low, high=high, target=middle, source=source)
