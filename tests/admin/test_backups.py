"""Backups, recovery and restores on the engines that have them. R98, R124, R125, R126."""

from __future__ import annotations

import pytest

from dynamorm_async import (
    Attr,
    BackupNotFound,
    Client,
    GlobalIndex,
    TableInUse,
    TableSettings,
    attribute,
    model,
    partition_key,
)


@model(table="notes")
class Note:
    id: Attr[str] = partition_key()
    kind: Attr[str] = attribute(default="plain")

    by_kind = GlobalIndex("by-kind", partition_key="kind")


SETTINGS = TableSettings(stream="NEW_IMAGE", tags={"team": "data"}, recovery_days=7)


async def test_a_backup_is_made_listed_described_and_deleted(db: Client, table_name: str) -> None:
    await db.admin.create_table(Note, name=table_name)

    backup = await db.admin.create_backup(Note, "nightly", name=table_name)

    assert (backup.name, backup.table, backup.status) == ("nightly", table_name, "AVAILABLE")
    assert await db.admin.list_backups(table_name) == [backup]
    assert await db.admin.describe_backup(backup.arn) == backup
    await db.admin.delete_backup(backup.arn)
    assert await db.admin.list_backups(table_name) == []
    with pytest.raises(BackupNotFound):
        await db.admin.describe_backup(backup.arn)


async def test_a_backup_is_restored_with_its_items_and_the_settings(db: Client, table_name: str) -> None:
    await db.admin.ensure_table(Note, name=table_name, settings=SETTINGS)
    await db.table(Note, name=table_name).batch_put([Note(id=str(n)) for n in range(5)])
    backup = await db.admin.create_backup(Note, "nightly", name=table_name)
    await db.table(Note, name=table_name).delete("3")

    again = f"{table_name}-again"
    await db.admin.restore_backup(backup.arn, Note, name=again, settings=SETTINGS)

    notes = db.table(Note, name=again)
    assert sorted([note.id async for note in notes.scan()]) == ["0", "1", "2", "3", "4"]
    assert len(await notes.where(Note.kind == "plain").list()) == 5
    found = (await db.admin.inspect_table(again)).shape.settings
    assert (found.stream, found.tags, found.recovery_days) == ("NEW_IMAGE", {"team": "data"}, 7)


async def test_a_restore_overwrites_nothing(db: Client, table_name: str) -> None:
    await db.admin.create_table(Note, name=table_name)
    backup = await db.admin.create_backup(Note, "nightly", name=table_name)
    await db.table(Note, name=table_name).put(Note(id="a"))

    with pytest.raises(TableInUse):
        await db.admin.restore_backup(backup.arn, Note, name=table_name)

    assert await db.table(Note, name=table_name).get("a") == Note(id="a")


async def test_a_table_under_recovery_is_restored_under_another_name(db: Client, table_name: str) -> None:
    await db.admin.ensure_table(Note, name=table_name, settings=SETTINGS)
    await db.table(Note, name=table_name).put(Note(id="a"))

    await db.admin.restore_to_time(table_name, Note, name=f"{table_name}-again")

    assert await db.table(Note, name=f"{table_name}-again").get("a") == Note(id="a")
    assert (await db.admin.inspect_table(table_name)).restorable is not None
