"""A part of a query's answer is a part of the whole: by limit, by offset, by budget, by cursor. R40, R45."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Any

import pytest
import pytest_asyncio

from dynamorm_async import (
    Attr,
    BudgetSpent,
    Client,
    GlobalIndex,
    InvalidRequest,
    Table,
    attribute,
    model,
    partition_key,
    sort_key,
)
from tests.client.given import put_raw


class Level(Enum):
    LOW = "a"
    HIGH = "b"


@model(table="tasks", entity="task")
class Task:
    pk: Attr[str] = partition_key()
    sk: Attr[int] = sort_key()
    state: Attr[str]
    rank: Attr[int]
    level: Attr[Level] = attribute(default=Level.LOW)
    tags: Attr[set[str]] = attribute(factory=set[str])

    by_state = GlobalIndex("by-state", partition_key="state", sort_key="rank")
    by_keys = GlobalIndex("by-keys", partition_key="state", sort_key="sk", projection="KEYS_ONLY")


@model(table="tasks", entity="other")
class Other:
    pk: Attr[str] = partition_key()
    sk: Attr[int] = sort_key()
    state: Attr[str]

    by_keys = GlobalIndex("by-keys", partition_key="state", sort_key="sk", projection="KEYS_ONLY")


@model(table="entries")
class Entry:
    pk: Attr[str] = partition_key()
    sk: Attr[str] = sort_key(template="{at}#{number}")
    at: Attr[datetime]
    number: Attr[int]


@pytest_asyncio.fixture(loop_scope="session")
async def tasks(db: Client, table_name: str) -> Table[Task]:
    await db.admin.create_table(Task, Other, name=table_name)
    tasks, others = db.table(Task, name=table_name), db.table(Other, name=table_name)
    levels = (Level.HIGH, Level.LOW)
    await tasks.batch_put(
        Task(pk="a", sk=n, state="open", rank=9 - n, level=levels[n % 2]) for n in range(10)
    )
    await others.batch_put(Other(pk="b", sk=n, state="open") for n in range(10))
    return tasks


def numbers(found: Any) -> list[int]:
    return [task.sk for task in found]


async def test_a_limit_changes_neither_the_index_nor_the_order(tasks: Table[Task]) -> None:
    query = tasks.where(Task.pk == "a", Task.state == "open", Task.rank.between(-1, 50), Task.sk >= 0)
    whole = numbers(await query.list())

    some = await query.limit(2).list()
    rest = await query.start(query.cursor_after(some[-1])).list()
    first = await query.first()

    assert numbers(some) + numbers(rest) == whole
    assert first is not None
    assert first.sk == whole[0]
    assert numbers(await query.page_size(3).list()) == whole


async def test_an_offset_counts_no_items_of_other_entities_where_items_are_fetched(
    tasks: Table[Task],
) -> None:
    query = tasks.where(Task.state == "open").using("by-keys").hydrate().offset(3)

    assert numbers(await query.limit(2).list()) == [3, 4]
    assert await query.count() == 7


async def test_a_budget_that_ends_within_an_offset_says_what_is_left_of_it(tasks: Table[Task]) -> None:
    query = tasks.where(Task.pk == "a").page_size(2).budget(requests=1)
    found: list[int] = []
    asked = query.offset(5)
    while True:
        try:
            found += numbers(await asked.list())
            break
        except BudgetSpent as spent:
            found += numbers(spent.items)
            asked = query.start(spent.cursor).offset(spent.offset)

    assert found == [5, 6, 7, 8, 9]


async def test_what_is_sorted_here_may_be_reversed_and_counted(tasks: Table[Task]) -> None:
    query = tasks.where(Task.rank > 3).allow_scan().order_by("rank", in_memory=50).reverse()

    assert numbers(await query.list()) == [0, 1, 2, 3, 4, 5]
    assert await query.count() == 6


async def test_enumerations_are_sorted_by_what_is_stored(tasks: Table[Task]) -> None:
    found = await tasks.where(Task.pk == "a").order_by("level", in_memory=50).list()

    assert [task.level for task in found] == [Level.LOW] * 5 + [Level.HIGH] * 5


async def test_sorting_by_what_has_no_order_is_refused_before_anything_is_read(tasks: Table[Task]) -> None:
    with pytest.raises(InvalidRequest, match="have no order"):
        tasks.where(Task.pk == "a").order_by("tags", in_memory=50)


async def test_a_selection_is_refined_before_it_is_planned(tasks: Table[Task]) -> None:
    assert len(await tasks.where(Task.rank > 3).select(Task.sk).allow_scan().list()) == 6
    assert len(await tasks.where().select(Task.sk).filter(Task.pk == "a").list()) == 10


async def test_a_walk_goes_on_behind_an_item_whose_key_is_made_of_finer_times_than_ours(
    db: Client, table_name: str
) -> None:
    await db.admin.create_table(Entry, name=table_name)
    entries = db.table(Entry, name=table_name)
    for number in range(3):
        at = f"2026-01-01T00:00:00.12345600{number + 1}Z"
        item = {
            "pk": {"S": "a"},
            "sk": {"S": f"{at}#{number}"},
            "at": {"S": at},
            "number": {"N": str(number)},
        }
        await put_raw(db, table_name, item)
    query = entries.where(Entry.pk == "a")
    whole = await query.list()

    rest = [await query.start(query.cursor_after(entry)).list() for entry in whole]
    assert [[entry.number for entry in found] for found in rest] == [[1, 2], [2], []]
    await entries.put(whole[1])
    await entries.delete(whole[0])
    assert [entry.number for entry in await query.list()] == [1, 2]


@model(table="shop", entity="invoice")
class Invoice:
    pk: Attr[str] = partition_key(template="USER#{user}")
    sk: Attr[str] = sort_key(template="INVOICE#{number}")
    user: Attr[str]
    number: Attr[str]
    state: Attr[str]
    by: Attr[str] = attribute(template="STATE#{state}")
    place: Attr[str] = attribute(template="N#{number}")

    by_state = GlobalIndex("by-state", partition_key="by", sort_key="place")


async def test_an_index_by_templates_answers_where_their_parts_are_always_there(
    db: Client, table_name: str
) -> None:
    """R49: the library writes a template of every item whose parts have values, stored or in the key."""
    await db.admin.create_table(Invoice, name=table_name)
    invoices = db.table(Invoice, name=table_name)
    await invoices.batch_put(Invoice(user="ana", number=str(n), state="open") for n in range(3))

    query = invoices.where(Invoice.state == "open")

    assert query.explain().index == "by-state"
    assert [invoice.number for invoice in await query.list()] == ["0", "1", "2"]
