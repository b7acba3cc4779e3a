"""Credentials through botocore's chain: found once, renewed once, and aiobotocore stays unimported."""

import asyncio
import os
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import pytest
from aiobotocore.session import AioSession

from dynamorm_async.errors import CredentialsError, EndpointUnreachable, InvalidRequest
from dynamorm_async.testing.faults import answer, faulty_server
from dynamorm_async.transport import open_waist
from dynamorm_async.transport.fast import FastTransport
from tests.transport.fast.signatures import authorization
from tests.transport.fast.test_fast import GET, ITEM
from tests.transport.fast.test_routes import only


def write_profile(folder: Path, key: str, *, more: str = "") -> None:
    (folder / "config").write_text(f"[profile shop]\nregion = eu-north-1\n{more}")
    (folder / "credentials").write_text(
        f"[shop]\naws_access_key_id = {key}\naws_secret_access_key = secret-of-{key}\n"
        f"aws_session_token = token-of-{key}\n"
    )


async def test_a_profile_is_served_and_signed_for_its_region(tmp_path: Path) -> None:
    write_profile(tmp_path, "AKIDSHOP")
    async with faulty_server(answer(ITEM)) as server:
        transport = FastTransport(endpoint=server.url, profile="shop")
        await transport.attempt(GET, timeout=10.0)
        await transport.aclose()

    parts = authorization(server.requests[0].headers["authorization"])
    assert (parts["key"], parts["region"]) == ("AKIDSHOP", "eu-north-1")
    assert "aiobotocore" not in server.requests[0].headers["user-agent"]


async def test_settings_in_the_profile_are_left_to_aiobotocore(tmp_path: Path) -> None:
    write_profile(tmp_path, "AKIDSHOP", more="sdk_ua_app_id = shop\n")
    async with faulty_server(answer(ITEM)) as server:
        transport = FastTransport(endpoint=server.url, profile="shop")
        await transport.attempt(GET, timeout=10.0)
        await transport.aclose()

    assert "aiobotocore" in server.requests[0].headers["user-agent"]
    assert transport.name == "fast"


async def test_an_account_id_beside_the_keys_is_left_to_aiobotocore(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "reply.json").write_text(
        '{"Version": 1, "AccessKeyId": "AKID", "SecretAccessKey": "s", "AccountId": "123456789012"}'
    )
    (tmp_path / "config").write_text(
        f"[default]\nregion = eu-west-1\ncredential_process = /bin/cat {tmp_path / 'reply.json'}\n"
    )
    transport = FastTransport()
    line = await transport._prepared(GET, anyio.current_time() + 10, 0.0)  # pyright: ignore[reportPrivateUsage]
    await transport.aclose()

    assert line is not None
    assert "host: 123456789012.ddb.eu-west-1.amazonaws.com" in line.signer.head("GetItem", b"{}", 0).decode()


async def test_keys_that_were_replaced_in_the_files_are_fetched_once_for_all(tmp_path: Path) -> None:
    write_profile(tmp_path, "AKIDOLD")
    async with faulty_server([answer(ITEM), only("AKIDNEW")]) as server:
        transport = FastTransport(endpoint=server.url, profile="shop")
        waist = open_waist(transport)
        await waist.send(GET)
        write_profile(tmp_path, "AKIDNEW")
        attempts: list[int] = []

        async def call() -> None:
            attempts.append((await waist.send(GET)).attempts)

        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(call)
        await transport.aclose()

    assert len(attempts) == 20
    assert max(attempts) == 2


async def test_keys_that_stay_rejected_do_not_loop(tmp_path: Path) -> None:
    write_profile(tmp_path, "AKIDOLD")
    async with faulty_server(only("AKIDNEW")) as server:
        transport = FastTransport(endpoint=server.url, profile="shop")
        with pytest.raises(CredentialsError):
            await open_waist(transport).send(GET)
        await transport.aclose()

        assert len(server.requests) == 1


@pytest.mark.slow
async def test_a_source_that_hangs_holds_one_thread(tmp_path: Path) -> None:
    started, script = tmp_path / "started", tmp_path / "hang"
    reply = '{"Version": 1, "AccessKeyId": "AKID", "SecretAccessKey": "s"}'
    script.write_text(f"#!/bin/sh\necho run >> {started}\nsleep 2\necho '{reply}'\n")
    script.chmod(0o755)
    (tmp_path / "config").write_text(f"[default]\nregion = eu-west-1\ncredential_process = {script}\n")
    threads = threading.active_count()
    async with faulty_server(answer(ITEM)) as server:
        transport = FastTransport(endpoint=server.url)
        for _ in range(8):
            with pytest.raises(EndpointUnreachable):
                await transport.attempt(GET, timeout=0.1)
            assert threading.active_count() <= threads + 2
        answers = [await transport.attempt(GET, timeout=10.0) for _ in range(3)]
        await transport.aclose()

    assert [each.body for each in answers] == [ITEM] * 3
    assert started.read_text().count("run") == 1


@pytest.mark.slow
async def test_a_refresh_that_hangs_stops_no_call_while_the_keys_hold(tmp_path: Path) -> None:
    runs, script = tmp_path / "runs", tmp_path / "source"
    until = (datetime.now(UTC) + timedelta(seconds=15 * 60 + 3)).strftime("%Y-%m-%dT%H:%M:%SZ")
    keys = '"AccessKeyId": "AKID", "SecretAccessKey": "s", "SessionToken": "t"'
    reply = f'{{"Version": 1, {keys}, "Expiration": "{until}"}}'
    script.write_text(f"#!/bin/sh\n[ -e {runs} ] && sleep 3\necho run >> {runs}\necho '{reply}'\n")
    script.chmod(0o755)
    (tmp_path / "config").write_text(f"[default]\nregion = eu-west-1\ncredential_process = {script}\n")
    async with faulty_server(answer(ITEM)) as server:
        transport = FastTransport(endpoint=server.url)
        await transport.attempt(GET, timeout=10.0)
        threads = threading.active_count()
        await anyio.sleep(3.1)  # the keys are now so near their end that botocore fetches others
        for _ in range(3):
            await transport.attempt(GET, timeout=0.5)
        assert threading.active_count() <= threads + 1
        before = asyncio.all_tasks()
        await transport.aclose()
        await asyncio.sleep(0)
        assert not any("ChainRouter" in repr(task) for task in before if not task.done())

        assert len(server.requests) == 4


async def test_a_refresh_that_hangs_from_the_first_call_on_stops_no_call(tmp_path: Path) -> None:
    runs, script = tmp_path / "runs", tmp_path / "source"
    until = (datetime.now(UTC) + timedelta(minutes=12)).strftime("%Y-%m-%dT%H:%M:%SZ")
    keys = '"AccessKeyId": "AKID", "SecretAccessKey": "s", "SessionToken": "t"'
    reply = f'{{"Version": 1, {keys}, "Expiration": "{until}"}}'
    script.write_text(f"#!/bin/sh\n[ -e {runs} ] && sleep 6\necho run >> {runs}\necho '{reply}'\n")
    script.chmod(0o755)
    (tmp_path / "config").write_text(f"[default]\nregion = eu-west-1\ncredential_process = {script}\n")
    threads = threading.active_count()
    async with faulty_server(answer(ITEM)) as server:
        transport = FastTransport(endpoint=server.url)
        await transport.attempt(GET, timeout=5.0)
        for _ in range(3):
            await transport.attempt(GET, timeout=0.5)
        assert threading.active_count() <= threads + 2
        assert runs.read_text().count("run") == 1
        await transport.aclose()

        assert len(server.requests) == 4


async def test_a_profile_that_is_not_there_is_refused() -> None:
    transport = FastTransport(endpoint="http://127.0.0.1:9", profile="nobody")

    with pytest.raises(InvalidRequest, match="nobody"):
        await transport.attempt(GET, timeout=10.0)
    await transport.aclose()


def test_a_cold_start_with_a_profile_imports_no_aiobotocore(tmp_path: Path) -> None:
    write_profile(tmp_path, "AKIDSHOP")
    program = """
import asyncio, sys
from dynamorm_async.errors import EndpointUnreachable
from dynamorm_async.transport.fast import FastTransport
from dynamorm_async.wire import Call
async def main():
    transport = FastTransport(endpoint="http://127.0.0.1:9", profile="shop")
    try:
        await transport.attempt(Call(operation="GetItem", body=b"{}", tables=("t",)), timeout=5)
    except EndpointUnreachable:
        pass
    await transport.aclose()
asyncio.run(main())
print(sorted({"aiobotocore", "aiohttp", "anyio._backends._asyncio"} & set(sys.modules)))
"""

    told = subprocess.run(
        [sys.executable, "-c", program], env=dict(os.environ), check=True, capture_output=True, text=True
    )

    assert told.stdout == "[]\n"


@pytest.mark.skipif(sys.platform == "win32", reason="no sleep here")
@pytest.mark.slow
def test_a_source_that_hangs_does_not_hold_the_program_up_at_its_end(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("[profile shop]\nregion = eu-west-1\ncredential_process = sleep 20\n")
    program = """
import asyncio
from dynamorm_async.errors import EndpointUnreachable
from dynamorm_async.transport.fast import FastTransport
from dynamorm_async.wire import Call
async def main():
    transport = FastTransport(endpoint="http://127.0.0.1:9", profile="shop")
    try:
        await transport.attempt(Call(operation="GetItem", body=b"{}", tables=("t",)), timeout=1)
    except EndpointUnreachable as error:
        print(error.why)
    await transport.aclose()
asyncio.run(main())
"""

    told = tmp_path / "told"
    with told.open("w") as out:  # a pipe would stay open for as long as the source runs
        subprocess.run(
            [sys.executable, "-c", program], env=dict(os.environ), check=True, stdout=out, timeout=15
        )

    assert "credentials were not ready in time" in told.read_text()


@pytest.mark.parametrize("session", [None, AioSession()], ids=["botocore", "aiobotocore"])
async def test_where_there_are_no_credentials_the_advice_is_to_give_some(session: AioSession | None) -> None:
    transport = FastTransport(region="eu-west-1", endpoint="http://127.0.0.1:9", session=session)

    with pytest.raises(CredentialsError) as caught:
        await transport.attempt(GET, timeout=10.0)
    await transport.aclose()

    assert "AWS_ACCESS_KEY_ID" in (caught.value.fix or "")
    assert "a local engine takes any" in (caught.value.fix or "")
