"""The command line: `livn version`, `livn doctor`, `livn systems ...`."""

import os
import sys
from collections.abc import Callable, Sequence

import livn
from livn.cli.catalog import systems_list
from livn.cli.doctor import doctor, warm
from livn.cli.output import INTERRUPTED, UNKNOWN_ACTION, failure
from livn.cli.systems import systems
from livn.errors import LivnError, UnknownName, unknown_names

SYSTEMS = "systems"


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out one action and return the exit status.

    Args:
        arguments: the words after `livn`; None takes them from the command line.

    Returns:
        0 when it was done, 1 when it failed, 3 when a record is not finished (`status`), 128 when
        there is no such action, component, option or version, 130 when it was interrupted.
    """
    try:
        status = _carry_out(list(sys.argv[1:] if arguments is None else arguments))
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, `head` perhaps, has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return failure("interrupted. The same command continues.", INTERRUPTED)
    return status


def _carry_out(words: list[str]) -> int:
    action = " ".join(words)
    if action in {"", "help", "-h", "--help"}:
        print(_usage())
        return 0
    try:
        if action in ACTIONS:
            return ACTIONS[action][0]()
        if words[0] == SYSTEMS:
            return systems(words[1:])
    except UnknownName as error:
        return failure(str(error), UNKNOWN_ACTION)
    except LivnError as error:
        return failure(str(error))
    except ModuleNotFoundError as error:
        package = str(error.name).split(".")[0]
        return failure(f"the package {package} is not installed: pip install {package}.")
    print(_usage(), end="\n\n", file=sys.stderr)
    return failure(str(unknown_names("action", [action], ACTIONS)), UNKNOWN_ACTION)


def _usage() -> str:
    listed = [(name, purpose) for name, (_, purpose) in ACTIONS.items()]
    listed.append((f"{SYSTEMS} <component> ...", "run an experiment; `livn systems help`"))
    width = max(len(name) for name, _ in listed)
    lines = [f"  {name:<{width}}   {purpose}" for name, purpose in listed]
    return "\n".join(["usage: livn <action>", "", *lines])


def _version() -> int:
    print(livn.get_version())
    return 0


ACTIONS: dict[str, tuple[Callable[[], int], str]] = {
    "version": (_version, "print the installed version"),
    "systems list": (systems_list, "the predefined cultures, and which are on this machine"),
    "doctor": (doctor, "which backends work here, and why the others do not"),
    "doctor --warm": (warm, "compile the native backend ahead of time, half a minute"),
}
