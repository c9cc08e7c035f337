"""Cultures with the parameters they ship with fire sensibly, and alike on every backend."""

from dataclasses import dataclass

import numpy as np
import pytest

REFERENCE = "brian2"
N_TRIALS = 3
DURATION = 1000  # ms
FEW = 5  # cells; the CV of the few intervals of fewer cells is chance, not a property of a culture

slow = pytest.mark.slow
CULTURES = [
    ("EI2", "Izhikevich"),
    pytest.param("EI1", "Izhikevich", marks=slow),
    pytest.param("EI1", "ReducedCalciumSomaDendrite", marks=slow),
]

# What a shipped culture shows in each trial: quantity -> smallest and largest.
BANDS = {
    "EXC": (0.3, 12.0),  # Hz
    "INH": (0.3, 12.0),  # Hz
    "active": (0.6, 1.0),  # share of cells that spike within 1 s
    "isi_cv": (0.2, 1.5),  # 0 is a clock, 1 a Poisson process
    "fano": (0.3, 12.0),  # of the count in 10 ms, 1 if cells do not know of each other
}


@dataclass(frozen=True)
class Activity:
    """Quantities of BANDS, one value per trial."""

    trials: dict[str, np.ndarray]

    def mean(self, name):
        return self.trials[name].mean()

    def error(self, name):
        """Standard error of the mean over trials."""
        return self.trials[name].std(ddof=1) / np.sqrt(N_TRIALS)


def quantities(run, ranges):
    seconds = run.duration / 1000
    found = {
        name: len(run.select(np.arange(first, first + n)).spike_ids) / n / seconds
        for name, (first, n) in ranges.items()
    }
    n_cells = sum(n for _, n in ranges.values())
    counts = np.histogram(run.spike_times, np.arange(0, run.duration + 1, 10))[0]
    trains = (run.spike_times[run.spike_ids == g] for g in range(n_cells))
    intervals = [np.diff(t) for t in trains if len(t) > 3]
    found["active"] = len(np.unique(run.spike_ids)) / n_cells
    found["fano"] = counts.var() / max(counts.mean(), 1e-9)
    variations = [d.std() / d.mean() for d in intervals]
    found["isi_cv"] = np.mean(variations) if len(variations) >= FEW else np.nan
    return found


@pytest.fixture(scope="session")
def activity(new_env):
    known = {}

    def measure(system, model, backend=None):
        if (system, model, backend) not in known:
            chosen = {} if backend is None else {"backend": backend}
            env = new_env(system, model, **chosen).apply_model_defaults().record_spikes()
            ranges = env.system.population_ranges
            runs = (env.clear().reseed_noise(k).run(DURATION) for k in range(N_TRIALS))
            trials = [quantities(run, ranges) for run in runs]
            known[system, model, backend] = Activity(
                {name: np.array([t[name] for t in trials]) for name in trials[0]}
            )
        return known[system, model, backend]

    return measure


@pytest.mark.parametrize(("system", "model"), CULTURES)
def test_shipped_culture_is_neither_mute_nor_runaway(activity, system, model):
    seen = activity(system, model)

    for name, (low, high) in BANDS.items():
        values = seen.trials[name][~np.isnan(seen.trials[name])]
        assert np.all((low <= values) & (values <= high)), (name, seen.trials[name])


@pytest.mark.parametrize(("system", "model"), CULTURES)
def test_backends_agree_within_the_spread_over_trials(activity, backend, system, model):
    if backend == REFERENCE:
        return  # it is what the others are compared with
    seen, reference = activity(system, model), activity(system, model, REFERENCE)

    for name in BANDS:
        apart = abs(seen.mean(name) - reference.mean(name))
        assert not apart > 4 * np.hypot(seen.error(name), reference.error(name)), name
