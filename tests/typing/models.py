"""Models for the files beside this one, which checkers read and nobody runs."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Generic, TypeVar

import attrs

from dynamorm_async import (
    Attr,
    GlobalIndex,
    attribute,
    created_at,
    model,
    partition_key,
    sort_key,
    ttl,
    updated_at,
    version,
)

T = TypeVar("T")


@attrs.frozen
class Address:
    city: str
    zip: str | None = None


@model(table="bookmarks")
class Bookmark:
    user: Attr[str] = partition_key()
    slug: Attr[str] = sort_key(name="SK")
    url: Attr[str]
    title: Attr[str] = attribute(default="")
    note: Attr[str | None] = attribute(default=None)
    tags: Attr[set[str]] = attribute(factory=set)
    labels: Attr[frozenset[int] | None] = attribute(default=None)
    visits: Attr[int] = attribute(default=0)
    ratio: Attr[float | None] = attribute(default=None)
    price: Attr[Decimal] = attribute(default=Decimal(0))
    pause: Attr[timedelta] = attribute(default=timedelta())
    active: Attr[bool] = attribute(default=True)
    history: Attr[list[str]] = attribute(factory=list)
    counts: Attr[dict[str, int]] = attribute(factory=dict)
    grid: Attr[dict[str, list[int]] | None] = attribute(default=None)
    mapping: Attr[Mapping[str, tuple[str, ...]]] = attribute(factory=dict)
    address: Attr[Address | None] = attribute(default=None)
    plain: str = ""
    created: Attr[datetime] = created_at()
    updated: Attr[datetime] = updated_at()
    revision: Attr[int] = version()
    expires: Attr[datetime | None] = ttl(default=None)

    by_url = GlobalIndex("by-url", partition_key="url", sort_key="created")


@model(entity="admin")
class Admin(Bookmark):
    level: Attr[int] = attribute(default=1)


@model(table="orders")
class Order:
    id: Attr[str] = partition_key()
    count: Attr[int] = attribute(default=0)
    title: Attr[str] = attribute(default="")


@model(table="app")
class Member:
    pk: Attr[str] = partition_key(template="ORG#{org}")
    sk: Attr[str] = sort_key(template="MEMBER#{name}")
    by_mail: Attr[str] = attribute(template="MAIL#{mail}")
    org: Attr[str]
    name: Attr[str]
    mail: Attr[str]


@model(table="boxes")
class Box(Generic[T]):
    id: Attr[str] = partition_key()
    content: Attr[T]


@model(table="icy", frozen=True)
class Icy:
    id: Attr[str] = partition_key()


@model(table="members")
class Keyholder:
    id: Attr[str] = partition_key()
    email: Attr[str] = attribute(unique=True)
    badge: Attr[int | None] = attribute(default=None, unique=True)
    label: Attr[str] = attribute(template="{email}", unique=True)
