"""Tables on every engine: created exactly, ensured by many, described, deleted. R11, R87, R89, R90, N1."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from dynamorm_async import (
    Attr,
    Client,
    GlobalIndex,
    LocalIndex,
    TableInUse,
    TableMismatch,
    TableNotFound,
    attribute,
    model,
    partition_key,
    sort_key,
)
from dynamorm_async.admin import described
from dynamorm_async.testing import Engine
from tests.shapes import Bookmark, Note, Order, User


@model(table="places")
class Place:
    country: Attr[str] = partition_key()
    number: Attr[int] = sort_key()
    city: Attr[str] = attribute(default="-")
    people: Attr[int] = attribute(default=0, name="inhabitants")
    code: Attr[bytes] = attribute(default=b"-")

    all = GlobalIndex("by-city", partition_key="city", sort_key="people")
    keys = GlobalIndex("by-code", partition_key="code", projection="KEYS_ONLY")
    some = GlobalIndex("by-people", partition_key="people", projection=["city"])
    local = LocalIndex("by-local", sort_key="city", projection=["code"])


async def test_a_table_is_created_exactly_as_the_model_says(db: Client, table_name: str) -> None:
    want = await db.admin.create_table(Place, name=table_name)

    table = await db.admin.describe_table(Place, name=table_name)

    found = described(table)
    assert (found.keys, found.indexes) == (want.keys, want.indexes)
    assert found.types == {"country": "S", "number": "N", "city": "S", "inhabitants": "N", "code": "B"}
    assert table["TableStatus"] == "ACTIVE"


async def test_a_second_create_is_an_error_and_a_second_ensure_is_none(db: Client, table_name: str) -> None:
    await db.admin.create_table(Note, name=table_name)

    with pytest.raises(TableInUse):
        await db.admin.create_table(Note, name=table_name)
    assert (await db.admin.ensure_table(Note, name=table_name)).steps == ()


async def test_ten_tasks_ensure_one_table_at_once(db: Client, table_name: str) -> None:
    async with anyio.create_task_group() as tasks:
        for _ in range(10):
            tasks.start_soon(lambda: db.admin.ensure_table(Bookmark, name=table_name))

    assert (await db.admin.describe_table(Bookmark, name=table_name))["TableStatus"] == "ACTIVE"


async def test_time_to_live_is_turned_on(db: Client, table_name: str) -> None:
    await db.admin.ensure_table(Bookmark, name=table_name)

    assert await ttl_of(db, table_name) == ("ENABLED", "expires")


async def test_time_to_live_is_turned_on_where_the_table_was_there(db: Client, table_name: str) -> None:
    @model(table="bookmarks")
    class Old:
        user: Attr[str] = partition_key()
        slug: Attr[str] = sort_key()
        url: Attr[str] = attribute(default="-")
        created: Attr[str] = attribute(default="-")

        by_url = GlobalIndex("by-url", partition_key="url", sort_key="created")

    await db.admin.create_table(Old, name=table_name)

    await db.admin.ensure_table(Bookmark, name=table_name)

    assert await ttl_of(db, table_name) == ("ENABLED", "expires")


async def ttl_of(db: Client, table: str) -> tuple[Any, Any]:
    from tests.client.given import answer

    found = (await answer(db, "DescribeTimeToLive", table))["TimeToLiveDescription"]
    return found["TimeToLiveStatus"], found["AttributeName"]


async def test_a_table_of_another_shape_is_told_difference_by_difference(db: Client, table_name: str) -> None:
    await db.admin.create_table(Note, name=table_name)

    with pytest.raises(TableMismatch) as caught:
        await db.admin.ensure_table(Bookmark, name=table_name)

    assert caught.value.differences == (
        (
            "change_keys: id (partition) → user (partition), slug (sort) "
            "(a table keeps the keys it was created with)"
        ),
    )
    assert described(await db.admin.describe_table(Note, name=table_name)).indexes == {}


async def test_several_models_share_one_table(db: Client, table_name: str) -> None:
    await db.admin.ensure_table(User, Order, name=table_name)
    await db.admin.ensure_table(User, name=table_name)

    assert set(described(await db.admin.describe_table(User, name=table_name)).indexes) == {"by-status"}


async def test_a_deleted_table_is_gone_and_can_be_created_again(db: Client, table_name: str) -> None:
    await db.admin.create_table(Note, name=table_name)

    await db.admin.delete_table(Note, name=table_name)

    with pytest.raises(TableNotFound):
        await db.admin.describe_table(Note, name=table_name)
    with pytest.raises(TableNotFound):
        await db.admin.delete_table(Note, name=table_name)
    await db.admin.create_table(Note, name=table_name)


async def test_a_prefix_stands_before_every_table(engine: Engine, table_name: str) -> None:
    prefix = f"{table_name}-"
    async with engine.connect(table_prefix=prefix) as db:
        await db.admin.ensure_table(Note)
        await db.table(Note).put(Note(id="a"))

        assert db.table(Note).name == f"{prefix}notes"
        assert await db.table(Note, name=f"{prefix}notes").get("a") == Note(id="a")
