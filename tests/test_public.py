"""The names `livn` offers, and what importing it costs."""

import subprocess
import sys
from importlib.metadata import version

import pytest

import livn


def test_version_is_that_of_the_distribution():
    assert livn.__version__ == livn.get_version() == version("livn")


def test_every_public_name_resolves():
    assert all(getattr(livn, name) is not None for name in livn.__all__)
    assert dir(livn) == sorted(livn.__all__)


def test_unknown_name_is_refused():
    with pytest.raises(AttributeError, match="module 'livn' has no attribute 'mkae'"):
        _ = livn.mkae


def test_import_takes_less_than_a_fifth_of_a_second():
    code = "import time; t = time.perf_counter(); import livn; print(time.perf_counter() - t)"
    took = [float(subprocess.check_output([sys.executable, "-c", code])) for _ in range(3)]
    assert min(took) < 0.2
