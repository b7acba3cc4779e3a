"""Transactions, compiled: what is sent, what it costs, what the service's refusals mean. R71 to R79, N6."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from dynamorm_async import (
    Attr,
    Call,
    CancellationReason,
    ConditionFailed,
    DynamormError,
    InvalidExpression,
    InvalidKey,
    InvalidRequest,
    InvalidValue,
    Key,
    LimitExceeded,
    Plan,
    ProtocolError,
    Repeat,
    Reply,
    TransactionConditionFailed,
    TransactionFailed,
    TransactionVersionConflict,
    VersionConflict,
    model,
    partition_key,
    sort_key,
)
from dynamorm_async.client import Transaction
from dynamorm_async.codecs import default_codecs
from dynamorm_async.errors import service_error
from dynamorm_async.plan import Target
from dynamorm_async.plan import transact_get as plan_transact_get
from dynamorm_async.plan.transact import check as plan_check
from tests.plan.given import STORED, bookmarks, fresh, held, read, reply, target
from tests.shapes import NOW, NOW_TEXT, Bookmark, Note, Order, User

AT_5 = {**STORED, "revision": {"N": "5"}}
ANA: dict[str, Any] = {"user": {"S": "ana"}, "slug": {"S": "aws"}}
WRONG: dict[str, Any] = {**ANA, "url": {"L": []}}


@model(table="readings")
class Reading:
    place: Attr[bytes] = partition_key()
    at: Attr[Decimal] = sort_key()


async def nowhere(call: Call) -> Reply:
    raise AssertionError(f"{call!r} was sent")


def target_of(model: type[Any], name: str | None) -> Target[Any]:
    record = default_codecs().record(model)
    return Target(record, name or record.spec.table)


def begun(token: str = "TOKEN-1") -> Transaction:
    return Transaction(target_of, nowhere, now=lambda: NOW, token=token)


def reason(code: str = "None", item: object = None, message: str | None = None) -> CancellationReason:
    return CancellationReason(
        code=code, message=message, item=None if item is None else json.dumps(item).encode()
    )


def unmet(item: object = None) -> CancellationReason:
    return reason("ConditionalCheckFailed", item, "The conditional request failed")


def cancelled(*reasons: CancellationReason, operation: str = "TransactWriteItems") -> TransactionFailed:
    error = service_error(
        "TransactionCanceledException",
        "Transaction cancelled",
        status=400,
        body=b"{}",
        operation=operation,
        table=None,
        key=None,
        request_id="R-9",
        attempts=3,
        cancellation_reasons=reasons,
    )
    assert isinstance(error, TransactionFailed)
    error.elapsed = 0.25
    return error


def told(plan: Plan[Any], *reasons: CancellationReason) -> TransactionFailed:
    error = plan.refused(cancelled(*reasons))
    assert isinstance(error, TransactionFailed)
    return error


# What is sent.


def test_operations_are_sent_in_the_order_of_their_calls() -> None:
    """R71, R72: five verbs over three models and three tables."""
    plan = (
        begun()
        .create(fresh())
        .put(Note(id="a", count=2))
        .update(Key(User, "ana"), User.name.set("Ana"))
        .delete(Key(Note, "b"))
        .check(Key(Order, "ana", 7), Order.status == "new", name="orders")
        .plan()
    )

    kinds = [(next(iter(each)), next(iter(each.values()))["TableName"]) for each in items(plan)]
    assert kinds == [
        ("Put", "bookmarks"),
        ("Put", "notes"),
        ("Update", "shop"),
        ("Delete", "notes"),
        ("ConditionCheck", "orders"),
    ]
    assert plan.request["ClientRequestToken"] == "TOKEN-1"
    assert plan.first.tables == ("bookmarks", "notes", "shop", "orders")
    assert plan.first.keys == (
        {"user": "ana", "slug": "aws"},
        {"id": "a"},
        {"user": "ana"},
        {"id": "b"},
        {"user": "ana", "number": 7},
    )


def items(plan: Plan[Any]) -> list[dict[str, Any]]:
    return plan.request["TransactItems"]


def test_a_transaction_carries_its_token_and_is_applied_once() -> None:
    """R78."""
    call = begun("t" * 36).put(Note(id="a")).plan().first

    assert (call.operation, call.token, call.repeat) == ("TransactWriteItems", "t" * 36, Repeat.ONCE)


def test_a_check_sends_its_condition_and_asks_for_the_old_item() -> None:
    """R76."""
    plan = begun().check(Key(Note, "a"), Note.count > 3).plan()

    assert items(plan) == [
        {
            "ConditionCheck": {
                "TableName": "notes",
                "Key": {"id": {"S": "a"}},
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
                "ConditionExpression": "#dn0 > :dv0",
                "ExpressionAttributeNames": {"#dn0": "count"},
                "ExpressionAttributeValues": {":dv0": {"N": "3"}},
            }
        }
    ]


@pytest.mark.parametrize(
    ("key", "condition", "text"),
    [
        pytest.param(Key(Bookmark, "ana", "aws"), None, "attribute_exists(user)", id="nothing but a key"),
        pytest.param(held(), None, "revision = 3", id="an instance"),
        pytest.param(held(), Bookmark.visits < 9, "revision = 3 AND visits < 9", id="both"),
        pytest.param(fresh(), None, "attribute_exists(user)", id="an instance without a version"),
    ],
)
def test_a_check_demands_what_its_key_and_condition_say(key: Any, condition: Any, text: str) -> None:
    plan = plan_check(target(Bookmark, "bookmarks"), key, condition)

    assert plan.condition == text


def test_every_operation_has_a_condition_of_its_own() -> None:
    """R73."""
    plan = (
        begun()
        .put(Note(id="a"), when=Note.count < 1)
        .update(Key(Note, "b"), Note.count.add(1), when=Note.count < 2)
        .delete(Key(Note, "c"), when=Note.count < 3)
        .put(Note(id="d"))
        .plan()
    )

    bodies = [next(iter(each.values())) for each in items(plan)]
    values = [list(body.get("ExpressionAttributeValues", {}).values()) for body in bodies]
    assert values == [[{"N": "1"}], [{"N": "1"}, {"N": "2"}], [{"N": "3"}], []]
    assert ["ReturnValuesOnConditionCheckFailure" in body for body in bodies] == [True, True, True, False]


@pytest.mark.parametrize("verb", ["create", "put", "save", "upsert", "update", "delete"])
def test_a_write_is_sent_as_it_is_sent_alone_but_returns_nothing(verb: str) -> None:
    """R81: versions and times are those of the plain verbs."""
    item = fresh() if verb == "create" else held()
    more = [Bookmark.visits.add(1)] if verb == "update" else []
    alone = getattr(bookmarks, verb)(item, *more).request
    alone.pop("ReturnValues", None)

    plan = getattr(begun(), verb)(item, *more).plan()

    assert list(items(plan)[0].values()) == [alone]


def test_the_time_and_the_first_version_are_in_what_is_sent() -> None:
    """R81."""
    body = items(begun().create(fresh()).plan())[0]["Put"]

    assert body["Item"]["created"] == body["Item"]["updated"] == {"S": NOW_TEXT}
    assert body["Item"]["revision"] == {"N": "0"}


def test_each_write_takes_twice_its_units_and_a_check_two() -> None:
    big = Note(id="a", text="x" * 2500)

    plan = begun().put(big).update(Key(Note, "b"), Note.count.add(1)).check(Key(Note, "c")).plan()

    assert plan.estimate.write_units == 2 * 3 + 2 + 2


def test_the_results_are_what_was_stored_or_none() -> None:
    plan = begun().create(fresh()).save(held(), name="others").delete(Key(Note, "a")).plan()

    created, saved, deleted = plan.read(reply({}))

    assert (created.created, created.revision) == (NOW, 0)
    assert (saved, deleted) == (None, None)


def test_a_transaction_says_what_it_holds() -> None:
    empty = begun()
    filled = begun().put(Note(id="secret")).check(Key(User, "ana"))

    assert repr(empty) == "<Transaction of nothing yet>"
    assert repr(filled) == "<Transaction put Note, check User>"
    assert (len(empty), len(filled)) == (0, 2)


# What is refused before anything is sent. R79.


def many(count: int) -> Transaction:
    transaction = begun()
    for number in range(count):
        transaction.delete(Key(Note, f"n{number}"))
    return transaction


def test_a_hundred_operations_fit() -> None:
    assert len(items(many(100).plan())) == 100


def test_one_more_than_a_hundred_is_refused_with_the_numbers() -> None:
    with pytest.raises(LimitExceeded, match=r"101 operations(.|\n)*at most 100") as caught:
        many(101).plan()

    assert caught.value.code == "plan.transaction-count"


def test_a_transaction_of_nothing_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="a transaction of nothing"):
        begun().plan()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(Key(Note, "a"), Note(id="a"), id="key and instance"),
        pytest.param(Key(User, "ana"), User(user="ana"), id="templates"),
        pytest.param(
            Key(Reading, b"x", Decimal(1000)), Reading(place=b"x", at=Decimal("1e3")), id="equal numbers"
        ),
    ],
)
def test_two_operations_about_one_item_are_refused(first: Any, second: Any) -> None:
    transaction = begun().put(Note(id="other")).check(first).put(second)

    with pytest.raises(InvalidRequest, match=r"operations 1 \(check\) and 2 \(put\)") as caught:
        transaction.plan()

    assert caught.value.code == "plan.transaction-twice"


def test_equal_keys_in_two_tables_are_two_items() -> None:
    plan = begun().put(Note(id="a")).put(Note(id="a"), name="other-notes").plan()

    assert plan.first.tables == ("notes", "other-notes")


def test_more_than_four_megabytes_are_refused_with_the_numbers() -> None:
    transaction = begun()
    for number in range(11):
        transaction.put(Note(id=str(number), text="x" * 400_000))

    with pytest.raises(LimitExceeded, match=r"at least 4\d{6} bytes(.|\n)*at most 4194304") as caught:
        transaction.plan()

    assert caught.value.code == "plan.transaction-size"


def test_what_updates_set_counts_towards_four_megabytes() -> None:
    transaction = begun()
    for number in range(60):
        transaction.update(Key(Note, str(number)), Note.text.set("x" * 80_000))

    with pytest.raises(LimitExceeded, match=r"at least 4[78]\d{5} bytes") as caught:
        transaction.plan()

    assert caught.value.code == "plan.transaction-size"


def test_what_updates_may_not_store_does_not_count_towards_four_megabytes() -> None:
    """What a condition compares with is stored nowhere, nor is a default where something is stored."""
    transaction = begun()
    for number in range(60):
        transaction.update(
            Key(Note, str(number)), Note.text.set_if_absent("x" * 80_000), when=Note.text != "y" * 80_000
        )

    assert len(transaction.plan().first.body) > 4 * 1024 * 1024


def test_tables_of_two_regions_are_refused_before_anything_is_sent() -> None:
    arn = "arn:aws:dynamodb:{}:123456789012:table/notes"
    transaction = begun().put(Note(id="a"), name=arn.format("eu-west-1")).put(Note(id="b"))
    assert len(items(transaction.plan())) == 2

    transaction.put(Note(id="c"), name=arn.format("us-east-1"))
    with pytest.raises(InvalidRequest, match="tables of eu-west-1 and us-east-1") as caught:
        transaction.plan()
    with pytest.raises(InvalidRequest, match="tables of eu-west-1 and us-east-1"):
        plan_transact_get([(target_of(Note, arn.format(each)), "a") for each in ("eu-west-1", "us-east-1")])

    assert caught.value.code == "plan.transaction-regions"


def test_four_megabytes_of_json_that_say_less_are_sent() -> None:
    """Escapes make the text of this transaction six times as long as its items."""
    transaction = begun()
    for number in range(10):
        transaction.put(Note(id=str(number), text="\x01" * 200_000))

    assert len(transaction.plan().first.body) > 4 * 1024 * 1024


@pytest.mark.parametrize("token", ["", "t" * 37, "é", "a\nb", "\ud800", 7])
def test_what_can_be_no_token_is_refused(token: Any) -> None:
    with pytest.raises(LimitExceeded, match="1 to 36 characters") as caught:
        begun(token).put(Note(id="a")).plan()

    assert caught.value.code == "plan.transaction-token"


@pytest.mark.parametrize("thing", ["a", ("ana", "aws"), None, Note])
def test_what_says_of_no_model_which_item_it_is_is_refused(thing: Any) -> None:
    with pytest.raises(InvalidExpression, match="does not say of which model"):
        begun().delete(thing)


REFUSED: list[tuple[str, Callable[[Transaction], object]]] = [
    ("update of nothing", lambda tx: tx.update(Key(Note, "a"))),
    ("update of a key", lambda tx: tx.update(Key(Note, "a"), Note.id.set("b"))),
    ("partial template", lambda tx: tx.update(Key(Order, "ana", 7), Order.status.set("sent"))),
    ("too short a key", lambda tx: tx.delete(Key(Bookmark, "ana"))),
    ("surrogate", lambda tx: tx.put(Note(id="\ud800"))),
]


@pytest.mark.parametrize(("_", "add"), REFUSED, ids=[name for name, _ in REFUSED])
def test_an_operation_that_means_nothing_is_refused_when_it_is_added(
    _: str, add: Callable[[Transaction], object]
) -> None:
    transaction = begun()

    with pytest.raises(InvalidRequest):
        add(transaction)

    assert len(transaction) == 0


# What a cancellation means. R77.


def of_three() -> Plan[Any]:
    return (
        begun()
        .put(Note(id="a"))
        .check(Key(User, "ana"))
        .update(Key(Bookmark, "ana", "aws"), Bookmark.visits.add(1), when=Bookmark.visits < 3)
        .plan()
    )


def test_a_cancellation_names_the_operation_that_stopped_it() -> None:
    error = told(of_three(), reason(), reason(), unmet(AT_5))

    assert type(error) is TransactionConditionFailed
    assert isinstance(error, ConditionFailed)
    assert "operation 2 of 3, update of Bookmark ('ana', 'aws')" in error.what
    assert "demanded attribute_exists(user) AND visits < 3" in str(error)
    assert "nothing was changed" in str(error)
    assert (error.index, error.table) == (2, "bookmarks")
    assert error.key == {"user": "ana", "slug": "aws"}
    assert error.item == read(Bookmark, AT_5)
    assert error.condition == "attribute_exists(user) AND visits < 3"
    assert error.service_code == "TransactionCanceledException"
    assert (error.request_id, error.attempts, error.elapsed, error.status) == ("R-9", 3, 0.25, 400)


def test_the_reasons_stand_in_the_order_of_the_operations_and_name_them() -> None:
    error = told(of_three(), reason(), reason(), unmet(AT_5))

    assert [(each.index, each.verb, each.model, each.code) for each in error.reasons] == [
        (0, "put", "Note", "None"),
        (1, "check", "User", "None"),
        (2, "update", "Bookmark", "ConditionalCheckFailed"),
    ]
    assert [each.key for each in error.reasons] == [
        {"id": "a"},
        {"user": "ana"},
        {"user": "ana", "slug": "aws"},
    ]
    assert [each.condition for each in error.reasons] == [
        None,
        "attribute_exists(pk)",
        "attribute_exists(user) AND visits < 3",
    ]
    assert [each.message for each in error.reasons] == [None, None, "The conditional request failed"]
    assert error.failed == (error.reasons[2],)
    assert error.failed[0].item == read(Bookmark, AT_5)


def test_several_to_blame_are_all_told() -> None:
    error = told(of_three(), reason(), unmet(), unmet(AT_5))

    assert error.index == 1
    assert "and 1 more" in error.what
    assert error.item is None
    assert [each.index for each in error.failed] == [1, 2]
    assert [each.item for each in error.failed] == [None, read(Bookmark, AT_5)]


def of_held() -> Plan[Any]:
    return begun().check(Key(Note, "a"), Note.count > 0).save(held()).delete(Key(Note, "b")).plan()


def test_a_lost_version_is_a_version_conflict() -> None:
    error = told(of_held(), reason(), unmet(AT_5), reason())

    assert type(error) is TransactionVersionConflict
    assert isinstance(error, VersionConflict)
    assert "version 3 is held, and version 5 is stored" in str(error)
    assert error.item == read(Bookmark, AT_5)


def test_an_item_that_is_gone_is_a_version_conflict() -> None:
    error = told(of_held(), reason(), unmet(), reason())

    assert type(error) is TransactionVersionConflict
    assert "the item is gone" in str(error)


def test_the_error_is_about_the_operation_that_its_class_is_named_for() -> None:
    """A condition and a version failed: who catches a VersionConflict finds the item of that one."""
    error = told(of_held(), unmet(), unmet(AT_5), reason())

    assert type(error) is TransactionVersionConflict
    assert (error.index, error.item, error.table) == (1, read(Bookmark, AT_5), "bookmarks")
    assert "operation 1 of 3" in error.what


def test_a_failed_condition_is_told_before_a_conflict() -> None:
    """R78: the conflict would pass, the condition does not."""
    error = told(of_three(), reason("TransactionConflict"), unmet(), reason())

    assert (error.index, type(error)) == (1, TransactionConditionFailed)


@pytest.mark.parametrize(
    "code",
    [
        "TransactionConflict",
        "ThrottlingError",
        "ProvisionedThroughputExceeded",
        "ValidationError",
        "ItemCollectionSizeLimitExceeded",
        "DuplicateItem",
        "SomethingNew",
    ],
)
def test_other_reasons_are_a_cancellation_that_names_its_operation(code: str) -> None:
    error = told(of_three(), reason(), reason(code, message="the text"), reason())

    assert type(error) is TransactionFailed
    assert not isinstance(error, ConditionFailed)
    assert "operation 1 of 3, check of User 'ana'" in error.what
    assert (error.index, error.table, error.key, error.item) == (1, "shop", {"user": "ana"}, None)
    assert (error.failed[0].code, error.failed[0].message) == (code, "the text")
    passing = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}
    assert error.retryable is (code in passing)


def test_a_cancellation_that_blames_nobody_blames_nobody() -> None:
    error = told(of_three(), reason(), reason(), reason())

    assert error.index is None
    assert error.failed == ()
    assert "operation" not in error.what
    assert [each.verb for each in error.reasons] == ["put", "check", "update"]


def test_a_cancellation_without_reasons_stays_what_it_is() -> None:
    error = told(of_three())

    assert (error.reasons, error.index) == ((), None)


def test_an_item_that_does_not_fit_its_model_hides_no_failure() -> None:
    error = told(of_three(), reason(), reason(), unmet(WRONG))

    assert (type(error), error.index, error.item) == (TransactionConditionFailed, 2, None)


COPIES: list[Any] = [
    pytest.param(copy.copy, id="copy"),
    pytest.param(copy.deepcopy, id="deepcopy"),
    pytest.param(lambda error: pickle.loads(pickle.dumps(error)), id="pickle"),  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
]


@pytest.mark.parametrize("copied", COPIES)
def test_a_cancellation_survives_copies_with_reasons_and_items(
    copied: Callable[[DynamormError], DynamormError],
) -> None:
    error = told(of_held(), unmet(), unmet(AT_5), reason())

    other = copied(error)

    assert type(other) is TransactionVersionConflict
    assert vars(other) == vars(error)
    assert other.item == read(Bookmark, AT_5)


def test_a_cancellation_shows_no_item() -> None:
    error = told(of_three(), reason(), reason(), unmet({**AT_5, "title": {"S": "swordfish"}}))

    assert "swordfish" not in f"{error} {error!r} {error.reasons}"


# Reading several at one moment. N6.


def reading(*keys: Key[Any]) -> Plan[tuple[Any, ...]]:
    return plan_transact_get([(target_of(key.model, None), key) for key in keys])


def test_keys_are_read_in_one_call_each_once() -> None:
    plan = reading(Key(Note, "a"), Key(Bookmark, "ana", "aws"), Key(Note, "a"))

    assert plan.operation == "TransactGetItems"
    assert plan.request == {
        "TransactItems": [
            {"Get": {"TableName": "notes", "Key": {"id": {"S": "a"}}}},
            {"Get": {"TableName": "bookmarks", "Key": ANA}},
        ]
    }
    assert plan.first.tables == ("notes", "bookmarks")
    assert plan.first.repeat is Repeat.HARMLESS
    assert plan.estimate.read_units == 4


def test_items_come_in_the_order_of_the_keys_and_none_where_there_is_none() -> None:
    plan = reading(
        Key(Note, "a"), Key(Bookmark, "ana", "aws"), Key(Note, "b"), Key(Note, "a"), Key(Note, "c")
    )
    answer = {"Responses": [{"Item": {"id": {"S": "a"}}}, {"Item": STORED}, {}, None]}

    found = plan.read(reply(answer))

    assert found == (Note(id="a"), read(Bookmark, STORED), None, Note(id="a"), None)


def test_a_hundred_keys_fit_and_one_more_is_refused() -> None:
    keys = [Key(Note, f"n{number}") for number in range(101)]

    assert len(items(reading(*keys[:100]))) == 100
    with pytest.raises(LimitExceeded, match="101 operations"):
        reading(*keys)


def test_no_key_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="a transaction of nothing"):
        reading()


def test_a_key_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidKey):
        reading(Key(Note, "a"), Key(Bookmark, "ana"))


def test_a_key_that_is_no_unicode_is_refused_with_its_place() -> None:
    """R4."""
    with pytest.raises(InvalidValue, match=r"Note\.id: a text holds a lone surrogate"):
        reading(Key(Note, "\ud800"))


@pytest.mark.parametrize(
    "answer",
    ["{}", '{"Responses": []}', '{"Responses": {}}', '{"Responses": [{}, {}]}', '{"Responses": null}'],
)
def test_an_answer_that_does_not_fit_the_keys_is_no_answer(answer: str) -> None:
    with pytest.raises(ProtocolError):
        reading(Key(Note, "a")).read(Reply(body=answer.encode()))


def test_an_item_that_does_not_fit_its_model_is_named() -> None:
    plan = reading(Key(Note, "a"), Key(Bookmark, "ana", "aws"))
    answer = {"Responses": [{"Item": {"id": {"S": "a"}}}, {"Item": WRONG}]}

    with pytest.raises(InvalidValue) as caught:
        plan.read(reply(answer))

    assert (caught.value.table, caught.value.key) == ("bookmarks", {"user": "ana", "slug": "aws"})


def test_a_cancelled_read_names_the_key_that_others_held() -> None:
    plan = reading(Key(Note, "a"), Key(Bookmark, "ana", "aws"), Key(Note, "a"))

    error = plan.refused(cancelled(reason(), reason("TransactionConflict"), operation="TransactGetItems"))

    assert isinstance(error, TransactionFailed)
    assert "operation 1 of 2, get of Bookmark ('ana', 'aws')" in error.what
    assert (error.index, error.table) == (1, "bookmarks")
    assert error.failed[0].key == {"user": "ana", "slug": "aws"}
    assert "nothing was read" in str(error)
