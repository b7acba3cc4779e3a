"""Errors that the service itself answered with, one class for each family of its codes.

Source of the codes: the DynamoDB API reference, "Common errors" and the errors of each operation.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import attrs

from dynamorm_async.errors._base import DynamormError

# What may cancel a transaction for a while; every other reason, a new one included, would come again.
_PASSING_REASONS = frozenset({"ProvisionedThroughputExceeded", "ThrottlingError", "TransactionConflict"})


class ServiceError(DynamormError):
    """The service answered with an error that has no class of its own; see `service_code`.

    Attributes:
        message: The service's own text.
        status: The HTTP status of the answer; 0 where nothing was sent.
        body: The answer's bytes, for whoever must read more of it. Not part of the text.
    """

    code = "transport.service-error"
    advice: ClassVar[str | None] = None

    def __init__(
        self,
        what: str,
        *,
        service_code: str | None = None,
        message: str = "",
        status: int = 0,
        body: bytes = b"",
        operation: str | None = None,
        table: str | None = None,
        key: Mapping[str, object] | None = None,
        request_id: str | None = None,
        attempts: int = 0,
    ) -> None:
        super().__init__(
            what,
            why=message or None,
            fix=self.advice,
            operation=operation,
            table=table,
            key=key,
            service_code=service_code,
            request_id=request_id,
            attempts=attempts,
        )
        self.message = message
        self.status = status
        self.body = body


class RequestRefused(ServiceError):
    """The service found the request malformed or self-contradictory."""

    code = "transport.request-refused"
    advice = "compare the request (the verb's plan shows it) with the service's text above"


class TableNotFound(ServiceError):
    """There is no table, or no index, of that name in this account and region."""

    code = "transport.table-not-found"
    advice = "check name, region and endpoint, or create it with db.admin.ensure_table(Model)"


class TableInUse(ServiceError):
    """The table exists already, or is being created, changed or deleted."""

    code = "transport.table-in-use"
    advice = "wait until the table is ACTIVE, then try again"


class BackupNotFound(ServiceError):
    """There is no such backup: it was deleted, or its ARN is of another account or region."""

    code = "transport.backup-not-found"
    advice = "look for it with db.admin.list_backups()"


class Throttled(ServiceError):
    """The service takes no more requests now for the table, the partition or the account.

    Attributes:
        reasons: The service's throttling reasons, `("TableReadKeyRangeThroughputExceeded", …)`;
            empty where it named none. A reason with `KeyRange` means a hot partition.
    """

    code = "transport.throttled"
    retryable: bool = True
    advice = "lower the rate, raise the capacity, or spread the load over more partition keys"
    reasons: tuple[str, ...] = ()


class AccessDenied(ServiceError):
    """The identity is known and may not do this."""

    code = "transport.access-denied"
    advice = "grant the identity this action on this table (IAM or resource policy)"


class CredentialsError(ServiceError):
    """There are no credentials, or the service does not accept them."""

    code = "transport.credentials"
    advice = "check the access key, secret, session token, profile and this machine's clock"


class TransactionConflict(ServiceError):
    """A transaction in flight holds the item, or others changed its unique fields in every round.

    Nothing was changed.
    """

    code = "transport.transaction-conflict"
    retryable: bool = True
    advice = "try again; if it persists, fewer writers should touch this item"


@attrs.frozen(kw_only=True)
class CancellationReason:
    """Why one request of a transaction stopped the whole of it, or that it did not.

    Attributes:
        code: The service's word, `"ConditionalCheckFailed"`; `"None"` where it was not this request.
        message: The service's text, or None.
        item: The item that a failed condition met, decoded; None where there was none. In an answer
            that no operation was found for yet, the JSON text of its tagged values.
        index: The operation's position in the transaction, from 0.
        verb: What it does: "create", "update", ….
        model: Name of its model.
        key: Argument name to value of its key.
        condition: Its condition as readable text, or None.
        unique: Names of its unique fields whose values another item has.
    """

    code: str
    message: str | None = None
    item: Any = attrs.field(default=None, repr=False)
    index: int | None = None
    verb: str | None = None
    model: str | None = None
    key: Mapping[str, object] | None = attrs.field(default=None, repr=False)
    condition: str | None = attrs.field(default=None, repr=False)
    unique: tuple[str, ...] = ()


class TransactionFailed(ServiceError):
    """A transaction was cancelled: one of its requests could not be carried out, so none was.

    Attributes:
        reasons: One for each request, in their order; empty where the service named none.
        index: The position of the request that `key`, `item`, `condition` and the text are about: of
            several that stopped it, the first whose condition failed, or else the first. None where
            the service named none.
        retryable: Whether every reason is one that passes: throttling, or another transaction.
    """

    code = "transport.transaction-failed"
    advice = "look at error.reasons: each says why its request stopped the transaction"
    reasons: tuple[CancellationReason, ...] = ()
    index: int | None = None

    @property
    def failed(self) -> tuple[CancellationReason, ...]:
        """The reasons of the requests that stopped it."""
        return tuple(reason for reason in self.reasons if reason.code != "None")


class IdempotencyMismatch(ServiceError):
    """The idempotency token was used within ten minutes for another request; nothing was changed."""

    code = "transport.idempotency-mismatch"
    advice = "give each request a token of its own, and a repeated one the same bytes"


class ItemCollectionFull(ServiceError):
    """A partition of a table with a local index has reached 10 GB."""

    code = "transport.item-collection-full"
    advice = "spread the items over more partition keys"


class QuotaReached(ServiceError):
    """Too many control-plane operations at once, or too many tables or indexes."""

    code = "transport.quota-reached"
    retryable: bool = True
    advice = "wait for running operations, or have the account's quota raised"


class ServerFault(ServiceError):
    """The service failed inside; a write may have been applied."""

    code = "transport.server-fault"
    retryable: bool = True
    advice = "try again later; the service's health page tells of outages"


_BY_CODE: Mapping[str, type[ServiceError]] = {
    "AccessDenied": AccessDenied,
    "AccessDeniedException": AccessDenied,
    "BackupNotFoundException": BackupNotFound,
    "ExpiredToken": CredentialsError,
    "ExpiredTokenException": CredentialsError,
    "IdempotentParameterMismatchException": IdempotencyMismatch,
    "IncompleteSignatureException": CredentialsError,
    "InternalFailure": ServerFault,
    "InternalServerError": ServerFault,
    "InvalidSignatureException": CredentialsError,
    "ItemCollectionSizeLimitExceededException": ItemCollectionFull,
    "LimitExceededException": QuotaReached,
    "MissingAuthenticationToken": CredentialsError,
    "MissingAuthenticationTokenException": CredentialsError,
    "ProvisionedThroughputExceededException": Throttled,
    "ReplicatedWriteConflictException": TransactionConflict,
    "RequestLimitExceeded": Throttled,
    "RequestTimeTooSkewed": CredentialsError,
    "ResourceInUseException": TableInUse,
    "ResourceNotFoundException": TableNotFound,
    "SerializationException": RequestRefused,
    "ServiceUnavailable": ServerFault,
    "ServiceUnavailableException": ServerFault,
    "SourceTableNotFoundException": TableNotFound,
    "TableAlreadyExistsException": TableInUse,
    "TableInUseException": TableInUse,
    "TableNotFoundException": TableNotFound,
    "Throttling": Throttled,
    "ThrottlingException": Throttled,
    "TransactionCanceledException": TransactionFailed,
    "TransactionConflictException": TransactionConflict,
    "UnrecognizedClientException": CredentialsError,
    "ValidationException": RequestRefused,
}


def service_error(
    service_code: str,
    message: str,
    *,
    status: int,
    body: bytes,
    operation: str,
    table: str | None,
    key: Mapping[str, object] | None,
    request_id: str | None,
    attempts: int,
    throttling_reasons: tuple[str, ...] = (),
    cancellation_reasons: tuple[CancellationReason, ...] = (),
) -> ServiceError:
    """Return the error for one of the service's codes; a code that is not known is a ServiceError.

    Args:
        service_code: The code without its namespace, `ResourceNotFoundException`.
        message: The service's text, "" where it gave none.
        status: HTTP status; 500 and above make an unknown code a ServerFault.
        body: The whole answer, kept for the reader.
        operation: `GetItem` and the like.
        table: The table's name, None where several are meant.
        key: The item's key, None where several or none are meant.
        request_id: From `x-amzn-RequestId`.
        attempts: Requests sent so far.
        throttling_reasons: The `reason` of each of the service's throttling reasons.
        cancellation_reasons: Why a transaction was cancelled, one for each of its requests.
    """
    cls = _BY_CODE.get(service_code, ServerFault if status >= 500 else ServiceError)
    where = f" on {table}" if table else ""
    error = cls(
        f"{operation}{where}: the service answered {service_code}",
        service_code=service_code,
        message=message,
        status=status,
        body=body,
        operation=operation,
        table=table,
        key=key,
        request_id=request_id,
        attempts=attempts,
    )
    if isinstance(error, Throttled):
        error.reasons = throttling_reasons
    if isinstance(error, TransactionFailed):
        error.reasons = cancellation_reasons
        stopped = (at for at, reason in enumerate(cancellation_reasons) if reason.code != "None")
        error.index = next(stopped, None)
        error.retryable = bool(error.failed) and {each.code for each in error.failed} <= _PASSING_REASONS
    return error
