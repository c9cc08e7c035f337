"""The project: which components there are and what is remembered of where they ran."""

import importlib
import platform
import socket
import subprocess
import sys
import time
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from machinable import Interface, Project
from machinable.utils import find_subclass_in_module

import livn

# Whose versions a result may depend on.
PACKAGES = (
    "array-api-compat", "brian2", "cython", "datasets", "diffrax", "equinox", "h5py", "jax",
    "jaxlib", "llvmlite", "machinable", "mpi4py", "neuron", "numba", "numpy", "optuna", "pyarrow",
    "scikit-learn", "scikit-optimize", "scipy", "sympy",
)  # fmt: skip


class Livn(Project):
    """The components of livn: the same project wherever it is installed and whoever calls."""

    def name(self) -> str:
        """Return what tells its records from those of another project."""
        return "livn"

    @property
    def module(self) -> str:
        """Name of this module."""
        return "interface.project"

    def provider(self, reload: str | bool = False) -> "Livn":
        """Return itself: there is no other."""
        return self

    def on_resolve_interface(self, module: Any) -> Any:
        """Return (module, class) for a dotted name, imported once like any other module."""
        if not isinstance(module, str):
            return module, None
        return module, find_subclass_in_module(importlib.import_module(module), Interface)

    def on_resolve_manifests(self) -> list[str]:
        """Return none: versions and git state are part of `get_host_info`."""
        return []

    def get_host_info(self) -> dict[str, Any]:
        """Return where a run happens and which code and packages it uses."""
        installed = {d.metadata["Name"].lower(): d.version for d in distributions()}
        return {
            "host": socket.gethostname(),
            "user": self.username,
            "machine": platform.machine(),
            "system": platform.platform(),
            "python": platform.python_version(),
            "livn": livn.get_version(),
            "git": git_state(Path(livn.__file__).parents[1]),
            "packages": {name: installed[name] for name in PACKAGES if name in installed},
            "command": sys.argv,
            "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        }


def git_state(directory: Path) -> dict[str, Any] | None:
    """Return commit, branch and whether files differ from it; None outside of livn's repository."""
    if not (directory / ".git").exists():
        return None
    commit = _git(directory, "rev-parse", "HEAD")
    if commit is None:
        return None
    return {
        "commit": commit,
        "branch": _git(directory, "rev-parse", "--abbrev-ref", "HEAD"),
        "dirty": bool(_git(directory, "status", "--porcelain")),
    }


def _git(directory: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(directory), *words], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:  # no git here
        return None
    return done.stdout.strip() if done.returncode == 0 else None
