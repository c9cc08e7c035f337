"""What every test relies on: no wish of the user's environment, a cache of its own, fixed draws."""

import os

import pytest
from hypothesis import settings

settings.register_profile("fixed", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))


@pytest.fixture(scope="session", autouse=True)
def _own_environment(tmp_path_factory):
    patch = pytest.MonkeyPatch()
    patch.delenv("LIVN_BACKEND", raising=False)
    patch.setenv("LIVN_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
    patch.setenv("MPLBACKEND", "Agg")
    yield
    patch.undo()
