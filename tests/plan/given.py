"""Plans of the shared models with no client, at a time that stands still; instances as if read."""

from __future__ import annotations

import json
from typing import Any, TypeVar

from dynamorm_async.client import Plans
from dynamorm_async.codecs import default_codecs
from dynamorm_async.errors import ServiceError
from dynamorm_async.plan import Target
from dynamorm_async.wire import Reply
from tests.scripted_send import refused
from tests.shapes import NOW, Bookmark, Note, Order, User

M = TypeVar("M")

OLD_TEXT = "2020-01-01T00:00:00.000000000Z"


def target(model: type[M], table: str) -> Target[M]:
    return Target(default_codecs().record(model), table)


def plans(model: type[M], table: str) -> Plans[M]:
    return Plans(target(model, table), lambda: NOW)


bookmarks = plans(Bookmark, "bookmarks")
notes = plans(Note, "notes")
users = plans(User, "shop")
orders = plans(Order, "shop")


def reply(body: object) -> Reply:
    return Reply(body=json.dumps(body).encode(), request_id="R-1")


def read(model: type[M], item: dict[str, Any]) -> M:
    """Return the instance that a reply with this tagged item gives."""
    found = target(model, "any").record.decode_item(json.dumps({"Item": item}))
    assert found is not None
    return found


STORED = {
    "user": {"S": "ana"},
    "slug": {"S": "aws"},
    "url": {"S": "https://x"},
    "created": {"S": OLD_TEXT},
    "updated": {"S": OLD_TEXT},
    "revision": {"N": "3"},
}


def fresh() -> Bookmark:
    """Return a bookmark that was never stored."""
    return Bookmark(user="ana", slug="aws", url="https://x")


def held() -> Bookmark:
    """Return a bookmark as read, at version 3."""
    return read(Bookmark, STORED)


def condition_failed(item: object = None, *, operation: str = "UpdateItem") -> ServiceError:
    """Return the service's refusal, with the stored item where there is one."""
    text = "The conditional request failed"
    return refused("ConditionalCheckFailedException", text, item=item, operation=operation, table="bookmarks")
