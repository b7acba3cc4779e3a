"""Queries whose index holds keys alone, over scripted replies: what is fetched, what goes wrong (R54)."""

from __future__ import annotations

import base64
import json
from typing import Any

import attrs
import pytest

from dynamorm_async import (
    AccessDenied,
    Attr,
    BudgetSpent,
    Call,
    CallTimeout,
    GlobalIndex,
    InvalidValue,
    PartialBatch,
    Reply,
    attribute,
    model,
    partition_key,
)
from dynamorm_async.executors import hydrated_pages
from dynamorm_async.plan import Progress, Question, Walk, prepare
from tests.plan.given import target
from tests.scripted_batches import BatchService, Step
from tests.scripted_send import refused


@model(table="jobs")
class Job:
    id: Attr[str] = partition_key()
    state: Attr[str]
    rank: Attr[int]
    note: Attr[str]

    by_state = GlobalIndex("by-state", partition_key="state", sort_key="rank", projection="KEYS_ONLY")


OPEN = Job.state == "open"


def entry(number: int) -> dict[str, Any]:
    return {"id": {"S": f"j{number}"}, "state": {"S": "open"}, "rank": {"N": str(number)}}


def item(number: int, **changes: Any) -> dict[str, Any]:
    return {**entry(number), "note": {"S": f"note {number}"}, **changes}


@model(table="jobs", entity="JOB")
class OneOfSeveral:
    id: Attr[str] = partition_key()
    state: Attr[str]
    rank: Attr[int]
    note: Attr[str]

    by_state = GlobalIndex("by-state", partition_key="state", sort_key="rank", projection="KEYS_ONLY")


@attrs.define
class Service:
    """An index of entries in pages, and a table that answers batches by a script.

    Attributes:
        pages: Numbers of the entries of each page.
        stored: What the table holds.
        steps: What becomes of each call for items.
        units: What each answer says that it cost.
    """

    pages: list[list[int]]
    stored: list[dict[str, Any]] = attrs.field(factory=list[dict[str, Any]])
    steps: tuple[Step, ...] = (1000,)
    units: float | None = None
    asked: list[dict[str, Any]] = attrs.field(factory=list[dict[str, Any]])
    batches: BatchService = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.batches = BatchService(steps=self.steps, items={"jobs": self.stored})

    async def send(self, call: Call) -> Reply:
        if call.operation == "BatchGetItem":
            reply = await self.batches.send(call)
            body: dict[str, Any] = json.loads(reply.body)
            if self.units is not None:
                body["ConsumedCapacity"] = [{"TableName": "jobs", "CapacityUnits": self.units}]
            return Reply(body=json.dumps(body).encode(), request_id=reply.request_id)
        numbers = self.pages[len(self.asked)]
        self.asked.append(json.loads(call.body))
        is_last = len(self.asked) == len(self.pages)
        body = {
            "Items": [entry(number) for number in numbers],
            "Count": len(numbers),
            "ScannedCount": len(numbers),
        }
        if not is_last:
            body["LastEvaluatedKey"] = entry(numbers[-1])
        if self.units is not None:
            body["ConsumedCapacity"] = {"TableName": "jobs", "CapacityUnits": self.units}
        return Reply(body=json.dumps(body).encode())

    @property
    def fetched(self) -> list[list[str]]:
        """The ids that each call asked for."""
        requests = [json.loads(call.body)["RequestItems"]["jobs"] for call in self.batches.calls]
        return [[key["id"]["S"] for key in request["Keys"]] for request in requests]


def walk(**options: Any) -> Walk[Any]:
    question = Question(conditions=(OPEN,), hydrate=True, **options)
    return Walk(query=prepare(target(Job, "jobs"), question))


async def given(service: Service, asked: Walk[Any], into: list[str] | None = None, **more: Any) -> list[str]:
    found: list[str] = [] if into is None else into
    async for items, _ in hydrated_pages(asked, service.send, **more):
        found += [each.note for each in items]
    return found


def notes(*numbers: int) -> list[str]:
    return [f"note {number}" for number in numbers]


async def test_items_come_in_the_order_of_the_index_page_by_page() -> None:
    service = Service([[3, 1, 2], [5, 4]], [item(number) for number in range(1, 6)])

    assert await given(service, walk()) == notes(3, 1, 2, 5, 4)

    assert service.fetched == [["j3", "j1", "j2"], ["j5", "j4"]]
    assert service.asked[0]["ProjectionExpression"].count("#") == 3  # the keys alone


async def test_four_calls_at_a_time_fetch_a_long_page() -> None:
    numbers = list(range(950))
    service = Service([numbers], [item(number) for number in numbers])
    chunks: list[int] = []

    async for items, _ in hydrated_pages(walk(), service.send):
        chunks.append(len(items))

    assert chunks == [400, 400, 150]
    assert (max(service.batches.sizes), service.batches.most_in_flight) == (100, 4)


async def test_nothing_is_fetched_before_it_is_taken() -> None:
    numbers = list(range(950))
    service = Service([numbers, [951]], [item(number) for number in numbers])

    async for _ in hydrated_pages(walk(), service.send):
        break

    assert (len(service.asked), len(service.batches.calls)) == (1, 4)


async def test_what_is_left_unprocessed_is_asked_for_again() -> None:
    service = Service([[1, 2, 3]], [item(number) for number in range(1, 4)], steps=(2, 1000))

    assert await given(service, walk()) == notes(1, 2, 3)

    assert service.fetched == [["j1", "j2", "j3"], ["j3"]]


async def test_what_stays_unprocessed_is_an_error_that_says_how_to_go_on() -> None:
    service = Service([[1]], [item(1)], steps=(0,))

    with pytest.raises(PartialBatch, match="cursor_after"):
        await given(service, walk())


async def test_what_vanished_is_left_out_and_made_up_for_where_there_is_a_limit() -> None:
    service = Service([[1, 2, 3], [4], [5]], [item(1), item(3), item(4), item(5)])

    assert await given(service, walk(limit=3)) == notes(1, 3, 4)

    assert service.fetched == [["j1", "j2", "j3"], ["j4"]]


async def test_a_limit_in_the_middle_of_a_page_fetches_no_more() -> None:
    service = Service([[1, 2, 3], [4]], [item(number) for number in range(1, 5)])

    assert await given(service, walk(limit=2)) == notes(1, 2)

    assert (service.fetched, len(service.asked)) == ([["j1", "j2"]], 1)


async def test_a_limit_among_other_entities_is_not_searched_for_item_by_item() -> None:
    numbers = list(range(60))
    stored = [item(n, _entity={"S": "JOB" if n % 20 == 19 else "OTHER"}) for n in numbers]
    service = Service([numbers], stored)
    question = Question(conditions=(OneOfSeveral.state == "open",), hydrate=True, limit=2)

    found = await given(service, Walk(query=prepare(target(OneOfSeveral, "jobs"), question)))

    assert found == notes(19, 39)
    assert [len(each) for each in service.fetched] == [25, 25]
    assert "Limit" not in service.asked[0]


async def test_an_offset_counts_what_the_index_holds_and_is_not_fetched() -> None:
    service = Service([[1, 2, 3], [4]], [item(number) for number in range(1, 5)])

    assert await given(service, walk(limit=2, offset=1)) == notes(2, 3)

    assert service.fetched == [["j2", "j3"]]


@pytest.mark.parametrize(
    "changes",
    [{"state": {"S": "done"}}, {"state": {"NULL": True}}, {"rank": {"S": "first"}}],
    ids=["another partition", "no key any more", "a key of another type"],
)
async def test_an_item_that_has_left_the_part_that_was_asked_for_is_left_out(changes: Any) -> None:
    service = Service([[1, 2]], [item(1, **changes), item(2)])

    assert await given(service, walk()) == notes(2)


async def test_an_item_that_moved_within_it_comes_where_the_index_had_it() -> None:
    service = Service([[1, 2]], [item(1, rank={"N": "9"}), item(2)])

    assert await given(service, walk()) == notes(1, 2)


@pytest.mark.parametrize(("rank", "found"), [("2", notes(2)), ("4.0", notes(1, 2)), ("5", notes(2))])
async def test_an_item_that_moved_out_of_a_range_is_left_out(rank: str, found: list[str]) -> None:
    service = Service(
        [[3, 4]], [item(3, rank={"N": rank}, note={"S": "note 1"}), item(4, note={"S": "note 2"})]
    )
    question = Question(conditions=(OPEN, Job.rank > 2, Job.rank < 5), hydrate=True)

    assert await given(service, Walk(query=prepare(target(Job, "jobs"), question))) == found


@model(table="jobs")
class SizedJob:
    id: Attr[str] = partition_key()
    state: Attr[str]
    rank: Attr[int]
    note: Attr[str]
    size: Attr[int] = attribute(default=0)

    by_state = GlobalIndex("by-state", partition_key="state", sort_key="rank", projection=["size"])


@pytest.mark.parametrize("select", [None, ("note",)], ids=["whole", "some fields"])
async def test_an_item_that_no_longer_meets_the_filter_is_left_out(select: Any) -> None:
    service = Service([[1, 2, 3]], [item(1, size={"N": "8"}), item(2, size={"N": "7"}), item(3)])
    asked = (SizedJob.state == "open", SizedJob.size > 7)
    question = Question(conditions=asked, hydrate=True, select=select)
    walk = Walk(query=prepare(target(SizedJob, "jobs"), question))

    found = [each async for items, _ in hydrated_pages(walk, service.send) for each in items]

    assert [each["note"] if select else each.note for each in found] == notes(1)
    assert ("size" in str(service.batches.calls[0].body)) == bool(select)


async def test_an_entry_that_the_index_holds_twice_is_given_twice_and_fetched_once() -> None:
    service = Service([[1, 1]], [item(1)])

    assert await given(service, walk()) == notes(1, 1)

    assert service.fetched == [["j1"]]


async def test_the_errors_of_a_fetch_are_those_of_any_request() -> None:
    denied = refused("AccessDeniedException", operation="BatchGetItem", table="jobs")
    service = Service([[1], [2]], [item(1)], steps=(1000, denied))
    found: list[str] = []

    with pytest.raises(AccessDenied):
        await given(service, walk(), found)

    assert found == notes(1)


async def test_a_stored_item_that_does_not_fit_is_named_by_its_place() -> None:
    service = Service([[1, 2]], [item(1), item(2, note={"N": "1"})])

    with pytest.raises(InvalidValue, match=r"Job\.note"):
        await given(service, walk())


async def test_the_time_is_that_of_all_calls_together() -> None:
    service = Service([[1], [2]], [item(1), item(2)])
    found: list[str] = []

    with pytest.raises(CallTimeout, match="before all items were fetched"):
        await given(service, walk(), found, timeout=2.0, clock=Ticking().clock)

    assert found == notes(1)


@attrs.define
class Ticking:
    """A clock on which half a second passes whenever it is looked at."""

    now: float = 0.0

    def clock(self) -> float:
        self.now += 0.5
        return self.now


@pytest.mark.parametrize(
    ("budget", "first", "spent"),
    [
        ({"max_requests": 1}, notes(*range(100)), "2 requests"),
        ({"max_requests": 3}, notes(*range(200)), "3 requests"),
        ({"max_read_units": 30.0}, notes(*range(200)), "30 read units"),
        ({"max_items": 1}, notes(*range(100)), "250 evaluated items"),
    ],
    ids=["requests", "more requests", "read units", "items"],
)
async def test_a_budget_stops_within_a_page_and_its_cursor_leads_on(
    budget: dict[str, Any], first: list[str], spent: str
) -> None:
    """R40: fetches are counted, too; where it stops is behind the last item that was handed out."""
    numbers = list(range(250))
    service = Service([numbers], [item(number) for number in numbers], units=10.0)
    found: list[str] = []
    asked = walk(**budget)

    with pytest.raises(BudgetSpent, match=spent) as caught:
        await given(service, asked, found)

    assert (found, caught.value.count) == (first, len(first))
    places = [entry(number) for number in numbers]
    assert f'"{places[len(first) - 1]["id"]["S"]}"' in _decoded(caught.value.cursor)


async def test_an_offset_is_not_counted_where_a_budget_stopped() -> None:
    numbers = list(range(250))
    service = Service([numbers], [item(number) for number in numbers])

    with pytest.raises(BudgetSpent) as caught:
        await given(service, walk(max_requests=2, offset=20))

    assert caught.value.count == 100


async def test_a_budget_that_suffices_stops_nothing() -> None:
    service = Service([[1], [2]], [item(1), item(2)])

    assert await given(service, walk(max_requests=4)) == notes(1, 2)


async def test_what_a_walk_used_is_told_fetches_included() -> None:
    service = Service([[1, 2], []], [item(1), item(2)], units=1.5)
    progress = Progress()

    async for _, so_far in hydrated_pages(Walk(query=walk().query, priced=True), service.send):
        progress = so_far

    assert (progress.requests, progress.scanned, progress.found, progress.read_units) == (3, 2, 2, 4.5)
    assert json.loads(service.batches.calls[0].body)["ReturnConsumedCapacity"] == "TOTAL"


def _decoded(cursor: str) -> str:
    return base64.urlsafe_b64decode(cursor).decode()
