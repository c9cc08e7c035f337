#!/usr/bin/env python3
"""Set livn up in .venv and run it; needs Python 3.11 or later and nothing else.

python3 dev.py demo    stimulate a culture and print what the electrodes heard
python3 dev.py test    everything CI runs; further arguments go to pytest
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent
BIN = "Scripts" if os.name == "nt" else "bin"


def run(*command, cwd=ROOT, **environment):
    """Run a command with its output shown; stop with its exit status if it fails."""
    command = [str(part) for part in command]
    print("$ " + " ".join([Path(command[0]).name] + command[1:]), flush=True)
    start = time.perf_counter()
    status = subprocess.call(command, cwd=cwd, env={**os.environ, **environment})
    print(f"  {time.perf_counter() - start:.1f} s", flush=True)
    if status:
        sys.exit(status)


def new_environment(directory):
    """Make a virtual environment and return its directory of programs."""
    run(sys.executable, "-m", "venv", directory)
    return Path(directory) / BIN


def environment(extras=""):
    """Return the programs of .venv, where livn is installed anew if pyproject.toml changed."""
    directory = ROOT / ".venv"
    programs = directory / BIN
    if not programs.exists():
        new_environment(directory)
    stamp = directory / f"installed{extras}"
    wanted = hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        run(programs / "python", "-m", "pip", "install", "-qq", "--editable", f".{extras}")
        stamp.write_text(wanted)
    return programs


def demo(arguments):
    """Run the quickstart on a plain install."""
    run(environment() / "python", ROOT / "examples" / "quickstart.py", *arguments)


def test(arguments):
    """Run every check of CI, the tests last."""
    programs = environment("[dev]")
    run(programs / "ruff", "check", ".")
    run(programs / "ruff", "format", "--check", ".")
    run(programs / "mypy")
    check_wheel(programs)
    run(programs / "pytest", "-n", "auto", "--dist", "worksteal", *arguments)


def check_wheel(programs):
    """Build the wheel and run the quickstart from it in a clean environment elsewhere."""
    with tempfile.TemporaryDirectory() as scratch:
        run(programs / "pip", "wheel", "-qq", "--no-deps", "--wheel-dir", scratch, ROOT)
        (wheel,) = Path(scratch).glob("livn-*.whl")
        clean = new_environment(Path(scratch) / "venv")
        run(clean / "pip", "install", "-qq", wheel)
        cache = str(Path(scratch) / "cache")
        quickstart = ROOT / "examples" / "quickstart.py"
        run(clean / "python", quickstart, cwd=scratch, LIVN_CACHE_DIR=cache)
        run(clean / "livn", "doctor", cwd=scratch, LIVN_CACHE_DIR=cache)
        survey = ("systems", "survey", "~quick", "~native", "--launch")
        run(clean / "livn", *survey, cwd=scratch, LIVN_CACHE_DIR=cache)


def main(arguments):
    """Do what the first argument names."""
    if sys.version_info < (3, 11):  # noqa: UP036 (an older Python may have started this)
        sys.exit(f"dev.py needs Python 3.11 or later: got {sys.version.split()[0]}.")
    tasks = {"demo": demo, "test": test}
    if not arguments or arguments[0] not in tasks:
        sys.exit(__doc__.strip())
    tasks[arguments[0]](arguments[1:])


if __name__ == "__main__":
    main(sys.argv[1:])
