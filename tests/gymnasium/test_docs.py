"""What docs/gymnasium.md and docs/tasks.md say is so."""

import re
from pathlib import Path

import gymnasium as gym
import pytest

from livn.tasks.making import TASKS

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {name: (DOCS / f"{name}.md").read_text("utf-8") for name in ("gymnasium", "tasks")}
BLOCKS = [
    pytest.param(block, id=f"{name} {k}")
    for name, page in PAGES.items()
    for k, block in enumerate(re.findall(r"^```python\n(.*?)^```", page, re.M | re.S))
]


@pytest.mark.parametrize("block", BLOCKS)
def test_examples_run(block):
    exec(compile(block, "docs", "exec"), {"__name__": "__main__"})


def test_every_task_has_its_row_with_the_systems_it_is_registered_for():
    rows = re.findall(r"^\| `(\w+)` \| ([EI\d, ]+) \|", PAGES["tasks"], re.M)
    told = {f"livn/{s}-{task}-v0" for task, systems in rows for s in systems.split(", ")}
    assert told == {id for id in gym.registry if id.startswith("livn/")}
    assert {task for task, _ in rows} == set(TASKS)


@pytest.mark.parametrize("name", list(PAGES))
def test_links_and_pictures_are_there(name):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", PAGES[name]):
        assert (DOCS / target).exists()
