"""How a culture fires over noise seeds: mean rate and active cells, with their spread.

Parameters that look good in one run may have been lucky; this says how much runs differ.
"""

import time
from statistics import fmean, stdev
from typing import Any

from pydantic import Field

from experiments.component import SystemComponent
from experiments.progress import Figure, Plan, start
from livn.decoding import ActiveFraction, MeanFiringRate
from livn.env import Env

TRIALS = "trials.jsonl"
MEASURES = ("rate_hz", "active_fraction")


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
        """Simulate the trials that are missing, one after the other."""
        journal = self.journal(TRIALS)
        done = len(journal)
        options = self.config
        plan = Plan("survey", self.hash, self.options(), options.trials, done, "trials")
        with start(plan) as progress:
            env = Env(
                options.system, options.model, seed=options.seed, backend=options.backend
            ).apply_model_defaults()
            env.record_spikes()
            for trial in range(done, options.trials):
                journal.append({"trial": trial, **self._measured(env, trial)})
                progress.advance()
                progress.show(Figure("mean rate", self._mean("rate_hz"), "Hz"))
            env.close()
            self.save_metrics(self._summary())
            progress.after(self.metrics())

    def trials(self) -> list[dict[str, Any]]:
        """Return rate (Hz), active fraction and wall time (s) of every trial so far."""
        return self.journal(TRIALS).rows()

    def _measured(self, env: Env, trial: int) -> dict[str, float]:
        began = time.perf_counter()
        env.clear().reseed_noise(trial)
        if self.config.warmup:
            env.run(self.config.warmup)
        run = env.run(self.config.duration)
        rate = MeanFiringRate(duration=self.config.duration)(run, env)
        active = ActiveFraction(duration=self.config.duration)(run, env)
        found = {name: {**rate, **active}[name] for name in MEASURES}
        return {**found, "seconds": time.perf_counter() - began}

    def _mean(self, name: str) -> float:
        return fmean(row[name] for row in self.trials())

    def _summary(self) -> dict[str, float]:
        rows, summary = self.trials(), {}
        for name in MEASURES:
            values = [row[name] for row in rows]
            summary[name] = fmean(values)
            summary[f"{name}_sd"] = stdev(values) if len(values) > 1 else 0.0
        return summary
