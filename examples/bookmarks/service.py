"""The service: one route for each thing to do with a bookmark, one verb of the library for each route.

Reads are consistent, so that a client sees what it has just written; that costs twice the read
units. The bookmark's version is its `ETag`, and `If-Match` demands it: a client that changes or
deletes what somebody else has changed in between is answered 409 and reads again.
"""

import re
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, cast

from fastapi import APIRouter, Depends, FastAPI, Header, HTTPException, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, field_serializer

from dynamorm_async import Client, Condition, ConditionFailed, ItemNotFound, Table, with_version
from dynamorm_async import Query as Selected
from examples.bookmarks import errors
from examples.bookmarks.model import Bookmark, alive, vacant


class Content(BaseModel):
    """What a client may change."""

    url: str
    title: str = ""
    tags: set[str] = set()
    expires: AwareDatetime | None = None


class NewBookmark(Content):
    """The body of a create."""

    user: str
    slug: str


class StoredBookmark(NewBookmark):
    """The body of an answer: a bookmark as it is stored."""

    model_config = ConfigDict(from_attributes=True)

    visits: int
    created: datetime
    updated: datetime
    revision: int

    @field_serializer("tags")
    def sorted_tags(self, tags: set[str]) -> list[str]:
        """Write the same set in the same order every time."""
        return sorted(tags)


class Page(BaseModel):
    """The answer to a list: some bookmarks, and links to the pages around."""

    items: list[StoredBookmark]
    next: str | None
    previous: str | None


class Asked(BaseModel):
    """What a list is asked for, in query parameters; all of it must hold."""

    user: str | None = None
    url: str | None = None
    tag: str | None = None


class Visits(BaseModel):
    """The answer to a visit."""

    visits: int


def create_app(connecting: AbstractAsyncContextManager[Client], *, table: str | None = None) -> FastAPI:
    """Return the service over a client that it opens when it starts and closes when it stops.

    Args:
        connecting: What `connect(…)` returned; not entered yet.
        table: The table's name, instead of the model's; it is created where it is missing.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        async with connecting as db:
            await db.admin.ensure_table(Bookmark, name=table)
            app.state.bookmarks = db.table(Bookmark, name=table)
            yield

    app = FastAPI(title="Bookmarks", lifespan=lifespan)
    app.include_router(routes)
    errors.install(app)
    return app


async def _bookmarks(request: Request) -> Table[Bookmark]:
    return cast("Table[Bookmark]", request.app.state.bookmarks)


async def _if_match(if_match: Annotated[str | None, Header()] = None) -> int | None:
    if if_match is None:
        return None
    found = re.fullmatch(r'"(\d+)"', if_match)
    if found is None:
        raise HTTPException(422, 'If-Match takes the ETag of a bookmark: a whole number in quotes, "7"')
    return int(found[1])


async def _now() -> datetime:
    return datetime.now(UTC)


Bookmarks = Annotated[Table[Bookmark], Depends(_bookmarks)]
HeldVersion = Annotated[int | None, Depends(_if_match)]
Now = Annotated[datetime, Depends(_now)]

routes = APIRouter(prefix="/bookmarks")


@routes.post("", status_code=201)
async def create(body: NewBookmark, bookmarks: Bookmarks, now: Now, response: Response) -> StoredBookmark:
    """Store a new bookmark: 201, or 409 where the user has one under this slug."""
    # `bookmarks.create(…)` would be enough if bookmarks didn't expire: it refuses any item under the key.
    mark = await bookmarks.put(Bookmark(**body.model_dump()), when=vacant(now))
    response.headers["Location"] = f"/bookmarks/{mark.user}/{mark.slug}"
    return _shown(mark, response)


@routes.get("")
async def listing(
    request: Request,
    bookmarks: Bookmarks,
    asked: Annotated[Asked, Query()],
    size: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: str | None = None,
) -> Page:
    """List a page of bookmarks: 200, or 400 where the cursor is none of this list.

    `size` is what DynamoDB evaluates: a page may hold fewer bookmarks, or none, and still have a next.
    """
    page = await _query(bookmarks, asked).page(size=size, cursor=cursor)

    def link(to: str | None) -> str | None:
        # The other parameters stay: a cursor belongs to the list that it was made for.
        return (
            None if to is None else f"{request.url.path}?{request.url.include_query_params(cursor=to).query}"
        )

    items = [StoredBookmark.model_validate(mark) for mark in page.items]
    return Page(items=items, next=link(page.next), previous=link(page.previous))


def _query(bookmarks: Table[Bookmark], asked: Asked) -> Selected[Bookmark]:
    """Return the query of a list.

    By its user: the table's key, in order of slugs. By its url: an index, in order of creation, which
    lags behind the table by a moment. By neither: the whole table, in no order and forward only, which
    is fine for a small one.
    """
    conditions: list[Condition[Bookmark]] = []
    if asked.user is not None:
        conditions.append(Bookmark.user == asked.user)
    if asked.url is not None:
        conditions.append(Bookmark.url == asked.url)
    if asked.tag is not None:
        conditions.append(Bookmark.tags.contains(asked.tag))
    # Not `alive(now)`: a cursor belongs to its conditions, and the time would be another each time.
    query = bookmarks.where(*conditions).not_expired()
    return query.allow_scan() if asked.user is None else query.consistent()


@routes.get("/{user}/{slug}")
async def read(user: str, slug: str, bookmarks: Bookmarks, now: Now, response: Response) -> StoredBookmark:
    """Return a bookmark with its ETag: 200, or 404."""
    mark = await bookmarks.get(user, slug, consistent=True)
    if mark.expires is not None and mark.expires <= now:
        raise ItemNotFound(f"the bookmark {user}/{slug} has expired")
    return _shown(mark, response)


@routes.put("/{user}/{slug}")
async def replace(
    user: str, slug: str, body: Content, bookmarks: Bookmarks, held: HeldVersion, response: Response
) -> StoredBookmark:
    """Write a bookmark's content over what the client has seen: 200, or 409 where it has changed since."""
    if held is None:
        raise HTTPException(428, "send If-Match with the ETag that you have read")
    mark = with_version(Bookmark(user=user, slug=slug, **body.model_dump()), held)
    # Only what the client sent; visits stay, and so does what other programs stored beside it.
    saved = await bookmarks.save(mark, fields=[Bookmark.url, Bookmark.title, Bookmark.tags, Bookmark.expires])
    return _shown(saved, response)


@routes.post("/{user}/{slug}/visits")
async def visit(user: str, slug: str, bookmarks: Bookmarks, now: Now) -> Visits:
    """Count a visit. DynamoDB adds, so no visit is lost, however many come at once."""
    try:
        mark = await bookmarks.update(
            (user, slug), Bookmark.visits.add(1), when=alive(now), returning="ALL_NEW"
        )
    except ConditionFailed as error:
        raise ItemNotFound(f"there is no bookmark {user}/{slug}") from error
    return Visits(visits=mark.visits)


@routes.delete("/{user}/{slug}", status_code=204)
async def delete(user: str, slug: str, bookmarks: Bookmarks, held: HeldVersion) -> None:
    """Delete a bookmark: 204, also where there is none; with If-Match, 409 where it has changed since."""
    when = None if held is None else Bookmark.revision == held
    await bookmarks.delete(user, slug, when=when)


def _shown(mark: Bookmark, response: Response) -> StoredBookmark:
    response.headers["ETag"] = f'"{mark.revision}"'
    return StoredBookmark.model_validate(mark)
