"""What a table is: read from the answers of the Describe operations.

Pure. An answer that was not asked for leaves its part unknown; an engine that does not say
something has the service's default of it.

Source: DynamoDB API reference, DescribeTable, DescribeTimeToLive, ListTagsOfResource,
DescribeContinuousBackups.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, Self, cast

import attrs

from dynamorm_async.admin.settings import (
    RECOVERY_DAYS,
    UNBOUNDED,
    OnDemand,
    Provisioned,
    TableSettings,
    Throughput,
    WarmThroughput,
)
from dynamorm_async.admin.shapes import IndexShape, Keys, TableShape
from dynamorm_async.plan import Size, Statistics

READY = "ACTIVE"
# They pass by themselves; every other status but ACTIVE needs somebody.
_PASSING = ("CREATING", "UPDATING", "DELETING", "ARCHIVING")


@attrs.frozen(kw_only=True)
class FoundTable:
    """A table as it was found.

    Attributes:
        shape: What it is. A setting is None where it was not asked for.
        arn: Its ARN, "" where an engine has none.
        status: "ACTIVE", "CREATING", "UPDATING", "DELETING", …
        index_states: Name of each global index to its status.
        ttl_state: "ENABLED", "DISABLED", "ENABLING", "DISABLING", or None where it was not asked for.
        restorable: The first and the last moment, UTC, to which it can be restored; None where
            recovery is off, or was not asked for.
        policy_revision: The revision of its resource policy, or None where it has none or was not asked.
    """

    shape: TableShape
    arn: str
    status: str
    index_states: Mapping[str, str]
    ttl_state: str | None = None
    restorable: tuple[datetime, datetime] | None = None
    policy_revision: str | None = None

    @property
    def is_ready(self) -> bool:
        """Whether the table and every global index can be used and changed."""
        return self.status == READY and all(state == READY for state in self.index_states.values())

    @property
    def is_stuck(self) -> bool:
        """Whether it will not become ready by itself: its key is not to be had, or it is archived."""
        return self.status != READY and self.status not in _PASSING

    @property
    def state(self) -> str:
        """What is not ready, in words: `UPDATING (index by-url CREATING)`; "ACTIVE" where all is."""
        busy = [f"index {name} {state}" for name, state in self.index_states.items() if state != READY]
        return f"{self.status} ({', '.join(busy)})" if busy else self.status

    def with_ttl(self, answer: Mapping[str, Any]) -> Self:
        """Return it with what DescribeTimeToLive's `TimeToLiveDescription` says."""
        state = answer.get("TimeToLiveStatus", "DISABLED")
        attribute = answer.get("AttributeName") if state in ("ENABLED", "ENABLING") else None
        return attrs.evolve(self, shape=attrs.evolve(self.shape, ttl=attribute), ttl_state=state)

    def with_tags(self, tags: Mapping[str, str]) -> Self:
        """Return it with its tags."""
        return self._with(tags=tags)

    def with_backups(self, answer: Mapping[str, Any]) -> Self:
        """Return it with what DescribeContinuousBackups' `ContinuousBackupsDescription` says."""
        recovery = _member(answer, "PointInTimeRecoveryDescription")
        if recovery.get("PointInTimeRecoveryStatus") != "ENABLED":
            return self._with(recovery_days=0)
        first = moment(recovery.get("EarliestRestorableDateTime"))
        last = moment(recovery.get("LatestRestorableDateTime"))
        found = self._with(recovery_days=recovery.get("RecoveryPeriodInDays", RECOVERY_DAYS))
        return attrs.evolve(
            found, restorable=(first, last) if first is not None and last is not None else None
        )

    def with_insights(self, answer: Mapping[str, Any]) -> Self:
        """Return it with what DescribeContributorInsights says."""
        is_on = answer.get("ContributorInsightsStatus") in ("ENABLED", "ENABLING")
        mode = answer.get("ContributorInsightsMode") or "ACCESSED_AND_THROTTLED_KEYS"
        return self._with(insights=mode if is_on else "OFF")

    def with_policy(self, answer: Mapping[str, Any] | None) -> Self:
        """Return it with what GetResourcePolicy says; None where there is no policy."""
        if answer is None:
            return self._with(resource_policy="OFF")
        found = self._with(resource_policy=answer["Policy"])
        return attrs.evolve(found, policy_revision=answer.get("RevisionId"))

    def _with(self, **settings: Any) -> Self:
        changed = attrs.evolve(self.shape.settings, **settings)
        return attrs.evolve(self, shape=attrs.evolve(self.shape, settings=changed))


def moment(seconds: float | None) -> datetime | None:
    """Return a moment that the service says in seconds since the epoch, UTC; None stays None."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def described(table: Mapping[str, Any]) -> TableShape:
    """Return the shape that a DescribeTable answer's `Table` says; it says nothing of time-to-live."""
    indexes: dict[str, IndexShape] = {}
    for index in _members(table, "GlobalSecondaryIndexes"):
        indexes[index["IndexName"]] = _index(index, "global")
    for index in _members(table, "LocalSecondaryIndexes"):
        indexes[index["IndexName"]] = _index(index, "local")
    return TableShape(
        name=table["TableName"],
        keys=_keys(table["KeySchema"]),
        types={part["AttributeName"]: part["AttributeType"] for part in table["AttributeDefinitions"]},
        indexes=indexes,
        settings=_settings(table),
    )


def found_table(table: Mapping[str, Any]) -> FoundTable:
    """Return a table as DescribeTable's `Table` says it."""
    return FoundTable(
        shape=described(table),
        arn=table.get("TableArn", ""),
        status=table["TableStatus"],
        index_states={
            index["IndexName"]: index.get("IndexStatus", READY)
            for index in _members(table, "GlobalSecondaryIndexes")
        },
    )


def sizes(table: Mapping[str, Any]) -> Statistics:
    """Return how large a table and its indexes are, as a DescribeTable answer's `Table` says it.

    An engine that does not say leaves them unknown.
    """
    indexes = [
        *_members(table, "GlobalSecondaryIndexes"),
        *_members(table, "LocalSecondaryIndexes"),
    ]
    return Statistics(
        table=_size(table, "TableSizeBytes"),
        indexes={
            index["IndexName"]: size
            for index in indexes
            if (size := _size(index, "IndexSizeBytes")) is not None
        },
    )


def _size(described: Mapping[str, Any], member: str) -> Size | None:
    is_active = described.get("IndexStatus", READY) == READY and not described.get("Backfilling", False)
    items, found = described.get("ItemCount"), described.get(member)
    if items is None or found is None:
        return None if is_active else Size(items=0, bytes=0, is_active=False)
    return Size(items=items, bytes=found, is_active=is_active)


def _members(described: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    # moto answers with null or an empty list where the service leaves a member out.
    return cast("list[dict[str, Any]]", described.get(name) or [])


def _member(described: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", described.get(name) or {})


def _index(index: Mapping[str, Any], kind: Literal["global", "local"]) -> IndexShape:
    projection = _member(index, "Projection")
    said = projection.get("ProjectionType", "ALL")
    named = tuple(sorted(projection.get("NonKeyAttributes") or ()))
    return IndexShape(
        name=index["IndexName"],
        kind=kind,
        keys=_keys(index["KeySchema"]),
        projection=named if said == "INCLUDE" else "KEYS_ONLY" if said == "KEYS_ONLY" else "ALL",
    )


def _keys(schema: Sequence[Mapping[str, str]]) -> Keys:
    return tuple((part["AttributeName"], part["KeyType"]) for part in schema)


def _settings(table: Mapping[str, Any]) -> TableSettings:
    stream = _member(table, "StreamSpecification")
    sse = _member(table, "SSEDescription")
    is_kms = sse.get("Status") in ("ENABLED", "ENABLING", "UPDATING") and sse.get("SSEType") == "KMS"
    return TableSettings(
        capacity=_capacity(table),
        warm=_warm(table),
        stream=stream["StreamViewType"] if stream.get("StreamEnabled") else "OFF",
        encryption=(sse.get("KMSMasterKeyArn") or "AWS_MANAGED") if is_kms else "AWS_OWNED",
        table_class=_member(table, "TableClassSummary").get("TableClass", "STANDARD"),
        deletion_protection=bool(table.get("DeletionProtectionEnabled", False)),
    )


def _capacity(table: Mapping[str, Any]) -> OnDemand | Provisioned:
    indexes = _members(table, "GlobalSecondaryIndexes")
    # A table that was always provisioned has no summary.
    if _member(table, "BillingModeSummary").get("BillingMode", "PROVISIONED") == "PROVISIONED":
        own = _units(table, "ProvisionedThroughput", "CapacityUnits")
        return Provisioned(
            read=own.read,
            write=own.write,
            indexes={
                index["IndexName"]: _units(index, "ProvisionedThroughput", "CapacityUnits")
                for index in indexes
            },
        )
    most = _most(table)
    return OnDemand(
        max_read=None if most.read == UNBOUNDED else most.read,
        max_write=None if most.write == UNBOUNDED else most.write,
        indexes={
            index["IndexName"]: bound
            for index in indexes
            if (bound := _most(index)) != Throughput(UNBOUNDED, UNBOUNDED)
        },
    )


def _units(described: Mapping[str, Any], member: str, unit: str) -> Throughput:
    found = _member(described, member)
    return Throughput(found.get(f"Read{unit}", 0), found.get(f"Write{unit}", 0))


def _most(described: Mapping[str, Any]) -> Throughput:
    found = _member(described, "OnDemandThroughput")
    return Throughput(
        found.get("MaxReadRequestUnits", UNBOUNDED), found.get("MaxWriteRequestUnits", UNBOUNDED)
    )


def _warm(table: Mapping[str, Any]) -> WarmThroughput | None:
    if not table.get("WarmThroughput"):
        return None
    own = _units(table, "WarmThroughput", "UnitsPerSecond")
    return WarmThroughput(
        read=own.read,
        write=own.write,
        indexes={
            index["IndexName"]: _units(index, "WarmThroughput", "UnitsPerSecond")
            for index in _members(table, "GlobalSecondaryIndexes")
            if index.get("WarmThroughput")
        },
    )
