"""Terms: the conditions of a query one by one, each with what a planner needs to know of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from dynamorm_async.errors import InvalidExpression, quoted
from dynamorm_async.expressions import (
    Condition,
    Place,
    Role,
    conjuncts,
    holds_raw,
    places_in,
    raw_names,
)
from dynamorm_async.model import ModelSpec

RANGES = frozenset({"<", "<=", ">", ">=", "between", "begins_with"})


class Term(msgspec.Struct, frozen=True, kw_only=True):
    """One of the conditions that an item must meet.

    Attributes:
        condition: What is demanded.
        field: The field that is compared as a whole with given values, or None.
        operator: "=", one of `RANGES`, "exists", or None where no key condition can say it.
        mentioned: Names of the fields it speaks of.
        attributes: Names of attributes that hand-written text speaks of.
        present: Names of the fields that are stored wherever it holds.
        is_raw: Whether hand-written text is in it, so that it may speak of more.
    """

    condition: Condition[Any]
    field: str | None
    operator: str | None
    mentioned: frozenset[str]
    attributes: frozenset[str]
    present: frozenset[str]
    is_raw: bool

    @property
    def value(self) -> object:
        """The value that it compares with, where there is one."""
        return self.condition.values[0]


def terms_of(spec: ModelSpec, conditions: Iterable[Condition[Any]], *, verb: str) -> tuple[Term, ...]:
    """Return the terms of conditions that all must hold; `verb` is what was given them, for errors.

    Raises:
        InvalidExpression: One is no condition, or is about another model.
    """
    found: list[Term] = []
    for condition in conditions:
        if not isinstance(condition, Condition):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidExpression(
                f"{verb}(...): {quoted(condition)} is no condition",
                fix=f'compare fields of the model: {verb}(Model.user == "ana", Model.visits > 3)',
                code="plan.no-condition",
            )
        found.extend(_term(spec, part) for part in conjuncts(condition))
    return tuple(found)


def _term(spec: ModelSpec, condition: Condition[Any]) -> Term:
    form = condition.form
    places = [place for place in places_in(form) if place.owner is not object]
    for place in places:
        if not issubclass(spec.cls, place.owner):
            raise InvalidExpression(
                f"{place.owner.__name__}.{place} is no field of {spec.name}",
                fix=f"use the fields of {spec.name}",
                code="plan.other-model",
            )
    mentioned = frozenset(str(place.steps[0]) for place in places)
    field, operator = _comparison(form)
    return Term(
        condition=condition,
        field=field,
        operator=operator,
        mentioned=mentioned,
        attributes=frozenset(raw_names(form)),
        present=_present(form),
        is_raw=holds_raw(form),
    )


def _comparison(form: tuple[Any, ...]) -> tuple[str | None, str | None]:
    """Return field and operator of what a key condition might say."""
    match form:
        case ("compare", ("=" | "<" | "<=" | ">" | ">=") as operator, Place() as place, None, Role.VALUE):
            pass
        case ("between" as operator, Place() as place):
            pass
        case ("function", "begins_with" as operator, Place() as place, _):
            pass
        case ("exists" as operator, Place() as place):
            pass
        case _:
            return None, None
    return (str(place.steps[0]), operator) if len(place.steps) == 1 else (None, None)


def _present(form: tuple[Any, ...]) -> frozenset[str]:
    """Return the fields that are stored wherever the condition holds."""
    match form:
        case ("and", parts):
            return frozenset[str]().union(*map(_present, parts))
        case ("or", parts):
            first, *others = map(_present, parts)
            return first.intersection(*others)
        case ("compare", operator, place, None, _):
            # An absent attribute differs from every value.
            return frozenset() if operator == "<>" else frozenset({str(place.steps[0])})
        case ("between" | "in" | "exists" | "type", place, *_):
            return frozenset({str(place.steps[0])})
        case ("size", "<>", _):
            return frozenset()  # as for a comparison
        case ("function", _, place, _) | ("size", _, place) | ("size-between", place):
            return frozenset({str(place.steps[0])})
        case _:
            return frozenset()
