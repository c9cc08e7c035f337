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


def test_importing_livn_loads_no_heavy_package():
    code = "import sys, livn; print(*{'numpy', 'sympy', 'brian2', 'numba'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).split() == []
