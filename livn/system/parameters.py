"""Parameters that ship with a system: by model class and group, or flat as livn 1.0 wrote them."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from livn.errors import CorruptFile, unknown_names
from livn.system.document import PUBLISHED_SECTIONS

_PUBLISHED_WEIGHT = re.compile(r"(?P<pre>[^_-]+)_(?P<post>[^-]+)-(?P<section>[^-]+)-(?P<rest>.+)")


def group_parameters(
    document: Mapping[str, Any], model: str, group: str = "default"
) -> dict[str, Any] | None:
    """Return the parameters of one model in a parameter document, as `set_params` takes them.

    Args:
        document: {model class: {group: {"params": {key: value}, "meta": {...}}}}; the group may
            also hold its parameters directly, and a model its default ones.
        model: class name.
        group: which set.

    Returns:
        Key -> value; None where the document knows nothing of the model.

    Raises:
        UnknownName: if the model has no such group.
        CorruptFile: if a value is not a number.
    """
    if model not in document:
        return None
    groups = document[model]
    if not isinstance(groups, Mapping):
        raise _not_numbers(model, [model])
    if not any(isinstance(value, Mapping) for value in groups.values()):
        groups = {"default": groups}
    if group not in groups:
        raise unknown_names(f"parameter group of {model}", [group], groups)
    chosen = dict(groups[group].get("params", groups[group]))
    bad = sorted(
        k for k, v in chosen.items() if isinstance(v, bool) or not isinstance(v, int | float | list)
    )
    if bad:
        raise _not_numbers(model, bad)
    return chosen


def _not_numbers(model: str, keys: list[str]) -> CorruptFile:
    return CorruptFile(
        f"parameters of {model} are not numbers: got {keys}. Correct the parameter document.",
        got=keys,
    )


def convert_published(flat: Mapping[str, Any], weight_names: Iterable[str]) -> dict[str, Any]:
    """Return the flat parameters of livn 1.0 with today's weight keys.

    1.0 names the presynaptic population first and the dendrite `hillock`. Where the projection
    ends on another section here than in 1.0, that one is meant.
    """
    known = list(weight_names)
    converted = {}
    for key, value in flat.items():
        weight = _PUBLISHED_WEIGHT.fullmatch(key)
        if weight:
            pair = f"{weight['post']}_{weight['pre']}"
            section = PUBLISHED_SECTIONS.get(weight["section"], weight["section"])
            key = f"{pair}-{section}-{weight['rest']}"
            same = [
                k for k in known if k.startswith(pair + "-") and k.endswith("-" + weight["rest"])
            ]
            if key not in known and len(same) == 1:
                key = same[0]
        converted[key] = value
    return converted
