"""A circuit breaker around the calls of a client: what is sent, what is refused, who sees it. R102."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import Any

import anyio
import pytest

from dynamorm_async import CircuitBreaker, CircuitOpen, connect
from dynamorm_async.errors import (
    ConnectionLost,
    DynamormError,
    EndpointUnreachable,
    InvalidRequest,
    OutcomeUnknown,
    ServiceError,
)
from dynamorm_async.observe import CallFinished
from dynamorm_async.transport import Retry, Waist, open_waist
from dynamorm_async.wire import Call, Repeat
from tests.shapes import NOW, Note
from tests.transport.scripted import OK, FakeTime, Recorder, ScriptedTransport, Step, refusal

FAULT = refusal("InternalServerError", status=500)


def lost() -> ConnectionLost:
    return ConnectionLost("the connection ended")


def call(*tables: str, repeat: Repeat = Repeat.HARMLESS) -> Call:
    return Call(
        operation="GetItem", body=b"{}", tables=tables or ("users",), keys=({"id": "ana"},), repeat=repeat
    )


def broken_after(
    *steps: Step, time: FakeTime | None = None, observers: tuple[Recorder, ...] = (), **options: Any
) -> tuple[Waist, ScriptedTransport, CircuitBreaker]:
    """A waist of single attempts behind a breaker that opens after two failures, for ten seconds."""
    time = time or FakeTime()
    options.setdefault("failures", 2)
    breaker = CircuitBreaker(**options, clock=time.clock, now=lambda: NOW)
    transport = ScriptedTransport(steps)
    waist = open_waist(transport, retry=Retry(attempts=1), middleware=[breaker], observers=observers)
    return waist, transport, breaker


def everything(_: Call) -> tuple[str, ...]:
    return ("everything",)


async def failed(waist: Waist, *tables: str) -> DynamormError:
    with pytest.raises(DynamormError) as caught:
        await waist.send(call(*tables))
    return caught.value


async def test_after_failures_in_a_row_nothing_is_sent_any_more() -> None:
    waist, transport, breaker = broken_after(FAULT, lost, OK)
    await failed(waist)
    await failed(waist)

    refused = await failed(waist)

    assert isinstance(refused, CircuitOpen)
    assert transport.attempts == 2
    assert breaker.state("users") == "open"


async def test_a_refusal_says_since_when_and_until_when() -> None:
    time = FakeTime()
    waist, _, _ = broken_after(FAULT, time=time)
    await failed(waist)
    await failed(waist)
    time.now += 4.0

    refused = await failed(waist)

    assert isinstance(refused, CircuitOpen)
    assert (refused.since, refused.until) == (NOW - timedelta(seconds=4), NOW + timedelta(seconds=6))
    assert (refused.attempts, refused.elapsed) == (0, 0.0)
    assert (refused.ambiguous, refused.retryable) == (False, True)
    assert (refused.operation, refused.table, refused.key) == ("GetItem", "users", {"id": "ana"})
    assert str(refused) == (
        "GetItem: the circuit of users is open, and nothing was sent\n"
        "  why: calls failed in a row; open since 07:08:05, until 07:08:15\n"
        "  fix: try again later, or do without the table for a while\n"
        "  [transport.circuit-open] operation GetItem, table users, elapsed 0.000 s"
    )


async def test_one_call_goes_on_trial_and_the_others_are_refused_meanwhile() -> None:
    time, gate = FakeTime(), anyio.Event()
    waist, transport, breaker = broken_after(FAULT, FAULT, OK, time=time)
    await failed(waist)
    await failed(waist)
    time.now += 10.0
    transport.gate = gate

    trial = asyncio.create_task(waist.send(call()))
    await anyio.wait_all_tasks_blocked()
    refused = await failed(waist)

    assert isinstance(refused, CircuitOpen)
    assert refused.until is None
    assert "a call is on trial" in str(refused)
    gate.set()
    await trial
    assert breaker.state("users") == "closed"
    assert (await waist.send(call())).attempts == 1


async def test_a_trial_that_fails_opens_the_circuit_again() -> None:
    time = FakeTime()
    waist, transport, breaker = broken_after(FAULT, time=time)
    await failed(waist)
    await failed(waist)
    time.now += 10.0
    assert breaker.state("users") == "half-open"

    await failed(waist)

    assert breaker.state("users") == "open"
    assert isinstance(await failed(waist), CircuitOpen)
    assert transport.attempts == 3


async def test_a_trial_that_is_cancelled_lets_the_next_call_try() -> None:
    time, gate = FakeTime(), anyio.Event()
    waist, transport, breaker = broken_after(FAULT, FAULT, OK, time=time)
    await failed(waist)
    await failed(waist)
    time.now += 10.0
    transport.gate = gate
    trial = asyncio.create_task(waist.send(call()))
    await anyio.wait_all_tasks_blocked()

    trial.cancel()
    with pytest.raises(asyncio.CancelledError):
        await trial
    gate.set()
    await waist.send(call())

    assert breaker.state("users") == "closed"


async def test_cancelled_calls_open_nothing() -> None:
    waist, transport, breaker = broken_after(OK, failures=1)
    transport.gate = anyio.Event()
    tasks = [asyncio.create_task(waist.send(call())) for _ in range(10)]
    await anyio.wait_all_tasks_blocked()

    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

    assert breaker.state("users") == "closed"


@pytest.mark.parametrize(
    "code",
    [
        "ConditionalCheckFailedException",
        "ValidationException",
        "ResourceNotFoundException",
        "AccessDeniedException",
        "ThrottlingException",
    ],
)
async def test_an_answer_that_says_no_is_an_answer(code: str) -> None:
    waist, transport, breaker = broken_after(FAULT, refusal(code), FAULT, OK)

    for _ in range(3):
        await failed(waist)

    assert breaker.state("users") == "closed"
    assert (await waist.send(call())).attempts == 1
    assert transport.attempts == 4


async def test_throttling_opens_the_circuit_where_it_is_asked_for() -> None:
    waist, _, breaker = broken_after(refusal("ThrottlingException"), count_throttling=True)

    await failed(waist)
    await failed(waist)

    assert breaker.state("users") == "open"


async def test_an_outcome_that_is_not_known_counts_as_what_is_behind_it() -> None:
    waist, _, breaker = broken_after(lost)

    for _ in range(2):
        with pytest.raises(OutcomeUnknown):
            await waist.send(call(repeat=Repeat.NEVER))

    assert breaker.state("users") == "open"


async def test_a_call_counts_once_however_many_attempts_it_made() -> None:
    time = FakeTime()
    breaker = CircuitBreaker(failures=2, clock=time.clock)
    transport = ScriptedTransport([FAULT])
    waist = open_waist(transport, middleware=[breaker], sleep=time.sleep, clock=time.clock)

    await failed(waist)

    assert transport.attempts == 4
    assert breaker.state("users") == "closed"


async def test_the_outage_of_one_table_stops_no_other() -> None:
    waist, _, breaker = broken_after(FAULT, FAULT, OK)
    await failed(waist, "users")
    await failed(waist, "users")

    reply = await waist.send(call("orders"))

    assert reply.attempts == 1
    assert breaker.states == {"users": "open", "orders": "closed"}


async def test_a_call_of_several_tables_counts_for_each_and_needs_each() -> None:
    waist, transport, breaker = broken_after(FAULT)
    await failed(waist, "users", "orders")
    await failed(waist, "users", "orders", "users")

    refused = await failed(waist, "orders", "carts")

    assert isinstance(refused, CircuitOpen)
    assert "the circuit of orders" in refused.what
    assert breaker.states == {"users": "open", "orders": "open", "carts": "closed"}
    assert transport.attempts == 2


async def test_a_call_that_one_table_refuses_takes_no_trial_of_another() -> None:
    time = FakeTime()
    waist, _, breaker = broken_after(FAULT, FAULT, FAULT, FAULT, OK, time=time)
    for _ in range(2):
        await failed(waist, "users")
    time.now += 10.0
    for _ in range(2):
        await failed(waist, "orders")

    assert isinstance(await failed(waist, "users", "orders"), CircuitOpen)
    await waist.send(call("users"))

    assert breaker.states == {"users": "closed", "orders": "open"}


async def test_circuits_may_be_named_by_other_things_than_tables() -> None:
    waist, _, breaker = broken_after(FAULT, by=everything)
    await failed(waist, "users")
    await failed(waist, "orders")

    assert isinstance(await failed(waist, "carts"), CircuitOpen)
    assert breaker.states == {"everything": "open"}


async def test_a_call_of_no_table_is_never_refused() -> None:
    waist, transport, breaker = broken_after(FAULT)
    listing = Call(operation="ListTables", body=b"{}")

    for _ in range(5):
        with pytest.raises(ServiceError):
            await waist.send(listing)

    assert transport.attempts == 5
    assert breaker.states == {}


async def test_a_circuit_that_turns_is_told_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "dynamorm_async.transport")
    time = FakeTime()
    waist, _, breaker = broken_after(FAULT, FAULT, OK, time=time)
    await failed(waist)
    await failed(waist)
    assert repr(breaker) == "<CircuitBreaker, not closed: {'users': 'open'}>"
    time.now += 10.0
    await waist.send(call())

    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", "the circuit of users is open for 10 s"),
        ("INFO", "the circuit of users is closed again"),
    ]
    assert repr(breaker) == "<CircuitBreaker, not closed: none>"


async def test_observers_see_a_refusal_as_a_call_that_was_never_sent() -> None:
    recorder = Recorder()
    waist, _, _ = broken_after(FAULT, observers=(recorder,), failures=1)
    await failed(waist)
    await failed(waist)

    finished = [event for event in recorder.events if isinstance(event, CallFinished)]

    assert [(event.error, event.attempts) for event in finished] == [("ServerFault", 1), ("CircuitOpen", 0)]


async def test_names_without_end_are_not_remembered_without_end() -> None:
    waist, _, breaker = broken_after(FAULT, FAULT, OK)
    await failed(waist, "broken")
    await failed(waist, "broken")

    for number in range(3000):
        await waist.send(call(f"tenant-{number}"))

    assert len(breaker.states) <= 1025
    assert breaker.state("broken") == "open"


async def test_a_table_that_has_failed_is_remembered_among_many() -> None:
    waist, _, breaker = broken_after(FAULT, *[OK] * 1100, FAULT)
    await failed(waist, "shaky")
    for number in range(1100):
        await waist.send(call(f"tenant-{number}"))

    await failed(waist, "shaky")

    assert breaker.state("shaky") == "open"


async def test_the_verbs_of_a_client_are_refused_by_it() -> None:
    transport = ScriptedTransport([lambda: EndpointUnreachable("nothing there")])
    breaker = CircuitBreaker(failures=1)
    async with connect(transport=transport, middleware=[breaker], retry=Retry(attempts=1)) as db:
        notes = db.table(Note)
        with pytest.raises(EndpointUnreachable):
            await notes.get("a")

        with pytest.raises(CircuitOpen) as caught:
            await notes.update("a", Note.count.add(1))

    assert caught.value.table == "notes"


def test_a_breaker_that_means_nothing_is_refused() -> None:
    with pytest.raises(InvalidRequest, match=r"CircuitBreaker\(failures=0\)"):
        CircuitBreaker(failures=0)
