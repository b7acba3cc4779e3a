"""Scans in pieces: work units that another process can run, and where a scan in segments stands.

Takes the plans of segments; gives JSON text and back. Pure.

Source: DynamoDB API reference, Scan: 1 to 1,000,000 segments; a segment's pages must be asked for
with the same number of segments.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Any, Self, cast

import msgspec

from dynamorm_async.codecs import Columns
from dynamorm_async.errors import InvalidCursor, InvalidRequest, quoted
from dynamorm_async.expressions import CompiledRequest
from dynamorm_async.plan.access import accesses
from dynamorm_async.plan.choice import Choice
from dynamorm_async.plan.query import QueryPlan
from dynamorm_async.plan.question import Question
from dynamorm_async.plan.statistics import Cost
from dynamorm_async.plan.target import Target

MOST_SEGMENTS = 1_000_000
_FORM = 1
_END = True
_NOTHING = CompiledRequest(texts={}, names={}, slots=(), fragment="")

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
        request: The request, without where it begins.
    """

    model: str
    table: str
    segment: int
    total: int
    fields: tuple[str, ...] | None
    request: dict[str, Any]

    def __repr__(self) -> str:
        return f"WorkUnit({self.model} in {self.table}, segment {self.segment} of {self.total})"

    def to_json(self) -> str:
        """Return the unit as JSON text."""
        return json.dumps({"form": _FORM, **msgspec.structs.asdict(self)}, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the unit that `to_json` gave.

        Raises:
            InvalidRequest: It is none, or of another version of the library.
        """
        try:
            members: Any = json.loads(text)
            if members.pop("form") != _FORM:
                raise InvalidRequest("a work unit of another version", fix="split the scan anew")
            fields = members.pop("fields")
            return cls(**members, fields=None if fields is None else tuple(fields))
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            if isinstance(error, InvalidRequest):
                raise
            raise InvalidRequest(
                "this is no work unit", fix="hand in what unit.to_json() gave", code="plan.work-unit"
            ) from error


def unit_of(query: QueryPlan[Any]) -> WorkUnit:
    """Return the unit of the plan of one segment.

    Raises:
        InvalidRequest: The scan reads views, whose class another process may not have.
    """
    select = query.question.select
    if isinstance(select, type):
        raise InvalidRequest(
            "a scan that reads views can't be split",
            why=f"another process would have to know {select.__name__}",
            fix="select fields by name, or whole instances",
        )
    number, total = cast("tuple[int, int]", query.question.segment)
    return WorkUnit(
        model=query.target.spec.name,
        table=query.target.table,
        segment=number,
        total=total,
        fields=select,
        request=json.loads(query.call(limit=query.question.page_size).body),
    )


def plan_of(target: Target[Any], unit: WorkUnit) -> QueryPlan[Any]:
    """Return the plan of a work unit.

    Raises:
        InvalidRequest: It is of another model or table.
    """
    if (unit.model, unit.table) != (target.spec.name, target.table):
        raise InvalidRequest(
            f"a work unit of {quoted(unit.model)} in {quoted(unit.table)}",
            fix=f"run it with that table handle; this one is {target.spec.name} in {target.table}",
            code="plan.work-unit",
        )
    name = unit.request.get("IndexName")
    access = next((each for each in accesses(target.spec) if each.name == name), None)
    if access is None:
        raise InvalidRequest(
            f"a work unit of an index {quoted(name)}, which {target.spec.name} has not", code="plan.work-unit"
        )
    cost = Cost(rows=0, read_units=0, requests=1, confidence="assumed")
    return QueryPlan(
        target=target,
        question=Question(is_scan=True, segment=(unit.segment, unit.total), select=unit.fields),
        choice=Choice(operation="Scan", access=access, cost=cost, candidates=(), fetches=False),
        reader=target.record if unit.fields is None else Columns(target.record, unit.fields),
        key=None,
        filter=None,
        tested=None,
        ends=None,
        opened=json.dumps(unit.request, ensure_ascii=False)[:-1],
        compiled=_NOTHING,
    )


def position_text(states: Sequence[State], mark: str) -> str:
    """Return where a scan in segments stands, as text."""
    members = {"segments": [json.loads(s) if isinstance(s, str) else s for s in states], "plan": mark}
    return base64.urlsafe_b64encode(json.dumps(members, separators=(",", ":")).encode()).decode()


def position_of(text: object, mark: str, *, total: int) -> list[State]:
    """Return where a scan in segments stood.

    Raises:
        InvalidCursor: The text is none, or of another scan, or of another number of segments.
    """
    try:
        members: Any = json.loads(base64.urlsafe_b64decode(cast("str", text)))
        states, found = members["segments"], members["plan"]
    except (ValueError, TypeError, KeyError, binascii.Error, RecursionError) as error:
        raise InvalidCursor(
            "this is no position of a scan", fix="hand back what stream.position gave"
        ) from error
    if found != mark or not isinstance(states, list) or len(cast("list[Any]", states)) != total:
        raise InvalidCursor(
            "this position belongs to another scan",
            fix="use it with the same filters, table and number of segments",
            code="plan.foreign-cursor",
        )
    given = cast("list[Any]", states)
    return [json.dumps(each) if isinstance(each, dict) else _END if each is True else None for each in given]
