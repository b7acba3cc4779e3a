"""Mending the claims on unique values of a table that was written past the verbs, or before them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

import anyio
import msgspec

from dynamorm_async.errors import ConditionFailed, DynamormError, InvalidRequest, UniqueViolation
from dynamorm_async.executors import check_bounds, one
from dynamorm_async.plan import (
    Claim,
    Key,
    Plan,
    Target,
    as_stored,
    behind,
    claims_of_item,
    claims_page,
    mended,
    owner_now,
)
from dynamorm_async.wire import Send

M = TypeVar("M")
T = TypeVar("T")


class MendedClaims(msgspec.Struct, frozen=True, kw_only=True):
    """What `table.mend_claims` found and did.

    Attributes:
        items: Items that were looked at.
        claimed: Values that were claimed for the item that has them.
        freed: Claims that were taken away, because the item that they name has not the value.
        conflicts: Field name and key, for each value that an item has and another item has claimed.
    """

    items: int
    claimed: int
    freed: int
    conflicts: tuple[tuple[str, Key[Any]], ...]


async def mend_claims(
    target: Target[M],
    items: AsyncIterator[M],
    send: Send,
    *,
    token: Callable[[], str],
    concurrency: int,
) -> MendedClaims:
    """Free what no item has, then claim what items have; see `Table.mend_claims`."""
    check_bounds(concurrency, None)
    if not target.is_unique:
        raise InvalidRequest(
            f"{target.spec.name} has no unique field",
            fix="declare one: attribute(unique=True)",
            code="client.unique",
        )
    counts = {"items": 0, "claimed": 0, "freed": 0}
    conflicts: list[tuple[str, Key[Any]]] = []

    async def free(claim: Claim) -> None:
        before = await one(behind(target, claim), send)
        is_behind = as_stored(target, claim, before) == claim
        if not is_behind and await _done(mended(target, claim, before, token()), send):
            counts["freed"] += 1

    async def claim(item: M) -> None:
        counts["items"] += 1
        for each in claims_of_item(target, item):
            if await one(owner_now(each), send) == each.owner:
                continue
            before = await one(behind(target, each), send)
            stored = as_stored(target, each, before)
            try:
                if stored is not None and await _done(mended(target, stored, before, token()), send):
                    counts["claimed"] += 1
            except UniqueViolation:
                values = [getattr(item, name) for name in target.spec.key_arguments]
                conflicts.append((each.field, Key(target.spec.cls, *values)))

    await _each(_claims(target, send), free, concurrency)
    await _each(items, claim, concurrency)
    return MendedClaims(**counts, conflicts=tuple(conflicts))


async def _done(plan: Plan[Any], send: Send) -> bool:
    """Carry a repair out; False where a writer was faster, for writers keep claims themselves."""
    try:
        await one(plan, send)
    except UniqueViolation:
        raise
    except ConditionFailed:
        return False
    return True


async def _claims(target: Target[Any], send: Send) -> AsyncGenerator[Claim]:
    start: str | None = None
    while True:
        page = await one(claims_page(target, start), send)
        for claim in page.claims:
            yield claim
        start = page.last_key
        if start is None:
            return


async def _each(things: AsyncIterator[T], work: Callable[[T], Awaitable[None]], concurrency: int) -> None:
    """Do something with each of many things, several at a time; the first error ends it."""
    lock = anyio.Lock()
    errors: list[DynamormError] = []

    async def lane() -> None:
        try:
            while True:
                async with lock:
                    thing = await anext(things)
                await work(thing)
        except StopAsyncIteration:
            return
        except DynamormError as error:
            errors.append(error)
            tasks.cancel_scope.cancel()

    async with anyio.create_task_group() as tasks:
        for _ in range(concurrency):
            tasks.start_soon(lane)
    if errors:
        raise errors[0]
