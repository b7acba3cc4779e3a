"""Tell here whether a condition holds, by DynamoDB's rules, for values that are at hand.

Takes a condition's form, its values as they are stored, and what is stored at its places; gives a
bool. For conditions on whole fields with given values: what compares two fields, looks inside one or
is written by hand is for the service alone.

Source: DynamoDB developer guide, "Condition and filter expressions, operators, and functions": values
of different types are different and have no order, and an absent attribute differs from every value.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from dynamorm_async.expressions.forms import Form, Place

Tagged = Mapping[str, Any]
"""A value as it is stored: `{"N": "7"}`."""

Stored = Callable[[Place], Tagged | None]

_ORDERED = ("S", "N", "B")


def unevaluable(form: Form) -> str | None:
    """Return what in a condition's form can't be told here, or None."""
    match form:
        case ("and" | "or", parts):
            return next(filter(None, map(unevaluable, parts)), None)
        case ("not", part):
            return unevaluable(part)
        case ("raw", *_):
            return "text by hand"
        case ("size" | "size-between", *_):
            return "a size"
        case ("compare", _, _, Place(), _):
            return "a comparison of two fields"
        case _:
            is_part = any(isinstance(part, Place) and len(part.steps) > 1 for part in form)
            return "a part of a field" if is_part else None


def holds(form: Form, values: Sequence[Tagged], stored: Stored) -> bool:
    """Tell whether a condition holds.

    Args:
        form: The condition's form, of which `unevaluable` is None.
        values: Its values as they would be stored, in its order; of a type test, the tag under "S".
        stored: Gives what is stored at a place, or None where nothing is.
    """
    return _holds(form, iter(values), stored)


def _holds(form: Form, values: Iterator[Tagged], stored: Stored) -> bool:
    match form:
        case ("and" | "or" as kind, parts):
            # All of them: every part takes its values, whatever the others say.
            each = [_holds(part, values, stored) for part in parts]
            return all(each) if kind == "and" else any(each)
        case ("not", part):
            return not _holds(part, values, stored)
        case ("exists", place):
            return stored(place) is not None
        case ("missing", place):
            return stored(place) is None
        case ("type", place):
            tag, found = next(values)["S"], stored(place)
            return found is not None and tag in found
        case ("compare", operator, place, _, _):
            return _compares(operator, stored(place), next(values))
        case ("between", place):
            low, high, found = next(values), next(values), stored(place)
            return _compares(">=", found, low) and _compares("<=", found, high)
        case ("in", place, count):
            operands, found = [next(values) for _ in range(count)], stored(place)
            return any(_compares("=", found, operand) for operand in operands)
        case ("function", "begins_with", place, _):
            return _begins_with(stored(place), next(values))
        case ("function", "contains", place, _):
            return _contains(stored(place), next(values))
        case _:
            raise AssertionError(f"unknown form {form!r}")


def _compares(operator: str, found: Tagged | None, value: Tagged) -> bool:
    if operator in ("=", "<>"):
        is_same = found is not None and _comparable(found) == _comparable(value)
        return is_same if operator == "=" else not is_same
    if found is None or [*found] != [*value] or next(iter(found)) not in _ORDERED:
        return False
    (_, one), (_, other) = _comparable(found), _comparable(value)
    match operator:
        case "<":
            return bool(one < other)
        case "<=":
            return bool(one <= other)
        case ">":
            return bool(one > other)
        case _:
            return bool(one >= other)


def _comparable(tagged: Tagged) -> tuple[str, Any]:
    """Return tag and value, equal for equal values: numbers by value, sets in no order."""
    ((tag, value),) = tagged.items()
    match tag:
        case "N":
            return tag, Decimal(value)
        case "S":
            return tag, value.encode(errors="surrogatepass")
        case "B":
            return tag, b64decode(value)
        case "SS" | "NS" | "BS":
            return tag, frozenset(_comparable({tag[0]: each}) for each in value)
        case "L":
            return tag, [_comparable(each) for each in value]
        case "M":
            return tag, {name: _comparable(each) for name, each in value.items()}
        case _:
            return tag, value


def _begins_with(found: Tagged | None, prefix: Tagged) -> bool:
    if found is None or [*found] != [*prefix] or next(iter(found)) not in ("S", "B"):
        return False
    return bool(_comparable(found)[1].startswith(_comparable(prefix)[1]))


def _contains(found: Tagged | None, value: Tagged) -> bool:
    if found is None:
        return False
    tag, whole = _comparable(found)
    wanted = _comparable(value)
    if tag in ("S", "B"):
        return tag == wanted[0] and wanted[1] in whole
    return tag in ("SS", "NS", "BS", "L") and wanted in whole
