"""A service that keeps the rules, an admin before it, and what goes wrong between them."""

from __future__ import annotations

from typing import Any

import attrs

from dynamorm_async import (
    Attr,
    GlobalIndex,
    TableProgress,
    TableSettings,
    attribute,
    model,
    partition_key,
    sort_key,
    ttl,
)
from dynamorm_async.admin import Admin
from dynamorm_async.codecs import default_codecs
from dynamorm_async.plan import Target
from dynamorm_async.wire import Call, Reply, Send
from tests.admin.modelled_service import ModelledService


@model(table="places")
class Bare:
    country: Attr[str] = partition_key()
    city: Attr[str] = sort_key()
    kind: Attr[str] = attribute(default="-")


@model(table="places")
class Place:
    country: Attr[str] = partition_key()
    city: Attr[str] = sort_key()
    kind: Attr[str] = attribute(default="-")
    until: Attr[int | None] = ttl(default=None)

    by_kind = GlobalIndex("by-kind", partition_key="kind")
    by_city = GlobalIndex("by-city", partition_key="city")


@model(table="places")
class OtherKey:
    id: Attr[str] = partition_key()


@model(table="people")
class Person:
    id: Attr[str] = partition_key()
    kind: Attr[str] = attribute(default="-")

    by_kind = GlobalIndex("by-kind", partition_key="kind")


@model(table="pets")
class Pet:
    id: Attr[str] = partition_key()


@attrs.define
class World:
    """A service, an admin before it, and what goes wrong between them.

    Attributes:
        faults: Operation to the errors that its calls meet in turn, None for none. A fault comes
            before the call; one in a list of its own comes after it, so that only the answer is lost.
    """

    service: ModelledService = attrs.field(factory=ModelledService)
    faults: dict[str, list[Any]] = attrs.field(factory=dict[str, list[Any]])
    calls: list[str] = attrs.field(factory=list[str])
    seen: list[TableProgress] = attrs.field(factory=list[TableProgress])

    async def send(self, call: Call) -> Reply:
        self.calls.append(call.operation)
        waiting = self.faults.get(call.operation, [])
        fault = waiting.pop(0) if waiting else None
        if isinstance(fault, Exception):
            raise fault
        reply = await self.service.send(call)
        if isinstance(fault, list):
            raise fault[0]
        if callable(fault):
            fault()
        return reply

    def target(self, model: type[Any], name: str | None) -> Target[Any]:
        record: Any = default_codecs().record(model)
        return Target(record, name or record.spec.table)

    @property
    def admin(self) -> Admin:
        return self.behind(self.send)

    def behind(self, send: Send) -> Admin:
        """Return an admin of this world that sends otherwise."""
        return Admin(send, target=self.target, sleep=self.service.sleep, clock=self.service.clock)

    async def with_bare_table(self, settings: TableSettings | None = None) -> None:
        await self.admin.create_table(Bare, settings=settings)
        self.service.changes.clear()
        self.calls.clear()

    def indexes(self, table: str = "places") -> dict[str, str]:
        return {i["IndexName"]: i["IndexStatus"] for i in self.service.tables[table].indexes}
