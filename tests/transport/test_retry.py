"""The rules of retry, row by row (R101, D-1, D-2; dynamodb.md 4.1 to 4.3)."""

import pytest
from botocore.config import Config

from dynamorm_async.errors import (
    CallTimeout,
    CancellationReason,
    ConnectionLost,
    CredentialsError,
    DynamormError,
    EndpointUnreachable,
    InvalidRequest,
    OutcomeUnknown,
    ProtocolError,
    ServerFault,
    TransactionFailed,
    service_error,
)
from dynamorm_async.transport import Retry
from dynamorm_async.transport.answer import CHECKSUM, MALFORMED, NOT_DYNAMODB, REDIRECT, TOO_LONG
from dynamorm_async.transport.retry import Kind, Quotas, classify, ending, explicit_retry, in_doubt
from dynamorm_async.wire import Repeat


def answered(code: str, status: int = 400, *, reasons: tuple[str, ...] = ()) -> DynamormError:
    return service_error(
        code,
        "",
        status=status,
        body=b"{}",
        operation="PutItem",
        table="users",
        key={"id": "ana"},
        request_id="R1",
        attempts=1,
        cancellation_reasons=tuple(CancellationReason(code=each) for each in reasons),
    )


def wait_after(
    error: DynamormError,
    *,
    attempt: int = 1,
    repeat: Repeat = Repeat.HARMLESS,
    jitter: float = 1.0,
    hint: float | None = None,
    elapsed: float = 0.0,
    retry: Retry | None = None,
) -> float | None:
    return (retry or Retry()).decide(
        error, attempt=attempt, repeat=repeat, jitter=jitter, hint=hint, elapsed=elapsed
    )


KINDS = [
    ("ProvisionedThroughputExceededException", 400, Kind.THROTTLING),
    ("ThrottlingException", 400, Kind.THROTTLING),
    ("Throttling", 400, Kind.THROTTLING),
    ("RequestLimitExceeded", 400, Kind.THROTTLING),
    ("LimitExceededException", 400, Kind.THROTTLING),
    ("TransactionInProgressException", 400, Kind.THROTTLING),
    ("SomethingNew", 429, Kind.THROTTLING),
    ("TransactionConflictException", 400, Kind.SAFE),
    ("ReplicatedWriteConflictException", 400, Kind.SAFE),
    ("InternalServerError", 500, Kind.AMBIGUOUS),
    ("InternalFailure", 500, Kind.AMBIGUOUS),
    ("ServiceUnavailable", 503, Kind.AMBIGUOUS),
    ("SomethingNew", 500, Kind.AMBIGUOUS),
    ("SomethingNew", 502, Kind.AMBIGUOUS),
    ("SomethingNew", 503, Kind.AMBIGUOUS),
    ("SomethingNew", 504, Kind.AMBIGUOUS),
    ("SomethingNew", 501, Kind.UNUSABLE),
    ("UnrecognizedClientException", 400, Kind.CREDENTIALS),
    ("ExpiredTokenException", 400, Kind.CREDENTIALS),
    ("ExpiredToken", 400, Kind.CREDENTIALS),
    ("InvalidSignatureException", 400, Kind.CREDENTIALS),
    ("RequestTimeTooSkewed", 403, Kind.CREDENTIALS),
    ("ConditionalCheckFailedException", 400, Kind.FINAL),
    ("ValidationException", 400, Kind.FINAL),
    ("SerializationException", 400, Kind.FINAL),
    ("AccessDeniedException", 400, Kind.FINAL),
    ("ResourceNotFoundException", 400, Kind.FINAL),
    ("ResourceInUseException", 400, Kind.FINAL),
    ("IdempotentParameterMismatchException", 400, Kind.FINAL),
    ("ItemCollectionSizeLimitExceededException", 400, Kind.FINAL),
    ("TransactionCanceledException", 400, Kind.FINAL),
    ("SomethingNew", 400, Kind.FINAL),
]


@pytest.mark.parametrize(
    ("code", "status", "kind"), KINDS, ids=[f"{code}-{status}" for code, status, _ in KINDS]
)
def test_each_answer_of_the_service_has_its_kind(code: str, status: int, kind: Kind) -> None:
    assert classify(answered(code, status)) is kind


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        pytest.param(EndpointUnreachable("x"), Kind.SAFE, id="unreachable"),
        pytest.param(ConnectionLost("x"), Kind.AMBIGUOUS, id="connection-lost"),
        pytest.param(CallTimeout("x"), Kind.AMBIGUOUS, id="timeout"),
        pytest.param(ProtocolError("x", code=CHECKSUM), Kind.AMBIGUOUS, id="checksum"),
        pytest.param(ProtocolError("x", code=MALFORMED), Kind.UNUSABLE, id="malformed"),
        pytest.param(ProtocolError("x", code=TOO_LONG), Kind.UNUSABLE, id="too-long"),
        pytest.param(ProtocolError("x", code=REDIRECT), Kind.FINAL, id="redirect"),
        pytest.param(ProtocolError("x", code=NOT_DYNAMODB), Kind.FINAL, id="not-dynamodb"),
        pytest.param(OutcomeUnknown("x"), Kind.UNUSABLE, id="outcome-unknown"),
        pytest.param(ServerFault("x", status=503), Kind.AMBIGUOUS, id="html-503"),
        pytest.param(CredentialsError("x"), Kind.FINAL, id="no-credentials"),
        pytest.param(InvalidRequest("x"), Kind.FINAL, id="refused-before-io"),
    ],
)
def test_each_failure_of_the_way_has_its_kind(error: DynamormError, kind: Kind) -> None:
    assert classify(error) is kind


def cancelled(*codes: str) -> TransactionFailed:
    error = answered("TransactionCanceledException", reasons=codes)
    assert isinstance(error, TransactionFailed)
    return error


@pytest.mark.parametrize(
    ("codes", "kind"),
    [
        pytest.param(["TransactionConflict"], Kind.SAFE, id="conflict"),
        pytest.param(["None", "TransactionConflict", "None"], Kind.SAFE, id="one conflict of three"),
        pytest.param(["ThrottlingError"], Kind.THROTTLING, id="throttled"),
        pytest.param(["ProvisionedThroughputExceeded"], Kind.THROTTLING, id="too much"),
        pytest.param(
            ["TransactionConflict", "ThrottlingError"], Kind.THROTTLING, id="conflict and throttled"
        ),
        pytest.param(["ConditionalCheckFailed"], Kind.FINAL, id="condition"),
        pytest.param(
            ["TransactionConflict", "ConditionalCheckFailed"], Kind.FINAL, id="conflict and condition"
        ),
        pytest.param(["ThrottlingError", "ValidationError"], Kind.FINAL, id="throttled and invalid"),
        pytest.param(["TransactionConflict", "ItemCollectionSizeLimitExceeded"], Kind.FINAL, id="and full"),
        pytest.param(["TransactionConflict", "DuplicateItem"], Kind.FINAL, id="and duplicate"),
        pytest.param(["TransactionConflict", "SomethingNew"], Kind.FINAL, id="and something new"),
        pytest.param(["None", "None"], Kind.FINAL, id="nobody"),
        pytest.param([], Kind.FINAL, id="not said"),
    ],
)
def test_a_cancelled_transaction_is_repeated_where_all_its_reasons_pass(codes: list[str], kind: Kind) -> None:
    """dynamodb.md, 4.4."""
    assert classify(cancelled(*codes)) is kind


@pytest.mark.parametrize(
    ("error", "repeat", "before", "doubt"),
    [
        pytest.param(ConnectionLost("x"), Repeat.ONCE, False, True, id="lost"),
        pytest.param(answered("ThrottlingException"), Repeat.ONCE, True, True, id="throttled after a loss"),
        pytest.param(answered("ThrottlingException"), Repeat.ONCE, False, False, id="throttled"),
        pytest.param(cancelled("ConditionalCheckFailed"), Repeat.ONCE, True, False, id="refused by token"),
        pytest.param(
            answered("TransactionInProgressException"), Repeat.ONCE, False, True, id="still under way"
        ),
        pytest.param(cancelled("ConditionalCheckFailed"), Repeat.NEVER, True, True, id="refused, no token"),
        pytest.param(
            answered("ConditionalCheckFailedException"), Repeat.GUARDED, True, True, id="its own condition"
        ),
    ],
)
def test_a_refusal_ends_the_doubt_of_a_write_with_a_token_alone(
    error: DynamormError, repeat: Repeat, before: bool, doubt: bool
) -> None:
    assert in_doubt(error, repeat=repeat, before=before) is doubt


@pytest.mark.parametrize(
    ("attempt", "wait"), [(1, 0.025), (2, 0.05), (3, 0.1)], ids=["first", "second", "third"]
)
def test_the_wait_after_a_passing_fault_doubles_from_25_milliseconds(attempt: int, wait: float) -> None:
    assert wait_after(answered("InternalServerError", 500), attempt=attempt) == wait


@pytest.mark.parametrize(
    ("attempt", "wait"), [(1, 1.0), (2, 2.0), (3, 4.0)], ids=["first", "second", "third"]
)
def test_the_wait_after_throttling_doubles_from_one_second(attempt: int, wait: float) -> None:
    assert wait_after(answered("ThrottlingException"), attempt=attempt) == wait


def test_the_wait_is_drawn_from_its_whole_span() -> None:
    assert wait_after(answered("ThrottlingException"), jitter=0.0) == 0.0
    assert wait_after(answered("ThrottlingException"), jitter=0.25) == 0.25


def test_no_drawn_wait_is_longer_than_the_longest() -> None:
    patient = Retry(attempts=5000)

    assert wait_after(answered("ThrottlingException"), attempt=4000, retry=patient) == 20.0


@pytest.mark.parametrize("jitter", [0.0, 0.5, 1.0])
def test_a_transaction_in_progress_is_asked_again_five_seconds_after_the_first_attempt(jitter: float) -> None:
    """R78; dynamodb.md 4.2: recovery happens inline in an attempt at least 5 s after the first."""
    error = answered("TransactionInProgressException")
    elapsed = 0.0

    for attempt in (1, 2, 3):
        elapsed += wait_after(error, attempt=attempt, jitter=jitter, elapsed=elapsed) or 0.0

    assert elapsed >= 5.0


@pytest.mark.parametrize(
    ("attempts", "attempt", "elapsed", "wait"),
    [
        pytest.param(4, 3, 0.1, 4.9, id="after two answers that were lost"),
        pytest.param(2, 1, 0.0, 5.0, id="one retry only"),
        pytest.param(4, 3, 4.75, 1.0, id="drawn longer"),
        pytest.param(4, 3, 60.0, 1.0, id="long since"),
        pytest.param(4, 2, 0.1, 0.5, id="not the last one"),
    ],
)
def test_the_last_attempt_for_a_transaction_in_progress_comes_five_seconds_after_the_first(
    attempts: int, attempt: int, elapsed: float, wait: float
) -> None:
    """R78."""
    error = answered("TransactionInProgressException")
    retry = Retry(attempts=attempts)

    found = wait_after(error, attempt=attempt, jitter=0.25, elapsed=elapsed, retry=retry)

    assert found == pytest.approx(wait)


def test_only_a_transaction_in_progress_is_waited_for() -> None:
    assert wait_after(answered("ThrottlingException"), attempt=3, jitter=0.0) == 0.0


@pytest.mark.parametrize(
    ("hint", "wait"),
    [(0.1, 1.0), (3.0, 3.0), (60.0, 6.0)],
    ids=["shorter-than-ours", "within", "longer-than-5-s-more"],
)
def test_the_services_hint_moves_the_wait_up_by_at_most_five_seconds(hint: float, wait: float) -> None:
    assert wait_after(answered("ThrottlingException"), hint=hint) == wait


def test_the_fourth_attempt_is_the_last() -> None:
    assert wait_after(answered("ThrottlingException"), attempt=3) is not None
    assert wait_after(answered("ThrottlingException"), attempt=4) is None


@pytest.mark.parametrize(
    "code",
    [
        "ConditionalCheckFailedException",
        "ValidationException",
        "AccessDeniedException",
        "ResourceNotFoundException",
        "IdempotentParameterMismatchException",
        "ItemCollectionSizeLimitExceededException",
        "TransactionCanceledException",
        "UnrecognizedClientException",
    ],
)
def test_what_would_come_again_is_not_sent_again(code: str) -> None:
    assert wait_after(answered(code)) is None


@pytest.mark.parametrize(
    ("repeat", "again"),
    [(Repeat.HARMLESS, True), (Repeat.GUARDED, True), (Repeat.NEVER, False)],
    ids=["harmless", "guarded", "never"],
)
@pytest.mark.parametrize(
    "error",
    [
        pytest.param(answered("InternalServerError", 500), id="500"),
        pytest.param(ConnectionLost("x"), id="connection-lost"),
        pytest.param(CallTimeout("x"), id="timeout"),
        pytest.param(ProtocolError("x", code=CHECKSUM), id="checksum"),
    ],
)
def test_an_ambiguous_failure_is_repeated_as_the_call_allows(
    error: DynamormError, repeat: Repeat, again: bool
) -> None:
    """D-1."""
    assert (wait_after(error, repeat=repeat) is not None) is again


@pytest.mark.parametrize("repeat", list(Repeat))
@pytest.mark.parametrize(
    "error",
    [
        pytest.param(EndpointUnreachable("x"), id="unreachable"),
        pytest.param(answered("ProvisionedThroughputExceededException"), id="throttled"),
        pytest.param(answered("TransactionConflictException"), id="conflict"),
        pytest.param(answered("ReplicatedWriteConflictException"), id="replica-conflict"),
        pytest.param(answered("TransactionInProgressException"), id="in-progress"),
    ],
)
def test_what_was_not_carried_out_is_repeated_for_every_call(error: DynamormError, repeat: Repeat) -> None:
    """D-1."""
    assert wait_after(error, repeat=repeat) is not None


@pytest.mark.parametrize(
    ("code", "cost"), [("ThrottlingException", 5), ("InternalServerError", 14)], ids=["throttling", "fault"]
)
def test_a_retry_costs_tokens_by_its_reason(code: str, cost: int) -> None:
    assert Retry().cost(answered(code)) == cost


@pytest.mark.parametrize(
    "options",
    [{"attempts": 0}, {"transient_base": -1.0}, {"longest": float("nan")}, {"quota": -1}],
    ids=lambda options: next(iter(options)),
)
def test_rules_that_mean_nothing_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(InvalidRequest, match=next(iter(options))):
        Retry(**options)


def test_a_condition_that_fails_after_an_ambiguous_attempt_proves_nothing() -> None:
    """D-1: its own first attempt may have made the condition false."""
    refused = answered("ConditionalCheckFailedException")

    error = ending(refused, repeat=Repeat.GUARDED, ambiguous=True, attempts=2)

    assert isinstance(error, OutcomeUnknown)
    assert error.__cause__ is refused
    assert (error.operation, error.table, error.key) == ("PutItem", "users", {"id": "ana"})
    assert (error.request_id, error.attempts) == ("R1", 2)
    assert "may have been carried out" in str(error)


def test_a_condition_that_fails_at_once_is_what_it_is() -> None:
    refused = answered("ConditionalCheckFailedException")

    assert ending(refused, repeat=Repeat.GUARDED, ambiguous=False, attempts=1) is refused


def test_a_harmless_call_ends_with_its_last_error() -> None:
    lost = ConnectionLost("x")

    assert ending(lost, repeat=Repeat.HARMLESS, ambiguous=True, attempts=4) is lost


def test_an_empty_quota_ends_retries_until_successes_fill_it() -> None:
    quotas = Quotas(20)

    assert quotas.take(("users",), 14)
    assert not quotas.take(("users",), 14)
    quotas.give(("users",), 8)
    assert quotas.take(("users",), 14)


def test_one_tables_outage_takes_nothing_from_another_table() -> None:
    quotas = Quotas(14)
    quotas.take(("users",), 14)

    assert quotas.take(("orders",), 14)


def test_a_bucket_never_holds_more_than_its_capacity() -> None:
    quotas = Quotas(10)
    quotas.take(("users",), 5)
    quotas.give(("users",), 100)

    assert not quotas.take(("users",), 11)
    assert quotas.take(("users",), 10)


@pytest.mark.parametrize(
    ("retries", "attempts"),
    [({"total_max_attempts": 6}, 6), ({"max_attempts": 2}, 3), ({"max_attempts": 0, "mode": "standard"}, 1)],
    ids=["total", "after-the-first", "none"],
)
def test_the_retries_of_a_botocore_configuration_are_honoured(
    retries: dict[str, int | str], attempts: int
) -> None:
    """D-2."""
    rules = explicit_retry(Config(retries=retries))  # pyright: ignore[reportArgumentType] - a TypedDict there

    assert rules is not None
    assert rules.attempts == attempts


@pytest.mark.parametrize(
    "config",
    [None, Config(), Config(retries={"mode": "standard"})],
    ids=["none", "empty", "mode-only"],
)
def test_a_botocore_configuration_without_numbers_asks_for_nothing(config: Config | None) -> None:
    assert explicit_retry(config) is None
