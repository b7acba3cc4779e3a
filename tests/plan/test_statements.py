"""PartiQL statements with no service: what is sent, what is repeated, what is refused before I/O."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from dynamorm_async import (
    CallTimeout,
    ConditionFailed,
    InvalidRequest,
    LimitExceeded,
    ProtocolError,
    Repeat,
    Reply,
    Statement,
    Throttled,
)
from dynamorm_async.codecs import PlainItems
from dynamorm_async.plan import statement
from dynamorm_async.wire import Call
from tests.scripted_send import ScriptedSend, refused


def asked(text: str, parameters: Any = (), **options: Any) -> Call:
    options = {"consistent": False, "page_size": None, **options}
    return statement(text, parameters, PlainItems(), **options).first


def over(send: ScriptedSend, text: str = "SELECT * FROM t") -> Statement[dict[str, Any]]:
    walk = statement(text, [], PlainItems(), consistent=False, page_size=None)
    return Statement(walk, send.send)


def test_a_statement_is_sent_as_it_stands() -> None:
    call = asked('SELECT * FROM "t" WHERE a = ?', [1, "x", None, {"m": [True]}], consistent=True, page_size=9)

    assert json.loads(call.body) == {
        "Statement": 'SELECT * FROM "t" WHERE a = ?',
        "Parameters": [{"N": "1"}, {"S": "x"}, {"NULL": True}, {"M": {"m": {"L": [{"BOOL": True}]}}}],
        "ConsistentRead": True,
        "Limit": 9,
    }


@pytest.mark.parametrize(
    ("text", "repeat", "table"),
    [
        ('SELECT * FROM "my.table"', Repeat.HARMLESS, "my.table"),
        ("  select a from t where b = 1", Repeat.HARMLESS, "t"),
        ('SELECT * FROM "t"."by-url"', Repeat.HARMLESS, "t"),
        ("INSERT INTO \"t\" VALUE {'a': 1}", Repeat.NEVER, "t"),
        ("UPDATE t SET a = 1 WHERE b = 1", Repeat.NEVER, "t"),
        ("DELETE FROM t WHERE b = 1", Repeat.NEVER, "t"),
        ("EXISTS(SELECT * FROM t WHERE b = 1)", Repeat.NEVER, "t"),
        ("-- SELECT\nDELETE FROM t", Repeat.NEVER, "t"),
        ("nonsense", Repeat.NEVER, None),
    ],
)
def test_only_a_select_may_be_repeated(text: str, repeat: Repeat, table: str | None) -> None:
    call = asked(text)

    assert (call.repeat, call.table) == (repeat, table)


@pytest.mark.parametrize("text", ["", "x" * 8193])
def test_a_statement_of_no_length_or_too_long_is_refused(text: str) -> None:
    with pytest.raises(LimitExceeded, match="characters"):
        asked(text)


@pytest.mark.parametrize(
    ("parameters", "match"),
    [
        pytest.param("ana", "in brackets", id="a text for a list"),
        pytest.param(7, "in brackets", id="a number for a list"),
        pytest.param([1, object()], r"parameters\[1\]", id="what cannot be stored"),
        pytest.param([datetime(2024, 1, 1, tzinfo=UTC)], r"parameters\[0\]", id="a time"),
        pytest.param([float("nan")], r"parameters\[0\]", id="no number"),
        pytest.param([set[str]()], r"parameters\[0\]", id="an empty set"),
    ],
)
def test_parameters_that_cannot_be_sent_are_refused(parameters: Any, match: str) -> None:
    with pytest.raises(InvalidRequest, match=match):
        asked("SELECT * FROM t WHERE a = ?", parameters)


@pytest.mark.parametrize("page_size", [0, -1, "9", True])
def test_a_page_size_that_is_none_is_refused(page_size: Any) -> None:
    with pytest.raises(InvalidRequest, match="page_size"):
        asked("SELECT * FROM t", page_size=page_size)


@pytest.mark.parametrize("text", [None, 7, b"SELECT"])
def test_a_statement_that_is_no_text_is_refused(text: Any) -> None:
    with pytest.raises(InvalidRequest, match="as a text"):
        asked(text)


async def test_tokens_are_followed_over_empty_pages() -> None:
    send = ScriptedSend(
        [
            {"Items": [{"a": {"N": "1"}}], "NextToken": "one"},
            {"Items": [], "NextToken": "two"},
            {"Items": [{"a": {"N": "2"}}]},
        ]
    )

    assert await over(send) == [{"a": 1}, {"a": 2}]
    assert [json.loads(call.body).get("NextToken") for call in send.calls] == [None, "one", "two"]


async def test_leaving_the_loop_sends_nothing_more() -> None:
    send = ScriptedSend([{"Items": [{"a": {"N": "1"}}], "NextToken": "one"}])

    async for _ in over(send):
        break

    assert len(send.calls) == 1


async def test_a_token_that_leads_nowhere_ends_in_an_error() -> None:
    with pytest.raises(ProtocolError, match="the key that it started from"):
        await over(ScriptedSend([{"Items": [], "NextToken": "one"}]))


async def test_a_deadline_spans_all_pages() -> None:
    with pytest.raises(CallTimeout):
        await over(ScriptedSend([{"Items": [], "NextToken": "one"}])).list(timeout=1e-9)


@pytest.mark.parametrize("code", ["ConditionalCheckFailedException", "DuplicateItemException"])
async def test_a_failed_condition_is_one_however_it_was_written(code: str) -> None:
    error = refused(code, "no", operation="ExecuteStatement", table="t")

    with pytest.raises(ConditionFailed) as caught:
        await over(ScriptedSend([error]), "UPDATE t SET a = 1 WHERE b = 1")

    assert caught.value.__cause__ is error
    assert (caught.value.service_code, caught.value.table) == (code, "t")


async def test_another_error_stays_itself() -> None:
    error = refused("ThrottlingException", "slow down", operation="ExecuteStatement")

    with pytest.raises(Throttled) as caught:
        await over(ScriptedSend([error]))

    assert caught.value is error


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"NextToken":7}', b'{"Items":7}', b"\xff"])
async def test_an_answer_that_is_none_is_a_protocol_error(body: bytes) -> None:
    async def send(call: Call) -> Reply:
        del call
        return Reply(body=body)

    walk = statement("SELECT * FROM t", [], PlainItems(), consistent=False, page_size=None)

    with pytest.raises(ProtocolError):
        await Statement(walk, send)
