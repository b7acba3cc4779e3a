"""Turn one HTTP answer into the bytes of a reply, or into the error that it means.

Takes the `Call` and the `Answer` of any transport, so that all of them are checked alike: status,
length, checksum, size, and whether it is DynamoDB at all that speaks. Pure. An answer's text goes
into an error only where the service put it there for the reader; pages of proxies never do.
"""

from collections.abc import Mapping
from typing import Any
from zlib import crc32

import msgspec

from dynamorm_async.errors import (
    CancellationReason,
    ConnectionLost,
    DynamormError,
    ProtocolError,
    ServerFault,
    Throttled,
    service_error,
)
from dynamorm_async.wire import DATA_OPERATIONS, Answer, Call

CHECKSUM = "transport.checksum"
MALFORMED = "transport.malformed-answer"
NOT_DYNAMODB = "transport.not-dynamodb"
REDIRECT = "transport.redirect"
TOO_LONG = "transport.answer-too-long"

LONGEST_WHY = 500

REQUEST_ID = "x-amzn-requestid"
RETRY_AFTER = "x-amz-retry-after"

_OBJECT = msgspec.json.Decoder(dict[str, Any])
_NAMES = msgspec.json.Decoder(dict[str, msgspec.Raw])

# Every member that an answer to a data operation can have. Source: API reference.
_MEMBERS = frozenset(
    {
        "Attributes",
        "ConsumedCapacity",
        "Count",
        "Item",
        "ItemCollectionMetrics",
        "Items",
        "LastEvaluatedKey",
        "Responses",
        "ScannedCount",
        "UnprocessedItems",
        "UnprocessedKeys",
    }
)
# How the answers to reads begin, whose every byte a plan reads.
_READ = (b'{"Item":', b'{"Items":', b'{"Count":', b'{"Responses":')
_NEVER_EMPTY = frozenset({"BatchGetItem", "TransactGetItems"})
_READ_WHOLE = frozenset({"BatchGetItem", "GetItem", "Query", "Scan", "TransactGetItems"})


def body_of(call: Call, answer: Answer, *, attempt: int) -> bytes:
    """Return the body of a successful answer.

    Raises:
        ServiceError: The service answered with an error.
        ProtocolError: What came is not an answer of DynamoDB, is longer than the call's cap, or
            does not match its checksum.
        ConnectionLost: The body is shorter than the header says.
    """
    body = answer.body
    if len(body) > call.response_cap:
        raise _protocol_error(
            call, answer, attempt, TOO_LONG, f"{len(body)} bytes came, at most {call.response_cap} are read"
        )
    if not answer.checked:
        _check_transfer(call, answer, attempt)
    if answer.status == 200:
        body = body.strip()
        if not body.startswith(b"{") or not body.endswith(b"}"):
            why = "HTTP 200 with a body that is no JSON object"
            raise _protocol_error(call, answer, attempt, MALFORMED, why)
        if not _is_of(call.operation, body):
            why = f"HTTP 200 with a body that is no answer to {call.operation}"
            raise _protocol_error(call, answer, attempt, MALFORMED, why)
        return body
    raise _error_of(call, answer, attempt)


def _is_of(operation: str, body: bytes) -> bool:
    """Tell whether a body may answer an operation: it is empty, or has a member that answers have.

    Whoever stands between here and the service may say 200 with JSON of its own, which would read as
    an absent item, or as a write that was carried out. What a plan reads anyway is checked there.
    """
    if body == b"{}":
        return operation not in _NEVER_EMPTY
    if operation not in DATA_OPERATIONS:
        return True
    if body.startswith(_READ) and operation in _READ_WHOLE:
        return True
    try:
        names = _NAMES.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return not names or not _MEMBERS.isdisjoint(names)


def retry_after(answer: Answer) -> float | None:
    """Return the seconds that the service asks to wait before the next attempt, or None."""
    text = answer.headers.get(RETRY_AFTER, "")
    return int(text) / 1000 if text.isdecimal() and text.isascii() and len(text) < 10 else None


def _check_transfer(call: Call, answer: Answer, attempt: int) -> None:
    headers = answer.headers
    if headers.get("content-encoding", "identity") != "identity":
        return  # both headers speak of the compressed bytes, which only the transport has seen
    length = headers.get("content-length")
    if length is not None and length != str(len(answer.body)):
        raise ConnectionLost(
            f"{_subject(call)}: the answer ended after {len(answer.body)} of {length[:20]} bytes",
            **_facts(call, answer, attempt),
        )
    checksum = headers.get("x-amz-crc32")
    if checksum is not None and checksum != str(crc32(answer.body)):
        raise _protocol_error(call, answer, attempt, CHECKSUM, "the body does not match its checksum")


def _error_of(call: Call, answer: Answer, attempt: int) -> DynamormError:
    if answer.status < 400:
        code = REDIRECT if answer.status >= 300 else MALFORMED
        why = "a redirect, which is never followed" if code == REDIRECT else "not a status of DynamoDB"
        return _protocol_error(call, answer, attempt, code, f"HTTP {answer.status}: {why}")
    facts = _object(answer.body)
    service_code = _code(facts, answer.headers)
    if not service_code:
        return _foreign_error(call, answer, attempt)
    message = _text(facts, "message") or _text(facts, "Message")
    error = service_error(
        service_code,
        message,
        status=answer.status,
        body=answer.body,
        throttling_reasons=_throttling_reasons(facts),
        cancellation_reasons=_cancellation_reasons(facts),
        **_facts(call, answer, attempt),
    )
    if len(message) > LONGEST_WHY:
        error.why = f"{message[: LONGEST_WHY - 1]}…"  # the whole of it is in `message`
    return error


def _foreign_error(call: Call, answer: Answer, attempt: int) -> DynamormError:
    what = f"{_subject(call)}: HTTP {answer.status} without an error of DynamoDB"
    error: ServerFault | Throttled
    if answer.status >= 500:
        error = ServerFault(what, status=answer.status, body=answer.body, **_facts(call, answer, attempt))
    elif answer.status == 429:
        error = Throttled(what, status=answer.status, body=answer.body, **_facts(call, answer, attempt))
    else:
        return _protocol_error(
            call, answer, attempt, NOT_DYNAMODB, f"HTTP {answer.status} without an error of DynamoDB"
        )
    error.why = "something between here and DynamoDB answered, such as a proxy or a load balancer"
    return error


def _protocol_error(call: Call, answer: Answer, attempt: int, code: str, why: str) -> ProtocolError:
    return ProtocolError(
        f"{_subject(call)}: what came back is not an answer of DynamoDB",
        why=why,
        fix="check the endpoint, and the proxies on the way to it",
        code=code,
        **_facts(call, answer, attempt),
    )


def _subject(call: Call) -> str:
    return f"{call.operation} on {call.table}" if call.table else call.operation


def _facts(call: Call, answer: Answer, attempt: int) -> dict[str, Any]:
    return {
        "operation": call.operation,
        "table": call.table,
        "key": call.key,
        "request_id": answer.headers.get(REQUEST_ID),
        "attempts": attempt,
    }


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        return _OBJECT.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return {}


# `__type` is `com.amazonaws.dynamodb.v20120810#ThrottlingException`; the header that some front ends
# send in its place is `ThrottlingException:http://…`.
def _code(facts: Mapping[str, Any], headers: Mapping[str, str]) -> str:
    text = _text(facts, "__type") or headers.get("x-amzn-errortype", "")
    return text.rpartition("#")[2].partition(":")[0]


def _text(facts: Mapping[str, Any], name: str) -> str:
    value = facts.get(name)
    return value if isinstance(value, str) else ""


def _throttling_reasons(facts: Mapping[str, Any]) -> tuple[str, ...]:
    found: Any = facts.get("ThrottlingReasons") or facts.get("throttlingReasons") or []
    try:
        entries = msgspec.convert(found, list[dict[str, Any]])
    except msgspec.ValidationError:
        return ()
    reasons = [entry.get("reason") or entry.get("Reason") for entry in entries]
    return tuple(reason for reason in reasons if isinstance(reason, str))


def _cancellation_reasons(facts: Mapping[str, Any]) -> tuple[CancellationReason, ...]:
    """Return one reason for each request of a cancelled transaction, in their order."""
    try:
        entries = msgspec.convert(facts.get("CancellationReasons") or [], list[dict[str, Any]])
        return tuple(
            CancellationReason(
                code=_text(entry, "Code") or "None",
                message=_text(entry, "Message") or None,
                item=msgspec.json.encode(entry["Item"]) if entry.get("Item") else None,
            )
            for entry in entries
        )
    except (msgspec.ValidationError, RecursionError):
        return ()
