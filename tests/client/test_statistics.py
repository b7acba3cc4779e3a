"""What is known of sizes, what it changes, what a query did cost, and offsets (R45, R49, R50)."""

from __future__ import annotations

import json
from typing import Any, TypeVar

import pytest
import pytest_asyncio

from dynamorm_async import (
    Attr,
    Client,
    GlobalIndex,
    InvalidRequest,
    LimitExceeded,
    Query,
    Size,
    Statistics,
    Table,
    TableNotFound,
    model,
    partition_key,
    sort_key,
)
from dynamorm_async.admin import Admin
from dynamorm_async.client.known import Known
from dynamorm_async.client.query import Asking
from dynamorm_async.observe import CallFinished, Event
from dynamorm_async.plan import Target
from dynamorm_async.testing import Engine
from tests.plan.given import target
from tests.scripted_send import ScriptedSend, refused
from tests.shapes import NOW


@model(table="tasks")
class Task:
    owner: Attr[str] = partition_key()
    number: Attr[int] = sort_key()
    topic: Attr[str]
    due: Attr[int]

    by_topic = GlobalIndex("by-topic", partition_key="topic", sort_key="due")


M = TypeVar("M")
LARGE = Size(items=1_000_000, bytes=4_000_000_000)
SMALL = Size(items=100, bytes=40_000)


def scripted(*steps: object) -> tuple[ScriptedSend, Known, Table[Task], Admin]:
    send, known = ScriptedSend(steps), Known()
    asking = Asking(send=send.send, now=lambda: NOW, known=known, cursor_keys=())
    tasks = Table(target(Task, "tasks"), asking)

    def found(model: type[M], name: str | None) -> Target[M]:
        return target(model, name or "tasks")

    admin = Admin(send.send, target=found, learn=known.refresh)
    return send, known, tasks, admin


def described(items: int, size: int, *, index: tuple[int, int] = (0, 0), **of_index: Any) -> dict[str, Any]:
    return {
        "Table": {
            "TableName": "tasks",
            "TableStatus": "ACTIVE",
            "ItemCount": items,
            "TableSizeBytes": size,
            "GlobalSecondaryIndexes": [
                {
                    "IndexName": "by-topic",
                    "IndexStatus": "ACTIVE",
                    "ItemCount": index[0],
                    "IndexSizeBytes": index[1],
                    **of_index,
                }
            ],
        }
    }


def page(count: int, **more: Any) -> dict[str, Any]:
    items = [
        {"owner": {"S": "ana"}, "number": {"N": str(n)}, "topic": {"S": "x"}, "due": {"N": "1"}}
        for n in range(count)
    ]
    return {"Items": items, "ScannedCount": count, **more}


def both(tasks: Table[Task]) -> Query[Task]:
    """Return a query that the table and the index can answer."""
    return tasks.where(Task.owner == "ana", Task.topic == "x")


@pytest_asyncio.fixture(loop_scope="session")
async def tasks(db: Client, table_name: str) -> Table[Task]:
    await db.admin.create_table(Task, name=table_name)
    tasks = db.table(Task, name=table_name)
    for number in range(12):
        await tasks.put(Task(owner="ana", number=number, topic="x", due=number))
    return tasks


async def test_an_engine_tells_how_large_a_table_and_its_indexes_are(db: Client, tasks: Table[Task]) -> None:
    (found,) = await db.admin.refresh_statistics(Task, name=tasks.name)

    assert found is not None
    assert found.table is not None
    assert found.table.items == 12
    assert tasks.where(Task.owner == "ana").explain().confidence == "known"


async def test_a_query_that_came_to_its_end_tells_what_its_form_reads(tasks: Table[Task]) -> None:
    before = tasks.where(Task.owner == "ana").explain()

    await tasks.where(Task.owner == "ana").list()

    after = tasks.where(Task.owner == "bob").explain()
    assert (before.confidence, after.confidence, after.rows) == ("assumed", "observed", 12)


async def test_an_analysis_shows_what_was_expected_and_what_was_read(db: Client, tasks: Table[Task]) -> None:
    await db.admin.refresh_statistics(Task, name=tasks.name)

    analysis = await tasks.where(Task.owner == "ana", Task.topic != "y").consistent().analyze()

    assert (analysis.items, analysis.rows, analysis.requests) == (12, 12, 1)
    assert analysis.read_units == 1.0
    assert analysis.seconds > 0
    assert "actual   12 items, 1 read units, 1 request; 12 given" in str(analysis)


async def test_a_table_that_may_not_be_described_leaves_queries_as_they_were() -> None:
    send, _, tasks, admin = scripted(refused("AccessDeniedException", operation="DescribeTable"))
    before = both(tasks).explain()

    found = await admin.refresh_statistics(Task)

    assert found == (None,)
    assert both(tasks).explain() == before
    assert send.operations == ["DescribeTable"]


async def test_a_missing_table_is_an_error() -> None:
    _, _, _, admin = scripted(refused("ResourceNotFoundException", operation="DescribeTable"))

    with pytest.raises(TableNotFound):
        await admin.refresh_statistics(Task)


async def test_sizes_change_which_index_is_taken() -> None:
    _, _, tasks, admin = scripted(
        described(1_000_000, 4_000_000_000, index=(100, 40_000)),
        described(100, 40_000, index=(1_000_000, 4_000_000_000)),
    )

    await admin.refresh_statistics(Task)
    with_small_index = both(tasks).explain()
    await admin.refresh_statistics(Task)
    with_small_table = both(tasks).explain()

    assert (with_small_index.index, with_small_table.index) == ("by-topic", None)
    assert with_small_index.confidence == "known"


@pytest.mark.parametrize(
    "state", [{"IndexStatus": "CREATING"}, {"IndexStatus": "ACTIVE", "Backfilling": True}]
)
async def test_an_index_that_is_being_built_is_not_taken(state: dict[str, Any]) -> None:
    _, _, tasks, admin = scripted(
        described(1_000_000, 4_000_000_000, index=(100, 40_000), **state),
        described(1_000_000, 4_000_000_000, index=(100, 40_000)),
    )

    await admin.refresh_statistics(Task)
    during = both(tasks).explain()
    await admin.refresh_statistics(Task)
    after = both(tasks).explain()

    assert (during.index, after.index) == (None, "by-topic")
    assert {each.name: each.reason for each in during.candidates}["by-topic"] == "it is still being built"


async def test_an_index_that_was_not_counted_yet_is_not_taken_for_empty() -> None:
    _, _, tasks, admin = scripted(described(1_000_000, 4_000_000_000, index=(0, 0)))

    await admin.refresh_statistics(Task)

    explained = tasks.where(Task.topic == "x").explain()
    assert explained.index == "by-topic"
    assert (explained.rows, explained.confidence) == (1000, "assumed")


async def test_what_was_observed_outlives_new_sizes() -> None:
    _, known, tasks, _ = scripted(page(7))
    await tasks.where(Task.owner == "ana").list()

    known.refresh("tasks", Statistics(table=LARGE))

    explained = tasks.where(Task.owner == "ana").explain()
    assert (explained.confidence, explained.rows) == ("observed", 7)


def test_an_engine_that_counts_items_and_weighs_none_does_not_make_reading_free() -> None:
    _, known, tasks, _ = scripted()
    known.refresh("tasks", Statistics(table=Size(items=1_000_000, bytes=0)))

    assert tasks.scan().explain().read_units > 1000


async def test_a_query_that_was_left_or_limited_tells_nothing() -> None:
    send, known, tasks, _ = scripted(page(3, LastEvaluatedKey={"owner": {"S": "ana"}, "number": {"N": "2"}}))

    async for _ in tasks.where(Task.owner == "ana"):
        break
    await tasks.where(Task.owner == "ana").limit(2).list()
    await tasks.where(Task.owner == "ana").page(size=3)

    assert len(send.calls) == 3
    assert known.of("tasks") == Statistics()


async def test_what_is_observed_follows_the_newest_queries_slowly() -> None:
    _, known, tasks, _ = scripted(page(10), page(100), page(100), page(100))
    rows: list[float] = []

    for _ in range(4):
        await tasks.where(Task.owner == "ana").list()
        rows.append(tasks.where(Task.owner == "ana").explain().rows)

    assert rows == sorted(rows)
    assert 10 < rows[1] < 100
    assert len(known.of("tasks").observed) == 1


def test_what_is_known_of_tables_does_not_grow_without_end() -> None:
    known = Known()

    for number in range(2000):
        known.refresh(f"tenant-{number}", Statistics(table=SMALL))

    assert known.of("tenant-0") == Statistics()
    assert known.of("tenant-1999").table == SMALL


# Offsets: read, paid for and left out.


async def test_an_offset_leaves_items_out_at_the_beginning(tasks: Table[Task]) -> None:
    query = tasks.where(Task.owner == "ana")

    assert [task.number for task in await query.offset(5).limit(3).list()] == [5, 6, 7]
    assert [task.number for task in await query.page_size(2).offset(9).list()] == [9, 10, 11]
    assert [task.number for task in await query.reverse().offset(10).list()] == [1, 0]
    assert await query.offset(12).list() == []
    assert await query.offset(0).count() == 12


async def test_an_offset_counts_what_a_filter_keeps(tasks: Table[Task]) -> None:
    odd = tasks.where(Task.owner == "ana", Task.due.is_in([1, 3, 5, 7])).page_size(3)

    assert [task.number for task in await odd.offset(1).limit(2).list()] == [3, 5]
    assert await odd.offset(1).count() == 3
    assert await odd.offset(1).limit(2).count() == 2
    first = await odd.offset(3).first()
    assert first is not None
    assert first.number == 7


async def test_an_offset_is_read_and_no_more_is_read_than_asked_for(
    engine: Engine, tasks: Table[Task]
) -> None:
    calls: list[str] = []

    class Calls:
        def on_event(self, event: Event) -> None:
            if isinstance(event, CallFinished):
                calls.append(event.operation)

    async with engine.connect(observers=[Calls()]) as db:
        query = db.table(Task, name=tasks.name).where(Task.owner == "ana").offset(4).limit(2)
        analysis = await query.analyze()

    assert (analysis.items, analysis.rows, calls) == (2, 6, ["Query"])


async def test_an_offset_has_no_pages_of_a_web_api(tasks: Table[Task]) -> None:
    with pytest.raises(InvalidRequest, match="page"):
        await tasks.where(Task.owner == "ana").offset(3).page(size=2)


@pytest.mark.parametrize(
    ("offset", "error"), [(-1, InvalidRequest), ("3", InvalidRequest), (2**31, LimitExceeded)]
)
def test_an_offset_that_is_none_is_refused(offset: Any, error: type[Exception]) -> None:
    _, _, tasks, _ = scripted()

    with pytest.raises(error, match="offset"):
        tasks.where(Task.owner == "ana").offset(offset)


async def test_the_request_of_an_offset_reads_as_far_as_it_must() -> None:
    send, _, tasks, _ = scripted(page(8))

    await tasks.where(Task.owner == "ana").offset(5).limit(3).list()

    assert [json.loads(call.body)["Limit"] for call in send.calls] == [8]
