"""A batch put together step by step, over a scripted service: each step is an option. R60, R61."""

from __future__ import annotations

import pytest

from dynamorm_async import Batch, BatchFailure, BatchRetry, InvalidModel, PartialBatch
from tests.executors.test_batch_reads import THROTTLED, named, service
from tests.plan.given import target
from tests.scripted_batches import BatchService
from tests.shapes import Bookmark, Note

AT_ONCE = BatchRetry(rounds=5, base=0)


def begun(at: BatchService) -> Batch[Note, Note]:
    return Batch(target(Note, "notes"), at.send)


async def test_retry_says_after_how_many_calls_it_gives_up() -> None:
    at = service(0)

    with pytest.raises(PartialBatch, match="5 calls in a row"):
        await begun(at).keys(named(3)).retry(AT_ONCE).execute()

    assert len(at.calls) == 5


@pytest.mark.parametrize("concurrency", [1, 3])
async def test_concurrency_bounds_the_calls_in_flight(concurrency: int) -> None:
    at = service()

    await begun(at).keys(named(1000)).concurrency(concurrency).execute()

    assert at.most_in_flight == concurrency


async def test_on_error_is_told_of_failures_and_goes_on() -> None:
    told: list[BatchFailure] = []
    batch = begun(service(THROTTLED, 1000)).keys(named(200)).concurrency(1).on_error(told.append)

    found = await batch.execute()

    assert [each and each.id for each in found] == [*[None] * 100, *named(100, 100)]
    assert [failure.error for failure in told] == [THROTTLED]


async def test_a_step_leaves_the_batch_before_it_as_it_was() -> None:
    whole = begun(service()).keys(["n1"])
    selected = whole.select("count").consistent()

    assert (await selected.execute(), await whole.execute()) == ([{"count": 1}], [Note(id="n1", count=1)])
    assert "ConsistentRead" not in whole.plan.requests[0]["RequestItems"]["notes"]
    assert selected.plan.requests[0]["RequestItems"]["notes"]["ConsistentRead"] is True


def test_a_view_of_another_model_is_refused_when_it_is_selected() -> None:
    with pytest.raises(InvalidModel, match="no view of Note"):
        begun(service()).select(Bookmark)


async def test_a_batch_is_streamed_with_the_same_steps() -> None:
    batch = begun(service(0)).keys(named(3)).retry(AT_ONCE).concurrency(1)

    with pytest.raises(PartialBatch, match="5 calls in a row"):
        async with batch.stream() as found:
            assert [pair async for pair in found] == []
