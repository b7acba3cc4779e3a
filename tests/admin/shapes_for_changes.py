"""Tables for the tests of changes: one that is wanted, and the same as it is found."""

from __future__ import annotations

from typing import Any, Literal

import attrs

from dynamorm_async import OnDemand, TableSettings
from dynamorm_async.admin import FoundTable, IndexShape, TableShape

DEFAULTS = TableSettings(
    capacity=OnDemand(),
    stream="OFF",
    encryption="AWS_OWNED",
    table_class="STANDARD",
    deletion_protection=False,
    tags={},
    recovery_days=0,
    insights="OFF",
    resource_policy="OFF",
)


def index(
    name: str,
    *keys: str,
    kind: Literal["global", "local"] = "global",
    projection: Literal["ALL", "KEYS_ONLY"] | tuple[str, ...] = "ALL",
) -> IndexShape:
    """Return an index whose first key is its partition key and whose others are sort keys."""
    return IndexShape(
        name=name,
        kind=kind,
        keys=((keys[0], "HASH"), *((key, "RANGE") for key in keys[1:])),
        projection=projection,
    )


BY_ROOM = index("by-room", "room")
BY_TIME = index("by-time", "room", "time", projection=("value",))
BY_FLOOR = index("by-floor", "sensor", "floor", kind="local")


def table(*indexes: IndexShape, settings: TableSettings | None = None, **more: Any) -> TableShape:
    """Return the table of readings with these indexes."""
    used = {"sensor", "time", *(name for each in indexes for name in each.attributes)}
    types = {"sensor": "B", "time": "N", "room": "S", "floor": "N"}
    shape = TableShape(
        name="readings",
        keys=(("sensor", "HASH"), ("time", "RANGE")),
        types={name: types.get(name, "S") for name in sorted(used)},
        indexes={each.name: each for each in indexes},
        settings=settings or TableSettings(),
    )
    return attrs.evolve(shape, **more)


def found(shape: TableShape, **settings: Any) -> FoundTable:
    """Return a table as it is found, with the service's defaults but for these settings."""
    return FoundTable(
        shape=attrs.evolve(shape, settings=attrs.evolve(DEFAULTS, **settings)),
        arn="arn:aws:dynamodb:eu-west-1:123456789012:table/readings",
        status="ACTIVE",
        index_states={each.name: "ACTIVE" for each in shape.global_indexes},
    )
