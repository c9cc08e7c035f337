"""System directories put where users want them."""

import filecmp
import os
import shutil
from pathlib import Path

from livn.errors import InvalidValue
from livn.system.publish import publish, staging

ARRAYS = ("cells.h5", "connections.h5")


def place_system(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> Path:
    """Copy a system directory, and return where it is now; its name is that of the directory.

    The same culture may be there already: its documents, such as the electrode array, are then
    replaced one by one, and what else is there, such as tuned parameters, stays.

    Raises:
        InvalidValue: if something else is there.
    """
    source, target = Path(source), Path(target)
    with staging(target) as fresh:
        shutil.copytree(source, fresh, dirs_exist_ok=True)
        if publish(fresh, target, replace=False):
            return target
    if filecmp.cmpfiles(source, target, ARRAYS, shallow=False)[0] != list(ARRAYS):
        raise InvalidValue(
            f"directory is taken: got {str(target)!r}, which holds something else. "
            "Choose another one, or remove it.",
            got=str(target),
        )
    for document in sorted(source.glob("*.json")):
        scratch = target / f".{document.name}.{os.getpid()}"
        shutil.copyfile(document, scratch)
        scratch.replace(target / document.name)
    return target
