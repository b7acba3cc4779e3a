"""What updates are to a type checker: of one model, with values of the field's type."""

from datetime import timedelta
from decimal import Decimal
from typing import assert_type

from dynamorm_async import Update, raw
from tests.typing.models import Address, Admin, Bookmark, Order


def takes(*_: Update[Bookmark]) -> None: ...
def takes_admin(*_: Update[Admin]) -> None: ...


def updates_belong_to_their_model() -> None:
    assert_type(Bookmark.title.set("x"), Update[Bookmark])
    assert_type(Bookmark.title.set(Bookmark.url), Update[Bookmark])
    assert_type(Bookmark.title.set_if_absent("x"), Update[Bookmark])
    assert_type(Bookmark.title.remove(), Update[Bookmark])
    assert_type(Bookmark.note.set(None), Update[Bookmark])
    assert_type(Bookmark.address.set(Address(city="Bern")), Update[Bookmark])
    assert_type(Bookmark.counts["x"].set(3), Update[Bookmark])
    assert_type(Bookmark.grid["x"][0].add(3), Update[Bookmark])
    takes(Bookmark.visits.add(1), raw("n = n + :x", values={":x": 1}))


def numbers_and_sets_grow() -> None:
    assert_type(Bookmark.visits.add(1), Update[Bookmark])
    assert_type(Bookmark.ratio.add(1.5), Update[Bookmark])
    assert_type(Bookmark.price.add(Decimal(1)), Update[Bookmark])
    assert_type(Bookmark.price.subtract(1), Update[Bookmark])
    assert_type(Bookmark.pause.add(timedelta(1)), Update[Bookmark])
    assert_type(Bookmark.visits.subtract(1), Update[Bookmark])
    assert_type(Bookmark.tags.add({"x"}), Update[Bookmark])
    assert_type(Bookmark.labels.add([1]), Update[Bookmark])
    assert_type(Bookmark.tags.discard(["x"]), Update[Bookmark])
    assert_type(Bookmark.labels.discard({1}), Update[Bookmark])


def lists_grow() -> None:
    assert_type(Bookmark.history.append(["x"]), Update[Bookmark])
    assert_type(Bookmark.history.prepend(("x", "y")), Update[Bookmark])
    assert_type(Bookmark.grid["x"].append([3]), Update[Bookmark])


def a_base_s_update_is_its_child_s() -> None:
    takes_admin(Bookmark.visits.add(1), Admin.level.set(3), Admin.title.set("x"))


def wrong_models() -> None:
    takes(Order.count.add(1))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    takes(Bookmark.visits.add(1), Order.title.set("x"))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    takes(Admin.level.set(3))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    takes(Bookmark.visits > 3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def wrong_values() -> None:
    Bookmark.title.set(3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Bookmark.title.set(None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Bookmark.visits.set(Bookmark.title)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Bookmark.visits.set_if_absent("x")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Bookmark.counts["x"].set("y")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Bookmark.tags.set(["x"])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Bookmark.title.add("x")  # type: ignore[arg-type, misc]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    Bookmark.title.add(3)  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    Bookmark.visits.add("x")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Bookmark.visits.add({3})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Bookmark.tags.add({3})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Bookmark.tags.add(3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Bookmark.tags.subtract({"x"})  # type: ignore[call-overload, misc]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    Bookmark.visits.discard({3})  # type: ignore[arg-type, misc]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    Bookmark.tags.discard({3})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Bookmark.history.append([3])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
    Bookmark.history.append(3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Bookmark.tags.append(["x"])  # type: ignore[arg-type, misc]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    Bookmark.visit.add(1)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
