"""Attempts over real sockets against a server that may do anything."""

import asyncio
import logging
import os
import pickle
import socket
import traceback
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest

from dynamorm_async import connect
from dynamorm_async.errors import (
    CallTimeout,
    ConnectionLost,
    CredentialsError,
    DynamormError,
    EndpointUnreachable,
    InvalidRequest,
    ProtocolError,
    ServerFault,
    TransportError,
)
from dynamorm_async.testing.faults import (
    Behaviour,
    FaultyServer,
    after,
    answer,
    close,
    closing,
    dripping,
    endless,
    faulty_server,
    hang,
    invalid_json,
    proxy_page,
    raw,
    redirect,
    refuse,
    reset,
    truncated,
    wrong_checksum,
)
from dynamorm_async.transport import (
    CircuitBreaker,
    Credentials,
    Retry,
    Waist,
    open_waist,
)
from dynamorm_async.transport.fast import FastTransport
from dynamorm_async.wire import Answer, Call, Repeat, Transport
from tests.shapes import Note
from tests.transport.fast.signatures import is_signed_right

KEYS = Credentials("AKIDEXAMPLE", "SECRET-abc", "SESSION-TOKEN-xyz")
GET = Call(operation="GetItem", body=b'{"TableName":"users","Key":{"id":{"S":"1"}}}', tables=("users",))
ADD = Call(operation="UpdateItem", body=b'{"TableName":"users"}', tables=("users",), repeat=Repeat.NEVER)
ITEM = b'{"Item":{"id":{"S":"1"},"photo":{"B":"AQID"}}}'

Script = Behaviour | list[Behaviour]


@asynccontextmanager
async def connected(script: Script, **options: Any) -> AsyncGenerator[tuple[FastTransport, FaultyServer]]:
    async with faulty_server(script) as server:
        options = {"region": "eu-west-1", "credentials": KEYS, "endpoint": server.url, **options}
        transport = FastTransport(**options)
        try:
            yield transport, server
        finally:
            await transport.aclose()


async def answer_to(script: Script, call: Call = GET, *, timeout: float = 5.0) -> Answer:
    async with connected(script) as (transport, _):
        return await transport.attempt(call, timeout=timeout)


async def failure_of(script: Script, call: Call = GET, *, timeout: float = 5.0) -> DynamormError:
    with pytest.raises(DynamormError) as caught:
        await answer_to(script, call, timeout=timeout)
    return caught.value


def waist_over(transport: Transport, **options: Any) -> Waist:
    return open_waist(transport, retry=Retry(transient_base=0, throttling_base=0), **options)


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def test_it_is_a_transport() -> None:
    transport: Transport = FastTransport()

    assert transport.name == "fast"


@pytest.mark.parametrize(
    "behaviour",
    [
        answer(ITEM),
        answer(ITEM, chunk=7),
        dripping(ITEM, pause=0),
        closing(ITEM),
        closing(ITEM, announced=True),
    ],
    ids=["length", "chunked", "dripping", "closed", "close announced"],
)
async def test_the_answer_is_the_bytes_that_came(behaviour: Behaviour) -> None:
    found = await answer_to(behaviour)

    assert (found.status, found.body) == (200, ITEM)
    assert found.headers["x-amzn-requestid"] == "REQUEST1"


@pytest.mark.parametrize("keys", [KEYS, Credentials("AKIDEXAMPLE", "SECRET-abc")], ids=["token", "static"])
async def test_a_server_that_verifies_signatures_accepts_the_request(keys: Credentials) -> None:
    async with connected(answer(ITEM), credentials=keys) as (transport, server):
        await transport.attempt(GET, timeout=5.0)

        (request,) = server.requests
        assert request.body == GET.body
        assert request.operation == "GetItem"
        assert is_signed_right(server.url, request.headers, request.body, keys=keys, region="eu-west-1")


async def test_one_connection_serves_calls_in_turn() -> None:
    async with connected(answer(ITEM)) as (transport, server):
        for _ in range(50):
            await transport.attempt(GET, timeout=5.0)

        assert (server.connections, len(server.requests)) == (1, 50)
        (pool,) = transport.pools
        assert (pool.made, pool.lent, pool.open, pool.idle) == (1, 50, 1, 1)


async def test_an_answer_says_whether_its_connection_was_used_before() -> None:
    async with connected([answer(ITEM), refuse("ThrottlingException"), closing(ITEM), answer(ITEM)]) as (
        transport,
        _,
    ):
        answers = [await transport.attempt(GET, timeout=5.0) for _ in range(3)]
        await asyncio.sleep(0.02)
        answers.append(await transport.attempt(GET, timeout=5.0))

        assert [each.reused for each in answers] == [False, True, True, False]


async def test_a_loss_says_whether_its_connection_was_used_before() -> None:
    async with connected([reset(), answer(ITEM), reset(), answer(ITEM), hang()]) as (transport, _):
        found: list[bool | None] = []
        for _ in range(4):
            try:
                found.append((await transport.attempt(GET, timeout=5.0)).reused)
            except ConnectionLost as error:
                found.append(error.reused)
        with pytest.raises(CallTimeout) as late:
            await transport.attempt(GET, timeout=0.1)

        assert found == [False, False, True, False]
        assert late.value.reused is True


async def test_nobody_knows_about_the_connections_of_aiobotocore() -> None:
    listing = Call(operation="ListTables", body=b"{}")

    assert (await answer_to(answer(b"{}"), listing)).reused is None


async def test_there_are_never_more_connections_than_allowed() -> None:
    async with connected(after(0.002, answer(ITEM)), max_connections=3) as (transport, server):
        await asyncio.gather(*(transport.attempt(GET, timeout=5.0) for _ in range(60)))

        assert server.connections == 3


@pytest.mark.parametrize(
    ("behaviour", "kind"),
    [
        pytest.param(reset(), ConnectionLost, id="reset"),
        pytest.param(close(), ConnectionLost, id="end"),
        pytest.param(truncated(ITEM, at=0), ConnectionLost, id="head only"),
        pytest.param(truncated(ITEM), ConnectionLost, id="half a body"),
        pytest.param(truncated(ITEM, at=-1), ConnectionLost, id="all but a byte"),
        pytest.param(truncated(ITEM, chunk=8, at=-1), ConnectionLost, id="all but the last chunk's end"),
        pytest.param(raw(b"SSH-2.0\r\n"), ProtocolError, id="another protocol"),
        pytest.param(endless(), ProtocolError, id="endless"),
    ],
)
async def test_what_is_no_whole_answer_is_an_error(behaviour: Behaviour, kind: type[DynamormError]) -> None:
    error = await failure_of(
        behaviour, Call(operation="GetItem", body=b"{}", tables=("users",), response_cap=1_000_000)
    )

    assert type(error) is kind
    assert "GetItem on users" in str(error)


async def test_nothing_that_listens_is_unreachable_and_nothing_was_sent() -> None:
    transport = FastTransport(
        endpoint=f"http://127.0.0.1:{free_port()}", region="eu-west-1", credentials=KEYS
    )

    with pytest.raises(EndpointUnreachable, match="nothing accepted a connection"):
        await transport.attempt(GET, timeout=5.0)

    assert transport.pools[0].open == 0


async def test_a_name_that_is_not_there_is_unreachable() -> None:
    transport = FastTransport(endpoint="http://nowhere.invalid", region="eu-west-1", credentials=KEYS)

    with pytest.raises(EndpointUnreachable, match=r"nowhere\.invalid:80"):
        await transport.attempt(GET, timeout=10.0)


@pytest.mark.parametrize("behaviour", [hang(), dripping(ITEM, pause=0.05)], ids=["hang", "drip"])
async def test_the_deadline_holds_for_the_whole_attempt(behaviour: Behaviour) -> None:
    started = asyncio.get_running_loop().time()

    error = await failure_of(behaviour, timeout=0.2)

    assert isinstance(error, CallTimeout)
    assert asyncio.get_running_loop().time() - started < 1.0


async def test_after_a_timeout_the_server_sees_the_request_given_up() -> None:
    async with connected(hang()) as (transport, server):
        with pytest.raises(CallTimeout):
            await transport.attempt(GET, timeout=0.1)

        assert transport.pools[0].open == 0
        await asyncio.sleep(0.05)
        assert server.open == 0


async def test_waiting_for_a_connection_counts_towards_the_deadline_and_sends_nothing() -> None:
    async with connected(hang(), max_connections=1) as (transport, server):
        first = asyncio.create_task(transport.attempt(GET, timeout=5.0))
        await asyncio.sleep(0.05)

        with pytest.raises(EndpointUnreachable, match="all connections were in use"):
            await transport.attempt(ADD, timeout=0.1)

        assert len(server.requests) == 1
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)


async def test_a_full_pool_opens_no_circuit_and_a_refused_connection_does() -> None:
    breaker = CircuitBreaker(failures=1)
    async with connected(hang(), max_connections=1) as (transport, server):
        waist = open_waist(transport, retry=Retry(attempts=1), attempt_timeout=0.1, middleware=[breaker])
        first = asyncio.create_task(transport.attempt(ADD, timeout=5.0))
        while not server.requests:  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.005)

        with pytest.raises(EndpointUnreachable, match="all connections were in use"):
            await waist.send(GET)

        assert breaker.state("users") == "closed"
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
    async with connected(answer(ITEM), endpoint=f"http://127.0.0.1:{free_port()}") as (transport, _):
        waist = open_waist(transport, retry=Retry(attempts=1), middleware=[breaker])
        with pytest.raises(EndpointUnreachable):
            await waist.send(GET)

        assert breaker.state("users") == "open"


async def test_a_request_that_waited_for_a_connection_is_dated_when_it_is_sent() -> None:
    now = [1_700_000_000.0]
    options: dict[str, Any] = {"max_connections": 1, "clock": lambda: now[0]}
    async with connected(after(0.1, answer(ITEM)), **options) as (transport, server):
        tasks = [asyncio.create_task(transport.attempt(GET, timeout=5.0)) for _ in range(2)]
        while not server.requests:  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.005)

        now[0] += 100.0
        await asyncio.gather(*tasks)

        dates = [request.headers["x-amz-date"] for request in server.requests]
        assert dates == ["20231114T221320Z", "20231114T221500Z"]


async def test_a_redirect_is_not_followed() -> None:
    async with (
        faulty_server(answer(ITEM)) as elsewhere,
        connected(redirect(elsewhere.url)) as (transport, server),
    ):
        with pytest.raises(ProtocolError, match="redirect"):
            await waist_over(transport).send(GET)

        assert (len(server.requests), len(elsewhere.requests)) == (1, 0)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(reset(), id="reset"),
        pytest.param(close(), id="end"),
        pytest.param(truncated(ITEM), id="truncated"),
        pytest.param(wrong_checksum(ITEM), id="checksum"),
        pytest.param(proxy_page(503), id="proxy"),
        pytest.param(refuse("ThrottlingException"), id="throttle"),
        pytest.param(refuse("InternalServerError", status=500), id="fault"),
    ],
)
async def test_a_harmless_call_outlives_the_fault(fault: Behaviour) -> None:
    async with connected([fault, answer(ITEM)]) as (transport, server):
        reply = await waist_over(transport).send(GET)

        assert (reply.body, reply.attempts) == (ITEM, 2)
        assert len(server.requests) == 2


async def test_the_invocation_is_the_same_on_each_attempt_and_attempts_are_counted() -> None:
    async with connected([reset(), reset(), answer(ITEM)]) as (transport, server):
        waist = waist_over(transport)
        for _ in range(2):
            await waist.send(GET)

    attempts = [request.headers["amz-sdk-request"] for request in server.requests]
    invocations = [request.headers["amz-sdk-invocation-id"] for request in server.requests]
    assert attempts == ["attempt=1; max=4", "attempt=2; max=4", "attempt=3; max=4", "attempt=1; max=4"]
    assert len(set(invocations[:3])) == 1
    assert len(set(invocations)) == 2
    assert str(UUID(invocations[0])) == invocations[0]


async def test_a_success_that_is_no_json_is_an_error_and_no_empty_answer() -> None:
    async with connected(invalid_json()) as (transport, _):
        with pytest.raises(ProtocolError):
            await waist_over(transport).send(GET)


async def test_a_page_of_a_proxy_that_lasts_is_a_fault_of_the_server() -> None:
    async with connected(proxy_page(502)) as (transport, _):
        with pytest.raises(ServerFault) as caught:
            await waist_over(transport).send(GET)

        assert caught.value.attempts == 4


async def test_the_same_bytes_are_signed_anew_on_each_attempt() -> None:
    async with connected([reset(), refuse("ThrottlingException"), answer(ITEM)]) as (transport, server):
        await waist_over(transport).send(GET)

        assert {request.body for request in server.requests} == {GET.body}
        assert all(
            is_signed_right(server.url, request.headers, request.body, keys=KEYS, region="eu-west-1")
            for request in server.requests
        )


async def test_a_keep_alive_that_the_server_closed_costs_no_attempt() -> None:
    async with connected(closing(ITEM)) as (transport, server):
        for _ in range(5):
            reply = await waist_over(transport).send(ADD)
            await asyncio.sleep(0.01)

            assert reply.attempts == 1
        assert (server.connections, len(server.requests)) == (5, 5)


async def test_a_close_that_the_loop_has_not_seen_yet_costs_no_attempt() -> None:
    async with connected(closing(ITEM)) as (transport, _):
        await transport.attempt(GET, timeout=5.0)
        (pool,) = transport.pools
        # The server's end is in the kernel, and nobody has told the protocol.
        idle: Any = pool._idle[0]  # pyright: ignore[reportPrivateUsage]
        idle._transport.pause_reading()
        await asyncio.sleep(0.05)

        found = await transport.attempt(ADD, timeout=5.0)

        assert found.status == 200
        assert pool.made == 2


async def test_a_pool_full_of_dead_connections_costs_one_attempt_at_most() -> None:
    # Each connection answers once, then takes a request and dies: nothing shows beforehand.
    steps: list[Behaviour] = [after(0.05, answer(ITEM))] * 20 + [reset(), answer(ITEM)]
    async with connected(steps, max_connections=20) as (transport, server):
        await asyncio.gather(*(transport.attempt(GET, timeout=5.0) for _ in range(20)))
        assert server.connections == 20

        reply = await waist_over(transport).send(GET)

        assert reply.attempts == 2
        assert server.connections == 21


async def test_bytes_that_nobody_asked_for_reach_nobody() -> None:
    poisoned = (
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"
    )
    async with connected([raw(poisoned), answer(ITEM)]) as (transport, server):
        first = await transport.attempt(GET, timeout=5.0)
        second = await transport.attempt(GET, timeout=5.0)

        assert (first.body, second.body) == (b"{}", ITEM)
        assert server.connections == 2


async def test_a_cancelled_call_closes_its_connection_and_answers_nobody_else() -> None:
    async with connected([after(0.1, answer(b'{"old":1}')), answer(ITEM)]) as (transport, server):
        task = asyncio.create_task(transport.attempt(GET, timeout=5.0))
        await asyncio.sleep(0.03)

        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        assert (await transport.attempt(GET, timeout=5.0)).body == ITEM
        assert server.connections == 2


async def test_operations_on_tables_themselves_go_through_aiobotocore() -> None:
    listing = Call(operation="ListTables", body=b"{}")
    async with connected(answer(b'{"TableNames": ["users"]}')) as (transport, server):
        found = await transport.attempt(listing, timeout=5.0)

        assert found.body == b'{"TableNames": ["users"]}'
        assert "aiobotocore" in server.requests[0].headers["user-agent"]
        assert transport.pools == ()


@pytest.mark.parametrize("tables", [("arn:aws:dynamodb:eu-west-1:123456789012:table/users",), ()])
async def test_a_table_arn_goes_through_aiobotocore(tables: tuple[str, ...]) -> None:
    arn = "arn:aws:dynamodb:eu-west-1:123456789012:table/users"
    body = f'{{"TableName":"{arn}","Key":{{"id":{{"S":"1"}}}}}}'.encode()
    async with connected(answer(ITEM)) as (transport, server):
        await transport.attempt(Call(operation="GetItem", body=body, tables=tables), timeout=5.0)

        assert "aiobotocore" in server.requests[0].headers["user-agent"]


async def test_a_closed_transport_says_so() -> None:
    async with connected(answer(ITEM)) as (transport, server):
        await transport.attempt(GET, timeout=5.0)
        await transport.aclose()
        await transport.aclose()

        with pytest.raises(InvalidRequest, match="is closed"):
            await transport.attempt(GET, timeout=5.0)

        await asyncio.sleep(0.02)
        assert server.open == 0


async def test_closing_while_calls_run_ends_them() -> None:
    async with connected(hang()) as (transport, server):
        task = asyncio.create_task(transport.attempt(GET, timeout=5.0))
        while not server.requests:  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.005)

        await transport.aclose()

        with pytest.raises(ConnectionLost, match="client was closed"):
            await task


async def test_closing_from_another_loop_is_refused_and_changes_nothing() -> None:
    async with faulty_server(answer(ITEM)) as server:
        db = connect(server.url, region="eu-west-1", credentials=KEYS)
        assert await db.table(Note).find("a")

        with pytest.raises(InvalidRequest, match="another event loop"):
            await asyncio.to_thread(asyncio.run, db.aclose())

        async with db:
            assert await db.table(Note).find("a")
        await asyncio.sleep(0.02)
        assert (server.connections, server.open) == (1, 0)


async def test_a_write_that_is_under_way_when_the_client_is_closed_was_sent_once() -> None:
    async with faulty_server(hang()) as server:
        db = connect(server.url, region="eu-west-1", credentials=KEYS)
        put = asyncio.create_task(db.table(Note).put(Note(id="a")))
        while not server.requests:  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.005)

        await db.aclose()

        with pytest.raises(ConnectionLost, match="client was closed") as caught:
            await put
        assert caught.value.attempts == 1


def test_what_is_left_of_a_loop_that_is_closed_may_be_closed_in_another() -> None:
    transport = FastTransport(
        endpoint=f"http://127.0.0.1:{free_port()}", region="eu-west-1", credentials=KEYS
    )

    async def attempt() -> None:
        with pytest.raises(EndpointUnreachable):
            await transport.attempt(GET, timeout=5.0)

    asyncio.run(attempt())
    asyncio.run(transport.aclose())


async def test_a_closing_that_is_cancelled_closes_the_connections_all_the_same() -> None:
    async with connected(answer(ITEM)) as (transport, server):
        await transport.attempt(GET, timeout=5.0)
        await transport.client()  # so that closing takes a while
        closing_task = asyncio.create_task(transport.aclose())
        await asyncio.sleep(0)

        closing_task.cancel()
        await asyncio.gather(closing_task, return_exceptions=True)

        await asyncio.sleep(0.05)
        assert closing_task.cancelled()
        assert server.open == 0


def test_a_transport_of_another_loop_says_so() -> None:
    transport = FastTransport(endpoint="http://127.0.0.1:9", region="eu-west-1", credentials=KEYS)

    async def attempt() -> None:
        await transport.attempt(GET, timeout=1.0)

    with pytest.raises(EndpointUnreachable):
        asyncio.run(attempt())
    with pytest.raises(InvalidRequest, match="another event loop"):
        asyncio.run(attempt())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
async def test_a_forked_child_is_told_to_connect_anew() -> None:
    async with connected(answer(ITEM)) as (transport, _):
        await transport.attempt(GET, timeout=5.0)
        child = os.fork()
        if child == 0:
            status = 1
            try:
                transport.attempt(GET, timeout=1.0).send(None)
            except InvalidRequest as error:
                status = 0 if "forked" in str(error) else 1
            finally:
                os._exit(status)

        _, status = os.waitpid(child, 0)  # noqa: ASYNC222 - it ends at once
        assert status == 0
        assert (await transport.attempt(GET, timeout=5.0)).body == ITEM


def test_it_refuses_to_be_pickled() -> None:
    with pytest.raises(TypeError, match="credentials"):
        pickle.dumps(FastTransport(credentials=KEYS))


@pytest.mark.parametrize(
    "options",
    [
        {"endpoint": "http://127.0.0.1:8000/\r\nX-Bad: 1"},
        {"endpoint": "ftp://127.0.0.1"},
        {"region": "eu-west-1\r\nX-Bad: 1"},
        {"profile": "p", "session": object()},
    ],
)
def test_what_cannot_be_sent_is_refused_when_made(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        FastTransport(**options)


async def test_no_secret_and_no_item_is_logged_or_in_an_error(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    put = Call(
        operation="PutItem",
        body=b'{"TableName":"users","Item":{"id":{"S":"item-secret"}}}',
        tables=("users",),
    )

    errors = [await failure_of(reset(), put), await failure_of(raw(b"item-secret"), put)]

    told = caplog.text + "".join(map(str, errors)) + "".join(map(repr, errors))
    for secret in ("SECRET-abc", "SESSION-TOKEN", "item-secret"):
        assert secret not in told


@pytest.mark.parametrize(
    "date",
    [
        "garbage",
        "",
        "Mon, 99999999999999999999 Jan 2024 00:00:00 GMT",
        "Mon, 01 Jan 99999999999999999 00:00:00 GMT",
        "Mon, 01 Jan 2024 99999999999999:00:00 GMT",
        "Mon, 01 Jan 2024 00:00:00 +99999999999",
    ],
)
async def test_a_date_that_no_clock_can_show_corrects_nothing(date: str) -> None:
    body = b'{"__type":"x#InvalidSignatureException","message":"Signature expired"}'
    head = f"HTTP/1.1 400 Bad Request\r\nDate: {date}\r\nContent-Length: {len(body)}\r\n\r\n"
    async with connected([raw(head.encode() + body), answer(ITEM)]) as (transport, server):
        with pytest.raises(CredentialsError):
            await waist_over(transport).send(GET)
        await waist_over(transport).send(GET)

        assert len(server.requests) == 2


@pytest.mark.parametrize("behaviour", [reset(), hang(), raw(b"no HTTP")], ids=["lost", "silent", "no HTTP"])
async def test_no_secret_is_in_the_locals_of_the_frames_of_an_error(behaviour: Behaviour) -> None:
    async with connected(behaviour) as (transport, _):
        waist = open_waist(transport, retry=Retry(attempts=1), attempt_timeout=0.1)
        with pytest.raises(TransportError) as caught:
            await waist.send(GET)

    # From the waist on: the frame of this test holds what the test itself made.
    told = traceback.TracebackException(caught.type, caught.value, (caught.tb.tb_next), capture_locals=True)
    shown = "".join(told.format())
    assert "attempt_of" in shown
    for secret in ("SECRET-abc", "SESSION-TOKEN"):
        assert secret not in shown


async def test_a_read_timeout_of_the_config_holds() -> None:
    from aiobotocore.config import AioConfig

    async with connected(hang(), config=AioConfig(read_timeout=0.1)) as (transport, _):
        started = asyncio.get_running_loop().time()
        with pytest.raises(CallTimeout, match=r"within 0\.1 s"):
            await transport.attempt(GET, timeout=30.0)

        assert asyncio.get_running_loop().time() - started < 3.0


async def test_pool_size_and_user_agent_of_the_config_hold() -> None:
    from aiobotocore.config import AioConfig

    config = AioConfig(max_pool_connections=2, user_agent_extra="shop/7")
    async with connected(after(0.005, answer(ITEM)), config=config) as (transport, server):
        await asyncio.gather(*(transport.attempt(GET, timeout=5.0) for _ in range(10)))

        assert server.connections == 2
        assert "shop/7" in server.requests[0].headers["user-agent"]
        assert "dynamorm_async" in server.requests[0].headers["user-agent"]
