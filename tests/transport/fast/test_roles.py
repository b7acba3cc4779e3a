"""Roles that STS hands out: kept out of the logs, and fetched anew where they are rejected."""

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiobotocore.session import AioSession

from dynamorm_async.testing.faults import FaultyServer, answer, faulty_server
from dynamorm_async.transport import open_waist
from dynamorm_async.transport.fast import FastTransport
from tests.transport.fast.test_fast import GET
from tests.transport.fast.test_routes import only

ROLE = """<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>
<Credentials><AccessKeyId>ASIAROLE{0}</AccessKeyId><SecretAccessKey>ROLESECRET{0}</SecretAccessKey>
<SessionToken>ROLETOKEN{0}</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>
<AssumedRoleUser><Arn>{1}</Arn><AssumedRoleId>x:s</AssumedRoleId></AssumedRoleUser>
</AssumeRoleResult></AssumeRoleResponse>"""
ARN = "arn:aws:sts::123456789012:assumed-role/r/s"


@asynccontextmanager
async def roles(monkeypatch: pytest.MonkeyPatch, folder: Path) -> AsyncGenerator[FaultyServer]:
    """Serve as STS, which gives out another role each time it is asked for one."""
    (folder / "config").write_text(
        "[default]\nregion = eu-west-1\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = src\n"
        "[profile src]\naws_access_key_id = AKIDSRC\naws_secret_access_key = SRCSECRET\n"
    )
    given = 0

    async def give(exchange: Any) -> None:
        nonlocal given
        given += 1
        await answer(ROLE.format(given, ARN).encode(), headers={"Content-Type": "text/xml"})(exchange)

    async with faulty_server(give) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", server.url)
        yield server


def session_of(way: str) -> Any:
    return AioSession() if way == "aiobotocore" else None


@pytest.mark.parametrize("way", ["botocore", "aiobotocore"])
async def test_nothing_of_a_role_is_logged_at_any_level(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture, way: str
) -> None:
    caplog.set_level(0)
    async with roles(monkeypatch, tmp_path) as sts, faulty_server(answer(b"{}")) as server:
        transport = FastTransport(endpoint=server.url, session=session_of(way))
        logging.getLogger("botocore.parsers").debug("the logger is heard")
        await transport.attempt(GET, timeout=10.0)
        await transport.aclose()

        assert sts.requests

    logged = "\n".join(logging.Formatter().format(record) for record in caplog.records)
    assert "the logger is heard" in logged
    for secret in ("ROLESECRET", "ROLETOKEN", "SRCSECRET"):
        assert secret not in logged


@pytest.mark.parametrize("way", ["botocore", "aiobotocore"])
async def test_a_role_that_is_rejected_is_assumed_anew(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture, way: str
) -> None:
    caplog.set_level(0)
    async with roles(monkeypatch, tmp_path) as sts, faulty_server(only("ASIAROLE2")) as server:
        transport = FastTransport(endpoint=server.url, session=session_of(way))
        attempts = [(await open_waist(transport).send(GET)).attempts for _ in range(2)]
        await transport.aclose()

        assert attempts == [2, 1]
        assert len(sts.requests) == 2
        assert transport.name == "fast"

    assert not any("ROLESECRET" in logging.Formatter().format(record) for record in caplog.records)


async def test_a_cache_on_disk_is_left_as_it_is_when_a_role_is_rejected(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from botocore.utils import JSONFileCache

    kept = JSONFileCache(str(tmp_path / "cache"))
    async with roles(monkeypatch, tmp_path), faulty_server(only("ASIAROLE2")) as server:
        session: Any = AioSession()
        resolver: Any = session.get_component("credential_provider")
        resolver.get_provider("assume-role").cache = kept
        transport = FastTransport(endpoint=server.url, session=session)
        reply = await open_waist(transport).send(GET)
        await transport.aclose()

    assert reply.attempts == 2
    assert resolver.get_provider("assume-role").cache is kept
    assert len(list((tmp_path / "cache").iterdir())) == 1
