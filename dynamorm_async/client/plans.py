"""The verbs of a table as plans: what each would send, shown and priced without sending it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar, overload
from uuid import uuid4

from dynamorm_async.expressions import Condition, Path, Update
from dynamorm_async.plan import (
    BatchPlan,
    Draft,
    Duplicates,
    Plan,
    Question,
    Returning,
    Target,
    Verbs,
    Walk,
    carried,
    delivered,
    prepare,
    verbs_of,
)
from dynamorm_async.plan import batch_delete as plan_batch_delete
from dynamorm_async.plan import batch_get as plan_batch_get
from dynamorm_async.plan import batch_put as plan_batch_put
from dynamorm_async.plan import find as plan_find
from dynamorm_async.plan import get as plan_get

M = TypeVar("M")
V = TypeVar("V")


def new_token() -> str:
    """Return a text for one idempotent write; no other one has it."""
    return str(uuid4())


class Plans(Generic[M]):
    """One method for each verb of `Table`, with the same arguments; each returns a `Plan`.

    `print(bookmarks.plan.get("ana", "aws"))` shows operation, cost and request. The time of a
    write is taken when its plan is made, and so is the token of an idempotent one. Of a write that
    changes a unique field it is the first call; others may follow it.
    """

    def __init__(
        self, target: Target[M], now: Callable[[], datetime], token: Callable[[], str] = new_token
    ) -> None:
        self._target = target
        self._now = now
        self._token = token
        # What keeps unique values is chosen here, so that no other model pays for it at a call.
        self._verbs: Verbs = verbs_of(target)
        self._deliver: Callable[..., Plan[Any]] = self._carried if target.is_unique else delivered

    def get(self, *key: object, consistent: bool = False) -> Plan[M]:
        """Plan one GetItem whose absent item is ItemNotFound."""
        return plan_get(self._target, key, consistent=consistent)

    def find(self, *key: object, consistent: bool = False) -> Plan[M | None]:
        """Plan one GetItem whose absent item is None."""
        return plan_find(self._target, key, consistent=consistent)

    def create(
        self,
        item: M,
        *,
        when: Condition[M] | None = None,
        idempotent: bool = False,
        retry_ambiguous: bool = False,
    ) -> Plan[M]:
        """Plan one PutItem that fails where the key is taken."""
        plan = self._verbs.create(self._target, item, now=self._now(), when=when)
        return self._deliver(
            plan, retry_ambiguous=retry_ambiguous, token=self._token() if idempotent else None
        )

    def put(
        self,
        item: M,
        *,
        when: Condition[M] | None = None,
        idempotent: bool = False,
        retry_ambiguous: bool = False,
    ) -> Plan[M]:
        """Plan one PutItem that overwrites."""
        plan = self._verbs.put(self._target, item, now=self._now(), when=when)
        return self._deliver(
            plan, retry_ambiguous=retry_ambiguous, token=self._token() if idempotent else None
        )

    def save(
        self,
        item: M,
        *,
        fields: Sequence[Path[M, Any] | str] | None = None,
        when: Condition[M] | None = None,
        retry_ambiguous: bool = False,
    ) -> Plan[M]:
        """Plan one UpdateItem of an instance's fields."""
        plan = self._verbs.save(self._target, item, now=self._now(), fields=fields, when=when)
        return self._deliver(plan, retry_ambiguous=retry_ambiguous)

    def upsert(self, item: M, *, when: Condition[M] | None = None, retry_ambiguous: bool = False) -> Plan[M]:
        """Plan one UpdateItem that creates the item or writes over its fields."""
        plan = self._verbs.upsert(self._target, item, now=self._now(), when=when)
        return self._deliver(plan, retry_ambiguous=retry_ambiguous)

    @overload
    def update(
        self,
        key: object,
        *updates: Update[M],
        when: Condition[M] | None = None,
        returning: Literal["NONE"] = "NONE",
        idempotent: bool = False,
        retry_ambiguous: bool = False,
    ) -> Plan[None]: ...
    @overload
    def update(
        self,
        key: object,
        *updates: Update[M],
        when: Condition[M] | None = None,
        returning: Literal["ALL_OLD", "ALL_NEW"],
        retry_ambiguous: bool = False,
    ) -> Plan[M]: ...
    @overload
    def update(
        self,
        key: object,
        *updates: Update[M],
        when: Condition[M] | None = None,
        returning: Literal["UPDATED_OLD", "UPDATED_NEW"],
        retry_ambiguous: bool = False,
    ) -> Plan[dict[str, Any]]: ...
    def update(
        self,
        key: object,
        *updates: Update[M],
        when: Condition[M] | None = None,
        returning: Returning = "NONE",
        idempotent: bool = False,
        retry_ambiguous: bool = False,
    ) -> Plan[Any]:
        """Plan one UpdateItem of an item that must be there."""
        plan = self._verbs.update(self._target, key, updates, now=self._now(), when=when, returning=returning)
        token = self._token() if idempotent else None
        return self._deliver(plan, retry_ambiguous=retry_ambiguous, token=token, returning=returning)

    def delete(
        self,
        *key: object,
        when: Condition[M] | None = None,
        idempotent: bool = False,
        retry_ambiguous: bool = False,
    ) -> Plan[None]:
        """Plan one DeleteItem."""
        plan = self._verbs.delete(self._target, key, when=when)
        return self._deliver(
            plan, retry_ambiguous=retry_ambiguous, token=self._token() if idempotent else None
        )

    @overload
    def batch_get(
        self, keys: Iterable[object], *, select: None = None, consistent: bool = False
    ) -> BatchPlan[list[M | None]]: ...
    @overload
    def batch_get(
        self, keys: Iterable[object], *, select: type[V], consistent: bool = False
    ) -> BatchPlan[list[V | None]]: ...
    @overload
    def batch_get(
        self, keys: Iterable[object], *, select: Sequence[Path[M, Any] | str], consistent: bool = False
    ) -> BatchPlan[list[dict[str, Any] | None]]: ...
    def batch_get(
        self,
        keys: Iterable[object],
        *,
        select: type[Any] | Sequence[Path[M, Any] | str] | None = None,
        consistent: bool = False,
    ) -> BatchPlan[list[Any]]:
        """Plan the BatchGetItem calls of many keys."""
        return plan_batch_get(self._target, keys, consistent=consistent, select=select)

    def batch_put(
        self, items: Iterable[M], *, duplicates: Duplicates = "refuse", unchecked: bool = False
    ) -> BatchPlan[list[M]]:
        """Plan the BatchWriteItem calls of many items."""
        return plan_batch_put(
            self._target, items, now=self._now(), duplicates=duplicates, unchecked=unchecked
        )

    def batch_delete(
        self, keys: Iterable[object], *, duplicates: Duplicates = "refuse", unchecked: bool = False
    ) -> BatchPlan[None]:
        """Plan the BatchWriteItem calls that delete many items."""
        return plan_batch_delete(self._target, keys, duplicates=duplicates, unchecked=unchecked)

    def where(self, *conditions: Condition[M]) -> Walk[M]:
        """Plan a query, page by page; `Table.where` has all of its options, and `plan()`."""
        return self._walk(Question(conditions=conditions))

    def scan(self, *filters: Condition[M], consistent: bool = False) -> Walk[M]:
        """Plan a scan, page by page."""
        return self._walk(Question(conditions=filters, is_scan=True, consistent=consistent))

    def _carried(
        self,
        plan: Plan[Any],
        *,
        retry_ambiguous: bool = False,
        token: str | None = None,
        returning: Returning = "NONE",
    ) -> Plan[Any]:
        if not isinstance(plan, Draft):
            return delivered(plan, retry_ambiguous=retry_ambiguous, token=token, returning=returning)
        return carried(
            plan,
            token=self._token() if token is None else token,
            idempotent=token is not None,
            retry_ambiguous=retry_ambiguous,
        )

    def _walk(self, question: Question) -> Walk[M]:
        return Walk(query=prepare(self._target, question))
