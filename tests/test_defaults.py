"""Cultures live out of the box: nothing ships mute, and nothing ships in seizure."""

import numpy as np
import pytest

from livn import make
from livn.system.catalog import RECIPES

WARM_UP = 300.0  # ms
RATES = (1.0, 6.0)  # Hz, mean over the culture
# No 50 ms may see more than this per cell: bursts of cultures reach 30-150 Hz within a channel
# (CULTURES: Chiappalone 2005), a seizure is sustained and would raise the mean beyond RATES.
PEAK = 60.0

CASES = [
    pytest.param(name, model, id=f"{name}-{model}", marks=[pytest.mark.slow] * slow)
    for name in RECIPES
    for model, slow in (("Izhikevich", name == "EI4"), ("ReducedCalciumSomaDendrite", True))
]


@pytest.mark.parametrize(("name", "model"), CASES)
def test_defaults_keep_the_culture_alive(name: str, model: str) -> None:
    duration = 700.0 if name == "EI4" else 1200.0
    env = make(name, model=model, target="numpy").record_spikes()
    run = env.run(WARM_UP + duration).slice(WARM_UP)
    counts = np.bincount(run.spike_ids, minlength=env.system.num_neurons)
    rates = counts / (duration / 1e3)
    peak = np.histogram(run.spike_times, np.arange(0, duration + 1, 50.0))[0].max()

    assert RATES[0] < rates.mean() < RATES[1]
    for start, n_cells in env.system.population_ranges.values():
        assert rates[start : start + n_cells].mean() > 0.3
    assert peak / len(counts) / 0.05 < PEAK


def test_defaults_ship_for_both_default_models() -> None:
    for recipe in RECIPES.values():
        assert set(recipe.params) >= {"Izhikevich", "ReducedCalciumSomaDendrite"}
