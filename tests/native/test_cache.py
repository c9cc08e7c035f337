"""Compiled code on disk: found again, repaired, shared by processes, and not needed."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from livn import Env
from livn.backend.native import cache

SCRIPT = '''
from livn.backend.native.cache import compile_cells
text = """
from numba import cfunc

@cfunc("float64(float64)", cache=True)
def advance(x):
    return x + 1.0
"""
made = compile_cells(text)
assert made.advance.ctypes(1.0) == 2.0
print(made.origin, made.unkept)
'''


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("LIVN_CACHE_DIR", str(tmp_path))
    return tmp_path / "native"


def told():
    """What another process says about where its code came from."""
    return subprocess.check_output([sys.executable, "-c", SCRIPT], text=True).strip()


def test_the_second_process_loads_what_the_first_compiled(folder):
    assert [told(), told()] == ["compiled", "loaded"]


def test_processes_at_once_leave_one_intact_cache(folder):
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: told(), range(3)))
    assert told() == "loaded"
    assert len(list(folder.iterdir())) == 1


@pytest.mark.parametrize("suffix", [".nbi", ".nbc", ".py", "checksums"])
def test_damaged_code_is_compiled_again(folder, suffix):
    told()
    (damaged,) = (p for p in folder.rglob("*") if p.name.endswith(suffix))
    damaged.write_bytes(damaged.read_bytes()[:-7])
    assert [told(), told()] == ["compiled", "loaded"]


def test_a_cache_that_cannot_be_written_is_said_so(folder):
    folder.write_text("a file where a folder should be")
    assert told() == f"compiled {folder} cannot be written: File exists"


def test_code_in_memory_is_used_again():
    Env(2, model="LIF", backend="native").init()
    assert "code in memory" in Env(5, model="LIF", backend="native").init().describe()


def test_names_of_code_depend_on_its_text():
    assert cache._digest("a") == cache._digest("a") != cache._digest("b")


def test_a_process_that_compiles_says_so_and_one_that_loads_does_not(folder):
    script = SCRIPT.replace("x + 1.0", "x + 2.0").replace("== 2.0", "== 3.0")
    first, second = (
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        for _ in range(2)
    )
    assert first.stderr.count(f"some seconds a model; kept in {folder}") == 1
    assert second.stderr == ""
