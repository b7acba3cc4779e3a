"""Where requests go and as whom: from arguments and environment alone, or as aiobotocore finds it."""

import os
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession

from dynamorm_async.errors import CredentialsError, EndpointUnreachable, InvalidRequest
from dynamorm_async.testing.faults import Behaviour, FaultyServer, answer, faulty_server, refuse
from dynamorm_async.transport import AiobotocoreTransport, Credentials, Retry, open_waist
from dynamorm_async.transport.dialing import Dialer
from dynamorm_async.transport.fast import FastTransport
from dynamorm_async.transport.routes import ResolvingRouter, Route, Unroutable, given_route
from tests.transport.fast.signatures import authorization, is_signed_right
from tests.transport.fast.test_fast import GET, ITEM, KEYS

ENV_KEYS = {"AWS_ACCESS_KEY_ID": "AKIDENV", "AWS_SECRET_ACCESS_KEY": "SECRETENV"}
LAMBDA = {**ENV_KEYS, "AWS_SESSION_TOKEN": "TOKEN", "AWS_DEFAULT_REGION": "eu-central-1"}


def given(environ: dict[str, str] | None = None, files: str = "", **options: Any) -> Route | None:
    return given_route(options, environ or {}, files, "ua")


def test_keys_region_and_endpoint_that_are_given_are_the_route() -> None:
    route = given(region="eu-west-1", endpoint="http://h:8000", credentials=KEYS)

    assert route == Route(url="http://h:8000", region="eu-west-1", keys=KEYS, user_agent="ua")


def test_the_environment_of_a_lambda_is_a_route() -> None:
    route = given(LAMBDA)

    assert route is not None
    assert route.url == "https://dynamodb.eu-central-1.amazonaws.com"
    assert route.keys == Credentials("AKIDENV", "SECRETENV", "TOKEN")


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({"AWS_ENDPOINT_URL": "http://a"}, "http://a"),
        ({"AWS_ENDPOINT_URL": "http://a", "AWS_ENDPOINT_URL_DYNAMODB": "http://b"}, "http://b"),
        (
            {"AWS_ENDPOINT_URL": "http://a", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
            "https://dynamodb.eu-central-1.amazonaws.com",
        ),
    ],
)
def test_endpoint_variables_are_honoured(environ: dict[str, str], url: str) -> None:
    route = given({**LAMBDA, **environ})

    assert route is not None
    assert route.url == url


@pytest.mark.parametrize(
    ("environ", "bundle"),
    [
        ({}, None),
        ({"REQUESTS_CA_BUNDLE": "/r"}, "/r"),
        ({"REQUESTS_CA_BUNDLE": "/r", "AWS_CA_BUNDLE": "/a"}, "/a"),
    ],
)
def test_bundles_of_certificates_are_honoured(environ: dict[str, str], bundle: str | None) -> None:
    route = given({**LAMBDA, **environ})

    assert route is not None
    assert route.bundle == bundle


def test_an_engine_elsewhere_needs_no_region() -> None:
    route = given(endpoint="http://127.0.0.1:8000", credentials=KEYS)

    assert route is not None
    assert route.region == "us-east-1"


@pytest.mark.parametrize(
    ("environ", "files", "options"),
    [
        pytest.param({}, "", {}, id="nothing"),
        pytest.param(ENV_KEYS, "", {}, id="no region"),
        pytest.param({"AWS_DEFAULT_REGION": "eu-west-1"}, "", {}, id="no keys"),
        pytest.param(ENV_KEYS, "", {"region": "cn-north-1"}, id="another partition"),
        pytest.param(ENV_KEYS, "", {"region": "us-gov-west-1"}, id="gov"),
        pytest.param({**LAMBDA, "AWS_USE_FIPS_ENDPOINT": "true"}, "", {}, id="FIPS"),
        pytest.param({**LAMBDA, "AWS_USE_DUALSTACK_ENDPOINT": "true"}, "", {}, id="dual stack"),
        pytest.param({**LAMBDA, "AWS_ACCOUNT_ID": "123456789012"}, "", {}, id="account id"),
        pytest.param({**LAMBDA, "AWS_ACCOUNT_ID_ENDPOINT_MODE": "required"}, "", {}, id="account mode"),
        pytest.param({**LAMBDA, "AWS_PROFILE": "p"}, "", {}, id="profile variable"),
        pytest.param(LAMBDA, "", {"profile": "p"}, id="profile"),
        pytest.param(LAMBDA, "", {"session": object()}, id="session"),
        pytest.param(LAMBDA, "", {"config": object()}, id="config"),
        pytest.param(LAMBDA, "[default]\nendpoint_url = http://x\n", {}, id="endpoint in a file"),
        pytest.param(LAMBDA, "[default]\nretry_mode = adaptive\n", {}, id="retry mode in a file"),
        pytest.param(LAMBDA, "[default]\nca_bundle = /x\n", {}, id="bundle in a file"),
        pytest.param(
            {},
            "[default]\nregion = eu-west-3\n",
            {"endpoint": "http://h", "credentials": KEYS},
            id="region in a file",
        ),
    ],
)
def test_everything_else_is_left_to_aiobotocore(
    environ: dict[str, str], files: str, options: dict[str, Any]
) -> None:
    assert given(environ, files, **options) is None


@pytest.mark.parametrize(
    "environ",
    [{**LAMBDA, "AWS_ENDPOINT_URL": "http://h\r\nX: 1"}, {**LAMBDA, "AWS_DEFAULT_REGION": "eu\r\nX: 1"}],
)
def test_control_characters_from_the_environment_are_refused(environ: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest):
        given({"AWS_ENDPOINT_URL": "http://h", **environ})


async def resolved(static: Credentials | None = None, **options: Any) -> Route:
    transport = AiobotocoreTransport(credentials=static, **options)
    try:
        return await ResolvingRouter(transport, static, os.environ, "ua").route()
    finally:
        await transport.aclose()


@pytest.mark.parametrize(
    ("options", "url"),
    [
        ({"region": "eu-west-1"}, "https://dynamodb.eu-west-1.amazonaws.com/"),
        ({"region": "cn-north-1"}, "https://dynamodb.cn-north-1.amazonaws.com.cn/"),
        (
            {"region": "us-east-1", "config": AioConfig(use_fips_endpoint=True)},
            "https://dynamodb-fips.us-east-1.amazonaws.com/",
        ),
        (
            {"region": "us-east-1", "config": AioConfig(use_dualstack_endpoint=True)},
            "https://dynamodb.us-east-1.api.aws/",
        ),
        ({"region": "us-east-1", "endpoint": "http://h:8000/p"}, "http://h:8000/p"),
    ],
    ids=["plain", "china", "fips", "dual stack", "given"],
)
async def test_botocores_endpoint_rules_hold(options: dict[str, Any], url: str) -> None:
    route = await resolved(KEYS, **options)

    assert (route.url, route.keys) == (url, KEYS)
    assert route.region == options["region"]


async def test_an_account_id_picks_its_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**LAMBDA, "AWS_ACCOUNT_ID": "123456789012"}.items():
        monkeypatch.setenv(name, value)

    route = await resolved()

    assert route.url == "https://123456789012.ddb.eu-central-1.amazonaws.com/"
    assert route.keys.session_token == "TOKEN"


async def test_a_profile_is_honoured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "config").write_text("[profile shop]\nregion = eu-north-1\n")
    (tmp_path / "credentials").write_text(
        "[shop]\naws_access_key_id = AKIDPROFILE\naws_secret_access_key = SECRETPROFILE\n"
    )
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "SECRETENV")

    route = await resolved(profile="shop")

    assert (route.region, route.keys.access_key) == ("eu-north-1", "AKIDPROFILE")


async def test_a_process_that_gives_credentials_is_asked(tmp_path: Path) -> None:
    script = '{"Version": 1, "AccessKeyId": "AKIDPROCESS", "SecretAccessKey": "SECRET"}'
    (tmp_path / "reply.json").write_text(script)
    (tmp_path / "config").write_text(
        f"[default]\nregion = eu-west-1\ncredential_process = /bin/cat {tmp_path / 'reply.json'}\n"
    )

    assert (await resolved()).keys.access_key == "AKIDPROCESS"


async def test_nothing_to_sign_with_is_a_credentials_error() -> None:
    transport = FastTransport(region="eu-west-1")

    with pytest.raises(CredentialsError):
        await transport.attempt(GET, timeout=10.0)
    await transport.aclose()


async def test_adaptive_mode_in_a_file_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("[default]\nretry_mode = adaptive\n")

    with pytest.raises(Unroutable, match="adaptive"):
        await resolved(KEYS, region="eu-west-1")


async def test_a_handler_of_the_users_is_not_ours() -> None:
    session: Any = AioSession()
    session.register("before-send.dynamodb.*", partial(dict))

    with pytest.raises(Unroutable, match="event handler"):
        await resolved(KEYS, region="eu-west-1", session=session)


async def test_where_the_route_is_not_ours_aiobotocore_serves(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "dynamorm_async.transport")
    seen: list[str] = []

    def look(request: Any, **_: Any) -> None:
        seen.append(request.url)

    session: Any = AioSession()
    session.register("before-send.dynamodb.GetItem", look)
    async with faulty_server(answer(ITEM)) as server:
        transport = FastTransport(region="eu-west-1", endpoint=server.url, credentials=KEYS, session=session)
        found = [(await transport.attempt(GET, timeout=10.0)).body for _ in range(2)]
        await transport.aclose()

    assert (found, transport.name, len(seen)) == ([ITEM, ITEM], "aiobotocore", 2)
    assert len([record for record in caplog.records if "event handler" in record.message]) == 1


class Rotating:
    """Credentials as a chain finds them: another key each time the chain is gone through."""

    def __init__(self, *names: str) -> None:
        self.names = list(names)
        self.loads = 0

    async def load_credentials(self) -> Any:
        from aiobotocore.credentials import AioCredentials

        self.loads += 1
        await anyio.sleep(0.01)
        name = self.names[min(self.loads, len(self.names)) - 1]
        return AioCredentials(name, f"secret-of-{name}", f"token-of-{name}")


@asynccontextmanager
async def rotating(
    script: Behaviour | list[Behaviour], provider: Rotating
) -> AsyncGenerator[tuple[FastTransport, FaultyServer]]:
    session: Any = AioSession()
    session.register_component("credential_provider", provider)
    async with faulty_server(script) as server:
        transport = FastTransport(region="eu-west-1", endpoint=server.url, session=session)
        try:
            yield transport, server
        finally:
            await transport.aclose()


def only(accepted: str) -> Behaviour:
    """Accept one key, and call every other one expired."""

    async def behave(exchange: Any) -> None:
        key = authorization(exchange.request.headers["authorization"])["key"]
        await (answer(ITEM) if key == accepted else refuse("ExpiredTokenException"))(exchange)

    return behave


async def test_credentials_are_fetched_once_for_all_who_need_them_first() -> None:
    provider = Rotating("AKIDA")
    async with rotating(answer(ITEM), provider) as (transport, _), anyio.create_task_group() as tasks:
        for _ in range(50):
            tasks.start_soon(lambda: transport.attempt(GET, timeout=10.0))

    assert provider.loads == 1


async def test_expired_credentials_are_renewed_once_for_all_calls_in_flight() -> None:
    provider = Rotating("AKIDOLD", "AKIDNEW")
    async with rotating(only("AKIDNEW"), provider) as (transport, server):
        waist = open_waist(transport)
        replies: list[int] = []

        async def call() -> None:
            replies.append((await waist.send(GET)).attempts)

        async with anyio.create_task_group() as tasks:
            for _ in range(50):
                tasks.start_soon(call)

        assert provider.loads == 2
        assert len(replies) == 50
        assert max(replies) == 2
        for request in server.requests:
            key = authorization(request.headers["authorization"])["key"]
            whole = Credentials(key, f"secret-of-{key}", f"token-of-{key}")
            assert is_signed_right(server.url, request.headers, request.body, keys=whole, region="eu-west-1")


async def test_credentials_that_stay_expired_do_not_loop() -> None:
    provider = Rotating("AKIDOLD")
    async with rotating(only("AKIDNEW"), provider) as (transport, server):
        with pytest.raises(CredentialsError):
            await open_waist(transport).send(GET)

        assert (provider.loads, len(server.requests)) == (2, 1)


async def test_credentials_that_stay_expired_are_fetched_once_for_all_calls_in_flight() -> None:
    provider = Rotating("AKIDOLD")
    async with rotating(only("AKIDNEW"), provider) as (transport, server):
        waist = open_waist(transport, max_concurrency=200)
        rejected: list[CredentialsError] = []

        async def call() -> None:
            with pytest.raises(CredentialsError) as caught:
                await waist.send(GET)
            rejected.append(caught.value)

        async with anyio.create_task_group() as tasks:
            for _ in range(200):
                tasks.start_soon(call)

        assert len(rejected) == len(server.requests) == 200
        # Attempts that began after a renewal may ask for one more, and 64 connections serve them in turn.
        assert provider.loads < 20


async def test_a_key_that_is_rejected_again_later_is_renewed_again() -> None:
    provider = Rotating("AKIDOLD", "AKIDOLD", "AKIDNEW")
    async with rotating(only("AKIDNEW"), provider) as (transport, _):
        waist = open_waist(transport)
        with pytest.raises(CredentialsError):
            await waist.send(GET)

        assert (await waist.send(GET)).attempts == 2
        assert provider.loads == 3


async def test_static_credentials_that_expired_do_not_loop() -> None:
    async with faulty_server(refuse("ExpiredTokenException")) as server:
        transport = FastTransport(region="eu-west-1", endpoint=server.url, credentials=KEYS)
        with pytest.raises(CredentialsError):
            await open_waist(transport).send(GET)
        await transport.aclose()

        assert len(server.requests) == 1


@pytest.mark.parametrize("step", [1.5, -3600.0], ids=["on", "back"])
@pytest.mark.slow
async def test_credentials_refreshed_elsewhere_are_used_after_a_second_whatever_the_clock_does(
    step: float,
) -> None:
    from aiobotocore.credentials import AioCredentials

    moving = AioCredentials("AKIDA", "secret-of-AKIDA", "token-of-AKIDA")
    now = [1_900_000_000.0]
    session: Any = AioSession()
    session._credentials = moving
    async with faulty_server(answer(ITEM)) as server:
        transport = FastTransport(
            region="eu-west-1", endpoint=server.url, session=session, clock=lambda: now[0]
        )
        await transport.attempt(GET, timeout=10.0)
        moving.access_key, moving.secret_key, moving.token = "AKIDB", "secret-of-AKIDB", "token-of-AKIDB"
        now[0] += step
        await anyio.sleep(1.05)
        await transport.attempt(GET, timeout=10.0)
        await transport.aclose()

    used = [authorization(request.headers["authorization"])["key"] for request in server.requests]
    assert used == ["AKIDA", "AKIDB"]


def off_by(seconds: float) -> Behaviour:
    """Refuse signatures that aren't dated by a clock that is `seconds` ahead of ours."""

    async def behave(exchange: Any) -> None:
        import time

        theirs = time.time() + seconds
        dated = exchange.request.headers["x-amz-date"]
        accepted = {time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(theirs + drift)) for drift in range(-5, 6)}
        then = answer(ITEM) if dated in accepted else refuse("InvalidSignatureException", status=400)
        if dated not in accepted:
            body = b'{"__type":"x#InvalidSignatureException","message":"Signature expired"}'
            then = answer(body, status=400, headers={"Date": formatdate(theirs, usegmt=True)})
        await then(exchange)

    return behave


@pytest.mark.parametrize("seconds", [3600.0, -86400.0])
async def test_a_clock_that_is_off_is_corrected_once_and_remembered(seconds: float) -> None:
    async with faulty_server(off_by(seconds)) as server:
        transport = FastTransport(region="eu-west-1", endpoint=server.url, credentials=KEYS)
        waist = open_waist(transport)

        attempts = [(await waist.send(GET)).attempts for _ in range(3)]
        await transport.aclose()

    assert attempts == [2, 1, 1]


async def test_many_calls_that_meet_a_wrong_clock_all_succeed() -> None:
    async with faulty_server(off_by(3600.0)) as server:
        transport = FastTransport(region="eu-west-1", endpoint=server.url, credentials=KEYS)
        waist = open_waist(transport, retry=Retry(attempts=2))

        async def call() -> None:
            await waist.send(GET)

        async with anyio.create_task_group() as tasks:
            for _ in range(30):
                tasks.start_soon(call)
        await transport.aclose()

        assert 30 < len(server.requests) <= 60


async def test_a_wrong_secret_with_a_right_clock_does_not_loop() -> None:
    body = b'{"__type":"x#InvalidSignatureException","message":"no"}'
    dated = answer(body, status=400, headers={"Date": formatdate(usegmt=True)})
    async with faulty_server(dated) as server:
        transport = FastTransport(region="eu-west-1", endpoint=server.url, credentials=KEYS)
        with pytest.raises(CredentialsError):
            await open_waist(transport).send(GET)
        await transport.aclose()

        assert len(server.requests) == 1


@pytest.mark.parametrize("environ", [LAMBDA, {}], ids=["environment", "arguments"])
def test_a_cold_start_imports_no_botocore(environ: dict[str, str]) -> None:
    program = """
import asyncio, sys
from dynamorm_async.errors import EndpointUnreachable
from dynamorm_async.transport import Credentials
from dynamorm_async.transport.dialing import Dialer
from dynamorm_async.transport.fast import FastTransport
from dynamorm_async.wire import Call
async def main():
    keys = None if sys.argv[1] else Credentials("k", "s")
    transport = FastTransport(endpoint="http://127.0.0.1:9", credentials=keys, region="eu-west-1")
    try:
        await transport.attempt(Call(operation="GetItem", body=b"{}", tables=("t",)), timeout=5)
    except EndpointUnreachable:
        pass
    await transport.aclose()
asyncio.run(main())
print(sorted({"aiobotocore", "botocore", "aiohttp", "anyio._backends._asyncio"} & set(sys.modules)))
"""
    command = [sys.executable, "-c", program, "env" if environ else ""]

    told = subprocess.run(command, env={**os.environ, **environ}, check=True, capture_output=True, text=True)

    assert told.stdout == "[]\n"


@pytest.mark.parametrize(("app", "named"), [("shop1", "ua app/shop1"), ("läden", "ua"), ("a b", "ua")])
def test_a_name_of_the_application_goes_into_the_user_agent_if_a_header_can_hold_it(
    app: str, named: str
) -> None:
    route = given({**LAMBDA, "AWS_SDK_UA_APP_ID": app})

    assert route is not None
    assert route.user_agent == named


async def test_a_host_that_no_name_can_be_is_unreachable() -> None:
    dialer = Dialer("a..b", 80)

    with pytest.raises(EndpointUnreachable):
        await dialer.dial(lambda _: None)


class Slow:
    """Credentials of `minutes` whose refresh takes until `go` is set."""

    def __init__(self, minutes: float) -> None:
        self.minutes = minutes
        self.go = anyio.Event()
        self.under_way = 0
        self.refreshes = 0

    async def load_credentials(self) -> Any:
        from aiobotocore.credentials import AioRefreshableCredentials

        until = datetime.now(UTC) + timedelta(minutes=self.minutes)
        return AioRefreshableCredentials("AKIDOLD", "S", "T", until, self.refresh, "test")

    async def refresh(self) -> dict[str, str]:
        self.refreshes += 1
        self.under_way += 1
        try:
            await self.go.wait()
        finally:
            self.under_way -= 1
        until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        return {"access_key": "AKIDNEW", "secret_key": "S", "token": "T", "expiry_time": until}


@asynccontextmanager
async def refreshing(
    minutes: float, script: Behaviour | list[Behaviour]
) -> AsyncGenerator[tuple[FastTransport, FaultyServer, Slow]]:
    """A transport that has served once; its credentials are then `minutes` from their end."""
    source = Slow(60)
    session: Any = AioSession()
    session.register_component("credential_provider", source)
    async with faulty_server(script) as server:
        transport = FastTransport(region="eu-west-1", endpoint=server.url, session=session)
        try:
            await transport.attempt(GET, timeout=10.0)
            held: Any = await session.get_credentials()
            held._expiry_time = datetime.now(UTC) + timedelta(minutes=minutes)
            await anyio.sleep(1.05)
            yield transport, server, source
        finally:
            await transport.aclose()


def keys_of(server: FaultyServer) -> list[str]:
    return [authorization(request.headers["authorization"])["key"] for request in server.requests]


@pytest.mark.parametrize("minutes", [12.0, 5.0], ids=["advisory", "mandatory"])
@pytest.mark.slow
async def test_a_refresh_that_hangs_stops_no_call_while_the_keys_hold(minutes: float) -> None:
    async with refreshing(minutes, answer(ITEM)) as (transport, server, source):
        for pause in (0.0, 1.05, 0.0):
            await anyio.sleep(pause)
            async with anyio.create_task_group() as tasks:
                for _ in range(10):
                    tasks.start_soon(lambda: transport.attempt(GET, timeout=0.5))

        assert (source.refreshes, source.under_way) == (1, 1)
        assert keys_of(server) == ["AKIDOLD"] * 31
        source.go.set()
        await anyio.sleep(1.05)
        await transport.attempt(GET, timeout=0.5)
        assert keys_of(server)[-1] == "AKIDNEW"
    assert source.under_way == 0


@pytest.mark.slow
async def test_a_refresh_that_hangs_ends_when_the_transport_is_closed() -> None:
    async with refreshing(12.0, answer(ITEM)) as (transport, _, source):
        await transport.attempt(GET, timeout=0.5)
        assert source.under_way == 1

    assert source.under_way == 0


@pytest.mark.slow
async def test_keys_that_are_over_are_waited_for() -> None:
    async with refreshing(-1.0, answer(ITEM)) as (transport, server, source):
        with pytest.raises(EndpointUnreachable, match="before anything was sent"):
            await transport.attempt(GET, timeout=0.2)
        source.go.set()
        await transport.attempt(GET, timeout=5.0)

        assert keys_of(server) == ["AKIDOLD", "AKIDNEW"]


@pytest.mark.slow
async def test_keys_that_are_rejected_while_their_refresh_hangs_are_renewed() -> None:
    rejected = [answer(ITEM), answer(ITEM), refuse("ExpiredTokenException"), answer(ITEM)]
    async with refreshing(12.0, rejected) as (transport, _, source):
        waist = open_waist(transport)
        await waist.send(GET)
        assert source.under_way == 1

        with pytest.raises(CredentialsError):  # the chain gives the same key again
            await waist.send(GET)
        await waist.send(GET)
        assert source.under_way == 0


@pytest.mark.slow
async def test_a_refresh_that_hangs_from_the_first_call_on_stops_no_call() -> None:
    source = Slow(12.0)
    session: Any = AioSession()
    session.register_component("credential_provider", source)
    async with faulty_server(answer(ITEM)) as server:
        transport = FastTransport(region="eu-west-1", endpoint=server.url, session=session)
        await transport.client()
        async with anyio.create_task_group() as tasks:
            for _ in range(10):
                tasks.start_soon(lambda: transport.attempt(GET, timeout=0.5))
        assert (source.refreshes, source.under_way) == (1, 1)
        source.go.set()
        await anyio.sleep(1.05)
        await transport.attempt(GET, timeout=0.5)
        await transport.aclose()

        assert keys_of(server) == ["AKIDOLD"] * 10 + ["AKIDNEW"]


async def test_a_first_refresh_that_hangs_ends_when_the_transport_is_closed() -> None:
    source = Slow(12.0)
    session: Any = AioSession()
    session.register_component("credential_provider", source)
    async with faulty_server(answer(ITEM)) as server:
        transport = FastTransport(region="eu-west-1", endpoint=server.url, session=session)
        await transport.attempt(GET, timeout=10.0)
        assert source.under_way == 1
        await transport.aclose()
        await anyio.sleep(0.01)

        assert source.under_way == 0
