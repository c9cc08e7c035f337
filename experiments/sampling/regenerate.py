"""A row made again from its lineage."""

import json
from collections.abc import Mapping
from typing import Any

from experiments.sampling.design import Design
from experiments.sampling.simulate import Simulator
from experiments.sampling.table import table
from livn import get_version
from livn.errors import InvalidValue
from livn.system import UnknownSystem, content_hash, resolve


def regenerate(row: Mapping[str, Any], system: str | None = None) -> dict[str, Any]:
    """Return a row of a dataset, simulated anew; equal to the one given, bit for bit.

    Args:
        row: as `datasets.load_dataset` gives it.
        system: where the system lies; None for a predefined one.

    Raises:
        InvalidValue: if the row has no lineage, the system there is another one, or this is not
            the livn that made it.
    """
    missing = [name for name in ("design", "index", "livn_version") if row.get(name) is None]
    if missing:
        raise InvalidValue(
            f"row has no lineage: got a row without {', '.join(missing)}; need those columns.",
            got=sorted(row),
        )
    if row["livn_version"] != get_version():
        raise InvalidValue(
            f"row was made by another livn: got version {row['livn_version']}; this is "
            f"{get_version()}. Install that version.",
            got=row["livn_version"], allowed=get_version(),
        )  # fmt: skip
    document = json.loads(row["design"])
    design = Design(**{**document, "system": system or document["system"]})
    _check_system(design)
    simulator = Simulator(design)
    (made,) = simulator([row["index"]])
    simulator.close()
    again: dict[str, Any] = table([made]).to_pylist()[0]
    return again


def _check_system(design: Design) -> None:
    """Raise unless the system of the design is the one it was made with."""
    where = "Pass where that one lies: regenerate(row, system=...)."
    try:
        found = content_hash(resolve(design.system).uri)
    except UnknownSystem as problem:
        raise InvalidValue(
            f"system of the row is not here: got {design.system!r}; need content "
            f"{design.system_hash}. {where}",
            got=design.system, allowed=design.system_hash,
        ) from problem  # fmt: skip
    if not found.startswith(design.system_hash):
        raise InvalidValue(
            f"system is not the one of the row: got content {found[:16]} in {design.system!r}; "
            f"need {design.system_hash}. {where}",
            got=found, allowed=design.system_hash,
        )  # fmt: skip
