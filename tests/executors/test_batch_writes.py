"""Batches of writes carried out over a service that leaves things unprocessed or refuses them. R67 to R69."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynamorm_async import Call, CallTimeout, ConnectionLost, PartialBatch, Reply, RequestRefused
from dynamorm_async.executors import batch
from tests.plan.given import notes
from tests.scripted_batches import BatchService, sent_after_cancelling_in_a_wait
from tests.scripted_send import refused
from tests.shapes import Note


def made(count: int) -> list[Note]:
    return [Note(id=f"n{number}", count=number) for number in range(count)]


async def put(at: BatchService, items: list[Note], **more: Any) -> list[Note]:
    options: dict[str, Any] = {"clock": at.clock, "sleep": at.sleep, "jitter": lambda: 1.0, **more}
    return await batch(notes.batch_put(items), at.send, **options)


def stored(at: BatchService) -> list[str]:
    return sorted(item["id"]["S"] for item in at.items.get("notes", []))


def ids(items: Any) -> list[str]:
    return sorted(item.id for item in items)


def refuses(*bad: str) -> Callable[[Call], None]:
    """Return what refuses a call whole if it writes one of these."""

    def step(call: Call) -> None:
        written = json.loads(call.body)["RequestItems"]["notes"]
        if {write["PutRequest"]["Item"]["id"]["S"] for write in written} & set(bad):
            raise refused("ValidationException", "odd", operation="BatchWriteItem")

    return step


async def test_what_is_stored_comes_back_in_order() -> None:
    items = made(60)
    at = BatchService()

    assert await put(at, items) == items
    assert (stored(at), sorted(at.sizes)) == (ids(items), [10, 25, 25])


async def test_unprocessed_items_join_the_next_chunk_after_a_wait() -> None:
    at = BatchService([20, 1000])

    await put(at, made(40), concurrency=1)

    assert (at.sizes, at.waits) == ([25, 20], [0.1])
    assert stored(at) == ids(made(40))


async def test_never_processed_items_end_in_a_partial_batch_that_names_them() -> None:
    items = made(30)
    at = BatchService([20, 0])

    with pytest.raises(PartialBatch, match="20 of 30 done, 0 failed, 10 unprocessed") as caught:
        await put(at, items, concurrency=1)

    error = caught.value
    assert ids(error.succeeded) == stored(at)
    assert ids([*error.succeeded, *error.unprocessed]) == ids(items)
    assert [each and each.id for each in error.results] == [
        item.id if item.id in stored(at) else None for item in items
    ]


async def test_one_bad_item_is_found_and_its_neighbours_are_stored() -> None:
    """R68."""
    items = made(60)
    at = BatchService([refuses("n30")])

    with pytest.raises(PartialBatch, match="59 of 60 done, 1 failed, 0 unprocessed") as caught:
        await put(at, items)

    (failure,) = caught.value.failed
    assert failure.entries == (items[30],)
    assert isinstance(failure.error, RequestRefused)
    assert caught.value.__cause__ is failure.error
    assert stored(at) == ids(item for item in items if item.id != "n30")
    assert len(at.calls) <= 3 + 10


async def test_several_bad_items_are_found() -> None:
    at = BatchService([refuses("n0", "n7", "n24", "n25")])

    with pytest.raises(PartialBatch) as caught:
        await put(at, made(50), concurrency=1)

    assert ids(item for failure in caught.value.failed for item in failure.entries) == [
        "n0",
        "n24",
        "n25",
        "n7",
    ]
    assert len(stored(at)) == 46


async def test_a_chunk_of_which_every_item_is_refused_ends_the_batch() -> None:
    items = made(75)
    at = BatchService([refuses(*(item.id for item in items))])

    with pytest.raises(PartialBatch) as caught:
        await put(at, items, concurrency=1)

    assert len(caught.value.failed) == 25
    assert len(caught.value.unprocessed) == 50


async def test_another_failure_ends_the_batch_and_what_is_in_flight_is_waited_for() -> None:
    """What a write in flight does must be known, so it is not cut off."""
    slow, failed = anyio.Event(), anyio.Event()
    at = BatchService()

    async def send(call: Call) -> Reply:
        if call.keys[0]["id"] == "n0":
            await slow.wait()
            failed.set()
            raise ConnectionLost("gone")
        slow.set()
        await failed.wait()
        return await at.send(call)

    with pytest.raises(PartialBatch) as caught:
        await batch(notes.batch_put(made(100)), send, concurrency=2)

    error = caught.value
    assert ids(error.succeeded) == stored(at)
    assert len(error.failed[0].entries) == 25
    assert len(error.unprocessed) == 50


async def test_a_write_that_the_deadline_cut_off_is_failed_and_not_unprocessed() -> None:
    at = BatchService([CallTimeout("too late", attempts=1)], seconds=1.0)

    with pytest.raises(PartialBatch) as caught:
        await put(at, made(50), concurrency=1, timeout=1.0)

    assert len(caught.value.failed[0].entries) == 25
    assert len(caught.value.unprocessed) == 25


async def test_a_write_that_the_deadline_kept_from_being_sent_is_unprocessed() -> None:
    at = BatchService([CallTimeout("too late", attempts=0)], seconds=1.0)

    with pytest.raises(PartialBatch) as caught:
        await put(at, made(50), concurrency=1, timeout=1.0)

    assert (caught.value.failed, len(caught.value.unprocessed)) == ((), 50)


async def test_cancelled_in_a_wait_it_ends_at_once_and_sends_nothing_more() -> None:
    """R65."""
    at = BatchService([0])

    sent = await sent_after_cancelling_in_a_wait(at, lambda sleep: put(at, made(100), sleep=sleep))

    assert (sent, stored(at)) == ([], [])


async def test_deletes_are_carried_out() -> None:
    at = BatchService([3, 1000])
    await put(at, made(4))

    result = await batch(notes.batch_delete(["n0", "n1", "n2", "absent"]), at.send, sleep=at.sleep)

    assert result is None
    assert stored(at) == ["n3"]


steps = st.lists(
    st.integers(-20, 26)
    | st.sampled_from([ConnectionLost("gone"), refused("ThrottlingException"), refuses("n1", "n40")]),
    min_size=1,
    max_size=12,
)


@given(count=st.integers(0, 80), script=steps, concurrency=st.integers(1, 4))
async def test_every_item_is_told_of_exactly_once_and_told_the_truth(
    count: int, script: list[Any], concurrency: int
) -> None:
    """R69: what succeeded is stored, what was not processed is not."""
    items = made(count)
    at = BatchService(script)
    told: list[int] = []

    def tell(done: int, total: int) -> None:
        assert total == count
        told.append(done)

    try:
        succeeded = await put(at, items, concurrency=concurrency, on_progress=tell)
    except PartialBatch as error:
        succeeded = list(error.succeeded)
        failed = [item for failure in error.failed for item in failure.entries]
        not_done = ids([*failed, *error.unprocessed])
    else:
        not_done = []
    assert sorted([*ids(succeeded), *not_done]) == ids(items)
    assert set(stored(at)).isdisjoint(not_done)
    assert ids(succeeded) == stored(at)
    assert told == sorted(set(told))
