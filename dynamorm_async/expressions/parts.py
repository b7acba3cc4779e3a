"""Take conditions apart: what is demanded together, of which places, with how many values.

Takes conditions; gives conditions and places. A planner asks; nothing here knows keys or models.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dynamorm_async.expressions.forms import Form, Place
from dynamorm_async.expressions.trees import Condition


def conjuncts(condition: Condition[Any]) -> list[Condition[Any]]:
    """Return the conditions that all must hold where this one holds; their AND is the condition."""
    if condition.form[0] != "and":
        return [condition]
    found: list[Condition[Any]] = []
    start = 0
    for form in condition.form[1]:
        end = start + value_count(form)
        # A part of an AND is never an AND itself: chains are kept flat.
        found.append(Condition(form, condition.values[start:end]))
        start = end
    return found


def value_count(form: Form) -> int:
    """Return how many values a condition's form mentions."""
    match form:
        case ("and" | "or", parts):
            return sum(map(value_count, parts))
        case ("not", part):
            return value_count(part)
        case ("compare", _, _, Place(), _) | ("exists" | "missing", _):
            return 0
        case ("between" | "size-between", _):
            return 2
        case ("in", _, count):
            return int(count)
        case ("raw", _, _, values):
            return len(values)
        case _:
            return 1


def places_in(form: Form) -> Iterator[Place]:
    """Yield every place that a condition's form mentions; a raw text mentions none."""
    match form:
        case ("and" | "or", parts):
            for part in parts:
                yield from places_in(part)
        case ("not", part):
            yield from places_in(part)
        case ("raw", *_):
            return
        case _:
            yield from (part for part in form if isinstance(part, Place))


def raw_names(form: Form) -> Iterator[str]:
    """Yield the attribute names that hand-written texts in a form give their placeholders."""
    match form:
        case ("and" | "or", parts):
            for part in parts:
                yield from raw_names(part)
        case ("not", part):
            yield from raw_names(part)
        case ("raw", _, names, _):
            yield from (attribute for _, attribute in names)
        case _:
            return


def holds_raw(form: Form) -> bool:
    """Tell whether hand-written text is a part of the form, whose attributes nobody knows."""
    match form:
        case ("and" | "or", parts):
            return any(map(holds_raw, parts))
        case ("not", part):
            return holds_raw(part)
        case _:
            return bool(form[0] == "raw")
