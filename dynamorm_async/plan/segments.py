"""Scans in pieces: work units that another process can run, and where a scan in segments stands.

Takes the plans of segments; gives JSON text and back. Pure.

Source: DynamoDB API reference, Scan: 1 to 1,000,000 segments; a segment's pages must be asked for
with the same number of segments.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from math import ceil
from typing import Any, Self, cast

import msgspec
from msgspec.structs import replace

from dynamorm_async.codecs import Columns
from dynamorm_async.errors import InvalidCursor, InvalidRequest, quoted
from dynamorm_async.expressions import CompiledRequest
from dynamorm_async.plan.access import accesses
from dynamorm_async.plan.choice import Candidate, Choice
from dynamorm_async.plan.cursors import Scope, checked_key
from dynamorm_async.plan.paging import key_text
from dynamorm_async.plan.query import QueryPlan
from dynamorm_async.plan.question import Question
from dynamorm_async.plan.statistics import Statistics, cost_of_scan
from dynamorm_async.plan.target import Target

MOST_SEGMENTS = 1_000_000
_FORM = 1
_NOTHING = CompiledRequest(texts={}, names={}, slots=(), fragment="")
_BUDGETS = ("max_requests", "max_items", "max_read_units")
# What the request of a segment is made of; anything else was not written by `unit_of`.
_MEMBERS = frozenset(
    {
        "TableName",
        "IndexName",
        "ConsistentRead",
        "Segment",
        "TotalSegments",
        "Limit",
        "Select",
        "FilterExpression",
        "ProjectionExpression",
        "ExpressionAttributeNames",
        "ExpressionAttributeValues",
    }
)

# Of a segment: None where it was not begun, the key behind which it goes on, or True at its end.
State = str | bool | None


class WorkUnit(msgspec.Struct, frozen=True, kw_only=True):
    """One segment of a scan, as a value that another process can run: `table.run(unit)`.

    It holds the request, values of filters included; treat it like the data itself.

    Attributes:
        model: Name of the model.
        table: Name of the table.
        segment: Number of the segment, from 0.
        total: How many segments there are.
        fields: Fields that are read into dicts, or None for whole instances.
        budget: What the unit may use, as `budget(...)` said it; empty without one.
        request: The request, without where it begins.
    """

    model: str
    table: str
    segment: int
    total: int
    fields: tuple[str, ...] | None
    budget: dict[str, float] = {}
    request: dict[str, Any]

    def __repr__(self) -> str:
        return f"WorkUnit({self.model} in {self.table}, segment {self.segment} of {self.total})"

    def to_json(self) -> str:
        """Return the unit as JSON text."""
        return json.dumps({"form": _FORM, **msgspec.structs.asdict(self)}, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the unit that `to_json` gave.

        Args:
            text: The text.

        Raises:
            InvalidRequest: It is none, was cut or changed, or is of another version of the library.
        """
        try:
            members: Any = json.loads(text)
            form, fields = members.pop("form"), members.pop("fields")
            unit = cls(**members, fields=_named(fields))
        except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
            raise _no_unit("it is cut short, or not a work unit at all") from error
        if form != _FORM:
            raise _no_unit("it is of another version of the library")
        _check(unit)
        return unit


def unit_of(query: QueryPlan[Any], question: Question) -> WorkUnit:
    """Return the unit of the plan of one segment.

    Args:
        query: The plan.
        question: That of the whole scan, for its budget.

    Raises:
        InvalidRequest: The scan reads views, whose class another process may not have.
    """
    select = query.question.select
    if isinstance(select, type):
        raise InvalidRequest(
            "a scan that reads views can't be split",
            why=f"another process would have to know {select.__name__}",
            fix="select fields by name, or whole instances",
            code="plan.split-view",
        )
    number, total = cast("tuple[int, int]", query.question.segment)
    budget = {name: value for name in _BUDGETS if (value := getattr(question, name)) is not None}
    return WorkUnit(
        model=query.target.spec.name,
        table=query.target.table,
        segment=number,
        total=total,
        fields=select,
        budget=budget,
        request=json.loads(query.call(limit=question.page_size).body),
    )


def plan_of(target: Target[Any], unit: WorkUnit, *, statistics: Statistics) -> QueryPlan[Any]:
    """Return the plan of a work unit.

    Raises:
        InvalidRequest: It is of another model or table, or of none.
    """
    _check(unit)
    spec = target.spec
    if (unit.model, unit.table) != (spec.name, target.table):
        raise InvalidRequest(
            f"a work unit of {quoted(unit.model)} in {quoted(unit.table)}",
            fix=f"run it with that table handle; this one is {spec.name} in {target.table}",
            code="plan.work-unit",
        )
    request = dict(unit.request)
    page_size = request.pop("Limit", None)
    name = request.get("IndexName")
    access = next((each for each in accesses(spec) if each.name == name), None)
    unknown = sorted(set(unit.fields or ()) - set(spec.fields))
    if access is None or unknown:
        what = f"an index {quoted(name)}" if access is None else f"a field {unknown[0]}"
        raise InvalidRequest(
            f"a work unit with {what}, which {spec.name} has not",
            fix="run it with the model that it was split with",
            code="plan.work-unit",
        )
    budget: dict[str, Any] = dict(unit.budget)
    question = Question(
        is_scan=True,
        segment=(unit.segment, unit.total),
        select=unit.fields,
        page_size=page_size,
        **budget,
    )
    whole = cost_of_scan(name, question, statistics, filtered=False)
    cost = replace(
        whole,
        rows=round(whole.rows / unit.total, 1),
        read_units=round(whole.read_units / unit.total, 1),
        requests=ceil(whole.requests / unit.total),
    )
    chosen = Candidate(name=f"segment {unit.segment} of {unit.total}", cost=cost, is_chosen=True)
    return QueryPlan(
        target=target,
        question=question,
        choice=Choice(operation="Scan", access=access, cost=cost, candidates=(chosen,), fetches=False),
        reader=target.record if unit.fields is None else Columns(target.record, unit.fields),
        key=None,
        filter=None,
        tested=None,
        ends=None,
        opened=json.dumps(request, ensure_ascii=False)[:-1],
        compiled=_NOTHING,
        is_unit=True,
    )


def position_text(states: Sequence[State], mark: str) -> str:
    """Return where a scan in segments stands, as text."""
    members = {"segments": [json.loads(s) if isinstance(s, str) else s for s in states], "plan": mark}
    text = json.dumps(members, ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode()


def position_of(text: object, scope: Scope, *, total: int) -> list[State]:
    """Return where a scan in segments stood.

    Args:
        text: The position.
        scope: Of the first segment's plan.
        total: How many segments there are.

    Raises:
        InvalidCursor: The text is none, or of another scan, or of another number of segments.
    """
    try:
        data = base64.b64decode(cast("str", text), altchars=b"-_", validate=True)
        members: Any = json.loads(data)
        states, found = members.pop("segments"), members.pop("plan")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise _no_position("it is cut short, or not a position at all") from error
    if members or not isinstance(states, list) or not isinstance(found, str):
        raise _no_position("it has other members")
    given = cast("list[Any]", states)
    if found != scope.fingerprint or len(given) != total:
        raise InvalidCursor(
            "this position belongs to another scan",
            why=f"it has {len(given)} segments" if len(given) != total else "its table or filters are others",
            fix="use it with the same filters, table and number of segments",
            code="plan.foreign-cursor",
        )
    return [_state(each, scope) for each in given]


def _state(given: object, scope: Scope) -> State:
    if given is None or given is True:
        return given
    return key_text(checked_key(given, scope))


def _named(fields: object) -> tuple[str, ...] | None:
    return (
        None if fields is None else tuple(cast("list[str]", fields if isinstance(fields, list) else [None]))
    )


def _check(unit: WorkUnit) -> None:
    """Refuse what was not made by `unit_of`, whoever made it; its values are the service's matter."""
    numbers = (unit.segment, unit.total)
    is_segment = all(type(number) is int for number in numbers)
    if not is_segment or not 0 <= unit.segment < unit.total <= MOST_SEGMENTS:
        raise _no_unit("it is no segment of a scan")
    names = cast("tuple[object, ...]", (unit.model, unit.table, *(unit.fields or ())))
    if unit.fields == () or not all(isinstance(name, str) for name in names):
        raise _no_unit("its names are none")
    budget: Any = unit.budget
    if not isinstance(budget, dict) or not all(
        name in _BUDGETS and type(number) in (int, float) and number > 0
        for name, number in cast("dict[object, Any]", budget).items()
    ):
        raise _no_unit("its budget is none")
    request: Any = unit.request
    if not isinstance(request, dict) or not _MEMBERS.issuperset(cast("dict[str, Any]", request)):
        raise _no_unit("its request is no scan's")
    told = cast("dict[str, Any]", request)
    if (told.get("TableName"), told.get("Segment"), told.get("TotalSegments")) != (unit.table, *numbers):
        raise _no_unit("its request is of another table or segment")
    page_size = told.get("Limit", 1)
    if type(page_size) is not int or page_size < 1:
        raise _no_unit("its page size is none")


def _no_unit(why: str) -> InvalidRequest:
    return InvalidRequest(
        "this is no work unit that can be run",
        why=why,
        fix="hand in what unit.to_json() gave, or split the scan anew",
        code="plan.work-unit",
    )


def _no_position(why: str) -> InvalidCursor:
    return InvalidCursor(
        "this is no position of a scan", why=why, fix="hand back what stream.position gave, unchanged"
    )
