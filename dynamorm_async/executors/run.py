"""The loop of a plan: send a call, read the reply, send what follows."""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import NoReturn, TypeVar

import anyio

from dynamorm_async.errors import (
    CallTimeout,
    DynamormError,
    InvalidRequest,
    OutcomeUnknown,
    ProtocolError,
    ServiceError,
    quoted,
)
from dynamorm_async.plan import Plan, Progress, StatementWalk, Stepwise, Walk
from dynamorm_async.wire import Call, Repeat, Reply, Send

R = TypeVar("R")
T = TypeVar("T")


async def one(plan: Plan[R], send: Send, *, timeout: float | None = None) -> R:
    """Send the plan's one call and return what its reply means.

    Args:
        plan: What to do.
        send: The way to the service.
        timeout: Seconds for everything; None for the client's own.

    Raises:
        DynamormError: What the plan makes of the service's error, with that as cause.
    """
    call = plan.first if timeout is None else plan.first.within(positive(timeout))
    try:
        reply = await send(call)
    except ServiceError as error:
        _tell(plan, error)
    try:
        return plan.read(reply)
    except DynamormError as error:
        _tell_unread(error, call, reply)


async def steps(
    plan: Plan[R],
    send: Send,
    *,
    timeout: float | None = None,
    clock: Callable[[], float] = anyio.current_time,
    sleep: Callable[[float], Awaitable[object]] = anyio.sleep,
    jitter: Callable[[], float] = random.random,
) -> R:
    """Send a plan's call, and those that follow from what comes of it; return what the last one means.

    Args:
        plan: What to do; one that is not stepwise is one call.
        send: The way to the service.
        timeout: Seconds for all calls and waits together; None for the client's own, for each call.
        clock: Seconds that only grow.
        sleep: Wait so many seconds.
        jitter: Draw a number from 0 to 1.

    Raises:
        DynamormError: As `one` does.
        CallTimeout: The time is used up before a call that must follow.
    """
    left = None if timeout is None else positive(timeout)
    while True:
        call = plan.first if left is None else _in_time(plan.first, left, timeout, "between two calls")
        started = 0.0 if left is None else clock()
        outcome: Reply | ServiceError
        try:
            outcome = await send(call)
        except ServiceError as error:
            outcome = error
        if left is not None:
            left -= clock() - started
        following = plan.then(outcome) if isinstance(plan, Stepwise) else None
        if following is None:
            break
        plan = following
        if isinstance(plan, Stepwise) and plan.wait:
            wait = jitter() * plan.wait
            await sleep(wait if left is None else min(wait, max(left, 0.0)))
            left = None if left is None else left - wait
    if isinstance(outcome, ServiceError):
        _tell(plan, outcome)
    try:
        return plan.read(outcome)
    except DynamormError as error:
        _tell_unread(error, call, outcome)


async def pages(
    walk: Walk[R] | StatementWalk[R],
    send: Send,
    *,
    timeout: float | None = None,
    clock: Callable[[], float] = anyio.current_time,
) -> AsyncGenerator[tuple[Sequence[R], Progress]]:
    """Yield the items of each answer that are handed out, and how far the walk has come with it.

    The walk is followed to its end; nothing is read ahead.

    Args:
        walk: What to ask.
        send: The way to the service.
        timeout: Seconds for all calls together, without what the consumer does in between.
        clock: Seconds that only grow.

    Raises:
        DynamormError: As `one` does.
        BudgetSpent: The walk may not go on, and there is more.
        CallTimeout: The time is used up and there is more to read.
        ProtocolError: A reply leads to the very call that it answers, which would never end.
    """
    left = None if timeout is None else positive(timeout)
    call: Call | None = None if walk.is_over else walk.first
    start = walk.start
    progress = Progress()
    while call is not None:
        if left is not None:
            call = _in_time(call, left, timeout, "between two pages")
        started = clock()
        try:
            reply = await send(call)
        except ServiceError as error:
            _tell(walk, error)
        if left is not None:
            left -= clock() - started
        try:
            page = walk.read(reply)
        except DynamormError as error:
            _tell_unread(error, call, reply)
        items, progress = walk.given(page, progress), progress.after(page)
        yield items, progress
        following = walk.follow(page, progress)
        if following is not None and page.last_key == start:
            raise _stuck(call, reply)
        call, start = following, page.last_key


def _in_time(call: Call, left: float, timeout: float | None, when: str) -> Call:
    if left <= 0:
        raise CallTimeout(
            f"{call.operation}: the deadline passed {when}",
            fix="give a longer timeout=",
            operation=call.operation,
            table=call.table,
            elapsed=timeout,
        )
    return call.within(left)


def _stuck(call: Call, reply: Reply) -> ProtocolError:
    return ProtocolError(
        f"{call.operation}: the last key of a page is the key that it started from",
        why="following it would read the same page for ever",
        operation=call.operation,
        table=call.table,
        request_id=reply.request_id,
        elapsed=reply.elapsed,
        code="executors.no-progress",
    )


def positive(timeout: object) -> float:
    """Return the seconds of a deadline.

    Raises:
        InvalidRequest: It is no number above 0.
    """
    if isinstance(timeout, (int, float)) and timeout > 0:
        return timeout
    raise InvalidRequest(
        f"timeout={quoted(timeout)}", fix="give seconds above 0, or None", code="executors.timeout"
    )


def _tell(plan: Plan[R] | Walk[R] | StatementWalk[R], error: ServiceError) -> NoReturn:
    """Raise what the service's error means for the plan."""
    meant = plan.refused(error)
    if meant is error:
        raise error
    raise meant from error


def _tell_unread(error: DynamormError, call: Call, reply: Reply) -> NoReturn:
    """Raise what an answer that could not be read means for the call."""
    fill_in(error, call, reply)
    if isinstance(error, ProtocolError) and call.repeat is not Repeat.HARMLESS:
        raise _unknown(error) from error
    raise error


def fill_in(error: DynamormError, call: Call, reply: Reply) -> None:
    """Say in the error of an answer that means nothing which call it answers."""
    error.operation = call.operation
    error.table = error.table or call.table
    error.key = error.key or call.key
    error.request_id = reply.request_id
    error.attempts = reply.attempts
    error.elapsed = reply.elapsed


def _unknown(error: ProtocolError) -> OutcomeUnknown:
    """Return what an answer is that nobody can read, to a write that may not be sent again."""
    where = f" on {error.table}" if error.table else ""
    return OutcomeUnknown(
        f"{error.operation}{where}: it is not known whether the write was applied",
        why=f"an answer came that cannot be read: {error.what}",
        fix="read the item and decide",
        operation=error.operation,
        table=error.table,
        key=error.key,
        request_id=error.request_id,
        attempts=error.attempts,
        elapsed=error.elapsed,
    )
