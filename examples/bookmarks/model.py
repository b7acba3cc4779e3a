"""What a bookmark is: its fields, its key, what the library fills, when it expires."""

from datetime import datetime

from dynamorm_async import (
    Attr,
    Condition,
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


@model(table="bookmarks")
class Bookmark:
    user: Attr[str] = partition_key()
    slug: Attr[str] = sort_key()
    url: Attr[str]
    title: Attr[str] = attribute(default="")
    tags: Attr[set[str]] = attribute(factory=set)
    visits: Attr[int] = attribute(default=0)
    created: Attr[datetime] = created_at()
    updated: Attr[datetime] = updated_at()
    revision: Attr[int] = version()
    expires: Attr[datetime | None] = ttl(default=None)

    by_url = GlobalIndex("by-url", partition_key="url", sort_key="created")


def alive(now: datetime) -> Condition[Bookmark]:
    """Return the condition that a bookmark has not expired.

    DynamoDB deletes what has expired within a few days; until then it is stored, and must not be
    shown.
    """
    return Bookmark.expires.is_null() | (Bookmark.expires > now)


def vacant(now: datetime) -> Condition[Bookmark]:
    """Return the condition that a key is free: nothing is stored, or what is stored has expired."""
    return Bookmark.slug.not_exists() | (Bookmark.expires <= now)
