"""What a reason for which a transaction was cancelled would have been as an error of its request.

Takes the service's cancellation and one of its reasons; gives the error that the service answers
where the request is sent alone, so that a plan's `refused` reads both alike. Pure.
"""

from __future__ import annotations

from dynamorm_async.errors import CancellationReason, ServiceError, TransactionFailed, service_error

UNMET = "ConditionalCheckFailed"
"""The service's word for a condition that failed."""

# Source: API reference, TransactWriteItems, "TransactionCanceledException".
_ALONE = {
    "AccessDenied": "AccessDeniedException",
    UNMET: "ConditionalCheckFailedException",
    "ItemCollectionSizeLimitExceeded": "ItemCollectionSizeLimitExceededException",
    "ProvisionedThroughputExceeded": "ProvisionedThroughputExceededException",
    "ThrottlingError": "ThrottlingException",
    "TransactionConflict": "TransactionConflictException",
    "ValidationError": "ValidationException",
}


def error_alone(failed: TransactionFailed, reason: CancellationReason) -> ServiceError:
    """Return the service's error for one request of a cancelled transaction, had it been sent alone.

    Args:
        failed: The cancellation; operation, table, key, request id, attempts and time are taken from it.
        reason: Why the request stopped it. An unknown one is the cancellation itself.
    """
    code = _ALONE.get(reason.code)
    if code is None:
        return failed
    error = service_error(
        code,
        reason.message or "",
        status=failed.status,
        # As the service answers to a write alone: the item is a member of the error.
        body=b"{}" if reason.item is None else b'{"Item":%b}' % reason.item,
        operation=failed.operation or "",
        table=failed.table,
        key=failed.key,
        request_id=failed.request_id,
        attempts=failed.attempts,
    )
    error.elapsed = failed.elapsed
    return error
