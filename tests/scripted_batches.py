"""A service for batches that processes as much of each call as its script says, on a clock of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import anyio
import anyio.lowlevel
import attrs

from dynamorm_async.wire import Call, Reply

Step = int | Exception | Callable[[Call], None]


@attrs.define
class BatchService:
    """Answers reads from `items` and takes writes; the last step stands for ever.

    Attributes:
        steps: For each call: how many of its keys or writes are processed (negative: all but so
            many), an error, or a function that is called and then everything is processed.
        items: Text of a key to the stored item, by table.
        seconds: How long each call takes, on the service's own clock.
        calls: What came.
        waits: What was slept.
    """

    steps: Sequence[Step] = (1000,)
    items: dict[str, list[dict[str, Any]]] = attrs.field(factory=dict[str, list[dict[str, Any]]])
    seconds: float = 0.0
    now: float = 0.0
    calls: list[Call] = attrs.field(factory=list[Call])
    waits: list[float] = attrs.field(factory=list[float])
    in_flight: int = 0
    most_in_flight: int = 0

    async def send(self, call: Call) -> Reply:
        step = self.steps[min(len(self.calls), len(self.steps) - 1)]
        self.calls.append(call)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await anyio.lowlevel.checkpoint()
        finally:
            self.in_flight -= 1
        self.now += self.seconds
        if isinstance(step, Exception):
            raise step
        if callable(step):
            step(call)
            step = 1000
        body = self._read(call, step) if call.operation == "BatchGetItem" else self._write(call, step)
        return Reply(body=json.dumps(body).encode(), request_id=f"R-{len(self.calls)}")

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds
        await anyio.lowlevel.checkpoint()

    def clock(self) -> float:
        return self.now

    @property
    def sizes(self) -> list[int]:
        return [len(call.keys) for call in self.calls]

    def _read(self, call: Call, processed: int) -> dict[str, Any]:
        found: dict[str, list[Any]] = {}
        left: dict[str, Any] = {}
        for table, asked in json.loads(call.body)["RequestItems"].items():
            keys = asked["Keys"]
            done, rest = keys[:processed], keys[processed:]
            # In an order of its own, as the service does.
            found[table] = [item for key in reversed(done) for item in self._stored(table, key)]
            if rest:
                left[table] = {**asked, "Keys": rest}
        return {"Responses": found, "UnprocessedKeys": left}

    def _stored(self, table: str, key: dict[str, Any]) -> list[Any]:
        return [item for item in self.items.get(table, []) if key.items() <= item.items()]

    def _write(self, call: Call, processed: int) -> dict[str, Any]:
        left: dict[str, Any] = {}
        for table, requests in json.loads(call.body)["RequestItems"].items():
            for request in requests[:processed]:
                self._apply(table, request)
            if requests[processed:]:
                left[table] = requests[processed:]
        return {"UnprocessedItems": left}

    def _apply(self, table: str, request: dict[str, Any]) -> None:
        stored = self.items.setdefault(table, [])
        if "PutRequest" in request:
            stored.append(request["PutRequest"]["Item"])
        else:
            key = request["DeleteRequest"]["Key"]
            stored[:] = [item for item in stored if not key.items() <= item.items()]


async def sent_after_cancelling_in_a_wait(
    at: BatchService, run: Callable[[Any], Coroutine[Any, Any, object]]
) -> list[Call]:
    """Cancel a batch as soon as it waits, and return what it sends then.

    Args:
        at: What it is sent to; some of it must be left unprocessed.
        run: The batch, given what it is to sleep with.
    """
    waiting = anyio.Event()

    async def wait_for_ever(_: float) -> None:
        waiting.set()
        await anyio.sleep_forever()

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run, wait_for_ever)
            await waiting.wait()
            tasks.cancel_scope.cancel()
            at.calls.clear()
    return at.calls
