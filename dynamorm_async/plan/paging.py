"""Pages of a web API: one request each, with cursors that lead on and back.

A place in an answer lies between two items, and is known by one of them: by the one before it
where the way leads on, by the one behind it where it leads back; a request begins there. Where a
filter hides the item that is needed, one request of a single item, `probe`, finds it. Pure.

Going back, one item more than the page holds is evaluated, which tells whether anything lies before.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import msgspec
from msgspec.structs import replace

from dynamorm_async.codecs import ItemPage
from dynamorm_async.errors import InvalidCursor
from dynamorm_async.plan.cursors import Key, Place, decode, encode
from dynamorm_async.plan.plan import Estimate, Plan
from dynamorm_async.plan.query import QueryPlan
from dynamorm_async.wire import Reply

R = TypeVar("R")


class Page(msgspec.Struct, Generic[R], frozen=True, kw_only=True):
    """A page of a query.

    Attributes:
        items: Its items, in the query's order; a filter may leave fewer than the page's size, or none.
        next: The cursor of the page that follows, or None at the end.
        previous: The cursor of the page before, or None at the beginning.
    """

    items: list[R]
    next: str | None
    previous: str | None


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """Where a page begins: between two items.

    Attributes:
        before: Key of the item before it, or None where that is not known, or there is none.
        behind: Key of the item behind it, likewise.
        is_backward: Whether the page lies before it.
    """

    before: Key | None = None
    behind: Key | None = None
    is_backward: bool = False


def gap_of(query: QueryPlan[Any], cursor: object, *, keys: Sequence[bytes]) -> Gap:
    """Return the place that a cursor means.

    Raises:
        InvalidCursor: It is no cursor of this query.
    """
    place = decode(cursor, query.scope, keys=keys)
    if place is None:
        return Gap()
    if place.way != "lastKey" and query.choice.operation == "Scan":
        raise InvalidCursor("a scan can't be read backward", fix="begin without a cursor")
    if place.way in ("lastKey", "until"):
        return Gap(before=place.key, is_backward=place.is_backward)
    return Gap(behind=place.key, is_backward=place.is_backward)


def probe(query: QueryPlan[Any], gap: Gap) -> Plan[Gap] | None:
    """Return the plan that finds the item that a page begins at, or None where it is known."""
    known = gap.before if gap.is_backward else gap.behind
    wanted = gap.behind if gap.is_backward else gap.before
    if wanted is not None or known is None or query.ends_at(known, backward=not gap.is_backward):
        return None
    call = query.probe(key_text(known), backward=not gap.is_backward)

    def read(reply: Reply) -> Gap:
        # A place is a place, though its item may be one that is dropped.
        found = next(iter(query.keys(reply.body, dropped=True)), None)
        return replace(gap, behind=found) if gap.is_backward else replace(gap, before=found)

    unit = 1.0 if query.question.consistent else 0.5
    return Plan(first=call, read=read, price=Estimate(read_units=unit))


def page_at_end(query: QueryPlan[R], gap: Gap, *, keys: Sequence[bytes]) -> Page[R] | None:
    """Return the empty page of a place that nothing can follow, or None where a request is needed."""
    start = gap.behind if gap.is_backward else gap.before
    if start is None or not query.ends_at(start, backward=gap.is_backward):
        return None
    way_on = _on_from(query, gap, ()) if gap.is_backward else None
    way_back = None if gap.is_backward else _back_from(query, gap, ())
    return Page(
        items=[],
        next=None if way_on is None else encode(way_on, query.scope, keys=keys),
        previous=None if way_back is None else encode(way_back, query.scope, keys=keys),
    )


def page_plan(query: QueryPlan[R], gap: Gap, *, size: int | None, keys: Sequence[bytes]) -> Plan[Page[R]]:
    """Return the plan of one page.

    Args:
        query: The query.
        gap: Where it begins, after `probe`.
        size: Items to evaluate, or None for 1 MB.
        keys: Keys that sign cursors.
    """
    start = gap.behind if gap.is_backward else gap.before
    more = 1 if gap.is_backward else 0
    call = query.call(
        None if start is None else key_text(start),
        limit=None if size is None else size + more,
        backward=gap.is_backward,
    )

    def cursor(place: Place | None) -> str | None:
        if place is None or (
            place.way in ("lastKey", "before") and query.ends_at(place.key, backward=place.is_backward)
        ):
            return None
        return encode(place, query.scope, keys=keys)

    def read(reply: Reply) -> Page[R]:
        page = query.read(reply)
        item_keys = query.keys(reply.body)
        if gap.is_backward:
            items, previous = _cut(page, item_keys, size)
            items.reverse()
            following = _on_from(query, gap, item_keys)
        else:
            items, previous = list(page.items), _back_from(query, gap, item_keys)
            following = None if page.last_key is None else Place("lastKey", json.loads(page.last_key))
        return Page(items=items, next=cursor(following), previous=cursor(previous))

    return Plan(first=call, read=read, price=Estimate(read_units=query.choice.cost.read_units))


def key_text(key: Key) -> str:
    """Return a key as it is sent."""
    return json.dumps(key, ensure_ascii=False, separators=(",", ":"))


def _back_from(query: QueryPlan[Any], gap: Gap, item_keys: Sequence[Key]) -> Place | None:
    """Return the place from which the page before a forward page is read."""
    if gap.before is None or query.choice.operation == "Scan":
        return None
    if item_keys and not query.is_filtered:
        return Place("before", item_keys[0])
    return Place("until", gap.before)


def _on_from(query: QueryPlan[Any], gap: Gap, item_keys: Sequence[Key]) -> Place | None:
    """Return the place from which the page behind a backward page is read."""
    if gap.before is not None:
        return Place("lastKey", gap.before)
    if item_keys and not query.is_filtered:
        return Place("lastKey", item_keys[0])
    return None if gap.behind is None else Place("from", gap.behind)


def _cut(page: ItemPage[R], item_keys: Sequence[Key], size: int | None) -> tuple[list[R], Place | None]:
    """Return a backward page's items without the one too many, and where the page before begins."""
    items = list(page.items)
    last_key: Key | None = None if page.last_key is None else json.loads(page.last_key)
    if size is None or page.scanned <= size:
        return items, None if last_key is None else Place("before", last_key)
    if len(items) > size:  # so that all that was evaluated is here
        return items[:size], Place("before", item_keys[size - 1])
    if last_key is None:
        return items, None  # of an engine that tells no last key at the very end
    is_kept = bool(item_keys) and item_keys[-1] == last_key
    return items[:-1] if is_kept else items, Place("until", last_key)
