"""Write one log line for each event, with nothing in it that must stay secret at any level."""

import logging

from dynamorm_async.observe.events import (
    AttemptFinished,
    CallFinished,
    CallStarted,
    Event,
    FellBackToScan,
    RetryScheduled,
)

LONGEST_TEXT = 120
EXPECTED_CODES = frozenset({"ConditionalCheckFailedException", "TransactionCanceledException"})
# Whether a table is there is asked by describing it.
EXPECTED_ANSWERS = frozenset({("DescribeTable", "ResourceNotFoundException")})

_CONNECTIONS = {None: "", False: " over a new connection", True: " over a kept one"}


class LogObserver:
    """Log calls: starts, attempts and successes at DEBUG, retries at INFO, failures at WARNING.

    A query that falls back to a scan is logged at WARNING, too.

    A failed condition is an ordinary answer and stays at DEBUG, as does a table that is described and
    isn't there. Keys, items, bodies and credentials
    are not in the events, so they are in no line.

    Args:
        logger: Where to; None is the logger `dynamorm_async.calls`.
    """

    def __init__(self, logger: logging.Logger | None = None) -> None:
        self._logger = logger or logging.getLogger("dynamorm_async.calls")

    def on_event(self, event: Event) -> None:
        """Log one event."""
        level = _level(event)
        if self._logger.isEnabledFor(level):
            if isinstance(event, FellBackToScan):
                self._logger.log(level, "%s", _text(event))
            else:
                self._logger.log(level, "call %d: %s", event.call_id, _text(event))


def _level(event: Event) -> int:
    match event:
        case RetryScheduled():
            return logging.INFO
        case CallFinished(error=str()) if not _is_expected(event):
            return logging.WARNING
        case FellBackToScan():
            return logging.WARNING
        case _:
            return logging.DEBUG


def _is_expected(event: AttemptFinished | CallFinished) -> bool:
    code = event.service_code
    return code in EXPECTED_CODES or (event.operation, code) in EXPECTED_ANSWERS


def _text(event: Event) -> str:
    subject = _one_line(f"{event.operation} on {', '.join(event.tables) or '-'}")
    match event:
        case CallStarted():
            return f"{subject} started, {event.bytes_sent} bytes"
        case AttemptFinished():
            outcome = _outcome(event)
            return (
                f"{subject} attempt {event.attempt} {outcome} after {event.seconds * 1000:.1f} ms, "
                f"{event.bytes_received} bytes back{_CONNECTIONS[event.reused]}"
            )
        case RetryScheduled():
            reason = _one_line(event.service_code or event.error)
            return f"{subject} will be sent again (attempt {event.attempt}) in {event.wait:.3f} s: {reason}"
        case CallFinished():
            attempts = f"{event.attempts} attempt{'' if event.attempts == 1 else 's'}"
            return f"{subject} {_outcome(event)} after {event.seconds * 1000:.1f} ms and {attempts}"
        case FellBackToScan():
            cost = f"about {event.rows:g} items and {event.read_units:g} read units"
            return f"{subject}: no key answers a query of {event.model}, {cost}; {'; '.join(event.reasons)}"


def _outcome(event: AttemptFinished | CallFinished) -> str:
    identity = f" (request {event.request_id})" if event.request_id else ""
    if event.error is None:
        return _one_line(f"succeeded{identity}")
    if _is_expected(event):
        return _one_line(f"answered {event.service_code}{identity}")
    code = f" {event.service_code}" if event.service_code else ""
    return _one_line(f"failed with {event.error}{code}{identity}")


# Codes and request ids come from the other side, so they could hold line breaks that forge a line.
def _one_line(text: str) -> str:
    printable = "".join(character if character.isprintable() else "?" for character in text)
    return printable[:LONGEST_TEXT]
