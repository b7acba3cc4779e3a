"""What a table is: derived from models, read from DescribeTable, compared.

Pure. Several models may share a table; their keys must agree, their indexes add up.

Source: DynamoDB API reference, CreateTable and DescribeTable.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, cast

import msgspec

from dynamorm_async.errors import InvalidModel
from dynamorm_async.model import ENTITY_ATTRIBUTE, IndexSpec
from dynamorm_async.plan import CLAIM_ATTRIBUTE, Size, Statistics, Target, claims_table

Keys = tuple[tuple[str, str], ...]


class IndexShape(msgspec.Struct, frozen=True, kw_only=True):
    """One index as the service sees it.

    Attributes:
        kind: "global" or "local".
        keys: Attribute name and "HASH" or "RANGE", in order.
        projection: "ALL", "KEYS_ONLY", or the names of the attributes beside the keys, sorted.
    """

    name: str
    kind: Literal["global", "local"]
    keys: Keys
    projection: Literal["ALL", "KEYS_ONLY"] | tuple[str, ...]


class TableShape(msgspec.Struct, frozen=True, kw_only=True):
    """One table as the service sees it.

    Attributes:
        keys: Attribute name and "HASH" or "RANGE", in order.
        types: Attribute name to "S", "N" or "B", for every attribute that is a key somewhere.
        indexes: Index name to index.
        ttl: The attribute that says when an item expires, or None.
    """

    name: str
    keys: Keys
    types: Mapping[str, str]
    indexes: Mapping[str, IndexShape]
    ttl: str | None = None


def wanted(targets: Sequence[Target[Any]]) -> TableShape:
    """Return the table that these models need.

    Raises:
        InvalidModel: They disagree on keys, types, an index or the time-to-live attribute, or a key
            has a type that no key can have.
    """
    shapes = [_of_model(target) for target in targets]
    first, *others = shapes
    types, indexes, ttl = dict(first.types), dict(first.indexes), first.ttl
    for target, other in zip(targets[1:], others, strict=True):
        name = target.spec.name
        _agree(first.keys == other.keys, f"{name} and {targets[0].spec.name} name the keys differently")
        for attribute, tag in other.types.items():
            _agree(types.setdefault(attribute, tag) == tag, f"{name} stores the key {attribute!r} as {tag}")
        for index in other.indexes.values():
            _agree(indexes.setdefault(index.name, index) == index, f"{name} has another index {index.name!r}")
        ttl = ttl or other.ttl
        _agree(other.ttl in (None, ttl), f"{name} expires by {other.ttl!r}, another model by {ttl!r}")
    return msgspec.structs.replace(first, types=types, indexes=indexes, ttl=ttl)


def wanted_claims(targets: Sequence[Target[Any]]) -> TableShape | None:
    """Return the table for claims on unique values, or None where no model has unique fields."""
    if not any(target.is_unique for target in targets):
        return None
    return TableShape(
        name=claims_table(targets[0].table),
        keys=_keys([CLAIM_ATTRIBUTE], []),
        types={CLAIM_ATTRIBUTE: "S"},
        indexes={},
    )


def _agree(holds: bool, what: str) -> None:  # noqa: FBT001 - reads as a sentence where it is called
    if not holds:
        raise InvalidModel(f"{what}, in one table", fix="make the models agree", code="admin.models-disagree")


def _of_model(target: Target[Any]) -> TableShape:
    spec, record = target.spec, target.record
    names = [field.name for field in spec.key_fields]
    for index in spec.indexes.values():
        names += [*index.partition_key, *index.sort_key]
    attribute = {field.name: field.attribute for field in spec.fields.values()}
    attribute[ENTITY_ATTRIBUTE] = ENTITY_ATTRIBUTE  # an index may project it
    return TableShape(
        name=target.table,
        keys=_keys(
            [field.attribute for field in spec.key_fields][:1], [f.attribute for f in spec.key_fields][1:]
        ),
        types={attribute[name]: record.key_type(name) for name in dict.fromkeys(names)},
        indexes={index.name: _of_index(index, attribute) for index in spec.indexes.values()},
        ttl=spec.ttl.attribute if spec.ttl is not None else None,
    )


def _of_index(index: IndexSpec, attribute: Mapping[str, str]) -> IndexShape:
    projection = index.projection
    return IndexShape(
        name=index.name,
        kind=index.kind,
        keys=_keys([attribute[n] for n in index.partition_key], [attribute[n] for n in index.sort_key]),
        projection=tuple(sorted(attribute[n] for n in projection))
        if isinstance(projection, tuple)
        else projection,
    )


def _keys(partition: Iterable[str], sort: Iterable[str]) -> Keys:
    return (*((name, "HASH") for name in partition), *((name, "RANGE") for name in sort))


def create_request(shape: TableShape) -> bytes:
    """Return the CreateTable request: on-demand billing, every index, tags none."""
    request: dict[str, Any] = {
        "TableName": shape.name,
        "AttributeDefinitions": [
            {"AttributeName": name, "AttributeType": tag} for name, tag in sorted(shape.types.items())
        ],
        "KeySchema": _schema(shape.keys),
        "BillingMode": "PAY_PER_REQUEST",
    }
    for kind, member in (("global", "GlobalSecondaryIndexes"), ("local", "LocalSecondaryIndexes")):
        found = [_index_request(index) for index in shape.indexes.values() if index.kind == kind]
        if found:
            request[member] = found
    return json.dumps(request).encode()


def _index_request(index: IndexShape) -> dict[str, Any]:
    projection: dict[str, Any] = {"ProjectionType": index.projection}
    if isinstance(index.projection, tuple):
        projection = {"ProjectionType": "INCLUDE", "NonKeyAttributes": list(index.projection)}
    return {"IndexName": index.name, "KeySchema": _schema(index.keys), "Projection": projection}


def _schema(keys: Keys) -> list[dict[str, str]]:
    return [{"AttributeName": name, "KeyType": kind} for name, kind in keys]


def described(table: Mapping[str, Any]) -> TableShape:
    """Return the shape that a DescribeTable answer's `Table` says; it says nothing of time-to-live."""
    indexes: dict[str, IndexShape] = {}
    for kind, member in (("global", "GlobalSecondaryIndexes"), ("local", "LocalSecondaryIndexes")):
        for index in table.get(member) or ():
            indexes[index["IndexName"]] = _described_index(index, "global" if kind == "global" else "local")
    return TableShape(
        name=table["TableName"],
        keys=_described_keys(table["KeySchema"]),
        types={part["AttributeName"]: part["AttributeType"] for part in table["AttributeDefinitions"]},
        indexes=indexes,
    )


def _described_index(index: Mapping[str, Any], kind: Literal["global", "local"]) -> IndexShape:
    projection = cast("Mapping[str, Any]", index.get("Projection") or {})
    said = projection.get("ProjectionType", "ALL")
    named = tuple(sorted(projection.get("NonKeyAttributes") or ()))
    return IndexShape(
        name=index["IndexName"],
        kind=kind,
        keys=_described_keys(index["KeySchema"]),
        projection=named if said == "INCLUDE" else "KEYS_ONLY" if said == "KEYS_ONLY" else "ALL",
    )


def _described_keys(schema: Sequence[Mapping[str, str]]) -> Keys:
    return tuple((part["AttributeName"], part["KeyType"]) for part in schema)


def sizes(table: Mapping[str, Any]) -> Statistics:
    """Return how large a table and its indexes are, as a DescribeTable answer's `Table` says it.

    An engine that does not say leaves them unknown.
    """
    members = ("GlobalSecondaryIndexes", "LocalSecondaryIndexes")
    indexes = [index for member in members for index in table.get(member) or ()]
    return Statistics(
        table=_size(table, "TableSizeBytes"),
        indexes={
            index["IndexName"]: size
            for index in indexes
            if (size := _size(index, "IndexSizeBytes")) is not None
        },
    )


def _size(described: Mapping[str, Any], member: str) -> Size | None:
    is_active = described.get("IndexStatus", "ACTIVE") == "ACTIVE" and not described.get("Backfilling", False)
    items, found = described.get("ItemCount"), described.get(member)
    if items is None or found is None:
        return None if is_active else Size(items=0, bytes=0, is_active=False)
    return Size(items=items, bytes=found, is_active=is_active)


def differences(want: TableShape, have: TableShape) -> tuple[str, ...]:
    """Return one line for each way in which a table is not what the models need.

    Indexes and key attributes that the models do not mention are no difference.
    """
    lines: list[str] = []
    if want.keys != have.keys:
        lines.append(f"the key is {_shown(have.keys)}, wanted {_shown(want.keys)}")
    for name, index in want.indexes.items():
        there = have.indexes.get(name)
        if there is None:
            lines.append(f"the {index.kind} index {name!r} is missing")
            continue
        if (there.kind, there.keys) != (index.kind, index.keys):
            lines.append(
                f"the index {name!r} is {there.kind} on {_shown(there.keys)}, "
                f"wanted {index.kind} on {_shown(index.keys)}"
            )
        if there.projection != index.projection:
            lines.append(f"the index {name!r} projects {there.projection}, wanted {index.projection}")
    for name, tag in want.types.items():
        if have.types.get(name, tag) != tag:
            lines.append(f"the key attribute {name!r} is {have.types[name]}, wanted {tag}")
    return tuple(lines)


def _shown(keys: Keys) -> str:
    return ", ".join(f"{name} ({'partition' if kind == 'HASH' else 'sort'})" for name, kind in keys)
