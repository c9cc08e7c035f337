"""The parameters of a simulation: those that ship with a system, and changes on top."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from livn.errors import InvalidValue
from livn.models import make_model
from livn.system import resolve


def parameter_set(given: Any) -> dict[str, Any]:
    """Return the parameters that an option means: key -> value, or a JSON file with that.

    Raises:
        InvalidValue: if it is neither.
    """
    if isinstance(given, str):
        try:
            given = json.loads(Path(given).read_text(encoding="utf-8"))
        except (OSError, ValueError) as problem:
            raise InvalidValue(
                f"parameter set cannot be read: got {given!r}; {problem}. Give a JSON file that "
                "holds an object, or the parameters themselves.",
                got=given,
            ) from problem
    if not isinstance(given, Mapping):
        raise InvalidValue(
            f"parameter set is unreadable: got {given!r}; need key -> value, or a JSON file.",
            got=given,
        )
    return dict(given)


def shipped_parameters(system: str, model: str | None, noise: bool = True) -> dict[str, Any]:
    """Return the parameters an Env has after `apply_model_defaults`, as `set_params` takes them.

    Args:
        system: name, directory or address.
        model: name; None for the model the system asks for.
        noise: whether those of the noise are among them; it is off without.
    """
    found = resolve(system)
    chosen = found.default_model() if model is None else make_model(model)
    shipped = found.default_params(model=chosen)
    if shipped is None:
        weights, background = chosen.default_weights(found.name), chosen.default_noise(found.name)
        shipped = {f"weight-{key}": value for key, value in weights.items()}
        shipped |= {f"noise-{key}": value for key, value in background.items()}
    return {k: v for k, v in shipped.items() if noise or not k.startswith("noise-")}


def remarks(parameters: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what a user should know of parameters before a run: that nothing drives the cells."""
    if any(key.startswith("noise-") for key in parameters):
        return ()
    return ("The noise is off, so cells may be silent: tune the system, or give parameters.",)
