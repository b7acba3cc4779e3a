"""The requests that create and change a table, as JSON data.

Pure; takes shapes and settings, gives the members of a request.

Source: DynamoDB API reference, CreateTable and UpdateTable.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dynamorm_async.admin.settings import UNBOUNDED, OnDemand, Provisioned, TableSettings, Throughput
from dynamorm_async.admin.shapes import IndexShape, Keys, TableShape

Request = dict[str, Any]


def create_request(shape: TableShape) -> Request:
    """Return the CreateTable request: on demand where nothing else is said, with every index."""
    settings = shape.settings
    capacity = settings.capacity or OnDemand()
    request: Request = {
        "TableName": shape.name,
        "AttributeDefinitions": definitions(shape.types),
        "KeySchema": _schema(shape.keys),
        **billing(capacity),
    }
    if isinstance(capacity, OnDemand) and capacity.most != Throughput(UNBOUNDED, UNBOUNDED):
        request["OnDemandThroughput"] = bounds(capacity.most)
    if shape.global_indexes:
        request["GlobalSecondaryIndexes"] = [
            index_request(index, settings, capacity) for index in shape.global_indexes
        ]
    if shape.local_indexes:
        request["LocalSecondaryIndexes"] = [_index(index) for index in shape.local_indexes]
    if settings.warm is not None:
        request["WarmThroughput"] = warmth(settings.warm.table)
    if settings.stream not in (None, "OFF"):
        request["StreamSpecification"] = stream(settings.stream)
    if settings.encryption not in (None, "AWS_OWNED"):
        request["SSESpecification"] = encryption(settings.encryption)
    if settings.table_class is not None:
        request["TableClass"] = settings.table_class
    if settings.deletion_protection is not None:
        request["DeletionProtectionEnabled"] = settings.deletion_protection
    if settings.tags:
        request["Tags"] = tags(settings.tags)
    if settings.resource_policy not in (None, "OFF"):
        request["ResourcePolicy"] = settings.resource_policy
    return request


def index_request(index: IndexShape, settings: TableSettings, capacity: OnDemand | Provisioned) -> Request:
    """Return a global index as CreateTable and UpdateTable take it, with its share of the capacity."""
    request = _index(index)
    if isinstance(capacity, Provisioned):
        request["ProvisionedThroughput"] = units(capacity.of(index.name))
    elif index.name in capacity.indexes:
        request["OnDemandThroughput"] = bounds(capacity.of(index.name))
    if settings.warm is not None and index.name in settings.warm.indexes:
        request["WarmThroughput"] = warmth(settings.warm.indexes[index.name])
    return request


def definitions(types: Mapping[str, str]) -> list[Request]:
    """Return attribute definitions, by name."""
    return [{"AttributeName": name, "AttributeType": tag} for name, tag in sorted(types.items())]


def billing(capacity: OnDemand | Provisioned) -> Request:
    """Return the members that say how a table is paid for."""
    if isinstance(capacity, OnDemand):
        return {"BillingMode": "PAY_PER_REQUEST"}
    return {"BillingMode": "PROVISIONED", "ProvisionedThroughput": units(capacity.table)}


def units(throughput: Throughput) -> Request:
    """Return a ProvisionedThroughput."""
    return {"ReadCapacityUnits": throughput.read, "WriteCapacityUnits": throughput.write}


def bounds(throughput: Throughput) -> Request:
    """Return an OnDemandThroughput; -1 is no bound."""
    return {"MaxReadRequestUnits": throughput.read, "MaxWriteRequestUnits": throughput.write}


def warmth(throughput: Throughput) -> Request:
    """Return a WarmThroughput."""
    return {"ReadUnitsPerSecond": throughput.read, "WriteUnitsPerSecond": throughput.write}


def stream(view: str | None) -> Request:
    """Return a StreamSpecification; None turns it off."""
    return {"StreamEnabled": False} if view is None else {"StreamEnabled": True, "StreamViewType": view}


def encryption(key: str | None) -> Request:
    """Return an SSESpecification."""
    if key == "AWS_OWNED":
        return {"Enabled": False}
    named = {} if key == "AWS_MANAGED" else {"KMSMasterKeyId": key}
    return {"Enabled": True, "SSEType": "KMS", **named}


def tags(named: Mapping[str, str]) -> list[Request]:
    """Return tags, by name."""
    return [{"Key": name, "Value": value} for name, value in sorted(named.items())]


def _index(index: IndexShape) -> Request:
    projection: Request = {"ProjectionType": index.projection}
    if isinstance(index.projection, tuple):
        projection = {"ProjectionType": "INCLUDE", "NonKeyAttributes": list(index.projection)}
    return {"IndexName": index.name, "KeySchema": _schema(index.keys), "Projection": projection}


def _schema(keys: Keys) -> list[Request]:
    return [{"AttributeName": name, "KeyType": kind} for name, kind in keys]
