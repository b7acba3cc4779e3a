"""Carry a batch out: at most so many calls in flight, unprocessed ones asked again after a wait.

Each of several lines sends one call after another, so that a line that waits holds up no other and
there are never more calls than lines. What a reply means and what follows it is decided in `plan`;
here is only what waits.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from inspect import isawaitable, iscoroutine, iscoroutinefunction
from types import TracebackType
from typing import Generic, NoReturn, TypedDict, TypeVar

import anyio

from dynamorm_async.errors import (
    AccessDenied,
    BatchFailure,
    CallTimeout,
    CredentialsError,
    DynamormError,
    InvalidRequest,
    PartialBatch,
    TableNotFound,
    quoted,
)
from dynamorm_async.executors.run import fill_in, positive
from dynamorm_async.plan import BatchPlan, BatchRetry, Ledger, Line
from dynamorm_async.wire import LIMITS, Call, Reply, Send

R = TypeVar("R")

OnProgress = Callable[[int, int], object]
"""Gets how many entries are dealt with and how many there are; the first number never falls."""

OnError = Callable[[BatchFailure], object]
"""Gets what a call, or an item, failed for; it returns to go on without these, or raises to stop."""


class BatchOptions(TypedDict, total=False):
    """The options of a batch of reads, for overloads; `Table.batch_get` says what they mean."""

    consistent: bool
    concurrency: int
    retry: BatchRetry | None
    timeout: float | None
    on_progress: OnProgress | None
    on_error: OnError | None


# What is so for every call of a batch, and says more than that nothing was done.
_SAID_OF_ALL = (TableNotFound, AccessDenied, CredentialsError)

# The service cuts an answer before the item that would make it longer than this.
_LONG_ANSWER = LIMITS.batch_bytes - LIMITS.item_bytes


async def batch(
    plan: BatchPlan[R],
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
) -> R:
    """Send the calls of a batch and return what it gives.

    Args:
        plan: What to do.
        send: The way to the service.
        concurrency: Most calls in flight.
        retry: When to ask again for what was left unprocessed; None for the usual.
        timeout: Seconds for everything; None for no deadline.
        on_progress: Told after every call that got something done.
        on_error: Told of every failure; what it accepts is no failure of the batch. Without it, the
            first failure stops the batch, but for a bad item among others.
        clock: Seconds that only grow.
        sleep: Wait for so many seconds.
        jitter: Draw a number from 0 to 1.

    Raises:
        PartialBatch: Not everything was done, or something failed.
        TableNotFound, AccessDenied, CredentialsError: Nothing was done, for this reason.
        Exception: What `on_progress` or `on_error` raised, with a PartialBatch as its cause.
    """
    check_bounds(concurrency, timeout)
    check_policies(retry, on_progress, on_error)
    stop = Stop()
    run = BatchRun(plan, send, retry or BatchRetry(), stop, clock, sleep, jitter, on_progress, on_error)
    run.deadline = None if timeout is None else clock() + timeout
    await run.all(concurrency)
    ledger = run.ledger
    if stop.broken is not None:
        raise_with_account(stop.broken, ledger.partial())
    if ledger.is_complete:
        return ledger.result()
    if ledger.is_untouched:
        raise_what_is_so_for_all(ledger.blamed)
    raise ledger.partial()


class Stop:
    """What ends all lines of a batch at once.

    Attributes:
        is_set: Whether they are to end.
        broken: The caller's own error that ended them, or None.
    """

    def __init__(self) -> None:
        self.is_set = False
        self.broken: Exception | None = None
        self._scopes: set[anyio.CancelScope] = set()

    def set(self) -> None:
        """End what stands under `over`, and let nothing begin."""
        self.is_set = True
        for scope in tuple(self._scopes):
            scope.cancel()

    def over(self, *, stops: bool = True) -> _Stoppable:
        """Return what stands over a wait that ends with the batch, unless it has to be waited for."""
        return _Stoppable(self._scopes if stops else set())


class BatchRun(Generic[R]):
    """One run of a batch: the lines, and what stops them.

    Attributes:
        ledger: Its account.
        deadline: On the clock, or None.
    """

    def __init__(
        self,
        plan: BatchPlan[R],
        send: Send,
        retry: BatchRetry,
        stop: Stop,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[object]],
        jitter: Callable[[], float],
        on_progress: OnProgress | None,
        on_error: OnError | None,
    ) -> None:
        self._plan = plan
        self._send = send
        self._retry = retry
        self._stop = stop
        self._clock = clock
        self._sleep = sleep
        self._jitter = jitter
        self._on_progress = on_progress
        self._on_error = on_error
        self._told = 0
        self.ledger = Ledger(plan)
        self.deadline: float | None = None

    async def all(self, concurrency: int) -> None:
        """Run the lines until nothing is left to do."""
        lines = min(concurrency, len(self._plan.chunks()))
        if lines < 2:
            await self._line()
            return
        async with anyio.create_task_group() as tasks:
            for _ in range(lines):
                tasks.start_soon(self._line)

    async def _line(self) -> None:
        line = Line()
        while not self._stop.is_set:
            if line.left and not line.at_once and not await self._waited(line):
                return
            numbers = self.ledger.take(line)
            if not numbers:
                return
            await self._asked(line, numbers)

    async def _waited(self, line: Line) -> bool:
        """Wait before asking again, or give up what is left; tell whether the line goes on."""
        wait = self._retry.delay(line.idle, self._jitter())
        if wait is None:
            self.ledger.why = f"{line.idle} calls in a row made no progress"
            return self._goes_on_without(line)
        wait = max(0.0, wait - await self._meanwhile(line, wait))
        if self._stop.is_set:
            return False
        if self.deadline is not None and self._clock() + wait >= self.deadline:
            self._late()
            return False
        with self._stop.over():
            await self._sleep(wait)
        return not self._stop.is_set

    def _goes_on_without(self, line: Line) -> bool:
        self.ledger.give_up(line)
        return True

    async def _meanwhile(self, line: Line, wait: float) -> float:
        """Ask for what is of other tables than what a line waits for; return the seconds that it took."""
        other = self.ledger.beside(line)
        if other is None:
            return 0.0
        begun = self._clock()
        while not self._stop.is_set and (other.parts or self._clock() < begun + wait):
            numbers = self.ledger.take(other)
            if not numbers:
                break
            await self._asked(other, numbers)
            other.without |= self.ledger.homes(other)
            line.left += other.left
            other.left = []
        return self._clock() - begun

    async def _asked(self, line: Line, numbers: list[int]) -> None:
        call = self._call(numbers)
        if call is None:
            return
        reply: Reply | None = None
        try:
            # A write in flight is waited for when the batch is stopped: what it did must be known.
            with self._stop.over(stops=self._plan.reads):
                reply = await self._send(call)
            if reply is None:
                return
            failures = self._answered(line, numbers, call, reply)
        except Exception as error:  # noqa: BLE001 - a middleware's own error must not hide what was done
            self._failed(line, numbers, error)
            return
        for failure in failures:
            self._weigh(failure)
        self._progress()

    def _call(self, numbers: list[int]) -> Call | None:
        call = self._plan.call(numbers)
        if self.deadline is None:
            return call
        left = self.deadline - self._clock()
        if left > 0:
            return call.within(left)
        self._late()
        return None

    def _answered(self, line: Line, numbers: list[int], call: Call, reply: Reply) -> list[BatchFailure]:
        try:
            failures = self.ledger.answered(line, numbers, reply.body, longest=_LONG_ANSWER)
        except DynamormError as error:
            fill_in(error, call, reply)
            raise
        for failure in failures:
            if isinstance(failure.error, DynamormError):
                fill_in(failure.error, call, reply)
        return failures

    def _failed(self, line: Line, numbers: list[int], error: Exception) -> None:
        if isinstance(error, CallTimeout) and self._is_past(error):
            self._late()
            return
        if self.ledger.divided(line, numbers, error):
            return
        failure = self.ledger.failed(numbers, error)
        if self.ledger.is_one_bad_item(line, error):
            self.ledger.blame(failure)
        else:
            self._weigh(failure)
        self._progress()

    def _is_past(self, error: CallTimeout) -> bool:
        """Tell whether the deadline of the batch ended a call that changed nothing."""
        is_over = self.deadline is not None and self._clock() >= self.deadline
        return is_over and (self._plan.reads or not error.attempts)

    def _weigh(self, failure: BatchFailure) -> None:
        """Ask whoever calls whether to go on without what failed."""
        if self._on_error is not None:
            try:
                _check_told("on_error", self._on_error(failure))
            except Exception as error:  # noqa: BLE001 - the caller's own; it ends the batch as it is
                if error is not failure.error:
                    self._break(error)
            else:
                return
        self.ledger.blame(failure)
        self._stop.set()

    def _progress(self) -> None:
        done, total = self.ledger.progress
        if done != self._told:
            self._told = done
            self._tell(done, total)

    def _tell(self, done: int, total: int) -> None:
        if self._on_progress is None:
            return
        try:
            _check_told("on_progress", self._on_progress(done, total))
        except Exception as error:  # noqa: BLE001 - as above
            self._break(error)

    def _break(self, error: Exception) -> None:
        self._stop.broken = self._stop.broken or error
        self._stop.set()

    def _late(self) -> None:
        self.ledger.why = "the deadline passed"
        self._stop.set()


class _Stoppable:
    """Stands over what ends at once when the batch is stopped."""

    def __init__(self, scopes: set[anyio.CancelScope]) -> None:
        self._scopes = scopes
        self._scope = anyio.CancelScope()

    def __enter__(self) -> None:
        self._scope.__enter__()
        self._scopes.add(self._scope)

    def __exit__(
        self, cls: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        self._scopes.discard(self._scope)
        return bool(self._scope.__exit__(cls, error, traceback))


def raise_what_is_so_for_all(blamed: BatchFailure | None) -> None:
    """Raise the error that ended a batch of which nothing is done, where it says more than that."""
    if blamed is not None and isinstance(blamed.error, _SAID_OF_ALL):
        raise blamed.error


def raise_with_account(error: Exception, account: PartialBatch) -> NoReturn:
    """Raise the caller's own error with what was done as its cause; a cause that it has goes behind."""
    account.__cause__ = error.__cause__ or account.__cause__
    raise error from account


def check_bounds(concurrency: object, timeout: object) -> None:
    """Refuse what is no number of calls, or no time.

    Raises:
        InvalidRequest: One of them.
    """
    if not isinstance(concurrency, int) or isinstance(concurrency, bool) or concurrency < 1:
        raise InvalidRequest(
            f"concurrency={quoted(concurrency)}",
            fix="give a whole number above 0",
            code="executors.concurrency",
        )
    if timeout is not None:
        positive(timeout)


def check_policies(retry: object, on_progress: object = None, on_error: object = None) -> None:
    """Refuse what says not when to ask again, and what cannot be told.

    Raises:
        InvalidRequest: One of them.
    """
    if retry is not None and not isinstance(retry, BatchRetry):
        raise InvalidRequest(
            f"retry={quoted(retry)} is no BatchRetry",
            why="a batch asks again for what was left unprocessed; Retry is about calls that fail",
            fix="give BatchRetry(rounds=…, base=…, longest=…), or None; Retry belongs to connect(retry=…)",
            code="executors.batch-retry",
        )
    for name, told in (("on_progress", on_progress), ("on_error", on_error)):
        if told is not None and not callable(told):
            raise _untellable(f"{name}={quoted(told)} can't be called", None)
        if iscoroutinefunction(told) or iscoroutinefunction(getattr(told, "__call__", None)):  # noqa: B004
            raise _untellable(f"{name}= is a coroutine function", _NOT_AWAITED)


_NOT_AWAITED = "what it returns would never be awaited"


def _check_told(name: str, answer: object) -> None:
    """Refuse an awaitable that was returned: nobody would learn what it says."""
    if answer is None or not isawaitable(answer):
        return
    if iscoroutine(answer):
        answer.close()
    raise _untellable(f"{name}= returned an awaitable", _NOT_AWAITED)


def _untellable(what: str, why: str | None) -> InvalidRequest:
    return InvalidRequest(
        what, why=why, fix="give a plain function: it is told and may raise", code="executors.told"
    )
