"""Say for people what a query will do, why that, and what it costs."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from dynamorm_async.expressions import readable
from dynamorm_async.plan.choice import Candidate, Choice
from dynamorm_async.plan.query import QueryPlan
from dynamorm_async.wire import Call


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """A query's plan; `print(query.explain())` shows it as a table. Nothing was sent.

    Attributes:
        operation: "Query", "Scan", or "GetItem" where the whole key of an item is all that is asked.
        table: The table's name.
        index: The index, or None for the table itself.
        key: The key condition, readable, or None for a scan.
        filter: What is tested after reading, and paid for, readable, or None.
        rows: Items that are expected to be evaluated.
        read_units: Read units that this is expected to cost.
        requests: Requests that it is expected to take.
        confidence: "known" where the table's size is, "assumed" where an ordinary one stands for it.
        candidates: Every way that was looked at, with its cost or the reason against it.
        warnings: What may surprise.
        request: The first request, as JSON data.
    """

    operation: str
    table: str
    index: str | None
    key: str | None
    filter: str | None
    rows: float
    read_units: float
    requests: int
    confidence: str
    candidates: tuple[Candidate, ...]
    warnings: tuple[str, ...]
    request: dict[str, Any]

    def __repr__(self) -> str:
        where = self.table if self.index is None else f"{self.index} of {self.table}"
        return f"Explanation({self.operation} of {where}, {self.read_units:g} read units)"

    @property
    def _expected(self) -> str:
        requests = f"{self.requests} request{'s' if self.requests > 1 else ''}"
        return f"{self.rows:g} items, {self.read_units:g} read units, {requests} ({self.confidence} sizes)"

    def __str__(self) -> str:
        where = f"index {self.index}" if self.index is not None else "the table"
        lines = [
            f"{self.operation} of {where} of {self.table}",
            f"  key      {self.key or 'none: everything is read'}",
            f"  filter   {self.filter or 'none'}",
            f"  expected {self._expected}",
        ]
        width = max(len(each.name) for each in self.candidates)
        for each in self.candidates:
            mark = "→" if each.is_chosen else " "
            told = each.reason or (f"{each.cost.read_units:g} read units" if each.cost is not None else "")
            lines.append(f"  {mark} {each.name:<{width}}  {told}")
        lines += [f"  ! {warning}" for warning in self.warnings]
        return "\n".join(lines)


class Analysis(msgspec.Struct, frozen=True, kw_only=True):
    """What a query was expected to read, and what it did read.

    Attributes:
        expected: The plan.
        items: Items that it gave.
        rows: Items that were evaluated.
        read_units: Read units that were consumed, as the service says.
        requests: Requests that were sent.
        seconds: Seconds from the first request to the last answer.
    """

    expected: Explanation
    items: int
    rows: int
    read_units: float
    requests: int
    seconds: float

    def __str__(self) -> str:
        requests = f"{self.requests} request{'s' if self.requests > 1 else ''}"
        return (
            f"{self.expected}\n"
            f"  actual   {self.rows} items, {self.read_units:g} read units, {requests}; "
            f"{self.items} given, {self.seconds * 1000:.1f} ms"
        )


def explained(query: QueryPlan[Any], first: Call) -> Explanation:
    """Return what a query will do."""
    choice, question = query.choice, query.question
    return Explanation(
        operation=choice.operation,
        table=query.target.table,
        index=choice.access.name,
        key=None if query.key is None else readable(query.key),
        filter=query.filter_text,
        rows=choice.cost.rows,
        read_units=choice.cost.read_units,
        requests=choice.cost.requests,
        confidence=choice.cost.confidence,
        candidates=choice.candidates,
        warnings=_warnings(
            choice, is_filtered=query.filter_text is not None, is_limited=question.limit is not None
        ),
        request=json.loads(first.body),
    )


def _warnings(choice: Choice, *, is_filtered: bool, is_limited: bool) -> tuple[str, ...]:
    found: list[str] = []
    if choice.operation == "Scan" and not is_limited:
        found.append(f"the whole of {choice.access.label} is read and paid for")
    if is_filtered:
        found.append("the filter is tested after reading: what it leaves out is paid for, too")
    if choice.access.kind == "global":
        found.append("a global index follows the table with a delay")
    if choice.fetches:
        found.append("the index lacks attributes, so the service fetches each item from the table")
    if choice.hydrates:
        found.append(
            "the index lacks attributes, so each item is read from the table by BatchGetItem; "
            "what was deleted meanwhile is left out"
        )
    return tuple(found)
