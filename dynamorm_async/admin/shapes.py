"""What a table should be: derived from models and settings, checked against the service's limits.

Pure. Several models may share a table; their keys must agree, their indexes add up.

Source: DynamoDB API reference, CreateTable.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import attrs

from dynamorm_async.admin.settings import TableSettings, check_settings
from dynamorm_async.errors import InvalidModel, InvalidRequest
from dynamorm_async.model import ENTITY_ATTRIBUTE, IndexSpec, check_index_sums
from dynamorm_async.plan import CLAIM_ATTRIBUTE, Target, claims_table

Keys = tuple[tuple[str, str], ...]


@attrs.frozen(kw_only=True)
class IndexShape:
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

    @property
    def attributes(self) -> tuple[str, ...]:
        """The names of its key attributes, in order."""
        return tuple(name for name, _ in self.keys)

    @property
    def included(self) -> int:
        """How many attributes it projects by name."""
        return len(self.projection) if isinstance(self.projection, tuple) else 0

    def __str__(self) -> str:
        projection = self.projection if isinstance(self.projection, str) else ", ".join(self.projection)
        return f"{self.kind} on {shown(self.keys)}; {projection}"


@attrs.frozen(kw_only=True)
class TableShape:
    """One table as the service sees it.

    Attributes:
        keys: Attribute name and "HASH" or "RANGE", in order.
        types: Attribute name to "S", "N" or "B", for every attribute that is a key somewhere.
        indexes: Index name to index.
        ttl: The attribute that says when an item expires, or None.
        settings: What else it is.
    """

    name: str
    keys: Keys
    types: Mapping[str, str]
    indexes: Mapping[str, IndexShape]
    ttl: str | None = None
    settings: TableSettings = attrs.field(factory=TableSettings)

    @property
    def global_indexes(self) -> tuple[IndexShape, ...]:
        """Its global indexes, in order."""
        return tuple(index for index in self.indexes.values() if index.kind == "global")

    @property
    def local_indexes(self) -> tuple[IndexShape, ...]:
        """Its local indexes, in order."""
        return tuple(index for index in self.indexes.values() if index.kind == "local")


def wanted(targets: Sequence[Target[Any]], settings: TableSettings | None = None) -> TableShape:
    """Return the table that these models need, with these settings.

    Raises:
        InvalidModel: They disagree on keys, types, an index or the time-to-live attribute, a key
            has a type that no key can have, or together they have more than the service takes.
        InvalidRequest: A setting is none that the service takes, or of an index that the models lack.
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
    check_index_sums(
        f"the table {first.name} of {' and '.join(target.spec.name for target in targets)}",
        [(index.kind, index.included) for index in indexes.values()],
    )
    settings = settings or TableSettings()
    check_settings(settings)
    _check_named(settings, first.name, [index.name for index in indexes.values() if index.kind == "global"])
    if settings.time_to_live == "OFF":
        ttl = None
    return attrs.evolve(first, types=types, indexes=indexes, ttl=ttl, settings=settings)


def wanted_with_claims(
    targets: Sequence[Target[Any]], settings: TableSettings | None = None
) -> tuple[TableShape, ...]:
    """Return the table of `wanted`, and that of the claims on unique values where a model has such."""
    table = wanted(targets, settings)
    if not any(target.is_unique for target in targets):
        return (table,)
    claims = TableShape(
        name=claims_table(targets[0].table),
        keys=_keys([CLAIM_ATTRIBUTE], []),
        types={CLAIM_ATTRIBUTE: "S"},
        indexes={},
    )
    return table, claims


def _check_named(settings: TableSettings, table: str, indexes: Sequence[str]) -> None:
    for given in (settings.capacity, settings.warm):
        for name in given.indexes if given is not None else ():
            if name not in indexes:
                raise InvalidRequest(
                    f"TableSettings: {table} has no global index {name!r}",
                    why=f"its models have {', '.join(indexes) or 'none'}",
                    fix="name one of these",
                    code="admin.settings",
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


def shown(keys: Keys) -> str:
    """Return a key as words: `user (partition), slug (sort)`."""
    return ", ".join(f"{name} ({'partition' if kind == 'HASH' else 'sort'})" for name, kind in keys)
