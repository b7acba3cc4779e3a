"""DynamoDB's control plane as its rules say it is: a `Send` that refuses what the service would refuse.

One change in each UpdateTable, of a table that is ACTIVE; every definition used and every key
defined; throughput for every index of a provisioned table and none on demand; no change that
changes nothing; one change of time-to-live in an hour; nothing deleted under protection. Changes take
a while, counted in looks.

Source: DynamoDB API reference, CreateTable, UpdateTable, UpdateTimeToLive, DeleteTable; dynamodb.md, 1, 2.
"""

from __future__ import annotations

import json
from typing import Any

import anyio.lowlevel
import attrs

from dynamorm_async.errors import ServiceError
from dynamorm_async.wire import LIMITS, Call, Reply
from tests.scripted_send import refused

HOUR = 3600.0
ARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/"
Json = dict[str, Any]


@attrs.define
class Stored:
    """One table: what DescribeTable says of it, and the rest."""

    described: Json
    busy: int
    tags: dict[str, str] = attrs.field(factory=dict[str, str])
    ttl: str | None = None
    ttl_changed: float = -HOUR
    insights: Json = attrs.field(factory=lambda: {"ContributorInsightsStatus": "DISABLED"})
    policy: str | None = None
    revision: int = 0
    recovery: Json = attrs.field(factory=lambda: {"PointInTimeRecoveryStatus": "DISABLED"})

    @property
    def indexes(self) -> list[Json]:
        found: list[Json] = self.described.setdefault("GlobalSecondaryIndexes", [])
        return found


@attrs.define
class ModelledService:
    """The tables of one account, and every call that changed something.

    Attributes:
        looks: How many times DescribeTable says that a change is still going on.
    """

    looks: int = 2
    now: float = 0.0
    tables: dict[str, Stored] = attrs.field(factory=dict[str, Stored])
    backups: dict[str, Json] = attrs.field(factory=dict[str, Json])
    copies: dict[str, Json] = attrs.field(factory=dict[str, Json])
    changes: list[str] = attrs.field(factory=list[str])

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await anyio.lowlevel.checkpoint()

    async def send(self, call: Call) -> Reply:
        await anyio.lowlevel.checkpoint()
        request: Json = json.loads(call.body)
        answer = getattr(self, f"_{call.operation}")(request)
        if not call.operation.startswith(("Describe", "Get", "List")):
            self.changes.append(call.operation)
        return Reply(body=json.dumps(answer).encode())

    def _of(self, request: Json) -> Stored:
        name = request.get("TableName") or request["ResourceArn"].removeprefix(ARN)
        if name not in self.tables:
            raise refused("ResourceNotFoundException", table=name)
        return self.tables[name]

    def _DescribeTable(self, request: Json) -> Json:
        stored = self._of(request)
        if stored.busy:
            stored.busy -= 1
        elif stored.described["TableStatus"] == "DELETING":
            del self.tables[request["TableName"]]
            raise refused("ResourceNotFoundException")
        else:
            stored.described["TableStatus"] = "ACTIVE"
            kept = [index for index in stored.indexes if index["IndexStatus"] != "DELETING"]
            stored.described["GlobalSecondaryIndexes"] = [{**i, "IndexStatus": "ACTIVE"} for i in kept]
        return {"Table": stored.described}

    def _CreateTable(self, request: Json) -> Json:
        name = request["TableName"]
        if name in self.tables:
            raise refused("ResourceInUseException")
        described = {
            name: value
            for name, value in request.items()
            if name not in {"Tags", "BillingMode", "SSESpecification", "TableClass", "ResourcePolicy"}
        }
        described |= {
            "TableStatus": "CREATING",
            "TableArn": ARN + name,
            "BillingModeSummary": {"BillingMode": request["BillingMode"]},
            "TableClassSummary": {"TableClass": request.get("TableClass", "STANDARD")},
            "SSEDescription": described_encryption(request.get("SSESpecification")),
        }
        stored = Stored(described, self.looks, {tag["Key"]: tag["Value"] for tag in request.get("Tags", [])})
        stored.policy = request.get("ResourcePolicy")
        for index in stored.indexes:
            index["IndexStatus"] = "CREATING"
        check_whole(stored.described)
        self.tables[name] = stored
        return {"TableDescription": described}

    def _UpdateTable(self, request: Json) -> Json:
        stored = self._of(request)
        if stored.described["TableStatus"] != "ACTIVE":
            raise refused("ResourceInUseException", "it is being changed")
        changed = json.loads(json.dumps(stored.described))
        members = {name: value for name, value in request.items() if name != "TableName"}
        change_of(members)(changed, members)
        if changed == stored.described:
            raise refused("ValidationException", "nothing would change")
        check_whole(changed)
        changed["TableStatus"] = "UPDATING"
        stored.described, stored.busy = changed, self.looks
        return {"TableDescription": changed}

    def _DeleteTable(self, request: Json) -> Json:
        stored = self._of(request)
        if stored.described.get("DeletionProtectionEnabled"):
            raise refused("ValidationException", "it is protected against deletion")
        stored.described["TableStatus"], stored.busy = "DELETING", self.looks
        return {"TableDescription": stored.described}

    def _ListTables(self, request: Json) -> Json:
        names = [n for n in sorted(self.tables) if n > request.get("ExclusiveStartTableName", "")]
        return {"TableNames": names[:2], **({"LastEvaluatedTableName": names[1]} if names[2:] else {})}

    def _DescribeTimeToLive(self, request: Json) -> Json:
        ttl = self._of(request).ttl
        on = {"TimeToLiveStatus": "ENABLED", "AttributeName": ttl}
        return {"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"} if ttl is None else on}

    def _UpdateTimeToLive(self, request: Json) -> Json:
        stored, wanted = self._of(request), request["TimeToLiveSpecification"]
        if stored.described["TableStatus"] != "ACTIVE":
            raise refused("ResourceInUseException")
        if self.now - stored.ttl_changed < HOUR:
            raise refused("ValidationException", "Time to live has been modified multiple times")
        there = wanted["AttributeName"] if not wanted["Enabled"] else None
        if stored.ttl != there:
            raise refused("ValidationException", "TimeToLive is already enabled, or disabled")
        stored.ttl = wanted["AttributeName"] if wanted["Enabled"] else None
        stored.ttl_changed = self.now
        return {"TimeToLiveSpecification": wanted}

    def _ListTagsOfResource(self, request: Json) -> Json:
        tags = [{"Key": key, "Value": value} for key, value in self._of(request).tags.items()]
        first = int(request.get("NextToken", 0))
        return {
            "Tags": tags[first : first + 1],
            **({"NextToken": str(first + 1)} if tags[first + 1 :] else {}),
        }

    def _TagResource(self, request: Json) -> Json:
        self._of(request).tags.update({tag["Key"]: tag["Value"] for tag in request["Tags"]})
        return {}

    def _UntagResource(self, request: Json) -> Json:
        for key in request["TagKeys"]:
            del self._of(request).tags[key]
        return {}

    def _DescribeContinuousBackups(self, request: Json) -> Json:
        recovery = self._of(request).recovery
        return {"ContinuousBackupsDescription": {"PointInTimeRecoveryDescription": recovery}}

    def _UpdateContinuousBackups(self, request: Json) -> Json:
        wanted = request["PointInTimeRecoverySpecification"]
        is_on = wanted["PointInTimeRecoveryEnabled"]
        days = {"RecoveryPeriodInDays": wanted["RecoveryPeriodInDays"]} if is_on else {}
        stored = self._of(request)
        stored.recovery = {"PointInTimeRecoveryStatus": "ENABLED" if is_on else "DISABLED", **days}
        return self._DescribeContinuousBackups(request)

    def _DescribeContributorInsights(self, request: Json) -> Json:
        return self._of(request).insights

    def _UpdateContributorInsights(self, request: Json) -> Json:
        stored, is_on = self._of(request), request["ContributorInsightsAction"] == "ENABLE"
        mode = {"ContributorInsightsMode": request["ContributorInsightsMode"]} if is_on else {}
        stored.insights = {"ContributorInsightsStatus": "ENABLING" if is_on else "DISABLING", **mode}
        return stored.insights

    def _GetResourcePolicy(self, request: Json) -> Json:
        stored = self._of(request)
        if stored.policy is None:
            raise refused("PolicyNotFoundException")
        return {"Policy": stored.policy, "RevisionId": str(stored.revision)}

    def _PutResourcePolicy(self, request: Json) -> Json:
        stored = self._of(request)
        revision = "NO_POLICY" if stored.policy is None else str(stored.revision)
        if request["ExpectedRevisionId"] != revision:
            raise refused("PolicyNotFoundException")
        stored.policy, stored.revision = request.get("Policy"), stored.revision + 1
        return {"RevisionId": str(stored.revision)}

    _DeleteResourcePolicy = _PutResourcePolicy

    def _CreateBackup(self, request: Json) -> Json:
        stored, arn = self._of(request), f"{ARN}{request['TableName']}/backup/{len(self.copies)}"
        self.copies[arn] = json.loads(json.dumps(stored.described))
        self.backups[arn] = {
            "BackupArn": arn,
            "BackupName": request["BackupName"],
            "BackupStatus": "CREATING",
            "BackupType": "USER",
            "BackupCreationDateTime": self.now,
            "TableName": request["TableName"],
            "busy": self.looks,
        }
        return {"BackupDetails": self.backups[arn]}

    def _DescribeBackup(self, request: Json) -> Json:
        if request["BackupArn"] not in self.backups:
            raise refused("BackupNotFoundException")
        backup = self.backups[request["BackupArn"]]
        backup["busy"] -= 1
        if backup["busy"] < 0:
            backup |= {"BackupStatus": "AVAILABLE", "BackupSizeBytes": 7}
        return {"BackupDescription": {"BackupDetails": backup, "SourceTableDetails": backup}}

    def _DeleteBackup(self, request: Json) -> Json:
        answer = self._DescribeBackup(request)
        del self.backups[request["BackupArn"]]
        return answer

    def _ListBackups(self, request: Json) -> Json:
        last = request.get("ExclusiveStartBackupArn", "")
        found = [
            each
            for arn, each in sorted(self.backups.items())
            if arn > last and request.get("TableName", each["TableName"]) == each["TableName"]
        ]
        more = {"LastEvaluatedBackupArn": found[1]["BackupArn"]} if found[2:] else {}
        return {"BackupSummaries": found[:2], **more}

    def _RestoreTableFromBackup(self, request: Json) -> Json:
        if request["BackupArn"] not in self.backups:
            raise refused("BackupNotFoundException")
        return self._restore(request["TargetTableName"], self.copies[request["BackupArn"]])

    def _RestoreTableToPointInTime(self, request: Json) -> Json:
        source = self._of({"TableName": request["SourceTableName"]})
        if source.recovery["PointInTimeRecoveryStatus"] != "ENABLED":
            raise refused("PointInTimeRecoveryUnavailableException")
        return self._restore(request["TargetTableName"], source.described)

    def _restore(self, name: str, described: Json) -> Json:
        """Make a new table with the keys, indexes and billing of another, and nothing else."""
        if name in self.tables:
            raise refused("TableAlreadyExistsException")
        restored = json.loads(json.dumps(described))
        for lost in ("StreamSpecification", "DeletionProtectionEnabled"):
            restored.pop(lost, None)
        restored |= {"TableName": name, "TableArn": ARN + name, "TableStatus": "CREATING"}
        self.tables[name] = Stored(restored, self.looks)
        return {"TableDescription": restored}


def described_encryption(wanted: Json | None) -> Json:
    if not wanted or not wanted["Enabled"]:
        return {}
    return {"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": wanted.get("KMSMasterKeyId", "arn:own")}


def check_whole(table: Json) -> None:
    """Refuse a table that the service would not have, as a ValidationException."""
    own = [each for each in table["GlobalSecondaryIndexes"] if each["IndexStatus"] != "DELETING"]
    local = table.get("LocalSecondaryIndexes", [])
    used = {part["AttributeName"] for each in (table, *own, *local) for part in each["KeySchema"]}
    defined = [part["AttributeName"] for part in table["AttributeDefinitions"]]
    if used != set(defined) or len(defined) != len(set(defined)):
        raise _wrong(f"definitions {sorted(defined)} of keys {sorted(used)}")
    if len({each["IndexName"] for each in (*own, *local)}) != len(own) + len(local):
        raise _wrong("two indexes of one name")
    if len(own) > LIMITS.global_indexes or len(local) > LIMITS.local_indexes:
        raise _wrong("too many indexes")
    if local and len(table["KeySchema"]) == 1:
        raise _wrong("a local index of a table without a sort key")
    included = sum(len(each["Projection"].get("NonKeyAttributes", ())) for each in (*own, *local))
    if included > LIMITS.projected_attributes:
        raise _wrong("too many attributes named")
    is_provisioned = table["BillingModeSummary"]["BillingMode"] == "PROVISIONED"
    if any(("ProvisionedThroughput" in each) != is_provisioned for each in (table, *own)):
        raise _wrong("throughput of a table on demand, or none of a provisioned one")


def _wrong(why: str) -> ServiceError:
    return refused("ValidationException", why)


# One of these in each UpdateTable.


def _billing(table: Json, members: Json) -> None:
    mode = members.get("BillingMode", table["BillingModeSummary"]["BillingMode"])
    table["BillingModeSummary"] = {"BillingMode": mode}
    if mode == "PAY_PER_REQUEST":
        for each in (table, *table["GlobalSecondaryIndexes"]):
            each.pop("ProvisionedThroughput", None)
    elif "ProvisionedThroughput" in members:
        if table.get("ProvisionedThroughput") == members["ProvisionedThroughput"]:
            raise _wrong("the throughput will not change")
        table["ProvisionedThroughput"] = members["ProvisionedThroughput"]
    _shares(table, members, "ProvisionedThroughput")


def _shares(table: Json, members: Json, member: str) -> None:
    indexes = {index["IndexName"]: index for index in table["GlobalSecondaryIndexes"]}
    for update in members.get("GlobalSecondaryIndexUpdates", ()):
        wanted = update["Update"]
        if set(wanted) != {"IndexName", member} or wanted["IndexName"] not in indexes:
            raise _wrong(f"a wrong update of an index: {wanted}")
        if indexes[wanted["IndexName"]].get(member) == wanted[member]:
            raise _wrong("the throughput of an index will not change")
        indexes[wanted["IndexName"]][member] = wanted[member]


def _index(table: Json, members: Json) -> None:
    updates = members["GlobalSecondaryIndexUpdates"]
    if len(updates) != 1:
        raise _wrong("several indexes at once")
    ((verb, wanted),) = updates[0].items()
    indexes = table["GlobalSecondaryIndexes"]
    names = [index["IndexName"] for index in indexes]
    if verb == "Create":
        table["AttributeDefinitions"] = members["AttributeDefinitions"]
        indexes.append({**wanted, "IndexStatus": "CREATING"})
    elif wanted["IndexName"] not in names:
        raise refused("ResourceNotFoundException")
    else:
        dropped = indexes[names.index(wanted["IndexName"])]
        dropped["IndexStatus"] = "DELETING"
        parts = [*indexes, *table.get("LocalSecondaryIndexes", []), table]
        used = {part["AttributeName"] for each in parts if each is not dropped for part in each["KeySchema"]}
        table["AttributeDefinitions"] = [
            d for d in table["AttributeDefinitions"] if d["AttributeName"] in used
        ]


def _limit(member: str) -> Any:
    def update(table: Json, members: Json) -> None:
        table.update({name: value for name, value in members.items() if name == member})
        _shares(table, members, member)

    return update


def _stream(table: Json, members: Json) -> None:
    wanted = members["StreamSpecification"]
    if wanted["StreamEnabled"] == table.get("StreamSpecification", {}).get("StreamEnabled", False):
        raise _wrong("the stream is enabled, or disabled, already")
    table["StreamSpecification"] = wanted


def _encryption(table: Json, members: Json) -> None:
    table["SSEDescription"] = described_encryption(members["SSESpecification"])


def _class(table: Json, members: Json) -> None:
    table["TableClassSummary"] = {"TableClass": members["TableClass"]}


def _protection(table: Json, members: Json) -> None:
    table["DeletionProtectionEnabled"] = members["DeletionProtectionEnabled"]


CHANGES: dict[str, Any] = {
    "Index": _index,
    "ProvisionedThroughput": _billing,
    "OnDemandThroughput": _limit("OnDemandThroughput"),
    "WarmThroughput": _limit("WarmThroughput"),
    "StreamSpecification": _stream,
    "SSESpecification": _encryption,
    "TableClass": _class,
    "DeletionProtectionEnabled": _protection,
}


def change_of(members: Json) -> Any:
    """Return the one change that an UpdateTable asks for; none and several are refused."""
    updates = [each.get("Update", {"Index": {}}) for each in members.get("GlobalSecondaryIndexUpdates", ())]
    kinds = {name for update in updates for name in update if name != "IndexName"}
    kinds |= set(members) - {"GlobalSecondaryIndexUpdates", "AttributeDefinitions", "BillingMode"}
    if "BillingMode" in members:
        kinds.add("ProvisionedThroughput")
    if len(kinds) != 1 or not kinds <= set(CHANGES):
        raise _wrong(f"not one change: {sorted(kinds)}")
    return CHANGES[kinds.pop()]
