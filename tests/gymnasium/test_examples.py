"""The learning examples, each on a budget too short to learn much but the read-out."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
BASELINES = {"policy", "random", "zero", "shuffled", "zero_spikes", "shuffled_spikes"}
REFERENCES = {"rate_control": {"open_loop", "feedback"}}


def done(name, tmp_path, *options):
    """Run an example and return what it wrote."""
    command = [sys.executable, EXAMPLES / f"{name}.py", "--seeds", "1", "--episodes", "1"]
    subprocess.check_output([*command, "--output", tmp_path, *options], text=True)
    assert (tmp_path / f"{name}.png").stat().st_size > 10_000
    found = json.loads((tmp_path / f"{name}.json").read_text())
    assert set(found["means"]) == BASELINES | REFERENCES.get(name, set())
    (result,) = found["results"]
    return result


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options", "steps"),
    [
        ("rate_control", ["--copies", "1", "--steps", "128", "--max-steps", "20"], 128),
        ("cartpole", ["--copies", "1", "--steps", "128"], 128),
        ("bursts", ["--copies", "1", "--steps", "128", "--max-steps", "20"], 128),
    ],
)
def test_ppo_example_learns_for_as_long_as_it_is_told(name, options, steps, tmp_path):
    result = done(name, tmp_path, *options)
    assert result["steps"] == steps
    assert (tmp_path / f"{name}_env.png").stat().st_size > 10_000
    assert result["curve"]
    if name == "cartpole":
        assert result["returns"]["zero_spikes"][0] < 12  # see test_games: no spikes, no balance
        assert sum(r for _, r in result["curve"]) <= steps


@pytest.mark.slow
def test_read_out_tells_patterns_from_spikes_only(tmp_path):
    result = done("reservoir", tmp_path, "--steps", "60")
    chance = 100 / 8
    # 60 examples of 8 patterns gave 70 % in 400 answers; 5 standard deviations of 60 lie above 40.
    assert result["returns"]["policy"][0] > 40
    assert result["returns"]["zero_spikes"][0] < chance + 5 * 4.3  # of 60 answers by chance
    assert result["returns"]["shuffled_spikes"][0] < chance + 5 * 4.3
    assert result["curve"][-1][1] > 0.4
