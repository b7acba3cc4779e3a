"""Tables on scripted answers: waiting, deadlines, two processes at once, what is sent. R11, R87, R89, R90."""

from __future__ import annotations

import json
from typing import Any

import anyio.lowlevel
import attrs
import pytest

from dynamorm_async import (
    CallTimeout,
    InvalidModel,
    Repeat,
    RequestRefused,
    TableInUse,
    TableMismatch,
    TableNotFound,
    TableNotReady,
)
from dynamorm_async.admin import Admin
from dynamorm_async.codecs import default_codecs
from dynamorm_async.plan import Target
from tests.scripted_send import ScriptedSend, refused
from tests.shapes import Bookmark, Note, Order, User

MISSING = refused("ResourceNotFoundException")
IN_USE = refused("ResourceInUseException")


def notes_table(status: str = "ACTIVE", **more: Any) -> dict[str, Any]:
    return {
        "Table": {
            "TableName": "notes",
            "TableStatus": status,
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            **more,
        }
    }


EMPTY: dict[str, Any] = {}
CREATING, ACTIVE, DELETING = (notes_table(status) for status in ("CREATING", "ACTIVE", "DELETING"))


def ttl(status: str, attribute: str = "expires") -> dict[str, Any]:
    return {"TimeToLiveDescription": {"TimeToLiveStatus": status, "AttributeName": attribute}}


@attrs.define
class Script(ScriptedSend):
    """A `Send` beside which time passes only in sleep."""

    slept: list[float] = attrs.field(factory=list[float])

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await anyio.lowlevel.checkpoint()

    def target(self, model: type[Any], name: str | None) -> Target[Any]:
        record: Any = default_codecs().record(model)
        return Target(record, name or record.spec.table)

    @property
    def admin(self) -> Admin:
        return Admin(self.send, target=self.target, sleep=self.sleep, clock=lambda: sum(self.slept))


async def test_create_waits_until_the_table_is_active() -> None:
    script = Script([{}, MISSING, CREATING, CREATING, ACTIVE])

    shape = await script.admin.create_table(Note)

    assert script.operations == ["CreateTable", *["DescribeTable"] * 4]
    assert script.slept == sorted(script.slept)
    assert len(script.slept) == 3
    assert shape.name == "notes"
    assert script.calls[0].repeat is Repeat.GUARDED


async def test_create_waits_until_the_indexes_are_active() -> None:
    index: dict[str, Any] = {"IndexName": "by-x", "IndexStatus": "CREATING", "KeySchema": []}
    building = notes_table(GlobalSecondaryIndexes=[index])
    done = notes_table(GlobalSecondaryIndexes=[{**index, "IndexStatus": "ACTIVE"}])
    script = Script([{}, building, done])

    await script.admin.create_table(Note)

    assert len(script.slept) == 1


async def test_create_of_a_table_that_is_there_is_an_error() -> None:
    with pytest.raises(TableInUse):
        await Script([IN_USE]).admin.create_table(Note)


async def test_a_table_that_never_becomes_active_ends_at_the_deadline() -> None:
    script = Script([{}, CREATING])

    with pytest.raises(TableNotReady, match="the table notes is CREATING, and the deadline passed") as caught:
        await script.admin.create_table(Note, timeout=10)

    assert sum(script.slept) <= 10
    assert max(script.slept) <= 5
    assert caught.value.status == "CREATING"


async def test_what_is_sent_is_the_models_shape() -> None:
    script = Script([{}, notes_table(), ttl("ENABLED")])

    await script.admin.create_table(Bookmark)

    assert json.loads(script.calls[0].body) == {
        "TableName": "bookmarks",
        "AttributeDefinitions": [
            {"AttributeName": "created", "AttributeType": "S"},
            {"AttributeName": "slug", "AttributeType": "S"},
            {"AttributeName": "url", "AttributeType": "S"},
            {"AttributeName": "user", "AttributeType": "S"},
        ],
        "KeySchema": [
            {"AttributeName": "user", "KeyType": "HASH"},
            {"AttributeName": "slug", "KeyType": "RANGE"},
        ],
        "BillingMode": "PAY_PER_REQUEST",
        "GlobalSecondaryIndexes": [
            {
                "IndexName": "by-url",
                "KeySchema": [
                    {"AttributeName": "url", "KeyType": "HASH"},
                    {"AttributeName": "created", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    }


async def test_ensure_creates_nothing_where_the_table_is() -> None:
    script = Script([ACTIVE])

    await script.admin.ensure_table(Note)

    assert script.operations == ["DescribeTable"]


async def test_ensure_creates_what_is_missing() -> None:
    script = Script([MISSING, {}, CREATING, ACTIVE])

    await script.admin.ensure_table(Note)

    assert script.operations == ["DescribeTable", "CreateTable", "DescribeTable", "DescribeTable"]


async def test_ensure_is_content_when_another_process_is_faster() -> None:
    script = Script([MISSING, IN_USE, CREATING, ACTIVE])

    changes = await script.admin.ensure_table(Note)

    assert changes.table == "notes"


async def test_ensure_waits_for_a_table_that_is_being_deleted_and_creates_it_anew() -> None:
    script = Script([DELETING, DELETING, MISSING, {}, ACTIVE])

    await script.admin.ensure_table(Note)

    assert script.operations == [*["DescribeTable"] * 3, "CreateTable", "DescribeTable"]


async def test_ensure_lists_each_difference() -> None:
    other = notes_table(
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "N"}],
    )

    with pytest.raises(TableMismatch) as caught:
        await Script([other]).admin.ensure_table(Note)

    assert caught.value.differences == (
        (
            "change_keys: pk (partition), sk (sort) → id (partition) "
            "(a table keeps the keys it was created with)"
        ),
    )
    assert caught.value.table == "notes"


BOOKMARKS = notes_table(
    KeySchema=[{"AttributeName": "user", "KeyType": "HASH"}, {"AttributeName": "slug", "KeyType": "RANGE"}],
    AttributeDefinitions=[
        {"AttributeName": name, "AttributeType": "S"} for name in ("user", "slug", "url", "created")
    ],
    GlobalSecondaryIndexes=[
        {
            "IndexName": "by-url",
            "KeySchema": [
                {"AttributeName": "url", "KeyType": "HASH"},
                {"AttributeName": "created", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "ALL"},
        }
    ],
)


@pytest.mark.parametrize(
    ("steps", "sent"),
    [
        pytest.param([ttl("ENABLED")], ["DescribeTimeToLive"], id="on"),
        pytest.param([ttl("ENABLING")], ["DescribeTimeToLive"], id="turning on"),
        pytest.param([ttl("DISABLED"), {}], ["DescribeTimeToLive", "UpdateTimeToLive"], id="off"),
        pytest.param([EMPTY, EMPTY], ["DescribeTimeToLive", "UpdateTimeToLive"], id="never on"),
        pytest.param(
            [
                ttl("DISABLED"),
                refused("ValidationException", "modified multiple times"),
                BOOKMARKS,
                ttl("ENABLED"),
            ],
            ["DescribeTimeToLive", "UpdateTimeToLive", "DescribeTable", "DescribeTimeToLive"],
            id="another process was faster",
        ),
    ],
)
async def test_ensure_turns_time_to_live_on(steps: list[object], sent: list[str]) -> None:
    script = Script([BOOKMARKS, *steps])

    await script.admin.ensure_table(Bookmark)

    assert script.operations == ["DescribeTable", *sent]


async def test_time_to_live_on_another_attribute_is_a_mismatch() -> None:
    with pytest.raises(TableMismatch, match=r"change_ttl gone: on → off \(the models expire by 'expires'"):
        await Script([BOOKMARKS, ttl("ENABLED", "gone")]).admin.ensure_table(Bookmark)


async def test_a_refusal_of_time_to_live_that_means_something_is_raised() -> None:
    script = Script([BOOKMARKS, ttl("DISABLED"), refused("ValidationException"), BOOKMARKS, ttl("DISABLED")])

    with pytest.raises(RequestRefused):
        await script.admin.ensure_table(Bookmark)


async def test_delete_waits_until_the_table_is_gone() -> None:
    script = Script([{}, DELETING, DELETING, MISSING])

    await script.admin.delete_table(Note)

    assert script.operations == ["DeleteTable", *["DescribeTable"] * 3]
    assert len(script.slept) == 2


async def test_a_table_that_is_never_gone_ends_at_the_deadline() -> None:
    with pytest.raises(TableNotReady, match="the table notes is DELETING"):
        await Script([{}, DELETING]).admin.delete_table(Note, timeout=3)


async def test_a_missing_table_is_an_error() -> None:
    with pytest.raises(TableNotFound):
        await Script([MISSING]).admin.delete_table(Note)
    with pytest.raises(TableNotFound):
        await Script([MISSING]).admin.describe_table(Note)


async def test_no_model_and_models_of_different_tables_are_refused_before_io() -> None:
    script = Script([{}])

    with pytest.raises(InvalidModel, match="no model was given"):
        await script.admin.create_table()
    with pytest.raises(InvalidModel, match="Note and User are of different tables"):
        await script.admin.ensure_table(Note, User)

    assert script.calls == []


async def test_models_of_different_tables_can_share_one_by_name() -> None:
    script = Script([{}, ACTIVE])

    shape = await script.admin.create_table(User, Order, name="both")

    assert shape.name == "both"
    assert set(shape.indexes) == {"by-status"}


async def test_what_is_left_of_the_deadline_bounds_each_call() -> None:
    script = Script([MISSING, EMPTY, CREATING, ACTIVE])
    now = iter(range(100))
    admin = Admin(script.send, target=script.target, sleep=script.sleep, clock=lambda: float(next(now)))

    await admin.ensure_table(Note, timeout=50.0)

    timeouts = [call.timeout or 0.0 for call in script.calls]
    assert timeouts == sorted(timeouts, reverse=True)
    assert all(0 < timeout < 50 for timeout in timeouts)


async def test_nothing_is_sent_after_the_deadline() -> None:
    script = Script([ACTIVE])
    now = iter((0.0, 5.0))
    admin = Admin(script.send, target=script.target, sleep=script.sleep, clock=lambda: next(now))

    with pytest.raises(CallTimeout, match="before it was sent"):
        await admin.ensure_table(Note, timeout=1.0)

    assert script.calls == []
