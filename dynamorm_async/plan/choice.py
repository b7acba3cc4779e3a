"""Choose what answers a query: first what answers it completely, then what costs least.

Takes a model's accesses, the terms of a query, its options and what is known of the table's size;
gives a `Choice` with the reason why each other candidate was refused, or raises `NoUsableIndex`. Pure.

An index is sound only if it holds every item that the query means. It holds those items alone that
have all of its key attributes; so each of these must be there in every item of the model, or in
every item that meets the conditions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec
from msgspec.structs import replace

from dynamorm_async.codecs import Record
from dynamorm_async.errors import NoUsableIndex, quoted
from dynamorm_async.expressions import Condition, conjuncts, readable
from dynamorm_async.model import ENTITY_ATTRIBUTE, FieldSpec, ModelSpec, Role
from dynamorm_async.plan.access import Access
from dynamorm_async.plan.fitting import KEY_UNSAID, Fit, fit
from dynamorm_async.plan.question import Question
from dynamorm_async.plan.statistics import Cost, Statistics, cost_of_query, cost_of_scan
from dynamorm_async.plan.terms import Term

_STAMPED = (Role.CREATED, Role.UPDATED, Role.VERSION)
_FRESHNESS = {"table": 0, "local": 1, "global": 2}


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A way to answer a query, chosen or not.

    Attributes:
        name: "table", an index's name, or "scan of …".
        reason: Why it was refused, or None.
        cost: What it would cost, where it is sound.
        is_chosen: Whether it is the one.
    """

    name: str
    reason: str | None = None
    cost: Cost | None = None
    is_chosen: bool = False


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What answers a query; the same for other values in the same conditions.

    Attributes:
        operation: "Query", "Scan", or, where one whole key of the table is all that is asked, "GetItem".
        access: By which key.
        cost: What it is expected to cost.
        candidates: Every way that was looked at.
        fetches: Whether the service fetches what a local index does not hold.
        hydrates: Whether whoever asks fetches what a global index does not hold.
    """

    operation: Literal["GetItem", "Query", "Scan"]
    access: Access
    cost: Cost
    candidates: tuple[Candidate, ...]
    fetches: bool = False
    hydrates: bool = False


class Needs(msgspec.Struct, frozen=True, kw_only=True):
    """What an access must have to answer a query.

    Attributes:
        fields: The fields that are read; None for whole items, unknown attributes included.
        present: Fields that are stored in every item that meets the conditions.
        demanded: What every item that is meant meets.
        entity: Whether items of other entities must be told apart.
    """

    fields: frozenset[str] | None
    present: frozenset[str]
    demanded: tuple[Condition[Any], ...] = ()
    entity: bool


def choose(
    record: Record[Any],
    accesses: Sequence[Access],
    terms: Sequence[Term],
    question: Question,
    needs: Needs,
    statistics: Statistics,
    *,
    scoped: bool = True,
) -> tuple[Choice, Fit | None]:
    """Return the cheapest sound way to answer a query, and how its key does; the same for the same arguments.

    Raises:
        NoUsableIndex: Nothing answers it completely, or a hint names what doesn't.
        InvalidExpression: No item can meet the conditions.
    """
    _check_hints(record.spec, accesses, question)
    if question.is_scan:
        return _scan(record, accesses, terms, question, needs, statistics, refused=()), None
    # What earlier queries read must not change the order that items come in, unless it is asked for.
    lasting = statistics if question.order_by is not None else statistics.without_observed()
    # Nor must a limit or a page's size: what it gives is a part of the whole, in the whole's order.
    whole = replace(question, limit=None, offset=0, page_size=None)
    sound: list[tuple[Access, Fit, Cost]] = []
    refused: list[Candidate] = []
    for access in accesses:
        found = _unwanted(access, question) or fit(access, terms, record, scoped=scoped)
        reason = found if isinstance(found, str) else _unsound(record, found, question, needs)
        if reason is None and not _is_active(access, statistics):
            reason = "it is still being built"
        if reason is not None or isinstance(found, str):
            refused.append(Candidate(name=access.label, reason=reason))
            continue
        sound.append((access, found, _cost(found, whole, needs, lasting)))
    if not sound:
        if question.allow_scan and question.order_by is None and not question.reverse:
            scan = _scan(record, accesses, terms, question, needs, statistics, refused=tuple(refused))
            return scan, None
        raise _none_usable(record.spec, terms, question, refused)
    table = next((each for each, _, _ in sound if each.kind == "table"), None)
    access, best, _ = min(sound, key=lambda found: (_is_guess(table, *found), *_rank(*found)))
    candidates = [
        Candidate(name=each.label, cost=_cost(found, question, needs, statistics), is_chosen=each is access)
        for each, found, _ in sound
    ]
    cost = next(each.cost for each in candidates if each.is_chosen)
    assert cost is not None  # noqa: S101 - what is chosen is sound, and priced
    choice = Choice(
        operation="Query",
        access=access,
        cost=cost,
        candidates=(*candidates, *refused),
        fetches=_fetches(access, needs),
        hydrates=_hydrates(access, question, needs),
    )
    return choice, best


def _cost(fit: Fit, question: Question, needs: Needs, statistics: Statistics) -> Cost:
    return cost_of_query(
        fit,
        question,
        statistics,
        fetches=_fetches(fit.access, needs),
        hydrates=_hydrates(fit.access, question, needs),
    )


def _is_guess(table: Access | None, access: Access, fit: Fit, cost: Cost) -> bool:
    """Tell whether an index would be taken for the table, in another order, by a size that nobody knows."""
    if table is None or access is table or cost.confidence != "assumed":
        return False
    return not fit.bound and {field.name for field in access.partition} == {
        field.name for field in table.partition
    }


def _rank(access: Access, fit: Fit, cost: Cost) -> tuple[Any, ...]:
    return (
        cost.read_units,
        cost.requests,
        not fit.is_one_item,
        cost.rows,
        -fit.bound,
        len(fit.filters),
        _FRESHNESS[access.kind],
        access.label,
    )


def _check_hints(spec: ModelSpec, accesses: Sequence[Access], question: Question) -> None:
    names = [access.name or "" for access in accesses]
    given = question.avoid if question.using is None else (question.using, *question.avoid)
    for name in given:
        if name not in names:
            raise NoUsableIndex(
                f"{spec.name} has no index {quoted(name)}",
                fix=f"use one of {', '.join(filter(None, names)) or 'none: it has no index'}",
                code="plan.unknown-index",
            )


def _unwanted(access: Access, question: Question) -> str | None:
    name = access.name or ""
    if question.using is not None and name != question.using:
        return f"using({question.using or None!r}) asks for another"
    return "avoid(…) names it" if name in question.avoid else None


def _unsound(record: Record[Any], fit: Fit, question: Question, needs: Needs) -> str | None:
    """Return the first reason why an access that fits would not give the whole answer, or None."""
    return _incomplete(record, fit.access, fit.filters, question, needs) or _misordered(fit, question)


def _incomplete(
    record: Record[Any], access: Access, filters: Sequence[Term], question: Question, needs: Needs
) -> str | None:
    if question.consistent and access.kind == "global":
        return "a global index can't be read consistently"
    lacking = _unprojected(access, filters, question, needs)
    return lacking or lacks_items(record, access, needs.present, needs.demanded)


def _unprojected(access: Access, filters: Sequence[Term], question: Question, needs: Needs) -> str | None:
    """Return what an access lacks that is read or filtered, or None.

    What a local index lacks the service fetches from the table, to give it, and what a global one
    lacks we may; a filter on it is tested before, and by the index alone.
    """
    if access.projected is None:
        return None
    tested = _untestable(access, filters)
    if access.kind == "local":
        return tested or _unnamed(needs, access.projected)
    unread = _unread(needs, access.projected)
    if question.hydrate:
        return f"{tested}, and that is tested before items are fetched" if tested else None
    return tested or (f"{unread}; hydrate() fetches the rest" if unread else None)


def _untestable(access: Access, filters: Sequence[Term]) -> str | None:
    """Return why a filter cannot be tested by what an access holds, or None."""
    assert access.projected is not None  # noqa: S101 - else it holds everything
    lacking = frozenset[str]().union(*(term.mentioned for term in filters)) - access.projected
    if lacking:
        return f"it does not hold {', '.join(sorted(lacking))}"
    if any(term.is_raw for term in filters):
        return "hand-written text may need what it does not hold"
    return None


def _unread(needs: Needs, projected: frozenset[str]) -> str | None:
    """Return what of that which is read is not among what is projected, or None."""
    if needs.fields is None:
        return "it does not hold whole items"
    lacking = sorted(needs.fields - projected)
    if lacking:
        return f"it does not hold {', '.join(lacking)}"
    return _unnamed(needs, projected)


def _unnamed(needs: Needs, projected: frozenset[str]) -> str | None:
    """Return why the entities cannot be told apart by what is projected, or None."""
    if needs.entity and ENTITY_ATTRIBUTE not in projected:
        return (
            f"it does not hold {ENTITY_ATTRIBUTE}, which tells the entities apart "
            f"(an index may: projection=[…, {ENTITY_ATTRIBUTE!r}])"
        )
    return None


def lacks_items(
    record: Record[Any], access: Access, present: frozenset[str], demanded: Sequence[Condition[Any]] = ()
) -> str | None:
    """Return why an access does not hold every item that a query means, or None if it does.

    Args:
        record: The model's.
        access: The access; it holds only items that have all of its keys.
        present: Fields that are stored in every item that is meant.
        demanded: What every item that is meant meets.
    """
    for field in access.keys:
        if field.condition is not None and field.name not in present and not _implies(demanded, field):
            return (
                f"it holds only the items where {readable(field.condition)}, and nothing says that all are "
                f"meant to be such (ask for them alone: {record.spec.name}.{field.name}.exists())"
            )
        if not (field.is_key or _is_present(record, field, present)):
            return (
                f"it lacks the items without {field.name}, and nothing says that all have it "
                f"(ask for them alone: {record.spec.name}.{field.name}.exists())"
            )
    return None


def _implies(demanded: Sequence[Condition[Any]], field: FieldSpec) -> bool:
    """Tell whether what is demanded holds each part of the condition of a key, word for word."""
    parts = conjuncts(field.condition) if field.condition is not None else ()
    return all(any(_is_same(part, other) for other in demanded) for part in parts)


def _is_same(one: Condition[Any], other: Condition[Any]) -> bool:
    if one.form != other.form or len(one.values) != len(other.values):
        return False
    # True and 1 are equal here, and different values there.
    pairs = zip(one.values, other.values, strict=True)
    return all(type(value) is type(another) and value == another for value, another in pairs)


def _is_present(record: Record[Any], field: FieldSpec, present: frozenset[str]) -> bool:
    """Tell whether every item that the query means has a field."""
    if field.name in present or field.is_key or field.role in _STAMPED:
        return True
    if field.template is not None:
        # The library writes it, of values that may themselves be stored in a key alone.
        return all(
            record.is_required(name) or _is_present(record, record.spec.fields[name], present)
            for name in field.template.fields
        )
    return record.is_always_stored(field.name)


def _misordered(fit: Fit, question: Question) -> str | None:
    if question.order_by is None or question.order_by == next(iter(fit.order), None):
        return None
    if fit.is_one_item or question.order_by in fit.equal:
        return None
    order = fit.order[0] if fit.order else "nothing"
    return f"its items come by {order}, not by {question.order_by}"


def _is_active(access: Access, statistics: Statistics) -> bool:
    size = statistics.indexes.get(access.name or "")
    return size is None or size.is_active


def _fetches(access: Access, needs: Needs) -> bool:
    if access.kind != "local" or access.projected is None:
        return False
    return needs.fields is None or not needs.fields <= access.projected


def _hydrates(access: Access, question: Question, needs: Needs) -> bool:
    if not question.hydrate or access.kind != "global" or access.projected is None:
        return False
    return _unread(needs, access.projected) is not None


def _scan(
    record: Record[Any],
    accesses: Sequence[Access],
    terms: Sequence[Term],
    question: Question,
    needs: Needs,
    statistics: Statistics,
    refused: tuple[Candidate, ...],
) -> Choice:
    name = question.using or None
    access = next(access for access in accesses if access.name == name)
    spec = record.spec
    reason = _incomplete(record, access, terms, question, needs)
    if reason is None and (question.order_by is not None or question.reverse):
        reason = "a scan has no order"
    if reason is None and not _is_active(access, statistics):
        reason = "it is still being built"
    label = f"scan of {access.label}"
    if reason is not None:
        raise _none_usable(spec, terms, question, [*refused, Candidate(name=label, reason=reason)])
    hydrates = _hydrates(access, question, needs)
    cost = cost_of_scan(access.name, question, statistics, filtered=bool(terms), hydrates=hydrates)
    return Choice(
        operation="Scan",
        access=access,
        cost=cost,
        candidates=(*refused, Candidate(name=label, cost=cost, is_chosen=True)),
        fetches=_fetches(access, needs),
        hydrates=hydrates,
    )


def _none_usable(
    spec: ModelSpec, terms: Sequence[Term], question: Question, refused: Sequence[Candidate]
) -> NoUsableIndex:
    reasons = "; ".join(f"{each.name}: {each.reason}" for each in refused)
    asked = " & ".join(readable(term.condition) for term in terms) or "no condition"
    if question.using is not None:
        name = question.using or "table"
        return NoUsableIndex(
            f"{spec.name}: {quoted(name)} does not answer {asked} completely",
            why=reasons,
            fix="leave using(...) out, or change the conditions as the reason says",
            code="plan.unsound-hint",
        )
    return NoUsableIndex(
        f"{spec.name}: no key answers {asked}",
        why=reasons,
        fix=_way_out(spec, terms, question, refused),
    )


def _way_out(spec: ModelSpec, terms: Sequence[Term], question: Question, refused: Sequence[Candidate]) -> str:
    if question.is_scan:
        return "a scan has no order: leave reverse() and order_by(...) out, and sort what comes"
    if question.order_by is not None:
        return (
            "order by the sort key of an access that fits, or sort up to so many: order_by(…, in_memory=1000)"
        )
    several = _several_of_a_key(spec, terms)
    if several is not None:
        # Never sent as several queries unasked: how many they are is known to the caller alone.
        return (
            f"send a query for each value of {several}, compared with ==, or read whole keys by "
            "table.batch_get([…]); or accept a scan's cost with allow_scan()"
        )
    if any(each.reason is not None and each.reason.startswith(KEY_UNSAID) for each in refused):
        return (
            "test what comes in Python, compare the key otherwise, or accept a scan's cost with allow_scan()"
        )
    return "compare a partition key with ==, add an index, or accept a scan's cost with allow_scan()"


def _several_of_a_key(spec: ModelSpec, terms: Sequence[Term]) -> str | None:
    """Return the field of a key, of the table's or an index's, that is_in asks several values of, or None."""
    names = [field.name for field in spec.key_fields]
    names += [name for index in spec.indexes.values() for name in (*index.partition_key, *index.sort_key)]
    templates = [template for name in names if (template := spec.fields[name].template) is not None]
    keys = frozenset(names).union(*(template.fields for template in templates))
    asked = [name for term in terms if term.condition.form[0] == "in" for name in term.mentioned & keys]
    return asked[0] if asked else None
