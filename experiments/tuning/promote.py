"""Tuned parameters go where `livn.make` reads them, with a note of where they come from."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.journal import write_whole
from livn.errors import InvalidState
from livn.system import System
from livn.system.document import read_object

PARAMS = Path("params") / "default.json"


def promote(
    system: System, model: str, group: str, params: Mapping[str, float],
    meta: Mapping[str, Any], force: bool = False,
) -> Path:  # fmt: skip
    """Write parameters into the system's parameter document, and return its path.

    Other models and groups in it stay. What the group held before is kept beside it as
    `<group>-before`, so that nothing is lost.

    Args:
        system: that lies in a directory.
        model: class name.
        group: "default" is what `livn.make` sets; others by `env.apply_default_params(group)`.
        params: key -> value, as `env.set_params` takes them.
        meta: where they come from.
        force: replace a group that was tuned by something else.

    Raises:
        InvalidState: if the group was tuned by something else.
    """
    path = Path(system.local_directory()) / PARAMS
    document = read_object(path) if path.exists() else {}
    groups = dict(document.get(model, {}))
    if groups and not any(isinstance(value, Mapping) for value in groups.values()):
        groups = {"default": {"params": groups}}
    present = groups.get(group, {})
    by = dict(present.get("meta", {})).get("tuned_by") if isinstance(present, Mapping) else None
    if by is not None and by != meta["tuned_by"] and not force:
        raise InvalidState(
            f"parameters {model}/{group} of {system.name} were tuned by another run: got {by}; "
            f"this is {meta['tuned_by']}. Name another group, or pass force=True."
        )
    if present and by is None:
        groups[f"{group}-before"] = present
    groups[group] = {"params": dict(params), "meta": dict(meta)}
    return write_whole(path, {**document, model: groups})
