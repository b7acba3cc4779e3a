"""Which call an attempt belongs to, and which attempt it is: for two headers that the service logs.

The waist counts attempts; a transport that is `Numbering` sends them with each request.
"""

from typing import Protocol, runtime_checkable
from uuid import uuid4

import msgspec

from dynamorm_async.wire import Answer, Call


class Invocation(msgspec.Struct):
    """One call.

    Attributes:
        client: A UUID up to its last dash, drawn once for each client.
        number: Of the call within the client; the rest of its UUID.
        most: How many attempts there can be.
        attempts: The number of the attempt under way, from 1.
    """

    client: bytes
    number: int
    most: int
    attempts: int

    @property
    def headers(self) -> bytes:
        """The two header lines; the id is the same on every attempt."""
        return b"amz-sdk-invocation-id: %b%012x\r\namz-sdk-request: attempt=%d; max=%d\r\n" % (
            self.client,
            self.number,
            self.attempts,
            self.most,
        )


def new_client() -> bytes:
    """Return the part of the ids that calls of one client have in common."""
    return str(uuid4())[:24].encode()


@runtime_checkable
class Numbering(Protocol):
    """What a transport has beside `attempt` if it tells the service the number of each attempt."""

    async def attempt_of(self, invocation: Invocation, call: Call, timeout: float) -> Answer:
        """Send the call once, as `attempt` does, and say which attempt of which call it is."""
        ...
