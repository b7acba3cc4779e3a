"""One client, one verb, in a process of its own: runs rounds on demand and reports what they cost.

    python -m benchmarks.peers CLIENT VERB TASKS LOOP URL

Each line on standard input is a number of operations; each line out is `{"cpu": s, "wall": s}`. CPU
is that of the whole process, all of its threads.
"""

import asyncio
import json
import sys
import time
from importlib import import_module
from typing import Any

from benchmarks.peers import CLIENTS, Verb
from benchmarks.peers.items import MANY_KEYS, PAGE_SIZE, PLAIN, STREAMED

WARM_UP_SECONDS = 0.3


async def _in_turn(run: Verb, operations: int) -> None:
    for _ in range(operations):
        await run()


async def _check(run: Verb, verb: str) -> None:
    """Refuse to measure a client that does not get what the others get."""
    if verb in {"query", "batch_get"} or verb.startswith("get_many"):
        items: Any = await run()
        assert isinstance(items, list)
        assert len(items) == (len(MANY_KEYS) if verb.startswith("get_many") else PAGE_SIZE)
        last = items[-1]
        title = last["title"] if isinstance(last, dict) else last.title
        assert getattr(title, "S", title) == PLAIN["title"]
    if verb == "stream":
        assert await run() == STREAMED


async def serve(client: str, verb: str, tasks: int, url: str) -> None:
    module, function, _ = CLIENTS[client]
    loop = asyncio.get_running_loop()
    async with getattr(import_module(f"benchmarks.peers.{module}"), function)(url) as verbs:
        run: Verb = verbs[verb]
        await _check(run, verb)
        warm = time.perf_counter() + WARM_UP_SECONDS
        while time.perf_counter() < warm:
            await run()
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            operations = int(line)
            wall, cpu = time.perf_counter(), time.process_time()
            if tasks > 1:
                await asyncio.gather(*(_in_turn(run, operations // tasks) for _ in range(tasks)))
            else:
                await _in_turn(run, operations)
            spent = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
            print(json.dumps(spent), flush=True)


if __name__ == "__main__":
    _client, _verb, _tasks, _loop, _url = sys.argv[1:]
    if _loop == "uvloop":
        from uvloop import run as _run
    else:
        _run = asyncio.run
    _run(serve(_client, _verb, int(_tasks), _url))
