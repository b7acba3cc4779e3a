"""How often a write may be applied where an answer is lost: as compiled, or as the caller chose.

Takes the plan of one write; gives the same write, carried so that it is applied at least once, or
exactly once. What a write allows by itself is decided in `single`. Pure: a token is an argument.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from msgspec.structs import replace

from dynamorm_async.errors import DynamormError, InvalidRequest, ServiceError, TransactionFailed
from dynamorm_async.plan.plan import Estimate, Plan
from dynamorm_async.plan.reasons import error_alone
from dynamorm_async.plan.single import Returning
from dynamorm_async.plan.transact import written_together
from dynamorm_async.wire import Repeat

R = TypeVar("R")


def delivered(
    plan: Plan[R], *, retry_ambiguous: bool = False, token: str | None = None, returning: Returning = "NONE"
) -> Plan[R]:
    """Return the plan of a write, delivered as the caller asks; most are left as they are.

    Args:
        plan: One write.
        retry_ambiguous: Whether it may be sent again although it may then be applied twice. What
            may be sent again anyway stays as it is.
        token: A text that no other write has, at most 36 characters: the write is then the only one
            of a transaction, which the service carries out once for each token. None for none.
        returning: What an update returns.

    Raises:
        InvalidRequest: A token, and an update that returns something.
    """
    if token is not None:
        return _once(plan, token, returning)
    if retry_ambiguous and plan.first.repeat is Repeat.NEVER:
        return replace(plan, first=replace(plan.first, repeat=Repeat.ACCEPTED))
    return plan


def _once(plan: Plan[R], token: str, returning: Returning) -> Plan[R]:
    if returning != "NONE":
        raise InvalidRequest(
            f'an idempotent update cannot have returning="{returning}"',
            why="it is sent as a transaction, and a transaction returns no values",
            fix="leave returning= out and read the item afterwards, or leave idempotent= out",
            code="plan.idempotent-returning",
        )
    return replace(
        plan,
        first=written_together([plan.first], token),
        refused=_refused_alone(plan.refused),
        price=partial(_twice, plan),
    )


def _refused_alone(
    refused: Callable[[ServiceError], DynamormError],
) -> Callable[[ServiceError], DynamormError]:
    """Return what reads the cancellation of a transaction of one write as that write's own refusal."""

    def read(error: ServiceError) -> DynamormError:
        if isinstance(error, TransactionFailed) and len(error.reasons) == 1:
            return refused(error_alone(error, error.reasons[0]))
        return refused(error)

    return read


def _twice(plan: Plan[Any]) -> Estimate:
    # A transaction prepares and commits each write. Source: developer guide, "Amazon DynamoDB
    # Transactions: How it works", "Capacity management".
    return Estimate(write_units=2 * plan.estimate.write_units)
