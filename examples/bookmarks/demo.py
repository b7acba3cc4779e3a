"""Start an engine and the service, tell the story over HTTP, and stop everything again.

Exit status: 0 when the story went as it should; 1 with one line that says why not; 130 after Ctrl-C.
"""

import argparse
import secrets
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import cast
from uuid import uuid4

import anyio
import attrs
import httpx

from dynamorm_async import DynamormError, TableNotFound
from dynamorm_async.testing import NAMES, Engine, started
from examples.bookmarks.model import Bookmark
from examples.bookmarks.service import create_app
from examples.bookmarks.serving import serving
from examples.bookmarks.story import Storyteller, Unexpected
from examples.bookmarks.wire import WireLog, lines, milliseconds, size

INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m examples.bookmarks.demo", description=__doc__)
    parser.add_argument("--engine", default="memory", help=f"{', '.join(NAMES)}, or the URL of one that runs")
    parser.add_argument("--serve", action="store_true", help="leave the service up until Ctrl-C")
    options = parser.parse_args(arguments)
    try:
        return anyio.run(_run, options.engine, options.serve)
    except (DynamormError, Unexpected, ExceptionGroup) as error:
        first = _first(error)
        if not isinstance(first, (DynamormError, Unexpected)):
            raise
        _say("")
        _complain(f"demo: {_one_line(first)}")
        return 1


@attrs.define
class _Interrupt:
    """What Ctrl-C ends: the whole demo, or, once the service is left up, the wait for Ctrl-C."""

    scope: anyio.CancelScope

    async def watch(self) -> None:
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async for _ in signals:
                self.scope.cancel()


async def _run(engine_name: str, serve: bool) -> int:  # noqa: FBT001 - handed in by anyio.run
    status = INTERRUPTED
    async with anyio.create_task_group() as tasks:
        interrupt = _Interrupt(tasks.cancel_scope)
        tasks.start_soon(interrupt.watch)
        await _tell(engine_name, interrupt if serve else None)
        status = 0
        tasks.cancel_scope.cancel()
    return status


async def _tell(engine_name: str, leave_up_until: _Interrupt | None) -> None:
    _say(f"A bookmarks service (FastAPI, uvicorn) over dynamorm_async, on the engine {engine_name}")
    _say("")
    wire = WireLog()
    begun = time.perf_counter()
    async with AsyncExitStack() as stack:
        engine = await stack.enter_async_context(started(engine_name))
        _say(f"engine   {engine_name}, ready after {milliseconds(time.perf_counter() - begun)}")
        table = f"bookmarks-demo-{uuid4().hex[:8]}"
        if not engine.disposable:
            stack.push_async_callback(_drop, engine, table)
        # Signed, so that nobody can make a cursor by hand. A service keeps the key with its other secrets.
        connecting = engine.connect(observers=[wire], cursor_key=secrets.token_bytes(32))
        app = create_app(connecting, table=table)
        url = await stack.enter_async_context(serving(app))
        _say(f"service  {url}")
        _say(f"table    {table}")
        for line in lines(wire.calls):
            _say(f"         {line}")
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=30, trust_env=False))
        story = Storyteller(http, wire, _say)
        await story.tell()
        _say("")
        _say(_total(story, time.perf_counter() - begun))
        if leave_up_until is not None:
            await _leave_up(url, leave_up_until)


async def _leave_up(url: str, interrupt: _Interrupt) -> None:
    _say("")
    _say(f"The service stays up at {url} until Ctrl-C; its routes are described at {url}/docs. Try:")
    _say(f"  curl -s {url}/bookmarks")
    with anyio.CancelScope() as interrupt.scope:
        await anyio.sleep_forever()
    _say("Stopped.")


async def _drop(engine: Engine, table: str) -> None:
    with anyio.move_on_after(60, shield=True):
        async with engine.connect() as db:
            try:
                await db.admin.delete_table(Bookmark, name=table)
            except TableNotFound:
                pass
            except DynamormError as error:
                # What ended the demo before is the news.
                _complain(f"demo: the table {table} may still be there: {error.what}")


def _total(story: Storyteller, seconds: float) -> str:
    calls = story.wire.calls
    retries = sum(max(call.attempts - 1, 0) for call in calls)
    return (
        f"All as expected: {story.requests} HTTP requests, {len(calls)} calls to DynamoDB, "
        f"{size(sum(call.bytes_sent for call in calls))} out, "
        f"{size(sum(call.bytes_received for call in calls))} in, "
        f"{retries} retries, {milliseconds(seconds)} with start-up."
    )


def _first(error: BaseException) -> BaseException:
    """Return the first failure of what a task group wraps."""
    while isinstance(error, BaseExceptionGroup):
        error = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
    return error


def _one_line(error: Exception) -> str:
    if isinstance(error, DynamormError):
        return "; ".join(part for part in (error.what, error.why, error.fix) if part)
    return str(error)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _complain(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
