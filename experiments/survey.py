"""How a culture fires over noise seeds: mean rate and active cells, with their spread.

Parameters that look good in one run may have been lucky; this says how much runs differ.
"""

import time
from collections.abc import Callable, Mapping
from functools import partial
from statistics import fmean, stdev
from typing import Any

from pydantic import Field

from experiments.component import SystemComponent
from experiments.progress import Figure, Plan, start
from livn.decoding import ActiveFraction, MeanFiringRate
from livn.env import Env

TRIALS = "trials.jsonl"
MEASURES = ("rate_hz", "active_fraction")

Row = dict[str, float]


class Survey(SystemComponent):
    """Mean firing rate and active fraction over trials that differ in their noise only."""

    class Config(SystemComponent.Config):
        """`warmup` is simulated and not measured: all cells start alike and fire together once."""

        trials: int = Field(8, ge=1, description="simulations, each on a noise stream of its own")
        duration: float = Field(1000.0, gt=0, description="measured in each, ms")
        warmup: float = Field(200.0, ge=0, description="before that, ms")

    def version_quick(self) -> dict[str, Any]:
        """Two trials of 200 ms."""
        return {"trials": 2, "duration": 200.0}

    def compute(self) -> None:
        """Simulate the trials that are missing, as many at once as there are workers."""
        journal, options = self.journal(TRIALS), self.options()
        done = {row["trial"] for row in journal.rows()}
        missing = [trial for trial in range(options["trials"]) if trial not in done]
        plan = Plan(
            "survey", self.hash, options, options["trials"], len(done), "trials",
            output=str(self.directory),
        )  # fmt: skip
        with start(plan) as progress:
            with self.pool(partial(culture, options)) as pool:
                for trial in missing:
                    pool.submit(trial)
                for answer in pool.answers():
                    row = answer.result()
                    progress.expect(row["seconds"], pool.n_workers)
                    journal.append(row)
                    progress.advance()
                    progress.show(Figure("mean rate", self._mean("rate_hz"), "Hz"))
            self.save_metrics(self._summary())
            progress.after(self.metrics())

    def trials(self) -> list[Row]:
        """Return rate (Hz), active fraction and wall time (s) of every trial so far, in order."""
        return sorted(self.journal(TRIALS).rows(), key=lambda row: row["trial"])

    def _mean(self, name: str) -> float:
        return fmean(row[name] for row in self.trials())

    def _summary(self) -> dict[str, float]:
        rows, summary = self.trials(), {}
        for name in MEASURES:
            values = [row[name] for row in rows]
            summary[name] = fmean(values)
            summary[f"{name}_sd"] = stdev(values) if len(values) > 1 else 0.0
        return summary


def culture(options: Mapping[str, Any], comm: Any) -> Callable[[int], Row]:
    """Return what answers a trial number: one culture, cleared before each trial."""
    ranks = {"comm": comm} if options["backend"] == "neuron" else {}
    made = {name: options[name] for name in ("system", "model", "seed", "backend")}
    env = Env(**made, **ranks).init().apply_model_defaults().record_spikes()
    return partial(measured, env, options)


def measured(env: Env, options: Mapping[str, Any], trial: int) -> Row:
    """Return the measures of one trial."""
    began, duration = time.perf_counter(), options["duration"]
    env.clear().reseed_noise(trial)
    if options["warmup"]:
        env.run(options["warmup"])
    run = env.run(duration)
    found = MeanFiringRate(duration=duration)(run, env)
    found |= ActiveFraction(duration=duration)(run, env)
    row = {"trial": trial, **{name: found[name] for name in MEASURES}}
    return {**row, "seconds": time.perf_counter() - began}
