"""Mechanisms are compiled once, whoever asks, and what goes wrong is said."""

import hashlib
import subprocess
import sys

import pytest

from livn.backend.neuron import mechanisms
from livn.backend.neuron.lower import NAME
from livn.errors import InvalidState, NotSupported

TEXT = f"""NEURON {{
    POINT_PROCESS {NAME}
    RANGE x
}}

ASSIGNED {{
    x
}}

BEFORE BREAKPOINT {{
    x = x + %s
}}
"""
PROGRAM = """
import sys
from livn.backend.neuron.mechanisms import load
print(load(sys.argv[1]))
"""


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LIVN_CACHE_DIR", str(tmp_path))
    return tmp_path / "neuron"


def start(text):
    """Start a process that loads a mechanism."""
    command = [sys.executable, "-c", PROGRAM, text]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def files(cache):
    return {p: p.stat().st_mtime_ns for p in cache.rglob("*") if p.is_file()}


def test_two_processes_at_once_compile_one_mechanism_that_others_find(cache):
    text = TEXT % 1
    both = [start(text) for _ in range(2)]
    told = [p.communicate(timeout=60) for p in both]
    names = {out.strip() for out, _ in told}
    assert [p.returncode for p in both] == [0, 0], told

    (folder,) = cache.iterdir()
    before = files(cache)
    assert names == {folder.name}
    assert mechanisms.load(text) == folder.name
    assert files(cache) == before


def test_damaged_library_is_compiled_anew(cache):
    text = TEXT % 2
    mechanisms.compile_all([text])
    (library,) = cache.rglob("*.so")
    library.write_bytes(library.read_bytes()[:1000])
    before = files(cache)

    mechanisms.load(text)

    assert files(cache) != before
    assert library.stat().st_size > 1000


def test_library_of_another_machine_is_named(cache):
    text = TEXT % 7
    mechanisms.compile_all([text])
    (library,) = cache.rglob("*.so")
    library.write_bytes(b"made for something else")
    (told,) = cache.rglob("checksum")
    told.write_text(hashlib.sha256(library.read_bytes()).hexdigest())

    with pytest.raises(InvalidState, match=r"cannot be loaded: got .*libnrnmech.so.* Delete"):
        mechanisms.load(text)


def test_other_text_is_another_mechanism(cache):
    mechanisms.compile_all([TEXT % 3, TEXT % 4, TEXT % 3])

    assert len(list(cache.iterdir())) == 2


def test_cache_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    file = tmp_path / "taken"
    file.write_text("a file where the directory should be")
    monkeypatch.setenv("LIVN_CACHE_DIR", str(file))

    with pytest.raises(InvalidState, match=r"cache cannot be written: got .*taken.*LIVN_CACHE_DIR"):
        mechanisms.load(TEXT % 5)


def test_missing_compiler_is_named(cache, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(NotSupported, match=r"cannot be compiled: got .*need make and a C\+\+"):
        mechanisms.load(TEXT % 6)
    assert not any(p.name.startswith(".") for p in cache.iterdir())


def test_text_that_is_no_nmodl_shows_what_nrnivmodl_said(cache):
    with pytest.raises(NotSupported, match="cannot be compiled") as caught:
        mechanisms.load(TEXT % "no such variable")
    assert "rror" in caught.value.got
