"""PartiQL statements: the text as it is, parameters encoded, pages followed.

Source: DynamoDB API reference, ExecuteStatement: a statement has 1 to 8,192 characters.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Generic, TypeVar

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from dynamorm_async.codecs import ItemPage, PageReader, decoded, encode_plain
from dynamorm_async.errors import (
    ConditionFailed,
    DynamormError,
    InvalidRequest,
    InvalidValue,
    LimitExceeded,
    ServiceError,
    quoted,
)
from dynamorm_async.plan.question import whole_number
from dynamorm_async.plan.walk import Progress
from dynamorm_async.wire import Call, Repeat, Reply

R = TypeVar("R")

_LONGEST = 8192
_CONDITIONS = {
    "ConditionalCheckFailedException": "no item meets its WHERE",
    "DuplicateItemException": "an item with this key is already stored",
    "DuplicateItem": "an item with this key is already stored",  # as DynamoDB Local says it
}
_TABLE = re.compile(r"""\b(?:from|into|update)\s+(?:"([^"]+)"|([A-Za-z0-9_.-]+))""", re.IGNORECASE)


class _Answer(msgspec.Struct):
    Items: msgspec.Raw | UnsetType = UNSET
    NextToken: str | None = None


_ANSWER = msgspec.json.Decoder(_Answer)


class StatementWalk(msgspec.Struct, Generic[R], frozen=True, kw_only=True):
    """A statement, page by page.

    Attributes:
        text: The statement.
        parameters: What stands for its question marks, as tagged JSON texts.
        reader: Reads its items.
        consistent: Whether the last write must be seen.
        page_size: Items evaluated for each request, or None.
        start: The token that the page before gave, or None.
    """

    text: str
    parameters: tuple[str, ...]
    reader: PageReader[R]
    consistent: bool
    page_size: int | None
    start: str | None = None

    def __repr__(self) -> str:
        return f"StatementWalk({self.text!r})"

    @property
    def is_over(self) -> bool:
        """Whether nothing need be sent: never."""
        return False

    @property
    def first(self) -> Call:
        """The first call."""
        return self._call(self.start)

    def read(self, reply: Reply) -> ItemPage[R]:
        """Return the items of an answer; their token stands in the place of a last key."""
        found: _Answer = decoded(_ANSWER, reply.body, code="plan.protocol")
        body = b'{"Items":[]}' if found.Items is UNSET else reply.body
        return replace(self.reader.decode_page(body), last_key=found.NextToken or None)

    def refused(self, error: ServiceError) -> DynamormError:
        """Return what an error of the service means: a failed condition is one however it is written."""
        why = _CONDITIONS.get(error.service_code or "")
        if why is None:
            return error
        return ConditionFailed(
            f"{error.operation}{f' on {error.table}' if error.table else ''}: {why}",
            fix="look at what is stored, and decide",
            operation=error.operation,
            table=error.table,
            service_code=error.service_code,
            request_id=error.request_id,
            attempts=error.attempts,
        )

    def given(self, page: ItemPage[R], before: Progress) -> Sequence[R]:
        """Return the items of a page, all of them."""
        del before
        return page.items

    def follow(self, page: ItemPage[R], progress: Progress | None = None) -> Call | None:
        """Return the call that follows a page, or None at the end."""
        del progress
        return None if page.last_key is None else self._call(page.last_key)

    def _call(self, token: str | None) -> Call:
        members: list[str] = [f'"Statement":{json.dumps(self.text)}']
        if self.parameters:
            members.append(f'"Parameters":[{",".join(self.parameters)}]')
        if self.consistent:
            members.append('"ConsistentRead":true')
        if self.page_size is not None:
            members.append(f'"Limit":{self.page_size}')
        if token is not None:
            members.append(f'"NextToken":{json.dumps(token)}')
        found = _TABLE.search(self.text)
        return Call(
            operation="ExecuteStatement",
            body=f"{{{','.join(members)}}}".encode(),
            tables=() if found is None else (found[1] or found[2],),
            # What a statement changes, nobody has looked at.
            repeat=Repeat.HARMLESS if self.text.lstrip()[:6].lower() == "select" else Repeat.NEVER,
        )


def statement(
    text: str, parameters: Sequence[object], reader: PageReader[R], *, consistent: bool, page_size: int | None
) -> StatementWalk[R]:
    """Return how a statement is sent.

    Raises:
        LimitExceeded: It is empty or too long.
        InvalidRequest: It is no text, its parameters are no list, or the page size is none.
        InvalidValue: A parameter cannot be stored.
    """
    if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidRequest(
            f"execute({quoted(text)})", fix="give the statement as a text", code="plan.statement"
        )
    if not 1 <= len(text) <= _LONGEST:
        raise LimitExceeded(
            f"a statement of {len(text)} characters",
            why=f"the service takes 1 to {_LONGEST}",
            fix="say it shorter; values belong in parameters",
            code="plan.statement-length",
        )
    if isinstance(parameters, (str, bytes)) or not isinstance(parameters, Sequence):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidRequest(
            f"parameters={quoted(parameters)}", fix="put it in brackets: [...]", code="plan.statement"
        )
    if page_size is not None:
        whole_number("execute(page_size=…)", page_size)
    texts: list[str] = []
    for number, value in enumerate(parameters):
        try:
            texts.append(encode_plain(value))
        except InvalidValue as error:
            raise error.under(f"parameters[{number}]") from error.__cause__
    return StatementWalk(
        text=text, parameters=tuple(texts), reader=reader, consistent=consistent, page_size=page_size
    )
