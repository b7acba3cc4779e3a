"""Follow a query whose index holds keys alone: read a page of keys, fetch their items, hand them out.

One page of keys is held, and the items of `_CALLS` calls at most; nothing is read ahead.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from typing import TypeVar

import anyio

from dynamorm_async.errors import CallTimeout, PartialBatch
from dynamorm_async.executors.batches import batch
from dynamorm_async.executors.run import pages, positive
from dynamorm_async.plan import Progress, QueryPlan, Walk, fetch, fetched, keys_alone, priced
from dynamorm_async.wire import LIMITS, Call, Reply, Send, consumed_units

R = TypeVar("R")

_CALLS = 4
_LEAST = 25  # keys, where some of the items may be of other entities
_AT_ONCE = 1e-9  # seconds that let a call end by its own deadline


async def hydrated_pages(
    walk: Walk[R],
    send: Send,
    *,
    timeout: float | None = None,
    clock: Callable[[], float] = anyio.current_time,
) -> AsyncGenerator[tuple[Sequence[R], Progress]]:
    """Yield the items of a walk that hydrates, as they are fetched, and how far it has come with them.

    Args:
        walk: What to ask.
        send: The way to the service.
        timeout: Seconds for all calls together, without what the consumer does in between.
        clock: Seconds that only grow.

    Raises:
        DynamormError: As `pages` and `hydrated` do.
        BudgetSpent: The walk may not go on, and there is more. A page of keys and the first call for
            its items belong together.
    """
    left = None if timeout is None else positive(timeout)
    meter = _Meter(send, left, clock, is_priced=walk.is_priced)
    question = walk.query.question
    calls = 1 if question.has_budget else _CALLS
    found = 0
    skipped, to_skip = 0, question.offset if walk.query.tests_entity else 0
    async for keys, index in pages(keys_alone(walk), meter.timed):
        begin = 0
        while True:
            end = begin + calls * LIMITS.batch_keys
            wanted = None if question.limit is None else question.limit - found
            if wanted is not None:
                least = max(wanted + to_skip - skipped, _LEAST)
                end = min(end, begin + (least if walk.query.tests_entity else wanted))
            some = keys[begin:end]
            items = await _fetched(walk.query, some, meter, calls) if some else ()
            skipping = min(to_skip - skipped, len(items))
            items = items[skipping:][:wanted]
            begin, found, skipped = end, found + len(items), skipped + skipping
            is_last = begin >= len(keys)
            progress = Progress(
                requests=meter.requests,
                scanned=index.scanned,
                found=found + (skipped if to_skip else min(question.offset, index.found)),
                read_units=meter.read_units,
                last_key=index.last_key if is_last else some[-1],
            )
            yield items, progress
            if found == question.limit:
                return
            if not is_last or walk.leads_on(progress):
                walk.check_budget(progress)
            if is_last:
                break


async def hydrated(
    query: QueryPlan[R],
    keys: Sequence[str],
    send: Send,
    *,
    timeout: float | None = None,
    clock: Callable[[], float] = anyio.current_time,
) -> Sequence[R]:
    """Return the items of some index entries, those that are still there and meant.

    Args:
        query: The query; it hydrates.
        keys: JSON texts of the entries' keys.
        send: The way to the service.
        timeout: Seconds for all calls together.
        clock: Seconds that only grow.

    Raises:
        DynamormError: As `one` does.
        CallTimeout: The time is used up before everything was fetched.
        PartialBatch: The service left keys unprocessed, however often they were asked for.
    """
    if not keys:
        return ()
    return await _fetched(query, keys, _Meter(send, timeout, clock), _CALLS)


async def _fetched(query: QueryPlan[R], keys: Sequence[str], meter: _Meter, calls: int) -> Sequence[R]:
    started = meter.clock()
    left = None if meter.left is None else max(meter.left, _AT_ONCE)
    try:
        plan = fetch(query, keys)
        items = await batch(plan, meter.counted, concurrency=calls, timeout=left, clock=meter.clock)
    except PartialBatch as error:
        if left is not None and meter.clock() - started >= left:
            raise CallTimeout(
                f"{error.operation}: the deadline passed before all items were fetched",
                fix="give a longer timeout=",
                operation=error.operation or "BatchGetItem",
                table=error.table,
            ) from error
        if error.__cause__ is not None:
            raise error.__cause__ from error.__cause__.__cause__
        error.fix = "ask again, from the last item that came on: start(query.cursor_after(item))"
        raise
    finally:
        meter.spend(meter.clock() - started)
    return fetched(query, keys, items)


class _Meter:
    """Counts what calls use, and keeps what is left of the time for them."""

    def __init__(
        self, send: Send, left: float | None, clock: Callable[[], float], *, is_priced: bool = False
    ) -> None:
        self._send = send
        self._is_priced = is_priced
        self.left = left
        self.clock = clock
        self.requests = 0
        self.read_units = 0.0

    async def timed(self, call: Call) -> Reply:
        """Send a call within the time that is left for all."""
        if self.left is not None:
            call = call.within(max(self.left, _AT_ONCE))
        started = self.clock()
        try:
            return await self._counted(call)
        finally:
            self.spend(self.clock() - started)

    async def counted(self, call: Call) -> Reply:
        """Send a call for items."""
        return await self._counted(priced(call) if self._is_priced else call)

    def spend(self, seconds: float) -> None:
        """Take note of time that went by."""
        self.left = None if self.left is None else self.left - seconds

    async def _counted(self, call: Call) -> Reply:
        self.requests += 1
        reply = await self._send(call)
        self.read_units += consumed_units(reply.body) or 0.0
        return reply
