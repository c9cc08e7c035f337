"""The one place that reads environment variables."""

import os
from pathlib import Path

from livn.errors import InvalidValue

DEFAULT_BACKEND = "brian2"


def backend() -> str:
    """Return the backend a new Env uses: LIVN_BACKEND, or brian2 where it is unset or empty."""
    return os.environ.get("LIVN_BACKEND") or DEFAULT_BACKEND


def cache_dir() -> Path:
    """Return the directory for generated systems and compiled code, created when first used.

    LIVN_CACHE_DIR, else XDG_CACHE_HOME/livn, else ~/.cache/livn.
    """
    explicit = os.environ.get("LIVN_CACHE_DIR")
    if explicit:
        return Path(explicit).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "livn"


def storage_dir() -> Path:
    """Return where records of experiments go: LIVN_STORAGE, else ./storage of the caller."""
    return Path(os.environ.get("LIVN_STORAGE") or "storage").expanduser().absolute()


def hub_endpoint() -> str | None:
    """Return the address of the Hugging Face hub: HF_ENDPOINT, None for the public one."""
    return os.environ.get("HF_ENDPOINT") or None


def max_stimulus_bytes() -> float:
    """Return the largest dense stimulus that is rendered: LIVN_MAX_STIMULUS_GB, default 5 GiB.

    Raises:
        InvalidValue: if the variable is not a number.
    """
    text = os.environ.get("LIVN_MAX_STIMULUS_GB") or "5"
    try:
        gib = float(text)
    except ValueError:
        raise InvalidValue(
            f"LIVN_MAX_STIMULUS_GB is not a number: got {text!r}; need GiB, or 0 for no cap. "
            "Set it to a number or unset it.",
            got=text,
        ) from None
    return gib * 2**30 if gib > 0 else float("inf")


def keep_neuron_quiet() -> None:
    """Let NEURON start without graphics, unless the user has said how: it asks for a display."""
    os.environ.setdefault("NEURON_MODULE_OPTIONS", "-nogui")


def mpi_library() -> str:
    """Return which MPI to use: LIVN_MPI, the path of a libmpi or "pip" for that of the package.

    Empty where it is unset: the machine's own where there is one, else that of the package mpich.
    """
    return os.environ.get("LIVN_MPI") or ""


def use_mpi_library(path: str) -> None:
    """Let mpi4py load the MPI library at `path`, unless mpi4py was told another."""
    os.environ.setdefault("MPI4PY_LIBMPI", path)


def launched_ranks() -> int:
    """Return how many ranks mpiexec says it started, 1 where it says nothing."""
    return int(os.environ.get("OMPI_COMM_WORLD_SIZE") or os.environ.get("PMI_SIZE") or 1)
