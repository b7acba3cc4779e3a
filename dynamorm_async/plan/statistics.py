"""What is known of a table's size, and what a query is expected to read of it.

Takes sizes as DescribeTable gives them (hours old) and how a query fits an access; gives rows and
read units. Pure. Where nothing is known, a table of ordinary size stands for it, and the estimate
says so.

Source: DynamoDB developer guide, "Capacity unit consumption": a page is rounded up as a whole, by
the sizes of what is evaluated; an item that a local index does not hold is fetched, each by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, sqrt
from typing import Literal

import msgspec
from msgspec.structs import replace

from dynamorm_async.plan.fitting import Fit
from dynamorm_async.plan.question import Question
from dynamorm_async.wire import LIMITS, read_units

PAGE_BYTES = 1024 * 1024
Confidence = Literal["observed", "known", "assumed"]
Form = tuple[object, ...]

_ASSUMED_ITEMS = 10_000
_ASSUMED_BYTES = 400
_ASSUMED_PART = 0.4  # of an item that an index holds which does not hold all
# Of the items of a partition, by what is said of the sort key.
_SHARES = {None: 1.0, "begins_with": 0.1, "between": 0.25}
_ONE_SIDED = 0.5
_NEWEST = 0.3  # what the last query counts in an average
_MOST_OBSERVED = 256
_KEPT = 0.5  # of the items read, by any filter


class Size(msgspec.Struct, frozen=True, kw_only=True):
    """How large a table or an index is.

    Attributes:
        items: Items in it.
        bytes: Bytes of them all.
        is_active: Whether it may be queried; an index that is being built is not.
    """

    items: int
    bytes: int
    is_active: bool = True

    @property
    def average(self) -> float:
        """Bytes of an item."""
        return self.bytes / self.items if self.items else 0.0


class Statistics(msgspec.Struct, frozen=True):
    """Sizes of a table and its indexes; a new object whenever they change.

    Attributes:
        table: The table's, or None where nobody has looked.
        indexes: Index name to the index's.
        observed: Access and form of a key condition to the items that such queries evaluated.
    """

    table: Size | None = None
    indexes: Mapping[str, Size] = {}
    observed: Mapping[tuple[str | None, Form], float] = {}

    def without_observed(self) -> Statistics:
        """Return the sizes alone."""
        return replace(self, observed={}) if self.observed else self

    def with_observed(self, access: str | None, form: Form, rows: int) -> Statistics:
        """Return the statistics after a whole query of a form; the same object where it tells nothing new.

        A moving average, which takes effect where it has moved by half, so that plans that were made
        are not made anew for each query.
        """
        known = self.observed.get((access, form))
        average = rows if known is None else known + _NEWEST * (rows - known)
        if known is not None and known / 1.5 - 1 <= average <= known * 1.5 + 1:
            return self
        observed = {**self.observed, (access, form): float(average)}
        while len(observed) > _MOST_OBSERVED:
            del observed[next(iter(observed))]
        return replace(self, observed=observed)


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What a query is expected to read, up to its limit.

    Attributes:
        rows: Items evaluated.
        read_units: Read units.
        requests: Requests.
        confidence: "observed" where such queries were sent before, "known" where the table's size is,
            "assumed" where a table of ordinary size stands for it.
    """

    rows: float
    read_units: float
    requests: int
    confidence: Confidence


def cost_of_query(
    fit: Fit, question: Question, statistics: Statistics, *, fetches: bool, hydrates: bool
) -> Cost:
    """Return what a query over an access costs.

    Args:
        fit: How the access answers it.
        question: Its options.
        statistics: What is known of the table.
        fetches: Whether the service fetches each item's rest from the table.
        hydrates: Whether that is done by whoever asks, of the items that the filter leaves.
    """
    size, known = _size(statistics, fit.access.name, whole=fit.access.is_whole)
    in_partition = sqrt(size.items)
    seen = statistics.observed.get((fit.access.name, fit.key.form))
    if fit.is_one_item:
        rows = 1.0
    elif seen is not None:
        rows = max(seen, 1.0)
    else:
        # Behind an equality a range is one of few items.
        is_narrow = fit.bound > 1 or fit.operator == "="
        share = 0.0 if is_narrow else _SHARES.get(fit.operator, _ONE_SIDED)
        rows = min(max(in_partition * share, 1.0), float(max(size.items, 1)))
    rows = _limited(rows, question, filtered=bool(fit.filters))
    fetched = rows * _unit_of_item(statistics, consistent=question.consistent) if fetches else 0.0
    confidence: Confidence = "observed" if seen is not None else "known" if known else "assumed"
    cost = _cost(rows, size, question, confidence=confidence, more=fetched)
    return _hydrated(cost, question, statistics, filtered=bool(fit.filters)) if hydrates else cost


def cost_of_scan(
    index: str | None,
    question: Question,
    statistics: Statistics,
    *,
    filtered: bool,
    hydrates: bool = False,
) -> Cost:
    """Return what reading a whole table or index costs."""
    size, known = _size(statistics, index, whole=index is None)
    rows = _limited(float(size.items), question, filtered=filtered)
    cost = _cost(rows, size, question, confidence="known" if known else "assumed", more=0.0)
    return _hydrated(cost, question, statistics, filtered=filtered) if hydrates else cost


def _hydrated(cost: Cost, question: Question, statistics: Statistics, *, filtered: bool) -> Cost:
    """Return a cost with that of reading the items from the table, each rounded up by itself."""
    fetched = cost.rows * (_KEPT if filtered else 1.0)
    units = fetched * _unit_of_item(statistics, consistent=question.fresh)
    return replace(
        cost,
        read_units=round(cost.read_units + units, 1),
        requests=cost.requests + ceil(fetched / LIMITS.batch_keys),
    )


def _unit_of_item(statistics: Statistics, *, consistent: bool) -> float:
    item, _ = _size(statistics, None, whole=True)
    return read_units(ceil(item.average), consistent=consistent)


def _size(statistics: Statistics, index: str | None, *, whole: bool) -> tuple[Size, bool]:
    found = statistics.table if index is None else statistics.indexes.get(index)
    table = statistics.table
    average = (table.average if table is not None else 0.0) or _ASSUMED_BYTES
    # An index is counted within hours of being built; until then it says 0, whatever it holds.
    is_counted = index is None or table is None or not table.items
    if found is not None and (found.items or is_counted):
        # Some engines count items and weigh none; nothing would then cost anything.
        is_weighed = found.bytes > 0 or found.items == 0
        return (found if is_weighed else replace(found, bytes=ceil(found.items * average))), True
    items = table.items if table is not None else _ASSUMED_ITEMS
    return Size(items=items, bytes=ceil(items * average * (1.0 if whole else _ASSUMED_PART))), False


def _limited(rows: float, question: Question, *, filtered: bool) -> float:
    if question.limit is None:
        return rows
    wanted = question.limit + question.offset
    return min(rows, wanted / _KEPT if filtered else wanted)


def _cost(rows: float, size: Size, question: Question, *, confidence: Confidence, more: float) -> Cost:
    read = rows * size.average
    pages = ceil(read / PAGE_BYTES) if question.page_size is None else ceil(rows / question.page_size)
    pages = max(pages, 1)
    # Each page is rounded up by itself.
    units = pages * read_units(ceil(read / pages), consistent=question.consistent)
    return Cost(
        rows=round(rows, 1),
        read_units=round(units + more, 1),
        requests=pages,
        confidence=confidence,
    )
