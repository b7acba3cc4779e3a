"""Random questions to random items of random models, against a filter in plain Python, on every engine.

Each example draws a model with indexes (`drawn.py`), fills a table of its own with raw items, as another
service may have written them: attributes without which an index lacks the item, a default that was
never stored, equal sort keys, items of another entity. It asks by what the planner takes, by one of
the other ways that it calls sound, or by a scan, draws options, a page size and a place to resume at.
Whatever is asked then must be what the filter says: R17, R18, R35 to R40, R45, R49, R53, R54, N3.

`make soak` draws 20,000 such tables.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import attrs
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from dynamorm_async import (
    BudgetSpent,
    Client,
    Explanation,
    GlobalIndex,
    InvalidExpression,
    LocalIndex,
    NoUsableIndex,
    Page,
    Table,
)
from dynamorm_async.client import Selection
from dynamorm_async.model import KEPT
from dynamorm_async.testing import Engine
from tests.client.drawn import Asked, Design, Field, Item, Value, designs, items_of, questions
from tests.client.given import Exchange, Recorder, answer

# Tables take minutes to make where they are kept, and are then these few.
KEPT_DESIGNS = [
    Design(
        fields=(
            Field("pk", str, "pk", "key"),
            Field("a", str, "the a", "optional"),
            Field("b", int, "b", "default"),
            Field("c", bytes, "c#", "required"),
            Field("sk", tp, "sk", "key"),
        ),
        indexes=(
            LocalIndex("local", sort_key="b", projection=["c"]),
            GlobalIndex("global", partition_key="a", sort_key="b"),
            GlobalIndex("turned", partition_key="pk", sort_key="c", projection="KEYS_ONLY"),
        ),
        entity=entity,
        unknown="drop",
    )
    for tp, entity in ((str, None), (int, "mine"))
]


# The tables.


class Place:
    """A client whose calls are recorded, and what its engine can do; shown by the engine's name."""

    def __init__(self, db: Client, engine: Engine, recorder: Recorder) -> None:
        self.db, self.engine, self.recorder = db, engine, recorder
        self.kept: dict[Design, Table[Any]] = {}

    def __repr__(self) -> str:
        return f"<{self.engine.name}>"

    @property
    def designs(self) -> st.SearchStrategy[Design]:
        if not self.engine.disposable:
            return st.sampled_from(KEPT_DESIGNS)
        # KNOWN_GAPS: the others know no key of several attributes, memory no beginning of binary values.
        is_memory = self.engine.name == "memory"
        return designs(several=is_memory, binary_prefixes=not is_memory)

    def is_gap(self, query: Selection[Any, Any]) -> bool:
        """Whether the engine fetches nothing from the table for a local index; see KNOWN_GAPS."""
        return self.engine.name in ("memory", "dynoxide") and query.plan().query.choice.fetches

    @asynccontextmanager
    async def filled(self, design: Design, items: list[Item]) -> AsyncGenerator[Table[Any]]:
        """Give a table with these items."""
        table = self.kept.get(design) or self.db.table(design.cls, name=f"test-{uuid4().hex}")
        if design not in self.kept:
            await self.db.admin.create_table(design.cls, name=table.name)
        if not self.engine.disposable:
            self.kept[design] = table
        await self._write(table, [{"PutRequest": {"Item": design.raw(item)}} for item in items])
        try:
            yield table
        finally:
            if self.engine.disposable:
                await self.db.admin.delete_table(design.cls, name=table.name)
            else:
                keys = [{"DeleteRequest": {"Key": design.key(item)}} for item in items]
                await self._write(table, keys)

    async def _write(self, table: Table[Any], requests: list[dict[str, Any]]) -> None:
        if requests:
            await answer(self.db, "BatchWriteItem", None, RequestItems={table.name: requests})


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def place(engine: Engine) -> AsyncGenerator[Place]:
    recorder = Recorder()
    async with engine.connect(middleware=[recorder]) as db:
        place = Place(db, engine, recorder)
        yield place
        for design, table in place.kept.items():
            await db.admin.delete_table(design.cls, name=table.name)


# What is asked of them.


@attrs.define
class Example:
    """One question on an engine, and what the filter in Python says to it."""

    place: Place
    asked: Asked
    query: Selection[Any, Any]
    taken: Explanation
    expected: list[Item]

    @property
    def is_scan(self) -> bool:
        return self.taken.operation == "Scan"

    @property
    def names(self) -> tuple[str, ...]:
        """The fields that are asked for."""
        design, select = self.asked.design, self.asked.select
        return design.names if select is None else tuple(dict.fromkeys([*design.keys, *select]))

    def shown(self, found: Any) -> Item:
        """Return a result as a dict of the fields that were asked for."""
        if self.asked.select is not None:
            return {name: found[name] for name in self.names}
        kept = getattr(found, KEPT, None)
        more = {} if kept is None else {name: json.loads(text) for name, text in kept.unknown.items()}
        return {name: getattr(found, name) for name in self.names} | more

    def read(self, item: Item) -> Item:
        """Return the same of what is stored."""
        fields = self.asked.design.by_name
        more = "_more" in item and self.asked.select is None
        found = {name: item.get(name, fields[name].absent) for name in self.names}
        return found | ({"_more": {"S": item["_more"]}} if more else {})

    def keys(self, found: Sequence[Any]) -> list[tuple[Value, ...]]:
        return [tuple(self.shown(each)[name] for name in self.asked.design.keys) for each in found]

    def check_whole(self, whole: Sequence[Any], taken: Explanation) -> None:
        """The same items, each once, as they are stored, in the order of what answered."""
        design, keys = self.asked.design, self.keys(whole)
        stored = {tuple(item[name] for name in design.keys): item for item in self.expected}
        assert sorted(keys) == sorted(stored)
        assert [self.shown(found) for found in whole] == [self.read(stored[key]) for key in keys]
        if not self.is_scan:
            _, sort = design.accesses[taken.index or "table"]
            places = [tuple(stored[key][name] for name in sort) for key in keys]
            assert places == sorted(places, reverse=self.asked.reverse)
            if self.asked.order_by is not None and self.is_ordered:
                values: list[Any] = [stored[key].get(self.asked.order_by) for key in keys]
                assert len(values) < 2 or values == sorted(values, reverse=self.asked.reverse)

    @property
    def is_ordered(self) -> bool:
        return self.query.plan().query.question.order_by is not None

    def check_some(self, found: Sequence[Any], whole: Sequence[Any], query: Selection[Any, Any]) -> None:
        """The items of a variant are a part of the whole answer, and this part in the same way."""
        keys, all_keys = self.keys(found), self.keys(whole)
        question = query.plan().query.question
        end = None if question.limit is None else question.offset + question.limit
        wanted = all_keys[question.offset : end]
        assert query.explain().index == self.taken.index
        assert keys == wanted


def _scanned(calls: Sequence[Exchange]) -> int:
    # A whole key is asked by GetItem, which counts nothing.
    return sum(answer.get("ScannedCount", int("Item" in answer)) for _, answer in calls)


def asked_of(table: Table[Any], asked: Asked, *, ordered: bool, scanning: bool) -> Selection[Any, Any]:
    """Return the question as the library is asked it."""
    conditions = [demand.condition for demand in asked.demands]
    query = table.scan(*conditions) if asked.way == "scan" else table.where(*conditions)
    query = query.consistent() if asked.consistent else query
    if scanning:
        query = query.allow_scan()
    elif asked.way != "scan":
        query = query.reverse() if asked.reverse else query
        query = query.order_by(asked.order_by) if ordered and asked.order_by is not None else query
    if asked.select is None:
        return query
    return query.select(*asked.design.keys, *asked.select)


def answerable(place: Place, table: Table[Any], asked: Asked) -> tuple[Selection[Any, Any], Explanation]:
    """Return the question in a form that something answers: at last by a scan of the table."""
    for ordered, scanning in ((True, False), (False, False), (False, True)):
        try:
            query = asked_of(table, asked, ordered=ordered, scanning=scanning)
            taken = query.explain()
            while place.is_gap(query):
                query = query.avoid(str(taken.index))
                taken = query.explain()
        except NoUsableIndex:
            continue
        else:
            return query, taken
    raise AssertionError("a scan of the table answers every question")


def other_way(
    place: Place, asked: Asked, query: Selection[Any, Any], taken: Explanation
) -> tuple[Selection[Any, Any], Explanation]:
    """Return the question by another way that is sound, where one was drawn."""
    if asked.way == "planner" or (asked.way == "hint" and taken.operation == "Scan"):
        return query, taken
    hinted = query.using(None if asked.access == "table" else asked.access)
    try:
        found = hinted.explain()
    except NoUsableIndex:
        event("the way that was drawn is not sound")
        return query, taken
    return (query, taken) if place.is_gap(hinted) else (hinted, found)


def opened(place: Place, table: Table[Any], asked: Asked) -> Example | None:
    """Return the example, or None where no item can meet the conditions; nothing is sent."""
    expected = asked.expected
    place.recorder.taken()
    try:
        query, taken = other_way(place, asked, *answerable(place, table, asked))
    except InvalidExpression as error:
        if error.code != "plan.contradiction" or expected:
            raise
        event("a contradiction")
        return None
    finally:
        assert place.recorder.taken() == []
    event(f"{asked.way}: {taken.operation} of {'the table' if taken.index is None else 'an index'}")
    return Example(place, asked, query, taken, expected)


# What must hold.


async def check_whole_answer(it: Example) -> list[Any]:
    whole = await it.query.list()
    first = it.place.recorder.taken()
    it.check_whole(whole, it.taken)
    assert len(first) == 1
    assert await it.query.count() == len(whole)
    if not it.is_scan:
        back = await it.query.reverse().list()
        assert it.keys(back) == it.keys(whole)[::-1]
    return whole


async def check_every_way(it: Example) -> None:
    """Not what is chosen alone, but whatever is called sound gives the whole answer."""
    for name in it.asked.design.accesses:
        other = it.query.using(None if name == "table" else name)
        try:
            taken = other.explain()
        except NoUsableIndex:
            continue
        if not it.place.is_gap(other):
            it.check_whole(await other.list(), taken)


async def check_walks(it: Example, whole: list[Any]) -> None:
    """By pages, no item is evaluated twice; nothing is sent once the limit is met."""
    it.place.recorder.taken()
    await it.query.list()
    evaluated = _scanned(it.place.recorder.taken())
    paged = it.query.page_size(it.asked.size)
    if not it.place.is_gap(paged):
        it.check_some(await paged.list(), whole, paged)
        calls = it.place.recorder.taken()
        assert _scanned(calls) == evaluated
        assert len(calls) <= evaluated // it.asked.size + 1
    some = it.query.limit(it.asked.limit).offset(it.asked.offset)
    some = some if it.asked.page_size is None else some.page_size(it.asked.page_size)
    if it.place.is_gap(some):
        return
    it.place.recorder.taken()
    found = await some.list()
    calls = it.place.recorder.taken()
    it.check_some(found, whole, some)
    wanted = it.asked.limit + it.asked.offset
    if not some.plan().query.is_filtered:
        assert _scanned(calls) == min(wanted, len(whole))
    if some.plan().query.can_count:
        assert sum(answer["Count"] for _, answer in calls[:-1]) < wanted
    assert await some.count() == len(found)
    it.place.recorder.taken()


async def check_pages(it: Example, whole: list[Any]) -> None:
    """All the way on, all the way back, and on again from any page."""
    size = it.asked.size
    forth = [page async for page in it.query.pages(size=size)]
    assert it.keys([item for page in forth for item in page.items]) == it.keys(whole)
    assert all(len(page.items) <= size for page in forth)
    if it.is_scan:
        assert all(page.previous is None for page in forth)
        return
    assert forth[0].previous is None
    turning = it.asked.place % len(forth)
    back: list[Page[Any]] = [forth[turning]]
    while back[0].previous is not None:
        back.insert(0, await it.query.page(size=size, cursor=back[0].previous))
        assert len(back) <= len(whole) + len(it.asked.items) + 2
    before = [item for page in forth[: turning + 1] for item in page.items]
    assert it.keys([item for page in back for item in page.items]) == it.keys(before)
    if not it.query.plan().query.is_filtered:
        assert [it.keys(page.items) for page in back] == [
            it.keys(page.items) for page in forth[: turning + 1]
        ]
    again: list[Page[Any]] = [back[0]]
    while again[-1].next is not None:
        again.append(await it.query.page(size=size, cursor=again[-1].next))
        assert len(again) <= len(whole) + len(it.asked.items) + 2
    assert it.keys([item for page in again for item in page.items]) == it.keys(whole)


async def check_resuming(it: Example, whole: list[Any]) -> None:
    """Behind any item, and from where a budget was spent."""
    if whole and it.asked.select is None:
        at = it.asked.place % len(whole)
        cursor = it.query.cursor_after(whole[at])
        assert it.keys(await it.query.start(cursor).list()) == it.keys(whole)[at + 1 :]
        page = await it.query.page(size=it.asked.size, cursor=cursor)
        found = page.items
        while page.previous is not None:
            page = await it.query.page(size=it.asked.size, cursor=page.previous)
            found = [*page.items, *found]
        rest = it.keys(whole)[at + 1 :]
        before = [] if it.is_scan else it.keys(whole)[: at + 1]
        assert it.keys(found)[: len(before)] == before
        assert it.keys(found)[len(before) :] == rest[: len(found) - len(before)]
    walked: list[Any] = []
    walk = it.query.page_size(it.asked.size).budget(requests=1)
    while True:
        try:
            async for item in walk:
                walked.append(item)
            break
        except BudgetSpent as spent:
            walk = walk.start(spent.cursor)
    assert it.keys(walked) == it.keys(whole)


async def checked(place: Place, table: Table[Any], asked: Asked, *, walked: bool) -> None:
    it = opened(place, table, asked)
    if it is None:
        return
    whole = await check_whole_answer(it)
    await check_every_way(it)
    if not walked:
        return
    if it.is_ordered:
        # What queries read decides between two ways of this order; ties may come otherwise in each.
        it.query = it.query.using(it.taken.index)
        whole = await it.query.list()
    await check_walks(it, whole)
    await check_pages(it, whole)
    await check_resuming(it, whole)


PROFILE = settings.get_current_profile_name()
EXAMPLES = {"ci": 200, "soak": 6667}.get(PROFILE, 20)
QUESTIONS = 3  # to each table; one of them is walked in every way, of the others the answer is looked at


# A failing example is worth nothing before it is made small, which takes minutes on some engines.
@pytest.mark.timeout(7200 if PROFILE == "soak" else 300)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data())
async def test_any_question_to_any_model_is_answered_as_a_filter_in_python_does(
    place: Place, data: st.DataObject
) -> None:
    design = data.draw(place.designs, label="design")
    items = data.draw(items_of(design), label="items")
    async with place.filled(design, items) as table:
        for number in range(QUESTIONS):
            asked = data.draw(questions(design, items), label="asked")
            await checked(place, table, asked, walked=number == 0)
