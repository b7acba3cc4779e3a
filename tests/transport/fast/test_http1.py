"""One connection, fed bytes by hand: whole answers are delivered whole, everything else is an error."""

import asyncio
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dynamorm_async.errors import CallTimeout, ConnectionLost, DynamormError, ProtocolError
from dynamorm_async.transport.http1 import Connection
from dynamorm_async.wire import Answer, Call

GET = Call(operation="GetItem", body=b'{"TableName":"users"}', tables=("users",))
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\nX-Odd-Name: a\r\nx-odd-name: b\r\n\r\n" + b'{"Item": {}}'
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b'5;ext=1\r\n{"Ite\r\n7\r\nm": {}}\r\n0\r\nTrailer: x\r\n\r\n'
)
DYNAMODB = (
    b"HTTP/1.1 200 OK\r\nServer: Server\r\nDate: Thu, 18 Apr 2024 23:32:32 GMT\r\n"
    b"Content-Type: application/x-amz-json-1.0\r\nContent-Length: 12\r\nConnection: keep-alive\r\n"
    b"x-amzn-RequestId: DJQ5482KAPDE18Q\r\nx-amz-crc32: 3413411624\r\n\r\n" + b'{"Item": {}}'
)
INTERIM = b"HTTP/1.1 100 Continue\r\nX-A: 1\r\n\r\n" + PLAIN
STREAMS = [
    pytest.param(PLAIN, id="length"),
    pytest.param(DYNAMODB, id="dynamodb"),
    pytest.param(CHUNKED, id="chunked"),
    pytest.param(INTERIM, id="interim"),
]


class Wire(asyncio.Transport):
    """What asyncio gives a protocol, with nothing behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.unwritten = 0
        self.aborted = False

    def write(self, data: Any) -> None:
        self.written += data

    def abort(self) -> None:
        self.aborted = True

    def get_write_buffer_size(self) -> int:
        return self.unwritten

    def is_closing(self) -> bool:
        return self.aborted


def opened() -> tuple[Connection, Wire, list[Connection]]:
    gone: list[Connection] = []
    connection, wire = Connection(asyncio.get_running_loop(), gone.append), Wire()
    connection.connection_made(wire)
    return connection, wire, gone


async def fed(*pieces: bytes, call: Call = GET, end: Exception | bool | None = False) -> Answer:
    connection, _, _ = opened()
    waiting = connection.send(call, b"POST / HTTP/1.1\r\n")
    for piece in pieces:
        connection.data_received(piece)
    if not isinstance(end, bool):
        connection.connection_lost(end)
    assert waiting.done(), "nothing was delivered"
    return await waiting


async def failure(*pieces: bytes, call: Call = GET, end: Exception | bool | None = False) -> DynamormError:
    with pytest.raises(DynamormError) as caught:
        await fed(*pieces, call=call, end=end)
    return caught.value


async def test_a_request_is_the_head_a_blank_line_and_the_body() -> None:
    connection, wire, _ = opened()

    connection.send(GET, b"POST / HTTP/1.1\r\nhost: h\r\n")

    assert wire.written == b'POST / HTTP/1.1\r\nhost: h\r\n\r\n{"TableName":"users"}'


@pytest.mark.parametrize("stream", STREAMS)
async def test_an_answer_is_the_same_wherever_it_is_split(stream: bytes) -> None:
    for position in range(len(stream) + 1):
        answer = await fed(stream[:position], stream[position:])

        assert (answer.status, answer.body) == (200, b'{"Item": {}}'), position


@pytest.mark.parametrize("stream", STREAMS)
async def test_an_answer_is_the_same_byte_by_byte(stream: bytes) -> None:
    answer = await fed(*(stream[i : i + 1] for i in range(len(stream))))

    assert answer.body == b'{"Item": {}}'


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("end", [None, ConnectionResetError("reset")], ids=["end", "reset"])
async def test_an_answer_cut_short_anywhere_is_never_delivered(stream: bytes, end: Exception | None) -> None:
    for position in range(len(stream)):
        error = await failure(stream[:position], end=end)

        assert isinstance(error, ConnectionLost), position


async def test_header_names_are_lower_case_and_repeated_ones_joined() -> None:
    answer = await fed(PLAIN)

    assert answer.headers == {"content-length": "12", "x-odd-name": "a, b"}


async def test_an_empty_body_is_delivered() -> None:
    assert (await fed(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n")).status == 500


async def test_a_page_without_length_ends_with_the_connection() -> None:
    answer = await fed(b"HTTP/1.0 503 Busy\r\n\r\n<html>", end=None)

    assert (answer.status, answer.body) == (503, b"<html>")


async def test_a_success_without_length_or_checksum_is_not_trusted() -> None:
    assert isinstance(await failure(b"HTTP/1.0 200 OK\r\n\r\n{}", end=None), ConnectionLost)


async def test_a_success_without_length_is_left_to_its_checksum() -> None:
    answer = await fed(b"HTTP/1.0 200 OK\r\nx-amz-crc32: 1\r\n\r\n{}", end=None)

    assert answer.body == b"{}"


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(b"SSH-2.0-OpenSSH_9.6\r\n", id="another protocol"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}", id="two lengths"
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
            id="length and chunks",
        ),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n{}", id="negative length"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", id="no chunk size"),
        pytest.param(b"HTTP/1.1 200 OK\r\nBad Header: x\r\n\r\n", id="a bad header name"),
        pytest.param(b"HTTP/1.1 101 Switch\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n", id="upgrade"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000, id="endless header"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" * 4_000, id="endless interim answers"),
    ],
)
async def test_what_is_no_http_is_a_protocol_error(stream: bytes) -> None:
    assert isinstance(await failure(stream), ProtocolError)


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n", id="announced"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n" + b"x" * 11, id="chunked"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 11, id="without length"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 18 + b"\r\n\r\n", id="absurd"),
    ],
)
async def test_an_answer_over_the_cap_is_refused_before_it_is_held(stream: bytes) -> None:
    error = await failure(stream, call=Call(operation="GetItem", body=b"{}", response_cap=10))

    assert error.code == "transport.answer-too-long"


async def test_framing_without_end_is_refused() -> None:
    tiny = Call(operation="GetItem", body=b"{}", response_cap=100)
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;"

    error = await failure(head, *(b"x" * 10_000 for _ in range(8)), call=tiny)

    assert isinstance(error, ProtocolError)


async def test_a_whole_answer_leaves_the_connection_free() -> None:
    connection, _, _ = opened()
    connection.send(GET, b"")
    connection.data_received(PLAIN)
    assert connection.is_free

    waiting = connection.send(GET, b"")
    connection.data_received(PLAIN.replace(b"Item", b"Mine"))

    assert (await waiting).body == b'{"Mine": {}}'
    assert connection.uses == 2


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(PLAIN.replace(b"X-Odd-Name: a", b"Connection: close"), id="connection close"),
        pytest.param(PLAIN.replace(b"HTTP/1.1", b"HTTP/1.0"), id="HTTP/1.0"),
        pytest.param(PLAIN + PLAIN, id="a second answer"),
        pytest.param(PLAIN + b"garbage", id="garbage"),
        pytest.param(PLAIN + b"H", id="one byte"),
    ],
)
async def test_after_such_an_answer_the_connection_is_not_used_again(stream: bytes) -> None:
    connection, _, _ = opened()
    waiting = connection.send(GET, b"")

    connection.data_received(stream)

    assert (await waiting).body == b'{"Item": {}}'
    assert not connection.is_free


@pytest.mark.parametrize("uses", [0, 1])
async def test_bytes_that_nobody_asked_for_close_the_connection(uses: int) -> None:
    connection, wire, _ = opened()
    for _ in range(uses):
        connection.send(GET, b"")
        connection.data_received(PLAIN)

    connection.data_received(PLAIN)

    assert wire.aborted
    assert not connection.is_free


async def test_an_end_of_the_connection_is_told_to_the_owner_once() -> None:
    connection, _, gone = opened()

    connection.connection_lost(None)

    assert gone == [connection]
    assert not connection.is_alive()


async def test_expiring_is_a_timeout_and_closes() -> None:
    connection, wire, _ = opened()
    waiting = connection.send(GET, b"")

    connection.expire(0.5)

    with pytest.raises(CallTimeout, match=r"within 0\.5 s"):
        await waiting
    assert wire.aborted


async def test_expiring_after_the_answer_changes_nothing() -> None:
    connection, wire, _ = opened()
    connection.send(GET, b"")
    connection.data_received(PLAIN)

    connection.expire(0.5)

    assert connection.is_free
    assert not wire.aborted


async def test_a_loss_before_the_first_byte_is_remembered() -> None:
    early, _, _ = opened()
    late, _, _ = opened()
    waiting = [early.send(GET, b""), late.send(GET, b"")]
    late.data_received(b"H")

    for connection in (early, late):
        connection.connection_lost(None)

    assert (early.lost_unanswered, late.lost_unanswered) == (True, False)
    for each in waiting:
        with pytest.raises(ConnectionLost):
            await each


async def test_no_body_is_in_the_text_of_an_error() -> None:
    error = await failure(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nsecret", end=None)

    assert "secret" not in str(error)
    assert "GetItem on users" in str(error)


async def test_a_connection_whose_request_is_not_all_written_is_not_used_again() -> None:
    connection, wire, _ = opened()
    waiting = connection.send(GET, b"POST / HTTP/1.1\r\n")
    wire.unwritten = 100_000
    connection.data_received(PLAIN)

    assert (await waiting).status == 200
    assert not connection.is_free
    wire.unwritten = 0
    assert connection.is_free


async def test_an_encoded_body_is_refused_because_it_cannot_be_checked() -> None:
    body = b'{"Item": {"n": {"N": "1"}}}'
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nx-amz-crc32: 1\r\n" % len(body)

    error = await failure(head + b"Content-Encoding: gzip\r\n\r\n" + body)

    assert isinstance(error, ProtocolError)
    assert "encoded" in str(error)
    endless = b"HTTP/1.1 200 OK\r\nx-amz-crc32: 1\r\nContent-Encoding: gzip\r\n\r\n" + body
    assert isinstance(await failure(endless, end=None), ProtocolError)
    for same in (b"identity", b"Identity", b"IDENTITY"):
        assert (await fed(head + b"Content-Encoding: " + same + b"\r\n\r\n" + body)).body == body


@pytest.mark.parametrize(("piece", "why"), [(b"", "the service is silent"), (PLAIN[:30], "did not end")])
async def test_an_answer_that_does_not_come_is_told_with_reason_and_advice(piece: bytes, why: str) -> None:
    connection, _, _ = opened()
    waiting = connection.send(GET, b"POST / HTTP/1.1\r\n")
    if piece:
        connection.data_received(piece)
    connection.expire(2.0)

    with pytest.raises(CallTimeout, match="within 2 s") as caught:
        await waiting
    assert why in (caught.value.why or "")
    assert "attempt_timeout=" in (caught.value.fix or "")


STATUS_LINES = st.sampled_from(
    [
        b"HTTP/1.1 200 OK",
        b"HTTP/1.1 400 Bad Request",
        b"HTTP/1.1 500 ",
        b"HTTP/1.1 204 No Content",
        b"HTTP/1.1 100 Continue",
        b"HTTP/1.1 304 Not Modified",
        b"HTTP/1.0 200 OK",
        b"HTTP/1.1  200 OK",
        b"HTTP/1.1 999 Odd",
        b"http/1.1 200 OK",
    ]
)
HEADERS = [
    b"Server: Server",
    b"Date: Thu, 18 Apr 2024 23:32:32 GMT",
    b"Content-Type: application/x-amz-json-1.0",
    b"Content-Length: 12",
    b"Connection: keep-alive",
    b"x-amzn-RequestId: DJQ5482KAPDE18Q",
    b"x-amz-crc32: 3413411624",
]
# What may stand in the place of each of these lines, or before it.
OTHERS = [
    [b"Server: Server\r\n folded", b"Server:  Server", b"Server: Jetty(9.4.48)", b"X-Other: \x7f"],
    [b"Date: \tThu", b"Date: ", b"Date: Thu \xe9", b"Date: Thu ", b"date: Thu, 18 Apr 2024 23:32:32 GMT"],
    [b"Content-Encoding: gzip", b"Content-Encoding: identity", b"Content-Type: text/html", b"no colon"],
    [
        *(b"Content-Length: " + value for value in (b"0", b"11", b"13", b"012", b"999999999", b"-1", b"12 ")),
        *(b"Content-Length:" + value for value in (b"12", b"\t12", b"  12", b" 12, 12", b" 0x12", b"")),
        b"content-length: 12",
        b"Transfer-Encoding: chunked",
        b"Transfer-Encoding: identity",
    ],
    [
        *(b"Connection: " + value for value in (b"close", b"keep-alive, close", b"Keep-Alive", b"upgrade")),
        b"Upgrade: h2c",
        b"Proxy-Connection: close",
    ],
    [b"x-amzn-RequestId: A B", b"x-amzn-RequestId: A", b"Bad Header: x", b""],
    [b"x-amz-crc32: 1", b"x-amz-crc32: -1", b"x-amz-crc32 : 1"],
]
BODIES = st.sampled_from([b'{"Item": {}}', b"", b'{"Item": {}', b'{"Item": {}} ', b"c\r\n" + b"x" * 12])
FOLLOWING = st.sampled_from([b"", b"\r\n", b"x", DYNAMODB, b"HTTP/1.1 100 Continue\r\n\r\n", b"0\r\n\r\n"])


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    """Answers that are DynamoDB's own but for a line or two: another one, too many, or not there."""
    headers = list(HEADERS)
    for position in draw(st.sets(st.integers(0, 6), max_size=2)):
        other = draw(st.sampled_from(OTHERS[position]))
        was = HEADERS[position]
        headers[position] = draw(st.sampled_from([other, other, other + b"\r\n" + was, was + b"\r\n" + was]))
    status = draw(st.one_of(st.just(b"HTTP/1.1 200 OK"), STATUS_LINES))
    stream = b"\r\n".join([status, *headers, b"", draw(BODIES)]) + draw(FOLLOWING)
    return draw(st.sampled_from([stream] * 9 + [stream.replace(b"\r\n", b"\n")]))


async def outcome(*pieces: bytes) -> tuple[object, ...]:
    """Return all that somebody can tell of an answer that came in these pieces, and then the end."""
    connection, wire, _ = opened()
    waiting = connection.send(Call(operation="GetItem", body=b"{}", response_cap=100), b"")
    for piece in filter(None, pieces):
        connection.data_received(piece)
    came, free, aborted = waiting.done(), connection.is_free, wire.aborted
    connection.connection_lost(None)
    error = waiting.exception()
    if isinstance(error, DynamormError):
        return came, free, aborted, type(error), error.code, connection.lost_unanswered
    answer = waiting.result()
    return came, free, aborted, answer.status, answer.headers, answer.body


@given(answers(), st.integers(0, 30))
@example(DYNAMODB, 0)
async def test_the_short_way_and_the_parser_give_the_same(stream: bytes, position: int) -> None:
    split = stream.find(b"{") + position  # of the body's begin, if there is one
    begin, end = stream[:split], stream[split:]

    # A first piece without a whole head goes to the parser, and all that follows with it.
    assert await outcome(stream) == await outcome(stream[:1], stream[1:])
    assert await outcome(begin, end) == await outcome(begin[:1], begin[1:], end)
