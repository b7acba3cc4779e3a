"""Which error a failed condition of a write is, and what it says.

Takes what the write demanded and the service's refusal; gives ConditionFailed, or VersionConflict
where a held version was lost. The refusal holds the stored item, which tells the two apart.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Literal

import msgspec

from dynamorm_async.errors import (
    ConditionFailed,
    DynamormError,
    ServiceError,
    VersionConflict,
    quoted,
)
from dynamorm_async.expressions import Condition, readable
from dynamorm_async.plan.keys import KeyParts
from dynamorm_async.plan.plan import as_it_is
from dynamorm_async.plan.target import Target

_CONDITION_CODE = "ConditionalCheckFailedException"


class Demand(msgspec.Struct, frozen=True, kw_only=True):
    """What a write demands of the stored item.

    Attributes:
        condition: What is sent: the library's own demands and the user's `when=`; or None.
        held: The version that the instance holds and that must be the stored one, or None.
        absent: Whether the item must be absent ("demanded"), must be there ("refused"), or
            neither ("fine").
        no_version: Whether the stored item may have no version.
    """

    condition: Condition[Any] | None = None
    held: int | None = None
    absent: Literal["demanded", "refused", "fine"] = "fine"
    no_version: bool = False

    @property
    def text(self) -> str | None:
        """The condition, readable, or None."""
        return None if self.condition is None else readable(self.condition)


def refusal(target: Target[Any], parts: KeyParts, demand: Demand) -> Callable[[ServiceError], DynamormError]:
    """Return what makes our error of the service's, and leaves all but failed conditions alone."""
    if demand.condition is None:
        return as_it_is

    def refused(error: ServiceError) -> DynamormError:
        if error.service_code != _CONDITION_CODE:
            return error
        is_there = b'"Item"' in error.body
        stored = _stored_version(target, error) if is_there else None
        lost = demand.held is not None and (stored != demand.held if is_there else demand.absent == "refused")
        cls = VersionConflict if lost else ConditionFailed
        what, why, fix = _told(demand, is_there=is_there, lost=lost, stored=stored)
        return cls(
            f"{error.operation} of {target.spec.name} {shown(parts)}: {what}",
            why=why,
            fix=fix,
            operation=error.operation,
            table=target.table,
            key=parts.values,
            item=_stored_item(target, error) if is_there else None,
            condition=demand.text,
            service_code=error.service_code,
            request_id=error.request_id,
            attempts=error.attempts,
            elapsed=error.elapsed,
        )

    return refused


def shown(parts: KeyParts) -> str:
    """Return a key for error texts."""
    values = tuple(parts.values.values())
    return quoted(values[0] if len(values) == 1 else values)


def _told(demand: Demand, *, is_there: bool, lost: bool, stored: Decimal | None) -> tuple[str, str, str]:
    """Return what, why and fix."""
    if lost and is_there:
        found = "no version" if stored is None else f"version {stored}"
        return (
            "another writer was faster",
            f"version {demand.held} is held, and {found} is stored",
            "read the item again and repeat the change (db.retry_on_conflict does)",
        )
    if lost:
        return (
            "the item is gone",
            f"version {demand.held} is held, and no item is stored",
            "read again and decide; create(...) stores it anew",
        )
    if is_there and demand.absent == "demanded":
        return (
            "an item with this key is already stored",
            f"demanded {demand.text}",
            "choose another key, or write over it with put(...) or upsert(...)",
        )
    if not is_there and demand.absent == "refused":
        return (
            "no item with this key is stored",
            f"demanded {demand.text}",
            "create(...) it first, or use upsert(...)",
        )
    if demand.no_version and stored is not None:
        return (
            "the stored item has a version and the instance holds none",
            f"demanded {demand.text}, and version {stored} is stored",
            "read the item and change what was read, or use update(...) or upsert(...)",
        )
    found = "the stored item does not meet it" if is_there else "no item is stored"
    return (
        "the condition does not hold",
        f"demanded {demand.text}, and {found}",
        "look at error.item: what is stored decides what to do",
    )


def _stored_item(target: Target[Any], error: ServiceError) -> Any:
    """Return the item that the condition met, or None where the model cannot read it."""
    try:
        return target.record.decode_item(error.body)
    except DynamormError:
        # The failed condition is the news; an item of another shape must not hide it.
        return None


def _stored_version(target: Target[Any], error: ServiceError) -> Decimal | None:
    version = target.spec.version
    try:
        text = None if version is None else target.record.stored_text(error.body, version.attribute)
        return None if text is None else Decimal(text)
    except (DynamormError, ArithmeticError):
        return None
