"""Cursors: a place in the answer of a query, as opaque text, and back.

Takes keys as JSON texts and the query they belong to; gives text for clients of a web API, or
refuses text that is no cursor of this query. Pure; the signing key is an argument.

The form of a forward cursor is shared with DynamORM in Go and TypeScript: base64url of
`{"lastKey":…,"index":…,"sort":…}`, compact, names sorted. What is added stands behind these
members (`plan`, a fingerprint of the query), or in the place of `lastKey` where the way is another
one: `before` and `until` lead back, `from` leads forward from the item itself. A signature stands
behind the text, after a dot, and is verified before anything is parsed.
"""

from __future__ import annotations

import base64
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from hashlib import blake2b, sha256
from typing import Any, Literal, cast

import msgspec

from dynamorm_async.errors import InvalidCursor
from dynamorm_async.plan.fitting import Range
from dynamorm_async.wire import LIMITS

# Ten attributes of a table's and an index's key at their limits, each byte escaped, in base64.
LONGEST = 131_072
_ALPHABET = re.compile(r"[A-Za-z0-9_-]+={0,2}")
_NUMBER = re.compile(r"[+-]?[0-9]{1,130}(\.[0-9]{1,130})?([eE][+-]?[0-9]{1,3})?")
_MEMBERS = ("index", "sort", "plan")
# As Go's encoding/json writes them; U+2028 and U+2029 are no whitespace to JSON, but to JavaScript.
_ESCAPES = str.maketrans(
    {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
)

Way = Literal["lastKey", "from", "before", "until"]
"""How a place is said: behind an item or at it, on the way forward; before an item or at it, back."""
_WAYS: tuple[Way, ...] = ("lastKey", "from", "before", "until")

Key = Mapping[str, Mapping[str, str]]


class Place(msgspec.Struct, frozen=True):
    """A place between two items of an answer.

    Attributes:
        way: Which side of which item it is, and where it leads.
        key: That item's key: attribute name to tagged value, `{"id": {"S": "x"}}`.
    """

    way: Way
    key: Key

    @property
    def is_backward(self) -> bool:
        """Whether the page that it leads to lies before it."""
        return self.way in ("before", "until")


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """The query that a cursor must belong to.

    Attributes:
        index: Name of the index, or None for the table.
        descending: Whether items come from the last to the first.
        types: Attribute name to "S", "N" or "B", for every attribute that a key here has.
        fixed: Attribute name to the tagged JSON text that the query demands of it.
        range: The range that it demands of a sort key, or None.
        fingerprint: Of table, index, direction and conditions.
    """

    index: str | None
    descending: bool
    types: Mapping[str, str]
    fixed: Mapping[str, str]
    range: Range | None = None
    fingerprint: str


def fingerprint(*parts: object) -> str:
    """Return a short text that is the same for equal parts, in every process."""
    text = json.dumps(parts, ensure_ascii=True, separators=(",", ":"))
    return base64.urlsafe_b64encode(blake2b(text.encode(), digest_size=9).digest()).decode()


def encode(place: Place, scope: Scope, *, keys: Sequence[bytes] = ()) -> str:
    """Return a cursor.

    Args:
        place: Where.
        scope: Of which query.
        keys: Signing keys, the newest first; the first one signs. None: the cursor is not signed.
    """
    members: dict[str, Any] = {place.way: _sorted(place.key)}
    if scope.index is not None:
        members["index"] = scope.index
    if scope.descending:
        members["sort"] = "DESC"
    members["plan"] = scope.fingerprint
    payload = _written(members)
    return f"{payload}.{_signature(keys[0], payload)}" if keys else payload


def plain(key: Key, *, index: str | None = None, sort: Literal["ASC", "DESC"] | None = None) -> str:
    """Return a forward cursor in the form that is shared, with no addition; "" without a key."""
    members: dict[str, Any] = {"lastKey": _sorted(key)}
    members |= {name: value for name, value in (("index", index), ("sort", sort)) if value}
    return _written(members) if key else ""


def index_of(text: object, *, keys: Sequence[bytes] = ()) -> str:
    """Return the name of the index that a cursor was made with, "" for the table itself.

    Which index is the cheapest may change from one page to the next, and the walk must go on with
    the one it began with.

    Raises:
        InvalidCursor: It is malformed, too long, or not signed as it should be.
    """
    index = _opened(text, keys).get("index") or ""
    if not isinstance(index, str):
        raise _malformed("its index is no text")
    return index


def decode(text: object, scope: Scope, *, keys: Sequence[bytes] = ()) -> Place | None:
    """Return the place that a cursor means, or None for the beginning ("" or None).

    Args:
        text: The cursor.
        scope: The query it is used for.
        keys: Signing keys; where there are any, only what one of them signed is taken.

    Raises:
        InvalidCursor: It is malformed, too long, not signed as it should be, or not of this query.
    """
    if text is None or text == "":
        return None
    members = _opened(text, keys)
    way: Way = next(name for name in _WAYS if name in members)
    place = Place(way, checked_key(members[way], scope))
    _check(members, place, scope)
    return place


def checked_key(value: object, scope: Scope) -> Key:
    """Return a key that came from outside.

    Raises:
        InvalidCursor: It is not one of the query's.
    """
    given = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
    if set(given) != set(scope.types):
        raise foreign("its key has other attributes")
    for name, tag in scope.types.items():
        tagged = given[name]
        if not isinstance(tagged, dict) or list(cast("dict[str, Any]", tagged)) != [tag]:
            raise foreign("its key has other types")
        _check_value(tag, cast("dict[str, Any]", tagged)[tag])
    return cast("Key", given)


def _opened(text: object, keys: Sequence[bytes]) -> dict[str, Any]:
    """Return the members of a cursor, its signature verified first."""
    if not isinstance(text, str) or len(text) > LONGEST:
        raise _malformed("it is no text" if not isinstance(text, str) else "it is too long")
    payload, dot, signature = text.partition(".")
    if keys:
        _verify(payload, signature, keys)
    elif dot:
        raise _malformed("it is signed, and connect(cursor_key=…) was not given")
    return _members(payload)


def _written(members: Mapping[str, Any]) -> str:
    text = json.dumps(members, ensure_ascii=False, separators=(",", ":")).translate(_ESCAPES)
    return base64.urlsafe_b64encode(text.encode()).decode()


def _sorted(key: Key) -> dict[str, Any]:
    # Bytewise, as Go sorts: by UTF-8, which orders as code points do.
    return {name: dict(key[name]) for name in sorted(key)}


def _signature(key: bytes, payload: str) -> str:
    mac = hmac.digest(key, payload.encode(), sha256)
    return base64.urlsafe_b64encode(mac).decode().rstrip("=")


def _verify(payload: str, signature: str, keys: Sequence[bytes]) -> None:
    given = signature.encode(errors="replace")
    # Every key is tried, so that the time does not tell which one it was.
    matches = [
        hmac.compare_digest(_signature(key, payload.encode(errors="replace").decode()).encode(), given)
        for key in keys
    ]
    if not any(matches):
        raise _malformed("its signature is missing or wrong")


def _members(payload: str) -> dict[str, Any]:
    if not _ALPHABET.fullmatch(payload) or len(payload) % 4:
        raise _malformed("it is not base64url")
    try:
        data = base64.urlsafe_b64decode(payload)
        members = json.loads(data.decode(), object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise _malformed("it is cut short, or not a cursor at all") from error
    if base64.urlsafe_b64encode(data).decode() != payload:
        raise _malformed("it is not base64url")  # bits behind the last byte
    if not isinstance(members, dict):
        raise _malformed("it is cut short, or not a cursor at all")
    found = cast("dict[str, Any]", members)
    if sum(name in found for name in _WAYS) != 1:
        raise _malformed("it names no key, or several")
    return found


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _refuse_constant(text: str) -> Any:
    raise ValueError(f"{text} is no JSON")


def _check_value(tag: str, text: object) -> None:
    """Refuse what no key can be, so that the service need not."""
    if not isinstance(text, str) or not text or not _is_key(tag, text):
        raise _malformed("a value of its key is none")


def _is_key(tag: str, text: str) -> bool:
    if tag == "N":
        return _NUMBER.fullmatch(text) is not None and _is_storable(Decimal(text))
    try:
        # ValueError: a lone surrogate, or text that is not ASCII where base64 is meant.
        data = base64.b64decode(text, validate=True) if tag == "B" else text.encode()
    except ValueError:
        return False
    return 0 < len(data) <= LIMITS.partition_key_bytes


def _is_storable(number: Decimal) -> bool:
    digits = "".join(map(str, number.as_tuple().digits)).strip("0")
    if len(digits) > LIMITS.number_digits:
        return False
    return not number or LIMITS.number_exponent_min <= number.adjusted() <= LIMITS.number_exponent_max


def _check(members: Mapping[str, Any], place: Place, scope: Scope) -> None:
    if any(name not in _MEMBERS and name not in _WAYS for name in members):
        raise _malformed("it has members of another version")
    if members.get("index", "") not in (("", None) if scope.index is None else (scope.index,)):
        raise foreign("it is of another index")
    sort = members.get("sort")
    if sort not in (None, "", "ASC", "DESC") or (sort == "DESC") != scope.descending:
        raise foreign("it is of another direction")
    mark = members.get("plan")
    if mark is not None and mark != scope.fingerprint:
        raise foreign("its conditions are others")
    if mark is None and place.way != "lastKey":
        raise _malformed("it leads back and does not say of which query it is")
    for name, text in scope.fixed.items():
        if not is_same(place.key[name], text):
            raise foreign("it is of another partition")
    if scope.range is not None and not scope.range.holds(place.key[scope.range.attribute]):
        raise foreign("its place is not among what is asked for")


def is_same(tagged: Mapping[str, str], text: str) -> bool:
    """Tell whether a tagged value is that of a tagged JSON text of the same type."""
    ((tag, given),) = tagged.items()
    wanted = json.loads(text)[tag]
    if tag == "N":
        return Decimal(given) == Decimal(wanted)
    return bool(given == wanted)


def foreign(why: str) -> InvalidCursor:
    """Return the error for a cursor of another query."""
    return InvalidCursor(
        "this cursor belongs to another query",
        why=why,
        fix="use it with the query that gave it: the same table, conditions, index and direction",
        code="plan.foreign-cursor",
    )


def _malformed(why: str) -> InvalidCursor:
    return InvalidCursor(
        "this is no cursor that can be used",
        why=why,
        fix="hand back what page.next or page.previous gave, unchanged; or begin without a cursor",
    )
