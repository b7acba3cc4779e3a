"""Scans in segments over scripted tables: each item once, bounded, stopped, resumed (R41, R42)."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynamorm_async import (
    BudgetSpent,
    CallTimeout,
    InvalidRequest,
    InvalidValue,
    ItemNotFound,
    Segments,
    Throttled,
)
from tests.scripted_send import refused
from tests.segmented_send import SegmentedSend, scan_of, settle
from tests.shapes import Note

LETTERS = ("abcdef", "ghijkl", "mnopqr")


@st.composite
def tables(draw: st.DrawFn) -> SegmentedSend:
    """Draw segments of unlike lengths, with pages that hold nothing, of one page size."""
    segments: list[list[str]] = []
    number = 0
    for count in draw(st.lists(st.integers(0, 9), min_size=1, max_size=4)):
        kept = draw(st.lists(st.booleans(), min_size=count, max_size=count))
        segments.append([f"{'' if is_kept else '-'}{number + n:02}" for n, is_kept in enumerate(kept)])
        number += count
    return SegmentedSend(segments, page_size=draw(st.integers(1, 4)))


async def taken(
    segments: Segments[Note], most: int | None = None, *, timeout: float | None = None
) -> tuple[list[str], str]:
    """Return what a stream gives, up to a number of items, and where it then stands."""
    found: list[str] = []
    async with segments.stream(timeout=timeout) as notes:
        async for note in notes:
            found.append(note.id)
            if len(found) == most:
                break
        return found, notes.position


@given(tables())
async def test_the_union_of_the_segments_is_every_item_once(table: SegmentedSend) -> None:
    found, _ = await taken(scan_of(table).segments(len(table.segments)))

    assert sorted(found) == table.names


@given(tables(), st.lists(st.integers(1, 8), min_size=1, max_size=4))
async def test_a_scan_that_stops_at_any_item_goes_on_with_the_next(
    table: SegmentedSend, stops: list[int]
) -> None:
    segments = scan_of(table).segments(len(table.segments))
    position: str | None = None
    found: list[str] = []

    for stop in (*stops, None):
        some, position = await taken(segments.start(position), stop)
        found += some

    assert sorted(found) == table.names


async def test_a_position_at_the_end_sends_nothing_more() -> None:
    table = SegmentedSend(LETTERS)
    segments = scan_of(table).segments(3)
    _, position = await taken(segments)
    sent = len(table.calls)

    found, _ = await taken(segments.start(position))

    assert (found, len(table.calls)) == ([], sent)


async def test_a_position_moves_on_over_pages_that_hold_nothing() -> None:
    table = SegmentedSend([["a", "-1", "-2", "-3", "-4", "b", "c"]])
    segments = scan_of(table).segments(1)
    found, position = await taken(segments, 2)

    await taken(segments.start(position))

    assert found == ["a", "b"]
    assert table.calls[-1]["ExclusiveStartKey"] == {"id": {"S": "b"}}


async def test_no_segment_reads_more_than_a_page_ahead_of_what_was_taken() -> None:
    table = SegmentedSend(LETTERS)

    async with scan_of(table).segments(3).stream() as notes:
        await settle()
        before = len(table.calls)
        async for _ in notes:
            break
        await settle()
        of_each = sorted(len(table.of(number)) for number in range(3))

    assert before == 3
    assert of_each == [1, 1, 2]


async def test_leaving_the_block_stops_every_segment_and_sends_nothing_more() -> None:
    table = SegmentedSend(LETTERS, hangs=frozenset({2}))

    async with scan_of(table).segments(3).stream() as notes:
        async for _ in notes:
            break
        await settle()
    sent = len(table.calls)
    await settle()

    assert len(table.calls) == sent
    assert table.cancelled == [2]


async def test_a_block_that_takes_nothing_ends_well() -> None:
    table = SegmentedSend(LETTERS)

    async with scan_of(table).segments(3).stream():
        pass

    await settle()
    assert len(table.calls) <= 3


async def test_a_loop_that_was_left_goes_on_with_the_next_item() -> None:
    table = SegmentedSend(LETTERS, page_size=6)
    found: list[str] = []

    async with scan_of(table).segments(3).stream() as notes:
        for _ in range(3):
            async for note in notes:
                found.append(note.id)
                if len(found) % 4 == 0:
                    break
        async for note in notes:
            found.append(note.id)

    assert sorted(found) == table.names


async def test_an_error_of_one_segment_stops_the_others_and_comes_as_itself() -> None:
    error = refused("ThrottlingException", "slow down", operation="Scan")
    table = SegmentedSend(LETTERS, fails={1: error}, hangs=frozenset({0, 2}))

    with pytest.raises(Throttled) as caught:
        await taken(scan_of(table).segments(3))

    assert caught.value is error
    assert sorted(table.cancelled) == [0, 2]


async def test_a_loop_does_not_end_as_if_all_were_read_where_the_last_segment_fails() -> None:
    table = SegmentedSend(["ab"], fails={0: refused("ThrottlingException", "slow down", operation="Scan")})
    ended: list[str] = []

    async def read() -> None:
        async with scan_of(table).segments(1).stream() as notes:
            async for _ in notes:
                pass
            ended.append("as if all were read")

    with pytest.raises(Throttled):
        await read()

    assert ended == []


async def test_items_that_came_before_an_error_can_be_gone_on_from() -> None:
    table = SegmentedSend(LETTERS)
    found: list[str] = []
    positions: list[str] = []

    async def read() -> None:
        async with scan_of(table).segments(3).stream() as notes:
            async for note in notes:
                found.append(note.id)
                positions.append(notes.position)
                table.fails[1] = refused("ThrottlingException", "slow down", operation="Scan")

    with pytest.raises(Throttled):
        await read()
    table.fails.clear()
    rest, _ = await taken(scan_of(table).segments(3).start(positions[-1]))

    assert sorted(found + rest) == table.names


@pytest.mark.parametrize(
    "error",
    [
        KeyError("mine"),
        ItemNotFound("mine"),
        ExceptionGroup("mine", [KeyError("one"), InvalidValue("two")]),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_an_error_of_the_block_comes_out_as_it_went_in(error: Exception) -> None:
    table = SegmentedSend(LETTERS, hangs=frozenset({2}))

    async def read() -> None:
        async with scan_of(table).segments(3).stream() as notes:
            async for _ in notes:
                raise error

    with pytest.raises(type(error)) as caught:
        await read()

    assert caught.value is error
    assert table.cancelled == [2]


async def test_cancellation_from_outside_stops_every_segment() -> None:
    table = SegmentedSend(LETTERS, hangs=frozenset({0, 1, 2}))

    with anyio.move_on_after(0.01) as scope:
        await taken(scan_of(table).segments(3))

    assert scope.cancelled_caught
    assert sorted(table.cancelled) == [0, 1, 2]


async def test_the_limit_is_of_all_segments_together() -> None:
    table = SegmentedSend(LETTERS)

    found, position = await taken(scan_of(table).limit(4).segments(3))
    rest, _ = await taken(scan_of(table).segments(3).start(position))

    assert len(found) == 4
    assert sorted(found + rest) == table.names


async def test_a_budget_of_requests_is_of_all_segments_together() -> None:
    table = SegmentedSend(LETTERS)
    found: list[str] = []

    async def read() -> None:
        async with scan_of(table).budget(requests=4).segments(3).stream() as notes:
            async for note in notes:
                found.append(note.id)

    with pytest.raises(BudgetSpent) as caught:
        await read()

    assert (len(table.calls), len(found), caught.value.requests) == (4, 8, 4)
    rest, _ = await taken(scan_of(table).segments(3).start(caught.value.cursor))
    assert sorted(found + rest) == table.names


async def test_a_budget_of_read_units_counts_what_the_answers_say() -> None:
    table = SegmentedSend(LETTERS)

    with pytest.raises(BudgetSpent) as caught:
        await taken(scan_of(table).budget(read_units=2).segments(3))

    assert 2 <= caught.value.read_units <= 3
    assert all(call["ReturnConsumedCapacity"] == "TOTAL" for call in table.calls)


async def test_a_budget_of_items_sends_no_further_request_behind_it() -> None:
    table = SegmentedSend(["abcdefgh"])

    with pytest.raises(BudgetSpent):
        await taken(scan_of(table).budget(items=3).segments(1))

    assert len(table.calls) == 2


async def test_a_budget_that_is_enough_is_no_error() -> None:
    table = SegmentedSend(LETTERS)

    found, _ = await taken(scan_of(table).budget(requests=9, items=18, read_units=9).segments(3))

    assert sorted(found) == table.names


async def test_a_stream_outside_its_block_is_refused() -> None:
    async with scan_of(SegmentedSend(LETTERS)).segments(3).stream() as notes:
        pass

    with pytest.raises(InvalidRequest, match="this stream is closed"):
        async for _ in notes:
            pass


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), "3"])
async def test_a_timeout_that_is_no_time_is_refused_before_io(timeout: Any) -> None:
    table = SegmentedSend(LETTERS)

    with pytest.raises(InvalidRequest, match="timeout="):
        async with scan_of(table).segments(3).stream(timeout=timeout) as notes:
            await anext(aiter(notes))

    assert table.calls == []


async def test_a_deadline_that_passed_ends_the_scan() -> None:
    with pytest.raises(CallTimeout):
        await taken(scan_of(SegmentedSend(LETTERS)).segments(3), timeout=1e-9)


async def test_a_loop_that_was_cancelled_while_it_waited_is_gone_on_with() -> None:
    table = SegmentedSend(LETTERS)

    async with scan_of(table).segments(3).stream() as notes:
        with anyio.CancelScope() as scope:
            scope.cancel()
            async for _ in notes:
                pass
        found = [note.id async for note in notes]

    assert sorted(found) == table.names
