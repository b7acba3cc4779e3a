"""Calls through a real aiobotocore client against a server that may do anything (R101, security table)."""

import asyncio
import json
import logging
import os
import pickle
import socket
import ssl
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession
from aiobotocore.stub import AioStubber

from dynamorm_async.errors import (
    CallTimeout,
    ConnectionLost,
    CredentialsError,
    DynamormError,
    EndpointUnreachable,
    InvalidRequest,
    OutcomeUnknown,
    ProtocolError,
    ServerFault,
)
from dynamorm_async.transport import AiobotocoreTransport, Credentials, open_waist
from dynamorm_async.wire import Answer, Call, Repeat, Transport

from .http_server import HttpServer, Script, answering, closing, endless, hanging, resetting, serving

KEYS = Credentials("AKIDEXAMPLE", "SECRET-KEY-abc", "SESSION-TOKEN-xyz")
ITEM = {"id": {"S": "ana"}, "photo": {"B": "AQID"}, "parts": {"BS": ["AQ==", "Ag=="]}, "n": {"N": "1.50"}}
PUT = Call(
    operation="PutItem",
    body=json.dumps({"TableName": "users", "Item": ITEM}).encode(),
    tables=("users",),
)
GET = Call(
    operation="GetItem",
    body=json.dumps({"TableName": "users", "Key": {"id": {"S": "item-secret"}}}).encode(),
    tables=("users",),
)

# Each test makes a botocore client, which takes a third of a second.
pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@asynccontextmanager
async def connected(
    script: Script, **options: Any
) -> AsyncGenerator[tuple[AiobotocoreTransport, HttpServer]]:
    options = {"region": "eu-west-1", "credentials": KEYS, **options}
    async with serving(script) as server:
        transport = AiobotocoreTransport(endpoint=server.url, **options)
        try:
            yield transport, server
        finally:
            await transport.aclose()


async def answer_to(script: Script, call: Call = GET, **options: Any) -> Answer:
    async with connected(script, **options) as (transport, _):
        return await transport.attempt(call, timeout=10.0)


async def failure_of(script: Script, call: Call = GET) -> DynamormError:
    with pytest.raises(DynamormError) as caught:
        await answer_to(script, call)
    return caught.value


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def test_it_is_a_transport() -> None:
    transport: Transport = AiobotocoreTransport()

    assert transport.name == "aiobotocore"


async def test_the_answer_is_the_bytes_that_came() -> None:
    body = b'{ "Item" : {"photo": {"B": "AQID"}, "n": {"N": "1.50"}} }'

    answer = await answer_to(answering(body))

    assert (answer.status, answer.body) == (200, body)
    assert answer.headers["x-amzn-requestid"] == "REQUEST-1"


async def test_the_request_holds_what_the_call_held() -> None:
    async with connected(answering()) as (transport, server):
        await transport.attempt(PUT, timeout=10.0)

        (request,) = server.requests

    assert json.loads(request.body) == json.loads(PUT.body)
    assert request.headers["x-amz-target"] == "DynamoDB_20120810.PutItem"


async def test_the_session_token_is_sent_and_signed() -> None:
    async with connected(answering()) as (transport, server):
        await transport.attempt(GET, timeout=10.0)

        (request,) = server.requests

    assert request.headers["x-amz-security-token"] == "SESSION-TOKEN-xyz"
    assert "x-amz-security-token" in request.headers["authorization"]
    assert "/eu-west-1/dynamodb/" in request.headers["authorization"]


async def test_a_service_error_is_an_answer() -> None:
    body = b'{"__type":"x#ConditionalCheckFailedException","message":"no","Item":{"b":{"B":"AQID"}}}'

    answer = await answer_to(answering(body, status=400))

    assert (answer.status, answer.body) == (400, body)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_an_error_page_is_an_answer(status: int) -> None:
    answer = await answer_to(answering(b"<html>503</html>", status=status))

    assert (answer.status, answer.body) == (status, b"<html>503</html>")


@pytest.mark.parametrize("mode", ["legacy", "standard", "adaptive"])
async def test_botocore_retries_nothing_whatever_the_environment_says(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_RETRY_MODE", mode)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "7")
    config = AioConfig(retries={"max_attempts": 5, "mode": mode})

    async with connected(answering(b"{}", status=500), config=config) as (transport, server):
        await transport.attempt(GET, timeout=10.0)

        assert len(server.requests) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_never_followed(status: int) -> None:
    async with serving(answering()) as elsewhere:
        script = answering(b"", status=status, headers={"Location": elsewhere.url})

        answer = await answer_to(script)

        assert answer.status == status
        assert elsewhere.requests == []


@pytest.mark.parametrize("script", [closing, resetting], ids=["closed", "reset"])
async def test_a_connection_that_ends_after_the_request_is_lost_and_ambiguous(script: Script) -> None:
    """botocore calls a reset "could not connect"; a counter would be raised twice if we believed it."""
    assert isinstance(await failure_of(script), ConnectionLost)


async def test_a_body_cut_short_is_a_lost_connection() -> None:
    assert isinstance(await failure_of(answering(b"{}", length=900)), ConnectionLost)


async def test_an_answer_that_does_not_come_is_a_timeout() -> None:
    async with connected(answering()) as (transport, server):
        await transport.attempt(GET, timeout=10.0)
        server.script = hanging

        with pytest.raises(CallTimeout, match=r"within 0\.1 s"):
            await transport.attempt(GET, timeout=0.1)


async def test_a_client_that_is_not_ready_in_time_has_sent_nothing() -> None:
    async with connected(answering()) as (transport, server):
        with pytest.raises(EndpointUnreachable, match="before anything was sent"):
            await transport.attempt(GET, timeout=0.0001)

        assert server.requests == []


async def test_the_clients_own_read_timeout_is_a_timeout() -> None:
    with pytest.raises(CallTimeout):
        await answer_to(hanging, config=AioConfig(read_timeout=0.05))


async def test_an_endless_answer_is_cut_off_at_the_cap() -> None:
    call = Call(operation="GetItem", body=GET.body, response_cap=1_000_000)

    failure = await failure_of(endless, call)

    assert isinstance(failure, ProtocolError)
    assert failure.code == "transport.answer-too-long"


async def test_the_callers_cancellation_is_not_a_timeout() -> None:
    asked = asyncio.Event()

    async def hanging_now(writer: asyncio.StreamWriter) -> None:
        asked.set()
        await hanging(writer)

    async with connected(hanging_now) as (transport, _):
        task = asyncio.create_task(transport.attempt(GET, timeout=30.0))
        await asked.wait()

        task.cancel()

        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_port_where_nobody_listens_is_unreachable() -> None:
    transport = AiobotocoreTransport(
        region="eu-west-1", endpoint=f"http://127.0.0.1:{free_port()}", credentials=KEYS
    )

    with pytest.raises(EndpointUnreachable):
        await transport.attempt(GET, timeout=10.0)
    await transport.aclose()


async def test_a_host_without_an_address_is_unreachable() -> None:
    transport = AiobotocoreTransport(
        region="eu-west-1", endpoint="http://no-such-host.invalid", credentials=KEYS
    )

    with pytest.raises(EndpointUnreachable):
        await transport.attempt(GET, timeout=10.0)
    await transport.aclose()


async def test_a_server_that_does_not_speak_tls_is_unreachable() -> None:
    async def plain(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    listener = await asyncio.start_server(plain, "127.0.0.1", 0)
    url = f"https://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    transport = AiobotocoreTransport(region="eu-west-1", endpoint=url, credentials=KEYS)

    with pytest.raises(EndpointUnreachable):
        await transport.attempt(GET, timeout=10.0)
    await transport.aclose()
    listener.close()


async def test_no_credentials_say_so_before_anything_is_sent() -> None:
    async with connected(answering(), credentials=None) as (transport, server):
        with pytest.raises(CredentialsError, match="Unable to locate credentials") as caught:
            await transport.attempt(GET, timeout=10.0)

        assert "AWS_ACCESS_KEY_ID" in str(caught.value)
        assert server.requests == []


async def test_credentials_are_found_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "FROMENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")

    async with connected(answering(), credentials=None) as (transport, server):
        await transport.attempt(GET, timeout=10.0)

        assert "Credential=FROMENV/" in server.requests[0].headers["authorization"]


async def test_an_unknown_profile_is_refused_before_anything_is_sent() -> None:
    async with connected(answering(), profile="nobody") as (transport, server):
        with pytest.raises(InvalidRequest, match="nobody"):
            await transport.attempt(GET, timeout=10.0)

        assert server.requests == []


async def test_a_missing_region_is_refused_with_the_way_out() -> None:
    transport = AiobotocoreTransport(credentials=KEYS)

    with pytest.raises(InvalidRequest, match="AWS_DEFAULT_REGION"):
        await transport.attempt(GET, timeout=10.0)


async def test_an_engine_that_is_not_aws_needs_no_region() -> None:
    assert (await answer_to(answering(), region=None)).status == 200


async def test_a_stubbed_client_answers_with_json_made_of_its_dicts() -> None:
    """R: event hooks and stubs keep working; the session is the caller's."""

    def stub(**_: Any) -> Any:
        class Http:
            status_code = 200

        parsed = {"Item": {"photo": {"B": b"\x01\x02\x03"}}, "ResponseMetadata": {"RequestId": "STUB"}}
        return Http(), parsed

    session = AioSession()
    session.register("before-call.dynamodb.GetItem", stub)

    async with connected(answering(), session=session) as (transport, server):
        answer = await transport.attempt(GET, timeout=10.0)

        assert json.loads(answer.body) == {"Item": {"photo": {"B": "AQID"}}}
        assert answer.headers == {"x-amzn-requestid": "STUB"}
        assert server.requests == []


async def test_a_stubbed_error_is_an_answer_with_its_status() -> None:
    def stub(**_: Any) -> Any:
        class Http:
            status_code = 400

        parsed = {
            "Error": {"Code": "ConditionalCheckFailedException", "Message": "no"},
            "Item": {"photo": {"B": b"\x01"}},
            "ResponseMetadata": {"HTTPStatusCode": 400},
        }
        return Http(), parsed

    session = AioSession()
    session.register("before-call.dynamodb.PutItem", stub)

    answer = await answer_to(answering(), PUT, session=session)

    assert answer.status == 400
    assert json.loads(answer.body) == {
        "__type": "ConditionalCheckFailedException",
        "message": "no",
        "Item": {"photo": {"B": "AQ=="}},
    }


async def test_a_stubber_on_the_client_answers() -> None:
    async with connected(answering()) as (transport, server):
        client = await transport.client()
        expected = {"TableName": "users", "Key": {"id": {"S": "item-secret"}}}
        with AioStubber(client) as stubber:
            stubber.add_response("get_item", {"Item": {"photo": {"B": b"\x01"}}}, expected)
            stubber.add_client_error("get_item", "ThrottlingException", "slow", 400)
            found = await transport.attempt(GET, timeout=10.0)
            refused = await transport.attempt(GET, timeout=10.0)

        assert json.loads(found.body) == {"Item": {"photo": {"B": "AQ=="}}}
        assert json.loads(refused.body) == {"__type": "ThrottlingException", "message": "slow"}
        assert server.requests == []


async def test_a_client_that_cannot_be_made_says_why() -> None:
    transport = AiobotocoreTransport(credentials=KEYS)

    with pytest.raises(InvalidRequest, match="AWS_DEFAULT_REGION"):
        await transport.client()


async def test_the_users_configuration_is_kept() -> None:
    async with connected(answering(), config=AioConfig(user_agent_extra="mine/1.0")) as (transport, server):
        await transport.attempt(GET, timeout=10.0)

        assert "mine/1.0" in server.requests[0].headers["user-agent"]


async def test_many_first_callers_share_one_client() -> None:
    """R104: N callers, one client; who is cancelled doesn't break the others."""
    created: list[str] = []
    session = AioSession()
    session.register("creating-client-class.dynamodb", lambda **_: created.append("client"))
    async with connected(answering(), session=session) as (transport, _):
        tasks = [asyncio.create_task(transport.attempt(GET, timeout=20.0)) for _ in range(20)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)

        for task in tasks[1::2]:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)

    assert [isinstance(each, Answer) for each in ended] == [True, False] * 10
    assert created == ["client"]


async def test_a_cancelled_first_caller_leaves_the_client_to_the_next() -> None:
    async with connected(answering()) as (transport, _):
        first = asyncio.create_task(transport.attempt(GET, timeout=20.0))
        second = asyncio.create_task(transport.attempt(GET, timeout=20.0))
        await asyncio.sleep(0)

        first.cancel()

        assert (await second).status == 200


async def use_in_vain(transport: AiobotocoreTransport) -> None:
    with pytest.raises(EndpointUnreachable):
        await transport.attempt(GET, timeout=10.0)


def test_another_event_loop_is_refused() -> None:
    transport = AiobotocoreTransport(region="eu-west-1", endpoint="http://127.0.0.1:1", credentials=KEYS)
    with asyncio.Runner() as owner, asyncio.Runner() as other:
        owner.run(use_in_vain(transport))

        with pytest.raises(InvalidRequest, match="another event loop"):
            other.run(use_in_vain(transport))
        owner.run(transport.aclose())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:This process")
def test_a_forked_child_is_refused() -> None:
    transport = AiobotocoreTransport(region="eu-west-1", endpoint="http://127.0.0.1:1", credentials=KEYS)
    with asyncio.Runner() as owner:
        owner.run(use_in_vain(transport))

        child = os.fork()
        if child == 0:
            os._exit(exit_code_of_use(transport))
        _, status = os.waitpid(child, 0)
        owner.run(transport.aclose())

    assert os.waitstatus_to_exitcode(status) == 42


def exit_code_of_use(transport: AiobotocoreTransport) -> int:
    try:
        asyncio.run(use_in_vain(transport))
    except InvalidRequest as error:
        return 42 if "forked" in str(error) else 1
    except BaseException:  # noqa: BLE001 - the child must not run the parent's tests
        return 2
    return 3


async def test_a_closed_transport_is_refused_and_may_be_closed_again() -> None:
    async with connected(answering()) as (transport, _):
        await transport.attempt(GET, timeout=10.0)
        await transport.aclose()
        await transport.aclose()

        with pytest.raises(InvalidRequest, match="closed"):
            await transport.attempt(GET, timeout=10.0)


async def test_an_unknown_operation_is_refused() -> None:
    async with connected(answering()) as (transport, _):
        with pytest.raises(InvalidRequest, match="no such operation"):
            await transport.attempt(Call(operation="MakeCoffee", body=b"{}"), timeout=10.0)


@pytest.mark.parametrize("body", [b"[]", b"{", b'{"Item":{"b":{"B":"%%%"}}}'], ids=repr)
async def test_a_malformed_request_is_refused(body: bytes) -> None:
    async with connected(answering()) as (transport, server):
        with pytest.raises(InvalidRequest):
            await transport.attempt(Call(operation="PutItem", body=body), timeout=10.0)

        assert server.requests == []


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "127.0.0.1:8000",
        "ftp://host",
        "http://",
        "http://host\r\nX: y",
        "http://host\0",
        "http://user:word@host",
        "http://host:99999999",
        "http://host/?a=b",
        "http://hööst",
    ],
    ids=repr,
)
def test_an_endpoint_that_is_no_url_is_refused_at_once(endpoint: str) -> None:
    with pytest.raises(InvalidRequest, match="endpoint"):
        AiobotocoreTransport(endpoint=endpoint)


@pytest.mark.parametrize("region", ["", "eu-west-1\r\n", "eu\0", "eu west", "eu.west"], ids=repr)
def test_a_region_with_other_characters_is_refused_at_once(region: str) -> None:
    with pytest.raises(InvalidRequest, match="region"):
        AiobotocoreTransport(region=region)


def test_profile_and_session_together_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="profile"):
        AiobotocoreTransport(profile="x", session=AioSession())


def test_a_transport_cannot_be_pickled() -> None:
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(AiobotocoreTransport())


def test_secrets_are_not_in_the_repr_of_credentials() -> None:
    assert repr(KEYS) == "Credentials(access_key='AKIDEXAMPLE')"


@pytest.mark.parametrize("key", ["", "a\n", " a", "ü"], ids=repr)
def test_keys_with_impossible_characters_are_refused_without_showing_them(key: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        Credentials("AKID", key)

    assert "secret_key=…" in str(caught.value)


async def test_no_secret_is_logged_at_debug(caplog: pytest.LogCaptureFixture) -> None:
    """Security table: no key, token, signature or item in any logger's lines."""
    caplog.set_level(logging.DEBUG)
    body = b'{"Item":{"id":{"S":"item-secret"}}}'

    async with connected(answering(body)) as (transport, server):
        await transport.attempt(GET, timeout=10.0)
        signature = server.requests[0].headers["authorization"].rpartition("Signature=")[2]

    text = caplog.text
    assert "CanonicalRequest" in text
    for secret in ("SECRET-KEY-abc", "SESSION-TOKEN-xyz", "item-secret", signature):
        assert secret not in text


async def test_a_failed_attempt_logs_no_secret_either(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    await failure_of(closing)

    assert "SESSION-TOKEN-xyz" not in caplog.text
    assert "item-secret" not in caplog.text


async def test_other_users_of_botocore_see_their_own_lines(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await answer_to(answering())

    logging.getLogger("botocore.auth").debug("CanonicalRequest:\n%s", "theirs")

    assert "CanonicalRequest:\ntheirs" in caplog.text


async def test_a_counter_is_not_raised_twice_when_the_answer_is_lost() -> None:
    """D-1, over a real connection."""
    add = Call(operation="UpdateItem", body=GET.body, tables=("users",), repeat=Repeat.NEVER)
    async with connected(resetting) as (transport, server):
        with pytest.raises(OutcomeUnknown):
            await open_waist(transport).send(add)

        assert len(server.requests) == 1


async def test_a_read_is_repeated_until_it_succeeds() -> None:
    async with connected(answering(b"<html>", status=503)) as (transport, server):

        async def recover(_: float) -> None:
            server.script = answering(b'{"Item":{}}')

        reply = await open_waist(transport, sleep=recover).send(GET)

    assert (reply.body, reply.attempts, reply.ambiguous) == (b'{"Item":{}}', 2, True)


async def test_a_wrong_checksum_never_yields_data() -> None:
    async with connected(answering(headers={"x-amz-crc32": "1"})) as (transport, server):
        with pytest.raises(ProtocolError):
            await open_waist(transport, jitter=lambda: 0.0).send(GET)

        assert len(server.requests) == 4


async def test_a_certificate_that_nobody_signed_is_refused(tmp_path: Path) -> None:
    certificate = tmp_path / "self.pem"
    if not _made(certificate):
        pytest.skip("openssl is not here")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    asked: list[bytes] = []

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.read(1))
        writer.close()

    listener = await asyncio.start_server(accepted, "127.0.0.1", 0, ssl=context)
    url = f"https://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    transport = AiobotocoreTransport(region="eu-west-1", endpoint=url, credentials=KEYS)

    with pytest.raises(EndpointUnreachable, match="certificate verify failed"):
        await transport.attempt(GET, timeout=10.0)
    await transport.aclose()
    listener.close()

    assert asked in ([], [b""])


def _made(path: Path) -> bool:
    import shutil
    import subprocess

    openssl = shutil.which("openssl")
    if openssl is None:
        return False
    command = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"]
    return subprocess.run(
        [*command, "-keyout", str(path), "-out", f"{path}.crt"], check=False, capture_output=True
    ).returncode == 0 and bool(path.write_text(path.read_text() + Path(f"{path}.crt").read_text()))


async def test_the_last_fault_is_raised_with_the_status() -> None:
    async with connected(answering(b"<html>", status=502)) as (transport, _):
        with pytest.raises(ServerFault) as caught:
            await open_waist(transport, jitter=lambda: 0.0).send(GET)

    assert (caught.value.status, caught.value.attempts) == (502, 4)


async def test_connections_of_attempts_that_timed_out_are_free_again() -> None:
    """aiobotocore#819, aiohttp#9670: no mix of timeouts and cancels uses up the pool."""
    async with connected(answering(), max_connections=2) as (transport, server):
        await transport.attempt(GET, timeout=10.0)
        server.script = hanging
        ended = await asyncio.gather(
            *(transport.attempt(GET, timeout=0.1) for _ in range(8)), return_exceptions=True
        )
        server.script = answering()

        answers = await asyncio.gather(*(transport.attempt(GET, timeout=10.0) for _ in range(8)))

    assert {type(each) for each in ended} == {CallTimeout}
    assert [answer.status for answer in answers] == [200] * 8


# aiobotocore would rather have httpx2, and says so once for httpx.
@pytest.mark.filterwarnings("ignore:aiobotocore's httpx backend:DeprecationWarning")
async def test_the_httpx_session_of_aiobotocore_works_too() -> None:
    pytest.importorskip("httpx")
    from aiobotocore.httpxsession import HttpxSession

    async with serving(answering()) as elsewhere:
        script = answering(b"", status=307, headers={"Location": elsewhere.url})

        answer = await answer_to(script, config=AioConfig(http_session_cls=HttpxSession))

        assert answer.status == 307
        assert elsewhere.requests == []


def test_on_trio_without_a_library_for_http_a_call_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("httpx", "httpx2"):
        monkeypatch.setitem(sys.modules, name, None)

    async def call() -> None:
        transport = AiobotocoreTransport(region="eu-west-1", credentials=KEYS)
        await transport.attempt(GET, timeout=5)

    with pytest.raises(InvalidRequest, match=r"pip install 'dynamorm-async\[trio\]'"):
        trio.run(call)
