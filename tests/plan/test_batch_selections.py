"""Batches of which only some fields are read: what is sent, and how answers are read. R61."""

from __future__ import annotations

import dataclasses
from typing import Any

import attrs
import pytest

from dynamorm_async import Attr, InvalidModel, InvalidRequest, attribute, model, partition_key, sort_key
from dynamorm_async.plan import batch_get, batch_get_of_several
from tests.plan.given import bookmarks, notes, target
from tests.plan.test_batch_reads import answer, note
from tests.shapes import Bookmark, Note, Order, User


@attrs.frozen
class Card:
    """Some fields of a Note, without its key."""

    text: str
    count: int = 7


@dataclasses.dataclass
class Link:
    """A key's field among others."""

    slug: str
    url: str


@attrs.frozen
class Name:
    name: str


@model(table="odd")
class Odd:
    key: Attr[str] = partition_key(name="#key")
    at: Attr[int] = sort_key(name="order by")
    value: Attr[int] = attribute(name="a.b", default=0)


def selecting(keys: list[str], select: object) -> Any:
    return batch_get(target(Note, "notes"), keys, consistent=False, select=select)


def projected(plan: Any, table: str) -> list[str]:
    """Return the names of the attributes that a table is asked for."""
    asked = plan.requests[0]["RequestItems"][table]
    names = asked.get("ExpressionAttributeNames", {})
    return [names[alias] for alias in asked["ProjectionExpression"].split(", ")]


def read(plan: Any, found: dict[str, list[Any]]) -> list[Any]:
    """Return what a plan makes of an answer in which nothing is wrong."""
    results: list[Any] = [None] * len(plan.texts)
    _, unreadable = plan.read(answer(found), results)
    assert list(unreadable) == []
    return plan.result(results, b"")


def test_the_fields_of_a_view_and_the_key_are_asked_for() -> None:
    plan = notes.batch_get(["a", "b"], select=Card, consistent=True)

    (request,) = plan.requests
    assert projected(plan, "notes") == ["count", "id", "text"]
    assert request["RequestItems"]["notes"]["Keys"] == [note("a"), note("b")]
    assert request["RequestItems"]["notes"]["ConsistentRead"] is True


def test_whole_items_are_asked_for_without_a_projection() -> None:
    (request,) = notes.batch_get(["a"]).requests

    assert request == {"RequestItems": {"notes": {"Keys": [note("a")]}}}


def test_names_of_any_kind_are_aliased() -> None:
    plan = batch_get(target(Odd, "odd"), [("x", 1)], consistent=False, select=["value"])

    found = read(plan, {"odd": [{"#key": {"S": "x"}, "order by": {"N": "1"}, "a.b": {"N": "5"}}]})

    assert projected(plan, "odd") == ["#key", "a.b", "order by"]
    assert found == [{"value": 5}]


def test_views_are_aligned_with_the_keys_and_hold_no_more_than_they_declare() -> None:
    plan = notes.batch_get(["a", "absent", "b", "a"], select=Card)

    found = read(plan, {"notes": [note("b", text={"S": "B"}), note("a", text={"S": "A"}, count={"N": "1"})]})

    assert found == [Card("A", 1), None, Card("B", 7), Card("A", 1)]


def test_a_view_may_hold_a_field_of_the_key() -> None:
    plan = bookmarks.batch_get([("ana", "aws")], select=Link)
    stored = {"user": {"S": "ana"}, "slug": {"S": "aws"}, "url": {"S": "u"}}

    assert projected(plan, "bookmarks") == ["slug", "url", "user"]
    assert read(plan, {"bookmarks": [stored]}) == [Link("aws", "u")]


@pytest.mark.parametrize(
    "select", [[Note.count, "text"], ("count", "text", "count")], ids=["paths and names", "twice"]
)
def test_fields_come_as_dicts_without_the_key(select: Any) -> None:
    plan = selecting(["b", "a"], select)

    found = read(plan, {"notes": [note("a", count={"N": "3"}), note("b")]})

    assert found == [{"count": 0, "text": ""}, {"count": 3, "text": ""}]


@pytest.mark.parametrize("one", ["count", Note.count], ids=["name", "path"])
def test_one_field_by_itself_is_taken(one: Any) -> None:
    assert projected(selecting(["a"], one), "notes") == ["count", "id"]


@pytest.mark.parametrize("select", [Card, ["text", "count"]], ids=["view", "fields"])
def test_another_services_forms_are_read_as_well(select: Any) -> None:
    plan = selecting(["a", "b"], select)

    found = read(
        plan, {"notes": [note("b", text={"S": "B"}, count={"N": "1.0"}), note("a", text={"NULL": True})]}
    )

    assert found[1] in (Card("B", 1), {"text": "B", "count": 1})
    assert found[0] in (Card("", 7), {"text": "", "count": 0})


@pytest.mark.parametrize("select", [Card, ["text", "count"]], ids=["view", "fields"])
def test_an_item_that_does_not_fit_is_named_and_the_others_are_read(select: Any) -> None:
    plan = selecting(["a", "b"], select)
    results: list[Any] = [None, None]

    left, unreadable = plan.read(
        answer({"notes": [note("b", text={"S": "B"}), note("a", text={"S": "A"}, count={"S": "x"})]}), results
    )

    ((number, error),) = unreadable
    assert (number, error.path, list(left)) == (0, "Note.count", [])
    assert results[0] is None
    assert results[1] in (Card("B", 7), {"text": "B", "count": 0})


@pytest.mark.parametrize("select", [Name, ["name"]], ids=["view", "fields"])
def test_an_item_of_another_entity_is_refused_as_a_whole_one_is(select: Any) -> None:
    plan = batch_get(target(User, "shop"), ["ana", "bob"], consistent=False, select=select)
    keys = [{"pk": {"S": f"USER#{name}"}, "sk": {"S": "PROFILE"}} for name in ("ana", "bob")]
    results: list[Any] = [None, None]

    _, unreadable = plan.read(
        answer(
            {
                "shop": [
                    {**keys[0], "name": {"S": "Ana"}, "_entity": {"S": "order"}},
                    {**keys[1], "name": {"S": "Bob"}, "_entity": {"S": "user"}},
                ]
            }
        ),
        results,
    )

    assert projected(plan, "shop") == ["_entity", "name", "pk", "sk"]
    assert [(number, error.code) for number, error in unreadable] == [(0, "codecs.wrong-entity")]
    assert results[1] in (Name("Bob"), {"name": "Bob"})


@pytest.mark.parametrize(
    ("select", "error", "told"),
    [
        (Link, InvalidModel, "Link.slug is not among the fields of Note"),
        (Bookmark, InvalidModel, "is no view of Note"),
        (["nothing"], InvalidRequest, "no field of Note"),
        ([Bookmark.url], InvalidRequest, "no field of Note"),
        ([], InvalidRequest, "got nothing"),
        (7, InvalidRequest, "no field of Note"),
    ],
)
def test_what_is_no_view_and_no_field_is_refused(select: Any, error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told):
        selecting(["a"], select)


def several(select: Any, *keys: tuple[Any, str, object]) -> Any:
    targets = {model: target(model, table) for model, table, _ in keys}
    return batch_get_of_several(
        [(targets[each], key) for each, _, key in keys], consistent=False, select=select
    )


def test_each_model_of_several_has_a_selection_of_its_own() -> None:
    plan = several(
        {User: Name, Order: [Order.number]},
        (User, "shop", "ana"),
        (Note, "notes", "a"),
        (Order, "shop", ("ana", 7)),
    )
    shared = {"pk": {"S": "USER#ana"}}
    user = {**shared, "sk": {"S": "PROFILE"}, "_entity": {"S": "user"}, "name": {"S": "Ana"}}
    order = {**shared, "sk": {"S": "ORDER#7"}, "_entity": {"S": "order"}, "number": {"N": "7"}}

    found = read(plan, {"shop": [order, user], "notes": [note("a")]})

    assert projected(plan, "shop") == ["_entity", "name", "number", "pk", "sk"]
    assert set(plan.requests[0]["RequestItems"]["notes"]) == {"Keys"}
    assert found == [Name("Ana"), Note(id="a"), {"number": 7}]


def test_a_table_of_which_one_model_is_read_as_a_whole_is_asked_for_all() -> None:
    plan = several({User: Name}, (User, "shop", "ana"), (Order, "shop", ("ana", 7)))

    assert set(plan.requests[0]["RequestItems"]["shop"]) == {"Keys"}


def test_a_selection_that_names_no_model_is_refused_where_there_are_several() -> None:
    with pytest.raises(InvalidRequest, match=r"select="):
        several(Name, (User, "shop", "ana"))


class Guest(User):
    """A subclass is no model by itself."""


@pytest.mark.parametrize("named", [Card, Guest, "User"])
def test_a_selection_of_what_is_no_model_is_refused(named: Any) -> None:
    with pytest.raises(InvalidModel, match="is not a model"):
        several({named: Name}, (User, "shop", "ana"))
