"""Errors that this library decides on by itself: refusals before I/O, and what a reply means."""

from collections.abc import Mapping, Sequence
from typing import Any

from dynamorm_async.errors._base import DynamormError, InvalidRequest


class InvalidModel(InvalidRequest):
    """A class cannot be a model as it is declared; raised at class definition or by `db.table`."""

    code = "model.invalid"


class InvalidValue(InvalidRequest):
    """A value cannot be stored in its field, or a stored value does not fit the field.

    Attributes:
        path: Where, from the model down: `Bookmark.tags[2]`.
    """

    code = "codecs.invalid-value"

    def __init__(
        self,
        what: str,
        *,
        path: str = "",
        why: str | None = None,
        fix: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(what, why=why, fix=fix, code=code)
        self.path = path

    def under(self, parent: str) -> "InvalidValue":
        """Return the same error seen from one level up: `[2]` under `tags` is `tags[2]`."""
        joiner = "." if self.path and not self.path.startswith("[") else ""
        error = type(self)(
            self.what, path=f"{parent}{joiner}{self.path}", why=self.why, fix=self.fix, code=self.code
        )
        return error.with_traceback(self.__traceback__)

    def __str__(self) -> str:
        text = super().__str__()
        return f"{self.path}: {text}" if self.path else text


class InvalidKey(InvalidRequest):
    """A key does not fit the model: too few or many values, a wrong type, an empty value."""

    code = "plan.invalid-key"


class InvalidExpression(InvalidRequest):
    """A condition, update or projection means nothing, or nothing for this model."""

    code = "expressions.invalid"


class InvalidCursor(InvalidRequest):
    """A cursor is no cursor, was tampered with, or belongs to another query; its text is never shown."""

    code = "plan.invalid-cursor"


class NoUsableIndex(InvalidRequest):
    """No key of the table or of an index answers the query completely, and a scan was not allowed."""

    code = "plan.no-usable-index"


class LimitExceeded(InvalidRequest):
    """The request is larger than the service accepts."""

    code = "plan.limit-exceeded"


class ItemNotFound(DynamormError):
    """The table exists and holds no item under the key."""

    code = "plan.item-not-found"


class SeveralItems(DynamormError):
    """One item was asked for, and more than one was found."""

    code = "plan.several-items"


class BudgetSpent(DynamormError):
    """A query reached its bound of requests or read units before its end.

    Attributes:
        cursor: Where to go on from, for `page(cursor=…)` or `start(…)`.
        offset: How many items of the query's offset lie behind the cursor, and are still to be dropped:
            `start(error.cursor).offset(error.offset)`.
        requests: Requests sent.
        read_units: Read units consumed, as far as the service said so.
        items: What `list` had found by then, instances, views or dicts; never part of the text. Empty
            for endings that hand items out as they come, or that give a number.
        count: How many items had been found by then, as `count` counts them; None of segments.
    """

    code = "plan.budget-spent"

    def __init__(
        self,
        what: str,
        *,
        cursor: str,
        offset: int = 0,
        requests: int,
        read_units: float,
        items: Sequence[Any] = (),
        count: int | None = None,
        fix: str,
        operation: str,
        table: str,
    ) -> None:
        super().__init__(what, fix=fix, operation=operation, table=table)
        self.cursor = cursor
        self.offset = offset
        self.items = list(items)
        self.count = count
        self.requests = requests
        self.read_units = read_units


class ConditionFailed(DynamormError):
    """The stored item did not meet the condition of a write; nothing was changed."""

    code = "plan.condition-failed"


class VersionConflict(ConditionFailed):
    """The stored version is not the one that the writer held, or the item is gone."""

    code = "plan.version-conflict"


class UniqueViolation(ConditionFailed):
    """Another item has the value of a unique field; nothing was changed.

    Attributes:
        fields: Names of the fields whose values are taken.
    """

    code = "plan.unique-violation"
    fields: tuple[str, ...] = ()


class TableMismatch(DynamormError):
    """The table exists in another shape than its model declares.

    Attributes:
        differences: One line for each difference that would be needed and is impossible, or was not
            allowed: what it takes, what is there and what is wanted.
    """

    code = "admin.table-mismatch"

    def __init__(self, what: str, *, differences: tuple[str, ...] = (), fix: str, table: str) -> None:
        super().__init__(what, why="; ".join(differences), fix=fix, table=table)
        self.differences = differences


class TableProtected(DynamormError):
    """The table is under deletion protection, and was not deleted."""

    code = "admin.table-protected"


class TablesFailed(DynamormError):
    """Of several tables that were changed at once, some could not be; the others were.

    Attributes:
        errors: Table name to its error.
        succeeded: The names of the tables that are as they should be.
    """

    code = "admin.tables-failed"

    def __init__(
        self, what: str, *, errors: Mapping[str, DynamormError], succeeded: tuple[str, ...], why: str
    ) -> None:
        super().__init__(what, why=why, fix="look at error.errors; call again for what is left")
        self.errors = errors
        self.succeeded = succeeded


class EngineUnavailable(DynamormError):
    """A test engine cannot start on this machine; the text says what to install."""

    code = "testing.engine-unavailable"
