"""Queries on indexes that hold keys alone, on every engine: the rest is fetched from the table (R54)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Any
from uuid import uuid4

import attrs
import pytest
import pytest_asyncio

from dynamorm_async import (
    Attr,
    BudgetSpent,
    Client,
    GlobalIndex,
    InvalidRequest,
    NoUsableIndex,
    Query,
    SeveralItems,
    attribute,
    count,
    model,
    partition_key,
    sort_key,
)
from dynamorm_async.testing import Engine
from tests.client.given import Recorder, answer


@model(table="tasks")
class Task:
    """Two hundred and thirty open ones, of which every fifth has a rank that five others have."""

    team: Attr[str] = partition_key()
    id: Attr[int] = sort_key()
    state: Attr[str]
    rank: Attr[int]
    note: Attr[str]
    size: Attr[int] = attribute(default=0)

    by_state = GlobalIndex("by-state", partition_key="state", sort_key="rank", projection="KEYS_ONLY")
    by_note = GlobalIndex("by-note", partition_key="note", sort_key="id", projection=["rank"])


@attrs.frozen
class Card:
    id: int
    note: str


T = Task
TASKS = [
    Task(
        team=f"team {number % 3}",
        id=number,
        state="open" if number % 10 else "done",
        rank=number // 5,
        note="even" if number % 2 == 0 else "odd",
        size=number % 7,
    )
    for number in range(250)
]


@attrs.define
class Watched:
    """The client, and what went over the wire."""

    db: Client
    name: str
    recorder: Recorder

    @property
    def tasks(self) -> Any:
        self.recorder.taken()
        return self.db.table(Task, name=self.name)

    @property
    def operations(self) -> list[str]:
        return [
            "BatchGetItem" if "RequestItems" in request else "Query" for request, _ in self.recorder.taken()
        ]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def watched(engine: Engine) -> AsyncGenerator[Watched]:
    """A table that nobody writes to, filled once."""
    recorder, name = Recorder(), f"test-{uuid4().hex}"
    async with engine.connect(middleware=[recorder]) as db:
        await db.admin.create_table(Task, name=name)
        await db.table(Task, name=name).batch_put(TASKS)
        yield Watched(db, name, recorder)
        await db.admin.delete_table(Task, name=name)


def matching(test: Callable[[Task], bool]) -> set[int]:
    return {task.id for task in TASKS if test(task)}


async def collect(query: Query[Task], into: list[Task]) -> None:
    async for task in query:
        into.append(task)


async def test_whole_items_come_from_an_index_of_keys(watched: Watched) -> None:
    query = watched.tasks.where(T.state == "open", T.rank.between(1, 48)).hydrate()

    found = await query.list()

    assert found == [TASKS[task.id] for task in found]
    assert [task.rank for task in found] == sorted(task.rank for task in found)
    assert {task.id for task in found} == matching(lambda t: t.state == "open" and 1 <= t.rank <= 48)
    assert watched.operations == ["Query", "BatchGetItem", "BatchGetItem", "BatchGetItem"]


async def test_the_order_can_be_turned_round(watched: Watched) -> None:
    query = watched.tasks.where(T.state == "open").hydrate()

    assert await query.reverse().list() == (await query.list())[::-1]


async def test_what_the_index_holds_is_filtered_before_anything_is_fetched(watched: Watched) -> None:
    query = watched.tasks.where(T.note == "odd", T.rank > 46).hydrate()

    found = await query.list()

    assert [task.id for task in found] == sorted(matching(lambda t: t.note == "odd" and t.rank > 46))
    calls = [request for request, _ in watched.recorder.taken()]
    assert len(calls[1]["RequestItems"][watched.name]["Keys"]) == len(found)


async def test_a_filter_on_what_the_index_lacks_is_refused_with_what_to_do(watched: Watched) -> None:
    with pytest.raises(
        NoUsableIndex, match="does not hold size, and that is tested before items are fetched"
    ):
        await watched.tasks.where(T.note == "odd", T.size > 3).hydrate().list()

    assert watched.operations == []


async def test_without_hydrate_the_index_is_refused_and_the_reason_names_it(watched: Watched) -> None:
    with pytest.raises(NoUsableIndex, match=r"hydrate\(\) fetches the rest"):
        await watched.tasks.where(T.state == "open").list()


async def test_limit_offset_first_and_one_end_where_they_are_met(watched: Watched) -> None:
    query = watched.tasks.where(T.state == "open").hydrate()
    whole = await query.list()

    watched.recorder.taken()
    assert await query.limit(3).offset(2).list() == whole[2:5]
    assert watched.operations == ["Query", "BatchGetItem"]
    assert await query.first() == whole[0]
    with pytest.raises(SeveralItems):
        await query.one()
    assert await query.limit(1).one() == whole[0]


async def test_small_pages_of_the_index_give_the_same_items(watched: Watched) -> None:
    query = watched.tasks.where(T.state == "done").hydrate()

    assert await query.page_size(7).list() == await query.list()


async def test_a_count_fetches_nothing(watched: Watched) -> None:
    query = watched.tasks.where(T.state == "open", T.rank > 3, T.rank < 9).hydrate()

    assert await query.count() == len(matching(lambda t: t.state == "open" and 3 < t.rank < 9))
    assert await watched.tasks.where(T.state == "open").hydrate().limit(7).count() == 7
    assert "BatchGetItem" not in watched.operations


@pytest.mark.parametrize("is_reverse", [False, True], ids=["forward", "reverse"])
async def test_pages_lead_on_and_back(watched: Watched, *, is_reverse: bool) -> None:
    query = watched.tasks.where(T.state == "open", T.rank >= 40).hydrate()
    query = query.reverse() if is_reverse else query
    whole, on = await query.list(), [page async for page in query.pages(size=8)]

    assert [task for page in on for task in page.items] == whole
    page = on[-1] if on[-1].items else on[-2]
    back = [page.items]
    while page.previous is not None:
        page = await query.page(size=8, cursor=page.previous)
        back.insert(0, page.items)
    assert [task for items in back for task in items] == whole


async def test_a_walk_goes_on_behind_any_item(watched: Watched) -> None:
    query = watched.tasks.where(T.state == "open").hydrate()
    whole = await query.list()

    assert await query.start(query.cursor_after(whole[99])).list() == whole[100:]


async def test_what_a_budget_stopped_is_completed_from_its_cursor(watched: Watched) -> None:
    query = watched.tasks.where(T.state == "open").hydrate()
    found: list[Task] = []

    with pytest.raises(BudgetSpent) as caught:
        await collect(query.budget(requests=3), found)

    assert (len(found), caught.value.count, caught.value.items) == (200, 200, [])
    assert [*found, *await query.start(caught.value.cursor).list()] == await query.list()


async def test_views_dicts_and_aggregates_fetch_what_they_read(watched: Watched) -> None:
    query = watched.tasks.where(T.state == "done").hydrate()

    cards = await query.select(Card).list()
    dicts = await query.select(T.note, "size").limit(2).list()
    groups = await query.group_by(T.note).aggregate(n=count())

    assert cards == [Card(id=task.id, note=task.note) for task in await query.list()]
    assert dicts == [{"note": "even", "size": 0}, {"note": "even", "size": 3}]
    assert [(each.note, each.n) for each in groups] == [("even", 25)]


async def test_a_view_of_what_the_index_holds_is_not_fetched(watched: Watched) -> None:
    found = await watched.tasks.where(T.note == "odd").hydrate().select(T.rank).limit(1).list()

    assert (found, watched.operations) == ([{"rank": 0}], ["Query"])


async def test_what_is_fetched_is_read_consistently_where_that_is_asked_for(watched: Watched) -> None:
    query = watched.tasks.where(T.state == "done", T.rank == 2).hydrate(consistent=True)

    assert [task.id for task in await query.list()] == [10]

    query_call, fetch = [request for request, _ in watched.recorder.taken()]
    assert "ConsistentRead" not in query_call
    assert fetch["RequestItems"][watched.name]["ConsistentRead"] is True


async def test_a_scan_of_an_index_is_hydrated(watched: Watched) -> None:
    scan = watched.tasks.scan(T.rank > 48).using("by-state").hydrate()

    assert {task.id for task in await scan.list()} == {245, 246, 247, 248, 249}
    with pytest.raises(InvalidRequest, match="without an offset and hydrate"):
        scan.segments(2)


async def test_a_plan_says_that_items_are_fetched_and_what_that_costs(watched: Watched) -> None:
    query = watched.tasks.where(T.state == "open", T.rank <= 1000).hydrate()

    plan, measured = query.explain(), await query.analyze()

    assert (plan.index, plan.requests, plan.read_units) == ("by-state", 2, 26.0)
    assert any("BatchGetItem" in warning for warning in plan.warnings)
    assert (measured.items, measured.rows, measured.requests) == (225, 225, 4)


async def test_an_order_is_made_in_memory_of_what_is_fetched(watched: Watched) -> None:
    query = watched.tasks.where(T.state == "done").hydrate().order_by(T.size, in_memory=100)

    assert [task.size for task in await query.list()] == sorted(
        task.size for task in TASKS if task.state == "done"
    )


@model(table="crowd", entity="GUEST")
class Guest:
    pk: Attr[str] = partition_key(template="GUEST#{id}")
    id: Attr[str]
    city: Attr[str]
    note: Attr[str]

    by_city = GlobalIndex("by-city", partition_key="city", sort_key="note", projection="KEYS_ONLY")


@model(table="crowd", entity="HOST")
class Host:
    pk: Attr[str] = partition_key(template="HOST#{id}")
    id: Attr[str]
    city: Attr[str]
    note: Attr[str]

    by_city = GlobalIndex("by-city", partition_key="city", sort_key="note", projection="KEYS_ONLY")


async def test_entities_are_told_apart_when_they_are_fetched(db: Client, table_name: str) -> None:
    await db.admin.create_table(Guest, Host, name=table_name)
    guests, hosts = db.table(Guest, name=table_name), db.table(Host, name=table_name)
    for number in range(4):
        await guests.create(Guest(id=f"g{number}", city="Rome", note=f"{number}"))
        await hosts.create(Host(id=f"h{number}", city="Rome", note=f"{number}"))
    query = guests.where(Guest.city == "Rome").hydrate()

    assert [guest.id for guest in await query.list()] == ["g0", "g1", "g2", "g3"]
    assert [guest.id for guest in await query.limit(3).list()] == ["g0", "g1", "g2"]
    assert await query.count() == 4
    assert [row["id"] for row in await query.select(Guest.id).list()] == ["g0", "g1", "g2", "g3"]
    paged = [guest.id async for page in query.pages(size=3) for guest in page.items]
    assert paged == ["g0", "g1", "g2", "g3"]


async def test_an_item_that_is_deleted_between_the_two_reads_is_left_out(
    engine: Engine, table_name: str
) -> None:
    async with engine.connect() as writer:
        await writer.admin.create_table(Task, name=table_name)
        written = writer.table(Task, name=table_name)
        await written.batch_put(TASKS[1:10])

        async def deleting(call: Any, send: Any) -> Any:
            if call.operation == "BatchGetItem":
                await answer(
                    writer, "DeleteItem", table_name, Key={"team": {"S": "team 2"}, "id": {"N": "5"}}
                )
                await written.update(("team 0", 6), T.state.set("done"))
            return await send(call)

        async with engine.connect(middleware=[deleting]) as db:
            query = db.table(Task, name=table_name).where(T.state == "open").hydrate(consistent=True)
            page = await query.page(size=9)

        assert {task.id for task in page.items} == {1, 2, 3, 4, 7, 8, 9}
