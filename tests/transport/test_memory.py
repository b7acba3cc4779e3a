"""The in-memory transport: one store for each name, no socket, no trace in moto's globals."""

import json
import pickle
import sys
from collections.abc import AsyncIterator, Mapping

import pytest
import pytest_asyncio

from dynamorm_async.errors import EngineUnavailable, InvalidRequest
from dynamorm_async.transport import MemoryTransport
from dynamorm_async.wire import Answer, Call

TABLE: Mapping[str, object] = {
    "TableName": "users",
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}
ANA: Mapping[str, object] = {"id": {"S": "ana"}, "photo": {"B": "AQID"}}
CREATE_ANA: Mapping[str, object] = {
    "TableName": "users",
    "Item": {"id": {"S": "ana"}},
    "ConditionExpression": "attribute_not_exists(id)",
    "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
}


async def run(transport: MemoryTransport, operation: str, body: Mapping[str, object] | None = None) -> Answer:
    return await transport.attempt(
        Call(operation=operation, body=json.dumps(body or {}).encode()), timeout=1.0
    )


async def tables_of(transport: MemoryTransport) -> list[str]:
    return json.loads((await run(transport, "ListTables")).body)["TableNames"]


@pytest_asyncio.fixture
async def memory() -> AsyncIterator[MemoryTransport]:
    transport = MemoryTransport()
    await run(transport, "CreateTable", TABLE)
    yield transport
    await transport.aclose()


async def test_an_item_that_was_put_is_read_back_with_its_bytes_as_base64(memory: MemoryTransport) -> None:
    await run(memory, "PutItem", {"TableName": "users", "Item": ANA})

    answer = await run(memory, "GetItem", {"TableName": "users", "Key": {"id": {"S": "ana"}}})

    assert answer.status == 200
    assert json.loads(answer.body) == {"Item": ANA}


async def test_an_answer_carries_a_request_id(memory: MemoryTransport) -> None:
    answer = await run(memory, "ListTables")

    assert len(answer.headers["x-amzn-requestid"]) == 52


@pytest.mark.parametrize("operation", ["DescribeTable", "DescribeTimeToLive", "DeleteTable"])
async def test_control_operations_take_the_same_way(memory: MemoryTransport, operation: str) -> None:
    answer = await run(memory, operation, {"TableName": "users"})

    assert answer.status == 200


async def test_time_to_live_can_be_switched_on(memory: MemoryTransport) -> None:
    wanted = {"Enabled": True, "AttributeName": "expires"}

    await run(memory, "UpdateTimeToLive", {"TableName": "users", "TimeToLiveSpecification": wanted})

    answer = await run(memory, "DescribeTimeToLive", {"TableName": "users"})
    assert json.loads(answer.body)["TimeToLiveDescription"] == {
        "TimeToLiveStatus": "ENABLED",
        "AttributeName": "expires",
    }


async def test_a_failed_condition_shows_the_stored_item_when_asked(memory: MemoryTransport) -> None:
    await run(memory, "PutItem", {"TableName": "users", "Item": ANA})

    answer = await run(memory, "PutItem", CREATE_ANA)

    assert answer.status == 400
    assert json.loads(answer.body)["__type"].endswith("#ConditionalCheckFailedException")
    assert json.loads(answer.body)["Item"] == ANA


async def test_a_cancelled_transaction_shows_the_stored_item_in_its_reason(memory: MemoryTransport) -> None:
    await run(memory, "PutItem", {"TableName": "users", "Item": ANA})

    answer = await run(memory, "TransactWriteItems", {"TransactItems": [{"Put": CREATE_ANA}]})

    (reason,) = json.loads(answer.body)["CancellationReasons"]
    assert (reason["Code"], reason["Item"]) == ("ConditionalCheckFailed", ANA)


async def test_a_missing_table_is_an_answer_and_no_exception(memory: MemoryTransport) -> None:
    answer = await run(memory, "GetItem", {"TableName": "nope", "Key": {"id": {"S": "ana"}}})

    assert answer.status == 400
    assert json.loads(answer.body)["__type"].endswith("#ResourceNotFoundException")


@pytest.mark.parametrize("operation", ["DescribeContributorInsights", "NoSuchOperation"])
async def test_an_operation_that_moto_lacks_is_refused_as_unknown(
    memory: MemoryTransport, operation: str
) -> None:
    answer = await run(memory, operation, {"TableName": "users"})

    assert answer.status == 400
    assert json.loads(answer.body)["__type"].endswith("#UnknownOperationException")


async def test_a_fault_inside_moto_is_answered_as_an_internal_error(memory: MemoryTransport) -> None:
    answer = await memory.attempt(Call(operation="PutItem", body=b"{nonsense"), timeout=1.0)

    assert answer.status == 500
    assert json.loads(answer.body)["__type"].endswith("#InternalServerError")


async def test_two_unnamed_stores_know_nothing_of_each_other(memory: MemoryTransport) -> None:
    assert await tables_of(MemoryTransport()) == []


async def test_a_named_store_is_shared_and_outlives_its_clients() -> None:
    first = MemoryTransport("shared-by-two")
    await run(first, "CreateTable", TABLE)
    await first.aclose()

    second = MemoryTransport("shared-by-two")

    assert await tables_of(second) == ["users"]


async def test_a_named_store_is_another_one_in_another_region() -> None:
    await run(MemoryTransport("two-regions", "eu-west-1"), "CreateTable", TABLE)

    assert await tables_of(MemoryTransport("two-regions", "eu-central-1")) == []


async def test_a_region_that_aws_does_not_have_is_fine() -> None:
    transport = MemoryTransport(region="local")

    answer = await run(transport, "CreateTable", TABLE)

    arn = json.loads(answer.body)["TableDescription"]["TableArn"]
    assert arn.startswith("arn:aws:dynamodb:local:")


async def test_the_environment_of_moto_does_not_mix_stores(
    memory: MemoryTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOTO_ACCOUNT_ID", "000000000001")

    assert await tables_of(MemoryTransport()) == []
    assert await tables_of(memory) == ["users"]


async def test_a_mock_started_by_the_user_leaves_the_store_alone(memory: MemoryTransport) -> None:
    from moto import mock_aws

    with mock_aws():
        assert await tables_of(memory) == ["users"]

    assert await tables_of(memory) == ["users"]


async def test_a_closed_transport_refuses_with_a_reason(memory: MemoryTransport) -> None:
    await memory.aclose()
    await memory.aclose()

    with pytest.raises(InvalidRequest, match="closed"):
        await run(memory, "ListTables")


async def test_without_moto_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "moto.dynamodb.models", None)

    with pytest.raises(EngineUnavailable, match=r"pip install 'dynamorm-async\[memory\]'"):
        await run(MemoryTransport(), "ListTables")


def test_a_memory_transport_cannot_be_pickled() -> None:
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(MemoryTransport())
