"""Batches on every engine: the truth behind the plans. R55 to R58, R61, R66 to R69."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from decimal import Decimal
from typing import Any
from uuid import uuid4

import attrs
import pytest
import pytest_asyncio

from dynamorm_async import (
    Attr,
    CallFinished,
    CallStarted,
    Client,
    Delete,
    Event,
    InvalidKey,
    InvalidRequest,
    Key,
    PartialBatch,
    Put,
    RequestRefused,
    Table,
    TableNotFound,
    VersionConflict,
    attribute,
    evolve,
    model,
    partition_key,
    sort_key,
)
from dynamorm_async.testing import Engine
from tests.client.given import mark, put_raw, raw_item
from tests.shapes import Bookmark, Note, Order, User


@model(table="readings")
class Reading:
    place: Attr[bytes] = partition_key()
    at: Attr[Decimal] = sort_key()
    value: Attr[int] = attribute(default=0)


@model(table="loose")
class Loose:
    """Lets a `url` pass that the table's index does not take, so that the service refuses it."""

    user: Attr[str] = partition_key()
    slug: Attr[str] = sort_key()
    url: Attr[str | int]


@attrs.frozen
class Card:
    text: str


@attrs.define
class Watching:
    """Takes down every event."""

    events: list[Event] = attrs.field(factory=list[Event])

    def on_event(self, event: Event) -> None:
        self.events.append(event)

    @property
    def operations(self) -> list[str]:
        return [event.operation for event in self.events if isinstance(event, CallStarted)]


@pytest_asyncio.fixture(loop_scope="session")
async def watched(engine: Engine, notes: Table[Note]) -> AsyncGenerator[tuple[Table[Note], Watching]]:
    """The table of notes through a client that is watched."""
    watching = Watching()
    async with engine.connect(observers=[watching]) as client:
        yield client.table(Note, name=notes.name), watching


def made(count: int) -> list[Note]:
    return [Note(id=f"n{number}", count=number) for number in range(count)]


@pytest.mark.parametrize(("count", "calls"), [(50, 1), (101, 2), (250, 3)])
async def test_many_items_are_stored_and_read_in_order(
    watched: tuple[Table[Note], Watching], count: int, calls: int
) -> None:
    """R57, R58, R67; R66: every chunk has its events."""
    notes, watching = watched
    items = made(count)

    stored = await notes.batch_put(items)
    watching.events.clear()
    found = await notes.batch_get([item.id for item in items], consistent=True)

    assert stored == found == items
    assert watching.operations == ["BatchGetItem"] * calls
    finished = [event for event in watching.events if isinstance(event, CallFinished)]
    assert [event.tables for event in finished] == [(notes.name,)] * calls


async def test_what_is_not_stored_is_none_in_its_place(notes: Table[Note]) -> None:
    """R58."""
    await notes.batch_put(made(3))

    found = await notes.batch_get(["n2", "absent", "n0", "n2", Note(id="n1")], consistent=True)

    assert [each and each.count for each in found] == [2, None, 0, 2, 1]


async def test_no_keys_and_no_items_send_nothing(watched: tuple[Table[Note], Watching]) -> None:
    notes, watching = watched

    assert await notes.batch_get([]) == []
    assert await notes.batch_put([]) == []
    await notes.batch_delete([])

    assert watching.events == []


@pytest.mark.parametrize("keys", [["a", 3], ["a", ("b", "c")], ["a", ""]])
async def test_a_wrong_key_fails_before_io(watched: tuple[Table[Note], Watching], keys: Any) -> None:
    """R56."""
    notes, watching = watched

    with pytest.raises(InvalidKey):
        await notes.batch_get(keys)

    assert watching.events == []


async def test_keys_of_numbers_and_bytes_meet_their_items_by_value(db: Client, table_name: str) -> None:
    """R56: the service writes numbers in a form of its own."""
    await db.admin.create_table(Reading, name=table_name)
    readings = db.table(Reading, name=table_name)
    numbers = ["1000", "-0.5", "1E+20", "12345678901234567890.123456789", "0"]
    await readings.batch_put(
        [Reading(place=b"\xff\x00", at=Decimal(text), value=place) for place, text in enumerate(numbers)]
    )

    asked = [
        "1e3",
        "100000000000000000000",
        "-0.50",
        "0.000",
        "12345678901234567890.123456789",
        "7",
        "1000.0",
    ]
    found = await readings.batch_get([(b"\xff\x00", Decimal(text)) for text in asked], consistent=True)

    assert [each and each.value for each in found] == [0, 2, 1, 4, 3, None, 0]


async def test_a_number_that_another_service_wrote_in_its_own_form_is_found(
    db: Client, table_name: str
) -> None:
    await db.admin.create_table(Reading, name=table_name)
    await put_raw(db, table_name, {"place": {"B": "/w=="}, "at": {"N": "1.50e2"}, "value": {"N": "7"}})

    found = await db.table(Reading, name=table_name).batch_get([(b"\xff", Decimal(150))], consistent=True)

    assert [each and each.value for each in found] == [7]


@pytest.mark.slow
async def test_an_answer_cut_off_at_sixteen_megabytes_is_followed(
    watched: tuple[Table[Note], Watching],
) -> None:
    """R57."""
    notes, watching = watched
    items = [Note(id=f"n{number}", text="x" * 390_000) for number in range(46)]
    await notes.batch_put(items)
    watching.events.clear()

    found = await notes.batch_get([item.id for item in items], consistent=True)

    assert [each and len(each.text) for each in found] == [390_000] * 46
    assert watching.operations == ["BatchGetItem"] * 2


async def test_several_models_and_tables_are_read_at_once(
    db: Client, shop: tuple[Table[User], Table[Order]]
) -> None:
    users, orders = shop
    name = f"{users.name}-notes"
    await db.admin.create_table(Note, name=name)
    names = {User: users.name, Order: orders.name, Note: name}
    await db.batch_write(
        [
            Put(User(user="ana", name="Ana")),
            Put(Order(user="ana", number=7)),
            Put(Note(id="n")),
            Put(Note(id="m")),
        ],
        names=names,
    )

    found = await db.batch_get(
        [
            Key(Order, "ana", 7),
            Key(Note, "absent"),
            Key(User, "ana"),
            Note(id="n"),
            Key(User, "bob"),
            Key(Order, "ana", 7),
        ],
        names=names,
        consistent=True,
    )

    assert [type(each).__name__ for each in found] == [
        "Order",
        "NoneType",
        "User",
        "Note",
        "NoneType",
        "Order",
    ]
    assert (found[0].number, found[2].name) == (7, "Ana")

    await db.batch_write([Delete(Key(User, "ana")), Delete(found[3]), Put(Note(id="z"))], names=names)

    left = await db.batch_get(
        [Key(User, "ana"), Key(Note, "n"), Key(Note, "m"), Key(Note, "z"), Key(Order, "ana", 7)],
        names=names,
        consistent=True,
    )
    assert [each is not None for each in left] == [False, False, True, True, True]


async def test_what_does_not_say_its_model_is_refused_before_io(db: Client) -> None:
    with pytest.raises(InvalidKey, match=r"keys\[1\]: 'ana' does not say of which model it is"):
        await db.batch_get([Key(User, "ana"), "ana"])
    with pytest.raises(InvalidKey, match=r"writes\[0\]: 'ana' does not say of which model it is"):
        await db.batch_write([Delete("ana")])
    with pytest.raises(InvalidRequest, match=r"writes\[0\]: .* is neither Put nor Delete"):
        await db.batch_write([User(user="ana")])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("names", [{"Note": "notes"}, {Card: "notes"}, "notes"])
async def test_names_of_what_is_no_model_are_refused_before_io(db: Client, names: Any) -> None:
    with pytest.raises(InvalidRequest, match=r"is not a model|names=") as caught:
        await db.batch_get([Key(Note, "a")], names=names)
    assert caught.value.attempts == 0

    with pytest.raises(InvalidRequest, match=r"is not a model|names="):
        await db.batch_write([Put(Note(id="a"))], names=names)


async def test_items_are_stored_as_put_stores_them(db: Client, bookmarks: Table[Bookmark]) -> None:
    """R10, R67."""
    (stored,) = await bookmarks.batch_put([mark(title="x", tags={"a"})])

    item = await raw_item(db, bookmarks.name, user={"S": "ana"}, slug={"S": "aws"})
    assert (item["revision"], item["created"]) == ({"N": "0"}, item["updated"])
    assert stored == await bookmarks.get("ana", "aws", consistent=True)
    await bookmarks.save(evolve(stored, title="y"))
    with pytest.raises(VersionConflict):
        await bookmarks.save(evolve(stored, title="z"))


async def test_unchecked_stores_over_a_newer_version(bookmarks: Table[Bookmark]) -> None:
    """R10."""
    first = await bookmarks.create(mark())
    await bookmarks.save(evolve(first, title="newer"))

    with pytest.raises(InvalidRequest, match="holds version 0"):
        await bookmarks.batch_put([first])
    (stored,) = await bookmarks.batch_put([first], unchecked=True)

    found = await bookmarks.get("ana", "aws", consistent=True)
    assert (found.title, found.revision, stored.revision) == ("", 1, 1)
    assert found.created == first.created


async def test_many_items_are_deleted(notes: Table[Note]) -> None:
    items = made(30)
    await notes.batch_put(items)

    await notes.batch_delete(["absent", *items[:28]])

    found = await notes.batch_get([item.id for item in items], consistent=True)
    assert found == [*[None] * 28, *items[28:]]


async def test_the_last_of_one_key_is_stored_where_that_is_asked_for(notes: Table[Note]) -> None:
    items = [Note(id="a", count=1), Note(id="b"), Note(id="a", count=2)]

    with pytest.raises(InvalidKey, match="have the same key"):
        await notes.batch_put(items)
    stored = await notes.batch_put(items, duplicates="last")

    assert [each.count for each in stored] == [2, 0, 2]
    assert await notes.get("a", consistent=True) == stored[0]


async def test_an_item_that_the_service_refuses_fails_alone(db: Client, bookmarks: Table[Bookmark]) -> None:
    """R68: the index takes texts only."""
    loose = db.table(Loose, name=bookmarks.name)
    items = [Loose(user="ana", slug=f"s{number}", url=f"https://{number}") for number in range(40)]
    items[33] = evolve(items[33], url=33)

    with pytest.raises(PartialBatch) as caught:
        await loose.batch_put(items)

    (failure,) = caught.value.failed
    assert failure.entries == (items[33],)
    assert isinstance(failure.error, RequestRefused)
    found = await loose.batch_get(items, consistent=True)
    assert [each is not None for each in found] == [number != 33 for number in range(40)]


async def test_a_missing_table_is_told_as_itself(db: Client) -> None:
    nowhere = db.table(Note, name=f"nowhere-{uuid4().hex}")

    with pytest.raises(TableNotFound):
        await nowhere.batch_get([str(number) for number in range(250)])
    with pytest.raises(TableNotFound):
        await nowhere.batch_put(made(60))


async def test_an_unreadable_item_is_named_and_its_neighbours_are_read(
    db: Client, notes: Table[Note]
) -> None:
    await notes.batch_put(made(3))
    await put_raw(db, notes.name, {"id": {"S": "n1"}, "count": {"S": "many"}})
    keys = ["n0", "n1", "n2"]

    with pytest.raises(PartialBatch, match=r"why: Note\.count: found S") as caught:
        await notes.batch_get(keys, consistent=True)
    found = await notes.batch_get(keys, consistent=True, on_error=lambda failure: None)

    assert caught.value.failed[0].entries == ("n1",)
    assert [each and each.id for each in found] == ["n0", None, "n2"]
    assert caught.value.results == found


async def test_a_batch_is_put_together_step_by_step(notes: Table[Note]) -> None:
    """R61: the same plan as the verb's."""
    items = made(120)
    await notes.batch_put(items)
    told: list[tuple[int, int]] = []

    def note_down(done: int, total: int) -> None:
        told.append((done, total))

    begun = notes.batch().consistent().concurrency(1).timeout(30)
    found = await (
        begun.keys(item.id for item in items[:100])
        .keys([*items[100:], "absent"])
        .on_progress(note_down)
        .on_error(lambda failure: None)
        .execute()
    )

    assert found == [*items, None]
    assert told == [(100, 121), (121, 121)]
    assert await begun.execute() == []
    assert begun.keys(["a", "b"]).plan.requests == notes.plan.batch_get(["a", "b"], consistent=True).requests


async def test_only_what_is_selected_is_read(db: Client, shop: tuple[Table[User], Table[Order]]) -> None:
    """R61."""
    users, orders = shop
    notes = db.table(Note, name=f"{users.name}-notes")
    await db.admin.create_table(Note, name=notes.name)
    names = {User: users.name, Order: orders.name, Note: notes.name}
    stored = [Note(id="a", text="A", count=1), User(user="ana", name="Ana"), Order(user="ana", number=7)]
    await db.batch_write([Put(each) for each in stored], names=names)

    views = await notes.batch_get(["a", "absent"], select=Card, consistent=True)
    dicts = await notes.batch().keys(["a"]).select("count").consistent().execute()
    async with notes.batch_stream(["a"], select=Card, consistent=True) as pairs:
        streamed = [pair async for pair in pairs]
    mixed = await db.batch_get(
        [Key(Order, "ana", 7), Key(User, "ana"), Key(Note, "a")],
        names=names,
        select={Order: ["number", "status"], Note: Card, User: [User.name]},
        consistent=True,
    )

    assert (views, dicts) == ([Card("A"), None], [{"count": 1}])
    assert streamed == [("a", Card("A"))]
    assert mixed == [{"number": 7, "status": "new"}, {"name": "Ana"}, Card("A")]


async def test_many_items_come_one_by_one_with_their_keys(watched: tuple[Table[Note], Watching]) -> None:
    """R57, R58."""
    notes, watching = watched
    items = made(250)
    await notes.batch_put(items)
    watching.events.clear()

    found: dict[str, Note | None] = {}
    async with notes.batch_stream(
        (item.id for item in [*items, Note(id="absent")]), consistent=True
    ) as pairs:
        async for key, note in pairs:
            found[key] = note

    assert found == {**{item.id: item for item in items}, "absent": None}
    assert watching.operations == ["BatchGetItem"] * 3


async def test_several_models_come_one_by_one_with_their_keys(
    db: Client, shop: tuple[Table[User], Table[Order]]
) -> None:
    users, orders = shop
    names = {User: users.name, Order: orders.name}
    await db.batch_write([Put(User(user="ana", name="Ana")), Put(Order(user="ana", number=7))], names=names)
    keys = [Key(User, "ana"), Key(Order, "ana", 7), Key(User, "bob")]

    async with db.batch_stream(keys, names=names, consistent=True) as pairs:
        found = [(key, item and type(item).__name__) async for key, item in pairs]

    assert found == [(keys[0], "User"), (keys[1], "Order"), (keys[2], None)]


async def test_a_batch_put_together_step_by_step_is_streamed(notes: Table[Note]) -> None:
    """R61."""
    await notes.batch_put(made(3))
    told: list[tuple[int, int]] = []

    def note_down(done: int, total: int) -> None:
        told.append((done, total))

    async with notes.batch().keys(["n2", "n0"]).consistent().on_progress(note_down).stream() as pairs:
        found = [(key, note and note.count) async for key, note in pairs]

    assert (found, told) == ([("n2", 2), ("n0", 0)], [(2, 2)])
