"""What docs/sampling.md and docs/generating.md say is so."""

import re
import warnings
from pathlib import Path

import pytest

from experiments.generate import RECIPES
from experiments.sampling.merge import GROUP_BYTES, ROWS_PER_GROUP, SHARD_BYTES
from experiments.sampling.table import RUNAWAY_HZ, SCHEMA, STATUSES

DOCS = Path(__file__).parents[2] / "docs"
SAMPLING = (DOCS / "sampling.md").read_text("utf-8")
GENERATING = (DOCS / "generating.md").read_text("utf-8")


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", [SAMPLING, GENERATING], ids=["sampling", "generating"])
def test_examples_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # of datasets that stream
        for block in blocks(page, "python"):
            exec(compile(block, "docs", "exec"), names)


def test_all_columns_and_outcomes_are_told():
    assert all(f"`{name}`" in SAMPLING for name in [*SCHEMA.names, *STATUSES])
    assert f"{RUNAWAY_HZ:g} Hz" in SAMPLING
    assert f"shards of {SHARD_BYTES // 2**20} MB" in SAMPLING
    assert f"{ROWS_PER_GROUP} rows or {GROUP_BYTES // 2**20} MB" in SAMPLING


def test_recipe_is_the_one_that_comes_with_livn():
    assert blocks(GENERATING, "yaml") == [(RECIPES / "slab.yaml").read_text("utf-8")]
