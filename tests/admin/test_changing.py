"""Changing tables that live: order, waits, progress, resumption, and faults in the middle. R88, R89, R90."""

from __future__ import annotations

from typing import Any

import pytest

from dynamorm_async import (
    AccessDenied,
    ConnectionLost,
    EndpointUnreachable,
    InvalidRequest,
    QuotaReached,
    RequestRefused,
    ServerFault,
    ServiceError,
    TableMismatch,
    TableNotFound,
    TableNotReady,
    TableProtected,
    TableSettings,
    TablesFailed,
    Throttled,
)
from dynamorm_async.wire import Call, Reply
from tests.admin.world import Bare, OtherKey, Person, Pet, Place, World
from tests.scripted_send import refused

ACTIVE = {"by-kind": "ACTIVE", "by-city": "ACTIVE"}


@pytest.fixture
def world() -> World:
    return World()


# The order of things.


async def test_indexes_are_added_one_at_a_time_and_each_is_waited_for(world: World) -> None:
    await world.with_bare_table()

    changes = await world.admin.ensure_table(Place, on_progress=world.seen.append)

    assert [step.name for step in changes.steps] == [
        "create_index by-kind",
        "create_index by-city",
        "enable_ttl until",
    ]
    assert world.service.changes == ["UpdateTable", "UpdateTable", "UpdateTimeToLive"]
    assert world.indexes() == ACTIVE
    assert [str(each) for each in world.seen] == [
        "places: step 1 of 3, create_index by-kind: UPDATING (index by-kind CREATING), 0 s",
        "places: step 1 of 3, create_index by-kind: UPDATING (index by-kind CREATING), 0 s",
        "places: step 1 of 3, create_index by-kind: done, 0 s",
        "places: step 2 of 3, create_index by-city: UPDATING (index by-city CREATING), 0 s",
        "places: step 2 of 3, create_index by-city: UPDATING (index by-city CREATING), 0 s",
        "places: step 2 of 3, create_index by-city: done, 0 s",
        "places: step 3 of 3, enable_ttl until: done, 0 s",
    ]


async def test_a_dry_run_changes_nothing_and_says_what_would_be_done(world: World) -> None:
    await world.with_bare_table()

    changes = await world.admin.ensure_table(Place, dry_run=True)

    assert [step.action for step in changes.to_do] == ["create_index", "create_index", "enable_ttl"]
    assert set(world.calls) == {"DescribeTable", "DescribeTimeToLive"}


async def test_a_dry_run_of_what_is_impossible_says_so_and_raises_nothing(world: World) -> None:
    await world.with_bare_table()

    changes = await world.admin.ensure_table(OtherKey, dry_run=True)

    assert [step.action for step in changes.refused] == ["change_keys"]


async def test_nothing_is_begun_where_one_step_is_refused(world: World) -> None:
    await world.with_bare_table()

    with pytest.raises(TableMismatch):
        await world.admin.ensure_table(OtherKey, settings=TableSettings(stream="NEW_IMAGE"))

    assert world.service.changes == []


async def test_a_name_that_allows_nothing_is_refused_before_anything_is_sent(world: World) -> None:
    with pytest.raises(InvalidRequest, match="drop_indexes"):
        await world.admin.ensure_table(Place, allow={"drop_indexes"})  # pyright: ignore[reportArgumentType]

    assert world.calls == []


async def test_only_what_is_wanted_is_asked_for(world: World) -> None:
    await world.with_bare_table()

    await world.admin.ensure_table(Bare)
    assert world.calls == ["DescribeTable"]
    await world.admin.ensure_table(Bare, settings=TableSettings(tags={}, recovery_days=0))
    assert world.calls[1:] == ["DescribeTable", "ListTagsOfResource", "DescribeContinuousBackups"]


async def test_an_index_is_dropped_only_where_that_is_allowed_and_the_table_is_not_protected(
    world: World,
) -> None:
    await world.admin.create_table(Place, settings=TableSettings(deletion_protection=True))

    left = await world.admin.ensure_table(Bare)
    assert [step.verdict for step in left.steps] == ["leave", "leave"]
    with pytest.raises(TableMismatch, match="deletion protection"):
        await world.admin.ensure_table(Bare, allow={"drop_index"})
    assert world.indexes() == ACTIVE

    lifted = TableSettings(deletion_protection=False)
    await world.admin.ensure_table(Bare, settings=lifted, allow={"drop_index", "unprotect"})
    assert world.indexes() == {}


# Three errors for three states.


async def test_a_missing_table_is_not_updated(world: World) -> None:
    with pytest.raises(TableNotFound):
        await world.admin.update_table(Place)


async def test_a_table_that_is_being_created_is_not_ready(world: World) -> None:
    world.service.looks = 10_000
    with pytest.raises(TableNotReady):
        await world.admin.create_table(Bare, timeout=1)

    with pytest.raises(TableNotReady, match="the table places is CREATING") as caught:
        await world.admin.update_table(Place, timeout=10)

    assert caught.value.status == "CREATING"
    assert "call again" in (caught.value.fix or "")


async def test_a_table_of_another_shape_is_a_mismatch(world: World) -> None:
    await world.with_bare_table()

    with pytest.raises(TableMismatch, match="change_keys"):
        await world.admin.update_table(OtherKey)


# Faults in the middle.


async def test_a_run_that_ended_in_the_middle_is_gone_on_with(world: World) -> None:
    await world.with_bare_table()
    world.service.looks = 50
    with pytest.raises(TableNotReady, match="index by-kind CREATING"):
        await world.admin.ensure_table(Place, timeout=5)

    world.service.looks = 2
    changes = await world.admin.ensure_table(Place, timeout=10_000)

    assert [step.name for step in changes.steps] == ["create_index by-city", "enable_ttl until"]
    assert world.service.changes == ["UpdateTable", "UpdateTable", "UpdateTimeToLive"]
    assert world.indexes() == ACTIVE


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(refused("ThrottlingException"), id="throttled"),
        pytest.param(refused("LimitExceededException"), id="limit exceeded"),
        pytest.param(refused("InternalServerError"), id="a fault of the service"),
        pytest.param(refused("ResourceInUseException"), id="in use"),
        pytest.param([refused("InternalServerError")], id="an answer that was lost"),
    ],
)
@pytest.mark.parametrize("at", [0, 1])
async def test_what_passes_is_waited_out_and_nothing_is_done_twice(world: World, fault: Any, at: int) -> None:
    await world.with_bare_table()
    world.faults["UpdateTable"] = [*[None] * at, fault, fault]

    await world.admin.ensure_table(Place)

    assert world.service.changes.count("UpdateTable") == 2
    assert world.indexes() == ACTIVE


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("ThrottlingException", Throttled),
        ("LimitExceededException", QuotaReached),
        ("InternalServerError", ServerFault),
    ],
)
async def test_what_does_not_pass_is_the_callers_after_half_a_minute(
    world: World, code: str, error: type[ServiceError]
) -> None:
    await world.with_bare_table()
    world.faults["UpdateTable"] = [refused(code)] * 100

    with pytest.raises(error):
        await world.admin.ensure_table(Place)

    assert 30 < world.service.now < 40
    assert world.calls.count("UpdateTable") == 6
    assert world.service.changes == []


async def test_looks_that_fail_are_borne_while_something_is_waited_for(world: World) -> None:
    await world.with_bare_table()
    world.faults["DescribeTable"] = [None, None, ConnectionLost("x"), refused("ThrottlingException"), None]

    await world.admin.ensure_table(Place)

    assert world.indexes() == ACTIVE


async def test_a_service_that_was_never_there_is_an_error_at_once(world: World) -> None:
    world.faults["DescribeTable"] = [EndpointUnreachable("nobody")]

    with pytest.raises(EndpointUnreachable):
        await world.admin.ensure_table(Place)

    assert world.service.now == 0


async def test_a_table_that_is_deleted_meanwhile_is_an_error_and_not_created_anew(world: World) -> None:
    await world.with_bare_table()
    world.faults["UpdateTable"] = [world.service.tables.clear]

    with pytest.raises(TableNotFound):
        await world.admin.ensure_table(Place)

    assert world.service.changes == ["UpdateTable"]


async def test_a_table_that_is_deleted_between_two_steps_is_an_error(world: World) -> None:
    await world.with_bare_table()
    world.faults["UpdateTable"] = [None, refused("ResourceNotFoundException")]
    world.faults["DescribeTable"] = [None, None, None, world.service.tables.clear]

    with pytest.raises(TableNotFound):
        await world.admin.ensure_table(Place)

    assert "CreateTable" not in world.calls


async def test_what_another_process_did_meanwhile_is_not_done_again(world: World) -> None:
    await world.with_bare_table()
    other = World(service=world.service)
    late = refused("ValidationException", "Attempting to create an index which already exists")

    async def send(call: Call) -> Reply:
        if call.operation == "UpdateTable" and not other.calls:
            await other.admin.ensure_table(Place)
            raise late
        return await world.send(call)

    changes = await world.behind(send).ensure_table(Place)

    assert changes.steps == ()
    assert world.indexes() == ACTIVE


async def test_a_refusal_of_a_step_that_is_still_needed_is_the_callers(world: World) -> None:
    await world.with_bare_table()
    world.faults["UpdateTable"] = [refused("ValidationException", "no")] * 2

    with pytest.raises(RequestRefused):
        await world.admin.ensure_table(Place)

    assert world.calls.count("UpdateTable") == 1


async def test_a_policy_that_another_changed_meanwhile_is_not_overwritten(world: World) -> None:
    await world.with_bare_table()
    mine, theirs = TableSettings(resource_policy='{"a": 1}'), TableSettings(resource_policy='{"b": 2}')
    await world.admin.ensure_table(Bare, settings=theirs)
    other = World(service=world.service)

    async def send(call: Call) -> Reply:
        if call.operation == "PutResourcePolicy" and not other.calls:
            await other.admin.ensure_table(Bare, settings=TableSettings(resource_policy='{"c": 3}'))
        return await world.send(call)

    with pytest.raises(ServiceError) as caught:
        await world.behind(send).ensure_table(Bare, settings=mine)

    assert caught.value.service_code == "PolicyNotFoundException"
    assert world.service.tables["places"].policy == '{"c": 3}'


# Deleting, listing, looking.


async def test_a_protected_table_is_not_deleted(world: World) -> None:
    await world.with_bare_table(TableSettings(deletion_protection=True))

    with pytest.raises(TableProtected) as caught:
        await world.admin.delete_table(Bare)

    assert "unprotect" in (caught.value.fix or "")
    assert list(world.service.tables) == ["places"]


async def test_a_delete_that_is_refused_for_another_reason_says_which(world: World) -> None:
    await world.with_bare_table()
    world.faults["DeleteTable"] = [refused("ValidationException", "odd")]

    with pytest.raises(RequestRefused):
        await world.admin.delete_table("places")


async def test_a_table_is_deleted_by_its_name(world: World) -> None:
    await world.with_bare_table()

    await world.admin.delete_table("places", on_progress=world.seen.append)

    assert world.service.tables == {}
    assert [each.state for each in world.seen] == ["DELETING", "DELETING"]


async def test_tables_are_listed_over_all_pages(world: World) -> None:
    for name in ("a-1", "a-2", "b-1", "a-3", "b-2"):
        await world.admin.create_table(Pet, name=name)

    assert await world.admin.list_tables() == ["a-1", "a-2", "a-3", "b-1", "b-2"]
    assert await world.admin.list_tables(starting_with="b-") == ["b-1", "b-2"]
    assert world.calls.count("ListTables") == 6


async def test_everything_about_a_table_is_told(world: World) -> None:
    settings = TableSettings(
        tags={"a": "1", "b": "2", "c": "3"},
        recovery_days=7,
        stream="NEW_IMAGE",
        insights="THROTTLED_KEYS",
        resource_policy="{}",
    )
    await world.admin.create_table(Place, settings=settings)

    found = await world.admin.inspect_table(Place)

    assert found.is_ready
    assert (found.shape.ttl, found.ttl_state) == ("until", "ENABLED")
    assert found.shape.settings.tags == {"a": "1", "b": "2", "c": "3"}
    assert found.shape.settings.recovery_days == 7
    assert found.shape.settings.stream == "NEW_IMAGE"
    assert found.shape.settings.insights == "THROTTLED_KEYS"
    assert (found.shape.settings.resource_policy, found.policy_revision) == ("{}", "0")


async def test_what_may_not_be_asked_or_is_not_known_is_not_told(world: World) -> None:
    await world.with_bare_table()
    world.faults = {
        "DescribeTimeToLive": [refused("AccessDeniedException")],
        "ListTagsOfResource": [refused("UnknownOperationException")],
        "DescribeContinuousBackups": [refused("UnknownOperationException")],
        "GetResourcePolicy": [refused("AccessDeniedException")],
    }

    found = await world.admin.inspect_table("places")

    assert found.ttl_state is None
    settings = found.shape.settings
    assert (settings.tags, settings.recovery_days, settings.resource_policy) == (None, None, None)
    assert settings.insights == "OFF"


async def test_a_fault_while_looking_is_the_callers(world: World) -> None:
    await world.with_bare_table()
    world.faults["ListTagsOfResource"] = [refused("ValidationException")]

    with pytest.raises(RequestRefused):
        await world.admin.inspect_table("places")


async def test_a_setting_that_may_not_be_asked_for_is_an_error_where_it_is_wanted(world: World) -> None:
    await world.with_bare_table()
    world.faults["ListTagsOfResource"] = [refused("AccessDeniedException")]

    with pytest.raises(AccessDenied):
        await world.admin.ensure_table(Bare, settings=TableSettings(tags={"a": "b"}))


# Waiting.


async def test_a_table_that_another_program_creates_is_waited_for(world: World) -> None:
    await world.with_bare_table()
    world.service.tables["places"].busy = 3
    world.service.tables["places"].described["TableStatus"] = "CREATING"
    world.faults["DescribeTable"] = [refused("ResourceNotFoundException")]

    found = await world.admin.wait_until_active(Bare, on_progress=world.seen.append)

    assert found.status == "ACTIVE"
    assert [each.state for each in world.seen] == ["not there yet", *["CREATING"] * 3]


async def test_a_table_that_is_going_is_waited_out(world: World) -> None:
    await world.with_bare_table()
    world.service.tables["places"].described["TableStatus"] = "DELETING"
    world.service.tables["places"].busy = 3

    await world.admin.wait_until_gone(Bare)

    assert world.service.tables == {}


async def test_a_wait_of_hours_looks_three_times_a_minute(world: World) -> None:
    await world.with_bare_table()
    world.service.looks, world.service.now = 1000, 0.0

    with pytest.raises(TableNotReady):
        await world.admin.ensure_table(Place, timeout=7200)

    assert 7190 < world.service.now <= 7200
    assert 360 < world.calls.count("DescribeTable") < 400


@pytest.mark.parametrize("status", ["INACCESSIBLE_ENCRYPTION_CREDENTIALS", "ARCHIVED"])
async def test_a_table_that_stays_as_it_is_is_not_waited_for(world: World, status: str) -> None:
    await world.with_bare_table()
    world.service.tables["places"].described["TableStatus"] = status
    world.service.tables["places"].busy = 10_000
    before = world.service.now

    with pytest.raises(TableNotReady, match=f"is {status}, and stays so"):
        await world.admin.ensure_table(Place)

    assert world.service.now == before


# Several tables.


async def test_several_tables_are_made_at_once_and_models_of_one_share_it(world: World) -> None:
    done = await world.admin.ensure_tables(Bare, Pet, Place, Person)

    assert list(done) == ["places", "pets", "people"]
    assert world.indexes() == ACTIVE
    assert [step.action for step in done["pets"].steps] == ["create_table"]


async def test_tables_with_indexes_are_created_one_after_the_other(world: World) -> None:
    creating: list[int] = []

    async def send(call: Call) -> Reply:
        reply = await world.send(call)
        tables = world.service.tables.values()
        creating.append(sum(bool(t.indexes) and t.described["TableStatus"] == "CREATING" for t in tables))
        return reply

    await world.behind(send).ensure_tables(Place, Person, Pet)

    assert max(creating) == 1
    assert set(world.service.tables) == {"places", "people", "pets"}


async def test_a_table_that_fails_stops_none_of_the_others(world: World) -> None:
    await world.with_bare_table()

    with pytest.raises(TablesFailed, match="1 of 3 tables are not as they should be: places") as caught:
        await world.admin.ensure_tables(OtherKey, Person, Pet)

    assert isinstance(caught.value.errors["places"], TableMismatch)
    assert caught.value.succeeded == ("people", "pets")
    assert set(world.service.tables) == {"places", "people", "pets"}


async def test_the_error_of_one_table_alone_is_its_own(world: World) -> None:
    await world.with_bare_table()

    with pytest.raises(TableMismatch):
        await world.admin.ensure_tables(OtherKey)


# Checking.


async def test_a_check_changes_nothing_and_finds_what_a_release_would_meet(world: World) -> None:
    await world.with_bare_table()

    report = await world.admin.check(Place, Pet)

    assert report.verdict == "additive"
    assert [(finding.table, finding.name) for finding in report.findings] == [
        ("places", "create_index by-kind"),
        ("places", "create_index by-city"),
        ("places", "enable_ttl until"),
        ("pets", "create_table"),
    ]
    assert world.service.changes == []


async def test_a_check_of_another_shape_is_a_finding_and_no_error(world: World) -> None:
    await world.with_bare_table()

    assert (await world.admin.check(OtherKey)).verdict == "breaking"


def test_a_picture_sends_nothing(world: World) -> None:
    assert world.admin.diagram(Place, Pet).startswith('erDiagram\n  t1["places"] {')
    assert world.calls == []
