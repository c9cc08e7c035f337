"""Refusals shared by everything that describes a culture."""

from collections.abc import Iterable, Mapping
from math import isfinite
from numbers import Integral, Real
from typing import Any

from livn.errors import InvalidType, InvalidValue, unknown_names

Interval = tuple[float, float]


def finite(thing: str, value: Any) -> float:
    """Return `value` as a float, or raise when it is no finite number."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise InvalidType(f"{thing} is not a number: got {value!r}; need a real number.", got=value)
    if not isfinite(value):
        raise InvalidValue(
            f"{thing} is not finite: got {value!r}; need a finite number.", got=value
        )
    return float(value)


def positive(thing: str, value: Any) -> float:
    """Return `value` as a float, or raise when it is not a number above 0."""
    if finite(thing, value) <= 0:
        raise InvalidValue(f"{thing} is not positive: got {value!r}; need more than 0.", got=value)
    return float(value)


def non_negative(thing: str, value: Any) -> float:
    """Return `value` as a float, or raise when it is not a number of at least 0."""
    if finite(thing, value) < 0:
        raise InvalidValue(f"{thing} is negative: got {value!r}; need 0 or more.", got=value)
    return float(value)


def whole(thing: str, value: Any, at_least: int) -> int:
    """Return `value` as an int, or raise when it is no integer of at least `at_least`."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise InvalidType(
            f"{thing} is not an integer: got {value!r}; need a whole number.", got=value
        )
    if value < at_least:
        raise InvalidValue(
            f"{thing} is too small: got {value!r}; need {at_least} or more.", got=value
        )
    return int(value)


def pair(thing: str, value: Any) -> Interval:
    """Return `value` as two floats, or raise when it is not a pair of numbers."""
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise InvalidType(f"{thing} is not a pair: got {value!r}; need two numbers.", got=value)
    return finite(thing, value[0]), finite(thing, value[1])


def interval(thing: str, value: Any) -> Interval:
    """Return `value` as (low, high), or raise when high is below low."""
    low, high = pair(thing, value)
    if low > high:
        raise InvalidValue(
            f"{thing} runs backwards: got {value!r}; need (low, high) with low <= high.", got=value
        )
    return low, high


def only_keys(kind: str, given: Any, known: Iterable[str], required: Iterable[str] = ()) -> None:
    """Raise when the mapping `given` has keys that are not `known` or lacks `required` ones."""
    if not isinstance(given, Mapping):
        raise InvalidType(
            f"{kind} is not a mapping: got {given!r}; need names and values.", got=given
        )
    known = list(known)
    unknown = [str(name) for name in given if name not in known]
    if unknown:
        raise unknown_names(f"{kind} setting", unknown, known)
    missing = sorted(set(required) - set(given))
    if missing:
        raise InvalidValue(
            f"{kind} is incomplete: got {sorted(given)}; {', '.join(missing)} missing.",
            got=sorted(given), allowed=sorted(known),
        )  # fmt: skip
