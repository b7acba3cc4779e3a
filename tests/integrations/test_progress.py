"""Reporters of progress: a bar of rich, recorded to a text, and lines of a log. R63."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
from typing import Any

import pytest
from rich.console import Console
from rich.progress import Progress

from dynamorm_async import InvalidRequest, LogProgress, PartialBatch
from dynamorm_async.executors import batch
from dynamorm_async.integrations import RichProgress
from tests.executors.test_batch_reads import THROTTLED, named, service
from tests.plan.given import notes


def recorded() -> tuple[Progress, io.StringIO]:
    written = io.StringIO()
    return Progress(console=Console(file=written, width=60), auto_refresh=False), written


async def test_a_bar_among_others_moves_to_its_end() -> None:
    progress, written = recorded()

    with progress:
        await batch(
            notes.batch_get(named(250)), service().send, on_progress=RichProgress("notes", progress=progress)
        )

    assert [(task.description, task.completed, task.total) for task in progress.tasks] == [
        ("notes", 250, 250)
    ]
    assert progress.finished
    assert "notes" in written.getvalue()
    assert "100%" in written.getvalue()


async def test_a_bar_of_its_own_is_written_where_the_program_writes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with RichProgress("notes") as bar:
        await batch(notes.batch_get(named(250)), service().send, on_progress=bar)

    written = capsys.readouterr().out
    assert "notes" in written
    assert "250/250" in written


async def test_a_bar_without_a_block_ends_when_all_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    bar = RichProgress("notes")

    await batch(notes.batch_get(named(250)), service().send, on_progress=bar)

    assert capsys.readouterr().out.count("250/250") == 1


async def test_a_batch_that_fails_leaves_the_bar_where_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(PartialBatch), RichProgress("notes") as bar:
        await batch(
            notes.batch_get(named(200)), service(1000, THROTTLED).send, concurrency=1, on_progress=bar
        )

    # What failed is dealt with, too.
    assert capsys.readouterr().out.count("200/200") == 1


def test_a_bar_grows_with_what_it_is_told_there_is() -> None:
    progress, _ = recorded()
    bar = RichProgress("notes", progress=progress)

    for done, total in ((100, 100), (150, 200), (200, 200)):
        bar(done, total)

    ((completed, total),) = [(task.completed, task.total) for task in progress.tasks]
    assert (completed, total) == (200, 200)


def test_without_rich_it_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['rich.progress'] = None\n"
        "from dynamorm_async.integrations import RichProgress\n"
        "try: RichProgress()\n"
        "except ValueError as error: print(error)"
    )

    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert "RichProgress: rich is not installed" in told.stdout
    assert "pip install 'dynamorm-async[rich]'" in told.stdout


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


async def test_a_log_has_the_end_of_a_batch(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    await batch(notes.batch_get(named(250)), service().send, on_progress=LogProgress(description="notes"))

    assert [(record.name, record.levelno) for record in caplog.records] == [
        ("dynamorm_async.progress", logging.INFO)
    ]
    assert lines(caplog)[0].startswith("notes: 250 of 250 after 0.")


def test_a_log_has_a_line_in_so_many_seconds_and_the_last_one(caplog: pytest.LogCaptureFixture) -> None:
    times = iter([10.0, 10.5, 12.0, 13.9, 14.0, 14.1])
    mine = logging.getLogger("mine")
    tell = LogProgress(mine, every=2, description="marks", level=logging.WARNING, clock=lambda: next(times))

    for done in (100, 200, 300, 400, 500):
        tell(done, 500)

    assert lines(caplog) == [
        "marks: 200 of 500 after 2.0 s",
        "marks: 400 of 500 after 4.0 s",
        "marks: 500 of 500 after 4.1 s",
    ]
    assert {record.name for record in caplog.records} == {"mine"}


def test_a_log_of_what_grows_has_no_line_for_each_time_that_all_by_now_is_done(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tell = LogProgress(level=logging.WARNING, clock=lambda: 0.0)

    for done, total in ((100, 300), (400, 400), (500, 500), (600, 700), (700, 700)):
        tell(done, total)

    assert lines(caplog) == ["batch: 700 of 700 after 0.0 s"]


@pytest.mark.parametrize("every", [-1, float("nan"), "x", None])
def test_a_log_at_intervals_that_are_none_is_refused(every: Any) -> None:
    with pytest.raises(InvalidRequest, match="every="):
        LogProgress(every=every)
