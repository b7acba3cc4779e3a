"""Decide whether calls to one table may go, from how the last ones ended and the time.

Takes how calls ended; says whether the next one may go. Pure: the time is an argument, seconds of
any clock that only grows. `breaker` asks it for each call.
"""

from collections import deque
from enum import Enum
from typing import Any, Literal

import attrs

from dynamorm_async.errors import (
    CallTimeout,
    CircuitOpen,
    DynamormError,
    EndpointUnreachable,
    InvalidRequest,
    OutcomeUnknown,
    ServerFault,
    ServiceError,
    TransportError,
    quoted,
)
from dynamorm_async.transport.failures import NO_CONNECTION, NOT_READY
from dynamorm_async.transport.retry import Kind, classify

# The client had no free connection, or no credentials, in time: its own matter, and not the table's.
_OURS = frozenset({NO_CONNECTION, NOT_READY})

State = Literal["closed", "open", "half-open"]
"""Calls go; no call goes; a few calls go on trial."""


class Outcome(Enum):
    """What the end of a call says about the service."""

    PASSED = "passed"
    """It answers."""
    FAILED = "failed"
    """It does not."""
    NOTHING = "nothing"
    """Neither: the call was cancelled, or nothing was sent."""


def outcome_of(error: BaseException, *, count_throttling: bool) -> Outcome:
    """Return what the error that ended a call says about the service."""
    # What is behind an outcome that is not known, or a deadline that passed, tells whether it answers.
    while isinstance(error, OutcomeUnknown | CallTimeout) and isinstance(error.__cause__, DynamormError):
        error = error.__cause__
    if isinstance(error, DynamormError) and classify(error) is Kind.THROTTLING:
        return Outcome.FAILED if count_throttling else Outcome.PASSED
    if isinstance(error, CircuitOpen) or (isinstance(error, CallTimeout) and not error.attempts):
        return Outcome.NOTHING
    if isinstance(error, EndpointUnreachable) and error.code in _OURS:
        return Outcome.NOTHING
    if isinstance(error, TransportError | ServerFault):
        return Outcome.FAILED
    return Outcome.PASSED if isinstance(error, ServiceError) and error.status else Outcome.NOTHING


def _positive(_: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    whole = attribute.name in {"failures", "probes"}
    kind = int if whole else (int, float)
    if not isinstance(value, kind) or isinstance(value, bool) or not value > 0:
        raise InvalidRequest(
            f"CircuitBreaker({attribute.name}={quoted(value)})",
            fix="give a whole number, at least 1" if whole else "give seconds above 0",
            code="transport.circuit-breaker",
        )


@attrs.frozen(kw_only=True)
class Rules:
    """When a circuit opens and closes.

    Attributes:
        failures: So many calls that fail in a row open it.
        window: Seconds in which they must have failed.
        cooldown: Seconds that it stays open.
        probes: So many calls go on trial then, at the same time at most; if all of them pass it
            closes, and the first one that fails opens it again.
    """

    failures: int = attrs.field(validator=_positive)
    window: float = attrs.field(validator=_positive)
    cooldown: float = attrs.field(validator=_positive)
    probes: int = attrs.field(validator=_positive)


@attrs.define
class Circuit:
    """The calls to one table.

    Every opening and closing begins another era. The end of a call counts only in the era in which
    it was let go: a call that was on its way when the circuit opened says nothing about the trial.

    Attributes:
        rules: When it opens and closes.
        opened: When it opened, or None where it is closed.
    """

    rules: Rules
    opened: float | None = None
    _era: int = 0
    _failed: deque[float] = attrs.field(factory=deque[float])
    _on_trial: int = 0
    _passed: int = 0

    def state(self, now: float) -> State:
        """Return the state at a time."""
        if self.opened is None:
            return "closed"
        return "open" if now < self.opened + self.rules.cooldown else "half-open"

    @property
    def is_quiet(self) -> bool:
        """Whether it is as good as new."""
        return self.opened is None and not self._failed

    def admits(self, now: float) -> bool:
        """Return whether a call may go."""
        state = self.state(now)
        return state == "closed" or (
            state == "half-open" and self._on_trial + self._passed < self.rules.probes
        )

    def let_go(self) -> int:
        """Note that a call goes, which `admits` allowed, and return the era that its end belongs to."""
        if self.opened is not None:
            self._on_trial += 1
        return self._era

    def ended(self, era: int, outcome: Outcome, now: float) -> bool:
        """Note how a call of an era ended, and return whether the circuit opened or closed by it."""
        if era != self._era:
            return False
        if self.opened is None:
            return self._ended_closed(outcome, now)
        self._on_trial -= 1
        if outcome is Outcome.FAILED:
            return self._begin(opened=now)
        if outcome is Outcome.PASSED:
            self._passed += 1
        return self._passed >= self.rules.probes and self._begin(opened=None)

    def _ended_closed(self, outcome: Outcome, now: float) -> bool:
        if outcome is Outcome.PASSED:
            self._failed.clear()
        elif outcome is Outcome.FAILED:
            self._failed.append(now)
            while self._failed[0] < now - self.rules.window:
                self._failed.popleft()
        return len(self._failed) >= self.rules.failures and self._begin(opened=now)

    def _begin(self, *, opened: float | None) -> bool:
        self.opened = opened
        self._era += 1
        self._failed.clear()
        self._on_trial = self._passed = 0
        return True
