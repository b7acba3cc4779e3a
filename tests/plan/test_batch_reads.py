"""What a batch of reads sends, and how its answers are read; nothing is sent here. R55 to R58."""

import json
from decimal import Decimal
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynamorm_async import (
    Attr,
    InvalidKey,
    InvalidValue,
    Key,
    ProtocolError,
    attribute,
    model,
    partition_key,
    sort_key,
)
from dynamorm_async.plan import batch_get, batch_get_of_several
from tests.plan.given import bookmarks, fresh, notes, target, users
from tests.shapes import Bookmark, Note, Order, User

ANA: dict[str, Any] = {"user": {"S": "ana"}, "slug": {"S": "aws"}}


@model(table="readings")
class Reading:
    place: Attr[bytes] = partition_key()
    at: Attr[Decimal] = sort_key()
    value: Attr[int] = attribute(default=0)


def answer(found: dict[str, list[Any]], left: dict[str, Any] | None = None) -> bytes:
    return json.dumps({"Responses": found, "UnprocessedKeys": left or {}}).encode()


def note(name: str, **more: Any) -> dict[str, Any]:
    return {"id": {"S": name}, **more}


key_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=4) | st.sampled_from(
    ["a" * 1024, "a" * 1025, 'say "x"', "back\\slash", "new\nline", "ä"]
)


@given(keys=st.lists(st.tuples(key_texts, key_texts), max_size=6))
def test_many_keys_at_once_are_sent_as_each_by_itself_is(keys: list[tuple[str, str]]) -> None:
    try:
        alone = [bookmarks.get(*key).request["Key"] for key in dict.fromkeys(keys)]
    except InvalidKey:
        with pytest.raises(InvalidKey):
            bookmarks.batch_get(keys)
        return

    plan = bookmarks.batch_get(keys)

    together = [key for request in plan.requests for key in request["RequestItems"]["bookmarks"]["Keys"]]
    assert together == alone
    assert [plan.texts[number] for number in plan.number_of] == [
        bookmarks.batch_get([key]).texts[0] for key in keys
    ]


class Site(StrEnum):
    HOME = "home"


@pytest.mark.parametrize(
    ("keys", "sent"),
    [
        (["a", Site.HOME], ["a", "home"]),
        ([("a",), ("b",)], ["a", "b"]),
        (["a", 'b"c'], ["a", 'b"c']),
        (["ä", "ö", "ä"], ["ä", "ö"]),
    ],
    ids=["enumeration", "tuples", "escape", "accents"],
)
def test_texts_of_other_kinds_are_told_apart_from_plain_ones(keys: list[Any], sent: list[str]) -> None:
    (request,) = notes.batch_get(keys).requests

    assert request["RequestItems"]["notes"]["Keys"] == [note(name) for name in sent]


def asked(plan: Any) -> list[int]:
    return [len(call.keys) for call in plan.calls]


@pytest.mark.parametrize(
    "key",
    [("ana", "aws"), Key(Bookmark, "ana", "aws"), fresh()],
    ids=["tuple", "Key", "instance"],
)
def test_a_key_is_taken_in_every_form(key: object) -> None:
    (request,) = bookmarks.batch_get([key]).requests

    assert request == {"RequestItems": {"bookmarks": {"Keys": [ANA]}}}


@pytest.mark.parametrize("key", ["n", ("n",), Key(Note, "n"), Note(id="n")])
def test_a_key_of_one_value_may_be_bare(key: object) -> None:
    (request,) = notes.batch_get([key]).requests

    assert request["RequestItems"]["notes"]["Keys"] == [note("n")]


def test_keys_of_every_form_stand_in_one_batch() -> None:
    (request,) = notes.batch_get(["a", ("b",), Key(Note, "c"), Note(id="d")]).requests

    assert request["RequestItems"]["notes"]["Keys"] == [note("a"), note("b"), note("c"), note("d")]


def test_templates_of_keys_are_filled() -> None:
    (request,) = users.batch_get(["ana"]).requests

    assert request["RequestItems"]["shop"]["Keys"] == [{"pk": {"S": "USER#ana"}, "sk": {"S": "PROFILE"}}]


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        (["a", 3], r"keys\[1\]: Note.id: expected str, got int 3"),
        (["a", ("b", "c")], r"keys\[1\]: Note's key has 1 value"),
        (["a", Key(Order, "b", 1)], r"keys\[1\]: .* is no key of Note"),
        (["a", User(user="b")], r"keys\[1\]: a User is no key of Note"),
        (["a", ""], r"keys\[1\]: Note.id: a key cannot be empty"),
    ],
)
def test_a_wrong_key_is_named_by_its_place(keys: list[object], told: str) -> None:
    with pytest.raises(InvalidKey, match=told):
        notes.batch_get(keys)


@pytest.mark.parametrize("keys", ["abc", b"abc", {"id": "a"}, Note(id="a"), 7])
def test_one_thing_where_several_are_taken_is_refused(keys: Any) -> None:
    with pytest.raises(InvalidKey, match="put it in a list"):
        notes.batch_get(keys)


def test_a_lone_surrogate_in_a_key_is_refused() -> None:
    with pytest.raises(InvalidValue, match="lone surrogate"):
        notes.batch_get(["a", "\ud800"])


def test_consistent_reads_say_so_and_cost_twice() -> None:
    plan = notes.batch_get(["a", "b"], consistent=True)

    assert plan.requests[0]["RequestItems"]["notes"]["ConsistentRead"] is True
    assert plan.estimate.read_units == 2.0
    assert notes.batch_get(["a", "b"]).estimate.read_units == 1.0


@pytest.mark.parametrize(
    ("count", "chunks"), [(0, []), (50, [50]), (100, [100]), (101, [100, 1]), (250, [100, 100, 50])]
)
def test_a_call_asks_for_at_most_a_hundred_keys(count: int, chunks: list[int]) -> None:
    assert asked(notes.batch_get([str(number) for number in range(count)])) == chunks


def test_equal_keys_are_asked_for_once_and_answered_at_each_place() -> None:
    plan = notes.batch_get(["a", "b", "a", Note(id="b"), "a"])
    results: list[Any] = [None, None]

    plan.read(answer({"notes": [note("b", count={"N": "2"}), note("a")]}), results)

    assert asked(plan) == [2]
    assert [each and each.id for each in plan.result(results, b"")] == ["a", "b", "a", "b", "a"]


def test_numbers_are_one_key_by_value_and_found_in_the_services_own_form() -> None:
    given = [Decimal(1000), Decimal("1e3"), Decimal("1000.0"), Decimal("-0.50")]
    plan = batch_get(target(Reading, "readings"), [(b"\xff", at) for at in given], consistent=False)
    stored = [
        {"place": {"B": "/w=="}, "at": {"N": "-5E-1"}, "value": {"N": "2"}},
        {"place": {"B": "/w=="}, "at": {"N": "1E+3"}, "value": {"N": "1"}},
    ]
    results: list[Any] = [None, None]

    plan.read(answer({"readings": stored}), results)

    assert asked(plan) == [2]
    assert [each and each.value for each in plan.result(results, b"")] == [1, 1, 1, 2]


def test_what_was_not_processed_is_told_by_number() -> None:
    plan = notes.batch_get(["a", "b", "c"])
    results: list[Any] = [None, None, None]

    left, unreadable = plan.read(answer({"notes": [note("b")]}, {"notes": {"Keys": [note("c")]}}), results)

    assert (list(left), list(unreadable)) == ([2], [])
    assert results == [None, Note(id="b"), None]


def test_an_item_that_does_not_fit_is_named_and_the_others_are_read() -> None:
    plan = notes.batch_get(["a", "b", "c"])
    results: list[Any] = [None, None, None]

    left, unreadable = plan.read(
        answer({"notes": [note("a"), note("b", count={"S": "x"})]}, {"notes": {"Keys": [note("c")]}}), results
    )

    ((number, error),) = unreadable
    assert (number, error.path, list(left)) == (1, "Note.count", [2])
    assert results == [Note(id="a"), None, None]


def test_another_services_forms_are_read_as_well() -> None:
    plan = notes.batch_get(["a", "b"])
    results: list[Any] = [None, None]

    plan.read(answer({"notes": [note("b", names={"NULL": True}), note("a", count={"N": "1.0"})]}), results)

    assert results == [Note(id="a", count=1), Note(id="b")]


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b'{"Responses":{"notes":[{"id":{"S":"z"}}]}}',
        b'{"Responses":{"notes":[{"text":{"S":"a"}}]}}',
        b'{"Responses":{},"UnprocessedKeys":{"notes":{"Keys":[{"id":{"S":"z"}}]}}}',
        b'{"Responses":{},"UnprocessedKeys":{"notes":{"Keys":[{"id":{"N":"1"}}]}}}',
        b'{"Responses":' + b"[" * 5000,
    ],
)
def test_an_answer_about_something_else_is_a_protocol_error(body: bytes) -> None:
    plan = notes.batch_get(["a"])

    with pytest.raises(ProtocolError):
        plan.read(body, [None])


def test_an_answer_of_a_batch_may_be_larger_than_others() -> None:
    batch, single = notes.batch_get(["a"]).call([0]), notes.get("a").first

    assert (batch.response_cap, single.response_cap) == (160 * 1024 * 1024, 32 * 1024 * 1024)


def test_printing_a_plan_shows_calls_cost_and_requests() -> None:
    text = str(notes.batch_get([str(number) for number in range(101)]))

    assert text.startswith("BatchGetItem, 2 calls (at least 50.5 read units)\n{")
    assert repr(notes.batch_get(["a"])) == "BatchPlan(BatchGetItem on notes, 1 in 1 call)"


def several(*keys: tuple[Any, str, object]) -> Any:
    targets = {(model, table): target(model, table) for model, table, _ in keys}
    return batch_get_of_several(((targets[model, table], key) for model, table, key in keys), consistent=True)


def test_several_tables_stand_in_one_call_and_answer_at_their_places() -> None:
    plan = several((User, "shop", "ana"), (Note, "notes", "a"), (Order, "shop", ("ana", 7)))
    results: list[Any] = [None] * 3
    order = {"pk": {"S": "USER#ana"}, "sk": {"S": "ORDER#7"}, "_entity": {"S": "order"}}
    user = {"pk": {"S": "USER#ana"}, "sk": {"S": "PROFILE"}, "_entity": {"S": "user"}}

    left, _ = plan.read(
        answer({"shop": [order, user]}, {"notes": {"Keys": [note("a")], "ConsistentRead": True}}), results
    )

    (request,) = plan.requests
    assert {name: len(each["Keys"]) for name, each in request["RequestItems"].items()} == {
        "shop": 2,
        "notes": 1,
    }
    assert plan.calls[0].tables == ("shop", "notes")
    assert list(left) == [1]
    assert [type(each) for each in plan.result(results, b"")] == [User, type(None), Order]


def test_a_table_asked_for_by_its_arn_is_known_by_its_name() -> None:
    arn = "arn:aws:dynamodb:eu-west-1:123456789012:table/notes"
    plan = several((Note, arn, "a"), (User, "shop", "ana"))
    results: list[Any] = [None, None]

    plan.read(answer({"notes": [note("a")]}), results)

    assert results == [Note(id="a"), None]


def test_two_models_that_mean_one_item_are_refused() -> None:
    with pytest.raises(InvalidKey, match="is the key of a User, too"):
        several((User, "shop", "ana"), (Twin, "shop", ("USER#ana", "PROFILE")))


def test_models_that_disagree_on_the_tables_key_are_refused() -> None:
    with pytest.raises(InvalidKey, match="shop has different keys"):
        several((User, "shop", "ana"), (Note, "shop", "a"))


@model(table="shop")
class Twin:
    pk: Attr[str] = partition_key()
    sk: Attr[str] = sort_key()
