"""The bookmarks service over real HTTP, on every engine: what its clients see, and what is stored."""

from collections.abc import AsyncGenerator, Generator
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import httpx
import pytest
from anyio.from_thread import start_blocking_portal
from fastapi import FastAPI

from dynamorm_async import (
    BatchFailure,
    Client,
    InvalidCursor,
    InvalidRequest,
    OutcomeUnknown,
    PartialBatch,
    RequestRefused,
    Table,
    Throttled,
    VersionConflict,
    evolve,
)
from dynamorm_async.testing import Engine
from examples.bookmarks.errors import install, status_of
from examples.bookmarks.model import Bookmark
from examples.bookmarks.service import create_app
from examples.bookmarks.serving import serving

AWS = {"user": "ana", "slug": "aws", "url": "https://aws.amazon.com", "title": "AWS", "tags": ["cloud"]}
CONTENT: dict[str, Any] = {"url": "https://aws.amazon.com", "title": "Amazon", "tags": []}
PATH = "/bookmarks/ana/aws"


def partly(error: Exception) -> PartialBatch:
    """Return what ends a batch of which one call failed for an error."""
    batch = PartialBatch("x", failed=[BatchFailure(("a",), error)], unprocessed=["b"])
    batch.__cause__ = error
    return batch


@pytest.fixture
def bookmarks(db: Client, table_name: str) -> Table[Bookmark]:
    return db.table(Bookmark, name=table_name)


@pytest.fixture
def service(engine: Engine, bookmarks: Table[Bookmark]) -> Generator[str]:
    """The address of the service, which runs in a thread and an event loop of its own."""
    app = create_app(engine.connect(), table=bookmarks.name)
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(serving(app)) as url:
        yield url


@pytest.fixture
async def http(service: str) -> AsyncGenerator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=service, trust_env=False, timeout=30) as client:
        yield client


async def created(http: httpx.AsyncClient, **changes: Any) -> httpx.Response:
    return await http.post("/bookmarks", json={**AWS, **changes})


async def listed(http: httpx.AsyncClient, **parameters: Any) -> list[str]:
    """Return the slugs of a list, over all of its pages."""
    page = (await http.get("/bookmarks", params=parameters)).json()
    found = [mark["slug"] for mark in page["items"]]
    while page["next"] is not None:
        page = (await http.get(page["next"])).json()
        found += [mark["slug"] for mark in page["items"]]
    return found


async def test_a_created_bookmark_is_answered_as_stored(
    http: httpx.AsyncClient, bookmarks: Table[Bookmark]
) -> None:
    answer = await created(http)

    stored = await bookmarks.get("ana", "aws", consistent=True)
    assert answer.status_code == 201
    assert answer.headers["location"] == PATH
    assert answer.headers["etag"] == '"0"'
    assert (stored.title, stored.tags, stored.visits) == ("AWS", {"cloud"}, 0)
    assert datetime.fromisoformat(answer.json()["created"]) == stored.created


async def test_a_duplicate_is_409_and_changes_nothing(
    http: httpx.AsyncClient, bookmarks: Table[Bookmark]
) -> None:
    await created(http)

    answer = await created(http, title="Mine!")

    assert answer.status_code == 409
    assert answer.json()["code"] == "plan.condition-failed"
    assert (await bookmarks.get("ana", "aws", consistent=True)).title == "AWS"


async def test_a_bookmark_is_read_with_its_etag(http: httpx.AsyncClient) -> None:
    await created(http)

    answer = await http.get(PATH)

    assert answer.status_code == 200
    assert answer.headers["etag"] == '"0"'
    assert answer.json()["url"] == "https://aws.amazon.com"


async def test_an_absent_bookmark_is_404(http: httpx.AsyncClient) -> None:
    answer = await http.get(PATH)

    assert answer.status_code == 404
    assert answer.json()["code"] == "plan.item-not-found"


async def test_fifty_visits_at_once_are_all_counted(http: httpx.AsyncClient) -> None:
    await created(http)

    answers: list[httpx.Response] = []

    async def visit() -> None:
        answers.append(await http.post(f"{PATH}/visits"))

    async with anyio.create_task_group() as visitors:
        for _ in range(50):
            visitors.start_soon(visit)

    assert sorted(answer.json()["visits"] for answer in answers) == list(range(1, 51))
    assert (await http.get(PATH)).json()["visits"] == 50


async def test_a_visit_to_an_absent_bookmark_is_404_and_creates_nothing(
    http: httpx.AsyncClient, bookmarks: Table[Bookmark]
) -> None:
    answer = await http.post(f"{PATH}/visits")

    assert answer.status_code == 404
    assert await bookmarks.find("ana", "aws", consistent=True) is None


async def test_the_second_writer_of_a_revision_is_409_and_can_read_again(
    http: httpx.AsyncClient, bookmarks: Table[Bookmark]
) -> None:
    etag = (await created(http)).headers["etag"]
    first = await http.put(PATH, json={**CONTENT, "title": "by Ana"}, headers={"If-Match": etag})

    second = await http.put(PATH, json={**CONTENT, "title": "by Ben"}, headers={"If-Match": etag})

    assert second.status_code == 409
    assert second.json()["code"] == "plan.version-conflict"
    assert (await bookmarks.get("ana", "aws", consistent=True)).title == "by Ana"
    again = await http.put(
        PATH, json={**CONTENT, "title": "both"}, headers={"If-Match": first.headers["etag"]}
    )
    assert (again.status_code, again.headers["etag"]) == (200, '"2"')


async def test_an_edit_writes_what_was_sent_and_leaves_the_rest(
    http: httpx.AsyncClient, bookmarks: Table[Bookmark]
) -> None:
    await created(http)
    await http.post(f"{PATH}/visits")
    before = await bookmarks.get("ana", "aws", consistent=True)

    await http.put(PATH, json=CONTENT, headers={"If-Match": '"1"'})

    after = await bookmarks.get("ana", "aws", consistent=True)
    assert (after.title, after.tags, after.visits, after.revision) == ("Amazon", set(), 1, 2)
    assert after.created == before.created
    assert after.updated > before.updated


@pytest.mark.parametrize(
    ("headers", "status"), [({}, 428), ({"If-Match": "7"}, 422), ({"If-Match": '"x"'}, 422)]
)
async def test_an_edit_says_which_revision_it_has_seen(
    http: httpx.AsyncClient, headers: dict[str, str], status: int
) -> None:
    await created(http)

    assert (await http.put(PATH, json=CONTENT, headers=headers)).status_code == status


async def test_an_edit_of_an_absent_bookmark_is_409(http: httpx.AsyncClient) -> None:
    assert (await http.put(PATH, json=CONTENT, headers={"If-Match": '"0"'})).status_code == 409


async def test_an_expiry_is_stored_in_whole_seconds(
    http: httpx.AsyncClient, bookmarks: Table[Bookmark]
) -> None:
    answer = await created(http, expires="2100-01-01T00:00:00.75+01:00")

    stored = await bookmarks.get("ana", "aws", consistent=True)
    assert stored.expires == datetime(2099, 12, 31, 23, tzinfo=UTC)
    assert datetime.fromisoformat(answer.json()["expires"]) == stored.expires


async def test_an_expired_bookmark_is_treated_as_absent(
    http: httpx.AsyncClient, bookmarks: Table[Bookmark]
) -> None:
    await created(http)
    stored = await bookmarks.get("ana", "aws", consistent=True)
    past = datetime.now(UTC) - timedelta(minutes=1)
    await bookmarks.save(evolve(stored, expires=past), fields=[Bookmark.expires])

    assert (await http.get(PATH)).status_code == 404
    assert (await http.post(f"{PATH}/visits")).status_code == 404
    assert (await http.get("/bookmarks")).json() == {"items": [], "next": None, "previous": None}
    assert (await created(http, title="New")).status_code == 201
    assert (await http.get(PATH)).json()["title"] == "New"


async def test_a_listing_is_of_one_user_one_tag_or_one_url(http: httpx.AsyncClient) -> None:
    await created(http)
    await created(http, slug="python", tags=["language"], url="https://python.org")
    await created(http, user="ben", slug="gcp")

    everyone = await listed(http)
    anas = await listed(http, user="ana")
    cloud = await listed(http, user="ana", tag="cloud")
    tagged = await listed(http, tag="language")
    by_url = await listed(http, url=AWS["url"])
    both = await listed(http, url=AWS["url"], user="ben")

    assert sorted(everyone) == ["aws", "gcp", "python"]
    assert (anas, cloud, tagged) == (["aws", "python"], ["aws"], ["python"])
    assert (by_url, both) == (["aws", "gcp"], ["gcp"])


async def test_a_listing_is_followed_by_its_links_in_both_directions(http: httpx.AsyncClient) -> None:
    for number in range(5):
        await created(http, slug=f"s{number}", tags=["odd"] if number % 2 else [])

    first = (await http.get("/bookmarks", params={"user": "ana", "size": 2})).json()
    second = (await http.get(first["next"])).json()
    third = (await http.get(second["next"])).json()
    back = (await http.get(third["previous"])).json()
    begin = (await http.get(back["previous"])).json()

    pages = [[mark["slug"] for mark in page["items"]] for page in (first, second, third)]
    assert pages == [["s0", "s1"], ["s2", "s3"], ["s4"]]
    assert (first["previous"], third["next"]) == (None, None)
    assert (back["items"], begin["items"]) == (second["items"], first["items"])


async def test_a_filtered_listing_goes_on_over_short_pages(http: httpx.AsyncClient) -> None:
    for number in range(5):
        await created(http, slug=f"s{number}", tags=["last"] if number == 4 else [])

    page = (await http.get("/bookmarks", params={"user": "ana", "tag": "last", "size": 2})).json()

    assert page["items"] == []
    assert page["next"].startswith("/bookmarks?user=ana&tag=last&size=2&cursor=")
    assert await listed(http, user="ana", tag="last", size=2) == ["s4"]


@pytest.mark.parametrize("cursor", ["rubbish", "eyJsYXN0S2V5Ijp7fX0=", "x" * 9000])
async def test_a_cursor_that_is_none_is_400(http: httpx.AsyncClient, cursor: str) -> None:
    answer = await http.get("/bookmarks", params={"user": "ana", "cursor": cursor})

    assert answer.status_code == 400
    assert answer.json()["code"] in ("plan.invalid-cursor", "plan.foreign-cursor")
    assert cursor not in answer.text


async def test_a_cursor_of_another_list_is_400(http: httpx.AsyncClient) -> None:
    for number in range(3):
        await created(http, slug=f"s{number}")
    following = (await http.get("/bookmarks", params={"user": "ana", "size": 2})).json()["next"]

    assert (await http.get(following.replace("user=ana", "user=ben"))).status_code == 400
    assert (await http.get(f"{following}&tag=cloud")).status_code == 400


@pytest.mark.parametrize("size", ["0", "101", "x"])
async def test_a_page_has_1_to_100_bookmarks(http: httpx.AsyncClient, size: str) -> None:
    assert (await http.get("/bookmarks", params={"user": "ana", "size": size})).status_code == 422


async def test_a_delete_is_204_whether_or_not_there_was_one(http: httpx.AsyncClient) -> None:
    await created(http)

    assert (await http.delete(PATH)).status_code == 204
    assert (await http.delete(PATH)).status_code == 204
    assert (await http.get(PATH)).status_code == 404


async def test_a_delete_of_a_changed_revision_is_409(http: httpx.AsyncClient) -> None:
    etag = (await created(http)).headers["etag"]
    await http.post(f"{PATH}/visits")

    assert (await http.delete(PATH, headers={"If-Match": etag})).status_code == 409
    assert (await http.delete(PATH, headers={"If-Match": '"1"'})).status_code == 204


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"user": ""}, id="an empty key"),
        pytest.param({"slug": "x" * 1025}, id="a sort key over 1,024 bytes"),
        pytest.param({"expires": "2100-01-01T00:00:00"}, id="an expiry without offset"),
        pytest.param({"expires": "1969-12-31T00:00:00Z"}, id="an expiry before 1970"),
    ],
)
async def test_what_cannot_be_stored_is_422(http: httpx.AsyncClient, changes: dict[str, str]) -> None:
    assert (await created(http, **changes)).status_code == 422


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (VersionConflict("x"), 409),
        (InvalidCursor("x"), 400),
        (InvalidRequest("x"), 422),
        (InvalidRequest("an item that was read and does not fit", attempts=1), 500),
        (Throttled("x"), 503),
        (PartialBatch("x", succeeded=["a"], unprocessed=["b"]), 503),
        (partly(RequestRefused("x")), 500),
        (partly(Throttled("x")), 503),
        (partly(OutcomeUnknown("x")), 504),
        (partly(KeyError("x")), 500),
        (OutcomeUnknown("x"), 504),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_an_error_is_the_status_of_its_nearest_class(error: Any, status: int) -> None:
    assert status_of(error) == status


async def test_a_batch_of_which_a_part_was_done_says_what_is_left() -> None:
    app = FastAPI()
    install(app)

    @app.post("/imports")
    async def imports() -> None:
        raise PartialBatch("BatchWriteItem on secret-table", succeeded=range(25), unprocessed=range(10))

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as http:
        answer = await http.post("/imports")

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.json() == {
        "code": "executors.partial-batch",
        "what": "the store did not answer",
        "done": 25,
        "left": 10,
    }
