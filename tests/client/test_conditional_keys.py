"""R53: an index key with `when=` is stored in the items that meet its condition, and in no others.

Each verb that writes is shown by itself, and what the planner makes of it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio

from dynamorm_async import (
    Attr,
    Client,
    Condition,
    GlobalIndex,
    InvalidExpression,
    Key,
    NoUsableIndex,
    Table,
    attribute,
    evolve,
    model,
    partition_key,
    raw,
    version,
)
from tests.client.given import raw_item

DAY = datetime(2026, 1, 1, tzinfo=UTC)


@model(table="jobs")
class Job:
    """`waiting` is there while the job is open and urgent enough."""

    id: Attr[str] = partition_key()
    queue: Attr[str]
    state: Attr[str] = attribute(default="open")
    priority: Attr[int] = attribute(default=5)
    due: Attr[datetime]
    note: Attr[str] = attribute(default="")
    revision: Attr[int] = version()
    waiting: Attr[str] = attribute(
        template="{due}#{id}", when=lambda job: (job.state == "open") & (job.priority > 3)
    )

    open_jobs = GlobalIndex("open-jobs", partition_key="queue", sort_key="waiting")


WAITING = "2026-01-01T00:00:00.000000000Z#1"
OPEN = (Job.state == "open", Job.priority > 3)


@pytest_asyncio.fixture(loop_scope="session")
async def jobs(db: Client, table_name: str) -> Table[Job]:
    await db.admin.create_table(Job, name=table_name)
    return db.table(Job, name=table_name)


def job(number: int = 1, **more: Any) -> Job:
    return Job(id=str(number), queue="mail", due=DAY, **more)


async def stored_key(db: Client, jobs: Table[Job], number: int = 1) -> str | None:
    item = await raw_item(db, jobs.name, id={"S": str(number)})
    return item.get("waiting", {}).get("S")


async def test_the_key_is_stored_where_the_condition_holds(db: Client, jobs: Table[Job]) -> None:
    made = await jobs.create(job())

    assert (made.waiting, await stored_key(db, jobs)) == (WAITING, WAITING)


async def test_the_key_alone_is_left_out_where_the_condition_fails(db: Client, jobs: Table[Job]) -> None:
    made = await jobs.create(job(state="done"))

    assert await stored_key(db, jobs) is None
    assert (made.due, made.state, repr(made.waiting)) == (DAY, "done", "<unset>")


async def test_a_save_that_ends_the_condition_removes_the_key(db: Client, jobs: Table[Job]) -> None:
    made = await jobs.create(job())

    saved = await jobs.save(evolve(made, state="done"))

    assert (await stored_key(db, jobs), saved.due) == (None, DAY)


async def test_a_save_that_meets_the_condition_sets_the_key(db: Client, jobs: Table[Job]) -> None:
    made = await jobs.create(job(state="done"))

    await jobs.save(evolve(made, state="open"))

    assert await stored_key(db, jobs) == WAITING


async def test_a_put_and_an_upsert_keep_the_key_right(db: Client, jobs: Table[Job]) -> None:
    made = await jobs.put(job())
    await jobs.upsert(evolve(made, priority=3))
    after_upsert = await stored_key(db, jobs)

    await jobs.put(job())

    assert (after_upsert, await stored_key(db, jobs)) == (None, WAITING)


async def test_an_update_that_ends_the_condition_needs_no_other_part(db: Client, jobs: Table[Job]) -> None:
    await jobs.create(job())

    await jobs.update("1", Job.state.set("done"))

    assert await stored_key(db, jobs) is None
    assert (await jobs.get("1")).due == DAY


async def test_an_update_that_meets_the_condition_sets_the_key(db: Client, jobs: Table[Job]) -> None:
    await jobs.create(job(state="done"))

    await jobs.update("1", Job.state.set("open"), Job.priority.set(4), Job.due.set(DAY))

    assert await stored_key(db, jobs) == WAITING


async def test_a_removed_field_meets_no_comparison(db: Client, jobs: Table[Job]) -> None:
    """It reads as its default, and a query that compares it does not find the item either."""
    await jobs.create(job())

    await jobs.update("1", Job.state.remove())

    assert (await stored_key(db, jobs), (await jobs.get("1")).state) == (None, "open")


async def test_a_batch_keeps_the_keys_right(db: Client, jobs: Table[Job]) -> None:
    await jobs.batch_put([job(1), job(2, state="done")])

    assert [await stored_key(db, jobs, number) for number in (1, 2)] == [WAITING, None]


async def test_a_transaction_keeps_the_keys_right(db: Client, jobs: Table[Job]) -> None:
    await jobs.batch_put([job(1), job(2, state="done")])

    async with db.transaction() as tx:
        tx.update(Key(Job, "1"), Job.state.set("done"), name=jobs.name)
        tx.update(Key(Job, "2"), Job.state.set("open"), Job.priority.set(9), Job.due.set(DAY), name=jobs.name)
        tx.create(job(3, state="done"), name=jobs.name)

    keys = [await stored_key(db, jobs, number) for number in (1, 2, 3)]
    assert keys == [None, WAITING.replace("#1", "#2"), None]


async def test_some_fields_of_an_instance_keep_the_key_right(db: Client, jobs: Table[Job]) -> None:
    made = await jobs.create(job())
    made = await jobs.save(evolve(made, state="done", note="x"), fields=[Job.state, Job.note])
    ended = await stored_key(db, jobs)

    with pytest.raises(InvalidExpression) as caught:
        await jobs.save(evolve(made, state="open"), fields=[Job.state])

    assert (ended, caught.value.code) == (None, "plan.partial-template")


PARTIAL = {
    "a part alone": [Job.due.set(DAY)],
    "the condition alone, as far as it is known": [Job.state.set("open")],
    "the condition, and not the other part": [Job.state.set("open"), Job.priority.set(9)],
    "a number that is added to": [Job.state.set("open"), Job.priority.add(1), Job.due.set(DAY)],
}


@pytest.mark.parametrize("changes", PARTIAL.values(), ids=PARTIAL)
async def test_an_update_that_does_not_say_enough_is_refused(jobs: Table[Job], changes: list[Any]) -> None:
    with pytest.raises(InvalidExpression) as caught:
        await jobs.update("1", *changes)

    assert caught.value.code == "plan.partial-template"
    assert caught.value.why == (
        "that field is made of due, id, and stored where state = 'open' AND priority > 3"
    )
    assert caught.value.fix == "set all of due, id, state, priority in the same request"


async def test_a_query_that_demands_the_condition_is_answered_by_the_index(jobs: Table[Job]) -> None:
    await jobs.batch_put([job(1), job(2, state="done"), job(3), job(4, priority=1)])
    query = jobs.where(Job.queue == "mail", *OPEN)

    found = [each.id async for each in query]

    assert (query.explain().index, found) == ("open-jobs", ["1", "3"])
    assert [each.id async for each in query.reverse()] == ["3", "1"]


async def test_a_query_that_does_not_demand_it_is_refused_with_the_condition(jobs: Table[Job]) -> None:
    with pytest.raises(NoUsableIndex) as caught:
        await jobs.where(Job.queue == "mail", Job.state == "open").list()

    assert "it holds only the items where state = 'open' AND priority > 3" in str(caught.value)


async def test_whoever_asks_for_what_is_in_the_index_says_so(jobs: Table[Job]) -> None:
    await jobs.batch_put([job(1), job(2, state="done")])

    found = await jobs.where(Job.queue == "mail", Job.waiting.exists()).using("open-jobs").list()

    assert [each.id for each in found] == ["1"]


# What is told here is what the engine tells.


@model(table="any")
class Anything:
    id: Attr[str] = partition_key()
    text: Attr[str | None] = attribute(default=None)
    number: Attr[Decimal | None] = attribute(default=None)
    blob: Attr[bytes | None] = attribute(default=None)
    tags: Attr[set[str]] = attribute(factory=set[str])


ITEMS = [
    Anything(id="1"),
    Anything(id="2", text="ab", number=Decimal(10), blob=b"\x00\x01", tags={"a", "b"}),
    Anything(id="3", text="\uff5a", number=Decimal("-0.5"), blob=b"\xff", tags={"a"}),
    Anything(id="4", text="😀", number=Decimal("1E+3")),
    Anything(id="5", text="", number=Decimal(0), blob=b""),
]
A = Anything
ASKED: dict[str, Condition[Anything]] = {
    "=": A.text == "ab",
    "!=": A.text != "ab",
    "number": A.number == Decimal("10.0"),
    "number <": A.number < Decimal(3),
    "text >": A.text > "\uff5a",
    "binary <=": A.blob <= b"\x00\xff",
    "between": A.number.between(Decimal("-0.5"), Decimal(10)),
    "in": A.text.is_in(["ab", ""]),
    "begins": A.text.begins_with("a"),
    "contains": A.text.contains("b"),
    "element": A.tags.contains("b"),
    "set": A.tags == {"b", "a"},
    "exists": A.blob.exists(),
    "missing": A.blob.not_exists(),
    "none": A.number.is_null(),
    "type": A.text.is_type("S"),
    "and, or, not": ~((A.text == "ab") | (A.number > Decimal(100))) & A.id.is_in(["1", "2", "3"]),
}


@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED)
async def test_a_condition_holds_here_where_it_holds_for_the_engine(
    db: Client, table_name: str, asked: Condition[Anything]
) -> None:
    @model(table="any")
    class Marked(Anything):
        mark: Attr[str] = attribute(template="{id}", when=lambda _: asked)

    await db.admin.create_table(Marked, name=table_name)
    table = db.table(Marked, name=table_name)
    await table.batch_put([Marked(**{name: getattr(item, name) for name in FIELDS}) for item in ITEMS])

    met = {item.id async for item in table.scan(asked)}

    assert met == {item.id async for item in table.scan(Marked.mark.exists())}


FIELDS = ("id", "text", "number", "blob", "tags")


# Several models in one table.


def _is_open(item: Any) -> Any:
    return item.state == "open"


@model(table="desk", entity="call")
class Call:
    id: Attr[str] = partition_key()
    team: Attr[str]
    state: Attr[str]
    waiting: Attr[str] = attribute(template="{id}", when=_is_open)

    by_team = GlobalIndex("by-team", partition_key="team", sort_key="waiting")


@model(table="desk", entity="visit")
class Visit:
    id: Attr[str] = partition_key()
    team: Attr[str]
    state: Attr[str]
    waiting: Attr[str] = attribute(template="{id}", when=_is_open)

    by_team = GlobalIndex("by-team", partition_key="team", sort_key="waiting")


async def test_a_collection_takes_no_index_with_a_conditional_key(db: Client) -> None:
    """A condition on one model says nothing of the other's items."""
    with pytest.raises(NoUsableIndex) as caught:
        await db.collection(Call, Visit).where(Call.team == "a", Call.state == "open").list()

    assert "by-team: not all of the models have it" in str(caught.value.why)


@pytest.mark.parametrize("attribute", ["state", "due", "waiting"])
async def test_text_by_hand_that_changes_what_a_key_is_made_of_is_refused(
    jobs: Table[Job], attribute: str
) -> None:
    with pytest.raises(InvalidExpression, match="waiting is made of it"):
        await jobs.update("7", raw("#s = :s", names={"#s": attribute}, values={":s": "open"}))
