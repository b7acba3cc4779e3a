"""How often a write may be applied where an answer is lost: as compiled, or as the caller chose.

Takes the plan of one write; gives the same write, carried so that it is applied at least once.
What a write allows by itself is decided in `single`. Pure.
"""

from __future__ import annotations

from typing import TypeVar

from msgspec.structs import replace

from dynamorm_async.plan.plan import Plan
from dynamorm_async.wire import Repeat

R = TypeVar("R")


def delivered(plan: Plan[R], *, retry_ambiguous: bool = False) -> Plan[R]:
    """Return the plan of a write, delivered as the caller asks; most are left as they are.

    Args:
        plan: One write.
        retry_ambiguous: Whether it may be sent again although it may then be applied twice. What
            may be sent again anyway stays as it is.
    """
    if retry_ambiguous and plan.first.repeat is Repeat.NEVER:
        return replace(plan, first=replace(plan.first, repeat=Repeat.ACCEPTED))
    return plan
