"""Bring one table to what is wanted: look, take the steps that are left, wait for each, look again.

What counts is what is there. Another process may have been faster, and an answer may have been
lost; so nothing is believed of a refusal, and nothing is repeated, without another look.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial

import anyio
import attrs

from dynamorm_async.admin.asking import NO_POLICY, Asking
from dynamorm_async.admin.changes import changes, is_done, mismatch
from dynamorm_async.admin.found import FoundTable, found_table
from dynamorm_async.admin.shapes import TableShape
from dynamorm_async.admin.steps import Removal, TableChanges, TableStep
from dynamorm_async.admin.waiting import Watch
from dynamorm_async.errors import (
    DynamormError,
    QuotaReached,
    RequestRefused,
    ServerFault,
    ServiceError,
    TableInUse,
    TableNotFound,
    TableNotReady,
    Throttled,
    TransportError,
)
from dynamorm_async.wire import Repeat

_BUSY = (Throttled, QuotaReached, ServerFault)


@attrs.frozen
class Bringing:
    """One verb's work on one table."""

    _ask: Asking
    _watch: Watch

    async def bring(
        self,
        want: TableShape,
        allow: Collection[Removal],
        *,
        dry_run: bool,
        is_there: bool = False,
        creating: anyio.Lock | None = None,
    ) -> TableChanges:
        """Carry out the steps between what is there and what is wanted, and return them.

        Args:
            want: What the table should be.
            allow: What may be taken away.
            dry_run: Look and say what would be done.
            is_there: Whether a table that is missing is an error.
            creating: Held while a table with indexes is created.
        """
        changes(want, None, allow=allow)  # a name in it that is none is refused before anything is sent
        done: list[TableStep] = []
        refusal: tuple[str, DynamormError] | None = None
        while True:
            have = await self._look(want, is_there=is_there, wait=not dry_run)
            plan = changes(want, have, allow=allow)
            if dry_run:
                return plan
            if (error := mismatch(plan)) is not None:
                raise error
            rest = [step for step in plan.to_do if step.name not in {each.name for each in done}]
            if refusal is not None and refusal[0] in {step.name for step in rest}:
                raise refusal[1]
            refusal = await self._carry_all_out(rest, done, creating)
            if all(step in done for step in rest):
                return attrs.evolve(plan, steps=(*done, *plan.left))
            is_there = is_there or have is not None or bool(done)

    async def _carry_all_out(
        self, steps: list[TableStep], done: list[TableStep], creating: anyio.Lock | None
    ) -> tuple[str, DynamormError] | None:
        """Carry steps out until one can't be, now or at all; return the one that was refused, and why."""
        total = len(done) + len(steps)
        for step in steps:
            self._watch.begin(step, len(done) + 1, total)
            try:
                if creating is not None and step.request.get("GlobalSecondaryIndexes"):
                    async with creating:
                        await self.carry_out(step)
                else:
                    await self.carry_out(step)
            except TableInUse:
                await self._watch.pause("in use by another change")
                return None
            except _BUSY as error:
                await self._watch.bear(error, step.operation)
                return None
            except ServiceError as error:
                if isinstance(error, RequestRefused | TableNotFound) or error.service_code == NO_POLICY:
                    return step.name, error
                raise
            self._watch.tell("done")
            done.append(step)
        return None

    async def carry_out(self, step: TableStep, *, repeat: Repeat = Repeat.HARMLESS) -> None:
        """Send a step and wait until the table shows it."""
        watch = self._watch
        await self._ask.call(step.operation, step.request, watch.table, watch.deadline, repeat=repeat)
        watch.recovered(step.operation)
        if step.operation in ("CreateTable", "UpdateTable"):
            await self.until(partial(is_done, step), is_there=step.operation == "UpdateTable")

    async def until(self, holds: Callable[[FoundTable], bool], *, is_there: bool) -> FoundTable:
        """Wait until something holds of the table, and return it.

        Args:
            holds: What has to hold.
            is_there: Whether a table that is missing is an error; it is one from when it was seen.
        """
        while True:
            # The service may not know a new table at once.
            have = await self._glimpse(is_there=is_there)
            if have is not None and holds(have):
                return have
            is_there = have is not None
            if have is None:
                await self._watch.pause("not there yet")
            else:
                await self._pause(have)

    async def until_gone(self) -> None:
        """Wait until there is no such table."""
        while (have := await self._glimpse(is_there=False)) is not None:
            await self._watch.pause(have.state)

    async def _look(self, want: TableShape, *, is_there: bool, wait: bool) -> FoundTable | None:
        """Return the table with all that is wanted of it; None where it is missing, or soon will be."""
        while True:
            have = await self._glimpse(is_there=is_there)
            is_going = have is not None and have.status == "DELETING"
            if have is None or (is_going and not wait):
                return None
            if have.is_ready or not wait:
                return await self._completed(want, have)
            is_there = is_there or not is_going
            await self._pause(have)

    async def _completed(self, want: TableShape, have: FoundTable) -> FoundTable:
        """Return a table with what DescribeTable does not say, as far as it is wanted."""
        table, deadline, settings = self._watch.table, self._watch.deadline, want.settings
        found = have
        if want.ttl is not None or settings.time_to_live is not None:
            found = found.with_ttl(await self._ask.ttl(table, deadline))
        if settings.tags is not None:
            found = found.with_tags(await self._ask.tags(table, have.arn, deadline))
        if settings.recovery_days is not None:
            found = found.with_backups(await self._ask.backups(table, deadline))
        if settings.insights is not None:
            found = found.with_insights(await self._ask.insights(table, deadline))
        if settings.resource_policy is not None:
            found = found.with_policy(await self._ask.policy(table, have.arn, deadline))
        return found

    async def _glimpse(self, *, is_there: bool) -> FoundTable | None:
        watch = self._watch
        while True:
            try:
                described = await self._ask.describe(watch.table, watch.deadline)
            except TableNotFound:
                if is_there:
                    raise
                return None
            except (*_BUSY, TransportError) as error:
                await watch.bear(error, "DescribeTable")
            else:
                watch.recovered("DescribeTable")
                return found_table(described)

    async def _pause(self, have: FoundTable) -> None:
        if have.is_stuck:
            raise TableNotReady(
                f"the table {self._watch.table} is {have.state}, and stays so",
                status=have.state,
                fix="give back access to its key, or restore it from the backup of its archiving",
                table=self._watch.table,
            )
        await self._watch.pause(have.state)
