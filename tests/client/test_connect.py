"""What a client is made of, what it refuses, and how it ends; the errors that users meet first."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import anyio
import pytest

from dynamorm_async import (
    Answer,
    Call,
    CallTimeout,
    Client,
    ConditionFailed,
    Credentials,
    CredentialsError,
    DynamormError,
    EndpointUnreachable,
    InvalidModel,
    InvalidRequest,
    ItemNotFound,
    LogObserver,
    OutcomeUnknown,
    Reply,
    Retry,
    Send,
    TableNotFound,
    connect,
)
from dynamorm_async.testing import Engine
from tests.client.given import mark
from tests.shapes import Bookmark, Note
from tests.transport.http_server import answering, serving
from tests.transport.scripted import OK, ScriptedTransport, refusal

KEYS = Credentials("AKIAEXAMPLE", "not-a-secret")
untyped_connect: Any = connect
untyped_retry: Any = Retry


class Own:
    name = "own"

    async def attempt(self, call: Call, *, timeout: float) -> Answer:
        return OK

    async def aclose(self) -> None: ...


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "no address": (lambda: connect("dynamo.example"), "is no address of a DynamoDB"),
    "another scheme": (lambda: connect("ftp://x"), "is no address of a DynamoDB"),
    "URL and endpoint": (lambda: connect("http://x:1", endpoint="http://y:2"), "a URL and an endpoint"),
    "URL and own transport": (lambda: connect("http://x:1", transport=Own()), "got url as well"),
    "own transport and region": (
        lambda: connect(transport=Own(), region="eu-west-1", credentials=KEYS),
        "got region, credentials as well",
    ),
    "memory and endpoint": (lambda: connect("memory://", endpoint="http://x"), "got endpoint as well"),
    "memory and credentials": (lambda: connect("memory://", credentials=KEYS), "got credentials as well"),
    "memory and transport": (
        lambda: connect("memory://", transport="aiobotocore"),
        "got transport as well",
    ),
    "unknown transport": (lambda: untyped_connect(transport="carrier pigeon"), "transport='carrier pigeon'"),
    "prefix with a space": (lambda: connect("memory://", table_prefix="a b"), "table_prefix='a b'"),
    "no concurrency": (lambda: connect("memory://", max_concurrency=0), "max_concurrency=0"),
    "no time for an attempt": (lambda: connect("memory://", attempt_timeout=0), "attempt_timeout=0"),
    "a negative timeout": (lambda: connect("memory://", timeout=-1), "timeout=-1"),
    "retry that is a number": (lambda: untyped_connect("memory://", retry=3), "retry=3"),
    "endpoint that is no URL": (lambda: connect(endpoint="localhost:8000"), "localhost:8000"),
    "max_connections 0": (lambda: connect("http://x:1", max_connections=0), "max_connections=0"),
    "max_connections -1": (lambda: connect(max_connections=-1), "max_connections=-1"),
    "max_connections '3'": (lambda: untyped_connect(max_connections="3"), "max_connections='3'"),
    "max_connections 1.5": (lambda: untyped_connect(max_connections=1.5), "max_connections=1.5"),
    "max_concurrency 1.5": (lambda: untyped_connect("memory://", max_concurrency=1.5), "max_concurrency=1.5"),
    "half an attempt": (lambda: untyped_retry(attempts=1.5), "Retry(attempts=1.5)"),
    "attempts in letters": (lambda: untyped_retry(attempts="3"), "Retry(attempts='3')"),
    "a quota in letters": (lambda: untyped_retry(quota="3"), "Retry(quota='3')"),
    "one observer": (lambda: untyped_connect("memory://", observers=LogObserver()), "[LogObserver()]"),
    "number for an observer": (lambda: untyped_connect("memory://", observers=[3]), "3 is no observer"),
    "class for an observer": (lambda: untyped_connect("memory://", observers=[LogObserver]), "no observer"),
    "one middleware": (lambda: untyped_connect("memory://", middleware=print), "put it in a list"),
    "number for a middleware": (lambda: untyped_connect("memory://", middleware=[3]), "3 cannot be called"),
    "host with an empty label": (lambda: connect("http://a..b"), "a..b"),
    "host with a long label": (lambda: connect(f"http://{'a' * 64}.example"), "URL of a host"),
    "line break in a region": (lambda: connect(region="eu\r\nwest"), "region"),
}


@pytest.mark.parametrize(("make", "words"), [pytest.param(*c, id=name) for name, c in REFUSED.items()])
def test_options_that_mean_nothing_are_refused(make: Callable[[], object], words: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        make()

    assert words in str(caught.value)
    assert caught.value.fix


@pytest.mark.parametrize("scheme", ["http", "https", "ftp"])
def test_a_password_in_an_address_is_not_repeated(scheme: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        connect(f"{scheme}://user:hunter2@host:1")

    assert "hunter2" not in str(caught.value)
    assert "host:1" in str(caught.value)


async def test_a_table_name_that_the_service_cannot_take_is_refused(db: Client) -> None:
    with pytest.raises(InvalidModel, match="is no table name"):
        db.table(Note, name="a b")
    with pytest.raises(InvalidModel, match="is not a model"):
        db.table(dict[str, str])


async def test_a_prefix_means_nothing_before_an_arn() -> None:
    arn = "arn:aws:dynamodb:eu-west-1:123456789012:table/notes"

    async with connect("memory://", table_prefix="dev-") as db:
        assert db.table(Note).name == "dev-notes"
        assert db.table(Note, name=arn).name == arn
        assert db.table(Note, name="other").name == "other"


async def test_client_and_handle_say_what_they_are() -> None:
    async with connect("memory://") as db:
        assert repr(db) == "<Client over memory>"
        assert repr(db.table(Note)) == "<Table notes of Note>"
        assert db.table(Note).model is Note
        assert db.transport == "memory"
    async with connect("http://127.0.0.1:9", credentials=KEYS) as db:
        assert "not-a-secret" not in repr(db)


async def test_memory_is_fresh_for_each_client_and_shared_under_a_name() -> None:
    async with connect("memory://") as one, connect("memory://") as two:
        await one.admin.create_table(Note)
        with pytest.raises(TableNotFound):
            await two.table(Note).find("a")
    async with connect("memory://shared-here") as one, connect("memory://shared-here") as two:
        await one.admin.create_table(Note)
        assert await two.table(Note).find("a") is None


def test_a_client_cannot_be_pickled() -> None:
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(connect("memory://"))


async def test_a_client_is_closed_once_and_may_be_closed_again(engine: Engine, table_name: str) -> None:
    async with engine.connect() as db:
        with pytest.raises(TableNotFound):
            await db.table(Note, name=table_name).find("a")
    await db.aclose()

    with pytest.raises(InvalidRequest, match="closed"):
        await db.table(Note, name=table_name).find("a")
    with pytest.raises(InvalidRequest, match="closed"):
        async with db:
            pytest.fail("a closed client was entered")


async def test_a_transport_of_ones_own_is_used_and_closed() -> None:
    transport = ScriptedTransport([OK])

    async with connect(transport=transport) as db:
        assert await db.table(Note).find("a") is None

    assert json.loads(transport.bodies[0]) == {"TableName": "notes", "Key": {"id": {"S": "a"}}}
    assert (db.transport, transport.closed) == ("scripted", 1)


async def test_middleware_stands_around_every_call() -> None:
    seen: list[str] = []

    async def note(call: Call, send: Send) -> Reply:
        seen.append(call.operation)
        return await send(call)

    async with connect("memory://", middleware=[note]) as db:
        await db.admin.create_table(Note)
        await db.table(Note).put(Note(id="a"))

    assert seen == ["CreateTable", "DescribeTable", "PutItem"]


async def test_the_clock_of_the_client_is_the_time_of_its_writes() -> None:
    at = datetime(2001, 2, 3, tzinfo=UTC)

    async with connect("memory://", now=lambda: at) as db:
        await db.admin.create_table(Bookmark)
        created = await db.table(Bookmark).create(mark())
        saved = await db.table(Bookmark).save(created)

    assert (created.created, saved.updated) == (at, at)


# The errors that users meet first: each is another class, and each says what to do.


async def test_an_endpoint_where_nobody_is_says_so() -> None:
    async with connect("http://127.0.0.1:9", credentials=KEYS, retry=Retry(attempts=1)) as db:
        with pytest.raises(EndpointUnreachable, match="endpoint") as caught:
            await db.table(Note).get("a")

    assert (caught.value.operation, caught.value.table) == ("GetItem", "notes")


async def test_credentials_that_are_not_accepted_say_so() -> None:
    body = {"__type": "com.amazon.coral.service#UnrecognizedClientException", "message": "invalid token"}

    async with (
        serving(answering(json.dumps(body).encode(), status=400)) as server,
        connect(server.url, credentials=KEYS) as db,
    ):
        with pytest.raises(CredentialsError, match="check the access key") as caught:
            await db.table(Note).get("a")

    assert caught.value.request_id == "REQUEST-1"
    assert "not-a-secret" not in str(caught.value)


async def test_a_missing_table_and_a_missing_item_say_so(db: Client, table_name: str) -> None:
    with pytest.raises(TableNotFound, match="ensure_table"):
        await db.table(Note, name=table_name).get("a")
    await db.admin.create_table(Note, name=table_name)
    with pytest.raises(ItemNotFound, match="find"):
        await db.table(Note, name=table_name).get("a")


FIRST_ERRORS = {EndpointUnreachable, CredentialsError, TableNotFound, ItemNotFound}


def test_the_four_are_different_and_are_caught_by_one_name() -> None:
    for each in FIRST_ERRORS:
        assert issubclass(each, DynamormError)
        assert not any(issubclass(each, other) for other in FIRST_ERRORS - {each})


# What a lost answer means for whole verbs.

QUICK = Retry(transient_base=0.0, throttling_base=0.0)
LOST = refusal("InternalServerError", status=500)
FAILED = refusal("ConditionalCheckFailedException")


async def test_a_counter_whose_answer_is_lost_is_not_counted_twice() -> None:
    transport = ScriptedTransport([LOST, OK])

    async with connect(transport=transport, retry=QUICK) as db:
        with pytest.raises(OutcomeUnknown):
            await db.table(Note).update("a", Note.count.add(1))

    assert transport.attempts == 1


async def test_a_create_whose_first_answer_is_lost_and_whose_second_fails_is_unknown() -> None:
    transport = ScriptedTransport([LOST, FAILED])

    async with connect(transport=transport, retry=QUICK) as db:
        with pytest.raises(OutcomeUnknown) as caught:
            await db.table(Note).create(Note(id="a"))

    assert not isinstance(caught.value, ConditionFailed)
    assert transport.attempts == 2
    assert transport.bodies[0] == transport.bodies[1]


async def test_a_put_without_a_condition_is_simply_repeated() -> None:
    transport = ScriptedTransport([LOST, OK])

    async with connect(transport=transport, retry=QUICK) as db:
        assert await db.table(Note).put(Note(id="a")) == Note(id="a")

    assert transport.attempts == 2


async def test_a_verb_ends_at_its_deadline() -> None:
    gate = anyio.Event()
    transport = ScriptedTransport([CallTimeout("late")], gate=gate)
    gate.set()

    async with connect(transport=transport, retry=Retry(attempts=9, transient_base=9.0)) as db:
        with pytest.raises(CallTimeout):
            await db.table(Note).get("a", timeout=0.05)

    assert max(transport.timeouts) <= 0.05


@pytest.mark.slow
async def test_a_thousand_tasks_share_one_client() -> None:
    async with connect("memory://", max_concurrency=16) as db:
        await db.admin.create_table(Note)
        notes = db.table(Note)
        async with anyio.create_task_group() as tasks:
            for number in range(1000):
                tasks.start_soon(lambda n=number: notes.put(Note(id=f"{n}", count=n)))

        assert sum([note.count async for note in notes.scan()]) == sum(range(1000))
