"""`livn doctor`: what works on this machine."""

import os
import platform
import shutil
import subprocess
import time
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import livn
from livn import settings
from livn.cli.output import failure, print_table

COMPILERS = ("c++", "g++", "clang++", "cl")
PACKAGES = ("numpy", "scipy", "sympy", "h5py", "numba", "brian2", "cython")


def doctor() -> int:
    """Say which backends work here and what they find; 1 if the default one does not."""
    from livn.backend import available, backend

    default, found = backend(), available()
    print(f"livn {livn.get_version()} on Python {platform.python_version()}")
    print_table(
        ("backend", "", ""),
        [
            (name, "not here", why_not)
            if why_not
            else (name, "works", "the default" if name == default else "")
            for name, why_not in sorted(found.items(), key=lambda item: item[1] is not None)
        ],
    )
    print_table(("this machine", ""), _machine())
    if found.get(default, "unknown") is None:
        return 0
    return failure(f"the default backend does not work here: got LIVN_BACKEND={default!r}.")


def warm() -> int:
    """Compile what the native backend needs for the predefined cultures of every model."""
    from livn import Env
    from livn.models import MODELS

    for number, model in enumerate(MODELS, 1):
        print(f"{number}/{len(MODELS)}  {model} ...", flush=True)
        start = time.perf_counter()
        env = Env("EI1", model, backend="native").init()
        print(f"     {env.describe()}: {time.perf_counter() - start:.1f} s", flush=True)
        env.close()
    if not _writable(settings.cache_dir()):
        return failure(f"nothing could be kept: {settings.cache_dir()} is not writable.")
    print(f"Compiled code, in float64, is kept in {settings.cache_dir() / 'native'}.")
    return 0


def _machine() -> Iterable[tuple[str, str]]:
    """What was found of the packages, compiler, MPI and cache that runs depend on."""
    yield "packages", "  ".join(f"{name} {_installed(name)}" for name in PACKAGES)
    compiler = next(filter(None, map(shutil.which, COMPILERS)), None)
    yield "C++ compiler", _first_line(compiler) if compiler else "none; Brian2 runs on numpy"
    launcher = shutil.which("mpiexec")
    yield "MPI", f"mpi4py {_installed('mpi4py')}, mpiexec {launcher or 'not found'}"
    cache = settings.cache_dir()
    yield "cache", f"{cache} ({'writable' if _writable(cache) else 'not writable'})"


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _first_line(program: str) -> str:
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    return (told.stdout or program).splitlines()[0]


def _writable(directory: Path) -> bool:
    """Whether files can be made in `directory`, or it in the nearest parent that exists."""
    existing = next(d for d in (directory, *directory.parents) if d.exists())
    return existing.is_dir() and os.access(existing, os.W_OK)
