"""One item on every engine: stored, read, written over, saved, deleted. R8, R9, R13 to R16, R19, R20."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from dynamorm_async import (
    UNSET,
    Attr,
    Client,
    ConditionFailed,
    ItemNotFound,
    Key,
    Table,
    TableNotFound,
    VersionConflict,
    attribute,
    evolve,
    model,
    partition_key,
    with_version,
)
from tests.client.given import mark, raw_item
from tests.shapes import Bookmark, Note


async def test_create_shows_exactly_what_was_stored(bookmarks: Table[Bookmark]) -> None:
    created = await bookmarks.create(mark(tags={"a", "b"}, title="AWS"))

    assert created == await bookmarks.get("ana", "aws")
    assert created.created == created.updated
    assert created.revision == 0


async def test_create_takes_the_time_of_the_client(engine: Any, table_name: str) -> None:
    at = datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)

    async with engine.connect(now=lambda: at) as db:
        await db.admin.create_table(Bookmark, name=table_name)
        created = await db.table(Bookmark, name=table_name).create(mark())

    assert (created.created, created.updated) == (at, at)


async def test_create_where_an_item_is_fails_and_changes_nothing(bookmarks: Table[Bookmark]) -> None:
    before = await bookmarks.create(mark(title="first"))

    with pytest.raises(ConditionFailed) as caught:
        await bookmarks.create(mark(title="second"))

    assert type(caught.value) is ConditionFailed
    assert "already stored" in caught.value.what
    assert caught.value.item == before
    assert await bookmarks.get("ana", "aws") == before


async def test_put_under_not_exists_is_a_create(bookmarks: Table[Bookmark]) -> None:
    await bookmarks.create(mark())

    with pytest.raises(ConditionFailed):
        await bookmarks.put(mark(title="second"), when=Bookmark.user.not_exists())


async def test_a_second_put_overwrites(bookmarks: Table[Bookmark]) -> None:
    await bookmarks.put(mark(title="first", tags={"a"}))

    await bookmarks.put(mark(title="second"))

    stored = await bookmarks.get("ana", "aws")
    assert (stored.title, stored.tags, stored.revision) == ("second", set(), 0)


async def test_put_of_what_was_read_raises_the_version_and_keeps_created(bookmarks: Table[Bookmark]) -> None:
    first = await bookmarks.create(mark())

    second = await bookmarks.put(evolve(first, title="new"))

    assert (second.revision, second.created) == (1, first.created)
    assert second.updated > first.updated
    assert second == await bookmarks.get("ana", "aws")


async def test_put_of_a_stale_version_is_a_conflict(bookmarks: Table[Bookmark]) -> None:
    stale = await bookmarks.create(mark())
    current = await bookmarks.put(evolve(stale, title="theirs"))

    with pytest.raises(VersionConflict) as caught:
        await bookmarks.put(evolve(stale, title="ours"))

    assert caught.value.item == current
    assert await bookmarks.get("ana", "aws") == current


async def test_get_takes_every_form_of_a_key(bookmarks: Table[Bookmark]) -> None:
    stored = await bookmarks.create(mark())

    assert await bookmarks.get("ana", "aws") == stored
    assert await bookmarks.get(("ana", "aws")) == stored
    assert await bookmarks.get(Key(Bookmark, "ana", "aws")) == stored
    assert await bookmarks.get(stored) == stored
    assert await bookmarks.find("ana", "aws", consistent=True) == stored


async def test_a_missing_item_and_a_missing_table_are_different_errors(
    db: Client, bookmarks: Table[Bookmark], table_name: str
) -> None:
    with pytest.raises(ItemNotFound, match="no Bookmark has the key"):
        await bookmarks.get("ana", "nope")
    with pytest.raises(TableNotFound, match="ensure_table"):
        await db.table(Bookmark, name=f"{table_name}-nope").get("ana", "aws")

    assert await bookmarks.find("ana", "nope") is None


async def test_save_writes_all_fields_and_raises_the_version(bookmarks: Table[Bookmark]) -> None:
    first = await bookmarks.create(mark(tags={"a"}, title="one"))

    second = await bookmarks.save(evolve(first, tags=set(), title="two"))

    assert (second.title, second.tags, second.revision) == ("two", set(), 1)
    assert (second.created, second.url) == (first.created, first.url)
    assert second.updated > first.updated
    assert second == await bookmarks.get("ana", "aws")


async def test_save_of_some_fields_leaves_the_others(notes: Table[Note]) -> None:
    await notes.put(Note(id="a", text="one", count=1))

    await notes.save(Note(id="a", text="two", count=2), fields=[Note.text])

    assert await notes.get("a") == Note(id="a", text="two", count=1)


async def test_save_of_some_fields_checks_the_version_too(bookmarks: Table[Bookmark]) -> None:
    stale = await bookmarks.create(mark())
    await bookmarks.save(stale)

    with pytest.raises(VersionConflict, match="version 0 is held, and version 1 is stored"):
        await bookmarks.save(stale, fields=["title"])


async def test_save_of_an_absent_item_creates_no_ghost(notes: Table[Note]) -> None:
    with pytest.raises(ConditionFailed, match="no item with this key is stored") as caught:
        await notes.save(Note(id="ghost"))

    assert caught.value.item is None
    assert await notes.find("ghost") is None


async def test_save_of_a_deleted_item_is_a_conflict(bookmarks: Table[Bookmark]) -> None:
    held = await bookmarks.create(mark())
    await bookmarks.delete("ana", "aws")

    with pytest.raises(VersionConflict, match="the item is gone") as caught:
        await bookmarks.save(held)

    assert caught.value.item is None
    assert await bookmarks.find("ana", "aws") is None


async def test_save_of_an_instance_that_was_never_read_is_refused_where_a_version_is(
    bookmarks: Table[Bookmark],
) -> None:
    stored = await bookmarks.create(mark())

    with pytest.raises(ConditionFailed, match="the instance holds none") as caught:
        await bookmarks.save(mark(title="blind"))

    assert not isinstance(caught.value, VersionConflict)
    assert await bookmarks.get("ana", "aws") == stored


async def test_save_under_a_version_from_outside(bookmarks: Table[Bookmark]) -> None:
    await bookmarks.create(mark())

    saved = await bookmarks.save(with_version(mark(title="If-Match"), 0))

    assert (saved.title, saved.revision) == ("If-Match", 1)
    with pytest.raises(VersionConflict):
        await bookmarks.save(with_version(mark(), 0))


async def test_save_under_a_condition_that_fails_is_no_conflict(bookmarks: Table[Bookmark]) -> None:
    stored = await bookmarks.create(mark(visits=3))

    with pytest.raises(ConditionFailed, match="the condition does not hold") as caught:
        await bookmarks.save(stored, when=Bookmark.visits > 3)

    assert not isinstance(caught.value, VersionConflict)


async def test_upsert_creates_and_then_writes_over(bookmarks: Table[Bookmark]) -> None:
    first = await bookmarks.upsert(mark(tags={"a"}))
    second = await bookmarks.upsert(mark(title="two"))

    assert (first.revision, first.created) == (0, first.updated)
    assert (second.revision, second.title, second.tags) == (1, "two", set())
    assert second.created == first.created
    assert second == await bookmarks.get("ana", "aws")


async def test_upsert_of_a_held_version_checks_it(bookmarks: Table[Bookmark]) -> None:
    stale = await bookmarks.create(mark())
    await bookmarks.save(stale)

    with pytest.raises(VersionConflict):
        await bookmarks.upsert(stale)


async def test_upsert_of_a_held_version_creates_what_was_deleted(bookmarks: Table[Bookmark]) -> None:
    held = await bookmarks.save(await bookmarks.create(mark()))
    await bookmarks.delete("ana", "aws")

    again = await bookmarks.upsert(held)

    assert again == await bookmarks.get("ana", "aws")
    assert again.revision == 0


async def test_delete_is_content_with_an_absent_item(notes: Table[Note]) -> None:
    await notes.put(Note(id="a"))

    await notes.delete("a")
    await notes.delete("a")

    assert await notes.find("a") is None


async def test_delete_under_a_condition_needs_an_item_that_meets_it(notes: Table[Note]) -> None:
    await notes.put(Note(id="a", count=1))

    with pytest.raises(ConditionFailed):
        await notes.delete("a", when=Note.count == 0)
    with pytest.raises(ConditionFailed):
        await notes.delete("nope", when=Note.count == 0)

    assert await notes.get("a") == Note(id="a", count=1)


async def test_delete_of_a_stale_instance_is_a_conflict(bookmarks: Table[Bookmark]) -> None:
    stale = await bookmarks.create(mark())
    current = await bookmarks.save(stale)

    with pytest.raises(VersionConflict) as caught:
        await bookmarks.delete(stale)
    await bookmarks.delete(current)

    assert caught.value.item == current
    assert await bookmarks.find("ana", "aws") is None


async def test_delete_of_an_instance_that_is_gone_is_a_conflict(bookmarks: Table[Bookmark]) -> None:
    held = await bookmarks.create(mark())
    await bookmarks.delete("ana", "aws")

    with pytest.raises(VersionConflict, match="the item is gone"):
        await bookmarks.delete(held)


async def test_instances_handed_in_stay_as_they_were(bookmarks: Table[Bookmark]) -> None:
    new, copy = mark(tags={"a"}), mark(tags={"a"})
    held = await bookmarks.create(new)
    same = evolve(held)

    await bookmarks.upsert(new)
    for verb in (bookmarks.put, bookmarks.save, bookmarks.upsert):
        with pytest.raises(VersionConflict):
            await verb(held)

    assert (new, held) == (copy, same)
    assert (new.revision, new.created) == (UNSET, UNSET)


async def test_frozen_models_are_stored_and_read(db: Client, table_name: str) -> None:
    @model(table="points", frozen=True)
    class Point:
        id: Attr[str] = partition_key()
        x: Attr[int] = attribute(default=0)

    await db.admin.create_table(Point, name=table_name)
    points = db.table(Point, name=table_name)

    created = await points.create(Point(id="a"))
    saved = await points.save(evolve(created, x=1))

    assert saved == await points.get("a") == Point(id="a", x=1)


@model(table="values")
class Values:
    id: Attr[str] = partition_key()
    zero: Attr[int] = attribute(default=5)
    empty: Attr[str] = attribute(default="x")
    no: Attr[bool] = attribute(default=True)
    absent: Attr[str | None] = attribute(default=None)
    null: Attr[str | None] = attribute(default=None, null=True)
    nothing: Attr[str | None] = attribute(default="default")
    names: Attr[set[str]] = attribute(factory=set[str])
    null_names: Attr[set[str]] = attribute(factory=set[str], null=True)
    omitted: Attr[int] = attribute(default=0, omit_empty=True)
    exact: Attr[Decimal] = attribute(default=Decimal(0))


async def test_zero_empty_and_false_survive_and_none_is_left_out(db: Client, table_name: str) -> None:
    await db.admin.create_table(Values, name=table_name)
    values = db.table(Values, name=table_name)
    item = Values(id="a", zero=0, empty="", no=False, nothing=None)

    stored = await values.create(item)

    assert stored == await values.get("a") == item
    assert await raw_item(db, table_name, id={"S": "a"}) == {
        "id": {"S": "a"},
        "zero": {"N": "0"},
        "empty": {"S": ""},
        "no": {"BOOL": False},
        "null": {"NULL": True},
        "nothing": {"NULL": True},
        "null_names": {"NULL": True},
        "exact": {"N": "0"},
    }


async def test_an_update_to_empty_is_stored_as_a_put_would(db: Client, table_name: str) -> None:
    await db.admin.create_table(Values, name=table_name)
    values = db.table(Values, name=table_name)
    full = Values(id="a", absent="x", null="x", names={"x"}, null_names={"x"}, omitted=3)
    await values.create(full)

    await values.update(
        "a",
        Values.absent.set(None),
        Values.null.set(None),
        Values.names.set(set()),
        Values.null_names.set(set()),
        Values.omitted.set(0),
    )

    stored = await raw_item(db, table_name, id={"S": "a"})
    assert (stored["null"], stored["null_names"]) == ({"NULL": True}, {"NULL": True})
    assert not {"absent", "names", "omitted"} & stored.keys()


async def test_numbers_are_exact(db: Client, table_name: str) -> None:
    await db.admin.create_table(Values, name=table_name)
    values = db.table(Values, name=table_name)
    item = Values(id="a", zero=9007199254740993, exact=Decimal("0.12345678901234567"))

    await values.create(item)

    assert await values.get("a") == item
    assert await values.scan(Values.zero == 9007199254740993).list() == [item]
