"""The verbs that write single items: the plain ones, or those that keep unique values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Literal, Protocol, TypeVar

from dynamorm_async.expressions import Condition, Path, Update
from dynamorm_async.plan import single, unique
from dynamorm_async.plan.plan import Plan
from dynamorm_async.plan.single import Returning
from dynamorm_async.plan.target import Target

M = TypeVar("M")


class Verbs(Protocol):
    """The verbs that write one item: the module `single`, or `unique`."""

    def create(self, target: Target[M], item: M, *, now: datetime, when: Condition[M] | None) -> Plan[M]:
        """Plan a create."""
        ...

    def put(self, target: Target[M], item: M, *, now: datetime, when: Condition[M] | None) -> Plan[M]:
        """Plan a put."""
        ...

    def save(
        self,
        target: Target[M],
        item: M,
        *,
        now: datetime,
        fields: Sequence[Path[M, Any] | str] | None,
        when: Condition[M] | None,
        returning: Literal["NONE", "ALL_NEW"] = "ALL_NEW",
    ) -> Plan[M]:
        """Plan a save."""
        ...

    def upsert(
        self,
        target: Target[M],
        item: M,
        *,
        now: datetime,
        when: Condition[M] | None,
        returning: Literal["NONE", "ALL_NEW"] = "ALL_NEW",
    ) -> Plan[M]:
        """Plan an upsert."""
        ...

    def update(
        self,
        target: Target[M],
        key: object,
        updates: Iterable[Update[M]],
        *,
        now: datetime,
        when: Condition[M] | None,
        returning: Returning,
    ) -> Plan[Any]:
        """Plan an update."""
        ...

    def delete(self, target: Target[M], key: object, *, when: Condition[M] | None) -> Plan[None]:
        """Plan a delete."""
        ...


def verbs_of(target: Target[Any]) -> Verbs:
    """Return the verbs that write a model's items."""
    return unique if target.is_unique else single
