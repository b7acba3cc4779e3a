"""Back tables up, and restore them under new names.

A backup never overwrites anything: each is a new one, and what is restored is a new table.

Source: DynamoDB API reference, CreateBackup, RestoreTableFromBackup, RestoreTableToPointInTime.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

import attrs

from dynamorm_async.admin.asking import named
from dynamorm_async.admin.control import ControlPlane
from dynamorm_async.admin.found import READY, moment
from dynamorm_async.admin.settings import TableSettings
from dynamorm_async.admin.shapes import TableShape
from dynamorm_async.admin.steps import TableChanges
from dynamorm_async.admin.waiting import OnTable, Watch
from dynamorm_async.errors import InvalidRequest, QuotaReached, ServerFault, Throttled, TransportError, quoted
from dynamorm_async.wire import Repeat

_LABEL = re.compile(r"[A-Za-z0-9_.-]{3,255}")
_PASSING = (Throttled, QuotaReached, ServerFault, TransportError)


@attrs.frozen(kw_only=True)
class Backup:
    """A backup of a table.

    Attributes:
        arn: Its ARN, by which it is restored and deleted.
        name: As it was named. Several may have one name.
        table: The name of the table that was backed up.
        status: "CREATING", "AVAILABLE" or "DELETED".
        kind: "USER", "SYSTEM" (of a table that was deleted with recovery on) or "AWS_BACKUP".
        bytes: Its size, or None where it is not known yet.
        created: When it was asked for, UTC: the moment that it holds.
        expires: When a backup of kind "SYSTEM" goes, UTC, or None.
    """

    arn: str
    name: str
    table: str
    status: str
    kind: str
    bytes: int | None
    created: datetime | None
    expires: datetime | None


class BackupVerbs:
    """The verbs of `db.admin` that back tables up and restore them.

    A backup takes seconds, costs by the table's size, and slows nothing down. A restore takes minutes
    to hours. Both go on in the service when the deadline of the call passes.
    """

    _plane: ControlPlane

    async def create_backup(
        self,
        model: type[Any] | str,
        label: str,
        *,
        name: str | None = None,
        timeout: float = 300.0,
        on_progress: OnTable | None = None,
    ) -> Backup:
        """Back a table up as it is now, and wait until the backup can be restored.

        One CreateBackup; it is not repeated where its answer was lost, because each makes a backup.

        Args:
            model: A model, or a table's name as it is.
            label: The backup's name, 3 to 255 letters, digits, `_`, `-` or `.`. It overwrites none.
            name: The table's name, instead of the model's own.
            timeout: Seconds.
            on_progress: Called with a TableProgress at each look.

        Raises:
            TableNotFound: There is no such table.
            TableInUse: It is being created or changed.
            TableNotReady: The backup is not finished at the end of the time; it goes on.
            OutcomeUnknown: The answer was lost; `list_backups` shows whether there is one.
            InvalidRequest: `label` is no name.
        """
        _check_label(label)
        table = self._plane.named(model, name)
        watch = self._plane.watch(table, timeout, on_progress)
        request = {**named(table), "BackupName": label}
        answer = await self._plane.ask.call(
            "CreateBackup", request, table, watch.deadline, repeat=Repeat.NEVER
        )
        watch.recovered("CreateBackup")
        backup = _backup(answer["BackupDetails"], table)
        while backup.status == "CREATING":
            await watch.pause(f"being backed up ({label} {backup.status})")
            backup = await self._described(backup, watch)
        return backup

    async def list_backups(
        self, model: type[Any] | str | None = None, *, name: str | None = None, timeout: float = 30.0
    ) -> list[Backup]:
        """Return the backups of a table, or of all tables of the account in this region, the oldest first.

        Those of tables that were deleted are among them. One ListBackups for every hundred backups.

        Args:
            model: A model, a table's name as it is, or None for all tables.
            name: The table's name, instead of the model's own.
            timeout: Seconds.

        Raises:
            AccessDenied: The identity may not list backups.
        """
        table = None if model is None else self._plane.named(model, name)
        deadline = self._plane.deadline(timeout)
        found: list[Backup] = []
        members: dict[str, Any] = {"BackupType": "ALL", **({} if table is None else named(table))}
        while True:
            answer = await self._plane.ask.call("ListBackups", members, table, deadline)
            found += [_backup(each, each["TableName"]) for each in answer.get("BackupSummaries") or ()]
            if not answer.get("LastEvaluatedBackupArn"):
                return sorted(
                    found, key=lambda each: (each.created or datetime.min.replace(tzinfo=UTC), each.arn)
                )
            members["ExclusiveStartBackupArn"] = answer["LastEvaluatedBackupArn"]

    async def describe_backup(self, arn: str, *, timeout: float = 30.0) -> Backup:
        """Return a backup.

        Args:
            arn: The backup's ARN.
            timeout: Seconds.

        Raises:
            BackupNotFound: There is no such backup.
        """
        return await self._backup_of("DescribeBackup", arn, self._plane.deadline(timeout))

    async def delete_backup(self, arn: str, *, timeout: float = 30.0) -> Backup:
        """Delete a backup, and return what it was.

        Args:
            arn: The backup's ARN.
            timeout: Seconds.

        Raises:
            BackupNotFound: There is no such backup.
            ServiceError: It is being created, or restored (`BackupInUseException`).
        """
        return await self._backup_of("DeleteBackup", arn, self._plane.deadline(timeout))

    async def restore_backup(
        self,
        arn: str,
        *models: type[Any],
        name: str,
        settings: TableSettings | None = None,
        timeout: float = 3600.0,
        on_progress: OnTable | None = None,
    ) -> TableChanges:
        """Restore a backup to a new table, wait for it, and make it what models and settings say.

        Time-to-live, tags, stream, recovery and protection are not in a backup: they are turned on anew,
        as models and settings say, and so are indexes that the models have got meanwhile. Where a call
        ends early, `update_table(…, name=…)` goes on.

        Args:
            arn: The backup's ARN.
            models: The models that the new table is for.
            name: The new table's name; it must not be there.
            settings: What the table is beside its keys and indexes.
            timeout: Seconds.
            on_progress: Called with a TableProgress at each look.

        Returns:
            The steps that were done after it was restored.

        Raises:
            TableInUse: A table of this name exists; nothing was restored.
            BackupNotFound: There is no such backup.
            TableMismatch: It was restored, and is of another shape than the models.
            TableNotReady: It is not finished at the end of the time; it goes on.
            InvalidModel: The models disagree, or have too many indexes.
            InvalidRequest: A setting is none that the service takes.
        """
        want, *_ = self._plane.wanted(models, name, settings)  # claims are mended, not restored
        request = {"TargetTableName": want.name, "BackupArn": arn}
        return await self._restored("RestoreTableFromBackup", request, want, timeout, on_progress)

    async def restore_to_time(
        self,
        source: str,
        *models: type[Any],
        name: str,
        at: datetime | None = None,
        settings: TableSettings | None = None,
        timeout: float = 3600.0,
        on_progress: OnTable | None = None,
    ) -> TableChanges:
        """Restore a table as it was at a moment to a new table; otherwise like `restore_backup`.

        The table has to be under point-in-time recovery: `TableSettings(recovery_days=…)`. It may be
        deleted; the service then keeps the last 35 days of it as a backup, for `restore_backup`.

        Args:
            source: The name of the table that was.
            models: The models that the new table is for.
            name: The new table's name; it must not be there.
            at: The moment, with a time zone, to the second; None is the latest, some five minutes ago.
            settings: What the table is beside its keys and indexes.
            timeout: Seconds.
            on_progress: Called with a TableProgress at each look.

        Returns:
            The steps that were done after it was restored.

        Raises:
            TableNotFound: There is no source table.
            TableInUse: A table of the new name exists; nothing was restored.
            ServiceError: Recovery is off (`PointInTimeRecoveryUnavailableException`), or does not go back
                to that moment (`InvalidRestoreTimeException`).
            TableMismatch: It was restored, and is of another shape than the models.
            TableNotReady: It is not finished at the end of the time; it goes on.
            InvalidRequest: `at` has no time zone, or a setting is none that the service takes.
        """
        want, *_ = self._plane.wanted(models, name, settings)  # claims are mended, not restored
        request: dict[str, Any] = {"TargetTableName": want.name, "SourceTableName": source, **_moment(at)}
        return await self._restored("RestoreTableToPointInTime", request, want, timeout, on_progress)

    async def _restored(
        self,
        operation: str,
        request: Mapping[str, Any],
        want: TableShape,
        timeout: float,
        on_progress: OnTable | None,
    ) -> TableChanges:
        watch = self._plane.watch(want.name, timeout, on_progress)
        await self._plane.ask.call(operation, request, want.name, watch.deadline, repeat=Repeat.GUARDED)
        watch.recovered(operation)
        bringing = self._plane.on(watch)
        # The service may not know a new table at once.
        await bringing.until(lambda have: have.status == READY, is_there=False)
        return await bringing.bring(want, (), dry_run=False, is_there=True)

    async def _described(self, backup: Backup, watch: Watch) -> Backup:
        try:
            found = await self._backup_of("DescribeBackup", backup.arn, watch.deadline)
        except _PASSING as error:
            await watch.bear(error, "DescribeBackup")
            return backup
        watch.recovered("DescribeBackup")
        return found

    async def _backup_of(self, operation: str, arn: str, deadline: float) -> Backup:
        answer = await self._plane.ask.call(operation, {"BackupArn": arn}, None, deadline)
        described = cast("dict[str, Any]", answer["BackupDescription"])
        return _backup(described["BackupDetails"], described["SourceTableDetails"]["TableName"])


def _check_label(label: str) -> None:
    if not _LABEL.fullmatch(label):
        raise InvalidRequest(
            f"create_backup(label={quoted(label)})",
            why="a name has 3 to 255 letters, digits, '_', '-' or '.'",
            fix="give such a name",
            code="admin.backup-name",
        )


def _moment(at: datetime | None) -> dict[str, Any]:
    if at is None:
        return {"UseLatestRestorableTime": True}
    if at.tzinfo is None:
        raise InvalidRequest(
            f"restore_to_time(at={at.isoformat()})",
            why="a time without a zone may be off by hours",
            fix="give it a zone: datetime(…, tzinfo=UTC)",
            code="admin.restore-time",
        )
    return {"RestoreDateTime": at.timestamp()}


def _backup(details: Mapping[str, Any], table: str) -> Backup:
    return Backup(
        arn=details["BackupArn"],
        name=details["BackupName"],
        table=table,
        status=details["BackupStatus"],
        kind=details.get("BackupType", "USER"),
        bytes=details.get("BackupSizeBytes"),
        created=moment(details.get("BackupCreationDateTime")),
        expires=moment(details.get("BackupExpiryDateTime")),
    )
