"""The four things that happen to a call, and one to a query, as frozen values without keys, items or secrets.

Seconds for every time, bytes for every size. `error` is the name of the exception's class (also of
one that isn't ours, such as `CancelledError`), `service_code` the service's own code.

They are msgspec structs where most values of the library are attrs classes: a program that watches
nothing defines them as well, and with attrs that took 3 ms.
"""

import msgspec


class CallStarted(msgspec.Struct, frozen=True, kw_only=True):
    """A call was handed in; nothing has been sent.

    Attributes:
        call_id: Number of the call, unique within one client, the same on all of its events.
        operation: `"GetItem"` and the like.
        tables: Names of the tables it touches.
        bytes_sent: Size of the request's body.
    """

    call_id: int
    operation: str
    tables: tuple[str, ...]
    bytes_sent: int


class AttemptFinished(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt ended, with an answer of any status or without one.

    Attributes:
        call_id: Number of the call.
        operation: `"GetItem"` and the like.
        tables: Names of the tables it touches.
        attempt: Number of the attempt, from 1.
        seconds: From sending to the end of the answer; waiting for a free slot is not in it.
        bytes_sent: Size of the request's body.
        bytes_received: Size of the answer's body, 0 without an answer.
        status: HTTP status, or None without an answer.
        error: Class of the error, or None.
        service_code: The service's code of the error, or None.
        request_id: The service's id, or None.
        reused: Whether it went over a connection that had carried a request before, or None where
            the transport doesn't know: the aiobotocore one never does.
    """

    call_id: int
    operation: str
    tables: tuple[str, ...]
    attempt: int
    seconds: float
    bytes_sent: int
    bytes_received: int = 0
    status: int | None = None
    error: str | None = None
    service_code: str | None = None
    request_id: str | None = None
    reused: bool | None = None


class RetryScheduled(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt failed, and another one will follow after a wait.

    Attributes:
        call_id: Number of the call.
        operation: `"GetItem"` and the like.
        tables: Names of the tables it touches.
        attempt: Number of the attempt that will follow, from 2.
        wait: Seconds until then.
        error: Class of the error that is the reason.
        service_code: The service's code of that error, or None.
    """

    call_id: int
    operation: str
    tables: tuple[str, ...]
    attempt: int
    wait: float
    error: str
    service_code: str | None = None


class CallFinished(msgspec.Struct, frozen=True, kw_only=True):
    """A call ended, middleware included.

    Attributes:
        call_id: Number of the call.
        operation: `"GetItem"` and the like.
        tables: Names of the tables it touches.
        seconds: From handing it in to its end: waits, attempts and middleware included.
        attempts: How many times it was sent; 0 where it was answered or refused before.
        bytes_sent: Size of the request's body, once.
        bytes_received: Size of the reply's body, 0 where it failed.
        capacity: Capacity units that the reply says it cost, over all tables; None where the request did
            not ask for them.
        error: Class of the error, or None.
        service_code: The service's code of the error, or None.
        request_id: The service's id of the last attempt, or None.
        ambiguous: Whether an attempt before the last one may have been carried out too.
    """

    call_id: int
    operation: str
    tables: tuple[str, ...]
    seconds: float
    attempts: int
    bytes_sent: int
    bytes_received: int = 0
    capacity: float | None = None
    error: str | None = None
    service_code: str | None = None
    request_id: str | None = None
    ambiguous: bool = False


class FellBackToScan(msgspec.Struct, frozen=True, kw_only=True):
    """A query that no key answers begins to read a whole table or index, as `allow_scan` lets it.

    Told before its first request, once for each time it is sent, or for each of its pages. What
    `table.scan` asks for is none.

    Attributes:
        operation: `"Scan"`.
        tables: Name of the table.
        model: Name of the model.
        index: Name of the index that is read, or None for the table.
        reasons: Why no key answers, way by way: `"table: needs user == …"`.
        rows: Items that are expected to be evaluated.
        read_units: Read units that this is expected to cost.
    """

    operation: str
    tables: tuple[str, ...]
    model: str
    index: str | None
    reasons: tuple[str, ...]
    rows: float
    read_units: float


Event = CallStarted | AttemptFinished | RetryScheduled | CallFinished | FellBackToScan
