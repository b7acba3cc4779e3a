"""Wait for a table, with progress and a deadline, and no more often than it is worth.

`pause_after` decides; `Watch` waits. Clock and sleep are arguments.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable

import attrs

from dynamorm_async.admin.steps import TableStep
from dynamorm_async.errors import CallTimeout, DynamormError, TableNotReady

FIRST_PAUSE = 0.05
LONGEST_PAUSE = 20.0
# So much later than it could have been seen is what one has waited for, at most.
SHARE = 0.25
# A deadline that is nearer than this is over.
LEAST = 0.05
# How often in a row the service may be unable to answer before its error is the caller's.
PATIENCE = 6


def pause_after(elapsed: float) -> float:
    """Return the seconds until the next look, for one who has waited for so many already.

    A quarter of the time waited so far: soon for what takes a second, every 20 seconds for an index
    that is filled for hours.
    """
    return min(FIRST_PAUSE + SHARE * elapsed, LONGEST_PAUSE)


@attrs.frozen(kw_only=True)
class TableProgress:
    """How far the change of a table is.

    Attributes:
        table: The table's name.
        step: The step that is waited for, or None before the first.
        number: Its place among the steps, from 1; 0 before the first.
        steps: How many steps there are.
        state: What the service says: `UPDATING (index by-url CREATING)`.
        elapsed: Seconds since the step began.
    """

    table: str
    step: TableStep | None
    number: int
    steps: int
    state: str
    elapsed: float

    def __str__(self) -> str:
        step = f"step {self.number} of {self.steps}, {self.step.name}: " if self.step else ""
        return f"{self.table}: {step}{self.state}, {self.elapsed:.0f} s"


OnTable = Callable[[TableProgress], object]


@attrs.define
class Watch:
    """One verb's waiting: its deadline, its progress, and its patience.

    Attributes:
        table: The table that is waited for.
        timeout: Seconds for everything.
        deadline: When it is over, by the clock.
    """

    table: str
    timeout: float
    _clock: Callable[[], float]
    _sleep: Callable[[float], Awaitable[object]]
    _on_progress: OnTable | None = None
    _step: TableStep | None = attrs.field(default=None, init=False)
    _number: int = attrs.field(default=0, init=False)
    _steps: int = attrs.field(default=0, init=False)
    deadline: float = attrs.field(init=False)
    _began: float = attrs.field(init=False)
    _failures: Counter[str] = attrs.field(factory=Counter[str], init=False)
    _has_answered: bool = attrs.field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self._began = self._clock()
        self.deadline = self._began + self.timeout

    @property
    def left(self) -> float:
        """The seconds until the deadline."""
        return self.deadline - self._clock()

    def begin(self, step: TableStep, number: int, steps: int) -> None:
        """Go on to the next step."""
        self._step, self._number, self._steps, self._began = step, number, steps, self._clock()

    def tell(self, state: str) -> None:
        """Tell the caller how far it is."""
        if self._on_progress is not None:
            elapsed = self._clock() - self._began
            self._on_progress(
                TableProgress(
                    table=self.table,
                    step=self._step,
                    number=self._number,
                    steps=self._steps,
                    state=state,
                    elapsed=elapsed,
                )
            )

    async def pause(self, state: str) -> None:
        """Wait until it is worth to look again.

        Raises:
            TableNotReady: The deadline passed.
        """
        self.tell(state)
        left = self.left
        if left < LEAST:
            raise TableNotReady(
                f"the table {self.table} is {state}, and the deadline passed",
                status=state,
                fix="call again; it goes on where it is, perhaps with a longer timeout=",
                table=self.table,
            )
        # The last look comes before the deadline, with time left to be answered.
        await self._sleep(min(pause_after(self._clock() - self._began), 0.8 * left))

    async def bear(self, error: DynamormError, operation: str) -> None:
        """Wait after a failure that passes; raise it where it came too often in a row, or too late.

        Before the service has answered for the first time nobody knows that it will pass.
        """
        self._failures[operation] += 1
        is_too_often = self._failures[operation] >= PATIENCE or not self._has_answered
        if is_too_often or isinstance(error, CallTimeout) or self.left < LEAST:
            raise error
        await self._sleep(min(float(2 ** (self._failures[operation] - 1)), 0.8 * self.left))

    def recovered(self, operation: str) -> None:
        """Forget the failures of an operation: the service answers it."""
        self._has_answered = True
        del self._failures[operation]
