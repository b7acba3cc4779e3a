"""What one attempt through aiobotocore has come to, seen from inside its hooks.

botocore parses answers where this library wants their bytes, and its hooks are told nothing about
the call they serve. The attempt therefore travels in a ContextVar: it is there exactly while one
of our attempts runs, so that hooks, HTTP session and log filter leave everybody else's alone.
"""

from contextvars import ContextVar

import msgspec

from dynamorm_async.wire import Answer


class Capture(msgspec.Struct):
    """One attempt.

    Attributes:
        cap: Most bytes of the answer that are read.
        deadline: When the attempt's time is over, by anyio's clock.
        sent: Whether anything may have been sent.
        too_long: Whether the answer was longer than the cap.
        answer: The answer as it came, or None.
    """

    cap: int
    deadline: float
    sent: bool = False
    too_long: bool = False
    answer: Answer | None = None


current: ContextVar[Capture | None] = ContextVar("dynamorm_async_capture", default=None)
