"""Many items, lazily: what `where` and `scan` return."""

from __future__ import annotations

import builtins
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from datetime import datetime
from enum import Enum
from typing import Any, Generic, Self, TypeVar, cast, overload

import anyio
import msgspec
from msgspec.structs import replace

from dynamorm_async.client.grouping import Aggregation, Grouping
from dynamorm_async.client.known import Known
from dynamorm_async.client.segments import Segments, in_segments
from dynamorm_async.errors import (
    BudgetSpent,
    InvalidCursor,
    InvalidRequest,
    ItemNotFound,
    LimitExceeded,
    NoUsableIndex,
    SeveralItems,
)
from dynamorm_async.executors import hydrated, hydrated_pages, one, pages
from dynamorm_async.expressions import Condition, Path
from dynamorm_async.model import UNSET
from dynamorm_async.observe import Event, FellBackToScan
from dynamorm_async.plan import (
    MOST_SEGMENTS,
    Aggregate,
    Analysis,
    Explanation,
    Gap,
    Page,
    Progress,
    QueryPlan,
    Question,
    Target,
    Walk,
    WorkUnit,
    chosen,
    cursor_after,
    field_name,
    gap_of,
    index_of,
    key_text,
    page_at_end,
    page_plan,
    prepare,
    probe,
    reader_of,
    unit_of,
    units,
    whole_number,
)
from dynamorm_async.wire import Send

M = TypeVar("M")
R = TypeVar("R")
V = TypeVar("V")


class Asking(msgspec.Struct, frozen=True, kw_only=True):
    """What a query needs beside its question.

    Attributes:
        send: The way to the service.
        now: The time, for expiry.
        known: What is known of tables' sizes by now.
        cursor_keys: Keys that sign cursors, the newest first.
        tell: What hands an event to the observers, or None where there is none.
    """

    send: Send
    now: Callable[[], datetime]
    known: Known
    cursor_keys: Sequence[bytes]
    tell: Callable[[Event], None] | None = None


Planner = Callable[[Question, str | None], QueryPlan[Any]]
"""Decides a question that is not one about a single model's table: a work unit, a collection.

Its second argument is the index that a cursor was made with, as in `plan.prepare`.
"""


class Selection(Generic[M, R]):
    """A question about items of model `M` that gives values of type `R`; sent when it is ended.

    It never changes: each of its methods returns another one. It is ended, as often as one likes,
    by `async for`, `list`, `first`, `one`, `count`, `page` or `pages`; `explain` sends nothing.

    Conditions may stand in any order. Those that a key can answer become its key condition, the
    others a filter, which the service tests after reading: what it leaves out is paid for. Among the
    table's key and the indexes, one is taken that holds every item that is meant, and of these the
    cheapest; where there is none, NoUsableIndex says why, before anything is sent.

    Every ending takes `timeout=`, in seconds for all of its requests, and may raise what `get` does,
    and NoUsableIndex or InvalidExpression before I/O, and BudgetSpent where a budget was set.
    """

    def __init__(
        self,
        target: Target[M],
        question: Question,
        asking: Asking,
        *,
        begin: str | None = None,
        planner: Planner | None = None,
    ) -> None:
        self._target = target
        self._question = question
        self._asking = asking
        self._begin = begin
        self._planner = planner

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._target.spec.name} on {self._target.table}>"

    # What is asked.

    def filter(self, *conditions: Condition[M]) -> Self:
        """Ask only for items that meet these conditions, too; the same as naming them in `where`."""
        return self._with(conditions=(*self._question.conditions, *conditions))

    def reverse(self) -> Self:
        """Turn the order round: from the last sort key to the first."""
        return self._with(reverse=not self._question.reverse)

    def order_by(self, field: Path[M, Any] | str, *, in_memory: int | None = None) -> Self:
        """Demand that items come by this field, which must be the sort key of what answers.

        Args:
            field: The field.
            in_memory: Where no sort key gives the order: read all items and sort them here, up to so
                many; None refuses that. Items without the field come last.

        Raises:
            InvalidRequest: The model has no such field.
        """
        if in_memory is not None:
            whole_number("order_by(in_memory=…)", in_memory)
        name = field_name(self._target, field, what="order_by")
        if in_memory is not None:
            _check_order(self._target, name)
        return self._with(order_by=name, sort_bound=in_memory)

    def limit(self, items: int) -> Self:
        """Stop after so many items in all; no request is sent once they are there."""
        return self._with(limit=whole_number("limit", items))

    def offset(self, items: int) -> Self:
        """Leave out so many items at the beginning. They are read and paid for all the same."""
        return self._with(offset=whole_number("offset", items, least=0))

    def page_size(self, items: int) -> Self:
        """Let each request evaluate at most so many items, before filtering; else it is 1 MB."""
        return self._with(page_size=whole_number("page_size", items))

    def consistent(self) -> Self:
        """Read what was written last, for twice the price; global indexes can't."""
        return self._with(consistent=True)

    def hydrate(self, *, consistent: bool = False) -> Self:
        """Allow a global index that lacks what is read: the rest of each item is fetched from the table.

        One BatchGetItem for each 100 items beside the requests to the index, at most four at a time; what
        the service leaves unprocessed is asked for again. Each item costs half a read unit for each 4 KB,
        and is not fetched where the index holds all that is read. `page_size` bounds what is held.

        The index says which items come, and in which order; the table says what is in them. An item that
        was deleted in between, or no longer has the index keys that are asked for, is left out. Filters
        are tested by the service on what the index holds, and again on what was fetched, but for sizes,
        parts of a field, comparisons of two fields and raw text; on other fields they are refused.

        Args:
            consistent: Fetch what was written last; twice the price. The index itself follows the table
                with a delay all the same.
        """
        return self._with(hydrate=True, fresh=consistent)

    def using(self, index: str | None) -> Self:
        """Use this index and no other, or, with None, the table's own key.

        It is refused where it would not give the whole answer.
        """
        return self._with(using=index or "")

    def avoid(self, *indexes: str) -> Self:
        """Use none of these indexes."""
        return self._with(avoid=(*self._question.avoid, *indexes))

    def allow_scan(self) -> Self:
        """Read the whole table where no key answers; it is paid for, however little is left.

        Observers are told when that happens: `FellBackToScan`.
        """
        return self._with(allow_scan=True)

    def not_expired(self) -> Self:
        """Leave out what has expired by its ttl field and is not deleted yet; a filter.

        The service deletes expired items within days.
        """
        return self._with(unexpired=True)

    def budget(
        self, *, requests: int | None = None, items: int | None = None, read_units: float | None = None
    ) -> Self:
        """Stop a runaway with BudgetSpent, which holds a cursor to go on from, and what `list` had found.

        Args:
            requests: Requests that may be sent.
            items: Evaluated items after which no further request is sent.
            read_units: Read units after which none is.
        """
        if requests is not None:
            whole_number("budget(requests=…)", requests)
        if items is not None:
            whole_number("budget(items=…)", items)
        if read_units is not None:
            units("budget(read_units=…)", read_units)
        return self._with(max_requests=requests, max_items=items, max_read_units=read_units)

    def start(self, cursor: str | None) -> Self:
        """Begin behind the place that a cursor means: of `cursor_after`, `BudgetSpent` or `page.next`.

        An offset that was said before lies behind that place and is dropped; one that is said after
        counts from there, and so does the limit. A budget that ended within an offset says what is left
        of it: `start(error.cursor).offset(error.offset)`.
        """
        question = replace(self._question, offset=0) if cursor else self._question
        return type(self)(self._target, question, self._asking, begin=cursor, planner=self._planner)

    @overload
    def select(self, view: type[V], /) -> Selection[M, V]: ...
    @overload
    def select(self, *fields: Path[M, Any] | str) -> Selection[M, dict[str, Any]]: ...
    def select(self, *wanted: Any) -> Selection[M, Any]:
        """Read only some fields: into a view, or into dicts of field name to value.

        What is read is paid for as a whole all the same; an index that holds these fields is enough.

        Args:
            wanted: An attrs class or dataclass that declares some of the model's fields alike; or
                fields.

        Raises:
            InvalidModel: The view declares what the model does not.
            InvalidRequest: The model has no such field.
        """
        choice = chosen(self._target, *wanted)
        reader_of(self._target, choice)  # refuses a view that is none
        return Selection[M, Any](
            self._target,
            replace(self._question, select=choice),
            self._asking,
            begin=self._begin,
            planner=self._planner,
        )

    # What ends it.

    def __aiter__(self) -> AsyncIterator[R]:
        return self._items(timeout=None)

    async def list(self, *, timeout: float | None = None) -> list[R]:
        """Return all items at once; for what fits into memory.

        Raises:
            BudgetSpent: Its `items` are what was found by then, and its `cursor` leads on from there.
        """
        found: list[R] = []
        try:
            async for items in self._pages(timeout=timeout):
                found.extend(items)
        except BudgetSpent as error:
            error.items = [*found, *error.items]  # what was to be sorted is there already
            raise
        return found

    async def first(self, *, timeout: float | None = None) -> R | None:
        """Return the first item, or None where there is none.

        One request; more where a filter hides items.
        """
        found = await self.limit(1).list(timeout=timeout)
        return found[0] if found else None

    async def one(self, *, timeout: float | None = None) -> R:
        """Return the only item; after `limit(1)`, the first one.

        Raises:
            ItemNotFound: There is none.
            SeveralItems: There is more than one.
        """
        found = await self.limit(min(2, self._question.limit or 2)).list(timeout=timeout)
        if len(found) == 1:
            return found[0]
        name = self._target.spec.name
        if found:
            raise SeveralItems(
                f"more than one {name} meets the conditions",
                fix="use first(), or narrower conditions",
                table=self._target.table,
            )
        raise ItemNotFound(
            f"no {name} meets the conditions",
            fix="use first() where absence is expected",
            table=self._target.table,
        )

    async def count(self, *, timeout: float | None = None) -> int:
        """Return how many items there are, up to the limit; they are read and paid for, and not sent.

        Raises:
            BudgetSpent: Its `count` is what was counted by then, and its `cursor` leads on from there.
        """
        # The order changes no count; but where it begins, it says which way to go.
        is_reversed = self._question.reverse and not self._is_sorted_here()
        unordered = self._with(order_by=None, sort_bound=None, reverse=is_reversed)
        walk = await unordered._walk()  # noqa: SLF001 - one of our own
        counting = replace(walk, counting=walk.query.can_count, query=walk.query.counted)
        found = 0
        async for items, progress in self._followed(counting, timeout=timeout):
            found = found + len(items) if counting.query.hydrated else counting.counted(progress)
        return found

    async def page(
        self, *, size: int | None = None, cursor: str | None = None, timeout: float | None = None
    ) -> Page[R]:
        """Return one page, with cursors of the next and the previous one.

        One Query or Scan. Behind a filter, going back takes one more request, for a single item. With
        `hydrate`, the items are fetched by one more for each 100.

        Args:
            size: Items to evaluate, before filtering; None for `page_size`, or what fits in 1 MB.
            cursor: Where it begins: `next` or `previous` of another page, from outside or not; None
                or "" for the first page.
            timeout: Seconds.

        Raises:
            InvalidCursor: It is no cursor of this query; nothing was sent.
        """
        question = self._question
        is_bounded = question.limit is not None or bool(question.offset) or question.has_budget
        if is_bounded or question.sort_bound is not None or self._begin is not None:
            raise InvalidRequest(
                "page() beside limit, offset, budget, start or order_by(in_memory=…)",
                why="a page is one request, has its own size, and its cursor says where it begins",
                fix="leave them out: page(size=…, cursor=…)",
                code="client.page-options",
            )
        size = self._question.page_size if size is None else whole_number("page(size=…)", size)
        keys = self._asking.cursor_keys
        query = self._query(cursor)
        self._warn(query)
        gap, started = gap_of(query, cursor, keys=keys), anyio.current_time()
        found = await self._probed(query, gap, timeout=timeout)
        left = timeout if found is gap else _left(timeout, started)
        at_end = page_at_end(query, found, keys=keys)
        if at_end is not None:
            return at_end
        plan = page_plan(query, found, size=size, keys=keys)
        page = await one(plan, self._asking.send, timeout=left)
        if query.hydrated is None:
            return page
        # Until now it holds the keys of the index's entries.
        entries = cast("builtins.list[str]", page.items)
        items = await hydrated(query, entries, self._asking.send, timeout=_left(timeout, started))
        return replace(page, items=builtins.list(items))

    async def pages(
        self, *, size: int | None = None, timeout: float | None = None
    ) -> AsyncGenerator[Page[R]]:
        """Yield every page from the first one on.

        Args:
            size: As in `page`.
            timeout: Seconds for each page.
        """
        cursor: str | None = None
        while True:
            page = await self.page(size=size, cursor=cursor, timeout=timeout)
            yield page
            if page.next is None:
                return
            cursor = page.next

    # Numbers.

    def group_by(self, *fields: Path[M, Any] | str) -> Grouping:
        """Tell the items apart by these fields; 0, "", False, None and absent are different groups.

        `await query.group_by(Model.user).aggregate(n=count(), hits=sum_(Model.visits)).having(...)`.

        Args:
            fields: Fields of one value each; none for one group of all.

        Raises:
            InvalidRequest: The model has no such field, or it holds a list, a set or a map.
        """
        return Grouping(self._target, fields, self._columns)

    def aggregate(self, **aggregates: Aggregate) -> Aggregation:
        """Work out numbers over all items, as one group; see `group_by`."""
        return self.group_by().aggregate(**aggregates)

    async def _columns(
        self, fields: tuple[str, ...], timeout: float | None
    ) -> AsyncGenerator[dict[str, Any]]:
        # A count reads no field, and a key is there in every item.
        select = fields or (self._target.spec.partition_key.name,)
        question = replace(self._question, select=select, tells_absent=True)
        if question.limit is None and not question.offset:
            # No number depends on an order that is made here.
            is_reversed = question.reverse and not self._is_sorted_here()
            order_by = None if question.sort_bound else question.order_by
            question = replace(question, order_by=order_by, sort_bound=None, reverse=is_reversed)
        rows = Selection[M, dict[str, Any]](
            self._target, question, self._asking, begin=self._begin, planner=self._planner
        )
        async for row in rows._items(timeout=timeout):
            yield row

    # A scan in pieces.

    def segments(self, total: int) -> Segments[R]:
        """Return the scan in so many segments that are read at the same time.

        For tables that one request after another reads too slowly; it costs the same read units.

        Args:
            total: How many, up to 1,000,000; each is a task and holds a page of up to 1 MB. A few for
                each CPU are enough: `max_concurrency` bounds the requests.

        Raises:
            InvalidRequest: It is no scan of the whole table, or has an offset.
            LimitExceeded: They are more than the service takes.
        """
        question = self._segmented(total)
        return Segments(question, lambda: self._planned(question, total), self._asking.send)

    def split(self, total: int) -> builtins.list[WorkUnit]:
        """Return the scan in so many work units, which other processes can run with `table.run(unit)`.

        A budget is each unit's own; `not_expired` means the time of the split.

        Args:
            total: How many, up to 1,000,000.

        Raises:
            InvalidRequest: It is no scan of the whole table, has a limit or an offset, or reads views.
            LimitExceeded: They are more than the service takes.
        """
        question = self._segmented(total)
        if question.limit is not None:
            raise InvalidRequest(
                "split() of a scan with a limit", why="units know nothing of each other", fix="leave it out"
            )
        return [unit_of(query, question) for query in self._planned(question, total)]

    def _planned(self, question: Question, total: int) -> builtins.list[QueryPlan[R]]:
        asking = self._asking
        statistics = asking.known.of(self._target.table)
        now = asking.now() if question.unexpired else None
        parts = in_segments(question, total)
        return [prepare(self._target, part, statistics=statistics, now=now) for part in parts]

    def _segmented(self, total: int) -> Question:
        question = self._question
        whole_number("segments", total)
        if total > MOST_SEGMENTS:
            raise LimitExceeded(f"{total} segments", why=f"the service takes at most {MOST_SEGMENTS}")
        if not question.is_scan or question.offset or question.hydrate or self._begin is not None:
            raise InvalidRequest(
                "segments() and split() are for scans from their beginning, without an offset and hydrate()",
                fix="use table.scan(...)",
                code="client.segments",
            )
        return question

    # What looks at it.

    def plan(self) -> Walk[R]:
        """Return what would be sent, to look at; nothing is sent."""
        asked = self._as_sent()
        return Walk(query=asked._query(), keys=self._asking.cursor_keys)  # noqa: SLF001 - one of our own

    def explain(self) -> Explanation:
        """Return the plan with every index that was looked at, and costs; nothing is sent."""
        return self.plan().explain()

    async def analyze(self, *, timeout: float | None = None) -> Analysis:
        """Run the query, and return what it was expected to read beside what it did read.

        It is paid for as any other; its items are dropped.
        """
        asked = self._as_sent()
        walk = replace(await asked._walk(), priced=True)  # noqa: SLF001 - one of our own
        started, given, progress = anyio.current_time(), 0, Progress()
        async for items, so_far in self._followed(walk, timeout=timeout):
            given, progress = given + len(items), so_far
        return Analysis(
            expected=walk.explain(),
            items=given,
            rows=progress.scanned,
            read_units=progress.read_units,
            requests=progress.requests,
            seconds=anyio.current_time() - started,
        )

    def cursor_after(self, item: M) -> str:
        """Return the cursor of the place behind an instance of the model, for `start` and `page`."""
        return cursor_after(self._query(), item, keys=self._asking.cursor_keys)

    # Private.

    def _with(self, **changes: Any) -> Self:
        question = replace(self._question, **changes)
        return type(self)(self._target, question, self._asking, begin=self._begin, planner=self._planner)

    def _query(self, cursor: str | None = None) -> QueryPlan[R]:
        asking = self._asking
        index = index_of(cursor, keys=asking.cursor_keys) if cursor else None
        if self._planner is not None:
            return self._planner(self._question, index)
        return prepare(
            self._target,
            self._question,
            index=index,
            statistics=asking.known.of(self._target.table),
            now=asking.now() if self._question.unexpired else None,
        )

    async def _walk(self) -> Walk[R]:
        keys = self._asking.cursor_keys
        query = self._query(self._begin)
        self._warn(query)
        if not self._begin:
            return Walk(query=query, keys=keys)
        gap = gap_of(query, self._begin, keys=keys)
        if gap.is_backward:
            raise InvalidCursor("this cursor leads back", fix="use it with page(cursor=…)")
        before = (await self._probed(query, gap)).before
        return Walk(query=query, keys=keys, start=None if before is None else key_text(before))

    def _warn(self, query: QueryPlan[R]) -> None:
        """Tell the observers of a query that is about to be sent as a scan."""
        tell = self._asking.tell
        if tell is None or not query.is_fallback:
            return
        choice = query.choice
        refused = [each for each in choice.candidates if each.reason is not None]
        tell(
            FellBackToScan(
                operation=choice.operation,
                tables=(query.target.table,),
                model=query.target.spec.name,
                index=choice.access.name,
                reasons=tuple(f"{each.name}: {each.reason}" for each in refused),
                rows=choice.cost.rows,
                read_units=choice.cost.read_units,
            )
        )

    def _followed(
        self, walk: Walk[R], *, timeout: float | None
    ) -> AsyncGenerator[tuple[Sequence[R], Progress]]:
        follow = pages if walk.query.hydrated is None or walk.counting else hydrated_pages
        return follow(walk, self._asking.send, timeout=timeout)

    async def _probed(self, query: QueryPlan[R], gap: Gap, *, timeout: float | None = None) -> Gap:
        finding = probe(query, gap)
        return gap if finding is None else await one(finding, self._asking.send, timeout=timeout)

    async def _items(self, *, timeout: float | None) -> AsyncGenerator[R]:
        async for items in self._pages(timeout=timeout):
            for item in items:
                yield item

    def _unsorted(self) -> Self:
        return self._with(order_by=None, sort_bound=None, reverse=False, limit=None, offset=0)

    def _as_sent(self) -> Self:
        """Return the question that the service is asked, where the answer is sorted here."""
        return self._unsorted() if self._is_sorted_here() else self

    def _is_sorted_here(self) -> bool:
        return self._question.sort_bound is not None and not self._is_in_order()

    def _is_in_order(self) -> bool:
        try:
            self._query(self._begin)
        except NoUsableIndex:
            return False
        return True

    async def _sorted(self, most: int, *, timeout: float | None) -> Sequence[R]:
        question = self._question
        name = str(question.order_by)
        if question.select is not None:
            raise InvalidRequest(
                "order_by(in_memory=…) beside select(...)", fix="select from what list() gives"
            )
        unsorted = self._unsorted()
        found: builtins.list[R] = []
        try:
            async for items in unsorted._pages(timeout=timeout):  # noqa: SLF001 - one of our own
                found.extend(items)
                if len(found) > most:
                    raise LimitExceeded(
                        f"more than {most} items to sort by {name}",
                        why="they are all held in memory, and order_by(in_memory=…) allows no more",
                        fix="allow more, narrow the conditions, or add an index with this sort key",
                        code="client.sort-bound",
                    )
        except BudgetSpent as error:
            error.items = [*found]
            raise
        there = [item for item in found if _is_there(getattr(item, name))]
        absent = [item for item in found if not _is_there(getattr(item, name))]
        there.sort(key=lambda item: _rank(getattr(item, name)), reverse=question.reverse)
        end = None if question.limit is None else question.offset + question.limit
        return [*there, *absent][question.offset : end]

    async def _pages(self, *, timeout: float | None) -> AsyncGenerator[Sequence[R]]:
        if self._question.sort_bound is not None and self._is_sorted_here():
            yield await self._sorted(self._question.sort_bound, timeout=timeout)
            return
        walk, progress = await self._walk(), Progress()
        async for items, so_far in self._followed(walk, timeout=timeout):
            progress = so_far
            yield items
        if walk.start is None:
            self._asking.known.observe(walk.query, progress)


def _left(timeout: float | None, started: float) -> float | None:
    """Return what is left of a page's seconds; where that is nothing, its next call ends at once."""
    return None if timeout is None else max(timeout - (anyio.current_time() - started), 1e-9)


def _check_order(target: Target[Any], name: str) -> None:
    """Refuse to sort by a field whose values are of several kinds, or have no order."""
    kinds = target.record.tags(name) - {"NULL"}
    if len(kinds) != 1 or not kinds <= {"S", "N", "B", "BOOL"}:
        raise InvalidRequest(
            f"order_by({name!r}, in_memory=…): its values have no order",
            why=f"they are stored as {', '.join(sorted(kinds)) or 'anything'}",
            fix="sort what list() gives by a key of your own",
            code="client.no-order",
        )


def _rank(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else value


def _is_there(value: object) -> bool:
    return value is not None and value is not UNSET


class Query(Selection[M, M]):
    """A question that gives instances of its model; see `Selection` for all it can be asked."""
