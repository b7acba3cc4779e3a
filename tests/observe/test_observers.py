"""Observers are told everything, break nothing, and log no secret."""

import logging

import attrs
import pytest
from msgspec.structs import replace

from dynamorm_async.observe import (
    AttemptFinished,
    CallFinished,
    CallStarted,
    Event,
    FellBackToScan,
    LogObserver,
    Observers,
    RetryScheduled,
)

STARTED = CallStarted(call_id=1, operation="GetItem", tables=("users",), bytes_sent=40)
ATTEMPT = AttemptFinished(
    call_id=1,
    operation="GetItem",
    tables=("users",),
    attempt=1,
    seconds=0.0125,
    bytes_sent=40,
    bytes_received=90,
    status=200,
    request_id="R1",
)
RETRY = RetryScheduled(
    call_id=1,
    operation="GetItem",
    tables=("users",),
    attempt=2,
    wait=0.025,
    error="Throttled",
    service_code="ThrottlingException",
)
FINISHED = CallFinished(
    call_id=1,
    operation="GetItem",
    tables=("users",),
    seconds=0.5,
    attempts=2,
    bytes_sent=40,
    bytes_received=90,
    request_id="R1",
)
FALLBACK = FellBackToScan(
    operation="Scan",
    tables=("users",),
    model="User",
    index=None,
    reasons=("table: needs name == …", "by-mail: needs mail == …"),
    rows=10_000.0,
    read_units=490.0,
)
FAILED = replace(FINISHED, error="Throttled", service_code="ThrottlingException")


class Failing:
    """An observer that raises on every event."""

    told = 0

    def on_event(self, event: Event) -> None:
        self.told += 1
        message = f"no {type(event).__name__}"
        raise RuntimeError(message)


@attrs.define
class Keeping:
    """An observer that keeps what it was told."""

    events: list[Event] = attrs.field(factory=list[Event])

    def on_event(self, event: Event) -> None:
        self.events.append(event)


def test_without_observers_there_is_nothing_to_tell() -> None:
    assert not Observers()
    assert Observers([Keeping()])


def test_an_observer_that_fails_hides_nothing_from_the_next() -> None:
    failing, keeping = Failing(), Keeping()

    Observers([failing, keeping]).tell(STARTED)

    assert (failing.told, keeping.events) == (1, [STARTED])


def test_a_failing_observer_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    observers = Observers([Failing()])

    observers.tell(STARTED)
    observers.tell(FINISHED)

    assert [record.getMessage() for record in caplog.records] == [
        "observer Failing failed on CallStarted; its further failures are not logged"
    ]


@pytest.mark.parametrize(
    ("event", "level", "text"),
    [
        (STARTED, logging.DEBUG, "call 1: GetItem on users started, 40 bytes"),
        (
            ATTEMPT,
            logging.DEBUG,
            "call 1: GetItem on users attempt 1 succeeded (request R1) after 12.5 ms, 90 bytes back",
        ),
        (
            replace(ATTEMPT, reused=False),
            logging.DEBUG,
            (
                "call 1: GetItem on users attempt 1 succeeded (request R1) after 12.5 ms, 90 bytes back "
                "over a new connection"
            ),
        ),
        (
            replace(ATTEMPT, reused=True),
            logging.DEBUG,
            (
                "call 1: GetItem on users attempt 1 succeeded (request R1) after 12.5 ms, 90 bytes back "
                "over a kept one"
            ),
        ),
        (
            RETRY,
            logging.INFO,
            "call 1: GetItem on users will be sent again (attempt 2) in 0.025 s: ThrottlingException",
        ),
        (
            FINISHED,
            logging.DEBUG,
            "call 1: GetItem on users succeeded (request R1) after 500.0 ms and 2 attempts",
        ),
        (
            FAILED,
            logging.WARNING,
            (
                "call 1: GetItem on users failed with Throttled ThrottlingException (request R1) "
                "after 500.0 ms and 2 attempts"
            ),
        ),
        (
            FALLBACK,
            logging.WARNING,
            (
                "Scan on users: no key answers a query of User, about 10000 items and 490 read units; "
                "table: needs name == …; by-mail: needs mail == …"
            ),
        ),
    ],
    ids=["started", "attempt", "new connection", "kept connection", "retry", "finished", "failed", "scan"],
)
def test_each_event_is_one_line(
    event: Event, level: int, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "dynamorm_async.calls")

    LogObserver().on_event(event)

    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [(level, text)]


def test_a_failed_condition_is_an_ordinary_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "dynamorm_async.calls")

    LogObserver().on_event(replace(FAILED, service_code="ConditionalCheckFailedException"))

    assert [record.levelno for record in caplog.records] == [logging.DEBUG]


def test_text_from_the_other_side_cannot_forge_a_line(caplog: pytest.LogCaptureFixture) -> None:
    LogObserver().on_event(replace(FAILED, service_code="X\r\nroot: all is well", request_id="R\n1"))

    assert caplog.text.count("\n") == 1


def test_lines_go_to_the_logger_given(caplog: pytest.LogCaptureFixture) -> None:
    LogObserver(logging.getLogger("mine")).on_event(FAILED)

    assert [record.name for record in caplog.records] == ["mine"]


@pytest.mark.parametrize("kind", [CallStarted, AttemptFinished, RetryScheduled, CallFinished, FellBackToScan])
def test_no_event_has_room_for_keys_items_or_bodies(kind: type[Event]) -> None:
    names = set(kind.__struct_fields__)

    assert names.isdisjoint({"key", "keys", "item", "items", "body", "headers", "token"})


@pytest.mark.parametrize(
    ("operation", "code", "level"),
    [
        ("UpdateItem", "ConditionalCheckFailedException", logging.DEBUG),
        ("DescribeTable", "ResourceNotFoundException", logging.DEBUG),
        ("GetItem", "ResourceNotFoundException", logging.WARNING),
    ],
)
def test_an_answer_that_is_expected_is_no_failure(
    operation: str, code: str, level: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    event = replace(FINISHED, operation=operation, attempts=1, error="AnError", service_code=code)

    LogObserver().on_event(event)

    (record,) = caplog.records
    told = f"answered {code}" if level == logging.DEBUG else f"failed with AnError {code}"
    assert record.levelno == level
    assert record.getMessage() == (
        f"call 1: {operation} on users {told} (request R1) after 500.0 ms and 1 attempt"
    )
