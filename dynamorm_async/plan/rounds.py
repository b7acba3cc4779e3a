"""What has become of everything that a batch asked for, and what follows a reply.

Takes replies and failures as they come, in any order; gives the numbers of the next call, waits,
and the account at the end. Pure: the jitter is handed in, and nothing here sends or waits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, Generic, TypeVar

import attrs

from dynamorm_async.errors import (
    BatchFailure,
    DynamormError,
    InvalidRequest,
    InvalidValue,
    PartialBatch,
    RequestRefused,
    quoted,
)
from dynamorm_async.plan.batch import BatchPlan
from dynamorm_async.wire import LIMITS

R = TypeVar("R")


def _check_rounds(_: object, attribute: attrs.Attribute[int], value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InvalidRequest(
            f"BatchRetry({attribute.name}={quoted(value)})",
            fix="give a whole number, at least 1",
            code="plan.batch-retry",
        )


def _check_seconds(_: object, attribute: attrs.Attribute[float], value: object) -> None:
    if not isinstance(value, (int, float)) or not value >= 0:  # false for NaN as well
        raise InvalidRequest(
            f"BatchRetry({attribute.name}={quoted(value)})",
            fix="give seconds, not below 0",
            code="plan.batch-retry",
        )


@attrs.frozen(kw_only=True)
class BatchRetry:
    """When to ask again for what the service left unprocessed; apart from the retries of each call.

    Attributes:
        rounds: Calls in a row that make no progress at all, after which a batch gives up.
        base: Seconds; the wait after n such calls in a row is drawn between 0 and base * 2**n, so
            that it is between 0 and base after a call that made some progress.
        longest: Seconds that no drawn wait exceeds.
    """

    rounds: int = attrs.field(default=3, validator=_check_rounds)
    base: float = attrs.field(default=0.1, validator=_check_seconds)
    longest: float = attrs.field(default=5.0, validator=_check_seconds)

    def delay(self, idle: int, jitter: float) -> float | None:
        """Return the seconds to wait before asking again, or None to give up.

        Args:
            idle: Calls in a row without progress, the last one included.
            jitter: Drawn from 0 to 1.
        """
        if idle >= self.rounds:
            return None
        return jitter * min(self.longest, self.base * 2.0 ** min(idle, 64))


@attrs.define
class Line:
    """One call after another: what the last one left, and what must be asked in smaller calls.

    Attributes:
        left: Numbers that the service gave back, for the next call.
        idle: Calls in a row without progress.
        at_once: Whether nothing speaks for a wait: the last answer was cut for its length.
        parts: Chunks of which one item was refused, still to be told apart.
        suspects: How many had the chunk whose parts these are.
        refused: How many of them were refused by themselves.
        without: Tables of which nothing fresh is taken, by home.
    """

    left: list[int] = attrs.field(factory=list[int])
    idle: int = 0
    at_once: bool = False
    parts: list[list[int]] = attrs.field(factory=list[list[int]])
    suspects: int = 0
    refused: int = 0
    without: frozenset[int] = frozenset()


class Ledger(Generic[R]):
    """The account of one run of a batch; every number is open, done or failed.

    Attributes:
        failures: What failed.
        blamed: The first failure that was not accepted as such, or None.
        why: Why the run ended early, where no failure is the reason.
    """

    def __init__(self, plan: BatchPlan[R]) -> None:
        self._plan = plan
        count = len(plan.texts)
        self._count = count
        self._fresh = 0
        self._taken = bytearray(count if len(plan.tables) > 1 else 0)
        self._results: list[Any] = [None] * count
        self._done = bytearray(count)
        self._failed = bytearray(count)
        self._places = _places(plan)
        self._ended = 0
        self.failures: list[BatchFailure] = []
        self.blamed: BatchFailure | None = None
        self.why: str | None = None

    @property
    def progress(self) -> tuple[int, int]:
        """How many entries are dealt with, done or failed, and how many there are."""
        return self._ended, len(self._plan.entries)

    def take(self, line: Line) -> list[int]:
        """Return the numbers of the next call of a line; none where nothing is left to ask for.

        What the service gave back is joined with what was not asked for yet.
        """
        if line.parts:
            return line.parts.pop()
        line.suspects = 0
        numbers, line.left = line.left, []
        if self._taken:
            return self._of_tables(line, numbers)
        if self._fresh == self._count or len(numbers) >= self._plan.most or line.without:
            return numbers
        size = 0 if self._plan.reads else sum(map(self._plan.size_of, numbers))
        after = self._plan.end_of_chunk(self._fresh, len(numbers), size)
        numbers = [*numbers, *range(self._fresh, after)]
        self._fresh = after
        return numbers

    def _of_tables(self, line: Line, left: list[int]) -> list[int]:
        """Return as much of what was left as fits into a call, and of what was not asked for yet."""
        homes, without = self._plan.homes, line.without
        fresh = (
            number
            for number in range(self._fresh, self._count)
            if not self._taken[number] and homes[number] not in without
        )
        found = self._fitting(chain(left, fresh))
        line.left = left[len(found) :]
        for number in found:
            self._taken[number] = True
        while self._fresh < self._count and self._taken[self._fresh]:
            self._fresh += 1
        return found

    def _fitting(self, numbers: Iterable[int]) -> list[int]:
        plan, found, size = self._plan, list[int](), 0
        for number in numbers:
            size += 0 if plan.reads else plan.size_of(number)
            if len(found) == plan.most or (size > LIMITS.batch_bytes and found):
                break
            found.append(number)
        return found

    def beside(self, line: Line) -> Line | None:
        """Return a line of what is of other tables than what a line has to wait for; None for one table."""
        return Line(without=line.without | self.homes(line)) if self._taken else None

    def give_up(self, line: Line) -> None:
        """Let a line ask for nothing more of the tables of what it has left."""
        line.without |= self.homes(line)
        line.left, line.idle = [], 0

    def homes(self, line: Line) -> frozenset[int]:
        """Return the tables of what a line has left."""
        return frozenset(self._plan.homes[number] for number in line.left) if self._taken else frozenset({0})

    def answered(
        self, line: Line, numbers: Sequence[int], body: bytes, *, longest: int
    ) -> list[BatchFailure]:
        """Take a call's answer; return what of it the model cannot read.

        Args:
            line: Whose call it was.
            numbers: What it asked for.
            body: The answer.
            longest: Bytes from which on an answer may have been cut for its length.

        Raises:
            ProtocolError: The answer is not of the operation's shape.
        """
        left, unreadable = self._plan.read(body, self._results)
        wrong, given_back = dict(unreadable), set(left)
        back = [n for n in numbers if n in given_back and n not in wrong] if given_back else []
        not_done = {*back, *wrong}
        self._end(self._done, [n for n in numbers if n not in not_done] if not_done else numbers)
        line.idle = 0 if len(back) < len(numbers) else line.idle + 1
        line.at_once = len(body) >= longest
        line.left += back
        for number, error in wrong.items():
            error.key = self._plan.keys[number]
        return [self.failed((number,), error) for number, error in wrong.items()]

    def divided(self, line: Line, numbers: Sequence[int], error: Exception) -> bool:
        """Tell whether a refused call goes on in two halves, to find what it was refused for.

        Only writes: one bad item of a call has all of it refused.
        """
        if self._plan.reads or not isinstance(error, RequestRefused) or len(numbers) == 1:
            return False
        if not line.suspects:
            line.suspects, line.refused = len(numbers), 0
        middle = len(numbers) // 2
        line.parts += [list(numbers[middle:]), list(numbers[:middle])]
        return True

    def is_one_bad_item(self, line: Line, error: Exception) -> bool:
        """Tell whether an item was refused by itself, so that the others may go on.

        Where all of a chunk are, the reason is none of an item's.
        """
        if self._plan.reads or not isinstance(error, RequestRefused):
            return False
        line.refused += 1
        all_of_them = 1 < line.suspects == line.refused
        return not all_of_them

    def failed(self, numbers: Sequence[int], error: Exception) -> BatchFailure:
        """Take a failure of these numbers, and return it with their entries."""
        self._end(self._failed, numbers)
        failure = BatchFailure(tuple(self._entries(numbers)), error)
        self.failures.append(failure)
        return failure

    def blame(self, failure: BatchFailure) -> None:
        """Take note that a failure was not accepted, so that the batch fails."""
        self.blamed = self.blamed or failure

    @property
    def is_complete(self) -> bool:
        """Whether everything was dealt with, and every failure was accepted."""
        return self.blamed is None and self._ended == len(self._plan.entries)

    def result(self) -> R:
        """Return what the verb returns."""
        return self._plan.result(self._results, self._done)

    def pairs(self) -> list[tuple[Any, Any]]:
        """Return the entries that are done, each with what it gave; also where several are equal."""
        entries, results = self._plan.entries, self._results
        return [
            (entries[place], results[number])
            for place, number in enumerate(self._plan.number_of)
            if self._done[number]
        ]

    def unprocessed(self) -> list[Any]:
        """Return the entries that are neither done nor failed."""
        done, failed = self._done, self._failed
        return self._entries([n for n in range(self._count) if not (done[n] or failed[n])])

    def partial(self) -> PartialBatch:
        """Return the error that tells what was done and what was not."""
        succeeded = self._entries([number for number in range(self._count) if self._done[number]])
        for number in range(self._count):
            if not self._done[number]:
                # An answer that broke off in the middle had begun to fill them in.
                self._results[number] = None
        results: Any = self.result()
        return partial_batch(
            self._plan,
            total=len(self._plan.entries),
            done=len(succeeded),
            succeeded=succeeded,
            failures=self.failures,
            unprocessed=self.unprocessed(),
            results=results,
            blamed=self.blamed,
            why=self.why,
        )

    @property
    def is_untouched(self) -> bool:
        """Whether nothing at all was done."""
        return not any(self._done)

    def _end(self, kind: bytearray, numbers: Sequence[int]) -> None:
        places = self._places
        for number in numbers:
            kind[number] = 1
        self._ended += len(numbers) if places is None else sum(len(places[number]) for number in numbers)

    def _entries(self, numbers: Sequence[int]) -> list[Any]:
        entries, places = self._plan.entries, self._places
        if places is None:
            return [entries[number] for number in numbers]
        return [entries[place] for number in numbers for place in places[number]]


def partial_batch(
    plan: BatchPlan[Any],
    *,
    total: int,
    done: int,
    failures: Sequence[BatchFailure],
    unprocessed: Sequence[Any],
    blamed: BatchFailure | None,
    why: str | None,
    succeeded: Sequence[Any] = (),
    results: Any = None,
) -> PartialBatch:
    """Return the error that tells what was done and what was not.

    Args:
        plan: One of whose kind was carried out.
        total: How many entries there were.
        done: How many of them are done.
        failures: What failed.
        unprocessed: What is neither.
        blamed: The failure that it ended for, or None.
        why: Why it ended, where no failure is the reason.
        succeeded: What is done, where it is known.
        results: What the verb would have returned.
    """
    table = plan.tables[0] if len(plan.tables) == 1 else None
    error = PartialBatch(
        f"{plan.operation}{f' on {table}' if table else ''}: {done} of {total} done, "
        f"{total - done - len(unprocessed)} failed, {len(unprocessed)} unprocessed",
        succeeded=succeeded,
        failed=failures,
        unprocessed=unprocessed,
        results=results,
        why=_why(blamed.error) if blamed is not None else why,
        operation=plan.operation,
        table=table,
    )
    error.__cause__ = None if blamed is None else blamed.error
    return error


def _places(plan: BatchPlan[Any]) -> list[list[int]] | None:
    """Return the places of each number, or None where each has the one of its own."""
    if len(plan.entries) == len(plan.texts):
        return None
    places: list[list[int]] = [[] for _ in plan.texts]
    for place, number in enumerate(plan.number_of):
        places[number].append(place)
    return places


def _why(error: Exception) -> str:
    if isinstance(error, DynamormError):
        path = f"{error.path}: " if isinstance(error, InvalidValue) and error.path else ""
        return f"{path}{error.what}{f': {error.why}' if error.why else ''}"
    return f"{type(error).__name__}: {error}"
