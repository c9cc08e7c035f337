"""Derived time steps on disk, so that a process that knows the model need not derive it again."""

import os
import pickle
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile

import sympy

from livn import settings
from livn.models.assembly import Equations
from livn.models.scheme import Step, derive_step

_DECIDES = ("assembly", "description", "expressions", "scheme", "voltage")  # what a step looks like
_SUM = sha256().digest_size


def known_step(equations: Equations) -> Step:
    """Return `derive_step(equations)`, read from the user's cache where it was derived before.

    A file that is damaged, or comes from another version, is not read; where the cache cannot be
    written nothing is kept.
    """
    path = settings.cache_dir() / "steps" / _digest(equations)
    found = _read(path)
    if found is None:
        step = derive_step(equations)
        _write(path, pickle.dumps((step.constants, step.assignments, step.threshold, step.reset)))
        return step
    return Step(equations, *pickle.loads(found))


def _digest(equations: Equations) -> str:
    """Return a name for everything that decides the step."""
    told = f"{sympy.__version__} {equations.cell!r}".encode()
    return sha256(told + _source()).hexdigest()[:24]


@lru_cache(maxsize=1)
def _source() -> bytes:
    here = Path(__file__).parent
    return b"".join((here / f"{name}.py").read_bytes() for name in _DECIDES)


def _read(path: Path) -> bytes | None:
    """Return what `_write` wrote, None if it is not there or not whole."""
    try:
        stored = path.read_bytes()
    except OSError:
        return None
    content = stored[_SUM:]
    return content if sha256(content).digest() == stored[:_SUM] else None


def _write(path: Path, content: bytes) -> None:
    """Write a file behind its checksum, whole or not at all."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as made:
            made.write(sha256(content).digest() + content)
        os.replace(made.name, path)
    except OSError:
        return
