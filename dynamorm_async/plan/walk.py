"""A walk: how far a query is followed, page by page, and where a page of a web API leads.

Takes a `QueryPlan` and where to begin; gives the calls one after another, what is handed out of
each answer, and cursors. Pure: whoever waits for the answers hands them in.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import msgspec
from msgspec.structs import replace

from dynamorm_async.codecs import ItemPage
from dynamorm_async.errors import BudgetSpent, DynamormError, ServiceError
from dynamorm_async.plan.cursors import Place, encode
from dynamorm_async.plan.explaining import Explanation, explained
from dynamorm_async.plan.query import QueryPlan
from dynamorm_async.plan.question import Spending
from dynamorm_async.wire import Call, Reply, consumed_units

R = TypeVar("R")


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a walk has come.

    Attributes:
        requests: Answers read.
        scanned: Items evaluated.
        found: Items found, those of the offset included.
        read_units: Read units, as far as the answers said so.
        last_key: JSON text of the key behind which the next page begins, or None at the end.
    """

    requests: int = 0
    scanned: int = 0
    found: int = 0
    read_units: float = 0.0
    last_key: str | None = None

    def after(self, page: ItemPage[Any]) -> Progress:
        """Return the progress with one more page."""
        return Progress(
            requests=self.requests + 1,
            scanned=self.scanned + page.scanned,
            found=self.found + page.count,
            read_units=self.read_units + (page.read_units or 0.0),
            last_key=page.last_key,
        )


class Walk(msgspec.Struct, Generic[R], frozen=True, kw_only=True):
    """A query from a place to its end, its limit or its budget. Printing it shows what is sent.

    Attributes:
        query: The query.
        start: JSON text of the key behind which it begins, or None.
        counting: Whether only the count is asked for.
        priced: Whether the answers are to say what they cost.
        keys: Keys that sign cursors.
    """

    query: QueryPlan[R]
    start: str | None = None
    counting: bool = False
    priced: bool = False
    keys: Sequence[bytes] = ()

    def __repr__(self) -> str:
        return f"Walk({self.operation} of {self.query.target.table})"

    @property
    def first(self) -> Call:
        """The first call."""
        return self._call(self.start, Progress())

    @property
    def is_over(self) -> bool:
        """Whether it begins where nothing can follow, so that there is nothing to send."""
        return self.start is not None and self.query.ends_at(json.loads(self.start))

    @property
    def operation(self) -> str:
        """The API operation."""
        return self.query.choice.operation

    @property
    def request(self) -> dict[str, Any]:
        """The first request as JSON data."""
        found: dict[str, Any] = json.loads(self.first.body)
        return found

    def read(self, reply: Reply) -> ItemPage[R]:
        """Return the page of an answer."""
        page = self.query.read_count(reply) if self.counting else self.query.read(reply)
        return replace(page, read_units=consumed_units(reply.body)) if self.is_priced else page

    @property
    def is_priced(self) -> bool:
        """Whether the answers say what they cost."""
        return self.priced or self.query.question.max_read_units is not None

    def refused(self, error: ServiceError) -> DynamormError:
        """Return what an error of the service means: itself."""
        return error

    def given(self, page: ItemPage[R], before: Progress) -> Sequence[R]:
        """Return the items of a page that are handed out: behind the offset, up to the limit."""
        question = self.query.question
        begin = max(question.offset - before.found, 0)
        end = None if question.limit is None else max(question.limit + question.offset - before.found, 0)
        return page.items[begin:end] if begin or end is not None else page.items

    def counted(self, progress: Progress) -> int:
        """Return how many items were handed out in all."""
        question = self.query.question
        found = max(progress.found - question.offset, 0)
        return found if question.limit is None else min(found, question.limit)

    def follow(self, page: ItemPage[R], progress: Progress | None = None) -> Call | None:
        """Return the call that follows a page, or None where the end or the limit is reached.

        Args:
            page: The page.
            progress: How far the walk has come with it; None after the first page.

        Raises:
            BudgetSpent: There is more, and the budget does not allow another request.
        """
        progress = Progress().after(page) if progress is None else progress
        question = self.query.question
        wanted = None if question.limit is None else question.limit + question.offset
        if page.last_key is None or (wanted is not None and progress.found >= wanted):
            return None
        if not self.leads_on(progress):
            return None
        self.check_budget(progress)
        return self._call(page.last_key, progress)

    def leads_on(self, progress: Progress) -> bool:
        """Tell whether anything may follow, as far as the service has said."""
        last_key = progress.last_key
        return last_key is not None and not self.query.ends_at(json.loads(last_key))

    def check_budget(self, progress: Progress) -> None:
        """Refuse to send more once the budget is used up.

        Raises:
            BudgetSpent: It is; the cursor is of the progress's last key.
        """
        spent = self.query.question.spent(progress)
        if spent is not None and progress.last_key is not None:
            place = Place("lastKey", json.loads(progress.last_key))
            cursor = encode(place, self.query.scope, keys=self.keys)
            left = max(self.query.question.offset - progress.found, 0)
            raise self.out_of_budget(
                spent, progress, cursor=cursor, count=self.counted(progress), offset=left
            )

    def out_of_budget(
        self, spent: str, progress: Spending, *, cursor: str, count: int | None = None, offset: int = 0
    ) -> BudgetSpent:
        """Return the error for a budget that is spent before the end.

        Args:
            spent: What was spent, as `Question.spent` says it.
            progress: How far it came.
            cursor: Where to go on from.
            count: How many items were handed out, where that is known.
            offset: How many items are still to be dropped.
        """
        start = f"start(cursor).offset({offset})" if offset else "start(cursor)"
        return BudgetSpent(
            f"the query took {spent} and did not come to its end",
            cursor=cursor,
            requests=progress.requests,
            read_units=progress.read_units,
            count=count,
            offset=offset,
            fix=f"go on from error.cursor with {start}, or allow more",
            operation=self.operation,
            table=self.query.target.table,
        )

    def explain(self) -> Explanation:
        """Return the plan with its candidates and costs; nothing is sent."""
        return explained(self.query, self.first)

    def __str__(self) -> str:
        return str(self.explain())

    def _call(self, start: str | None, progress: Progress) -> Call:
        question = self.query.question
        limit = question.page_size
        if question.limit is not None and not self.query.is_filtered:
            # What is left to find need not be read, for every item that is evaluated is found.
            left = question.limit + question.offset - progress.found
            limit = left if limit is None else min(limit, left)
        return self.query.call(start, limit=limit, counting=self.counting, priced=self.is_priced)
