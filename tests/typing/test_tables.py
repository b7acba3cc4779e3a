"""What tables are to a type checker: settings of known words, changes of known actions."""

from typing import assert_type

from dynamorm_async import (
    Backup,
    Client,
    Compatibility,
    DynamormError,
    OnDemand,
    Provisioned,
    TableChanges,
    TableProgress,
    TableSettings,
    TablesFailed,
    TableStep,
    Throughput,
    WarmThroughput,
)
from tests.typing.models import Bookmark, Order


def told(progress: TableProgress) -> None:
    assert_type(progress.step, TableStep | None)
    assert_type(progress.elapsed, float)


async def a_change_is_a_value_with_its_steps(db: Client) -> None:
    settings = TableSettings(
        capacity=OnDemand(max_read=100, indexes={"by-url": Throughput(10, 10)}),
        stream="NEW_IMAGE",
        table_class="STANDARD",
        tags={"team": "data"},
        recovery_days=7,
    )

    changes = await db.admin.ensure_table(
        Bookmark, settings=settings, allow={"drop_index", "untag"}, dry_run=True, on_progress=told
    )

    assert_type(changes, TableChanges)
    assert_type(changes.to_do, tuple[TableStep, ...])
    assert_type(changes.to_json(), str)
    assert_type(await db.admin.update_table(Bookmark, allow=["unprotect"]), TableChanges)


async def tables_are_named_by_models_or_names(db: Client) -> None:
    assert_type(await db.admin.list_tables(), list[str])
    assert_type((await db.admin.inspect_table("bookmarks")).status, str)
    assert_type((await db.admin.inspect_table(Bookmark)).shape.ttl, str | None)
    await db.admin.delete_table("bookmarks")


async def several_tables_fail_with_the_error_of_each(db: Client) -> None:
    try:
        assert_type(await db.admin.ensure_tables(Bookmark, Order), dict[str, TableChanges])
    except TablesFailed as error:
        for table, cause in error.errors.items():
            assert_type(table, str)
            assert_type(cause, DynamormError)


def capacity_is_one_of_two() -> None:
    TableSettings(capacity=Provisioned(read=5, write=5), warm=WarmThroughput(read=1, write=1))
    TableSettings(capacity=Throughput(5, 5))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    TableSettings(stream="ALL")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def what_may_be_taken_away_has_a_name(db: Client) -> None:
    await db.admin.ensure_table(Bookmark, allow={"create_index"})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await db.admin.ensure_table(Bookmark, allow={"drop_idx"})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def a_backup_is_a_value(db: Client) -> None:
    backup = await db.admin.create_backup(Bookmark, "nightly")

    assert_type(backup, Backup)
    assert_type(await db.admin.list_backups(), list[Backup])
    assert_type(await db.admin.restore_backup(backup.arn, Bookmark, name="again"), TableChanges)
    assert_type(await db.admin.check(Bookmark), Compatibility)
