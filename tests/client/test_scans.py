"""Whole tables on every engine: pages of a megabyte, filters, deadlines, stopping early."""

from __future__ import annotations

import pytest

from dynamorm_async import CallTimeout, Client, Table, TableNotFound
from dynamorm_async.observe import CallFinished, Event
from dynamorm_async.testing import Engine
from tests.shapes import Note

PAGE = 1024 * 1024


class Calls:
    def __init__(self) -> None:
        self.finished: list[str] = []

    def on_event(self, event: Event) -> None:
        if isinstance(event, CallFinished):
            self.finished.append(event.operation)


async def fill(notes: Table[Note], count: int, size: int) -> None:
    for number in range(count):
        await notes.put(Note(id=f"{number:03}", text="x" * size, count=number))


async def test_a_scan_follows_its_pages_and_stops_when_its_reader_does(
    engine: Engine, notes: Table[Note]
) -> None:
    await fill(notes, 25, 100_000)
    calls = Calls()

    async with engine.connect(observers=[calls]) as db:
        table = db.table(Note, name=notes.name)
        found = [note.count async for note in table.scan()]
        whole = len(calls.finished)
        async for _ in table.scan():
            break
        stopped = len(calls.finished) - whole
        filtered = await table.scan(Note.count.is_in([0, 24]), consistent=True).list()

    assert sorted(found) == list(range(25))
    assert whole >= 3
    assert stopped == 1
    assert sorted(note.count for note in filtered) == [0, 24]


async def test_a_filter_that_keeps_nothing_walks_every_page(notes: Table[Note]) -> None:
    await fill(notes, 12, 100_000)

    assert await notes.scan(Note.count == 99).list() == []


async def test_an_empty_table_has_no_items(notes: Table[Note]) -> None:
    assert await notes.scan().list() == []


async def test_a_scan_can_be_asked_again(notes: Table[Note]) -> None:
    query = notes.scan()
    await notes.put(Note(id="a"))

    assert await query.list() == [Note(id="a")]
    await notes.put(Note(id="b"))
    assert len(await query.list()) == 2


async def test_a_scan_of_a_missing_table_says_so(db: Client, table_name: str) -> None:
    with pytest.raises(TableNotFound) as caught:
        await db.table(Note, name=table_name).scan().list()

    assert (caught.value.operation, caught.value.table) == ("Scan", table_name)


async def test_a_deadline_that_has_no_chance_ends_the_call(notes: Table[Note]) -> None:
    with pytest.raises(CallTimeout):
        await notes.scan().list(timeout=1e-9)
    with pytest.raises(CallTimeout):
        await notes.get("a", timeout=1e-9)
