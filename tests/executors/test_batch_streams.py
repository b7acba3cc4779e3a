"""Batches of reads handed out as they come: bounded, stopped, and told of once. R58, R59, R62 to R65."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynamorm_async import (
    BatchFailure,
    BatchStream,
    Call,
    CallTimeout,
    InvalidKey,
    InvalidRequest,
    PartialBatch,
    Reply,
    TableNotFound,
)
from dynamorm_async.executors import batch_stream
from dynamorm_async.plan import batch_get
from tests.executors.test_batch_reads import THROTTLED, UNTELLABLE, errors, key_lists, named, service
from tests.plan.given import target
from tests.scripted_batches import BatchService, sent_after_cancelling_in_a_wait
from tests.scripted_send import refused
from tests.shapes import Note

PLAN_OF = partial(batch_get, target(Note, "notes"), consistent=False)
Pair = tuple[str, str | None]


def stream(
    at: BatchService, keys: Iterable[str] | AsyncIterable[str], **more: Any
) -> AbstractAsyncContextManager[BatchStream[str, Note]]:
    options: dict[str, Any] = {"clock": at.clock, "sleep": at.sleep, "jitter": lambda: 1.0, **more}
    return batch_stream(keys, PLAN_OF, at.send, **options)


async def taken(
    found: BatchStream[str, Note], most: int | None = None, *, into: list[Pair] | None = None
) -> list[Pair]:
    pairs = [] if into is None else into
    async for key, note in found:
        pairs.append((key, note and note.id))
        if len(pairs) == most:
            break
    return pairs


async def read(
    at: BatchService,
    keys: Iterable[str] | AsyncIterable[str],
    *,
    into: list[Pair] | None = None,
    **more: Any,
) -> list[Pair]:
    async with stream(at, keys, **more) as found:
        return await taken(found, into=into)


def both(keys: Iterable[str]) -> list[Pair]:
    return [(key, key) for key in keys]


async def later(keys: Iterable[str]) -> AsyncGenerator[str]:
    for key in keys:
        await anyio.lowlevel.checkpoint()
        yield key


@pytest.mark.parametrize("kind", [list, iter, later], ids=["list", "iterator", "async"])
@pytest.mark.parametrize(("count", "calls"), [(0, 0), (50, 1), (250, 3)])
async def test_every_key_comes_with_its_item(kind: Any, count: int, calls: int) -> None:
    """R57."""
    at = service()

    found = await read(at, kind(named(count)))

    assert sorted(found) == sorted(both(named(count)))
    assert len(at.calls) == calls


async def test_what_is_not_stored_is_none_and_equal_keys_of_a_call_are_asked_for_once() -> None:
    """R56, R58."""
    at = service(stored=1)

    found = await read(at, ["n0", "absent", "n0"])

    assert found == [("n0", "n0"), ("absent", None), ("n0", "n0")]
    assert at.sizes == [2]


async def test_a_key_that_comes_again_in_another_call_is_read_again() -> None:
    at = service()

    found = await read(at, [*named(100), "n0"], concurrency=1)

    assert found == [*both(named(100)), ("n0", "n0")]
    assert at.sizes == [100, 1]


async def test_what_is_left_unprocessed_joins_the_next_call() -> None:
    """R59: 80 of 100 processed; the other 20 go with 80 fresh ones."""
    at = service(80, 1000)

    found = await read(at, iter(named(250)), concurrency=1)

    assert sorted(found) == sorted(both(named(250)))
    assert at.sizes == [100, 100, 70]
    assert at.waits == [0.1]
    assert {key["id"] for key in at.calls[1].keys} == {*named(100, 80)[:20], *named(80, 100)}


@pytest.mark.parametrize("concurrency", [1, 4])
async def test_no_more_is_asked_for_than_was_taken(concurrency: int) -> None:
    """R62: each line holds one answer, and none sends another call before it was taken."""
    at, given_out = service(), 0

    def keys() -> Iterator[str]:
        nonlocal given_out
        for key in named(2000):
            given_out += 1
            yield key

    async with stream(at, keys(), concurrency=concurrency) as found:
        for answers in range(1, 6):
            assert len(await taken(found, 100)) == 100
            await anyio.wait_all_tasks_blocked()
            assert len(at.calls) <= concurrency + answers
            assert given_out <= 100 * (concurrency + answers)
    assert at.most_in_flight <= concurrency


async def test_leaving_the_block_ends_calls_in_flight_and_sends_nothing_more() -> None:
    """R65."""
    at, calls, ended = service(), list[Call](), 0

    async def send(call: Call) -> Reply:
        nonlocal ended
        calls.append(call)
        if len(calls) == 1:
            return await at.send(call)
        try:
            await anyio.sleep_forever()
        finally:
            ended += 1
        raise AssertionError

    with anyio.fail_after(5):
        async with batch_stream(named(1000), PLAN_OF, send, concurrency=3) as found:
            assert len(await taken(found, 10)) == 10
    sent = len(calls)
    await anyio.wait_all_tasks_blocked()

    assert (len(calls), ended) == (sent, sent - 1)


async def test_a_loop_that_was_left_goes_on_with_the_next_item() -> None:
    async with stream(service(), named(30)) as found:
        pairs = [*await taken(found, 7), *await taken(found, 1), *await taken(found)]

    assert pairs == both(named(30))


async def test_a_block_that_was_left_gives_nothing_more() -> None:
    async with stream(service(), named(3)) as found:
        pass

    with pytest.raises(InvalidRequest, match="this stream is closed"):
        await taken(found)


async def test_cancelled_in_a_wait_it_ends_at_once_and_sends_nothing_more() -> None:
    """R65."""
    at = service(0)

    sent = await sent_after_cancelling_in_a_wait(at, lambda sleep: read(at, named(300), sleep=sleep))

    assert sent == []


async def failing(at: BatchService, keys: Any, **more: Any) -> tuple[list[Pair], PartialBatch]:
    """Return what a stream gives before it ends in a PartialBatch, and that."""
    pairs: list[Pair] = []
    with pytest.raises(PartialBatch) as caught:
        await read(at, keys, into=pairs, **more)
    return pairs, caught.value


async def test_rounds_without_progress_end_in_a_partial_batch_behind_what_was_read() -> None:
    """R59."""
    pairs, error = await failing(service(80, 0), named(100))

    assert pairs == both(named(80))
    assert error.unprocessed == tuple(named(20, 80))
    assert (error.succeeded, error.failed, error.results) == ((), (), None)
    assert "notes: 80 of 100 done, 0 failed, 20 unprocessed" in str(error)
    assert "3 calls in a row made no progress" in str(error)


async def test_a_failed_call_ends_the_stream_and_the_rest_of_a_list_is_unprocessed() -> None:
    """R64."""
    pairs, error = await failing(service(1000, THROTTLED, 1000), named(300), concurrency=1)

    assert pairs == both(named(100))
    assert [(each.entries, each.error) for each in error.failed] == [(tuple(named(100, 100)), THROTTLED)]
    assert error.unprocessed == tuple(named(100, 200))
    assert error.__cause__ is THROTTLED


async def test_after_a_failure_the_rest_of_an_iterator_is_still_to_come_from_it() -> None:
    keys = iter(named(300))

    _, error = await failing(service(1000, THROTTLED, 1000), keys, concurrency=1)

    assert (len(error.failed[0].entries), error.unprocessed) == (100, ())
    assert list(keys) == named(100, 200)


async def test_a_failure_does_not_wait_for_keys_that_never_come() -> None:
    async def keys() -> AsyncGenerator[str]:
        for key in named(150):
            yield key
        await anyio.sleep_forever()

    with anyio.fail_after(5):
        _, error = await failing(service(THROTTLED), keys(), concurrency=2)

    assert sorted([*error.failed[0].entries, *error.unprocessed]) == sorted(named(150))


async def test_on_error_that_returns_leaves_out_what_failed_and_the_others_come() -> None:
    """R64."""
    told: list[BatchFailure] = []
    at = service(1000, THROTTLED, 1000)

    found = await read(at, named(300), concurrency=1, on_error=told.append)

    assert found == both([*named(100), *named(100, 200)])
    assert [failure.error for failure in told] == [THROTTLED]


@pytest.mark.parametrize("callback", ["on_error", "on_progress"])
async def test_an_error_of_a_callback_comes_out_as_it_is(callback: str) -> None:
    def broken(*_: object) -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await read(service(1000, THROTTLED), named(300), concurrency=1, **dict[str, Any]({callback: broken}))


@pytest.mark.parametrize("options", UNTELLABLE)
async def test_what_a_stream_can_not_ask_or_tell_is_refused_before_io(options: dict[str, Any]) -> None:
    at = service(THROTTLED)
    (name,) = options

    with pytest.raises(InvalidRequest, match=f"^{name}="):
        await read(at, named(3), **options)

    assert at.calls == []


async def test_an_error_of_the_block_comes_out_as_it_is() -> None:
    with pytest.raises(KeyError, match="mine"):
        async with stream(service(), named(300)):
            raise KeyError("mine")


async def test_an_error_of_the_keys_comes_out_as_it_is_behind_what_was_read() -> None:
    async def keys() -> AsyncGenerator[str]:
        for key in named(100):
            yield key
        raise KeyError("mine")

    pairs: list[Pair] = []
    with pytest.raises(KeyError, match="mine") as caught:
        await read(service(40), keys(), into=pairs, concurrency=1)

    assert pairs == both(named(40))
    account = caught.value.__cause__
    assert isinstance(account, PartialBatch)
    assert (account.failed, sorted(account.unprocessed)) == ((), sorted(named(60, 40)))
    assert "40 of 100 done, 0 failed, 60 unprocessed" in str(account)


async def test_keys_that_break_off_in_the_middle_are_all_told_of() -> None:
    def keys() -> Iterator[str]:
        yield from named(130)
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine") as caught:
        await read(service(), keys(), concurrency=1)

    account = caught.value.__cause__
    assert isinstance(account, PartialBatch)
    assert account.unprocessed == tuple(named(30, 100))
    assert "100 of 130 done, 0 failed, 30 unprocessed" in str(account)


async def test_a_wrong_key_of_a_list_is_refused_before_anything_is_sent() -> None:
    """R56."""
    at = service()

    with pytest.raises(InvalidKey, match=r"keys\[120\]"):
        await read(at, [*named(120), ""])

    assert at.calls == []


@pytest.mark.parametrize("kind", [iter, later], ids=["iterator", "async"])
async def test_a_wrong_key_of_an_iterator_is_named_by_its_place(kind: Any) -> None:
    with pytest.raises(InvalidKey, match=r"keys\[120\]") as caught:
        await read(service(), kind([*named(120), ""]), concurrency=1)

    account = caught.value.__cause__
    assert isinstance(account, PartialBatch)
    assert account.unprocessed == (*named(20, 100), "")
    assert "100 of 121 done, 0 failed, 21 unprocessed" in str(account)


@pytest.mark.parametrize("keys", ["abc", b"abc", {"id": "a"}, Note(id="a"), 7])
async def test_one_thing_where_several_are_taken_is_refused(keys: Any) -> None:
    with pytest.raises(InvalidKey, match="put it in a list"):
        await read(service(), keys)


async def test_what_is_so_for_every_call_is_told_as_itself() -> None:
    with pytest.raises(TableNotFound):
        await read(service(refused("ResourceNotFoundException")), named(300), concurrency=1)


async def test_an_item_that_does_not_fit_is_named_and_its_neighbours_come() -> None:
    at = service()
    at.items["notes"][1] = {"id": {"S": "n1"}, "count": {"S": "x"}}

    pairs, error = await failing(at, named(3))

    assert pairs == both(["n0", "n2"])
    assert [failure.entries for failure in error.failed] == [("n1",)]


async def test_the_deadline_leaves_out_what_the_loop_takes() -> None:
    """R59: each call takes a second; the loop takes ten for each item."""
    at = service(seconds=1.0)
    async with stream(at, named(300), concurrency=1, timeout=3.5) as found:
        async for _ in found:
            at.now += 10

    assert [call.timeout for call in at.calls] == pytest.approx([3.5, 2.5, 1.5])


async def test_what_was_not_read_at_the_deadline_is_unprocessed() -> None:
    """R59."""
    at = service(1000, CallTimeout("too late"), seconds=1.0)

    pairs, error = await failing(at, named(300), concurrency=1, timeout=2.0)

    assert (len(pairs), error.failed, len(error.unprocessed)) == (100, (), 200)
    assert "the deadline passed" in str(error)


@pytest.mark.parametrize("kind", [list, iter], ids=["list", "iterator"])
async def test_progress_rises_to_all_of_them(kind: Any) -> None:
    """R63."""
    told: list[tuple[int, int]] = []

    def tell(done: int, total: int) -> None:
        told.append((done, total))

    await read(service(80, 3, 0, 50, 1000), kind(named(250)), concurrency=4, on_progress=tell)

    assert told == sorted(set(told))
    assert told[-1] == (250, 250)


scripts = st.lists(st.integers(-90, 110) | errors, min_size=1, max_size=12)
kinds = st.sampled_from([list, iter, later])


@given(keys=key_lists, kind=kinds, script=scripts, concurrency=st.integers(1, 4), swallow=st.booleans())
async def test_every_key_is_told_of_exactly_once_whatever_the_service_leaves(
    keys: list[str], kind: Any, script: list[Any], concurrency: int, swallow: bool
) -> None:
    at, source = service(*script, stored=20), kind(keys)
    swallowed: list[BatchFailure] = []
    pairs: list[Pair] = []
    lost: list[str] = []

    try:
        on_error = swallowed.append if swallow else None
        await read(at, source, into=pairs, concurrency=concurrency, on_error=on_error)
    except PartialBatch as error:
        lost = [*error.unprocessed, *(key for failure in error.failed for key in failure.entries)]

    lost += [key for failure in swallowed for key in failure.entries]
    told = [*(key for key, _ in pairs), *lost]
    # What is left of an async iterator may end with the wait for its next key.
    rest = list(source) if kind is iter else []
    assert sorted(told) == sorted(keys[: len(told)])
    assert kind is later or rest == keys[len(told) :]
    assert all(found == (key if key in named(20) else None) for key, found in pairs)
    assert at.most_in_flight <= concurrency
