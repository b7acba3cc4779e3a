"""The way of every call: retries, deadlines, limit, middleware, observers (R101, R104, D-1, D-3)."""

import asyncio
import json
import pickle
from typing import Any

import anyio
import pytest
from msgspec.structs import replace

from dynamorm_async.errors import (
    CallTimeout,
    ConnectionLost,
    CredentialsError,
    DynamormError,
    EndpointUnreachable,
    InvalidRequest,
    OutcomeUnknown,
    ProtocolError,
    RequestRefused,
    ServerFault,
    ServiceError,
    Throttled,
    TransactionFailed,
)
from dynamorm_async.observe import AttemptFinished, CallFinished, CallStarted, RetryScheduled
from dynamorm_async.transport import Retry, Waist, open_waist
from dynamorm_async.wire import Answer, Call, Repeat, Reply, Send

from .scripted import OK, FakeTime, Recorder, ScriptedTransport, Step, refusal

FAULT = refusal("InternalServerError", status=500)
THROTTLED = refusal("ThrottlingException")
CONFLICT = refusal("TransactionConflictException")
CONDITION = refusal("ConditionalCheckFailedException")


def lost() -> ConnectionLost:
    return ConnectionLost("the connection ended")


def call(repeat: Repeat = Repeat.HARMLESS, *, table: str = "users", timeout: float | None = None) -> Call:
    return Call(
        operation="UpdateItem",
        body=b'{"x":1}',
        tables=(table,),
        keys=({"id": "ana"},),
        repeat=repeat,
        timeout=timeout,
    )


def waist_over(*steps: Step, time: FakeTime | None = None, **options: Any) -> tuple[Waist, ScriptedTransport]:
    time = time or FakeTime()
    transport = ScriptedTransport(steps)
    waist = open_waist(
        transport, clock=time.clock, sleep=time.sleep, jitter=lambda: options.pop("jitter", 1.0), **options
    )
    return waist, transport


async def test_a_success_is_one_attempt() -> None:
    waist, transport = waist_over(OK)

    reply = await waist.send(call())

    assert reply == Reply(body=b"{}", attempts=1, request_id="R-OK", ambiguous=False)
    assert transport.timeouts == [5.0]


async def test_every_attempt_sends_the_same_bytes() -> None:
    waist, transport = waist_over(FAULT, THROTTLED, OK)

    await waist.send(call())

    assert transport.bodies == [b'{"x":1}'] * 3


async def test_waits_follow_the_reason_of_each_failure() -> None:
    time = FakeTime()
    waist, _ = waist_over(FAULT, THROTTLED, FAULT, OK, time=time)

    reply = await waist.send(call())

    assert time.slept == [0.025, 2.0, 0.1]
    assert (reply.attempts, reply.ambiguous) == (4, True)


async def test_the_fourth_failure_is_raised_with_the_number_of_attempts() -> None:
    waist, transport = waist_over(FAULT)

    with pytest.raises(ServerFault) as caught:
        await waist.send(call())

    assert transport.attempts == 4
    assert caught.value.attempts == 4
    assert caught.value.request_id == "R-InternalServerError"


async def test_an_error_says_how_long_the_call_took_all_waits_included() -> None:
    waist, _ = waist_over(FAULT, THROTTLED, CONDITION)

    with pytest.raises(ServiceError) as caught:
        await waist.send(call())

    assert caught.value.elapsed == pytest.approx(0.025 + 2.0)
    assert "elapsed 2.025 s" in str(caught.value)


async def test_an_unknown_outcome_and_its_cause_say_how_long_the_call_took() -> None:
    waist, _ = waist_over(lost, THROTTLED, CONDITION)

    with pytest.raises(OutcomeUnknown) as caught:
        await waist.send(call(Repeat.GUARDED))

    cause = caught.value.__cause__
    assert isinstance(cause, ServiceError)
    assert caught.value.elapsed == cause.elapsed == pytest.approx(0.025 + 2.0)


async def test_a_deadline_says_how_long_the_call_took() -> None:
    waist, _ = waist_over(THROTTLED)

    with pytest.raises(CallTimeout) as caught:
        await waist.send(call(timeout=2.5))

    assert caught.value.elapsed == 1.0


async def test_a_reply_says_how_long_the_call_took() -> None:
    waist, _ = waist_over(THROTTLED, OK)

    reply = await waist.send(call())

    assert reply.elapsed == 1.0


@pytest.mark.parametrize("reused", [None, False, True])
async def test_an_attempt_says_whether_its_connection_was_used_before(reused: bool | None) -> None:
    def broken() -> ConnectionLost:
        error = lost()
        error.reused = reused
        return error

    recorder = Recorder()
    waist, _ = waist_over(broken, replace(OK, reused=reused), observers=[recorder])

    await waist.send(call())

    attempts = [event for event in recorder.events if isinstance(event, AttemptFinished)]
    assert [event.reused for event in attempts] == [reused, reused]


async def test_the_services_hint_is_followed() -> None:
    time = FakeTime()
    hinted = refusal("InternalServerError", status=500, headers={"x-amz-retry-after": "1500"})
    waist, _ = waist_over(hinted, OK, time=time)

    await waist.send(call())

    assert time.slept == [1.5]


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(refusal("ValidationException"), id="validation"),
        pytest.param(CONDITION, id="condition"),
        pytest.param(Answer(status=307, headers={}, body=b""), id="redirect"),
        pytest.param(Answer(status=200, headers={}, body=b"<html>"), id="not-json"),
        pytest.param(refusal("ExpiredTokenException"), id="credentials-that-nobody-renews"),
    ],
)
async def test_what_would_come_again_is_one_attempt(answer: Answer) -> None:
    waist, transport = waist_over(answer, OK)

    with pytest.raises((ServiceError, ProtocolError)):
        await waist.send(call())

    assert transport.attempts == 1


async def test_a_wrong_checksum_is_asked_again() -> None:
    garbled = Answer(status=200, headers={"x-amz-crc32": "1"}, body=b"{}")
    waist, transport = waist_over(garbled, OK)

    await waist.send(call())

    assert transport.attempts == 2


@pytest.mark.parametrize("failure", [FAULT, lost], ids=["500", "lost"])
async def test_a_write_that_counts_twice_is_not_repeated_after_an_ambiguous_failure(failure: Step) -> None:
    """D-1."""
    waist, transport = waist_over(failure, OK)

    with pytest.raises(OutcomeUnknown) as caught:
        await waist.send(call(Repeat.NEVER))

    assert transport.attempts == 1
    assert isinstance(caught.value.__cause__, ServerFault | ConnectionLost)
    assert (caught.value.table, caught.value.key, caught.value.attempts) == ("users", {"id": "ana"}, 1)


@pytest.mark.parametrize(
    "failure",
    [lambda: EndpointUnreachable("x"), THROTTLED, CONFLICT],
    ids=["unreachable", "throttled", "conflict"],
)
async def test_a_write_that_counts_twice_is_repeated_where_nothing_was_carried_out(failure: Step) -> None:
    """D-1."""
    waist, _ = waist_over(failure, OK)

    reply = await waist.send(call(Repeat.NEVER))

    assert (reply.attempts, reply.ambiguous) == (2, False)


async def test_a_guarded_write_is_repeated_and_says_that_it_was_ambiguous() -> None:
    """D-1."""
    waist, _ = waist_over(lost, OK)

    reply = await waist.send(call(Repeat.GUARDED))

    assert (reply.attempts, reply.ambiguous) == (2, True)


async def test_a_write_that_may_count_twice_is_repeated_where_the_caller_says_so() -> None:
    """D-1, retry_ambiguous."""
    waist, transport = waist_over(lost, FAULT, OK)

    reply = await waist.send(call(Repeat.ACCEPTED))

    assert (reply.attempts, reply.ambiguous) == (3, True)
    assert transport.bodies == [b'{"x":1}'] * 3


def once() -> Call:
    return Call(
        operation="TransactWriteItems",
        body=b'{"TransactItems":[],"ClientRequestToken":"T"}',
        tables=("users",),
        keys=({"id": "ana"},),
        repeat=Repeat.ONCE,
        token="T",
    )


def cancelled(code: str) -> Answer:
    body = {"__type": "x#TransactionCanceledException", "CancellationReasons": [{"Code": code}]}
    return Answer(status=400, headers={}, body=json.dumps(body).encode())


async def test_a_write_with_a_token_is_repeated_with_the_same_token_whatever_was_lost() -> None:
    in_progress = refusal("TransactionInProgressException")
    waist, transport = waist_over(lost, in_progress, cancelled("TransactionConflict"), OK)

    reply = await waist.send(once())

    assert reply.attempts == 4
    assert set(transport.bodies) == {once().body}


async def test_a_transaction_in_progress_after_lost_answers_is_asked_again_after_five_seconds() -> None:
    """R78: the first attempts went fast, so that the usual waits would end before the recovery."""
    time = FakeTime()
    in_progress = refusal("TransactionInProgressException")
    waist, transport = waist_over(lost, lost, in_progress, OK, time=time)

    await waist.send(once())

    assert time.now - 1000.0 == pytest.approx(5.0)
    assert set(transport.bodies) == {once().body}


async def test_the_wait_for_a_slot_does_not_count_as_time_since_the_first_attempt() -> None:
    """R78."""
    time = FakeTime()
    in_progress, gate = refusal("TransactionInProgressException"), anyio.Event()
    waist, transport = waist_over(OK, in_progress, OK, time=time, max_concurrency=1, retry=Retry(attempts=2))
    transport.gate = gate

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(waist.send, call())
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(waist.send, once())
        await anyio.wait_all_tasks_blocked()
        time.now += 60.0
        gate.set()

    assert time.slept == [5.0]


async def test_a_transaction_in_progress_to_the_end_is_unknown() -> None:
    """R78: what another request of the token has begun may yet be applied."""
    waist, transport = waist_over(refusal("TransactionInProgressException"))

    with pytest.raises(OutcomeUnknown) as caught:
        await waist.send(once())

    assert caught.value.service_code == "TransactionInProgressException"
    assert transport.attempts == 4


async def test_a_condition_that_fails_under_a_token_is_certain_even_after_a_lost_answer() -> None:
    waist, _ = waist_over(lost, cancelled("ConditionalCheckFailed"))

    with pytest.raises(TransactionFailed) as caught:
        await waist.send(once())

    assert caught.value.attempts == 2


@pytest.mark.parametrize(
    "ending",
    [FAULT, THROTTLED, refusal("AccessDeniedException"), refusal("IdempotentParameterMismatchException")],
    ids=["fault", "throttled", "denied", "mismatch"],
)
async def test_a_write_with_a_token_that_got_no_answer_in_the_end_is_unknown(ending: Answer) -> None:
    waist, _ = waist_over(lost, ending)

    with pytest.raises(OutcomeUnknown):
        await waist.send(once())


@pytest.mark.parametrize("timeout", [None, 1000.0])
async def test_a_token_is_never_used_for_longer_than_the_service_remembers_it(timeout: float | None) -> None:
    time = FakeTime()
    retry = Retry(attempts=1000, transient_base=50, longest=50, quota=10**6)
    waist, _ = waist_over(FAULT, time=time, retry=retry)

    with pytest.raises(OutcomeUnknown):
        await waist.send(once().within(timeout))

    assert sum(time.slept) < 300


@pytest.mark.parametrize("repeat", [Repeat.GUARDED, Repeat.ACCEPTED])
@pytest.mark.parametrize(
    "ending",
    [CONDITION, refusal("ValidationException"), THROTTLED, FAULT],
    ids=["condition", "validation", "throttled-to-the-end", "fault-to-the-end"],
)
async def test_a_write_that_fails_after_an_ambiguous_attempt_is_unknown(
    ending: Answer, repeat: Repeat
) -> None:
    """D-1."""
    waist, _ = waist_over(lost, ending)

    with pytest.raises(OutcomeUnknown) as caught:
        await waist.send(call(repeat))

    assert isinstance(caught.value.__cause__, ServiceError)


async def test_a_condition_that_fails_after_throttling_is_a_plain_answer() -> None:
    """D-1: throttled attempts were not carried out."""
    waist, _ = waist_over(THROTTLED, CONDITION)

    with pytest.raises(ServiceError) as caught:
        await waist.send(call(Repeat.GUARDED))

    assert caught.value.service_code == "ConditionalCheckFailedException"
    assert caught.value.attempts == 2


async def test_an_empty_quota_stops_retries_of_its_table_only() -> None:
    waist, transport = waist_over(FAULT, retry=Retry(quota=14))
    with pytest.raises(ServerFault):
        await waist.send(call(table="users"))
    spent = transport.attempts

    with pytest.raises(ServerFault):
        await waist.send(call(table="users"))
    with pytest.raises(ServerFault):
        await waist.send(call(table="orders"))

    assert spent == 2
    assert transport.attempts == 2 + 1 + 2


async def test_a_success_after_a_retry_gives_its_cost_back() -> None:
    waist, _ = waist_over(FAULT, OK, FAULT, OK, retry=Retry(quota=14))
    await waist.send(call())

    reply = await waist.send(call())

    assert reply.attempts == 2


async def test_an_attempt_gets_no_more_time_than_the_call_has_left() -> None:
    """D-3."""
    waist, transport = waist_over(THROTTLED, OK, time=FakeTime())

    await waist.send(call(timeout=3.0))

    assert transport.timeouts == [3.0, 2.0]


async def test_the_clients_timeout_holds_where_the_call_has_none() -> None:
    waist, transport = waist_over(OK, timeout=2.0)

    await waist.send(call())

    assert transport.timeouts == [2.0]


async def test_a_wait_that_would_end_after_the_deadline_is_not_begun() -> None:
    """D-3."""
    time = FakeTime()
    waist, transport = waist_over(THROTTLED, time=time)

    with pytest.raises(CallTimeout) as caught:
        await waist.send(call(timeout=2.5))

    assert (transport.attempts, time.slept) == (2, [1.0])
    assert caught.value.attempts == 2
    assert isinstance(caught.value.__cause__, Throttled)


async def test_a_deadline_after_an_ambiguous_attempt_leaves_a_guarded_write_unknown() -> None:
    waist, _ = waist_over(FAULT, THROTTLED)

    with pytest.raises(OutcomeUnknown) as caught:
        await waist.send(call(Repeat.GUARDED, timeout=1.5))

    assert isinstance(caught.value.__cause__, CallTimeout)
    assert isinstance(caught.value.__cause__.__cause__, Throttled)


async def test_no_more_attempts_run_at_once_than_allowed() -> None:
    """R104."""
    waist, transport = waist_over(OK, max_concurrency=3)

    async with anyio.create_task_group() as group:
        for _ in range(1000):
            group.start_soon(waist.send, call())

    assert transport.attempts == 1000
    assert transport.most_running == 3


async def test_a_call_that_waits_for_its_retry_holds_no_slot() -> None:
    woken = anyio.Event()

    async def sleep_until_woken(_: float) -> None:
        await woken.wait()

    transport = ScriptedTransport([FAULT, OK])
    waist = open_waist(transport, max_concurrency=1, sleep=sleep_until_woken)
    async with anyio.create_task_group() as group:
        group.start_soon(waist.send, call())
        await anyio.wait_all_tasks_blocked()

        other = await waist.send(call())

        assert other.attempts == 1
        woken.set()


async def test_waiting_for_a_slot_ends_with_the_deadline_and_nothing_is_sent() -> None:
    transport = ScriptedTransport([OK], gate=anyio.Event())
    waist = open_waist(transport, max_concurrency=1)
    async with anyio.create_task_group() as group:
        group.start_soon(waist.send, call())
        await anyio.wait_all_tasks_blocked()

        with pytest.raises(CallTimeout, match="no slot was free") as caught:
            await waist.send(call(Repeat.NEVER, timeout=0.01))

        assert caught.value.attempts == 0
        assert transport.attempts == 1
        group.cancel_scope.cancel()


async def test_a_slot_that_comes_free_in_time_is_used_with_what_is_left() -> None:
    time, gate = FakeTime(), anyio.Event()
    transport = ScriptedTransport([OK], gate=gate)
    waist = open_waist(transport, max_concurrency=1, clock=time.clock)
    async with anyio.create_task_group() as group:
        group.start_soon(waist.send, call())
        group.start_soon(waist.send, call(timeout=4.0))
        await anyio.wait_all_tasks_blocked()

        time.now += 1.0
        gate.set()

    assert transport.timeouts == [5.0, 3.0]


async def test_a_slot_that_comes_free_too_late_is_given_back() -> None:
    time, gate = FakeTime(), anyio.Event()
    transport = ScriptedTransport([OK], gate=gate)
    waist = open_waist(transport, max_concurrency=1, clock=time.clock)
    tasks = [asyncio.create_task(waist.send(call())), asyncio.create_task(waist.send(call(timeout=4.0)))]
    await anyio.wait_all_tasks_blocked()

    time.now += 5.0
    gate.set()
    ended = await asyncio.gather(*tasks, return_exceptions=True)

    assert isinstance(ended[1], CallTimeout)
    assert (await waist.send(call())).attempts == 1


async def test_cancelled_callers_strand_no_slot() -> None:
    gate = anyio.Event()
    transport = ScriptedTransport([OK], gate=gate)
    waist = open_waist(transport, max_concurrency=2)
    tasks = [asyncio.create_task(waist.send(call())) for _ in range(60)]
    await anyio.wait_all_tasks_blocked()

    for task in tasks[::2]:
        task.cancel()
    gate.set()
    ended = await asyncio.gather(*tasks, return_exceptions=True)

    assert [isinstance(each, Reply) for each in ended] == [False, True] * 30
    assert (await waist.send(call())).attempts == 1


async def test_cancellation_passes_through_and_is_never_retried() -> None:
    transport = ScriptedTransport([OK], gate=anyio.Event())
    waist = open_waist(transport)
    task = asyncio.create_task(waist.send(call(Repeat.NEVER)))
    await anyio.wait_all_tasks_blocked()

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert transport.attempts == 1


async def test_middleware_stands_around_the_retries_the_first_outermost() -> None:
    seen: list[str] = []

    def named(name: str) -> Any:
        async def middleware(call: Call, send: Send) -> Reply:
            seen.append(f"{name} in")
            reply = await send(call)
            seen.append(f"{name} out")
            return reply

        return middleware

    waist, transport = waist_over(FAULT, OK, middleware=[named("outer"), named("inner")])

    await waist.send(call())

    assert seen == ["outer in", "inner in", "inner out", "outer out"]
    assert transport.attempts == 2


async def test_middleware_may_answer_without_sending() -> None:
    async def cached(_call: Call, _send: Send) -> Reply:
        return Reply(body=b'{"cached":true}')

    waist, transport = waist_over(OK, middleware=[cached])

    reply = await waist.send(call())

    assert reply.body == b'{"cached":true}'
    assert transport.attempts == 0


async def test_observers_see_each_step_of_a_call() -> None:
    recorder = Recorder()
    waist, _ = waist_over(THROTTLED, OK, observers=[recorder])

    await waist.send(call())

    assert recorder.events == [
        CallStarted(call_id=1, operation="UpdateItem", tables=("users",), bytes_sent=7),
        AttemptFinished(
            call_id=1,
            operation="UpdateItem",
            tables=("users",),
            attempt=1,
            seconds=0.0,
            bytes_sent=7,
            bytes_received=len(THROTTLED.body),
            status=400,
            error="Throttled",
            service_code="ThrottlingException",
            request_id="R-ThrottlingException",
        ),
        RetryScheduled(
            call_id=1,
            operation="UpdateItem",
            tables=("users",),
            attempt=2,
            wait=1.0,
            error="Throttled",
            service_code="ThrottlingException",
        ),
        AttemptFinished(
            call_id=1,
            operation="UpdateItem",
            tables=("users",),
            attempt=2,
            seconds=0.0,
            bytes_sent=7,
            bytes_received=2,
            status=200,
            request_id="R-OK",
        ),
        CallFinished(
            call_id=1,
            operation="UpdateItem",
            tables=("users",),
            seconds=1.0,
            attempts=2,
            bytes_sent=7,
            bytes_received=2,
            request_id="R-OK",
        ),
    ]


async def test_observers_see_what_a_call_says_it_cost() -> None:
    recorder = Recorder()
    body = b'{"ConsumedCapacity":{"CapacityUnits":2.5}}'
    waist, _ = waist_over(Answer(status=200, headers={}, body=body), observers=[recorder])

    await waist.send(call())

    finished = recorder.events[-1]
    assert isinstance(finished, CallFinished)
    assert finished.capacity == 2.5


async def test_observers_see_how_a_call_failed() -> None:
    recorder = Recorder()
    waist, _ = waist_over(lost, observers=[recorder])

    with pytest.raises(OutcomeUnknown):
        await waist.send(call(Repeat.NEVER))

    finished = recorder.events[-1]
    assert isinstance(finished, CallFinished)
    assert (finished.error, finished.attempts) == ("OutcomeUnknown", 1)


async def test_observers_see_a_cancelled_call_end() -> None:
    recorder = Recorder()
    transport = ScriptedTransport([OK], gate=anyio.Event())
    waist = open_waist(transport, observers=[recorder])

    with anyio.move_on_after(0.01):
        await waist.send(call())

    finished = recorder.events[-1]
    assert isinstance(finished, CallFinished)
    assert finished.error == "CancelledError"


async def test_each_call_has_a_number_of_its_own_at_the_same_time() -> None:
    recorder = Recorder()
    waist, _ = waist_over(OK, observers=[recorder])

    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(waist.send, call())

    attempts = [event.call_id for event in recorder.events if isinstance(event, AttemptFinished)]
    assert sorted(attempts) == list(range(1, 21))


class RenewingTransport(ScriptedTransport):
    """Counts how often it was asked for new credentials."""

    renewed = 0
    can_renew = True

    async def renew(self, error: CredentialsError, answer: Answer) -> bool:
        assert error.service_code == "ExpiredTokenException"
        assert answer.status == 400
        self.renewed += 1
        return self.can_renew


@pytest.mark.parametrize(("steps", "attempts"), [(1, 2), (2, 2)], ids=["helps", "does-not-help"])
async def test_rejected_credentials_are_renewed_once(steps: int, attempts: int) -> None:
    """dynamodb.md 4.2: once, after a refresh; wrong keys do not loop."""
    transport = RenewingTransport([refusal("ExpiredTokenException")] * steps + [OK])
    waist = open_waist(transport)

    ended = await asyncio.gather(waist.send(call()), return_exceptions=True)

    assert isinstance(ended[0], Reply if steps == 1 else CredentialsError)
    assert (transport.renewed, transport.attempts) == (1, attempts)


class HangingRenewal(RenewingTransport):
    """Its source of credentials never answers."""

    async def renew(self, error: CredentialsError, answer: Answer) -> bool:
        await super().renew(error, answer)
        await anyio.sleep(3600)
        return True


async def test_the_deadline_of_a_call_bounds_the_renewal_of_credentials() -> None:
    transport = HangingRenewal([refusal("ExpiredTokenException")])
    waist = open_waist(transport)

    with anyio.fail_after(5), pytest.raises(CallTimeout) as caught:
        await waist.send(call(timeout=0.1))

    assert (transport.renewed, caught.value.attempts) == (1, 1)
    assert isinstance(caught.value.__cause__, CredentialsError)


async def test_an_error_before_anything_was_sent_counts_no_attempt() -> None:
    waist, _ = waist_over(CredentialsError("no credentials"))

    with pytest.raises(CredentialsError) as caught:
        await waist.send(call())

    assert (caught.value.attempts, caught.value.operation) == (0, "UpdateItem")


def closed() -> InvalidRequest:
    return InvalidRequest("this client is closed")


@pytest.mark.parametrize(
    ("repeat", "kind"),
    [(Repeat.HARMLESS, ConnectionLost), (Repeat.ONCE, OutcomeUnknown)],
    ids=["put", "token"],
)
async def test_a_call_that_closing_keeps_from_its_retry_ends_with_what_was_sent(
    repeat: Repeat, kind: type[DynamormError]
) -> None:
    waist, _ = waist_over(lambda: ConnectionLost("the client was closed"), closed)

    with pytest.raises(kind) as caught:
        await waist.send(call(repeat=repeat))

    assert caught.value.attempts == 1


async def test_a_call_of_which_nothing_was_carried_out_says_that_the_client_is_closed() -> None:
    waist, _ = waist_over(refusal("ThrottlingException"), closed)

    with pytest.raises(InvalidRequest, match="is closed") as caught:
        await waist.send(call())

    assert caught.value.attempts == 1


async def test_closing_closes_the_transport() -> None:
    waist, transport = waist_over(OK)

    await waist.aclose()

    assert transport.closed == 1


@pytest.mark.parametrize(
    "options",
    [{"max_concurrency": 0}, {"attempt_timeout": 0.0}, {"timeout": -1.0}, {"attempt_timeout": float("nan")}],
    ids=repr,
)
def test_numbers_that_mean_nothing_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match=next(iter(options))):
        waist_over(OK, **options)


def test_a_waist_can_be_made_before_the_event_loop_runs() -> None:
    waist, _ = waist_over(OK)

    reply = asyncio.run(_sent(waist))

    assert reply.attempts == 1


async def _sent(waist: Waist) -> Reply:
    return await waist.send(call())


def test_a_waist_cannot_be_pickled() -> None:
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(waist_over(OK)[0])


async def test_a_refusal_is_told_as_the_service_told_it() -> None:
    waist, _ = waist_over(refusal("ValidationException"))

    with pytest.raises(RequestRefused, match="text of ValidationException"):
        await waist.send(call())


async def test_a_deadline_that_passed_is_told_with_advice_for_what_happened() -> None:
    time = FakeTime()
    waist, _ = waist_over(lost, time=time)
    with pytest.raises(CallTimeout, match="1 attempt was made") as caught:
        await waist.send(call(timeout=0.01))
    assert caught.value.fix == "check the endpoint, or give the call a longer timeout"


def test_without_observers_nobody_is_there_to_be_told_of_a_query() -> None:
    """R52: then a query makes no event."""
    recorder = Recorder()

    alone, watched = waist_over(OK)[0], waist_over(OK, observers=[recorder])[0]

    assert alone.tell is None
    assert watched.tell is not None
