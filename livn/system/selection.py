"""Which cells of a culture: by count, fraction, place or list.

A selection is {population: gids}, each ascending, with an empty array where none was chosen.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from livn.errors import InvalidType, InvalidValue, unknown_names

if TYPE_CHECKING:
    from livn.system.base import BaseSystem

Selection = dict[str, NDArray[np.int64]]
Spec = int | float | str | Mapping[str, Any] | None
Ranges = Mapping[str, tuple[int, int]]

METHODS = ("first", "patch", "random")


def resolve_selection(
    system: "BaseSystem",
    spec: Spec = None,
    method: str = "first",
    bounds: ArrayLike | None = None,
    seed: int = 123,
) -> Selection:
    """Return the gids of a system that a specification names.

    Args:
        system: whose cells.
        spec: None for all; a number of cells, shared out in proportion to the populations; a
            fraction of each population; population -> number, fraction or gids; or the name of
            a stored selection.
        method: "first" takes the first cells of each population, "random" draws them, "patch"
            takes the n cells nearest to the centre, or a centred box of that fraction of the area.
        bounds: [[x0, y0], [x1, y1]] um: with "patch" and no `spec`, the cells inside.
        seed: of "random".

    Returns:
        Population -> gids, ascending; at least one cell in all.

    Raises:
        InvalidValue: if the specification contradicts itself, the system, or its stored graph.
        InvalidType: if it is of another kind.
        UnknownName: if it names populations, methods or selections that are not there.
    """
    if isinstance(spec, str):
        if method != "first" or bounds is not None:
            raise InvalidValue(
                f"stored selection takes no method or bounds: got {spec!r} with {method!r}, "
                f"{bounds!r}. Leave them out.",
                got=spec,
            )
        return _stored(system, spec)
    coordinates = system.neuron_coordinates[:, 1:3] if method == "patch" else None
    box = system.bounding_box[:, :2] if method == "patch" else None
    return selection_from_ranges(
        system.population_ranges, spec, method, bounds, seed, coordinates=coordinates, box=box
    )


def selection_from_ranges(
    population_ranges: Ranges,
    spec: int | float | Mapping[str, Any] | None = None,
    method: str = "first",
    bounds: ArrayLike | None = None,
    seed: int = 123,
    *,
    coordinates: NDArray[Any] | None = None,
    box: NDArray[Any] | None = None,
) -> Selection:
    """Return the gids that a specification names, without a system.

    Args:
        population_ranges: population -> (first gid, number of cells).
        spec, method, bounds, seed: as in `resolve_selection`; no stored selections here.
        coordinates: x, y of the cells by gid, um, [n, 2]; "patch" needs it.
        box: [[x0, y0], [x1, y1]] um of the whole culture; "patch" needs it.

    Returns:
        Population -> gids, ascending; at least one cell in all.

    Raises:
        InvalidValue, InvalidType, UnknownName: as `resolve_selection`.
    """
    if method not in METHODS:
        raise unknown_names("selection method", [method], METHODS)
    if bounds is not None and (method != "patch" or spec is not None):
        raise InvalidValue(
            f"bounds already say which cells: got method {method!r} and {spec!r}; "
            "need method='patch' and no count or fraction.",
            got=bounds,
        )
    if spec is None and bounds is None:
        chosen = {p: np.arange(start, start + n) for p, (start, n) in population_ranges.items()}
    elif method == "patch":
        if coordinates is None or box is None:
            raise InvalidValue("patch has no geometry: got None; need coordinates and box.")
        chosen = _by_population(_patch(spec, bounds, coordinates, box), population_ranges)
    else:
        chosen = _by_count(population_ranges, spec, method, seed)
    if not any(len(gids) for gids in chosen.values()):
        raise InvalidValue(f"selection has no cells: got {spec!r}; need at least 1.", got=spec)
    return chosen


def _by_count(ranges: Ranges, spec: Any, method: str, seed: int) -> Selection:
    """Return the first or random cells of each population, or the gids given."""
    if isinstance(spec, Mapping):
        unknown = [name for name in spec if name not in ranges]
        if unknown:
            raise unknown_names("population", unknown, ranges)
        wanted = {name: spec.get(name, 0) for name in ranges}
    elif isinstance(spec, float):
        wanted = dict.fromkeys(ranges, spec)
    else:
        wanted = _shares(ranges, _count("the culture", spec, sum(n for _, n in ranges.values())))
    generator = np.random.default_rng(seed)
    chosen = {}
    for name, (start, n_cells) in ranges.items():
        what = wanted[name]
        if isinstance(what, Sequence | np.ndarray) and not isinstance(what, str):
            chosen[name] = _gids(name, what, start, n_cells)
            continue
        size = _size(name, what, n_cells)
        if method == "random":
            chosen[name] = start + np.sort(generator.choice(n_cells, size, replace=False))
        else:
            chosen[name] = np.arange(start, start + size)
    return chosen


def _shares(ranges: Ranges, total: int) -> dict[str, int]:
    """Return `total` cells shared out by population size: largest remainder, ties by name."""
    n_cells = sum(n for _, n in ranges.values())
    shares = {name: total * n // n_cells for name, (_, n) in ranges.items()}
    remainders = sorted(ranges, key=lambda name: (-(total * ranges[name][1] % n_cells), name))
    for name in remainders[: total - sum(shares.values())]:
        shares[name] += 1
    return shares


def _size(thing: str, value: Any, n_cells: int) -> int:
    """Return how many of `n_cells` a count or fraction means."""
    if isinstance(value, float):
        fraction = _fraction(thing, value)
        return max(1, round(fraction * n_cells)) if fraction > 0 and n_cells else 0
    return _count(thing, value, n_cells)


def _count(thing: str, value: Any, n_cells: int) -> int:
    """Return `value` if it is a number of cells that are there."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise InvalidType(
            f"selection of {thing} is unreadable: got {value!r}; "
            "need a count, a fraction, or gids.",
            got=value,
        )
    if not 0 <= value <= n_cells:
        raise InvalidValue(
            f"selection of {thing} does not fit: got {value} cells; there are {n_cells}.",
            got=value,
        )
    return int(value)


def _fraction(thing: str, value: float) -> float:
    if not 0 <= value <= 1:
        raise InvalidValue(
            f"fraction of {thing} is out of range: got {value!r}; need 0 to 1.", got=value
        )
    return float(value)


def _gids(name: str, given: Any, start: int, n_cells: int) -> NDArray[np.int64]:
    """Return gids of a population, ascending."""
    gids = np.asarray(given)
    if gids.size == 0:
        return np.empty(0, np.int64)
    if gids.ndim != 1 or gids.dtype.kind not in "iu":
        raise InvalidType(
            f"gids of {name} are unreadable: got {given!r}; need a list of integers.", got=given
        )
    unique = np.unique(gids).astype(np.int64)
    if len(unique) < len(gids) or unique[0] < start or unique[-1] >= start + n_cells:
        raise InvalidValue(
            f"gids of {name} repeat or are not its own: got {gids.tolist()}; "
            f"need {start} to {start + n_cells - 1}, each once.",
            got=gids.tolist(),
        )
    return unique


def _patch(
    spec: Any, bounds: ArrayLike | None, coordinates: NDArray[Any], box: NDArray[Any]
) -> NDArray[np.int64]:
    """Return the gids inside a box or nearest to the centre."""
    if isinstance(spec, Mapping):
        raise InvalidValue(
            f"patch takes no populations: got {dict(spec)!r}; need one count or area fraction.",
            got=spec,
        )
    centre = box.mean(axis=0)
    if bounds is not None:
        low, high = _corners(bounds)
    elif isinstance(spec, float):
        half = (box[1] - box[0]) / 2 * np.sqrt(_fraction("patch", spec))
        low, high = centre - half, centre + half
    else:
        n_cells = _count("the culture", spec, len(coordinates))
        distances = np.sum((coordinates - centre) ** 2, axis=1)
        return np.sort(np.argsort(distances, kind="stable")[:n_cells])
    inside = np.all((coordinates >= low) & (coordinates <= high), axis=1)
    return np.flatnonzero(inside)


def _corners(bounds: ArrayLike) -> NDArray[np.float64]:
    corners = np.asarray(bounds, float)
    if corners.shape != (2, 2) or not np.all(corners[0] < corners[1]):
        raise InvalidValue(
            f"bounds are not a box: got {corners.tolist()}; need [[x0, y0], [x1, y1]] in um "
            "with x0 < x1 and y0 < y1.",
            got=corners.tolist(),
        )
    return corners


def _by_population(gids: NDArray[np.int64], ranges: Ranges) -> Selection:
    return {p: gids[(gids >= start) & (gids < start + n)] for p, (start, n) in ranges.items()}


def _stored(system: "BaseSystem", name: str) -> Selection:
    """Return a selection that lies beside the system and was made for this graph."""
    document = system.selection_document(name)
    made_for = document.get("meta", {}).get("graph")
    if made_for is not None and made_for != system.uuid:
        raise InvalidValue(
            f"selection {name!r} was made for another graph: got {made_for}; "
            f"this one is {system.uuid}. Make the selection again.",
            got=made_for,
            allowed=system.uuid,
        )
    return selection_from_ranges(system.population_ranges, document["gids"])
