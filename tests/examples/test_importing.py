"""The import of a file of bookmarks: all of them, none of a broken file, what was left of a failed one."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Iterable
from pathlib import Path

import pytest

from dynamorm_async import Call, Client, PartialBatch, Reply, Send, Table, connect
from examples.bookmarks.importing import NoBookmark, import_bookmarks
from examples.bookmarks.model import Bookmark
from tests.scripted_send import refused


@pytest.fixture
async def db() -> AsyncGenerator[Client]:
    async with connect("memory://") as client:
        await client.admin.ensure_table(Bookmark)
        yield client


@pytest.fixture
def bookmarks(db: Client) -> Table[Bookmark]:
    return db.table(Bookmark)


def written(folder: Path, numbers: Iterable[int]) -> Path:
    file = folder / "marks.jsonl"
    lines = [{"user": "ana", "slug": f"s{number}", "url": "u", "tags": ["a"]} for number in numbers]
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return file


async def slugs(bookmarks: Table[Bookmark]) -> set[str]:
    return {mark.slug async for mark in bookmarks.scan()}


async def test_all_bookmarks_of_a_file_are_stored_and_a_bar_says_so(
    bookmarks: Table[Bookmark], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await import_bookmarks(bookmarks, written(tmp_path, range(60))) == 60

    assert await slugs(bookmarks) == {f"s{number}" for number in range(60)}
    assert (await bookmarks.get("ana", "s7")).tags == {"a"}
    assert "60/60" in capsys.readouterr().out


@pytest.mark.parametrize("line", ["{", "[]", '{"user": "ana"}'])
async def test_a_line_that_is_no_bookmark_is_named_and_nothing_is_stored(
    bookmarks: Table[Bookmark], tmp_path: Path, line: str
) -> None:
    file = written(tmp_path, range(3))
    file.write_text(f"{file.read_text()}{line}\n")

    with pytest.raises(NoBookmark, match=r"marks\.jsonl:4 is no bookmark"):
        await import_bookmarks(bookmarks, file)

    assert await slugs(bookmarks) == set()


async def test_what_could_not_be_stored_can_be_imported_again(tmp_path: Path) -> None:
    class FailsOnce:
        """Lets the second call fail."""

        calls = 0

        async def __call__(self, call: Call, send: Send) -> Reply:
            self.calls += call.operation == "BatchWriteItem"
            if self.calls == 2:
                self.calls += 1
                raise refused("ProvisionedThroughputExceededException")
            return await send(call)

    async with connect("memory://", middleware=[FailsOnce()]) as db:
        await db.admin.ensure_table(Bookmark)
        bookmarks = db.table(Bookmark)
        with pytest.raises(PartialBatch):
            await import_bookmarks(bookmarks, written(tmp_path, range(60)), concurrency=1)
        stored = len(await slugs(bookmarks))
        left = await import_bookmarks(bookmarks, tmp_path / "marks.jsonl.rest")

        assert (stored, left) == (25, 35)
        assert await slugs(bookmarks) == {f"s{number}" for number in range(60)}
