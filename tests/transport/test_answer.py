"""What an HTTP answer means: checked in one place for every transport (R99, security table)."""

import json
from zlib import crc32

import pytest

from dynamorm_async.errors import (
    AccessDenied,
    CancellationReason,
    ConnectionLost,
    CredentialsError,
    ProtocolError,
    RequestRefused,
    ServerFault,
    ServiceError,
    TableNotFound,
    Throttled,
    TransactionConflict,
    TransactionFailed,
)
from dynamorm_async.transport.answer import (
    CHECKSUM,
    MALFORMED,
    NOT_DYNAMODB,
    REDIRECT,
    TOO_LONG,
    body_of,
    retry_after,
)
from dynamorm_async.wire import DATA_OPERATIONS, Answer, Call

GET = Call(operation="GetItem", body=b"{}", tables=("users",), keys=({"id": "ana"},))
PAGE = b"<html><body>secret-page</body></html>"


def read(status: int, body: bytes, headers: dict[str, str] | None = None, call: Call = GET) -> bytes:
    return body_of(call, Answer(status=status, headers=headers or {}, body=body), attempt=3)


def error_body(code: str, **facts: object) -> bytes:
    return json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{code}", **facts}).encode()


def test_a_json_object_is_handed_on_as_it_is() -> None:
    assert read(200, b'{"Item":{}}') == b'{"Item":{}}'


def test_white_space_around_the_object_is_cut_off() -> None:
    assert read(200, b' {"Item":{}}\n') == b'{"Item":{}}'


@pytest.mark.parametrize("body", [b"", PAGE, b"[]", b"null", b'{"Item":'], ids=repr)
def test_success_without_a_json_object_is_a_protocol_error(body: bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        read(200, body)

    assert caught.value.code == MALFORMED
    assert "secret-page" not in str(caught.value)


@pytest.mark.parametrize("operation", sorted(DATA_OPERATIONS))
@pytest.mark.parametrize("body", [b'{"error":"please log in"}', b"{garbage}", b'{"Attributes"}', b'{"a":1'])
def test_an_object_that_answers_nothing_is_a_protocol_error(operation: str, body: bytes) -> None:
    """A 200 of a login page is neither an absent item nor a write that was carried out."""
    with pytest.raises(ProtocolError):
        read(200, body, call=Call(operation=operation, body=b"{}"))


@pytest.mark.parametrize("operation", ["BatchGetItem", "TransactGetItems"])
def test_an_answer_that_is_never_empty_is_not_taken_for_nothing_found(operation: str) -> None:
    with pytest.raises(ProtocolError):
        read(200, b"{}", call=Call(operation=operation, body=b"{}"))


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("GetItem", b'{"ConsumedCapacity":{"CapacityUnits":0.5},"Item":{}}'),
        ("PutItem", b' {"ItemCollectionMetrics":{}} '),
        ("UpdateItem", b'{"Attributes":{"a":{"S":"x"}},"SomethingNew":1}'),
        ("BatchWriteItem", b'{"UnprocessedItems":{}}'),
        ("DescribeTable", b'{"Table":{}}'),
    ],
)
def test_an_answer_with_a_member_of_its_own_passes(operation: str, body: bytes) -> None:
    assert read(200, body, call=Call(operation=operation, body=b"{}")) == body.strip()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_a_protocol_error(status: int) -> None:
    with pytest.raises(ProtocolError, match="never followed") as caught:
        read(status, b"{}", {"location": "https://elsewhere.example/"})

    assert caught.value.code == REDIRECT


@pytest.mark.parametrize("status", [101, 204, 206])
def test_another_status_below_300_is_a_protocol_error(status: int) -> None:
    with pytest.raises(ProtocolError):
        read(status, b"{}")


def test_a_wrong_checksum_is_a_protocol_error_even_if_the_body_is_fine() -> None:
    with pytest.raises(ProtocolError) as caught:
        read(200, b"{}", {"x-amz-crc32": str(crc32(b"{}") + 1)})

    assert caught.value.code == CHECKSUM


def test_a_right_checksum_passes() -> None:
    assert read(200, b"{}", {"x-amz-crc32": str(crc32(b"{}"))}) == b"{}"


def test_the_checksum_of_an_error_is_checked_too() -> None:
    with pytest.raises(ProtocolError):
        read(400, error_body("ValidationException"), {"x-amz-crc32": "1"})


def test_the_checksum_of_compressed_bytes_is_left_to_the_transport() -> None:
    assert read(200, b"{}", {"x-amz-crc32": "1", "content-encoding": "gzip"}) == b"{}"


def test_a_transport_that_checked_is_trusted() -> None:
    answer = Answer(status=200, headers={"x-amz-crc32": "1"}, body=b"{}", checked=True)

    assert body_of(GET, answer, attempt=1) == b"{}"


def test_a_body_cut_short_is_never_parsed() -> None:
    with pytest.raises(ConnectionLost, match="2 of 900 bytes"):
        read(200, b"{}", {"content-length": "900"})


def test_an_answer_over_the_cap_is_a_protocol_error() -> None:
    with pytest.raises(ProtocolError) as caught:
        read(200, b'{"Item":{}}', call=Call(operation="GetItem", body=b"{}", response_cap=10))

    assert caught.value.code == TOO_LONG


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("ValidationException", RequestRefused),
        ("ResourceNotFoundException", TableNotFound),
        ("ProvisionedThroughputExceededException", Throttled),
        ("AccessDeniedException", AccessDenied),
        ("ExpiredTokenException", CredentialsError),
        ("TransactionConflictException", TransactionConflict),
        ("ConditionalCheckFailedException", ServiceError),
    ],
)
def test_a_code_is_a_class(code: str, expected: type[ServiceError]) -> None:
    with pytest.raises(ServiceError) as caught:
        read(400, error_body(code))

    assert type(caught.value) is expected


def test_an_error_carries_where_it_happened_and_what_the_service_said() -> None:
    body = error_body("ValidationException", message="bad key")

    with pytest.raises(RequestRefused) as caught:
        read(400, body, {"x-amzn-requestid": "R7"})

    error = caught.value
    assert (error.operation, error.table, error.key) == ("GetItem", "users", {"id": "ana"})
    assert (error.service_code, error.message, error.request_id) == ("ValidationException", "bad key", "R7")
    assert (error.status, error.attempts, error.body) == (400, 3, body)


def test_an_upper_case_message_is_read_too() -> None:
    """DynamoDB Local writes `Message`."""
    with pytest.raises(RequestRefused, match="bad key"):
        read(400, error_body("ValidationException", Message="bad key"))


@pytest.mark.parametrize("name", ["ThrottlingReasons", "throttlingReasons"])
def test_throttling_reasons_are_kept(name: str) -> None:
    reasons = [{"reason": "TableReadKeyRangeThroughputExceeded", "resource": "arn:x"}]

    with pytest.raises(Throttled) as caught:
        read(400, error_body("ThrottlingException", **{name: reasons}))

    assert caught.value.reasons == ("TableReadKeyRangeThroughputExceeded",)


@pytest.mark.parametrize("reasons", ["x", 3, ["x"], [{"reason": 3}]], ids=repr)
def test_throttling_reasons_of_another_shape_are_left_out(reasons: object) -> None:
    with pytest.raises(Throttled) as caught:
        read(400, error_body("ThrottlingException", throttlingReasons=reasons))

    assert caught.value.reasons == ()


def cancelled(reasons: object) -> TransactionFailed:
    with pytest.raises(TransactionFailed) as caught:
        read(400, error_body("TransactionCanceledException", CancellationReasons=reasons))
    return caught.value


def test_the_reasons_of_a_cancelled_transaction_are_kept_by_position() -> None:
    item = {"id": {"S": "é"}, "photo": {"B": "AQID"}, "n": {"N": "1.50"}}

    error = cancelled(
        [
            {"Code": "None"},
            {"Code": "ConditionalCheckFailed", "Message": "it failed", "Item": item},
            {"Code": "TransactionConflict", "Message": None},
        ]
    )

    assert error.reasons == (
        CancellationReason(code="None"),
        CancellationReason(code="ConditionalCheckFailed", message="it failed", item=error.reasons[1].item),
        CancellationReason(code="TransactionConflict"),
    )
    assert json.loads(error.reasons[1].item or b"") == item


@pytest.mark.parametrize("reasons", ["x", 3, ["x"], None, {}], ids=repr)
def test_reasons_of_another_shape_are_left_out(reasons: object) -> None:
    assert cancelled(reasons).reasons == ()


def test_a_reason_without_a_code_stops_nothing() -> None:
    assert cancelled([{"Code": 3}]).reasons == (CancellationReason(code="None"),)


def test_a_code_in_the_header_is_read_where_the_body_has_none() -> None:
    with pytest.raises(AccessDenied):
        read(403, b"{}", {"x-amzn-errortype": "AccessDeniedException:http://internal.example/"})


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize(
    "body", [PAGE, b"", b'{"message":"x"}', b"[" * 100_000], ids=["html", "empty", "json", "deep"]
)
def test_an_error_page_of_a_proxy_is_a_server_fault(status: int, body: bytes) -> None:
    with pytest.raises(ServerFault, match=f"HTTP {status}") as caught:
        read(status, body)

    assert caught.value.status == status
    assert "secret-page" not in str(caught.value)


def test_too_many_requests_of_a_proxy_is_throttling() -> None:
    with pytest.raises(Throttled):
        read(429, PAGE)


@pytest.mark.parametrize("status", [400, 403, 404, 407, 413])
def test_another_page_of_a_proxy_is_a_protocol_error(status: int) -> None:
    with pytest.raises(ProtocolError, match=f"HTTP {status}") as caught:
        read(status, PAGE)

    assert caught.value.code == NOT_DYNAMODB


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1500", 1.5), ("0", 0.0), ("-5", None), ("soon", None), ("9" * 30, None), ("", None)],
)
def test_the_services_hint_is_in_milliseconds(text: str, seconds: float | None) -> None:
    assert retry_after(Answer(status=503, headers={"x-amz-retry-after": text}, body=b"")) == seconds


def test_a_long_text_of_the_service_is_cut_where_it_is_printed() -> None:
    text = "x" * 100_000
    body = b'{"__type":"a#ValidationException","message":"%b"}' % text.encode()

    with pytest.raises(ServiceError) as caught:
        read(400, body)

    assert caught.value.why == "x" * 499 + "…"
    assert len(str(caught.value)) < 1000
    assert caught.value.message == text
