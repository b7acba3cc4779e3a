"""The story of the demo: each step sends real HTTP requests, and expects what it says.

A step that meets something else raises `Unexpected`; nothing is printed as done that was not seen.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import attrs
import httpx

from examples.bookmarks.wire import WireLog, lines, milliseconds

VISITORS = 50
Say = Callable[[str], None]


class Unexpected(Exception):
    """The service answered something else than the story says."""


@attrs.define
class Storyteller:
    """Sends the requests of the story and tells what happened.

    Attributes:
        http: Points at the service.
        wire: Observes the service's client.
        say: Prints a line.
        requests: HTTP requests sent so far.
    """

    http: httpx.AsyncClient
    wire: WireLog
    say: Say
    requests: int = 0
    _step: int = 0

    async def tell(self) -> None:
        """Tell all of it.

        Raises:
            Unexpected: The service did something else; the text says what.
        """
        await self.create()
        await self.create_again()
        await self.read()
        await self.count_visits()
        await self.edit_at_the_same_time()
        await self.let_one_expire()
        await self.list_them()
        await self.delete()

    async def create(self) -> None:
        self._title("Create a bookmark")
        answer = await self._request("POST", "/bookmarks", 201, json=_AWS)
        mark = answer.json()
        _expect(answer.headers["etag"], '"0"', "the ETag of a new bookmark")
        _expect(mark["tags"], ["cloud"], "its tags")
        self._note(f"stored at {mark['created']}, revision {mark['revision']}")

    async def create_again(self) -> None:
        self._title("Create it again: refused, and what is stored stays as it is")
        answer = await self._request("POST", "/bookmarks", 409, json={**_AWS, "title": "Mine!"})
        self._note(f"answered {answer.json()['code']}")

    async def read(self) -> None:
        self._title("Read it")
        answer = await self._request("GET", _PATH, 200)
        _expect(answer.json()["title"], _AWS["title"], "the title")
        self._note(f"{answer.json()['title']!r}, ETag {answer.headers['etag']}")
        await self._request("GET", "/bookmarks/ana/nothing-here", 404)

    async def count_visits(self) -> None:
        self._title(f"Count {VISITORS} visits that come at the same time")
        mark, started = len(self.wire.calls), time.perf_counter()
        answers: list[httpx.Response] = []

        async def visit() -> None:
            answers.append(await self._send("POST", f"{_PATH}/visits"))

        async with anyio.create_task_group() as visitors:
            for _ in range(VISITORS):
                visitors.start_soon(visit)
        took = milliseconds(time.perf_counter() - started)
        self.say(f"     {VISITORS} times POST {_PATH}/visits → {_statuses(answers)}, {took} in all")
        self._tell_wire(mark)
        _expect({answer.status_code for answer in answers}, {200}, "the answers to the visits")
        counts = sorted(answer.json()["visits"] for answer in answers)
        _expect(counts, list(range(1, VISITORS + 1)), "the counts that the visitors were told")
        stored = (await self._request("GET", _PATH, 200)).json()
        _expect(stored["visits"], VISITORS, "the stored counter")
        self._note(f"the counter says {stored['visits']}, and each visitor was told another number")

    async def edit_at_the_same_time(self) -> None:
        self._title("Ana and Ben edit the same revision: one wins, the other reads again")
        seen = await self._request("GET", _PATH, 200)
        etag = seen.headers["etag"]
        self._note(f"both hold {etag}")
        ana = await self._request("PUT", _PATH, 200, json=_content("AWS, by Ana"), if_match=etag)
        ben = await self._request("PUT", _PATH, 409, json=_content("AWS, by Ben"), if_match=etag)
        self._note(f"Ben was answered {ben.json()['code']}; nothing of Ana's is lost")
        again = await self._request("GET", _PATH, 200)
        _expect(again.json()["title"], "AWS, by Ana", "the title after the conflict")
        _expect(again.headers["etag"], ana.headers["etag"], "the ETag after the conflict")
        solved = await self._request(
            "PUT", _PATH, 200, json=_content("AWS, by Ana and Ben"), if_match=again.headers["etag"]
        )
        _expect(solved.json()["visits"], VISITORS, "the counter after the edits")
        self._note(f"resolved: {solved.json()['title']!r}, ETag {solved.headers['etag']}")

    async def let_one_expire(self) -> None:
        self._title("Keep a bookmark for a moment only")
        wanted = datetime.now(UTC) + timedelta(seconds=2)
        body = {"user": "ana", "slug": "sale", "url": "https://shop.example", "expires": wanted.isoformat()}
        created = await self._request("POST", "/bookmarks", 201, json=body)
        expires = datetime.fromisoformat(created.json()["expires"])
        _expect(expires, wanted.replace(microsecond=0), "the expiry, in whole seconds")
        self._note(f"stored as N {int(expires.timestamp())}; time-to-live is on for the table")
        await self._request("GET", "/bookmarks/ana/sale", 200)
        left = (expires - datetime.now(UTC)).total_seconds()
        await anyio.sleep(max(left, 0) + 0.01)
        await self._request("GET", "/bookmarks/ana/sale", 404)
        self._note("expired: not shown any more, whenever DynamoDB deletes it")

    async def list_them(self) -> None:
        self._title("List Ana's bookmarks by page, forward and back")
        for slug, tags in (("python", ["language"]), ("asyncio", ["language", "cloud"])):
            body = {"user": "ana", "slug": slug, "url": f"https://{slug}.example", "tags": tags}
            await self._request("POST", "/bookmarks", 201, json=body)
        forward, last = await self._follow("/bookmarks?user=ana&size=2", "next")
        _expect(forward, ["asyncio", "aws", "python"], "Ana's bookmarks, page by page")
        backward, first = await self._follow(last, "previous")
        _expect(sorted(backward), forward, "the same from the last page back")
        tagged, _ = await self._follow("/bookmarks?user=ana&tag=cloud", "next")
        _expect(tagged, ["asyncio", "aws"], "those tagged cloud")
        self._note(f"{', '.join(forward)}; tagged cloud: {', '.join(tagged)}")
        other = first.replace("user=ana", "user=ben")
        refusal = await self._request("GET", other, 400)
        self._note(f"a cursor of Ana's list in Ben's was answered {refusal.json()['code']}")

    async def delete(self) -> None:
        self._title("Delete one, but not with a revision that is out of date")
        await self._request("DELETE", _PATH, 409, if_match='"0"')
        current = await self._request("GET", _PATH, 200)
        await self._request("DELETE", _PATH, 204, if_match=current.headers["etag"])
        await self._request("GET", _PATH, 404)
        self._note("gone")

    async def _follow(self, path: str, way: str) -> tuple[list[str], str]:
        """Return the slugs of a page and of all that its links lead to, and the last link."""
        slugs: list[str] = []
        following: str | None = path
        while following is not None:
            path = following
            page = (await self._request("GET", path, 200)).json()
            slugs += [mark["slug"] for mark in page["items"]]
            following = page[way]
        return slugs, path

    async def _request(
        self, method: str, path: str, expected: int, *, json: Any = None, if_match: str | None = None
    ) -> httpx.Response:
        mark, started = len(self.wire.calls), time.perf_counter()
        answer = await self._send(method, path, json=json, if_match=if_match)
        took = milliseconds(time.perf_counter() - started)
        condition = f"  If-Match: {if_match}" if if_match else ""
        self.say(f"     {method} {_short(path)}{condition} → {answer.status_code}, {took}")
        self._tell_wire(mark)
        if answer.status_code != expected:
            raise Unexpected(
                f"{method} {path} was answered {answer.status_code}, expected {expected}: {answer.text[:300]}"
            )
        return answer

    async def _send(
        self, method: str, path: str, *, json: Any = None, if_match: str | None = None
    ) -> httpx.Response:
        self.requests += 1
        headers = {} if if_match is None else {"If-Match": if_match}
        try:
            return await self.http.request(method, path, json=json, headers=headers)
        except httpx.HTTPError as error:
            raise Unexpected(f"{method} {path} was not answered: {error!r}") from error

    def _title(self, text: str) -> None:
        self._step += 1
        self.say("")
        self.say(f"{self._step:>2}. {text}")

    def _note(self, text: str) -> None:
        self.say(f"     = {text}")

    def _tell_wire(self, mark: int) -> None:
        for line in lines(self.wire.since(mark)):
            self.say(f"         {line}")


_AWS = {
    "user": "ana",
    "slug": "aws",
    "url": "https://aws.amazon.com",
    "title": "Amazon Web Services",
    "tags": ["cloud"],
}
_PATH = "/bookmarks/ana/aws"


def _short(path: str) -> str:
    return path if len(path) <= 70 else f"{path[:69]}…"


def _content(title: str) -> dict[str, Any]:
    return {"url": _AWS["url"], "title": title, "tags": _AWS["tags"]}


def _statuses(answers: list[httpx.Response]) -> str:
    counts: dict[int, int] = {}
    for answer in answers:
        counts[answer.status_code] = counts.get(answer.status_code, 0) + 1
    return ", ".join(f"{status} ({count} times)" for status, count in sorted(counts.items()))


def _expect(found: object, wanted: object, what: str) -> None:
    if found != wanted:
        raise Unexpected(f"{what}: {found!r}, expected {wanted!r}")
