"""Queries over scripted replies: what engines do not answer, and the service may (R17, R37, R39)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dynamorm_async import (
    Attr,
    BudgetSpent,
    Call,
    Condition,
    GlobalIndex,
    ProtocolError,
    Reply,
    Throttled,
    model,
    partition_key,
    sort_key,
)
from dynamorm_async.executors import one, pages
from dynamorm_async.plan import Gap, Page, Question, Walk, gap_of, page_plan, prepare, probe
from tests.plan.given import target
from tests.scripted_send import ScriptedSend, refused


@model(table="lines")
class Line:
    user: Attr[str] = partition_key()
    slug: Attr[str] = sort_key()
    count: Attr[int]

    by_count = GlobalIndex("by-count", partition_key="user", sort_key="count")


ANA = Line.user == "ana"
FEW = Line.count > 3


def key(slug: str) -> dict[str, Any]:
    return {"user": {"S": "ana"}, "slug": {"S": slug}}


def answered(*slugs: str, last: object = "absent", scanned: int | None = None) -> dict[str, Any]:
    items = [{**key(slug), "count": {"N": "5"}} for slug in slugs]
    found: dict[str, Any] = {
        "Items": items,
        "Count": len(items),
        "ScannedCount": len(items) if scanned is None else scanned,
    }
    if last == "absent":
        return found
    return {**found, "LastEvaluatedKey": key(last) if isinstance(last, str) else last}


def walk(*conditions: Condition[Line], **options: Any) -> Walk[Any]:
    question = Question(conditions=(ANA, *conditions), using="", **options)
    return Walk(query=prepare(target(Line, "lines"), question))


async def given(script: ScriptedSend, asked: Walk[Any], into: list[str] | None = None) -> list[str]:
    found: list[str] = [] if into is None else into
    async for items, _ in pages(asked, script.send):
        found += [each.slug for each in items]
    return found


def sent(script: ScriptedSend) -> list[dict[str, Any]]:
    return [json.loads(call.body) for call in script.calls]


async def page(
    script: ScriptedSend, *conditions: Condition[Line], size: int | None = None, cursor: str | None = None
) -> Page[Any]:
    """Return a page as `Selection.page` does."""
    query = walk(*conditions).query
    gap: Gap = gap_of(query, cursor, keys=())
    finding = probe(query, gap)
    gap = gap if finding is None else await one(finding, script.send)
    return await one(page_plan(query, gap, size=size, keys=()), script.send)


async def test_empty_filtered_pages_in_the_middle_end_neither_walk_nor_limit() -> None:
    script = ScriptedSend(
        [
            answered("a", last="d", scanned=4),
            answered(last="h", scanned=4),
            answered(last="m", scanned=4),
            answered("n", "o", last="p", scanned=4),
            answered("q", scanned=1),
        ]
    )

    found = await given(script, walk(FEW, limit=3))

    assert found == ["a", "n", "o"]
    assert [request.get("ExclusiveStartKey") for request in sent(script)] == [
        None,
        key("d"),
        key("h"),
        key("m"),
    ]


@pytest.mark.parametrize("last", [{}, None], ids=["an empty key", "null"])
async def test_a_last_key_that_is_none_ends_walk_page_and_count(last: object) -> None:
    """pynamodb#1307: `LastEvaluatedKey: {}` loops."""
    reply = answered("a", last=last)

    assert await given(ScriptedSend([reply]), walk()) == ["a"]
    assert (await page(ScriptedSend([reply]))).next is None
    counting = Walk(query=walk().query, counting=True)
    assert [progress.found async for _, progress in pages(counting, ScriptedSend([reply]).send)] == [1]


async def test_a_throttle_between_pages_comes_after_the_items_before_it() -> None:
    throttle = refused(
        "ProvisionedThroughputExceededException", "slow down", operation="Query", table="lines"
    )
    script, found = ScriptedSend([answered("a", "b", last="b"), throttle]), list[str]()

    with pytest.raises(Throttled):
        await given(script, walk(), into=found)

    assert (found, len(script.calls)) == (["a", "b"], 2)


async def test_a_walk_that_failed_goes_on_from_the_last_item_that_came() -> None:
    first = walk()
    place = first.query.key_of(Line(user="ana", slug="b", count=5))
    script = ScriptedSend([answered("c", "d")])

    found = await given(script, Walk(query=first.query, start=json.dumps(place)))

    assert found == ["c", "d"]
    assert sent(script)[0]["ExclusiveStartKey"] == key("b")


@pytest.mark.parametrize("repeated", [1, 2])
async def test_a_last_key_that_does_not_advance_is_an_error_and_no_loop(repeated: int) -> None:
    script = ScriptedSend([answered("a", last="a")] * repeated + [answered(last="a")])

    with pytest.raises(ProtocolError, match="the key that it started from"):
        await given(script, walk())

    assert len(script.calls) == 2


async def test_a_first_page_that_leads_to_its_own_start_is_an_error() -> None:
    script = ScriptedSend([answered(last="c")])
    start = json.dumps(key("c"), separators=(",", ":"))

    with pytest.raises(ProtocolError, match="the key that it started from"):
        await given(script, Walk(query=walk().query, start=start))

    assert len(script.calls) <= 2


async def test_a_key_that_vanished_between_pages_is_a_place_all_the_same() -> None:
    """The item of the last key is deleted before it is followed; so is the one that a way back begins at."""
    script = ScriptedSend([answered("a", "b", last="b"), answered("c", "d", last="d"), answered("a")])
    first = await page(script, size=2)
    second = await page(script, size=2, cursor=first.next)

    back = await page(script, size=2, cursor=second.previous)

    assert [each.slug for each in back.items] == ["a"]
    assert back.previous is None
    assert [request.get("ExclusiveStartKey") for request in sent(script)] == [None, key("b"), key("c")]
    onward = await page(ScriptedSend([answered("c")]), size=2, cursor=back.next)
    assert [each.slug for each in onward.items] == ["c"]


async def test_a_page_back_may_end_at_a_megabyte_before_its_size_is_reached() -> None:
    """The page is shorter, and the rest is on the page before it."""
    forth = ScriptedSend([answered("a", "b", "c", "d", last="d"), answered("e", last="e")])
    second = await page(forth, size=4, cursor=(await page(forth, size=4)).next)
    script = ScriptedSend([answered("d", "c", last="c"), answered("b", "a")])

    near = await page(script, size=4, cursor=second.previous)
    far = await page(script, size=4, cursor=near.previous)

    assert [[each.slug for each in found.items] for found in (far, near)] == [["a", "b"], ["c", "d"]]
    assert far.previous is None
    assert [request["ExclusiveStartKey"] for request in sent(script)] == [key("e"), key("c")]


async def test_a_filtered_page_back_may_end_at_a_megabyte_with_nothing_found() -> None:
    forth = ScriptedSend([answered("a", last="d", scanned=4), answered("h", last="h", scanned=4)])
    second = await page(forth, FEW, size=4, cursor=(await page(forth, FEW, size=4)).next)
    script = ScriptedSend(
        [answered("e"), answered(last="c", scanned=2), answered("a", scanned=2)],
    )

    near = await page(script, FEW, size=4, cursor=second.previous)
    far = await page(script, FEW, size=4, cursor=near.previous)

    assert ([each.slug for each in near.items], [each.slug for each in far.items]) == ([], ["a"])
    assert far.previous is None
    assert [request["ExclusiveStartKey"] for request in sent(script)] == [key("d"), key("e"), key("c")]


@pytest.mark.parametrize("last", ["absent", "a"], ids=["no last key", "a last key"])
async def test_the_way_back_ends_at_the_first_item_with_or_without_a_last_key(last: str) -> None:
    """Some engines give no last key where a limit is met with the last item."""
    forth = ScriptedSend([answered("a", "b", last="b"), answered("c", last="c")])
    second = await page(forth, size=2, cursor=(await page(forth, size=2)).next)
    script = ScriptedSend([answered("b", "a", last=last), answered()])

    found = [await page(script, size=2, cursor=second.previous)]
    while found[0].previous is not None:
        found.insert(0, await page(script, size=2, cursor=found[0].previous))

    assert [each.slug for each in found[-1].items] == ["a", "b"]
    assert sum(len(each.items) for each in found) == 2
    assert len(script.calls) <= 2


@pytest.mark.parametrize("last", ["absent", "x"], ids=["no last key", "a last key"])
async def test_one_item_too_many_of_a_filtered_page_back_is_on_the_page_before(last: str) -> None:
    """Three are evaluated for two; the third is given where nothing tells that it is there again."""
    forth = ScriptedSend([answered("x", "y", last="z", scanned=3), answered("zz")])
    second = await page(forth, FEW, size=2, cursor=(await page(forth, FEW, size=2)).next)
    script = ScriptedSend([answered("zz"), answered("y", "x", last=last, scanned=3)])

    near = await page(script, FEW, size=2, cursor=second.previous)

    assert [each.slug for each in near.items] == (["x", "y"] if last == "absent" else ["y"])
    assert (near.previous is None) == (last == "absent")


async def test_many_excluded_items_of_equal_keys_do_not_hold_up_the_way_back() -> None:
    """Each page back begins further back, though the items there are dropped."""
    query = prepare(
        target(Line, "lines"),
        Question(conditions=(ANA, Line.count > 1, Line.count < 5), using="by-count"),
    )

    def item(slug: str, count: int) -> dict[str, Any]:
        return {**key(slug), "count": {"N": str(count)}}

    stored = [item("a", 2), *(item(f"x{number}", 5) for number in range(6))]
    service = Partition(stored)

    async def get(cursor: str | None) -> Page[Any]:
        gap = gap_of(query, cursor, keys=())
        finding = probe(query, gap)
        gap = gap if finding is None else await one(finding, service.send)
        return await one(page_plan(query, gap, size=1, keys=()), service.send)

    forth = [await get(None)]
    while forth[-1].next is not None:
        forth.append(await get(forth[-1].next))
    back = [forth[-1]]
    while back[0].previous is not None:
        back.insert(0, await get(back[0].previous))
        assert len(back) <= len(stored) + 1

    assert [each.slug for found in forth for each in found.items] == ["a"]
    assert [each.slug for found in back for each in found.items] == ["a"]


class Partition:
    """Answers a Query from a list of items in order, as the service pages it."""

    def __init__(self, items: list[dict[str, Any]]) -> None:
        self._items = items

    async def send(self, call: Call) -> Reply:
        request = json.loads(call.body)
        items = self._items if request.get("ScanIndexForward", True) else self._items[::-1]
        start = request.get("ExclusiveStartKey")
        begin = 0 if start is None else 1 + next(at for at, each in enumerate(items) if each == start)
        found = items[begin : begin + request["Limit"]]
        more = begin + request["Limit"] <= len(items)
        body = {
            "Items": found,
            "ScannedCount": len(found),
            **({"LastEvaluatedKey": found[-1]} if more else {}),
        }
        return Reply(body=json.dumps(body).encode())


async def test_an_engine_without_a_last_key_at_an_exact_limit_ends_the_walk() -> None:
    script = ScriptedSend([answered("a", "b", last="b"), answered("c", "d")])

    assert await given(script, walk(page_size=2)) == ["a", "b", "c", "d"]
    assert len(script.calls) == 2


async def test_a_limit_that_is_met_sends_nothing_though_there_is_a_last_key() -> None:
    script = ScriptedSend([answered("a", "b", last="b"), answered("c", last="c"), answered("never")])

    assert await given(script, walk(page_size=2, limit=3)) == ["a", "b", "c"]
    assert [request["Limit"] for request in sent(script)] == [2, 1]


async def test_the_end_of_a_range_of_keys_is_the_end_whatever_the_service_says() -> None:
    """No other item can have the key, so the empty last page is spared."""
    script = ScriptedSend([answered("a", "m", last="m"), answered()])

    assert await given(script, walk(Line.slug <= "m", page_size=2)) == ["a", "m"]
    assert len(script.calls) == 1


async def test_more_items_than_were_asked_for_are_not_handed_out() -> None:
    """A service that disregards Limit."""
    script = ScriptedSend([answered("a", "b", "c", "d", last="d")])

    assert await given(script, walk(limit=2)) == ["a", "b"]
    assert len(script.calls) == 1


@pytest.mark.parametrize(
    ("options", "requests"),
    [({"max_requests": 2}, 2), ({"max_items": 3}, 2), ({"max_read_units": 1.0}, 2)],
    ids=["requests", "items", "read units"],
)
async def test_a_budget_stops_before_the_next_request_and_says_where(
    options: dict[str, Any], requests: int
) -> None:
    priced = {"ConsumedCapacity": {"TableName": "lines", "CapacityUnits": 0.5}}
    script = ScriptedSend(
        [
            {**answered("a", "b", last="b"), **priced},
            {**answered("c", "d", last="d"), **priced},
            answered("e"),
        ]
    )
    asked, found = walk(**options), list[str]()

    with pytest.raises(BudgetSpent) as caught:
        await given(script, asked, into=found)

    assert (found, len(script.calls), caught.value.requests) == (["a", "b", "c", "d"], requests, requests)
    assert gap_of(asked.query, caught.value.cursor, keys=()) == Gap(before=key("d"))


async def test_a_budget_that_ends_with_the_walk_stops_nothing() -> None:
    script = ScriptedSend([answered("a", last="a"), answered("b")])

    assert await given(script, walk(max_requests=2, max_items=2)) == ["a", "b"]


OTHER_SHAPES: dict[str, object] = {
    "an object": {"Items": {}},
    "numbers": {"Items": [1]},
    "null": {"Items": None},
    "a list": [],
}


@pytest.mark.parametrize("body", OTHER_SHAPES.values(), ids=OTHER_SHAPES)
async def test_an_answer_of_another_shape_is_an_error_of_the_protocol(body: object) -> None:
    with pytest.raises(ProtocolError):
        await given(ScriptedSend([body]), walk())
