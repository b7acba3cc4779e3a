"""Import a file of bookmarks, one JSON object a line, with a progress bar.

    python -m examples.bookmarks.importing                 5,000 made-up ones, into an engine in memory
    python -m examples.bookmarks.importing marks.jsonl --engine http://127.0.0.1:8000

A bookmark that is stored under the same user and slug is overwritten. A file with a line that is no
bookmark is refused as a whole. What could not be stored goes to FILE.rest, in a form that can be
imported again, and the exit status is 1.
"""

import argparse
import json
import logging
import sys
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio
import anyio.to_thread

from dynamorm_async import DynamormError, InvalidRequest, LogProgress, PartialBatch, Table
from dynamorm_async.integrations import RichProgress
from dynamorm_async.testing import NAMES, started
from examples.bookmarks.model import Bookmark

MADE = 5_000


class NoBookmark(Exception):
    """A line of the file is none."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m examples.bookmarks.importing")
    parser.add_argument("file", nargs="?", type=Path, help=f"JSON lines; without it, {MADE} are made up")
    parser.add_argument("--engine", default="memory", help=f"{', '.join(NAMES)}, or the URL of one that runs")
    parser.add_argument("--concurrency", type=int, default=8, help="calls in flight")
    options = parser.parse_args(arguments)
    with TemporaryDirectory() as folder:
        file: Path = options.file or _made_up(Path(folder) / "bookmarks.jsonl", MADE)
        try:
            return anyio.run(_run, file, options.engine, options.concurrency)
        except (DynamormError, NoBookmark, OSError) as error:
            sys.stderr.write(f"importing: {error}\n")
            return 1


async def import_bookmarks(bookmarks: Table[Bookmark], file: Path, *, concurrency: int = 8) -> int:
    """Store the bookmarks of a file and return how many there are.

    Raises:
        NoBookmark: A line is none; nothing was stored.
        PartialBatch: Not all are stored; the others are in FILE.rest.
    """
    text = await anyio.to_thread.run_sync(file.read_text)
    marks = [_bookmark(line, f"{file.name}:{number}") for number, line in enumerate(text.splitlines(), 1)]
    try:
        with _reporter() as told:
            await bookmarks.batch_put(
                marks, duplicates="last", concurrency=concurrency, timeout=300, on_progress=told
            )
    except PartialBatch as error:
        left = [*error.unprocessed, *(mark for failure in error.failed for mark in failure.entries)]
        rest = file.with_name(f"{file.name}.rest")
        await anyio.to_thread.run_sync(rest.write_text, "".join(map(_line, left)))
        raise
    return len(marks)


def _reporter() -> AbstractContextManager[RichProgress | LogProgress]:
    """Return a bar where rich is installed, and lines of a log where it is not."""
    try:
        return RichProgress("bookmarks")
    except InvalidRequest:
        logging.basicConfig(level=logging.INFO, format="%(message)s")
        return nullcontext(LogProgress(description="bookmarks"))


def _bookmark(line: str, where: str) -> Bookmark:
    try:
        found = json.loads(line)
        return Bookmark(
            user=found["user"],
            slug=found["slug"],
            url=found["url"],
            title=found.get("title", ""),
            tags=set(found.get("tags", ())),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NoBookmark(f"{where} is no bookmark: {error!r}") from error


def _line(mark: Bookmark) -> str:
    tags = sorted(mark.tags)
    fields = {"user": mark.user, "slug": mark.slug, "url": mark.url, "title": mark.title, "tags": tags}
    return json.dumps(fields) + "\n"


def _made_up(file: Path, count: int) -> Path:
    marks: Iterable[Bookmark] = (
        Bookmark(user=f"user-{number % 50}", slug=f"page-{number}", url=f"https://{number}.example")
        for number in range(count)
    )
    file.write_text("".join(map(_line, marks)))
    return file


async def _run(file: Path, engine_name: str, concurrency: int) -> int:
    async with started(engine_name) as engine, engine.connect() as db:
        await db.admin.ensure_table(Bookmark)
        count = await import_bookmarks(db.table(Bookmark), file, concurrency=concurrency)
        sys.stdout.write(f"{count} bookmarks stored\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
