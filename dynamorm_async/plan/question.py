"""What a query asks, before anything is decided: conditions and options, as one frozen value."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from dynamorm_async.errors import InvalidRequest, LimitExceeded, quoted
from dynamorm_async.expressions import Condition


class Spending(Protocol):
    """What a query has used by now."""

    @property
    def requests(self) -> int:
        """Requests sent."""
        ...

    @property
    def scanned(self) -> int:
        """Items evaluated."""
        ...

    @property
    def read_units(self) -> float:
        """Read units, as far as the answers said so."""
        ...


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A query as its user said it.

    Attributes:
        conditions: What every item must meet, keys and other fields in any order.
        is_scan: Whether the whole table is meant to be read.
        allow_scan: Whether it may be, where no key answers.
        reverse: Whether the index's order is turned round.
        limit: Items wanted in all, or None.
        offset: Items that are read, paid for and left out, at the beginning.
        page_size: Items evaluated for each request, or None for what fits in 1 MB.
        consistent: Whether the last write must be seen.
        select: None for whole instances, a view class, or field names.
        hydrate: Whether the rest of each item may be fetched from the table, where a global index lacks it.
        fresh: Whether that is then read consistently.
        tells_absent: Whether dicts of fields hold `ABSENT` where an attribute is not stored.
        using: The only index that may be used, or None; "" is the table itself.
        avoid: Indexes that may not be used.
        order_by: The field by which items must come, or None for the index's order.
        sort_bound: Items that may be sorted in memory where no key gives the order, or None.
        max_requests: Requests after which a walk stops with BudgetSpent, or None.
        max_items: Evaluated items after which it does, or None.
        max_read_units: Read units after which it does, or None.
        segment: Which segment of a scan, of how many, or None for the whole.
        unexpired: Whether items are left out that have expired and are not deleted yet.
    """

    conditions: tuple[Condition[Any], ...] = ()
    is_scan: bool = False
    allow_scan: bool = False
    reverse: bool = False
    limit: int | None = None
    offset: int = 0
    page_size: int | None = None
    consistent: bool = False
    select: type[Any] | tuple[str, ...] | None = None
    hydrate: bool = False
    fresh: bool = False
    tells_absent: bool = False
    using: str | None = None
    avoid: tuple[str, ...] = ()
    order_by: str | None = None
    sort_bound: int | None = None
    max_requests: int | None = None
    max_items: int | None = None
    max_read_units: float | None = None
    segment: tuple[int, int] | None = None
    unexpired: bool = False

    @property
    def has_budget(self) -> bool:
        """Whether a walk may have to stop before its end."""
        bounds = (self.max_requests, self.max_items, self.max_read_units)
        return any(bound is not None for bound in bounds)

    @property
    def options(self) -> tuple[object, ...]:
        """Everything but the conditions, to be compared."""
        return (
            self.is_scan,
            self.allow_scan,
            self.reverse,
            self.limit,
            self.offset,
            self.page_size,
            self.consistent,
            self.select,
            self.hydrate,
            self.fresh,
            self.tells_absent,
            self.using,
            self.avoid,
            self.order_by,
            self.segment,
        )

    def spent(self, so_far: Spending) -> str | None:
        """Return what of the budget is used up, in words, or None where another request may be sent."""
        if self.max_requests is not None and so_far.requests >= self.max_requests:
            return f"{so_far.requests} request{'s' if so_far.requests > 1 else ''}"
        if self.max_items is not None and so_far.scanned >= self.max_items:
            return f"{so_far.scanned} evaluated items"
        if self.max_read_units is not None and so_far.read_units >= self.max_read_units:
            return f"{so_far.read_units:g} read units"
        return None


def whole_number(name: str, value: object, *, least: int = 1) -> int:
    """Return an option that counts something.

    Raises:
        InvalidRequest: It is no whole number, or less than `least`.
        LimitExceeded: It is more than the service can be told.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise InvalidRequest(
            f"{name}({quoted(value)})", fix=f"give a whole number from {least} up", code="plan.invalid-number"
        )
    if value > MOST:
        raise LimitExceeded(f"{name}({value})", why=f"the service counts up to {MOST}", fix="give less")
    return value


def units(name: str, value: object) -> float:
    """Return an option that counts read units.

    Raises:
        InvalidRequest: It is no number above 0.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0:
        return value
    raise InvalidRequest(f"{name}({quoted(value)})", fix="give units above 0", code="plan.invalid-number")


MOST = 2**31 - 1
