"""Queries on every engine: conditions, order, limits, pages both ways, views, budgets, other writers.

What random questions give is in test_query_model_based; here each promise is shown by itself.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import attrs
import pytest
import pytest_asyncio

from dynamorm_async import (
    AttemptFinished,
    Attr,
    BudgetSpent,
    Client,
    Condition,
    Event,
    FellBackToScan,
    GlobalIndex,
    InvalidRequest,
    ItemNotFound,
    LimitExceeded,
    LocalIndex,
    NoUsableIndex,
    Query,
    SeveralItems,
    Table,
    attribute,
    count,
    created_at,
    evolve,
    model,
    partition_key,
    raw,
    sort_key,
    ttl,
    updated_at,
)
from dynamorm_async.testing import Engine
from tests.client.given import Recorder, answer, put_raw
from tests.shapes import Bookmark, Order, User

# To come, for an engine deletes what is expired by its own clock.
NOW = datetime(2099, 1, 1, tzinfo=UTC)


@model(table="readings")
class Reading:
    """Twenty-five of ana's: five of each number, a tag on every second, a mark on every fifth."""

    user: Attr[str] = partition_key()
    slug: Attr[str] = sort_key()
    number: Attr[int] = attribute(name="number of five")
    price: Attr[Decimal]
    tag: Attr[str | None] = attribute(default=None, name="tag")
    mark: Attr[bytes | None] = attribute(default=None)
    note: Attr[str] = attribute(default="")
    expires: Attr[datetime | None] = ttl(default=None)

    by_number = LocalIndex("by-number", sort_key="number")
    by_price = LocalIndex("by-price", sort_key="price", projection="KEYS_ONLY")
    by_mark = LocalIndex("by-mark", sort_key="mark")
    by_tag = GlobalIndex("by-tag", partition_key="tag", sort_key="number")
    by_note = GlobalIndex("by-note", partition_key="note", sort_key="slug", projection=["number"])


R = Reading
ANA = R.user == "ana"
SLUGS = [f"s{number:02}" for number in range(25)]


def reading(number: int, user: str = "ana") -> Reading:
    return Reading(
        user=user,
        slug=f"s{number:02}",
        number=number // 5,
        price=Decimal(number) / 4,
        tag="even" if number % 2 == 0 else None,
        mark=bytes([number * 10]) if number % 5 == 0 else None,
        note="third" if number % 3 == 0 else "other",
        expires=NOW + timedelta(days=number - 10) if number % 4 == 0 else None,
    )


@attrs.define
class Watched:
    """A table whose calls are recorded."""

    table: Table[Reading]
    recorder: Recorder

    def where(self, *conditions: Condition[Reading]) -> Any:
        self.recorder.taken()
        return self.table.where(*conditions)

    @property
    def requests(self) -> list[dict[str, Any]]:
        return [request for request, _ in self.recorder.taken()]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def watched(engine: Engine) -> AsyncGenerator[Watched]:
    """A table that nobody writes to, filled once."""
    recorder, name = Recorder(), f"test-{uuid4().hex}"
    async with engine.connect(middleware=[recorder], now=lambda: NOW) as db:
        await db.admin.create_table(Reading, name=name)
        table = db.table(Reading, name=name)
        for number in range(25):
            await table.put(reading(number))
        for number in range(3):
            await table.put(reading(number, user="bob"))
        recorder.taken()
        yield Watched(table, recorder)
        await db.admin.delete_table(Reading, name=name)


@pytest_asyncio.fixture(loop_scope="session")
async def readings(db: Client, table_name: str) -> Table[Reading]:
    """A table of the test's own, with nine items."""
    await db.admin.create_table(Reading, name=table_name)
    table = db.table(Reading, name=table_name)
    for number in range(0, 18, 2):
        await table.put(reading(number))
    return table


def slugs(found: Any) -> list[str]:
    return [each.slug for each in found]


# Conditions.

OPERATORS: dict[str, tuple[list[Condition[Reading]], list[str]]] = {
    "equal": ([R.slug == "s07"], ["s07"]),
    "less": ([R.slug < "s02"], ["s00", "s01"]),
    "less or equal": ([R.slug <= "s02"], ["s00", "s01", "s02"]),
    "greater": ([R.slug > "s22"], ["s23", "s24"]),
    "greater or equal": ([R.slug >= "s22"], ["s22", "s23", "s24"]),
    "between": ([R.slug.between("s03", "s05")], ["s03", "s04", "s05"]),
    "begins with": ([R.slug.begins_with("s2")], ["s20", "s21", "s22", "s23", "s24"]),
    "between, the lower end excluded": ([R.slug > "s03", R.slug <= "s05"], ["s04", "s05"]),
    "between, the upper end excluded": ([R.slug >= "s03", R.slug < "s05"], ["s03", "s04"]),
    "between, both ends excluded": ([R.slug > "s03", R.slug < "s05"], ["s04"]),
    "between, nothing left": ([R.slug > "s03", R.slug < "s04"], []),
    "ends that no item has": ([R.slug > "s03x", R.slug < "s05x"], ["s04", "s05"]),
    "nothing": ([R.slug == "nobody"], []),
}


@pytest.mark.parametrize(("conditions", "expected"), OPERATORS.values(), ids=OPERATORS)
async def test_a_query_takes_every_operator_on_a_sort_key(
    watched: Watched, conditions: list[Condition[Reading]], expected: list[str]
) -> None:
    """R12, R35; bounds that BETWEEN includes and the query does not are dropped, from the count too."""
    query = watched.where(ANA, *conditions)

    assert slugs(await query.list()) == expected
    assert await query.count() == len(expected)
    assert slugs(await query.reverse().list()) == expected[::-1]


@pytest.mark.parametrize(("conditions", "expected"), OPERATORS.values(), ids=OPERATORS)
async def test_a_scan_takes_every_operator_as_a_filter(
    watched: Watched, conditions: list[Condition[Reading]], expected: list[str]
) -> None:
    """R36."""
    scan = watched.table.scan(ANA, *conditions)

    assert sorted(slugs(await scan.list())) == expected
    assert await scan.count() == len(expected)


BY_NUMBER: dict[str, tuple[list[Condition[Reading]], range]] = {
    "equal": ([R.number == 3], range(15, 20)),
    "less": ([R.number < 1], range(5)),
    "between": ([R.number.between(1, 2)], range(5, 15)),
    "both ends excluded": ([R.number > 0, R.number < 3], range(5, 15)),
    "greater or equal": ([R.number >= 4], range(20, 25)),
}


@pytest.mark.parametrize("index", ["by-number", "by-tag"])
@pytest.mark.parametrize(("conditions", "numbers"), BY_NUMBER.values(), ids=BY_NUMBER)
async def test_numbers_of_an_index_with_equal_sort_keys_are_compared(
    watched: Watched, index: str, conditions: list[Condition[Reading]], numbers: range
) -> None:
    """R35, R49: the table's, a local and a global index give what they should."""
    where = [ANA] if index == "by-number" else [R.tag == "even", ANA]
    expected = [f"s{number:02}" for number in numbers if index == "by-number" or number % 2 == 0]

    query = watched.where(*where, *conditions).using(index)

    found = await query.list()
    assert sorted(slugs(found)) == expected
    assert [each.number for each in found] == sorted(each.number for each in found)
    assert await query.count() == len(expected)


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ([R.mark > b"\x32", R.mark < b"\xc8"], ["s10", "s15"]),
        ([R.mark > b"\x96"], ["s20"]),
        ([R.mark.begins_with(b"\x96")], ["s15"]),
    ],
    ids=["both ends excluded", "greater", "begins with"],
)
async def test_binary_keys_of_a_sparse_index_are_compared(
    watched: Watched, conditions: list[Condition[Reading]], expected: list[str]
) -> None:
    """R35, R53."""
    assert slugs(await watched.where(ANA, *conditions).using("by-mark").list()) == expected


async def test_filters_of_every_kind_are_tested_after_reading(watched: Watched) -> None:
    """R46."""
    query = watched.where(
        ANA,
        (R.number == 1) | (R.number == 4),
        ~(R.tag == "even"),
        R.price < Decimal(6),
        raw("#p > :n", names={"#p": "price"}, values={":n": 2}) | R.tag.not_exists(),
    )

    assert slugs(await query.using(None).list()) == ["s05", "s07", "s09", "s21", "s23"]
    assert await query.using(None).count() == 5


async def test_what_is_expired_and_not_deleted_yet_is_left_out(watched: Watched) -> None:
    """R11."""
    query = watched.where(ANA, R.expires.exists())

    assert slugs(await query.list()) == ["s00", "s04", "s08", "s12", "s16", "s20", "s24"]
    assert slugs(await query.not_expired().list()) == ["s12", "s16", "s20", "s24"]
    assert len(await watched.where(ANA).not_expired().list()) == 22


# Order and numbers.


async def test_items_come_by_the_sort_key_both_ways(watched: Watched) -> None:
    """R44."""
    assert slugs(await watched.where(ANA).list()) == SLUGS
    assert slugs(await watched.where(ANA).reverse().list()) == SLUGS[::-1]
    priced = watched.where(ANA).order_by(R.price).select(R.price)
    assert [each["price"] for each in await priced.reverse().limit(2).list()] == [Decimal(6), Decimal("5.75")]


async def test_the_limit_is_met_over_three_pages_and_no_fourth_is_read(watched: Watched) -> None:
    """R17."""
    found = await watched.where(ANA).page_size(3).limit(7).list()

    assert slugs(found) == SLUGS[:7]
    assert [request["Limit"] for request in watched.requests] == [3, 3, 1]


async def test_a_limit_behind_a_filter_ends_the_walk_where_it_is_met(watched: Watched) -> None:
    found = await watched.where(ANA, R.note == "third").using(None).page_size(4).limit(3).list()

    assert slugs(found) == ["s00", "s03", "s06"]
    assert len(watched.requests) == 2


async def test_a_limit_that_ends_with_a_page_reads_no_other(watched: Watched) -> None:
    assert slugs(await watched.where(ANA).page_size(5).limit(10).list()) == SLUGS[:10]
    assert len(watched.requests) == 2


@pytest.mark.parametrize(
    ("offset", "limit", "expected"),
    [(5, 3, SLUGS[5:8]), (0, 3, SLUGS[:3]), (23, 5, SLUGS[23:]), (25, 1, []), (30, 3, [])],
)
async def test_an_offset_is_read_and_left_out(
    watched: Watched, offset: int, limit: int, expected: list[str]
) -> None:
    """R45: offset 5, limit 3 gives items 6 to 8."""
    query = watched.where(ANA).page_size(4).offset(offset).limit(limit)

    assert slugs(await query.list()) == expected
    assert await query.count() == len(expected)


async def test_the_largest_limit_beside_an_offset_is_a_request_that_is_taken(watched: Watched) -> None:
    assert slugs(await watched.where(ANA).limit(2**31 - 1).offset(20).list()) == SLUGS[20:]
    assert len((await watched.where(ANA).page(size=2**31 - 1)).items) == 25


async def test_count_is_told_by_the_service_and_sends_no_item(watched: Watched) -> None:
    """R18."""
    assert await watched.where(ANA).page_size(10).count() == 25

    exchanges = watched.recorder.taken()
    assert [request["Select"] for request, _ in exchanges] == ["COUNT"] * 3
    assert all("Items" not in answered for _, answered in exchanges)


async def test_a_count_is_bounded_by_limit_and_offset(watched: Watched) -> None:
    assert await watched.where(ANA).limit(7).page_size(3).count() == 7
    assert await watched.where(ANA).offset(20).count() == 5
    assert await watched.where(ANA, R.slug > "s00", R.slug < "s20").limit(4).count() == 4


async def test_first_reads_one_item_and_one_demands_that_there_is_no_other(watched: Watched) -> None:
    first = await watched.where(ANA).first()
    assert first is not None
    assert (first.slug, [request["Limit"] for request in watched.requests]) == ("s00", [1])
    assert await watched.where(R.user == "nobody").first() is None
    assert (await watched.where(ANA, R.slug == "s09").one()).slug == "s09"
    last = await watched.where(ANA, R.note == "third").reverse().using(None).page_size(2).first()
    assert last is not None
    assert last.slug == "s24"
    with pytest.raises(ItemNotFound):
        await watched.where(R.user == "nobody").one()
    with pytest.raises(SeveralItems):
        await watched.where(ANA).one()


# What is read.


@attrs.frozen
class Card:
    slug: str
    number: int
    note: str = "none"


async def test_a_view_is_read_by_projection(watched: Watched) -> None:
    """N3."""
    found = await watched.where(ANA, R.slug < "s02").select(Card).list()

    assert found == [Card("s00", 0, "third"), Card("s01", 0, "other")]
    assert "ProjectionExpression" in watched.requests[0]


async def test_some_fields_are_read_as_dicts(watched: Watched) -> None:
    found = await watched.where(ANA, R.slug < "s02").select(R.tag, "price").list()

    assert found == [{"tag": "even", "price": Decimal(0)}, {"tag": None, "price": Decimal("0.25")}]


async def test_a_view_is_paged_and_counted_and_its_excluded_ends_dropped(watched: Watched) -> None:
    query = watched.where(ANA, R.slug > "s03", R.slug < "s08").select(R.note)

    first = await query.page(size=3)
    second = await query.page(size=3, cursor=first.next)

    assert [len(first.items), len(second.items), await query.count()] == [2, 2, 4]


async def test_an_index_is_used_for_a_view_that_it_holds_and_for_no_other(watched: Watched) -> None:
    """N3: refused at planning, before anything is sent."""
    found = await watched.where(R.note == "third", ANA).using("by-note").select(R.number).limit(2).list()
    assert [each["number"] for each in found] == [0, 0]
    watched.recorder.taken()

    with pytest.raises(NoUsableIndex, match="does not hold"):
        await watched.where(R.note == "third").using("by-note").list()
    with pytest.raises(NoUsableIndex, match="does not hold price"):
        await watched.where(R.note == "third").using("by-note").select(R.price).list()
    with pytest.raises(NoUsableIndex, match="does not hold number"):
        await watched.where(ANA, R.price > Decimal(1), R.number == 1).using("by-price").list()

    assert watched.requests == []


async def test_whole_items_are_fetched_where_a_local_index_holds_their_keys_alone(watched: Watched) -> None:
    """R54."""
    found = await watched.where(ANA, R.price.between(Decimal(1), Decimal("1.25"))).using("by-price").list()

    assert found == [reading(4), reading(5)]


async def test_a_view_is_fetched_where_a_local_index_holds_keys_alone(watched: Watched) -> None:
    """R54."""
    query = watched.where(ANA, R.price.between(Decimal(1), Decimal("1.25"))).using("by-price")

    assert await query.select(R.note).list() == [{"note": "other"}, {"note": "other"}]


@pytest.mark.parametrize(
    ("conditions", "last"),
    [
        ([R.slug <= "s04"], "s04"),
        ([R.slug >= "s02", R.slug <= "s04"], "s04"),
        ([R.slug > "s02", R.slug < "s05"], "s05"),
        ([R.slug == "s04"], "s04"),
    ],
    ids=["a bound", "both", "excluded", "one item"],
)
async def test_nothing_is_sent_from_the_end_of_a_range_of_the_tables_keys(
    watched: Watched, conditions: list[Condition[Reading]], last: str
) -> None:
    """R17, R40: no two items share a key; DynamoDB Local refuses to begin there."""
    query = watched.where(ANA, *conditions)
    cursor = query.cursor_after(reading(int(last[1:])))

    walked, page = await query.start(cursor).list(), await query.page(size=3, cursor=cursor)

    assert (walked, page.items, page.next, watched.requests) == ([], [], None, [])
    back = await query.page(size=3, cursor=page.previous)
    assert slugs(back.items) == [slug for slug in slugs(await query.list()) if slug <= last][-3:]


async def test_a_page_that_ends_with_the_range_has_no_next(watched: Watched) -> None:
    page = await watched.where(ANA, R.slug <= "s03").page(size=4)
    down = await watched.where(ANA, R.slug >= "s20").reverse().page(size=5)

    assert (len(page.items), page.next, len(down.items), down.next) == (4, None, 5, None)


async def test_consistent_reads_say_so_and_global_indexes_refuse_them(watched: Watched) -> None:
    assert len(await watched.where(ANA).consistent().list()) == 25
    assert watched.requests[0]["ConsistentRead"] is True
    assert len(await watched.where(ANA, R.number == 1).using("by-number").consistent().list()) == 5
    watched.recorder.taken()

    with pytest.raises(NoUsableIndex, match="can't be read consistently"):
        await watched.where(R.tag == "even").consistent().list()

    assert watched.requests == []


async def test_an_index_that_lacks_items_is_not_used_unless_they_are_not_meant(watched: Watched) -> None:
    """R53: by-mark holds five of the twenty-five."""
    with pytest.raises(NoUsableIndex, match="lacks the items without mark"):
        await watched.where(ANA).order_by(R.mark).list()

    assert slugs(await watched.where(ANA, R.mark.exists()).order_by(R.mark).list()) == [
        "s00",
        "s05",
        "s10",
        "s15",
        "s20",
    ]


async def test_a_scan_is_sent_only_where_it_is_allowed(watched: Watched) -> None:
    """R17, R52."""
    with pytest.raises(NoUsableIndex, match="allow_scan"):
        await watched.where(R.price > Decimal(5)).list()
    assert watched.requests == []

    assert sorted(slugs(await watched.where(R.price > Decimal(5)).allow_scan().list())) == [
        "s21",
        "s22",
        "s23",
        "s24",
    ]


@attrs.define
class Keeping:
    """An observer that keeps what it was told."""

    events: list[Event] = attrs.field(factory=list[Event])

    def on_event(self, event: Event) -> None:
        self.events.append(event)

    def taken(self) -> list[str]:
        """Return the kinds of the events of queries since this was asked last."""
        events, self.events = self.events, []
        return [type(each).__name__ for each in events if not isinstance(each, AttemptFinished)]


ENDINGS: dict[str, Callable[[Query[Reading]], Awaitable[object]]] = {
    "list": lambda query: query.list(),
    "count": lambda query: query.count(),
    "first": lambda query: query.first(),
    "page": lambda query: query.page(size=3),
    "analyze": lambda query: query.analyze(),
    "aggregate": lambda query: query.aggregate(n=count()).rows(),
}


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS)
async def test_observers_are_told_before_a_query_falls_back_to_a_scan(
    engine: Engine, readings: Table[Reading], ending: Callable[[Query[Reading]], Awaitable[object]]
) -> None:
    """R52: once for each time it is sent."""
    keeping = Keeping()
    async with engine.connect(observers=[keeping]) as db:
        await ending(db.table(Reading, name=readings.name).where(R.price > Decimal(5)).allow_scan())

    warning = keeping.events[0]
    assert isinstance(warning, FellBackToScan)
    assert (warning.tables, warning.model, warning.index) == ((readings.name,), "Reading", None)
    assert warning.rows >= 2
    assert warning.read_units >= 0.5
    assert "table: needs user == …" in warning.reasons
    assert "5" not in "".join(warning.reasons)
    assert keeping.taken()[:3] == ["FellBackToScan", "CallStarted", "CallFinished"]


async def test_observers_are_told_of_no_scan_that_is_meant_and_of_no_query(
    engine: Engine, readings: Table[Reading]
) -> None:
    keeping = Keeping()
    async with engine.connect(observers=[keeping]) as db:
        table = db.table(Reading, name=readings.name)
        await table.scan(R.price > Decimal(1)).list()
        await table.where(ANA).allow_scan().list()
        table.where(R.price > Decimal(1)).allow_scan().explain()

    assert keeping.taken() == ["CallStarted", "CallFinished"] * 2


async def test_a_whole_key_is_read_by_get_item(watched: Watched) -> None:
    """For what `get` costs, missing items included; a filter or a count makes a Query of it."""
    one = watched.where(ANA, R.slug == "s07")

    page = await one.page(size=10)
    assert await one.list() == [await one.one()] == [await one.first()] == page.items == [reading(7)]
    assert (page.next, page.previous) == (None, None)
    assert await one.select(R.number).list() == [{"number": 1}]
    assert await watched.table.where(ANA, R.slug == "gone").consistent().list() == []
    assert await one.start(one.cursor_after(reading(7))).list() == []
    requests = watched.requests
    assert [request["Key"]["user"] for request in requests] == [{"S": "ana"}] * 6

    assert await one.filter(R.note == "third").list() == []
    assert await one.count() == 1
    assert all("KeyConditionExpression" in request for request in watched.requests)


# Pages.

WALKED: dict[str, tuple[list[Condition[Reading]], str | None]] = {
    "the table": ([ANA], None),
    "a range": ([ANA, R.slug >= "s02", R.slug <= "s20"], None),
    "excluded ends": ([ANA, R.slug > "s02", R.slug < "s20"], None),
    "a filter": ([ANA, R.note == "third"], None),
    "a filter that hides most": (
        [ANA, R.slug.is_in(["s11", "s24"]) | (R.price == Decimal("0.25"))],
        "by-number",
    ),
    "a local index with equal keys": ([ANA], "by-number"),
    "a global index with equal keys": ([R.tag == "even"], "by-tag"),
    "a filter in a global index": ([R.tag == "even", ANA], "by-tag"),
    "excluded ends of equal keys": ([R.tag == "even", R.number > 0, R.number < 4], "by-tag"),
}


def asked(watched: Watched, conditions: list[Condition[Reading]], index: str | None) -> Any:
    return watched.where(*conditions).using(index)


async def test_pages_of_ten_over_twenty_five(watched: Watched) -> None:
    """R37."""
    pages = [page async for page in watched.where(ANA).pages(size=10)]

    assert [len(page.items) for page in pages] == [10, 10, 5]
    assert len(watched.requests) == 3


@pytest.mark.parametrize("reverse", [False, True], ids=["up", "down"])
@pytest.mark.parametrize("size", [2, 7])
@pytest.mark.parametrize(("conditions", "index"), WALKED.values(), ids=WALKED)
async def test_pages_lead_on_and_back_over_the_same_items(
    watched: Watched, conditions: list[Condition[Reading]], index: str | None, size: int, reverse: bool
) -> None:
    """R39: from every page back to the first, and on again."""
    query = asked(watched, conditions, index)
    query = query.reverse() if reverse else query
    whole = [(each.user, each.slug) for each in await query.list()]

    forth = [page async for page in query.pages(size=size)]
    back = [forth[-1]]
    while back[0].previous is not None:
        back.insert(0, await query.page(size=size, cursor=back[0].previous))
        assert len(back) < 60
    again = [back[0]]
    while again[-1].next is not None:
        again.append(await query.page(size=size, cursor=again[-1].next))
        assert len(again) < 60

    for pages in (forth, back, again):
        assert [(each.user, each.slug) for page in pages for each in page.items] == whole
    assert forth[0].previous is None


@pytest.mark.parametrize(("conditions", "index"), WALKED.values(), ids=WALKED)
async def test_a_walk_goes_on_behind_any_item(
    watched: Watched, conditions: list[Condition[Reading]], index: str | None
) -> None:
    """R40."""
    query = asked(watched, conditions, index)
    whole = await query.list()

    for position, item in enumerate(whole):
        rest = await query.start(query.cursor_after(item)).list()

        assert [(each.user, each.slug) for each in rest] == [
            (each.user, each.slug) for each in whole[position + 1 :]
        ]


async def test_a_page_without_a_filter_is_one_request_in_both_directions(watched: Watched) -> None:
    query = watched.where(ANA)
    first = await query.page(size=5)
    second = await query.page(size=5, cursor=first.next)
    watched.recorder.taken()

    back = await query.page(size=5, cursor=second.previous)

    assert back.items == first.items
    assert len(watched.requests) == 1


@pytest.mark.parametrize("budget", [{"requests": 1}, {"items": 4}, {"read_units": 0.5}], ids=str)
@pytest.mark.parametrize(("conditions", "index"), WALKED.values(), ids=WALKED)
async def test_what_a_budget_stopped_is_completed_from_its_cursor(
    watched: Watched, conditions: list[Condition[Reading]], index: str | None, budget: dict[str, Any]
) -> None:
    query = asked(watched, conditions, index)
    whole = [(each.user, each.slug) for each in await query.list()]
    walk, walked, requests = query.page_size(4).budget(**budget), list[tuple[str, str]](), list[int]()

    while True:
        try:
            async for each in walk:
                walked.append((each.user, each.slug))
            break
        except BudgetSpent as spent:
            requests.append(spent.requests)
            walk = walk.start(spent.cursor)

    assert walked == whole
    assert set(requests) == {1}


async def test_an_offset_is_left_behind_by_the_cursor_of_a_spent_budget(watched: Watched) -> None:
    """R45: what was left out before is not left out a second time."""
    query = watched.where(ANA).page_size(4).offset(6)
    whole = slugs(await query.list())

    with pytest.raises(BudgetSpent) as caught:
        await query.budget(requests=2).list()
    rest = slugs(await query.start(caught.value.cursor).list())

    # Two pages of four, of which the first six items were left out.
    assert (len(whole), rest) == (25 - 6, whole[2:])


@pytest.mark.parametrize(
    "options", [{}, {"select": True}, {"filter": True}], ids=["items", "dicts", "a filter"]
)
async def test_what_a_list_had_found_is_in_the_error_of_a_spent_budget(
    watched: Watched, options: dict[str, bool]
) -> None:
    query = watched.where(ANA).page_size(4)
    query = query.filter(R.note == "third") if options.get("filter") else query
    query = query.select(R.slug) if options.get("select") else query
    whole = await query.list()

    with pytest.raises(BudgetSpent) as caught:
        await query.budget(requests=3).list()

    error = caught.value
    assert 0 < len(error.items) < len(whole)
    assert (error.items, error.count) == (whole[: len(error.items)], len(error.items))
    assert [*error.items, *await query.start(error.cursor).list()] == whole
    assert "s0" not in f"{error}{error!r}"


@pytest.mark.parametrize(
    ("conditions", "counted"),
    [([ANA], 8), ([ANA, R.slug > "s00", R.slug < "s24"], 7), ([ANA, R.note == "third"], 3)],
    ids=["counted there", "counted here", "a filter"],
)
async def test_what_was_counted_is_in_the_error_of_a_spent_budget(
    watched: Watched, conditions: list[Condition[Reading]], counted: int
) -> None:
    query = watched.where(*conditions).using(None).page_size(4)

    with pytest.raises(BudgetSpent) as caught:
        await query.budget(requests=2).count()

    error = caught.value
    assert (error.count, error.items) == (counted, [])
    assert counted + await query.start(error.cursor).count() == await query.count()


async def test_what_was_to_be_sorted_is_in_the_error_of_a_spent_budget(watched: Watched) -> None:
    query = watched.where(ANA).page_size(4).order_by(R.note, in_memory=100)

    with pytest.raises(BudgetSpent) as caught:
        await query.reverse().budget(requests=2).list()

    assert slugs(caught.value.items) == SLUGS[:8]


async def test_a_budget_that_suffices_stops_nothing(watched: Watched) -> None:
    found = await watched.where(ANA).page_size(10).budget(requests=3, read_units=100, items=25).list()

    assert len(found) == 25


@pytest.mark.parametrize("units", [0, -1, float("nan"), "3", True])
async def test_a_budget_that_is_no_number_is_refused(watched: Watched, units: Any) -> None:
    with pytest.raises(InvalidRequest, match="read_units"):
        watched.where(ANA).budget(read_units=units)


# Other writers, between two pages.


@pytest.mark.parametrize("filtered", [False, True], ids=["whole", "filtered"])
@pytest.mark.parametrize("index", [None, "by-number"])
async def test_items_that_nobody_touched_are_neither_skipped_nor_doubled_on_the_way_on(
    readings: Table[Reading], index: str | None, filtered: bool
) -> None:
    """R39: written and deleted right at the edge of the page."""
    query = readings.where(ANA, *([R.price >= Decimal(0)] if filtered else [])).using(index)
    whole = slugs(await query.list())
    page = await query.page(size=3)
    found = slugs(page.items)
    for slug in (whole[2], whole[3]):
        await readings.delete("ana", slug)
    for number in range(1, 18, 2):
        await readings.put(reading(number))

    while page.next is not None:
        page = await query.page(size=3, cursor=page.next)
        found += slugs(page.items)

    assert len(found) == len(set(found))
    assert [slug for slug in found if slug in whole] == [slug for slug in whole if slug != whole[3]]


@pytest.mark.parametrize("filtered", [False, True], ids=["whole", "filtered"])
@pytest.mark.parametrize("index", [None, "by-number"])
async def test_items_that_nobody_touched_are_neither_skipped_nor_doubled_on_the_way_back(
    readings: Table[Reading], index: str | None, filtered: bool
) -> None:
    """R39: from the third page back, while the items beside its edge come and go."""
    query = readings.where(ANA, *([R.price >= Decimal(0)] if filtered else [])).using(index)
    whole = slugs(await query.list())
    first = await query.page(size=3)
    second = await query.page(size=3, cursor=first.next)
    page = await query.page(size=3, cursor=second.next)
    found: list[str] = []
    for slug in (whole[6], whole[5]):
        await readings.delete("ana", slug)
    for number in range(1, 18, 2):
        await readings.put(reading(number))

    while page.previous is not None:
        page = await query.page(size=3, cursor=page.previous)
        found = [*slugs(page.items), *found]

    assert len(found) == len(set(found))
    assert [slug for slug in found if slug in whole] == whole[:5]


async def test_a_page_back_is_found_where_all_that_stood_there_is_gone(readings: Table[Reading]) -> None:
    query = readings.where(ANA)
    first = await query.page(size=4)
    second = await query.page(size=4, cursor=first.next)
    for number in range(0, 18, 2):
        await readings.delete("ana", f"s{number:02}")

    back = await query.page(size=4, cursor=second.previous)
    on = await query.page(size=4, cursor=second.next)

    assert (back.items, back.previous, on.items, on.next) == ([], None, [], None)


async def put_finely_timed(db: Client, table_name: str, number: int, time: str) -> None:
    item = {"user": {"S": "ana"}, "id": {"N": str(number)}, "created": {"S": time}, "updated": {"S": time}}
    await put_raw(db, table_name, item)


async def test_a_walk_goes_on_behind_an_item_whose_times_are_finer_than_ours(
    db: Client, table_name: str
) -> None:
    """R40: another service writes nine digits; created is kept to the last of them."""
    await db.admin.create_table(Timed, name=table_name)
    timed = db.table(Timed, name=table_name)
    for number in range(3):
        await put_finely_timed(db, table_name, number, f"2024-05-06T07:08:09.12345678{number}Z")
    query = timed.where(Timed.user == "ana").order_by(Timed.created)
    whole = await query.list()

    rest = [await query.start(query.cursor_after(item)).list() for item in whole]

    assert [[each.id for each in found] for found in rest] == [[1, 2], [2], []]


async def test_a_walk_goes_on_behind_an_item_by_any_time_that_is_finer_than_ours(
    db: Client, table_name: str
) -> None:
    """R40: the items behind the cursor, and not the item itself again."""
    await db.admin.create_table(Timed, name=table_name)
    timed = db.table(Timed, name=table_name)
    for number in range(2):
        await put_finely_timed(db, table_name, number, f"2024-05-06T07:08:09.12345678{number + 1}Z")
    query = timed.where(Timed.user == "ana").order_by(Timed.updated)
    first = await query.first()
    assert first is not None

    rest = await query.start(query.cursor_after(first)).list()

    assert [each.id for each in rest] == [1]


@model(table="events")
class Happening:
    source: Attr[str] = partition_key()
    at: Attr[datetime] = sort_key()
    text: Attr[str] = attribute(default="")


async def test_an_instance_whose_key_is_a_finer_time_than_ours_stands_for_the_stored_item(
    db: Client, table_name: str
) -> None:
    await db.admin.create_table(Happening, name=table_name)
    events = db.table(Happening, name=table_name)
    for digits in ("123456788", "123456789"):
        await put_raw(db, table_name, {"source": {"S": "a"}, "at": {"S": f"2024-05-06T07:08:09.{digits}Z"}})
    first, second = await events.where(Happening.source == "a").list()

    await events.save(evolve(first, text="saved"))
    await events.put(evolve(second, text="put"))
    assert [event.text for event in await events.where(Happening.source == "a").list()] == ["saved", "put"]
    assert [event and event.text for event in await events.batch_get([second, first])] == ["put", "saved"]
    await events.update(first, Happening.text.set("updated"))
    assert (await events.get(first)).text == "updated"
    await events.delete(first)
    await events.batch_delete([second])

    assert await events.where(Happening.source == "a").list() == []


async def test_a_cursor_after_a_time_that_was_changed_is_that_of_the_new_time(
    db: Client, table_name: str
) -> None:
    await db.admin.create_table(Timed, name=table_name)
    timed = db.table(Timed, name=table_name)
    for number in range(3):
        await put_finely_timed(db, table_name, number, f"2024-05-06T07:08:0{number}.123456789Z")
    query = timed.where(Timed.user == "ana").order_by(Timed.updated)
    first = await query.first()
    assert first is not None
    first.updated += timedelta(seconds=1.5)

    rest = await query.start(query.cursor_after(first)).list()

    assert [each.id for each in rest] == [2]


@model(table="timed")
class Timed:
    user: Attr[str] = partition_key()
    id: Attr[int] = sort_key()
    created: Attr[datetime] = created_at()
    updated: Attr[datetime] = updated_at()

    by_created = LocalIndex("by-created", sort_key="created")
    by_updated = LocalIndex("by-updated", sort_key="updated")


# Several attributes as one key; several entities in one table.


@model(table="games")
class Game:
    id: Attr[str] = partition_key()
    country: Attr[str]
    city: Attr[str]
    year: Attr[int]
    team: Attr[str]

    by_place = GlobalIndex("by-place", partition_key=("country", "city"), sort_key=("year", "team"))


async def test_a_key_of_several_attributes_is_queried_and_paged(db: Client, table_name: str) -> None:
    """R47: every partition attribute, and the sort attributes from the left."""
    await db.admin.create_table(Game, name=table_name)
    games = db.table(Game, name=table_name)
    for number in range(12):
        place = {"country": "it", "city": "Rome" if number % 4 else "Bari"}
        await games.put(Game(id=f"g{number:02}", year=2000 + number // 4, team=f"t{number % 3}", **place))
    rome = (Game.country == "it", Game.city == "Rome")
    query = games.where(*rome, Game.year >= 2001)

    found = await games.where(*rome, Game.year == 2001, Game.team > "t0").list()
    pages = [page async for page in query.pages(size=2)]
    back = await query.page(size=2, cursor=pages[-1].previous)

    assert [(each.year, each.team) for each in found] == [(2001, "t1"), (2001, "t2")]
    assert [each.year for page in pages for each in page.items] == [2001] * 3 + [2002] * 3
    assert back.items == pages[-2].items


async def test_entities_of_one_table_are_told_apart(shop: tuple[Table[User], Table[Order]]) -> None:
    """N1: templates make the key, the entity leaves others out."""
    users, orders = shop
    for name in ("ana", "bob"):
        await users.put(User(user=name, name=name.title()))
        for number in (1, 10, 2):
            await orders.put(
                Order(user=name, number=number, status="new" if number < 10 else "sent", city="Rome")
            )

    assert [each.number for each in await orders.where(Order.user == "ana").list()] == [1, 10, 2]
    assert (await orders.where(Order.user == "ana", Order.number == 10).one()).status == "sent"
    assert await orders.where(Order.user == "ana", Order.number > 1).count() == 2
    assert (await users.where(User.user == "ana").one()).name == "Ana"
    by_status = orders.where(Order.status == "new", Order.city == "Rome", Order.user == "ana")
    assert [each.number for each in await by_status.using("by-status").list()] in ([1, 2], [2, 1])
    assert await users.scan().count() == 2


async def test_entities_are_paged_on_and_back(shop: tuple[Table[User], Table[Order]]) -> None:
    """N1, R39: the entity is a filter, so a page may be short."""
    users, orders = shop
    await users.put(User(user="ana"))
    for number in range(5):
        await orders.put(Order(user="ana", number=number))
    query = orders.where(Order.user == "ana")

    pages = [page async for page in query.pages(size=2)]
    back = await query.page(size=2, cursor=pages[1].previous)

    assert [each.number for page in pages for each in page.items] == [0, 1, 2, 3, 4]
    assert back.items == pages[0].items


async def test_a_text_that_would_end_a_templates_field_finds_nothing_of_another(
    db: Client, table_name: str
) -> None:
    """What stands in the key for two fields is not taken for one."""
    await db.admin.create_table(Member, name=table_name)
    members = db.table(Member, name=table_name)
    await members.put(Member(org="x", team="a", name="b"))

    found = await members.where(Member.org == "x", Member.team.begins_with("a#")).list()
    same = await members.where(Member.org == "x", Member.team.begins_with("a")).list()

    assert (found, [each.name for each in same]) == ([], ["b"])


@model(table="org")
class Member:
    pk: Attr[str] = partition_key(template="ORG#{org}")
    sk: Attr[str] = sort_key(template="M#{team}#{name}")
    org: Attr[str]
    team: Attr[str]
    name: Attr[str]


async def test_a_prefix_without_a_letter_is_refused_for_a_key(readings: Table[Reading]) -> None:
    """The service takes no empty value for a key."""
    with pytest.raises(InvalidRequest, match="empty"):
        await readings.where(ANA, R.slug.begins_with("")).list()


async def test_a_missing_attribute_that_has_a_default_is_found_by_the_tables_key(
    readings: Table[Reading], db: Client
) -> None:
    """R53: by-note lacks the item, so that it is not used for all; the item is of another service."""
    item = {"user": {"S": "ana"}, "slug": {"S": "zz"}, "number of five": {"N": "9"}, "price": {"N": "1"}}
    await put_raw(db, readings.name, item)
    found = await answer(
        db,
        "Query",
        readings.name,
        KeyConditionExpression="#u = :u",
        ExpressionAttributeNames={"#u": "user"},
        ExpressionAttributeValues={":u": {"S": "ana"}},
    )

    assert slugs(await readings.where(ANA, R.slug > "y").list()) == ["zz"]
    assert found["Count"] == 10


# Orders that are made here.


async def test_a_sort_in_memory_puts_what_has_no_value_last_both_ways(bookmarks: Table[Bookmark]) -> None:
    """R44."""
    for slug, days in (("a", 2), ("b", None), ("c", 1), ("d", None), ("e", 3)):
        expires = None if days is None else datetime(2030, 1, days, tzinfo=UTC)
        await bookmarks.put(Bookmark(user="ana", slug=slug, url="x", expires=expires))
    query = bookmarks.where(Bookmark.user == "ana").order_by(Bookmark.expires, in_memory=10)

    up = [mark.slug for mark in await query.list()]
    down = [mark.slug for mark in await query.reverse().limit(4).list()]

    assert up[:3] == ["c", "a", "e"]
    assert down[:3] == ["e", "a", "c"]
    assert {*up[3:]} == {"b", "d"}
    assert query.explain().operation == "Query"
    assert (await query.analyze()).items == 5


async def test_more_than_may_be_sorted_in_memory_is_refused(bookmarks: Table[Bookmark]) -> None:
    for number in range(4):
        await bookmarks.put(Bookmark(user="ana", slug=f"s{number}", url="x", visits=number))
    query = bookmarks.where(Bookmark.user == "ana").order_by(Bookmark.visits, in_memory=3)

    with pytest.raises(LimitExceeded, match="more than 3 items to sort by visits"):
        await query.list()


@pytest.mark.parametrize("options", [{"requests": 2}, {"items": 3}], ids=["requests", "items"])
async def test_a_page_has_no_budget(bookmarks: Table[Bookmark], options: dict[str, int]) -> None:
    with pytest.raises(InvalidRequest, match="beside limit, offset, budget"):
        await bookmarks.where(Bookmark.user == "ana").budget(**options).page(size=2)


async def test_the_longest_keys_can_be_paged(bookmarks: Table[Bookmark]) -> None:
    """R38: every byte of a key may take eight of its cursor."""
    user = "<" * 2048
    for number in range(3):
        await bookmarks.put(Bookmark(user=user, slug="&" * 1023 + str(number), url="x"))
    query = bookmarks.where(Bookmark.user == user)

    first = await query.page(size=2)
    second = await query.page(size=2, cursor=first.next)

    assert [len(first.items), len(second.items)] == [2, 1]


async def test_one_after_limit_1_is_the_first(bookmarks: Table[Bookmark]) -> None:
    for slug in ("a", "b"):
        await bookmarks.put(Bookmark(user="ana", slug=slug, url="x"))

    assert (await bookmarks.where(Bookmark.user == "ana").limit(1).one()).slug == "a"
