"""Calls, answers and replies: what a transport is handed and what it hands back."""

from collections.abc import Awaitable, Callable, Mapping
from enum import Enum
from typing import Protocol

import attrs

from dynamorm_async.wire.operations import response_cap


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


@attrs.frozen(kw_only=True)
class Call:
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
    body: bytes = attrs.field(repr=False)
    tables: tuple[str, ...] = ()
    keys: tuple[Mapping[str, object], ...] = attrs.field(default=(), repr=False)
    repeat: Repeat = Repeat.HARMLESS
    token: str | None = attrs.field(default=None, repr=False)
    response_cap: int = attrs.field(
        default=attrs.Factory(lambda self: response_cap(self.operation), takes_self=True)
    )
    timeout: float | None = None

    @property
    def table(self) -> str | None:
        """The one table of the call, or None where it touches none or several."""
        return self.tables[0] if len(self.tables) == 1 else None

    @property
    def key(self) -> Mapping[str, object] | None:
        """The one key of the call, or None where it names none or several."""
        return self.keys[0] if len(self.keys) == 1 else None


@attrs.frozen(kw_only=True)
class Answer:
    """One HTTP answer as a transport received it, whatever its status.

    Attributes:
        status: HTTP status.
        headers: Lower-case name to value.
        body: The bytes, decompressed.
        checked: Whether the transport itself has verified length and checksum.
        access_key: The id of the key that the request was signed with, where the transport knows;
            so that a key that was rejected is told from one that came in its place meanwhile.
    """

    status: int
    headers: Mapping[str, str] = attrs.field(repr=False)
    body: bytes = attrs.field(repr=False)
    checked: bool = False
    access_key: str | None = attrs.field(default=None, repr=False)


@attrs.frozen(kw_only=True)
class Reply:
    """The successful outcome of a call.

    Attributes:
        body: The JSON response, UTF-8.
        attempts: How many times the request was sent, at least 1.
        request_id: The service's id of the last attempt, or None.
        ambiguous: Whether an earlier attempt may have been carried out too.
    """

    body: bytes = attrs.field(repr=False)
    attempts: int = 1
    request_id: str | None = None
    ambiguous: bool = False


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
