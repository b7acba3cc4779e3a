"""The codec of a value that is a key of the table or of an index: never empty, never too long.

Source: DynamoDB developer guide, "Quotas": 1 to 2,048 bytes for a partition key, 1 to 1,024 for a
sort key; an empty value may not be a key of an index either.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from typing import Any

from dynamorm_async.codecs.base import Scope
from dynamorm_async.codecs.scalars import Scalar, Text, Timestamp
from dynamorm_async.errors import InvalidValue


class KeyPart(Scalar):
    """A scalar's codec with the rules of keys."""

    def __init__(self, inner: Scalar, limit: int) -> None:
        self._inner, self._limit = inner, limit
        self.label, self.tag, self.writes = inner.label, inner.tag, inner.writes

    @property
    def is_text(self) -> bool:
        """Whether its values are plain texts."""
        return isinstance(self._inner, Text)

    @property
    def is_time(self) -> bool:
        """Whether its values are datetimes, of which other services may store more than we hold."""
        return isinstance(self._inner, Timestamp)

    @property
    def is_plain_text(self) -> bool:
        """Whether every str within the limits is stored as it is."""
        return type(self._inner) is Text

    @property
    def reads(self) -> Mapping[str, Any]:
        return self._inner.reads

    def to_text(self, value: Any) -> str:
        return self._inner.to_text(value)

    def from_text(self, text: str) -> Any:
        return self._inner.from_text(text)

    def encode(self, value: Any) -> str:
        text = self._inner.encode(value)
        if self.tag != "N":
            self._check(value, text)
        return text

    def decode(self, wire: Any) -> Any:
        return self._inner.decode(wire)

    def encode_source(self, variable: str, scope: Scope) -> str:
        if self.tag == "N":
            return self._inner.encode_source(variable, scope)
        encode = f"{scope.name(self.encode, 'encode_key')}({variable})"
        if type(self._inner) is not Text:
            return encode
        # A character has at most four bytes, so most keys need no counting.
        is_short = f"{variable}.__class__ is str and 0 < len({variable}) <= {self._limit // 4}"
        return f"""('{{"S":' + quote({variable}) + '}}' if {is_short} else {encode})"""

    @property
    def exact_wire(self) -> Any:
        return self._inner.exact_wire

    def exact_source(self, variable: str, scope: Scope) -> str:
        return self._inner.exact_source(variable, scope)

    def element(self) -> Any:
        return self._inner.element()

    def _check(self, value: Any, text: str) -> None:
        if text in ('{"S":""}', '{"B":""}'):
            raise InvalidValue(
                "a key cannot be empty",
                why="the service refuses empty keys of tables and indexes",
                fix="give a value; for an index key, None leaves the item out of the index",
                code="codecs.empty-key",
            )
        if len(text) * 4 > self._limit:
            stored = self.to_text(value)
            # A lone surrogate is refused later, with the whole request.
            size = len(b64decode(stored) if self.tag == "B" else stored.encode(errors="surrogatepass"))
            if size > self._limit:
                raise InvalidValue(
                    f"a key of {size} bytes",
                    why=f"the service takes at most {self._limit} here",
                    fix="use a shorter key, or a digest of it",
                    code="codecs.key-size",
                )
