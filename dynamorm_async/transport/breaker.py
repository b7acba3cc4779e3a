"""A circuit breaker: send nothing to a table whose calls fail in a row, for a while.

A middleware, off unless it is handed to `connect`. What it decides is in `circuit`; here is what
it does: let calls go, refuse them, and note how they end.
"""

import logging
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from dynamorm_async.errors import CircuitOpen
from dynamorm_async.transport.circuit import Circuit, Outcome, Rules, State, outcome_of
from dynamorm_async.wire import Call, Reply, Send

# A name for each tenant should not grow without end; what goes first has nothing to remember.
_MOST_CIRCUITS = 1024
_log = logging.getLogger("dynamorm_async.transport")


def tables_of(call: Call) -> Iterable[str]:
    """Return the tables of a call: each has a circuit of its own."""
    return call.tables


def _utc_now() -> datetime:
    return datetime.now(UTC)


class CircuitBreaker:
    """A middleware that refuses calls to a table while the service does not answer for it.

    `connect(middleware=[CircuitBreaker()])`. Each table has a circuit; a call that touches several
    counts for each, and goes only if all of them let it. A circuit is *closed* at first: calls go.
    So many that fail in a row *open* it: calls are CircuitOpen at once. After the cooldown it is
    *half-open*: a few calls go on trial, and close it or open it again.

    Failures are those of the way and of the service, at the end of a call's attempts: no
    connection, a lost one, a deadline, an answer that is none, a fault of the server, and an
    unknown outcome with one of these behind it. An answer that says no (a failed condition, a
    request that was refused, a missing table) is an answer and counts as success. A call that was
    cancelled counts as nothing, and so does one that was not sent because this client had no slot,
    no free connection or no credentials in time.

    Args:
        failures: So many in a row open a circuit.
        window: Seconds in which they must have failed.
        cooldown: Seconds that a circuit stays open.
        probes: So many calls go on trial then; if all pass, the circuit closes.
        count_throttling: Whether throttling, at the end of a call's attempts, is a failure.
        by: Names the circuits of a call; by default its tables. `lambda call: ("all",)` has one for
            everything, `()` none.
        clock: Seconds that only grow.
        now: The time, for the errors.

    Raises:
        InvalidRequest: A number that means nothing.
    """

    def __init__(
        self,
        *,
        failures: int = 5,
        window: float = 30.0,
        cooldown: float = 10.0,
        probes: int = 1,
        count_throttling: bool = False,
        by: Callable[[Call], Iterable[str]] = tables_of,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._rules = Rules(failures=failures, window=window, cooldown=cooldown, probes=probes)
        self._count_throttling = count_throttling
        self._by = by
        self._clock = clock
        self._now = now
        self._circuits: dict[str, Circuit] = {}

    async def __call__(self, call: Call, send: Send) -> Reply:
        """Return the reply to a call, or refuse it.

        Raises:
            CircuitOpen: A circuit of the call is open. Nothing was sent.
        """
        circuits = {name: self._circuit(name) for name in self._by(call)}
        now = self._clock()
        for name, circuit in circuits.items():
            if not circuit.admits(now):
                raise self._refusal(call, name, circuit, now)
        eras = [circuit.let_go() for circuit in circuits.values()]
        outcome = Outcome.NOTHING  # of a call that is cancelled
        try:
            reply = await send(call)
            outcome = Outcome.PASSED
        except Exception as error:
            outcome = outcome_of(error, count_throttling=self._count_throttling)
            raise
        finally:
            now = self._clock()
            for (name, circuit), era in zip(circuits.items(), eras, strict=True):
                if circuit.ended(era, outcome, now):
                    self._tell(name, circuit)
        return reply

    def state(self, name: str) -> State:
        """Return the state of a table's circuit now: "closed", "open" or "half-open"."""
        circuit = self._circuits.get(name)
        return "closed" if circuit is None else circuit.state(self._clock())

    @property
    def states(self) -> dict[str, State]:
        """The state of every circuit that was used, by table; for a page that shows health."""
        now = self._clock()
        return {name: circuit.state(now) for name, circuit in self._circuits.items()}

    def __repr__(self) -> str:
        troubled = {name: state for name, state in self.states.items() if state != "closed"}
        return f"<CircuitBreaker, not closed: {troubled or 'none'}>"

    def _circuit(self, name: str) -> Circuit:
        circuit = self._circuits.get(name)
        if circuit is None:
            if len(self._circuits) >= _MOST_CIRCUITS:
                self._circuits = {
                    name: circuit for name, circuit in self._circuits.items() if not circuit.is_quiet
                }
            circuit = self._circuits[name] = Circuit(self._rules)
        return circuit

    def _tell(self, name: str, circuit: Circuit) -> None:
        if circuit.opened is None:
            _log.info("the circuit of %s is closed again", name)
        else:
            _log.warning("the circuit of %s is open for %g s", name, self._rules.cooldown)

    def _refusal(self, call: Call, name: str, circuit: Circuit, now: float) -> CircuitOpen:
        opened = now if circuit.opened is None else circuit.opened
        today, left = self._now(), opened + self._rules.cooldown - now
        since = today - timedelta(seconds=now - opened)
        until = today + timedelta(seconds=left) if left > 0 else None
        end = "a call is on trial" if until is None else f"until {until:%H:%M:%S}"
        refusal = CircuitOpen(
            f"{call.operation}: the circuit of {name} is open, and nothing was sent",
            why=f"calls failed in a row; open since {since:%H:%M:%S}, {end}",
            fix="try again later, or do without the table for a while",
            since=since,
            until=until,
            operation=call.operation,
            table=call.table,
            key=call.key,
        )
        refusal.elapsed = 0.0
        return refusal
