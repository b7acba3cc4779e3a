"""Conditions and updates as data: a form, which decides the text, and the values in its order.

A form is a nested tuple, hashable and free of values, so that two conditions that differ only in
their values share one compiled text. The values stand beside it in the order in which the form
mentions them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, NoReturn, TypeVar

from dynamorm_async.errors import InvalidExpression, quoted
from dynamorm_async.expressions.forms import Action, Form, Place
from dynamorm_async.expressions.grammar import PLACEHOLDER, readable_form

M = TypeVar("M", contravariant=True)
OtherM = TypeVar("OtherM")


class Condition(Generic[M]):
    """A test on a stored item of model `M`; combine with `&`, `|` and `~`.

    Made by comparing fields (`Bookmark.visits < 100`), by `condition(...)` or `raw(...)`.
    """

    __slots__ = ("form", "values")

    def __init__(self, form: Form, values: tuple[object, ...] = ()) -> None:
        self.form = form
        self.values = values

    def __and__(self: Condition[OtherM], other: Condition[OtherM]) -> Condition[OtherM]:
        """Return the condition that holds where both hold."""
        return _joined("and", self, other)

    def __or__(self: Condition[OtherM], other: Condition[OtherM]) -> Condition[OtherM]:
        """Return the condition that holds where at least one holds."""
        return _joined("or", self, other)

    # A type checker takes the model from the left-hand side first. Where the right-hand side is of a
    # subclass's model, it comes to these.
    def __rand__(self: Condition[OtherM], other: Condition[OtherM]) -> Condition[OtherM]:
        return _joined("and", other, self)

    def __ror__(self: Condition[OtherM], other: Condition[OtherM]) -> Condition[OtherM]:
        return _joined("or", other, self)

    def __invert__(self) -> Condition[M]:
        """Return the condition that holds where this one does not."""
        if self.form[0] == "not":
            return Condition(self.form[1], self.values)
        return Condition(("not", self.form), self.values)

    def __bool__(self) -> NoReturn:
        raise no_truth("a condition")

    def __repr__(self) -> str:
        return f"<Condition {readable(self)}>"


def readable(condition: Condition[Any]) -> str:
    """Return a condition as text for people: field names, and values cut to 80 characters."""
    return readable_form(condition.form, condition.values)


def no_truth(what: str) -> InvalidExpression:
    """Return the error for `and`, `or`, `not`, `in` and `if` over what only the service can test."""
    return InvalidExpression(
        f"{what} has no truth value in Python",
        why="it stands for a test that the service makes on the stored item",
        fix="combine conditions with & | ~ (in parentheses) instead of and, or, not, in",
        code="expressions.truth-value",
    )


def _joined(kind: str, left: object, right: object) -> Condition[Any]:
    # The operators are called by Python with anything on the other side.
    if not (isinstance(left, Condition) and isinstance(right, Condition)):
        return NotImplemented  # type: ignore[no-any-return]
    # Chains are kept flat: a & b & c is one AND of three, so that no pair of parentheses is redundant.
    forms: list[Form] = []
    for side in (left.form, right.form):
        forms.extend(side[1] if side[0] == kind else (side,))
    return Condition((kind, tuple(forms)), left.values + right.values)


class Update(Generic[M]):
    """One change to a stored item of model `M`: `Bookmark.visits.add(1)`.

    Attributes:
        action: The clause it goes to.
        place: What it changes; None for a raw change.
        form: What the clause says, without values.
        values: The values of the form, in its order.
        repeatable: Whether applying it twice in a row is the same as applying it once.
    """

    def __init__(
        self,
        action: Action,
        place: Place | None,
        form: Form,
        values: tuple[object, ...] = (),
        *,
        repeatable: bool,
    ) -> None:
        self.action: Action = action
        self.place = place
        self.form = form
        self.values = values
        self.repeatable = repeatable

    def __repr__(self) -> str:
        return f"<Update {self.action} {self.place or '(raw)'}>"


class Raw(Condition[Any], Update[Any]):
    """A piece of expression text written by hand; a condition, or one SET change."""

    def __init__(self, form: Form, values: tuple[object, ...]) -> None:
        Update.__init__(self, "SET", None, form, values, repeatable=False)  # pyright: ignore[reportUnknownMemberType]


RESERVED_NAME = "#dn"
RESERVED_VALUE = ":dv"


def raw(
    text: str, *, names: Mapping[str, str] | None = None, values: Mapping[str, object] | None = None
) -> Raw:
    """Return a hand-written condition (or one SET change) that joins the typed ones.

    Args:
        text: Expression text in the service's own grammar, `"size(#t) > :n"`. Never build it from
            user input; hand that in as `values`.
        names: Placeholder to attribute name as it is stored, `{"#t": "tags"}`.
        values: Placeholder to Python value, `{":n": 3}`; encoded by the value's own type.

    Raises:
        InvalidExpression: The text is empty or its parentheses do not match; a placeholder is used
            and not given, or given and not used, or begins with `#dn` or `:dv`, which are the
            library's own.
    """
    names, values = dict(names or {}), dict(values or {})
    used = list(dict.fromkeys(PLACEHOLDER.findall(text)))
    given = {*names, *values}
    if not text.strip():
        raise InvalidExpression("a raw expression is empty", fix="leave it out", code="expressions.empty-raw")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise InvalidExpression(
            f"raw({quoted(text)}): a lone surrogate, which is no Unicode character",
            fix="take it out; text from outside belongs in values=",
            code="expressions.surrogate",
        )
    if not _is_balanced(text):
        raise InvalidExpression(
            f"raw({quoted(text)}): its parentheses do not match",
            why="beside other conditions it would change what they mean",
            fix="close what is opened",
            code="expressions.parentheses",
        )
    for wrong in sorted(given, key=str):
        if not PLACEHOLDER.fullmatch(wrong) or (wrong in names) != wrong.startswith("#"):
            raise InvalidExpression(
                f"{quoted(wrong)} is no placeholder",
                fix="begin those of names with '#', of values with ':', then letters, digits or _",
                code="expressions.placeholder",
            )
    taken = [name for name in used if name.startswith((RESERVED_NAME, RESERVED_VALUE))]
    if taken:
        raise InvalidExpression(
            f"raw({quoted(text)}) uses {', '.join(taken)}",
            why=f"placeholders that begin with {RESERVED_NAME} or {RESERVED_VALUE} are the library's own",
            fix="choose other placeholder names",
            code="expressions.reserved-placeholder",
        )
    if undefined := [name for name in used if name not in given]:
        raise InvalidExpression(
            f"raw({quoted(text)}) uses {', '.join(undefined)} without a meaning",
            fix="give it in names= or values=",
            code="expressions.undefined-placeholder",
        )
    if unused := sorted(given.difference(used)):
        raise InvalidExpression(
            f"raw({quoted(text)}) does not use {', '.join(unused)}",
            why="the service refuses placeholders that are not used",
            fix="leave it out of names= and values=",
            code="expressions.unused-placeholder",
        )
    ordered_values = tuple(name for name in used if name.startswith(":"))
    ordered_names = tuple((name, names[name]) for name in used if name.startswith("#"))
    return Raw(
        ("raw", text.strip(), ordered_names, ordered_values), tuple(values[name] for name in ordered_values)
    )


def _is_balanced(text: str) -> bool:
    depth = 0
    for character in text:
        depth += (character == "(") - (character == ")")
        if depth < 0:
            return False
    return depth == 0
