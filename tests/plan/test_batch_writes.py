"""What a batch of writes sends and what it refuses; nothing is sent here. R10, R67 to R69."""

import json
from decimal import Decimal
from typing import Any, Literal

import pytest

from dynamorm_async import (
    Attr,
    Delete,
    InvalidKey,
    InvalidRequest,
    InvalidValue,
    Key,
    ProtocolError,
    Put,
    attribute,
    model,
    partition_key,
)
from dynamorm_async.plan import batch_put, batch_write
from tests.plan.given import OLD_TEXT, bookmarks, fresh, held, notes, target
from tests.shapes import NOW, NOW_TEXT, Bookmark, Note, Order, User


@model(table="prices")
class Price:
    amount: Attr[Decimal] = partition_key()
    text: Attr[str] = attribute(default="")


def requests_of(plan: Any) -> list[Any]:
    return [request["RequestItems"] for request in plan.requests]


def model_of(write: Put[Any] | Delete) -> Any:
    meant: Any = write.item if isinstance(write, Put) else write.key
    return meant.model if hasattr(meant, "values") else meant.__class__


def several(
    *writes: Put[Any] | Delete, duplicates: Literal["refuse", "last"] = "refuse", unchecked: bool = False
) -> Any:
    tables: dict[Any, str] = {Note: "notes", User: "shop", Order: "shop", Bookmark: "bookmarks"}
    targets = {cls: target(cls, name) for cls, name in tables.items()}
    pairs = [(targets[model_of(write)], write) for write in writes]
    return batch_write(pairs, now=NOW, duplicates=duplicates, unchecked=unchecked)


def test_a_put_is_stamped_as_a_put_by_itself_is() -> None:
    ((request,),) = [requests_of(bookmarks.batch_put([fresh()]))[0]["bookmarks"]]

    item = request["PutRequest"]["Item"]
    assert item == bookmarks.put(fresh()).request["Item"]
    assert (item["created"], item["updated"], item["revision"]) == (
        {"S": NOW_TEXT},
        {"S": NOW_TEXT},
        {"N": "0"},
    )


def test_an_instance_that_holds_a_version_is_refused() -> None:
    """R10."""
    with pytest.raises(InvalidRequest, match=r"items\[1\]: the Bookmark holds version 3"):
        bookmarks.batch_put([fresh(), held()])
    with pytest.raises(InvalidRequest, match=r"keys\[0\]: the Bookmark holds version 3"):
        bookmarks.batch_delete([held()])


def test_unchecked_takes_an_instance_that_holds_a_version() -> None:
    """R10: it is written as put writes it, one version on, its created kept."""
    ((request,),) = [requests_of(bookmarks.batch_put([held()], unchecked=True))[0]["bookmarks"]]

    item = request["PutRequest"]["Item"]
    assert (item["created"], item["updated"], item["revision"]) == (
        {"S": OLD_TEXT},
        {"S": NOW_TEXT},
        {"N": "4"},
    )
    assert bookmarks.batch_delete([held()], unchecked=True).keys == [{"user": "ana", "slug": "aws"}]


@pytest.mark.parametrize(
    ("items", "told"),
    [
        ([Note(id="a"), Note(id="")], r"items\[1\].*a key cannot be empty"),
        ([Note(id="a"), User(user="a")], r"items\[1\]: expected Note, got User"),
        ([Note(id="a"), "b"], r"items\[1\]: expected Note, got str"),
        ([Note(id="a"), Note(id="b", text="\ud800")], r"items\[1\]: .*lone surrogate"),
        ([Note(id="a"), Note(id="b", text="x" * 500_000)], r"items\[1\]: the item has 500"),
    ],
)
def test_an_item_that_cannot_be_stored_is_named_by_its_place(items: Any, told: str) -> None:
    with pytest.raises(InvalidValue, match=told):
        notes.batch_put(items)


@pytest.mark.parametrize(("count", "chunks"), [(0, []), (25, [25]), (26, [25, 1]), (60, [25, 25, 10])])
def test_a_call_writes_at_most_twenty_five(count: int, chunks: list[int]) -> None:
    puts = notes.batch_put([Note(id=str(number)) for number in range(count)])
    deletes = notes.batch_delete([str(number) for number in range(count)])

    assert [len(call.keys) for call in puts.calls] == chunks
    assert [len(call.keys) for call in deletes.calls] == chunks


def test_a_call_holds_at_most_sixteen_megabytes() -> None:
    # In JSON, every item is seven times as long as in storage, where it has 300 KB.
    items = [Note(id=str(number), text="\x01" * 300_000) for number in range(20)]

    calls = notes.batch_put(items).calls

    assert [len(call.keys) for call in calls] == [9, 9, 2]
    assert max(len(call.body) for call in calls) <= 16 * 1024 * 1024 + 100


def test_two_items_of_one_key_are_refused() -> None:
    with pytest.raises(InvalidKey, match=r"items\[0\] and items\[2\] have the same key"):
        notes.batch_put([Note(id="a"), Note(id="b"), Note(id="a", text="new")])
    with pytest.raises(InvalidKey, match=r"keys\[0\] and keys\[1\] have the same key"):
        notes.batch_delete(["a", Note(id="a")])


def test_numbers_of_one_value_are_one_key() -> None:
    """R69: 1000 and 1e3."""
    prices = target(Price, "prices")
    items = [Price(amount=Decimal(1000)), Price(amount=Decimal("1e3"), text="last")]

    with pytest.raises(InvalidKey, match="have the same key"):
        batch_put(prices, items, now=NOW, duplicates="refuse", unchecked=False)
    plan = batch_put(prices, items, now=NOW, duplicates="last", unchecked=False)

    ((request,),) = [requests_of(plan)[0]["prices"]]
    assert request["PutRequest"]["Item"]["text"] == {"S": "last"}


def test_the_last_of_one_key_wins_where_that_is_asked_for() -> None:
    plan = notes.batch_put([Note(id="a"), Note(id="b"), Note(id="a", text="new")], duplicates="last")

    (request,) = requests_of(plan)
    assert [each["PutRequest"]["Item"]["id"]["S"] for each in request["notes"]] == ["a", "b"]
    assert request["notes"][0]["PutRequest"]["Item"]["text"] == {"S": "new"}
    assert [each.text for each in plan.result([None, None], b"\1\1")] == ["new", "", "new"]
    assert len(notes.batch_delete(["a", "a"], duplicates="last").keys) == 1


def test_another_word_for_duplicates_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="duplicates='first'"):
        notes.batch_put([], duplicates="first")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("duplicates", ["refuse", "last"])
def test_a_put_and_a_delete_of_one_key_are_refused(duplicates: Literal["refuse", "last"]) -> None:
    with pytest.raises(InvalidKey, match=r"writes\[0\] and writes\[1\] put and delete the same key"):
        several(Put(Note(id="a")), Delete(Key(Note, "a")), duplicates=duplicates)


def test_writes_of_several_models_and_tables_stand_in_one_call() -> None:
    plan = several(
        Put(User(user="ana")), Delete(Key(Note, "n")), Put(Order(user="ana", number=7)), Put(Note(id="m"))
    )

    (request,) = requests_of(plan)
    assert [list(each) for each in request["shop"]] == [["PutRequest"], ["PutRequest"]]
    assert request["notes"] == [
        {"DeleteRequest": {"Key": {"id": {"S": "n"}}}},
        {"PutRequest": {"Item": notes.put(Note(id="m")).request["Item"]}},
    ]
    assert plan.calls[0].tables == ("shop", "notes")


def test_one_key_in_two_tables_is_two_items() -> None:
    first, second = target(Note, "notes"), target(Note, "more")

    plan = batch_write(
        [(first, Put(Note(id="a"))), (second, Put(Note(id="a")))],
        now=NOW,
        duplicates="refuse",
        unchecked=False,
    )

    assert len(plan.keys) == 2


def left(**requests: Any) -> bytes:
    return json.dumps({"UnprocessedItems": requests}).encode()


def test_what_was_not_processed_is_told_by_number() -> None:
    plan = several(Put(User(user="ana")), Delete(Key(Note, "n")), Put(Note(id="m")))
    body = left(
        notes=[{"DeleteRequest": {"Key": {"id": {"S": "n"}}}}],
        shop=[{"PutRequest": {"Item": {"sk": {"S": "PROFILE"}, "pk": {"S": "USER#ana"}, "x": {"N": "1"}}}}],
    )

    assert plan.read(body, []) == ([1, 0], ())
    assert plan.read(b"{}", []) == ([], ())


@pytest.mark.parametrize(
    "body",
    [
        b"null",
        left(notes=[{}]),
        left(notes=[{"DeleteRequest": {"Key": {"id": {"S": "z"}}}}]),
        left(notes=[{"PutRequest": {"Item": {"text": {"S": "z"}}}}]),
        left(others=[{"DeleteRequest": {"Key": {"id": {"S": "n"}}}}]),
    ],
)
def test_an_answer_about_something_else_is_a_protocol_error(body: bytes) -> None:
    plan = several(Put(User(user="ana")), Delete(Key(Note, "n")))

    with pytest.raises(ProtocolError):
        plan.read(body, [])
