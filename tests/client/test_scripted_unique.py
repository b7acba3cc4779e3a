"""Unique fields over scripted answers: what is sent again under which token, and what ends in doubt. N10."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dynamorm_async import (
    Answer,
    Attr,
    OutcomeUnknown,
    Repeat,
    TransactionConflict,
    attribute,
    model,
    partition_key,
)
from tests.client.test_scripted_transactions import Desk, cancelled, desk, lost
from tests.transport.scripted import OK


@model(table="members")
class Member:
    id: Attr[str] = partition_key()
    email: Attr[str] = attribute(unique=True)


ANA = Member(id="1", email="ana")
STORED: dict[str, Any] = {"id": {"S": "1"}, "email": {"S": "eva"}}


def answered(**members: Any) -> Answer:
    return Answer(status=200, headers={}, body=json.dumps(members).encode())


def unmet(**item: Any) -> Answer:
    body = {
        "__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException",
        "Item": {**STORED, **item},
    }
    return Answer(status=400, headers={}, body=json.dumps(body).encode())


def operations(at: Desk) -> list[str]:
    """Return what was sent: the token of a transaction, or that it was none."""
    return [json.loads(body).get("ClientRequestToken", "no token") for body in at.transport.bodies]


async def test_a_lost_answer_is_asked_for_again_with_the_same_bytes() -> None:
    at = desk(lost(), OK)

    await at.db.table(Member).create(ANA)

    assert operations(at) == ["TOKEN-1", "TOKEN-1"]
    assert len(set(at.transport.bodies)) == 1


async def test_no_answer_at_all_is_an_unknown_outcome_and_no_other_round() -> None:
    at = desk(lost())

    with pytest.raises(OutcomeUnknown):
        await at.db.table(Member).create(ANA)

    assert set(operations(at)) == {"TOKEN-1"}


async def test_a_round_that_follows_has_a_token_of_its_own() -> None:
    at = desk(unmet(), cancelled("TransactionConflict", "None", "None"), OK)

    saved = await at.db.table(Member).save(ANA)

    assert saved == ANA
    assert operations(at) == ["no token", "TOKEN1.1", "TOKEN1.1"]


async def test_a_save_whose_answer_is_lost_and_then_refused_is_not_planned_anew() -> None:
    """The refusal may be of what the first attempt stored, or of what another writer did after it."""
    at = desk(lost(), unmet())

    with pytest.raises(OutcomeUnknown):
        await at.db.table(Member).save(ANA)

    assert at.transport.attempts == 2


async def test_a_conflict_about_a_claim_to_the_end_is_the_writes_own() -> None:
    at = desk(cancelled("None", "TransactionConflict"))

    with pytest.raises(TransactionConflict) as caught:
        await at.db.table(Member).create(ANA)

    assert (caught.value.key, caught.value.attempts) == ({"id": "1"}, at.transport.attempts)


async def test_a_read_that_comes_first_is_repeated_like_any_read() -> None:
    at = desk(lost(), answered(Item=STORED), OK)

    await at.db.table(Member).delete("1")

    assert at.db.table(Member).plan.delete("1").first.repeat is Repeat.HARMLESS
    assert operations(at) == ["no token", "no token", "TOKEN-1"]
