"""What a model is to a type checker: its constructor, its instances, its class attributes."""

from datetime import UTC, datetime
from typing import assert_type

from dynamorm_async import (
    Attr,
    GlobalIndex,
    LocalIndex,
    Path,
    attribute,
    evolve,
    model,
    partition_key,
    version,
    with_version,
)
from tests.typing.models import Address, Admin, Bookmark, Box, Icy, Keyholder, Member


def an_instance_reads_values() -> None:
    mark = Bookmark(user="ana", slug="aws", url="https://aws")
    Bookmark(
        user="ana",
        slug="aws",
        url="https://aws",
        title="AWS",
        note=None,
        tags={"cloud"},
        visits=3,
        ratio=1,
        address=Address(city="Bern"),
        plain="x",
        expires=None,
    )

    assert_type(mark.user, str)
    assert_type(mark.note, str | None)
    assert_type(mark.tags, set[str])
    assert_type(mark.address, Address | None)
    assert_type(mark.created, datetime)
    assert_type(mark.revision, int)
    assert_type(mark.expires, datetime | None)
    assert_type(mark.plain, str)
    mark.title = "new"
    mark.note = None
    assert_type(evolve(mark, title="new"), Bookmark)
    assert_type(with_version(mark, 7), Bookmark)


def a_unique_field_is_a_field_like_others() -> None:
    keyholder = Keyholder(id="1", email="ana@x")

    assert_type(keyholder.badge, int | None)
    assert_type(Keyholder.email, Path[Keyholder, str])
    Keyholder(id="1", email=3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Keyholder(id="1")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    attribute(unique="yes")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]


def a_class_reads_paths() -> None:
    assert_type(Bookmark.user, Path[Bookmark, str])
    assert_type(Bookmark.note, Path[Bookmark, str | None])
    assert_type(Bookmark.created, Path[Bookmark, datetime])
    assert_type(Bookmark.by_url, GlobalIndex)


@model(table="jobs")
class Job:
    id: Attr[str] = partition_key()
    state: Attr[str]
    waiting: Attr[str] = attribute(template="{id}", when=lambda job: job.state == "open")


def a_field_that_is_stored_on_a_condition_is_computed() -> None:
    job = Job(id="1", state="open")

    assert_type(job.waiting, str)
    assert_type(Job.waiting, Path[Job, str])
    Job(id="1", state="open", waiting="1")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def a_child_has_the_fields_of_its_base() -> None:
    admin = Admin(user="ana", slug="aws", url="https://aws", level=3)

    assert_type(admin.user, str)
    assert_type(Admin.user, Path[Admin, str])
    assert_type(Admin.level, Path[Admin, int])


def a_generic_model_holds_its_type() -> None:
    assert_type(Box(id="a", content=3).content, int)
    assert_type(Box[str](id="a", content="x").content, str)


def a_template_is_computed() -> None:
    member = Member(org="o", name="n", mail="m")

    assert_type(member.pk, str)
    assert_type(Member.sk, Path[Member, str])


def wrong_constructions() -> None:
    Bookmark(user=3, slug="", url="")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Bookmark(user="", slug="")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    Bookmark(user="", slug="", url="", titel="")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    Bookmark("", "", "")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    Bookmark(user="", slug="", url="", tags=["x"])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    # What the library fills is not in the constructor.
    Bookmark(user="", slug="", url="", revision=3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    Bookmark(user="", slug="", url="", created=datetime(2024, 1, 1, tzinfo=UTC))  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    Bookmark(user="", slug="", url="", updated=datetime(2024, 1, 1, tzinfo=UTC))  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    Member(org="o", name="n", mail="m", pk="ORG#o")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    Member(org="o", name="n", mail="m", sk="MEMBER#n")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    Member(org="o", name="n", mail="m", by_mail="")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    Admin(user="", slug="", url="", level="1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Admin(level=1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def wrong_reads_and_writes(mark: Bookmark, icy: Icy) -> None:
    mark.titel  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    Bookmark.titel  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    Bookmark.level  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    mark.title = 3  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]
    mark.title = None  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]
    icy.id = "b"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


def wrong_declarations() -> None:
    @model(table="wrong")
    class Wrong:
        id: Attr[str] = partition_key()
        count: Attr[int] = attribute(default="")  # type: ignore[arg-type]  # pyright: ignore[reportAssignmentType]
        tags: Attr[set[str]] = attribute(factory=list)  # type: ignore[arg-type]  # pyright: ignore[reportAssignmentType, reportUnknownVariableType]
        revision: Attr[str] = version()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
        odd: Attr[str] = attribute(nam="x")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportUnknownVariableType]
        held: Attr[int] = version(init=True)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    LocalIndex("by-url", partition_key="url", sort_key="created")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    model("bookmarks")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    model(unknown="ignore")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
