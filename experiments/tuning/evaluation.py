"""Evaluations: proposals simulated, in copies that advance together where the backend has them."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from experiments.targets import make_target
from experiments.targets.space import split
from experiments.targets.target import Target, pooled
from livn.env import Env
from livn.env.batch import EnvBatch
from livn.env.runs import CopiesDiverged
from livn.errors import Diverged, LivnError
from livn.run import Run

COPIES = 8  # that advance together: what a kill loses at most
TOGETHER = ("native",)  # backends whose copies cost less together than one after the other


@dataclass(frozen=True)
class Job:
    """One proposal to evaluate.

    Attributes:
        index: of the evaluation.
        values: parameter -> value, of what is free.
        streams: of the noise, one for each trial.
    """

    index: int
    values: Mapping[str, float]
    streams: Sequence[int]


@dataclass(frozen=True)
class Question:
    """What is evaluated: culture and target, by name, so that any process can make them.

    `seed` is that of the Env, by default that of `livn.make`, so that what is found holds there;
    `backend_options` are those of `livn.Env`, such as `{"precision": "float32"}`.
    """

    system: str
    target: str
    options: Mapping[str, Any] = field(default_factory=dict)
    model: str | None = None
    backend: str | None = None
    seed: int = 123
    backend_options: Mapping[str, Any] = field(default_factory=dict)

    def make_target(self) -> Target:
        """Return the target."""
        return make_target(self.target, self.options)

    def make_env(self, comm: Any = None) -> Env:
        """Return the culture with what ships with its system in force."""
        return self.describe_env(comm).init().apply_model_defaults()

    def describe_env(self, comm: Any = None) -> Env:
        """Return the culture before it is built, which knows all names."""
        return Env(
            self.system, self.model, seed=self.seed, comm=comm, backend=self.backend,
            **self.backend_options,
        )  # fmt: skip

    def __call__(self, comm: Any = None) -> "Evaluator":
        """Return what answers jobs, made once in each worker."""
        return Evaluator(self.make_env(comm), self.make_target())

    @property
    def per_task(self) -> int:
        """Copies one task holds: several where they advance together."""
        return COPIES if self.backend in TOGETHER else 1


class Evaluator:
    """Answers jobs on one Env; a result depends on the job only, not on what was asked before.

    Jobs set the same parameters, those of the search space: what a job leaves out stays as it is.
    """

    def __init__(self, env: Env, target: Target):
        self.env, self.target = env, target
        self._batches: dict[int, EnvBatch] = {}
        target.init(env)

    def __call__(self, jobs: Sequence[Job]) -> list[dict[str, Any]]:
        """Return a row for each job; failed simulations are rows with a status."""
        began = time.perf_counter()
        touching = any(name.startswith("io-") for job in jobs for name in job.values)
        together = self.env.backend in TOGETHER and not touching  # copies share their io
        measured = self._together(jobs) if together else [self._alone(job) for job in jobs]
        seconds = (time.perf_counter() - began) / max(1, len(jobs))
        pairs = zip(jobs, measured, strict=True)
        return [self._row(job, trials) | {"seconds": seconds} for job, trials in pairs]

    def _row(self, job: Job, trials: "list[Trial]") -> dict[str, Any]:
        known = [trial.features for trial in trials if trial.features]
        features = pooled(known) if known else {}
        status = next((t.status for t in trials if t.status != "ok"), "ok")
        problem = next((t.problem for t in trials if t.problem), "")
        if status in ("failed", "diverged"):
            features = {}
        return {
            "index": job.index,
            "values": dict(job.values),
            "streams": list(job.streams),
            "status": status,
            "features": features,
            "objectives": self.target.objectives(features),
            "constraints": self.target.constraints(features),
            "inside": status == "ok" and self.target.inside(features),
        } | ({"problem": problem} if problem else {})

    def _trial(self, runs: Mapping[str, Run]) -> "Trial":
        found = self.target.features(runs, self.env)
        return Trial(self.target.status(runs, self.env), found)

    def _alone(self, job: Job) -> "list[Trial]":
        own, protocol = split(job.values)
        found = []
        for stream in job.streams:
            try:
                self.env.clear().set_params(own)
                self.env.clear().reseed_noise(stream)
                runs = {}
                for stage in self.target.stages():
                    played = stage.stimulus(self.env, protocol) if stage.stimulus else None
                    runs[stage.name] = self.env.run(stage.duration, played)
                found.append(self._trial(runs))
            except Diverged as problem:
                found.append(Trial("diverged", problem=str(problem)))
            except (LivnError, ArithmeticError) as problem:
                found.append(Trial("failed", problem=str(problem)))
        return found

    def _together(self, jobs: Sequence[Job]) -> "list[list[Trial]]":
        """Return the trials of each job, all of them copies of one batch."""
        where = [(j, stream) for j, job in enumerate(jobs) for stream in job.streams]
        batch = self._batch(len(where)).clear().reseed_noise([stream for _, stream in where])
        refused = self._set(batch, [split(jobs[j].values)[0] for j, _ in where])
        stages, diverged = self._stages(batch, [jobs[j] for j, _ in where])
        trials = []
        for k in range(len(where)):
            if k in refused or k in diverged:
                status = "failed" if k in refused else "diverged"
                trials.append(Trial(status, problem=refused.get(k) or diverged[k]))
                continue
            runs = {name: found[k] for name, found in stages.items()}
            trials.append(self._trial(runs))
        which = [j for j, _ in where]
        return [[t for t, j in zip(trials, which, strict=True) if j == n] for n in range(len(jobs))]

    def _batch(self, n: int) -> EnvBatch:
        """Return a batch of n copies, made once: lowering its cells takes a second."""
        if n not in self._batches:
            self._batches[n] = self.env.clear().batch(n)
        return self._batches[n]

    def _set(self, batch: EnvBatch, params: Sequence[Mapping[str, float]]) -> dict[int, str]:
        """Set the parameters of each copy; return which were refused, and why."""
        try:
            batch.set_params(params)
        except (LivnError, ArithmeticError):
            return {
                k: problem for k, own in enumerate(params) if (problem := _refusal(batch, own, k))
            }
        return {}

    def _stages(self, batch: Any, jobs: Sequence[Job]) -> tuple[dict[str, Any], dict[int, str]]:
        """Return the runs of each stage by name, and of the copies that diverged why."""
        stages: dict[str, Any] = {}
        diverged: dict[int, str] = {}
        for stage in self.target.stages():
            stimuli = None
            if stage.stimulus is not None:
                stimuli = [stage.stimulus(self.env, split(job.values)[1]) for job in jobs]
            try:
                stages[stage.name] = batch.run(stage.duration, stimuli)
            except CopiesDiverged as problem:
                stages[stage.name] = problem.runs
                diverged |= dict.fromkeys(problem.got, problem.message)
        return stages, diverged


@dataclass(frozen=True)
class Trial:
    """What one simulation came to: its features, or why there are none."""

    status: str
    features: Mapping[str, float] = field(default_factory=dict)
    problem: str = ""


def _refusal(batch: EnvBatch, params: Mapping[str, float], k: int) -> str:
    try:
        batch.set_params(params, k)
    except (LivnError, ArithmeticError) as problem:
        return str(problem)
    return ""
