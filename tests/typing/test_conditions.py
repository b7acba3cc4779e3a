"""What conditions are to a type checker: of one model, over values of the field's type."""

from typing import Any, assert_type

from dynamorm_async import Condition, Path, condition, raw
from tests.typing.models import Address, Admin, Bookmark, Order


def takes(_: Condition[Bookmark]) -> None: ...
def takes_admin(_: Condition[Admin]) -> None: ...


def conditions_belong_to_their_model() -> None:
    assert_type(Bookmark.visits == 3, Condition[Bookmark])
    assert_type(Bookmark.visits != 3, Condition[Bookmark])
    assert_type(Bookmark.visits < 3, Condition[Bookmark])
    assert_type(Bookmark.visits <= 3, Condition[Bookmark])
    assert_type(Bookmark.visits > 3, Condition[Bookmark])
    assert_type(Bookmark.visits >= Bookmark.revision, Condition[Bookmark])
    assert_type(Bookmark.note == None, Condition[Bookmark])
    assert_type(Bookmark.visits.eq(3), Condition[Bookmark])
    assert_type(Bookmark.visits.ne(Bookmark.revision), Condition[Bookmark])
    assert_type(Bookmark.visits.between(1, 3), Condition[Bookmark])
    assert_type(Bookmark.visits.is_in(range(3)), Condition[Bookmark])
    assert_type(Bookmark.slug.begins_with("a"), Condition[Bookmark])
    assert_type(Bookmark.note.exists(), Condition[Bookmark])
    assert_type(Bookmark.note.not_exists(), Condition[Bookmark])
    assert_type(Bookmark.note.is_null(), Condition[Bookmark])
    assert_type(Bookmark.note.is_type("S"), Condition[Bookmark])
    assert_type(Bookmark.active.is_true(), Condition[Bookmark])
    assert_type(Bookmark.active.is_false(), Condition[Bookmark])
    assert_type(Bookmark.tags.size() > 3, Condition[Bookmark])
    assert_type(Bookmark.tags.size().between(1, 3), Condition[Bookmark])
    assert_type(condition(Bookmark, "visits", "=", 3), Condition[Bookmark])


def contains_takes_an_element_or_a_part() -> None:
    assert_type(Bookmark.title.contains("x"), Condition[Bookmark])
    assert_type(Bookmark.note.contains("x"), Condition[Bookmark])
    assert_type(Bookmark.tags.contains("x"), Condition[Bookmark])
    assert_type(Bookmark.labels.contains(3), Condition[Bookmark])
    assert_type(Bookmark.history.contains("x"), Condition[Bookmark])


def conditions_join() -> None:
    both = (Bookmark.visits < 3) & Bookmark.tags.contains("x") | ~Bookmark.note.exists()

    assert_type(both, Condition[Bookmark])
    takes(both)
    takes(both & raw("size(#t) > :n", names={"#t": "tags"}, values={":n": 3}))


def a_base_s_condition_is_its_child_s() -> None:
    takes_admin(Bookmark.visits < 3)
    takes_admin((Bookmark.visits < 3) & (Admin.level == 3))
    takes_admin((Admin.level == 3) | (Bookmark.visits < 3))
    takes_admin(Admin.user == "ana")


def parts_have_their_types() -> None:
    assert_type(Bookmark.history[0], Path[Bookmark, str])
    assert_type(Bookmark.counts["x"], Path[Bookmark, int])
    assert_type(Bookmark.grid["x"], Path[Bookmark, list[int]])
    assert_type(Bookmark.grid["x"][0], Path[Bookmark, int])
    assert_type(Bookmark.grid["x"][0] > 3, Condition[Bookmark])
    # A nested class's field is named by a text, so its type is not known.
    assert_type(Bookmark.address["city"], Path[Bookmark, Any])
    assert_type(Bookmark.address["city"]["deeper"][0], Path[Bookmark, Any])
    assert_type(Bookmark.mapping["x"], Path[Bookmark, tuple[str, ...]])
    assert_type(Bookmark.mapping["x"][0], Path[Bookmark, str])
    takes(Bookmark.address["city"] == "Bern")
    takes(Bookmark.address == Address(city="Bern"))


def wrong_models() -> None:
    takes(Order.count < 3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    takes(Admin.level < 3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    takes(Admin.visits < 3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    takes((Bookmark.visits < 3) & (Order.count < 3))  # type: ignore[operator]  # pyright: ignore[reportOperatorIssue, reportUnknownArgumentType]
    takes((Order.count < 3) | (Bookmark.visits < 3))  # type: ignore[operator]  # pyright: ignore[reportOperatorIssue, reportUnknownArgumentType]
    takes(~(Order.count < 3))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def wrong_values() -> None:
    _ = Bookmark.visits < "x"  # type: ignore[operator]  # pyright: ignore[reportOperatorIssue, reportUnknownVariableType]
    _ = Bookmark.visits >= Bookmark.title  # type: ignore[operator]  # pyright: ignore[reportOperatorIssue, reportUnknownVariableType]
    _ = Bookmark.note > 3  # type: ignore[operator]  # pyright: ignore[reportOperatorIssue, reportUnknownVariableType]
    # == of any two things is a bool to a checker, so it is refused where a condition is wanted.
    takes(Bookmark.user == 3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    takes(Bookmark.user != 3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    takes(Bookmark.user == None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Bookmark.user.eq(3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Bookmark.visits.between(1, "x")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Bookmark.visits.is_in(["x"])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
    Bookmark.visits.contains(1)  # type: ignore[call-overload, misc]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    Bookmark.tags.contains(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Bookmark.title.contains(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Bookmark.title.begins_with(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Bookmark.title.is_true()  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    Bookmark.title.is_type("text")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    _ = Bookmark.title.size() > "3"  # type: ignore[operator]  # pyright: ignore[reportOperatorIssue, reportUnknownVariableType]
    _ = Bookmark.price < "3"  # type: ignore[operator]  # pyright: ignore[reportOperatorIssue, reportUnknownVariableType]


def only_one_checker_sees() -> None:
    takes(condition(Order, "count", "=", 3))  # type: ignore[arg-type]
    Bookmark.tags["x"]  # pyright: ignore[reportIndexIssue]
    if Bookmark.visits > 3:  # pyright: ignore[reportGeneralTypeIssues]
        pass


def wrong_parts() -> None:
    Bookmark.history["x"]  # type: ignore[index]  # pyright: ignore[reportArgumentType]
    Bookmark.title["x"]  # type: ignore[misc]  # pyright: ignore[reportIndexIssue]
    Bookmark.title[0]  # type: ignore[misc]  # pyright: ignore[reportIndexIssue]
    Bookmark.address[0]  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    Bookmark.counts[0]  # type: ignore[index]  # pyright: ignore[reportArgumentType]
    takes(Bookmark.counts["x"] == "y")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    _ = Bookmark.grid["x"][0] < "y"  # type: ignore[operator]  # pyright: ignore[reportOperatorIssue, reportUnknownVariableType]


def wrong_logic() -> None:
    _ = "x" in Bookmark.tags  # type: ignore[misc]  # pyright: ignore[reportOperatorIssue]
    for _ in Bookmark.history:  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues, reportUnknownVariableType]
        pass
    _ = (Bookmark.visits < 3) & True  # type: ignore[operator]  # pyright: ignore[reportOperatorIssue, reportUnknownVariableType]
