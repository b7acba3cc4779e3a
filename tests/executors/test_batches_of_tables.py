"""Batches over several tables of which one throttles: it slows itself, and no other. R59, R69."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from dynamorm_async import BatchPlan, Call, PartialBatch, Put, Reply
from dynamorm_async.executors import batch
from dynamorm_async.plan import batch_get_of_several, batch_write
from tests.plan.given import target
from tests.scripted_batches import BatchService
from tests.scripted_send import refused
from tests.shapes import Note

TABLES = {name: target(Note, name) for name in ("slow", "quick", "other")}


@attrs.define
class Throttling:
    """A service that leaves everything of one table unprocessed, for so many calls that ask for it."""

    table: str
    calls_left: int
    inner: BatchService = attrs.field(factory=BatchService)

    async def send(self, call: Call) -> Reply:
        asked = json.loads(call.body)["RequestItems"]
        if self.table not in asked or not self.calls_left:
            return await self.inner.send(call)
        self.calls_left -= 1
        left = asked.pop(self.table)
        body = json.dumps({"RequestItems": asked}).encode()
        reply = await self.inner.send(replace(call, body=body, tables=tuple(asked)))
        member = "UnprocessedKeys" if call.operation == "BatchGetItem" else "UnprocessedItems"
        return replace(
            reply, body=json.dumps({**json.loads(reply.body), member: {self.table: left}}).encode()
        )


def reading(**counts: int) -> BatchPlan[list[Note | None]]:
    keys = [(TABLES[table], f"n{number}") for table, count in counts.items() for number in range(count)]
    return batch_get_of_several(keys, consistent=False)


def writing(**counts: int) -> BatchPlan[None]:
    puts = [
        (TABLES[table], Put(Note(id=f"n{number}")))
        for table, count in counts.items()
        for number in range(count)
    ]
    return batch_write(puts, now=datetime(2024, 1, 1, tzinfo=UTC), duplicates="refuse", unchecked=False)


async def run(plan: BatchPlan[Any], at: Throttling, **more: Any) -> Any:
    options: dict[str, Any] = {
        "clock": at.inner.clock,
        "sleep": at.inner.sleep,
        "jitter": lambda: 1.0,
        **more,
    }
    return await batch(plan, at.send, **options)


@pytest.mark.parametrize("concurrency", [1, 4])
@pytest.mark.parametrize("planned", [reading, writing])
async def test_a_table_that_never_answers_leaves_no_other_unprocessed(planned: Any, concurrency: int) -> None:
    at = Throttling("slow", calls_left=1000)

    with pytest.raises(PartialBatch) as caught:
        await run(planned(slow=250, quick=250, other=3), at, concurrency=concurrency)

    error = caught.value
    assert (len(error.succeeded), error.failed, len(error.unprocessed)) == (253, (), 250)
    assert "calls in a row made no progress" in str(error)


@pytest.mark.parametrize("planned", [reading, writing])
async def test_the_others_are_asked_for_while_one_is_waited_for(planned: Any) -> None:
    plan = planned(slow=10, quick=250)
    at = Throttling("slow", calls_left=1)

    await run(plan, at, concurrency=1)

    tables = [call.tables for call in at.inner.calls]
    assert tables[0] == ("quick",)  # what was processed of the first call
    assert at.inner.waits == [0.1]
    assert tables[-1] == ("slow",)


async def test_what_is_waited_for_is_asked_again_when_its_time_has_come() -> None:
    at = Throttling("slow", calls_left=1, inner=BatchService(seconds=0.06))

    await run(reading(slow=10, quick=500), at, concurrency=1)

    # The first call, two of others within the tenth of a second, then the ten with fresh ones.
    assert [call.tables for call in at.inner.calls][:4] == [("quick",)] * 3 + [("slow", "quick")]
    assert sum(at.inner.waits) == 0


@pytest.mark.parametrize("planned", [reading, writing])
async def test_a_failure_of_what_is_asked_for_meanwhile_ends_the_wait(planned: Any) -> None:
    denied = refused("AccessDeniedException")
    at = Throttling("slow", calls_left=1, inner=BatchService((1000, denied)))

    with pytest.raises(PartialBatch):
        await run(planned(slow=10, quick=250), at, concurrency=1)

    assert (len(at.inner.calls), at.inner.waits) == (2, [])


@given(
    counts=st.fixed_dictionaries(
        {"slow": st.integers(0, 130), "quick": st.integers(0, 130), "other": st.integers(0, 30)}
    ),
    calls_left=st.integers(0, 12),
    script=st.lists(st.integers(-20, 100), min_size=1, max_size=8),
    concurrency=st.integers(1, 4),
    planned=st.sampled_from([reading, writing]),
)
async def test_everything_is_told_of_exactly_once_whatever_is_left(
    counts: dict[str, int], calls_left: int, script: list[int], concurrency: int, planned: Any
) -> None:
    at = Throttling("slow", calls_left=calls_left, inner=BatchService(script))
    plan = planned(**counts)

    try:
        await run(plan, at, concurrency=concurrency)
        told = list(plan.entries)
    except PartialBatch as error:
        told = [*error.succeeded, *error.unprocessed]

    assert sorted(map(id, told)) == sorted(map(id, plan.entries))
    assert all(len(call.keys) <= plan.most for call in at.inner.calls)
