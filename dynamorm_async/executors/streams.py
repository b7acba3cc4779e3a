"""A batch of reads whose items are handed out as they come, of any number of keys.

Each of several lines takes a call's worth of keys, asks for them, and takes more when what it read
was taken: memory holds what is in flight and nothing else. What was left unprocessed joins the
line's next call, as in `batches`.
"""

from __future__ import annotations

import random
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Sequence,
    Sized,
)
from contextlib import asynccontextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import anyio

from dynamorm_async.errors import BatchFailure, PartialBatch
from dynamorm_async.executors.batches import (
    BatchRun,
    OnError,
    OnProgress,
    Stop,
    check_bounds,
    check_policies,
    raise_what_is_so_for_all,
    raise_with_account,
)
from dynamorm_async.executors.fan_in import fan_in, next_of
from dynamorm_async.plan import BatchPlan, BatchRetry, Ledger, Line, listed, partial_batch
from dynamorm_async.wire import Send

if TYPE_CHECKING:  # at run time, only who streams a batch pays for them
    from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

K = TypeVar("K")
R = TypeVar("R")

PlanOf = Callable[..., BatchPlan[list[R | None]]]
"""Some of the keys, and as `first=` the place of the first among all, to the plan of reading them."""


class BatchStream(Generic[K, R]):
    """Keys with their items, as they come, inside its `async with`: `async for key, item in found`.

    An item is None where nothing is stored. Breaking out of `async for` and iterating again goes on
    with the next one.
    """

    def __init__(
        self,
        pieces: MemoryObjectReceiveStream[Sequence[tuple[K, R | None]]],
        finish: Callable[[], None],
    ) -> None:
        self._pieces = pieces
        self._finish = finish
        self._under_way: Iterator[tuple[K, R | None]] = iter(())

    def __aiter__(self) -> AsyncIterator[tuple[K, R | None]]:
        return self._iterated()

    async def _iterated(self) -> AsyncGenerator[tuple[K, R | None]]:
        while True:
            for pair in self._under_way:
                yield pair
            piece = await next_of(self._pieces, fix="async with table.batch_stream(keys) as …")
            if piece is None:
                self._finish()
                return
            self._under_way = iter(piece)


@asynccontextmanager
async def batch_stream(
    keys: Iterable[K] | AsyncIterable[K],
    plan_of: PlanOf[R],
    send: Send,
    *,
    concurrency: int = 8,
    retry: BatchRetry | None = None,
    timeout: float | None = None,
    on_progress: OnProgress | None = None,
    on_error: OnError | None = None,
    clock: Callable[[], float] = anyio.current_time,
    sleep: Callable[[float], Awaitable[object]] = anyio.sleep,
    jitter: Callable[[], float] = random.random,
) -> AsyncGenerator[BatchStream[K, R]]:
    """Read many items and hand them out as they come.

    Args:
        keys: Those of something that has a length are looked at before anything is sent; others are
            taken as they are needed.
        plan_of: What to do for some of them.
        send: The way to the service.
        concurrency: Most calls in flight, and answers that wait to be taken.
        retry: As in `batch`.
        timeout: Seconds for each line of calls, without what the loop and the keys take in between.
        on_progress: As in `batch`; where the keys have no length, all is those taken by now.
        on_error: As in `batch`; what it accepts is left out.
        clock: As in `batch`, and so are the others.
        sleep: Wait for so many seconds.
        jitter: Draw a number from 0 to 1.

    Raises:
        PartialBatch: In the loop, when everything that was read is handed out: not all could be read.
        TableNotFound, AccessDenied, CredentialsError: As in `batch`, in the loop.
        Exception: In the loop: what the keys, `on_progress` or `on_error` raised, or an InvalidKey, with
            a PartialBatch as its cause.
    """
    check_bounds(concurrency, timeout)
    check_policies(retry, on_progress, on_error)
    account = _Account(_Keys(keys), plan_of)
    lines: list[_StreamLine[K, R]] = [
        _StreamLine(
            account, send, retry or BatchRetry(), clock, sleep, jitter, on_progress, on_error, timeout
        )
        for _ in range(concurrency)
    ]
    async with fan_in([line.read for line in lines]) as pieces:
        yield BatchStream(pieces, account.finish)


class _Keys(Generic[K]):
    """Keys of any number, taken some at a time.

    Attributes:
        taken: How many are.
    """

    def __init__(self, keys: Iterable[K] | AsyncIterable[K]) -> None:
        self.taken = 0
        self.listed: list[K] | None = None
        self._later: AsyncIterator[K] | None = None
        self._now: Iterator[K] = iter(())
        self._turn = anyio.Lock()
        if isinstance(keys, AsyncIterable):
            self._later = aiter(keys)
        elif _has_no_length(keys):
            self._now = iter(keys)
        else:
            self.listed = listed(keys, "keys")
            self._now = iter(self.listed)

    @property
    def total(self) -> int:
        """How many there are, as far as that is known."""
        return self.taken if self.listed is None else len(self.listed)

    @property
    def rest(self) -> Sequence[K]:
        """What was not taken, of keys that have a length; others are still to come from where they are."""
        return () if self.listed is None else self.listed[self.taken :]

    async def take(self, most: int, into: list[K]) -> int:
        """Put as many of the next keys into a list, fewer at the end; return the place of the first.

        What it has when it is cancelled is in the list.
        """
        async with self._turn:
            first = self.taken
            if self._later is None:
                try:
                    into += islice(self._now, most)
                finally:  # those before an error of the caller's are in the list
                    self.taken += len(into)
                return first
            while len(into) < most:
                try:
                    into.append(await anext(self._later))
                except StopAsyncIteration:
                    break
                self.taken += 1
            return first


def _has_no_length(keys: object) -> bool:
    return isinstance(keys, Iterable) and not isinstance(keys, Sized)


class _Account(Generic[K, R]):
    """What all lines of a stream have come to."""

    def __init__(self, keys: _Keys[K], plan_of: PlanOf[R]) -> None:
        self.keys = keys
        self.plan_of = plan_of
        # Refuses a wrong key before anything is sent.
        self.none_yet = plan_of(())
        if keys.listed is not None:
            plan_of(keys.listed)
        self.stop = Stop()
        self.done = 0
        self.ended = 0
        self.failures: list[BatchFailure] = []
        self.unprocessed: list[K] = []
        self.blamed: BatchFailure | None = None
        self.why: str | None = None

    def add(self, ledger: Ledger[Any]) -> None:
        """Take over the failures that were not accepted; of the others, however many, nothing is kept."""
        if ledger.blamed is not None:
            self.failures += ledger.failures
            self.blamed = self.blamed or ledger.blamed

    def finish(self) -> None:
        """Raise what stopped the stream; nothing where all was read."""
        if self.stop.broken is not None:
            raise_with_account(self.stop.broken, self._partial())
        if self.blamed is None and not self.unprocessed:
            return
        if not self.done:
            raise_what_is_so_for_all(self.blamed)
        raise self._partial()

    def _partial(self) -> PartialBatch:
        rest = self.keys.rest
        return partial_batch(
            self.none_yet,
            total=self.keys.taken + len(rest),
            done=self.done,
            failures=self.failures,
            unprocessed=[*self.unprocessed, *rest],
            blamed=self.blamed,
            why=self.why,
        )


class _StreamLine(BatchRun[list[R | None]], Generic[K, R]):
    """One line of calls, each with a plan and a ledger of its own."""

    def __init__(
        self,
        account: _Account[K, R],
        send: Send,
        retry: BatchRetry,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[object]],
        jitter: Callable[[], float],
        on_progress: OnProgress | None,
        on_error: OnError | None,
        timeout: float | None,
    ) -> None:
        super().__init__(
            account.none_yet, send, retry, account.stop, clock, sleep, jitter, on_progress, on_error
        )
        self._account = account
        self._timeout = timeout

    async def read(self, giving: MemoryObjectSendStream[Sequence[tuple[K, R | None]]]) -> None:
        """Read until there are no more keys, or all lines are to end."""
        account, line = self._account, Line()
        left: list[K] = []
        self.deadline = None if self._timeout is None else self._clock() + self._timeout
        while not self._stop.is_set:
            if left and not line.at_once and not await self._waited(line):
                break
            left = await self._joined(left)
            if not left or self._stop.is_set:
                break
            await self._asked(line, self.ledger.take(line))
            account.add(self.ledger)
            left = self.ledger.unprocessed()
            line.left.clear()  # numbers of this ledger
            if found := self.ledger.pairs():
                account.done += len(found)
                begun = self._clock()
                await giving.send(found)
                self._prolong(begun)
        account.why = account.why or self.ledger.why
        account.unprocessed += left

    async def _joined(self, left: list[K]) -> list[K]:
        """Return what was left with fresh keys, and make the plan of asking for them."""
        fresh: list[K] = []
        begun = self._clock()
        try:
            with self._stop.over():
                first = await self._account.keys.take(self._plan.most - len(left), fresh)
                self._prolong(begun)
                self._plan = self._account.plan_of([*fresh, *left], first=first)
                self.ledger = Ledger(self._plan)
        except Exception as error:  # noqa: BLE001 - a wrong key, or the caller's own; it ends the stream
            self._break(error)
        return [*fresh, *left]

    def _goes_on_without(self, line: Line) -> bool:
        del line  # it takes keys in their order, of whatever table
        return False

    def _prolong(self, begun: float) -> None:
        if self.deadline is not None:
            self.deadline += self._clock() - begun

    def _progress(self) -> None:
        ended, _ = self.ledger.progress
        self._account.ended += ended
        if ended:
            self._tell(self._account.ended, self._account.keys.total)
