"""Create, ensure, change, describe and delete tables, and wait until they are what was asked for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

import anyio
import attrs

from dynamorm_async.admin.asking import Asking, named
from dynamorm_async.admin.backups import BackupVerbs
from dynamorm_async.admin.changes import changes, mismatch
from dynamorm_async.admin.compatibility import Compatibility, compatibility
from dynamorm_async.admin.control import ControlPlane, Targets
from dynamorm_async.admin.diagram import diagram
from dynamorm_async.admin.found import FoundTable, found_table, sizes
from dynamorm_async.admin.settings import TableSettings
from dynamorm_async.admin.shapes import TableShape, wanted_with_claims
from dynamorm_async.admin.steps import Removal, TableChanges
from dynamorm_async.admin.waiting import OnTable
from dynamorm_async.errors import (
    AccessDenied,
    DynamormError,
    RequestRefused,
    ServiceError,
    TableNotFound,
    TableProtected,
    TablesFailed,
)
from dynamorm_async.plan import Statistics, claims_table
from dynamorm_async.wire import Repeat, Send

T = TypeVar("T")

_UNKNOWN_OPERATION = "UnknownOperationException"


class Admin(BackupVerbs):
    """The tables of a client; `db.admin`.

    Every verb takes `timeout=`, in seconds for everything including the wait; it raises TableNotReady
    (a CallTimeout) when a table does not become what was asked for in that time, and goes on where it
    stopped when it is called again. Verbs that wait take `on_progress=`, which is called with a
    TableProgress at each look.
    """

    def __init__(
        self,
        send: Send,
        *,
        target: Targets,
        learn: Callable[[str, Statistics], None] | None = None,
        sleep: Callable[[float], Awaitable[object]] = anyio.sleep,
        clock: Callable[[], float] = anyio.current_time,
    ) -> None:
        self._plane = ControlPlane(Asking(send, clock), target, clock, sleep)
        self._learn = learn

    async def create_table(
        self,
        *models: type[Any],
        name: str | None = None,
        settings: TableSettings | None = None,
        timeout: float = 300.0,
        on_progress: OnTable | None = None,
    ) -> TableShape:
        """Create the table of one or more models and wait until it is active.

        Keys, indexes and projections are the models'; time-to-live is turned on where a model has a
        ttl field; the rest is the settings', and on-demand billing where they say nothing. Where a model
        has unique fields, the table of claims on their values, `<table>-unique`, is made as well, with
        on-demand billing; here, in `ensure_table`, `update_table` and `delete_table`.

        Args:
            models: Models that share one table.
            name: The table's name, instead of the models' own.
            settings: What the table is beside its keys and indexes.
            timeout: Seconds.
            on_progress: Called with a TableProgress at each look.

        Raises:
            TableInUse: A table of this name exists.
            TableNotReady: It is not active at the end of the time.
            InvalidModel: The models disagree, are of different tables, or have too many indexes.
            InvalidRequest: A setting is none that the service takes.
        """
        wants = self._plane.wanted(models, name, settings)
        deadline = self._plane.deadline(timeout)
        for want in wants:
            watch = self._plane.watch(want.name, deadline - self._plane.clock(), on_progress)
            steps = changes(want, None).steps
            for number, step in enumerate(steps, 1):
                watch.begin(step, number, len(steps))
                await self._plane.on(watch).carry_out(step, repeat=Repeat.GUARDED)
        return wants[0]

    async def ensure_table(
        self,
        *models: type[Any],
        name: str | None = None,
        settings: TableSettings | None = None,
        allow: Collection[Removal] = (),
        dry_run: bool = False,
        timeout: float = 300.0,
        on_progress: OnTable | None = None,
    ) -> TableChanges:
        """Make sure that the table of one or more models is there, active, and what they say.

        Creates it where it is missing, after one that is being deleted is gone. Adds to one that is
        there what it lacks: indexes one at a time, each waited for, and what the settings say. What
        models and settings do not mention stays. Nothing that takes something away is done unless
        `allow` names it, and no index is dropped under deletion protection. Either all steps can be
        done, or none is begun. Safe to call from many processes at once, and again after a crash: it
        goes on with what is left.

        Args:
            models: Models that share one table.
            name: The table's name, instead of the models' own.
            settings: What the table is beside its keys and indexes.
            allow: What may be taken away: "drop_index", "disable_stream", "change_ttl", "untag",
                "shorten_recovery", "drop_policy", "unprotect".
            dry_run: Send nothing that changes anything; return what would be done.
            timeout: Seconds.
            on_progress: Called with a TableProgress at each look.

        Returns:
            The steps that were done (or would be, in a dry run) and those that were left.

        Raises:
            TableMismatch: It can't be made what they say, or not without what `allow` does not name;
                nothing was changed. Never in a dry run, whose answer has them as `refused`.
            TableNotReady: It was not ready at the end of the time.
            TableNotFound: It was deleted meanwhile.
            InvalidModel: The models disagree, are of different tables, or have too many indexes.
            InvalidRequest: A setting is none that the service takes, or `allow` names no action.
        """
        wants = self._plane.wanted(models, name, settings)
        return await self._bring(wants, timeout, on_progress, allow=allow, dry_run=dry_run)

    async def update_table(
        self,
        *models: type[Any],
        name: str | None = None,
        settings: TableSettings | None = None,
        allow: Collection[Removal] = (),
        dry_run: bool = False,
        timeout: float = 300.0,
        on_progress: OnTable | None = None,
    ) -> TableChanges:
        """Bring a table that is there to what its models and settings say; otherwise like `ensure_table`.

        Raises:
            TableNotFound: There is no such table, or it is being deleted.
            TableNotReady: It was still being created, or changed, at the end of the time.
            TableMismatch: As `ensure_table` does, and so are the rest.
        """
        wants = self._plane.wanted(models, name, settings)
        return await self._bring(wants, timeout, on_progress, allow=allow, dry_run=dry_run, is_there=True)

    async def _bring(
        self,
        wants: tuple[TableShape, ...],
        timeout: float,
        on_progress: OnTable | None,
        *,
        allow: Collection[Removal],
        dry_run: bool,
        **how: Any,
    ) -> TableChanges:
        """Bring a table to what is wanted, and that of its claims, if there is one, behind it."""
        if len(wants) == 1:
            bringing = self._plane.on(self._plane.watch(wants[0].name, timeout, on_progress))
            return await bringing.bring(wants[0], allow, dry_run=dry_run, **how)
        deadline = self._plane.deadline(timeout)
        table, claims = wants

        async def bring_both(*, dry_run: bool) -> tuple[TableChanges, TableChanges]:
            left = deadline - self._plane.clock()
            bringing = self._plane.on(self._plane.watch(table.name, left, on_progress))
            changed = await bringing.bring(table, allow, dry_run=dry_run, **how)
            left = deadline - self._plane.clock()
            bringing = self._plane.on(self._plane.watch(claims.name, left, on_progress))
            return changed, await bringing.bring(claims, (), dry_run=dry_run)

        if not dry_run:  # either all of both can be done, or nothing is begun
            for plan in await bring_both(dry_run=True):
                if (error := mismatch(plan)) is not None:
                    raise error
        changed, claimed = await bring_both(dry_run=dry_run)
        return attrs.evolve(changed, claims=claimed)

    async def ensure_tables(
        self,
        *models: type[Any],
        settings: TableSettings | None = None,
        allow: Collection[Removal] = (),
        dry_run: bool = False,
        concurrency: int = 10,
        timeout: float = 300.0,
        on_progress: OnTable | None = None,
    ) -> dict[str, TableChanges]:
        """Make sure of the tables of many models, several at the same time; otherwise like `ensure_table`.

        Models that name one table share it. Tables with indexes are created one after the other, as
        the service asks for. A table that fails stops none of the others.

        Args:
            models: Models of any tables.
            settings: The settings of every one of the tables.
            allow: As in `ensure_table`.
            dry_run: As in `ensure_table`.
            concurrency: Most tables at once.
            timeout: Seconds for all of them.
            on_progress: Called with a TableProgress of any of the tables.

        Returns:
            Table name to its changes.

        Raises:
            TablesFailed: Some of several could not be changed; the others were.
            DynamormError: As `ensure_table` raises it, where there is one table.
        """
        groups = [wanted_with_claims(targets, settings) for targets in self._plane.by_table(models).values()]
        limit, creating = anyio.Semaphore(concurrency), anyio.Lock()
        done: dict[str, TableChanges] = {}
        failed: dict[str, DynamormError] = {}

        async def bring(wants: tuple[TableShape, ...]) -> None:
            async with limit:
                left, name = deadline - self._plane.clock(), wants[0].name
                try:
                    done[name] = await self._bring(
                        wants, left, on_progress, allow=allow, dry_run=dry_run, creating=creating
                    )
                except DynamormError as error:
                    failed[name] = error

        deadline = self._plane.deadline(timeout)
        async with anyio.create_task_group() as tasks:
            for wants in groups:
                tasks.start_soon(partial(bring, wants))
        names = [wants[0].name for wants in groups]
        _check_all(failed, names)
        return {name: done[name] for name in names}

    async def check(
        self, *models: type[Any], settings: TableSettings | None = None, timeout: float = 30.0
    ) -> Compatibility:
        """Say whether the tables suit the models, before anything that uses them is released.

        A dry run of `ensure_tables` with nothing allowed: one DescribeTable for each table, and what the
        settings ask for. Nothing is changed.

        Args:
            models: Models of any tables.
            settings: The settings of every one of the tables.
            timeout: Seconds.

        Raises:
            InvalidModel: The models of a table disagree, or have too many indexes.
            AccessDenied: The identity may not look at a table. Of several tables, in TablesFailed.
        """
        plans = await self.ensure_tables(*models, settings=settings, dry_run=True, timeout=timeout)
        return compatibility(
            each for plan in plans.values() for each in (plan, plan.claims) if each is not None
        )

    def diagram(self, *models: type[Any]) -> str:
        """Return a picture of tables, indexes and models as text: a Mermaid `erDiagram`. Sends nothing.

        Args:
            models: Models of any tables.

        Raises:
            InvalidModel: The models of a table disagree, or have too many indexes.
        """
        return diagram(self._plane.by_table(models))

    async def describe_table(
        self, model: type[Any] | str, *, name: str | None = None, timeout: float = 30.0
    ) -> dict[str, Any]:
        """Return what the service says of a table: DescribeTable's `Table`, as JSON data.

        Args:
            model: A model, or a table's name as it is.
            name: The table's name, instead of the model's own.
            timeout: Seconds.

        Raises:
            TableNotFound: There is no such table.
        """
        return await self._plane.ask.describe(self._plane.named(model, name), self._plane.deadline(timeout))

    async def inspect_table(
        self, model: type[Any] | str, *, name: str | None = None, timeout: float = 30.0
    ) -> FoundTable:
        """Return everything a table is: keys, indexes, settings, time-to-live, tags, and so on.

        One DescribeTable, DescribeTimeToLive, ListTagsOfResource, DescribeContinuousBackups,
        DescribeContributorInsights and GetResourcePolicy each; what the identity may not ask, or an
        engine does not know, is None.

        Args:
            model: A model, or a table's name as it is.
            name: The table's name, instead of the model's own.
            timeout: Seconds.

        Raises:
            TableNotFound: There is no such table.
        """
        table = self._plane.named(model, name)
        deadline = self._plane.deadline(timeout)
        ask = self._plane.ask
        found = found_table(await ask.describe(table, deadline))
        found = await _if_told(found, ask.ttl(table, deadline), found.with_ttl)
        found = await _if_told(found, ask.tags(table, found.arn, deadline), found.with_tags)
        found = await _if_told(found, ask.backups(table, deadline), found.with_backups)
        found = await _if_told(found, ask.insights(table, deadline), found.with_insights)
        return await _if_told(found, ask.policy(table, found.arn, deadline), found.with_policy)

    async def list_tables(self, *, starting_with: str = "", timeout: float = 30.0) -> list[str]:
        """Return the names of the account's tables in this region, sorted.

        One ListTables for every hundred tables.

        Args:
            starting_with: Only names that begin with it. The service can't look for them, so all are read.
            timeout: Seconds.

        Raises:
            AccessDenied: The identity may not list tables.
        """
        deadline = self._plane.deadline(timeout)
        names: list[str] = []
        members: dict[str, Any] = {}
        while True:
            answer = await self._plane.ask.call("ListTables", members, None, deadline)
            names += answer.get("TableNames") or ()
            if not answer.get("LastEvaluatedTableName"):
                return sorted(name for name in names if name.startswith(starting_with))
            members = {"ExclusiveStartTableName": answer["LastEvaluatedTableName"]}

    async def wait_until_active(
        self,
        model: type[Any] | str,
        *,
        name: str | None = None,
        timeout: float = 300.0,
        on_progress: OnTable | None = None,
    ) -> FoundTable:
        """Wait until a table and all its indexes can be used, and return it.

        For a table that another program creates or changes: a table that is missing is waited for, too.

        Args:
            model: A model, or a table's name as it is.
            name: The table's name, instead of the model's own.
            timeout: Seconds.
            on_progress: Called with a TableProgress at each look.

        Raises:
            TableNotReady: It is not at the end of the time; `status` says what it is.
            TableNotFound: It was there, and is gone.
        """
        bringing = self._plane.on(self._plane.watch(self._plane.named(model, name), timeout, on_progress))
        return await bringing.until(lambda have: have.is_ready, is_there=False)

    async def wait_until_gone(
        self,
        model: type[Any] | str,
        *,
        name: str | None = None,
        timeout: float = 300.0,
        on_progress: OnTable | None = None,
    ) -> None:
        """Wait until a table that is being deleted is gone.

        Args:
            model: A model, or a table's name as it is.
            name: The table's name, instead of the model's own.
            timeout: Seconds.
            on_progress: Called with a TableProgress at each look.

        Raises:
            TableNotReady: It is still there at the end of the time.
        """
        await self._plane.on(
            self._plane.watch(self._plane.named(model, name), timeout, on_progress)
        ).until_gone()

    async def refresh_statistics(
        self, *models: type[Any], name: str | None = None, timeout: float = 30.0
    ) -> tuple[Statistics | None, ...]:
        """Ask the service how large tables and their indexes are; queries are priced with it from then on.

        One DescribeTable for each model. The service's numbers are up to six hours old. An index that is
        still being built is not chosen until this is called again.

        Args:
            models: The models.
            name: The table's name, instead of the models' own.
            timeout: Seconds.

        Returns:
            What was found, in order; None where the identity may not describe the table, which leaves
            queries as they were.

        Raises:
            TableNotFound: There is no such table.
        """
        deadline = self._plane.deadline(timeout)
        found: list[Statistics | None] = []
        for model in models:
            table = self._plane.target(model, name).table
            try:
                statistics = sizes(await self._plane.ask.describe(table, deadline))
            except AccessDenied:
                found.append(None)
                continue
            if self._learn is not None:
                self._learn(table, statistics)
            found.append(statistics)
        return tuple(found)

    async def delete_table(
        self,
        model: type[Any] | str,
        *,
        name: str | None = None,
        timeout: float = 300.0,
        on_progress: OnTable | None = None,
    ) -> None:
        """Delete a table with everything in it, and wait until it is gone.

        The claims of a model with unique fields are deleted with it.

        Args:
            model: A model, or a table's name as it is.
            name: The table's name, instead of the model's own.
            timeout: Seconds.
            on_progress: Called with a TableProgress at each look.

        Raises:
            TableNotFound: There is no such table.
            TableProtected: It is under deletion protection; nothing was deleted.
            TableInUse: It is being created or changed.
            TableNotReady: It is still being deleted at the end of the time.
        """
        table = self._plane.named(model, name)
        deadline = self._plane.deadline(timeout)
        await self._delete(table, timeout, on_progress)
        if not isinstance(model, str) and self._plane.target(model, name).is_unique:
            with suppress(TableNotFound):
                await self._delete(claims_table(table), deadline - self._plane.clock(), on_progress)

    async def _delete(self, table: str, timeout: float, on_progress: OnTable | None) -> None:
        watch = self._plane.watch(table, timeout, on_progress)
        try:
            await self._plane.ask.call(
                "DeleteTable", named(table), table, watch.deadline, repeat=Repeat.GUARDED
            )
        except RequestRefused as error:
            if not (await self._plane.ask.describe(table, watch.deadline)).get("DeletionProtectionEnabled"):
                raise
            raise TableProtected(
                f"the table {table} is under deletion protection, and was not deleted",
                why=error.message or None,
                fix='update_table(…, settings=TableSettings(deletion_protection=False), allow={"unprotect"})',
                operation="DeleteTable",
                table=table,
            ) from error
        await self._plane.on(watch).until_gone()


async def _if_told(
    found: FoundTable, asked: Awaitable[T], with_answer: Callable[[T], FoundTable]
) -> FoundTable:
    """Return a table with an answer, or as it was where nobody may ask or the engine doesn't know."""
    try:
        return with_answer(await asked)
    except AccessDenied:
        return found
    except ServiceError as error:
        if error.service_code == _UNKNOWN_OPERATION:
            return found
        raise


def _check_all(failed: Mapping[str, DynamormError], tables: list[str]) -> None:
    if not failed:
        return
    if len(tables) == 1:
        raise failed[tables[0]]
    raise TablesFailed(
        f"{len(failed)} of {len(tables)} tables are not as they should be: {', '.join(failed)}",
        why="; ".join(f"{table}: {error.what}" for table, error in failed.items()),
        errors=failed,
        succeeded=tuple(table for table in tables if table not in failed),
    )
