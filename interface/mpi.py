"""Run components on MPI ranks that are started for it, with mpiexec."""

import json
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from machinable import Storage
from pydantic import Field

from experiments.progress import chosen_output
from interface.local import Local
from livn.cli.output import INTERRUPTED
from livn.errors import InvalidState, NotSupported


class Mpi(Local):
    """One job of `mpiexec` for each component, of one rank that leads and `n` that work."""

    class Config(Local.Config):
        """How, not what."""

        n: int = Field(2, ge=1, description="ranks that work; one more leads and mostly waits")
        subworld: int = Field(1, ge=1, description="ranks that compute one task together")
        launcher: str = Field("", description="command before `-n`; empty to look for mpiexec")

    def __call__(self) -> None:
        """Run the components that are not finished, one after the other.

        Raises:
            InvalidState: if one of them failed on the ranks.
            KeyboardInterrupt: if the first rank was interrupted, as `stop` does.
        """
        launcher = self.config.launcher.split() or [find_mpiexec()]
        component: Any
        for component in self._interfaces:
            if component.cached():
                continue
            command = [*launcher, "-n", str(self.config.n + 1), *on_ranks(component, self.config)]
            status = subprocess.run(command, check=False).returncode
            if status == INTERRUPTED:
                raise KeyboardInterrupt
            if status:
                raise InvalidState(
                    f"{component.label_text()} failed on {self.config.n + 1} ranks: got exit "
                    f"status {status}; see above. The same command continues.",
                    got=status,
                )


def find_mpiexec() -> str:
    """Return the mpiexec of this environment, else the one on the path.

    Raises:
        NotSupported: if there is none.
    """
    ours = Path(sysconfig.get_path("scripts"), "mpiexec")
    found = str(ours) if ours.exists() else shutil.which("mpiexec")
    if found is None:
        raise NotSupported("no mpiexec is installed: got none. pip install 'livn[mpi]'.")
    return found


def on_ranks(component: Any, config: Any) -> list[str]:
    """Return what every rank runs."""
    ranks = ["ranks", f"subworld={config.subworld}", "record=false"]
    return [*livn_systems(), *ranks, *words(component)]


def livn_systems() -> list[str]:
    """Return `livn systems` with the storage and the output in use."""
    command = [sys.executable, "-m", "livn", "systems", "--storage", str(Storage.get().root())]
    return command + (["--json"] if chosen_output() == "json" else [])


def words(component: Any) -> list[str]:
    """Return the words that launch a component as it is, whatever its options point to later."""
    hashes = [f"hashes.{name}={json.dumps(v)}" for name, v in component.config.hashes.items()]
    return [*component.words(), *hashes, "--launch"]
