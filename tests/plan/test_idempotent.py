"""Writes that carry a token: what is sent, what it costs, and what the service's refusals mean."""

import json
from typing import Any

import pytest

from dynamorm_async import (
    ConditionFailed,
    DynamormError,
    InvalidRequest,
    ItemCollectionFull,
    Plan,
    Repeat,
    RequestRefused,
    ServiceError,
    Throttled,
    TransactionConflict,
    TransactionFailed,
    VersionConflict,
)
from dynamorm_async.client import Plans
from dynamorm_async.errors import CancellationReason, service_error
from tests.plan.given import STORED, fresh, held, read, target
from tests.shapes import NOW, Bookmark, Note

AT_5 = {**STORED, "revision": {"N": "5"}}

bookmarks = Plans(target(Bookmark, "bookmarks"), lambda: NOW, lambda: "TOKEN-1")
notes = Plans(target(Note, "notes"), lambda: NOW, lambda: "TOKEN-1")


def cancelled(*reasons: CancellationReason) -> TransactionFailed:
    error = service_error(
        "TransactionCanceledException",
        "Transaction cancelled",
        status=400,
        body=b"{}",
        operation="TransactWriteItems",
        table="bookmarks",
        key=None,
        request_id="R-9",
        attempts=3,
        cancellation_reasons=reasons,
    )
    assert isinstance(error, TransactionFailed)
    return error


def condition_met(item: object = None) -> TransactionFailed:
    text = None if item is None else json.dumps(item).encode()
    return cancelled(CancellationReason(code="ConditionalCheckFailed", message="it failed", item=text))


def test_an_update_is_the_only_write_of_a_transaction_with_a_token() -> None:
    plan = notes.update("a", Note.count.add(1), idempotent=True)

    assert plan.operation == "TransactWriteItems"
    assert plan.request == {
        "TransactItems": [
            {
                "Update": {
                    "TableName": "notes",
                    "Key": {"id": {"S": "a"}},
                    "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
                    "UpdateExpression": "ADD #dn0 :dv0",
                    "ConditionExpression": "attribute_exists(#dn1)",
                    "ExpressionAttributeNames": {"#dn0": "count", "#dn1": "id"},
                    "ExpressionAttributeValues": {":dv0": {"N": "1"}},
                }
            }
        ],
        "ClientRequestToken": "TOKEN-1",
    }


def test_the_call_says_what_it_touches_and_carries_its_token() -> None:
    call = notes.update("a", Note.count.add(1), idempotent=True).first

    assert (call.tables, call.keys, call.token) == (("notes",), ({"id": "a"},), "TOKEN-1")
    assert call.repeat is Repeat.ONCE


@pytest.mark.parametrize(
    ("plain", "once", "member"),
    [
        pytest.param(notes.put(Note(id="a")), notes.put(Note(id="a"), idempotent=True), "Put", id="put"),
        pytest.param(
            bookmarks.create(fresh()), bookmarks.create(fresh(), idempotent=True), "Put", id="create"
        ),
        pytest.param(
            bookmarks.delete(held()), bookmarks.delete(held(), idempotent=True), "Delete", id="delete"
        ),
    ],
)
def test_what_a_plain_write_sends_stands_inside_the_transaction(
    plain: Plan[Any], once: Plan[Any], member: str
) -> None:
    assert once.request["TransactItems"] == [{member: plain.request}]
    assert once.condition == plain.condition
    assert once.estimate.write_units == 2 * plain.estimate.write_units


def test_every_plan_has_a_token_of_its_own() -> None:
    drawn = Plans(target(Note, "notes"), lambda: NOW)

    tokens = {drawn.update("a", Note.count.add(1), idempotent=True).first.token for _ in range(100)}

    assert len(tokens) == 100
    assert {len(token or "") for token in tokens} == {36}


def test_a_write_without_a_token_has_none() -> None:
    plan = notes.update("a", Note.count.add(1))

    assert plan.first.token is None
    assert plan.operation == "UpdateItem"


@pytest.mark.parametrize("returning", ["ALL_OLD", "UPDATED_OLD", "ALL_NEW", "UPDATED_NEW"])
def test_an_update_that_returns_something_cannot_be_idempotent(returning: Any) -> None:
    untyped: Any = notes

    with pytest.raises(InvalidRequest, match="a transaction returns no values") as caught:
        untyped.update("a", Note.count.add(1), returning=returning, idempotent=True)

    assert caught.value.code == "plan.idempotent-returning"
    assert returning in caught.value.what


@pytest.mark.parametrize("write", ["save", "upsert"])
def test_what_returns_the_stored_item_takes_no_token(write: str) -> None:
    with pytest.raises(TypeError):
        getattr(bookmarks, write)(held(), idempotent=True)


@pytest.mark.parametrize(
    ("plan", "stored", "cls", "words"),
    [
        pytest.param(
            bookmarks.update(held(), Bookmark.visits.add(1), idempotent=True),
            AT_5,
            VersionConflict,
            "another writer was faster",
            id="update, another version",
        ),
        pytest.param(
            bookmarks.update(("ana", "aws"), Bookmark.visits.add(1), idempotent=True),
            None,
            ConditionFailed,
            "no item with this key is stored",
            id="update, absent",
        ),
        pytest.param(
            bookmarks.create(fresh(), idempotent=True),
            AT_5,
            ConditionFailed,
            "already stored",
            id="create, stored",
        ),
        pytest.param(
            bookmarks.delete(held(), idempotent=True),
            None,
            VersionConflict,
            "the item is gone",
            id="delete, gone",
        ),
    ],
)
def test_a_failed_condition_says_the_same_as_that_of_the_plain_write(
    plan: Plan[Any], stored: object, cls: type[DynamormError], words: str
) -> None:
    cancellation = condition_met(stored)
    cancellation.elapsed = 0.25

    error = plan.refused(cancellation)

    assert type(error) is cls
    assert words in error.what
    assert error.item == (None if stored is None else read(Bookmark, AT_5))
    assert error.service_code == "ConditionalCheckFailedException"
    assert (error.request_id, error.attempts, error.elapsed) == ("R-9", 3, 0.25)


@pytest.mark.parametrize(
    ("code", "cls"),
    [
        ("TransactionConflict", TransactionConflict),
        ("ThrottlingError", Throttled),
        ("ProvisionedThroughputExceeded", Throttled),
        ("ValidationError", RequestRefused),
        ("ItemCollectionSizeLimitExceeded", ItemCollectionFull),
    ],
)
def test_every_other_reason_is_the_error_of_the_plain_write(code: str, cls: type[ServiceError]) -> None:
    plan = notes.update("a", Note.count.add(1), idempotent=True)

    error = plan.refused(cancelled(CancellationReason(code=code, message="the text")))

    assert isinstance(error, cls)
    assert error.message == "the text"
    assert (error.status, error.attempts, error.table) == (400, 3, "bookmarks")


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(cancelled(), id="no reason"),
        pytest.param(cancelled(CancellationReason(code="SomethingNew")), id="a new one"),
        pytest.param(
            cancelled(CancellationReason(code="None"), CancellationReason(code="ValidationError")),
            id="of two",
        ),
    ],
)
def test_a_cancellation_that_says_no_more_stays_what_it_is(error: TransactionFailed) -> None:
    plan = notes.update("a", Note.count.add(1), idempotent=True)

    assert plan.refused(error) is error
