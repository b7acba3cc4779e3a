"""What each error of the library is over HTTP: a status, and a short body that says what to do.

The most special class decides, so a `VersionConflict` is looked up before `ConditionFailed`. A
client's mistake is told in full; a fault of ours is told without table names or request ids. A batch
of which a part was done says how much, and how much may be sent again.
"""

from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from dynamorm_async import (
    CallTimeout,
    ConditionFailed,
    DynamormError,
    InvalidCursor,
    InvalidRequest,
    ItemNotFound,
    OutcomeUnknown,
    PartialBatch,
    ServerFault,
    Throttled,
    TransactionConflict,
    TransportError,
)

STATUS: Mapping[type[DynamormError], int] = {
    ItemNotFound: 404,
    ConditionFailed: 409,
    TransactionConflict: 409,
    InvalidCursor: 400,
    InvalidRequest: 422,
    Throttled: 503,
    ServerFault: 503,
    PartialBatch: 503,
    TransportError: 503,
    CallTimeout: 504,
    OutcomeUnknown: 504,
    DynamormError: 500,
}


def status_of(error: DynamormError) -> int:
    """Return the HTTP status of an error: that of the nearest class above it."""
    # Refused after an answer came: what is stored does not fit, and the client cannot mend it.
    if isinstance(error, InvalidRequest) and error.attempts:
        return 500
    # Where something failed, and was not only left, that is what the answer is about.
    if isinstance(error, PartialBatch) and error.failed:
        return status_of(error.__cause__) if isinstance(error.__cause__, DynamormError) else 500
    return next(STATUS[cls] for cls in type(error).__mro__ if cls in STATUS)


def install(app: FastAPI) -> None:
    """Let an application answer every error of the library."""

    # Starlette hands over what was registered below, and types it as any exception.
    async def answer(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, DynamormError)
        status = status_of(error)
        what = error.what if status < 500 else "the store did not answer"
        body: dict[str, str | int] = {"code": error.code, "what": what}
        if status < 500 and error.fix:
            body["fix"] = error.fix
        if isinstance(error, PartialBatch):
            body |= {"done": len(error.succeeded), "left": len(error.unprocessed)}
        headers = {"Retry-After": "1"} if status == 503 else None
        return JSONResponse(body, status_code=status, headers=headers)

    app.add_exception_handler(DynamormError, answer)
