"""When a circuit opens, what goes on trial, and when it closes: against a simple model. R102."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    precondition,
    rule,
)

from dynamorm_async.errors import (
    CallTimeout,
    CancellationReason,
    CircuitOpen,
    ConnectionLost,
    CredentialsError,
    DynamormError,
    EndpointUnreachable,
    InvalidRequest,
    ItemNotFound,
    OutcomeUnknown,
    ProtocolError,
    ServerFault,
    ServiceError,
    TransactionFailed,
    service_error,
)
from dynamorm_async.transport.circuit import Circuit, Outcome, Rules, outcome_of
from dynamorm_async.transport.failures import NO_CONNECTION, NOT_READY
from tests.shapes import NOW

PASSED, FAILED, NOTHING = Outcome.PASSED, Outcome.FAILED, Outcome.NOTHING


def circuit_of(*, failures: int = 3, window: float = 10.0, cooldown: float = 5.0, probes: int = 1) -> Circuit:
    return Circuit(Rules(failures=failures, window=window, cooldown=cooldown, probes=probes))


def run(circuit: Circuit, outcome: Outcome, now: float) -> bool:
    """Let a call go and end at once; return whether it might go."""
    if not circuit.admits(now):
        return False
    circuit.ended(circuit.let_go(), outcome, now)
    return True


def opened_at(now: float, **rules: Any) -> Circuit:
    circuit = circuit_of(**rules)
    for _ in range(circuit.rules.failures):
        run(circuit, FAILED, now)
    assert circuit.state(now) == "open"
    return circuit


def test_a_circuit_opens_after_so_many_failures_in_a_row() -> None:
    circuit = circuit_of(failures=3)

    states: list[str] = []
    for outcome in (FAILED, FAILED, PASSED, FAILED, FAILED, NOTHING, FAILED):
        run(circuit, outcome, 0.0)
        states.append(circuit.state(0.0))

    assert states == ["closed"] * 6 + ["open"]


def test_failures_longer_ago_than_the_window_do_not_count() -> None:
    circuit = circuit_of(failures=3, window=10.0)

    states: list[str] = []
    for now in (0.0, 9.0, 10.5, 19.0):
        run(circuit, FAILED, now)
        states.append(circuit.state(now))

    assert states == ["closed", "closed", "closed", "open"]


def test_an_open_circuit_lets_nobody_go_until_the_cooldown_is_over() -> None:
    circuit = opened_at(100.0, cooldown=5.0)

    assert not circuit.admits(104.999)
    assert circuit.state(105.0) == "half-open"
    assert circuit.admits(105.0)


def test_one_call_goes_on_trial_and_closes_the_circuit() -> None:
    circuit = opened_at(100.0)

    era = circuit.let_go()
    assert not circuit.admits(105.0)
    circuit.ended(era, PASSED, 106.0)

    assert circuit.state(106.0) == "closed"
    assert circuit.is_quiet


def test_a_trial_that_fails_opens_the_circuit_for_another_cooldown() -> None:
    circuit = opened_at(100.0)

    run(circuit, FAILED, 106.0)

    assert circuit.state(110.9) == "open"
    assert circuit.state(111.0) == "half-open"


def test_a_trial_that_is_cancelled_gives_its_place_to_the_next() -> None:
    circuit = opened_at(100.0)

    run(circuit, NOTHING, 105.0)

    assert circuit.state(105.0) == "half-open"
    assert circuit.admits(105.0)


def test_all_trials_must_pass() -> None:
    circuit = opened_at(100.0, probes=2)
    first, second = circuit.let_go(), circuit.let_go()
    assert not circuit.admits(105.0)

    circuit.ended(first, PASSED, 105.0)
    assert (circuit.state(105.0), circuit.admits(105.0)) == ("half-open", False)
    circuit.ended(second, PASSED, 105.0)

    assert circuit.state(105.0) == "closed"


def test_a_trial_that_is_still_on_its_way_takes_no_place_of_the_next_ones() -> None:
    circuit = opened_at(100.0, probes=2)
    first, slow = circuit.let_go(), circuit.let_go()
    circuit.ended(first, FAILED, 105.0)

    circuit.let_go()

    assert circuit.admits(110.0)
    assert not circuit.ended(slow, PASSED, 111.0)


def test_a_call_from_before_the_circuit_opened_decides_nothing_afterwards() -> None:
    circuit = circuit_of(failures=3)
    late = [circuit.let_go() for _ in range(2)]
    for _ in range(3):
        run(circuit, FAILED, 100.0)

    circuit.ended(late[0], PASSED, 106.0)
    assert circuit.state(104.0) == "open"
    circuit.ended(late[1], FAILED, 106.0)

    assert circuit.state(106.0) == "half-open"
    assert run(circuit, PASSED, 106.0)
    assert circuit.state(106.0) == "closed"


@pytest.mark.parametrize("name", ["failures", "window", "cooldown", "probes"])
@pytest.mark.parametrize("value", [0, -1, True, "3", float("nan")], ids=repr)
def test_a_number_that_means_nothing_is_refused(name: str, value: Any) -> None:
    good: dict[str, Any] = {"failures": 1, "window": 1.0, "cooldown": 1.0, "probes": 1}

    with pytest.raises(InvalidRequest, match=name):
        Rules(**{**good, name: value})


@pytest.mark.parametrize("name", ["failures", "probes"])
def test_calls_are_counted_in_whole_numbers(name: str) -> None:
    good: dict[str, Any] = {"failures": 1, "window": 1.0, "cooldown": 1.0, "probes": 1}
    bad: Any = 1.5

    with pytest.raises(InvalidRequest, match="whole number"):
        Rules(**{**good, name: bad})


# What an error says about the service.


def answered(code: str, status: int = 400, *reasons: str) -> ServiceError:
    return service_error(
        code,
        "",
        status=status,
        body=b"",
        operation="GetItem",
        table="t",
        key=None,
        request_id=None,
        attempts=1,
        cancellation_reasons=tuple(CancellationReason(code=reason) for reason in reasons),
    )


def unknown(cause: BaseException | None) -> OutcomeUnknown:
    error = OutcomeUnknown("x", attempts=1)
    error.__cause__ = cause
    return error


def late(cause: BaseException | None = None, *, attempts: int = 1) -> CallTimeout:
    error = CallTimeout("x", attempts=attempts)
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        pytest.param(EndpointUnreachable("x"), FAILED, id="unreachable"),
        pytest.param(ConnectionLost("x"), FAILED, id="lost"),
        pytest.param(ProtocolError("x"), FAILED, id="no answer of DynamoDB"),
        pytest.param(late(), FAILED, id="timeout"),
        pytest.param(late(OSError("x")), FAILED, id="timeout of the way"),
        pytest.param(ServerFault("x", status=500), FAILED, id="fault"),
        pytest.param(unknown(ConnectionLost("x")), FAILED, id="unknown, lost"),
        pytest.param(unknown(late(ServerFault("x", status=500))), FAILED, id="unknown, late, fault"),
        pytest.param(unknown(None), FAILED, id="unknown"),
        pytest.param(
            unknown(answered("ConditionalCheckFailedException")), PASSED, id="unknown, its own condition"
        ),
        pytest.param(late(answered("ThrottlingException")), PASSED, id="late, throttled"),
        pytest.param(answered("ThrottlingException"), PASSED, id="throttled"),
        pytest.param(answered("ConditionalCheckFailedException"), PASSED, id="condition"),
        pytest.param(answered("ValidationException"), PASSED, id="validation"),
        pytest.param(answered("ResourceNotFoundException"), PASSED, id="no table"),
        pytest.param(answered("AccessDeniedException"), PASSED, id="denied"),
        pytest.param(answered("TransactionCanceledException"), PASSED, id="cancelled transaction"),
        pytest.param(late(attempts=0), NOTHING, id="no slot was free"),
        pytest.param(EndpointUnreachable("x", code=NO_CONNECTION), NOTHING, id="no free connection"),
        pytest.param(late(EndpointUnreachable("x", code=NO_CONNECTION)), NOTHING, id="late, none free"),
        pytest.param(EndpointUnreachable("x", code=NOT_READY), NOTHING, id="credentials not ready"),
        pytest.param(CredentialsError("x"), NOTHING, id="nothing to sign with"),
        pytest.param(InvalidRequest("x"), NOTHING, id="refused before I/O"),
        pytest.param(ItemNotFound("x"), NOTHING, id="not of the way"),
        pytest.param(CircuitOpen("x", since=NOW, until=None), NOTHING, id="another breaker"),
        pytest.param(RuntimeError("x"), NOTHING, id="somebody else's"),
        pytest.param(KeyboardInterrupt(), NOTHING, id="interrupted"),
    ],
)
def test_what_the_end_of_a_call_says_about_the_service(error: BaseException, outcome: Outcome) -> None:
    assert outcome_of(error, count_throttling=False) is outcome


@pytest.mark.parametrize(
    "error",
    [
        answered("ThrottlingException"),
        late(answered("ProvisionedThroughputExceededException")),
        answered("TransactionCanceledException", 400, "ThrottlingError"),
    ],
    ids=["throttled", "late", "a transaction"],
)
def test_throttling_is_a_failure_where_it_is_asked_for(error: DynamormError) -> None:
    assert outcome_of(error, count_throttling=True) is FAILED
    assert outcome_of(error, count_throttling=False) is PASSED


def test_a_transaction_that_failed_is_an_answer() -> None:
    assert isinstance(answered("TransactionCanceledException", 400, "ThrottlingError"), TransactionFailed)


# The model: what happened since the last opening or closing, written down and looked at.


@attrs.define(eq=False)
class Going:
    """A call on its way."""

    era: int
    chapter: int


@attrs.define
class Model:
    rules: Rules
    state: str = "closed"
    opened: float = 0.0
    chapter: int = 0
    ends: list[tuple[float, Outcome]] = attrs.field(factory=list[tuple[float, Outcome]])
    trials: int = 0

    def at(self, now: float) -> str:
        cool = self.state == "open" and now >= self.opened + self.rules.cooldown
        return "half-open" if cool else self.state

    def admits(self, now: float) -> bool:
        if self.at(now) != "half-open":
            return self.at(now) == "closed"
        passed = sum(outcome is PASSED for _, outcome in self.ends)
        return self.trials + passed < self.rules.probes

    def end(self, call: Going, outcome: Outcome, now: float) -> None:
        if call.chapter != self.chapter:
            return
        self.ends.append((now, outcome))
        if self.state == "closed":
            said = [end for end in self.ends if end[1] is not NOTHING]
            row = said[-self.rules.failures :]
            in_time = all(when >= now - self.rules.window for when, _ in row)
            if len(row) == self.rules.failures and {each for _, each in row} == {FAILED} and in_time:
                self.turn("open", now)
            return
        self.trials -= 1
        if outcome is FAILED:
            self.turn("open", now)
        elif [each for _, each in self.ends].count(PASSED) == self.rules.probes:
            self.turn("closed", now)

    def turn(self, state: str, now: float) -> None:
        self.state, self.opened, self.ends, self.trials = state, now, [], 0
        self.chapter += 1


class CircuitsAgree(RuleBasedStateMachine):
    """A circuit and the model say the same after every sequence of calls, ends and waits."""

    calls: Bundle[Going] = Bundle("calls")

    @initialize(
        failures=st.integers(1, 4),
        window=st.sampled_from([1.0, 5.0, 100.0]),
        cooldown=st.sampled_from([1.0, 5.0, 20.0]),
        probes=st.integers(1, 3),
    )
    def begin(self, failures: int, window: float, cooldown: float, probes: int) -> None:
        rules = Rules(failures=failures, window=window, cooldown=cooldown, probes=probes)
        self.circuit, self.model, self.now = Circuit(rules), Model(rules), 0.0

    @rule(seconds=st.sampled_from([0.5, 1.0, 4.0, 6.0, 30.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.model.admits(self.now))
    @rule(target=calls)
    def go(self) -> Going:
        return self._gone()

    @rule(call=consumes(calls), outcome=st.sampled_from(Outcome))
    def end(self, call: Going, outcome: Outcome) -> None:
        self._end(call, outcome)

    @rule(outcomes=st.lists(st.sampled_from([FAILED, FAILED, PASSED, NOTHING]), min_size=1, max_size=6))
    def run(self, outcomes: list[Outcome]) -> None:
        for outcome in outcomes:
            if self.model.admits(self.now):
                self._end(self._gone(), outcome)

    @invariant()
    def both_say_the_same(self) -> None:
        assert self.circuit.state(self.now) == self.model.at(self.now)
        assert self.circuit.admits(self.now) == self.model.admits(self.now)

    def _gone(self) -> Going:
        self.model.trials += self.model.state == "open"
        return Going(self.circuit.let_go(), self.model.chapter)

    def _end(self, call: Going, outcome: Outcome) -> None:
        chapter = self.model.chapter
        self.model.end(call, outcome, self.now)
        turned = self.circuit.ended(call.era, outcome, self.now)
        assert turned == (self.model.chapter != chapter)


TestCircuitsAgree = CircuitsAgree.TestCase
