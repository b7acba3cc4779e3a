"""Every row of the retry table, by a whole client over real sockets (R101, D-1; dynamodb.md 4.2 to 4.4).

No engine answers throttling, conflicts or faults, so the faulty server does. A wait of 0 shows a row
that is transient here, a longer one a row that is throttling.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import anyio
import attrs
import pytest

from dynamorm_async import (
    AccessDenied,
    Client,
    ConditionFailed,
    Credentials,
    CredentialsError,
    DynamormError,
    IdempotencyMismatch,
    OutcomeUnknown,
    RequestRefused,
    Retry,
    ServerFault,
    TableNotFound,
    Throttled,
    TransactionFailed,
    connect,
)
from dynamorm_async.errors import ServiceError
from dynamorm_async.observe import Event, RetryScheduled
from dynamorm_async.testing import FaultyServer, faulty_server
from dynamorm_async.testing.faults import (
    Behaviour,
    answer,
    close,
    hang,
    proxy_page,
    refuse,
    reset,
    truncated,
    wrong_checksum,
)
from tests.shapes import Note

Verb = Callable[[Client], Awaitable[object]]
DONE = answer(b"{}")
WAIT = 0.02


@attrs.define
class Waits:
    """An observer that keeps the waits before retries."""

    waits: list[float] = attrs.field(factory=list[float])

    def on_event(self, event: Event) -> None:
        if isinstance(event, RetryScheduled):
            self.waits.append(event.wait)


@asynccontextmanager
async def client_over(
    script: Sequence[Behaviour], *, attempts: int = 4
) -> AsyncGenerator[tuple[Client, FaultyServer, Waits]]:
    waits = Waits()
    async with (
        faulty_server(script) as server,
        connect(
            server.url,
            region="eu-west-1",
            credentials=Credentials("AKID", "SECRET"),
            retry=Retry(attempts=attempts, transient_base=0, throttling_base=WAIT),
            attempt_timeout=0.5,
            observers=[waits],
        ) as client,
    ):
        yield client, server, waits
    assert len({request.body for request in server.requests}) == 1
    assert len({request.headers["amz-sdk-invocation-id"] for request in server.requests}) == 1


async def put(client: Client) -> object:
    """Harmless to repeat."""
    return await client.table(Note).put(Note(id="a"))


async def create(client: Client) -> object:
    """Guarded: its own effect makes its condition false."""
    return await client.table(Note).create(Note(id="a"))


async def count(client: Client) -> object:
    """Counts twice if it is repeated after it was carried out."""
    return await client.table(Note).update("a", Note.count.add(1))


async def transact(client: Client) -> object:
    """Under a token, which the service remembers."""
    return await client.transaction().put(Note(id="a")).put(Note(id="b")).commit()


VERBS = [put, create, count, transact]


def cancelled(*codes: str) -> Behaviour:
    return refuse("TransactionCanceledException", CancellationReasons=[{"Code": code} for code in codes])


THROTTLING = [
    pytest.param(refuse("ProvisionedThroughputExceededException"), id="ProvisionedThroughputExceeded"),
    pytest.param(refuse("ThrottlingException"), id="Throttling"),
    pytest.param(refuse("RequestLimitExceeded"), id="RequestLimitExceeded"),
    pytest.param(refuse("LimitExceededException"), id="LimitExceeded"),
    pytest.param(refuse("SomethingNew", status=429), id="429"),
    pytest.param(proxy_page(429), id="429 of a proxy"),
]
CONFLICTS = [
    pytest.param(refuse("TransactionConflictException"), id="TransactionConflict"),
    pytest.param(refuse("ReplicatedWriteConflictException"), id="ReplicatedWriteConflict"),
]
AMBIGUOUS = [
    pytest.param(refuse("InternalServerError", status=500), id="InternalServerError"),
    pytest.param(refuse("ServiceUnavailable", status=503), id="ServiceUnavailable"),
    *(pytest.param(refuse("SomethingNew", status=status), id=str(status)) for status in (500, 502, 503, 504)),
    pytest.param(proxy_page(502), id="502 of a proxy"),
    pytest.param(reset(), id="reset"),
    pytest.param(close(), id="end"),
    pytest.param(truncated(), id="cut short"),
    pytest.param(wrong_checksum(), id="checksum"),
    pytest.param(hang(), id="silence"),
]


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("fault", THROTTLING)
async def test_throttling_was_not_carried_out_so_every_write_waits_and_is_repeated(
    fault: Behaviour, verb: Verb
) -> None:
    async with client_over([fault, fault, DONE]) as (client, server, waits):
        await verb(client)

        assert len(server.requests) == 3
        assert all(0 < wait <= most for wait, most in zip(waits.waits, (WAIT, 2 * WAIT), strict=True))


@pytest.mark.parametrize("verb", VERBS[:3])
@pytest.mark.parametrize("fault", CONFLICTS)
async def test_a_conflict_was_not_carried_out_so_every_write_is_repeated(
    fault: Behaviour, verb: Verb
) -> None:
    async with client_over([fault, fault, fault, DONE]) as (client, server, waits):
        await verb(client)

        assert len(server.requests) == 4
        assert waits.waits == [0, 0, 0]


@pytest.mark.parametrize("fault", [*THROTTLING[:4], *CONFLICTS])
async def test_what_lasts_is_raised_after_the_fourth_attempt(fault: Behaviour) -> None:
    async with client_over([fault]) as (client, server, _):
        with pytest.raises(ServiceError) as caught:
            await count(client)

        assert len(server.requests) == caught.value.attempts == 4
        assert caught.value.request_id == "REQUEST1"
        assert caught.value.elapsed is not None


@pytest.mark.parametrize("verb", [put, create, transact])
@pytest.mark.parametrize("fault", AMBIGUOUS)
async def test_an_ambiguous_failure_of_a_write_that_may_be_repeated_is(fault: Behaviour, verb: Verb) -> None:
    async with client_over([fault, DONE]) as (client, server, waits):
        await verb(client)

        assert len(server.requests) == 2
        assert waits.waits == [0]


@pytest.mark.parametrize("fault", AMBIGUOUS)
async def test_an_ambiguous_failure_of_a_write_that_adds_up_is_unknown_at_once(fault: Behaviour) -> None:
    async with client_over([fault, DONE]) as (client, server, _):
        with pytest.raises(OutcomeUnknown):
            await count(client)

        assert len(server.requests) == 1


@pytest.mark.parametrize("fault", AMBIGUOUS)
async def test_a_condition_that_fails_after_an_ambiguous_failure_is_no_conflict(fault: Behaviour) -> None:
    refused = refuse("ConditionalCheckFailedException")
    async with client_over([fault, refused]) as (client, server, _):
        with pytest.raises(OutcomeUnknown):
            await create(client)

        assert len(server.requests) == 2


@pytest.mark.parametrize("fault", [*THROTTLING, *CONFLICTS])
async def test_a_condition_that_fails_after_what_was_not_carried_out_is_a_conflict(fault: Behaviour) -> None:
    async with client_over([fault, refuse("ConditionalCheckFailedException")]) as (client, server, _):
        with pytest.raises(ConditionFailed):
            await create(client)

        assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        pytest.param(refuse("ValidationException"), RequestRefused, id="validation"),
        pytest.param(refuse("AccessDeniedException"), AccessDenied, id="access"),
        pytest.param(refuse("ResourceNotFoundException"), TableNotFound, id="no table"),
        pytest.param(refuse("IdempotentParameterMismatchException"), IdempotencyMismatch, id="mismatch"),
        pytest.param(refuse("ItemCollectionSizeLimitExceededException"), ServiceError, id="collection"),
        pytest.param(refuse("UnrecognizedClientException"), CredentialsError, id="client"),
        pytest.param(refuse("ExpiredTokenException"), CredentialsError, id="token"),
        pytest.param(refuse("InvalidSignatureException"), CredentialsError, id="signature"),
        pytest.param(refuse("SomethingNew", status=501), ServerFault, id="501"),
        pytest.param(cancelled("ConditionalCheckFailed", "None"), TransactionFailed, id="cancelled"),
        pytest.param(
            cancelled("TransactionConflict", "ValidationError"), TransactionFailed, id="cancelled, mixed"
        ),
    ],
)
async def test_what_would_come_again_is_one_attempt(fault: Behaviour, kind: type[DynamormError]) -> None:
    async with client_over([fault, DONE]) as (client, server, _):
        with pytest.raises(DynamormError) as caught:
            await put(client)

        assert isinstance(caught.value, kind)
        assert len(server.requests) == caught.value.attempts == 1


@pytest.mark.parametrize(
    ("fault", "is_throttling"),
    [
        pytest.param(cancelled("TransactionConflict", "None"), False, id="conflict"),
        pytest.param(cancelled("None", "ThrottlingError"), True, id="throttled"),
        pytest.param(cancelled("ProvisionedThroughputExceeded", "None"), True, id="too much"),
    ],
)
async def test_a_transaction_cancelled_for_a_while_is_repeated_under_its_token(
    fault: Behaviour, is_throttling: bool
) -> None:
    async with client_over([fault, DONE]) as (client, server, waits):
        await transact(client)

        first, second = (json.loads(request.body)["ClientRequestToken"] for request in server.requests)
        assert first == second
        assert [wait > 0 for wait in waits.waits] == [is_throttling]


@pytest.mark.slow
async def test_the_last_attempt_at_a_transaction_in_progress_comes_five_seconds_after_the_first() -> None:
    in_progress = refuse("TransactionInProgressException")
    async with client_over([in_progress, in_progress, DONE], attempts=3) as (client, server, waits):
        started = anyio.current_time()
        await transact(client)

        assert 5.0 <= anyio.current_time() - started < 7.0
        assert len({json.loads(request.body)["ClientRequestToken"] for request in server.requests}) == 1
        assert 0 < waits.waits[0] <= WAIT


async def test_a_transaction_in_progress_to_the_end_is_unknown() -> None:
    async with client_over([refuse("TransactionInProgressException")], attempts=1) as (client, server, _):
        with pytest.raises(OutcomeUnknown):
            await transact(client)

        assert len(server.requests) == 1


@pytest.mark.parametrize("code", ["ThrottlingException", "TransactionConflictException"])
async def test_the_services_hint_is_waited_for(code: str) -> None:
    hint = refuse(code, headers={"x-amz-retry-after": "250"})
    async with client_over([hint, DONE]) as (client, server, waits):
        started = anyio.current_time()
        await count(client)

        assert waits.waits == [0.25]
        assert anyio.current_time() - started >= 0.25
        assert len(server.requests) == 2


async def test_the_services_reasons_for_throttling_are_on_the_error() -> None:
    reason = {
        "reason": "TableWriteKeyRangeThroughputExceeded",
        "resource": "arn:aws:dynamodb:eu-west-1:123456789012:table/notes",
    }
    fault = refuse("ThrottlingException", throttlingReasons=[reason])
    async with client_over([fault], attempts=1) as (client, _, _):
        with pytest.raises(Throttled) as caught:
            await put(client)

    assert caught.value.reasons == ("TableWriteKeyRangeThroughputExceeded",)
