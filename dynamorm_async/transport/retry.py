"""Decide whether a failed attempt is followed by another one, and after which wait.

Takes the error of an attempt and what the call allows; gives seconds to wait, or the error that
ends the call. Pure: dice and clock are handed in; only `Quotas` remembers. The numbers are the
AWS SDKs' rules of 2026 for DynamoDB, whatever version of botocore is installed; what botocore does
not retry and DynamoDB promises not to have carried out (TransactionConflict) is retried too.
"""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

import attrs

from dynamorm_async.errors import (
    CallTimeout,
    CredentialsError,
    DynamormError,
    EndpointUnreachable,
    InvalidRequest,
    OutcomeUnknown,
    ProtocolError,
    ServiceError,
    Throttled,
    TransactionFailed,
    TransportError,
    quoted,
)
from dynamorm_async.transport.answer import CHECKSUM, NOT_DYNAMODB, REDIRECT
from dynamorm_async.wire import Repeat

HINT_SPAN = 5.0
_DIGITS = 10
AMBIGUOUS_STATUS = frozenset({500, 502, 503, 504})
IN_PROGRESS = "TransactionInProgressException"
THROTTLING_CODES = frozenset(
    {
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        IN_PROGRESS,
    }
)
# Refused before anything was applied, so that every write may be sent again.
SAFE_CODES = frozenset({"ReplicatedWriteConflictException", "TransactionConflictException"})
THROTTLING_REASONS = frozenset({"ProvisionedThroughputExceeded", "ThrottlingError"})
# A token is remembered for ten minutes; a request that is sent later would be carried out again.
TOKEN_SECONDS = 300.0
# A transaction that stands still is recovered by an attempt that comes so many seconds after the first.
RECOVERY_SECONDS = 5.0
AMBIGUOUS_CODES = frozenset(
    {"InternalFailure", "InternalServerError", "ServiceUnavailable", "ServiceUnavailableException"}
)


class Kind(Enum):
    """What an error means for the question whether to send again."""

    AMBIGUOUS = "ambiguous"
    """May pass, and the request may have been carried out."""
    SAFE = "safe"
    """May pass, and the request was not carried out."""
    THROTTLING = "throttling"
    """Will pass with time; not carried out."""
    CREDENTIALS = "credentials"
    """Not carried out; worth one more attempt if keys or clock can be put right."""
    UNUSABLE = "unusable"
    """Would come again; the request may have been carried out."""
    FINAL = "final"
    """Would come again; not carried out."""


def classify(error: DynamormError) -> Kind:
    """Return the kind of an attempt's error. Source: dynamodb.md, 4.2."""
    if isinstance(error, ServiceError):
        return _classify_service_error(error)
    if isinstance(error, EndpointUnreachable):
        return Kind.SAFE
    if isinstance(error, ProtocolError):
        return _classify_protocol_error(error)
    if isinstance(error, TransportError):
        return Kind.AMBIGUOUS if error.retryable else Kind.UNUSABLE
    return Kind.FINAL


def _classify_service_error(error: ServiceError) -> Kind:
    code = error.service_code
    if isinstance(error, TransactionFailed):
        return _classify_cancellation(error)
    if code in SAFE_CODES:
        return Kind.SAFE
    if code in THROTTLING_CODES or isinstance(error, Throttled) or error.status == 429:
        return Kind.THROTTLING
    if isinstance(error, CredentialsError):
        # Status 0: there was nothing to sign with. Whoever finds credentials has tried already.
        return Kind.CREDENTIALS if error.status else Kind.FINAL
    if code in AMBIGUOUS_CODES or error.status in AMBIGUOUS_STATUS:
        return Kind.AMBIGUOUS
    return Kind.UNUSABLE if error.status >= 500 else Kind.FINAL


def _classify_cancellation(error: TransactionFailed) -> Kind:
    """Return the kind of a cancelled transaction: its requests share one fate. Source: dynamodb.md, 4.4."""
    if not error.retryable:
        return Kind.FINAL
    return Kind.THROTTLING if {each.code for each in error.reasons} & THROTTLING_REASONS else Kind.SAFE


def _classify_protocol_error(error: ProtocolError) -> Kind:
    if error.code == CHECKSUM:
        return Kind.AMBIGUOUS
    return Kind.FINAL if error.code in {REDIRECT, NOT_DYNAMODB} else Kind.UNUSABLE


def _at_least_one(_: object, attribute: "attrs.Attribute[int]", value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InvalidRequest(
            f"Retry({attribute.name}={quoted(value)})",
            fix="give a whole number, at least 1",
            code="transport.retry",
        )


def _not_negative(_: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    if not isinstance(value, int | float) or not value >= 0:  # false for NaN as well
        raise InvalidRequest(
            f"Retry({attribute.name}={quoted(value)})",
            fix="give a number that isn't negative",
            code="transport.retry",
        )


@attrs.frozen(kw_only=True)
class Retry:
    """How often and after which waits a failed call is sent again.

    Attributes:
        attempts: Most attempts of one call, the first included; 1 for no retry.
        transient_base: Seconds; the wait before retry n (from 0) is drawn between 0 and base * 2**n.
        throttling_base: The same for throttling.
        longest: Seconds that no drawn wait exceeds.
        quota: Tokens for retries of one set of tables; 0 for no retry. They come back with success,
            so that an outage is not made worse, and one table's outage stops no other table.
        transient_cost: Tokens a retry costs.
        throttling_cost: Tokens a retry after throttling costs.

    Source of the numbers: the AWS SDKs' "standard" retry mode of 2026, values for DynamoDB.
    """

    attempts: int = attrs.field(default=4, validator=_at_least_one)
    transient_base: float = attrs.field(default=0.025, validator=_not_negative)
    throttling_base: float = attrs.field(default=1.0, validator=_not_negative)
    longest: float = attrs.field(default=20.0, validator=_not_negative)
    quota: int = attrs.field(default=500, validator=_not_negative)
    transient_cost: int = attrs.field(default=14, validator=_not_negative)
    throttling_cost: int = attrs.field(default=5, validator=_not_negative)

    def decide(
        self,
        error: DynamormError,
        *,
        attempt: int,
        repeat: Repeat,
        jitter: float,
        hint: float | None = None,
        elapsed: float = 0.0,
    ) -> float | None:
        """Return the seconds to wait before attempt `attempt + 1`, or None to give up.

        Args:
            error: How attempt `attempt` (from 1) failed.
            attempt: Attempts made so far.
            repeat: What the call allows after an ambiguous failure.
            jitter: Drawn from 0 to 1.
            hint: Seconds that the service asked to wait (`x-amz-retry-after`), or None.
            elapsed: Seconds since the first attempt was sent.

        Credentials errors give None: only who can renew the credentials knows whether it helps.
        """
        kind = classify(error)
        if attempt >= self.attempts or kind in {Kind.CREDENTIALS, Kind.UNUSABLE, Kind.FINAL}:
            return None
        if kind is Kind.AMBIGUOUS and repeat is Repeat.NEVER:
            return None
        wait = self._wait(kind, retry=attempt - 1, jitter=jitter)
        if error.service_code == IN_PROGRESS and attempt == self.attempts - 1:
            # The last attempt would be wasted on a transaction that nothing has recovered yet.
            wait = max(wait, RECOVERY_SECONDS - elapsed)
        return wait if hint is None else min(max(hint, wait), wait + HINT_SPAN)

    def cost(self, error: DynamormError) -> int:
        """Return the tokens that a retry after this error costs."""
        return self.throttling_cost if classify(error) is Kind.THROTTLING else self.transient_cost

    def _wait(self, kind: Kind, *, retry: int, jitter: float) -> float:
        base = self.throttling_base if kind is Kind.THROTTLING else self.transient_base
        return min(self.longest, base * 2.0 ** min(retry, 64)) * jitter


def explicit_retry(config: object) -> Retry | None:
    """Return the rules that a botocore `Config(retries={…})` asks for, or None if it asks for none.

    `total_max_attempts` counts attempts and `max_attempts` the ones after the first, as in botocore.
    """
    retries: Any = getattr(config, "retries", None) or {}
    if "total_max_attempts" in retries:
        return Retry(attempts=retries["total_max_attempts"])
    if "max_attempts" in retries:
        return Retry(attempts=retries["max_attempts"] + 1)
    return None


def configured_retry(
    config: object, session: object, environ: Mapping[str, str], filed: Callable[[], str | None]
) -> Retry | None:
    """Return the rules that an AWS configuration asks for, or None if it asks for none.

    As in botocore, the config that was given comes first, then the session's default one, then
    `AWS_MAX_ATTEMPTS`, then the profile's `max_attempts`; both count the first attempt.

    Args:
        config: A botocore `Config` or None.
        session: A botocore session or None.
        environ: The environment.
        filed: Gives `max_attempts` of the configuration files, or None; asked where nothing else says.

    Raises:
        InvalidRequest: A number that means nothing.
    """
    if getattr(config, "retries", None) is None:
        default: Any = getattr(session, "get_default_client_config", lambda: None)
        config = default()
    rules = explicit_retry(config)
    if rules is not None:
        return rules
    source, most = "AWS_MAX_ATTEMPTS", environ.get("AWS_MAX_ATTEMPTS", "").strip()
    if not most:
        source, most = "max_attempts of the AWS configuration files", (filed() or "").strip()
    if not most:
        return None
    if not (most.isascii() and most.isdecimal() and len(most) < _DIGITS and int(most) > 0):
        raise InvalidRequest(
            f"{source}={quoted(most)}",
            fix="give a whole number, at least 1, or leave it out",
            code="transport.retry",
        )
    return Retry(attempts=int(most))


def may_have_been_carried_out(error: DynamormError) -> bool:
    """Return whether the attempt that ended with this error may have changed something."""
    return classify(error) in {Kind.AMBIGUOUS, Kind.UNUSABLE}


def in_doubt(error: DynamormError, *, repeat: Repeat, before: bool) -> bool:
    """Return whether any attempt may have been carried out, now that one more has failed.

    Args:
        error: How the last attempt failed.
        repeat: What the call allows.
        before: Whether an earlier attempt may have been carried out.
    """
    if repeat is Repeat.ONCE and isinstance(error, TransactionFailed):
        # A token whose request was carried out is answered with a success and never with a refusal.
        return False
    if repeat is Repeat.ONCE and error.service_code == IN_PROGRESS:
        # Another request of this token is under way, and may yet be carried out.
        return True
    return before or may_have_been_carried_out(error)


def ending(error: DynamormError, *, repeat: Repeat, ambiguous: bool, attempts: int) -> DynamormError:
    """Return the error that ends the call: the last one, or OutcomeUnknown with it as cause.

    Args:
        error: How the last attempt failed, or that the deadline passed.
        repeat: What the call allows; a harmless call's outcome is never unknown, it can be repeated.
        ambiguous: Whether any attempt, the last one included, may have been carried out.
        attempts: Attempts made.
    """
    if repeat is Repeat.HARMLESS or not ambiguous:
        return error
    unknown = OutcomeUnknown(
        f"{error.operation}{f' on {error.table}' if error.table else ''}: "
        "it is not known whether the write was applied",
        why=_why(error, attempts),
        fix="read the item and decide",
        operation=error.operation,
        table=error.table,
        key=error.key,
        service_code=error.service_code,
        request_id=error.request_id,
        attempts=attempts,
    )
    unknown.__cause__ = error
    return unknown


def _why(error: DynamormError, attempts: int) -> str:
    last = error.service_code or type(error).__name__
    if may_have_been_carried_out(error) or isinstance(error, CallTimeout):
        return f"attempt {attempts} ended with {last}, after which it may have been carried out"
    return f"an earlier attempt may have been carried out, and attempt {attempts} was answered {last}"


class Quotas:
    """Tokens for retries, one bucket for each set of tables; a full bucket is not stored.

    Args:
        capacity: Tokens of a full bucket.

    Attributes:
        left: Tokens of every bucket that is less than full.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self.left: dict[tuple[str, ...], int] = {}

    def take(self, tables: tuple[str, ...], cost: int) -> bool:
        """Take tokens for one retry and return True, or leave the bucket as it is and return False."""
        left = self.left.get(tables, self._capacity)
        if cost > left:
            return False
        self.left[tables] = left - cost
        return True

    def give(self, tables: tuple[str, ...], tokens: int) -> None:
        """Give tokens back after a success."""
        left = self.left.get(tables)
        if left is None:
            return
        if left + tokens >= self._capacity:
            del self.left[tables]
        else:
            self.left[tables] = left + tokens
