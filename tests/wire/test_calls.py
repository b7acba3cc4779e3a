"""What a call, an answer and a reply say about themselves, and what they never show."""

from typing import Any

import pytest

from dynamorm_async.wire import DATA_OPERATIONS, Answer, Call, Repeat, Reply, response_cap

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


def test_an_answer_of_a_batch_may_be_larger() -> None:
    caps = {operation: response_cap(operation) for operation in DATA_OPERATIONS}

    assert caps.pop("BatchGetItem") == 160 * 1024 * 1024
    assert set(caps.values()) == {32 * 1024 * 1024}
    assert Call(operation="BatchGetItem", body=b"").response_cap == 160 * 1024 * 1024
    assert Call(operation="Query", body=b"", response_cap=7).response_cap == 7


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
