"""The command line: `livn version`, `livn systems list`, `livn doctor [--warm]`."""

import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import livn
from livn import settings
from livn.errors import LivnError, unknown_names

if TYPE_CHECKING:
    from livn.system.catalog import Recipe

UNKNOWN_ACTION = 128
PLAIN_WIDTH = 200  # characters of a line that goes to a file or a pipe
COMPILERS = ("c++", "g++", "clang++", "cl")
SYSTEM_COLUMNS = ("system", "neurons", "EXC/INH", "electrodes", "area um", "in-degree", "cached")
PACKAGES = ("numpy", "scipy", "sympy", "h5py", "numba", "brian2", "cython")


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out one action and return the exit status.

    Args:
        arguments: the words after `livn`; None takes them from the command line.

    Returns:
        0 when it was done, 1 when it failed, 128 when there is no such action.
    """
    try:
        status = _carry_out(arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, `head` perhaps, has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status


def _carry_out(arguments: Sequence[str] | None) -> int:
    words = " ".join(sys.argv[1:] if arguments is None else arguments)
    if words in {"", "help", "-h", "--help"}:
        print(_usage())
        return 0
    if words not in ACTIONS:
        print(_usage(), end="\n\n", file=sys.stderr)
        return _failure(str(unknown_names("action", [words], ACTIONS)), UNKNOWN_ACTION)
    action, _ = ACTIONS[words]
    try:
        return action()
    except LivnError as error:
        return _failure(str(error))
    except ModuleNotFoundError as error:
        package = str(error.name).split(".")[0]
        return _failure(f"the package {package} is not installed: pip install {package}.")


def _usage() -> str:
    width = max(map(len, ACTIONS))
    listed = [f"  {name:<{width}}   {purpose}" for name, (_, purpose) in ACTIONS.items()]
    return "\n".join(["usage: livn <action>", "", *listed])


def _failure(message: str, status: int = 1) -> int:
    print(f"livn: {message}", file=sys.stderr)
    return status


def _version() -> int:
    print(livn.get_version())
    return 0


def _systems_list() -> int:
    from livn.system.catalog import RECIPES

    _print_table(SYSTEM_COLUMNS, map(_system_row, RECIPES.values()), SYSTEM_COLUMNS[1:-1])
    print(f"Systems are generated on first use, into {settings.cache_dir()}.")
    return 0


def _system_row(recipe: "Recipe") -> tuple[str, ...]:
    """What SYSTEM_COLUMNS name."""
    from livn.system.files import is_complete
    from livn.system.generate import electrode_array
    from livn.system.locate import place

    culture = recipe.culture
    degree = culture.mean_in_degree
    (x0, y0), (x1, y1) = culture.area.bounds
    electrodes = electrode_array(culture.area, **recipe.mea)["electrode_coordinates"]
    return (
        recipe.name,
        f"{sum(culture.cell_counts.values()):,}",
        "/".join(f"{count:,}" for count in culture.cell_counts.values()),
        f"{len(electrodes):,}",
        f"{x1 - x0:g}x{y1 - y0:g}",
        f"{degree:g}" if isinstance(degree, float) else "by projection",
        "yes" if is_complete(place(recipe.name)) else "on first use",
    )


def _doctor() -> int:
    from livn.backend import available, backend

    default, found = backend(), available()
    print(f"livn {livn.get_version()} on Python {platform.python_version()}")
    _print_table(
        ("backend", "", ""),
        [
            (name, "not here", why_not)
            if why_not
            else (name, "works", "the default" if name == default else "")
            for name, why_not in sorted(found.items(), key=lambda item: item[1] is not None)
        ],
    )
    _print_table(("this machine", ""), _machine())
    if found.get(default, "unknown") is None:
        return 0
    return _failure(f"the default backend does not work here: got LIVN_BACKEND={default!r}.")


def _warm() -> int:
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
        return _failure(f"nothing could be kept: {settings.cache_dir()} is not writable.")
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


def _print_table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], numbers: Collection[str] = ()
) -> None:
    """Print a table: ruled on a terminal, aligned columns and no colours elsewhere."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = PLAIN_WIDTH
    table = Table(
        box=box.SIMPLE_HEAD if console.is_terminal else None,
        pad_edge=False,
        header_style="bold",
    )
    for column in columns:
        table.add_column(column, justify="right" if column in numbers else "left")
    for row in rows:
        table.add_row(*row)
    console.print(table)


ACTIONS: dict[str, tuple[Callable[[], int], str]] = {
    "version": (_version, "print the installed version"),
    "systems list": (_systems_list, "the predefined cultures, and which are on this machine"),
    "doctor": (_doctor, "which backends work here, and why the others do not"),
    "doctor --warm": (_warm, "compile the native backend ahead of time, half a minute"),
}
