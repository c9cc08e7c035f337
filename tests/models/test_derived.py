"""Derived steps that are kept on disk."""

import os

import pytest

from livn.models import make_model
from livn.models.derived import known_step
from livn.models.rcsd import ReducedCalciumSomaDendrite
from livn.models.scheme import derive_step


@pytest.fixture
def kept(tmp_path, monkeypatch):
    monkeypatch.setenv("LIVN_CACHE_DIR", str(tmp_path))
    return tmp_path / "steps"


@pytest.fixture(scope="module")
def equations():
    return make_model("HodgkinHuxley").equations("excitatory")


def test_a_step_from_disk_equals_the_derived_one(kept, equations):
    first, second, derived = known_step(equations), known_step(equations), derive_step(equations)
    assert len(list(kept.iterdir())) == 1
    assert first == second == derived
    assert second.equations is equations


def test_cells_that_differ_in_a_number_have_steps_of_their_own(kept):
    for period in (2.0, 3.0):
        model = ReducedCalciumSomaDendrite(refractory_period=period)
        known_step(model.equations("inhibitory"))
    assert len(list(kept.iterdir())) == 2


@pytest.mark.parametrize(
    "damage", [lambda b: b[:-1], lambda b: b[:40] + b"?" + b[41:], lambda b: b""]
)
def test_a_damaged_file_is_not_read_and_made_anew(kept, equations, damage):
    step = known_step(equations)
    (path,) = kept.iterdir()
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    assert known_step(equations) == step
    assert path.read_bytes() == whole


def test_a_cache_that_cannot_be_written_costs_only_time(tmp_path, monkeypatch, equations):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("LIVN_CACHE_DIR", os.fspath(tmp_path / "file"))
    assert known_step(equations) == derive_step(equations)
