"""How `connect` comes to the fast path, and says so."""

import logging
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession

from dynamorm_async import ConnectionLost, InvalidRequest, Retry, connect
from dynamorm_async.client import Client
from dynamorm_async.testing import Engine
from dynamorm_async.testing.faults import answer, faulty_server, reset
from dynamorm_async.transport import AiobotocoreTransport, FastTransport, choose_transport
from tests.shapes import Note
from tests.transport.fast.test_fast import KEYS


async def test_the_fast_path_is_the_one_taken_where_it_can_serve() -> None:
    async with connect("http://127.0.0.1:9", credentials=KEYS) as db:
        assert db.transport == "fast"
        assert repr(db) == "<Client over fast>"


async def test_the_other_one_can_be_demanded() -> None:
    async with connect("http://127.0.0.1:9", credentials=KEYS, transport="aiobotocore") as db:
        assert db.transport == "aiobotocore"


async def test_where_it_cannot_serve_aiobotocore_does_and_one_line_says_why(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG, "dynamorm_async.transport")
    monkeypatch.setenv("HTTPS_PROXY", "http://user:password@proxy:3128")

    async with connect(region="eu-west-1", credentials=KEYS) as db:
        assert db.transport == "aiobotocore"

    (record,) = caplog.records
    assert "a proxy is set in the environment" in record.message
    assert "password" not in caplog.text


async def test_demanding_it_where_it_cannot_serve_is_an_error() -> None:
    with pytest.raises(InvalidRequest, match="client_cert"):
        connect(region="eu-west-1", config=AioConfig(client_cert="c.pem"), transport="fast")


async def test_the_client_says_when_it_turned_out_later(tmp_path: Any) -> None:
    (tmp_path / "config").write_text("[default]\nretry_mode = adaptive\n")
    async with (
        faulty_server(answer(b"{}")) as server,
        connect(server.url, region="eu-west-1", credentials=KEYS) as db,
    ):
        assert db.transport == "fast"

        assert await db.table(Note).find("1") is None

        assert db.transport == "aiobotocore"


@pytest.mark.parametrize(("running", "kind"), [(True, AiobotocoreTransport), (False, FastTransport)])
def test_under_trio_aiobotocore_is_chosen(
    monkeypatch: pytest.MonkeyPatch, running: bool, kind: type[object]
) -> None:
    trio = SimpleNamespace(lowlevel=SimpleNamespace(in_trio_run=lambda: running))
    monkeypatch.setitem(sys.modules, "trio", trio)

    assert isinstance(choose_transport(endpoint="http://127.0.0.1:9", credentials=KEYS), kind)


def test_outside_of_any_loop_the_fast_path_is_chosen() -> None:
    assert isinstance(choose_transport(endpoint="http://127.0.0.1:9", credentials=KEYS), FastTransport)


async def attempts_of_a_call(transport: Any, **options: Any) -> int:
    """Return how often a client tries a call that always fails."""
    async with (
        faulty_server(reset()) as server,
        connect(server.url, region="eu-west-1", credentials=KEYS, transport=transport, **options) as db,
    ):
        with pytest.raises(ConnectionLost) as caught:
            await db.table(Note).find("1")
    assert caught.value.attempts is not None
    return caught.value.attempts


def defaulting(attempts: int) -> AioSession:
    session = AioSession()
    session.set_default_client_config(AioConfig(retries={"total_max_attempts": attempts}))
    return session


@pytest.mark.parametrize("transport", ["fast", "aiobotocore"])
@pytest.mark.parametrize(
    ("options", "environ", "attempts"),
    [
        pytest.param({}, "2", 2, id="environment"),
        pytest.param({}, "", 4, id="empty environment"),
        pytest.param({"session": defaulting(1)}, "2", 1, id="session"),
        pytest.param(
            {"session": defaulting(1), "config": AioConfig(retries={"max_attempts": 2})}, "2", 3, id="config"
        ),
        pytest.param({"session": defaulting(1), "retry": Retry(attempts=5)}, "2", 5, id="retry"),
    ],
)
async def test_attempts_are_as_many_as_the_nearest_configuration_says(
    monkeypatch: pytest.MonkeyPatch, transport: Any, options: dict[str, Any], environ: str, attempts: int
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", environ)
    assert await attempts_of_a_call(transport, **options) == attempts


def profiled(name: str) -> AioSession:
    return AioSession(profile=name)


@pytest.mark.parametrize("transport", ["fast", "aiobotocore"])
@pytest.mark.parametrize(
    ("options", "environ", "attempts"),
    [
        pytest.param({}, {}, 2, id="default profile"),
        pytest.param({}, {"AWS_PROFILE": "shop"}, 3, id="profile of the environment"),
        pytest.param({"profile": "shop"}, {"AWS_PROFILE": "none"}, 3, id="profile that was given"),
        pytest.param({"session": profiled("shop")}, {}, 3, id="profile of a session"),
        pytest.param({"profile": "none"}, {}, 4, id="profile that says nothing"),
        pytest.param({"profile": "both"}, {}, 5, id="credentials file first"),
        pytest.param({}, {"AWS_MAX_ATTEMPTS": "1"}, 1, id="environment first"),
        pytest.param({"retry": Retry(attempts=1)}, {}, 1, id="retry first"),
    ],
)
async def test_attempts_of_the_configuration_files_are_those_of_the_profile(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    transport: Any,
    options: dict[str, Any],
    environ: dict[str, str],
    attempts: int,
) -> None:
    (tmp_path / "config").write_text(
        "[default]\nmax_attempts = 2\n[profile  shop]\nmax_attempts=3\n"
        "[profile none]\nregion = eu-west-1\n[profile both]\nmax_attempts = 6\n"
    )
    (tmp_path / "credentials").write_text("[both]\nmax_attempts = 5\n")
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert await attempts_of_a_call(transport, **options) == attempts


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("[default]\nmax_attempts = many\n", "max_attempts of the AWS", id="no number"),
        pytest.param(
            "max_attempts = 2\naws_secret_access_key = SECRET\n", "cannot be parsed", id="no section"
        ),
    ],
)
def test_configuration_files_that_mean_nothing_are_refused_and_not_shown(
    tmp_path: Path, text: str, told: str
) -> None:
    (tmp_path / "config").write_text(text)

    with pytest.raises(InvalidRequest, match=told) as caught:
        connect("http://127.0.0.1:9", credentials=KEYS)

    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize("number", ["0", "-1", "many", "1.5", "9" * 5000])
def test_a_number_of_attempts_that_means_nothing_is_refused(
    monkeypatch: pytest.MonkeyPatch, number: str
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", number)

    with pytest.raises(InvalidRequest, match="AWS_MAX_ATTEMPTS"):
        connect("http://127.0.0.1:9", credentials=KEYS)
    assert connect("memory://").transport == "memory"


async def test_items_make_the_round_trip_on_each_engine(engine: Engine, db: Client, table_name: str) -> None:
    notes = db.table(Note, name=table_name)
    await db.admin.ensure_table(Note, name=table_name)

    note = await notes.put(Note(id="żółw 🐢"))

    assert await notes.get("żółw 🐢") == note
    assert db.transport == ("memory" if engine.name == "memory" else "fast")
