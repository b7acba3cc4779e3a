"""The story tells what it saw: a service that answers otherwise ends it, with a text that says how."""

import httpx
import pytest

from examples.bookmarks.story import Storyteller, Unexpected
from examples.bookmarks.wire import WireLog

STORED = {"slug": "aws", "tags": ["cloud"], "created": "2026-03-01T12:00:00Z", "revision": 0}


def teller(transport: httpx.MockTransport, said: list[str]) -> Storyteller:
    http = httpx.AsyncClient(transport=transport, base_url="http://bookmarks.example")
    return Storyteller(http, WireLog(), said.append)


async def test_another_status_ends_the_story() -> None:
    said: list[str] = []

    with pytest.raises(Unexpected, match=r"POST /bookmarks was answered 500, expected 201: oh no"):
        await teller(httpx.MockTransport(lambda _: httpx.Response(500, text="oh no")), said).tell()

    assert said[1] == " 1. Create a bookmark"
    assert said[2].startswith("     POST /bookmarks → 500, ")


async def test_another_content_ends_the_story() -> None:
    answer = httpx.Response(201, json=STORED, headers={"ETag": '"7"'})

    with pytest.raises(Unexpected, match=r"the ETag of a new bookmark: '\"7\"', expected '\"0\"'"):
        await teller(httpx.MockTransport(lambda _: answer), []).tell()


async def test_no_answer_ends_the_story() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    with pytest.raises(Unexpected, match="POST /bookmarks was not answered"):
        await teller(httpx.MockTransport(refuse), []).tell()
