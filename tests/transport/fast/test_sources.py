"""Sources of keys that last a while: each is asked the way it demands, once, and again only when it must be.

Stand-ins answer for STS, the SSO portal, the container's agent and the instance's metadata, over real
sockets; each gives out another set of keys whenever it is asked.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha1
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import attrs
import pytest
from aiobotocore.session import AioSession

from dynamorm_async.testing.faults import Behaviour, FaultyServer, Request, answer, faulty_server, refuse
from dynamorm_async.transport import Credentials
from tests.transport.fast.calling import rounds_of_calls
from tests.transport.fast.signatures import authorization, is_signed_right
from tests.transport.fast.test_fast import ITEM

LONG = timedelta(hours=6)
START_URL = "https://shop.awsapps.com/start"
STS = """<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>{0.access_key}</AccessKeyId>
<SecretAccessKey>{0.secret_key}</SecretAccessKey><SessionToken>{0.session_token}</SessionToken>
<Expiration>{1}</Expiration></Credentials></AssumeRoleWithWebIdentityResult>
</AssumeRoleWithWebIdentityResponse>"""


def keys_of(number: int) -> Credentials:
    return Credentials(f"ASIASOURCE{number}", f"SECRET{number}", f"TOKEN{number}")


def as_json(keys: Credentials, until: datetime) -> bytes:
    names = {"AccessKeyId": keys.access_key, "SecretAccessKey": keys.secret_key, "Token": keys.session_token}
    # With an offset and not with "Z": what it can read, botocore's client of IMDS moves into the future.
    return json.dumps({"Code": "Success", **names, "Expiration": until.isoformat()}).encode()


@attrs.frozen
class Source:
    """How a process is led to one source, and how that answers.

    Attributes:
        lead: Puts the source's URL and secret into environment and files.
        gives: Whether a request is the one for keys.
        proves: Whether that request brings what the source was to be shown.
        give: The answer with keys.
        before: Answers to the requests that come first, by path.
    """

    lead: Callable[[dict[str, str], Path, str], None]
    gives: Callable[[Request], bool]
    proves: Callable[[Request], bool]
    give: Callable[[Credentials, datetime], Behaviour]
    before: dict[str, Behaviour] = attrs.field(factory=dict[str, Behaviour])


def lead_to_sts(environ: dict[str, str], folder: Path, url: str) -> None:
    (folder / "identity").write_text("web.identity.token")
    environ["AWS_WEB_IDENTITY_TOKEN_FILE"] = str(folder / "identity")
    environ["AWS_ROLE_ARN"] = "arn:aws:iam::123456789012:role/shop"
    environ["AWS_ENDPOINT_URL_STS"] = url


def lead_to_the_container(environ: dict[str, str], folder: Path, url: str) -> None:
    environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = f"{url}/keys"
    environ["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "container-token"


def lead_to_the_pod(environ: dict[str, str], folder: Path, url: str) -> None:
    (folder / "pod").write_text("pod-token")
    environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = f"{url}/keys"
    environ["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = str(folder / "pod")


def lead_to_the_instance(environ: dict[str, str], folder: Path, url: str) -> None:
    environ["AWS_EC2_METADATA_DISABLED"] = "false"
    environ["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = url


def lead_to_the_portal(environ: dict[str, str], folder: Path, url: str) -> None:
    kept = folder / ".aws" / "sso" / "cache"
    kept.mkdir(parents=True)
    token = {"startUrl": START_URL, "region": "eu-west-1", "accessToken": "sso-token"}
    name = sha1(START_URL.encode()).hexdigest()
    (kept / f"{name}.json").write_text(json.dumps({**token, "expiresAt": "2099-01-01T00:00:00Z"}))
    (folder / "config").write_text(
        f"[default]\nsso_start_url = {START_URL}\nsso_region = eu-west-1\n"
        "sso_account_id = 123456789012\nsso_role_name = shop\n"
    )
    environ["HOME"] = str(folder)
    environ["AWS_ENDPOINT_URL_SSO"] = url


def from_sts(keys: Credentials, until: datetime) -> Behaviour:
    return answer(STS.format(keys, until.isoformat()).encode(), headers={"Content-Type": "text/xml"})


def from_the_portal(keys: Credentials, until: datetime) -> Behaviour:
    given = {
        "accessKeyId": keys.access_key,
        "secretAccessKey": keys.secret_key,
        "sessionToken": keys.session_token,
        "expiration": int(until.timestamp() * 1000),
    }
    return answer(
        json.dumps({"roleCredentials": given}).encode(), headers={"Content-Type": "application/json"}
    )


def from_an_agent(keys: Credentials, until: datetime) -> Behaviour:
    return answer(as_json(keys, until))


def shows_web_identity(request: Request) -> bool:
    asked = {name: value for name, (value,) in parse_qs(request.body.decode()).items()}
    return (asked["Action"], asked["WebIdentityToken"], asked["RoleArn"]) == (
        "AssumeRoleWithWebIdentity",
        "web.identity.token",
        "arn:aws:iam::123456789012:role/shop",
    ) and "authorization" not in request.headers


def asks_for_keys(request: Request) -> bool:
    return request.path == "/keys"


SOURCES = {
    "web identity": Source(lead_to_sts, lambda _: True, shows_web_identity, from_sts),
    "container": Source(
        lead_to_the_container,
        asks_for_keys,
        lambda request: request.headers["authorization"] == "container-token",
        from_an_agent,
    ),
    "pod": Source(
        lead_to_the_pod,
        asks_for_keys,
        lambda request: request.headers["authorization"] == "pod-token",
        from_an_agent,
    ),
    "instance": Source(
        lead_to_the_instance,
        lambda request: request.path.endswith("/shop"),
        lambda request: request.headers["x-aws-ec2-metadata-token"] == "imds-token",
        from_an_agent,
        before={
            "/latest/api/token": answer(b"imds-token", headers={"Content-Type": "text/plain"}),
            "/latest/meta-data/iam/security-credentials/": answer(
                b"shop", headers={"Content-Type": "text/plain"}
            ),
        },
    ),
    "sso": Source(
        lead_to_the_portal,
        lambda request: request.path.startswith("/federation/credentials"),
        lambda request: request.headers["x-amz-sso_bearer_token"] == "sso-token",
        from_the_portal,
    ),
}
# botocore fixes the place of SSO's tokens when it is imported, by HOME, so a process must begin with it.
WAYS = [
    pytest.param(name, way, id=f"{name}, {way}", marks=[pytest.mark.slow] if name == "sso" else [])
    for name in SOURCES
    for way in (["process"] if name == "sso" else ["chain", "session"])
]


@attrs.define
class Asked:
    """A source that runs, and what it was asked for."""

    source: Source
    way: str
    folder: Path
    environ: dict[str, str]
    lasting: timedelta = LONG
    brief: int = 1
    given: list[Request] = attrs.field(factory=list[Request])

    async def behave(self, exchange: Any) -> None:
        """Give the first keys, as many as are `brief`, for a while, and the others for long."""
        request = exchange.request
        if not self.source.gives(request):
            await self.source.before[request.path](exchange)
            return
        self.given.append(request)
        number = len(self.given)
        until = datetime.now(UTC) + (self.lasting if number <= self.brief else LONG)
        await self.source.give(keys_of(number), until)(exchange)

    async def calls(self, server: FaultyServer, rounds: Sequence[int], *, pause: float = 0.0) -> list[int]:
        """Return the most attempts of each round of calls, by the way that was chosen."""
        if self.way != "process":
            session = AioSession() if self.way == "session" else None
            return await rounds_of_calls(server.url, rounds, session=session, pause=pause)
        program = ["-m", "tests.transport.fast.calling", server.url, str(pause), *map(str, rounds)]
        process = await asyncio.create_subprocess_exec(
            sys.executable, *program, env={**os.environ, **self.environ}, stdout=asyncio.subprocess.PIPE
        )
        told, _ = await process.communicate()
        assert process.returncode == 0
        return [int(most) for most in told.split()]


@asynccontextmanager
async def asked(
    name: str, way: str, monkeypatch: pytest.MonkeyPatch, folder: Path, *, lasting: timedelta = LONG
) -> AsyncGenerator[Asked]:
    found = Asked(SOURCES[name], way, folder, {}, lasting)
    async with faulty_server(found.behave) as server:
        found.source.lead(found.environ, folder, server.url)
        if way != "process":
            for variable, value in found.environ.items():
                monkeypatch.setenv(variable, value)
        yield found
    assert all(found.source.proves(request) for request in found.given)


def keys_used(server: FaultyServer) -> list[str]:
    return [authorization(request.headers["authorization"])["key"] for request in server.requests]


def accepting(number: int) -> Behaviour:
    """Accept the keys of one number, and call every other expired."""

    async def behave(exchange: Any) -> None:
        key = authorization(exchange.request.headers["authorization"])["key"]
        is_it = key == keys_of(number).access_key
        await (answer(ITEM) if is_it else refuse("ExpiredTokenException"))(exchange)

    return behave


@pytest.mark.parametrize(("name", "way"), WAYS)
async def test_many_first_calls_ask_the_source_once_and_are_signed_with_its_keys_and_token(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, way: str
) -> None:
    async with asked(name, way, monkeypatch, tmp_path) as source, faulty_server(answer(ITEM)) as server:
        await source.calls(server, [20])

        assert len(source.given) == 1
        assert len(server.requests) == 20
        for request in server.requests:
            assert request.headers["x-amz-security-token"] == "TOKEN1"
            assert is_signed_right(
                server.url, request.headers, request.body, keys=keys_of(1), region="eu-west-1"
            )


@pytest.mark.parametrize(("name", "way"), WAYS)
async def test_keys_that_the_service_calls_expired_are_fetched_anew_once_for_many_calls(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, way: str
) -> None:
    async with asked(name, way, monkeypatch, tmp_path) as source, faulty_server(accepting(2)) as server:
        attempts = await source.calls(server, [20, 20])

        assert len(source.given) == 2
        assert attempts == [2, 1]


@pytest.mark.parametrize(("name", "way"), [way for way in WAYS if way.values[0] != "pod"])
@pytest.mark.slow
async def test_keys_near_their_end_are_refreshed_once_for_many_calls_and_none_waits_or_is_rejected(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, way: str
) -> None:
    # botocore refreshes within a quarter of an hour of the end; who calls meanwhile signs with the old ones.
    lasting = timedelta(minutes=15, seconds=1)
    async with (
        asked(name, way, monkeypatch, tmp_path, lasting=lasting) as source,
        faulty_server(answer(ITEM)) as server,
    ):
        attempts = await source.calls(server, [20, 20, 1, 20], pause=1.1)

        assert attempts == [1, 1, 1, 1]
        assert len(source.given) == 2
        used = keys_used(server)
        assert set(used[:20]) == {keys_of(1).access_key}
        assert set(used[40:]) == {keys_of(2).access_key}


@pytest.mark.slow
async def test_keys_whose_time_is_over_sign_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lasting = timedelta(seconds=2)
    async with (
        asked("web identity", "chain", monkeypatch, tmp_path, lasting=lasting) as source,
        faulty_server(answer(ITEM)) as server,
    ):
        source.brief = 2  # botocore may ask twice at first, as keys that last so briefly are near their end
        attempts = await source.calls(server, [1, 20], pause=4.2)

        assert attempts == [1, 1]
        assert len(source.given) <= 3
        first, *others = keys_used(server)
        assert len(others) == 20
        assert first not in others
