"""How `connect` comes to the fast path, and says so."""

import logging
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from aiobotocore.config import AioConfig

from dynamorm_async import InvalidRequest, connect
from dynamorm_async.client import Client
from dynamorm_async.testing import Engine
from dynamorm_async.testing.faults import answer, faulty_server
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


async def test_items_make_the_round_trip_on_each_engine(engine: Engine, db: Client, table_name: str) -> None:
    notes = db.table(Note, name=table_name)
    await db.admin.ensure_table(Note, name=table_name)

    note = await notes.put(Note(id="żółw 🐢"))

    assert await notes.get("żółw 🐢") == note
    assert db.transport == ("memory" if engine.name == "memory" else "fast")
