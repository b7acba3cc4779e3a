"""Carry calls out: observers, middleware, retries, deadlines and a limit around single attempts.

Takes a transport and gives `send`, the one function that everything goes through:

    send = observed(middleware(… retried(limited(attempt))))

What a failure means is decided in `retry`, what an answer means in `answer`; here is only what
waits. A slot of the limit is held during an attempt and never during the wait for the next one.
"""

import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextvars import ContextVar
from functools import partial
from itertools import count
from random import random
from typing import Any, NoReturn, Protocol, runtime_checkable

import anyio

from dynamorm_async.errors import (
    CallTimeout,
    CredentialsError,
    DynamormError,
    InvalidRequest,
    ServiceError,
    TransportError,
    quoted,
)
from dynamorm_async.observe import (
    AttemptFinished,
    CallFinished,
    CallStarted,
    Event,
    Observer,
    Observers,
    RetryScheduled,
)
from dynamorm_async.transport.answer import REQUEST_ID, body_of, retry_after
from dynamorm_async.transport.invocation import Invocation, Numbering, new_client
from dynamorm_async.transport.retry import (
    TOKEN_SECONDS,
    Kind,
    Quotas,
    Retry,
    classify,
    ending,
    in_doubt,
)
from dynamorm_async.transport.slots import Slots
from dynamorm_async.wire import Answer, Call, Middleware, Reply, Send, Transport, consumed_units

# A Send whose calls can be made tasks.
_Carry = Callable[[Call], Coroutine[Any, Any, Reply]]

# A middleware stands between the start of a call and its attempts, so the number of the call
# cannot travel as an argument.
_call_id: ContextVar[int] = ContextVar("dynamorm_async_call_id", default=0)


@runtime_checkable
class Renewing(Protocol):
    """What a transport has beside `attempt` if it can put rejected credentials right."""

    async def renew(self, error: CredentialsError, answer: Answer) -> bool:
        """Fetch new credentials, or correct the clock by the answer; return whether a retry makes sense."""
        ...


class Waist:
    """The way of every call to the service and back. Made by `open_waist`."""

    def __init__(
        self,
        transport: Transport,
        *,
        retry: Retry,
        max_concurrency: int,
        attempt_timeout: float,
        timeout: float | None,
        observers: Iterable[Observer],
        middleware: Iterable[Middleware],
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[object]],
        jitter: Callable[[], float],
    ) -> None:
        self._transport = transport
        self._attempt = transport.attempt_of if isinstance(transport, Numbering) else self._unnumbered
        self._renewing = transport if isinstance(transport, Renewing) else None
        self._retry = retry
        self._quotas = Quotas(retry.quota)
        self._slots = Slots(max_concurrency)
        self._attempt_timeout = attempt_timeout
        self._timeout = timeout
        self._observers = Observers(observers)
        self._is_watched = bool(self._observers)
        self._clock = clock
        self._sleep = sleep
        self._jitter = jitter
        self._ids = count(1)
        self._calls = count(1)
        self._client = new_client()
        self._chained = self._chain(middleware)

    @property
    def transport(self) -> str:
        """The name of the way that attempts go."""
        return self._transport.name

    @property
    def send(self) -> _Carry:
        """Carry one call out, as `wire.Send` says.

        Raises:
            ServiceError: The service answered with an error, at the end of all attempts.
            OutcomeUnknown: The call may not be repeated, or its condition failed after an attempt
                that may have been carried out itself; the error behind it is the cause.
            TransportError: No usable answer came. CallTimeout with 0 attempts was never sent.
        """
        return self._chained

    @property
    def tell(self) -> Callable[[Event], None] | None:
        """What hands an event to the observers, or None where there is none."""
        return self._observers.tell if self._observers else None

    async def aclose(self) -> None:
        """Close the transport; may be called twice."""
        await self._transport.aclose()

    def __reduce__(self) -> NoReturn:
        message = "a Waist holds connections and credentials and cannot be pickled"
        raise TypeError(message)

    def _chain(self, middleware: Iterable[Middleware]) -> _Carry:
        send: _Carry = self._retried
        for each in reversed(tuple(middleware)):
            send = partial(_through, each, send)
        return partial(self._observed, send) if self._observers else send

    async def _observed(self, send: Send, call: Call) -> Reply:
        call_id = next(self._ids)
        size = len(call.body)
        self._observers.tell(
            CallStarted(call_id=call_id, operation=call.operation, tables=call.tables, bytes_sent=size)
        )
        started = self._clock()
        token = _call_id.set(call_id)
        finished = partial(
            CallFinished, call_id=call_id, operation=call.operation, tables=call.tables, bytes_sent=size
        )
        try:
            reply = await send(call)
        except BaseException as error:
            attempts = error.attempts if isinstance(error, DynamormError) else 0
            event = finished(seconds=self._clock() - started, attempts=attempts, **_error_facts(error))
            self._observers.tell(event)
            raise
        finally:
            _call_id.reset(token)
        self._observers.tell(
            finished(
                seconds=self._clock() - started,
                attempts=reply.attempts,
                bytes_received=len(reply.body),
                capacity=consumed_units(reply.body),
                request_id=reply.request_id,
                ambiguous=reply.ambiguous,
            )
        )
        return reply

    async def _retried(self, call: Call) -> Reply:
        started = self._clock()
        deadline: float | None = None
        if call.timeout is not None or call.token is not None or self._timeout is not None:
            deadline = self._deadline(call, started)
        run = _Run(self._client, next(self._calls), self._retry.attempts, 0, call, started, deadline)
        try:
            while True:
                budget = self._attempt_timeout if deadline is None else self._budget(run)
                if not self._slots.take():
                    budget = await self._queued(run)
                try:
                    try:
                        if self._is_watched:
                            return await self._watched(run, budget)
                        run.attempts += 1
                        run.answer = None
                        run.answer = await self._attempt(run, call, budget)
                        return self._reply(run, run.answer)
                    finally:
                        self._slots.give_back()
                except DynamormError as error:
                    wait = await self._after(run, error)
                if wait:
                    await self._sleep(wait)
        except DynamormError as error:
            _note_time(error, self._clock() - started)
            raise
        finally:
            run.last = None  # it holds this frame: a cycle less for the collector

    def _deadline(self, call: Call, started: float) -> float | None:
        timeout = call.timeout if call.timeout is not None else self._timeout
        if call.token is not None:
            timeout = TOKEN_SECONDS if timeout is None else min(timeout, TOKEN_SECONDS)
        return None if timeout is None else started + timeout

    def _budget(self, run: "_Run") -> float:
        if run.deadline is None:
            return self._attempt_timeout
        left = run.deadline - self._clock()
        if left <= 0:
            raise _too_late(run)
        return min(left, self._attempt_timeout)

    async def _queued(self, run: "_Run") -> float:
        """Wait for a slot of the limit and return the seconds that the attempt may last."""
        left = None if run.deadline is None else run.deadline - self._clock()
        if not await self._slots.wait(left):
            raise _too_late(run)
        if not run.attempts:
            run.queued = self._clock() - run.started
        try:
            return self._budget(run)
        except DynamormError:
            self._slots.give_back()
            raise

    def _reply(self, run: "_Run", answer: Answer) -> Reply:
        body = body_of(run.call, answer, attempt=run.attempts)
        if self._quotas.left:
            self._quotas.give(run.tables, 1 if run.attempts == 1 else run.last_cost)
        return Reply(
            body=body,
            attempts=run.attempts,
            request_id=answer.headers.get(REQUEST_ID),
            ambiguous=run.ambiguous,
            elapsed=self._clock() - run.started,
        )

    async def _unnumbered(self, _: Invocation, call: Call, timeout: float) -> Answer:
        return await self._transport.attempt(call, timeout=timeout)

    async def _watched(self, run: "_Run", budget: float) -> Reply:
        started = self._clock()
        facts: dict[str, Any] = {}
        run.attempts += 1
        run.answer = None
        try:
            run.answer = await self._attempt(run, run.call, budget)
            return self._reply(run, run.answer)
        except BaseException as error:
            facts = _error_facts(error)
            facts["reused"] = error.reused if isinstance(error, TransportError) else None
            raise
        finally:
            answer = run.answer
            if answer is not None:
                facts["request_id"] = answer.headers.get(REQUEST_ID)
                facts["reused"] = answer.reused
            self._observers.tell(
                AttemptFinished(
                    call_id=_call_id.get(),
                    operation=run.call.operation,
                    tables=run.call.tables,
                    attempt=run.attempts,
                    seconds=self._clock() - started,
                    bytes_sent=len(run.call.body),
                    bytes_received=len(answer.body) if answer is not None else 0,
                    status=answer.status if answer is not None else None,
                    **facts,
                )
            )

    async def _after(self, run: "_Run", error: DynamormError) -> float:
        """Return the wait before the next attempt, or raise what ends the call."""
        if isinstance(error, InvalidRequest) and run.last is not None:
            # The client was closed meanwhile, or the like: this attempt was none, and sent nothing.
            run.attempts -= 1
            if run.ambiguous:
                raise _ended(run, run.last)
        _fill_in(error, run)
        run.ambiguous = in_doubt(error, repeat=run.call.repeat, before=run.ambiguous)
        wait = await self._decide(run, error)
        if wait is None:
            raise _ended(run, error)
        if run.deadline is not None and self._clock() + wait >= run.deadline:
            raise _too_late(run, error)
        if not self._quotas.take(run.tables, run.last_cost):
            raise _ended(run, error)
        run.last = error
        if self._observers:
            self._observers.tell(
                RetryScheduled(
                    call_id=_call_id.get(),
                    operation=run.call.operation,
                    tables=run.call.tables,
                    attempt=run.attempts + 1,
                    wait=wait,
                    error=type(error).__name__,
                    service_code=error.service_code,
                )
            )
        return wait

    async def _decide(self, run: "_Run", error: DynamormError) -> float | None:
        run.last_cost = self._retry.cost(error)
        if isinstance(error, CredentialsError) and classify(error) is Kind.CREDENTIALS:
            return 0.0 if await self._renewed(run, error) else None
        return self._retry.decide(
            error,
            attempt=run.attempts,
            repeat=run.call.repeat,
            jitter=self._jitter(),
            hint=retry_after(run.answer) if run.answer is not None else None,
            elapsed=self._clock() - run.started - run.queued,
        )

    async def _renewed(self, run: "_Run", error: CredentialsError) -> bool:
        if run.renewed or self._renewing is None or run.answer is None:
            return False
        if run.attempts >= self._retry.attempts:
            return False
        run.renewed = True
        if run.deadline is None:
            return await self._renewing.renew(error, run.answer)
        with anyio.move_on_after(run.deadline - self._clock()):
            return await self._renewing.renew(error, run.answer)
        raise _too_late(run, error)


def open_waist(
    transport: Transport,
    *,
    retry: Retry | None = None,
    max_concurrency: int = 64,
    attempt_timeout: float = 5.0,
    timeout: float | None = None,
    observers: Iterable[Observer] = (),
    middleware: Iterable[Middleware] = (),
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[object]] = anyio.sleep,
    jitter: Callable[[], float] = random,
) -> Waist:
    """Return the way of every call through `transport`; its owner closes it with `aclose`.

    Args:
        transport: Makes single attempts.
        retry: Rules of retry; None for the defaults.
        max_concurrency: Attempts that run at the same time; more calls wait for a free slot.
        attempt_timeout: Seconds for one attempt: connecting, sending and reading.
        timeout: Seconds for a whole call that brings no timeout of its own; None for no deadline.
        observers: Told of every call, attempt and retry, in this order.
        middleware: Around every call, the first one outermost.
        clock: Seconds that only grow.
        sleep: Wait for so many seconds.
        jitter: Draw a number from 0 to 1.

    Raises:
        InvalidRequest: An option that means nothing.
    """
    check_whole("max_concurrency", max_concurrency)
    _check_numbers(attempt_timeout, timeout)
    return Waist(
        transport,
        retry=retry or Retry(),
        max_concurrency=max_concurrency,
        attempt_timeout=attempt_timeout,
        timeout=timeout,
        observers=_observers(observers),
        middleware=_middleware(middleware),
        clock=clock,
        sleep=sleep,
        jitter=jitter,
    )


class _Run(Invocation):
    """What one call has been through so far.

    It was `queued` for so many seconds before it was first sent; `last` is the error after which it
    was sent again.
    """

    call: Call
    started: float
    deadline: float | None
    queued: float = 0.0
    ambiguous: bool = False
    renewed: bool = False
    last_cost: int = 0
    answer: Answer | None = None
    last: DynamormError | None = None

    @property
    def tables(self) -> tuple[str, ...]:
        """Whose quota of retries it uses."""
        tables = self.call.tables
        return tables if len(tables) < 2 else tuple(sorted(set(tables)))


async def _through(middleware: Middleware, send: Send, call: Call) -> Reply:
    return await middleware(call, send)


def check_whole(name: str, value: object) -> None:
    """Refuse what is no number of things, with InvalidRequest."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InvalidRequest(
            f"connect({name}={quoted(value)})",
            fix="give a whole number above 0",
            code="transport.invalid-number",
        )


def _observers(given: object) -> tuple[Observer, ...]:
    many = _many("observers", given, "[LogObserver()]")
    for each in many:
        if isinstance(each, type) or not callable(getattr(each, "on_event", None)):
            raise InvalidRequest(
                f"connect(observers=…): {quoted(each)} is no observer",
                fix="give objects with a method on_event(event): [LogObserver()]",
                code="transport.observers",
            )
    return many


def _middleware(given: object) -> tuple[Middleware, ...]:
    many = _many("middleware", given, "[my_middleware]")
    for each in many:
        if not callable(each):
            raise InvalidRequest(
                f"connect(middleware=…): {quoted(each)} cannot be called",
                fix="give functions: async def my_middleware(call, send): return await send(call)",
                code="transport.middleware",
            )
    return many


def _many(name: str, given: Any, example: str) -> tuple[Any, ...]:
    try:
        return tuple(given)
    except TypeError:
        raise InvalidRequest(
            f"connect({name}={quoted(given)}): several are taken",
            fix=f"put it in a list: {example}",
            code=f"transport.{name}",
        ) from None


def _check_numbers(attempt_timeout: float, timeout: float | None) -> None:
    positive = {"attempt_timeout": attempt_timeout, "timeout": timeout}
    for name, value in positive.items():
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if value is not None and not (is_number and value > 0):
            raise InvalidRequest(
                f"connect({name}={value!r})", fix="give a number above 0", code="transport.invalid-number"
            )


def _fill_in(error: DynamormError, run: _Run) -> None:
    call = run.call
    error.operation = error.operation or call.operation
    error.table = error.table or call.table
    error.key = error.key or call.key
    sent = isinstance(error, TransportError) or (isinstance(error, ServiceError) and error.status)
    if sent or run.last is not None:
        error.attempts = run.attempts


def _note_time(error: BaseException | None, elapsed: float) -> None:
    """Say how long the call took, in the error that ends it and in those behind it."""
    while isinstance(error, DynamormError):
        error.elapsed = elapsed
        error = error.__cause__


def _ended(run: _Run, error: DynamormError) -> DynamormError:
    return ending(error, repeat=run.call.repeat, ambiguous=run.ambiguous, attempts=run.attempts)


def _too_late(run: _Run, last: DynamormError | None = None) -> DynamormError:
    call = run.call
    where = f" on {call.table}" if call.table else ""
    if run.attempts:
        why = f"{run.attempts} attempt{'s were' if run.attempts > 1 else ' was'} made"
        fix = "check the endpoint, or give the call a longer timeout"
    else:
        why = "no slot was free; nothing was sent"
        fix = "give the call a longer timeout, or the client more concurrency"
    error = CallTimeout(
        f"{call.operation}{where}: the deadline of the call passed",
        why=why,
        fix=fix,
        operation=call.operation,
        table=call.table,
        key=call.key,
        attempts=run.attempts,
    )
    error.__cause__ = last
    return _ended(run, error)


def _error_facts(error: BaseException) -> dict[str, Any]:
    name = type(error).__name__
    if not isinstance(error, DynamormError):
        return {"error": name}
    return {"error": name, "service_code": error.service_code, "request_id": error.request_id}
