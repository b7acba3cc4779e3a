"""Aggregates with no table: exact sums, means, extremes, groups, rows (R83–R86)."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynamorm_async import (
    ABSENT,
    Attr,
    Group,
    InvalidRequest,
    InvalidValue,
    Table,
    attribute,
    avg,
    count,
    max_,
    min_,
    model,
    partition_key,
    sum_,
)
from dynamorm_async.client.known import Known
from dynamorm_async.client.query import Asking
from dynamorm_async.plan import Groups, Kind
from tests.plan.given import target
from tests.scripted_send import ScriptedSend
from tests.shapes import NOW

# Numbers as the service stores them: 38 digits, between 1E-130 and 1E+126.
stored = st.builds("{}E{}".format, st.integers(-(10**38) + 1, 10**38 - 1), st.integers(-130, 87)).map(Decimal)


class Colour(Enum):
    RED = "red"


@model(table="things")
class Thing:
    id: Attr[str] = partition_key()
    size: Attr[int] = attribute(default=0)
    name: Attr[str] = attribute(default="")
    tags: Attr[set[str]] = attribute(factory=set[str])
    parts: Attr[list[int]] = attribute(factory=list[int])
    facts: Attr[dict[str, int]] = attribute(factory=dict[str, int])
    anything: Attr[Any] = attribute(default=None)


def things(send: ScriptedSend | None = None) -> Table[Thing]:
    asking = Asking(send=(send or ScriptedSend([])).send, now=lambda: NOW, known=Known(), cursor_keys=())
    return Table(target(Thing, "things"), asking)


def worked_out(kind: Kind, values: list[Any]) -> Any:
    groups = Groups([], {"result": (kind, "x")})
    for value in values:
        groups.add({"x": value})
    return groups.rows()[0].result


@given(st.lists(stored))
def test_a_sum_is_exact_to_the_last_digit(values: list[Decimal]) -> None:
    total = worked_out("sum", [*values])

    assert Fraction(total) == sum(map(Fraction, values))


@given(st.lists(st.integers(-(10**38), 10**38)))
def test_a_sum_of_ints_is_an_int(values: list[int]) -> None:
    total = worked_out("sum", [*values])

    assert (type(total), total) == (int, sum(values))


@given(st.lists(st.floats(-1e100, 1e100).filter(lambda x: x == 0 or abs(x) > 1e-100), min_size=1))
def test_a_sum_of_floats_is_the_nearest_float_to_the_sum_of_what_is_stored(values: list[float]) -> None:
    total = worked_out("sum", [*values])

    assert total == float(sum(Fraction(repr(value)) for value in values))


@given(st.lists(stored, min_size=1))
def test_a_mean_is_right_to_38_digits(values: list[Decimal]) -> None:
    mean = worked_out("avg", [*values])

    exact = sum(map(Fraction, values)) / len(values)
    assert abs(Fraction(mean) - exact) <= abs(exact) / 10**37


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        pytest.param("sum", [0.1] * 10, 1.0, id="ten tenths"),
        pytest.param("sum", [9007199254740993, 1], 9007199254740994, id="beyond what a float holds"),
        pytest.param("sum", [1, Decimal("0.5")], Decimal("1.5"), id="int and Decimal"),
        pytest.param("sum", [], 0, id="the sum of nothing"),
        pytest.param("sum", [0, None, ABSENT], 0, id="zeros, NULL and absent"),
        pytest.param("sum", [timedelta(days=1), timedelta(hours=1)], timedelta(hours=25), id="durations"),
        pytest.param("avg", [0, 0, 3], Decimal(1), id="zeros count"),
        pytest.param("avg", [4, None, ABSENT], Decimal(4), id="NULL and absent don't count"),
        pytest.param("avg", [1, 2, 2], Decimal("1." + "6" * 36 + "7"), id="a mean of 38 digits"),
        pytest.param("avg", [0.1, 0.2], 0.15, id="a mean of floats is a float"),
        pytest.param(
            "avg", [timedelta(hours=1), timedelta(hours=2)], timedelta(minutes=90), id="mean duration"
        ),
        pytest.param("avg", [], None, id="the mean of nothing"),
        pytest.param("count", [0, "", False, None, ABSENT], 3, id="what is stored and not NULL"),
        pytest.param("min", [3, 0, 2], 0, id="least number"),
        pytest.param("max", ["b", "", "c"], "c", id="greatest text"),
        pytest.param("min", [None, ABSENT, 7], 7, id="NULL and absent are no values"),
        pytest.param("max", [date(2024, 1, 1), date(2025, 1, 1)], date(2025, 1, 1), id="latest day"),
        pytest.param("max", [], None, id="the greatest of nothing"),
    ],
)
def test_an_aggregate_gives(kind: Kind, values: list[Any], expected: object) -> None:
    result = worked_out(kind, values)

    assert (type(result), result) == (type(expected), expected)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("sum", ["7"]),
        ("sum", [True]),
        ("avg", [datetime(2024, 1, 1, tzinfo=UTC)]),
        ("sum", [1, timedelta(1)]),
        ("sum", [timedelta(1), 1]),
        ("sum", [timedelta.max, timedelta.max]),
        ("min", [1, "1"]),
        ("max", [{1}, {2}]),
        ("max", [Colour.RED, Colour.RED]),
    ],
    ids=repr,
)
def test_values_that_have_no_sum_or_order_are_an_error(kind: Kind, values: list[Any]) -> None:
    with pytest.raises(InvalidValue):
        worked_out(kind, values)


def test_values_that_python_takes_for_equal_are_different_groups() -> None:
    groups = Groups(["x"], {"n": ("count", None)})
    for value in (0, False, "", None, ABSENT, 0, ABSENT, 1, True):
        groups.add({"x": value})

    rows = [(row.x, row.n) for row in groups.rows()]

    assert [repr(row) for row in rows] == [
        "(0, 2)", "(False, 1)", "('', 1)", "(None, 1)", "(<absent>, 2)", "(1, 1)", "(True, 1)",
    ]  # fmt: skip


def test_no_items_are_no_groups_but_one_row_without_group_by() -> None:
    assert Groups(["x"], {"n": ("count", None)}).rows() == []
    assert Groups([], {"n": ("count", None)}).rows() == [{"n": 0}]


def test_a_group_that_cannot_be_told_apart_is_an_error() -> None:
    with pytest.raises(InvalidRequest, match=r"group_by\(x\)"):
        Groups(["x"], {"n": ("count", None)}).add({"x": [1]})


def test_having_keeps_the_groups_that_pass_every_test() -> None:
    groups = Groups(["x"], {"n": ("count", None)})
    for value in "aabbbc":
        groups.add({"x": value})

    rows = groups.rows([lambda g: g.n > 1, lambda g: g["x"] != "a"])

    assert rows == [{"x": "b", "n": 3}]


def test_a_row_is_read_by_attribute_and_as_a_mapping() -> None:
    row = Group({"user": "ana", "n": 2})

    assert (row.user, row["n"], dict(row), len(row)) == ("ana", 2, {"user": "ana", "n": 2}, 2)
    assert repr(row) == "Group(user='ana', n=2)"
    with pytest.raises(AttributeError, match="this group has user, n, and no hits"):
        _ = row.hits


def pickled(row: Group) -> Group:
    found: Group = pickle.loads(pickle.dumps(row))
    return found


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, pickled])
def test_a_row_survives_copying_and_pickling(again: Callable[[Group], Group]) -> None:
    row = Group({"user": ABSENT, "n": 2})

    assert again(row) == row
    assert again(row).user is ABSENT


def test_what_is_absent_is_false_and_equals_only_itself() -> None:
    assert not ABSENT
    assert ABSENT not in (None, "", 0, False)
    assert repr(ABSENT) == "<absent>"


REFUSED: dict[str, tuple[Callable[[Table[Thing]], object], str]] = {
    "the sum of texts": (lambda t: t.scan().aggregate(s=sum_(Thing.name)), r"sum_\(Thing.name\)"),
    "the mean of a set": (lambda t: t.scan().aggregate(s=avg(Thing.tags)), r"avg\(Thing.tags\)"),
    "the least set": (lambda t: t.scan().aggregate(s=min_(Thing.tags)), "have no order"),
    "the greatest map": (lambda t: t.scan().aggregate(s=max_(Thing.facts)), "have no order"),
    "groups by a list": (lambda t: t.scan().group_by(Thing.parts), "can't tell groups apart"),
    "groups by a set": (lambda t: t.scan().group_by("tags"), "can't tell groups apart"),
    "an unknown field": (lambda t: t.scan().group_by("nope"), "no field of Thing"),
    "a part of a field": (lambda t: t.scan().aggregate(s=sum_(Thing.facts["a"])), "no field of Thing"),
    "a name of a field": (lambda t: t.scan().group_by("name").aggregate(name=count()), "have name already"),
    "a name of a mapping's method": (lambda t: t.scan().aggregate(items=count()), "have items already"),
    "a private name": (lambda t: t.scan().aggregate(_n=count()), "have _n already"),
    "nothing": (lambda t: t.scan().group_by("name").aggregate(), "of nothing"),
    "no aggregate": (lambda t: t.scan().aggregate(n=cast("Any", count)), "is no aggregate"),
}  # fmt: skip


@pytest.mark.parametrize(("ask", "match"), REFUSED.values(), ids=REFUSED)
def test_what_means_nothing_is_refused_before_io(ask: Callable[[Table[Thing]], object], match: str) -> None:
    with pytest.raises(InvalidRequest, match=match):
        ask(things())


async def test_values_of_a_field_of_any_type_are_judged_as_they_come() -> None:
    send = ScriptedSend([{"Items": [{"id": {"S": "1"}, "anything": {"S": "x"}}]}])

    with pytest.raises(InvalidValue, match="can't be added up"):
        await things(send).scan().aggregate(s=sum_(Thing.anything))


async def test_an_order_that_is_made_in_memory_is_not_made_for_numbers() -> None:
    send = ScriptedSend([{"Items": [{"id": {"S": "1"}, "size": {"N": "7"}}]}])

    rows = await things(send).scan().order_by(Thing.size, in_memory=10).aggregate(s=sum_(Thing.size))

    assert rows == [{"s": 7}]
