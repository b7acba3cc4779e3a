"""What a table is beside its keys and indexes: billing, stream, encryption, protection, tags, recovery.

Pure. A setting that is None is not said: a new table gets the service's default, and a table that is
there keeps what it has.

Source: DynamoDB API reference, CreateTable, UpdateTable, TagResource, UpdateContinuousBackups.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Literal, cast

import attrs

from dynamorm_async.errors import InvalidRequest, quoted

StreamView = Literal["KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES"]
TableClass = Literal["STANDARD", "STANDARD_INFREQUENT_ACCESS"]
Insights = Literal["ACCESSED_AND_THROTTLED_KEYS", "THROTTLED_KEYS"]

STREAM_VIEWS = ("OFF", "KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES")
TABLE_CLASSES = ("STANDARD", "STANDARD_INFREQUENT_ACCESS")
INSIGHTS = ("OFF", "ACCESSED_AND_THROTTLED_KEYS", "THROTTLED_KEYS")
MOST_TAGS = 50
TAG_NAME = 128
TAG_VALUE = 256
RECOVERY_DAYS = 35
POLICY_BYTES = 20 * 1024
UNBOUNDED = -1

_KEY = re.compile(r"arn:aws[a-z0-9-]*:kms:[a-z0-9-]+:\d{12}:key/[\w-]+")


@attrs.frozen
class Throughput:
    """Read and write units per second."""

    read: int
    write: int

    def __str__(self) -> str:
        return f"{_bound(self.read)} read, {_bound(self.write)} write"


def _bound(units: int) -> str:
    return "any" if units == UNBOUNDED else str(units)


@attrs.frozen(kw_only=True)
class OnDemand:
    """Pay for each request, with no capacity to plan.

    Attributes:
        max_read: Most read units a second, or None for as many as come; more are throttled.
        max_write: The same of write units.
        indexes: Index name to the index's own most; one that is not named has none.
    """

    max_read: int | None = None
    max_write: int | None = None
    indexes: Mapping[str, Throughput] = attrs.field(factory=dict[str, Throughput])

    @property
    def most(self) -> Throughput:
        """The table's most, -1 for none."""
        return Throughput(
            UNBOUNDED if self.max_read is None else self.max_read,
            UNBOUNDED if self.max_write is None else self.max_write,
        )

    def of(self, index: str) -> Throughput:
        """Return the most of an index, -1 for none."""
        return self.indexes.get(index, Throughput(UNBOUNDED, UNBOUNDED))

    def __str__(self) -> str:
        bound = self.most != Throughput(UNBOUNDED, UNBOUNDED)
        return f"on demand, at most {self.most}" if bound else "on demand"


@attrs.frozen(kw_only=True)
class Provisioned:
    """Pay for capacity by the hour; what goes beyond it is throttled.

    Attributes:
        read: Read units a second.
        write: Write units a second.
        indexes: Index name to its own capacity; a global index that is not named has the table's.
    """

    read: int
    write: int
    indexes: Mapping[str, Throughput] = attrs.field(factory=dict[str, Throughput])

    @property
    def table(self) -> Throughput:
        """The table's own capacity."""
        return Throughput(self.read, self.write)

    def of(self, index: str) -> Throughput:
        """Return the capacity of a global index."""
        return self.indexes.get(index, self.table)

    def __str__(self) -> str:
        return f"provisioned, {self.table}"


@attrs.frozen(kw_only=True)
class WarmThroughput:
    """What a table takes at once, with no time to grow; at least so much, for it is never lowered.

    Attributes:
        read: Read units a second.
        write: Write units a second.
        indexes: Index name to what a global index takes; one that is not named is left as it is.
    """

    read: int
    write: int
    indexes: Mapping[str, Throughput] = attrs.field(factory=dict[str, Throughput])

    @property
    def table(self) -> Throughput:
        """The table's own."""
        return Throughput(self.read, self.write)


@attrs.frozen(kw_only=True)
class TableSettings:
    """What a table is beside its keys and indexes; None leaves it as it is.

    Attributes:
        capacity: `OnDemand()` or `Provisioned(read=…, write=…)`. A new table is on demand.
        warm: What it takes at once.
        stream: What a change in its stream shows, or "OFF".
        encryption: "AWS_OWNED", "AWS_MANAGED" (a table with a key of KMS keeps it), or the ARN of a key.
        table_class: "STANDARD" or "STANDARD_INFREQUENT_ACCESS".
        deletion_protection: Whether the table can't be deleted.
        tags: Names and values. Tags that are not named here are left, unless "untag" is allowed.
        recovery_days: How many days point-in-time recovery goes back, 1 to 35; 0 turns it off.
        time_to_live: "OFF" turns it off; what turns it on is a model's ttl field.
        insights: Which keys CloudWatch's contributor insights count, or "OFF".
        resource_policy: A policy as JSON text, or "OFF". One that says the same in another order or with
            other white space is the same.
    """

    capacity: OnDemand | Provisioned | None = None
    warm: WarmThroughput | None = None
    stream: StreamView | Literal["OFF"] | None = None
    encryption: str | None = None
    table_class: TableClass | None = None
    deletion_protection: bool | None = None
    tags: Mapping[str, str] | None = None
    recovery_days: int | None = None
    time_to_live: Literal["OFF"] | None = None
    insights: Insights | Literal["OFF"] | None = None
    resource_policy: str | None = None


def check_settings(settings: TableSettings) -> None:
    """Refuse settings that the service would refuse, with its numbers, as InvalidRequest.

    Asked of what is wanted and never of what was found: there the service may say what is new.
    """
    for rule in (_outside, _amounts, _tags, _policy):
        for what, why, fix in rule(settings):
            raise InvalidRequest(f"TableSettings({what})", why=why, fix=fix, code="admin.settings")


def _outside(settings: TableSettings) -> Iterator[tuple[str, str, str]]:
    choices = (
        ("stream", settings.stream, STREAM_VIEWS),
        ("table_class", settings.table_class, TABLE_CLASSES),
        ("time_to_live", settings.time_to_live, ("OFF",)),
        ("insights", settings.insights, INSIGHTS),
        ("deletion_protection", settings.deletion_protection, (True, False)),
    )
    for name, value, known in choices:
        if value is not None and value not in known:
            yield f"{name}={quoted(value)}", "the service knows no such value", f"use one of {known}"
    key = settings.encryption
    if key is not None and key not in ("AWS_OWNED", "AWS_MANAGED") and not _KEY.fullmatch(key):
        why = "an id or alias can't be compared with what the service answers"
        yield f"encryption={quoted(key)}", why, 'use "AWS_OWNED", "AWS_MANAGED" or the ARN of a key of KMS'


def _amounts(settings: TableSettings) -> Iterator[tuple[str, str, str]]:
    days = settings.recovery_days
    if days is not None and not (_is_whole(days) and 0 <= days <= RECOVERY_DAYS):
        why = f"recovery goes back 1 to {RECOVERY_DAYS} days"
        yield f"recovery_days={quoted(days)}", why, "give such a number, or 0 to turn it off"
    for name, given in (("capacity", settings.capacity), ("warm", settings.warm)):
        if given is None:
            continue
        table = given.most if isinstance(given, OnDemand) else given.table
        unbounded = {UNBOUNDED} if isinstance(given, OnDemand) else set[int]()
        named = [(name, table), *((f"{name}: index {index}", each) for index, each in given.indexes.items())]
        for where, each in named:
            for units in (each.read, each.write):
                if units not in unbounded and not (_is_whole(units) and units >= 1):
                    yield f"{where}={quoted(units)}", "units are whole numbers", "give at least 1"


def _tags(settings: TableSettings) -> Iterator[tuple[str, str, str]]:
    tags = settings.tags or {}
    if len(tags) > MOST_TAGS:
        yield f"tags: {len(tags)} of them", f"a table has at most {MOST_TAGS}", "give fewer"
    for name, value in tags.items():
        if not 1 <= len(name) <= TAG_NAME or len(value) > TAG_VALUE:
            why = f"a name has 1 to {TAG_NAME} characters, a value at most {TAG_VALUE}"
            yield f"tags={quoted({name: value})}", why, "shorten it"
        if name.lower().startswith("aws:"):
            yield f"tags={quoted(name)}", "names that begin with aws: are the service's own", "use another"


def _policy(settings: TableSettings) -> Iterator[tuple[str, str, str]]:
    text = settings.resource_policy
    if text in (None, "OFF"):
        return
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > POLICY_BYTES:
        yield f"resource_policy: {size} bytes", f"a policy has at most {POLICY_BYTES}", "shorten it"
    if not isinstance(parsed(text), dict):
        yield f"resource_policy={quoted(text)}", "a policy is a JSON object", 'give json.dumps(…), or "OFF"'


def parsed(policy: str) -> object:
    """Return a policy's JSON data, or None where it is none."""
    try:
        return cast("object", json.loads(policy))
    except ValueError:
        return None


def _is_whole(number: object) -> bool:
    return isinstance(number, int) and not isinstance(number, bool)
