"""One whole key of the table, and nothing else asked: GetItem (dynamodb.md, section 6, C1)."""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest

from dynamorm_async import (
    Attr,
    Condition,
    InvalidKey,
    InvalidRequest,
    InvalidValue,
    LocalIndex,
    ProtocolError,
    attribute,
    model,
    partition_key,
    sort_key,
)
from dynamorm_async.plan import Question, Walk, cursor_after, gap_of, page_at_end, page_plan, prepare, probe
from tests.plan.given import reply, target
from tests.shapes import User


@model(table="rows")
class Row:
    user: Attr[str] = partition_key()
    number: Attr[int] = sort_key(name="the number")
    note: Attr[str] = attribute(default="")
    rank: Attr[int]

    by_rank = LocalIndex("by-rank", sort_key="rank")


@model(table="members")
class Member:
    pk: Attr[str] = partition_key(template="ORG#{org}")
    sk: Attr[str] = sort_key(template="M#{name}")
    org: Attr[str]
    name: Attr[str]


@attrs.frozen
class Card:
    note: str


ANA, ONE = Row.user == "ana", Row.number == 1
KEY = {"user": {"S": "ana"}, "the number": {"N": "1"}}
ITEM = {**KEY, "note": {"S": "n"}, "rank": {"N": "3"}}


def asked(*conditions: Condition[Any], of: type[Any] = Row, **options: Any) -> Walk[Any]:
    return Walk(query=prepare(target(of, "any"), Question(conditions=conditions, **options)))


GETS: dict[str, tuple[Walk[Any], dict[str, Any]]] = {
    "the key": (asked(ANA, ONE), {}),
    "the other way round": (asked(ONE, ANA), {}),
    "consistently": (asked(ANA, ONE, consistent=True), {"ConsistentRead": True}),
    "what has no order and no end": (asked(ANA, ONE, reverse=True, limit=3, page_size=5, offset=0), {}),
    "what it costs": (asked(ANA, ONE, max_read_units=3.0), {"ReturnConsumedCapacity": "TOTAL"}),
    "two bounds that are one value": (asked(ANA, ONE, Row.number <= 1), {}),
}


@pytest.mark.parametrize(("walk", "more"), GETS.values(), ids=GETS)
def test_a_whole_key_is_read_by_get_item(walk: Walk[Any], more: dict[str, Any]) -> None:
    assert (walk.operation, walk.first.operation) == ("GetItem", "GetItem")
    assert walk.request == {"TableName": "any", "Key": KEY, **more}
    assert walk.first.key == {"user": "ana", "number": 1}


def test_a_view_is_read_by_a_projection() -> None:
    walk = asked(ANA, ONE, select=Card)

    assert walk.request["Key"] == KEY
    assert set(walk.request["ExpressionAttributeNames"].values()) == {"note", "the number", "user"}
    assert "ProjectionExpression" in walk.request


def test_a_whole_key_may_be_that_of_templates() -> None:
    walk = asked(Member.org == "x", Member.name == "y", of=Member)

    assert walk.request == {"TableName": "any", "Key": {"pk": {"S": "ORG#x"}, "sk": {"S": "M#y"}}}


def test_other_values_of_a_known_form_are_read_by_get_item_too() -> None:
    rows = target(Row, "any")

    keys = [
        json.loads(prepare(rows, Question(conditions=(Row.user == user, Row.number == n))).call().body)["Key"]
        for user, n in (("ana", 1), ("bob", 2))
    ]

    assert keys == [KEY, {"user": {"S": "bob"}, "the number": {"N": "2"}}]


QUERIES: dict[str, Walk[Any]] = {
    "a partition": asked(ANA),
    "a range": asked(ANA, Row.number >= 1),
    "a filter": asked(ANA, ONE, Row.note == "n"),
    "an index": asked(ANA, Row.rank == 3, using="by-rank"),
    "one entity of several": asked(User.user == "ana", of=User),
}


@pytest.mark.parametrize("walk", QUERIES.values(), ids=QUERIES)
def test_what_only_a_query_can_say_is_a_query(walk: Walk[Any]) -> None:
    assert walk.first.operation == "Query"


def test_a_count_is_a_query_for_get_item_has_none() -> None:
    walk = Walk(query=asked(ANA, ONE).query, counting=True)

    assert (walk.first.operation, walk.request["Select"]) == ("Query", "COUNT")


def test_an_answer_is_a_page_of_one_or_none() -> None:
    walk = asked(ANA, ONE)

    found, none = walk.read(reply({"Item": ITEM})), walk.read(reply({}))

    assert [(each.number, each.note) for each in found.items] == [(1, "n")]
    assert (found.scanned, found.last_key, walk.follow(found)) == (1, None, None)
    assert (list(none.items), none.scanned, none.last_key) == ([], 0, None)


def test_an_answer_of_another_shape_is_refused() -> None:
    with pytest.raises(ProtocolError):
        asked(ANA, ONE).read(reply({"Item": ["x"]}))


def test_a_stored_item_that_does_not_fit_is_named_with_its_key() -> None:
    with pytest.raises(InvalidValue, match=r"(?s)Row\.rank.*ana"):
        asked(ANA, ONE).read(reply({"Item": {**ITEM, "rank": {"S": "x"}}}))


def test_its_page_leads_nowhere() -> None:
    query = asked(ANA, ONE).query

    page = page_plan(query, gap_of(query, None, keys=()), size=10, keys=()).read(reply({"Item": ITEM}))

    assert (len(page.items), page.next, page.previous) == (1, None, None)


def test_behind_its_item_is_the_end_and_nothing_is_sent() -> None:
    query = asked(ANA, ONE).query
    cursor = asked(ANA).query.key_of(query.read(reply({"Item": ITEM})).items[0])

    assert Walk(query=query, start=json.dumps(cursor)).is_over


def test_the_cursor_of_its_item_leads_to_an_empty_page() -> None:
    query = asked(ANA, ONE).query
    gap = gap_of(query, cursor_after(query, query.read(reply({"Item": ITEM})).items[0], keys=()), keys=())

    assert probe(query, gap) is None
    page = page_at_end(query, gap, keys=())
    assert page is not None
    assert page.items == []


@pytest.mark.parametrize("value", ["", None, "\ud800"], ids=["empty", "none", "no character"])
def test_a_value_that_no_key_can_be_is_refused_at_once(value: Any) -> None:
    with pytest.raises((InvalidKey, InvalidRequest)):
        asked(Row.user == value, ONE)


def test_a_plan_shows_get_item_at_the_same_price() -> None:
    plan = asked(ANA, ONE).explain()

    assert (plan.operation, plan.read_units, plan.requests) == ("GetItem", 0.5, 1)
    assert str(plan).startswith("GetItem of the table of any\n  key      user = 'ana' AND number = 1\n")
