"""What docs/experiments.md says is so."""

import re
from pathlib import Path

import pytest

from interface.describe import options
from interface.resolve import CONTEXTS, component_class
from livn import cli
from livn.cli.records import VERBS
from livn.experiments import storage

PAGE = Path(__file__).parents[2] / "docs" / "experiments.md"
TEXT = PAGE.read_text("utf-8")


@pytest.mark.parametrize("block", re.findall(r"^```python\n(.*?)^```", TEXT, re.M | re.S))
def test_examples_run(block, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(block, PAGE.name, "exec"), {})
    assert list(tmp_path.iterdir()) == []


def test_contexts_verbs_and_statuses_are_there():
    for name in CONTEXTS:
        assert f"| `{name}" in TEXT
    for name in VERBS:
        assert f"`livn systems {name}" in TEXT
    for status in (cli.output.FAILED, cli.output.NOT_FINISHED, cli.UNKNOWN_ACTION, cli.INTERRUPTED):
        assert f"\n| {status} |" in TEXT


def test_settings_of_slurm_are_there(tmp_path):
    with storage(tmp_path):
        known = [name for name, *_ in options(component_class("slurm"))]
    named = re.findall(r"`(\w+)=[^`]*`", TEXT.split("## Where it runs")[1].split("## Exit")[0])
    assert set(named) <= {*known, "workers", "n", "subworld"}
    assert {"notice", "requeues", "throttle", "preamble", "launcher", "dry"} <= set(named)
