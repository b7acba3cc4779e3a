"""Calls, answers and replies: what a transport is handed and what it hands back.

They are msgspec structs where the library's other values are attrs classes: three are made for
every call, and a frozen attrs class of eight fields takes 1.0 µs to make, a frozen struct 0.15.
"""

from collections.abc import Awaitable, Callable, Mapping
from enum import Enum
from typing import Protocol, Self

import msgspec
from msgspec.structs import replace

from dynamorm_async.wire.operations import ANSWER_CAP


class Repeat(Enum):
    """Whether a call may be sent again when nobody knows if it was carried out.

    Decided when the call is compiled, carried by it, obeyed by the retry loop.
    """

    HARMLESS = "harmless"
    """Twice is the same as once: reads, a put without condition, SET of constants."""
    GUARDED = "guarded"
    """Its condition stops a second application; but a condition that then fails proves nothing."""
    NEVER = "never"
    """Twice is not the same as once: ADD of a number, list_append."""
    ONCE = "once"
    """It carries a token: sent often, it is carried out once, and a refusal proves that it was not."""
    ACCEPTED = "accepted"
    """Twice is not the same as once, and the caller would rather have it twice than not at all."""


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One request, compiled: the bytes, and what the edge must know without reading them.

    Attributes:
        operation: The API operation, `"GetItem"`.
        body: The JSON request, UTF-8, the same bytes on every attempt.
        tables: Names (or ARNs) of the tables it touches.
        keys: Attribute name to Python value for each item it names; for errors, events and caches.
        repeat: What an ambiguous failure allows.
        token: The idempotency token inside the body, or None.
        response_cap: Most bytes of an answer that are read; beyond it is a ProtocolError.
        timeout: Seconds for the whole call, every attempt and wait included; None for no deadline.
    """

    operation: str
    body: bytes
    tables: tuple[str, ...] = ()
    keys: tuple[Mapping[str, object], ...] = ()
    repeat: Repeat = Repeat.HARMLESS
    token: str | None = None
    response_cap: int = ANSWER_CAP
    timeout: float | None = None

    def __repr__(self) -> str:
        # Neither body nor keys nor token: a call is logged, and what it says is the caller's own.
        return f"Call({self.operation} on {', '.join(self.tables) or 'no table'}, {self.repeat.value})"

    def within(self, timeout: float | None) -> Self:
        """Return the call with so many seconds for all of it, or with none of its own (None)."""
        return replace(self, timeout=timeout)

    @property
    def table(self) -> str | None:
        """The one table of the call, or None where it touches none or several."""
        return self.tables[0] if len(self.tables) == 1 else None

    @property
    def key(self) -> Mapping[str, object] | None:
        """The one key of the call, or None where it names none or several."""
        return self.keys[0] if len(self.keys) == 1 else None


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP answer as a transport received it, whatever its status.

    Attributes:
        status: HTTP status.
        headers: Lower-case name to value.
        body: The bytes, decompressed.
        checked: Whether the transport itself has verified length and checksum.
        access_key: The id of the key that the request was signed with, where the transport knows;
            so that a key that was rejected is told from one that came in its place meanwhile.
        generation: How many times the transport had renewed its keys when the request was signed.
        reused: Whether it came over a connection that had carried a request before, or None where
            the transport doesn't know.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    checked: bool = False
    access_key: str | None = None
    generation: int = 0
    reused: bool | None = None

    def __repr__(self) -> str:
        return f"Answer(HTTP {self.status}, {len(self.body)} bytes)"


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """The successful outcome of a call.

    Attributes:
        body: The JSON response, UTF-8.
        attempts: How many times the request was sent, at least 1.
        request_id: The service's id of the last attempt, or None.
        ambiguous: Whether an earlier attempt may have been carried out too.
        elapsed: Seconds that the call took, all attempts and waits included; 0.0 where nobody sent it.
    """

    body: bytes
    attempts: int = 1
    request_id: str | None = None
    ambiguous: bool = False
    elapsed: float = 0.0

    def __repr__(self) -> str:
        return f"Reply({len(self.body)} bytes, {self.attempts} attempts, request id {self.request_id})"


Send = Callable[[Call], Awaitable[Reply]]
"""Carry one call out: retries, limits and observers included.

Returns the Reply of a successful call. Raises ServiceError (or the subclass of its code) for an
error that the service answered, TransportError where no usable answer came. Cancellation passes
through untouched.
"""


class Middleware(Protocol):
    """Something that stands between the verbs and the network, for every call.

    It may answer by itself, change the call, look at the reply, or refuse; it must await
    `send` at most as often as the call's `repeat` allows.
    """

    async def __call__(self, call: Call, send: Send) -> Reply:
        """Return the reply to `call`, from `send` or otherwise."""
        ...


class Transport(Protocol):
    """One way to the service: makes single attempts, knows nothing of retries.

    `attempt` is safe to run many times at once. It raises EndpointUnreachable where nothing was
    sent, another TransportError where an answer was lost, CredentialsError where there is nothing
    to sign with; every HTTP status is an Answer and no exception.
    """

    name: str

    async def attempt(self, call: Call, *, timeout: float) -> Answer:
        """Send the call once; `timeout` is in seconds and covers connecting, sending and reading."""
        ...

    async def aclose(self) -> None:
        """Give everything back; may be called twice."""
        ...
