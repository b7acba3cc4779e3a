"""Aggregates: numbers over groups of items, added up as the items come by.

Takes values of fields; gives rows, one for each group. Memory grows with the groups, not with the
items. Pure. Sums are exact to the last digit that the service stores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from decimal import Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow
from typing import Any, Literal, cast

import msgspec

from dynamorm_async.errors import InvalidRequest, InvalidValue, quoted
from dynamorm_async.expressions import Path
from dynamorm_async.plan.names import field_name
from dynamorm_async.plan.target import Target

# Stored numbers lie between 1E-130 and 1E+126 and have 38 digits, so that a sum of 10^60 of them fits.
_EXACT = Context(prec=400, traps=[Inexact, InvalidOperation, Overflow])
_QUOTIENT = Context(prec=38, traps=[InvalidOperation, DivisionByZero, Overflow])

_COLLECTIONS = frozenset({"L", "M", "SS", "NS", "BS"})

Kind = Literal["count", "sum", "avg", "min", "max"]


class Absent:
    """What a group's key holds where the attribute is not stored; there is one, `ABSENT`."""

    def __repr__(self) -> str:
        return "<absent>"

    def __bool__(self) -> bool:
        return False

    def __reduce__(self) -> str:
        return "ABSENT"


ABSENT = Absent()


class Aggregate(msgspec.Struct, frozen=True):
    """One number to work out for each group; made by `count`, `sum_`, `avg`, `min_` and `max_`."""

    kind: Kind
    path: Path[Any, Any] | str | None


def count(field: Path[Any, Any] | str | None = None) -> Aggregate:
    """Count the items of a group, or those in which a field is stored and not NULL."""
    return Aggregate("count", field)


def sum_(field: Path[Any, Any] | str) -> Aggregate:
    """Add up a field's numbers or durations, exactly; absent and NULL add nothing, and nothing gives 0."""
    return Aggregate("sum", field)


def avg(field: Path[Any, Any] | str) -> Aggregate:
    """Give the mean of a field's numbers or durations; absent and NULL don't count, and nothing gives None.

    A float for floats; for ints and Decimals a Decimal of up to 38 digits.
    """
    return Aggregate("avg", field)


def min_(field: Path[Any, Any] | str) -> Aggregate:
    """Give the least of a field's values; absent and NULL don't count, and nothing gives None."""
    return Aggregate("min", field)


def max_(field: Path[Any, Any] | str) -> Aggregate:
    """Give the greatest of a field's values; absent and NULL don't count, and nothing gives None."""
    return Aggregate("max", field)


def field_of_group(target: Target[Any], field: Path[Any, Any] | str) -> str:
    """Return the name of a field that tells groups apart.

    Raises:
        InvalidRequest: The model has no such field, or its values are lists, sets or maps.
    """
    name = field_name(target, field, what="group_by")
    if _is_within(target.record.tags(name), _COLLECTIONS):
        raise _no_group_key(name)
    return name


def field_of_aggregate(target: Target[Any], aggregate: Aggregate) -> str | None:
    """Return the name of the field that an aggregate is made of, or None for the items themselves.

    Raises:
        InvalidRequest: The model has no such field, or its values can't be added up or compared.
    """
    kind = aggregate.kind
    if aggregate.path is None:
        return None
    verb = kind if kind in ("count", "avg") else f"{kind}_"
    name = field_name(target, aggregate.path, what=verb)
    tags = target.record.tags(name)
    lacks = "sum" if kind in ("sum", "avg") and tags and "N" not in tags else ""
    if kind in ("min", "max") and _is_within(tags, _COLLECTIONS - {"L"}):
        lacks = "order"
    if lacks:
        raise InvalidRequest(
            f"{verb}({target.spec.name}.{name}): its values have no {lacks}",
            fix=f"use {verb} on numbers or durations" if lacks == "sum" else f"use {verb} on plain values",
            code="plan.no-number" if lacks == "sum" else "plan.no-order",
        )
    return name


class Group(Mapping[str, Any]):
    """One row: the fields that it is grouped by and its aggregates, as attributes and as a mapping."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = dict(values)

    def __getattr__(self, name: str) -> Any:
        # Copying and pickling ask a group that has no values yet.
        values: dict[str, Any] = self.__dict__.get("_values", {})
        if name not in values:
            raise AttributeError(f"this group has {', '.join(values)}, and no {name}")
        return values[name]

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Group({', '.join(f'{name}={value!r}' for name, value in self._values.items())})"


class Groups:
    """Adds items up, group by group.

    Args:
        by: Names of the fields that tell the groups apart; none for one group of all.
        wanted: Name of a result to its kind and the field it is made of, or None for the items.
    """

    def __init__(self, by: Sequence[str], wanted: Mapping[str, tuple[Kind, str | None]]) -> None:
        self._by = tuple(by)
        self._wanted = dict(wanted)
        self._groups: dict[tuple[Any, ...], tuple[tuple[Any, ...], list[_Tally]]] = {}
        if not by:
            self._groups[()] = ((), self._tallies())

    def add(self, item: Mapping[str, Any]) -> None:
        """Add one item: field name to value, `ABSENT` where it is not stored."""
        values = tuple(item[name] for name in self._by)
        # Python takes 0 for False and 1 for 1.0, which are different values in a table.
        identity = tuple((cast("object", type(value)), value) for value in values)
        try:
            found = self._groups.get(identity)
        except TypeError as error:
            raise _no_group_key(", ".join(self._by)) from error
        if found is None:
            found = self._groups[identity] = (values, self._tallies())
        for (_, field), tally in zip(self._wanted.values(), found[1], strict=True):
            tally.add(None if field is None else item[field], is_item=field is None)

    def rows(self, having: Iterable[Callable[[Group], object]] = ()) -> list[Group]:
        """Return the groups that pass every test, in the order in which they were met."""
        tests = tuple(having)
        rows = (
            Group(
                {
                    **dict(zip(self._by, values, strict=True)),
                    **{name: tally.result() for name, tally in zip(self._wanted, tallies, strict=True)},
                }
            )
            for values, tallies in self._groups.values()
        )
        return [row for row in rows if all(test(row) for test in tests)]

    def _tallies(self) -> list[_Tally]:
        return [_Tally(kind) for kind, _ in self._wanted.values()]


class _Tally:
    """One aggregate of one group."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._count = 0
        self._total: Any = 0
        self._best: Any = None

    def add(self, value: Any, *, is_item: bool) -> None:
        if value is ABSENT or (value is None and not is_item):
            return
        self._count += 1
        match self._kind:
            case "sum" | "avg":
                self._total = _plus(self._total, value)
            case "min":
                self._best = value if self._count == 1 or _less(value, self._best) else self._best
            case "max":
                self._best = value if self._count == 1 or _less(self._best, value) else self._best
            case _:
                pass

    def result(self) -> Any:
        match self._kind:
            case "count":
                return self._count
            case "sum":
                return self._total.as_float() if isinstance(self._total, _Floats) else self._total
            case "avg":
                return self._mean()
            case _:
                return self._best

    def _mean(self) -> Any:
        if not self._count:
            return None
        if isinstance(self._total, timedelta):
            return self._total / self._count
        if isinstance(self._total, _Floats):
            return float(_QUOTIENT.divide(self._total.exact, Decimal(self._count)))
        return _QUOTIENT.divide(Decimal(self._total), Decimal(self._count))


class _Floats(msgspec.Struct, frozen=True):
    """A sum of floats: of the decimal texts that are stored for them, so that nothing is lost."""

    exact: Decimal

    def as_float(self) -> float:
        return float(self.exact)


def _plus(total: Any, value: Any) -> Any:
    if isinstance(value, timedelta):
        return _longer(total, value)
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)) or _is_duration(total):
        raise _no_number(value)
    if isinstance(value, float):
        exact = total.exact if isinstance(total, _Floats) else Decimal(total)
        return _Floats(_EXACT.add(exact, Decimal(repr(value))))
    if isinstance(total, _Floats):
        return _Floats(_EXACT.add(total.exact, Decimal(value)))
    if isinstance(total, int) and isinstance(value, int):
        return total + value
    return _EXACT.add(Decimal(total), Decimal(value))


def _longer(total: Any, value: timedelta) -> timedelta:
    if not _is_duration(total):
        if total != 0:
            raise _no_number(value)
        return value
    try:
        longer: timedelta = total + value
    except OverflowError as error:
        raise InvalidValue(
            "the sum of these durations is longer than a timedelta can be", code="plan.no-number"
        ) from error
    return longer


def _is_duration(value: Any) -> bool:
    return isinstance(value, timedelta)


def _no_number(value: object) -> InvalidValue:
    return InvalidValue(
        f"{quoted(value)} can't be added up",
        fix="use sum_ and avg on numbers, or on durations",
        code="plan.no-number",
    )


def _less(one: Any, other: Any) -> bool:
    if isinstance(one, (set, frozenset)):
        raise InvalidValue(
            "sets have no order", fix="use min_ and max_ on plain values", code="plan.no-order"
        )
    try:
        return bool(one < other)
    except TypeError as error:
        raise InvalidValue(
            f"a {type(one).__name__} and a {type(other).__name__} have no order",
            fix="use min_ and max_ on fields whose values are alike",
            code="plan.no-order",
        ) from error


def _is_within(tags: frozenset[str], those: frozenset[str]) -> bool:
    return bool(tags) and tags <= those


def _no_group_key(name: str) -> InvalidRequest:
    return InvalidRequest(
        f"group_by({name}): a list, set or map can't tell groups apart",
        fix="group by texts, numbers, times or other plain values",
        code="plan.group-key",
    )
