"""What README.md says is so."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def test_readme_has_a_ten_line_example():
    assert sum(bool(line.strip()) for line in BLOCKS[0].splitlines()) <= 10


@pytest.mark.parametrize("block", BLOCKS)
def test_example_runs(block, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(block, "README.md", "exec"), {})


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
    assert "electrode" in told
    assert (tmp_path / "quickstart.png").stat().st_size > 10_000
