"""Backups and restores against a service that keeps the rules. R98, R124, R125, R126."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from dynamorm_async import (
    BackupNotFound,
    ConnectionLost,
    InvalidRequest,
    Repeat,
    ServiceError,
    TableInUse,
    TableMismatch,
    TableNotFound,
    TableNotReady,
    TableSettings,
)
from dynamorm_async.wire import Call, Reply
from tests.admin.world import Bare, OtherKey, Pet, Place, World
from tests.scripted_send import refused

SETTINGS = TableSettings(stream="NEW_IMAGE", tags={"team": "data"}, recovery_days=7, deletion_protection=True)


@pytest.fixture
def world() -> World:
    return World()


async def test_a_backup_is_waited_for_with_progress(world: World) -> None:
    await world.with_bare_table()

    backup = await world.admin.create_backup(Bare, "nightly", on_progress=world.seen.append)

    assert (backup.name, backup.table, backup.status, backup.bytes) == ("nightly", "places", "AVAILABLE", 7)
    assert backup.created is not None
    assert backup.created.tzinfo is UTC
    assert [each.state for each in world.seen] == ["being backed up (nightly CREATING)"] * 3


async def test_a_backup_overwrites_none_of_the_same_name(world: World) -> None:
    await world.with_bare_table()

    backups = [await world.admin.create_backup("places", "nightly") for _ in range(3)]

    assert await world.admin.list_backups(Bare) == backups
    assert len({backup.arn for backup in backups}) == 3


async def test_a_backup_is_asked_for_once_because_each_is_another(world: World) -> None:
    await world.with_bare_table()
    sent: list[Call] = []

    async def send(call: Call) -> Reply:
        sent.append(call)
        return await world.send(call)

    await world.behind(send).create_backup(Bare, "nightly")

    assert {call.operation: call.repeat for call in sent} == {
        "CreateBackup": Repeat.NEVER,
        "DescribeBackup": Repeat.HARMLESS,
    }


async def test_a_backup_that_is_not_finished_in_time_says_so_and_goes_on(world: World) -> None:
    await world.with_bare_table()
    world.service.looks = 1000

    with pytest.raises(TableNotReady, match=r"being backed up \(nightly CREATING\), and the deadline passed"):
        await world.admin.create_backup(Bare, "nightly", timeout=10)

    assert [backup.status for backup in await world.admin.list_backups(Bare)] == ["CREATING"]


async def test_looks_that_fail_are_borne_while_a_backup_is_made(world: World) -> None:
    await world.with_bare_table()
    world.faults["DescribeBackup"] = [refused("ThrottlingException"), ConnectionLost("x")]

    assert (await world.admin.create_backup(Bare, "nightly")).status == "AVAILABLE"


@pytest.mark.parametrize("label", ["", "ab", "a b", "x" * 256, "né-e"])
async def test_a_name_that_is_none_is_refused_before_anything_is_sent(world: World, label: str) -> None:
    with pytest.raises(InvalidRequest, match="3 to 255 letters"):
        await world.admin.create_backup(Bare, label)

    assert world.calls == []


async def test_backups_are_listed_over_all_pages_of_one_table_or_of_all(world: World) -> None:
    await world.with_bare_table()
    await world.admin.create_table(Pet)
    for table in ("places", "pets", "places", "places"):
        await world.admin.create_backup(table, "nightly")

    assert [backup.table for backup in await world.admin.list_backups()] == [
        "places",
        "pets",
        "places",
        "places",
    ]
    assert len(await world.admin.list_backups("places")) == 3


async def test_a_backup_is_described_and_deleted_by_its_arn(world: World) -> None:
    await world.with_bare_table()
    backup = await world.admin.create_backup(Bare, "nightly")

    assert await world.admin.describe_backup(backup.arn) == backup
    await world.admin.delete_backup(backup.arn)

    assert await world.admin.list_backups() == []
    with pytest.raises(BackupNotFound):
        await world.admin.describe_backup(backup.arn)
    with pytest.raises(BackupNotFound):
        await world.admin.restore_backup(backup.arn, Bare, name="again")


async def test_what_does_not_carry_over_is_turned_on_anew(world: World) -> None:
    await world.admin.create_table(Place, settings=SETTINGS)
    backup = await world.admin.create_backup(Place, "nightly")

    changes = await world.admin.restore_backup(backup.arn, Place, name="again", settings=SETTINGS)

    assert [step.name for step in changes.steps] == [
        "enable_stream",
        "enable_ttl until",
        "tag team",
        "set_recovery",
        "protect",
    ]
    was, restored = [await world.admin.inspect_table(name) for name in ("places", "again")]
    assert restored.shape.settings == was.shape.settings
    assert (restored.shape.ttl, restored.shape.indexes) == (was.shape.ttl, was.shape.indexes)


async def test_indexes_that_the_models_have_got_since_are_added(world: World) -> None:
    await world.with_bare_table()
    backup = await world.admin.create_backup(Bare, "nightly")

    changes = await world.admin.restore_backup(backup.arn, Place, name="again")

    assert [step.action for step in changes.steps] == ["create_index", "create_index", "enable_ttl"]


async def test_a_table_that_is_there_is_never_overwritten(world: World) -> None:
    await world.with_bare_table()
    backup = await world.admin.create_backup(Bare, "nightly")
    before = json.dumps(world.service.tables["places"].described)

    with pytest.raises(TableInUse):
        await world.admin.restore_backup(backup.arn, Bare, name="places")

    assert json.dumps(world.service.tables["places"].described) == before


async def test_a_backup_of_another_shape_is_restored_and_told(world: World) -> None:
    await world.with_bare_table()
    backup = await world.admin.create_backup(Bare, "nightly")

    with pytest.raises(TableMismatch, match="change_keys"):
        await world.admin.restore_backup(backup.arn, OtherKey, name="again")

    assert "again" in world.service.tables


async def test_a_restore_that_ended_early_is_gone_on_with(world: World) -> None:
    await world.admin.create_table(Place, settings=SETTINGS)
    backup = await world.admin.create_backup(Place, "nightly")
    world.service.looks = 50
    with pytest.raises(TableNotReady, match="CREATING"):
        await world.admin.restore_backup(backup.arn, Place, name="again", settings=SETTINGS, timeout=5)

    world.service.looks = 2
    await world.admin.update_table(Place, name="again", settings=SETTINGS, timeout=10_000)

    assert (await world.admin.inspect_table("again")).shape.settings.recovery_days == 7


async def test_a_table_is_restored_as_it_was_at_a_moment(world: World) -> None:
    await world.admin.create_table(Place, settings=SETTINGS)
    sent: list[dict[str, Any]] = []

    async def send(call: Call) -> Reply:
        if call.operation == "RestoreTableToPointInTime":
            sent.append(json.loads(call.body))
        return await world.send(call)

    admin = world.behind(send)
    await admin.restore_to_time("places", Place, name="latest")
    await admin.restore_to_time("places", Place, name="then", at=datetime(2026, 1, 2, tzinfo=UTC))

    assert sent == [
        {"TargetTableName": "latest", "SourceTableName": "places", "UseLatestRestorableTime": True},
        {"TargetTableName": "then", "SourceTableName": "places", "RestoreDateTime": 1767312000.0},
    ]
    assert {"latest", "then"} <= set(world.service.tables)


async def test_a_moment_without_a_time_zone_is_refused_before_anything_is_sent(world: World) -> None:
    with pytest.raises(InvalidRequest, match="without a zone"):
        await world.admin.restore_to_time("places", Bare, name="again", at=datetime(2026, 1, 2))  # noqa: DTZ001

    assert world.calls == []


async def test_recovery_that_is_off_restores_nothing(world: World) -> None:
    await world.with_bare_table()

    with pytest.raises(ServiceError) as caught:
        await world.admin.restore_to_time("places", Bare, name="again")
    with pytest.raises(TableNotFound):
        await world.admin.restore_to_time("nowhere", Bare, name="again")

    assert caught.value.service_code == "PointInTimeRecoveryUnavailableException"
    assert "again" not in world.service.tables
