"""The grammar of conditions: from a form to text, for the wire or for people.

A `Scribe` says how names and values are written; the grammar says what stands between them, with
as few parentheses as the meaning needs.

Source: DynamoDB developer guide, "Condition and filter expressions, operators, and functions".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import accumulate
from typing import Protocol

from dynamorm_async.errors import InvalidExpression, quoted
from dynamorm_async.expressions.forms import Form, Place, Role

PLACEHOLDER = re.compile(r"[#:][A-Za-z0-9_]+")
_OR, _AND, _NOT, _ATOM = 1, 2, 3, 4


class Scribe(Protocol):
    """Who writes names and values down: for the wire, or for a reader."""

    operators: int

    def place(self, place: Place) -> str:
        """Return the spelling of a place."""
        ...

    def value(self, place: Place, role: Role) -> str:
        """Return what stands for the next value, which is compared with what is at `place`."""
        ...

    def check_operands(self, place: Place, count: int) -> None:
        """Refuse a number of operands of IN that means nothing."""
        ...

    def raw(self, text: str, names: tuple[tuple[str, str], ...], values: tuple[str, ...]) -> str:
        """Return hand-written text with its placeholders settled."""
        ...


def readable_form(form: Form, values: Sequence[object]) -> str:
    """Return a condition's form as text for people: field names, and values cut to 80 characters.

    A value of a field that is declared with `repr=False` shows as `…`.
    """
    text, _ = write(form, _Reader(values))
    return text


def write(form: Form, to: Scribe) -> tuple[str, int]:
    """Return the text of a condition's form and how strongly it binds."""
    match form:
        case ("and" | "or" as kind, parts):
            to.operators += len(parts) - 1
            strength = _AND if kind == "and" else _OR
            texts = [_within(part, strength, to) for part in parts]
            return f" {kind.upper()} ".join(texts), strength
        case ("not", part):
            to.operators += 1
            return f"NOT {_within(part, _NOT, to)}", _NOT
        case ("raw", text, names, values):
            return to.raw(text, names, values), _ATOM if _is_enclosed(text) else 0
        case _:
            to.operators += 1
            return _atom(form, to), _ATOM


def _within(form: Form, strength: int, to: Scribe) -> str:
    # The service refuses a redundant pair of parentheses, so there is one only where binding needs it.
    text, own = write(form, to)
    return f"({text})" if own < strength else text


def _atom(form: Form, to: Scribe) -> str:
    match form:
        case ("compare", operator, place, Place() as other, _):
            return f"{to.place(place)} {operator} {to.place(other)}"
        case ("compare", operator, place, _, role):
            return f"{to.place(place)} {operator} {to.value(place, role)}"
        case ("between", place):
            return (
                f"{to.place(place)} BETWEEN {to.value(place, Role.VALUE)} AND {to.value(place, Role.VALUE)}"
            )
        case ("in", place, count):
            to.check_operands(place, count)
            operands = ", ".join([to.value(place, Role.VALUE) for _ in range(count)])
            return f"{to.place(place)} IN ({operands})"
        case ("function", name, place, role):
            return f"{name}({to.place(place)}, {to.value(place, role)})"
        case ("exists", place):
            return f"attribute_exists({to.place(place)})"
        case ("missing", place):
            return f"attribute_not_exists({to.place(place)})"
        case ("type", place):
            return f"attribute_type({to.place(place)}, {to.value(place, Role.TAG)})"
        case ("size", operator, place):
            to.operators += 1
            return f"size({to.place(place)}) {operator} {to.value(place, Role.COUNT)}"
        case ("size-between", place):
            to.operators += 1
            low, high = to.value(place, Role.COUNT), to.value(place, Role.COUNT)
            return f"size({to.place(place)}) BETWEEN {low} AND {high}"
        case _:
            raise InvalidExpression(f"unknown form {quoted(form)}")


def _is_enclosed(text: str) -> bool:
    """Tell whether one pair of parentheses holds the whole text, in which all are matched."""
    depths = list(accumulate((sign == "(") - (sign == ")") for sign in text))
    return text.startswith("(") and 0 not in depths[:-1]


class _Reader:
    def __init__(self, values: Sequence[object]) -> None:
        self.operators = 0
        self._values = iter(values)

    def place(self, place: Place) -> str:
        return str(place)

    def value(self, place: Place, role: Role) -> str:  # noqa: ARG002 - the protocol's signature
        value = next(self._values)
        return "…" if place.is_secret else quoted(value)

    def check_operands(self, place: Place, count: int) -> None:
        """Refuse nothing: what is shown may be wrong."""

    def raw(self, text: str, names: tuple[tuple[str, str], ...], values: tuple[str, ...]) -> str:
        meanings = dict(names)
        meanings.update((name, quoted(next(self._values))) for name in values)
        return PLACEHOLDER.sub(lambda found: meanings[found[0]], text)
