"""A table as one model sees it: the verbs of single items."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, Literal, TypeVar, overload

from dynamorm_async.client.plans import Plans
from dynamorm_async.client.query import Asking, Query, Selection
from dynamorm_async.errors import InvalidRequest
from dynamorm_async.executors import one
from dynamorm_async.expressions import Condition, Path, Update
from dynamorm_async.plan import QueryPlan, Question, Returning, Target, WorkUnit, plan_of
from dynamorm_async.plan import find as plan_find
from dynamorm_async.plan import get as plan_get
from dynamorm_async.plan import update as plan_update

M = TypeVar("M")


class Table(Generic[M]):
    """A table handle for model `M`, from `db.table(Model)`; cheap, and safe to share between tasks.

    A key is what the model's key has: `get("ana", "aws")`, and wherever one argument stands for a
    key, a tuple `("ana", "aws")`, a bare value, `Key(Bookmark, "ana", "aws")`, or an instance.

    Every verb takes `timeout=`, in seconds for the whole verb, and may raise:

        InvalidRequest: before anything is sent: a wrong key, value, condition or change.
        TableNotFound, AccessDenied, CredentialsError, Throttled, ServiceError: the service's answer.
        EndpointUnreachable, CallTimeout, ConnectionLost, ProtocolError: no usable answer came.
        OutcomeUnknown: a write was sent, and nobody knows whether it was applied.

    Instances handed in are never changed; the verbs that write return the stored one.
    """

    def __init__(self, target: Target[M], asking: Asking) -> None:
        self._target = target
        self._asking = asking
        self._send = asking.send
        self._now = asking.now
        self.plan = Plans(target, asking.now)

    @property
    def name(self) -> str:
        """The table's name or ARN, as it is sent."""
        return self._target.table

    @property
    def model(self) -> type[M]:
        """The model."""
        return self._target.spec.cls

    def __repr__(self) -> str:
        return f"<Table {self.name} of {self.model.__name__}>"

    async def get(self, *key: object, consistent: bool = False, timeout: float | None = None) -> M:
        """Return the item of a key. One GetItem: half a read unit for each 4 KB.

        Args:
            key: The key's values.
            consistent: Read what was written last; twice the price.
            timeout: Seconds.

        Raises:
            ItemNotFound: There is no such item.
            InvalidValue: The stored item does not fit the model; the text has the path.
        """
        return await one(plan_get(self._target, key, consistent=consistent), self._send, timeout=timeout)

    async def find(self, *key: object, consistent: bool = False, timeout: float | None = None) -> M | None:
        """Return the item of a key, or None where there is none; otherwise like `get`."""
        return await one(plan_find(self._target, key, consistent=consistent), self._send, timeout=timeout)

    async def create(self, item: M, *, when: Condition[M] | None = None, timeout: float | None = None) -> M:
        """Store a new item and return it as stored: created and updated now, version 0.

        One PutItem under the condition that the key is free: one write unit for each 1 KB.

        Raises:
            ConditionFailed: An item of this key is stored (`error.item`); it stays as it is.
        """
        return await one(self.plan.create(item, when=when), self._send, timeout=timeout)

    async def put(self, item: M, *, when: Condition[M] | None = None, timeout: float | None = None) -> M:
        """Store an item over whatever is there, and return it as stored.

        One PutItem, without a condition unless the instance holds a version, which must then be the
        stored one. created is kept where the instance has it.

        Raises:
            VersionConflict: The stored version is another than the instance's, or the item is gone.
            ConditionFailed: `when` does not hold.
        """
        return await one(self.plan.put(item, when=when), self._send, timeout=timeout)

    async def save(
        self,
        item: M,
        *,
        fields: Sequence[Path[M, Any] | str] | None = None,
        when: Condition[M] | None = None,
        timeout: float | None = None,
    ) -> M:
        """Write an instance's fields over the stored ones and return the item as it is then stored.

        One UpdateItem. The version must be the stored one and goes up by one; an instance without
        one demands that none is stored. Attributes without a field and created stay untouched.

        Args:
            item: The instance.
            fields: Write only these (and updated and version), `[Bookmark.title]`.
            when: A further condition.
            timeout: Seconds.

        Raises:
            VersionConflict: Another writer was faster, or the item is gone; `error.item` is what is
                stored. `db.retry_on_conflict` reads again and repeats.
            ConditionFailed: There is no such item, or `when` does not hold.
            InvalidExpression: `fields` names a key or an unknown field.
        """
        plan = self.plan.save(item, fields=fields, when=when)
        return await one(plan, self._send, timeout=timeout)

    async def upsert(self, item: M, *, when: Condition[M] | None = None, timeout: float | None = None) -> M:
        """Create the item or write its fields over the stored ones; return it as it is then stored.

        One UpdateItem. The stored created is kept; the version starts at 0 or goes up by one. An
        instance that holds a version demands that this one, or no item, is stored.

        Raises:
            VersionConflict: The instance holds a version and another one is stored.
            ConditionFailed: `when` does not hold.
        """
        return await one(self.plan.upsert(item, when=when), self._send, timeout=timeout)

    @overload
    async def update(
        self,
        key: object,
        *updates: Update[M],
        when: Condition[M] | None = None,
        returning: Literal["NONE"] = "NONE",
        timeout: float | None = None,
    ) -> None: ...
    @overload
    async def update(
        self,
        key: object,
        *updates: Update[M],
        when: Condition[M] | None = None,
        returning: Literal["ALL_OLD", "ALL_NEW"],
        timeout: float | None = None,
    ) -> M: ...
    @overload
    async def update(
        self,
        key: object,
        *updates: Update[M],
        when: Condition[M] | None = None,
        returning: Literal["UPDATED_OLD", "UPDATED_NEW"],
        timeout: float | None = None,
    ) -> dict[str, Any]: ...
    async def update(
        self,
        key: object,
        *updates: Update[M],
        when: Condition[M] | None = None,
        returning: Returning = "NONE",
        timeout: float | None = None,
    ) -> M | dict[str, Any] | None:
        """Change an item that must be there: `update(key, Bookmark.visits.add(1))`.

        One UpdateItem. updated and the version are written along; an instance as key brings the
        version that it holds as a condition.

        Args:
            key: The key, in any form; an instance brings its version.
            updates: The changes; each attribute once.
            when: A condition on the item before the change.
            returning: "NONE"; the whole item with "ALL_OLD" or "ALL_NEW"; or, with "UPDATED_OLD" and
                "UPDATED_NEW", a dict of the changed fields, where a field of which a part was
                changed is a JSON-like value of that part.
            timeout: Seconds.

        Raises:
            ConditionFailed: There is no such item (`error.item` is None), or `when` does not hold.
            VersionConflict: The instance's version is not the stored one.
            InvalidExpression: A key is changed, changes overlap, or only a part of a template's
                fields is given.
            OutcomeUnknown: An answer was lost. A change that would add up (`add`, `append`, any
                change that raises a version) is not repeated then, nor one that returns old values.
        """
        plan = plan_update(self._target, key, updates, now=self._now(), when=when, returning=returning)
        result: M | dict[str, Any] | None = await one(plan, self._send, timeout=timeout)
        return result

    async def delete(
        self, *key: object, when: Condition[M] | None = None, timeout: float | None = None
    ) -> None:
        """Delete an item; one that is absent is fine unless something is demanded of it.

        One DeleteItem. An instance as key brings the version that it holds as a condition.

        Raises:
            VersionConflict: The instance's version is not the stored one, or the item is gone.
            ConditionFailed: `when` does not hold.
        """
        return await one(self.plan.delete(*key, when=when), self._send, timeout=timeout)

    def where(self, *conditions: Condition[M]) -> Query[M]:
        """Return a query for the items that meet all of these conditions, in any order.

        Nothing is sent until it is iterated, listed or counted. A partition key that is compared
        with `==` is queried; anything else needs `allow_scan()`.

        Raises:
            InvalidExpression, NoUsableIndex: By what ends the query, before anything is sent: two
                conditions contradict each other, or no key answers them completely.
        """
        return Query(self._target, Question(conditions=conditions), self._asking)

    def scan(self, *filters: Condition[M], consistent: bool = False) -> Query[M]:
        """Return a query that reads the whole table, page by page, and keeps what the filters keep.

        Nothing is sent until it is iterated or listed. Every item is paid for, kept or not.
        """
        question = Question(conditions=filters, is_scan=True, consistent=consistent)
        return Query(self._target, question, self._asking)

    def run(self, unit: WorkUnit) -> Selection[M, Any]:
        """Return the query of one work unit of `scan(...).split(n)`, here or in another process.

        It gives what the scan would: instances, or dicts where fields were selected. `start(cursor)`
        goes on where one stopped, at a BudgetSpent's `cursor`.

        Raises:
            InvalidRequest: By what ends it: the unit is of another model or table, or forged; or it is
                refined, which is the scan's matter.
        """
        asked = Question(is_scan=True)

        def planner(question: Question, index: str | None) -> QueryPlan[Any]:
            del index  # a unit has its own; a cursor of another one is foreign to it
            if question != asked:
                raise InvalidRequest(
                    "a work unit is run as it is",
                    fix="refine the scan before split(...)",
                    code="client.refined-unit",
                )
            statistics = self._asking.known.of(self._target.table)
            return plan_of(self._target, unit, statistics=statistics)

        return Selection(self._target, asked, self._asking, planner=planner)
