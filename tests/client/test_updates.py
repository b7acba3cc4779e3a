"""Every change and every form of result on every engine. R10, R32 to R34."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import anyio
import pytest

from dynamorm_async import (
    Attr,
    Client,
    ConditionFailed,
    Key,
    RequestRefused,
    Table,
    Update,
    VersionConflict,
    attribute,
    evolve,
    model,
    partition_key,
    raw,
)
from tests.client.given import mark
from tests.shapes import Bookmark, Note

N = Note
START = Note(
    id="a", text="t", count=5, names={"x", "y"}, lines=["one", "two"], facts={"k": [1, 2], "gone": [3]}
)

CHANGES: dict[str, tuple[list[Update[Note]], dict[str, Any]]] = {
    "set": ([N.text.set("new")], {"text": "new"}),
    "set of a present one if absent": ([N.text.set_if_absent("new")], {"text": "t"}),
    "set of an absent one if absent": (
        [N.facts["new"].set_if_absent([9])],
        {"facts": {**START.facts, "new": [9]}},
    ),
    "add": ([N.count.add(3)], {"count": 8}),
    "add a negative number": ([N.count.add(-7)], {"count": -2}),
    "subtract": ([N.count.subtract(3)], {"count": 2}),
    "remove": ([N.text.remove()], {"text": ""}),
    "remove what is absent": ([N.facts["nope"].remove()], {}),
    "add set elements": ([N.names.add({"y", "z"})], {"names": {"x", "y", "z"}}),
    "discard set elements": ([N.names.discard({"y", "q"})], {"names": {"x"}}),
    "discard the last set elements": ([N.names.discard({"x", "y"})], {"names": set()}),
    "append": ([N.lines.append(["three", "four"])], {"lines": ["one", "two", "three", "four"]}),
    "prepend": ([N.lines.prepend(["zero"])], {"lines": ["zero", "one", "two"]}),
    "set a list element": ([N.lines[1].set("2")], {"lines": ["one", "2"]}),
    "set past the end": ([N.lines[9].set("end")], {"lines": ["one", "two", "end"]}),
    "remove a list element": ([N.lines[0].remove()], {"lines": ["two"]}),
    "set a map's entry": ([N.facts["k"].set([7])], {"facts": {"k": [7], "gone": [3]}}),
    "set deep inside": ([N.facts["k"][1].set(8)], {"facts": {"k": [1, 8], "gone": [3]}}),
    "append deep inside": ([N.facts["k"].append([3])], {"facts": {"k": [1, 2, 3], "gone": [3]}}),
    "add deep inside": ([N.facts["k"][0].add(10)], {"facts": {"k": [11, 2], "gone": [3]}}),
    "remove a map's entry": ([N.facts["gone"].remove()], {"facts": {"k": [1, 2]}}),
    "from another attribute": ([N.text.set(N.id)], {"text": "a"}),
    "raw": ([raw("#c = #c - :n", names={"#c": "count"}, values={":n": 4})], {"count": 1}),
    "all at once": (
        [N.text.set("new"), N.count.add(1), N.names.discard({"x"}), N.lines.remove()],
        {"text": "new", "count": 6, "names": {"y"}, "lines": []},
    ),
}


@pytest.mark.parametrize(("changes", "after"), [pytest.param(*c, id=name) for name, c in CHANGES.items()])
async def test_a_change_does_what_it_says(
    notes: Table[Note], changes: list[Update[Note]], after: dict[str, Any]
) -> None:
    await notes.put(START)

    changed = await notes.update("a", *changes, returning="ALL_NEW")

    assert changed == evolve(START, **after)
    assert await notes.get("a") == changed


async def test_changes_of_what_is_absent_begin_at_nothing(notes: Table[Note]) -> None:
    await notes.put(Note(id="a"))
    await notes.update("a", N.count.remove(), N.lines.remove())

    changed = await notes.update(
        "a", N.count.add(2), N.names.add({"x"}), N.lines.append(["one"]), returning="ALL_NEW"
    )

    assert changed == Note(id="a", count=2, names={"x"}, lines=["one"])


async def test_every_form_of_result_is_decoded(notes: Table[Note]) -> None:
    before = await notes.put(START)
    key = Key(Note, "a")

    assert await notes.update(key, N.count.set(6), returning="ALL_OLD") == before
    assert await notes.update(key, N.count.set(7), returning="UPDATED_OLD") == {"count": 6}
    assert await notes.update(key, N.count.set(8), returning="ALL_NEW") == evolve(START, count=8)
    assert await notes.update(key, N.count.set(9), returning="UPDATED_NEW") == {"count": 9}
    assert await notes.update(key, N.names.add({"z"}), returning="UPDATED_NEW") == {"names": {"x", "y", "z"}}
    nothing: object = await notes.update(key, N.count.set(10))  # type: ignore[func-returns-value]
    assert nothing is None


async def test_a_part_of_a_field_is_returned_as_a_plain_value(notes: Table[Note]) -> None:
    await notes.put(START)

    found = await notes.update("a", N.facts["k"].set([7]), returning="UPDATED_NEW")

    assert found == {"facts": {"k": [7]}}


async def test_an_update_writes_updated_and_version_along(bookmarks: Table[Bookmark]) -> None:
    before = await bookmarks.create(mark())

    found = await bookmarks.update(("ana", "aws"), Bookmark.visits.add(1), returning="UPDATED_NEW")

    assert found.keys() == {"visits", "updated", "revision"}
    assert (found["visits"], found["revision"]) == (1, 1)
    assert found["updated"] > before.updated
    assert (await bookmarks.get("ana", "aws")).created == before.created


async def test_an_update_of_an_absent_item_creates_no_ghost(bookmarks: Table[Bookmark]) -> None:
    with pytest.raises(ConditionFailed, match="no item with this key is stored") as caught:
        await bookmarks.update(("no", "body"), Bookmark.visits.add(1))

    assert caught.value.item is None
    assert await bookmarks.find("no", "body") is None


async def test_an_update_by_key_needs_no_version(bookmarks: Table[Bookmark]) -> None:
    held = await bookmarks.create(mark())
    await bookmarks.update(("ana", "aws"), Bookmark.visits.add(1))
    await bookmarks.update(("ana", "aws"), Bookmark.visits.add(1))

    assert (await bookmarks.get("ana", "aws")).revision == 2
    with pytest.raises(VersionConflict):
        await bookmarks.update(held, Bookmark.visits.add(1))


async def test_an_update_of_an_instance_checks_the_version_it_holds(bookmarks: Table[Bookmark]) -> None:
    held = await bookmarks.create(mark())

    new = await bookmarks.update(held, Bookmark.visits.add(1), returning="ALL_NEW")

    assert (new.visits, new.revision) == (1, 1)
    assert held.revision == 0


async def test_an_update_by_key_of_an_item_without_a_version_starts_it(
    db: Client, bookmarks: Table[Bookmark]
) -> None:
    await bookmarks.create(mark())
    await bookmarks.update(("ana", "aws"), raw("#u = :u", names={"#u": "url"}, values={":u": "y"}))

    assert (await bookmarks.get("ana", "aws")).url == "y"
    assert (await bookmarks.get("ana", "aws")).revision == 1


async def test_fifty_concurrent_updates_count_exactly(notes: Table[Note]) -> None:
    await notes.put(Note(id="a"))

    async with anyio.create_task_group() as tasks:
        for _ in range(50):
            tasks.start_soon(notes.update, "a", N.count.add(1))

    assert (await notes.get("a", consistent=True)).count == 50


async def test_a_change_that_the_stored_item_cannot_take_is_the_services_refusal(notes: Table[Note]) -> None:
    await notes.put(START)

    with pytest.raises(RequestRefused):
        await notes.update("a", N.facts["nope"][0].set(1))

    assert await notes.get("a") == START


@model(table="amounts")
class Amounts:
    id: Attr[str] = partition_key()
    price: Attr[Decimal] = attribute(default=Decimal(0))
    rate: Attr[float] = attribute(default=0.0)
    spent: Attr[timedelta] = attribute(default=timedelta())
    at: Attr[datetime | None] = attribute(default=None)


async def test_numbers_of_every_type_add_up(db: Client, table_name: str) -> None:
    await db.admin.create_table(Amounts, name=table_name)
    amounts = db.table(Amounts, name=table_name)
    await amounts.put(Amounts(id="a", price=Decimal("0.1"), rate=0.5, spent=timedelta(seconds=1)))

    new = await amounts.update(
        "a",
        Amounts.price.add(Decimal("0.2")),
        Amounts.rate.subtract(0.25),
        Amounts.spent.add(timedelta(minutes=1)),
        Amounts.at.set(datetime(2024, 1, 1, tzinfo=UTC)),
        returning="ALL_NEW",
    )

    assert new == Amounts(
        id="a",
        price=Decimal("0.3"),
        rate=0.25,
        spent=timedelta(seconds=61),
        at=datetime(2024, 1, 1, tzinfo=UTC),
    )
