"""The models that the tests of several rooms share."""

from __future__ import annotations

from datetime import UTC, datetime

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

NOW = datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)
NOW_TEXT = "2024-05-06T07:08:09.123456000Z"


@model(table="bookmarks")
class Bookmark:
    """One of every library-owned field, and an index."""

    user: Attr[str] = partition_key()
    slug: Attr[str] = sort_key()
    url: Attr[str]
    title: Attr[str] = attribute(default="")
    tags: Attr[set[str]] = attribute(factory=set[str])
    visits: Attr[int] = attribute(default=0)
    created: Attr[datetime] = created_at()
    updated: Attr[datetime] = updated_at()
    revision: Attr[int] = version()
    expires: Attr[datetime | None] = ttl(default=None)

    by_url = GlobalIndex("by-url", partition_key="url", sort_key="created")


@model(table="notes")
class Note:
    """A partition key and a few fields, nothing that the library owns."""

    id: Attr[str] = partition_key()
    text: Attr[str] = attribute(default="")
    count: Attr[int] = attribute(default=0)
    names: Attr[set[str]] = attribute(factory=set[str])
    lines: Attr[list[str]] = attribute(factory=list[str])
    facts: Attr[dict[str, list[int]]] = attribute(factory=dict[str, list[int]])


@model(table="shop", entity="user")
class User:
    """An entity whose keys are templates."""

    pk: Attr[str] = partition_key(template="USER#{user}")
    sk: Attr[str] = sort_key(template="PROFILE")
    user: Attr[str]
    name: Attr[str] = attribute(default="")


@model(table="shop", entity="order")
class Order:
    """Another entity of the same table, with templates that are keys of an index."""

    pk: Attr[str] = partition_key(template="USER#{user}")
    sk: Attr[str] = sort_key(template="ORDER#{number}")
    user: Attr[str]
    number: Attr[int]
    status: Attr[str] = attribute(default="new")
    city: Attr[str] = attribute(default="")
    by_state: Attr[str] = attribute(template="{status}#{city}")
    by_user: Attr[str] = attribute(template="{user}#{status}")

    by_status = GlobalIndex("by-status", partition_key="by_state", sort_key="by_user")
