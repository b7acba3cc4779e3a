"""One thing that takes memory, in a process of its own; what it took is printed as JSON.

    python -m benchmarks.peers.memory tasks|calls|timed|scan|stream URL rss|traced

`tasks`, `calls` and `timed` print `{"bytes": N}` for all of those that wait; `scan` and `stream` print
`{"first": N, "most": N, "items": N, "seconds": S}`, resident bytes after the first page and at most.
"""

import asyncio
import gc
import json
import os
import sys
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from benchmarks.peers.items import (
    ACCESS_KEY,
    ENDPOINT_REGION,
    KEY,
    SCAN_PAGE_SIZE,
    SECRET_KEY,
    SILENT_TABLE,
)
from benchmarks.peers.model import Order, Small
from dynamorm_async import Client, Credentials, connect

WAITING = 10_000
STATM = Path("/proc/self/statm")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def resident() -> int:
    return int(STATM.read_text().split()[1]) * PAGE_BYTES


def traced() -> int:
    return tracemalloc.get_traced_memory()[0]


@asynccontextmanager
async def _client(url: str) -> AsyncIterator[Client]:
    keys = Credentials(ACCESS_KEY, SECRET_KEY)
    options = {"max_concurrency": 1, "attempt_timeout": 600.0, "transport": "fast"}
    async with connect(url, region=ENDPOINT_REGION, credentials=keys, **options) as db:
        yield db


async def _taken(start: Callable[[], Coroutine[Any, Any, object]], measure: Callable[[], int]) -> int:
    """Return what starting so many tasks took, when each has come as far as it gets."""
    gc.collect()
    before = measure()
    tasks = [asyncio.create_task(start()) for _ in range(WAITING)]
    await asyncio.sleep(0.2)
    gc.collect()
    taken = measure() - before
    assert not any(task.done() for task in tasks)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    return taken


async def tasks(_url: str, measure: Callable[[], int]) -> dict[str, Any]:
    """Bare tasks that wait for an event."""
    never = asyncio.Event()
    return {"bytes": await _taken(never.wait, measure)}


async def calls(url: str, measure: Callable[[], int]) -> dict[str, Any]:
    """Calls that wait for the only slot, which one that is never answered holds."""
    return await _waiting(url, measure, None)


async def timed(url: str, measure: Callable[[], int]) -> dict[str, Any]:
    """The same with a deadline for each call."""
    return await _waiting(url, measure, 600.0)


async def _waiting(url: str, measure: Callable[[], int], timeout: float | None) -> dict[str, Any]:
    async with _client(url) as db:
        customer, order = KEY["customer"], KEY["order"]
        await db.table(Order).get(customer, order)
        silent = db.table(Order, name=SILENT_TABLE)
        return {"bytes": await _taken(lambda: silent.get(customer, order, timeout=timeout), measure)}


async def scan(url: str, measure: Callable[[], int]) -> dict[str, Any]:
    async with _client(url) as db:
        return await _read(db.table(Small).scan(), measure)


async def stream(url: str, measure: Callable[[], int]) -> dict[str, Any]:
    async with _client(url) as db:
        return await _read(db.table(Small).where(Small.customer == KEY["customer"]), measure)


async def _read(items: Any, measure: Callable[[], int]) -> dict[str, Any]:
    count, first, most, start = 0, 0, 0, time.perf_counter()
    async for _ in items:
        count += 1
        # In the middle of a page, so that the page is held and the next one is not.
        if count % SCAN_PAGE_SIZE == SCAN_PAGE_SIZE // 2:
            now = measure()
            first, most = first or now, max(most, now)
    return {"first": first, "most": most, "items": count, "seconds": round(time.perf_counter() - start, 2)}


if __name__ == "__main__":
    _what, _url, _how = sys.argv[1:]
    if _how == "traced":
        tracemalloc.start()
    _main = {"tasks": tasks, "calls": calls, "timed": timed, "scan": scan, "stream": stream}[_what]
    print(json.dumps(asyncio.run(_main(_url, traced if _how == "traced" else resident))))
