"""Which call an attempt belongs to, and which attempt it is: for two headers that the service logs.

The waist counts attempts and transports send them, with a protocol between them that knows of
neither; so the call under way travels in a ContextVar.
"""

from contextvars import ContextVar
from random import getrandbits

import attrs


@attrs.define
class Invocation:
    """One call.

    Attributes:
        attempt: The number of the attempt under way, from 1.
        most: How many there can be.
    """

    attempt: int = 0
    most: int = 1
    _id: str = attrs.field(default="", init=False)

    @property
    def headers(self) -> bytes:
        """The two header lines; the id is made once, and the same on every attempt."""
        if not self._id:
            # Dice, not a secret: four times as fast as uuid4, and seeded anew after a fork.
            digits = f"{getrandbits(128):032x}"
            self._id = f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"
        return b"amz-sdk-invocation-id: %b\r\namz-sdk-request: attempt=%d; max=%d\r\n" % (
            self._id.encode(),
            self.attempt,
            self.most,
        )


current: ContextVar[Invocation | None] = ContextVar("dynamorm_async_invocation", default=None)
