"""A query, decided: which requests ask it, how their answers are read, where its pages begin and end.

Takes a target, a question and what is known of the table; gives a `QueryPlan`, whose calls and
readings are pure functions of keys and answers. How far a walk goes is `walk`'s matter.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any, Generic, TypeVar, cast

import msgspec
from msgspec.structs import replace

from dynamorm_async.codecs import (
    Columns,
    ItemPage,
    KeysOnly,
    PageReader,
    Several,
    View,
    attribute_texts,
    count_page,
    key_texts,
    page_of_item,
    quote,
)
from dynamorm_async.errors import InvalidRequest, NoUsableIndex
from dynamorm_async.expressions import (
    CompiledRequest,
    Condition,
    Path,
    Place,
    Request,
    bind_names,
    conjuncts,
    readable,
)
from dynamorm_async.plan.access import Access, accesses, key_names
from dynamorm_async.plan.aggregates import ABSENT
from dynamorm_async.plan.changes import both, entity_is, place_of
from dynamorm_async.plan.choice import Choice, Needs, choose
from dynamorm_async.plan.cursors import Key, Scope, encode, fingerprint, foreign
from dynamorm_async.plan.cursors import Place as CursorPlace
from dynamorm_async.plan.fitting import (
    Ends,
    all_of,
    demands_of,
    depends_on_values,
    encoded_key,
    ends_by_values,
)
from dynamorm_async.plan.question import MOST, Question
from dynamorm_async.plan.selecting import reader_of
from dynamorm_async.plan.statistics import Statistics
from dynamorm_async.plan.target import Target
from dynamorm_async.plan.terms import Term, terms_of
from dynamorm_async.wire import Call, Reply

M = TypeVar("M")
R = TypeVar("R")


class QueryPlan(msgspec.Struct, Generic[R], frozen=True, kw_only=True, dict=True):
    """A query, decided; the same for the same arguments. Made for every query, like plans.

    Attributes:
        target: The table handle's.
        question: What was asked.
        choice: What answers it.
        reader: Reads the items of a page.
        hydrated: Where the rest of each item is fetched from the table: what reads that; the items of a
            page are then keys, as JSON texts.
        key: The key condition; None for a scan.
        filter: What is tested after reading, as the user said it, or None.
        tested: The same with what tells the model's items from others.
        ends: Bounds to drop, or None.
        opened: The request without what differs from page to page, and without its last brace.
        compiled: The expressions in it.
        targets: Those of all models, where items of several are asked for.
        is_unit: Whether `opened` is a work unit's request, of which no other one can be made.
    """

    target: Target[Any]
    question: Question
    choice: Choice
    reader: PageReader[R]
    key: Condition[Any] | None
    filter: Condition[Any] | None
    tested: Condition[Any] | None
    ends: Ends | None
    opened: str
    compiled: CompiledRequest
    hydrated: PageReader[R] | None = None
    targets: tuple[Target[Any], ...] = ()
    is_unit: bool = False

    @property
    def key_names(self) -> tuple[str, ...]:
        """The fields that say where an item stands."""
        return key_names(self.target.spec, self.choice.access)

    @cached_property
    def scope(self) -> Scope:
        """What a cursor of this query must fit; a page asks for it up to three times."""
        spec, record, access = self.target.spec, self.target.record, self.choice.access
        # What changes from page to page, such as the time of expiry, says nothing of the query. One by
        # one, for all of them together may be more than one filter can hold.
        parts = [Request(filter=part) for each in self.question.conditions for part in conjuncts(each)]
        asked = (
            [self.opened]
            if self.is_unit
            else sorted(bind_names(self.target.compiled(part), part.values()) for part in parts)
        )
        fixed, range_ = ({}, None) if self.key is None else demands_of(self.key, access, record)
        return Scope(
            index=access.name,
            descending=self.question.reverse,
            types={spec.fields[name].attribute: record.key_type(name) for name in self.key_names},
            fixed=fixed,
            range=range_,
            fingerprint=fingerprint(
                self.target.table,
                "Query" if self.is_get else self.choice.operation,  # the same question, asked in short
                access.name,
                self.question.reverse,
                self.question.segment,
                asked,
            ),
        )

    def ends_at(self, key: Key, *, backward: bool = False) -> bool:
        """Tell whether nothing can follow a key, because no other item of the table may have it.

        To begin there would be a request for nothing, and DynamoDB Local refuses it: "The provided
        starting key does not match the range key predicate".
        """
        access = self.choice.access
        if self.key is None or access.kind != "table":
            return False
        fixed, range_ = demands_of(self.key, access, self.target.record)
        if range_ is None:
            return len(fixed) == len(access.keys)
        return range_.ends_at(key[range_.attribute], descending=self.question.reverse != backward)

    @property
    def is_filtered(self) -> bool:
        """Whether what is evaluated may be left out of the answer."""
        return self.is_unit or "FilterExpression" in self.compiled.texts or self.ends is not None

    @property
    def filter_text(self) -> str | None:
        """What is tested after reading, for people, or None."""
        if self.is_unit:
            found: str | None = json.loads(self.opened + "}").get("FilterExpression")
            return found
        return None if self.filter is None else readable(self.filter)

    @property
    def is_get(self) -> bool:
        """Whether one whole key is asked for and nothing else, which is a GetItem."""
        return self.choice.operation == "GetItem"

    @property
    def is_fallback(self) -> bool:
        """Whether it reads everything although a query was asked for, since no key answers it."""
        return self.choice.operation == "Scan" and not self.question.is_scan

    @property
    def can_count(self) -> bool:
        """Whether the service can count by itself; where bounds are dropped or items refused it can't."""
        refuses = isinstance(self.reader, Several) and self.reader.unknown == "refuse"
        return self.ends is None and not self.is_unit and not refuses and not self.tests_entity

    @property
    def counted(self) -> QueryPlan[R]:
        """The query that tells how many there are, with as few requests as that takes."""
        return self if self.hydrated is None or self.tests_entity else replace(self, hydrated=None)

    @property
    def tests_entity(self) -> bool:
        """Whether items of other entities are told apart when they are fetched, for the index can't."""
        return self.hydrated is not None and self.target.spec.entity is not None

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
        if self.is_get and not counting:
            # It begins nowhere else, and has neither order nor limit.
            text = f'{self.opened},"ReturnConsumedCapacity":"TOTAL"' if priced else self.opened
            body = self.target.closed(text, self.compiled)
            values = () if self.key is None else self.key.values
            named = {
                field.name: value for field, value in zip(self.target.spec.key_fields, values, strict=True)
            }
            return Call(operation="GetItem", body=body, tables=(self.target.table,), keys=(named,))
        text = self._counted if counting else self.opened
        return self._call(text, start, limit=limit, backward=backward, priced=priced)

    def probe(self, start: str, *, backward: bool) -> Call:
        """Return the request for the key of the one item next to a place, whatever the filter says."""
        places = tuple(place_of(self.target, self.target.spec.fields[name]) for name in self.key_names)
        text = self._text(
            opened_members(self.choice, self.question), Request(key=self.key, projection=places)
        )
        return self._call(text, start, limit=1, backward=backward)

    def read(self, reply: Reply) -> ItemPage[R]:
        """Return the items of an answer."""
        page = self.reader.decode_page(page_of_item(reply.body) if self.is_get else reply.body)
        if self.ends is not None:
            page = self._without_ends(page, reply.body, self.ends)
        return page

    def read_count(self, reply: Reply) -> ItemPage[R]:
        """Return the count of an answer to a counting request."""
        return count_page(reply.body)

    def keys(self, body: bytes, *, dropped: bool = False) -> list[Key]:
        """Return the keys of an answer's items, of those that are dropped only where that is asked for."""
        found: list[Key] = [json.loads(text) for text in self.key_texts(body)]
        ends = None if dropped else self.ends
        return found if ends is None else [key for key in found if not ends.drops_value(key[ends.attribute])]

    def key_texts(self, body: bytes) -> list[str]:
        """Return the keys of all of an answer's items as JSON texts."""
        spec = self.target.spec
        body = page_of_item(body) if self.is_get else body
        return key_texts(body, [spec.fields[name].attribute for name in self.key_names])

    def key_of(self, item: Any) -> Key:
        """Return the key of an instance of the model, as a cursor holds it.

        Raises:
            InvalidRequest: It is another thing, or has no value for one of the keys.
        """
        target = next((each for each in self.targets if type(item) is each.spec.cls), self.target)
        record, spec = target.record, target.spec
        record.check_instance(item)
        access = next(each for each in accesses(spec) if each.name == self.choice.access.name)
        found: dict[str, dict[str, str]] = {}
        # To the last digit that is stored, unless the field was changed since it was read.
        kept = record.kept_texts(item)
        for name in key_names(spec, access):
            field = spec.fields[name]
            value = record.computed(name, item) if field.template is not None else getattr(item, name)
            text = kept.get(name) or record.encode_field(name, value)
            if text is None:
                raise InvalidRequest(
                    f"this {spec.name} has no {name}, so it is not in {self.choice.access.label}",
                    fix="take an item that the query gave",
                    code="plan.no-place",
                )
            found[field.attribute] = cast("dict[str, str]", json.loads(text))
        return found

    def _without_ends(self, page: ItemPage[R], body: bytes, ends: Ends) -> ItemPage[R]:
        texts = attribute_texts(body, ends.attribute)
        items = [
            item for item, text in zip(page.items, texts, strict=True) if not (text and ends.drops(text))
        ]
        return replace(page, items=items, count=len(items))

    @property
    def _counted(self) -> str:
        request = Request(key=self.key, filter=self.tested)
        return self._text({**opened_members(self.choice, self.question), "Select": '"COUNT"'}, request)

    def _text(self, members: dict[str, str], request: Request) -> str:
        return self.target.opened(members) + bind_names(self.target.compiled(request), request.values())

    def _call(
        self, text: str, start: str | None, *, limit: int | None, backward: bool, priced: bool = False
    ) -> Call:
        """Return the request that begins with a text, with what differs from page to page."""
        operation = "Query" if self.is_get else self.choice.operation
        if operation == "Query" and self.question.reverse != backward:
            text += ',"ScanIndexForward":false'
        if limit is not None:
            text += f',"Limit":{min(limit, MOST)}'
        if priced:
            text += ',"ReturnConsumedCapacity":"TOTAL"'
        if start is not None:
            text += f',"ExclusiveStartKey":{start}'
        body = self.target.closed(text, self.compiled)
        return Call(operation=operation, body=body, tables=self.target.tables)


def prepare(
    target: Target[M],
    question: Question,
    *,
    statistics: Statistics | None = None,
    now: datetime | None = None,
    index: str | None = None,
) -> QueryPlan[Any]:
    """Return how a question is asked.

    Args:
        target: Of the table handle.
        question: What is asked.
        statistics: What is known of the table's size; None for nothing.
        now: The time that expiry is compared with, where that is asked for.
        index: The index that a cursor was made with, "" for the table; None where there is none yet.

    Raises:
        NoUsableIndex: Nothing answers it completely.
        InvalidExpression: A condition means nothing, or contradicts another.
        InvalidValue: A value cannot be what it is compared with.
        InvalidModel: The view is none of this model.
        InvalidCursor: The index of the cursor does not answer the question.
    """
    if index is not None and question.using is None:
        try:
            return prepare(target, replace(question, using=index), statistics=statistics, now=now)
        except NoUsableIndex as error:
            raise foreign("it is of another index") from error
    statistics = statistics or _UNKNOWN
    conditions = (*question.conditions, *_unexpired(target, question, now))
    shape = (question.options, tuple([getattr(each, "form", None) for each in conditions]))
    blueprint: _Blueprint | None = target.recalled(shape)
    if blueprint is not None and blueprint.statistics is statistics:
        values = [value for condition in conditions for value in condition.values]
        return blueprint.bound(target, question, values)
    return _prepared(target, question, conditions, statistics, shape)


class _Blueprint(msgspec.Struct, frozen=True, kw_only=True):
    """What queries of one shape have in common, where their values need no looking at.

    Attributes:
        key: The form of the key condition, and the places of its values among those of the question.
        filter: The same of the user's filter.
        tested: The form of the whole filter.
        entity: The values in it that come before the user's.
    """

    statistics: Statistics
    choice: Choice
    reader: PageReader[Any]
    hydrated: PageReader[Any] | None
    key: tuple[Any, tuple[int, ...]] | None
    filter: tuple[Any, tuple[int, ...]] | None
    tested: Any
    entity: tuple[object, ...]
    members: str
    compiled: CompiledRequest

    def bound(self, target: Target[Any], question: Question, values: Sequence[object]) -> QueryPlan[Any]:
        """Return the query with these values."""
        key = (
            None if self.key is None else Condition[Any](self.key[0], tuple([values[n] for n in self.key[1]]))
        )
        asked = None
        if self.filter is not None:
            asked = Condition[Any](self.filter[0], tuple([values[n] for n in self.filter[1]]))
        tested_values = (*self.entity, *(asked.values if asked is not None else ()))
        slots = (*(key.values if key is not None else ()), *tested_values)
        opened = self.members
        if self.choice.operation == "GetItem" and key is not None:
            opened, slots = opened + _key_member(target, key), ()
        return QueryPlan(
            target=target,
            question=question,
            choice=self.choice,
            reader=self.reader,
            hydrated=self.hydrated,
            key=key,
            filter=asked,
            tested=None if self.tested is None else Condition(self.tested, tested_values),
            ends=None,
            opened=opened + bind_names(self.compiled, slots),
            compiled=self.compiled,
        )


def _prepared(
    target: Target[Any],
    question: Question,
    conditions: Sequence[Condition[Any]],
    statistics: Statistics,
    shape: object,
) -> QueryPlan[Any]:
    spec = target.spec
    terms = terms_of(spec, conditions, verb="scan" if question.is_scan else "where")
    whole = _reader(target, question)
    entity = entity_is(target)
    needs = Needs(
        fields=_needed(target, whole),
        present=frozenset[str]().union(*(term.present for term in terms)),
        demanded=tuple(term.condition for term in terms),
        entity=entity is not None,
    )
    choice, fit = choose(target.record, _accesses(target), terms, question, needs, statistics)
    filters = fit.filters if fit is not None else terms
    key = fit.key if fit is not None else None
    asked = all_of([term.condition for term in filters]) if filters else None
    keys = key_names(spec, choice.access)
    reader, entity = (_keys_only(target, keys), None) if choice.hydrates else (whole, entity)
    tested = both(entity, asked)
    projected = projection(target, reader, keys)
    request = Request(key=key, filter=tested, projection=projected)
    is_get = fit is not None and fit.is_one_item and tested is None
    if is_get:
        choice, request = replace(choice, operation="GetItem"), Request(projection=projected)
    members = opened_members(choice, question)
    if choice.fetches and not request.projection:
        members["Select"] = '"ALL_ATTRIBUTES"'
    compiled, opening = target.compiled(request), target.opened(members)
    named = _key_member(target, key) if is_get and key is not None else ""
    opened = opening + named + bind_names(compiled, request.values())
    target.closed(opened, compiled)  # refuses here what is no Unicode
    is_free = question.is_scan or not depends_on_values(_accesses(target), terms)
    is_free = is_free and not ends_by_values(_accesses(target), terms)
    if is_free and (fit is None or fit.is_direct):
        places = _places_of_values(terms)
        target.remember(
            shape,
            _Blueprint(
                statistics=statistics,
                choice=choice,
                reader=reader,
                hydrated=whole if choice.hydrates else None,
                key=None if fit is None else (fit.key.form, _picked(fit.used, places)),
                filter=None if asked is None else (asked.form, _picked(filters, places)),
                tested=None if tested is None else tested.form,
                entity=entity.values if entity is not None else (),
                members=opening,
                compiled=compiled,
            ),
        )
    return QueryPlan(
        target=target,
        question=question,
        choice=choice,
        reader=reader,
        hydrated=whole if choice.hydrates else None,
        key=key,
        filter=asked,
        tested=tested,
        ends=fit.ends if fit is not None else None,
        opened=opened,
        compiled=compiled,
    )


def _key_member(target: Target[Any], key: Condition[Any]) -> str:
    """Return the member of a request that names the item of a key condition of the whole key."""
    pieces: list[str] = []
    for field, value in zip(target.spec.key_fields, key.values, strict=True):
        text = encoded_key(field, value, target.record)
        pieces.append(f"{quote(field.attribute)}:{text}")
    return f',"Key":{{{",".join(pieces)}}}'


def _places_of_values(terms: Sequence[Term]) -> dict[int, tuple[int, ...]]:
    """Return for each term, by its id, where its values stand among those of all terms."""
    found: dict[int, tuple[int, ...]] = {}
    start = 0
    for term in terms:
        end = start + len(term.condition.values)
        found[id(term)] = tuple(range(start, end))
        start = end
    return found


def _picked(terms: Sequence[Term], places: dict[int, tuple[int, ...]]) -> tuple[int, ...]:
    return tuple(place for term in terms for place in places[id(term)])


def cursor_after(query: QueryPlan[Any], item: object, *, keys: Sequence[bytes]) -> str:
    """Return the cursor of the place behind an instance of the model.

    Raises:
        InvalidRequest: It is no instance of the model, or is not in the index.
    """
    return encode(CursorPlace("lastKey", query.key_of(item)), query.scope, keys=keys)


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
    absent = ABSENT if question.tells_absent and isinstance(select, tuple) else None
    return reader_of(target, select, absent=absent)


def _keys_only(target: Target[Any], keys: Sequence[str]) -> KeysOnly:
    return KeysOnly([target.spec.fields[name].attribute for name in keys])


def _needed(target: Target[Any], reader: PageReader[Any]) -> frozenset[str] | None:
    if isinstance(reader, (View, Columns)):
        return frozenset(reader.fields)
    # Attributes without a field are kept, or refused: an index may lack them and not say so.
    return frozenset(target.spec.fields) if target.spec.unknown == "drop" else None


def projection(target: Target[Any], reader: PageReader[Any], keys: Sequence[str]) -> tuple[Place, ...]:
    """Return the places that a reader needs, and the keys; none where it reads whole items."""
    if not isinstance(reader, (View, Columns, KeysOnly)):
        return ()
    # The keys say where an item stands; they cost nothing, for what is read is paid as a whole.
    names = sorted({*(() if isinstance(reader, KeysOnly) else reader.fields), *keys})
    return tuple(place_of(target, target.spec.fields[name]) for name in names)


def opened_members(choice: Choice, question: Question) -> dict[str, str]:
    """Return the members that every request of a query has beside its expressions, as JSON texts."""
    members: dict[str, str] = {}
    if choice.access.name is not None:
        members["IndexName"] = json.dumps(choice.access.name)
    if question.consistent:
        members["ConsistentRead"] = "true"
    if question.segment is not None:
        number, total = question.segment
        members |= {"Segment": str(number), "TotalSegments": str(total)}
    return members


_UNKNOWN = Statistics()
