"""What the tests of the client begin with: a bookmark, and the bytes that an engine holds."""

from __future__ import annotations

import json
from typing import Any

import attrs

from dynamorm_async import Call, Client, Reply, Send
from tests.shapes import Bookmark


def mark(**more: Any) -> Bookmark:
    return Bookmark(user="ana", slug="aws", url="https://x", **more)


Exchange = tuple[dict[str, Any], dict[str, Any]]


@attrs.define
class Recorder:
    """A middleware that keeps what was asked and answered."""

    calls: list[Exchange] = attrs.field(factory=list[Exchange])

    async def __call__(self, call: Call, send: Send) -> Reply:
        reply = await send(call)
        self.calls.append((json.loads(call.body), json.loads(reply.body)))
        return reply

    def taken(self) -> list[Exchange]:
        """Return what was kept since this was asked last."""
        calls, self.calls = self.calls, []
        return calls


async def answer(db: Client, operation: str, table: str | None, **members: Any) -> dict[str, Any]:
    """Send a request as it stands and return the answer, past every model."""
    body = json.dumps({**({} if table is None else {"TableName": table}), **members}).encode()
    reply = await db._waist.send(Call(operation=operation, body=body, tables=()))  # pyright: ignore[reportPrivateUsage]
    found: dict[str, Any] = json.loads(reply.body)
    return found


async def raw_item(db: Client, table: str, **key: Any) -> dict[str, Any]:
    """Return an item's tagged values as the engine has them."""
    item: dict[str, Any] = (await answer(db, "GetItem", table, Key=key, ConsistentRead=True))["Item"]
    return item


async def put_raw(db: Client, table: str, item: dict[str, Any]) -> None:
    """Store an item as another service might."""
    await answer(db, "PutItem", table, Item=item)
