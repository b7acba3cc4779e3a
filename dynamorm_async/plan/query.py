"""A query, decided: which requests ask it, how their answers are read, where its pages begin and end.

Takes a target, a question and what is known of the table; gives a `QueryPlan`, whose calls and
readings are pure functions of keys and answers. How far a walk goes is `walk`'s matter.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar, cast

import attrs

from dynamorm_async.codecs import (
    Columns,
    ItemPage,
    PageReader,
    View,
    attribute_texts,
    consumed,
    count_page,
    key_texts,
)
from dynamorm_async.errors import InvalidRequest, quoted
from dynamorm_async.expressions import Condition, Path, Place, Request, readable
from dynamorm_async.model import KEPT, Kept
from dynamorm_async.plan.access import Access, accesses, key_names
from dynamorm_async.plan.changes import entity_is, place_of
from dynamorm_async.plan.choice import Choice, Needs, choose
from dynamorm_async.plan.cursors import Key, Scope, encode, fingerprint
from dynamorm_async.plan.cursors import Place as CursorPlace
from dynamorm_async.plan.question import Question
from dynamorm_async.plan.statistics import Statistics
from dynamorm_async.plan.target import Target
from dynamorm_async.plan.terms import Term, terms_of
from dynamorm_async.wire import Call, Reply

M = TypeVar("M")
R = TypeVar("R")


@attrs.frozen(kw_only=True, eq=False)
class QueryPlan(Generic[R]):
    """A query, decided; the same for the same arguments.

    Attributes:
        target: The table handle's.
        question: What was asked.
        choice: What answers it.
        reader: Reads the items of a page.
        key_attributes: The attributes that say where an item stands.
        opened: The request without what differs from page to page, and without its last brace.
        counting: The same of a request for the count.
        request: Its expressions.
        marked: Those of them that a cursor is bound to.
    """

    target: Target[Any]
    question: Question
    choice: Choice
    reader: PageReader[R]
    key_attributes: tuple[str, ...]
    opened: str
    counting: str
    request: Request
    marked: Request

    @property
    def scope(self) -> Scope:
        """What a cursor of this query must fit."""
        spec, choice = self.target.spec, self.choice
        names = key_names(spec, choice.access)
        mark = fingerprint(
            choice.operation,
            choice.access.name,
            self.question.reverse,
            self.target.opened({}, self.marked),
        )
        return Scope(
            index=choice.access.name,
            descending=self.question.reverse,
            types={spec.fields[name].attribute: self.target.record.key_type(name) for name in names},
            fixed=choice.fit.fixed if choice.fit is not None else {},
            fingerprint=mark,
        )

    @property
    def is_filtered(self) -> bool:
        """Whether what is evaluated may be left out of the answer."""
        return self.request.filter is not None or self._drops

    @property
    def _drops(self) -> bool:
        return self.choice.fit is not None and self.choice.fit.ends is not None

    @property
    def can_count(self) -> bool:
        """Whether the service can count by itself; where bounds are dropped it can't."""
        return not self._drops

    def call(
        self,
        start: str | None = None,
        *,
        limit: int | None = None,
        backward: bool = False,
        counting: bool = False,
        priced: bool = False,
    ) -> Call:
        """Return one request.

        Args:
            start: JSON text of the key behind which it begins, or None for the beginning.
            limit: Items to evaluate at most, or None for 1 MB.
            backward: Against the question's own direction.
            counting: For the count alone.
            priced: Whether the answer is to say what it cost.
        """
        text = self.counting if counting else self.opened
        if self.choice.operation == "Query" and self.question.reverse != backward:
            text += ',"ScanIndexForward":false'
        if limit is not None:
            text += f',"Limit":{limit}'
        if priced or self.question.max_read_units is not None:
            text += ',"ReturnConsumedCapacity":"TOTAL"'
        if start is not None:
            text += f',"ExclusiveStartKey":{start}'
        return Call(
            operation=self.choice.operation,
            body=self.target.closed(text, self.request),
            tables=(self.target.table,),
        )

    def probe(self, start: str, *, backward: bool) -> Call:
        """Return the request for the key of the one item next to a place, whatever the filter says."""
        unfiltered = attrs.evolve(self.request, filter=None, projection=self._key_places)
        text = self.target.opened(_members(self.choice, self.question), unfiltered)
        if self.choice.operation == "Query" and self.question.reverse != backward:
            text += ',"ScanIndexForward":false'
        text += f',"Limit":1,"ExclusiveStartKey":{start}'
        return Call(
            operation=self.choice.operation,
            body=self.target.closed(text, unfiltered),
            tables=(self.target.table,),
        )

    def read(self, reply: Reply) -> ItemPage[R]:
        """Return the items of an answer."""
        page = self.reader.decode_page(reply.body)
        if self._drops:
            page = self._without_ends(page, reply.body)
        if self.question.max_read_units is not None:
            page = attrs.evolve(page, read_units=consumed(reply.body))
        return page

    def read_count(self, reply: Reply) -> ItemPage[R]:
        """Return the count of an answer to a counting request."""
        page: ItemPage[R] = count_page(reply.body)
        if self.question.max_read_units is not None:
            page = attrs.evolve(page, read_units=consumed(reply.body))
        return page

    def keys(self, body: bytes) -> list[Key]:
        """Return the keys of an answer's items, of those that are not dropped."""
        found: list[Key] = [json.loads(text) for text in key_texts(body, self.key_attributes)]
        ends = self.choice.fit.ends if self.choice.fit is not None else None
        if ends is None:
            return found
        return [key for key in found if not ends.drops(json.dumps(key[ends.attribute]))]

    def key_of(self, item: Any) -> Key:
        """Return the key of an instance of the model, as a cursor holds it.

        Raises:
            InvalidRequest: It is another thing, or has no value for one of the keys.
        """
        record, spec = self.target.record, self.target.spec
        record.check_instance(item)
        found: dict[str, dict[str, str]] = {}
        kept: Kept | None = getattr(item, KEPT, None)
        for name in key_names(spec, self.choice.access):
            field = spec.fields[name]
            value = record.computed(name, item) if field.template is not None else getattr(item, name)
            text = record.encode_field(name, value)
            if text is None:
                raise InvalidRequest(
                    f"this {spec.name} has no {name}, so it is not in {self.choice.access.label}",
                    fix="take an item that the query gave",
                    code="plan.no-place",
                )
            if field is spec.created and kept is not None and kept.created is not None:
                text = json.dumps({"S": kept.created})  # to the last digit that is stored
            found[field.attribute] = cast("dict[str, str]", json.loads(text))
        return found

    @property
    def _key_places(self) -> tuple[Place, ...]:
        spec = self.target.spec
        return tuple(place_of(self.target, spec.fields[name]) for name in key_names(spec, self.choice.access))

    def _without_ends(self, page: ItemPage[R], body: bytes) -> ItemPage[R]:
        ends = self.choice.fit.ends if self.choice.fit is not None else None
        if ends is None or not page.items:
            return page
        texts = attribute_texts(body, ends.attribute)
        items = [
            item for item, text in zip(page.items, texts, strict=True) if not (text and ends.drops(text))
        ]
        return attrs.evolve(page, items=items, count=len(items))


def prepare(
    target: Target[M],
    question: Question,
    *,
    statistics: Statistics | None = None,
    now: datetime | None = None,
) -> QueryPlan[Any]:
    """Return how a question is asked.

    Args:
        target: Of the table handle.
        question: What is asked.
        statistics: What is known of the table's size; None for nothing.
        now: The time that expiry is compared with, where that is asked for.

    Raises:
        NoUsableIndex: Nothing answers it completely.
        InvalidExpression: A condition means nothing, or contradicts another.
        InvalidValue: A value cannot be what it is compared with.
        InvalidModel: The view is none of this model.
    """
    spec = target.spec
    conditions = (*question.conditions, *_unexpired(target, question, now))
    terms = terms_of(spec, conditions, verb="scan" if question.is_scan else "where")
    reader = _reader(target, question)
    entity = entity_is(target)
    choice = choose(
        target.record,
        _accesses(target),
        terms,
        question,
        Needs(
            fields=_needed(target, reader),
            present=frozenset[str]().union(*(term.present for term in terms)),
            entity=entity is not None,
        ),
        statistics or Statistics(),
    )
    names = key_names(spec, choice.access)
    request = Request(
        key=choice.fit.key if choice.fit is not None else None,
        filter=_all((*([] if entity is None else [entity]), *(term.condition for term in choice.filters))),
        projection=_projection(target, reader, names),
    )
    members = _members(choice, question)
    whole = {"Select": '"ALL_ATTRIBUTES"'} if choice.fetches and not request.projection else {}
    counted = attrs.evolve(request, projection=())
    opened = target.opened({**members, **whole}, request)
    target.closed(opened, request)  # refuses here what is no Unicode
    return QueryPlan(
        target=target,
        question=question,
        choice=choice,
        reader=reader,
        key_attributes=tuple(spec.fields[name].attribute for name in names),
        opened=opened,
        counting=target.opened({**members, "Select": '"COUNT"'}, counted),
        request=request,
        # What changes from page to page, such as the time of expiry, says nothing of the query.
        marked=Request(key=request.key, filter=_all(question.conditions)),
    )


def cursor_after(query: QueryPlan[Any], item: object, *, keys: Sequence[bytes]) -> str:
    """Return the cursor of the place behind an instance of the model.

    Raises:
        InvalidRequest: It is no instance of the model, or is not in the index.
    """
    return encode(CursorPlace("lastKey", query.key_of(item)), query.scope, keys=keys)


def field_name(target: Target[Any], given: object, *, what: str) -> str:
    """Return the name of the field that a path or a name means.

    Raises:
        InvalidRequest: The model has no such field, or it is a part of one.
    """
    spec = target.spec
    if isinstance(given, Path):
        place = cast("Path[Any, Any]", given).place
        name = str(place.steps[0]) if len(place.steps) == 1 and issubclass(spec.cls, place.owner) else ""
    else:
        name = given if isinstance(given, str) else ""
    if name not in spec.fields:
        raise InvalidRequest(
            f"{what}({quoted(cast('object', given))}) is no field of {spec.name}",
            fix=f"use one of {', '.join(spec.fields)}",
            code="plan.unknown-field",
        )
    return name


def _accesses(target: Target[Any]) -> tuple[Access, ...]:
    return target.remembered("accesses", lambda: accesses(target.spec))


def _unexpired(target: Target[Any], question: Question, now: datetime | None) -> Iterable[Condition[Any]]:
    ttl = target.spec.ttl
    if not question.unexpired:
        return ()
    if ttl is None or now is None:
        raise InvalidRequest(
            f"not_expired(): {target.spec.name} has no ttl field",
            fix="declare one: expires: Attr[datetime | None] = ttl(default=None)",
            code="plan.no-ttl",
        )
    path = Path[Any, Any](place_of(target, ttl))
    is_int = target.record.is_int(ttl.name)
    return (path.not_exists() | (path > (int(now.timestamp()) if is_int else now)),)


def _reader(target: Target[Any], question: Question) -> PageReader[Any]:
    select = question.select
    if select is None:
        return target.record
    if isinstance(select, tuple):
        return target.remembered(("columns", select), lambda: Columns(target.record, select))
    return target.remembered(("view", select), lambda: View(target.record, select))


def _needed(target: Target[Any], reader: PageReader[Any]) -> frozenset[str] | None:
    if isinstance(reader, (View, Columns)):
        return frozenset(reader.fields)
    # Attributes without a field are kept, or refused: an index may lack them and not say so.
    return frozenset(target.spec.fields) if target.spec.unknown == "drop" else None


def _projection(target: Target[Any], reader: PageReader[Any], keys: tuple[str, ...]) -> tuple[Place, ...]:
    if not isinstance(reader, (View, Columns)):
        return ()
    # The keys say where an item stands; they cost nothing, for what is read is paid as a whole.
    names = sorted({*reader.fields, *keys})
    return tuple(place_of(target, target.spec.fields[name]) for name in names)


def _members(choice: Choice, question: Question) -> dict[str, str]:
    members: dict[str, str] = {}
    if choice.access.name is not None:
        members["IndexName"] = json.dumps(choice.access.name)
    if question.consistent:
        members["ConsistentRead"] = "true"
    return members


def _all(conditions: Iterable[Condition[Any]]) -> Condition[Any] | None:
    whole: Condition[Any] | None = None
    for condition in conditions:
        whole = condition if whole is None else whole & condition
    return whole


def filters_of(terms: Iterable[Term]) -> str | None:
    """Return filters for people to read, or None without any."""
    return " AND ".join(readable(term.condition) for term in terms) or None
