"""Fetch the rest of a query's items from the table, where a global index holds their keys alone.

Takes a `QueryPlan` that hydrates and the keys of its index entries; gives the `BatchGetItem` that
reads them, and the items that are still meant, in the index's order. Pure.

The index says which items come, and in which order; the table says what is in them. Between the two
reads an item may have been deleted, or changed so that it is not meant any more: it is left out. What
the service filtered is tested here once more, but for what only the service can tell.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from dynamorm_async.codecs import (
    Unreadable,
    asked_for,
    attribute_texts,
    items_body,
    key_texts,
    read_answer,
)
from dynamorm_async.expressions import (
    Condition,
    Place,
    Request,
    bind_names,
    conjuncts,
    places_in,
    unevaluable,
)
from dynamorm_async.model import ENTITY_ATTRIBUTE
from dynamorm_async.plan.batch import BatchPlan, Numbering, names_of
from dynamorm_async.plan.changes import place_of
from dynamorm_async.plan.cursors import is_same
from dynamorm_async.plan.fitting import demands_of
from dynamorm_async.plan.plan import Estimate
from dynamorm_async.plan.query import QueryPlan, projection
from dynamorm_async.plan.target import WithoutField
from dynamorm_async.plan.walk import Walk
from dynamorm_async.wire import LIMITS, Call, read_units

R = TypeVar("R")

_ITEM = msgspec.json.Decoder(dict[str, dict[str, Any]])


def keys_alone(walk: Walk[Any]) -> Walk[Any]:
    """Return the walk over the index alone: without limit and budget, which are of the items fetched."""
    question = walk.query.question
    page_size = question.page_size
    if question.limit is not None and not (walk.query.is_filtered or walk.query.tests_entity):
        wanted = question.limit + question.offset
        page_size = wanted if page_size is None else min(page_size, wanted)
    unbounded = replace(
        question,
        limit=None,
        # Items of other entities are known when they are fetched, and count nothing.
        offset=0 if walk.query.tests_entity else question.offset,
        page_size=page_size,
        max_requests=None,
        max_items=None,
        max_read_units=None,
    )
    query = replace(walk.query, question=unbounded)
    return replace(walk, query=query, priced=walk.is_priced)


def fetch(query: QueryPlan[Any], keys: Sequence[str]) -> BatchPlan[list[Raw | None]]:
    """Return the plan of reading the items of index entries; None for those that are gone.

    Args:
        query: The query; it hydrates.
        keys: JSON texts of the entries' keys, those of the table among them.
    """
    target, spec = query.target, query.target.spec
    texts = key_texts(items_body(keys), [field.attribute for field in spec.key_fields])
    numbering = Numbering(names_of(target, texts))
    numbers, batches = numbering.numbers, target.record.batches
    of, firsts = numbering.of, numbering.firsts

    def read(body: bytes, results: list[Any]) -> tuple[Sequence[int], Sequence[Unreadable]]:
        items, left = read_answer(body)
        for raw in (each for many in items.values() for each in many):
            results[asked_for(batches.name_of(raw), numbers)] = raw
        again = [asked_for(batches.name_of(raw), numbers) for many in left.values() for raw in many]
        return again, ()

    def result(results: list[Any], done: Sequence[int]) -> list[Any]:
        del done  # what is not there is None
        return [results[number] for number in of]

    consistent = query.question.fresh
    return BatchPlan(
        operation="BatchGetItem",
        entries=texts,
        number_of=of,
        texts=[texts[place] for place in firsts],
        keys=[_values(texts[place]) for place in firsts],
        tables=target.tables,
        frames=(('{"Keys":[', f"]{_members(query)}}}"),),
        most=LIMITS.batch_keys,
        read=read,
        result=result,
        price=Estimate(read_units=read_units(1, consistent=consistent)),
    )


def priced(call: Call) -> Call:
    """Return a fetching call whose answer is to say what it cost."""
    return replace(call, body=call.body[:-1] + b',"ReturnConsumedCapacity":"TOTAL"}')


def fetched(query: QueryPlan[R], keys: Sequence[str], items: Sequence[Raw | None]) -> Sequence[R]:
    """Return the items that are there and still meant, in the order of the index entries.

    Args:
        query: The query; it hydrates.
        keys: JSON texts of the entries' keys.
        items: What the table holds under each.

    Raises:
        InvalidValue: A stored item does not fit the model.
    """
    assert query.hydrated is not None  # noqa: S101 - else there is nothing to fetch
    there = [(key, item) for key, item in zip(keys, items, strict=True) if item is not None]
    body = items_body(item for _, item in there)
    attributes = [query.target.spec.fields[name].attribute for name in query.key_names]
    stays = [
        key == now or _is_meant(query, now)
        for (key, _), now in zip(there, key_texts(body, attributes), strict=True)
    ]
    if query.tests_entity:
        wanted = {"S": query.target.spec.entity}
        entities = attribute_texts(body, ENTITY_ATTRIBUTE)
        stays = [
            each and bool(text) and json.loads(text) == wanted
            for each, text in zip(stays, entities, strict=True)
        ]
    filters = _filters(query)
    if filters:
        tests = [query.target.record.stored_test(each) for each in filters]
        stays = [
            each and all(test(_ITEM.decode(item)) for test in tests)
            for each, (_, item) in zip(stays, there, strict=True)
        ]
    if not all(stays):
        body = items_body(item for (_, item), is_kept in zip(there, stays, strict=True) if is_kept)
    return query.hydrated.decode_page(body).items


def _filters(query: QueryPlan[Any]) -> list[Condition[Any]]:
    """Return what of the filter can be told here."""
    parts = () if query.filter is None else conjuncts(query.filter)
    return [part for part in parts if unevaluable(part.form) is None]


def _values(text: str) -> dict[str, object]:
    return {name: next(iter(tagged.values())) for name, tagged in json.loads(text).items()}


def _members(query: QueryPlan[Any]) -> str:
    """Return what stands behind the keys of a request."""
    assert query.hydrated is not None  # noqa: S101 - else there is nothing to fetch
    target = query.target
    places = projection(target, query.hydrated, query.key_names)
    if places:
        tested = (place for each in _filters(query) for place in places_in(each.form))
        fields = [target.spec.fields[str(place.steps[0])] for place in tested]
        places = tuple(dict.fromkeys((*places, *(place_of(target, field) for field in fields))))
    if places and query.tests_entity:
        places = (*places, Place(WithoutField, (ENTITY_ATTRIBUTE,)))
    request = Request(projection=places)
    text = bind_names(target.compiled(request), request.values())
    return f'{text},"ConsistentRead":true' if query.question.fresh else text


def _is_meant(query: QueryPlan[Any], text: str) -> bool:
    """Tell whether an item with this key is still where the query looks in the index."""
    key, access, record = json.loads(text), query.choice.access, query.target.record
    if any(record.key_type(field.name) not in key.get(field.attribute, ()) for field in access.keys):
        return False  # it has left the index
    if query.key is None:
        return True
    fixed, range_ = demands_of(query.key, access, record)
    if not all(is_same(key[name], wanted) for name, wanted in fixed.items()):
        return False
    if range_ is not None and not range_.holds(key[range_.attribute]):
        return False
    return query.ends is None or not query.ends.drops_value(key[query.ends.attribute])
