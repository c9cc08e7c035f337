"""From the stimuli of several copies to what enters their compartments."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livn.backend.contract import Changes, Drive
from livn.env.drive import Inputs
from livn.stimulus import Stimulus

Values = Mapping[str, Mapping[str, Any]]  # population -> parameter -> value


def changes(
    played: Stimulus | Sequence[Stimulus | None],
    inputs: Inputs,
    values: Sequence[Values],
    n_steps: int,
    dt: float,
) -> dict[str, Changes]:
    """Return what enters the copies.

    Args:
        played: one stimulus of shape (n_copies, n_steps, n_columns), or one for each copy.
        inputs: of the network of one copy.
        values: of each copy.
        n_steps: of the run.
        dt: step, ms.
    """
    if isinstance(played, Stimulus):
        return _of_batch(played, inputs, values, n_steps, dt)
    made: dict[tuple[int, ...], Mapping[str, Drive]] = {}
    found: list[Mapping[str, Drive]] = []
    for stimulus, own in zip(played, values, strict=True):
        key = (id(stimulus), *map(id, own.values()))
        if key not in made:
            made[key] = {}
            if stimulus is not None:
                made[key] = inputs.drives(stimulus, own, n_steps, dt)
        found.append(made[key])
    names = dict.fromkeys(name for drives in found for name in drives)
    return {name: _together([drives.get(name) for drives in found]) for name in names}


def _of_batch(
    stimulus: Stimulus, inputs: Inputs, values: Sequence[Values], n_steps: int, dt: float
) -> dict[str, Changes]:
    layout = inputs.layout(stimulus, n_steps, dt)
    played = inputs.played(stimulus, dt, batched=True)
    n_copies, n_samples = played.index.shape
    padded = np.zeros((n_copies, n_samples + 2), np.int64)
    padded[:, 1:-1] = played.index
    sample, copies = (padded[:, 1:] != padded[:, :-1]).T.nonzero()
    steps, which = sample * played.hold, padded[copies, sample + 1]

    def value(name: str) -> Callable[[str], Any]:
        n_cells = len(inputs.network.populations[name])
        return _by_row([v[name] for v in values], played.owner, n_cells)

    entering = inputs.entering(stimulus, layout, played.rows, value)
    return {name: Changes(steps, copies, which, rows) for name, rows in entering.items()}


def _by_row(
    each: Sequence[Mapping[str, Any]], owner: NDArray[np.int64], n_cells: int
) -> Callable[[str], Any]:
    """Return what looks up a parameter for rows of the copies `owner`."""

    def value(name: str) -> Any:
        found = [own[name] for own in each]
        if all(v is found[0] or (np.ndim(v) == 0 and v == found[0]) for v in found):
            return found[0]
        return np.stack([np.broadcast_to(v, n_cells) for v in found])[owner]

    return value


def _together(drives: Sequence[Drive | None]) -> Changes:
    """Return the drives of all copies as one; equal objects are kept once."""
    distinct = {id(d): d for d in drives if d is not None}
    variables = dict.fromkeys(v for d in distinct.values() for v in d.rows)
    shape = {k: next(iter(d.rows.values())).shape for k, d in distinct.items()}
    first, at = {}, 1
    for key, (n_rows, _) in shape.items():
        first[key], at = at - 1, at + n_rows - 1
    rows = {}
    for variable in variables:
        parts = [d.rows.get(variable, np.zeros(shape[k]))[1:] for k, d in distinct.items()]
        rows[variable] = np.concatenate([np.zeros((1, parts[0].shape[1])), *parts])
    found = {key: d.changes() for key, d in distinct.items()}
    own = [(k, found[id(d)], first[id(d)]) for k, d in enumerate(drives) if d is not None]
    steps = np.concatenate([c.steps for _, c, _ in own])
    copies = np.repeat([k for k, _, _ in own], [len(c.steps) for _, c, _ in own])
    which = np.concatenate([np.where(c.which > 0, c.which + f, 0) for _, c, f in own])
    order = np.argsort(steps, kind="stable")
    return Changes(steps[order], copies[order], which[order], rows)
