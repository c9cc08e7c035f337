"""What README.md says is so."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from livn.models import MODELS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS)
def test_example_takes_ten_lines_at_most(block):
    assert sum(bool(line.strip()) for line in block.splitlines()) <= 10


def pulse_is_answered(names):
    heard = np.concatenate(list(names["heard"].values()))
    assert 0 < (heard < 50).sum() < (heard >= 50).sum()


def culture_lives(names):
    env = names["env"]
    assert (env.system.num_neurons, env.io.num_channels) == (200, 16)
    spikes = names["run"].spike_ids
    assert 20 < len(spikes) < 400  # 0.5 to 10 Hz
    assert spikes.min() < env.system.population_ranges["INH"][0] <= spikes.max()


def copies_differ(names):
    rates = names["rates"]
    assert len(set(rates)) == len(rates) == 8
    assert all(0.5 < rate < 10 for rate in rates)


CHECKS = [pulse_is_answered, copies_differ, culture_lives]


@pytest.mark.parametrize(("block", "check"), list(zip(BLOCKS, CHECKS, strict=True)))
def test_example_does_what_it_says(block, check, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(compile(block, "README.md", "exec"), names)
    check(names)


@pytest.mark.parametrize("target", re.findall(r"\]\((?!https?:)([^)#]+)", README))
def test_local_links_resolve(target):
    assert (ROOT / target).exists()


@pytest.mark.parametrize("task", re.findall(r"^python3 dev\.py (\w+)", README, re.MULTILINE))
def test_commands_are_known_to_dev_py(task):
    told = subprocess.run([sys.executable, ROOT / "dev.py"], capture_output=True, text=True)
    assert f"dev.py {task} " in told.stderr


def test_quickstart_prints_spikes_on_electrodes_and_draws(tmp_path):
    command = [sys.executable, ROOT / "examples" / "quickstart.py"]
    told = subprocess.check_output(command, cwd=tmp_path, text=True)
    rows = re.findall(r"^│ +\d+ +│ +(\d+) +│ +(\d+)", told, re.MULTILINE)
    before, after = np.array(rows, int).sum(axis=0)
    assert 0 < before < after
    assert (tmp_path / "quickstart.png").stat().st_size > 10_000


def test_numerics_page_has_a_row_for_every_model() -> None:
    page = (ROOT / "docs" / "numerics.md").read_text()
    for name in MODELS:
        assert f"\n| {name}" in page
