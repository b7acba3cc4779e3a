"""One query over several models that share a table: by the keys that they have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from dynamorm_async.codecs import Several, quote
from dynamorm_async.errors import InvalidExpression, InvalidModel, InvalidRequest, NoUsableIndex
from dynamorm_async.expressions import Condition, Place, Request, bind_names, places_in, readable
from dynamorm_async.model import ENTITY_ATTRIBUTE
from dynamorm_async.plan.access import Access, accesses
from dynamorm_async.plan.choice import Candidate, Needs, choose, lacks_items
from dynamorm_async.plan.cursors import foreign
from dynamorm_async.plan.query import QueryPlan, opened_members
from dynamorm_async.plan.question import Question
from dynamorm_async.plan.statistics import Statistics
from dynamorm_async.plan.target import Target, WithoutField
from dynamorm_async.plan.terms import terms_of


def prepare_collection(
    targets: Sequence[Target[Any]],
    question: Question,
    reader: Several,
    *,
    statistics: Statistics,
    index: str | None = None,
) -> QueryPlan[Any]:
    """Return how several models are asked for at once.

    Args:
        targets: The models' targets, of one table.
        question: Its conditions are of one of the models, and of keys alone.
        reader: Reads items of all of them.
        statistics: What is known of the table's size.
        index: The index that a cursor was made with, "" for the table; None where there is none yet.

    Raises:
        NoUsableIndex: No key that all models have in common answers it.
        InvalidExpression: A condition is of no key, so that it would test items of one model alone.
        InvalidCursor: The index of the cursor does not answer the question.
    """
    if index is not None and question.using is None:
        try:
            return prepare_collection(targets, replace(question, using=index), reader, statistics=statistics)
        except NoUsableIndex as error:
            raise foreign("it is of another index") from error
    if question.select is not None or question.unexpired or question.hydrate:
        raise InvalidRequest(
            "a collection gives whole items, from keys that hold them",
            fix="leave select(...), not_expired() and hydrate() out",
        )
    lead = _lead(targets, question.conditions)
    terms = terms_of(lead.spec, question.conditions, verb="where")
    present = frozenset[str]().union(*(term.present for term in terms))
    all_of_lead = accesses(lead.spec)
    shared = [access for access in all_of_lead if _is_shared(access, lead, targets, present)]
    others = tuple(
        Candidate(name=access.label, reason="not all of the models have it, whole, alike and for every item")
        for access in all_of_lead
        if access not in shared
    )
    needs = Needs(fields=None, present=present, entity=False)
    try:
        choice, fit = choose(lead.record, shared, terms, question, needs, statistics, scoped=False)
    except NoUsableIndex as error:
        reasons = (f"{each.name}: {each.reason}" for each in others)
        error.why = "; ".join((*filter(None, [error.why]), *reasons)) or None
        raise
    if fit is None:
        raise NoUsableIndex("a collection is no scan", fix="use table.scan(...) of each model")
    if fit.filters:
        raise InvalidExpression(
            f"where({readable(fit.filters[0].condition)}) is of no key that the models share",
            why="it would test the items of one model and drop those of the others",
            fix="filter what comes, or query the model by itself",
            code="plan.collection-filter",
        )
    entities = _entity_in(reader.entities) if reader.unknown == "drop" else None
    request = Request(key=fit.key, filter=entities)
    compiled = lead.compiled(request)
    opened = lead.opened(opened_members(choice, question)) + bind_names(compiled, request.values())
    lead.closed(opened, compiled)
    return QueryPlan(
        target=lead,
        question=question,
        choice=replace(choice, candidates=(*choice.candidates, *others)),
        reader=reader,
        key=fit.key,
        filter=None,
        tested=entities,
        ends=fit.ends,
        opened=opened,
        compiled=compiled,
        targets=tuple(targets),
    )


def check_collection(targets: Sequence[Target[Any]]) -> None:
    """Refuse models that are of different tables, with InvalidModel."""
    tables = sorted({target.table for target in targets})
    if len(tables) != 1:
        raise InvalidModel(
            "a collection is of models of one table",
            why=f"they are in {', '.join(tables)}" if tables else "none was given",
            fix="name models of one table, or give name=",
            code="plan.collection-tables",
        )


def _lead(targets: Sequence[Target[Any]], conditions: Sequence[Condition[Any]]) -> Target[Any]:
    """Return the target of the model that the conditions are about."""
    for condition in conditions:
        # What is no condition is refused where the terms are made.
        for place in places_in(getattr(condition, "form", ("raw",))):
            for target in targets:
                if issubclass(target.spec.cls, place.owner):
                    return target
    return targets[0]


def _is_shared(
    access: Access, lead: Target[Any], targets: Sequence[Target[Any]], present: frozenset[str]
) -> bool:
    """Tell whether all models have this key, made in the same way, in each of their items."""
    wanted = _spelled(access)
    attributes = {lead.spec.fields[name].attribute for name in present}
    for target in targets:
        if target is lead:
            continue
        found = next((each for each in accesses(target.spec) if each.name == access.name), None)
        if found is None or _spelled(found) != wanted or not found.is_whole:
            return False
        there = frozenset(name for name, field in target.spec.fields.items() if field.attribute in attributes)
        if found.kind != "table" and lacks_items(target.record, found, there):
            return False
    return access.is_whole


def _spelled(access: Access) -> object:
    # A sort key may be made differently for each entity: that is what tells their items apart.
    partition = [(field.attribute, field.template and field.template.text) for field in access.partition]
    return access.kind, partition, [field.attribute for field in access.sort]


def _entity_in(entities: Sequence[str]) -> Condition[Any]:
    place = Place(WithoutField, (ENTITY_ATTRIBUTE,))
    values = tuple(f'{{"S":{quote(entity)}}}' for entity in entities)
    return Condition(("in", place, len(values)), values)
