"""Errors of the way to the service and back: no usable answer came."""

from collections.abc import Mapping
from datetime import datetime
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
    retryable: bool = True
    reused: bool | None = None


class EndpointUnreachable(TransportError):
    """Nothing accepted a connection at the endpoint, so nothing was sent."""

    code = "transport.unreachable"
    ambiguous: ClassVar[bool] = False


class CircuitOpen(TransportError):
    """A circuit breaker refused the call, because calls like it failed in a row; nothing was sent.

    Attributes:
        since: When the circuit opened, UTC.
        until: When a call goes on trial, UTC; None while one is on its way.
    """

    code = "transport.circuit-open"
    ambiguous: ClassVar[bool] = False

    def __init__(
        self,
        what: str,
        *,
        since: datetime,
        until: datetime | None,
        why: str | None = None,
        fix: str | None = None,
        operation: str | None = None,
        table: str | None = None,
        key: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(what, why=why, fix=fix, operation=operation, table=table, key=key)
        self.since = since
        self.until = until


class ConnectionLost(TransportError):
    """The connection ended after the request was sent and before the whole answer had come."""

    code = "transport.connection-lost"


class CallTimeout(TransportError):
    """The deadline of an attempt, or of the whole call, passed."""

    code = "transport.timeout"


class TableNotReady(CallTimeout):
    """A table, or what was changed about it, was not ready before the deadline.

    Attributes:
        status: What the service said last: "CREATING", "UPDATING (index by-url CREATING)".
    """

    code = "admin.table-not-ready"

    def __init__(self, what: str, *, status: str, fix: str, table: str) -> None:
        super().__init__(what, fix=fix, table=table)
        self.status = status


class ProtocolError(TransportError):
    """What came back is not an answer of DynamoDB: another status, body, checksum or size."""

    code = "transport.protocol"


class OutcomeUnknown(TransportError):
    """A write was sent and it cannot be known whether it was applied.

    It was not repeated, because a second application would change the result, or it was repeated
    and its condition then failed, which its own first attempt may have caused.
    """

    code = "transport.outcome-unknown"
    retryable: bool = False
