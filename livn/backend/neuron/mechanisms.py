"""Mechanisms compiled by nrnivmodl, kept on disk under a name made from their text.

A folder appears by renaming a finished one, so that processes that compile the same at the same
time do not meet, and a checksum is looked at before its library is loaded.
"""

import platform
import shutil
import subprocess
import sysconfig
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from tempfile import mkdtemp

import neuron
from neuron import h

from livn import settings
from livn.backend.neuron.lower import NAME
from livn.errors import InvalidState, NotSupported

_LIBRARY = "libnrnmech.so"
_SUM = "checksum"
_AT_ONCE = 4  # compilers
_loaded: set[str] = set()  # of this process


def compile_all(texts: Iterable[str]) -> None:
    """Compile the lowered mechanisms that are not in the cache, side by side.

    Raises:
        NotSupported: if one cannot be compiled here.
        InvalidState: if the cache cannot be written.
    """
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(_compiled, dict.fromkeys(texts)))


def load(text: str) -> str:
    """Return the name under which NEURON knows a lowered mechanism, compiled if need be.

    Raises:
        NotSupported, InvalidState: as `compile_all`, or if the library is of another machine.
    """
    name = _name(text)
    if name not in _loaded:
        library = _compiled(text) / _LIBRARY
        if not h.nrn_load_dll(str(library)):
            raise InvalidState(
                f"mechanism cannot be loaded: got {library}; it may be of another machine. Delete "
                f"{library.parent}, or set LIVN_CACHE_DIR to a directory of this machine.",
                got=str(library),
            )
        _loaded.add(name)
    return name


def _compiled(text: str) -> Path:
    """Return the folder that holds the library of a mechanism."""
    name = _name(text)
    folder = settings.cache_dir() / "neuron" / name
    if not _intact(folder):
        _make(folder, name, text.replace(NAME, name))
    return folder


def _name(text: str) -> str:
    return f"livn_{_digest(text)}"


def _digest(text: str) -> str:
    """Return a name for everything that decides the library."""
    told = "\0".join((text, neuron.__version__, platform.system(), platform.machine()))
    return sha256(told.encode()).hexdigest()[:16]


def _make(folder: Path, name: str, text: str) -> None:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(mkdtemp(prefix=".", dir=folder.parent))
    except OSError as error:
        raise InvalidState(
            f"mechanism cache cannot be written: got {folder.parent} ({error.strerror}); need a "
            "directory that can be written. Set LIVN_CACHE_DIR to one.",
            got=str(folder.parent),
        ) from error
    try:
        (made / f"{name}.mod").write_text(text, encoding="utf-8")
        library = _compile(made)
        shutil.copyfile(library, made / _LIBRARY)
        shutil.rmtree(library.parent)
        (made / _SUM).write_text(_checksum(made), encoding="utf-8")
        _publish(made, folder)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _compile(folder: Path) -> Path:
    """Return the library nrnivmodl makes of the files in `folder`."""
    compiler = Path(sysconfig.get_path("scripts")) / "nrnivmodl"
    done = subprocess.run([compiler, "."], cwd=folder, capture_output=True, text=True, check=False)
    found = sorted(folder.glob(f"*/{_LIBRARY}"))
    if done.returncode or not found:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise NotSupported(
            f"mechanism cannot be compiled: got {' '.join(last)!r} from nrnivmodl; need make and a "
            "C++ compiler, such as g++. Install them, or use backend='native'.",
            got=done.stderr,
        )
    return found[0]


def _publish(made: Path, folder: Path) -> None:
    """Move a finished folder to its place; what is there and intact stays."""
    if folder.exists() and not _intact(folder):
        shutil.rmtree(folder, ignore_errors=True)
    try:
        made.rename(folder)
    except OSError:  # another process was faster
        if not _intact(folder):
            raise


def _intact(folder: Path) -> bool:
    told = folder / _SUM
    return told.exists() and told.read_text(encoding="utf-8", errors="replace") == _checksum(folder)


def _checksum(folder: Path) -> str:
    library = folder / _LIBRARY
    return sha256(library.read_bytes()).hexdigest() if library.exists() else ""
