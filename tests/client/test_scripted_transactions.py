"""Transactions over scripted answers: what is repeated, what is not, what runs beside. R71, R72, R78, N6."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from typing import Any

import anyio
import anyio.lowlevel
import attrs
import pytest

from dynamorm_async import (
    Answer,
    Call,
    CallTimeout,
    Client,
    ConnectionLost,
    IdempotencyMismatch,
    InvalidRequest,
    Key,
    OutcomeUnknown,
    Reply,
    Send,
    Transaction,
    TransactionConditionFailed,
    TransactionFailed,
)
from dynamorm_async.codecs import default_codecs
from dynamorm_async.transport import open_waist
from tests.shapes import NOW, Note
from tests.transport.scripted import OK, FakeTime, ScriptedTransport, Step, refusal

IN_PROGRESS = refusal("TransactionInProgressException")
MISMATCH = refusal("IdempotentParameterMismatchException")


def lost() -> ConnectionLost:
    return ConnectionLost("the line broke")


def cancelled(*codes: str) -> Answer:
    body = {
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "CancellationReasons": [{"Code": code} for code in codes],
    }
    return Answer(status=400, headers={}, body=json.dumps(body).encode())


@attrs.define
class Desk:
    """A client over a script."""

    db: Client
    transport: ScriptedTransport
    time: FakeTime

    @property
    def tokens(self) -> list[str]:
        return [json.loads(body)["ClientRequestToken"] for body in self.transport.bodies]

    def two(self, name: str = "a") -> Transaction:
        return self.db.transaction().put(Note(id=name)).put(Note(id=f"{name}2"), when=Note.count < 1)


def desk(*steps: Step, **options: Any) -> Desk:
    time, transport = FakeTime(), ScriptedTransport(steps)
    numbers: Iterator[int] = count(1)
    waist = open_waist(transport, clock=time.clock, sleep=time.sleep, jitter=lambda: 0.5, **options)
    db = Client(
        waist,
        codecs=default_codecs(),
        table_prefix="",
        cursor_keys=(),
        now=lambda: NOW,
        jitter=lambda: 0.5,
        token=lambda: f"TOKEN-{next(numbers)}",
    )
    return Desk(db, transport, time)


# When something is sent.


async def test_a_block_sends_one_call_at_its_end() -> None:
    """R71."""
    at = desk(OK)

    async with at.db.transaction() as transaction:
        transaction.put(Note(id="a")).delete(Key(Note, "b"))
        assert at.transport.attempts == 0

    assert at.transport.attempts == 1
    assert at.tokens == ["TOKEN-1"]
    assert transaction.results == [Note(id="a"), None]


async def test_an_exception_in_the_block_sends_nothing() -> None:
    """R72."""
    at = desk(OK)

    async def block() -> None:
        async with at.db.transaction() as transaction:
            transaction.put(Note(id="a"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await block()

    assert at.transport.attempts == 0


async def test_an_operation_that_is_refused_in_the_block_sends_nothing() -> None:
    at = desk(OK)

    with pytest.raises(InvalidRequest):
        async with at.db.transaction() as transaction:
            transaction.put(Note(id="a")).update(Key(Note, "b"))

    assert at.transport.attempts == 0


async def test_an_empty_block_is_refused() -> None:
    """R79."""
    at = desk(OK)

    with pytest.raises(InvalidRequest, match="a transaction of nothing"):
        async with at.db.transaction():
            pass

    assert at.transport.attempts == 0


async def test_a_function_fills_a_transaction() -> None:
    """R72."""
    at = desk(OK)

    def fill(transaction: Transaction) -> None:
        transaction.put(Note(id="a")).check(Key(Note, "b"))

    assert await at.db.transact(fill) == [Note(id="a"), None]
    assert at.transport.attempts == 1


async def test_a_coroutine_function_fills_a_transaction() -> None:
    """R72."""
    at = desk(OK)

    async def fill(transaction: Transaction) -> None:
        await anyio.lowlevel.checkpoint()
        transaction.put(Note(id="a"))

    assert await at.db.transact(fill, token="mine") == [Note(id="a")]
    assert at.tokens == ["mine"]


async def test_a_function_may_return_the_chain() -> None:
    at = desk(OK)

    assert await at.db.transact(lambda transaction: transaction.put(Note(id="a"))) == [Note(id="a")]


async def test_a_function_may_commit_by_itself() -> None:
    at = desk(OK)

    assert await at.db.transact(lambda transaction: transaction.put(Note(id="a")).commit()) == [Note(id="a")]
    assert at.transport.attempts == 1


async def test_a_function_that_raises_sends_nothing() -> None:
    """R72."""
    at = desk(OK)

    async def fill(transaction: Transaction) -> None:
        transaction.put(Note(id="a"))
        await anyio.lowlevel.checkpoint()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await at.db.transact(fill)

    assert at.transport.attempts == 0


async def test_a_chain_is_committed_in_one_line() -> None:
    """R72."""
    at = desk(OK)

    assert await at.two().commit() == [Note(id="a"), Note(id="a2")]
    assert at.transport.attempts == 1


async def test_a_second_commit_is_refused() -> None:
    at = desk(OK)
    transaction = at.two()
    await transaction.commit()

    with pytest.raises(InvalidRequest, match="was sent before") as caught:
        await transaction.commit()

    assert caught.value.code == "client.committed-twice"
    assert at.transport.attempts == 1


async def test_two_commits_at_the_same_time_send_one() -> None:
    at = desk(OK)
    at.transport.gate = gate = anyio.Event()
    transaction = at.two()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(transaction.commit)
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(InvalidRequest, match="was sent before"):
            await transaction.commit()
        gate.set()

    assert at.transport.attempts == 1


@pytest.mark.parametrize("timeout", [0, -1.0, "3"])
async def test_a_commit_that_was_refused_before_it_was_sent_can_be_made_again(timeout: Any) -> None:
    at = desk(OK)
    transaction = at.two()

    with pytest.raises(InvalidRequest, match="timeout="):
        await transaction.commit(timeout=timeout)
    await transaction.commit(timeout=3)

    assert at.transport.attempts == 1


async def test_a_commit_after_one_that_failed_is_refused() -> None:
    at = desk(cancelled("None", "ConditionalCheckFailed"))
    transaction = at.two()
    with pytest.raises(TransactionFailed):
        await transaction.commit()

    with pytest.raises(InvalidRequest, match="was sent before"):
        await transaction.commit()

    assert at.transport.attempts == 1


async def test_what_is_added_after_the_commit_is_refused() -> None:
    transaction = desk(OK).two()
    await transaction.commit()

    with pytest.raises(InvalidRequest, match="not be a part of it") as caught:
        transaction.put(Note(id="b"))

    assert caught.value.code == "client.committed-twice"
    assert len(transaction) == 2


async def test_a_block_that_was_committed_inside_is_sent_once() -> None:
    at = desk(OK)

    async with at.db.transaction() as transaction:
        await transaction.put(Note(id="a")).commit()

    assert at.transport.attempts == 1


async def test_a_transaction_that_was_not_committed_has_no_results() -> None:
    at = desk(cancelled("None", "ConditionalCheckFailed"))
    transaction = at.two()

    with pytest.raises(InvalidRequest, match="has no results"):
        _ = transaction.results
    with pytest.raises(TransactionFailed):
        await transaction.commit()
    with pytest.raises(InvalidRequest, match="has no results"):
        _ = transaction.results


async def test_each_transaction_has_a_token_of_its_own_or_the_callers() -> None:
    at = desk(OK)

    await at.two().commit()
    await at.db.transaction(token="my-order-7").put(Note(id="a")).commit()
    await at.two().commit()

    assert at.tokens == ["TOKEN-1", "my-order-7", "TOKEN-2"]


async def test_the_end_of_a_block_keeps_its_timeout() -> None:
    at = desk(cancelled("ThrottlingError"))

    with pytest.raises(CallTimeout):
        async with at.db.transaction(timeout=0.25) as transaction:
            transaction.put(Note(id="a"))

    assert at.transport.timeouts == [0.25]


# What is sent again. R78.


async def test_a_conflict_is_repeated_with_the_same_token_and_bytes() -> None:
    at = desk(cancelled("None", "TransactionConflict"), cancelled("TransactionConflict", "None"), OK)

    await at.two().commit()

    assert at.transport.attempts == 3
    assert len(set(at.transport.bodies)) == 1
    assert at.time.slept == [0.0125, 0.025]


async def test_throttling_is_repeated_after_longer_waits() -> None:
    at = desk(cancelled("ThrottlingError", "TransactionConflict"), OK)

    await at.two().commit()

    assert at.time.slept == [0.5]


async def test_a_failed_condition_beside_a_conflict_is_not_repeated() -> None:
    at = desk(cancelled("TransactionConflict", "ConditionalCheckFailed"), OK)

    with pytest.raises(TransactionConditionFailed) as caught:
        await at.two().commit()

    assert at.transport.attempts == caught.value.attempts == 1
    assert [each.code for each in caught.value.failed] == ["TransactionConflict", "ConditionalCheckFailed"]
    assert caught.value.index == 1


async def test_a_conflict_to_the_end_names_its_operation() -> None:
    at = desk(cancelled("None", "TransactionConflict"))

    with pytest.raises(TransactionFailed) as caught:
        await at.two().commit()

    assert at.transport.attempts == caught.value.attempts == 4
    assert (caught.value.index, caught.value.key) == (1, {"id": "a2"})
    assert caught.value.elapsed == pytest.approx(0.0125 + 0.025 + 0.05)


async def test_a_transaction_in_progress_is_asked_again_five_seconds_after_the_first() -> None:
    at = desk(lost, lost, IN_PROGRESS, OK)

    await at.two().commit()

    assert sum(at.time.slept) == pytest.approx(5.0)
    assert len(set(at.transport.bodies)) == 1


async def test_a_token_of_another_transaction_is_an_error_of_its_own() -> None:
    at = desk(MISMATCH)

    with pytest.raises(IdempotencyMismatch) as caught:
        await at.two().commit()

    assert at.transport.attempts == 1
    assert not isinstance(caught.value, TransactionFailed)


async def test_a_failed_condition_after_a_lost_answer_is_certain() -> None:
    at = desk(lost, cancelled("None", "ConditionalCheckFailed"))

    with pytest.raises(TransactionConditionFailed):
        await at.two().commit()

    assert len(set(at.transport.bodies)) == 1


async def test_answers_that_are_lost_to_the_end_leave_it_unknown() -> None:
    at = desk(lost)

    with pytest.raises(OutcomeUnknown) as caught:
        await at.two().commit()

    assert caught.value.attempts == at.transport.attempts == 4


async def test_a_read_that_others_disturbed_is_repeated() -> None:
    """N6."""
    found = Answer(status=200, headers={}, body=b'{"Responses":[{"Item":{"id":{"S":"a"}}},{}]}')
    at = desk(cancelled("TransactionConflict", "None"), lost, found)

    assert await at.db.transact_get(Key(Note, "a"), Key(Note, "b")) == (Note(id="a"), None)
    assert at.transport.attempts == 3


async def test_a_read_that_others_disturb_to_the_end_says_which_key() -> None:
    """N6."""
    at = desk(cancelled("None", "TransactionConflict"))

    with pytest.raises(TransactionFailed) as caught:
        await at.db.transact_get(Key(Note, "a"), Key(Note, "b"))

    assert (caught.value.key, caught.value.reasons[1].verb) == ({"id": "b"}, "get")


# Many independent ones. N6.


async def test_many_tell_the_outcome_of_each_in_order() -> None:
    at = desk(OK, cancelled("None", "ConditionalCheckFailed"), lost, lost, lost, lost, OK)

    outcomes = await at.db.transact_many([at.two("a"), at.two("b"), at.two("c"), at.two("d")], concurrency=1)

    assert [each.is_committed for each in outcomes] == [True, False, False, True]
    assert outcomes[0].results == [Note(id="a"), Note(id="a2")]
    assert [type(each.error) for each in outcomes[1:3]] == [TransactionConditionFailed, OutcomeUnknown]
    assert outcomes[3].results == [Note(id="d"), Note(id="d2")]


async def test_each_of_many_has_a_token_of_its_own() -> None:
    at = desk(OK)

    await at.db.transact_many(at.two(str(number)) for number in range(20))

    assert len(set(at.tokens)) == 20


@pytest.mark.parametrize(("concurrency", "running"), [(1, 1), (3, 3), (50, 20)])
async def test_no_more_than_concurrency_are_in_flight(concurrency: int, running: int) -> None:
    at = desk(OK)
    at.transport.gate = gate = anyio.Event()

    async with anyio.create_task_group() as tasks:
        many = [at.two(str(number)) for number in range(20)]
        tasks.start_soon(lambda: at.db.transact_many(many, concurrency=concurrency))
        await anyio.wait_all_tasks_blocked()
        assert at.transport.running == running
        gate.set()

    assert at.transport.attempts == 20
    assert at.transport.most_running == running


async def test_the_clients_own_limit_holds_for_many() -> None:
    at = desk(OK, max_concurrency=2)

    await at.db.transact_many([at.two(str(number)) for number in range(20)], concurrency=8)

    assert at.transport.most_running == 2


async def test_many_that_are_cancelled_send_no_more() -> None:
    at = desk(OK)
    at.transport.gate = anyio.Event()

    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as tasks:
            many = [at.two(str(number)) for number in range(20)]
            tasks.start_soon(lambda: at.db.transact_many(many, concurrency=3))
            await anyio.wait_all_tasks_blocked()
            scope.cancel()

    assert scope.cancelled_caught
    assert (at.transport.attempts, at.transport.running) == (3, 0)


async def test_one_that_can_not_be_sent_stops_no_other() -> None:
    at = desk(OK)
    twice = at.two("a")

    outcomes = await at.db.transact_many([twice, at.db.transaction(), twice, at.two("b")], concurrency=1)

    assert [each.is_committed for each in outcomes] == [True, False, False, True]
    assert isinstance(outcomes[1].error, InvalidRequest)
    assert "was sent before" in str(outcomes[2].error)


async def test_an_error_of_a_middleware_stops_no_other() -> None:
    async def odd(call: Call, send: Send) -> Reply:
        if b"TOKEN-1" in call.body:
            raise ZeroDivisionError
        return await send(call)

    at = desk(OK, middleware=[odd])

    outcomes = await at.db.transact_many([at.two("a"), at.two("b")])

    assert isinstance(outcomes[0].error, ZeroDivisionError)
    assert outcomes[1].is_committed


async def test_none_of_none_is_none() -> None:
    at = desk(OK)

    assert await at.db.transact_many([]) == []
    assert at.transport.attempts == 0


@pytest.mark.parametrize("verb", ["transact", "transact_many"])
async def test_what_is_no_function_and_no_transactions_is_refused(verb: str) -> None:
    at = desk(OK)

    for given in (5, at.two()):
        with pytest.raises(InvalidRequest, match=f"^{verb}") as caught:
            await getattr(at.db, verb)(given)
        assert caught.value.fix is not None

    assert at.transport.attempts == 0


@pytest.mark.parametrize("options", [{"concurrency": 0}, {"concurrency": 1.5}, {"timeout": 0}])
async def test_bounds_that_mean_nothing_are_refused_by_name(options: dict[str, Any]) -> None:
    at = desk(OK)
    (name,) = options

    with pytest.raises(InvalidRequest, match=rf"^{name}=") as caught:
        await at.db.transact_many([at.two()], **options)

    assert caught.value.attempts == at.transport.attempts == 0


async def test_what_is_no_transaction_is_refused_before_any_is_sent() -> None:
    at = desk(OK)
    other: Any = Note(id="b")

    with pytest.raises(InvalidRequest, match="takes transactions"):
        await at.db.transact_many([at.two(), other])

    assert at.transport.attempts == 0
