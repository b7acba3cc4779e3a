"""The examples as programs: what they print, and what status they end with."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import httpx
import pytest

from dynamorm_async.testing import Engine

ROOT = Path(__file__).parent.parent.parent
pytestmark = pytest.mark.slow


def ran(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=50, check=False
    )


@contextmanager
def running(*arguments: str) -> Generator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_the_demo_tells_its_story_and_ends_well() -> None:
    demo = ran("-m", "examples.bookmarks.demo", "--engine", "memory")

    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert demo.stderr == ""
    for line in (
        "POST /bookmarks → 201",
        "POST /bookmarks → 409",
        "50 times POST /bookmarks/ana/aws/visits → 200 (50 times)",
        "UpdateItem, 50 times: ",
        "the counter says 50, and each visitor was told another number",
        'PUT /bookmarks/ana/aws  If-Match: "50" → 409',
        "ConditionalCheckFailedException",
        "resolved: 'AWS, by Ana and Ben', ETag \"52\"",
        "GET /bookmarks?user=ana&size=2 → 200",
        "asyncio, aws, python; tagged cloud: asyncio, aws",
        "a cursor of Ana's list in Ben's was answered plan.foreign-cursor",
        'DELETE /bookmarks/ana/aws  If-Match: "52" → 204',
        "All as expected: 75 HTTP requests, 79 calls to DynamoDB",
    ):
        assert line in demo.stdout


def test_an_engine_that_cannot_start_is_one_line_and_status_1() -> None:
    demo = ran("-m", "examples.bookmarks.demo", "--engine", "no-such-engine")

    assert demo.returncode == 1
    assert demo.stderr.startswith("demo: engine no-such-engine cannot start; ")
    assert demo.stderr.count("\n") == 1


def test_a_url_that_is_no_dynamodb_ends_with_the_first_failure_and_status_1() -> None:
    with running("-m", "http.server", "0", "--bind", "127.0.0.1") as server:
        assert server.stdout is not None
        port = server.stdout.readline().split("port ")[1].split(" ")[0]
        demo = ran("-m", "examples.bookmarks.demo", "--engine", f"http://127.0.0.1:{port}")

    assert demo.returncode == 1
    undeleted, why = demo.stderr.splitlines()
    assert undeleted.startswith("demo: the table bookmarks-demo-")
    assert why.startswith("demo: DescribeTable")


def test_a_service_that_is_left_up_answers_until_it_is_interrupted() -> None:
    with running("-m", "examples.bookmarks.demo", "--serve") as demo:
        assert demo.stdout is not None
        address = next(
            line.split("at ")[1].split(" until")[0] for line in demo.stdout if "stays up at" in line
        )
        listed = httpx.get(f"{address}/bookmarks", trust_env=False).json()
        demo.send_signal(signal.SIGINT)
        rest = demo.stdout.read()
        status = demo.wait(20)

    assert sorted(mark["slug"] for mark in listed["items"]) == ["asyncio", "python"]
    assert rest.endswith("Stopped.\n")
    assert status == 0


def test_an_interrupted_story_ends_with_status_130() -> None:
    with running("-m", "examples.bookmarks.demo") as demo:
        assert demo.stdout is not None
        assert any("Create a bookmark" in line for line in demo.stdout)
        demo.send_signal(signal.SIGINT)
        rest = demo.stdout.read()
        status = demo.wait(20)

    assert "Traceback" not in rest
    assert status == 130


def test_the_quickstart_prints_what_it_says() -> None:
    quickstart = ran("examples/quickstart.py")

    assert quickstart.stdout == "Page(url='https://example.com', visits=1)\n"


@pytest.mark.parametrize("runner", ["dask", "processes"])
def test_a_scan_is_run_by_other_processes(runner: str, start_engine: Callable[[str], Engine]) -> None:
    if runner == "dask" and find_spec("distributed") is None:
        pytest.skip("Dask is not installed: the dependency group dask")
    engine = start_engine("dynoxide").endpoint or ""

    scan = ran("-m", "examples.large_scan.demo", "--engine", engine, "--on", runner, "--items", "90")

    assert scan.returncode == 0, scan.stdout + scan.stderr
    assert scan.stdout.splitlines()[1:] == [
        "de: 1305 pages",
        "fr: 1335 pages",
        "jp: 1365 pages",
        "All as expected.",
    ]


def test_a_scan_of_an_engine_that_others_cannot_reach_is_one_line_and_status_1() -> None:
    scan = ran("-m", "examples.large_scan.demo", "--engine", "memory")

    assert scan.returncode == 1
    assert scan.stderr == "demo: the engine memory lives in this process, and others can't reach it\n"


def test_the_transfers_print_what_was_moved_and_why_not() -> None:
    transfers = ran("examples/transfer.py")

    assert transfers.stdout.splitlines() == [
        "t1: ana gave bob 70",
        "t1: t1 was done before",
        "t2: ana has 30, and not 31",
        "t3: cy has no account",
        "ana 30, bob 70",
    ]


def test_a_file_of_5000_bookmarks_is_imported_with_a_bar(start_engine: Callable[[str], Engine]) -> None:
    engine = start_engine("dynoxide").endpoint or ""

    imported = ran("-m", "examples.bookmarks.importing", "--engine", engine)

    assert imported.returncode == 0, imported.stdout + imported.stderr
    assert "5000/5000" in imported.stdout
    assert imported.stdout.endswith("5000 bookmarks stored\n")
