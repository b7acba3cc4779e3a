"""A server that fails as networks and services do, on purpose and on cue.

Takes a script of behaviours, one for each request, or an engine to stand before; gives a URL to
connect to and what came. It parses requests and never a model; what it answers is what the script
says, byte for byte. An ordinary answer has DynamoDB's own head, to the letter; another header, or a
chunked body, makes it the head of something that stands before it.

    async with faulty_server([reset(), answer(b'{"Item": {}}')]) as server:
        async with connect(server.url, region="eu-west-1", credentials=Credentials("k", "s")) as db:
            ...
    assert [request.operation for request in server.requests] == ["GetItem", "GetItem"]
"""

import asyncio
import json
import random
import socket
import ssl
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from email.utils import formatdate
from http.client import responses
from typing import Any, Literal
from urllib.parse import urlsplit
from zlib import crc32

import attrs


@attrs.frozen
class Request:
    """One request as it came.

    Attributes:
        path: As in the request line.
        headers: Lower-case name to value.
        body: The bytes.
        connection: Which connection it came on, counted from 1.
    """

    path: str
    headers: Mapping[str, str] = attrs.field(repr=False)
    body: bytes = attrs.field(repr=False)
    connection: int = 0

    @property
    def operation(self) -> str:
        """The API operation, "GetItem"."""
        return self.headers.get("x-amz-target", "").rpartition(".")[2]


@attrs.define
class Exchange:
    """A request and the way back, for a behaviour to use.

    Attributes:
        request: What came.
        keep: Whether the connection stays open afterwards; a behaviour may change it.
    """

    request: Request
    keep: bool = True
    _reader: asyncio.StreamReader = attrs.field(kw_only=True, repr=False, alias="reader")
    _writer: asyncio.StreamWriter = attrs.field(kw_only=True, repr=False, alias="writer")

    async def write(self, data: bytes) -> None:
        """Send bytes and wait until the system has taken them."""
        self._writer.write(data)
        await self._writer.drain()

    async def left(self) -> None:
        """Wait until the other side has closed the connection; what it still sends is dropped."""
        while await self._reader.read(65536):
            pass

    def reset(self) -> None:
        """Break the connection off with a reset instead of an orderly end."""
        self.keep = False
        sock: Any = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


Behaviour = Callable[[Exchange], Awaitable[None]]
"""What the server does with one request."""


@attrs.define
class FaultyServer:
    """A running server.

    Attributes:
        url: To connect to.
        requests: Every request that was read whole, in order.
        connections: How many were accepted.
        open: How many are open now.
    """

    url: str = ""
    requests: list[Request] = attrs.field(factory=list[Request], repr=False)
    connections: int = 0
    open: int = 0


def whole_answer(
    body: bytes = b"{}",
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    chunk: int = 0,
) -> bytes:
    """Return the bytes of an honest answer, with DynamoDB's own head unless something else is given.

    Args:
        body: The answer's body.
        status: HTTP status.
        headers: Put in place of DynamoDB's, or added; "" leaves one out.
        chunk: Bytes of each chunk of a chunked body; 0 for one with Content-Length.
    """
    fields = {  # in DynamoDB's order
        "Server": "Server",
        "Date": formatdate(usegmt=True),
        "Content-Type": "application/x-amz-json-1.0",
        **({"Transfer-Encoding": "chunked"} if chunk else {"Content-Length": str(len(body))}),
        "Connection": "keep-alive",
        "x-amzn-RequestId": "REQUEST1",
        "x-amz-crc32": str(crc32(body)),
        **(headers or {}),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value)
    if chunk:
        pieces = [body[start : start + chunk] for start in range(0, len(body), chunk)] + [b""]
        body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return f"HTTP/1.1 {status} {responses.get(status, 'Unknown')}\r\n{head}\r\n".encode() + body


def answer(
    body: bytes = b"{}",
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    chunk: int = 0,
) -> Behaviour:
    """Answer honestly; the arguments are those of `whole_answer`."""

    async def behave(exchange: Exchange) -> None:
        await exchange.write(whole_answer(body, status=status, headers=headers, chunk=chunk))

    return behave


def refuse(
    code: str,
    *,
    status: int = 400,
    message: str = "",
    headers: Mapping[str, str] | None = None,
    **facts: Any,
) -> Behaviour:
    """Answer with an error of the service.

    Args:
        code: "ThrottlingException" and the like.
        status: HTTP status.
        message: The service's text.
        headers: As in `whole_answer`, such as `x-amz-retry-after`.
        facts: Further members of the body, such as `CancellationReasons`.
    """
    body = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": message or code, **facts}
    return answer(json.dumps(body).encode(), status=status, headers=headers)


def reset() -> Behaviour:
    """Break the connection off before a byte of the answer."""

    async def behave(exchange: Exchange) -> None:
        exchange.reset()

    return behave


def close() -> Behaviour:
    """End the connection in order, without an answer."""

    async def behave(exchange: Exchange) -> None:
        exchange.keep = False

    return behave


def truncated(body: bytes = b'{"Item":{}}', *, at: int | None = None, chunk: int = 0) -> Behaviour:
    """Send an answer up to a byte of the body, and end the connection.

    Args:
        body: The whole body.
        at: How many bytes of it are sent; None for half. Negative: so many bytes of the end of the
            whole answer are missing.
        chunk: As in `whole_answer`.
    """
    whole = whole_answer(body, chunk=chunk)
    head = whole.index(b"\r\n\r\n") + 4
    end = head + (len(whole) - head) // 2 if at is None else len(whole) + at if at < 0 else head + at

    async def behave(exchange: Exchange) -> None:
        await exchange.write(whole[:end])
        exchange.keep = False

    return behave


def dripping(body: bytes = b"{}", *, pause: float = 0.01, size: int = 1) -> Behaviour:
    """Send an answer some bytes at a time.

    Args:
        body: The body.
        pause: Seconds between the pieces.
        size: Bytes of each piece.
    """
    whole = whole_answer(body)

    async def behave(exchange: Exchange) -> None:
        for start in range(0, len(whole), size):
            await exchange.write(whole[start : start + size])
            await asyncio.sleep(pause)

    return behave


def wrong_checksum(body: bytes = b"{}") -> Behaviour:
    """Answer with a checksum of other bytes."""
    return answer(body, headers={"x-amz-crc32": str(crc32(body) ^ 1)})


def hang() -> Behaviour:
    """Take the request and never answer, until the other side has had enough."""

    async def behave(exchange: Exchange) -> None:
        await exchange.left()
        exchange.keep = False

    return behave


def proxy_page(status: int = 503) -> Behaviour:
    """Answer as a proxy or load balancer does: in HTML, without checksum and request id."""
    page = b"<html><body><h1>%d Service Unavailable</h1></body></html>" % status
    bare = {"Server": "proxy", "Content-Type": "text/html", "x-amz-crc32": "", "x-amzn-RequestId": ""}
    return answer(page, status=status, headers=bare)


def invalid_json(body: bytes = b'{"Item": {"id"') -> Behaviour:
    """Answer 200 with a body that is no JSON object, length and checksum right."""
    return answer(body)


def closing(body: bytes = b"{}", *, announced: bool = False) -> Behaviour:
    """Answer, then close the kept-alive connection.

    Args:
        body: The body.
        announced: Whether the answer says so (`Connection: close`).
    """
    whole = whole_answer(body, headers={"Connection": "close"} if announced else None)

    async def behave(exchange: Exchange) -> None:
        await exchange.write(whole)
        exchange.keep = False

    return behave


def redirect(location: str, *, status: int = 307) -> Behaviour:
    """Answer with a redirect to another place."""
    return answer(b"", status=status, headers={"Location": location})


def endless(size: int = 65536) -> Behaviour:
    """Answer with a chunked body that never ends."""
    piece = b"%x\r\n%b\r\n" % (size, b" " * size)

    async def behave(exchange: Exchange) -> None:
        await exchange.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            await exchange.write(piece)

    return behave


def raw(data: bytes, *, keep: bool = True) -> Behaviour:
    """Send just these bytes.

    Args:
        data: Head and body.
        keep: Whether the connection stays open.
    """

    async def behave(exchange: Exchange) -> None:
        await exchange.write(data)
        exchange.keep = keep

    return behave


def after(seconds: float, then: Behaviour) -> Behaviour:
    """Wait, then do something else."""

    async def behave(exchange: Exchange) -> None:
        await asyncio.sleep(seconds)
        await then(exchange)

    return behave


def forwarding(
    endpoint: str,
    *,
    share: float = 0.2,
    seed: int = 0,
    faults: Sequence[Behaviour] = (),
    heads: Literal["dynamodb", "engine"] = "dynamodb",
) -> Behaviour:
    """Stand before an engine, and fail a share of the calls before or after it has applied them.

    Args:
        endpoint: The engine's URL.
        share: From 0 to 1; how many calls fail. Half of them never reach the engine; the others do,
            and their answer is lost.
        seed: The same seed fails the same calls of a sequence.
        faults: What failing calls meet, drawn at random; by default a reset, an orderly end, a
            truncated answer and a proxy's 503.
        heads: Whose head the engine's answers come with: DynamoDB's, or the engine's own.
    """
    dice = random.Random(seed)  # noqa: S311 - faults, no secrets
    ways = tuple(faults) or (reset(), close(), truncated(), proxy_page())
    parts = urlsplit(endpoint)
    place = (parts.hostname or "127.0.0.1", parts.port or 80)

    async def behave(exchange: Exchange) -> None:
        # Drawn together, so that one call's fate does not depend on how long another one takes.
        fails, applied, way = dice.random() < share, dice.random() < 0.5, dice.choice(ways)
        if not fails:
            await exchange.write(await _forwarded(place, exchange.request, heads))
            return
        if applied:
            await _forwarded(place, exchange.request, heads)
        await way(exchange)

    return behave


@asynccontextmanager
async def faulty_server(
    script: Behaviour | Iterable[Behaviour],
    *,
    tls: ssl.SSLContext | None = None,
    handshake_delay: float = 0.0,
) -> AsyncGenerator[FaultyServer]:
    """Serve on a free port of this machine until the block ends.

    Args:
        script: One behaviour for every request, or one for each in turn, the last one for ever.
        tls: A server's context, to speak TLS.
        handshake_delay: Seconds between a connection and the answer to its handshake.
    """
    serving = _Serving(script, tls, handshake_delay)
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    listener.setblocking(False)  # noqa: FBT003 - the socket's own signature
    scheme = "http" if tls is None else "https"
    serving.server.url = f"{scheme}://127.0.0.1:{listener.getsockname()[1]}"
    serving.start(serving.accept(listener))
    try:
        yield serving.server
    finally:
        for task in tuple(serving.tasks):
            task.cancel()
        await asyncio.gather(*serving.tasks, return_exceptions=True)
        for accepted in (listener, *serving.waiting):
            accepted.close()


class _Serving:
    """What all connections of one server share."""

    def __init__(
        self,
        script: Behaviour | Iterable[Behaviour],
        tls: ssl.SSLContext | None,
        handshake_delay: float,
    ) -> None:
        self.server = FaultyServer()
        self.tasks: set[asyncio.Task[None]] = set()
        # A task that is cancelled before it has begun closes nothing.
        self.waiting: set[socket.socket] = set()
        self._steps = (script,) if callable(script) else tuple(script)
        self._tls = tls
        self._handshake_delay = handshake_delay

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something beside, until the server ends."""
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def accept(self, listener: socket.socket) -> None:
        """Take connections as they come."""
        while True:
            accepted, _ = await asyncio.get_running_loop().sock_accept(listener)
            self.server.connections += 1
            self.waiting.add(accepted)
            self.start(self._connected(accepted, self.server.connections))

    async def _connected(self, accepted: socket.socket, number: int) -> None:
        """Serve one connection until either side has had enough."""
        self.server.open += 1
        self.waiting.discard(accepted)
        writer: asyncio.StreamWriter | None = None
        try:
            if self._tls is not None:
                await asyncio.sleep(self._handshake_delay)
            reader, writer = await _opened(accepted, self._tls)
            await self._serve(reader, writer, number)
        except (EOFError, OSError, asyncio.CancelledError):
            pass
        except RuntimeError as error:
            if "handler is closed" not in str(error):  # how uvloop says that the other side has left
                raise
        finally:
            self.server.open -= 1
            if writer is not None:
                writer.close()
            else:
                accepted.close()

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int
    ) -> None:
        keep = True
        while keep:
            request = await _read_request(reader, connection)
            step = self._steps[min(len(self.server.requests), len(self._steps) - 1)]
            self.server.requests.append(request)
            exchange = Exchange(request, reader=reader, writer=writer)
            await step(exchange)
            keep = exchange.keep


async def _opened(
    accepted: socket.socket, tls: ssl.SSLContext | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    transport, _ = await loop.connect_accepted_socket(lambda: protocol, accepted, ssl=tls)
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


async def _read_request(reader: asyncio.StreamReader, connection: int) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = _fields(head[1:])
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(head[0].split(" ")[1], headers, body, connection)


def _fields(lines: Iterable[str]) -> dict[str, str]:
    parts = (line.partition(":") for line in lines if line)
    return {name.lower(): value.strip() for name, _, value in parts}


async def _forwarded(place: tuple[str, int], request: Request, heads: Literal["dynamodb", "engine"]) -> bytes:
    """Return an engine's answer, with a length in place of chunks."""
    reader, writer = await asyncio.open_connection(*place)
    try:
        dropped = {"connection", "content-length", "host"}
        kept = "".join(f"{n}: {v}\r\n" for n, v in request.headers.items() if n not in dropped)
        writer.write(
            f"POST {request.path} HTTP/1.1\r\nhost: {place[0]}:{place[1]}\r\n{kept}"
            f"content-length: {len(request.body)}\r\nconnection: close\r\n\r\n".encode("latin-1")
            + request.body
        )
        status, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = _fields(lines)
        body = await _body(reader, headers)
    finally:
        writer.close()
    if heads == "dynamodb":
        kept_checksum = {name: headers[name] for name in ("x-amz-crc32",) if name in headers}
        return whole_answer(body, status=int(status.split(" ")[1]), headers=kept_checksum)
    gone = {"connection", "content-length", "transfer-encoding", "keep-alive"}
    kept = "".join(f"{name}: {value}\r\n" for name, value in headers.items() if name not in gone)
    return f"{status}\r\n{kept}content-length: {len(body)}\r\n\r\n".encode("latin-1") + body


async def _body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
    if "content-length" in headers:
        return await reader.readexactly(int(headers["content-length"]))
    if headers.get("transfer-encoding") != "chunked":
        return await reader.read()
    pieces: list[bytes] = []
    while size := int(await reader.readline(), 16):
        pieces.append(await reader.readexactly(size))
        await reader.readline()
    return b"".join(pieces)
