"""Scans in segments and work units on every engine (R41, R42): all items once, here and elsewhere."""

from __future__ import annotations

import json
import sys

import anyio
import attrs
import pytest
import pytest_asyncio

from dynamorm_async import (
    Client,
    Retry,
    SegmentStream,
    Table,
    WorkUnit,
    connect,
)
from dynamorm_async.observe import CallFinished, Event
from dynamorm_async.testing import Engine
from tests.client.given import answer
from tests.client.test_lost_answers import LosingAnswers
from tests.shapes import NOW, Bookmark, Note

NUMBERS = range(60)
ELSEWHERE = """
import anyio, json, sys
from dynamorm_async import Credentials, WorkUnit, connect
from tests.shapes import Note

async def main():
    asked = json.load(sys.stdin)
    keys = Credentials(asked["access_key"], asked["secret_key"])
    async with connect(endpoint=asked["endpoint"], region=asked["region"], credentials=keys) as db:
        notes = db.table(Note, name=asked["table"])
        found = [note.count async for note in notes.run(WorkUnit.from_json(asked["unit"]))]
    print(json.dumps(found))

anyio.run(main)
"""


@attrs.frozen
class Card:
    id: str


@pytest_asyncio.fixture(loop_scope="session")
async def many(db: Client, notes: Table[Note]) -> Table[Note]:
    """Sixty notes, a third of them long."""
    for begin in range(0, len(NUMBERS), 25):
        puts = [
            {
                "PutRequest": {
                    "Item": {
                        "id": {"S": f"{n:02}"},
                        "text": {"S": "x" * 40_000 if n % 3 == 0 else ""},
                        "count": {"N": str(n)},
                    }
                }
            }
            for n in NUMBERS[begin : begin + 25]
        ]
        await answer(db, "BatchWriteItem", None, RequestItems={notes.name: puts})
    return notes


async def counts(stream: SegmentStream[Note], most: int | None = None) -> list[int]:
    found: list[int] = []
    async for note in stream:
        found.append(note.count)
        if len(found) == most:
            break
    return found


@pytest.mark.parametrize("total", [1, 3, 8])
async def test_the_segments_of_a_table_hold_every_item_once(many: Table[Note], total: int) -> None:
    async with many.scan(consistent=True).segments(total).stream() as stream:
        found = await counts(stream)

    assert sorted(found) == list(NUMBERS)


async def test_a_scan_in_segments_goes_on_behind_any_item(many: Table[Note]) -> None:
    segments = many.scan(Note.count >= 10, consistent=True).page_size(4).segments(3)
    position: str | None = None
    found: list[int] = []

    for most in (1, 7, 20, None):
        async with segments.start(position).stream() as stream:
            found += await counts(stream, most)
            position = stream.position

    assert sorted(found) == list(range(10, 60))


async def test_leaving_the_block_sends_nothing_more(engine: Engine, many: Table[Note]) -> None:
    finished: list[str] = []

    class Calls:
        def on_event(self, event: Event) -> None:
            if isinstance(event, CallFinished):
                finished.append(event.operation)

    async with engine.connect(observers=[Calls()]) as db:
        scan = db.table(Note, name=many.name).scan().page_size(2)
        async with scan.segments(3).stream() as stream:
            first = await counts(stream, 1)
        sent = len(finished)

    assert len(first) == 1
    assert len(finished) == sent
    assert sent <= 7


async def test_every_property_of_a_scan_is_in_each_segments_request(many: Table[Note]) -> None:
    scan = many.scan(Note.count > 3, consistent=True).page_size(7).select("id", "count")

    requests = [json.loads(unit.to_json())["request"] for unit in scan.split(3)]

    assert [request.pop("Segment") for request in requests] == [0, 1, 2]
    assert (
        requests
        == [
            {
                "TableName": many.name,
                "ConsistentRead": True,
                "TotalSegments": 3,
                "FilterExpression": "#dn0 > :dv0",
                "ProjectionExpression": "#dn0, #dn1",
                "ExpressionAttributeNames": {"#dn0": "count", "#dn1": "id"},
                "ExpressionAttributeValues": {":dv0": {"N": "3"}},
                "Limit": 7,
            }
        ]
        * 3
    )


async def test_a_segment_whose_answer_is_lost_asks_again(db: Client, many: Table[Note]) -> None:
    transport = LosingAnswers(db._waist._transport, lose=2)  # pyright: ignore[reportPrivateUsage]
    client = connect(transport=transport, retry=Retry(transient_base=0.0))

    async with client.table(Note, name=many.name).scan(consistent=True).segments(3).stream() as stream:
        found = await counts(stream)

    assert sorted(found) == list(NUMBERS)
    assert transport.lose == 0


async def test_a_limit_is_of_all_segments_together(many: Table[Note]) -> None:
    async with many.scan().limit(7).segments(3).stream() as stream:
        found = await counts(stream)

    assert len(set(found)) == len(found) == 7


async def test_views_and_dicts_come_from_segments_too(many: Table[Note]) -> None:
    async with many.scan().select(Card).segments(2).stream() as cards:
        seen = [card async for card in cards]
    async with many.scan().select(Note.count).segments(2).stream() as dicts:
        told = [each["count"] async for each in dicts]

    assert sorted(card.id for card in seen) == [f"{n:02}" for n in NUMBERS]
    assert sorted(told) == list(NUMBERS)


async def test_an_index_is_scanned_in_segments(db: Client, bookmarks: Table[Bookmark]) -> None:
    for number in range(9):
        await bookmarks.create(Bookmark(user="ana", slug=f"{number}", url=f"https://{number}"))

    async with bookmarks.scan().using("by-url").segments(3).stream() as marks:
        slugs = sorted([mark.slug async for mark in marks])

    assert slugs == [f"{number}" for number in range(9)]


async def test_what_has_expired_is_left_out_of_segments_and_units(bookmarks: Table[Bookmark]) -> None:
    await bookmarks.create(Bookmark(user="ana", slug="old", url="x", expires=NOW))
    await bookmarks.create(Bookmark(user="ana", slug="new", url="x"))
    scan = bookmarks.scan().not_expired()

    async with scan.segments(2).stream() as marks:
        streamed = [mark.slug async for mark in marks]
    units = [mark.slug for unit in scan.split(2) async for mark in bookmarks.run(unit)]

    assert (streamed, units) == (["new"], ["new"])


async def test_units_as_text_give_every_item_once(many: Table[Note]) -> None:
    units = many.scan(Note.count < 50, consistent=True).page_size(5).split(4)

    found = [note.count for unit in units async for note in many.run(WorkUnit.from_json(unit.to_json()))]

    assert sorted(found) == list(range(50))


async def test_a_unit_counts_what_its_filter_keeps(many: Table[Note]) -> None:
    units = many.scan(Note.count < 50, consistent=True).split(4)

    assert sum([await many.run(unit).count() for unit in units]) == 50


async def test_a_units_pages_and_numbers_are_those_of_its_segment(many: Table[Note]) -> None:
    unit = many.scan(Note.count < 50, consistent=True).page_size(2).split(1)[0]

    pages = [page.items async for page in many.run(unit).pages(size=9)]
    analysis = await many.run(unit).analyze()

    assert sorted(note.count for page in pages for note in page) == list(range(50))
    assert max(len(page) for page in pages) <= 9
    assert (analysis.items, analysis.rows) == (50, 60)
    assert "segment 0 of 1" in str(analysis)
    assert "filter   #dn0 < :dv0" in str(analysis)


async def test_a_unit_is_run_by_another_process(engine: Engine, many: Table[Note]) -> None:
    if engine.endpoint is None:
        pytest.skip("an engine of this process has no endpoint for another one")
    units = many.scan(Note.count >= 30, consistent=True).split(2)
    found: list[int] = []

    for unit in units:
        asked = {
            "endpoint": engine.endpoint,
            "region": engine.region,
            "access_key": engine.access_key,
            "secret_key": engine.secret_key,
            "table": many.name,
            "unit": unit.to_json(),
        }
        done = await anyio.run_process([sys.executable, "-c", ELSEWHERE], input=json.dumps(asked).encode())
        found += json.loads(done.stdout)

    assert sorted(found) == list(range(30, 60))
