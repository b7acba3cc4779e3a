"""Cursors: the shared form byte for byte, and every way in which a text is none (R38, reliability D-5)."""

from __future__ import annotations

import ast
import base64
import hmac
import json
import pickle
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from time import process_time
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dynamorm_async import (
    Attr,
    Client,
    Condition,
    GlobalIndex,
    InvalidCursor,
    LocalIndex,
    Table,
    attribute,
    connect,
    model,
    partition_key,
    sort_key,
    ttl,
)
from dynamorm_async.plan import Gap, QueryPlan, Question, gap_of, index_of, prepare
from dynamorm_async.plan.cursors import LONGEST, Place, decode, encode, plain
from dynamorm_async.wire import Call, Reply, Send
from tests.plan.given import target


@model(table="marks")
class Mark:
    user: Attr[str] = partition_key()
    slug: Attr[str] = sort_key()
    visits: Attr[int]
    url: Attr[str]
    blob: Attr[bytes | None] = attribute(default=None)

    by_visits = LocalIndex("by-visits", sort_key="visits")
    by_url = GlobalIndex("by-url", partition_key="url", sort_key="visits")
    by_blob = GlobalIndex("by-blob", partition_key="user", sort_key="blob")


@model(table="expiring")
class Expiring:
    id: Attr[str] = partition_key()
    expires: Attr[datetime | None] = ttl(default=None)


M = Mark
ANA = M.user == "ana"
COUNTED = (ANA, M.visits.exists())
KEY = b"a key of thirty-two bytes, or so"
OLD = b"the key before that, in rotation"
OTHER = b"a key that somebody else made up"


def query(*conditions: Condition[Mark], table: str = "marks", **options: Any) -> QueryPlan[Any]:
    return prepare(target(Mark, table), Question(conditions=conditions, **options))


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode()


def written(members: object) -> str:
    """Return a cursor of another program that says this."""
    return b64(json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode())


def key(slug: str = "s05", user: str = "ana") -> dict[str, Any]:
    return {"slug": {"S": slug}, "user": {"S": user}}


# The shared form.

VECTORS = {
    "index and direction": (
        '{"lastKey":{"PK":{"S":"USER#1"},"SK":{"S":"PROFILE"}},"index":"gsi-email","sort":"ASC"}',
        (
            "eyJsYXN0S2V5Ijp7IlBLIjp7IlMiOiJVU0VSIzEifSwiU0siOnsiUyI6IlBST0ZJTEUifX0sImluZGV4IjoiZ3NpLWVtYWlsIiwi"
            "c29ydCI6IkFTQyJ9"
        ),
    ),
    "binary": (
        '{"lastKey":{"PK":{"S":"BIN#1"},"blob":{"B":"AQID"}},"index":"gsi-blob"}',
        "eyJsYXN0S2V5Ijp7IlBLIjp7IlMiOiJCSU4jMSJ9LCJibG9iIjp7IkIiOiJBUUlEIn19LCJpbmRleCI6ImdzaS1ibG9iIn0=",
    ),
    "a number past 2**53": (
        '{"lastKey":{"PK":{"S":"USER#score"},"score":{"N":"9007199254740993"}},"index":"gsi-score","sort":"DESC"}',
        (
            "eyJsYXN0S2V5Ijp7IlBLIjp7IlMiOiJVU0VSI3Njb3JlIn0sInNjb3JlIjp7Ik4iOiI5MDA3MTk5MjU0NzQwOTkzIn19LCJpbmRl"
            "eCI6ImdzaS1zY29yZSIsInNvcnQiOiJERVNDIn0="
        ),
    ),
    "a key alone": (
        '{"lastKey":{"PK":{"S":"USER#solo"}}}',
        "eyJsYXN0S2V5Ijp7IlBLIjp7IlMiOiJVU0VSI3NvbG8ifX19",
    ),
    "what Go escapes": (
        '{"lastKey":{"PK":{"S":"a<b>&c"}}}',
        "eyJsYXN0S2V5Ijp7IlBLIjp7IlMiOiJhXHUwMDNjYlx1MDAzZVx1MDAyNmMifX19",
    ),
}


@pytest.mark.parametrize(("text", "cursor"), VECTORS.values(), ids=VECTORS)
def test_a_plain_cursor_is_written_as_the_others_write_it(text: str, cursor: str) -> None:
    members = json.loads(text)
    backwards = dict(reversed(members["lastKey"].items()))

    assert plain(backwards, index=members.get("index"), sort=members.get("sort")) == cursor


def test_no_key_is_the_empty_text_and_the_empty_text_is_the_beginning() -> None:
    assert plain({}) == ""
    assert decode("", query(ANA).scope) is None
    assert decode(None, query(ANA).scope) is None


def test_separators_of_lines_are_escaped_and_other_text_is_not() -> None:
    cursor = plain({"é": {"S": "\u2028\u2029ü😀"}})

    assert base64.urlsafe_b64decode(cursor).decode() == '{"lastKey":{"é":{"S":"\\u2028\\u2029ü😀"}}}'


def test_names_are_sorted_by_their_bytes() -> None:
    cursor = plain({"é": {"S": "1"}, "b": {"S": "2"}, "a": {"S": "3"}, "B": {"S": "4"}, "😀": {"S": "5"}})

    assert list(json.loads(base64.urlsafe_b64decode(cursor))["lastKey"]) == ["B", "a", "b", "é", "😀"]


FITTING: dict[str, tuple[QueryPlan[Any], str]] = {
    "of the table": (query(ANA), plain(key())),
    "of the table, with its direction": (query(ANA), plain(key(), sort="ASC")),
    "downwards": (query(ANA, reverse=True), plain(key(), sort="DESC")),
    "of a local index": (
        query(*COUNTED, using="by-visits"),
        plain({**key(), "visits": {"N": "3"}}, index="by-visits"),
    ),
    "of a global index": (
        query(M.url == "u", M.visits > 1),
        plain({**key(), "url": {"S": "u"}, "visits": {"N": "3"}}, index="by-url", sort="ASC"),
    ),
    "of binary keys": (
        query(ANA, M.blob.exists(), using="by-blob"),
        plain({**key(), "blob": {"B": "AQID"}}, index="by-blob"),
    ),
    "within a range": (query(ANA, M.slug > "s04", M.slug <= "s05"), plain(key())),
    "with another spelling of a number": (
        query(*COUNTED, using="by-visits"),
        plain({**key(), "visits": {"N": "3.0E0"}}, index="by-visits"),
    ),
    "escaped otherwise": (
        query(ANA),
        b64(b'{"lastKey":{"user":{"S":"\\u0061na"},"slug":{"S":"<\\u00e9"}},"index":"","sort":"ASC"}'),
    ),
    "with spaces": (query(ANA), b64(b' {"lastKey" : {"user":{"S":"ana"}, "slug":{"S":"x"} } }')),
}


@pytest.mark.parametrize(("plan", "cursor"), FITTING.values(), ids=FITTING)
def test_a_plain_cursor_of_another_service_is_followed_where_it_fits(
    plan: QueryPlan[Any], cursor: str
) -> None:
    place = decode(cursor, plan.scope)

    assert place == Place("lastKey", json.loads(base64.urlsafe_b64decode(cursor))["lastKey"])


@pytest.mark.parametrize("way", ["lastKey", "from", "before", "until"])
@pytest.mark.parametrize("keys", [(), (KEY,), (KEY, OLD)], ids=["plain", "signed", "rotated"])
def test_a_cursor_leads_back_to_the_place_it_was_made_of(way: Any, keys: tuple[bytes, ...]) -> None:
    scope = query(M.url == "ü<&>\u2028", M.visits > -3).scope
    place = Place(way, {**key("a/b"), "url": {"S": "ü<&>\u2028"}, "visits": {"N": "12"}})

    assert decode(encode(place, scope, keys=keys), scope, keys=keys) == place


def test_our_own_forward_cursor_is_readable_by_the_others() -> None:
    """What is added stands behind the shared members."""
    scope = query(ANA, reverse=True, using="").scope

    text = base64.urlsafe_b64decode(encode(Place("lastKey", key()), scope)).decode()

    assert text.startswith('{"lastKey":{"slug":{"S":"s05"},"user":{"S":"ana"}},"sort":"DESC","plan":"')


# What is refused.

VALID = encode(Place("lastKey", key()), query(ANA).scope)
MEMBERS: dict[str, Any] = json.loads(base64.urlsafe_b64decode(VALID))
IN_VISITS: dict[str, Any] = {
    "lastKey": {"slug": {"S": "s05"}, "user": {"S": "ana"}, "visits": {"N": "3"}},
    "index": "by-visits",
}


def with_number(text: object) -> str:
    return written({**IN_VISITS, "lastKey": {**IN_VISITS["lastKey"], "visits": {"N": text}}})


def with_binary(text: object) -> str:
    return written({"lastKey": {**key(), "blob": {"B": text}}, "index": "by-blob"})


RUBBISH: dict[str, object] = {
    "a word": "rubbish",
    "a number": 7,
    "bytes": VALID.encode(),
    "a list": [VALID],
    "padding alone": "====",
    "more padding": VALID + "=",
    "much padding": VALID + "====",
    "no padding": plain({"a": {"S": "b"}}).rstrip("=") + "A",
    "a space before": " " + VALID,
    "a line behind": VALID + "\n",
    "a line within": VALID[:8] + "\n" + VALID[8:],
    "another alphabet": base64.b64encode(
        b'{"lastKey":{"slug":{"S":"\xc3\xbf\xc3\xbf>>>???"},"user":{"S":"ana"}}}'
    ).decode(),
    "hexadecimal": base64.urlsafe_b64decode(VALID).hex(),
    "base 32": base64.b32encode(base64.urlsafe_b64decode(VALID)).decode(),
    "base 85": base64.b85encode(base64.urlsafe_b64decode(VALID)).decode(),
    "not ASCII": "ü" * 8,
    "a lone surrogate": "\ud800" * 8,
    "a NUL": VALID[:-4] + "\x00\x00\x00\x00",
    "JSON without base64": json.dumps(MEMBERS),
    "pickle": b64(pickle.dumps(MEMBERS)),
    "zlib": b64(zlib.compress(json.dumps(MEMBERS).encode())),
    "a bomb of zlib": b64(zlib.compress(b"[" * 1_000_000))[:LONGEST],
    "UTF-16": b64(json.dumps(MEMBERS).encode("utf-16")),
    "broken UTF-8": b64(b'{"lastKey":{"user":{"S":"\xff\xfe"}}}'),
    "a byte order mark": b64(b"\xef\xbb\xbf" + json.dumps(MEMBERS).encode()),
    "two texts of JSON": b64(json.dumps(MEMBERS).encode() * 2),
    "deep lists": b64(b"[" * 6000),
    "deep objects": b64(b'{"a":' * 1200),
    "deep and closed": b64(b'{"lastKey":' + b"[" * 3000 + b"]" * 3000 + b"}"),
    "deep within a key": written(
        {"lastKey": {"user": {"S": json.loads("[" * 400 + "]" * 400)}, "slug": {"S": "a"}}}
    ),
    "a number of 5,000 digits": b64(b'{"lastKey":' + b"9" * 5000 + b"}"),
    "a huge float": b64(b'{"lastKey":1e999999}'),
    "NaN": b64(b'{"lastKey":NaN}'),
    "Infinity": b64(b'{"lastKey":{"user":{"S":"ana"},"slug":{"S":Infinity}}}'),
    "over 8 KB": written({"lastKey": key("x" * 7000)}),
    "far over 8 KB": "A" * 4_000_000,
    "null": b64(b"null"),
    "true": b64(b"true"),
    "a text": b64(b'"lastKey"'),
    "an empty object": b64(b"{}"),
    "no key": written({"index": "by-visits"}),
    "two keys": written({**MEMBERS, "before": MEMBERS["lastKey"]}),
    "a name twice": b64(b'{"lastKey":{"user":{"S":"bob"}},"lastKey":{"user":{"S":"ana"},"slug":{"S":"a"}}}'),
    "an attribute twice": b64(b'{"lastKey":{"user":{"S":"bob"},"user":{"S":"ana"},"slug":{"S":"a"}}}'),
    "a tag twice": b64(b'{"lastKey":{"user":{"S":"bob","S":"ana"},"slug":{"S":"a"}}}'),
    "a member of another version": written({**MEMBERS, "v": 2}),
    "another spelling of lastKey": written({"LastKey": key()}),
    "a key that is null": written({"lastKey": None}),
    "a key that is a list": written({"lastKey": [key()]}),
    "a key that is a text": written({"lastKey": "ana"}),
    "an empty key": written({"lastKey": {}}),
    "a value that is null": written({"lastKey": {"user": None, "slug": {"S": "a"}}}),
    "a value without a tag": written({"lastKey": {"user": "ana", "slug": "a"}}),
    "an empty value": written({"lastKey": {"user": {}, "slug": {"S": "a"}}}),
    "two tags": written({"lastKey": {"user": {"S": "ana", "N": "1"}, "slug": {"S": "a"}}}),
    "a null text": written({"lastKey": {"user": {"S": "ana"}, "slug": {"S": None}}}),
    "a number for a text": written({"lastKey": {"user": {"S": "ana"}, "slug": {"S": 5}}}),
    "an empty text": written({"lastKey": key("")}),
    "a surrogate in a text": b64(b'{"lastKey":{"user":{"S":"ana"},"slug":{"S":"\\ud800"}}}'),
    "a text longer than a key": written({"lastKey": key("x" * 2049)}),
    "the wrong type": written({"lastKey": {"user": {"S": "ana"}, "slug": {"N": "5"}}}),
    "a map for a key": written({"lastKey": {"user": {"S": "ana"}, "slug": {"M": {"S": {"S": "a"}}}}}),
    "true for a key": written({"lastKey": {"user": {"S": "ana"}, "slug": {"BOOL": True}}}),
    "an attribute too few": written({"lastKey": {"user": {"S": "ana"}}}),
    "an attribute too many": written({"lastKey": {**key(), "visits": {"N": "1"}}}),
    "another attribute": written({"lastKey": {"user": {"S": "ana"}, "slag": {"S": "a"}}}),
    "an index that is a number": written({**MEMBERS, "index": 0}),
    "an index that is a list": written({**MEMBERS, "index": []}),
    "an index that is false": written({**MEMBERS, "index": False}),
    "a direction that is none": written({**MEMBERS, "sort": "UP"}),
    "a direction that is a list": written({**MEMBERS, "sort": []}),
    "a direction that is zero": written({**MEMBERS, "sort": 0}),
    "a mark that is a list": written({**MEMBERS, "plan": [MEMBERS["plan"]]}),
    "a mark that is empty": written({**MEMBERS, "plan": ""}),
    "back without a mark": written({"before": key()}),
    "at a place without a mark": written({"from": key()}),
    "a signature of nobody": VALID + "." + "A" * 43,
    "a dot behind": VALID + ".",
    "another partition": written({"lastKey": key(user="bob")}),
    "another tenant of the same length": VALID.replace(b64(b"ana")[:2], b64(b"bob")[:2]),
    "another index": written({"lastKey": key(), "index": "by-url"}),
    "an index of its own name": written({"lastKey": key(), "index": "nothing"}),
    "another direction": written({"lastKey": key(), "sort": "DESC"}),
    "another mark": written({**MEMBERS, "plan": "AAAAAAAAAAAA"}),
}

IN_INDEX: dict[str, tuple[QueryPlan[Any], str]] = (
    {
        f"a number {name}": (query(*COUNTED, using="by-visits"), with_number(text))
        for name, text in {
            "that is a word": "three",
            "that is empty": "",
            "without quotes": 3,
            "with a space": " 3",
            "with an underscore": "1_000",
            "of other digits": "\uff13",
            "that is NaN": "NaN",
            "that is infinite": "Infinity",
            "of 39 digits": "1" * 39,
            "past the largest": "1E126",
            "below the smallest": "1E-131",
            "of a long exponent": "1E999",
            "of 9,000 places": "1E-9000",
            "in hexadecimal": "0x10",
        }.items()
    }
    | {
        f"binary {name}": (query(ANA, M.blob.exists(), using="by-blob"), with_binary(text))
        for name, text in {
            "that is no base64": "***",
            "that is not ASCII": "éé==",
            "without padding": "AQI",
            "that is empty": "",
            "with a line in it": "AQ\nID",
            "that is a list": ["AQID"],
            "longer than a key": "A" * 4000,
        }.items()
    }
    | {
        "a place before the range": (query(ANA, M.slug > "m"), plain(key("a"))),
        "a place at an excluded bound": (query(ANA, M.slug < "m"), plain(key("m"))),
        "a place with another prefix": (query(ANA, M.slug.begins_with("m")), plain(key("a"))),
        "a place out of between": (query(ANA, M.slug.between("b", "c")), plain(key("a"))),
        "another value of an equal sort key": (query(ANA, M.slug == "m"), plain(key("a"))),
        "a place below a number": (query(ANA, M.visits > 10), with_number("9")),
        "the table's cursor in an index": (query(*COUNTED, using="by-visits"), plain(key())),
        "another partition of an index": (
            query(M.url == "u"),
            plain({**key(), "url": {"S": "v"}, "visits": {"N": "1"}}, index="by-url"),
        ),
    }
)


def refused(plan: QueryPlan[Any], cursor: object, keys: tuple[bytes, ...] = ()) -> InvalidCursor:
    started = process_time()
    with pytest.raises(InvalidCursor) as caught:
        gap_of(plan, cursor, keys=keys)
    assert process_time() - started < 0.05
    return caught.value


@pytest.mark.parametrize("cursor", RUBBISH.values(), ids=RUBBISH)
def test_what_is_no_cursor_of_the_query_is_refused_at_once(cursor: object) -> None:
    error = refused(query(ANA, using=""), cursor)

    assert isinstance(error, ValueError)
    assert len(str(error)) < 400


@pytest.mark.parametrize(("plan", "cursor"), IN_INDEX.values(), ids=IN_INDEX)
def test_a_place_that_no_item_of_the_query_can_have_is_refused(plan: QueryPlan[Any], cursor: str) -> None:
    refused(plan, cursor)


@pytest.mark.parametrize("length", range(1, len(VALID)))
def test_every_prefix_of_a_cursor_is_refused(length: int) -> None:
    refused(query(ANA), VALID[:length])


def test_the_text_of_the_error_holds_nothing_of_the_cursor() -> None:
    secret = key("a-very-secret-slug", user="a-secret-user")

    errors = [
        refused(query(ANA), written({"lastKey": secret, "v": "a-secret-member"})),
        refused(query(ANA), "secret"),
    ]

    assert all("secret" not in f"{error!s} {error!r}" for error in errors)


OTHER_QUERIES: dict[str, QueryPlan[Any]] = {
    "of another table": query(ANA, table="others"),
    "of another partition": query(M.user == "bob"),
    "of other values": query(ANA, M.slug > "a"),
    "with another filter": query(ANA, M.visits > 2, using=""),
    "in another direction": query(ANA, reverse=True),
    "by another index": query(*COUNTED, using="by-visits"),
    "as a scan": query(is_scan=True),
}


@pytest.mark.parametrize("other", OTHER_QUERIES.values(), ids=OTHER_QUERIES)
@pytest.mark.parametrize("keys", [(), (KEY,)], ids=["unsigned", "signed"])
def test_a_cursor_belongs_to_its_query_alone(other: QueryPlan[Any], keys: tuple[bytes, ...]) -> None:
    cursor = encode(Place("lastKey", key()), query(ANA).scope, keys=keys)

    refused(other, cursor, keys)


def test_a_cursor_survives_another_order_of_conditions_and_another_page_size() -> None:
    cursor = encode(
        Place("lastKey", key()), query(ANA, M.visits > 2, M.url == "u", using="", page_size=3).scope
    )

    place = decode(cursor, query(M.url == "u", M.visits > 2, ANA, using="", consistent=True).scope)

    assert place == Place("lastKey", key())


def test_a_cursor_survives_the_passing_of_time() -> None:
    """not_expired() compares with another time on each page."""
    expiring = target(Expiring, "any")
    first, later = (
        prepare(
            expiring,
            Question(conditions=(Expiring.id == "a",), unexpired=True),
            now=datetime(2024, 1, day, tzinfo=UTC),
        )
        for day in (1, 2)
    )

    cursor = encode(Place("lastKey", {"id": {"S": "a"}}), first.scope)

    assert decode(cursor, later.scope) is not None


def test_conditions_that_just_fit_into_a_filter_have_cursors() -> None:
    """Key conditions and filter together are longer than one expression may be."""
    filters = [M.url != f"{number:03}" for number in range(150)]
    plan = query(ANA, M.slug > "a", *filters)

    cursor = encode(Place("lastKey", key()), plan.scope)

    assert decode(cursor, plan.scope) is not None
    assert len(json.loads(plan.call().body)["FilterExpression"]) < 4096


def test_a_scan_is_read_neither_backward_nor_from_an_item() -> None:
    scan = query(is_scan=True)

    for way in ("before", "until", "from"):
        refused(scan, encode(Place(way, key()), scan.scope))


def test_the_index_of_a_cursor_is_told_after_its_signature() -> None:
    scope = query(*COUNTED, using="by-visits").scope
    cursor = encode(Place("lastKey", IN_VISITS["lastKey"]), scope, keys=[KEY])

    assert index_of(cursor, keys=[KEY]) == "by-visits"
    with pytest.raises(InvalidCursor, match="signature"):
        index_of(cursor, keys=[OTHER])


# Signatures.

SIGNED = encode(Place("lastKey", key()), query(ANA).scope, keys=[KEY])


def test_a_signature_is_an_hmac_of_the_text_before_it() -> None:
    payload, _, signature = SIGNED.partition(".")

    assert payload == VALID
    assert signature == b64(hmac.digest(KEY, payload.encode(), "sha256")).rstrip("=")


def test_the_newest_key_signs_and_older_ones_still_hold() -> None:
    by_old = encode(Place("lastKey", key()), query(ANA).scope, keys=[OLD])

    assert encode(Place("lastKey", key()), query(ANA).scope, keys=[KEY, OLD]) == SIGNED
    assert gap_of(query(ANA), by_old, keys=[KEY, OLD]) == Gap(before=key())
    refused(query(ANA), by_old, (KEY,))


FORGED: dict[str, Callable[[str, str], str]] = {
    "no signature": lambda payload, signature: payload,
    "an empty signature": lambda payload, signature: f"{payload}.",
    "half a signature": lambda payload, signature: f"{payload}.{signature[:20]}",
    "a signature and more": lambda payload, signature: f"{payload}.{signature}A",
    "a padded signature": lambda payload, signature: f"{payload}.{signature}=",
    "two signatures": lambda payload, signature: f"{payload}.{signature}.{signature}",
    "a signature before": lambda payload, signature: f"{signature}.{payload}",
    "the signature alone": lambda payload, signature: f".{signature}",
    "another letter": lambda payload, signature: (
        f"{payload}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}"
    ),
    "a signature that is not ASCII": lambda payload, signature: f"{payload}.{'é' * 43}",
    "a signature of surrogates": lambda payload, signature: f"{payload}.{chr(0xD800) * 43}",
    "a moved place": lambda payload, signature: f"{plain(key('zzz'))}.{signature}",
    "another key's": lambda payload, signature: encode(
        Place("lastKey", key()), query(ANA).scope, keys=[OTHER]
    ),
    "an empty key's": lambda payload, signature: (
        f"{payload}.{b64(hmac.digest(b'', payload.encode(), 'sha256'))[:43]}"
    ),
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
def test_where_a_key_is_set_only_what_it_signed_is_taken(forge: Callable[[str, str], str]) -> None:
    payload, _, signature = SIGNED.partition(".")

    error = refused(query(ANA), forge(payload, signature), (KEY, OLD))

    assert "signature" in (error.why or "")


@pytest.mark.parametrize("length", range(len(SIGNED)))
def test_every_prefix_of_a_signed_cursor_is_refused(length: int) -> None:
    if length == 0:
        assert gap_of(query(ANA), SIGNED[:0], keys=[KEY]) == Gap()  # the beginning
        return
    refused(query(ANA), SIGNED[:length], (KEY,))


def test_signatures_are_compared_in_constant_time() -> None:
    """A comparison with == would tell by its time how much of a guess is right."""
    source = (Path(__file__).parents[2] / "dynamorm_async/plan/cursors.py").read_text()
    functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
    verify = next(ast.walk(node) for node in functions if node.name == "_verify")

    nodes = list(verify)

    assert any(isinstance(node, ast.Attribute) and node.attr == "compare_digest" for node in nodes)
    assert not any(isinstance(node, ast.Compare) for node in nodes)


# At the client: nothing is sent.


class Counting:
    """A middleware that counts calls, and answers none itself."""

    def __init__(self) -> None:
        self.operations: list[str] = []

    async def __call__(self, call: Call, send: Send) -> Reply:
        self.operations.append(call.operation)
        return await send(call)


async def served(counting: Counting, cursor_key: Any = None) -> tuple[Client, Table[Mark]]:
    db = connect("memory://", middleware=[counting], cursor_key=cursor_key)
    await db.admin.create_table(Mark)
    counting.operations.clear()
    return db, db.table(Mark)


async def test_nothing_is_sent_for_a_cursor_that_is_refused() -> None:
    counting = Counting()
    db, marks = await served(counting)
    asked = marks.where(ANA)

    async with db:
        for cursor in filter(None, RUBBISH.values()):
            with pytest.raises(InvalidCursor):
                await asked.page(cursor=cursor)  # pyright: ignore[reportArgumentType]
            with pytest.raises(InvalidCursor):
                await asked.start(cursor).list()  # pyright: ignore[reportArgumentType]

    assert counting.operations == []


async def test_a_client_with_a_key_signs_and_refuses_what_is_unsigned() -> None:
    counting = Counting()
    db, marks = await served(counting, cursor_key=[KEY, OLD])

    async with db:
        for number in range(4):
            await marks.put(Mark(user="ana", slug=f"s{number}", url="u", visits=number))
        page = await marks.where(ANA).page(size=2)
        assert page.next is not None
        sent = len(counting.operations)
        with pytest.raises(InvalidCursor, match="signature"):
            await marks.where(ANA).page(size=2, cursor=page.next.partition(".")[0])
        with pytest.raises(InvalidCursor, match="another query"):
            await marks.where(M.user == "bob").page(size=2, cursor=page.next)
        assert len(counting.operations) == sent
        rest = await marks.where(ANA).page(size=2, cursor=page.next)

    assert [mark.slug for mark in rest.items] == ["s2", "s3"]


async def test_a_cursor_that_leads_back_starts_no_walk() -> None:
    counting = Counting()
    db, marks = await served(counting)
    back = encode(Place("before", key()), marks.where(ANA).plan().query.scope)

    async with db:
        with pytest.raises(InvalidCursor, match="leads back"):
            await marks.where(ANA).start(back).list()

    assert counting.operations == []


# Whatever else a text may be.

any_json = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
tagged = st.dictionaries(st.sampled_from(["S", "N", "B", "M", "X"]), any_json, max_size=2)
like_keys = st.dictionaries(
    st.sampled_from(["user", "slug", "visits", "blob"]), tagged | any_json, max_size=3
)
like_members = st.dictionaries(
    st.sampled_from(["lastKey", "before", "until", "from", "index", "sort", "plan", "x"]),
    like_keys | any_json | st.sampled_from(["by-visits", "by-blob", "ASC", "DESC", MEMBERS["plan"]]),
    max_size=4,
)
broken_texts = (
    st.text(max_size=40)
    | st.binary(max_size=60).map(b64)
    | like_members.map(written)
    | st.tuples(st.integers(0, len(VALID)), st.characters()).map(
        lambda at: VALID[: at[0]] + at[1] + VALID[at[0] + 1 :]
    )
    | st.tuples(st.text(max_size=8), st.text(max_size=8)).map(".".join)
)
SCOPES = [
    query(ANA).scope,
    query(*COUNTED, using="by-visits").scope,
    query(ANA, M.blob > b"a", using="by-blob").scope,
    query(M.url == "u", M.visits.between(1, 5)).scope,
]


@given(
    text=broken_texts | st.none() | st.binary(max_size=8),
    number=st.integers(0, 3),
    keys=st.sampled_from([(), (KEY,)]),
)
@example(text=with_binary("é"), number=2, keys=())
def test_decoding_gives_a_place_or_invalid_cursor_and_nothing_else(
    text: object, number: int, keys: tuple[bytes, ...]
) -> None:
    scope = SCOPES[number]

    try:
        place = decode(text, scope, keys=keys)
    except InvalidCursor as error:
        assert error.code.startswith("plan.")  # noqa: PT017 - either outcome is right
    else:
        assert place is None or set(place.key) == set(scope.types)


@given(
    slug=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60),
    way=st.sampled_from(["lastKey", "from", "before", "until"]),
    keys=st.sampled_from([(), (KEY,)]),
)
def test_any_key_comes_back(slug: str, way: Any, keys: tuple[bytes, ...]) -> None:
    scope = query(ANA).scope

    place = decode(encode(Place(way, key(slug)), scope, keys=keys), scope, keys=keys)

    assert place == Place(way, key(slug))
