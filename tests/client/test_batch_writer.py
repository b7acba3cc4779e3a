"""A stream of writes of unknown length, on every engine and over a service that leaves things out. N12."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from dynamorm_async import (
    Client,
    Delete,
    InvalidKey,
    InvalidRequest,
    InvalidValue,
    Key,
    PartialBatch,
    Put,
    Table,
    TableNotFound,
)
from dynamorm_async.client import Table as TableHandle
from dynamorm_async.client.known import Known
from dynamorm_async.client.query import Asking
from tests.plan.given import target
from tests.scripted_batches import BatchService
from tests.scripted_send import refused
from tests.shapes import NOW, Bookmark, Note


def scripted(*steps: Any) -> tuple[BatchService, Table[Note]]:
    at = BatchService(steps or (1000,))
    asking = Asking(send=at.send, now=lambda: NOW, known=Known(), cursor_keys=())
    return at, TableHandle(target(Note, "notes"), asking)


def stored(at: BatchService) -> list[str]:
    return sorted(item["id"]["S"] for item in at.items.get("notes", []))


async def test_a_stream_is_written_and_deleted(notes: Table[Note]) -> None:
    async with notes.batch_writer(concurrency=2) as writer:
        for number in range(130):
            await writer.put(Note(id=f"n{number}", count=number))
        for number in range(120):
            await writer.delete(f"n{number}")

    assert writer.written == 250
    found = await notes.batch_get([f"n{number}" for number in range(130)], consistent=True)
    assert [each.count for each in found if each is not None] == list(range(120, 130))


async def test_writes_of_one_key_keep_their_order(notes: Table[Note]) -> None:
    async with notes.batch_writer() as writer:
        await writer.put(Note(id="a", count=1))
        await writer.put(Note(id="b", count=1))
        await writer.put(Note(id="a", count=2))
        await writer.delete("b")

    found = await notes.batch_get(["a", "b"], consistent=True)
    assert found == [Note(id="a", count=2), None]


async def test_a_delete_takes_a_key_in_every_form(bookmarks: Table[Bookmark]) -> None:
    marks = [Bookmark(user="ana", slug=slug, url="https://x") for slug in ("a", "b", "c")]
    await bookmarks.batch_put(marks)

    async with bookmarks.batch_writer() as writer:
        await writer.delete("ana", "a")
        await writer.delete(Key(Bookmark, "ana", "b"))
        await writer.delete(marks[2])

    assert await bookmarks.batch_get(marks, consistent=True) == [None] * 3


async def test_no_more_is_held_than_the_calls_in_flight_take() -> None:
    at, notes = scripted()

    async with notes.batch_writer(concurrency=2) as writer:
        held: list[int] = []
        for number in range(120):
            await writer.put(Note(id=f"n{number}"))
            held.append(len(writer.gathered))

    assert max(held) == 49
    assert sorted(at.sizes) == [20, 25, 25, 25, 25]


async def test_a_wrong_write_is_not_taken_and_the_others_are_written() -> None:
    at, notes = scripted()

    async with notes.batch_writer() as writer:
        await writer.put(Note(id="a"))
        with pytest.raises(InvalidValue):
            await writer.put(Note(id=""))
        with pytest.raises(InvalidKey):
            await writer.delete("a", "b")

    assert stored(at) == ["a"]


async def test_a_block_that_raises_leaves_the_rest_unwritten() -> None:
    at, notes = scripted()
    writer = notes.batch_writer()

    async def broken() -> None:
        async with writer:
            await writer.put(Note(id="a"))
            raise KeyError

    with pytest.raises(KeyError):
        await broken()

    assert at.calls == []
    assert writer.gathered == (Put(Note(id="a")),)


async def test_a_writer_outside_its_block_is_refused() -> None:
    _, notes = scripted()
    writer = notes.batch_writer()

    with pytest.raises(InvalidRequest, match="inside its block"):
        await writer.put(Note(id="a"))


async def test_what_was_not_written_is_named_once_also_the_one_just_handed_in() -> None:
    _, notes = scripted(1, 0)
    writer = notes.batch_writer()

    async def stream() -> None:
        async with writer:
            await writer.put(Note(id="a"))
            await writer.put(Note(id="b"))
            await writer.delete("b")

    with pytest.raises(PartialBatch) as caught:
        await stream()

    assert caught.value.succeeded == (Put(Note(id="a")),)
    assert caught.value.unprocessed == (Delete(Key(Note, "b")),)
    assert "1 of 2 done, 0 failed, 1 unprocessed" in str(caught.value)
    assert (writer.written, writer.gathered) == (1, ())


async def test_what_a_missing_table_refused_is_still_held(db: Client, table_name: str) -> None:
    writer = db.table(Note, name=f"{table_name}-nowhere").batch_writer()

    async def stream() -> None:
        async with writer:
            await writer.put(Note(id="a"))

    with pytest.raises(TableNotFound):
        await stream()

    assert writer.gathered == (Put(Note(id="a")),)


@pytest.mark.parametrize("is_write", [True, False], ids=["put", "delete"])
async def test_what_was_handed_in_is_written_as_it_was_then(is_write: bool) -> None:
    at, notes = scripted()
    note = Note(id="a", count=1)
    await notes.batch_put([note])

    async with notes.batch_writer() as writer:
        await (writer.put(note) if is_write else writer.delete(note))
        note.id, note.count = "b", 2

    assert [key["id"] for key in at.calls[-1].keys] == ["a"]
    assert "b" not in stored(at)


async def test_what_a_writer_left_is_handed_in_again_as_it_is(db: Client, notes: Table[Note]) -> None:
    await notes.batch_put([Note(id="b"), Note(id="c")])
    _, failing = scripted(1, 0)

    async def stream() -> None:
        async with failing.batch_writer() as writer:
            await writer.put(Note(id="a"))
            await writer.delete("c")
            await writer.put(Note(id="b", count=1))
            await writer.put(Note(id="d", count=1))
            await writer.put(Note(id="b", count=2))

    with pytest.raises(PartialBatch) as caught:
        await stream()
    await db.batch_write(caught.value.unprocessed, names={Note: notes.name})

    assert await notes.batch_get(["b", "c", "d"], consistent=True) == [
        Note(id="b", count=2),
        None,
        Note(id="d", count=1),
    ]


async def test_what_failed_in_a_writer_names_its_model_too() -> None:
    _, notes = scripted(ZeroDivisionError("mine"))

    async def stream() -> None:
        async with notes.batch_writer() as writer:
            await writer.delete("a")
            await writer.put(Note(id="a"))

    with pytest.raises(PartialBatch) as caught:
        await stream()

    error = caught.value
    assert [failure.entries for failure in error.failed] == [(Delete(Key(Note, "a")),)]
    assert error.unprocessed == (Put(Note(id="a")),)
    assert "0 of 2 done, 1 failed, 1 unprocessed" in str(error)
    assert isinstance(error.__cause__, ZeroDivisionError)


async def test_the_last_write_of_a_key_is_held_where_nothing_could_be_written() -> None:
    at, notes = scripted(refused("ResourceNotFoundException"), 1000)
    async with notes.batch_writer() as writer:
        await writer.put(Note(id="a"))
        await writer.put(Note(id="b"))
        with pytest.raises(TableNotFound):
            await writer.delete("a")
        assert writer.gathered == (Delete(Key(Note, "a")), Put(Note(id="b")))

    assert stored(at) == ["b"]


async def test_tasks_may_share_a_writer() -> None:
    at, notes = scripted()

    async def feed(first: int) -> None:
        for number in range(first, first + 40):
            await writer.put(Note(id=f"n{number}"))

    async with notes.batch_writer(concurrency=1) as writer, anyio.create_task_group() as tasks:
        for first in (0, 40, 80):
            tasks.start_soon(feed, first)

    assert len(stored(at)) == len(set(stored(at))) == 120


@pytest.mark.parametrize("options", [{"retry": 5}, {"concurrency": 0}, {"concurrency": "x"}, {"timeout": 0}])
def test_options_that_mean_nothing_are_refused_when_the_writer_is_made(options: dict[str, Any]) -> None:
    _, notes = scripted()
    (name,) = options

    with pytest.raises(InvalidRequest, match=f"^{name}="):
        notes.batch_writer(**options)
