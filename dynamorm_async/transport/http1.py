"""One HTTP/1.1 connection: a request out, an answer in, one at a time.

Takes a call and the signed head for it; gives a future of its `Answer`. A body that was cut short
is never delivered, and nothing that came unasked is: what arrives before a request or after its
answer closes the connection. Never follows a redirect, never sends a second time, knows no clock.

An answer whose head is DynamoDB's own, to the letter, is taken with one match and by its length;
everything else goes through httptools' parser. Both ways give the same.

Errors say what may have happened: ConnectionLost after a request was written (it may have been
carried out), ProtocolError where what came is no HTTP or too much of it.
"""

import asyncio
import re
import select
from collections.abc import Callable
from typing import Any
from zlib import crc32

import httptools

from dynamorm_async.errors import ConnectionLost, ProtocolError, TransportError
from dynamorm_async.transport.answer import TOO_LONG
from dynamorm_async.transport.failures import silent
from dynamorm_async.wire import Answer, Call

HEAD_BYTES = 65_536
MALFORMED_HTTP = "transport.malformed-http"

# Spellings that are met in nearly every answer, so that they need no decoding.
_NAMES = {
    name.encode(): name.lower()
    for name in (
        "Server",
        "Date",
        "Content-Type",
        "Content-Length",
        "Connection",
        "x-amzn-RequestId",
        "x-amz-crc32",
    )
}
# The head of DynamoDB's answers, errors included, as it was sent from 2022 to 2024 (from botocore's
# logs). One match costs a third of a parser that calls back for each header.
_PLAIN = re.compile(
    rb"HTTP/1\.1 (200|[45]\d\d) [A-Za-z ]+\r\n"
    rb"Server: Server\r\n"
    rb"Date: (\w[\w ,:]*\w)\r\n"
    rb"Content-Type: application/x-amz-json-1\.0\r\n"
    rb"Content-Length: (\d{1,9})\r\n"
    rb"Connection: keep-alive\r\n"
    rb"x-amzn-RequestId: (\w+)\r\n"
    rb"x-amz-crc32: (\d+)\r\n\r\n"
)
_FAILURES = (httptools.HttpParserError, httptools.HttpParserUpgrade)


class Connection(asyncio.Protocol):
    """An open connection.

    Args:
        loop: The running loop.
        gone: Called once with this connection when it is closed, by whomever.

    Attributes:
        uses: How many requests were written.
        idle_since: When it was last given back, by the loop's clock; kept by the pool.
        deadline: When the request under way is late, by the loop's clock; kept by the pool.
        timeout: The seconds that it had in all; kept by the pool.
        lost_unanswered: Whether it ended after a request without a byte of an answer.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, gone: Callable[["Connection"], None]) -> None:
        self.uses = 0
        self.idle_since = 0.0
        self.deadline = 0.0
        self.timeout = 0.0
        self.lost_unanswered = False
        self._loop = loop
        self._gone = gone
        self._transport: Any = None
        self._poll: Callable[[int], list[Any]] | None = None
        self._tls = False
        self._parser: Any = httptools.HttpResponseParser(self)
        self._closed = False
        self._reusable = True
        self._call: Call | None = None
        self._waiting: asyncio.Future[Answer] | None = None
        # Of the answer that is being received:
        self._received = 0
        self._missing = 0  # of the body of a plain answer
        self._size = 0
        self._status = 0
        self._headers: dict[str, str] = {}
        self._chunks: list[bytes] = []
        self._headed = False
        self._too_long = False
        self._complete = False

    @property
    def is_free(self) -> bool:
        """Whether the last answer was whole and the connection can take another request.

        It can't while a request is still being written, whose answer came early.
        """
        if self._call is not None or not self._reusable or self._closed:
            return False
        return not self._transport.get_write_buffer_size()

    @property
    def is_under_way(self) -> bool:
        """Whether somebody waits for an answer."""
        return self._call is not None

    def is_alive(self) -> bool:
        """Return whether the other side has neither closed nor said anything unasked.

        The loop may not have come to see it yet, so the socket is asked: one system call, 0.6 µs.
        """
        if self._closed or self._transport.is_closing():
            return False
        said = self._poll(0) if self._poll is not None else None
        # What TLS 1.3 sends after the handshake (session tickets) is nothing unasked: it comes before
        # the first answer, so that it can't be taken for anything else on a connection that was used.
        return not said or (self._tls and self.uses == 0 and said[0][1] == select.POLLIN)

    def send(self, call: Call, head: bytes) -> "asyncio.Future[Answer]":
        """Write a request and return the future of its answer.

        Args:
            call: Its body is sent, its cap is obeyed.
            head: Request line and headers, without the blank line.
        """
        self.uses += 1
        self._received = 0
        self._missing = 0
        self._call = call
        self._waiting = self._loop.create_future()
        self._transport.write(b"%b\r\n%b" % (head, call.body))
        return self._waiting

    def expire(self, timeout: float) -> None:
        """Give up waiting for the answer; `timeout`, in seconds, is for the error's text."""
        if self._call is not None:  # the answer may have come in the same round of the loop
            why = "the answer began and did not end" if self._received else None
            self._fail(silent(f"{self._subject}: no answer came within {timeout:g} s", why=why))

    def abort(self, why: str | None = None) -> None:
        """Close at once, whatever is under way; who waits for an answer is told `why`."""
        self._closed = True
        if self._call is not None:
            self._fail(self._lost(why))
        if self._transport is not None:
            self._transport.abort()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport = transport
        self._poll = _poll_of(transport)
        self._tls = transport.get_extra_info("ssl_object") is not None
        if self._closed:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Take a piece of the answer, and deliver it when it is whole."""
        call = self._call
        if call is None:
            self.abort()
        elif self._missing:
            self._go_on(data)
        elif self._received or not self._took_plain(call, data):
            self._parse(call, data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who waits, and the owner."""
        self._closed = True
        if self._call is not None:
            if exc is None and self._ends_with_connection():
                self._refuse_or_deliver()
            else:
                self._fail(self._lost(str(exc) if exc else None))
        self._parser = None  # the parser holds this object's methods: a cycle less for the collector
        self._gone(self)

    # What the parser calls.

    def on_message_begin(self) -> None:
        """Note what follows a whole answer: nobody asked for it."""
        if self._complete:
            self._reusable = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header, several of one name joined."""
        if self._headed:
            return  # a trailer
        key = _NAMES.get(name) or name.decode("latin-1").lower()
        text = value.decode("latin-1")
        headers = self._headers
        headers[key] = f"{headers[key]}, {text}" if key in headers else text

    def on_headers_complete(self) -> None:
        """Note the status, and refuse a body that is announced too long."""
        if self._complete:
            return
        self._status = self._parser.get_status_code()
        if self._status < 200:
            return
        self._headed = True
        length = self._headers.get("content-length", "")
        if self._call is not None and length.isdecimal() and int(length[:20]) > self._call.response_cap:
            self._too_long = True

    def on_body(self, body: bytes) -> None:
        """Keep a piece of the body, up to the cap."""
        if self._call is None or self._complete or self._too_long:
            return
        self._size += len(body)
        if self._size > self._call.response_cap:
            self._too_long = True
        else:
            self._chunks.append(body)

    def on_message_complete(self) -> None:
        """Note that the answer is whole; an interim one (1xx) is dropped."""
        if self._complete:
            return
        if self._status < 200:
            self._headers = {}
            return
        self._complete = not self._too_long
        self._reusable = self._reusable and self._parser.should_keep_alive()

    # Private.

    def _took_plain(self, call: Call, data: bytes) -> bool:
        """Take the begin of a plain answer, often all of it, or return False and leave it to the parser."""
        head = _PLAIN.match(data)
        if head is None:
            return False
        status, date, length, request_id, checksum = head.groups()
        body = data[head.end() :]
        missing = int(length) - len(body)
        if missing < 0 or int(length) > call.response_cap:
            return False  # the parser knows what is wrong with it
        headers = {
            "server": "Server",
            "date": date.decode(),
            "content-type": "application/x-amz-json-1.0",
            "content-length": length.decode(),
            "connection": "keep-alive",
            "x-amzn-requestid": request_id.decode(),
            "x-amz-crc32": checksum.decode(),
        }
        if missing:
            self._received = len(data)
            self._headed = True
            self._missing = missing
            self._status = int(status)
            self._headers = headers
            self._chunks = [body]
            return True
        waiting = self._waiting
        self._call = self._waiting = None
        if waiting is not None and not waiting.done():
            waiting.set_result(
                Answer(
                    status=int(status),
                    headers=headers,
                    body=body,
                    checked=crc32(body) == int(checksum),
                    reused=self.uses > 1,
                )
            )
        return True

    def _go_on(self, data: bytes) -> None:
        """Take a further piece of a plain answer's body."""
        self._received += len(data)
        self._missing -= len(data)
        if self._missing < 0:
            # Nobody asked for what follows; but for blank lines, which the parser passes over, too.
            self._reusable = not data[self._missing :].strip(b"\r\n")
            data = data[: self._missing]
        self._chunks.append(data)
        if self._missing <= 0:
            self._deliver()

    def _parse(self, call: Call, data: bytes) -> None:
        if not self._received:
            self._start()
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except _FAILURES as error:
            if not self._complete:
                self._fail(self._malformed(f"not HTTP/1.1: {type(error).__name__}"))
                return
            self._reusable = False
        if self._complete:
            self._refuse_or_deliver()
        elif self._too_long:
            self._fail(self._over_cap(call))
        elif self._received > (self._most if self._headed else HEAD_BYTES):
            self._fail(self._malformed("headers or framing without end"))

    def _start(self) -> None:
        self._size = 0
        self._status = 0
        self._headers = {}
        self._chunks = []
        self._headed = False
        self._too_long = False
        self._complete = False

    @property
    def _most(self) -> int:
        # Chunks of one byte take six; more framing than twice the cap is no honest answer.
        return HEAD_BYTES + 2 * self._call.response_cap if self._call is not None else HEAD_BYTES

    @property
    def _subject(self) -> str:
        call = self._call
        if call is None:
            return "a call"
        return f"{call.operation} on {call.table}" if call.table else call.operation

    def _refuse_or_deliver(self) -> None:
        if self._status == 200 and self._headers.get("content-encoding", "identity").lower() != "identity":
            # Length and checksum speak of other bytes then, so that nothing could be checked.
            self._fail(self._malformed("an encoded body, which the request did not allow"))
        else:
            self._deliver()

    def _deliver(self) -> None:
        waiting, chunks = self._waiting, self._chunks
        body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        self._call = self._waiting = None
        self._chunks = []
        if waiting is not None and not waiting.done():
            waiting.set_result(
                Answer(status=self._status, headers=self._headers, body=body, reused=self.uses > 1)
            )

    def _fail(self, error: TransportError) -> None:
        error.reused = self.uses > 1
        waiting = self._waiting
        self._call = self._waiting = None
        self._chunks = []
        self._reusable = False
        if waiting is not None and not waiting.done():
            waiting.set_exception(error)
        self.abort()

    def _ends_with_connection(self) -> bool:
        """Return whether the end of the connection is the end of the body, and it can be trusted.

        Without length and chunks nobody knows whether the body is whole, but for its checksum; the
        page of a proxy that reports an error may be cut short without harm.
        """
        if not self._received:
            return False
        headers = self._headers
        delimited = self._headed and "content-length" not in headers and "transfer-encoding" not in headers
        return delimited and not self._too_long and (self._status != 200 or "x-amz-crc32" in headers)

    def _lost(self, why: str | None) -> ConnectionLost:
        self.lost_unanswered = self._received == 0
        when = "in the middle of the answer" if self._received else "before the answer"
        return ConnectionLost(f"{self._subject}: the connection ended {when}", why=why)

    def _malformed(self, why: str) -> ProtocolError:
        return ProtocolError(
            f"{self._subject}: what came back is not an answer of DynamoDB",
            why=why,
            fix="check the endpoint, and the proxies on the way to it",
            code=MALFORMED_HTTP,
        )

    def _over_cap(self, call: Call) -> ProtocolError:
        return ProtocolError(
            f"{self._subject}: the answer is longer than {call.response_cap} bytes", code=TOO_LONG
        )


def _poll_of(transport: asyncio.BaseTransport) -> Callable[[int], list[Any]] | None:
    sock: Any = transport.get_extra_info("socket")
    if sock is None or not hasattr(select, "poll"):
        return None
    poller = select.poll()
    ended: int = getattr(select, "POLLRDHUP", 0)  # tells the end of the stream from bytes; Linux only
    poller.register(sock.fileno(), select.POLLIN | ended)
    return poller.poll
