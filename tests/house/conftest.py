"""A storage of its own for each test, and a component that does nothing but count."""

import sys

import pytest

from livn.experiments import storage

COUNTING = '''
"""Counts to `to`, one row at a time; fails, waits or kills itself on the way if told."""
import os, signal, time
from typing import Any
from machinable import Field as Free
from pydantic import BaseModel, ConfigDict, Field
from experiments.component import Component
from experiments.upstream import file_hash

class Step(BaseModel):
    model_config = ConfigDict(extra="forbid")
    size: int = Field(1, ge=1)

class Counting(Component):
    """Counts."""
    upstream = {"source": lambda config: file_hash(config.source) if config.source else "none"}

    class Config(Component.Config):
        to: int = Field(3, ge=1, description="last number")
        step: Step = Step()
        source: str = ""
        wait: float = Free(0.0, identifying=False)
        fail_at: int = Free(-1, identifying=False)
        die_at: int = Free(-1, identifying=False)
        megabytes: int = Free(0, identifying=False)

    def version_far(self, to: int = 10) -> dict[str, Any]:
        """To ten."""
        return {"to": to}

    def compute(self) -> None:
        journal = self.journal("rows.jsonl")
        held = bytearray(self.config.megabytes << 20)
        for k in range(len(journal), self.config.to):
            if k == self.config.fail_at:
                raise ValueError(f"cannot count beyond {k}")
            if k == self.config.die_at:
                os.kill(os.getpid(), signal.SIGKILL)
            journal.append({"k": k, "process": os.getpid()})
            time.sleep(self.config.wait)
        self.save_metrics({"last": self.config.to - 1})
        assert len(held) >= 0

    def rows(self, first: int = 0):
        """Return the numbers."""
        return [row["k"] for row in self.journal("rows.jsonl").rows()][first:]
'''


@pytest.fixture(scope="session")
def modules(tmp_path_factory):
    """A directory on sys.path with the component `counting`, imported as `toys.counting`."""
    folder = tmp_path_factory.mktemp("modules")
    (folder / "toys").mkdir()
    (folder / "toys" / "__init__.py").write_text("")
    (folder / "toys" / "counting.py").write_text(COUNTING)
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))


@pytest.fixture
def root(tmp_path, modules):
    """The storage in use."""
    with storage(tmp_path / "storage") as directory:
        yield directory
