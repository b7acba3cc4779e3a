"""Our model of the item."""

from datetime import datetime
from decimal import Decimal

import attrs

from benchmarks.peers.items import PLAIN, TABLE
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
ORDER = Order(
    **{name: value for name, value in PLAIN.items() if name not in _OWNED},
    address=Address(**PLAIN["address"]),
)
