"""A plan: the calls of one verb and what comes of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Generic, TypeVar, cast

import msgspec

from dynamorm_async.errors import DynamormError, ServiceError
from dynamorm_async.expressions import Condition, readable
from dynamorm_async.wire import Call, Reply

R = TypeVar("R")


class Estimate(msgspec.Struct, frozen=True):
    """What a call is expected to cost, in the service's units; at least, where the item is not known.

    Attributes:
        read_units: Read units: one for 4 KB read consistently, half of it otherwise.
        write_units: Write units: one for each 1 KB written.
    """

    read_units: float = 0.0
    write_units: float = 0.0

    def __str__(self) -> str:
        parts = ((self.read_units, "read units"), (self.write_units, "write units"))
        return ", ".join(f"at least {units:g} {name}" for units, name in parts if units) or "unknown"


_UNKNOWN = Estimate()


def as_it_is(error: ServiceError) -> DynamormError:
    """Return the service's error, which means nothing more."""
    return error


class Plan(msgspec.Struct, Generic[R], frozen=True, kw_only=True):
    """One verb, compiled: printing it shows what would be sent; made for every call, like those of `wire`.

    Attributes:
        first: The first call.
        read: What a reply means.
        refused: Which error an error of the service is for this verb; it gets the service's own and
            returns that one where it means nothing more.
        price: What the first call costs, or what finds it out; it is asked for rarely.
        demanded: The condition of a write, or None.
    """

    first: Call
    read: Callable[[Reply], R]
    refused: Callable[[ServiceError], DynamormError] = as_it_is
    price: Estimate | Callable[[], Estimate] = _UNKNOWN
    demanded: Condition[Any] | None = None

    @property
    def operation(self) -> str:
        """The API operation of the first call."""
        return self.first.operation

    @property
    def estimate(self) -> Estimate:
        """What the first call is expected to cost."""
        return self.price() if callable(self.price) else self.price

    @property
    def condition(self) -> str | None:
        """The condition of a write for people to read, or None."""
        return None if self.demanded is None else readable(self.demanded)

    @property
    def request(self) -> dict[str, Any]:
        """The request of the first call as JSON data."""
        return cast("dict[str, Any]", json.loads(self.first.body))

    def __repr__(self) -> str:
        return f"Plan({self.first!r})"

    def __str__(self) -> str:
        body = json.dumps(self.request, indent=2, ensure_ascii=False)
        return f"{self.operation} ({self.estimate}; repeat: {self.first.repeat.value})\n{body}"


class Stepwise(Plan[R], Generic[R], frozen=True, kw_only=True):
    """A plan after whose first call another may follow.

    Attributes:
        then: What follows an answer, or a refusal; None where that is what the verb gives or raises.
        wait: Seconds to wait at most, by lot, before its first call.
    """

    then: Callable[[Reply | ServiceError], Plan[R] | None]
    wait: float = 0.0
