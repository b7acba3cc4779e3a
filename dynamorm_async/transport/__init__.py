"""The waist of the library: bytes in, bytes out, once or as often as the rules allow.

Takes `Call`s and gives `Reply`s or the errors of `errors`; holds the transports (our own fast path,
aiobotocore, moto in memory), the rules of retry, and the chain of observers, middleware, retry and
limiter before them. May use `observe`, `wire` and `errors`. Never knows a model, never parses an item, never
decides whether a write may be repeated: the call says so.
"""

from dynamorm_async.transport.aws_client import AiobotocoreTransport
from dynamorm_async.transport.breaker import CircuitBreaker
from dynamorm_async.transport.choosing import choose_transport
from dynamorm_async.transport.credentials import Credentials
from dynamorm_async.transport.fast import FastTransport
from dynamorm_async.transport.memory import MemoryTransport
from dynamorm_async.transport.profiles import filed
from dynamorm_async.transport.retry import Retry, configured_retry
from dynamorm_async.transport.waist import Renewing, Waist, check_whole, open_waist

__all__ = [
    "AiobotocoreTransport",
    "CircuitBreaker",
    "Credentials",
    "FastTransport",
    "MemoryTransport",
    "Renewing",
    "Retry",
    "Waist",
    "check_whole",
    "choose_transport",
    "configured_retry",
    "filed",
    "open_waist",
]
