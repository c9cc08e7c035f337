"""A row made again from its lineage."""

import json
from collections.abc import Mapping
from typing import Any

from experiments.sampling.design import Design
from experiments.sampling.simulate import Simulator
from experiments.sampling.table import table
from livn import get_version
from livn.errors import InvalidValue
from livn.system import content_hash, resolve


def regenerate(row: Mapping[str, Any], system: str | None = None) -> dict[str, Any]:
    """Return a row of a dataset, simulated anew; equal to the one given, bit for bit.

    Args:
        row: as `datasets.load_dataset` gives it.
        system: where the system lies now; None for where it lay.

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
    if system is not None:
        document["system"] = system
    design = Design(**document)
    found = content_hash(resolve(design.system).uri)
    if not found.startswith(design.system_hash):
        raise InvalidValue(
            f"system is not the one of the row: got content {found[:16]} in {design.system!r}; "
            f"need {design.system_hash}. Pass where that one lies: regenerate(row, system=...).",
            got=found, allowed=design.system_hash,
        )  # fmt: skip
    simulator = Simulator(design)
    (made,) = simulator([row["index"]])
    simulator.close()
    again: dict[str, Any] = table([made]).to_pylist()[0]
    if system is not None:  # the design of the row, not where its system lies now
        again |= {name: row[name] for name in ("design", "system", "sample_id") if name in row}
    return again
