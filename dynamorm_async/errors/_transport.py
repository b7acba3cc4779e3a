"""Errors of the way to the service and back: no usable answer came."""

from typing import ClassVar

from dynamorm_async.errors._base import DynamormError


class TransportError(DynamormError):
    """No usable answer came from the service.

    `ambiguous` tells whether the request may have been carried out all the same.

    Attributes:
        reused: Whether it went over a connection that had carried a request before; None where
            nobody knows, or there was no connection.
    """

    code = "transport.failed"
    ambiguous: ClassVar[bool] = True
    retryable: ClassVar[bool] = True
    reused: bool | None = None


class EndpointUnreachable(TransportError):
    """Nothing accepted a connection at the endpoint, so nothing was sent."""

    code = "transport.unreachable"
    ambiguous: ClassVar[bool] = False


class ConnectionLost(TransportError):
    """The connection ended after the request was sent and before the whole answer had come."""

    code = "transport.connection-lost"


class CallTimeout(TransportError):
    """The deadline of an attempt, or of the whole call, passed."""

    code = "transport.timeout"


class ProtocolError(TransportError):
    """What came back is not an answer of DynamoDB: another status, body, checksum or size."""

    code = "transport.protocol"


class OutcomeUnknown(TransportError):
    """A write was sent and it cannot be known whether it was applied.

    It was not repeated, because a second application would change the result, or it was repeated
    and its condition then failed, which its own first attempt may have caused.
    """

    code = "transport.outcome-unknown"
    retryable: ClassVar[bool] = False
