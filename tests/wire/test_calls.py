"""What a call, an answer and a reply say about themselves, and what they never show."""

from typing import Any

import pytest

from dynamorm_async.wire import Answer, Call, Repeat, Reply

SECRET = "swordfish"


def test_a_call_of_one_table_and_one_key_names_them() -> None:
    call = Call(operation="GetItem", body=b"{}", tables=("t",), keys=({"id": 1},))

    assert (call.table, call.key) == ("t", {"id": 1})


@pytest.mark.parametrize("count", [0, 2])
def test_a_call_of_none_or_several_names_none(count: int) -> None:
    tables, keys = ("t", "u")[:count], ({"id": 1}, {"id": 2})[:count]

    call = Call(operation="BatchGetItem", body=b"{}", tables=tables, keys=keys)

    assert (call.table, call.key) == (None, None)


def test_a_call_may_be_repeated_and_has_no_deadline_unless_it_says_so() -> None:
    call = Call(operation="GetItem", body=b"{}")

    assert (call.repeat, call.token, call.timeout) == (Repeat.HARMLESS, None, None)


@pytest.mark.parametrize(
    "thing",
    [
        Call(operation="PutItem", body=SECRET.encode(), keys=({"id": SECRET},), token=SECRET),
        Answer(status=200, headers={"x": SECRET}, body=SECRET.encode()),
        Reply(body=SECRET.encode()),
    ],
    ids=["call", "answer", "reply"],
)
def test_no_payload_is_shown(thing: Any) -> None:
    assert SECRET not in repr(thing)
    with pytest.raises(AttributeError):
        thing.body = b""
