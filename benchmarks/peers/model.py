"""Our model of the item, and of a small one to read a million of."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import attrs

from benchmarks.peers.items import KEY, KEYS, PLAIN, SCAN_TABLE, TABLE
from dynamorm_async import Attr, attribute, created_at, model, partition_key, sort_key, updated_at, version


@attrs.frozen
class Address:
    city: str
    street: str
    number: int


@model(table=TABLE)
class Order:
    customer: Attr[str] = partition_key()
    order: Attr[str] = sort_key()
    title: Attr[str]
    note: Attr[str | None] = attribute(default=None)
    status: Attr[str] = attribute(default="new")
    amount: Attr[int]
    price: Attr[Decimal]
    paid: Attr[bool] = attribute(default=False)
    tags: Attr[set[str]] = attribute(factory=set)
    lines: Attr[list[str]] = attribute(factory=list)
    address: Attr[Address]
    created: Attr[datetime] = created_at()
    updated: Attr[datetime] = updated_at()
    revision: Attr[int] = version()


_OWNED = {"created", "updated", "revision", "address"}


def order_of(key: dict[str, Any]) -> Order:
    """Return the item under a key."""
    fields = {name: value for name, value in PLAIN.items() if name not in _OWNED}
    return Order(**{**fields, **key}, address=Address(**PLAIN["address"]))


ORDER, OTHER = order_of(KEY), order_of(KEYS[0])


@model(table=SCAN_TABLE)
class Small:
    customer: Attr[str] = partition_key()
    order: Attr[str] = sort_key()
    amount: Attr[int]
