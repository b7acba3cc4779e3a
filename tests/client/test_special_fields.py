"""Times, versions and expiry on every engine, beside writers that know none of it. R9 to R11, R27."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from dynamorm_async import (
    UNSET,
    Attr,
    Client,
    ConditionFailed,
    InvalidKey,
    InvalidModel,
    InvalidRequest,
    InvalidValue,
    ItemNotFound,
    Key,
    Table,
    VersionConflict,
    attribute,
    created_at,
    evolve,
    model,
    partition_key,
    ttl,
    updated_at,
    version,
)
from tests.client.given import mark, put_raw, raw_item
from tests.shapes import Bookmark, Note

NANOSECONDS = "2020-02-03T04:05:06.123456789Z"
KEY: dict[str, Any] = {"user": {"S": "ana"}, "slug": {"S": "aws"}}
FOREIGN = {
    **KEY,
    "url": {"S": "https://x"},
    "created": {"S": NANOSECONDS},
    "updated": {"S": "2020-02-03T05:05:06+01:00"},
    "revision": {"N": "7"},
}


async def test_created_updated_version_and_ttl_have_their_forms(
    db: Client, bookmarks: Table[Bookmark]
) -> None:
    await bookmarks.create(mark(expires=datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)))

    item = await raw_item(db, bookmarks.name, **KEY)

    assert item["expires"] == {"N": "1700000000"}
    assert item["revision"] == {"N": "0"}
    assert item["created"] == item["updated"]
    assert len(item["created"]["S"]) == 30
    assert item["created"]["S"].endswith("000Z")


@pytest.mark.parametrize("verb", ["save", "put", "upsert"])
async def test_created_keeps_the_nanoseconds_of_another_service(
    db: Client, bookmarks: Table[Bookmark], verb: str
) -> None:
    await put_raw(db, bookmarks.name, FOREIGN)
    found = await bookmarks.get("ana", "aws")
    write: Callable[[Bookmark], Awaitable[Bookmark]] = getattr(bookmarks, verb)

    written = await write(evolve(found, title="new"))

    item = await raw_item(db, bookmarks.name, **KEY)
    assert (item["created"], item["revision"]) == ({"S": NANOSECONDS}, {"N": "8"})
    assert (written.title, written.revision) == ("new", 8)
    assert written.created == datetime(2020, 2, 3, 4, 5, 6, 123456, tzinfo=UTC)
    assert found.updated == datetime(2020, 2, 3, 4, 5, 6, tzinfo=UTC)


async def test_created_keeps_its_nanoseconds_through_two_saves_and_an_update(
    db: Client, bookmarks: Table[Bookmark]
) -> None:
    await put_raw(db, bookmarks.name, FOREIGN)

    saved = await bookmarks.save(await bookmarks.save(await bookmarks.get("ana", "aws")))
    updated = await bookmarks.update(saved, Bookmark.visits.add(1), returning="ALL_NEW")
    await bookmarks.put(updated)

    assert (await raw_item(db, bookmarks.name, **KEY))["created"] == {"S": NANOSECONDS}


async def test_a_copy_under_a_new_key_is_created_now(bookmarks: Table[Bookmark]) -> None:
    first = await bookmarks.create(mark())

    copy = await bookmarks.create(evolve(first, slug="copy"))

    assert copy.created > first.created
    assert copy.revision == 0


async def test_an_item_without_the_special_fields_reads_as_unset_and_can_be_saved(
    db: Client, bookmarks: Table[Bookmark]
) -> None:
    await put_raw(db, bookmarks.name, {**KEY, "url": {"S": "x"}})
    found = await bookmarks.get("ana", "aws")

    saved = await bookmarks.save(found)

    assert (found.created, found.revision) == (UNSET, UNSET)
    assert (saved.created, saved.revision) == (UNSET, 0)
    with pytest.raises(ConditionFailed):
        await bookmarks.save(found)


async def test_ten_concurrent_increments_end_at_version_10_and_value_10(
    db: Client, bookmarks: Table[Bookmark]
) -> None:
    await bookmarks.create(mark())
    key = Key(Bookmark, "ana", "aws")

    async def increment() -> None:
        await db.retry_on_conflict(
            key, lambda b: evolve(b, visits=b.visits + 1), name=bookmarks.name, attempts=100
        )

    async with anyio.create_task_group() as tasks:
        for _ in range(10):
            tasks.start_soon(increment)

    stored = await bookmarks.get("ana", "aws", consistent=True)
    assert (stored.revision, stored.visits) == (10, 10)


async def test_concurrent_first_versions_lose_no_change(db: Client, bookmarks: Table[Bookmark]) -> None:
    await put_raw(db, bookmarks.name, {**KEY, "url": {"S": "x"}})
    key = Key(Bookmark, "ana", "aws")

    async def increment(b: Bookmark) -> Bookmark:
        await anyio.lowlevel.checkpoint()
        return evolve(b, visits=b.visits + 1)

    async def run() -> None:
        await db.retry_on_conflict(key, increment, name=bookmarks.name, attempts=100)

    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(run)

    assert (await bookmarks.get("ana", "aws", consistent=True)).visits == 5


async def test_a_retry_that_always_loses_ends_with_the_last_conflict(
    db: Client, bookmarks: Table[Bookmark]
) -> None:
    await bookmarks.create(mark())
    seen: list[int] = []

    async def beaten(found: Bookmark) -> Bookmark:
        seen.append(found.revision)
        await bookmarks.update(("ana", "aws"), Bookmark.visits.add(1))
        return found

    with pytest.raises(VersionConflict, match="version 2 is held, and version 3 is stored"):
        await db.retry_on_conflict(Key(Bookmark, "ana", "aws"), beaten, name=bookmarks.name, attempts=3)

    assert seen == [0, 1, 2]


async def test_a_retry_of_what_is_gone_says_so(db: Client, bookmarks: Table[Bookmark]) -> None:
    await bookmarks.create(mark())

    async def deleted(found: Bookmark) -> Bookmark:
        await bookmarks.delete("ana", "aws")
        return found

    with pytest.raises(ItemNotFound):
        await db.retry_on_conflict(Key(Bookmark, "ana", "aws"), deleted, name=bookmarks.name)


async def test_a_retry_that_could_see_no_conflict_is_refused(db: Client) -> None:
    def same(item: Any) -> Any:
        return item

    untyped: Any = db
    with pytest.raises(InvalidModel, match="Note has none"):
        await db.retry_on_conflict(Key(Note, "a"), same)
    with pytest.raises(InvalidKey, match=r"use Key\(Model"):
        await untyped.retry_on_conflict(("ana", "aws"), same)
    with pytest.raises(InvalidRequest, match="attempts=0"):
        await db.retry_on_conflict(Key(Bookmark, "a", "b"), same, attempts=0)


async def test_a_change_that_returns_nothing_is_named(db: Client, bookmarks: Table[Bookmark]) -> None:
    await bookmarks.create(mark())
    untyped: Any = db

    def nothing(found: Bookmark) -> None:
        found.title = "changed and not returned"

    with pytest.raises(InvalidValue, match="expected Bookmark, got NoneType"):
        await untyped.retry_on_conflict(Key(Bookmark, "ana", "aws"), nothing, name=bookmarks.name)


@model(table="sessions")
class Session:
    id: Attr[str] = partition_key()
    until: Attr[int | None] = ttl(default=None)
    text: Attr[str] = attribute(default="")


async def test_expiry_as_whole_seconds(db: Client, table_name: str) -> None:
    await db.admin.create_table(Session, name=table_name)
    sessions = db.table(Session, name=table_name)

    await sessions.create(Session(id="a", until=1700000000))
    await sessions.update("a", Session.until.set(1800000000), when=Session.until < 1800000000)

    assert (await sessions.get("a")).until == 1800000000
    assert await raw_item(db, table_name, id={"S": "a"}) == {
        "id": {"S": "a"},
        "until": {"N": "1800000000"},
        "text": {"S": ""},
    }


@pytest.mark.parametrize("wrong", [-1, 1700000000000, 1.5])
async def test_an_expiry_that_is_no_time_is_refused(db: Client, table_name: str, wrong: Any) -> None:
    sessions = db.table(Session, name=table_name)

    with pytest.raises(InvalidValue, match=r"Session\.until"):
        await sessions.create(Session(id="a", until=wrong))
    with pytest.raises(InvalidValue, match=r"Session\.until"):
        await sessions.update("a", Session.until.set(wrong))


@model(table="aliased")
class Aliased:
    id: Attr[str] = partition_key(name="ID")
    text: Attr[str] = attribute(default="", name="theText")
    made: Attr[datetime] = created_at(name="createdAt")
    changed: Attr[datetime] = updated_at(name="updatedAt")
    number: Attr[int] = version(name="_v")
    ends: Attr[int | None] = ttl(default=None, name="ttl")


async def test_every_field_of_the_librarys_may_have_another_name(db: Client, table_name: str) -> None:
    await db.admin.ensure_table(Aliased, name=table_name)
    aliased = db.table(Aliased, name=table_name)

    held = await aliased.create(Aliased(id="a", ends=1700000000))
    found = await aliased.update("a", Aliased.text.set("x"), returning="UPDATED_NEW")

    assert found.keys() == {"text", "changed", "number"}
    assert (await raw_item(db, table_name, ID={"S": "a"})).keys() == {
        "ID",
        "theText",
        "createdAt",
        "updatedAt",
        "_v",
        "ttl",
    }
    with pytest.raises(VersionConflict, match="version 0 is held, and version 1 is stored"):
        await aliased.save(held)
